#!/usr/bin/env bash
# Finds or installs the official libraries of other languages by which tests judge deliveries:
# Python's `standardwebhooks` and `cloudevents` into target/verifiers/python, JavaScript's `standardwebhooks` and
# Postman's runner `newman` into target/verifiers/node; and what judges the API, `schemathesis` and
# `openapi-spec-validator`, into target/verifiers/api.
# Versions are pinned in tests/verifiers. What is there and of these versions is left alone.
set -euo pipefail
cd "$(dirname "$0")/.."

pins=tests/verifiers
folder="${CARGO_TARGET_DIR:-target}/verifiers"
mkdir -p "$folder"

say() { printf 'verifiers: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# python3 without its venv module, as Debian ships it, cannot make an environment.
has_python() { python3 -c 'import ensurepip, venv' >/dev/null 2>&1; }
has_node() { command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1; }

. scripts/packages.sh
missing=()
has_python || missing+=(python3 python3-venv)
has_node || missing+=(nodejs npm)
packages "${missing[@]}"

# pinned FOLDER FILE: whether what is in the folder was installed from these pins.
pinned() { cmp -s "$1/installed" "$2"; }

# python_environment NAME FILE: an environment of that name with what the file pins.
python_environment() {
  local place="$folder/$1" wanted="$pins/$2"
  pinned "$place" "$wanted" && return
  say "installing Python's libraries into $place"
  rm -rf "$place"
  python3 -m venv "$place"
  "$place/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted" >&2 ||
    fail "pip could not install $wanted: it needs https://pypi.org, or PIP_INDEX_URL naming a mirror"
  cp "$wanted" "$place/installed"
}

python_environment python requirements.txt
python_environment api requirements-api.txt

if ! pinned "$folder/node" $pins/package-lock.json; then
  say "installing JavaScript's libraries into $folder/node"
  rm -rf "$folder/node" && mkdir -p "$folder/node"
  cp $pins/package.json $pins/package-lock.json "$folder/node/"
  npm ci --prefix "$folder/node" --silent --ignore-scripts --no-audit --no-fund >&2 ||
    fail "npm could not install $pins/package-lock.json: it needs https://registry.npmjs.org, or a mirror in npm's configuration"
  cp $pins/package-lock.json "$folder/node/installed"
fi
