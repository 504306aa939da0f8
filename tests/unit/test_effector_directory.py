"""A directory becomes exactly the files that are wanted and back, whatever stood there; nothing is left beside it."""

import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.effector import directory
from interferon.effector.directory import LINK, PLAIN, RUN

NAMES = st.sampled_from(["a", "b/c", "b/d", "é f", "g/h/i"])
DATA = st.binary(min_size=1, max_size=8).filter(lambda data: b"\0" not in data)
TREES = st.dictionaries(NAMES, st.tuples(st.sampled_from([PLAIN, RUN, LINK]), DATA))


def blobs(tree: dict[str, tuple[str, bytes]]) -> tuple[dict[str, tuple[str, str]], dict[str, bytes]]:
    files = {path: (mode, directory.object_id(data, "sha1")) for path, (mode, data) in tree.items()}
    return files, {directory.object_id(data, "sha1"): data for _, data in tree.values()}


@settings(max_examples=25)
@given(TREES, TREES)
def test_any_directory_becomes_any_other_and_comes_back(one: dict[str, tuple[str, bytes]], other: dict[str, tuple[str, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "live")
        root.mkdir()
        for tree in (one, other, one):
            files, held = blobs(tree)
            standing = directory.entries(root)
            directory.put(root, files, directory.approved_entries(files, standing), held.__getitem__, "m")
            assert directory.files(root, "sha1") == files
        assert [path.name for path in Path(folder).iterdir()] == ["live"]


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_ids_are_those_of_git(tmp_path: Path, algorithm: str) -> None:
    try:
        subprocess.run(["git", "init", "-q", f"--object-format={algorithm}", str(tmp_path)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("git is not installed")
    told = subprocess.run(["git", "-C", str(tmp_path), "hash-object", "--stdin"], input=b"x\r\n", check=True, capture_output=True).stdout
    assert directory.object_id(b"x\r\n", algorithm) == told.decode().strip()  # type: ignore[arg-type]


def test_what_others_could_write_is_closed_and_what_only_the_owner_read_stays_so(tmp_path: Path) -> None:
    (tmp_path / "open").write_text("x")
    (tmp_path / "open").chmod(0o666)
    (tmp_path / "secret").write_text("x")
    (tmp_path / "secret").chmod(0o600)
    wanted = {"open": (PLAIN, "1"), "secret": (PLAIN, "2"), "new/run": (RUN, "3")}
    modes = {entry.path: entry.mode for entry in directory.approved_entries(wanted, directory.entries(tmp_path))}
    assert modes | {"": 0} == {"": 0, "open": 0o644, "secret": 0o600, "new": 0o755, "new/run": 0o755}


def test_what_cannot_be_exchanged_stays(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        directory.exchange(tmp_path / "a", tmp_path / "b")
