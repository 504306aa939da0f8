"""The gate on coverage: which packages must be whole, which nearly so, and what it says of those that are not."""

import json
from pathlib import Path

import pytest

from tests import coverage_gate


def report(tmp_path: Path, covered: dict[str, int] | None = None, *, branches: bool = True) -> Path:
    """Each file with 100 lines and branches, so many of them covered; decide, act and trust whole unless told otherwise."""
    found = {"decide": 100, "act": 100, "trust": 100, **(covered or {})}
    files = {
        f"src/interferon/{name}/part.py": {
            "summary": {"covered_lines": count // 2, "covered_branches": count - count // 2, "num_statements": 50, "num_branches": 50}
        }
        for name, count in found.items()
    }
    path = tmp_path / "coverage.json"
    path.write_text(json.dumps({"meta": {"branch_coverage": branches}, "files": files}))
    return path


@pytest.mark.parametrize(
    ("covered", "code"),
    [({"web": 90}, 0), ({"web": 89}, 1), ({"act": 99}, 1), ({"bench": 3}, 0)],
)
def test_a_package_that_falls_short_fails_the_gate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], covered: dict[str, int], code: int
) -> None:
    assert coverage_gate.main([str(report(tmp_path, covered))]) == code
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if "TOO LITTLE" in line]) == code
    assert all(any(line.startswith(name) for line in lines) for name in covered)


def test_a_package_that_is_not_in_the_report_fails_the_gate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = report(tmp_path)
    whole = json.loads(path.read_text())
    del whole["files"]["src/interferon/trust/part.py"]
    path.write_text(json.dumps(whole))
    assert coverage_gate.main([str(path)]) == 1
    assert "trust        is not in the report" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("src/interferon/cli/demo.py", "cli"),
        ("/opt/lib/python3.12/site-packages/interferon/store/examples/minimal.py", "store"),
        ("src/interferon/pipeline.py", "pipeline"),
    ],
)
def test_a_file_belongs_to_the_folder_below_the_package(path: str, name: str) -> None:
    assert coverage_gate.package(path) == name


def test_what_is_no_report_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert coverage_gate.main([]) == 2
    assert coverage_gate.main([str(tmp_path / "none.json")]) == 2
    assert coverage_gate.main([str(report(tmp_path, branches=False))]) == 2
    assert "add --cov-branch" in capsys.readouterr().err
