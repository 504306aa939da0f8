"""Tokens of programs: which feeds and families each may write, which actions it may command; kept as hashes in the folder's `tokens.toml`.

Called by the interfaces of `web` that programs use (`Tokens.find`) and by `interferon token`. A token is 256 random bits, so a plain
SHA-256 keeps it (unlike a password, it cannot be guessed); it is shown once, when it is made.
"""

import fnmatch
import hashlib
import hmac
import os
import re
import secrets
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import tomli_w

from interferon.decide.settings import COMMANDED
from interferon.model.errors import InputError
from interferon.model.events import FAMILIES
from interferon.store import sensor_keys

FILE: Final = "tokens.toml"
PREFIX: Final = "ifn_"  # so that a scanner for leaked secrets knows it
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Token(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One program's rights. `hash` is the hex SHA-256 of the token; times are ISO 8601, UTC."""

    name: str
    feeds: list[str]  # names or patterns (`plant-*`) of the feeds it may write
    hash: str
    created: str
    families: list[str] = msgspec.field(default_factory=lambda: list(FAMILIES))
    trust: float = 1.0  # the most that its events are trusted, 0–1; of a command: the probability of an attack that it is taken for
    actions: list[str] = []  # that it may command over OpenC2
    level: int = 1  # the most that is done on its command: 0 suggest, 1 after approval, 2 unless vetoed, 3 automatic
    expires: str = ""
    disabled: bool = False
    key: str = ""  # public key of a site sensor; every request under the token must then carry its signature

    def covers(self, feed: str) -> bool:
        """Whether it may write this feed."""
        return any(fnmatch.fnmatchcase(feed, pattern) for pattern in self.feeds)

    def holds(self, now: datetime) -> bool:
        """Whether it is in force."""
        return not self.disabled and not (self.expires and now >= datetime.fromisoformat(self.expires))


class Tokens:
    """The tokens of one network folder; reads the file again when it has changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / FILE
        self._stamp: tuple[int, int] | None = None
        self._tokens: dict[str, Token] = {}

    def find(self, secret: str, now: datetime) -> Token | None:
        """The token in force that `secret` is, or None. Every kept hash is compared, each in constant time."""
        digest = hashlib.sha256(secret.encode()).hexdigest()
        found = [token for token in self._read().values() if hmac.compare_digest(token.hash, digest)]
        return found[0] if found and found[0].holds(now) else None

    def listed(self) -> list[Token]:
        """All tokens by name."""
        return sorted(self._read().values(), key=lambda token: token.name)

    def named(self, name: str, now: datetime) -> Token | None:
        """The token in force of that name, or None."""
        token = self._read().get(name)
        return token if token and token.holds(now) else None

    def add(
        self,
        name: str,
        feeds: list[str],
        families: list[str],
        trust: float,
        created: str,
        expires: str,
        key: str = "",
        actions: Sequence[str] = (),
        level: int = 1,
    ) -> str:
        """Makes a token and answers with the secret, which is kept nowhere. `key`: of the sensor that alone may use it.

        InputError for a name taken, neither feed nor action, an unknown family or action, a level that is none, or what is no key.
        """
        if not _NAME.fullmatch(name):
            raise InputError(f"{name!r} cannot be a token's name: letters, digits, dot, dash and underscore, at most 64")
        if name in self._read():
            raise InputError(f"there is a token {name!r} already in {self._path}")
        if not (feeds or actions) or not all(feeds):
            raise InputError("a token needs a feed that it may write, as plant-mqtt or plant-*, or an action that it may command")
        if unknown := sorted(set(families) - set(FAMILIES)):
            raise InputError(f"there is no family {unknown[0]!r}; families are {', '.join(FAMILIES)}")
        if not 0 <= trust <= 1:
            raise InputError(f"trust is {trust}; it lies between 0 and 1")
        if key:
            sensor_keys.public_key(key)
        if why := _wrong_commands(actions, level, key):
            raise InputError(why)
        secret = PREFIX + secrets.token_urlsafe(32)
        digest = hashlib.sha256(secret.encode()).hexdigest()
        made = Token(
            name=name,
            feeds=feeds,
            families=families,
            trust=trust,
            actions=list(actions),
            level=level,
            hash=digest,
            created=created,
            expires=expires,
            key=key,
        )
        self._write({**self._read(), name: made})
        return secret

    def disable(self, name: str, disabled: bool = True) -> Token:
        """Takes a token out of force, or puts it back."""
        known = self._read()
        if name not in known:
            raise InputError(f"there is no token {name!r} in {self._path}; there are {', '.join(sorted(known)) or 'none'}")
        token = msgspec.structs.replace(known[name], disabled=disabled)
        self._write({**known, name: token})
        return token

    def _read(self) -> dict[str, Token]:
        try:
            about = self._path.stat()
        except FileNotFoundError:
            return {}
        stamp = (about.st_mtime_ns, about.st_size)
        if stamp != self._stamp:
            self._tokens, self._stamp = _parsed(self._path), stamp
        return self._tokens

    def _write(self, tokens: dict[str, Token]) -> None:
        rows: list[dict[str, Any]] = [msgspec.to_builtins(tokens[name]) for name in sorted(tokens)]
        draft = self._path.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(tomli_w.dumps({"token": rows}).encode())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        self._stamp = None


def _parsed(path: Path) -> dict[str, Token]:
    try:
        rows = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")).get("token", []), list[Token])
        for row in rows:
            if row.expires and datetime.fromisoformat(row.expires).tzinfo is None:
                raise InputError(f"{path}: token {row.name!r}: expires is {row.expires!r}; write it with its zone, as 2027-01-31T00:00:00Z")
            _check_key(path, row)
            if why := _wrong_commands(row.actions, row.level, row.key):
                raise InputError(f"{path}: token {row.name!r}: {why}")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise InputError(f"{path}: {error}; each [[token]] has {', '.join(Token.__struct_fields__)}") from None
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    return {row.name: row for row in rows}


def _check_key(path: Path, token: Token) -> None:
    try:
        if token.key:
            sensor_keys.public_key(token.key)
    except InputError as error:
        raise InputError(f"{path}: token {token.name!r}: {error}") from None


def _wrong_commands(actions: Sequence[str], level: int, key: str) -> str:
    """'' where a token may have these rights to command, else why not."""
    if unknown := sorted(set(actions) - set(COMMANDED)):
        return f"no action {unknown[0]!r} can be commanded; {', '.join(COMMANDED)} can"
    if level not in range(4):
        return f"level is {level}; 0 is suggest, 1 after approval, 2 unless vetoed, 3 automatic"
    return "a sensor's token, which has a key, commands nothing; make one of its own for that" if actions and key else ""


def secret_in(path: Path, named: str, missing: str = "") -> str:
    """The token in a file of a program that sends. InputError with one line, which calls the file `named`, where it holds none."""
    try:
        secret = path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise InputError(f"{named}: {error.strerror}{missing}") from None
    except UnicodeDecodeError:
        secret = ""
    if not secret or any(sign.isspace() for sign in secret):
        raise InputError(f"{named}: holds no token; it is one line, as `interferon token add` prints it")
    return secret


def in_days(now: datetime, days: int) -> str:
    """ISO 8601 of a moment so many days ahead; '' of 0."""
    return datetime.fromtimestamp(now.timestamp() + days * 86_400, UTC).isoformat(timespec="seconds") if days else ""
