"""Recorded captures: field for field what published dissectors log, every file read to its end, every count that is expected."""

import ast
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
import yaml

from interferon.bench.sense_capture import files
from interferon.connectors import capture
from interferon.dissect.dissectors import SHIPPED
from interferon.model.records import DeadLetter

pytestmark = pytest.mark.data
Row = dict[str, Any]
BASELINE = "icsnpp-modbus/testing/baseline/analyzer.basic"
FAILED = "failure"


def read(path: Path) -> tuple[list[Row], list[DeadLetter]]:
    """All events of a capture, attributes decoded, and all dead letters."""
    rows: list[Row] = []
    letters: list[DeadLetter] = []
    for each in capture.read(path):
        if isinstance(each, DeadLetter):
            letters.append(each)
        elif isinstance(each, pa.RecordBatch):
            rows += [{**row, **msgspec.json.decode(row["attributes"])} for row in each.to_pylist()]
    return rows, letters


# Zeek's logs of Modbus. The names of functions and exceptions are Zeek's own.

ZEEK_FUNCTIONS = {
    "report_server_id": "REPORT_SLAVE_ID", "encapsulated_interface_transport": "ENCAP_INTERFACE_TRANSPORT",
    "read_device_identification": "ENCAP_INTERFACE_TRANSPORT", "canopen_general_reference": "ENCAP_INTERFACE_TRANSPORT",
}  # fmt: skip
ALONE = ("read_exception_status", "report_server_id")  # functions whose request and response have a line each, without their content


def zeek_log(path: Path) -> list[dict[str, str]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    names = next(line for line in lines if line.startswith("#fields")).split("\t")[1:]
    return [dict(zip(names, line.split("\t"), strict=True)) for line in lines if not line.startswith("#")]


def written(value: Any) -> str:
    """As Zeek writes a value: `-` for none, a list with commas."""
    if value is None or value == []:
        return "-"
    if isinstance(value, list):
        return ",".join(map(str, value))
    return "FT"[value] if isinstance(value, bool) else str(value)


def ends(row: Row, to_server: bool) -> dict[str, str]:
    near, far = ("source", "target") if to_server else ("target", "source")
    return {
        "id.orig_h": row[near], "id.orig_p": str(row[f"{near}_port"]), "id.resp_h": row[far], "id.resp_p": str(row[f"{far}_port"]),
    }  # fmt: skip


def function(row: Row) -> str:
    code = str(row["code"])
    return ZEEK_FUNCTIONS.get(code, code.upper())


def pairs(rows: list[Row]) -> Iterator[tuple[Row | None, Row | None]]:
    """Requests with their responses, in the order of the responses; what has no other half alone."""
    waiting: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        if row["kind"] == "ot.command":
            waiting[row["source"], row["source_port"], row["transaction"], row["unit"]] = row
        elif row["kind"] == "ot.response":
            yield waiting.pop((row["target"], row["target_port"], row["transaction"], row["unit"]), None), row
    for row in waiting.values():
        yield row, None


def detailed(asked: Row | None, answered: Row | None) -> dict[str, str]:
    """One line of modbus_detailed.log."""
    row = asked or answered or {}
    ask, answer = asked or {}, answered or {}
    code, bits = row["code"], row["code"] in ("read_coils", "read_discrete_inputs")
    single, diagnosis = code in ("write_single_coil", "write_single_register"), code == "diagnostics"
    files_ = code in ("read_file_record", "write_file_record")
    return {
        **ends(row, row["kind"] == "ot.command"),
        "tid": str(row["transaction"]),
        "unit": str(row["unit"]),
        "func": function(row),
        "address": written(row.get("address")),
        "quantity": written(
            1 if single else sum(7 if code == "read_file_record" else 7 + 2 * each["length"] for each in ask.get("records", [])) if files_
            else len(answer.get("values", [])) if code == "read_fifo_queue" else None if code == "read_write_multiple_registers"
            else row.get("quantity")
        ),
        "request_values": values(ask),
        "response_values": values(answer),
        "matched": "-" if code in ALONE else written(asked is not None and answered is not None),
        "request_subfunction_code": subfunction(ask) if diagnosis else "-",
        "response_subfunction_code": subfunction(answer) if diagnosis else "-",
        "request_data": escaped(ask.get("data")) if diagnosis else "-",
        "response_data": escaped(answer.get("data")) if diagnosis else written(answer.get("padding")) if bits else "-",
        "exception_code": written(answer.get("exception_name")).upper(),
        "mei_type": "Read Device Identification" if code == "read_device_identification" else "-",
    }  # fmt: skip


def values(row: Row) -> str:
    """Those of a double transfer stand in a log of their own."""
    if row.get("code") == "read_write_multiple_registers":
        return "-"
    return written([row["value"]] if row.get("code") in ("write_single_coil", "write_single_register") else row.get("values"))


def subfunction(row: Row) -> str:
    return str(row["sub_function_name"]).replace("_", " ").title() if "sub_function_name" in row else "-"


def escaped(data: str | None) -> str:
    return "-" if data is None else "".join(f"\\x{byte:02x}" for byte in bytes.fromhex(data))


def equal(found: list[dict[str, str]], logged: list[dict[str, str]]) -> None:
    """All columns that we tell (all but time, uid and link), line by line, whatever the order of lines."""
    kept = [{name: line[name] for name in found[0]} for line in logged]
    unlogged = {"ts", "uid", "modbus_detailed_link_id"}
    assert set(logged[0]) - set(found[0]) == unlogged & set(logged[0])
    assert sorted(found, key=str) == sorted(kept, key=str)


@pytest.fixture(scope="module")
def example(data: Path) -> list[Row]:
    rows, letters = read(data / "icsnpp-modbus/testing/traces/modbus_example.pcap")
    assert letters == []
    return rows


def test_modbus_detailed_is_equal_field_for_field(data: Path, example: list[Row]) -> None:
    found = []
    for asked, answered in pairs(example):
        one = asked or answered
        assert one is not None
        found += [detailed(asked, answered)] * (2 if one["code"] in ALONE else 1)
    equal(found, zeek_log(data / BASELINE / "modbus_detailed.log"))


def direction(row: Row) -> dict[str, str]:
    to_server = row["kind"] == "ot.command"
    return {
        **ends(row, to_server), "is_orig": written(to_server), "source_h": row["source"], "source_p": str(row["source_port"]),
        "destination_h": row["target"], "destination_p": str(row["target_port"]), "tid": str(row["transaction"]), "unit": str(row["unit"]),
        "func": function(row), "request_response": "REQUEST" if to_server else "RESPONSE",
    }  # fmt: skip


def test_masks_and_double_transfers_are_equal_field_for_field(data: Path, example: list[Row]) -> None:
    masks = [
        {**direction(row), **{name: written(row.get(name)) for name in ("address", "and_mask", "or_mask")}}
        for row in example
        if row["code"] == "mask_write_register"
    ]
    equal(masks, zeek_log(data / BASELINE / "modbus_mask_write_register.log"))
    transfers = []
    for row in example:
        if row["code"] == "read_write_multiple_registers":
            ask, answer = (row, {}) if row["kind"] == "ot.command" else ({}, row)
            transfers.append({
                **direction(row), "write_start_address": written(ask.get("write_address")), "write_registers": written(ask.get("values")),
                "read_start_address": written(ask.get("read_address")), "read_quantity": written(ask.get("read_quantity")),
                "read_registers": written(answer.get("values")),
            })  # fmt: skip
    equal(transfers, zeek_log(data / BASELINE / "modbus_read_write_multiple_registers.log"))


def test_every_exchange_and_conversation_of_the_example_is_logged(data: Path, example: list[Row]) -> None:
    logged = (data / BASELINE / "modbus.log").read_text(encoding="utf-8").splitlines()
    functions = Counter(line.split("\t")[6].removesuffix("_EXCEPTION") for line in logged if not line.startswith("#"))
    assert Counter(function(row) for row in example if row["kind"] == "ot.response") == functions
    flows = [
        {
            **ends(row, True), "proto": row["protocol"], "service": row["service"], 
            "orig_pkts": str(row["packets_to_server"]), "resp_pkts": str(row["packets_to_client"]),
        }
        for row in example
        if row["kind"] == "network.flow"
    ]  # fmt: skip
    kept = [{name: line[name] for name in flows[0]} for line in zeek_log(data / BASELINE / "conn.log")]
    assert flows == kept


def test_every_capture_is_read_to_its_end(data: Path) -> None:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    paths = files(data / "ot-pcaps")
    assert len(paths) > 240
    for path in paths:
        rows, letters = read(path)
        for row in rows:
            counts[row["protocol"]][row["kind"]] += 1
        for letter in letters:
            counts[letter.reason.partition(", ")[2].partition(":")[0]]["dead letter"] += 1
        if path.stat().st_size > 24:
            assert rows
            assert sum(row["packets"] for row in rows if row["kind"] == "network.flow")
    kinds = sorted({kind for each in counts.values() for kind in each})
    lines = [f"{'protocol':16}" + "".join(f"{kind:>18}" for kind in kinds)]
    lines += [f"{protocol:16}" + "".join(f"{counts[protocol][kind]:18,}" for kind in kinds) for protocol in sorted(counts)]
    sys.stdout.write("\n".join(lines) + "\n")
    assert counts["modbus"]["ot.command"] > 6_000
    assert counts["modbus"]["dead letter"] == 0


# Suricata's expectations. What it names an event of one protocol, made from our rows: one line of EVENTS a protocol.

SAWP_FUNCTIONS = {
    "read_coils": ("RdCoils", "READ | COILS"), "read_discrete_inputs": ("RdDiscreteInputs", "READ | DISCRETES"),
    "read_holding_registers": ("RdHoldRegs", "READ | HOLDING"), "read_input_registers": ("RdInputRegs", "READ | INPUT"),
    "write_single_coil": ("WrSingleCoil", "WRITE | COILS | SINGLE"), "write_single_register": ("WrSingleReg", "WRITE | HOLDING | SINGLE"),
    "read_exception_status": ("RdExcStatus", ""), "diagnostics": ("Diagnostic", ""), "get_comm_event_counter": ("GetCommEventCtr", ""),
    "get_comm_event_log": ("GetCommEventLog", ""), "write_multiple_coils": ("WrMultCoils", "WRITE | COILS | MULTIPLE"),
    "write_multiple_registers": ("WrMultRegs", "WRITE | HOLDING | MULTIPLE"), "report_server_id": ("ReportServerID", ""),
    "read_file_record": ("RdFileRec", ""), "write_file_record": ("WrFileRec", ""),
    "mask_write_register": ("MaskWrReg", "WRITE | HOLDING"),
    "read_write_multiple_registers": ("RdWrMultRegs", "READ | WRITE | HOLDING | MULTIPLE"), "read_fifo_queue": ("RdFIFOQueue", ""),
    "read_device_identification": ("MEI", ""), "encapsulated_interface_transport": ("MEI", ""), "canopen_general_reference": ("MEI", ""),
}  # fmt: skip


def modbus_events(rows: list[Row]) -> list[Row]:
    """A transaction each, numbered from 1 in its conversation."""
    found, numbers = [], Counter[tuple[Any, ...]]()
    waiting: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        if row["protocol"] != "modbus":
            continue
        asks = row["kind"] == "ot.command"
        near, far = ("source", "target") if asks else ("target", "source")
        flow = (row[near], row[f"{near}_port"], row[far], row[f"{far}_port"])
        name, access = SAWP_FUNCTIONS.get(row["code"], (row["code"], ""))
        side = {
            "transaction_id": row["transaction"], "protocol_id": 0, "unit_id": row["unit"], "function_raw": row["function"],
            "function_code": name, "access_type": access, "category": "PUBLIC_ASSIGNED", "error_flags": "NONE",
        }  # fmt: skip
        event = waiting.pop((flow, row["transaction"]), None) if not asks else None
        if event is None:
            numbers[flow] += 1
            event = {"event_type": "modbus", "modbus": {"id": numbers[flow]}}
            found.append(event)
        event["modbus"]["request" if asks else "response"] = side
        if asks:
            waiting[flow, row["transaction"]] = event
    return found


def flow_events(rows: list[Row]) -> list[Row]:
    """A conversation each."""
    return [{"event_type": "flow", "app_proto": row.get("service", "failed")} for row in rows if row["kind"] == "network.flow"]


EVENTS: dict[str, Callable[[list[Row]], list[Row]]] = {
    "flow": flow_events,
    "modbus": modbus_events,
}


def about_us(match: Row) -> bool:
    """Whether a filter is about what is dissected: alerts, frames, statistics and anomalies are Suricata's own."""
    kind, protocol = match.get("event_type"), match.get("app_proto")
    return kind in EVENTS and (protocol is None or protocol in {each.NAME for each in SHIPPED})


def at(event: Any, key: str) -> tuple[bool, Any]:
    """What stands at a key like `modbus.request.values[0]` or `mqtt.topics.__len`, and whether anything does."""
    for part in re.findall(r"[^.\[\]]+|\[\d+\]", key):
        if part == "__len" and isinstance(event, list | str | dict):
            event = len(event)
        elif part.startswith("[") and isinstance(event, list) and int(part[1:-1]) < len(event):
            event = event[int(part[1:-1])]
        elif isinstance(event, dict) and part in event:
            event = event[part]
        else:
            return False, None
    return True, event


def fits(event: Row, key: str, wanted: Any) -> bool:
    """One line of a `match`, with the operators of suricata-verify at the key's end."""
    path, _, operator = key.rpartition(".")
    if operator in ("__find", "__contains", "__startswith", "__endswith"):
        there, value = at(event, path)
        if not there:
            return False
        text = value if isinstance(value, list) and operator == "__contains" else str(value)
        tests: dict[str, Callable[[], bool]] = {
            "__find": lambda: str(wanted) in str(value),
            "__contains": lambda: wanted in text if isinstance(text, list) else str(wanted) in text,
            "__startswith": lambda: str(value).startswith(str(wanted)),
            "__endswith": lambda: str(value).endswith(str(wanted)),
        }
        return tests[operator]()
    if key in ("has-key", "not-has-key"):
        return at(event, wanted)[0] == (key == "has-key")
    there, value = at(event, key)
    return there and (value == wanted or str(value) == str(wanted))


def count(events: list[Row], check: Row) -> int:
    match, unmatched = check.get("match", {}), check.get("not-match", {})
    return sum(
        all(fits(each, *item) for item in match.items()) and not any(fits(each, *item) for item in unmatched.items()) for each in events
    )


def asserted(found: int, wanted: Any) -> bool:
    """A number, or one with a comparison: `>= 3`."""
    if isinstance(wanted, int):
        return found == wanted
    sign, _, number = str(wanted).strip().rpartition(" ")
    limit = ast.literal_eval(number)
    return bool({"": found == limit, ">": found > limit, ">=": found >= limit, "<": found < limit, "<=": found <= limit}[sign])


def recording(folder: Path, test: Row) -> Path | None:
    """The capture of a test: its own, or the one of a neighbour that it names."""
    if "pcap" in test:
        return Path(folder / str(test["pcap"])).resolve()
    return next(iter(sorted(path for path in folder.iterdir() if path.suffix in capture.SUFFIXES)), None)


def test_every_expected_event_is_told_as_often_as_expected(data: Path) -> None:
    checked, listed, missed = Counter[str](), Counter[str](), []
    for path in sorted((data / "suricata-verify").glob("*/test.yaml")):
        test = yaml.safe_load(path.read_text(encoding="utf-8"))
        source = recording(path.parent, test)
        filters = [check["filter"] for check in test.get("checks") or [] if "filter" in check]
        told: list[Row] | None = None
        for check in filters:
            kind = check.get("match", {}).get("event_type")
            if not about_us(check.get("match", {})):
                listed[str(kind)] += 1
                continue
            assert source is not None
            told = read(source)[0] if told is None else told
            found = count(EVENTS[kind](told), check)
            checked[kind] += 1
            if not asserted(found, check["count"]):
                missed.append(f"{path.parent.name}: {check['match']} is told {found} times, not {check['count']}")
    left = ", ".join(f"{kind} {number}" for kind, number in sorted(listed.items()))
    sys.stdout.write(f"filters met: {dict(checked)}; not counted: {left}\n")
    assert missed == []
    assert set(checked) | {"flow"} == set(EVENTS)


def test_the_checker_knows_the_operators() -> None:
    event = {"a": {"list": [{"b": "READ | COILS"}, "c"], "n": 3}}
    for key, wanted in (
        ("a.n", 3),
        ("a.n", "3"),
        ("a.list.__len", 2),
        ("a.list[0].b", "READ | COILS"),
        ("a.list[1]", "c"),
        ("has-key", "a.n"),
    ):
        assert fits(event, key, wanted)
    for key, wanted in (
        ("a.list.__contains", "c"),
        ("a.list[0].b.__find", "COILS"),
        ("a.list[0].b.__startswith", "READ"),
        ("not-has-key", "a.x"),
    ):
        assert fits(event, key, wanted)
    for key, wanted in (
        ("a.x", ""),
        ("a.list[2]", "c"),
        ("a.list.__contains", "d"),
        ("a.n.__len", 1),
        ("a.list[0].b.__endswith", "READ"),
    ):
        assert not fits(event, key, wanted)
    assert asserted(3, 3)
    assert asserted(3, ">= 2")
    assert not asserted(3, "< 3")
