# Sourced: finds or installs the cargo programs that the checks need, at these versions, under target/tools.

tools_root="${CARGO_TARGET_DIR:-target}/tools"
mkdir -p "$tools_root"
tools_root=$(cd "$tools_root" && pwd)
PATH="$tools_root/bin:${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
export PATH

# tool PROGRAM VERSION: any installed version serves; a missing one is built from crates.io.
tool() {
  command -v "$1" >/dev/null 2>&1 && return
  echo "tools: installing $1 $2 into $tools_root (once, a few minutes)" >&2
  # Built apart from the workspace, whose profiles and locks are not the tool's business.
  CARGO_TARGET_DIR="$tools_root/build" cargo install --quiet --locked --root "$tools_root" --version "$2" "$1"
  rm -rf "$tools_root/build"
}
