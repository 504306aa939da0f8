"""Reads Windows event log files (EVTX), each chunk of 64 KiB for itself: one that is damaged costs no other.

Called by replay and discover. The package `evtx` decodes the records; what an event means is in `sense.windows_kinds`.
"""

import base64
import io
import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from evtx import PyEvtxParser

from interferon.sense.record_rows import Read, Rows
from interferon.sense.windows_kinds import activity
from interferon.store.recorded_bytes import Damage, content

NAME: Final = "evtx"
SUFFIXES: Final = (".evtx",)
WHOLE: Final = True
# a file of one login, deflated since the format fills a chunk of 64 KiB; tests/unit/evtx_file.py makes it
EXAMPLE: Final = zlib.decompress(
    base64.b85decode(
        b"c-rmQ%S%*Y7{~GF=o!;)TB{<6Ale8sj-uryg2@ZnjZ&isDu!mf&^Sk&$qPb=5kXLkz-4XwAEIT;5SJ~YKOu?`+STuU=a`z#&IscBIm|h}=Y8JW^S%mBe_?cB"
        b"qL8;g)x^(5eFCdBYYJ?)H68i6Y5)KL007{x>o1J<ju#);`hWM;o{RC90-becOD~s)cVq0&UtgbK2mY<*X6<RXvCpeRcP}1&^eJcz0?Qm$#i{t4ptt)I)^9VG"
        b"x1yC*eyUI1`MC03W5VWa(h909shkKpY+PYwo3d_e(N(hhdXra7RzIiooY0$Ti&TniRFNr_BfW32S=ANwY_qhkcKwvLPTljrhc9g@)dX&mEAd>Skvbc;dBv3d"
        b"csjP3C%S)$>%T43+ciJ(jK;|+W?FBvZaIf)D<PMbL%XV1la}|3IcZn6O*d&b{WNnb&+2VbgXR_UP*D@ApVym=N;zM0kz-a921>Wh#lx&+_iRe(p!K=ACW25)"
        b"KCQ*KTNt?Ck2i66ZY5!t<7F2rp@9p^xUKjQ2lc$zXCoTUO}$rB$!i%d4>{G{acf+Q1J5q(-IAvDMsB^weCpdYi=>{d{@$Sow+-EXQ!4kA>e^J3_SbE<zO*{H"
        b"6;_5As6DW0eM3Gyk>-@!SZkmj!k|rs=W(OQN=mPeN>+`E8!N5fmfkQ(sp@^)tfyG7X72n<DW)9nsv0Kjf_86EYtTqxa83vPN8F}wsbSOn`h2Fc{=D4N{dl4h"
        b"^(+cE)tzxU>`Lr>P7W$ZSq(g<a@lSuw{9Bi5q@hU&CgFIb6riAb{r$=#&}g_j0T;7NFzj=^oY_hRq44#eWul`+vAVbd;MOu*Fp7^(bnYrp(*L|S#R~*y#DD@"
        b"3Pb<*0ssI200000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        b"0Q|px0spn3Uj"
    )
)
MAGIC: Final = b"ElfFile\0"
CHUNK_MAGIC: Final = b"ElfChnk\0"
HEADER: Final = 4096
CHUNK: Final = 65_536
FIRST: Final = 512  # of the records in a chunk
SMALLEST: Final = 28  # bytes of a record
TOLD: Final = 50  # records of one chunk that are told one by one


def sniff(head: bytes) -> bool:
    """Whether it begins as an event log file."""
    return head.startswith(MAGIC)


def read(path: Path, feed: str = "") -> Read:
    """Batches in the order of the file. InputError where it is not there, cannot be read, or is too large."""
    damage = Damage()
    rows = Rows(feed or path.stem, 0)
    yield from _file(content(path, damage), rows)
    for reason in damage:
        rows.dead(reason, "")
    yield from rows.rest()


def normalise(data: bytes, feed: str, first: int = 0) -> Read:
    """The events of one file, the first at offset `first`; events and dead letters are counted."""
    rows = Rows(feed, first)
    yield from _file(data, rows)
    yield from rows.rest()


def _file(data: bytes, rows: Rows) -> Read:
    if not data.startswith(MAGIC):
        if data[HEADER : HEADER + 8] != CHUNK_MAGIC:
            rows.dead("is no Windows event log file: it would begin with ElfFile", _shown(data))
            return
        rows.dead("the head of the file is damaged; its chunks are read all the same", _shown(data))
    for number, place in enumerate(range(HEADER, len(data), CHUNK)):
        _placed(data[place : place + CHUNK], number, rows)
        yield from rows.taken()
    there, said = max(0, len(data) - HEADER + CHUNK - 1) // CHUNK, _said(data)
    if there < said:
        rows.dead(f"the file is cut off: it says that it has {said} chunks, {there} are there", "")


def _said(data: bytes) -> int:
    """How many chunks the head promises."""
    return int(struct.unpack_from("<H", data, 42)[0]) if data.startswith(MAGIC) and len(data) >= 44 else 1


def _placed(chunk: bytes, number: int, rows: Rows) -> None:
    if not chunk.strip(b"\0"):
        return  # kept in reserve by Windows
    if not chunk.startswith(CHUNK_MAGIC) or len(chunk) < FIRST:
        rows.dead(f"chunk {number} is damaged: it would begin with ElfChnk and have {CHUNK} bytes", _shown(chunk))
        return
    _chunk(chunk.ljust(CHUNK, b"\0"), number, rows)
    if len(chunk) < CHUNK:
        rows.dead(f"the file is cut off within chunk {number}: {len(chunk)} of {CHUNK} bytes", _shown(chunk))


def _chunk(chunk: bytes, number: int, rows: Rows) -> None:
    """The records of one chunk, read as a file of this chunk alone."""
    there, told, found = _records(chunk), 0, 0
    for record in _parsed(chunk):
        found += 1
        if isinstance(record, bytes):
            _event(record, number, rows)
        elif told < TOLD:
            told += 1
            rows.dead(f"chunk {number}: {record}", "")
    if found < there or told == TOLD:
        rows.dead(f"chunk {number} holds {there} records, of which {found} could be told apart", _shown(chunk[FIRST:]))


def _event(record: bytes, number: int, rows: Rows) -> None:
    try:
        for row in activity(msgspec.json.decode(record), record):
            rows.add(row)
    except ValueError as error:
        rows.dead(f"chunk {number}: {error}", record.decode())


def _parsed(chunk: bytes) -> Iterator[bytes | str]:
    """Each record as JSON, or why it could not be read."""
    head = bytearray(struct.pack("<8sQQQIHHHH", MAGIC, 0, 0, 1, 128, 1, 3, HEADER, 1).ljust(120, b"\0"))
    head += struct.pack("<II", 0, zlib.crc32(head))
    try:
        records = PyEvtxParser(io.BytesIO(bytes(head.ljust(HEADER, b"\0")) + chunk), number_of_threads=1).records_json()
    except (RuntimeError, OSError, ValueError) as error:
        yield str(error)
        return
    for _ in range(CHUNK // SMALLEST):
        try:
            yield _checked(dict(next(records) or {}).get("data", ""))
        except StopIteration:
            return
        except (RuntimeError, OSError, ValueError, RecursionError) as error:
            yield " ".join(str(error).split())[:500]


def _checked(text: str) -> bytes:
    """The text of one object of JSON, or ValueError. Damaged texts hold control characters that the decoder leaves as they are."""
    raw = text.encode(errors="replace")
    try:
        found = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        found = json.loads(raw, strict=False)
        raw = msgspec.json.encode(found)
    if not isinstance(found, dict):
        raise ValueError("a record is no object")
    return raw


def _records(chunk: bytes) -> int:
    """How many records begin in the chunk, walked from head to head."""
    place, found = FIRST, 0
    while chunk[place : place + 4] == b"**\0\0":
        (size,) = struct.unpack_from("<I", chunk, place + 4)
        found += 1
        if not SMALLEST <= size <= CHUNK - place:
            break
        place += size
    return found


def _shown(data: bytes) -> str:
    return data[:400].hex(" ")
