"""A small network under attack, for tests of what runs around the pipeline: its rules, the events of the attack, one day of goods.

Imported by the tests of the loop, of a running installation and of the screens over it; holds no test.
"""

from functools import cache

import pyarrow as pa

from interferon.decide.situation import Ask
from interferon.detect.settings import LIVE
from interferon.detect.watch import Portfolios
from interferon.detectors import activity_execution, activity_logs
from interferon.detectors.telemetry_portfolio import TELEMETRY as DETECTORS
from interferon.flow.closure import ClosureTable, closure_table
from interferon.flow.problem import opening
from interferon.flow.reroute import Route, nominal
from interferon.model.events import ACTIVITY, TELEMETRY, TRADE
from interferon.model.network import Network
from interferon.pipeline import Rules, State, new_state
from interferon.store.examples import START, build
from interferon.trust.policy import Decision, builtin_policy

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


@cache
def ground() -> tuple[Network, ClosureTable, Route]:
    """The minimal example, what closing its parts costs, and how its goods usually go."""
    network = build("minimal")
    snapshot = opening(network, START)
    return network, closure_table(network, snapshot), nominal(network, snapshot)


def rules(ask: Ask | None = None, *, observing: bool = False) -> Rules:
    network, table, _ = ground()
    watching = Portfolios(DETECTORS, [activity_execution, activity_logs])
    return Rules(network, table, ask or builtin_policy("demo", "people").ask, watching, observing)


def always(mode: str) -> Ask:
    """A policy with one answer to everything."""
    return lambda *question: Decision(mode, (f"all.{mode}",))  # type: ignore[arg-type]


def fresh(under: Rules, learn_us: int = 24 * HOUR) -> State:
    return new_state(under, LIVE, learn_us=learn_us)


def attack(asset: str = "srv-1", at: int = START, first: int = 0) -> pa.RecordBatch:
    """Backups deleted, files encrypted, the log cleared."""
    rows: list[dict[str, object]] = [
        {"kind": "process.start", "object": "vssadmin.exe", "attributes": '{"command_line": "vssadmin delete shadows /all"}'},
        {"kind": "file.access", "object": "share", "code": "rename", "attributes": '{"files": 4000, "entropy": 7.9}'},
        {"kind": "log.status", "object": "security", "code": "cleared"},
    ]
    head = {"feed": "edr", "entity": f"asset:{asset}", "trust": 1.0}
    cells = [{"time": at + place * SECOND, "seen": at, "offset": first + place, **head, **row} for place, row in enumerate(rows)]
    return pa.RecordBatch.from_pylist(cells, schema=ACTIVITY)


def readings(entity: str, values: list[float | None], at: int = START, signal: str = "level", first: int = 0) -> pa.RecordBatch:
    """One reading a minute."""
    head = {"feed": "historian", "entity": entity, "trust": 1.0, "signal": signal, "quality": 0}
    cells = [
        {**head, "time": at + place * MINUTE, "seen": at, "offset": first + place, "value": value} for place, value in enumerate(values)
    ]
    return pa.RecordBatch.from_pylist(cells, schema=TELEMETRY)


def trade(*rows: dict[str, object]) -> pa.RecordBatch:
    """Trade events; each row gives its `time`, `kind` and what else it tells."""
    head = {"feed": "erp", "entity": "node:plant-1", "trust": 1.0}
    cells = [{**head, "seen": row["time"], "offset": offset, **row} for offset, row in enumerate(rows)]
    return pa.RecordBatch.from_pylist(cells, schema=TRADE)
