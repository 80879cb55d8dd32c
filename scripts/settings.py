"""What the files of defaults say, for comparison with deploy/."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def names() -> set[str]:
    """IE__SECTION__FIELD of every setting, and the same with _FILE."""
    found = set()
    for file in [*ROOT.glob("crates/*/defaults.toml"), *ROOT.glob("crates/*/defaults/*.toml")]:
        section = ""
        for line in file.read_text().splitlines():
            section = (re.match(r"\[(\w+)\]", line) or [None, section])[1]
            if field := re.match(r"(?:# )?(\w+) = ", line):
                found.add(f"IE__{section}__{field[1]}".upper())
    return found | {f"{name}_FILE" for name in found}


def ending() -> int:
    """How many seconds a process may take to end: lifecycle.drain and telemetry.flush."""
    files = {"drain": "lifecycle", "flush": "telemetry"}
    texts = {field: (ROOT / f"crates/platform/defaults/{file}.toml").read_text() for field, file in files.items()}
    return sum(int(re.search(rf'^{field} = "(\d+)s"', text, re.MULTILINE)[1]) for field, text in texts.items())
