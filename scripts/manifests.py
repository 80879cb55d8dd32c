"""Compares the names in deploy/ with the source code and the documents; says every difference at once."""

import json
import re
import sys
from pathlib import Path

import settings

ROOT = Path(__file__).resolve().parent.parent
ALERTS = ROOT / "deploy/prometheus/alerts.yml"
GRAFANA = ROOT / "deploy/grafana"

# Metrics of others that are used: Prometheus' own, and those of RabbitMQ's family queue_coarse_metrics.
OTHERS = {"up", "rabbitmq_detailed_queue_messages_ready", "rabbitmq_detailed_queue_messages_unacked"}
USED = re.compile(r"\b(?:ie|rabbitmq)_[a-z_]+\b")
EMITTED = re.compile(r'\b(?:counter|gauge|histogram)!\(\s*"(ie_[a-z_]+)"')
# A label that our own code sets, and the values that are asked for.
MATCHED = re.compile(r'\b(outcome|queue|type|connection)=~?\\?"([^"\\]+)\\?"')

problems: list[str] = []


def sources() -> str:
    files = (ROOT / "crates").glob("*/src/**/*.rs")
    return "\n".join(file.read_text() for file in files if "test" not in file.stem)


def histograms(code: str) -> set[str]:
    names = re.findall(r'\bhistogram!\(\s*"(ie_[a-z_]+)"', code)
    return {name + end for name in names for end in ("_bucket", "_count", "_sum")}


def check_metrics(file: Path, text: str, code: str) -> None:
    """Every metric exists, and so does each value of a label that our code sets."""
    known = set(EMITTED.findall(code)) | histograms(code) | OTHERS
    for name in sorted(set(USED.findall(text)) - known):
        problems.append(f"{file.relative_to(ROOT)}: no program emits {name}")
    for label, values in set(MATCHED.findall(text)):
        for value in values.split("|"):
            # A pattern is no name.
            if re.fullmatch(r"[a-z_ ]+", value) and f'"{value}"' not in code:
                problems.append(f"{file.relative_to(ROOT)}: nothing says {label}={value!r}")


def check_alerts() -> None:
    """Each alert has a paragraph in docs/operations.md, a test, and a runbook that points to the paragraph."""
    text = ALERTS.read_text()
    section = (ROOT / "docs/operations.md").read_text().partition("\n## Alerts\n")[2].partition("\n## ")[0]
    explained = re.findall(r"^### (\w+)\n\n\S", section, re.MULTILINE)
    tested = set(re.findall(r"alertname: (\w+)$", (ALERTS.parent / "alerts_test.yml").read_text(), re.MULTILINE))
    alerts = re.split(r"^ +- alert: ", text, flags=re.MULTILINE)[1:]
    names = [alert.split("\n", 1)[0] for alert in alerts]
    for name, alert in zip(names, alerts):
        if f"runbook: docs/operations.md#{name.lower()}\n" not in alert:
            problems.append(f"alerts.yml: {name} needs runbook: docs/operations.md#{name.lower()}")
        if not re.search(r"severity: (critical|warning) ", alert) or "summary: " not in alert:
            problems.append(f"alerts.yml: {name} needs a severity (critical or warning) and a summary")
        if name not in tested:
            problems.append(f"alerts_test.yml: no test in which {name} fires")
    if names != explained:
        problems.append(f"docs/operations.md, Alerts: expected the paragraphs {names}, found {explained}")


def expressions(dashboard: dict) -> list[str]:
    panels = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    return panels + [annotation["expr"] for annotation in dashboard["annotations"]["list"]]


def check_dashboard(file: Path, dashboard: dict) -> None:
    """Panels have their own ids and places, and sources of data that are provisioned."""
    uids = re.findall(r"\buid: (\w+)", (GRAFANA / "provisioning/datasources/datasources.yml").read_text())
    ids, taken = set(), {}
    for panel in dashboard["panels"]:
        title, place = panel["title"], panel["gridPos"]
        if panel["id"] in ids:
            problems.append(f"{file.name}: two panels have the id {panel['id']}")
        ids.add(panel["id"])
        if place["x"] + place["w"] > 24:
            problems.append(f"{file.name}: {title!r} is beyond the right edge")
        for cell in ((x, y) for x in range(place["x"], place["x"] + place["w"])
                     for y in range(place["y"], place["y"] + place["h"])):
            if taken.setdefault(cell, title) != title:
                problems.append(f"{file.name}: {title!r} lies over {taken[cell]!r}")
                break
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    askers = panels + [target for panel in panels for target in panel["targets"]] + dashboard["annotations"]["list"]
    for asked in {asker["datasource"]["uid"] for asker in askers} - set(uids):
        problems.append(f"{file.name}: the source of data {asked} is not provisioned; {uids} are")


def check_settings(file: Path) -> None:
    """Each variable that sets something sets something that is there."""
    for name in sorted(set(re.findall(r"\bIE__\w+", file.read_text())) - settings.names()):
        problems.append(f"{file.relative_to(ROOT)}: no setting is called {name}")


def check_unit(file: Path) -> None:
    """Credentials are loaded that variables point to, and the process has the time to end."""
    text = file.read_text()
    loaded = set(re.findall(r"^LoadCredential=([\w-]+):", text, re.MULTILINE))
    asked = set(re.findall(r"=%d/([\w-]+)$", text, re.MULTILINE))
    if loaded != asked:
        problems.append(f"{file.name}: loads the credentials {sorted(loaded)}, and {sorted(asked)} are asked for")
    if int(re.search(r"^TimeoutStopSec=(\d+)s$", text, re.MULTILINE)[1]) < settings.ending():
        problems.append(f"{file.name}: is killed before lifecycle.drain and telemetry.flush have passed")


def write_rules(found: list[str], to: Path) -> None:
    """Dashboards' expressions as rules, so that promtool reads them; the rules are JSON, which is YAML."""
    exprs = [expr.replace("$__rate_interval", "1m") for expr in found]
    rules = [{"record": f"dashboard:{number}", "expr": expr} for number, expr in enumerate(exprs)]
    to.write_text(json.dumps({"groups": [{"name": "dashboards", "rules": rules}]}, indent=1))


def main() -> None:
    code = sources()
    check_alerts()
    check_metrics(ALERTS, ALERTS.read_text(), code)
    found = []
    for file in sorted(GRAFANA.glob("dashboards/*.json")):
        dashboard = json.loads(file.read_text())
        check_dashboard(file, dashboard)
        check_metrics(file, "\n".join(expressions(dashboard)), code)
        found += expressions(dashboard)
    write_rules(found, Path(sys.argv[1]))
    unit = ROOT / "deploy/systemd/insightly-events.service"
    check_unit(unit)
    for file in (ROOT / "docker-compose.yml", unit):
        check_settings(file)
    for problem in problems:
        print(f"manifests: {problem}", file=sys.stderr)
    sys.exit(1 if problems else 0)


main()
