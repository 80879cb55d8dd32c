"""Compares the names in deploy/ with the source code and the documents; says every difference at once."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ALERTS = ROOT / "deploy/prometheus/alerts.yml"

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


def check_metrics(file: Path, code: str) -> None:
    """Every metric exists, and so does each value of a label that our code sets."""
    text = file.read_text()
    known = set(EMITTED.findall(code)) | histograms(code) | OTHERS
    for name in sorted(set(USED.findall(text)) - known):
        problems.append(f"{file.relative_to(ROOT)}: no program emits {name}")
    for label, values in set(MATCHED.findall(text)):
        for value in values.split("|"):
            # What is a pattern or a variable of Grafana is no name.
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


def main() -> None:
    code = sources()
    check_alerts()
    check_metrics(ALERTS, code)
    for problem in problems:
        print(f"manifests: {problem}", file=sys.stderr)
    sys.exit(1 if problems else 0)


main()
