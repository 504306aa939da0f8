"""What every format needs to know besides the record itself: what the tables say of a thing, and how grave a number is. Pure."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from interferon.model.network import Network
from interferon.model.records import Finding, Incident

Told: TypeAlias = "Finding | Incident"
VENDOR: Final = "Interferon"
GRADES: Final = ((1e-6, 0.9), (1e-4, 0.7), (1e-3, 0.5), (1e-2, 0.3))  # p below → severity 0–1, as incidents have it


@dataclass(frozen=True)
class Thing:
    """What the tables say of one reference."""

    reference: str
    kind: str
    name: str
    type: str = ""
    vendor: str = ""
    zone: str = ""
    owner: str = ""
    address: str = ""

    @property
    def ip(self) -> str:
        """Its first IP address, or ''."""
        return next((word for word in self.address.replace(",", " ").split() if is_ip(word)), "")


@dataclass(frozen=True)
class About:
    """Who tells, and of which network."""

    version: str  # of the program
    network: Network | None = None
    names: Mapping[str, str] = field(default_factory=dict)  # technique id → its name, where it is known

    def thing(self, reference: str) -> Thing:
        kind, _, name = reference.partition(":")
        asset = self.network.assets.get(name) if self.network is not None and kind == "asset" else None
        if asset is not None:
            return Thing(reference, kind, asset.id, asset.type, asset.vendor, asset.zone, asset.owner, asset.address)
        return Thing(reference, kind, name or reference, address=name if kind == "address" else reference if is_ip(reference) else "")

    @property
    def producer(self) -> str:
        return self.network.settings.name if self.network is not None else VENDOR


def severity(record: Told) -> float:
    """0–1: an incident's own; a finding's by its tail probability."""
    if isinstance(record, Incident):
        return record.severity
    return next((grade for below, grade in GRADES if record.p <= below), 0.1)


def is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def key(record: Told) -> str:
    """What makes a message unique: the record, and of an incident its revision."""
    return f"{record.id}-r{record.revision}" if isinstance(record, Incident) else record.id
