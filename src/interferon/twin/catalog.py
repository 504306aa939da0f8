"""Scenarios to choose from: the packaged examples moved about by a seed, or a campaign drawn from any network's tables.

Called by the demo, the bench and tests. Reads the package's scenario files; otherwise pure.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from importlib import resources

from interferon.model.network import Asset, Network
from interferon.twin.campaign import NOT_HOSTS
from interferon.twin.draws import pick
from interferon.twin.machines import signals_of
from interferon.twin.scenario import Scenario, Step, parse


def examples(network: Network) -> dict[str, Scenario]:
    """Name → packaged scenario written for this network, in order of name."""
    folder = resources.files("interferon").joinpath("scenarios")
    found: dict[str, Scenario] = {}
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".toml"):
            text = entry.read_text(encoding="utf-8")
            if f'network = "{network.settings.name}"' in text:
                found[entry.name.removesuffix(".toml")] = parse(text, entry.name, network)
    return found


def scenario_for(network: Network, seed: int) -> Scenario:
    """The scenario of a seed: an example of this network, moved, or one drawn from its tables where it has no examples."""
    found = list(examples(network).values())
    if not found:
        return drawn(network, seed)
    return moved(found[seed % len(found)], network, seed)


def moved(scenario: Scenario, network: Network, seed: int) -> Scenario:
    """The same steps against other things of the same kind, a little earlier or later. What is different stays different."""
    mapping = _Moved(network, seed)
    shift, pace = 0.25 * pick(seed, "shift", 13) - 1.0, 0.9 + 0.05 * pick(seed, "pace", 5)
    limit = scenario.hours

    def time(hours: float, kind: str) -> float:
        moved_to = hours * pace + shift if kind == "attack" else hours + 0.5 * pick(seed, "benign shift", 9) - 2.0
        return round(min(max(moved_to, 0.5), limit - 1.0), 3)

    steps = []
    for step in scenario.steps:
        until = max(time(step.until_h, step.kind), time(step.at_h, step.kind) + 0.5) if step.until_h else 0.0
        target = mapping.reference(step.target)
        params = {k: mapping.parameter(k, v) if isinstance(v, str) else v for k, v in step.params.items()}
        steps.append(replace(step, at_h=time(step.at_h, step.kind), until_h=until, target=target, params=params))
    return replace(scenario, steps=tuple(sorted(steps, key=lambda s: (s.at_h, s.id))))


@dataclass(frozen=True)
class _Moved:
    """A renaming of a network's things onto others of the same kind, one to one, chosen by a seed."""

    network: Network
    seed: int

    def reference(self, text: str) -> str:
        kind, _, name = text.partition(":")
        table = {"site": self.sites, "zone": self._zones, "asset": self._assets, "node": self._nodes, "partner": self._partners}.get(
            kind, {}
        )
        return f"{kind}:{table.get(name, name)}"

    def parameter(self, name: str, value: str) -> str:
        if name == "source":
            return self._assets.get(value.removeprefix("asset:"), value)
        if name == "identity":
            parts = value.split(".")
            return ".".join([parts[0], self.sites.get(parts[1], parts[1]), *parts[2:]]) if len(parts) > 1 else value
        return value

    @cached_property
    def sites(self) -> dict[str, str]:
        """Each site goes to another with the same kinds of nodes and as many zones; sites with none keep their place."""
        alike: dict[tuple[object, ...], list[str]] = {}
        kinds = {site: tuple(sorted(n.kind for n in self.network.nodes.values() if n.site == site)) for site in self.network.sites}
        for site in self.network.sites:
            zones = sum(z.site == site for z in self.network.zones.values())
            alike.setdefault((kinds[site], zones) if zones else ("none", kinds[site]), []).append(site)
        return {a: b for sites in alike.values() for a, b in self._turned(sites, f"sites {sites[0]}")}

    @cached_property
    def _zones(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for site, other in self.sites.items():
            here, there = ([z.id for z in self.network.zones.values() if z.site == s] for s in (site, other))
            found.update(zip(here, there, strict=False))
        return found

    @cached_property
    def _assets(self) -> dict[str, str]:
        """Assets of a zone and type go to those of the other zone, turned by the seed where there are several."""
        found: dict[str, str] = {}
        for zone, other in self._zones.items():
            types = {self.network.assets[a].type for a in self.network.assets_in[zone]}
            for kind in sorted(types):
                here, there = ([a for a in self.network.assets_in[z] if self.network.assets[a].type == kind] for z in (zone, other))
                if len(here) <= len(there):
                    turn = pick(self.seed, f"assets {zone} {kind}", len(there))
                    found.update({a: there[(k + turn) % len(there)] for k, a in enumerate(here)})
        return found

    @cached_property
    def _nodes(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for node in self.network.nodes.values():
            there = [n.id for n in self.network.nodes.values() if n.site == self.sites.get(node.site) and n.kind == node.kind]
            found[node.id] = there[0] if there else node.id
        return found

    @cached_property
    def _partners(self) -> dict[str, str]:
        """Carriers go where the places they serve go; other partners turn within their kind."""
        found: dict[str, str] = {}
        served = {p: {x.origin for x in self.network.lanes.values() if x.carrier == p} for p in self.network.partners}
        last = {n for n in self.network.nodes if self.network.nodes[n].kind in ("dc", "plant")}
        for partner, places in served.items():
            moved_to = {self._nodes[p] for p in places & last}
            same = [p for p in served if served[p] & last == moved_to and moved_to]
            found[partner] = same[0] if len(same) == 1 else partner
        for kind in ("supplier", "cloud", "vendor"):
            ids = [p.id for p in self.network.partners.values() if p.kind == kind]
            found.update(dict(self._turned(ids, f"partners {kind}")))
        return found

    def _turned(self, ids: list[str], purpose: str) -> list[tuple[str, str]]:
        turn = pick(self.seed, purpose, len(ids)) if ids else 0
        return [(a, ids[(k + turn) % len(ids)]) for k, a in enumerate(ids)]


def drawn(network: Network, seed: int, hours: float = 72.0) -> Scenario:
    """A campaign from the tables alone: in by an office host, on to servers, then what the goods depend on most; look-alikes elsewhere."""
    weight = _weights(network)
    hosts = [a for a in network.assets.values() if a.type not in NOT_HOSTS]
    ranked = sorted(hosts, key=lambda a: (-network.zones[a.zone].purdue, weight.get(a.id, 0.0), a.id))
    if not network.assets:
        return Scenario(f"drawn {seed}", network.settings.name, hours, ())
    entry = ranked[pick(seed, "entry", max(1, len(ranked) // 3))] if ranked else next(iter(network.assets.values()))
    by_weight = sorted(network.assets.values(), key=lambda a: (-weight.get(a.id, 0.0), a.id))
    vital = [a for a in by_weight if a.id != entry.id and a.type != "sis"][:6]
    turn = pick(seed, "vital", max(len(vital), 1))
    impact = [vital[(turn + k) % len(vital)] for k in range(min(4, len(vital)))]
    steps = [Step("entry", 7.0, "attack", "login_stolen", f"asset:{entry.id}", technique="T1078")]
    middle = [a for a in ranked if a.id != entry.id and a not in impact]
    if middle:
        bridge = middle[pick(seed, "bridge", len(middle))]
        steps.append(Step("on", 8.5, "attack", "spread", f"asset:{bridge.id}", ("entry",), technique="T1021"))
    for k, asset in enumerate(impact):
        machine = asset.type in NOT_HOSTS
        if machine and signals_of(asset):
            steps.append(
                Step(
                    f"drift-{k}",
                    10.0 + k,
                    "attack",
                    "modify_setpoint",
                    f"asset:{asset.id}",
                    (steps[-1].id if k == 0 else "entry",),
                    technique="T0836",
                )
            )
        action, technique = ("stop_process", "T0881") if machine else ("encrypt_hosts", "T1486")
        steps.append(Step(f"hit-{k}", 11.5 + 1.5 * k, "attack", action, f"asset:{asset.id}", ("entry",), technique=technique))
    return Scenario(
        f"drawn {seed}",
        network.settings.name,
        hours,
        tuple(sorted([*steps, *_benign(network, seed, impact)], key=lambda s: (s.at_h, s.id))),
    )


def _weights(network: Network) -> dict[str, float]:
    """Asset id → how much of the last leg to customers stops soon without it; what feeds stock upstream bites days later, a tenth."""
    serving = {x.origin for x in network.lanes.values() if network.nodes[x.destination].kind == "customer"}
    found: dict[str, float] = {}
    for row in network.dependencies:
        kind, _, name = row.target.partition(":")
        near = name in serving if kind == "node" else network.lanes[name].origin in serving if name in network.lanes else False
        size = 1.0 if kind == "node" else len(serving) / max(len(network.lanes), 1)
        alone = 0.1 if row.group else 1.0
        found[row.asset] = found.get(row.asset, 0.0) + row.share_lost * (1.0 if near else 0.1) * size * alone / (
            1.0 + row.tolerance_h / 6.0
        )
    return found


def _benign(network: Network, seed: int, attacked: list[Asset]) -> list[Step]:
    machines = [a for a in network.assets.values() if signals_of(a) and a not in attacked]
    zones = [z for z, ids in network.assets_in.items() if ids]
    steps = []
    if machines:
        a, b = (machines[pick(seed, which, len(machines))] for which in ("maintenance", "swap"))
        steps.append(Step("service", 5.0 + pick(seed, "service at", 8), "benign", "maintenance", f"asset:{a.id}"))
        steps.append(Step("swap", 24.0 + pick(seed, "swap at", 8), "benign", "sensor_swap", f"asset:{b.id}"))
    if zones:
        steps.append(Step("crew", 14.0, "benign", "shift_change", f"zone:{zones[pick(seed, 'crew', len(zones))]}"))
    if network.partners:
        partners = list(network.partners)
        steps.append(Step("partner", 20.0, "benign", "new_supplier", f"partner:{partners[pick(seed, 'partner', len(partners))]}"))
    return steps
