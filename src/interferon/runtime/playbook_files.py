"""Playbooks as files: read and checked, found beside one another, taken from the library that ships. Called by `interferon respond`.

Reads only.
"""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Final

from interferon.model.errors import InputError
from interferon.playbooks.lint import Checked, check
from interferon.playbooks.records import Playbook, PlaybookAction

LIBRARY: Final = files("interferon.playbooks") / "library"


def read(path: Path) -> bytes:
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give a file")
    return path.read_bytes()


def found(paths: list[Path]) -> Iterator[Path]:
    """The files themselves, and every `*.json` of the folders, by name."""
    for path in paths:
        if path.is_dir():
            inside = sorted(path.glob("*.json"))
            if not inside:
                raise InputError(f"{path}: holds no *.json")
            yield from inside
        elif path.exists():
            yield path
        else:
            raise InputError(f"{path}: there is no such file or folder")


def load(path: Path) -> tuple[Playbook, Checked]:
    """A playbook without a fatal problem. Raises `InputError` with the first of them."""
    checked = check(read(path))
    if checked.playbook is None:
        raise InputError(f"{path}: {checked.fatal[0]}" + (f" (and {len(checked.fatal) - 1} more)" if len(checked.fatal) > 1 else ""))
    return checked.playbook, checked


def beside(playbook: Playbook, folder: Path) -> tuple[list[tuple[Playbook, Checked]], list[str]]:
    """(the playbooks that it calls, and those that they call, as `folder` has them or as they ship; what could not be used, and why)."""
    wanted, have, notes = [playbook], {playbook.id: playbook}, list[str]()
    shelf: dict[str, tuple[Playbook, Checked]] | None = None
    called: list[tuple[Playbook, Checked]] = []
    while wanted:
        for step in wanted.pop().workflow.values():
            if not isinstance(step, PlaybookAction) or step.playbook_id in have:
                continue
            shelf = _shelf(folder, notes) if shelf is None else shelf
            if (each := shelf.get(step.playbook_id)) is None:
                notes.append(f"{step.playbook_id}: no usable playbook in {folder} has this identifier")
            else:
                have[each[0].id] = each[0]
                called.append(each)
                wanted.append(each[0])
    return called, notes


def _shelf(folder: Path, notes: list[str]) -> dict[str, tuple[Playbook, Checked]]:
    """The latest version of each playbook in the folder, and those that ship."""
    usable = {each.playbook.id: (each.playbook, each) for each in map(check, shipped().values()) if each.playbook is not None}
    own: dict[str, tuple[Playbook, Checked]] = {}
    for path in sorted(folder.glob("*.json")):
        checked = check(path.read_bytes())
        each = checked.playbook
        if each is not None and (each.id not in own or own[each.id][0].modified < each.modified):
            own[each.id] = (each, checked)
        elif each is None and (checked.document or {}).get("type") == "playbook":
            notes.append(f"{path.name}: left out: {checked.fatal[0]}")
    return usable | own


def shipped() -> dict[str, bytes]:
    """The playbooks that ship, by name."""
    return {
        Path(each.name).stem: each.read_bytes()
        for each in sorted(LIBRARY.iterdir(), key=lambda each: each.name)
        if each.name.endswith(".json")
    }
