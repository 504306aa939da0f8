"""CIP paths (EPATH): what a request is about, as segments and as one name. Called by `cip`. Pure.

Source: ODVA, The CIP Networks Library, volume 1, appendix C-1.4 (segments), padded form.
"""

from functools import lru_cache
from typing import Any, Final, NamedTuple

LOGICAL: Final = ("class", "instance", "member", "connection_point", "attribute", "special", "service_id", "extended")
SHOWN: Final = frozenset(("class", "instance", "connection_point", "attribute", "service_id"))
KEY: Final = 0x34  # electronic key
SYMBOL: Final = 0x91  # ANSI extended symbol
KEPT: Final = 96  # octets of a path that is remembered: one of hundreds of segments takes hundreds of times its octets

Segment = dict[str, Any]


class Path(NamedTuple):
    """A path that is read. Cached: its segments are not to be changed."""

    name: str  # `class:1/instance:1/attribute:7`, `tag:Motor.Speed`, `port:1/link:0`
    segments: list[Segment]  # each with `segment`, its kind, and `value`
    number_class: int  # -1 where none is named; of several the last
    instance: int
    attribute: int
    tag: bool  # whether a symbol is named
    malformed: str


def path(raw: bytes) -> Path:
    """The path of these octets."""
    return _known(raw) if len(raw) <= KEPT else _read(raw)


def _read(raw: bytes) -> Path:
    segments: list[Segment] = []
    malformed, at, end = "", 0, len(raw)
    while at < end:
        found, stop = _segment(raw, at, end)
        if found is None or stop > end:
            malformed = f"no path segment: {raw[at:].hex()}"
            break
        segments.append(found)
        at = stop
    last = {each["segment"]: each["value"] for each in segments}
    numbers = [last.get(kind, -1) for kind in ("class", "instance", "attribute")]
    return Path(_name(segments), segments, numbers[0], numbers[1], numbers[2], "symbol" in last, malformed)


_known = lru_cache(4096)(_read)


def _name(segments: list[Segment]) -> str:
    """One name for all: symbols with their members and elements, then classes and what is in them; ports where there is nothing else."""
    symbol, parts = "", list[str]()
    for each in segments:
        kind, value = each["segment"], each["value"]
        if kind == "symbol":
            symbol += f".{value}" if symbol else f"tag:{value}"
        elif kind == "member":
            if symbol and not parts:
                symbol += f"[{value}]"
            else:
                parts.append(f"member:{value}")
        elif kind in SHOWN:
            parts.append(f"{kind}:{value}")
    if symbol:
        parts.insert(0, symbol.replace("][", ","))
    if parts:
        return "/".join(parts)
    return "/".join(f"port:{each['value']}/link:{each['link']}" for each in segments if each["segment"] == "port")


def _segment(raw: bytes, at: int, end: int) -> tuple[Segment | None, int]:
    """The segment at `at` and where it ends, which may be behind `end`; None where its kind is not known."""
    first = raw[at]
    if first < 0x20:
        return _port(raw, at, end)
    if first == KEY:
        return _key(raw, at, end)
    if first < 0x40:
        return _logical(raw, at, end)
    if first < 0x60:
        return _network(raw, at, end)
    if first < 0x80:
        stop = at + 1 + (first & 31)
        return ({"segment": "symbol", "value": _text(raw, at + 1, stop)}, stop + (stop - at & 1)) if first & 31 else (None, end)
    if first in (0x80, SYMBOL) and end - at >= 2:
        if first == SYMBOL:
            stop = at + 2 + raw[at + 1]
            return {"segment": "symbol", "value": _text(raw, at + 2, stop)}, stop + (stop - at & 1)
        stop = at + 2 + 2 * raw[at + 1]
        return {"segment": "data", "value": raw[at + 2 : stop].hex()}, stop
    return None, end


def _text(raw: bytes, at: int, end: int) -> str:
    return raw[at:end].decode("utf-8", "backslashreplace")


def _logical(raw: bytes, at: int, end: int) -> tuple[Segment | None, int]:
    first = raw[at]
    kind, size = LOGICAL[first >> 2 & 7], first & 3
    if size == 3 or kind in ("special", "extended"):
        return None, end
    if not size:
        return {"segment": kind, "value": raw[at + 1] if at + 1 < end else -1}, at + 2
    stop = at + 2 + 2 * size
    return {"segment": kind, "value": int.from_bytes(raw[at + 2 : stop], "little")}, stop


def _key(raw: bytes, at: int, end: int) -> tuple[Segment | None, int]:
    """An electronic key: what the device must be for the request to be carried out."""
    if end - at < 10 or raw[at + 1] != 4:
        return None, end
    wanted = {
        "vendor_id": raw[at + 2] | raw[at + 3] << 8,
        "device_type": raw[at + 4] | raw[at + 5] << 8,
        "product_code": raw[at + 6] | raw[at + 7] << 8,
        "compatible": raw[at + 8] > 127,
        "revision": f"{raw[at + 8] & 127}.{raw[at + 9]}",
    }
    return {"segment": "electronic_key", "value": wanted}, at + 10


def _port(raw: bytes, at: int, end: int) -> tuple[Segment | None, int]:
    first, stop = raw[at], at + 1
    long, port = first & 0x10, first & 15
    if end - at < 2 or not port:
        return None, end
    size = 1
    if long:
        size = raw[stop]
        stop += 1
    if port == 15:
        port, stop = int.from_bytes(raw[stop : stop + 2], "little"), stop + 2
    link = _text(raw, stop, stop + size).rstrip("\0") if long else raw[stop] if stop < end else -1
    stop += size
    return {"segment": "port", "value": port, "link": link}, stop + (stop - at & 1)


def _network(raw: bytes, at: int, end: int) -> tuple[Segment | None, int]:
    """A schedule, a production inhibit time (ms), or with bit 4 set words whose number is told."""
    first = raw[at]
    if end - at < 2:
        return None, end
    if not first & 0x10:
        return {"segment": "network", "value": raw[at + 1], "subtype": first & 31}, at + 2
    stop = at + 2 + 2 * raw[at + 1]
    return {"segment": "network", "value": raw[at + 2 : stop].hex(), "subtype": first & 31}, stop
