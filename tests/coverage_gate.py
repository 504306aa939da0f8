"""Reads coverage's JSON report and fails where a package's lines and branches are not covered as they must be.

`python tests/coverage_gate.py coverage.json` prints a table and ends with 1 where a package falls short. Run after the tests by CI, which
writes the report with `--cov=interferon --cov-branch --cov-report=json`.
"""

import json
import sys
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any, Final

ROOT: Final = "src/interferon/"
LEAST: Final = 90.0
WHOLE: Final = frozenset({"decide", "act", "trust"})  # what decides, carries out and permits: every branch of it
LEFT_OUT: Final = {"bench": "`interferon bench` runs it and checks its figures"}


def package(path: str) -> str:
    """The folder under `src/interferon` that a file lies in, or the module at its top."""
    _, _, inside = path.replace("\\", "/").rpartition(ROOT.removeprefix("src/"))
    parts = PurePosixPath(inside).parts
    return parts[0] if len(parts) > 1 else PurePosixPath(inside).stem


def shares(report: dict[str, Any]) -> dict[str, float]:
    """Package → percent of its lines and branches that ran. ValueError where the report has no branches."""
    if not report["meta"]["branch_coverage"]:
        raise ValueError("the report was made without branches; add --cov-branch")
    ran, there = Counter[str](), Counter[str]()
    for path, file in report["files"].items():
        summary = file["summary"]
        ran[package(path)] += summary["covered_lines"] + summary["covered_branches"]
        there[package(path)] += summary["num_statements"] + summary["num_branches"]
    return {name: 100.0 * ran[name] / there[name] for name in sorted(there) if there[name]}


def least(name: str) -> float:
    return 100.0 if name in WHOLE else LEAST


def line(name: str, share: float) -> str:
    """One row of the table. Rounded down, so that 100 means all of it."""
    if name in LEFT_OUT:
        return f"{name:<12} {int(share * 10) / 10:6.1f} %   not judged: {LEFT_OUT[name]}"
    short = "" if share >= least(name) else "   TOO LITTLE"
    return f"{name:<12} {int(share * 10) / 10:6.1f} %   at least {least(name):.0f} %{short}"


def main(words: list[str]) -> int:
    if len(words) != 1:
        sys.stderr.write("usage: python tests/coverage_gate.py coverage.json\n")
        return 2
    try:
        found = shares(json.loads(Path(words[0]).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.stderr.write(f"{words[0]}: not a report of coverage: {error}\n")
        return 2
    for name, share in found.items():
        sys.stdout.write(line(name, share) + "\n")
    missing = sorted(WHOLE - found.keys())
    for name in missing:
        sys.stdout.write(f"{name:<12} is not in the report   TOO LITTLE\n")
    return int(bool(missing) or any(share < least(name) for name, share in found.items() if name not in LEFT_OUT))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
