"""A first `effector.toml` from the tables of a network: for the packet filter, and to be filled in for brokers and processes.

Called by `interferon effector init`. Pure.

What the tables do not say (who a machine is for certain, which user the runtime has) is marked, for a person to fill in.
"""

import ipaddress
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from interferon.act.protocol import SAFETY
from interferon.effector.nft_elements import elements
from interferon.effector.protocol import Target
from interferon.model.effects import Value
from interferon.model.errors import InputError
from interferon.model.network import Conduit, Network

UDP: Final = frozenset({"dns", "ntp", "snmp", "syslog", "dhcp", "bacnet", "tftp"})
_HEAD: Final = """\
# What the effector may do, to what, for whom. Owned by root and written by nobody else; read once at start.
# `interferon effector check FILE` names mistakes.

socket = "/run/interferon-effector/effector.sock"
state = "/var/lib/interferon-effector"
kill_switch = "/var/lib/interferon-effector/STOP"
inputs = []                 # files of a hardware line: "0" lets pass, anything else stops
allow = ["interferon"]      # users that may speak to it: the one that `interferon up` runs as
group = "interferon"        # group of the socket

[limits]
effects = 50
effects_a_minute = 30
isolated_assets = 20
max_ttl_s = 86400

[actions.isolate_asset]
unidentified = "refuse"     # or "act": where a target has an identity and nothing tells whether it is the one

[actuators.nft]
exempt = {exempt}           # flows of these always pass: safety systems; add the management stations
"""


def proposal(network: Network) -> str:
    """The file as text."""
    safety = {asset.id: _address(asset.address) for asset in network.assets.values() if asset.type == SAFETY}
    parts = [_HEAD.format(exempt=json.dumps(sorted(filter(None, safety.values()))))]
    parts += [_protected(f"asset:{name}", [address] if address else [], "safety system") for name, address in safety.items()]
    zones = {network.assets[name].zone for name in safety}
    parts += [_protected(f"zone:{name}", [], "holds a safety system") for name in sorted(zones)]
    cut = [each for each in network.conduits.values() if each.from_zone in zones]
    parts += [_protected(f"conduit:{each.id}", [], "carries the signals of a safety system") for each in cut]
    parts += [*_assets(network), *_zones(network, zones), *_conduits(network, {each.id for each in cut})]
    parts += [*_clients(network), *_processes(network)]
    return "\n".join(parts)


def _assets(network: Network) -> Iterator[str]:
    for asset in network.assets.values():
        if asset.type == SAFETY:
            continue
        address = _address(asset.address)
        if address:
            reach = {"address": address}
            note = 'identity = {}   # not known: { mac = "02:00:00:00:00:05" } lets the effector tell it from another one at its address'
            yield _target(f"asset:{asset.id}", "isolate_asset", reach, note)
        else:
            yield f"# asset:{asset.id} has no address in assets.csv that the packet filter could act on\n"


def _zones(network: Network, safety: set[str]) -> Iterator[str]:
    for zone in network.zones:
        addresses = _addresses(network, zone)
        if zone not in safety and addresses:
            yield _target(f"zone:{zone}", "isolate_zone", {"addresses": " ".join(addresses)}, f"assets = {len(network.assets_in[zone])}")


def _conduits(network: Network, kept: set[str]) -> Iterator[str]:
    for conduit in network.conduits.values():
        ends = _addresses(network, conduit.from_zone), _addresses(network, conduit.to_zone)
        if conduit.id not in kept and all(ends):
            yield _target(f"conduit:{conduit.id}", "cut_conduit", _flow(conduit, *ends), "assets = 0")


def _clients(network: Network) -> Iterator[str]:
    """Commented out: how the broker is reached as its administrator is not in the tables."""
    for client in network.clients.values():
        yield _noted(
            f"needs [actuators.mosquitto_dynsec] of the broker on asset:{client.broker}",
            [
                f'ref = "identity:{client.id}"',
                'actuator = "mosquitto_dynsec"',
                'actions = ["disable_client"]',
                f"reach = {{ username = {json.dumps(client.id)} }}",
                f"identity = {{ clientid = {json.dumps(client.client_id)} }}",
            ],
        )


def _processes(network: Network) -> Iterator[str]:
    """Commented out: an effector acts on the processes of its own machine, and which one that is the tables do not say."""
    for process in network.processes.values():
        yield _noted(
            f"needs [actuators.cgroup], in the file of the effector on asset:{process.asset} alone",
            [
                f'ref = "process:{process.id}"',
                'actuator = "cgroup"',
                'actions = ["freeze_process", "kill_process"]',
                f"identity = {{ exe = {json.dumps(process.executable)}, exe_sha256 = {json.dumps(process.sha256.lower())} }}",
            ],
        )


def _noted(note: str, lines: Iterable[str]) -> str:
    return "\n".join([f"# {note}", *(f"# {line}" for line in ("[[target]]", *lines)), ""])


def _flow(conduit: Conduit, start: list[str], end: list[str]) -> dict[str, Value]:
    reach: dict[str, Value] = {"from": " ".join(start), "to": " ".join(end)}
    if conduit.port:
        reach |= {"protocol": "udp" if conduit.protocol.lower() in UDP else "tcp", "port": conduit.port}
    return reach


def _addresses(network: Network, zone: str) -> list[str]:
    found = (_address(network.assets[name].address) for name in network.assets_in.get(zone, ()))
    return sorted({address for address in found if address})


def _address(text: str) -> str:
    """'' where it is not one IP address."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def _target(ref: str, action: str, reach: Mapping[str, Value], note: str) -> str:
    values = ", ".join(f"{key} = {json.dumps(value)}" for key, value in reach.items())
    lines = ["[[target]]", f'ref = "{ref}"', 'actuator = "nft"', f'actions = ["{action}"]', f"reach = {{ {values} }}", note, ""]
    try:
        elements(action, Target(ref=ref, reach=reach))
    except InputError as error:
        lines = [f"# {ref}: {error}", *(f"# {line}" for line in lines[:-1]), ""]
    return "\n".join(lines)


def _protected(ref: str, addresses: Iterable[str], reason: str) -> str:
    return f'[[protected]]\nref = "{ref}"\naddresses = {json.dumps(list(addresses))}\nreason = "{reason}"\n'
