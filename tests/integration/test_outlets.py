"""Outlets against real receivers: signed webhooks, TAXII, syslog over UDP, TCP and TLS, files; outages, refusals, restarts."""

import base64
import hashlib
import hmac
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from interferon.export.about import About
from interferon.model.errors import InputError
from interferon.model.records import Incident
from interferon.runtime import outlet_settings
from interferon.runtime.outlet_settings import FILE, Outlet
from interferon.runtime.outlets import REFUSED, Outlets

SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()


def incident(number: int, severity: float = 0.9) -> Incident:
    return Incident(
        id=f"i-{number}",
        revision=1,
        opened=1_767_600_000_000_000,
        updated=1_767_600_000_000_000 + number,
        status="open",
        title=f"case {number}",
        severity=severity,
        p_attack=0.8,
        findings=(),
        entities=("asset:plc-1",),
        zones=(),
        sites=(),
        suspects=(),
        path=(),
        techniques=("T0855",),
        families=(),
    )


def written(folder: Path, *numbers: int, severity: float = 0.9) -> None:
    (folder / "records").mkdir(exist_ok=True)
    with (folder / "records" / "incidents.ndjson").open("ab") as file:
        for number in numbers:
            file.write(msgspec.json.encode(incident(number, severity)) + b"\n")


class Receiver(ThreadingHTTPServer):
    """An HTTP server that keeps what it gets and answers as `answers` says, then 200."""

    def __init__(self, port: int = 0) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[int] = []
        super().__init__(("127.0.0.1", port), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["content-length"]))
        code = self.server.answers.pop(0) if self.server.answers else 200
        if code == 200:
            self.server.got.append((self.path, {name.lower(): value for name, value in self.headers.items()}, content))
        self.send_response(code)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    server = Receiver(port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text(SECRET)
    return tmp_path


def outlets(place: Path, tell: Callable[[str], None] = lambda text: None, **fields: Any) -> Outlets:
    settings = {"name": "soc", "kind": "webhook", "format": "ocsf", "secret_file": "secret", **fields}
    return Outlets((msgspec.convert(settings, Outlet),), place, place, About("1"), tell)


def ids(receiver: Receiver) -> list[str]:
    return [headers["webhook-id"] for _, headers, _ in receiver.got]


def test_a_webhook_is_signed_ordered_and_comes_once(place: Path) -> None:
    written(place, 1)
    with receiving() as receiver, outlets(place, url=f"http://127.0.0.1:{receiver.server_port}/hook", least=0.5):
        written(place, 2, 3)
        written(place, 4, severity=0.2)  # below what the outlet asks for
        written(place, 5)
        until(lambda: len(receiver.got) == 3)
    assert ids(receiver) == ["i-2-r1", "i-3-r1", "i-5-r1"]  # what was there before it is not news
    path, headers, content = receiver.got[0]
    signed = hmac.new(b"k" * 24, f"i-2-r1.{headers['webhook-timestamp']}.".encode() + content, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(signed).decode()
    assert (path, headers["idempotency-key"], json.loads(content)["class_uid"]) == ("/hook", "i-2-r1", 2005)


def test_an_outage_and_a_restart_lose_nothing_and_double_nothing(place: Path) -> None:
    told: list[str] = []
    with receiving() as receiver:
        port = receiver.server_port
        receiver.answers = [503, 429]
        with outlets(place, url=f"http://127.0.0.1:{port}/"):
            written(place, 1)
            until(lambda: ids(receiver) == ["i-1-r1"])
    with outlets(place, told.append, url=f"http://127.0.0.1:{port}/") as running:
        written(place, 2, 3)
        until(lambda: bool(running.troubles))
    assert "tried again until it gets through" in told[0]
    with receiving(port) as again, outlets(place, url=f"http://127.0.0.1:{port}/"):
        written(place, 4)
        until(lambda: len(again.got) == 3)
    assert ids(again) == ["i-2-r1", "i-3-r1", "i-4-r1"]


@pytest.mark.parametrize("broken", ["whsec_no base64", None])
def test_a_secret_that_is_none_is_told_and_once_it_is_put_right_nothing_is_missing(place: Path, broken: str | None) -> None:
    told: list[str] = []
    good = (place / "secret").read_text()
    (place / "secret").unlink() if broken is None else (place / "secret").write_text(broken)
    with receiving() as receiver, outlets(place, told.append, url=f"http://127.0.0.1:{receiver.server_port}/hook", from_start=True):
        written(place, 1, 2)
        until(lambda: bool(told))
        assert receiver.got == []
        (place / "secret").write_text(good)
        until(lambda: len(receiver.got) == 2)
    assert ids(receiver) == ["i-1-r1", "i-2-r1"]
    assert "after whsec_ the secret is base64" in told[0] if broken else "secret_file secret cannot be read" in told[0]


def test_what_is_refused_for_good_is_put_aside_and_the_next_one_goes(place: Path) -> None:
    with receiving() as receiver, outlets(place, url=f"http://127.0.0.1:{receiver.server_port}/", from_start=True):
        receiver.answers = [400]
        written(place, 1, 2)
        until(lambda: ids(receiver) == ["i-2-r1"])
    (row,) = (json.loads(line) for line in (place / REFUSED).read_text().splitlines())
    assert (row["outlet"], row["record"]["id"]) == ("soc", "i-1")
    assert "answered 400" in row["reason"]


def test_a_taxii_collection_gets_objects_with_the_media_type_of_2_1(place: Path) -> None:
    with receiving() as receiver:
        url = f"http://127.0.0.1:{receiver.server_port}/api/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/"
        with outlets(place, kind="taxii", format="stix", url=url, username="plant"):
            written(place, 1)
            until(lambda: len(receiver.got) == 1)
    path, headers, content = receiver.got[0]
    assert path == "/api/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/objects/"
    assert headers["content-type"] == "application/taxii+json;version=2.1"
    assert headers["authorization"] == "Basic " + base64.b64encode(f"plant:{SECRET}".encode()).decode()
    assert {each["type"] for each in json.loads(content)["objects"]} == {
        "identity",
        "incident",
        "attack-pattern",
        "infrastructure",
        "relationship",
    }


def test_syslog_as_datagrams(place: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(20)
        with outlets(place, kind="syslog", format="cef", url=f"udp://127.0.0.1:{receiver.getsockname()[1]}"):
            written(place, 7)
            assert b"externalId=i-7-r1" in receiver.recv(65_536)


@pytest.mark.parametrize("secure", [False, True], ids=["tcp", "tls"])
def test_syslog_on_a_connection_is_octet_counted(place: Path, secure: bool) -> None:
    _certificate(place)
    with socket.create_server(("localhost", 0)) as server:
        server.settimeout(20)
        scheme = "tls" if secure else "tcp"
        with outlets(place, kind="syslog", format="cef", url=f"{scheme}://localhost:{server.getsockname()[1]}", ca_file="cert.pem"):
            written(place, 1, 2)
            connection = server.accept()[0]
            connection.settimeout(20)
            if secure:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(place / "cert.pem", place / "key.pem")
                connection = context.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as stream:
                frames = [_frame(stream), _frame(stream)]
    assert [b"externalId=i-1-r1" in frames[0], b"externalId=i-2-r1" in frames[1]] == [True, True]


def _frame(stream: Any) -> bytes:
    length = b""
    while (sign := stream.read(1)) != b" ":
        length += sign
    frame: bytes = stream.read(int(length))
    return frame


def _certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))


def test_a_file_gets_a_line_each(place: Path) -> None:
    with outlets(place, kind="file", format="json", path="out.ndjson"):
        written(place, 1, 2)
        until(lambda: (place / "out.ndjson").is_file() and len((place / "out.ndjson").read_text().splitlines()) == 2)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[outlet]\n", "not readable as TOML"),
        ('[[outlets]]\nname="a"', "'outlets' is nothing"),
        ('[[outlet]]\nname="a"\nkind="fax"\nformat="json"', "fax"),
        ('[[outlet]]\nname="a"\nkind="taxii"\nformat="cef"\nurl="https://x"', "format is cef; a taxii carries stix"),
        ('[[outlet]]\nname="a"\nkind="webhook"\nformat="json"\nurl="ftp://x"', "a webhook has https://… or http://…"),
        ('[[outlet]]\nname="a"\nkind="webhook"\nformat="json"\nurl="https://x"', "a webhook is signed"),
        ('[[outlet]]\nname="a"\nkind="syslog"\nformat="cef"\nurl="udp://x"', "name host and port"),
        ('[[outlet]]\nname="a"\nkind="file"\nformat="cef"', "a file needs its path"),
        ('[[outlet]]\nname="a"\nkind="file"\nformat="cef"\npath="x"\nleast=2', "least is 2.0"),
    ],
)
def test_a_mistake_in_the_file_is_one_clear_line(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(InputError, match=why):
        outlet_settings.load(tmp_path)
    (problem,) = outlet_settings.problems(tmp_path)
    assert (problem.file, why.split(";")[0] in problem.message) == (FILE, True)


def test_a_secret_that_is_not_there_is_told(tmp_path: Path) -> None:
    for field in ({"secret_env": "NO_SUCH_SECRET"}, {"secret_file": "none"}):
        outlet = msgspec.convert({"name": "a", "kind": "webhook", "format": "json", "url": "https://x", **field}, Outlet)
        with pytest.raises(InputError, match="outlet a"):
            outlet.secret(tmp_path)
