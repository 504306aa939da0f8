"""The server itself: TLS with a certificate of its own, and an end that does not wait for open pages."""

import datetime
import http.client
import ipaddress
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from interferon.web.app import create_app
from interferon.web.serve import PageServer, Tls, bound, server
from tests.browser.staged import Staged


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    """A self-signed certificate for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pair = Tls(tmp_path / "cert.pem", tmp_path / "key.pem")
    pair.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    pair.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return pair


@contextmanager
def running(source: Staged, tls: Tls | None = None) -> Iterator[tuple[int, PageServer, threading.Thread]]:
    with bound("127.0.0.1", 0) as sock:
        run = server(create_app(source, None, b"s" * 32, tls=tls is not None), tls)
        thread = threading.Thread(target=run.run, kwargs={"sockets": [sock]}, daemon=True)
        thread.start()
        while not run.started and thread.is_alive():
            time.sleep(0.01)
        yield sock.getsockname()[1], run, thread
        run.should_exit = True
        thread.join(10)


def test_pages_are_served_over_tls(tls: Tls) -> None:
    with running(Staged(), tls) as (port, _, _):
        trusting = ssl.create_default_context(cafile=str(tls.certificate))
        line = http.client.HTTPSConnection("127.0.0.1", port, context=trusting, timeout=10)
        line.request("GET", "/")
        answer = line.getresponse()
        assert (answer.status, b"Staged network" in answer.read()) == (200, True)
        assert "Secure" in (answer.getheader("set-cookie") or "")
        line.close()


def test_an_open_page_hears_of_a_change_and_of_the_end(capfd: pytest.CaptureFixture[str]) -> None:
    source = Staged()
    with running(source) as (port, run, thread):
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        line.request("GET", "/events")
        answer = line.getresponse()
        assert answer.getheader("content-type", "").startswith("text/event-stream")
        assert next(text for text in iter(answer.readline, b"") if text.startswith(b"data")) == b"data: 1\n"
        source.worsen()
        assert next(text for text in iter(answer.readline, b"") if text.startswith(b"data")) == b"data: 2\n"
        run.should_exit = True
        answer.read()  # ends by itself, properly
        thread.join(10)
        assert not thread.is_alive()
        line.close()
    assert "Traceback" not in capfd.readouterr().err
