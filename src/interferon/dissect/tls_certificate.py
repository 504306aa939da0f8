"""The Certificate message of TLS 1.2 and before: the chain's subjects, issuers, names, validity and fingerprints. Pure.

Called by the TLS dissector. Sources: RFC 5246 (clause 7.4.2), RFC 5280. A certificate that is malformed is told as far as it can be read.
"""

import warnings
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, TypeAlias

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

Fields: TypeAlias = dict[str, Any]
MOST: Final = 16  # certificates of a chain, and
NAMES: Final = 200  # names of one certificate, that are told
# ValueError of malformed parts, TypeError of impossible ones; the others are x509's own for what it does not know
_BAD: Final = (
    *(ValueError, TypeError, OverflowError, UnsupportedAlgorithm),
    *(x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType),
)


def certificates(body: bytes) -> list[Fields]:
    """Each certificate of the chain, the owner's first: subject, issuer (RFC 4514), their common names, subject_alt_names, serial (hex),
    not_before and not_after (ISO 8601), key, signature_hash, sha256. Raises ValueError where the message is none."""
    if len(body) < 3 or int.from_bytes(body[:3]) != len(body) - 3:
        raise ValueError("the list of certificates has another length than it says")
    at, found = 3, list[Fields]()
    while at < len(body):
        size = int.from_bytes(body[at : at + 3])
        if at + 3 + size > len(body):
            raise ValueError("a certificate breaks off")
        if len(found) < MOST:
            found.append(certificate(body[at + 3 : at + 3 + size]))
        at += 3 + size
    return found


@lru_cache(128)
def certificate(der: bytes) -> Fields:
    """The fields of one certificate; a server sends the same one again and again."""
    told: Fields = {"sha256": sha256(der).hexdigest()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of serial numbers and encodings that break a rule and are read all the same
        try:
            read = x509.load_der_x509_certificate(der)
        except _BAD as error:
            return told | {"malformed": f"no certificate: {str(error)[:200]}"}
        wrong = []
        for key, part in PARTS.items():
            try:
                value = part(read)
            except _BAD:
                wrong.append(key)
                continue
            if value not in (None, "", []):
                told[key] = value
    return told | ({"malformed": f"unreadable: {', '.join(wrong)}"} if wrong else {})


def _common(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def _alternative(read: x509.Certificate) -> list[str]:
    try:
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [_general(each) for each in names][:NAMES]


def _general(name: x509.GeneralName) -> str:
    if isinstance(name, x509.DirectoryName):
        return name.value.rfc4514_string()
    if isinstance(name, x509.OtherName):
        return f"{name.type_id.dotted_string}:{name.value.hex()}"
    return name.value.dotted_string if isinstance(name, x509.RegisteredID) else str(name.value)


def _key(read: x509.Certificate) -> str:
    key = read.public_key()
    if isinstance(key, rsa.RSAPublicKey | dsa.DSAPublicKey):
        return f"{'rsa' if isinstance(key, rsa.RSAPublicKey) else 'dsa'}-{key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ec-{key.curve.name}"
    return "ed25519" if isinstance(key, ed25519.Ed25519PublicKey) else "ed448" if isinstance(key, ed448.Ed448PublicKey) else "other"


PARTS: Final[dict[str, Callable[[x509.Certificate], Any]]] = {
    "subject": lambda read: read.subject.rfc4514_string(),
    "subject_cn": lambda read: _common(read.subject),
    "issuer": lambda read: read.issuer.rfc4514_string(),
    "issuer_cn": lambda read: _common(read.issuer),
    "subject_alt_names": _alternative,
    "serial": lambda read: f"{read.serial_number:x}",
    "not_before": lambda read: read.not_valid_before_utc.isoformat(),
    "not_after": lambda read: read.not_valid_after_utc.isoformat(),
    "key": _key,
    "signature_hash": lambda read: read.signature_hash_algorithm.name if read.signature_hash_algorithm else "",
}
