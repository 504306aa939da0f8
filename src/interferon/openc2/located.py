"""From what an OpenC2 target names to references of the network. Called by `inbound` only. Pure.

An address names the assets that have it, a connection the conduits that carry it, a device an asset, a target of our own a reference.
"""

import ipaddress
from collections.abc import Collection
from typing import Any, Final

from interferon.model.network import Asset, Conduit, Network
from interferon.model.network import Process as Listed
from interferon.openc2 import formats
from interferon.openc2.records import Device, File, Hashes, Ipv4Connection, Ipv6Connection, Process

LONGEST: Final = 256  # characters of a reference
MOST: Final = 16
"""Things one command may name: a wider range is a slip or an attack, and is said to be."""

_KINDS: Final = {
    "asset": ("asset",),
    "zone": ("zone",),
    "conduit": ("conduit",),
    "identity": ("identity", "asset"),
    "client": ("asset", "identity"),
    "process": ("asset", "process"),  # of an asset: which one, the effector's file says
    "config": ("asset",),
    "transaction": ("order", "payment", "shipment", "feed", "partner", "lane"),
}


class Unfound(Exception):
    """Nothing here is what the target names; `status` is that of the response."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def references(target: str, specifier: Any, network: Network) -> tuple[str, ...]:
    """The references that a target names; raises `Unfound`."""
    match specifier:
        case Ipv4Connection() | Ipv6Connection():
            found = tuple(f"conduit:{each.id}" for each in _conduits(specifier, network))
            missing = "no conduit of the network carries that connection"
        case Device():
            found = tuple(f"asset:{each.id}" for each in network.assets.values() if _is(each, specifier))
            missing = "no asset of the network is that device"
        case Process():
            found = tuple(f"process:{each.id}" for each in _processes(specifier, network))
            missing = "no process of the network is that one"
        case str() if target in ("ipv4_net", "ipv6_net"):
            found = tuple(f"asset:{each.id}" for each in _within(specifier, network))
            missing = f"no asset of the network has an address in {specifier}"
        case _:
            found = _own(target.partition(":")[2], specifier, network)
            missing = f"{specifier!r} is not in the network"
    if len(found) > MOST:
        raise Unfound(501, f"it names {len(found)} things, more than {MOST} at once are not supported: name a smaller range or a zone")
    if not found:
        raise Unfound(404, missing)
    return found


def _within(text: str, network: Network) -> list[Asset]:
    wanted = formats.network(text)
    return [each for each in network.assets.values() if (address := _address(each)) is not None and address in wanted]


def _address(asset: Asset) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """None where the asset has no address or is known by a name."""
    try:
        return ipaddress.ip_address(asset.address)
    except ValueError:
        return None


def _is(asset: Asset, device: Device) -> bool:
    """By all that the device is described with."""
    hosts = [host.lower() for host in (device.hostname, device.idn_hostname) if host is not None]
    known = (asset.id.lower(), asset.address.lower())
    return (device.device_id is None or asset.id == device.device_id) and all(host in known for host in hosts)


def _processes(process: Process, network: Network) -> list[Listed]:
    """By its program's name, path and hash, on every machine that it is listed for: a number alone is used again, and tells no machine."""
    file = process.executable or File()
    hashes = file.hashes or Hashes()
    strange = [name for name in ("pid", "cwd", "parent", "command_line") if getattr(process, name) is not None]
    if strange or hashes.md5 is not None or hashes.sha1 is not None:
        what = strange[0] if strange else "a hash other than sha256"
        raise Unfound(501, f"{what} of a process is not supported: name, or executable with name, path or sha256, would be right")
    names = {each for each in (process.name, file.name) if each is not None}
    return [
        each
        for each in network.processes.values()
        if names <= {each.id, each.executable.rpartition("/")[2]}
        and file.path in (None, each.executable)
        and (hashes.sha256 is None or hashes.sha256.lower() == each.sha256.lower())
    ]


def _conduits(connection: Ipv4Connection | Ipv6Connection, network: Network) -> list[Conduit]:
    """Conduits between the zones of the two ends, on that port. A source port would cut less than a conduit is."""
    if connection.src_port is not None:
        raise Unfound(501, "src_port is not supported: a conduit is cut for every source port")
    if connection.src_addr is None and connection.dst_addr is None:
        raise Unfound(501, "a connection without an address is not supported: name the source or the destination")
    if connection.protocol in ("icmp", "sctp"):
        raise Unfound(404, f"no conduit of the network carries {connection.protocol}")
    ends = [_zones(text, network) for text in (connection.src_addr, connection.dst_addr)]
    return [
        each
        for each in network.conduits.values()
        if each.from_zone in ends[0] and each.to_zone in ends[1] and connection.dst_port in (None, each.port)
    ]


def _zones(text: str | None, network: Network) -> set[str]:
    return set(network.zones) if text is None else {each.zone for each in _within(text, network)}


def _own(kind: str, reference: Any, network: Network) -> tuple[str, ...]:
    """A reference of ours, of a kind that fits. Transactions and accounts come with the stream: they need not be in the tables."""
    if not isinstance(reference, str) or not reference.partition(":")[2]:
        raise Unfound(400, f"{reference!r} is no reference: e.g. asset:plc-3 would be right")
    if len(reference) > LONGEST or not reference.isprintable():
        raise Unfound(400, f"the reference is not up to {LONGEST} printable characters: e.g. asset:plc-3 would be right")
    prefix, _, name = reference.partition(":")
    kinds = _KINDS[kind]
    if prefix not in kinds:
        raise Unfound(400, f"{reference!r} is no {kind}: {' or '.join(f'{each}:ID' for each in kinds)} would be right")
    tables: dict[str, Collection[str]] = {"asset": network.assets, "zone": network.zones, "conduit": network.conduits}
    tables["process"] = network.processes
    return (reference,) if name in tables.get(prefix, (name,)) else ()
