"""Checks rendered Kubernetes objects (standard input) by Kubernetes' own schemas, and against what else they speak of."""

import re
import sys
from pathlib import Path

import kubernetes_validate
import yaml

import settings

ROOT = Path(__file__).resolve().parent.parent
# The oldest version that knows every field used here: `preStop.sleep` is on by default since 1.30.
VERSIONS = ("1.30", "1.35")

# KEDA's schema is in no package: these are the fields of keda.sh/v1alpha1 that are used, by hand. Each is required.
TRIGGER = {
    "type": "rabbitmq",
    "metadata": {"protocol": "amqp", "queueName": str, "mode": "QueueLength", "value": str},
    "authenticationRef": {"name": str},
}
KEDA = {
    "TriggerAuthentication": {"secretTargetRef": [{"parameter": "host", "name": str, "key": str}]},
    "ScaledObject": {
        "scaleTargetRef": {"name": str},
        "minReplicaCount": int,
        "maxReplicaCount": int,
        "cooldownPeriod": int,
        "triggers": [TRIGGER],
    },
}

problems: list[str] = []


def name_of(thing: dict) -> str:
    return f"{thing['kind']} {thing['metadata']['name']}"


def compare(value, expected, where: str) -> None:
    """Whether a value has exactly the form that is expected."""
    if isinstance(expected, dict) and isinstance(value, dict):
        if set(value) != set(expected):
            problems.append(f"{where}: expected {sorted(expected)}, found {sorted(value)}")
        for key in value.keys() & expected.keys():
            compare(value[key], expected[key], f"{where}.{key}")
    elif isinstance(expected, list) and isinstance(value, list):
        for item in value:
            compare(item, expected[0], where)
    elif not (isinstance(value, expected) if isinstance(expected, type) else value == expected):
        problems.append(f"{where}: expected {expected}, found {value!r}")


def check_schema(thing: dict) -> None:
    if thing["apiVersion"] == "keda.sh/v1alpha1":
        compare(thing["spec"], KEDA[thing["kind"]], name_of(thing))
        return
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(thing, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            path = ".".join(map(str, error.path))
            problems.append(f"{name_of(thing)}: Kubernetes {version}, {path}: {error.message}")


def check_pod(deployment: dict, known: set[str]) -> None:
    """Settings exist, secrets are where they are looked for, and user, program and time fit the image and the defaults."""
    name, pod = name_of(deployment), deployment["spec"]["template"]["spec"]
    dockerfile = (ROOT / "deploy/Dockerfile").read_text()
    container, = pod["containers"]
    for variable in container["env"]:
        if variable["name"] not in known:
            problems.append(f"{name}: no setting is called {variable['name']}")
        folders = [mount["mountPath"] for mount in container["volumeMounts"]]
        if variable["name"].endswith("_FILE") and str(Path(variable["value"]).parent) not in folders:
            problems.append(f"{name}: nothing is mounted at {variable['value']}")
    if container["command"][0] not in re.findall(r"target/release/([\w-]+)", dockerfile):
        problems.append(f"{name}: the image has no {container['command'][0]}")
    if f"--uid {pod['securityContext']['runAsUser']} " not in dockerfile:
        problems.append(f"{name}: runAsUser is not the image's")
    pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    if pod["terminationGracePeriodSeconds"] < settings.ending() + pause:
        problems.append(f"{name}: is killed before lifecycle.drain and telemetry.flush have passed")


def selects(selector: dict, labels: dict) -> bool:
    wanted = selector.get("matchLabels", {}).items()
    among = selector.get("matchExpressions", [])
    return wanted <= labels.items() and all(labels.get(one["key"]) in one["values"] for one in among)


def check_references(things: list[dict]) -> None:
    """What points to a deployment or its pods finds one."""
    deployments = {thing["metadata"]["name"]: thing["spec"] for thing in things if thing["kind"] == "Deployment"}
    pods = [spec["template"]["metadata"]["labels"] for spec in deployments.values()]
    names = {thing["metadata"]["name"] for thing in things if thing["kind"] == "TriggerAuthentication"}
    for thing in things:
        spec = thing.get("spec", {})
        selector = {"matchLabels": spec["selector"]} if thing["kind"] == "Service" else spec.get("selector", spec.get("podSelector"))
        if selector is not None and not any(selects(selector, labels) for labels in pods):
            problems.append(f"{name_of(thing)} selects no pod")
        target = spec.get("scaleTargetRef", {}).get("name")
        if target and ("replicas" in deployments.get(target, {"replicas": 0})):
            problems.append(f"{name_of(thing)}: {target} is no deployment, or says its own number of replicas")
        for trigger in spec.get("triggers", []):
            if trigger["authenticationRef"]["name"] not in names:
                problems.append(f"{name_of(thing)}: no TriggerAuthentication {trigger['authenticationRef']['name']}")


def main() -> None:
    things = list(yaml.safe_load_all(sys.stdin))
    known = settings.names()
    for thing in things:
        check_schema(thing)
        if thing["kind"] == "Deployment":
            check_pod(thing, known)
        if thing["kind"] == "ConfigMap":
            problems.extend(f"no setting is called {key}" for key in thing["data"] if key not in known)
    check_references(things)
    for problem in problems:
        print(f"kubernetes: {problem}", file=sys.stderr)
    print(f"kubernetes: {len(things)} objects checked", file=sys.stderr)
    sys.exit(1 if problems else 0)


main()
