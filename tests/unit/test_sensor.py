"""A sensor's settings, its two ways out (HTTP against a server of the test, files for a diode), and the command line."""

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from interferon.cli import build
from interferon.connectors import sensor_segment
from interferon.model.errors import InputError
from interferon.runtime import sensor, sensor_settings
from interferon.runtime.forward import Behind, Message, Position, Refusal, Unreached
from interferon.runtime.sensor_settings import SensorSettings
from interferon.sense.batches import batch
from interferon.store import sensor_keys

BODY = sensor_segment.streams([batch("telemetry", "line-4/ä b", {"time": [5], "offset": [0], "entity": ["asset:a"], "signal": ["l"]})])
FEED = "line-4/ä b?#/c"


def message(sequence: int, feed: str = FEED, body: bytes = BODY, rows: int = 1) -> Message:
    return Message(sequence=sequence, feed=feed, body=body, at=9, first=5, last=5, rows=rows, then=Position())


class Server(http.server.ThreadingHTTPServer):
    """Answers what it was given, and keeps what came; a status of 0 closes the connection without an answer."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.came: list[tuple[str, dict[str, str], bytes]] = []


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.came.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        status, headers, content = self.server.answers.pop(0) if self.server.answers else (200, {}, b"{}")
        if not status:
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in {"content-length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sensor_keys.make(tmp_path)
    (tmp_path / "upstream.token").write_text("ifn_secret\n")
    return tmp_path


@pytest.fixture
def upstream(server: Server, folder: Path) -> Iterator[sensor.Upstream]:
    way = sensor.Upstream(SensorSettings(name="line-4", upstream=f"http://127.0.0.1:{server.server_port}/behind/"), folder)
    yield way
    way.close()


def test_a_request_is_signed_and_carries_the_token(upstream: sensor.Upstream, server: Server, folder: Path) -> None:
    upstream.send(message(17))
    ((path, headers, body),) = server.came
    assert path == "/behind/ingest/line-4/%C3%A4%20b%3F%23/c"
    assert (headers["authorization"], body) == ("Bearer ifn_secret", BODY)
    found = sensor_keys.read_header(headers[sensor_keys.HEADER])
    assert found is not None
    assert found[:2] == (17, sensor_keys.sha256(BODY))
    text = sensor_keys.request_text("POST", f"/ingest/{FEED}", FEED, 17, found[1])
    assert sensor_keys.verified(sensor_keys.load(folder).public_key(), text, found[2])


@pytest.mark.parametrize(
    ("status", "headers", "content", "kind", "why"),
    [
        (429, {"retry-after": "7"}, b'{"error":"more is waiting"}', Unreached, "answered 429: more is waiting"),
        (503, {"retry-after": "soon"}, b"x" * 70_000, Unreached, "answered 503: xxx"),
        (401, {}, b'{"error":"send the header"}', Unreached, "answered 401"),
        (404, {}, b"\xff", Unreached, "answered 404"),
        (302, {"location": "/"}, b"", Unreached, "answered 302"),
        (400, {}, b'{"error":"two\\nlines"}', Refusal, "answered 400: two lines"),
        (403, {}, b'["error"]', Refusal, "answered 403"),
        (413, {}, b"", Refusal, "answered 413"),
        (409, {}, b'{"error":"e","newest":40}', Behind, "40"),
        (409, {}, b'{"error":"e","newest":"40"}', Refusal, "answered 409: e"),
    ],
)
def test_an_answer_means(upstream: sensor.Upstream, server: Server, status: int, headers: Any, content: bytes, kind: Any, why: str) -> None:
    server.answers = [(status, headers, content)]
    with pytest.raises(kind, match=why) as found:
        upstream.send(message(17))
    assert getattr(found.value, "wait_s", 0.0) == (7.0 if status == 429 else 0.0)
    upstream.send(message(18))
    assert len(server.came) == 2


def test_a_connection_that_was_closed_meanwhile_is_made_anew_and_a_new_one_is_not(upstream: sensor.Upstream, server: Server) -> None:
    upstream.send(message(17))
    server.answers = [(0, {}, b"")]
    upstream.send(message(18))
    assert len(server.came) == 3
    upstream.close()
    server.answers = [(0, {}, b"")]
    with pytest.raises(Unreached, match="RemoteDisconnected"):
        upstream.send(message(19))


def test_nobody_there_is_unreached(folder: Path, free_port: int) -> None:
    way = sensor.Upstream(SensorSettings(name="line-4", upstream=f"http://127.0.0.1:{free_port}"), folder)
    with pytest.raises(Unreached, match="ConnectionRefusedError"):
        way.send(message(1))


def test_a_diode_gets_whole_files_that_are_always_the_same(folder: Path) -> None:
    (folder / "outbox").mkdir()
    way = sensor.Diode(SensorSettings(name="line-4", diode="outbox"), folder)
    way.send(message(17, ""))
    way.send(message(18, "", b"", 0))
    names = sorted(path.name for path in (folder / "outbox").iterdir())
    assert names == ["line-4-000000000017.ifs", "line-4-000000000018.ifs"]
    content = (folder / "outbox" / names[0]).read_bytes()
    assert [isinstance(item, pa.RecordBatch) and item.num_rows for item in sensor_segment.normalise(content, "x")] == [1]
    way.send(message(17, ""))
    assert (folder / "outbox" / names[0]).read_bytes() == content
    with pytest.raises(InputError, match="no such folder"):
        sensor.Diode(SensorSettings(name="line-4", diode="absent"), folder)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "missing required field `name`"),
        ('name = "a"', "exactly one of upstream and diode"),
        ('name = "a"\nupstream = "https://c"\ndiode = "/x"', "exactly one of upstream and diode"),
        ('name = "a b"\ndiode = "/x"', "name is 'a b'"),
        ('name = "a"\nupstream = "http://centre"', "write it as https://"),
        ('name = "a"\nupstream = "https://centre:99999"', "write it as https://"),
        ('name = "a"\ndiode = "/x"\nkeep_days = 0', "keep_days is 0"),
        ('name = "a"\ndiode = "/x"\nmax_mb_per_s = -1', "max_mb_per_s is -1"),
        ('name = "a"\ndiode = "/x"\nforward = []', "forward is empty"),
        ('name = "a"\ndiode = "/x"\nforward = ["mail"]', "Invalid enum value 'mail'"),
        ('name = "a"\ndiod = "/x"', "unknown key 'diod'"),
        ("name", "not TOML"),
    ],
)
def test_a_mistake_in_the_settings_is_one_line(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "sensor.toml").write_text(text)
    with pytest.raises(InputError, match=why) as found:
        sensor_settings.load(tmp_path)
    assert "\n" not in str(found.value)


def test_settings_are_read_and_a_token_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        sensor_settings.load(tmp_path)
    (tmp_path / "sensor.toml").write_text(
        'name = "line-4"\nupstream = "https://centre.example:8600"\nforward = ["trade"]\nmax_mb_per_s = 2'
    )
    found = sensor_settings.load(tmp_path)
    assert (found.keep_days, found.forward, found.max_mb_per_s) == (30, ("trade",), 2.0)
    with pytest.raises(InputError, match="interferon token add DIR line-4 --feed 'line-4/\\*' --key KEY"):
        sensor_settings.token(tmp_path, found)
    (tmp_path / "upstream.token").write_text("two words")
    with pytest.raises(InputError, match="holds no token"):
        sensor_settings.token(tmp_path, found)


def test_an_authority_that_is_no_pem_is_one_line(folder: Path) -> None:
    (folder / "ca.pem").write_text("nonsense")
    with pytest.raises(InputError, match="not a PEM file"):
        sensor.Upstream(SensorSettings(name="line-4", upstream="https://centre.example", ca_file="ca.pem"), folder)


def test_the_command_makes_a_key_and_a_token_for_it(tmp_path: Path) -> None:
    run = CliRunner().invoke
    made = run(build(), ["sensor", "key", str(tmp_path)])
    assert made.stdout.startswith("ed25519:")
    assert run(build(), ["token", "add", str(tmp_path), "line-4", "--feed", "line-4/*", "--key", made.stdout.strip()]).exit_code == 0
    listed = json.loads(run(build(), ["token", "list", str(tmp_path), "--json"]).stdout)
    assert listed["tokens"][0]["key"] == made.stdout.strip()
    assert "signed" in run(build(), ["token", "list", str(tmp_path)]).stdout
    assert run(build(), ["sensor", "a", "b"]).exit_code == 2
    assert isinstance(run(build(), ["sensor", "key", str(tmp_path / "absent")]).exception, InputError)
