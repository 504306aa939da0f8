"""A session with an nft that now and then breaks over what it prints: a list is asked again, a change is not."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from interferon.effector.nft_session import TRIES, NftLost, NftSession

NFT = """
import pathlib, sys
count = pathlib.Path(sys.argv[1])
for line in sys.stdin:
    if line.startswith("list table inet interferon_mark_"):
        print(f"Error: No such file or directory\\n{line}^^^^", flush=True)
        continue
    turn = int(count.read_text() or 0) + 1
    count.write_text(str(turn))
    if turn > int(sys.argv[2]):
        print('{"nftables": [{"metainfo": {}}, {"table": {"name": "t"}}]}')
    elif turn % 2:
        print('{"nftables": [{"metainfo": {}}, {"table": {"flags": ')
    else:
        print('{"nftables": ', flush=True)
        sys.exit("corrupted double-linked list")
"""


@pytest.fixture
def count(tmp_path: Path) -> Path:
    (tmp_path / "nft.py").write_text(NFT)
    (tmp_path / "count").write_text("")
    return tmp_path / "count"


@pytest.fixture
def broken(count: Path, request: pytest.FixtureRequest) -> Iterator[NftSession]:
    """One that breaks for so many questions."""
    session = NftSession([sys.executable, str(count.with_name("nft.py")), str(count), str(request.param)])
    yield session
    session.close()


@pytest.mark.parametrize("broken", [0, 1, TRIES - 1], indirect=True)
def test_a_list_is_asked_again_of_another_process(broken: NftSession) -> None:
    assert broken.listed("list tables") == [{"table": {"name": "t"}}]


@pytest.mark.parametrize("broken", [99], indirect=True)
def test_one_that_breaks_each_time_is_told(broken: NftSession, count: Path) -> None:
    with pytest.raises(NftLost):
        broken.listed("list tables")
    assert int(count.read_text()) == TRIES


@pytest.mark.parametrize("broken", [2], indirect=True)
def test_a_change_is_asked_once(broken: NftSession, count: Path) -> None:
    broken.ask("add element")
    with pytest.raises(NftLost, match="corrupted double-linked list"):
        broken.ask("add element")
    assert int(count.read_text()) == 2
