"""The policy on disk: `policy/*.cedar`, the signature over them and the public key it is checked with.

Called by the runtime at start and reload, by `init`, `check` and `policy sign|show`. Reads and writes the network folder; never the private
key's bytes anywhere but into the file that a person named.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from interferon.model.errors import InputError, PolicyError
from interferon.model.problem import Problem
from interferon.trust import signature
from interferon.trust.policy import Policy
from interferon.trust.texts import builtin

POLICY: Final = "policy"
SIGNATURE: Final = "policy.sig"
PUBLIC: Final = "policy.pub"
_PLACE: Final = re.compile(r"([^:\n]+\.cedar):(\d+): (.*)", re.DOTALL)


@dataclass(frozen=True)
class Signed:
    """What `sign` did: the key's fingerprint, whether the key file was made, and the files that the signature covers."""

    fingerprint: str
    made_key: bool
    files: tuple[str, ...]


@dataclass(frozen=True)
class Status:
    """How a policy folder stands. `problem` is '' where the policy is in force; otherwise nothing is executed, and this says why."""

    files: tuple[str, ...]
    fingerprint: str  # of `policy.pub`, '' where there is none
    problem: str
    policy: Policy | None  # also where it is not signed, as long as it can be read


def load(folder: Path, pinned: str = "") -> Policy:
    """The signed policy of a network folder. `pinned`: fingerprint that the key must have, where the caller knows it from elsewhere.

    Raises `PolicyError` (one line) where it is missing, unsigned, changed after signing, signed with another key, or no valid policy. Then
    the caller goes on with `Policy.observing()`: nothing is executed, undo still works.
    """
    files = _files(folder)
    public, signed = _line(folder, PUBLIC), _line(folder, SIGNATURE)
    if not signed or not public:
        raise PolicyError(f"the policy in {_at(folder)} is not signed; nothing is executed until `interferon policy sign` has signed it")
    found = signature.fingerprint(public)
    if pinned and found != pinned:
        raise PolicyError(f"{_at(folder) / PUBLIC} is {found}, but {pinned} is expected: somebody replaced the key")
    signature.verify(files, signed, public)
    return Policy(_texts(files))


def write(folder: Path, *names: str) -> list[str]:
    """Writes built-in policies (`observe`, `people`, `demo`) into the folder, unsigned; returns their paths in the folder."""
    _at(folder).mkdir(parents=True, exist_ok=True)
    for name in names:
        (_at(folder) / f"{name}.cedar").write_text(builtin(name), encoding="utf-8")
    return [f"{POLICY}/{name}.cedar" for name in names]


def write_observing(folder: Path) -> None:
    """What a new installation starts with: the system suggests, people have their roles. For `init`."""
    write(folder, "observe", "people")


def sign(folder: Path, key_file: Path, *, replace_key: bool = False) -> Signed:
    """Checks the policy, signs it, and writes `policy.sig` and `policy.pub`. An absent key file is made, readable by its owner only.

    Raises `PolicyError` where the policy is not valid: what does not work is not signed. Raises `InputError` where the key file is no
    Ed25519 key, is readable by others, or (unless `replace_key`) is not the key that `policy.pub` names.
    """
    files = _files(folder)
    Policy(_texts(files))
    made = not key_file.exists()
    key = _make_key(key_file) if made else _read_key(key_file)
    public, pinned = signature.public_text(key), _line(folder, PUBLIC)
    if pinned and pinned != public.strip() and not replace_key:
        if made:
            key_file.unlink()
        raise InputError(f"{key_file} is not the key that {_at(folder) / PUBLIC} names; sign with that key, or pass --replace-key")
    replace(_at(folder) / PUBLIC, public)
    replace(_at(folder) / SIGNATURE, signature.sign(files, key))
    return Signed(signature.fingerprint(public), made, tuple(sorted(files)))


def signing_key(folder: Path, key_file: Path) -> Ed25519PrivateKey:
    """The private key that `policy.pub` names. Raises InputError where the file holds another one, or the policy is not signed yet."""
    if not key_file.is_file():
        raise InputError(f"{key_file}: no such file; name the key that the policy was signed with")
    key, pinned = _read_key(key_file), public_key(folder)
    if not pinned:
        raise InputError(f"the policy in {_at(folder)} is not signed; `interferon policy sign` it first, with the same key")
    if signature.public_text(key).strip() != pinned:
        raise InputError(f"{key_file} is not the key that {_at(folder) / PUBLIC} names; sign with that key")
    return key


def public_key(folder: Path) -> str:
    """The line of `policy.pub`, '' where there is none."""
    return _line(folder, PUBLIC)


def status(folder: Path, pinned: str = "") -> Status:
    """How the policy stands, for `policy show` and the screens. Raises only where there is no policy to read."""
    files = _files(folder)
    public = _line(folder, PUBLIC)
    policy, problem, name = None, "", ""
    try:
        name = signature.fingerprint(public) if public else ""
        policy = Policy(_texts(files))
        load(folder, pinned)
    except PolicyError as error:
        problem = str(error)
    return Status(tuple(sorted(files)), name, problem, policy)


def problems(folder: Path) -> list[Problem]:
    """What `check` says about the policy: text that does not hold, a signature that does not fit. Not being signed yet is no problem."""
    if not _at(folder).is_dir():
        return []
    try:
        Policy(_texts(_files(folder)))
        if (_at(folder) / SIGNATURE).exists():
            load(folder)
    except PolicyError as error:
        place = _PLACE.fullmatch(str(error))
        if place:
            return [Problem(file=f"{POLICY}/{place[1]}", line=int(place[2]), message=place[3])]
        return [Problem(file=f"{POLICY}/{SIGNATURE}", line=1, message=str(error))]
    return []


def _at(folder: Path) -> Path:
    return folder / POLICY


def _files(folder: Path) -> dict[str, bytes]:
    try:
        found = {path.name: path.read_bytes() for path in sorted(_at(folder).glob("*.cedar"))}
    except OSError as error:
        raise PolicyError(f"cannot read {error.filename}: {error.strerror}") from None
    if not found:
        raise PolicyError(f"there is no policy in {_at(folder)}; `interferon init` writes one that only observes")
    return found


def _texts(files: dict[str, bytes]) -> dict[str, str]:
    texts = {}
    for name, raw in files.items():
        try:
            texts[name] = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            raise PolicyError(f"{name}:{line}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
    return texts


def _line(folder: Path, name: str) -> str:
    return line(_at(folder) / name)


def line(path: Path) -> str:
    """The one line of a signature or key file, '' where there is none."""
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise PolicyError(f"cannot read {error.filename}: {error.strerror}") from None


def _make_key(path: Path) -> Ed25519PrivateKey:
    key = Ed25519PrivateKey.generate()
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return key


def _read_key(path: Path) -> Ed25519PrivateKey:
    if path.stat().st_mode & 0o077:
        raise InputError(f"{path} can be read by others than its owner; `chmod 600 {path}`, and think about who has seen it")
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"{path} is not an Ed25519 private key in PEM without a passphrase; name a file that does not exist to make one")
    return key


def replace(path: Path, text: str) -> None:
    """Writes in one step, so that no reader sees half a signature."""
    draft = path.with_suffix(path.suffix + ".draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
