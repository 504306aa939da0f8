"""`effector.toml`: what the effector may do, to what, for whom. Called by `interferon effector`; reads that file and the user database.

The file is the effector's own: nothing that the processes that decide say can widen it.
"""

import grp
import pwd
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from interferon.effector import registry
from interferon.effector.backup import Backup, backups_of
from interferon.effector.limits import Limits
from interferon.effector.protocol import Actuator
from interferon.effector.targets import Protected, TargetRow, targets_of
from interferon.effector.toml_lines import Reader, unknown
from interferon.model.errors import InputError
from interferon.model.problem import Problem

SOCKET_BYTES: Final = 107  # longest path of a Unix socket (unix(7), sun_path)
_SECTIONS: Final = ("limits", "target", "protected", "backup", "actions", "actuators")


class ActionRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[actions.NAME]`."""

    unidentified: Literal["refuse", "act"] = "refuse"  # where the target has an identity and nothing tells whether it is the one


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys above the sections."""

    socket: str
    state: str
    kill_switch: str
    allow: list[str | int]  # users (names or ids) that may speak to it; root always may
    group: str | int = 0  # of the socket
    inputs: list[str] = []


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file. `kinds`: section of an actuator → its module; `uids`, `gid`: the users and the group as numbers."""

    path: Path
    head: Head
    limits: Limits
    targets: Mapping[tuple[str, str], TargetRow]  # by reference and action
    protected: Mapping[str, Protected]
    actions: Mapping[str, ActionRow]
    kinds: Mapping[str, str]
    sections: Mapping[str, msgspec.Struct]
    uids: frozenset[int]
    gid: int
    backups: Mapping[str, Backup] = {}  # by reference

    def unidentified(self, action: str) -> str:
        return self.actions[action].unidentified if action in self.actions else "refuse"

    def capabilities(self) -> frozenset[str]:
        return frozenset().union(*(registry.capabilities(self.kinds[name], section) for name, section in self.sections.items()))

    def actuators(self) -> dict[str, Actuator]:
        return {name: registry.made(self.kinds[name], section) for name, section in self.sections.items()}


def load(path: Path) -> Settings:
    """The file. InputError with its first mistake."""
    settings, problems = read(path)
    if settings is None:
        more = f" (and {len(problems) - 1} more: `interferon effector check {path}`)" if len(problems) > 1 else ""
        raise InputError(f"{problems[0]}{more}")
    return settings


def read(path: Path) -> tuple[Settings | None, list[Problem]]:
    """The file and everything that is wrong with it; None where anything is. InputError where it cannot be read at all."""
    try:
        reader = Reader(str(path), path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; `interferon effector init DIR` proposes one") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8 text") from None
    if reader.problems:
        return None, reader.problems
    settings = _settings(path, reader)
    return (None if reader.problems else settings), sorted(reader.problems)


def _settings(path: Path, reader: Reader) -> Settings | None:
    tree = reader.tree
    known = (*Head.__struct_fields__, *_SECTIONS)
    for key in [key for key in tree if key not in known]:
        reader.wrong("" if not isinstance(tree[key], (dict, list)) else key, key, unknown(key, known))
    head = reader.struct(Head, {key: value for key, value in tree.items() if key in Head.__struct_fields__}, "")
    limits = reader.struct(Limits, tree.get("limits", {}), "limits")
    protected = [row for _, row in reader.rows(Protected, "protected")]
    actions = {name: row for name, row in _tables(reader, "actions", ActionRow) if row is not None}
    kinds, sections = _sections(reader)
    built = _built(reader, kinds, sections)
    targets = targets_of(reader, built, protected)
    if head is None or limits is None:
        return None
    return Settings(
        path=path,
        head=head,
        limits=limits,
        targets=targets,
        protected={row.ref: row for row in protected},
        actions=actions,
        kinds=kinds,
        sections=sections,
        uids=_uids(reader, head),
        gid=_gid(reader, head),
        backups=backups_of(reader),
    )


def _tables(reader: Reader, name: str, kind: type[Any]) -> Iterator[tuple[str, Any]]:
    found = reader.tree.get(name, {})
    if not isinstance(found, dict):
        reader.wrong("", name, f"{name} holds tables [{name}.NAME]")
        return
    for key, table in found.items():
        yield key, reader.struct(kind, table, f"{name}.{key}")


def _sections(reader: Reader) -> tuple[dict[str, str], dict[str, msgspec.Struct]]:
    kinds, sections = dict[str, str](), dict[str, msgspec.Struct]()
    found = reader.tree.get("actuators", {})
    for name, table in found.items() if isinstance(found, dict) else ():
        where = f"actuators.{name}"
        if not isinstance(table, dict):
            reader.wrong("actuators", name, f"[{where}] is a table")
            continue
        kind = table.get("kind", name)
        if kind not in registry.kinds():
            reader.wrong(where, "kind", f"[{where}] is of kind {kind!r}; there are {', '.join(registry.kinds())}")
            continue
        read = reader.struct(registry.settings_of(kind), {key: value for key, value in table.items() if key != "kind"}, where)
        if read is not None:
            kinds[name], sections[name] = kind, read
    return kinds, sections


def _built(reader: Reader, kinds: Mapping[str, str], sections: Mapping[str, msgspec.Struct]) -> dict[str, Actuator]:
    built = {}
    for name, section in sections.items():
        try:
            built[name] = registry.made(kinds[name], section)
        except InputError as error:
            reader.wrong(f"actuators.{name}", "", str(error))
    return built


def _uids(reader: Reader, head: Head) -> frozenset[int]:
    found = {0}
    for user in head.allow:
        try:
            found.add(user if isinstance(user, int) else pwd.getpwnam(user).pw_uid)
        except KeyError:
            reader.wrong("", "allow", f"allow names user {user!r}, who is not on this machine")
    for key in ("socket", "state", "kill_switch"):
        if not Path(value := getattr(head, key)).is_absolute():
            reader.wrong("", key, f"{key} is {value!r}; write an absolute path")
    for each in head.inputs:
        if not Path(each).is_absolute():
            reader.wrong("", "inputs", f"input {each!r} is not an absolute path")
    if len(head.socket.encode()) > SOCKET_BYTES:
        reader.wrong("", "socket", f"socket has {len(head.socket.encode())} bytes; a Unix socket's path has at most {SOCKET_BYTES}")
    return frozenset(found)


def _gid(reader: Reader, head: Head) -> int:
    try:
        return head.group if isinstance(head.group, int) else grp.getgrnam(head.group).gr_gid
    except KeyError:
        reader.wrong("", "group", f"group is {head.group!r}, which is not on this machine")
        return 0
