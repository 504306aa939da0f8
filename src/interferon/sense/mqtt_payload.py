"""What an MQTT message says: Sparkplug B, VDA 5050, or JSON and plain numbers as mappings of the feed say. Called by the connectors.

A mapping takes a topic pattern, as `plant/{entity}/{signal}`, and paths into the JSON of the payload, as `reading.value` or `$.tags[0].v`.
Also for messages of other brokers, whose subjects are written as topics. Pure.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, Literal

import msgspec

from interferon.sense import sparkplug, vda5050
from interferon.sense.live import BAD, GOOD, UNCERTAIN, Found, Reading, Unread, number, shown

FACTORS: Final = {"s": 1_000_000, "ms": 1000, "us": 1, "ns": 0.001}
QUALITIES: Final = {"good": GOOD, "uncertain": UNCERTAIN, "bad": BAD}
LATEST: Final = 1 << 62
_STEP: Final = re.compile(r"([^.\[\]]+)|\[(\d{1,9})\]")
_WHOLE: Final = re.compile(r"(\$|[^.\[\]]+|\[\d{1,9}\])?(\.[^.\[\]]+|\[\d{1,9}\])*")
_FIELD: Final = re.compile(r"\{(\w+)\}")


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[feed.map]]`: which topics, and where in their payload the values stand. Texts in braces are parts of the topic."""

    topic: str  # as `plant/{entity}/{signal}`; + and # as in MQTT
    entity: str = "asset:{entity}"
    signal: str = "{signal}"
    value: str = ""  # path of the value; '' where the whole payload is one
    values: dict[str, str] = {}  # or several: signal → path
    time: str = ""  # path of the time; '' where the message has none: when it came
    time_unit: Literal["iso", "s", "ms", "us", "ns"] = "iso"
    quality: str = ""  # path: good, uncertain or bad; true or false; or an OPC quality (192 good, 64 uncertain, 0 bad)

    def __post_init__(self) -> None:
        """ValueError names the text that is no pattern, path or reference."""
        names = set(_FIELD.findall(self.topic))
        if not self.topic or "#" in self.topic.removesuffix("/#").removesuffix("#"):
            raise ValueError(f"topic {self.topic!r} is no pattern; # stands at the end alone, as in plant/#")
        for key, text in (("entity", self.entity), ("signal", "" if self.values else self.signal)):
            if missing := set(_FIELD.findall(text)) - names:
                raise ValueError(f"{key} {text!r} names {{{min(missing)}}}, which topic {self.topic!r} does not have")
        if ":" not in self.entity:
            raise ValueError(f"entity {self.entity!r} is no reference; write kind:id, as asset:{{entity}}")
        for path in (self.value, self.time, self.quality, *self.values.values()):
            if not _WHOLE.fullmatch(path):
                raise ValueError(f"path {path!r} is none; write it as reading.value or $.tags[0].v")


class Reader:
    """Reads messages of one feed. `state` is plain JSON that the caller keeps: what births of Sparkplug nodes told."""

    def __init__(self, maps: tuple[Mapping, ...], interfaces: tuple[str, ...], entities: dict[str, str], state: dict[str, Any]) -> None:
        self._maps = [(_pattern(each.topic), each) for each in maps]
        self._interfaces, self._entities, self.state = interfaces, entities, state

    def read(self, topic: str, payload: bytes, seen: int) -> Iterator[Found]:
        """What the message says; a mapping of the feed goes before the standards. `seen`: microseconds UTC."""
        for pattern, mapping in self._maps:
            if match := pattern.fullmatch(topic):
                yield from mapped(mapping, match.groupdict(), topic, payload, seen)
                return
        if sparkplug.speaks(topic):
            yield from sparkplug.read(topic, payload, self.state, seen, self._entities)
        elif vda5050.speaks(topic, self._interfaces):
            yield from vda5050.read(topic, payload, seen, self._entities)
        else:
            yield Unread(f"topic {topic!r}: no map of the feed fits it, and it is neither Sparkplug nor VDA 5050", shown(payload))


def mapped(mapping: Mapping, names: dict[str, str], topic: str, payload: bytes, seen: int) -> Iterator[Found]:
    """The readings of one message as `mapping` says; `names`: parts of the topic."""
    entity = _filled(mapping.entity, names)
    try:
        message = _decoded(payload)
        time = _time(_at(message, mapping.time), mapping.time_unit) if mapping.time else seen
        quality = _quality(_at(message, mapping.quality)) if mapping.quality else GOOD
    except (LookupError, ValueError, TypeError, OverflowError, RecursionError) as error:
        yield Unread(f"topic {topic}: {error}", shown(payload), entity)
        return
    wanted = mapping.values or {_filled(mapping.signal, names): mapping.value}
    for signal, path in wanted.items():
        try:
            yield _reading(time, entity, signal, _at(message, path), quality)
        except (LookupError, ValueError) as error:
            yield Unread(f"topic {topic}, signal {signal}: {error}", shown(payload), entity, time)


def _decoded(payload: bytes) -> Any:
    """JSON, or text that is none."""
    try:
        return msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = payload.decode(errors="strict").strip()
        if text[:1] in "{[":
            raise ValueError("the payload begins as JSON and is none") from None
        return text


def _reading(time: int, entity: str, signal: str, value: Any, quality: int) -> Reading:
    if value is None:
        return Reading(time, entity, signal, quality=BAD)
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return Reading(time, entity, signal, text=value[:4096], quality=quality)
    found = number(value)
    if found is not None:
        return Reading(time, entity, signal, found, quality=quality)
    if isinstance(value, int | float):
        return Reading(time, entity, signal, text=str(value)[:40], quality=BAD)
    raise ValueError(f"the value is {str(value)[:60]!r}, neither a number nor text")


def _at(message: Any, path: str) -> Any:
    """The value at a path. LookupError says what is not there."""
    for name, place in _STEP.findall(path.removeprefix("$")):
        try:
            message = message[name] if name else message[int(place)]
        except (KeyError, IndexError, TypeError):
            raise LookupError(f"the payload has no {path!r}") from None
    return message


def _time(value: Any, unit: str) -> int:
    if unit == "iso":
        if not isinstance(value, str):
            raise ValueError(f"the time is {value!r}, not text in ISO 8601; for numbers say time_unit")
        moment = datetime.fromisoformat(value)
        found = round((moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).timestamp() * 1_000_000)
    else:
        found = round((float(value) if isinstance(value, str) else value) * FACTORS[unit])
    if not 0 < found < LATEST:
        raise ValueError(f"the time is {value!r}, out of range")
    return found


def _quality(value: Any) -> int:
    if isinstance(value, bool):
        return GOOD if value else BAD
    if isinstance(value, int):
        return {3: GOOD, 1: UNCERTAIN}.get(value >> 6 & 3, BAD)
    if isinstance(value, str) and value.lower() in QUALITIES:
        return QUALITIES[value.lower()]
    raise ValueError(f"the quality is {value!r}; it would be good, uncertain or bad, true or false, or an OPC quality")


def _filled(text: str, names: dict[str, str]) -> str:
    return _FIELD.sub(lambda match: names[match[1]], text)


@cache
def _pattern(topic: str) -> re.Pattern[str]:
    """A topic pattern as an expression: `{name}` and + are one level, # is all that follow, also none."""
    parts = []
    for part in topic.split("/"):
        if part == "#":
            parts.append(".*")
        elif part == "+":
            parts.append("[^/]*")
        else:
            pieces = re.split(r"(\{\w+\})", part)
            parts.append("".join(f"(?P<{piece[1:-1]}>[^/]+?)" if piece[:1] == "{" else re.escape(piece) for piece in pieces))
    found = "/".join(parts)
    return re.compile(found.removesuffix("/.*") + "(?:/.*)?" if found.endswith("/.*") else found)
