#!/usr/bin/env bash
# The distributed system as a user would start it: compose up with the sample, workers scaled to three, an instance made
# with curl, containers killed while records change; then every write in the simulated Insightly is looked for among
# what the receiver got, and one change is followed through the traces of all four services.
#
# Needs docker-compose and an engine.
set -euo pipefail
cd "$(dirname "$0")/.."
export DOCKER_BUILDKIT=1 COMPOSE_DOCKER_CLI_BUILD=1 COMPOSE_PROJECT_NAME=insightly-events-test
compose() { docker-compose --profile demo "$@"; }
secret() { cat "deploy/secrets/laptop/$1"; }
api() {
  curl -sS --fail-with-body --max-time 30 -H 'content-type: application/json' \
    -H "authorization: User $(secret user_secret), Organization $(secret organization_secret)" "$@"
}
# Waits until a command succeeds, for so many seconds at the most.
within() { # SECONDS WHAT COMMAND...
  local limit=$1 what=$2
  shift 2
  for _ in $(seq "$limit"); do
    if "$@"; then return 0; fi
    sleep 1
  done
  echo "not within $limit seconds: $what" >&2
  return 1
}
base=http://127.0.0.1:8080/elements/api-v2
simulator=http://127.0.0.1:8085/control
out=$(mktemp -d)
passed=0
pass() { passed=$((passed + 1)); echo "passed: $1"; }

finish() {
  local code=$?
  if [ "$code" != 0 ]; then compose logs --tail=40 || true; fi
  compose down -v --remove-orphans >/dev/null 2>&1 || true
  rm -rf "$out"
  echo "$passed passed, $((code == 0 ? 0 : 1)) failed"
  exit "$code"
}
trap finish EXIT

compose up -d --build --scale fetcher=3 --scale dispatcher=3
# The sample has done its work when it has ended.
ready() { ! compose ps | grep -v _sample_ | grep -q -E 'starting|unhealthy|Exit'; }
within 180 "every container is healthy" ready
compose ps
pass "three fetchers, three dispatchers and the rest are healthy"

sample_flows() { compose logs --no-color receiver | grep -q '"objectType":"leads"'; }
within 180 "events of the sample instance" sample_flows
pass "events of the sample instance arrive"

instance=$(api "$base/instances" -d '{
  "element": {"key": "insightly"},
  "name": "compose",
  "configuration": {
    "username": "demo@example.com",
    "password": "demo-key",
    "base.url": "http://simulator:8085/v3.1",
    "event.notification.enabled": true,
    "event.vendor.type": "polling",
    "event.notification.callback.url": "http://receiver:8000/callback",
    "event.notification.signature.key": "a key for signatures",
    "event.poller.refresh_interval": "1",
    "event.poller.configuration": {"opportunities": {}}
  }
}')
id=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])' <<<"$instance")
poll() { api -X POST "$base/instances/$id/poll" "$@"; }
echo "instance $id is created"

curl -sS --fail-with-body "$simulator/streams" -H 'content-type: application/json' \
  -d '{"rate": 10, "count": 600, "objects": {"Opportunities": 1}}' >/dev/null
for service in fetcher dispatcher scheduler rabbitmq; do
  container=$(compose ps -q "$service" | head -n 1)
  docker kill "$container" >/dev/null
  poll -o /dev/null || true
  sleep 5
  docker start "$container" >/dev/null
  sleep 5
done

# What the simulator was told and what arrived; polled again and again, since a minute is long.
complete() {
  curl -sS --fail-with-body "$simulator/ledger?object=Opportunities&seeded=false" >"$out/ledger"
  [ "$(wc -l <"$out/ledger")" -ge 600 ] || return 1
  compose logs --no-color --no-log-prefix receiver >"$out/received" 2>/dev/null ||
    compose logs --no-color receiver | sed 's/^[^|]*| //' >"$out/received"
  if ! scripts/ledger.py lost "$out/ledger" "$out/received" >"$out/lost"; then
    poll -o /dev/null || true
    sleep 4
    return 1
  fi
}
within 60 "every change to arrive ($(cat "$out/lost" 2>/dev/null))" complete || { cat "$out/lost"; exit 1; }
pass "$(cat "$out/lost")"

: >"$out/events"
token=
while true; do
  api -D "$out/headers" "$base/instances/$id/events?pageSize=100${token:+&nextPage=$token}" >>"$out/events"
  echo >>"$out/events"
  token=$(sed -n 's/^elements-next-page-token: *\([^[:space:]]*\).*/\1/Ip' "$out/headers")
  [ -n "$token" ] || break
done
scripts/ledger.py repeated "$out/events"
pass "no change is notified twice"

# A poll that is under way or due already is not made due, so it may take a few of them.
traced() {
  curl -sS --fail-with-body "$simulator/streams" -H 'content-type: application/json' \
    -d '{"rate": 10, "count": 3, "objects": {"Opportunities": 1}}' >/dev/null
  sleep 2
  poll -D "$out/headers" -o /dev/null
  local trace
  trace=$(sed -n 's/^elements-request-id: *\([0-9a-f]*\).*/\1/Ip' "$out/headers")
  for _ in $(seq 10); do
    sleep 2
    curl -sS "http://127.0.0.1:16686/api/traces/$trace" >"$out/trace"
    if scripts/ledger.py trace "$out/trace"; then return 0; fi
  done
  return 1
}
within 6 "a trace over all four services" traced
pass "one trace holds the request, the schedule, the poll and the delivery, each the parent of the next"

compose stop dispatcher fetcher scheduler api
exits=$(compose ps -q dispatcher fetcher scheduler api | xargs docker inspect -f '{{.State.ExitCode}}' | sort -u)
[ "$exits" = 0 ] || { echo "exit codes at the stop: $exits" >&2; exit 1; }
pass "every service ends by itself when it is stopped"
docker image inspect insightly-events -f '{{.Size}}' | awk '{ printf "the image has %.0f MB\n", $1 / 1e6 }'
