"""Whom the effector believes (files), and what stops it (the kill switch)."""

import os
import stat
from pathlib import Path

import pytest

from interferon.effector import switch
from interferon.effector.switch import Switch
from interferon.effector.trusted import mistrust
from interferon.model.errors import InputError

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to other users, which only root may")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir(mode=0o755)
    path = tmp_path / "etc" / "effector.toml"
    path.touch(mode=0o600)
    return path


def test_a_file_of_our_own_below_a_sticky_folder_is_believed(file: Path) -> None:
    assert mistrust(file) == ""
    assert mistrust(file.parent / "not there yet") == ""


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_write_is_not(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert mistrust(file) == f"{file}: others than its owner can write to it (mode {mode:04o}); `chmod go-w {file}`"


@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_nor_one_in_a_folder_that_others_write(file: Path, mode: int) -> None:
    file.parent.chmod(mode)
    assert mistrust(file).startswith(f"{file.parent}: others than its owner")


@needs_root
def test_nor_one_that_belongs_to_another(file: Path) -> None:
    os.chown(file, 65534, -1)
    assert mistrust(file) == f"{file}: belongs to user 65534, who could change it; `chown root {file}`"
    assert mistrust(file, 65534) == ""


def test_nor_one_behind_a_link_in_a_folder_that_others_write(file: Path, tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    link = tmp_path / "open" / "effector.toml"
    link.symlink_to(file)
    assert mistrust(link).startswith(f"{link.parent}: others")


def test_what_cannot_be_looked_at_is_not_believed(file: Path) -> None:
    assert "cannot be looked at (Not a directory)" in mistrust(file / "below")


def test_the_switch_is_its_file(tmp_path: Path) -> None:
    lever = Switch(tmp_path / "STOP")
    assert lever.engaged() == ""
    (tmp_path / "STOP").touch()
    assert lever.engaged() == f"the kill switch is engaged ({tmp_path / 'STOP'})"
    (tmp_path / "STOP").unlink()
    assert (lever.engaged(), lever.engage()) == ("", "")
    assert stat.S_ISREG((tmp_path / "STOP").stat().st_mode)
    (tmp_path / "STOP").unlink()
    assert lever.engaged()  # who takes the file away by stealth does not release it
    assert lever.release() == lever.engaged() == ""
    assert lever.release() == ""


def test_a_link_to_nowhere_engages_too(tmp_path: Path) -> None:
    (tmp_path / "STOP").symlink_to(tmp_path / "nowhere")
    assert Switch(tmp_path / "STOP").engaged()


def test_a_switch_that_cannot_be_written_or_looked_at_stops_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "STOP"
    lever = Switch(path)
    assert lever.engaged()
    assert lever.engage() == switch.write(path) == f"{path} cannot be written: Not a directory"
    assert lever.release() == f"{path} cannot be removed: Not a directory"
    with pytest.raises(InputError, match="cannot be removed"):
        switch.remove(path)


@pytest.mark.parametrize(("level", "stops"), [(b"0\n", False), (b"0", False), (b"1\n", True), (b"", True), (b"00", True)])
def test_a_hardware_line_stops_unless_it_says_zero(tmp_path: Path, level: bytes, stops: bool) -> None:
    line = tmp_path / "gpio17"
    line.write_bytes(level)
    lever = Switch(tmp_path / "STOP", [line])
    assert bool(lever.engaged()) is stops
    assert bool(lever.release()) is stops
    line.unlink()
    assert lever.engaged() == f"input {line} does not answer (No such file or directory): taken as engaged"


def test_a_switch_is_released_by_hand_where_the_effector_does_not_run(tmp_path: Path) -> None:
    assert switch.write(tmp_path / "STOP") == ""
    switch.remove(tmp_path / "STOP")
    switch.remove(tmp_path / "STOP")
    assert not (tmp_path / "STOP").exists()
