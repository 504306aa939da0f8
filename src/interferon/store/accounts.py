"""Named accounts in `accounts.toml`: role and password hash, readable by the owner of the file only.

Called by the screens (`Accounts.exists`, `.verify`) and by `interferon user`. Sessions are not kept here. Hash: scrypt (RFC 7914).
"""

import base64
import hashlib
import hmac
import os
import re
import secrets
import tomllib
import unicodedata
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import msgspec
import tomli_w

from interferon.model.errors import InputError
from interferon.trust.policy import ROLES

FILE: Final = "accounts.toml"
SHORTEST: Final = 12  # characters; length is what makes a password strong (NIST SP 800-63B)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class Cost(msgspec.Struct, frozen=True):
    """scrypt's parameters; 128 · n · r bytes of memory. The default is one of OWASP's equal choices."""

    n: int = 2**15
    r: int = 8
    p: int = 3


class Account(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One person. `hash` is `scrypt$n$r$p$salt$key`, salt and key in base64."""

    name: str
    role: str
    hash: str
    created: str  # ISO 8601, UTC
    disabled: bool = False


class Accounts:
    """The accounts of one network folder; reads the file again when it has changed."""

    def __init__(self, folder: Path, cost: Cost | None = None) -> None:
        self._path = folder / FILE
        self._cost = cost or Cost()
        self._stamp: tuple[int, int] | None = None
        self._accounts: dict[str, Account] = {}

    @cached_property
    def _nobody(self) -> str:
        """What an unknown name's password is held against. Made at the first log-in: commands that only list people have none."""
        return hashed(secrets.token_urlsafe(16), self._cost)

    def exists(self) -> bool:
        """True when there is at least one account, be it disabled: locking the last one must not open the doors."""
        return bool(self._read())

    def verify(self, name: str, password: str) -> str | None:
        """The role, or None for an unknown name, a wrong password or a disabled account: the same work in each case."""
        account, nobody = self._read().get(name), self._nobody  # also for a known name: the first log-in takes as long for either
        right = matches(password, account.hash if account else nobody)
        return account.role if account and right and not account.disabled else None

    def role(self, name: str) -> str | None:
        """The role of an account that is not disabled."""
        account = self._read().get(name)
        return account.role if account and not account.disabled else None

    def listed(self) -> list[Account]:
        """All accounts by name."""
        return sorted(self._read().values(), key=lambda account: account.name)

    def add(self, name: str, role: str, password: str, created: str) -> Account:
        """Adds a person. Raises `InputError` for a name that is taken or not plain, an unknown role, or a short password."""
        if not _NAME.fullmatch(name):
            raise InputError(f"{name!r} cannot be an account's name: letters, digits, dot, dash, underscore and @, at most 64")
        if role not in ROLES:
            raise InputError(f"there is no role {role!r}; roles are {', '.join(ROLES)}")
        if name in self._read():
            raise InputError(f"there is an account {name!r} already in {self._path}")
        if len(unicodedata.normalize("NFKC", password)) < SHORTEST:
            raise InputError(f"the password is too short: {SHORTEST} characters or more, a sentence is fine")
        account = Account(name=name, role=role, hash=hashed(password, self._cost), created=created)
        self._write({**self._read(), name: account})
        return account

    def disable(self, name: str, disabled: bool = True) -> Account:
        """Disables an account, or enables it again; what it did stays on record under its name."""
        known = self._read()
        if name not in known:
            raise InputError(f"there is no account {name!r} in {self._path}; there are {', '.join(sorted(known)) or 'none'}")
        account = msgspec.structs.replace(known[name], disabled=disabled)
        self._write({**known, name: account})
        return account

    def _read(self) -> dict[str, Account]:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._stamp, self._accounts = None, {}
            return self._accounts
        stamp = (found.st_mtime_ns, found.st_size)
        if stamp != self._stamp:
            self._accounts = _parsed(self._path)
            self._stamp = stamp
        return self._accounts

    def _write(self, accounts: dict[str, Account]) -> None:
        rows: list[dict[str, Any]] = [msgspec.to_builtins(accounts[name]) for name in sorted(accounts)]
        draft = self._path.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(tomli_w.dumps({"account": rows}).encode())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        self._stamp = None


def _parsed(path: Path) -> dict[str, Account]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        rows = msgspec.convert(table.get("account", []), list[Account])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise InputError(f"{path}: {error}; each [[account]] has name, role, hash, created and may have disabled") from None
    for row in rows:
        if row.role not in ROLES:
            raise InputError(f"{path}: account {row.name!r} has the role {row.role!r}; roles are {', '.join(ROLES)}")
        _parts(row.hash, f"{path}: account {row.name!r}")
    found = {row.name: row for row in rows}
    if len(found) != len(rows):
        raise InputError(f"{path}: two accounts have the same name")
    return found


def hashed(password: str, cost: Cost) -> str:
    """scrypt with a salt of 16 random bytes."""
    salt = secrets.token_bytes(16)
    key = _scrypt(password, salt, cost)
    return "$".join(("scrypt", str(cost.n), str(cost.r), str(cost.p), base64.b64encode(salt).decode(), base64.b64encode(key).decode()))


def matches(password: str, stored: str) -> bool:
    """Whether the password gives the stored hash; compared in constant time."""
    cost, salt, key = _parts(stored, "hash")
    return hmac.compare_digest(_scrypt(password, salt, cost), key)


def _scrypt(password: str, salt: bytes, cost: Cost) -> bytes:
    text = unicodedata.normalize("NFKC", password).encode()
    return hashlib.scrypt(text, salt=salt, n=cost.n, r=cost.r, p=cost.p, maxmem=256 * cost.n * cost.r, dklen=32)


def _parts(stored: str, where: str) -> tuple[Cost, bytes, bytes]:
    try:
        kind, n, r, p, salt, key = stored.split("$")
        cost = Cost(int(n), int(r), int(p))
        found = cost, base64.b64decode(salt, validate=True), base64.b64decode(key, validate=True)
    except ValueError:
        raise InputError(f"{where}: the hash is damaged; add the account again with `interferon user add`") from None
    if kind != "scrypt" or not 2**10 <= cost.n <= 2**20 or cost.n & (cost.n - 1) or not (1 <= cost.r <= 32 and 1 <= cost.p <= 16):
        raise InputError(f"{where}: the hash is not scrypt$n$r$p$salt$key with sensible parameters")
    return found
