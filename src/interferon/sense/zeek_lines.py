"""Lines of Zeek's logs, TSV or JSON, to events: which line is of which format, under which header, and of which log.

Called by the connector `zeek`, block by block; keeps only the header. Pure.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

import msgspec

from interferon.sense import zeek_json, zeek_tsv
from interferon.sense.pieces import whole_lines
from interferon.sense.zeek_kinds import guessed
from interferon.sense.zeek_rows import Read, dead, micros

ROWS: Final = 8192  # of a batch that was read line by line
MOST: Final = 65_536  # of any batch
PIECE: Final = 1 << 16  # bytes: where a block holds something unusual, pieces of it are tried
LONGEST: Final = 1 << 24  # bytes of a line; no record of Zeek comes near
CARRIAGE_RETURN: Final = 13
ADDRESSES: Final = {"uid", "id.orig_h", "id.resp_h"}
_record = msgspec.json.Decoder(dict[str, object])


class Reader:
    """Reads one feed, whose first line has the number `first`. `told`: the log's name, where the records do not say it."""

    def __init__(self, feed: str, told: str, first: int = 0) -> None:
        self._feed, self._told, self._next = feed, told, first
        self._header = zeek_tsv.Header()

    def block(self, block: bytes) -> Read:
        """Whole lines, each ending with a newline."""
        if not block.startswith(b"{") or self._header.fields:
            yield from self.lines(block.split(b"\n")[:-1])
            return
        if block[max(block.find(b"\n") - 1, 0)] == CARRIAGE_RETURN:
            block = block.replace(b"\r\n", b"\n")
        found = zeek_json.fast(block, self._feed, self._next, self._told)
        if found is not None:
            self._next += found.num_rows
            yield from (found.slice(begin, MOST) for begin in range(0, found.num_rows, MOST))
        elif len(block) > 2 * PIECE:
            for piece in whole_lines(block, PIECE):
                yield from self.block(piece)
        else:
            yield from self.lines(block.split(b"\n")[:-1])

    def lines(self, lines: Sequence[bytes]) -> Read:
        """Line by line."""
        numbered = list(enumerate(lines, self._next))
        self._next += len(numbered)
        for kind, run in groupby(numbered, lambda each: self._kind(each[1])):
            if kind == "header":
                for _, line in run:
                    self._header = zeek_tsv.heading(self._header, line.rstrip(b"\r\n"))
                continue
            listed = list(run)
            for begin in range(0, len(listed), ROWS):
                yield from self._run(kind, listed[begin : begin + ROWS])

    def _run(self, kind: str, lines: list[tuple[int, bytes]]) -> Read:
        if kind == "row":
            yield from zeek_tsv.rows([(offset, line.rstrip(b"\r\n")) for offset, line in lines], self._header, self._feed, self._told)
        elif kind == "json":
            yield from zeek_json.slow([line for _, line in lines], self._feed, lines[0][0], self._told)
        elif kind == "long":
            for offset, line in lines:
                yield dead(line, self._feed, offset, f"has {len(line)} bytes; a record of Zeek has at most {LONGEST}")

    def _kind(self, line: bytes) -> str:
        start = line.lstrip()[:1]
        if not start:
            return "blank"
        if len(line) > LONGEST:
            return "long"
        if line.startswith(b"#"):
            return "header"
        header = self._header
        below = bool(header.fields) and line.count(header.separator.encode()) + 1 == len(header.fields)
        return "row" if below or (header.fields and start != b"{") else "json"


def is_zeek(head: bytes) -> bool:
    """Whether a log of Zeek certainly begins with these bytes."""
    lines: Iterable[bytes] = head.split(b"\n")
    if zeek_tsv.is_header(iter(lines)):
        return True
    first = next((line for line in lines if line.strip()), b"")
    try:
        record = _record.decode(first)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    time = record.get("ts", record.get("_write_ts"))
    if "event_type" in record or micros(time) is None:
        return False
    return isinstance(record.get("_path"), str) or record.keys() >= ADDRESSES or bool(guessed(record) and record.keys() & {"uid", "fuid"})
