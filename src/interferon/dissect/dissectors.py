"""The dissectors that ship, by the ports on which each is tried first. Called by `dissect.conversations`.

A list, not a search: the order in which they are asked about a conversation on an unknown port is part of what is tested.
"""

from typing import Final, cast

from interferon.dissect import dnp3, dns, enip, http, iec104, modbus, mqtt, opcua, s7comm, tls
from interferon.dissect.message import Dissector

SHIPPED: Final = tuple(cast(Dissector, each) for each in (modbus, dnp3, s7comm, iec104, enip, mqtt, opcua, dns, tls, http))
