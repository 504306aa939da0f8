"""Who is asked about a plan, and when the next ones are: along the roster, one role after the other. Pure."""

from collections.abc import Iterable
from typing import Final

import msgspec

from interferon.model.network import Network

LADDER: Final = ("operator", "engineer", "owner")  # roles that may approve, in the order in which they are asked


class Rung(msgspec.Struct, frozen=True, kw_only=True):
    """People of one role, and from when on they are asked. `on_duty`: the roster names them; else nobody of the role is on it then."""

    role: str
    people: tuple[str, ...]  # ids in people.csv
    time: int
    on_duty: bool


def ladder(network: Network, targets: Iterable[str], since: int, every_us: int) -> tuple[Rung, ...]:
    """Who is asked about a plan made at `since` that acts on `targets` (references): each role `every_us` after the one before.

    A role is the last word of what people.csv says (`process owner` is an owner). Where the roster names nobody of it at that moment,
    its people are asked: of the owners those who answer for a target, else all. A role without people is left out.
    """
    found: list[Rung] = []
    answering = _owners(network, targets)
    for role in LADDER:
        time = since + len(found) * every_us
        duty = tuple(row.person for row in network.rosters if _is(row.role, role) and row.starts <= time < row.ends)
        everybody = tuple(person.id for person in network.people.values() if _is(person.role, role))
        people = duty or (answering if role == "owner" else ()) or everybody
        if people:
            found.append(Rung(role=role, people=tuple(dict.fromkeys(people)), time=time, on_duty=bool(duty)))
    return tuple(found)


def _is(said: str, role: str) -> bool:
    return said.lower().split()[-1:] == [role]


def _owners(network: Network, targets: Iterable[str]) -> tuple[str, ...]:
    """People who answer for an asset among the targets, or for one in a zone among them."""
    named: list[str] = []
    for target in targets:
        kind, _, name = target.partition(":")
        named += network.assets_in.get(name, ()) if kind == "zone" else [name] if kind == "asset" else []
    owners = [network.assets[name].owner for name in named if name in network.assets]
    return tuple(dict.fromkeys(owner for owner in owners if owner in network.people))
