#!/usr/bin/env bash
# Every check and every test, with private servers that are started here and stopped at the end.
# The test runner's own closing lines come last.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/tools.sh
tool cargo-nextest 0.9.143

step() { printf '\n== %s\n' "$*" >&2; }
step "format" && make --no-print-directory fmt
step "lints" && make --no-print-directory lint
step "licences, bans, sources" && make --no-print-directory deny
step "documentation" && make --no-print-directory doc
step "deployment files" && make --no-print-directory manifests
step "documentation's examples" && cargo test --locked --workspace --doc --quiet
step "libraries of other languages" && scripts/verifiers.sh
step "browser" && scripts/browser.sh
step "programs" && cargo build --locked --workspace --bins
step "tests"
scripts/services.sh run -- cargo nextest run --locked --workspace --no-fail-fast "$@"
