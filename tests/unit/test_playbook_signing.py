"""Canonical JSON by RFC 8785, and signatures that fit one playbook, one version, one key and one time."""

import base64
import datetime
import hashlib
import json
import math
import struct
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.model.errors import InputError
from interferon.playbooks import lint, signing
from interferon.playbooks.canonical import canonical, number

from .playbook_parts import action, build

DOCUMENT = build({"a": action()}, "a")
NOW = "2025-06-01T00:00:00.000Z"
RSA = rsa.generate_private_key(65537, 2048)
KEYS: dict[str, signing.Private] = {
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
    "Ed448": ed448.Ed448PrivateKey.generate(),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
    "RS256": RSA,
}


def pem(key: Any) -> bytes:
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def signed(key: signing.Private = KEYS["Ed25519"], **more: Any) -> dict[str, Any]:
    return signing.sign(DOCUMENT, key, "jss--33333333-3333-4333-8333-333333333333", NOW, "us", **more)


def why(document: dict[str, Any], key: signing.Private = KEYS["Ed25519"], now: str = NOW) -> str:
    (verdict,) = signing.verify(document, key.public_key(), now)
    return verdict.why


@pytest.mark.parametrize(
    ("bits", "text"),
    [  # RFC 8785, appendix B
        ("0000000000000000", "0"), ("8000000000000000", "0"), ("0000000000000001", "5e-324"), ("8000000000000001", "-5e-324"),
        ("7fefffffffffffff", "1.7976931348623157e+308"), ("ffefffffffffffff", "-1.7976931348623157e+308"),
        ("4340000000000000", "9007199254740992"), ("c340000000000000", "-9007199254740992"), ("4430000000000000", "295147905179352830000"),
        ("44b52d02c7e14af5", "9.999999999999997e+22"), ("44b52d02c7e14af6", "1e+23"), ("44b52d02c7e14af7", "1.0000000000000001e+23"),
        ("444b1ae4d6e2ef4e", "999999999999999700000"), ("444b1ae4d6e2ef4f", "999999999999999900000"), ("444b1ae4d6e2ef50", "1e+21"),
        ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"), ("3eb0c6f7a0b5ed8d", "0.000001"), ("41b3de4355555553", "333333333.3333332"),
        ("41b3de4355555554", "333333333.33333325"), ("41b3de4355555555", "333333333.3333333"), ("41b3de4355555556", "333333333.3333334"),
        ("becbf647612f3696", "-0.0000033333333333333333"), ("43143ff3c1cb0959", "1424953923781206.2"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_the_standard_says(bits: str, text: str) -> None:
    assert number(struct.unpack(">d", bytes.fromhex(bits))[0]) == text


@pytest.mark.parametrize("value", [math.nan, math.inf, 2**53 + 1, 10**400])
def test_what_has_no_canonical_form_is_refused(value: float) -> None:
    with pytest.raises(InputError):
        canonical([value])


def test_keys_and_texts_are_written_as_the_standard_says() -> None:
    keys = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "\u00f6": 7}
    assert list(json.loads(canonical(keys)).values()) == [2, 4, 6, 7, 1, 5, 3]  # RFC 8785, 3.2.3
    assert canonical(["\u20ac$\x0f\nA'\x42\x22\\\"/", None, True, False]) == '["€$\\u000f\\nA\'B\\"\\\\\\"/",null,true,false]'.encode()


@settings(max_examples=50)
@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))  # fmt: skip
def test_the_canonical_form_says_the_same_and_is_its_own(value: Any) -> None:
    form = canonical(value)
    assert json.loads(form, parse_int=float) == value
    assert canonical(json.loads(form)) == form


@pytest.mark.parametrize("name", KEYS)
def test_every_kind_of_key_signs_and_only_it_verifies(name: str) -> None:
    key = signing.private_key(pem(KEYS[name]))
    document = signing.sign(DOCUMENT, key, "jss--33333333-3333-4333-8333-333333333333", NOW, "us")
    assert document["signatures"][0]["algorithm"] == name
    assert why(document, key) == ""
    assert lint.check(json.dumps(document).encode()).fatal == []
    other = ed25519.Ed25519PrivateKey.generate()
    assert why(document, other) == "was made with another key"
    del document["signatures"][0]["public_key"]
    assert why(document, other) != ""


def test_what_is_signed_is_what_the_appendix_says() -> None:
    """Made here again with nothing but a hash and the key."""
    document = signed(RSA)
    (signature,) = document["signatures"]
    value = base64.urlsafe_b64decode(signature["value"] + "==")
    bare = document | {"signatures": [{key: each for key, each in signature.items() if key != "value"}]}
    text = json.dumps(bare, sort_keys=True, separators=(",", ":")).encode()  # ASCII keys, no fractions: canonical already
    RSA.public_key().verify(value, hashlib.sha256(text).hexdigest().encode(), padding.PKCS1v15(), hashes.SHA256())


def test_signatures_do_not_disturb_each_other() -> None:
    document = signing.sign(signed(), KEYS["ES256"], "jss--44444444-4444-4444-8444-444444444444", NOW, "them")
    one, other = signing.verify(document, KEYS["ES256"].public_key(), NOW)
    assert (one.why, other.why) == ("was made with another key", "")


@given(st.sampled_from(sorted(DOCUMENT)))
def test_any_change_of_the_playbook_is_found(name: str) -> None:
    document = signed()
    document[name] = "other"
    assert why(document) != ""


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"signee": "them"}, "does not fit"),
        ({"value": "AAAA"}, "does not fit"),
        ({"value": "+/"}, "has a value that is not base64url"),
        ({"algorithm": "RS256"}, "names the algorithm 'RS256', which the key given is not for"),
        ({"algorithm": "none"}, "names the algorithm 'none'"),
        ({"hash_algorithm": "md5"}, "the hash algorithm 'md5' is not known"),
        ({"revoked": True}, "is revoked"),
        ({"related_version": NOW}, "belongs to another playbook or another version"),
        ({"valid_from": "2025-06-01T00:00:00.0001Z"}, "is valid only from"),
        ({"valid_until": NOW}, "was valid only until"),
        ({"public_key": "AAAA"}, "brings a public key that cannot be read"),
        ({"public_key": base64.b64encode(dsa.generate_private_key(1024).public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()}, "a kind that signs no playbook"),
    ],
)  # fmt: skip
def test_a_signature_that_does_not_count_says_why(change: dict[str, Any], told: str) -> None:
    document = signed()
    document["signatures"][0] |= change
    assert why(document).startswith(told) or told in why(document)


def test_a_signature_of_the_wrong_length_does_not_fit() -> None:
    document = signed(KEYS["ES256"])
    document["signatures"][0]["value"] = "AAAA"
    assert why(document, KEYS["ES256"]).startswith("does not fit")


def test_pss_and_certificates_are_verified_too() -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "us")])
    day = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder(name, name, RSA.public_key(), 1, day, day + datetime.timedelta(9))
    document = signed(RSA, valid_until="2030-01-01T00:00:00.000Z")
    (signature,) = document["signatures"]
    del signature["public_key"], signature["value"]
    signature |= {
        "algorithm": "PS256",
        "public_cert_chain": [base64.b64encode(builder.sign(RSA, hashes.SHA256()).public_bytes(Encoding.DER)).decode()],
    }
    data = signing.digest(document, signature)
    value = RSA.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    signature["value"] = base64.urlsafe_b64encode(value).decode().rstrip("=")
    assert why(document, RSA) == ""
    assert why(document) == "was made with another key"


@pytest.mark.parametrize(
    ("key", "told"),
    [
        (b"no", "is not a private key in PEM"),
        (pem(dsa.generate_private_key(1024)), "of a kind that signs no playbook"),
        (pem(rsa.generate_private_key(65537, 1024)), "is an RSA key of 1024 bits; at least 2048"),
        (pem(ec.generate_private_key(ec.SECP256K1())), "of the curve secp256k1"),
    ],
)
def test_keys_that_do_not_sign(key: bytes, told: str) -> None:
    with pytest.raises(InputError, match=told):
        signing.private_key(key)


def test_public_keys() -> None:
    public = RSA.public_key()
    found = signing.public_key(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert signing.encoded(found) == signing.encoded(public)
    with pytest.raises(InputError, match="is not a public key in PEM"):
        signing.public_key(b"no")
