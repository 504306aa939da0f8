"""The ways to answer an incident: which (action, target) sets are worth pricing. Called by `plan`. Pure.

What may never be done is not even listed: nothing that would take a safety system (IEC 61511) off the network.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from interferon.decide.settings import DecideSettings
from interferon.model.network import Network
from interferon.model.records import Incident

SAFETY: Final = "sis"
HELD_KINDS: Final = frozenset({"order", "payment", "shipment", "feed", "partner", "lane"})

Act = tuple[str, str]  # (action, target reference), as in `Alternative.actions`


@dataclass(frozen=True)
class Option:
    """One alternative before it is priced. `label` as in `model.records.Alternative`; a combination joins labels with `+`."""

    label: str
    actions: tuple[Act, ...]

    def joined(self, other: "Option") -> "Option":
        """Both together."""
        actions = tuple(dict.fromkeys((*self.actions, *other.actions)))
        return Option("+".join(dict.fromkeys((*self.label.split("+"), *other.label.split("+")))), actions)


DO_NOTHING: Final = Option("do_nothing", ())


def foremost(incident: Incident, settings: DecideSettings) -> tuple[str, ...]:
    """The suspects that alternatives are made for, most suspected first."""
    top = max((probability for _, probability in incident.suspects), default=0.0)
    ranked = sorted(incident.suspects, key=lambda one: (-one[1], one[0]))
    return tuple(ref for ref, probability in ranked if probability >= settings.suspect_share * top)[: settings.suspects]


def options(
    incident: Incident, network: Network, settings: DecideSettings, in_force: Iterable[Act], frozen: Collection[str] = ()
) -> tuple[Option, ...]:
    """Doing nothing, then one option for each suspect and kind of answer. What is in force already is left out of the actions.

    `frozen`: processes that may be ended: they stand still, and a person has judged the case to be an attack.
    """
    done = frozenset(in_force)
    found: dict[tuple[Act, ...], Option] = {(): DO_NOTHING}
    refs = foremost(incident, settings)
    wanted = [option for ref in refs for option in _for_suspect(ref, network, frozen)] + _along_path(incident, refs, network)
    for option in wanted:
        actions = tuple(act for act in option.actions if act not in done and not takes_safety(network, *act))
        if actions and len(actions) == len([act for act in option.actions if act not in done]):
            found.setdefault(actions, Option(option.label, actions))
    return tuple(found.values())


def takes_safety(network: Network, action: str, target: str) -> bool:
    """Whether the action would take a safety system, or what it sends, off the network."""
    kind, _, name = network.machine_of(action, target).partition(":")
    if kind == "asset":
        return name in network.assets and network.assets[name].type == SAFETY
    if kind == "conduit":
        zones: tuple[str, ...] = (network.conduits[name].from_zone,) if name in network.conduits else ()
    else:
        zones = (name,) if action == "isolate_zone" else ()
    return any(network.assets[asset].type == SAFETY for zone in zones for asset in network.assets_in.get(zone, ()))


def _for_suspect(ref: str, network: Network, frozen: Collection[str]) -> list[Option]:
    kind, _, name = ref.partition(":")
    if kind == "identity":
        verbs = ("disable_identity", "disable_client") if name in network.clients else ("disable_identity",)
        return [Option(verb, ((verb, ref),)) for verb in verbs]
    if kind == "process" and name in network.processes:
        verb = "kill_process" if ref in frozen else "freeze_process"
        return [Option(verb, ((verb, ref),))]
    if kind in HELD_KINDS:
        return [Option("hold_transaction", (("hold_transaction", ref),))]
    if kind == "zone":
        return _for_zone(name, network)
    return _for_asset(name, network) if kind == "asset" and name in network.assets else []


def _for_asset(name: str, network: Network) -> list[Option]:
    ref, asset = f"asset:{name}", network.assets[name]
    found = [Option("isolate_asset", (("isolate_asset", ref),))]
    if _has_partner(name, network):
        found.append(Option("fail_over", (("fail_over", ref),)))
    return found + _for_zone(asset.zone, network)


def _for_zone(zone: str, network: Network) -> list[Option]:
    if zone not in network.zones:
        return []
    found = [Option("isolate_zone", (("isolate_zone", f"zone:{zone}"),))]
    conduits = [f"conduit:{conduit}" for conduit in network.conduits_of[zone]]
    cut = tuple(("cut_conduit", ref) for ref in conduits if not takes_safety(network, "cut_conduit", ref))
    return [Option("cut_conduits", cut), *found] if cut else found


def _along_path(incident: Incident, refs: Sequence[str], network: Network) -> list[Option]:
    """Only the conduits on the likely path that touch a suspect's zone: less disturbing than cutting all of them."""
    zones = {network.zone_of(ref) for ref in refs} - {""}
    cut = []
    for _, _, over in incident.path:
        conduit = network.conduits.get(over.removeprefix("conduit:"))
        if conduit is not None and zones.intersection((conduit.from_zone, conduit.to_zone)):
            act = ("cut_conduit", f"conduit:{conduit.id}")
            if act not in cut and not takes_safety(network, *act):
                cut.append(act)
    return [Option("cut_conduits", tuple(cut))] if cut else []


def _has_partner(name: str, network: Network) -> bool:
    """Whether another asset of its redundancy group can take over."""
    groups = {row.group for row in network.depends.get(name, ()) if row.group}
    return any(row.group in groups and row.asset != name for row in network.dependencies)
