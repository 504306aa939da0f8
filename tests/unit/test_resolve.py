"""Addresses of events become references of the tables: by address, host name and short name, on the dictionaries of a batch alone."""

from dataclasses import dataclass

import pyarrow as pa

from interferon.sense.batches import batch
from interferon.sense.resolve import Resolver, of_assets


@dataclass
class Machine:
    id: str
    address: str = ""


ASSETS = [Machine("plc-1", "10.0.0.5, 00:1D:9C:C7:B0:70"), Machine("HMI-1", "hmi.plant.example"), Machine("plc-2", "10.0.0.5")]


def flows(entities: list[str], sources: list[str | None], targets: list[str | None]) -> pa.RecordBatch:
    rows = len(entities)
    columns = {"time": [7] * rows, "offset": range(rows), "entity": entities, "kind": ["network.flow"] * rows}
    return batch("activity", "tap", {**columns, "source": sources, "target": targets})


def test_every_known_address_becomes_its_reference_and_the_rest_stays() -> None:
    given = flows(
        ["address:10.0.0.5", "address:10.0.0.99", "address:00:1d:9c:c7:b0:70", "identity:10.0.0.5"],
        ["10.0.0.5", "10.0.0.99", "hmi-1.office.example", None],
        ["hmi.plant.example", "address:10.0.0.5", "PLC-2", "asset:plc-1"],
    )
    found = of_assets(ASSETS).batch(given)
    found.validate(full=True)
    assert found.schema.equals(given.schema, check_metadata=True)
    assert found.column("entity").to_pylist() == ["asset:plc-1", "address:10.0.0.99", "asset:plc-1", "identity:10.0.0.5"]
    assert found.column("source").to_pylist() == ["asset:plc-1", "10.0.0.99", "asset:HMI-1", None]
    assert found.column("target").to_pylist() == ["asset:HMI-1", "asset:plc-1", "asset:plc-2", "asset:plc-1"]


def test_the_first_asset_of_two_with_one_address_counts_and_a_number_is_no_short_name() -> None:
    resolver = of_assets([*ASSETS, Machine("10")])
    assert resolver.reference("10.0.0.5") == "asset:plc-1"
    assert resolver.reference("10.0.0.6") is None
    assert resolver.reference("10") == "asset:10"


def test_what_nothing_is_known_of_is_the_same_batch() -> None:
    given = flows(["address:10.1.1.1"], ["10.1.1.1"], ["10.1.1.2"])
    assert Resolver({}).batch(given) is given
    assert of_assets(ASSETS).batch(given) is given
