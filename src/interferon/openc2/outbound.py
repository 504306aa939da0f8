"""An effect of ours as the OpenC2 command that somebody else's actuator needs, and what its response means. Called by actuators. Pure."""

from collections.abc import Mapping

from interferon.model.effects import Outcome, Value
from interferon.model.errors import InputError
from interferon.openc2.formats import ipv4_net, ipv6_net
from interferon.openc2.records import (
    STATUS,
    Args,
    Command,
    Ipv4Connection,
    Ipv6Connection,
    Response,
    SlpfArgs,
    SlpfSpecifiers,
    Specifier,
)
from interferon.openc2.vocabulary import OWN, RULE


def denial(action: str, reach: Mapping[str, Value], ttl_s: int, number: int, which: SlpfSpecifiers) -> Command:
    """An effect as a rule of a packet filter. `reach`: `address` of an asset, or the ends of a conduit (`src_addr`, `dst_addr`,
    `dst_port`, `protocol`). `InputError` where SLPF cannot say it.
    """
    target, specifier = _host(reach) if action == "isolate_asset" else _connection(action, reach)
    args = Args(duration=ttl_s * 1_000 if ttl_s else None, response_requested="complete", slpf=SlpfArgs(insert_rule=number))
    return Command(action="deny", target=target, specifier=specifier, args=args, actuator="slpf", which=which)


def removal(number: int, which: SlpfSpecifiers) -> Command:
    """The command that takes the rule of that number back."""
    return Command(
        action="delete", target=RULE[1], specifier=number, args=Args(response_requested="complete"), actuator="slpf", which=which
    )


def own(action: str, reference: str, ttl_s: int) -> Command:
    """An effect in our own namespace, for another installation of ours. `InputError` where it has no word for the action."""
    if action not in OWN:
        raise InputError(f"OpenC2 has no word for {action}: one of {', '.join(OWN)} would be right")
    verb, target = OWN[action]
    args = Args(duration=ttl_s * 1_000 if ttl_s else None)
    return Command(action=verb, target=target, specifier=reference, args=args)  # type: ignore[arg-type]


def _host(reach: Mapping[str, Value]) -> tuple[str, Specifier]:
    address = str(reach.get("address", ""))
    return f"{_family(address, 'address')}_net", address


def _connection(action: str, reach: Mapping[str, Value]) -> tuple[str, Specifier]:
    if action != "cut_conduit":
        raise InputError(f"SLPF cannot say {action}: isolate_asset and cut_conduit would be right")
    ends = {name: str(reach[name]) for name in ("src_addr", "dst_addr") if name in reach}
    families = {_family(text, name) for name, text in ends.items()}
    if len(families) != 1:
        raise InputError("a conduit is reached by src_addr, dst_addr or both, of one family")
    kind = Ipv4Connection if families == {"ipv4"} else Ipv6Connection
    protocol = str(reach.get("protocol", "tcp"))
    if protocol not in ("tcp", "udp", "icmp", "sctp"):
        raise InputError(f"protocol is {protocol!r}: tcp, udp, icmp or sctp would be right")
    port = reach.get("dst_port")
    return f"{families.pop()}_connection", kind(**ends, protocol=protocol, dst_port=None if port is None else int(port))  # type: ignore[arg-type]


def _family(text: str, name: str) -> str:
    if not ipv4_net(text):
        return "ipv4"
    if not ipv6_net(text):
        return "ipv6"
    raise InputError(f"{name} is {text!r}: an IPv4 or IPv6 address would be right")


def outcome(response: Response) -> Outcome:
    """What a response says of the command. 102 and 500 leave open whether anything of it is in the world."""
    text = response.status_text or STATUS[response.status]
    said = f"OpenC2 status {response.status}: {text}"
    if response.status == 200:
        return Outcome("ok", said)
    if response.status in (102, 500):
        return Outcome("unknown", said)
    return Outcome("refused" if response.status in (401, 403) else "failed", said)
