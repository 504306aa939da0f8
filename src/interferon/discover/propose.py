"""From what was seen to proposed rows of assets, zones, conduits and dependencies, compared with the tables that are there.

Called by `runtime.discovery`. A proposal names its evidence; nothing becomes a row of the network before a person has accepted it.
"""

import ipaddress
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from interferon.discover.roles import OUTSIDE, Role, outside, role
from interferon.discover.seen import Host, Seen, Talk, named
from interferon.model.network import Network

NEW, KNOWN, DIFFERS, UNSEEN = "new", "known", "differs", "never seen"
LEVEL_NAMES: Final = {1.0: "control", 2.0: "supervision", 3.0: "operations", 4.0: "enterprise", 5.0: "outside"}
CRITICALITY: Final = {1.0: 4, 2.0: 3, 3.0: 3, 4.0: 2, 5.0: 1}
TABLES: Final = ("zones", "assets", "conduits", "dependencies")  # in the order in which rows need each other


@dataclass(frozen=True)
class Proposal:
    """One row, what it is compared with the tables, and why it is proposed."""

    table: str
    row: dict[str, Any]  # the table's columns
    status: str  # NEW, KNOWN, DIFFERS or UNSEEN
    confidence: float  # 0–1
    evidence: tuple[str, ...] = ()
    first: int = 0  # microseconds UTC; 0 where it was never seen
    last: int = 0


@dataclass
class _Work:
    seen: Seen
    network: Network | None
    foreign: set[str]
    site: str  # of what is new; '' where nobody said and the tables do not tell
    roles: dict[str, Role] = field(default_factory=dict)
    zones: dict[str, str] = field(default_factory=dict)  # address → zone id
    ids: dict[str, str] = field(default_factory=dict)  # address → asset id
    found: list[Proposal] = field(default_factory=list)


def proposals(seen: Seen, network: Network | None, site: str = "") -> list[Proposal]:
    """Every proposal, tables in the order in which their rows need each other. `network` None: there are no tables yet.

    `site`: where new zones stand; without it, the site at which all zones of the tables stand, if it is one.
    """
    seen.settle()
    work = _Work(seen, network, outside(seen), site or _only_site(network))
    for host in _machines(work):
        work.roles[host.address] = role(host, _talks(work, server=host.address), _talks(work, client=host.address))
    _zones(work)
    _assets(work)
    _conduits(work)
    _dependencies(work)
    _unseen(work)
    order = {name: place for place, name in enumerate(TABLES)}
    return sorted(work.found, key=lambda each: (order[each.table], each.status != NEW))


def _machines(work: _Work) -> list[Host]:
    """Hosts that were heard and are ours, in the order in which they appeared."""
    return [host for host in work.seen.hosts.values() if host.sent and host.address not in work.foreign]


def _talks(work: _Work, *, server: str = "", client: str = "") -> list[Talk]:
    return [talk for talk in work.seen.talks.values() if talk.server == server or talk.client == client]


def _known(work: _Work, address: str) -> str:
    """The id of an asset of the tables, or ''."""
    name = address.removeprefix("asset:")
    return name if work.network is not None and address.startswith("asset:") and name in work.network.assets else ""


def subnet(address: str) -> str:
    """`10-0-7` of 10.0.7.3, the /64 of an IPv6 address, `layer2` of a hardware address, `hosts` of a name."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "layer2" if address.count(":") == 5 else "hosts"
    network = ipaddress.ip_network(f"{found}/{24 if found.version == 4 else 64}", strict=False).network_address
    text = str(network).removesuffix(".0") if found.version == 4 else network.exploded.replace("0000:0000:0000:0000", "").strip(":")
    return re.sub(r"[.:]+", "-", text)


def _zones(work: _Work) -> None:
    """A zone for each segment and level; a machine of the tables stays in its own, and so does what stands beside it at that level."""
    beside = _zones_beside(work)
    members: dict[str, list[str]] = {}
    for address, guess in work.roles.items():
        if known := _known(work, address):
            work.zones[address] = work.network.assets[known].zone if work.network else ""
            continue
        place = (subnet(address), guess.level)
        zone = beside.get(place) or f"{LEVEL_NAMES[guess.level]}-{place[0]}"
        work.zones[address] = zone
        members.setdefault(zone, []).append(address)
    if work.foreign and any(talk.answered and {talk.client, talk.server} & work.foreign for talk in work.seen.talks.values()):
        members["outside"] = sorted(work.foreign)
        work.zones.update(dict.fromkeys(work.foreign, "outside"))
    for zone, addresses in members.items():
        if work.network is None or zone not in work.network.zones:
            level = OUTSIDE if zone == "outside" else work.roles[addresses[0]].level
            row = {"id": zone, "site": work.site, "purdue": level, "criticality": CRITICALITY[level]}
            work.found.append(Proposal("zones", row, NEW, 0.5, (f"{len(addresses)} machines: {', '.join(addresses[:5])}",)))


def _zones_beside(work: _Work) -> dict[tuple[str, float], str]:
    """(segment, level) → the zone in which the tables hold most machines of that segment and level."""
    if work.network is None:
        return {}
    votes: dict[tuple[str, float], Counter[str]] = {}
    for asset in work.network.assets.values():
        zone = work.network.zones.get(asset.zone)
        for address in re.split(r"[\s,;]+", asset.address):
            if zone is not None and address:
                votes.setdefault((subnet(address), float(int(zone.purdue))), Counter())[zone.id] += 1
    return {place: count.most_common(1)[0][0] for place, count in votes.items()}


def _only_site(network: Network | None) -> str:
    sites = {zone.site for zone in network.zones.values()} if network else set()
    return sites.pop() if len(sites) == 1 else ""


def _assets(work: _Work) -> None:
    taken = set(work.network.assets) if work.network else set()
    for address, guess in work.roles.items():
        host, known = work.seen.hosts[address], _known(work, address)
        if known and work.network:
            work.ids[address] = known
            work.found.append(_compared(work, host, known, guess))
            continue
        name = _free(f"{guess.type.replace('_', '-')}-{re.sub(r'[^A-Za-z0-9]+', '-', address).strip('-').lower()}", taken)
        taken.add(name)
        work.ids[address] = name
        row = {
            "id": name,
            "zone": work.zones[address],
            "type": guess.type,
            **_told(host),
            "address": " ".join((address, *host.others)),
            "owner": "",
            "partner": "",
        }
        work.found.append(Proposal("assets", row, NEW, guess.confidence, (*_names_itself(host), *guess.why), host.first, host.last))


def _free(name: str, taken: set[str]) -> str:
    found, number = name, 2
    while found in taken:
        found, number = f"{name}-{number}", number + 1
    return found


def _told(host: Host) -> dict[str, str]:
    """Vendor, model and version as the device told them."""
    return {"vendor": host.device.get("vendor", ""), "model": host.device.get("model", ""), "version": host.device.get("firmware", "")}


def _names_itself(host: Host) -> tuple[str, ...]:
    if not host.device:
        return ()
    return (f"names itself {', '.join(f'{key} {value}' for key, value in sorted(host.device.items()))} ({host.told_by})",)


def _compared(work: _Work, host: Host, known: str, guess: Role) -> Proposal:
    """What the tables hold of a machine against what it said of itself; the row proposed is the one that it said."""
    assert work.network is not None
    asset = work.network.assets[known]
    told = {key: value for key, value in _told(host).items() if value}
    other = {key: value for key, value in told.items() if value.lower() != str(getattr(asset, key)).lower()}
    row = {name: getattr(asset, name) for name in ("id", "zone", "type", "vendor", "model", "version", "address", "owner", "partner")}
    says = tuple(f"the tables say {key} {getattr(asset, key) or 'nothing'}, the device {value}" for key, value in other.items())
    return Proposal(
        "assets",
        row | other,
        DIFFERS if other else KNOWN,
        guess.confidence,
        (*says, *_names_itself(host), *guess.why),
        host.first,
        host.last,
    )


def _conduits(work: _Work) -> None:
    """A row for each pair of zones, protocol and port over which something was answered."""
    found: dict[tuple[str, str, str, int], list[Talk]] = {}
    for talk in work.seen.talks.values():
        ends = (work.zones.get(talk.client, ""), work.zones.get(talk.server, ""))
        if talk.answered and all(ends) and ends[0] != ends[1]:
            found.setdefault((*ends, *_service(work, talk)), []).append(talk)
    has = {(row.from_zone, row.to_zone, row.protocol, row.port) for row in work.network.conduits.values()} if work.network else set()
    taken = set(work.network.conduits) if work.network else set()
    for (source, target, protocol, port), talks in found.items():
        name = _free(f"{source}-{target}-{protocol}", taken)
        taken.add(name)
        row = {"id": name, "from_zone": source, "to_zone": target, "protocol": protocol, "port": port}
        pairs = {(talk.client, talk.server) for talk in talks}
        why = f"{len(pairs)} pairs of machines, as {talks[0].client} → {talks[0].server} ({talks[0].evidence})"
        status = KNOWN if (source, target, protocol, port) in has else NEW
        first, last = min(talk.first for talk in talks), max(talk.last for talk in talks)
        work.found.append(Proposal("conduits", row, status, 0.8, (why,), first, last))


def _service(work: _Work, talk: Talk) -> tuple[str, int]:
    """Protocol and port; messages without a port take it from the flow between the same two, or are left to that flow."""
    service = talk.service
    if not service:
        flows = [
            each.service
            for each in work.seen.talks.values()
            if (each.client, each.server) == (talk.client, talk.server) and each.service and each.protocol == talk.protocol
        ]
        service = flows[0] if flows else ""
    port = service.partition("/")[2]
    return named(talk.protocol, service), int(port) if port.isdigit() else 0


def _dependencies(work: _Work) -> None:
    """A controller at a site with one place of work is needed by it; how much of it is a person's to say: the share is a guess."""
    if work.network is None:
        return
    has = {row.asset for row in work.network.dependencies}
    for address, guess in work.roles.items():
        zone = work.network.zones.get(work.zones.get(address, ""))
        site = zone.site if zone else work.site
        nodes = [node.id for node in work.network.nodes.values() if node.site == site]
        if guess.level == 1.0 and len(nodes) == 1 and work.ids[address] not in has:
            row = {"asset": work.ids[address], "target": f"node:{nodes[0]}", "share_lost": 0.5, "source": "discovered", "confidence": 0.3}
            work.found.append(Proposal("dependencies", row, NEW, 0.3, (f"a controller at {site}, where {nodes[0]} works alone",)))


def _unseen(work: _Work) -> None:
    """Rows of the tables that nothing was seen of."""
    if work.network is None:
        return
    spoke = {_known(work, address) for address in work.roles}
    used = {
        (row.row["from_zone"], row.row["to_zone"], row.row["protocol"], row.row["port"]) for row in work.found if row.table == "conduits"
    }
    for asset in work.network.assets.values():
        if asset.id not in spoke:
            row = {
                name: getattr(asset, name) for name in ("id", "zone", "type", "vendor", "model", "version", "address", "owner", "partner")
            }
            why = "no event names its address" if asset.address else "it has no address in assets.csv, so no event can name it"
            work.found.append(Proposal("assets", row, UNSEEN, 0.0, (why,)))
    for conduit in work.network.conduits.values():
        key = (conduit.from_zone, conduit.to_zone, conduit.protocol, conduit.port)
        if key not in used:
            row = dict(zip(("from_zone", "to_zone", "protocol", "port"), key, strict=True))
            work.found.append(Proposal("conduits", {"id": conduit.id, **row}, UNSEEN, 0.0, ("nothing answered over it",)))
