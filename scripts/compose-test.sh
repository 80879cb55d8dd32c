#!/usr/bin/env bash
# The distributed system as a user would start it: compose up, an instance created with curl, a change delivered.
#
# Needs docker-compose and an engine. The callback is `insightly-events receive` on the compose network.
set -euo pipefail
cd "$(dirname "$0")/.."
export DOCKER_BUILDKIT=1 COMPOSE_DOCKER_CLI_BUILD=1 COMPOSE_PROJECT_NAME=insightly-events-test
# The simulator and the callback of this test are on the compose network.
export IE_ALLOW_NETWORKS='["172.16.0.0/12","192.168.0.0/16","10.0.0.0/8"]' IE_INSIGHTLY_URLS='["http://simulator:8085"]'
export IE_ALLOW_HTTP=true
compose() { docker-compose --profile demo "$@"; }
api() {
  curl -sS --fail-with-body --max-time 30 -H 'content-type: application/json' \
    -H 'authorization: User laptop-user-secret, Organization laptop-organization-secret' "$@"
}
base=http://127.0.0.1:8080/elements/api-v2

finish() {
  local code=$?
  if [ "$code" != 0 ]; then compose logs --tail=40 || true; fi
  compose down -v --remove-orphans >/dev/null 2>&1 || true
  exit "$code"
}
trap finish EXIT

compose up -d --build
for _ in $(seq 120); do
  unready=$(compose ps | grep -c -E 'starting|unhealthy|Exit' || true)
  [ "$unready" = 0 ] && break
  sleep 1
done
compose ps

instance=$(api "$base/instances" -d @- <<'JSON'
{
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
    "event.poller.configuration": {"contacts": {}}
  }
}
JSON
)
id=$(sed -E 's/.*"id": ?([0-9]+).*/\1/; q' <<<"${instance%%,*}")
echo "instance $id is created"

curl -sS --fail-with-body -u demo-key: -H 'content-type: application/json' http://127.0.0.1:8085/v3.1/Contacts \
  -d '{"FIRST_NAME": "Grace", "LAST_NAME": "Hopper"}' >/dev/null
for _ in $(seq 60); do
  api -X POST "$base/instances/$id/poll" >/dev/null || true
  if api "$base/instances/$id/events" | grep -q '"status": *"NOTIFIED"'; then
    compose logs --no-color receiver | grep -q '"eventType":"CREATED"'
    echo "the change was delivered, signed and recorded"
    echo "1 passed, 0 failed"
    exit 0
  fi
  sleep 1
done
echo "no event was delivered within a minute" >&2
echo "0 passed, 1 failed"
exit 1
