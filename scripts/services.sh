#!/usr/bin/env bash
# Private RabbitMQ and PostgreSQL servers for tests, on free loopback ports.
#
#   scripts/services.sh start          start what is missing, write the environment file
#   scripts/services.sh stop           stop exactly what `start` started
#   scripts/services.sh restart        kill RabbitMQ and start it again with its data, as after a crash
#   scripts/services.sh kill NAME      kill one (amqp, postgres), as a crash would; its data stays
#   scripts/services.sh resume NAME    start it again with its data, at its port
#   scripts/services.sh alarm on|off   RabbitMQ's memory alarm, which blocks publishers
#   scripts/services.sh install NAME…  install Debian packages without starting their daemons
#   scripts/services.sh env            print TEST_AMQP_URL and TEST_DATABASE_URL
#   scripts/services.sh run -- CMD…    own servers for one command: start, run, stop always, exit with its code
#
# A URL that is already in the environment is used as it is and no server is started for it.
#   IE_SERVICES_DIR   where data, logs and pid files live (default: target/services)
#   IE_SERVICES       which servers, default "amqp postgres"
#   IE_SERVICES_WAIT  seconds until a server has to answer (default 60)
#   IE_SERVICES_DURABLE  1: PostgreSQL keeps what it has confirmed even when it is killed, at the price of speed
set -euo pipefail

export PATH="${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin"
export LC_ALL=C
unset CDPATH

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
base=${IE_SERVICES_DIR:-$root/target/services}
case $base in /*) ;; *) base=$PWD/$base ;; esac
dir=$base
wanted=" ${IE_SERVICES:-amqp postgres} "
limit=${IE_SERVICES_WAIT:-60}

say() { printf 'services: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
is_root() { [ "$(id -u)" = 0 ]; }
needs() { case $wanted in *" $1 "*) ;; *) return 1 ;; esac; }

# --- what is installed -------------------------------------------------------------------------

# RabbitMQ's own scripts: Debian's wrappers in /usr/sbin change the user and the environment.
rabbitmq_bin() {
  local found
  for found in /usr/lib/rabbitmq/bin /opt/rabbitmq/sbin /usr/local/sbin /opt/homebrew/sbin; do
    [ -x "$found/rabbitmq-server" ] && { echo "$found"; return; }
  done
  found=$(command -v rabbitmq-server) && dirname "$found"
}

postgres_bin() {
  local found
  found=$(ls -d /usr/lib/postgresql/*/bin/initdb /usr/pgsql-*/bin/initdb 2>/dev/null | sort -V | tail -1)
  [ -n "$found" ] || found=$(command -v initdb || true)
  [ -n "$found" ] && dirname "$found"
}

# Installs Debian packages without letting the default daemons start.
install_packages() {
  local policy=/usr/sbin/policy-rc.d saved=
  is_root && command -v apt-get >/dev/null ||
    fail "not installed: $*. Install it (Debian: 'sudo apt-get install $*'), or run this script as root," \
      "or set TEST_AMQP_URL and TEST_DATABASE_URL to servers that you have"
  say "installing $*"
  if [ -e $policy ]; then saved=$(mktemp) && cp -p $policy "$saved"; fi
  printf '#!/bin/sh\nexit 101\n' >$policy.ie && chmod 755 $policy.ie && mv -f $policy.ie $policy
  local code=0
  apt_install "$@" || { apt-get update -qq >&2 && apt_install "$@"; } || code=$?
  if [ -n "$saved" ]; then mv -f "$saved" $policy; else rm -f $policy; fi
  [ $code = 0 ] || fail "apt-get could not install $*"
}

apt_install() {
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 "$@" >"$dir/apt.log" 2>&1 </dev/null
}

ensure_installed() {
  local missing=()
  if needs amqp && [ -z "$(rabbitmq_bin || true)" ]; then missing+=(rabbitmq-server); fi
  if needs postgres && [ -z "$(postgres_bin || true)" ]; then missing+=(postgresql); fi
  [ ${#missing[@]} = 0 ] || install_packages "${missing[@]}"
}

# --- ports, processes --------------------------------------------------------------------------

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Below the ephemeral range, so that no client connection takes it in between.
free_port() {
  local port try
  for try in $(seq 100); do
    port=$((10000 + (RANDOM * 32768 + RANDOM) % 22000))
    answers $port || { echo $port; return; }
  done
  fail "no free port found after $try tries"
}

# A process that ended and whose parent has not noticed is not alive.
running() { [ -n "$1" ] && kill -0 "$1" 2>/dev/null && ! grep -q "^State:.Z" "/proc/$1/status" 2>/dev/null; }
alive() { [ -s "$1" ] && running "$(head -1 "$1")"; }

# Ends the process of a pid file: asks with the signal given, and after five seconds insists.
end() {
  local file=$1 signal=$2 pid tick
  [ -s "$file" ] || return 0
  pid=$(cat "$file")
  kill -"$signal" "$pid" 2>/dev/null || true
  for tick in $(seq 100); do running "$pid" || break; sleep 0.05; done
  if running "$pid"; then say "killing process $pid, it did not end in $((tick / 20)) s"; kill -KILL "$pid" 2>/dev/null || true; fi
  rm -f "$file"
}

# Waits until a check succeeds; gives up at the limit or when the process is gone.
await() {
  local pidfile=$1 tick; shift
  for tick in $(seq $((limit * 10))); do
    "$@" && return 0
    [ "$tick" -lt 10 ] || alive "$pidfile" || return 1
    sleep 0.1
  done
  return 1
}

# --- RabbitMQ ----------------------------------------------------------------------------------

# The broker itself answers the protocol header, not only the port.
amqp_answers() {
  [ -n "$(exec 3<>"/dev/tcp/127.0.0.1/$1" && printf 'AMQP\0\0\011\001' >&3 &&
    timeout 2 head -c 1 <&3 | od -An -tx1)" ] 2>/dev/null
}

start_amqp() {
  local port home=$dir/rabbitmq
  rm -rf "$home" && mkdir -p "$home"
  port=$(free_port)
  cat >"$home/rabbitmq.conf" <<CONF
listeners.tcp.1 = 127.0.0.1:$port
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = 1GB
raft.wal_max_size_bytes = 64000000
log.console = false
log.file.level = warning
CONF
  echo '[].' >"$home/enabled_plugins"
  rabbitmq_env "$(free_port)" "$(free_port)"
  # The name server of this node alone, so that `stop` can end it without touching another.
  rabbitmq_as "$home" setsid epmd -port "$(sed -n 's/^ERL_EPMD_PORT=//p' "$home/environment")" >/dev/null 2>&1 &
  echo $! >"$home/epmd.pid"
  launch_amqp "$port" || return 1
  echo "TEST_AMQP_URL=amqp://guest:guest@127.0.0.1:$port/%2f" >>"$dir/env.new"
}

launch_amqp() {
  local home=$dir/rabbitmq
  rabbitmq_as "$home" setsid "$(rabbitmq_bin)/rabbitmq-server" >>"$home/console.log" 2>&1 &
  echo $! >"$home/server.pid"
  await "$home/server.pid" amqp_answers "$1" 2>/dev/null
}

# Writes the node's environment: its own name, folders, ports and name server.
rabbitmq_env() {
  cat >"$home/environment" <<ENV
HOME=$home
PATH=$PATH
LANG=C.UTF-8
ERL_EPMD_PORT=$1
ERL_EPMD_ADDRESS=127.0.0.1
RABBITMQ_NODENAME=ie-$$-$RANDOM@localhost
RABBITMQ_DIST_PORT=$2
RABBITMQ_NODE_IP_ADDRESS=127.0.0.1
RABBITMQ_CONF_ENV_FILE=$home/none
RABBITMQ_CONFIG_FILE=$home/rabbitmq.conf
RABBITMQ_ADVANCED_CONFIG_FILE=$home/none.config
RABBITMQ_ENABLED_PLUGINS_FILE=$home/enabled_plugins
RABBITMQ_MNESIA_BASE=$home/data
RABBITMQ_LOG_BASE=$home/log
RABBITMQ_PID_FILE=$home/beam.pid
RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none
ENV
}

rabbitmq_as() {
  local pairs
  mapfile -t pairs <"$1/environment"; shift
  exec env -i "${pairs[@]}" "$@" </dev/null 9>&-
}

# Its data is thrown away, so there is nothing to close in order. The server leads its own process group.
stop_amqp() {
  local home=$dir/rabbitmq
  kill_amqp
  end "$home/epmd.pid" KILL
  rm -rf "$home/data"
}

kill_amqp() {
  local file=$dir/rabbitmq/server.pid
  [ -s "$file" ] && kill -KILL -- "-$(cat "$file")" 2>/dev/null
  end "$file" KILL
}

resume_amqp() {
  local port
  port=$(sed -n 's/^listeners.tcp.1 = .*://p' "$dir/rabbitmq/rabbitmq.conf" 2>/dev/null) && [ -n "$port" ] ||
    fail "no RabbitMQ runs here: scripts/services.sh start"
  launch_amqp "$port" || fail "RabbitMQ did not answer within $limit s: logs are in $dir"
}

# A watermark of one byte is always exceeded.
alarm_amqp() {
  local watermark=1GB
  [ "$1" = off ] || watermark=1
  (rabbitmq_as "$dir/rabbitmq" "$(rabbitmq_bin)/rabbitmqctl" -q set_vm_memory_high_watermark absolute $watermark) >&2
}

# --- PostgreSQL --------------------------------------------------------------------------------

# PostgreSQL refuses to run as root, and its user must be able to reach its folder.
as_postgres() { (as_postgres_exec "$@"); }
as_postgres_exec() {
  cd /
  if is_root; then exec setpriv --reuid=postgres --regid=postgres --init-groups "$@"; else exec "$@"; fi
}

postgres_home() {
  local home=$dir/postgres
  rm -rf "$home" && mkdir -p "$home"
  if is_root; then
    chown postgres "$home"
    if ! as_postgres test -w "$home"; then
      rmdir "$home" && home=$(mktemp -d /tmp/ie-postgres.XXXXXX) && chown postgres "$home"
      ln -s "$home" "$dir/postgres"
    fi
  fi
  chmod 700 "$home"
}

start_postgres() {
  local bin port password home=$dir/postgres
  bin=$(postgres_bin)
  postgres_home
  port=$(free_port)
  password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
  printf '%s\n' "$password" >"$dir/postgres.password" && chmod 600 "$dir/postgres.password"
  if is_root; then chown postgres "$dir/postgres.password"; fi
  as_postgres "$bin/initdb" -D "$home/data" -U ie --pwfile="$dir/postgres.password" --auth=password \
    --no-sync --no-instructions -E UTF8 --locale=C >"$dir/postgres.log" 2>&1 9>&- || return 1
  local durable=off
  if [ "${IE_SERVICES_DURABLE:-}" = 1 ]; then durable=on; fi
  cat >>"$home/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = ''
max_connections = 400
shared_buffers = 128MB
fsync = $durable
synchronous_commit = $durable
full_page_writes = $durable
max_wal_size = 1GB
CONF
  resume_postgres || return 1
  PGPASSWORD=$password "$bin/psql" -q -h 127.0.0.1 -p "$port" -U ie -d postgres -c 'CREATE DATABASE ie' >&2 || return 1
  echo "TEST_DATABASE_URL=postgres://ie:$password@127.0.0.1:$port/ie" >>"$dir/env.new"
}

resume_postgres() {
  local home=$dir/postgres
  (as_postgres_exec setsid "$(postgres_bin)/postgres" -D "$home/data") >>"$dir/postgres.log" 2>&1 </dev/null 9>&- &
  await "$home/data/postmaster.pid" grep -q ready "$home/data/postmaster.pid" 2>/dev/null || return 1
  head -1 "$home/data/postmaster.pid" >"$dir/postgres.pid"
}

# An immediate shutdown: every process of it ends without a checkpoint, and the next start recovers.
kill_postgres() {
  end "$dir/postgres.pid" QUIT
  rm -f "$dir/postgres/data/postmaster.pid"
}

stop_postgres() {
  local home=$dir/postgres
  if [ ! -s "$dir/postgres.pid" ] && [ -s "$home/data/postmaster.pid" ]; then
    head -1 "$home/data/postmaster.pid" >"$dir/postgres.pid"
  fi
  end "$dir/postgres.pid" QUIT
  if [ -L "$home" ]; then rm -rf "$(readlink "$home")" "$home"; fi
  rm -rf "$home" "$dir/postgres.password"
}

# --- commands ----------------------------------------------------------------------------------

lock() { exec 9>"$base/.lock"; if command -v flock >/dev/null; then flock -w 600 9; fi; }
unlock() { exec 9>&-; }

# Everything that the environment file promises is there and runs.
is_up() {
  [ -s "$dir/env" ] || return 1
  if needs amqp; then grep -q ^TEST_AMQP_URL= "$dir/env" && alive "$dir/rabbitmq/server.pid" || return 1; fi
  if needs postgres; then grep -q ^TEST_DATABASE_URL= "$dir/env" && alive "$dir/postgres.pid" || return 1; fi
}

# A port may be taken between the look and the bind: three tries.
start_one() {
  local name=$1 try
  for try in 1 2 3; do
    "start_$name" && return 0
    say "$name did not start (try $try): see $dir"
    "stop_$name"
  done
  return 1
}

start() {
  mkdir -p "$base" "$dir"
  given=
  if [ -n "${TEST_AMQP_URL:-}" ]; then wanted=${wanted/ amqp / } given+="TEST_AMQP_URL=$TEST_AMQP_URL"$'\n'; fi
  if [ -n "${TEST_DATABASE_URL:-}" ]; then wanted=${wanted/ postgres / } given+="TEST_DATABASE_URL=$TEST_DATABASE_URL"$'\n'; fi
  lock
  if [ -n "${wanted// /}" ] && is_up; then unlock; return 0; fi
  ensure_installed
  [ "$dir" = "$base" ] || unlock # own folder: servers of several runs may start at once
  stop_servers
  if [ "$dir" = "$base" ]; then sweep; fi
  printf '%s' "$given" >"$dir/env.new"
  local name code=0
  # Both at once: each takes seconds and neither needs the other.
  local jobs=()
  for name in amqp postgres; do
    if needs $name; then start_one $name & jobs+=($!); fi
  done
  for name in "${jobs[@]}"; do wait "$name" || code=1; done
  if [ $code != 0 ]; then stop_servers; unlock; fail "a server did not answer within $limit s: logs are in $dir"; fi
  mv -f "$dir/env.new" "$dir/env"
  unlock
}

stop_servers() { rm -f "$dir/env"; stop_amqp; stop_postgres; }

stop() {
  mkdir -p "$base"
  lock; stop_servers; sweep; unlock
}

# Servers of runs that were killed before they could stop them.
sweep() {
  local own=$dir
  for dir in "$base"/run-*; do
    if [ -d "$dir" ] && ! running "${dir##*-}"; then stop_servers; rm -rf "$dir"; fi
  done
  dir=$own
}

run() {
  [ "${1:-}" = -- ] && shift
  [ $# -gt 0 ] || fail "usage: services.sh run -- COMMAND…"
  dir=$base/run-$$
  local code=0
  trap 'stop_servers' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  start
  local line
  while IFS= read -r line; do export "$line"; done <"$dir/env"
  # In the background, since a signal's trap only runs between commands; a background command ignores Ctrl-C.
  "$@" <&0 &
  local child=$!
  trap "kill -TERM $child 2>/dev/null; wait $child; exit 130" INT
  trap "kill -TERM $child 2>/dev/null; wait $child; exit 143" TERM HUP
  wait $child || code=$?
  stop_servers
  trap - EXIT
  rm -rf "$dir"
  exit $code
}

named() {
  case $2 in amqp | postgres) "$1_$2" ;; *) fail "$2 is no server: amqp or postgres" ;; esac
}

case ${1:-} in
  start) start; cat "$dir/env" ;;
  stop) stop ;;
  restart) kill_amqp; resume_amqp ;;
  kill) named kill "${2:-}" ;;
  resume) named resume "${2:-}" ;;
  alarm) alarm_amqp "${2:?on or off}" ;;
  install) shift; mkdir -p "$dir"; lock; install_packages "$@"; unlock ;;
  env) [ -s "$dir/env" ] || fail "nothing runs: scripts/services.sh start"; cat "$dir/env" ;;
  run) shift; run "$@" ;;
  *) sed -n '2,18s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 64 ;;
esac
