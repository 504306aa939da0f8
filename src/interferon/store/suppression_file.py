"""`suppressions.toml` of a network folder and the signature over it: what people keep out of correlation for a while.

Called by `interferon suppress`, by `check`, and by `up` and `replay` at their start. Signed with the key of the policy.
"""

import hashlib
import re
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import tomli_w

from interferon.model.errors import InputError, PolicyError
from interferon.model.events import Suppression
from interferon.model.network import Network
from interferon.model.problem import Problem
from interferon.store import folder as network_folder
from interferon.store import policy_folder
from interferon.store.cells import close
from interferon.trust import signature

FILE: Final = "suppressions.toml"
SIGNATURE: Final = "suppressions.sig"
NEEDED: Final = ("id", "scope", "detector", "kind", "reason", "until")
TABLES: Final = {"asset": "assets", "zone": "zones", "node": "nodes", "lane": "lanes", "partner": "partners"}
_LINE: Final = re.compile(r"\(at line (\d+)")


@dataclass(frozen=True)
class Status:
    """What the file holds. `problem` is '' where it is in force, else says in one line why nothing in it is."""

    entries: tuple[Suppression, ...]
    problem: str


def status(folder: Path) -> Status:
    """The file as it stands, signed or not. Raises InputError (`file:line: message`) where it cannot be read."""
    entries, problems = _read(folder)
    if problems:
        raise InputError(str(problems[0]))
    return Status(entries, _unsigned(folder) if entries else "")


def load(folder: Path) -> tuple[tuple[Suppression, ...], list[str]]:
    """What is in force, and a line for why not. A file that cannot be trusted suppresses nothing and stops nobody."""
    try:
        found = status(folder)
    except InputError as error:
        return (), [f"{error}; nothing is suppressed"]
    return ((), [f"{folder / FILE}: {found.problem}; nothing is suppressed"]) if found.problem else (found.entries, [])


def expired(entries: tuple[Suppression, ...], now: int) -> list[str]:
    """A line for each suppression that is over at `now` (microseconds UTC)."""
    return [f"suppression {one.id} of {one.scope} ended at {written(one.until)} and has no effect" for one in entries if one.until <= now]


def problems(folder: Path) -> list[Problem]:
    """What `check` says: entries that do not hold, things that the tables do not know, a signature that does not fit."""
    if not (folder / FILE).is_file():
        return []
    entries, found = _read(folder)
    network, _ = network_folder.read(folder)
    lines = _lines((folder / FILE).read_text(encoding="utf-8", errors="replace"))
    for number, one in enumerate(entries if network is not None and not found else ()):
        if network is not None and (wrong := unknown(one.scope, network)):
            found.append(Problem(file=FILE, line=lines[number], message=f"scope: {wrong}", fatal=False))
    if not found and (folder / SIGNATURE).exists() and (wrong := _unsigned(folder)):
        found.append(Problem(file=SIGNATURE, line=1, message=wrong, fatal=False))
    return found


def unknown(scope: str, network: Network) -> str:
    """'' where the tables know what is meant, else what would be right."""
    kind, _, name = scope.partition(":")
    if kind == "class":
        types = sorted({asset.type for asset in network.assets.values()})
        return "" if name in types else f"no asset is of type {name!r}{close(name, types)}"
    known = getattr(network, TABLES[kind]) if kind in TABLES else {name}
    return "" if name in known else f"there is no {kind} {name!r}{close(name, known)}"


def add(folder: Path, one: Suppression) -> Suppression:
    """Writes one more entry; the file must be signed again. Raises InputError where the entry or the file does not hold."""
    held = status(folder).entries
    digest = hashlib.blake2b(repr((one.scope, one.detector, one.kind, one.signal, one.until)).encode(), digest_size=4).hexdigest()
    named = Suppression(
        id=one.id or f"s-{digest}",
        scope=one.scope,
        detector=one.detector,
        kind=one.kind,
        signal=one.signal,
        reason=one.reason,
        until=one.until,
    )
    _write(folder, (*held, named))
    return named


def remove(folder: Path, name: str) -> None:
    """Takes an entry out; the file must be signed again."""
    held = status(folder).entries
    if all(one.id != name for one in held):
        raise InputError(f"{folder / FILE}: there is no suppression {name!r}; there are {', '.join(one.id for one in held) or 'none'}")
    _write(folder, tuple(one for one in held if one.id != name))


def sign(folder: Path, key_file: Path) -> int:
    """Puts the file in force with the key that signed the policy; returns how many entries it holds."""
    held = status(folder).entries
    key = policy_folder.signing_key(folder, key_file)
    policy_folder.replace(folder / SIGNATURE, signature.sign(_files(folder), key))
    return len(held)


def moment(text: str) -> int:
    """Microseconds UTC of an ISO 8601 time or date; without an offset it is UTC."""
    try:
        return _micros(datetime.fromisoformat(text))
    except ValueError:
        raise InputError(f"{text!r} is no time; write it as 2026-03-31 or 2026-03-31T12:00:00Z") from None


def written(at: int) -> str:
    """The same as text."""
    return datetime.fromtimestamp(at / 1e6, UTC).isoformat().replace("+00:00", "Z")


def _micros(when: datetime) -> int:
    return round((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()) * 1_000_000


def _files(folder: Path) -> dict[str, bytes]:
    return {FILE: (folder / FILE).read_bytes()}


def _unsigned(folder: Path) -> str:
    """'' where the signature fits, else what is wrong and what would be right."""
    signed, public = policy_folder.line(folder / SIGNATURE), policy_folder.public_key(folder)
    if not signed or not public:
        return f"is not signed; `interferon suppress sign {folder} --key FILE` puts it in force"
    try:
        signature.verify(_files(folder), signed, public)
    except PolicyError:
        return f"was changed after it was signed, or signed with another key than the policy; `interferon suppress sign {folder}` it again"
    return ""


def _read(folder: Path) -> tuple[tuple[Suppression, ...], list[Problem]]:
    try:
        raw = (folder / FILE).read_bytes()
    except FileNotFoundError:
        return (), []
    try:
        text = raw.decode("utf-8")
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        place = _LINE.search(str(error))
        return (), [_problem(int(place[1]) if place else 1, f"is not TOML in UTF-8: {error}")]
    rows = tables.get("suppression", [])
    if set(tables) - {"suppression"} or not isinstance(rows, list):
        return (), [_problem(1, "holds nothing but tables [[suppression]]")]
    found: list[Suppression] = []
    wrong: list[Problem] = []
    for row, line in zip(rows, _lines(text) + [1] * len(rows), strict=False):
        if problem := _wrong(row, [one.id for one in found]):
            wrong.append(_problem(line, problem))
        else:
            found.append(Suppression(**{**row, "until": _micros(row["until"])}))
    return tuple(found), wrong


def _problem(line: int, message: str) -> Problem:
    return Problem(file=FILE, line=line, message=message, fatal=False)


def _wrong(row: Any, before: list[str]) -> str:
    """'' where an entry holds, else what is wrong with it."""
    if not isinstance(row, dict):
        return "a suppression is a table [[suppression]]"
    if lacking := [name for name in NEEDED if name not in row]:
        return f"{lacking[0]} is missing; a suppression has {', '.join(NEEDED)} and may have signal"
    if strange := sorted(set(row) - {*NEEDED, "signal"}):
        return f"{strange[0]} is not known; a suppression has {', '.join(NEEDED)} and may have signal"
    if not isinstance(row["until"], datetime):
        return "until: a time is needed, such as 2026-03-31T12:00:00Z"
    if empty := [name for name in row if name != "until" and not (isinstance(row[name], str) and row[name].strip())]:
        return f"{empty[0]}: a text is needed"
    if row["id"] in before:
        return f"id: {row['id']!r} is used twice"
    if not all(row["scope"].partition(":")):
        return "scope: write asset:ID, identity:NAME or another reference, zone:ID, or class:TYPE"
    if "*" in row["kind"].removesuffix(".*"):
        return "kind: write a finding's kind, or its beginning and `.*`, such as telemetry.*"
    return ""


def _lines(text: str) -> list[int]:
    """The line in which each entry begins."""
    return [number for number, line in enumerate(text.splitlines(), 1) if line.replace(" ", "").startswith("[[suppression]]")]


def _write(folder: Path, entries: tuple[Suppression, ...]) -> None:
    rows = [_row(one) for one in entries]
    for number, row in enumerate(rows):
        if wrong := _wrong(row, [one["id"] for one in rows[:number]]):
            raise InputError(wrong)
    policy_folder.replace(folder / FILE, tomli_w.dumps({"suppression": rows}))


def _row(one: Suppression) -> dict[str, Any]:
    row = {name: getattr(one, name) for name in (*NEEDED[:-1], "signal") if getattr(one, name) or name in NEEDED}
    return {**row, "until": datetime.fromtimestamp(one.until / 1e6, UTC)}
