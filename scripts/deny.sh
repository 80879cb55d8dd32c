#!/usr/bin/env bash
# Licences, bans and sources of dependencies. The advisories are checked where their database can be fetched.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/tools.sh
tool cargo-deny 0.20.2
cargo deny --locked check licenses bans sources
