"""Discovery: roles, zones and conduits from made-up traffic of a small plant; comparison with tables; accepting rows."""

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from interferon.discover.propose import DIFFERS, KNOWN, NEW, UNSEEN, Proposal, proposals, subnet
from interferon.discover.seen import Seen
from interferon.model.errors import InputError
from interferon.model.network import Network
from interferon.runtime import discovery
from interferon.sense.batches import batch
from interferon.sense.resolve import of_assets
from interferon.store import examples, folder_write
from interferon.store.folder import load

PLC, PLC2, PLC3, HMI, EWS, OFFICE, WEB = "10.0.7.3", "10.0.7.4", "10.0.7.5", "10.0.7.20", "10.0.7.30", "10.0.9.8", "93.184.216.34"


def flow(source: str, target: str, service: str, **facts: Any) -> dict[str, Any]:
    facts = {"packets_to_client": 4, **facts}
    return {"kind": "network.flow", "source": source, "target": target, "object": service, "attributes": json.dumps(facts)}


def command(source: str, target: str, protocol: str, code: str, kind: str = "ot.command", **facts: Any) -> dict[str, Any]:
    attributes = json.dumps({"protocol": protocol, **facts})
    return {"kind": kind, "source": source, "target": target, "code": code, "object": "holding:1", "attributes": attributes}


def events(*rows: dict[str, Any]) -> pa.RecordBatch:
    names = ("kind", "source", "target", "object", "code", "attributes")
    columns: dict[str, Any] = {name: [row.get(name) for row in rows] for name in names}
    entities = [f"address:{row['target']}" for row in rows]
    return batch(
        "activity", "tap", {"time": [10**15 + n for n in range(len(rows))], "offset": range(len(rows)), "entity": entities, **columns}
    )


DEVICE = {"vendor": "Acme", "model": "X-20", "firmware": "2.1"}
PLANT = (
    *(flow(HMI, plc, "tcp/502", mac_client="00:11:22:00:00:01") for plc in (PLC, PLC2, PLC3)),
    command(HMI, PLC, "modbus", "read_holding_registers"),
    command(PLC, HMI, "modbus", "read_device_identification", "ot.response", device=DEVICE),
    flow(EWS, PLC, "tcp/102"),
    command(EWS, PLC, "s7comm", "download_block"),
    flow(OFFICE, HMI, "tcp/3389"),
    flow(OFFICE, WEB, "tcp/443", mac_server="00:11:22:00:00:fe"),
    flow(OFFICE, "1.1.1.1", "udp/53", mac_server="00:11:22:00:00:fe"),
    flow("10.0.9.66", PLC2, "tcp/502", packets_to_client=0),  # nobody answered: a scan makes no conduit
    flow(HMI, "224.0.0.1", "udp/5353"),
    flow(HMI, "10.0.7.255", "udp/137"),
)


def found(network: Network | None = None, *rows: dict[str, Any], site: str = "") -> list[Proposal]:
    seen = Seen()
    given = events(*(rows or PLANT))
    seen.take(of_assets(network.assets.values()).batch(given) if network else given)
    return proposals(seen, network, site)


def by_address(listed: list[Proposal]) -> dict[str, Proposal]:
    return {each.row["address"]: each for each in listed if each.table == "assets"}


def conduits(listed: list[Proposal]) -> set[tuple[str, str, str, int]]:
    return {
        (each.row["from_zone"], each.row["to_zone"], each.row["protocol"], each.row["port"])
        for each in listed
        if each.table == "conduits" and each.status != UNSEEN
    }


def test_machines_are_told_by_what_they_offer_and_ask() -> None:
    assets = by_address(found())
    types = {address: each.row["type"] for address, each in assets.items()}
    assert types.pop(OFFICE) == "workstation"
    assert types.pop("10.0.9.66") == "workstation"
    assert types == {PLC: "plc", PLC2: "plc", PLC3: "plc", HMI: "scada", EWS: "engineering_workstation"}
    assert {key: assets[PLC].row[key] for key in ("vendor", "model", "version")} == {"vendor": "Acme", "model": "X-20", "version": "2.1"}
    assert "names itself" in assets[PLC].evidence[0]
    assert "tap@4" in assets[PLC].evidence[0]
    assert all(each.status == NEW and each.evidence for each in assets.values())


def test_zones_are_segments_by_level_and_conduits_what_was_answered_between_them() -> None:
    listed = found()
    zones = {each.row["id"]: each.row["purdue"] for each in listed if each.table == "zones"}
    assert zones == {"control-10-0-7": 1.0, "supervision-10-0-7": 2.0, "enterprise-10-0-9": 4.0, "outside": 5.0}
    assert conduits(listed) == {
        ("supervision-10-0-7", "control-10-0-7", "modbus", 502),
        ("supervision-10-0-7", "control-10-0-7", "s7comm", 102),
        ("enterprise-10-0-9", "supervision-10-0-7", "rdp", 3389),
        ("enterprise-10-0-9", "outside", "https", 443),
        ("enterprise-10-0-9", "outside", "dns", 53),
    }


def test_public_addresses_that_speak_a_control_protocol_are_machines_of_ours() -> None:
    assets = by_address(
        found(None, flow("141.81.0.10", "141.81.0.86", "tcp/502"), flow("10.0.0.1", WEB, "tcp/443", mac_server="00:11:22:00:00:07"))
    )
    assert {address: each.row["type"] for address, each in assets.items()} == {
        "141.81.0.10": "hmi",
        "141.81.0.86": "plc",
        "10.0.0.1": "workstation",
        WEB: "server",  # a hardware address of its own: it stands on this segment
    }


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("10.0.7.3", "10-0-7"),
        ("fe80::1%eth0", "fe80-0000-0000-0000"),
        ("2001:db8:0:1::9", "2001-0db8-0000-0001"),
        ("00:11:22:33:44:55", "layer2"),
    ],
)
def test_segments_have_names(address: str, name: str) -> None:
    assert subnet(address) == name


def test_tables_are_compared_with_what_was_seen(tmp_path: Path) -> None:
    network = examples.build("minimal")
    known = [asset for asset in network.assets.values() if asset.type == "plc" and asset.address]
    hmi = next(asset for asset in network.assets.values() if asset.type in ("hmi", "scada") and asset.address)
    plc = known[0]
    listed = found(
        network,
        flow(hmi.address, plc.address, "tcp/502"),
        command(
            plc.address, hmi.address, "modbus", "read_device_identification", "ot.response", device={"vendor": "Other", "firmware": "9.9"}
        ),
        flow(hmi.address, "10.99.0.1", "tcp/502"),
    )
    assets = {each.row["id"]: each for each in listed if each.table == "assets"}
    assert assets[plc.id].status == DIFFERS
    assert assets[plc.id].row["version"] == "9.9"
    assert f"the tables say version {plc.version or 'nothing'}, the device 9.9" in assets[plc.id].evidence
    assert assets[hmi.id].status == KNOWN
    assert assets["plc-10-99-0-1"].status == NEW
    unseen = {each.row["id"] for each in listed if each.status == UNSEEN and each.table == "assets"}
    assert unseen == set(network.assets) - {plc.id, hmi.id}


def test_what_a_person_accepts_becomes_rows_that_the_check_passes(tmp_path: Path) -> None:
    network = examples.build("minimal")
    folder_write.write(network, tmp_path)
    before = load(tmp_path)
    listed = found(before, site="plant-1")
    discovery.write(listed, tmp_path)
    with pytest.raises(InputError, match="'nobody' is no new proposal; there are"):
        discovery.accept(tmp_path, ["nobody"])
    added = discovery.accept(tmp_path, ["plc-10-0-7-3"])
    assert added == {"zones": ["control-10-0-7"], "assets": ["plc-10-0-7-3"]}
    discovery.accept(tmp_path, [discovery.ALL])
    after = load(tmp_path)
    new = {each.row["id"] for each in listed if each.table == "assets" and each.status == NEW}
    assert set(after.assets) == set(before.assets) | new
    assert after.assets["plc-10-0-7-3"].model == "X-20"
    with (tmp_path / discovery.FOLDER / "assets.csv").open() as file:
        assert {row["status"] for row in csv.DictReader(file)} <= {KNOWN, DIFFERS, UNSEEN}
    again = found(after, site="plant-1")
    assert not [each for each in again if each.status == NEW]


def test_a_row_that_lacks_what_its_table_needs_is_told_and_not_added(tmp_path: Path) -> None:
    discovery.write(found(), tmp_path)
    with pytest.raises(InputError, match=r"zones\.csv: [a-z0-9-]+ has no site yet"):
        discovery.accept(tmp_path, [discovery.ALL])
    assert not (tmp_path / "zones.csv").exists()
    with pytest.raises(InputError, match="nothing has been discovered yet"):
        discovery.accept(tmp_path / "elsewhere", [discovery.ALL])
