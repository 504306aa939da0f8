"""Sigma rule files → parsed rules, kept in the user's cache folder under a hash of the files.

Called by `cli.rules`, `bench.rules`, and by `runtime.known_bad` for the rules of a network folder. Reads those files, writes the cache.
"""

import hashlib
import os
import tomllib
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import msgspec

from interferon import __version__
from interferon.model.errors import InputError
from interferon.rules.parse import Values, parse
from interferon.rules.records import Problem, Rule

SUFFIXES = (".yml", ".yaml")
RECORDINGS = "regression_data"  # its YAML files describe recordings, they are no rules

Progress = Callable[[int, int], None]


class RuleSet(msgspec.Struct, frozen=True):
    """What a folder held, in the order of its files, and what in it will not be judged."""

    rules: tuple[Rule, ...]
    problems: tuple[Problem, ...]


def load(folders: list[Path], values: Values, progress: Progress = lambda done, of: None) -> RuleSet:
    """Every rule of some folders or files. Raises InputError where there is none to read."""
    files = [(path, shown) for folder in folders for path, shown in _files(folder)]
    if not files:
        raise InputError(f"{folders[0]}: holds no rules; a folder with .yml files of Sigma rules is needed")
    texts = [(path.read_bytes(), shown) for path, shown in files]
    kept = _path(texts, values)
    found = _kept(kept)
    if found is None:
        found = _parsed(texts, values, progress)
        _keep(kept, found)
    return found


def placeholders(path: Path) -> dict[str, tuple[str, ...]]:
    """What placeholders stand for: a TOML file of `name = ["value", ...]`."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f'{path}: is not TOML of `name = ["value", ...]`: {error}') from error
    for name, values in found.items():
        if not (isinstance(values, list) and values and all(isinstance(value, str) for value in values)):
            raise InputError(f'{path}: {name}: a list of texts is needed, such as ["DC1", "DC2"]')
    return {name: tuple(values) for name, values in found.items()}


def _files(folder: Path) -> list[tuple[Path, str]]:
    """The rule files below, sorted, each with its name for people."""
    if folder.is_file():
        return [(folder, folder.name)]
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder of rules")
    found = sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    names = [(path, path.relative_to(folder)) for path in found]
    return [(path, str(name)) for path, name in names if RECORDINGS not in name.parts]


def _parsed(texts: list[tuple[bytes, str]], values: Values, progress: Progress) -> RuleSet:
    rules: list[Rule] = []
    problems: list[Problem] = []
    for number, (data, shown) in enumerate(texts):
        progress(number, len(texts))
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            problems.append(Problem(shown, f"byte {error.start} is not UTF-8"))
            continue
        found, wrong = parse(text, shown, values)
        rules += found
        problems += wrong
    progress(len(texts), len(texts))
    return RuleSet(tuple(rules), tuple(problems))


def _path(texts: list[tuple[bytes, str]], values: Values) -> Path:
    """Changes with every byte that the rules depend on, the parser's version and ours."""
    digest = hashlib.blake2b(msgspec.msgpack.encode([__version__, version("pysigma"), sorted(values.items())]), digest_size=16)
    for data, shown in texts:
        digest.update(msgspec.msgpack.encode([shown, data]))
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "interferon" / f"rules-{digest.hexdigest()}"


def _kept(path: Path) -> RuleSet | None:
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=RuleSet)
    except (OSError, msgspec.MsgspecError):
        return None


def _keep(path: Path, found: RuleSet) -> None:
    """A cache that cannot be written costs time at the next start and nothing else."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        unfinished.write_bytes(msgspec.msgpack.encode(found))
        unfinished.replace(path)
