#!/usr/bin/env bash
# Finds or installs the browser by which tests look at the dashboard: Chromium and its driver.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

missing=()
command -v chromium >/dev/null || missing+=(chromium)
command -v chromedriver >/dev/null || missing+=(chromium-driver)
packages "${missing[@]}"
