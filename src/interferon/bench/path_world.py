"""What `bench.path` runs on: a seeded network folder of many machines and depots, their telemetry as CSV, attacks on depots as NDJSON.

Called by `bench.path` alone. Writes into the folder it is given.
"""

import json
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv

from interferon.model.network import Asset, Budgets, Network, Site, Zone
from interferon.store import folder_write
from interferon.store.examples import START
from interferon.store.examples import build as example
from interferon.store.folder import load

ENTITIES, SIGNALS, DEPOTS = 300, 8, 1000
FRAME_S, LEARN_ROWS = 10, 200
SEED = 20260105
_CELL = 15  # machines in a zone


def network(place: Path, depots: int = DEPOTS) -> Network:
    """The example `minimal` with `ENTITIES` controllers more, and depots of one server each; written as a folder and read back."""
    base = example("minimal")
    wide = 1_000_000  # budgets out of the way: what is measured is the path
    settings = msgspec.structs.replace(
        base.settings,
        frame_s=float(FRAME_S),
        learn_rows=LEARN_ROWS,
        budgets=Budgets(actions_per_hour=wide, isolated_assets=wide, orders_late_per_day=wide, downtime_hours=wide),
    )
    home = next(iter(base.sites))
    cells = {f"hall-{n}": Zone(id=f"hall-{n}", site=home, purdue=1.0, criticality=3) for n in range(ENTITIES // _CELL)}
    machines = {f"m-{n}": Asset(id=f"m-{n}", zone=f"hall-{n // _CELL}", type="plc") for n in range(ENTITIES)}
    sites = {f"depot-{n}": Site(id=f"depot-{n}", name=f"Depot {n}", country="DE", lat=50.0, lon=10.0) for n in range(depots)}
    zones = {name: Zone(id=name, site=name, purdue=4.0, criticality=2) for name in sites}
    servers = {f"srv-depot-{n}": Asset(id=f"srv-depot-{n}", zone=f"depot-{n}", type="server") for n in range(depots)}
    made = Network(
        settings=settings,
        revision=1,
        sites={**base.sites, **sites},
        zones={**base.zones, **cells, **zones},
        conduits=base.conduits,
        assets={**base.assets, **machines, **servers},
        partners=base.partners,
        nodes=base.nodes,
        lanes=base.lanes,
        products=base.products,
        orders=base.orders,
        people=base.people,
        bom=base.bom,
        inventory=base.inventory,
        dependencies=base.dependencies,
        rosters=base.rosters,
    )
    folder_write.write(made, place)
    return load(place)


def telemetry(path: Path, first: int, frames: int, disturbed: int = 0) -> int:
    """A CSV with a row a machine and frame, from frame `first` on; returns the number of values.

    Signals lean on two slow common causes and noise; from the middle on, three signals of the first `disturbed` machines are off.
    """
    draw = np.random.default_rng([SEED, first])
    loads = np.random.default_rng(SEED).normal(size=(ENTITIES, 2, SIGNALS))
    clock = np.arange(first, first + frames)
    causes = np.stack([np.sin(clock / 9.0), np.cos(clock / 23.0)], axis=1)
    values = 50.0 + np.einsum("fc,ecs->fes", causes, loads) + draw.normal(scale=0.4, size=(frames, ENTITIES, SIGNALS))
    values[frames // 2 :, :disturbed, :3] += 6.0
    times = np.repeat(START + clock * FRAME_S * 1_000_000, ENTITIES)
    names = pa.DictionaryArray.from_arrays(np.tile(np.arange(ENTITIES, dtype=np.int32), frames), [f"m-{n}" for n in range(ENTITIES)])
    signals = {f"s{n}": np.round(values[:, :, n].ravel(), 3) for n in range(SIGNALS)}
    table = pa.table({"time": pa.array(times, pa.timestamp("us", tz="UTC")), "asset": names.cast(pa.string()), **signals})
    pyarrow.csv.write_csv(table, path)
    return frames * ENTITIES * SIGNALS


def attacks(path: Path, first: int, frames: int, depots: int = DEPOTS) -> None:
    """NDJSON: on each depot's server, at its turn, backups are deleted, files encrypted and the log cleared, all in one frame."""
    with path.open("w", encoding="utf-8") as out:
        for number in range(depots):
            at = START + (first + number * frames // depots) * FRAME_S * 1_000_000 + 1_000_000
            head = {"family": "activity", "time": at, "entity": f"asset:srv-depot-{number}"}
            for row in (
                {"kind": "process.start", "object": "vssadmin.exe", "attributes": {"command_line": "vssadmin delete shadows /all"}},
                {"kind": "file.access", "object": "share", "code": "rename", "attributes": {"files": 4000, "entropy": 7.9}},
                {"kind": "log.status", "object": "security", "code": "cleared"},
            ):
                out.write(json.dumps({**head, **row}) + "\n")
