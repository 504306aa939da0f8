"""The keys of site sensors: an Ed25519 pair a sensor (RFC 8032), what it signs, and which sequence numbers a receiver has taken.

Called by the sensor's forwarder, by the ingest interface and by the connector of sensor files. The private key lies in the sensor's network
folder alone, readable by its owner; the token upstream holds the public one.
"""

import base64
import binascii
import hashlib
import os
import re
import threading
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat, load_pem_private_key

from interferon.model.errors import InputError

FILE: Final = "sensor.key"
PREFIX: Final = "ed25519:"
HEADER: Final = "interferon-signature"
LABEL: Final = "interferon-sensor-1"  # first line of all that is signed, so that a signature means nothing elsewhere
MOST: Final = 1 << 62  # sequence numbers lie below
_HEADER: Final = re.compile(r"seq=(\d{1,19}), ?sha256=([0-9a-f]{64}), ?sig=([A-Za-z0-9+/]{86}==)")


def make(folder: Path) -> str:
    """Writes a new private key (PEM, PKCS #8, mode 0600) and answers with the public key's text. InputError where there is one already."""
    path = folder / FILE
    key = Ed25519PrivateKey.generate()
    try:
        out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InputError(f"{path}: there is a key already; take it away first if the sensor shall have a new one") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    with os.fdopen(out, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        file.flush()
        os.fsync(file.fileno())
    return public_text(key)


def load(folder: Path) -> Ed25519PrivateKey:
    """The private key of a sensor's folder. InputError where it is absent, no Ed25519 key, or readable by others."""
    path = folder / FILE
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise InputError(f"{path}: others may read the private key; say chmod 600 {path}")
        key = load_pem_private_key(path.read_bytes(), None)
    except FileNotFoundError:
        raise InputError(f"{path}: no such key; make it with `interferon sensor key {folder}`") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InputError(f"{path}: not a private key in PEM; make one with `interferon sensor key {folder}`") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"{path}: not an Ed25519 key; make one with `interferon sensor key {folder}`")
    return key


def public_text(key: Ed25519PrivateKey) -> str:
    """`ed25519:` and the 32 bytes of the public key in base64."""
    return PREFIX + base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def public_key(text: str) -> Ed25519PublicKey:
    """The key that `public_text` wrote. InputError for anything else."""
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text.removeprefix(PREFIX), validate=True))
    except (ValueError, binascii.Error):
        raise InputError(f"{text[:80]!r} is no sensor's key; take the line that `interferon sensor key DIR` prints") from None


def sha256(body: bytes) -> str:
    """Hex."""
    return hashlib.sha256(body).hexdigest()


def request_text(method: str, path: str, feed: str, sequence: int, digest: str) -> bytes:
    """What is signed of a request: `path` with its query, as the receiver sees it decoded; `digest` of the body, hex SHA-256."""
    return "\n".join((LABEL, method, path, feed, str(sequence), digest)).encode()


def sign(key: Ed25519PrivateKey, text: bytes) -> str:
    """Base64; the same key and text always give the same."""
    return base64.b64encode(key.sign(text)).decode()


def verified(key: Ed25519PublicKey, text: bytes, signature: str) -> bool:
    """Whether the holder of the key signed the text."""
    try:
        key.verify(base64.b64decode(signature, validate=True), text)
    except (InvalidSignature, ValueError):
        return False
    return True


def header(sequence: int, digest: str, signature: str) -> str:
    """The value of the header `interferon-signature`."""
    return f"seq={sequence}, sha256={digest}, sig={signature}"


def read_header(value: str) -> tuple[int, str, str] | None:
    """Sequence, digest and signature of a header, None where it is none."""
    found = _HEADER.fullmatch(value.strip())
    return (int(found[1]), found[2], found[3]) if found and int(found[1]) < MOST else None


class Taken(msgspec.Struct, frozen=True):
    """The newest request that was taken from a sensor."""

    sequence: int
    digest: str


class Sequences:
    """The newest sequence number of each sensor, in one file that is replaced in one step."""

    def __init__(self, path: Path) -> None:
        """InputError where the file is there and cannot be read: without it old requests could be taken anew."""
        self._path, self._lock = path, threading.Lock()
        try:
            self._taken = msgspec.json.decode(path.read_bytes(), type=dict[str, Taken]) if path.is_file() else {}
        except (msgspec.DecodeError, OSError) as error:
            raise InputError(f"{path}: cannot be read: {error}; without it requests of sensors could be sent again by others") from None

    def newest(self, sensor: str) -> Taken:
        """Of no request so far: sequence -1."""
        return self._taken.get(sensor, Taken(-1, ""))

    def keep(self, sensor: str, sequence: int, digest: str) -> None:
        """Returns when it is on disk. OSError: the disk did not take it."""
        with self._lock:
            taken = {**self._taken, sensor: Taken(sequence, digest)}
            self._path.parent.mkdir(exist_ok=True)
            draft = self._path.with_suffix(".draft")
            with draft.open("wb") as out:
                out.write(msgspec.json.encode(taken))
                out.flush()
                os.fsync(out.fileno())
            draft.replace(self._path)
            self._taken = taken
