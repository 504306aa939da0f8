"""Who is asked about a plan, and when the next ones are: along the roster, one role after the other. Pure."""

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


def ladder(network: Network, since: int, every_us: int) -> tuple[Rung, ...]:
    """Who is asked about a plan made at `since`: each role `every_us` after the one before. A role without people is left out.

    Where the roster names nobody of a role at that moment, all people of the role are asked: better one too many than nobody.
    """
    found: list[Rung] = []
    for role in LADDER:
        time = since + len(found) * every_us
        duty = tuple(row.person for row in network.rosters if row.role == role and row.starts <= time < row.ends)
        people = duty or tuple(person.id for person in network.people.values() if person.role == role)
        if people:
            found.append(Rung(role=role, people=tuple(dict.fromkeys(people)), time=time, on_duty=bool(duty)))
    return tuple(found)
