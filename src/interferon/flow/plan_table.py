"""A plan as plain rows of text and numbers: one JSON document, and the columns of its CSV files. Called by `runtime.flow_folder`. Pure."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from interferon.flow.account import Figures
from interferon.flow.plan import Plan
from interferon.flow.plan_rows import OrderRow, Production, Shipment, Transfer
from interferon.flow.telling import iso

Row = OrderRow | Shipment | Transfer | Production
TIMES: Final = ("promised", "expected", "expected_before", "leaves", "leaves_before", "arrives", "starts", "starts_before", "ends")
TABLES: Final[dict[str, type[Row]]] = {"orders": OrderRow, "transfers": Transfer, "shipments": Shipment, "production": Production}


def as_json(found: Plan) -> dict[str, Any]:
    """What `--json` prints. Times are ISO 8601 in UTC."""
    answer = asdict(found.answer) | {"gap": found.answer.gap, "valid_until": iso(found.answer.valid_until)}
    return {
        "network": found.network,
        "currency": found.currency,
        "revision": found.revision,
        "time": iso(found.time),
        "closed": list(found.closed),
        "states": list(found.states),
        "until": None if found.until is None else iso(found.until),
        "answer": answer,
        "nominal": _figures(found.nominal),
        "kept": _figures(found.kept),
        "rerouted": _figures(found.rerouted),
        "range": None if found.range is None else {key: list(ends) for key, ends in asdict(found.range).items()},
        "causes": [{"cause": cause, "orders": list(orders)} for cause, orders in found.causes],
        **{name: [plain(row) for row in getattr(found, name)] for name in TABLES},
    }


def plain(row: Row) -> dict[str, Any]:
    """A row with its times as text."""
    return {key: iso(value) if key in TIMES and value is not None else value for key, value in asdict(row).items()}


def as_csv(rows: Sequence[Row], kind: type[Row]) -> bytes:
    """A header and the rows, as RFC 4180; nothing is written for None, true and false as such."""
    told = io.StringIO(newline="")
    writer = csv.DictWriter(told, list(kind.__dataclass_fields__))
    writer.writeheader()
    for row in rows:
        cells = plain(row)
        writer.writerow({key: str(value).lower() if isinstance(value, bool) else value for key, value in cells.items()})
    return told.getvalue().encode()


def _figures(found: Figures) -> dict[str, Any]:
    return {
        "orders": found.orders,
        "orders_late": found.orders_late,
        "otif": found.otif,
        "cost": found.cost,
        "co2_kg": found.co2_kg,
        "unmet": found.unmet,
    }
