"""`sensor.toml` of a network folder: who a site sensor is and where its events go. Read by `interferon sensor`."""

import re
import tomllib
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import msgspec

from interferon.model.errors import InputError
from interferon.store.cells import close
from interferon.store.tokens import secret_in

FILE: Final = "sensor.toml"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # as a token's name, for it is one upstream
Part = Literal["telemetry", "activity", "trade", "findings"]
ALL: Final[tuple[Part, ...]] = ("telemetry", "activity", "trade", "findings")


class SensorSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Paths are relative to the network folder. Exactly one of `upstream` and `diode` is given."""

    name: str
    upstream: str = ""  # https://centre.example:8600; http only to this machine
    diode: str = ""  # folder that files are written to and never read from
    token_file: str = "upstream.token"  # noqa: S105 - a file's name; the token lies in it
    ca_file: str = ""  # PEM of the authorities to believe, in place of the system's
    keep_days: int = 30  # how long forwarded events stay here
    forward: tuple[Part, ...] = ALL
    max_mb_per_s: float = 0.0  # 0: as fast as it goes


def load(folder: Path) -> SensorSettings:
    """The settings of a folder. InputError with the first mistake."""
    path = folder / FILE
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; a sensor's folder has one, with name and upstream (or diode)") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: not TOML: {error}") from None
    if unknown := sorted(set(table) - set(SensorSettings.__struct_fields__)):
        known = SensorSettings.__struct_fields__
        raise InputError(f"{path}: unknown key {unknown[0]!r}{close(unknown[0], known)}; known are {', '.join(known)}")
    try:
        found = msgspec.convert(table, SensorSettings)
    except msgspec.ValidationError as error:
        raise InputError(f"{path}: {error}") from None
    if wrong := _wrong(found):
        raise InputError(f"{path}: {wrong}")
    return found


def token(folder: Path, settings: SensorSettings) -> str:
    """The secret under which the sensor sends. InputError where the file cannot be read or is empty."""
    path = folder / settings.token_file
    how = f"interferon token add DIR {settings.name} --feed '{settings.name}/*' --key KEY"
    return secret_in(path, str(path), f"; write the token into it that is made upstream: {how}")


def _wrong(found: SensorSettings) -> str:
    checks: dict[str, Any] = {
        f"name is {found.name!r}; it is of letters, digits, dot, dash and underscore, at most 64": not _NAME.fullmatch(found.name),
        "give exactly one of upstream and diode": bool(found.upstream) == bool(found.diode),
        f"upstream is {found.upstream!r}; write it as https://centre.example:8600 (http only to 127.0.0.1)": not _reachable(found.upstream),
        f"keep_days is {found.keep_days}; it is 1 or more": found.keep_days < 1,
        "forward is empty; name at least one of " + ", ".join(ALL): not found.forward,
        f"max_mb_per_s is {found.max_mb_per_s}; it is 0 (no limit) or more": not 0 <= found.max_mb_per_s < float("inf"),
    }
    return next((why for why, wrong in checks.items() if wrong), "")


def _reachable(url: str) -> bool:
    if not url:
        return True
    try:
        place = urlsplit(url)
        port = place.port != 0
    except ValueError:
        return False
    plain = place.scheme == "http" and place.hostname in ("127.0.0.1", "localhost", "::1")
    return port and bool(place.hostname) and (place.scheme == "https" or plain) and not (place.query or place.fragment or place.username)
