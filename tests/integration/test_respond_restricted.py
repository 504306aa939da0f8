"""Playbooks that act are held to the tables of the network folder: a real effector and ERP, and rows that forbid, lock and name nothing."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from interferon.model.events import TELEMETRY
from interferon.store.log import EventLog

from .acting_plant import Acting, alone, hold, release

Run = Callable[..., tuple[int, str, str]]
HEADS = {"protected": "where,action,reason", "interlocks": "id,where,action,asset,signal,test,value,reason"}


@pytest.fixture
def tables(standing: Acting) -> Iterator[Callable[[str, str], None]]:
    """Writes one row of a table; it is gone after the test."""

    def write(table: str, row: str) -> None:
        (standing.net / f"{table}.csv").write_text(f"{HEADS[table]}\n{row}\n", encoding="utf-8")

    yield write
    for table in HEADS:
        (standing.net / f"{table}.csv").unlink(missing_ok=True)


def detail(told: tuple[int, str, str]) -> tuple[str, str]:
    report: dict[str, Any] = json.loads(told[1])
    return report["status"], report["steps"][1]["detail"]


def test_what_is_protected_is_not_held_but_can_be_released(run: Run, standing: Acting, tables: Any, tmp_path: Path) -> None:
    assert detail(run(*standing.words(alone(tmp_path / "a.json", hold("o-1")))))[0] == "completed"
    tables("protected", "order:o-*,hold_transaction,customs has them")
    said = "protected order:o-*: no hold_transaction of order:o-2, customs has them"
    assert detail(run(*standing.words(alone(tmp_path / "b.json", hold("o-2"))))) == ("failed", said)
    assert standing.erp.status["o-2"] == "open"
    assert detail(run(*standing.words(alone(tmp_path / "c.json", release("o-1")))))[0] == "completed"
    assert standing.erp.status["o-1"] == "open"


def test_an_interlock_looks_into_the_event_log(run: Run, standing: Acting, tables: Any, tmp_path: Path) -> None:
    tables("interlocks", "il-1,order:*,hold_transaction,plc-1,line_stopped,=,1,only while the line stands still")
    said = "interlock il-1: line_stopped of asset:plc-1 is not known (only while the line stands still)"
    assert detail(run(*standing.words(alone(tmp_path / "a.json", hold("o-3"))))) == ("failed", said)
    head = {"feed": "f", "seen": 0, "trust": 1.0, "quality": 0, "offset": 0, "entity": "asset:plc-1", "signal": "line_stopped"}
    log = EventLog(standing.net / "state" / "log")
    log.append(pa.RecordBatch.from_pylist([{**head, "time": time.time_ns() // 1000, "value": 1.0}], schema=TELEMETRY))
    log.close()
    assert detail(run(*standing.words(alone(tmp_path / "b.json", hold("o-3")))))[0] == "completed"
    assert standing.erp.status["o-3"] == "held"


def test_a_row_for_an_action_that_there_is_not_starts_nothing(run: Run, standing: Acting, tables: Any, tmp_path: Path) -> None:
    tables("protected", "order:o-*,hold_transactions,customs has them")
    code, _, err = run(*standing.words(alone(tmp_path / "a.json", hold("o-4"))))
    assert code == 2
    assert "protected.csv: order:o-* hold_transactions: no action is called 'hold_transactions' (did you mean hold_transaction?)" in err
    assert len(err.strip().splitlines()) == 1
