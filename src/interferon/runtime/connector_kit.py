"""The kit for connectors: a module that turns the bytes of one format into events. Called by `plugin_check` and the tests.

Runs the connector on its own EXAMPLE, whole and damaged; writes it to a temporary file for `read`. A connector of documents or of a binary
format says `WHOLE = True`: its `normalise` takes the bytes of one file instead of lines.
"""

import inspect
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa

from interferon.model.errors import InputError
from interferon.model.events import ACTIVITY_KINDS, FAMILIES, TRADE_KINDS
from interferon.model.records import DeadLetter

LIVE: Final = ("NAME", "Settings", "listen")
LISTENS: Final = ("settings", "feed", "place", "take")  # parameters of `listen`
NAMES: Final = ("NAME", "SUFFIXES", "EXAMPLE", "read", "normalise")
FEED: Final = "example"
CUTS: Final = 32  # places at which a whole file is cut off
DAMAGE: Final = b"\xff\xfe\x00 neither text nor record\n"
OF_KIND: Final = {"activity": ACTIVITY_KINDS, "trade": TRADE_KINDS}


def run(connector: Any) -> list[str]:
    """Every broken promise of one connector, as a line that says what would be right."""
    if hasattr(connector, "listen"):
        return _live(connector)
    missing = [f"has no {name}; a connector has {', '.join(NAMES)}" for name in NAMES if not hasattr(connector, name)]
    problems = missing or _metadata(connector)
    return problems or _behaviour(connector)


def _live(connector: Any) -> list[str]:
    """A connector that listens: what it says of itself. That it loses and doubles nothing is shown against its server, not here."""
    if missing := [f"has no {name}; a live connector has {', '.join(LIVE)}" for name in LIVE if not hasattr(connector, name)]:
        return missing
    problems = _named(connector)
    if not (isinstance(connector.Settings, type) and issubclass(connector.Settings, msgspec.Struct)):
        problems.append("Settings is no msgspec.Struct; its fields are the keys of a [[feed]] in feeds.toml")
    elif not connector.Settings.__struct_config__.forbid_unknown_fields:
        problems.append("Settings takes unknown keys; forbid_unknown_fields tells a person of a misspelt one")
    given = tuple(inspect.signature(connector.listen).parameters)
    if not inspect.iscoroutinefunction(connector.listen) or given != LISTENS:
        problems.append(f"listen takes {', '.join(given)}; it is `async def listen({', '.join(LISTENS)})`")
    return problems


def _named(connector: Any) -> list[str]:
    problems = [] if (connector.__doc__ or "").strip() else ["has no docstring; say which format it reads and where that is described"]
    if not isinstance(connector.NAME, str) or not connector.NAME.isidentifier():
        problems.append(f"NAME is {connector.NAME!r}; it is the format's name, one word, as --format takes it")
    return problems


def _metadata(connector: Any) -> list[str]:
    problems = _named(connector)
    suffixes = connector.SUFFIXES
    if not isinstance(suffixes, tuple) or not all(isinstance(each, str) and each.startswith(".") and each.islower() for each in suffixes):
        problems.append(f'SUFFIXES is {suffixes!r}; it is a tuple of endings in small letters, as (".csv",)')
    if not isinstance(connector.EXAMPLE, bytes) or not connector.EXAMPLE.strip():
        problems.append("EXAMPLE is not the bytes of a recording; a few real lines are enough")
    return problems


def _behaviour(connector: Any) -> list[str]:
    lines = connector.EXAMPLE if _whole(connector) else connector.EXAMPLE.splitlines(keepends=True)
    events, dead = _taken(connector.normalise(lines, FEED))
    problems = [f"EXAMPLE holds a line that its own connector cannot read: {letter.reason}" for letter in dead[:1]]
    if not events:
        return [*problems, "EXAMPLE gives no event"]
    if wrong := _shape(connector.normalise(lines, FEED)):
        return [*problems, *wrong]
    problems += _heads(events)
    if _taken(connector.normalise(lines, FEED)) != (events, dead):
        problems.append("normalise gives other events the second time; it draws nothing, reads no clock and remembers nothing")
    return problems + _files(connector, events) + _damaged(connector, lines, events)


def _whole(connector: Any) -> bool:
    return bool(getattr(connector, "WHOLE", False))


def _taken(items: Iterable[Any]) -> tuple[list[dict[str, Any]], list[DeadLetter]]:
    """All rows, each with its family, and all dead letters."""
    events: list[dict[str, Any]] = []
    dead: list[DeadLetter] = []
    for item in items:
        if isinstance(item, DeadLetter):
            dead.append(item)
        else:
            events += [{"family": _family(item), **row} for row in item.to_pylist()]
    return events, dead


def _family(batch: pa.RecordBatch) -> str:
    return str((batch.schema.metadata or {}).get(b"family", b"").decode())


def _shape(items: Iterable[Any]) -> list[str]:
    """Every batch has the schema of its family."""
    for item in items:
        if isinstance(item, DeadLetter):
            continue
        schema = FAMILIES.get(_family(item))
        if schema is None:
            return [f"normalise gives a batch of family {_family(item)!r}; it would be one of {', '.join(FAMILIES)}"]
        if not item.schema.equals(schema):
            wrong = [field.name for field in schema if field.name not in item.schema.names or item.schema.field(field.name) != field]
            return [
                f"normalise gives a {_family(item)} batch with another schema than model/events.py: look at {', '.join(wrong) or 'order'}"
            ]
    return []


def _heads(events: list[dict[str, Any]]) -> list[str]:
    """Entities are references, kinds are known, offsets go up within the feed."""
    problems = []
    last: dict[str, int] = {}
    for event in events:
        kind = event.get("kind")
        if ":" not in str(event["entity"]):
            problems.append(f"normalise gives the entity {event['entity']!r}; a reference is kind:id, as asset:plc-1")
        if kind is not None and kind not in OF_KIND[event["family"]]:
            problems.append(f"normalise gives the kind {kind!r}, which is no kind of {event['family']}")
        if event["offset"] <= last.get(event["feed"], -1):
            problems.append(f"normalise gives offset {event['offset']} after {last[event['feed']]}; offsets go up within a feed")
        last[event["feed"]] = event["offset"]
    return problems[:3]


def _files(connector: Any, events: list[dict[str, Any]]) -> list[str]:
    """`read` on a file is `normalise` on its lines; a file that is not there is one clear error."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{FEED}{connector.SUFFIXES[0]}"
        path.write_bytes(connector.EXAMPLE)
        problems = [] if _taken(connector.read(path))[0] == events else ["read gives other events than normalise on the same lines"]
        try:
            list(connector.read(path.with_name("absent")))
        except InputError:
            return problems
        except OSError as error:
            return [*problems, f"read of an absent file raises {type(error).__name__}; raise InputError with one line"]
        return [*problems, "read of an absent file is silent; raise InputError with one line"]


def _damaged(connector: Any, lines: Any, events: list[dict[str, Any]]) -> list[str]:
    """A line that cannot be read is a dead letter with its reason, and costs no other line; so is a document that is cut off."""
    if _whole(connector):
        return _damaged_whole(connector, lines)
    found, dead = _taken(connector.normalise([*lines, DAMAGE], FEED))
    if not dead:
        return ["normalise drops a line that it cannot read; yield a DeadLetter with the reason and the raw line"]
    if found != events:
        return ["normalise loses good lines beside one that it cannot read"]
    return _letters(dead)


def _damaged_whole(connector: Any, data: bytes) -> list[str]:
    """What is cut off in the middle of its last record, and what is no such file at all, is told in a dead letter and raises nothing."""
    for what, damaged in (("the bytes of something else", DAMAGE), ("a file that is cut off", data[: len(data) - 3])):
        _, dead = _taken(connector.normalise(damaged, FEED))
        if not dead:
            return [f"normalise of {what} is silent; yield a DeadLetter with the reason and the beginning of the bytes"]
        if problems := _letters(dead):
            return problems
    for cut in range(0, len(data), max(1, len(data) // CUTS)):
        _taken(connector.normalise(data[:cut], FEED))
    return []


def _letters(dead: list[DeadLetter]) -> list[str]:
    return [] if all(letter.reason and letter.feed == FEED for letter in dead) else ["a dead letter of normalise lacks its feed or reason"]
