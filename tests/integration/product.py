"""A real HTTP(S) server that stands for a product, for the tests of actuators: what it does with a request is the test's own function."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]  # names in small letters
    body: bytes


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    late_s: float = 0.0
    drip: bool = False  # a byte now and then


def certificate(folder: Path, name: str) -> tuple[Path, Path, str]:
    """A self-signed certificate of 127.0.0.1: its file, the key's file, its SHA-256."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / f"{name}.pem", folder / f"{name}.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return *files, made.fingerprint(hashes.SHA256()).hex()


class Handler(BaseHTTPRequestHandler):
    answer: Callable[[Asked], Reply]
    protocol_version = "HTTP/1.1"

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        reply = type(self).answer(Asked(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        time.sleep(reply.late_s)
        try:
            self.send_response(reply.status)
            for name, value in {"content-length": str(len(reply.body)), "connection": "close", **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            for part in [reply.body[n : n + 1] for n in range(len(reply.body))] if reply.drip else [reply.body]:
                self.wfile.write(part)
                time.sleep(0.1 if reply.drip else 0)
        except OSError:
            self.close_connection = True  # whoever asked has left

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _any

    def log_message(self, format: str, *args: object) -> None:
        """Not on the test's output."""


@contextmanager
def serving(answer: Callable[[Asked], Reply], port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Within it the product answers on the port that is given."""
    handler = type("Own", (Handler,), {"answer": staticmethod(answer)})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
