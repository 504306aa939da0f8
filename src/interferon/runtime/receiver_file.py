"""What `outlets.toml` and `pagers.toml` have in common: a file of named tables, and secrets that lie elsewhere. Called by both."""

import base64
import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Protocol, TypeVar

import msgspec

from interferon.model.errors import InputError
from interferon.model.problem import Problem


class Receiver(Protocol):
    """One table."""

    __struct_fields__: ClassVar[tuple[str, ...]]

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def secret_env(self) -> str: ...

    @property
    def secret_file(self) -> str: ...


R = TypeVar("R", bound=Receiver)


def load(path: Path, table: str, kind: type[R], wrong: Callable[[R, set[str]], str]) -> tuple[R, ...]:
    """The tables of the file; none where it is not there. InputError with the first mistake.

    `wrong(one, taken)`: '' or what is wrong with one; `taken` are the names of those before it.
    """
    if not path.is_file():
        return ()
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
        found: list[R] = [msgspec.convert(one, kind) for one in msgspec.convert(read.get(table, []), list[object])]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: not readable as TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise InputError(f"{path}: {error}; [[{table}]] has {', '.join(kind.__struct_fields__)}") from None
    if strange := sorted(set(read) - {table}):
        raise InputError(f"{path}: {strange[0]!r} is nothing; the file holds [[{table}]] tables")
    for place, one in enumerate(found):
        if why := wrong(one, {each.name for each in found[:place]}):
            raise InputError(f"{path}: {table} {one.name!r}: {why}")
    return tuple(found)


def problems(path: Path, read: Callable[[], object]) -> list[Problem]:
    """For `interferon check`."""
    try:
        read()
    except InputError as error:
        return [Problem(file=path.name, line=1, message=str(error).removeprefix(f"{path}: "))]
    return []


def secret(one: Receiver, folder: Path, where: str) -> str:
    """The secret, or '' where none is named. InputError where it is named and not there, or of a webhook is none that can sign.

    `where`: file and table, for the message.
    """
    found = _named(one, folder, where)
    if one.kind == "webhook" and found.startswith("whsec_"):
        try:
            base64.b64decode(found.removeprefix("whsec_"), validate=True)
        except ValueError:
            raise InputError(f"{where} {one.name}: after whsec_ the secret is base64, and this is not") from None
    return found


def _named(one: Receiver, folder: Path, where: str) -> str:
    if one.secret_env:
        if one.secret_env not in os.environ:
            raise InputError(f"{where} {one.name}: the environment has no {one.secret_env}")
        return os.environ[one.secret_env]
    if one.secret_file:
        try:
            return (folder / one.secret_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{where} {one.name}: secret_file {one.secret_file} cannot be read: {error}") from None
    return ""
