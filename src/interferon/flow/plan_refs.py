"""What a person names on the command line: references to close, and until when. Called by `runtime.flow_folder`. Pure."""

import re
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Final, cast, get_args

from interferon.flow.states import AssetState, Kind
from interferon.flow.telling import iso
from interferon.model.errors import InputError
from interferon.model.network import Network

TABLES: Final = {"asset": "assets", "conduit": "conduits", "lane": "lanes", "node": "nodes", "zone": "zones"}
HOUR_US: Final = 3_600_000_000
_LENGTH: Final = re.compile(r"(\d+(?:\.\d+)?)([hd])", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST: Final = 24 * 365.25 * 100  # hours
_NEAR: Final = 3


def references(network: Network, refs: Iterable[str]) -> tuple[str, ...]:
    """`refs` sorted, each once. InputError names the first that is in no table, with those that are like it."""
    found = tuple(sorted(set(refs)))
    for ref in found:
        kind, colon, name = ref.partition(":")
        if not colon or kind not in TABLES:
            named = [f"{each}:{kind if not colon else name}" for each in TABLES if (name or kind) in getattr(network, TABLES[each])]
            raise InputError(f"'{ref}' is no reference; write {', '.join(f'{each}:ID' for each in TABLES)}{_meant(named)}")
        known: Collection[str] = getattr(network, TABLES[kind])
        if name not in known:
            near = [f"{kind}:{each}" for each in get_close_matches(name, known, _NEAR)]
            elsewhere = [f"{each}:{name}" for each, table in TABLES.items() if name in getattr(network, table)]
            raise InputError(f"'{ref}' is no {kind} in {TABLES[kind]}.csv{_meant(elsewhere + near)}")
    return found


def suspicion(network: Network, suspects: Iterable[str], otherwise: float = 0.5) -> dict[str, float]:
    """Zone id → probability, from `zone:ID` (`otherwise`) or `zone:ID=0.7`. InputError for what is no zone or no number."""
    found: dict[str, float] = {}
    for text in suspects:
        ref, equals, chance = text.partition("=")
        if not ref.startswith("zone:"):
            raise InputError(f"--suspect '{text}': write zone:ID or zone:ID=0.7")
        references(network, [ref])
        try:
            found[ref.removeprefix("zone:")] = float(chance) if equals else otherwise
        except ValueError:
            raise InputError(f"--suspect '{text}': '{chance}' is no probability; write zone:ID=0.7") from None
    return found


def states(network: Network, texts: Iterable[str], now: int) -> dict[str, AssetState]:
    """Asset reference → state, from `asset:ID=down`, `asset:ID=restoring:0.5@24h` (share of its work, until when it is whole again)."""
    found: dict[str, AssetState] = {}
    for text in texts:
        ref, equals, told = text.partition("=")
        kind, _, until = told.partition("@")
        kind, colon, share = kind.partition(":")
        if not ref.startswith("asset:") or not equals or kind not in get_args(Kind):
            raise InputError(f"--state '{text}': write asset:ID={'|'.join(get_args(Kind))}, as asset:ID=restoring:0.5@24h")
        references(network, [ref])
        try:
            does = float(share) if colon else 0.0
        except ValueError:
            raise InputError(f"--state '{text}': '{share}' is no share; write asset:ID=restoring:0.5@24h") from None
        found[ref] = AssetState(cast(Kind, kind), hours(until, now), does)
    return found


def hours(until: str, now: int) -> float | None:
    """Hours from `now` (microseconds UTC) to `until`: `48h`, `3d`, an ISO time (UTC where it names no zone). None where it is ''."""
    if not until:
        return None
    length = _LENGTH.fullmatch(until.strip())
    ahead = float(length[1]) * (24 if length[2] == "d" else 1) if length else (_moment(until) - now) / HOUR_US
    if ahead > _LONGEST:
        raise InputError(f"--until {until}: that is beyond {_LONGEST / 24 / 365.25:.0f} years; leave it out for all of the horizon")
    if ahead <= 0:
        raise InputError(f"--until {until}: the closure would end before it begins; the tables begin at {iso(now)}")
    return ahead


def _moment(text: str) -> int:
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InputError(f"--until '{text}': write hours as 48h, days as 3d, or an ISO time as 2026-01-07T12:00:00Z") from None
    aware = found if found.tzinfo else found.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)


def _meant(near: list[str]) -> str:
    return f" (did you mean {' or '.join(near[:_NEAR])}?)" if near else ""
