"""A network folder with one live feed, run as a program of its own, and what its store holds. Used by the tests of live connectors."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NoReturn

import coverage
import pyarrow as pa
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from interferon.store import examples, log

COVERED = "covered"  # file that says that the program has written what of it ran
SCRIPT = """
import os, signal, sys, time
from pathlib import Path

if where := os.environ.get("LIVE_COVERAGE"):  # told to write down what ran so far, right before it is killed
    import coverage
    measured = coverage.Coverage(data_file=where, data_suffix=True, branch=True, source=["interferon"])
    measured.start()
    signal.signal(signal.SIGUSR1, lambda *_: (measured.save(), Path(sys.argv[1], "covered").touch()))
from interferon.runtime import feed_settings, feeds
from interferon.runtime.live_store import LiveStore
from interferon.runtime.service import Service
from interferon.store.folder import load
from interferon.trust.policy import Policy

folder, die = Path(sys.argv[1]), sys.argv[2]
feeds.FIRST_S = feeds.LONGEST_S = 0.2
taken = 0

def count():
    global taken
    taken += 1
    if taken >= 4:
        os.kill(os.getpid(), signal.SIGKILL)

done = feeds.Feeds._taken
keep = LiveStore.keep
if die == "before-ack":  # on disk, and the source does not know
    feeds.Feeds._taken = lambda self, feed, items, place: count() if items else done(self, feed, items, place)
    seen = feeds.Feeds._taken
    feeds.Feeds._taken = lambda self, *given: (done(self, *given), seen(self, *given))
if die == "before-log":  # taken, and the log does not have it
    LiveStore.keep = lambda self, feed, items, place: (keep(self, feed, items, place), count() if items else None)
with Service(folder, load(folder), Policy.observing(), live=feed_settings.load(folder)) as service:
    print("up", flush=True)
    while True:
        time.sleep(0.1)
        (folder / "states.txt").write_text("\\n".join(f"{each.name} {each.state} {each.error}" for each in service.feed_states()))
"""


def absent(program: str) -> NoReturn:
    """A server that is not installed is a failure only where all must be there (`INTERFERON_REQUIRE_ALL`)."""
    if os.environ.get("INTERFERON_REQUIRE_ALL") == "1":
        pytest.fail(f"{program} is not installed", pytrace=False)
    pytest.skip(f"{program} is not installed")


def network(where: Path, feeds: str) -> Path:
    """The small example with that `feeds.toml`."""
    examples.write("minimal", where)
    (where / "feeds.toml").write_text(feeds, encoding="utf-8")
    return where


@contextmanager
def service(folder: Path, die: str = "") -> Iterator["subprocess.Popen[str]"]:
    """`interferon up` without its screens. `die`: `before-ack` or `before-log`, at its fourth take, by SIGKILL."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder.parent / "cache"), **_coverage()}
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder), die], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            _covered(process, folder)
            process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _coverage() -> dict[str, str]:
    """Where the program writes its coverage; nothing where ours is not measured."""
    measured = coverage.Coverage.current()
    return {"LIVE_COVERAGE": str(Path(measured.config.data_file).absolute())} if measured is not None else {}


def _covered(process: "subprocess.Popen[str]", folder: Path) -> None:
    """Has the program write its coverage, which a killed one cannot."""
    if not _coverage():
        return
    (folder / COVERED).unlink(missing_ok=True)
    process.send_signal(signal.SIGUSR1)
    end = time.monotonic() + 10
    while not (folder / COVERED).exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)


def certificate(folder: Path, name: str, uri: str) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and `uri` that signs itself, and its key, as PEM files."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    names = [x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost"), x509.UniformResourceIdentifier(uri)]
    usage = dict.fromkeys(("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_cert_sign"), True)
    rest = dict.fromkeys(("key_agreement", "crl_sign", "encipher_only", "decipher_only"), False)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**usage, **rest), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert, secret = folder / f"{name}.pem", folder / f"{name}.key"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return cert, secret


def rows(folder: Path, family: str = "telemetry") -> list[dict[str, Any]]:
    """Every event of the store, in its order."""
    where = folder / "state" / "log"
    if not log.segments(where):
        return []
    items = [item for item in log.read(where) if isinstance(item, pa.RecordBatch)]
    return [row for item in items if item.schema.metadata[b"family"] == family.encode() for row in item.to_pylist()]


def ids(events: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(event["feed"], event["offset"]) for event in events]


def once(events: list[dict[str, Any]]) -> bool:
    """Whether no event is in the store twice."""
    return len(set(ids(events))) == len(events)


def soon(ready: Callable[[], bool], seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while not ready() and time.monotonic() < end:
        time.sleep(0.1)
    return ready()


def state(folder: Path) -> str:
    path = folder / "states.txt"
    return path.read_text() if path.exists() else ""


def ended(process: "subprocess.Popen[str]") -> bool:
    return process.poll() is not None
