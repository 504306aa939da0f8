"""Signs what leaves for others, after Standard Webhooks 1.0: with a shared secret, or with a key of ours. Called by webhook and partner.

Source: https://www.standardwebhooks.com, `v1` (HMAC-SHA256) and `v1a` (Ed25519) over `id.timestamp.body`.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from interferon.effector.exchange import secret
from interferon.model.errors import InputError


def headers(key: str, at: int, signature: str) -> dict[str, str]:
    """`key` names the message, and is the same when it comes again; `at` are seconds since 1970."""
    return {"webhook-id": key, "webhook-timestamp": str(at), "webhook-signature": signature, "idempotency-key": key}


def shared(secret_file: str, key: str, at: int, body: bytes) -> str:
    """`v1`. A secret that begins with `whsec_` is base64, anything else is taken as it stands."""
    text = secret(secret_file, "secret_file")
    try:
        raw = base64.b64decode(text.removeprefix("whsec_"), validate=True) if text.startswith("whsec_") else text.encode()
    except binascii.Error as error:
        raise InputError(f"secret_file {secret_file}: whsec_ and base64 would be right: {error}") from error
    return f"v1,{_text(hmac.new(raw, _signed(key, at, body), hashlib.sha256).digest())}"


def own(key_file: str, key: str, at: int, body: bytes) -> str:
    """`v1a`, which everybody can check who has our public key."""
    return f"v1a,{_text(private_key(key_file).sign(_signed(key, at, body)))}"


def private_key(key_file: str) -> Ed25519PrivateKey:
    """`InputError` where the file holds no such key."""
    try:
        found = serialization.load_pem_private_key(Path(key_file).read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError(f"key_file {key_file} cannot be read: {' '.join(str(error).split())[:120]}") from error
    if not isinstance(found, Ed25519PrivateKey):
        raise InputError(f"key_file {key_file}: an Ed25519 key in PEM would be right")
    return found


def trouble(do: Callable[[], object]) -> str:
    """'' where `do` finds its key or secret, else one line."""
    try:
        do()
    except InputError as error:
        return str(error)
    return ""


def _signed(key: str, at: int, body: bytes) -> bytes:
    return f"{key}.{at}.".encode() + body


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
