"""What interlocks look at, from the event log of an installation that is not running. Called by `playbook_live`; only reads.

While `interferon up` runs, the pipeline has these readings; a playbook that acts has the journal to itself, and so nothing but the log.
"""

import math
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from interferon.decide.restrictions import Reading, Signal
from interferon.model.network import Network
from interferon.store import log

PLACE: Final = ("state", "log")


def newest(folder: Path, network: Network, now: int) -> dict[Signal, Reading]:
    """The newest value of each signal that an interlock names and the log can still tell in time; microseconds UTC.

    Segments that were last written before any reading could count are not opened. A half-written end is passed over.
    """
    rows = [row for row in network.interlocks.values() if row.signal]
    oldest = now - int(max((row.max_age_s for row in rows), default=0.0) * 1e6)
    wanted = {(f"asset:{row.asset}", row.signal) for row in rows}
    found: dict[Signal, Reading] = {}
    for path in log.segments(folder.joinpath(*PLACE)) if wanted else ():
        if path.stat().st_mtime_ns // 1000 >= oldest:
            for item in log.read(path):
                if isinstance(item, pa.RecordBatch) and (item.schema.metadata or {}).get(b"family") == b"telemetry":
                    _take(found, item, wanted, now)
    return found


def _take(found: dict[Signal, Reading], batch: pa.RecordBatch, wanted: set[Signal], now: int) -> None:
    """A value that is no finite number, or whose clock runs ahead, is none: admission would not have taken it either."""
    names = pa.array(sorted({asset for asset, _ in wanted}))
    rows = batch.filter(pc.is_in(pc.cast(batch.column("entity"), pa.string()), names)).select(["time", "entity", "signal", "value"])
    for row in rows.to_pylist():
        key, held = (row["entity"], row["signal"]), found.get((row["entity"], row["signal"]))
        good = row["value"] is not None and math.isfinite(row["value"]) and row["time"] <= now
        if key in wanted and good and (held is None or held.time <= row["time"]):
            found[key] = Reading(row["time"], row["value"])
