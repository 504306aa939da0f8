"""Our actions in the words of OpenC2. Called by `inbound` and `outbound`, which are each other's inverse over this table. Pure.

What the packet-filter profile can say is said so; the rest in a namespace of our own, whose specifier is a reference of ours.
"""

import hashlib
from typing import Final

NSID: Final = "x-interferon"

OWN: Final[dict[str, tuple[str, str]]] = {
    "isolate_asset": ("contain", f"{NSID}:asset"),
    "isolate_zone": ("contain", f"{NSID}:zone"),
    "cut_conduit": ("deny", f"{NSID}:conduit"),
    "fail_over": ("redirect", f"{NSID}:asset"),
    "disable_identity": ("deny", f"{NSID}:identity"),
    "hold_transaction": ("contain", f"{NSID}:transaction"),
    "disable_client": ("deny", f"{NSID}:client"),
    "freeze_process": ("contain", f"{NSID}:process"),
    "kill_process": ("stop", f"{NSID}:process"),
    "roll_back_config": ("restore", f"{NSID}:config"),
}
"""Action → action and target of OpenC2; the specifier is the reference, e.g. `zone:packing`."""

STANDARD: Final[dict[tuple[str, str], str]] = {
    ("deny", "ipv4_net"): "isolate_asset",
    ("deny", "ipv6_net"): "isolate_asset",
    ("deny", "ipv4_connection"): "cut_conduit",
    ("deny", "ipv6_connection"): "cut_conduit",
    ("contain", "device"): "isolate_asset",
    ("contain", "process"): "freeze_process",
    ("deny", "process"): "freeze_process",
    ("stop", "process"): "kill_process",
}
"""Action and target of OpenC2 → the action that they ask for."""

RULE: Final = ("delete", "slpf:rule_number")
WORDS: Final[dict[tuple[str, str], str]] = STANDARD | {words: action for action, words in OWN.items()}


def rule_number(effect: str) -> int:
    """The number an effect has as a rule: always the same for the same effect, 1 to 2^31 - 1."""
    return int.from_bytes(hashlib.sha256(effect.encode()).digest()[:4]) % (2**31 - 1) + 1


def case_of(producer: str, command_id: str) -> str:
    """The case that a producer's command is: always the same for the same command, fit for an address, of nobody else's."""
    return f"openc2-{producer}-{hashlib.sha256(command_id.encode()).hexdigest()[:16]}"


def plan_of(command_id: str) -> str:
    """The plan that effects asked for by that command belong to."""
    return f"openc2:{command_id}"
