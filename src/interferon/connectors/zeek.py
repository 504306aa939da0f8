"""Reads the logs of the network sensor Zeek, TSV or JSON lines, of any log (docs.zeek.org, "Log Files"); gzipped ones too.

Called by replay, discover and `up`. What the fields mean is in `sense.zeek_kinds`. An event's offset is the number of its line.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import pyarrow as pa

from interferon.model.errors import InputError
from interferon.model.records import DeadLetter
from interferon.sense.pieces import CHUNK, chunks, whole_lines
from interferon.sense.zeek_kinds import named
from interferon.sense.zeek_lines import LONGEST, ROWS, Reader, is_zeek

NAME: Final = "zeek"
SUFFIXES: Final = (".log", ".json")
EXAMPLE: Final = (
    b"#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tmodbus\n"
    b"#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tfunc\texception\n"
    b"#types\ttime\tstring\taddr\tport\taddr\tport\tstring\tstring\n"
    b"1767600000.250000\tCa1\t10.0.0.9\t50112\t10.0.0.5\t502\tWRITE_SINGLE_REGISTER\t-\n"
    b'{"_path":"dns","ts":1767600001.5,"uid":"Cb2","id.orig_h":"10.0.0.9","id.orig_p":5353,"id.resp_h":"10.0.0.1","id.resp_p":53,'
    b'"proto":"udp","query":"plc-1.plant.example","qtype":1,"qtype_name":"A","rcode":0,"rcode_name":"NOERROR","rtt":0.000871}\n'
)

Read = Iterator["pa.RecordBatch | DeadLetter"]


def sniff(head: bytes) -> bool:
    """Whether it begins with Zeek's header, or with a JSON record that only Zeek writes."""
    return is_zeek(head)


def read(path: Path, feed: str = "") -> Read:
    """Batches in the order of the lines, and the lines that could not be used. The log is told by its records, or by the file's name."""
    try:
        source = path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    with source:
        name = feed or path.stem
        yield from blocks(chunks(source.read), name, named(path.name) or named(name))


def normalise(lines: Iterable[bytes], feed: str, first: int = 0) -> Read:
    """The same on any byte lines, the first at offset `first`."""
    reader, source = Reader(feed, named(feed), first), iter(lines)
    while listed := list(islice(source, ROWS)):
        block = b"".join(line if line.endswith(b"\n") else line + b"\n" for line in listed)
        yield from reader.block(block) if block.count(b"\n") == len(listed) else reader.lines(listed)


def blocks(pieces: Iterable[bytes | str], feed: str, told: str = "", first: int = 0) -> Read:
    """The same on the bytes of a stream, cut anywhere; text among them says why the stream has broken off. `told`: the log's name."""
    reader, rest = Reader(feed, told, first), b""
    for piece in pieces:
        if isinstance(piece, str):
            yield DeadLetter(feed=feed, offset=-1, time=0, family="activity", entity="", reason=piece)
            continue
        if b"\n" not in piece:
            rest = rest if len(rest) > LONGEST else rest + piece  # a line that is too long is told of, not kept
            continue
        begin = 0
        if rest:  # joined with some of the piece only: a whole file in one piece is not copied
            begin = (piece.rfind(b"\n", 0, CHUNK) if b"\n" in piece[:CHUNK] else piece.find(b"\n")) + 1
            yield from reader.block(rest + piece[:begin])
        for block in whole_lines(piece, CHUNK, begin):
            yield from reader.block(block)
        rest = piece[piece.rfind(b"\n") + 1 :]
    if rest:
        yield from reader.block(rest + b"\n")
