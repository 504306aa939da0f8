"""`interferon discover` on five recordings of other people's plants, labelled by hand from their packets.

A label is an address and its Purdue level, or a flow between two levels that was answered. Recordings: the folder `ot-pcaps`.
"""

import sys
from pathlib import Path

import pytest

from interferon.discover.propose import Proposal
from interferon.runtime import discovery

pytestmark = pytest.mark.data

Conduit = tuple[str, str, str, int]  # zone that opens, zone that answers, protocol, port
CONTROL, SUPERVISION, OPERATIONS, OFFICE = "control", "supervision", "operations", "enterprise"

# what each recording shows: addresses by level, and what crosses from one level to another
ASSETS: dict[str, dict[str, str]] = {
    "ModbusTCP/Modbus/modbus_test.pcap": {
        "192.168.0.20": CONTROL,
        **dict.fromkeys(("192.168.0.21", "192.168.0.112", "192.168.0.133", "192.168.0.144", "192.168.0.156"), SUPERVISION),
    },
    # two stations that poll and answer each other's neighbours, and an engineer's machine on both
    "bro/modbus/modbusBig.pcap": {"10.235.149.243": CONTROL, "10.235.149.240": CONTROL, "10.235.149.95": SUPERVISION},
    "EthernetIP/EthernetIP-CIP.pcap": {
        "141.81.0.10": SUPERVISION,
        **dict.fromkeys(("141.81.0.23", "141.81.0.43", "141.81.0.63", "141.81.0.83"), CONTROL),
    },
    "IEC60870-5-104/JavaRMI_and_IEC_Misc.pcap": {
        "10.209.13.145": CONTROL,
        "192.168.1.113": SUPERVISION,
        "192.168.1.44": SUPERVISION,
        "192.168.1.30": OPERATIONS,  # a time server
    },
    "IEC61850/Sample_File_MMS_and_GOOSE.pcap": {
        **dict.fromkeys(
            (
                "172.16.0.121", "172.16.202.5", *(f"172.16.201.{host}" for host in (2, 4, 5, 6, 7, 8)),
                "0a:bb:fe:10:c9:06", "0a:bb:fe:10:c9:08",  # publish GOOSE, have no IP address here
            ),
            CONTROL,
        ),
        "172.16.0.101": SUPERVISION,
        "172.16.0.122": OPERATIONS,  # file shares and remote procedure calls
        **dict.fromkeys(("172.16.201.0", "172.16.202.0", "00:0a:dc:06:19:6b", "00:0a:dc:06:19:6e"), OPERATIONS),  # switches
    },
}  # fmt: skip
CONDUITS: dict[str, set[Conduit]] = {
    "ModbusTCP/Modbus/modbus_test.pcap": {("supervision-192-168-0", "control-192-168-0", "modbus", 502)},
    "bro/modbus/modbusBig.pcap": {("supervision-10-235-149", "control-10-235-149", "s7comm", 102)},
    "EthernetIP/EthernetIP-CIP.pcap": {("supervision-141-81-0", "control-141-81-0", "enip", 44818)},
    "IEC60870-5-104/JavaRMI_and_IEC_Misc.pcap": {
        ("supervision-192-168-1", "control-10-209-13", "iec104", 2404),
        ("control-10-209-13", "operations-192-168-1", "ntp", 123),
    },
    "IEC61850/Sample_File_MMS_and_GOOSE.pcap": {
        *(("supervision-172-16-0", f"control-172-16-{net}", "mms", 102) for net in (0, 201, 202)),
        ("control-172-16-201", "supervision-172-16-0", "ntp", 123),
        ("supervision-172-16-0", "operations-172-16-0", "smb", 139),
        ("supervision-172-16-0", "operations-172-16-0", "tcp", 111),
        *(("supervision-172-16-0", f"operations-172-16-{net}", *service) for net in (201, 202) for service in (("snmp", 161), ("icmp", 0))),
    },
}


def found(recording: str, data: Path) -> list[Proposal]:
    return discovery.discover([data / "ot-pcaps" / recording], "", None).proposals


def assets(proposals: list[Proposal]) -> dict[str, str]:
    """First address → level, by the zone that is proposed."""
    return {each.row["address"].split()[0]: each.row["zone"].partition("-")[0] for each in proposals if each.table == "assets"}


def conduits(proposals: list[Proposal]) -> set[Conduit]:
    rows = [each.row for each in proposals if each.table == "conduits"]
    return {(row["from_zone"], row["to_zone"], row["protocol"], row["port"]) for row in rows}


def shares(told: set[object], labelled: set[object]) -> tuple[float, float]:
    """Precision and recall."""
    return len(told & labelled) / max(len(told), 1), len(told & labelled) / max(len(labelled), 1)


def test_assets_are_found_and_nothing_else_is(data: Path) -> None:
    told: set[object] = {(recording, address) for recording in ASSETS for address in assets(found(recording, data))}
    labelled: set[object] = {(recording, address) for recording, each in ASSETS.items() for address in each}
    precision, recall = shares(told, labelled)
    sys.stdout.write(
        f"assets: precision {precision:.3f}, recall {recall:.3f} of {len(labelled)}; too many {told - labelled}, missed {labelled - told}\n"
    )
    assert min(precision, recall) >= 0.95


def test_conduits_are_found_and_nothing_else_is(data: Path) -> None:
    told: set[object] = {(recording, each) for recording in CONDUITS for each in conduits(found(recording, data))}
    labelled: set[object] = {(recording, each) for recording, wanted in CONDUITS.items() for each in wanted}
    precision, recall = shares(told, labelled)
    sys.stdout.write(f"conduits: precision {precision:.3f}, recall {recall:.3f} of {len(labelled)}; {_other(told, labelled)}\n")
    assert min(precision, recall) >= 0.95


def test_levels_are_told(data: Path) -> None:
    """Not asked for, told all the same: how many of the machines are put at the level that they are at."""
    right = [level == ASSETS[recording].get(address) for recording in ASSETS for address, level in assets(found(recording, data)).items()]
    sys.stdout.write(f"levels: {sum(right)} of {len(right)} right; all at the commonest level: {_commonest()}\n")
    assert sum(right) / len(right) > _commonest()


def _other(told: set[object], labelled: set[object]) -> str:
    return f"too many {sorted(map(str, told - labelled))}, missed {sorted(map(str, labelled - told))}"


def _commonest() -> float:
    levels = [level for each in ASSETS.values() for level in each.values()]
    return max(levels.count(level) for level in set(levels)) / len(levels)
