"""Which elements of which sets an effect is, from the target's reach. Called by `actuators/nft` and its check of the file. Pure."""

import ipaddress
import re
from collections.abc import Mapping
from itertools import product
from typing import Final

from interferon.effector.protocol import Target
from interferon.model.effects import Value
from interferon.model.errors import InputError

MOST: Final = 4096  # elements of one effect
PROTOCOLS: Final = ("tcp", "udp", "sctp")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_WORDS: Final = re.compile(r"[\s,]+")


def elements(action: str, target: Target) -> dict[str, list[str]]:
    """Set → elements. InputError with what is wrong in the reach, and what would be right.

    isolate_asset: `address`, one or several. isolate_zone: `addresses`, addresses and prefixes. cut_conduit: `from`, `to` (addresses and
    prefixes), and `protocol` with `port`; without a protocol everything between both ends, in both directions.
    """
    reach = target.reach
    if action == "isolate_asset":
        found = _split("asset", _networks(reach, "address", single=True))
    elif action == "isolate_zone":
        found = _zone(_networks(reach, "addresses"))
    else:
        found = _conduit(reach)
    total = sum(map(len, found.values()))
    if total > MOST:
        raise InputError(f"it would be {total} elements; at most {MOST}: write prefixes in place of single addresses")
    return found


def exempt(texts: list[str]) -> list[str]:
    """Addresses and prefixes of the section's `exempt`. InputError where one is none."""
    return [_text(network) for network in ipaddress_list(" ".join(texts), "exempt")]


def _zone(networks: list[Network]) -> dict[str, list[str]]:
    found = _split("zone", networks)
    for one, other in product(networks, networks):
        if one.version == other.version:
            found.setdefault(f"inside{one.version}", []).append(f"{_text(one)} . {_text(other)}")
    return found


def _conduit(reach: Mapping[str, Value]) -> dict[str, list[str]]:
    protocol, port = reach.get("protocol", ""), reach.get("port", 0)
    if protocol and (protocol not in PROTOCOLS or not isinstance(port, int) or not 0 < port < 65536):
        raise InputError(f"protocol is {protocol!r} and port {port!r}; write one of {', '.join(PROTOCOLS)} and a port from 1 to 65535")
    tail = f" . {protocol} . {port}" if protocol else ""
    found: dict[str, list[str]] = {}
    for one, other in product(_networks(reach, "from"), _networks(reach, "to")):
        if one.version == other.version:
            found.setdefault(f"{'flow' if tail else 'pair'}{one.version}", []).append(f"{_text(one)} . {_text(other)}{tail}")
    if not found:
        raise InputError("from and to have no version of IP in common")
    return found


def _split(name: str, networks: list[Network]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for network in networks:
        found.setdefault(f"{name}{network.version}", []).append(_text(network))
    return found


def _networks(reach: Mapping[str, Value], key: str, *, single: bool = False) -> list[Network]:
    value = reach.get(key, "")
    found = ipaddress_list(value if isinstance(value, str) else "", key)
    if not found:
        raise InputError(f'reach has no {key}; write it as {key} = "{"10.1.1.5" if single else "10.1.1.0/24 10.1.2.7"}"')
    if single and any(network.num_addresses > 1 for network in found):
        raise InputError(f"{key} is {value!r}; an asset has single addresses")
    for place, network in enumerate(found):
        if any(network.version == other.version and network.overlaps(other) for other in found[:place]):
            raise InputError(f"{key} is {value!r}: {_text(network)} is in it twice")
    return found


def ipaddress_list(text: str, key: str) -> list[Network]:
    try:
        return [ipaddress.ip_network(word) for word in _WORDS.split(text.strip()) if word]
    except ValueError as error:
        raise InputError(f"{key}: {error}") from None


def _text(network: Network) -> str:
    return str(network.network_address) if network.num_addresses == 1 else str(network)
