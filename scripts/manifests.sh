#!/usr/bin/env bash
# Checks docker-compose.yml and what is under deploy/, without a server: compose's file by docker-compose, Prometheus' files
# and the dashboards' expressions by promtool, with unit tests of the alerts; and that names agree with the source code
# and the documents (scripts/manifests.py).
set -euo pipefail
cd "$(dirname "$0")/.."

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

missing=()
command -v python3 >/dev/null || missing+=(python3)
command -v docker-compose >/dev/null || missing+=(docker-compose)
packages "${missing[@]}"

for profile in demo observe; do docker-compose --profile $profile config --quiet; done
promtool check config deploy/prometheus/prometheus.yml >&2
promtool test rules deploy/prometheus/alerts_test.yml >&2
python3 scripts/manifests.py "$tools/dashboards.json"
promtool check rules "$tools/dashboards.json" >&2
