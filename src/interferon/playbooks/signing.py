"""Signatures of playbooks (CACAO v2.0, clause 10.15 and appendix A): made and verified. Keys and times are handed in. Pure.

What is signed is the SHA-2 hash, in hexadecimal, of the canonical JSON of the playbook that holds this one signature without its value.
The signature's bytes are those of JWA (RFC 7518, RFC 8037), in base64url.
"""

import base64
import hashlib
import re
from collections.abc import Callable
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)
from cryptography.x509 import load_der_x509_certificate

from interferon.model.errors import InputError
from interferon.playbooks.canonical import canonical

Private = ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Public = ed25519.Ed25519PublicKey | ed448.Ed448PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey
HASHES: Final[dict[str, Callable[..., Any]]] = {
    "sha-256": hashlib.sha256, "sha-384": hashlib.sha384, "sha-512": hashlib.sha512,
    "sha3-256": hashlib.sha3_256, "sha3-512": hashlib.sha3_512,
}  # fmt: skip
INNER: Final[dict[str, Callable[[], hashes.HashAlgorithm]]] = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
CURVES: Final = {"ES256": ("secp256r1", 32), "ES384": ("secp384r1", 48), "ES512": ("secp521r1", 66)}
WEAKEST_RSA: Final = 2048  # bits (RFC 7518, clause 3.3)


class Verdict(msgspec.Struct, frozen=True):
    """What is to be said of one signature. `why` is empty where it is valid."""

    id: str
    signee: str
    why: str = ""


def private_key(pem: bytes) -> Private:
    try:
        found = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InputError("is not a private key in PEM without a password") from None
    if not isinstance(found, Private):
        raise InputError("is a key of a kind that signs no playbook: Ed25519, Ed448, P-256, P-384, P-521 or RSA")
    algorithm(found)
    return found


def public_key(pem: bytes) -> Public:
    try:
        found = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise InputError("is not a public key in PEM") from None
    return _usable(found)


def _usable(found: object) -> Public:
    if not isinstance(found, Public):
        raise InputError("is a key of a kind that signs no playbook: Ed25519, Ed448, P-256, P-384, P-521 or RSA")
    return found


def algorithm(key: Private | Public) -> str:
    """The algorithm that a key signs with here."""
    if isinstance(key, ed25519.Ed25519PrivateKey | ed25519.Ed25519PublicKey):
        return "Ed25519"
    if isinstance(key, ed448.Ed448PrivateKey | ed448.Ed448PublicKey):
        return "Ed448"
    if isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey):
        if key.key_size < WEAKEST_RSA:
            raise InputError(f"is an RSA key of {key.key_size} bits; at least {WEAKEST_RSA} are needed")
        return "RS256"
    for name, (curve, _) in CURVES.items():
        if key.curve.name == curve:
            return name
    raise InputError(f"is a key of the curve {key.curve.name}; P-256, P-384 and P-521 sign playbooks")


def encoded(key: Public) -> str:
    """A public key as the property `public_key` holds it: PEM without header, footer and line ends."""
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def digest(document: dict[str, Any], signature: dict[str, Any]) -> bytes:
    """What is signed: see the top of this file."""
    named = str(signature.get("hash_algorithm", "")).lower()
    if named not in HASHES:
        raise InputError(f"the hash algorithm {named!r} is not known; use sha-256 or sha-512")
    alone = {key: value for key, value in signature.items() if key != "value"}
    rest = {key: value for key, value in document.items() if key != "signatures"}
    return str(HASHES[named](canonical(rest | {"signatures": [alone]})).hexdigest()).encode()


def sign(document: dict[str, Any], key: Private, signature_id: str, now: str, signee: str, valid_until: str = "") -> dict[str, Any]:
    """The document with one more signature. `now` and `valid_until` are times of clause 10.16; other signatures stay as they are."""
    made: dict[str, Any] = {
        "type": "jss",
        "id": signature_id,
        "created_by": document["created_by"],
        "created": now,
        "modified": now,
        "signee": signee,
        "valid_from": now,
        "related_to": document["id"],
        "related_version": document["modified"],
        "hash_algorithm": "sha-256",
        "algorithm": algorithm(key),
        "public_key": encoded(key.public_key()),
    }
    if valid_until:
        made["valid_until"] = valid_until
    made["value"] = base64.urlsafe_b64encode(_signed(key, made["algorithm"], digest(document, made))).rstrip(b"=").decode()
    return document | {"signatures": [*document.get("signatures", []), made]}


def _signed(key: Private, named: str, data: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), INNER[named[2:]]())
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(INNER[named[2:]]())))
        size = CURVES[named][1]
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    return key.sign(data)


def verify(document: dict[str, Any], trusted: Public, now: str) -> list[Verdict]:
    """A verdict on each signature. Only `trusted` counts as a key: one that the playbook brings along proves nothing by itself."""
    return [
        Verdict(str(each.get("id", "")), str(each.get("signee", "")), _fault(document, each, trusted, now))
        for each in document.get("signatures", [])
    ]


def _fault(document: dict[str, Any], signature: dict[str, Any], trusted: Public, now: str) -> str:
    try:
        if why := _out_of_force(document, signature, now):
            return why
        if (brought := _brought(signature)) is not None and encoded(brought) != encoded(trusted):
            return "was made with another key"
        _verify(trusted, str(signature.get("algorithm", "")), _value(signature), digest(document, signature))
    except InputError as error:
        return str(error)
    except InvalidSignature:
        return "does not fit: the playbook or the signature was changed"
    return ""


def _out_of_force(document: dict[str, Any], signature: dict[str, Any], now: str) -> str:
    if signature.get("revoked") is True:
        return "is revoked"
    if signature.get("related_to") != document.get("id") or signature.get("related_version") != document.get("modified"):
        return "belongs to another playbook or another version of it"
    if _later(str(signature.get("valid_from", "")), now):
        return f"is valid only from {signature['valid_from']} on"
    until = signature.get("valid_until")
    return f"was valid only until {until}" if until and not _later(str(until), now) else ""


def _later(one: str, other: str) -> bool:
    """Whether a time is after another; both in UTC. The fraction's digits may differ in number."""
    (head, part), (head2, part2) = (each.removesuffix("Z").partition(".")[::2] for each in (one, other))
    return (head, part.ljust(9, "0")) > (head2, part2.ljust(9, "0"))


def _value(signature: dict[str, Any]) -> bytes:
    value = str(signature.get("value", ""))
    if not re.fullmatch("[A-Za-z0-9_-]+", value):
        raise InputError("has a value that is not base64url")
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))


def _brought(signature: dict[str, Any]) -> Public | None:
    """The key in the signature itself, or in its certificate."""
    try:
        if isinstance(key := signature.get("public_key"), str):
            return _usable(load_der_public_key(base64.b64decode("".join(key.split()), validate=True)))
        if isinstance(chain := signature.get("public_cert_chain"), list) and chain:
            return _usable(load_der_x509_certificate(base64.b64decode(chain[0], validate=True)).public_key())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InputError("brings a public key that cannot be read") from None
    return None


def _verify(key: Public, named: str, value: bytes, data: bytes) -> None:
    """Raises `InvalidSignature`, or `InputError` where the algorithm is not one of this kind of key."""
    if isinstance(key, rsa.RSAPublicKey) and re.fullmatch("[RP]S(256|384|512)", named):
        inner = INNER[named[2:]]()
        pad = padding.PKCS1v15() if named[0] == "R" else padding.PSS(padding.MGF1(inner), inner.digest_size)
        key.verify(value, data, pad, inner)
    elif isinstance(key, ec.EllipticCurvePublicKey) and CURVES.get(named, ("",))[0] == key.curve.name:
        size = CURVES[named][1]
        if len(value) != 2 * size:
            raise InvalidSignature
        pair = encode_dss_signature(int.from_bytes(value[:size], "big"), int.from_bytes(value[size:], "big"))
        key.verify(pair, data, ec.ECDSA(INNER[named[2:]]()))
    elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey) and named in (algorithm(key), "EdDSA"):
        key.verify(value, data)
    else:
        raise InputError(f"names the algorithm {named!r}, which the key given is not for")
