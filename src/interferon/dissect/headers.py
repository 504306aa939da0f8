"""The headers of a window's packets as columns, read in bulk: one gather a header over all packets, masks for what differs. Pure.

Called by `dissect.conversations`. Ordinary TCP and UDP over IPv4 is read here; every other shape, and the last packets of the bytes, go
one by one through `dissect.link`.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from interferon.dissect.internet import TCP, UDP
from interferon.dissect.link import BARE, COOKED, COOKED2, ETHERNET, LOOPBACK, TAGS, V4, Frames
from interferon.dissect.window import Ints, Window

_PORTS: Final = np.dtype([("near", ">u2"), ("far", ">u2"), ("sequence", ">u4"), ("heard", ">u4"), ("offset", "u1"), ("flags", "u1")])
_IP: Final = np.dtype(
    [
        ("first", "u1"), ("service", "u1"), ("total", ">u2"), ("mark", ">u2"), ("part", ">u2"), ("hops", "u1"), ("protocol", "u1"),
        ("sum", ">u2"), ("source", ">u4"), ("target", ">u4"), *_PORTS.descr,
    ]
)  # fmt: skip
_FRAME: Final = np.dtype([("type", ">u2"), *_IP.descr])  # without tags and options all of it is read at once
_TYPE: Final = np.dtype(">u2")
_DEEPEST: Final = 4  # VLAN tags in a row


class Table(NamedTuple):
    """A row a packet. An end of a conversation is `address << 16 | port` (`internet.Addresses` numbers the addresses)."""

    source: Ints
    target: Ints
    kind: Ints  # IP protocol, or more: see `link.name`; -1 of what belongs to no conversation
    begin: Ints  # of the payload in the window's data, or in `Internet.own[packet]`
    end: Ints  # of what was captured of it
    length: Ints  # bytes that it had on the wire
    sequence: Ints  # of TCP, like the flags
    flags: Ints


def table(window: Window, frames: Frames) -> Table:
    """The headers of all packets of a window."""
    links = window.links
    if isinstance(links, int):
        found, read = _bulk(window.data, window.starts, window.ends, links)
        rest = np.flatnonzero(~read)
    else:
        found, rest = np.zeros((8, len(window.starts)), np.int64), np.arange(len(window.starts))
        for link in np.unique(links).tolist():
            at = np.flatnonzero(links == link)
            part, read = _bulk(window.data, window.starts[at], window.ends[at], link)
            found[:, at] = part
            rest = np.setdiff1d(rest, at[read], assume_unique=True)
    if len(rest):
        _one_by_one(window, rest, found, frames)
    return Table(*found)


def _one_by_one(window: Window, rest: Ints, found: NDArray[np.int64], frames: Frames) -> None:
    data, row = window.data, frames.row
    links = [window.links] * len(rest) if isinstance(window.links, int) else window.links[rest].tolist()
    numbers = (rest + window.first).tolist()
    rows = [
        row(data, begin, end, link, number)
        for begin, end, link, number in zip(window.starts[rest].tolist(), window.ends[rest].tolist(), links, numbers, strict=True)
    ]
    found[:, rest] = np.array(rows, np.int64).T


def _gather(data: bytes, at: Ints, layout: np.dtype[Any]) -> NDArray[Any]:
    """The header at each place. Raw bytes are copied and then looked at as fields: a copy field by field is many times slower."""
    width = layout.itemsize
    return np.ndarray((len(data) - width + 1,), f"V{width}", data, 0, (1,))[at].view(layout)


def _internet(data: bytes, starts: Ints, link: int, limit: int) -> tuple[Ints, NDArray[np.bool_], NDArray[Any] | None] | None:
    """Where each packet's IPv4 header is, whether there is one, and the headers where they were read on the way.

    None of link types that are not read in bulk.
    """
    kind: NDArray[Any]
    if link == ETHERNET:
        at = np.minimum(starts + 12, limit)
        frames = _gather(data, at, _FRAME)
        kind = frames["type"]
        if kind.max() < TAGS[0]:
            return at + 2, kind == V4, frames
        for _ in range(_DEEPEST):
            tagged = np.isin(kind, TAGS)
            if not tagged.any():
                break
            at = np.minimum(at + 4 * tagged, limit)
            kind = _gather(data, at, _TYPE)
        return at + 2, kind == V4, None
    if link in (COOKED, COOKED2):
        kind = _gather(data, np.minimum(starts + (14 if link == COOKED else 0), limit), _TYPE)
        return starts + (16 if link == COOKED else 20), kind == V4, None
    if link in LOOPBACK:
        family = _gather(data, np.minimum(starts, limit), np.dtype(">u4"))
        return starts + 4, (family == 2) | (family == 2 << 24), None
    if link in BARE:
        return starts, np.ones(len(starts), bool), None
    return None


def _bulk(data: bytes, starts: Ints, ends: Ints, link: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The rows of ordinary TCP and UDP packets over IPv4, and which those are."""
    found = np.zeros((8, len(starts)), np.int64)
    limit = len(data) - _FRAME.itemsize  # the last place of which a header's bytes are there
    place = _internet(data, starts, link, limit) if limit > 0 else None
    if place is None:
        return found, np.zeros(len(starts), bool)
    at, read, ip = place
    if ip is None:
        ip = _gather(data, np.minimum(at, limit), _IP)
    header = (ip["first"].astype(np.int64) & 15) * 4
    total = ip["total"].astype(np.int64)
    protocol = ip["protocol"]
    tcp = protocol == TCP
    behind, inner = at + total, at + header
    read &= (tcp | (protocol == UDP)) & ((ip["first"] >> 4) == 4) & (header >= 20) & ((ip["part"] & 0x3FFF) == 0)
    read &= (behind <= ends) & (inner <= limit)
    ports = _gather(data, np.minimum(inner, limit), _PORTS) if (read & (header > 20)).any() else ip
    sequence = ports["sequence"].astype(np.int64)
    own = np.where(tcp, (ports["offset"] >> 4).astype(np.int64) * 4, 8)
    end = np.where(tcp, behind, inner + (sequence >> 16))  # of UDP the length stands there
    begin = inner + own
    read &= (begin <= end) & (end <= behind) & (own >= np.where(tcp, 20, 8))
    found[0] = (ip["source"].astype(np.int64) << 16) | ports["near"]
    found[1] = (ip["target"].astype(np.int64) << 16) | ports["far"]
    found[2], found[3], found[4], found[5] = protocol, begin, end, end - begin
    found[6], found[7] = np.where(tcp, sequence, 0), np.where(tcp, ports["flags"], 0)
    return found, read
