#!/usr/bin/env python3
"""Compares what a test wrote with what came of it.

  ledger.py lost LEDGER RECEIVED    every record's last write of the simulator's ledger is among the received events
  ledger.py repeated EVENTS         no version of a record is in two notifications; a line for each page of GET …/events
  ledger.py trace TRACE             the answer of Jaeger's query API holds all four services, each the parent of the next
"""
import json
import sys
from pathlib import Path

SERVICES = ["ie-api", "ie-scheduler", "ie-fetcher", "ie-dispatcher"]


def lines(path):
    for line in Path(path).read_text().splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def lost(ledger, received):
    last = {}
    writes = 0
    for entry in lines(ledger):
        writes += 1
        last[str(entry["id"])] = entry["updated"].replace("+00:00", "Z")
    events = list(lines(received))
    arrived = {(event["objectId"], event["date"]) for event in events if event["objectType"] == "opportunities"}
    missing = [key for key in last.items() if key not in arrived]
    print(f"{writes} writes of {len(last)} records, {len(arrived)} changes received, {len(missing)} records' last change missing")
    return not missing and bool(last)


def repeated(path):
    seen = {}
    pages = Path(path).read_text().splitlines()
    for notification in (one for page in pages if page for one in json.loads(page)):
        raw = json.loads(notification["providerData"])
        for event in raw["events"]:
            version = (event["objectType"], event["objectId"], event["sequence"])
            seen.setdefault(version, []).append(notification["id"])
    twice = {version: ids for version, ids in seen.items() if len(ids) > 1}
    print(f"{len(seen)} changes notified, {len(twice)} of them more than once {list(twice.items())[:5] or ''}")
    return bool(seen) and not twice


def trace(path):
    for one in json.loads(Path(path).read_text()).get("data") or []:
        spans = {span["spanID"]: span for span in one["spans"]}

        def service(span):
            process = span.get("process") or one["processes"][span["processID"]]
            return process["serviceName"]

        def parent(span):
            of = [r["spanID"] for r in span["references"] if r["refType"] == "CHILD_OF"]
            return spans.get(of[0]) if of else None

        for span in spans.values():
            line = []
            while span:
                if not line or line[0] != service(span):
                    line.insert(0, service(span))
                span = parent(span)
            if line == SERVICES:
                print(f"trace {one['traceID']}: {len(spans)} spans, {' → '.join(line)}")
                return True
    return False


def main():
    what, *paths = sys.argv[1:]
    return {"lost": lost, "repeated": repeated, "trace": trace}[what](*paths)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
