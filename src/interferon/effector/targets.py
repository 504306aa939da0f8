"""`[[target]]` and `[[protected]]` of the effector's file: what may be acted on, and what never. Called by `settings`. Pure."""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from interferon.effector.protocol import Actuator, Choosy, Target
from interferon.effector.toml_lines import Reader
from interferon.model.effects import Value

Ref = Annotated[str, Meta(pattern=r"^[a-z]+:\w[\w.-]{0,63}\Z")]
ISOLATING: Final = frozenset({"isolate_asset", "isolate_zone", "fail_over"})  # what counts against `isolated_assets`


class TargetRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[target]]`."""

    ref: Ref
    actuator: str  # name of an [actuators.NAME] section
    actions: Annotated[list[str], Meta(min_length=1)]
    reach: dict[str, Value] = {}
    identity: dict[str, Value] = {}
    assets: Annotated[int, Meta(ge=0)] = 1  # that an isolation of it takes off the network

    @property
    def target(self) -> Target:
        return Target(ref=self.ref, reach=self.reach, identity=self.identity)

    def weight(self, action: str) -> int:
        return self.assets if action in ISOLATING else 0


class Protected(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[protected]]`: never a target, by its name or by an address in another target's reach."""

    ref: Ref
    addresses: list[str] = []
    reason: str = "protected"


def targets_of(reader: Reader, built: Mapping[str, Actuator], protected: list[Protected]) -> dict[tuple[str, str], TargetRow]:
    """By reference and action. `built`: the actuators of the file, by section."""
    guarded = [(network, row) for place, row in enumerate(protected) for network in _addresses(reader, row, place)]
    found: dict[tuple[str, str], TargetRow] = {}
    reaches: dict[tuple[str, str, bytes], str] = {}
    for section, row in reader.rows(TargetRow, "target"):
        shielded = next((each for each in protected if each.ref == row.ref), None) or _overlap(row, guarded)
        if shielded:
            reader.wrong(section, "ref", f"{row.ref} is or reaches {shielded.ref}, which is never a target ({shielded.reason})")
        for action in row.actions:
            if (row.ref, action) in found:
                reader.wrong(section, "actions", f"{action} on {row.ref} is given twice; one row carries it out")
            found[row.ref, action] = row
            place = (row.actuator, action, msgspec.json.encode(row.reach, order="sorted"))
            if row.reach and reaches.setdefault(place, row.ref) != row.ref:
                reader.wrong(section, "reach", f"{row.ref} and {reaches[place]} have the same reach: {action} could not tell them apart")
        for key, why in _unfit(row, built):
            reader.wrong(section, key, why)
    return found


def _unfit(row: TargetRow, built: Mapping[str, Actuator]) -> Iterator[tuple[str, str]]:
    actuator = built.get(row.actuator)
    if actuator is None:
        known = f"there are {', '.join(built)}" if built else "there is none"
        yield "actuator", f"{row.ref} names actuator {row.actuator!r}, which has no usable section [actuators.{row.actuator}]; {known}"
        return
    for action in row.actions:
        if action not in actuator.actions:
            yield "actions", f"{row.actuator} does not carry out {action!r}; it can {', '.join(sorted(actuator.actions))}"
        elif isinstance(actuator, Choosy) and (why := actuator.wrong(row.target, action)):
            yield "reach", f"{row.ref}: {why}"


def _addresses(reader: Reader, row: Protected, place: int) -> Iterator[Any]:
    for text in row.addresses:
        try:
            yield ipaddress.ip_network(text)
        except ValueError as error:
            reader.wrong(f"protected.{place}", "addresses", f"{row.ref}: {error}")


def _overlap(row: TargetRow, guarded: list[tuple[Any, Protected]]) -> Protected | None:
    """A protected thing whose address is in the reach of a row. A conduit is a flow, not a thing: it may end there."""
    if row.ref.startswith("conduit:"):
        return None
    for value in row.reach.values():
        for word in re.split(r"[\s,]+", value) if isinstance(value, str) else ():
            try:
                network = ipaddress.ip_network(word)
            except ValueError:
                continue
            for other, thing in guarded:
                if network.version == other.version and network.overlaps(other):
                    return thing
    return None
