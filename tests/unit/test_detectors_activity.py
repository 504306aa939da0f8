"""What the activity detectors tell, beyond their own examples: one habit each, then one departure from it."""

from typing import Any

import msgspec
import pytest

from interferon.detect import stream, stream_peers
from interferon.detect.stream_events import DAY, HOUR, MINUTE, Event
from interferon.detectors import (
    activity_changes,
    activity_commands,
    activity_conversations,
    activity_execution,
    activity_logins,
    activity_logs,
    activity_volume,
)
from interferon.model.records import Finding


def event(hour: float, kind: str, entity: str = "asset:a", **fields: Any) -> Event:
    return Event(int(hour * HOUR), "f", int(hour * 3600), entity, "activity", kind, **fields)


def told(detector: Any, events: list[Event], peers: dict[str, str] | None = None) -> list[Finding]:
    state = stream.new_state(peers=peers)
    return [finding for one in events for finding in stream.observe(state, [one], [detector], one.time + 1)]


def kinds(found: list[Finding]) -> list[str]:
    return [finding.kind for finding in found]


def flow(hour: float, source: str, target: str, service: str, entity: str = "asset:a", size: int = 500) -> Event:
    return event(hour, "network.flow", entity, source=source, target=target, object=service, bytes=size)


FLOWS = [flow(hour, "asset:a", "asset:b", "opcua/4840") for hour in range(96)]


def test_conversation_seen_from_the_target_names_the_newcomer() -> None:
    habit = [flow(hour, "asset:b", "asset:a", "modbus/502") for hour in range(96)]
    (found,) = told(activity_conversations, [*habit, flow(97, "asset:x", "asset:a", "modbus/502")], {"asset:a": "ot"})
    assert (found.kind, found.related, found.techniques) == ("conversation.from_new_peer", ("asset:x",), ("T0885",))


def test_the_first_word_of_a_machine_that_was_silent_while_its_feed_spoke() -> None:
    state = stream.new_state(peers={"asset:s": "gateway"})
    inward = flow(60, "203.0.113.5", "asset:s", "modbus/502", entity="asset:s")
    assert stream.observe(state, [inward], [activity_conversations], inward.time + 1, {"f": 50 * HOUR}) == []  # a new feed: all is new
    state = stream.new_state(peers={"asset:s": "gateway"})
    (found,) = stream.observe(state, [inward], [activity_conversations], inward.time + 1, {"f": 0})
    assert found.kind == "conversation.from_outside"
    assert found.p < 1e-5


def test_rare_services_and_machines_weigh_more() -> None:
    def p(service: str, group: str, target: str = "asset:c") -> float:
        found = told(activity_conversations, [*FLOWS, flow(97, "asset:a", target, service)], {"asset:a": group})
        return found[0].p if found else 1.0

    assert p("ssh/22", "ot") < p("ssh/22", "server") < p("ssh/22", "client")
    assert p("ssh/22", "server") < p("https/443", "server")
    assert p("ssh/22", "ot", "203.0.113.5") < p("ssh/22", "ot")
    assert p("https/443", "client", "203.0.113.5") == 1.0


def test_a_machine_that_often_meets_new_ones_is_believed_more() -> None:
    busy = [*FLOWS, *(flow(20 + number, "asset:a", f"asset:n-{number}", "https/443") for number in range(70))]
    busy.sort(key=lambda one: one.time)
    odd = flow(97, "asset:a", "asset:new", "https/443")
    assert kinds(told(activity_conversations, [*busy, odd])) == []


def test_fan_out() -> None:
    sweep = [flow(97 + number / 60, "asset:a", f"asset:n-{number}", "smb/445") for number in range(8)]
    found = told(activity_conversations, [*FLOWS, *sweep])
    assert "conversation.fan_out" in kinds(found)
    assert min(finding.p for finding in found if finding.kind == "conversation.fan_out") < 1e-4


def login(hour: float, outcome: str = "success", source: str = "asset:ws", **attributes: Any) -> Event:
    base = {"country": "DE", "device": "d1", "method": "password", "mfa": True} | attributes
    return event(hour, "auth.login", "identity:u", source=source, target="asset:erp", actor="identity:u", outcome=outcome, attributes=base)


LOGINS = [login(24 * day + hour) for day in range(6) for hour in (7, 8, 9, 12, 15)]


@pytest.mark.parametrize("changes", [{"country": "BR"}, {"mfa": False, "device": "d9"}, {"source": "203.0.113.9", "device": "d9"}])
def test_unusual_login(changes: dict[str, Any]) -> None:
    (found,) = told(activity_logins, [*LOGINS, login(6 * 24 + 8, **changes)])
    assert found.kind == "login.unusual"
    assert all(name in dict(found.why) for name in changes)


def test_impossible_travel_is_stranger_than_a_trip() -> None:
    trip = told(activity_logins, [*LOGINS, login(8 * 24 + 8, country="US")])[0]
    relay = told(activity_logins, [*LOGINS, login(6 * 24 + 8), login(6 * 24 + 8.5, country="US")])[0]
    assert relay.p < 0.2 * trip.p
    assert "travel" in dict(relay.why)


def test_usual_login_at_another_desk_hour_is_quiet() -> None:
    assert told(activity_logins, [*LOGINS, login(6 * 24 + 10)]) == []


def first_logins(events: list[Event], staff: int = 12) -> list[Finding]:
    """Findings on `events` after a week of `staff` colleagues in one country, whose ways are known."""
    state, habits = stream.new_state(), stream_peers.Habits()
    found: list[Finding] = []
    week = [msgspec.structs.replace(one, entity=f"identity:{n}", time=one.time + n) for one in LOGINS for n in range(staff)]
    for one in [*week, *events]:
        found += stream.observe(state, [one], [activity_logins], one.time + 1, None, habits)
        stream_peers.take(habits, [one], [activity_logins], {})
    return [finding for finding in found if finding.entity == "identity:u"]


def test_a_new_account_is_compared_with_its_peers_while_it_has_no_life_of_its_own() -> None:
    tries = [login(150 + number / 120, "failure", country="BR") for number in range(6)]
    (guessed,) = first_logins([*tries, login(150.06, country="BR")])
    assert (guessed.kind, guessed.techniques) == ("login.guessed", ("T1110",))
    assert first_logins([login(150.06)]) == []  # somebody new, as everybody is one day
    assert first_logins([*[login(150 + n / 120, "failure") for n in range(5)], login(150.06)]) == []
    assert first_logins([*tries, login(150.06, country="BR")], staff=0) == []  # nobody to compare with
    (alone,) = first_logins([login(150.06, country="BR", mfa=False)])
    assert alone.kind == "login.unusual"
    assert set(dict(alone.why)) == {"account", "country", "mfa"}


def test_guessing() -> None:
    tries = [login(150 + number / 120, "failure") for number in range(12)]
    assert kinds(told(activity_logins, [*LOGINS, *tries, login(150.11)])) == ["login.failures", "login.guessed"]
    assert told(activity_logins, [*LOGINS, *tries[:3], login(150.11)]) == []


def command(hour: float, code: str, source: str = "asset:hmi", value: Any = 50, block: str = "hr:1", entity: str = "asset:plc") -> Event:
    return event(hour, "ot.command", entity, source=source, target="asset:plc", object=block, code=code, attributes={"value": value})


WRITES = [command(hour, "write_register", value=50 + hour % 7) for hour in range(96)]


@pytest.mark.parametrize(
    ("strange", "kind"),
    [
        (command(97, "stop"), "command.new_source"),  # the panel writes setpoints, it never stopped anything
        (command(97, "write_register", "asset:laptop", 51), "command.new_source"),
        (command(97, "write_register", value=51, block="hr:99"), "command.new_use"),
        (command(97, "write_register", value=90), "command.value"),
    ],
)
def test_commands(strange: Event, kind: str) -> None:
    assert kind in kinds(told(activity_commands, [*WRITES, strange]))


def test_command_is_worse_the_more_it_can_do() -> None:
    stop = told(activity_commands, [*WRITES, command(97, "stop", "asset:x", None)])[0]
    write = told(activity_commands, [*WRITES, command(97, "write_register", "asset:x", 51)])[0]
    assert stop.p < write.p
    assert told(activity_commands, [*WRITES, command(97, "read", "asset:hmi", None, "hr:2")]) == []


def test_command_seen_from_the_sender() -> None:
    habit = [command(hour, "write_register", entity="asset:hmi") for hour in range(96)]
    odd = event(97, "ot.command", "asset:hmi", source="asset:hmi", target="asset:plc-9", code="stop", object="cpu")
    assert kinds(told(activity_commands, [*habit, odd])) == ["command.new_target"]


def test_command_burst() -> None:
    burst = [command(97 + number / 200, "write_register", value=52) for number in range(150)]
    assert kinds(told(activity_commands, [*WRITES, *burst])) == ["command.burst"]


def api(hour: float, endpoint: str, records: int, code: str = "GET") -> Event:
    return event(hour, "api.call", "asset:agent", actor="identity:agent-1", object=endpoint, code=code, attributes={"records": records})


def test_agent_that_takes_more_or_other_things() -> None:
    habit = [api(hour, "/stock", 40 + hour % 9) for hour in range(96)]
    assert kinds(told(activity_volume, [*habit, api(97, "/stock", 90_000)])) == ["volume.records"]
    assert kinds(told(activity_volume, [*habit, api(97, "/payments", 1, "POST")])) == ["api.first_seen"]
    assert told(activity_volume, [*habit, api(97, "/stock", 60)]) == []


def test_first_load_to_an_outside_place() -> None:
    habit = [flow(hour, "asset:a", "asset:b", "https/443", size=10_000) for hour in range(96)]
    odd = flow(97, "asset:a", "203.0.113.7", "https/443", size=2_000_000_000)
    (found,) = told(activity_volume, [*habit, odd], {"asset:a": "server"})
    assert found.kind == "volume.first_load"
    assert told(activity_volume, [*habit, flow(97, "203.0.113.7", "asset:a", "https/443", size=2_000_000_000)]) == []


def program(hour: float, image: str, parent: str = "services.exe", line: str = "") -> Event:
    return event(hour, "process.start", object=image, actor="svc", attributes={"parent": parent, "command_line": line})


PROGRAMS = [program(hour, "C:\\app\\wms.exe") for hour in range(96)]


def test_programs() -> None:
    groups = {"asset:a": "server"}
    assert kinds(told(activity_execution, [*PROGRAMS, program(97, "powershell.exe", "w3wp.exe")], groups)) == ["process.first_seen"]
    (found,) = told(activity_execution, [*PROGRAMS, program(97, "vssadmin.exe", "cmd.exe", "vssadmin delete shadows /all")], groups)
    assert (found.kind, found.techniques) == ("process.command_line", ("T1490", "T1486"))
    assert told(activity_execution, [*PROGRAMS, program(97, "D:\\APP\\WMS.EXE")], groups) == []


def test_files_rewritten_without_entropy_weigh_less() -> None:
    def access(hour: float, files: int, entropy: float) -> Event:
        return event(hour, "file.access", object="share", code="write", attributes={"files": files, "entropy": entropy})

    habit = [access(hour, 20 + hour % 5, 4.0) for hour in range(96)]
    plain, scrambled = (told(activity_execution, [*habit, access(97, 900, entropy)])[0].p for entropy in (4.0, 7.9))
    assert scrambled < plain
    assert told(activity_execution, [*habit, access(97, 40, 7.9)]) == []


def test_changes() -> None:
    def change(hour: float, kind: str = "config.change", **attributes: Any) -> Event:
        return event(hour, kind, target="asset:a", object="firewall_rule", actor="identity:x", attributes=attributes)

    first = change(0, ticket="W-0")
    assert kinds(told(activity_changes, [first, change(97)])) == ["config.undeclared"]
    signed = told(activity_changes, [first, change(97, "firmware.change", signed=True, vendor="v")])
    unsigned = told(activity_changes, [first, change(97, "firmware.change", signed=False, vendor="v")])
    assert kinds(unsigned) == ["firmware.unsigned"]
    assert all(unsigned[0].p < 0.01 * finding.p for finding in signed)


def test_ticket_backed_by_an_order_is_quiet_and_a_made_up_one_is_not() -> None:
    order = event(96, "work.order", target="asset:a", actor="otto", code="opened", attributes={"ticket": "W-5", "approved_by": "eva"})
    start = event(0, "config.change", object="x", actor="identity:x", attributes={"ticket": "W-0"})

    def change(ticket: str) -> Event:
        return event(97, "config.change", object="audit_level", actor="identity:y", attributes={"ticket": ticket})

    assert told(activity_changes, [start, order, change("W-5")]) == []
    (found,) = told(activity_changes, [start, order, change("W-6")])
    assert "W-6 that no work order backs" in found.summary


def test_log_that_often_falls_silent_is_believed_less() -> None:
    steady = [event(step / 4, "log.status", code="heartbeat") for step in range(400)]
    gappy = [one for one in steady if one.time // HOUR % 24 not in (3, 4, 5)]

    def silence(events: list[Event]) -> list[str]:
        state = stream.new_state()
        for one in events:
            stream.observe(state, [one], [activity_logs], one.time)
        return kinds(stream.observe(state, [], [activity_logs], events[-1].time + 4 * HOUR))

    assert silence(steady) == ["log.silent"]
    assert silence(gappy) == []


def test_stopped_log_is_not_silent_as_well() -> None:
    beats = [event(step / 4, "log.status", code="heartbeat") for step in range(400)]
    state = stream.new_state()
    for one in [*beats, event(100.1, "log.status", code="stopped", actor="identity:x")]:
        stream.observe(state, [one], [activity_logs], one.time)
    assert stream.observe(state, [], [activity_logs], 10 * DAY + MINUTE) == []
