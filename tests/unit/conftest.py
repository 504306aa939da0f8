"""An installation for the tests of `Service`, moved by `_once` where it is not entered."""

from collections.abc import Callable
from pathlib import Path

import pytest

from interferon.model.network import Network
from interferon.runtime import feed_files
from interferon.runtime.service import Service
from interferon.store import examples
from interferon.store.folder import load
from interferon.trust.policy import Policy


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """`minimal` with an empty folder of feeds."""
    examples.write("minimal", tmp_path / "net")
    (tmp_path / "net" / "feeds").mkdir()
    return tmp_path / "net"


@pytest.fixture
def network(folder: Path) -> Network:
    return load(folder)


@pytest.fixture
def enter(folder: Path, network: Network, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Service]:
    """Makes the installation of `folder`, which observes."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder.parent / "cache"))
    monkeypatch.setattr(feed_files, "SETTLED_S", -1.0)
    return lambda: Service(folder, network, Policy.observing())
