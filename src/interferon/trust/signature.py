"""The detached signature over a policy: Ed25519 (RFC 8032) over a canonical concatenation of its files.

Called by the store, which reads and writes the files. Pure: keys and bytes in, bytes or an answer out.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from interferon.model.errors import PolicyError

HEAD = b"interferon policy 1\n"


def message(files: Mapping[str, bytes]) -> bytes:
    """What is signed: a head, then for each file in the order of names its name, its length and its bytes.

    The lengths make it unambiguous: no two sets of files have the same message.
    """
    parts = [f"{len(name.encode())} {name} {len(files[name])}\n".encode() + files[name] for name in sorted(files)]
    return HEAD + b"".join(parts)


def sign(files: Mapping[str, bytes], key: Ed25519PrivateKey) -> str:
    """The text of `policy.sig`: 64 bytes in base64, one line."""
    return base64.b64encode(key.sign(message(files))).decode() + "\n"


def public_text(key: Ed25519PrivateKey) -> str:
    """The text of `policy.pub`: the raw 32 bytes of the public key in base64, one line."""
    return base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode() + "\n"


def fingerprint(public: str) -> str:
    """Short name of a public key for people to compare: `SHA256:` and the base64 digest of its raw bytes, as OpenSSH writes it."""
    digest = hashlib.sha256(_raw(public, 32, "policy.pub")).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def verify(files: Mapping[str, bytes], signature: str, public: str) -> None:
    """Raises `PolicyError` unless `signature` is this key's over exactly these files."""
    key = Ed25519PublicKey.from_public_bytes(_raw(public, 32, "policy.pub"))
    try:
        key.verify(_raw(signature, 64, "policy.sig"), message(files))
    except InvalidSignature:
        raise PolicyError("policy.sig does not fit the policy files: they were changed after signing, or signed with another key") from None


def _raw(text: str, size: int, name: str) -> bytes:
    try:
        raw = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != size:
        raise PolicyError(f"{name} is damaged: expected one line of base64 that holds {size} bytes")
    return raw
