"""Inputs to begin with: our own examples, what the unit tests feed to a parser, and recorded files where there are any. Reads files.

Called by `run` and tests/unit/test_fuzz.py. Nothing is copied: what the tests build is heard while they run, what is recorded stays
where it lies.
"""

import functools
import json
import os
from collections.abc import Callable, Iterable
from importlib import resources
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pyarrow as pa
import pytest

from interferon.connectors import capture
from interferon.dissect.conversations import readings
from interferon.dissect.message import Plain
from interferon.playbooks import library
from interferon.runtime import formats
from interferon.sense import sparkplug

from . import checks, documents, targets

LONGEST: Final = 1 << 15  # bytes of one seed
MOST: Final = 600  # of one target
CAPTURE: Final = 1 << 22  # bytes of a recorded file that is read for what a dissector is given
FILES: Final = 400
UNIT: Final = Path(__file__).parent.parent / "unit"
ROOT: Final = UNIT.parent.parent

LENGTHY: Final = frozenset({"external_references", "extension_definitions", "playbook_extensions"})

Heard = Callable[[bytes], None]


def examples(name: str) -> list[bytes]:
    """What needs no test to run: the EXAMPLEs of the connectors, and of them what a target of another kind can use."""
    kind, _, word = name.partition("_")
    if kind == "file":
        return [example] if (example := getattr(formats.connectors()[word], "EXAMPLE", b"")) else [TABLE]
    if name == "ingest":
        return [*_examples(("ndjson",)), _stream()]
    if kind == "playbook":
        return list(documents.CONDITIONS) if word else _playbooks()
    if name == "openc2":
        return list(documents.MESSAGES)
    if kind == "dissect":
        return [bytes([place]) + targets.joined([(1, each), (0, each)]) for each in BEGINNINGS.get(word, ()) for place in (0, 1)]
    return [targets.joined([(mark, each) for mark in range(len(targets.TOPICS))]) for each in PAYLOADS]


TABLE: Final = b"time,level,flow\n2026-01-05 08:00:00,1.5,2\n2026-01-05 08:00:01,1.6,x\n"
PAYLOADS: Final = (
    bytes.fromhex("0880d095ffb633120f0a0562645365711004 2003 5000 1217 0a05 6c6576656c 1007 18 80d095ffb633 200a 69 0000000000000440 1800"),
    b'{"headerId":1,"timestamp":"2026-01-05T08:00:00.00Z","version":"2.0.0","manufacturer":"maker","serialNumber":"7","batteryState":'
    b'{"batteryCharge":80.5},"errors":[{"errorType":"x","errorLevel":"FATAL"}],"actionStates":[],"connectionState":"ONLINE"}',
    b'{"a":{"b":1.5},"c":[true],"t":1767600000,"q":"good"}',
    bytes.fromhex("200200001f0003000161323005000474656d7032312e35"),
    b"21.5",
)
BEGINNINGS: Final = {  # a message or two of each protocol
    "modbus": (
        bytes.fromhex("000100000006010300640002"),
        bytes.fromhex("00010000000701030400010002"),
        bytes.fromhex("000200000005012b0e0101"),
    ),
    "dnp3": (bytes.fromhex("056408c4040003002164c0c0013c0206a40d"),),
    "s7comm": (
        bytes.fromhex("0300001611e00000000100c1020100c2020102c0010a"),
        bytes.fromhex("0300001f02f08032010000000100 0e00000401120a10020001000184000000"),
    ),
    "iec104": (bytes.fromhex("680407000000"), bytes.fromhex("680e0200000064010600010000000014")),
    "enip": (bytes.fromhex("65000400000000000000000000000000000000000000000001000000"),),
    "mqtt": (bytes.fromhex("100e00044d5154540402003c00026331"), bytes.fromhex("300900046c696e6532312e")),
    "opcua": (b"HELF" + bytes.fromhex("20000000000000000000010000000100000000000000000000000000"),),
    "dns": (bytes.fromhex("123401000001000000000000037777770570 6c616e740765 78616d706c650000010001"),),
    "tls": (bytes.fromhex("16030100310100002d0303") + bytes(32) + bytes.fromhex("00000213010100000200 00"),),
    "http": (
        b"GET /plant?x=1 HTTP/1.1\r\nHost: a.example\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
}


def _examples(words: Iterable[str]) -> list[bytes]:
    return [formats.connectors()[word].EXAMPLE for word in words]  # type: ignore[attr-defined]


def _playbooks() -> list[bytes]:
    """Those of our library, without what only makes them long."""
    found = [json.loads(each.read_bytes()) for each in resources.files(library).iterdir() if each.name.endswith(".json")]
    kept = [{name: value for name, value in each.items() if name not in LENGTHY} for each in found]
    return sorted((json.dumps(each, separators=(",", ":")).encode() for each in kept), key=len)


def _stream() -> bytes:
    """The events of an example as an Arrow stream."""
    (lines,) = _examples(("ndjson",))
    batch = next(iter(targets.file_connectors()["ndjson"].normalise(lines.splitlines(), checks.FEED, 3)))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def gathered(name: str) -> list[bytes]:
    """All seeds of one target, the shortest first; of many the first `MOST`."""
    found = dict.fromkeys(examples(name))

    def hear(data: bytes) -> None:
        if 0 < len(data) <= LONGEST:
            found[data] = None

    kind, _, word = name.partition("_")
    if kind == "dissect":
        _from_tests(f"{word}.conversation(", _Conversations(targets.dissectors()[word], hear))
        _from_captures(targets.dissectors()[word], hear)
    elif kind == "file":
        connector: Any = formats.connectors()[word]
        _from_tests(f"{connector.__name__.rpartition('.')[2]}.normalise(", _Normalised(connector, hear))
        _from_files(connector.SUFFIXES, hear)
    elif name == "mqtt_messages":
        _from_tests("sparkplug", _Messages(hear))
    elif name in ("playbook", "openc2"):
        _from_files((".json",), hear)
    return sorted(found, key=len)[:MOST]


class _Plugin:
    """A plugin of pytest: the tests run without those that draw their bytes, which we do ourselves."""

    def __init__(self, hear: Heard) -> None:
        self.hear = hear

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = [item for item in items if not getattr(getattr(item, "obj", None), "is_hypothesis_test", False)]


class _Heard:
    """A conversation that notes what it is given."""

    def __init__(self, conversation: Any) -> None:
        self._conversation = conversation
        self.parts: list[tuple[int, bytes]] = []

    def take(self, data: bytes, start: int, end: int, to_server: bool, packet: int, out: list[Plain]) -> int:
        self.parts.append((int(to_server), data[start:end][:0xFFFF]))
        return int(self._conversation.take(data, start, end, to_server, packet, out))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._conversation, name)


class _Listening:
    """A dissector whose conversations note what they are given."""

    def __init__(self, dissector: ModuleType) -> None:
        self._dissector = dissector
        self.begun: list[_Heard] = []

    def conversation(self, flow: int) -> _Heard:
        self.begun.append(_Heard(self._dissector.conversation(flow)))
        return self.begun[-1]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dissector, name)

    def seeds(self) -> Iterable[bytes]:
        return (b"\0" + targets.joined(each.parts[: targets.PIECES]) for each in self.begun if each.parts)


class _Conversations(_Plugin):
    def __init__(self, dissector: ModuleType, hear: Heard) -> None:
        super().__init__(hear)
        self._dissector = dissector

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: Any) -> Any:
        made, begun = self._dissector.conversation, list[_Heard]()

        def listening(flow: int) -> _Heard:
            begun.append(_Heard(made(flow)))
            return begun[-1]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self._dissector, "conversation", listening)
            answer = yield
        for each in begun:
            self.hear(b"\0" + targets.joined(each.parts[: targets.PIECES]))
        return answer


class _Normalised(_Plugin):
    def __init__(self, connector: Any, hear: Heard) -> None:
        super().__init__(hear)
        self._connector = connector

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: Any) -> Any:
        made = self._connector.normalise

        @functools.wraps(made)
        def listening(data: Any, *others: Any, **named: Any) -> Any:
            given = data if isinstance(data, bytes) else list(data)
            self.hear(given if isinstance(given, bytes) else b"".join(line if line.endswith(b"\n") else line + b"\n" for line in given))
            return made(given, *others, **named)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self._connector, "normalise", listening)
            return (yield)


class _Messages(_Plugin):
    """The payloads of all messages of one test, each on every topic in turn."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: Any) -> Any:
        made, parts = sparkplug.read, list[tuple[int, bytes]]()

        def listening(topic: str, payload: bytes, *others: Any) -> Any:
            kind = topic.split("/")[2:3]
            mark = next((place for place, each in enumerate(targets.TOPICS) if each.split("/")[2:3] == kind), 0)
            parts.append((mark, payload[:0xFFFF]))
            return made(topic, payload, *others)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sparkplug, "read", listening)
            answer = yield
        self.hear(targets.joined(parts))
        return answer


def _from_tests(calls: str, plugin: _Plugin) -> None:
    """Runs the unit tests whose text holds these words."""
    files = [str(path) for path in sorted(UNIT.glob("test_*.py")) if path.name != "test_fuzz.py" and calls in path.read_text()]
    if files:
        quiet = ["-q", "--no-header", "--no-summary", "-p", "no:cacheprovider", "-p", "no:randomly", "--rootdir", str(ROOT)]
        pytest.main([*quiet, *files], plugins=[plugin])


def _recorded(suffixes: tuple[str, ...], most: int) -> list[Path]:
    """The recorded files with these endings, the shortest first; none where INTERFERON_DATA is not set."""
    folder = os.environ.get("INTERFERON_DATA")
    found = [path for path in Path(folder).rglob("*") if path.name.lower().endswith(suffixes) and path.is_file()] if folder else []
    return sorted((path for path in found if 0 < path.stat().st_size <= most), key=lambda path: path.stat().st_size)[:FILES]


def _from_files(suffixes: tuple[str, ...], hear: Heard) -> None:
    for path in _recorded(suffixes, LONGEST):
        hear(path.read_bytes())


def _from_captures(dissector: ModuleType, hear: Heard) -> None:
    for path in _recorded(capture.SUFFIXES, CAPTURE):
        listening = _Listening(dissector)
        for _ in readings([path.read_bytes()], (listening,)):
            pass
        for seed in listening.seeds():
            hear(seed)
