"""What tests of commands share: running one as a person types it, and the smallest network's folder."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interferon import cli
from interferon.store import examples

from .acting_plant import Acting


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    """Runs the words behind `interferon`: exit code, stdout, stderr. What it keeps, it keeps in the test's own folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def ran(*words: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["interferon", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return ran


@pytest.fixture
def minimal(tmp_path: Path) -> Path:
    examples.write("minimal", tmp_path / "net")
    return tmp_path / "net"


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Acting]:
    """One ERP and effector for all tests of a file that leave no effect behind."""
    made = Acting(tmp_path_factory.mktemp("acts"))
    with made.effector():
        yield made
    made.close()
