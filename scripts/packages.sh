# Sourced: `packages NAME…` installs Debian's packages as root, or says what to do.

packages() {
  [ $# != 0 ] || return 0
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
    { printf 'not installed: %s. Install it (Debian: sudo apt-get install %s) and run this again\n' "$*" "$*" >&2; exit 1; }
  printf 'installing %s\n' "$*" >&2
  apt() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 "$@" </dev/null >&2; }
  apt install -y --no-install-recommends "$@" ||
    { apt update && apt install -y --no-install-recommends "$@"; } ||
    { printf 'apt-get could not install %s: see its words above\n' "$*" >&2; exit 1; }
}
