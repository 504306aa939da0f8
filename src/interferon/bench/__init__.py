"""Every figure we claim, by one command. A suite is a module here with `cases()`, which yields rows as they are measured.

A row is `{"case", "metric", "value", "target", "holds", "baselines": {name: value}}`; `target` and `holds` are null where a figure is
only told.
"""

import importlib
import sys
from collections.abc import Iterable
from typing import Any, Final

# run with `detect`, so not once more where all are run
JOINED: Final = ("watch", "plants", "start", "poison", "throughput", "stream", "rules")
SUITES: Final = ("path", "sense", "detect", *JOINED, "flow", "respond", "policy")


def cases(suite: str, *part: str) -> Iterable[dict[str, Any]]:
    """The rows of one suite, or of one part of it."""
    found: Iterable[dict[str, Any]] = importlib.import_module(f"interferon.bench.{suite}").cases(*part)
    return found


def parts(suite: str) -> tuple[str, ...]:
    """The parts that a suite can be run in; () where it is one piece."""
    return tuple(getattr(importlib.import_module(f"interferon.bench.{suite}"), "PARTS", ()))


def line(row: dict[str, Any]) -> str:
    """One row for people."""
    mark = {True: "ok  ", False: "MISS", None: "    "}[row["holds"]]
    target = f" (target {row['target']})" if row["target"] is not None else ""
    beside = ", ".join(f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in row["baselines"].items())
    value = f"{row['value']:.4g}" if isinstance(row["value"], float) else row["value"]
    return f"{mark} {row['case']}: {row['metric']} {value}{target}{'; beside it: ' + beside if beside else ''}"


def progress(text: str) -> None:
    """One line for who waits."""
    sys.stderr.write(f"bench: {text}\n")
