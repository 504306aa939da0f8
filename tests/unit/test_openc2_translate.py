"""OpenC2 commands become effects of ours and back: what is asked for, what is taken back, what is answered at once."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.actions import ACTIONS
from interferon.model.effects import Effect, Intent, Outcome, State, Value
from interferon.model.errors import InputError
from interferon.model.network import Asset, Conduit, Network, Process, Settings, Zone
from interferon.openc2 import check, decode, inbound, outbound
from interferon.openc2.inbound import Answer, Contain, Offer, Release
from interferon.openc2.records import STATUS, Command, Response, SlpfSpecifiers
from interferon.openc2.vocabulary import OWN, plan_of, rule_number

NOW = 1_767_600_000_000
OFFER = Offer(actions=frozenset(ACTIONS), rate_limit=30, names=("wall-1",))
ADDRESSES = {"plc-1": "10.0.1.1", "plc-2": "10.0.1.2", "hmi-1": "10.0.2.1", "mes": "10.0.3.1", "six": "2001:db8::7", "named": "erp.example"}
ZONES = {"plc-1": "cell", "plc-2": "cell", "hmi-1": "control", "mes": "it", "six": "it", "named": "it"}
CONDUITS = {"c-modbus": ("control", "cell", 502), "c-opc": ("it", "control", 4840), "c-web": ("it", "control", 443)}


def network(many: int = 0) -> Network:
    assets = {name: Asset(id=name, zone=ZONES[name], type="plc", address=address) for name, address in ADDRESSES.items()}
    crowd = {f"h-{n}": Asset(id=f"h-{n}", zone="it", type="host", address=f"10.9.0.{n}") for n in range(many)}
    return Network(
        settings=Settings(name="n"),
        revision=1,
        sites={},
        zones={zone: Zone(id=zone, site="s", purdue=2, criticality=3) for zone in ("cell", "control", "it")},
        conduits={k: Conduit(id=k, from_zone=a, to_zone=b, protocol="tcp", port=port) for k, (a, b, port) in CONDUITS.items()},
        assets=assets | crowd,
        partners={},
        nodes={},
        lanes={},
        products={},
        orders={},
        people={},
        processes={"historian": Process(id="historian", asset="mes", executable="/opt/historiand", sha256="ab" * 32)},
    )


def effect(name: str, action: str, target: str, state: State = State.VERIFIED, plan: str = "p") -> Effect:
    intent = Intent(id=name, plan=plan, incident="", action=action, target=target, time=NOW * 1_000)
    return Effect(intent=intent, state=state, changed=NOW * 1_000, expires=0, epoch=1)


def command(action: str, target: str, specifier: Any, **members: Any) -> Command:
    return decode.command(json.dumps({"action": action, "target": {target: specifier}} | members).encode())


def understood(asked: Command, *live: Effect, offer: Offer = OFFER, many: int = 0) -> Contain | Release | Answer:
    return inbound.understood(asked, "r-1", network(many), live, offer, NOW)


def status(found: Contain | Release | Answer) -> int:
    assert isinstance(found, Answer)
    assert decode.response(decode.response_text(found.response)) == found.response
    return found.response.status


@pytest.mark.parametrize(
    ("action", "target", "specifier", "effects"),
    [
        ("deny", "ipv4_net", "10.0.1.1", [("isolate_asset", "asset:plc-1")]),
        ("deny", "ipv4_net", "10.0.1.0/24", [("isolate_asset", "asset:plc-1"), ("isolate_asset", "asset:plc-2")]),
        ("deny", "ipv6_net", "2001:DB8:0::7/128", [("isolate_asset", "asset:six")]),
        ("deny", "ipv4_connection", {"dst_addr": "10.0.1.2", "dst_port": 502, "protocol": "tcp"}, [("cut_conduit", "conduit:c-modbus")]),
        ("deny", "ipv4_connection", {"src_addr": "10.0.3.1", "dst_addr": "10.0.2.1", "dst_port": 443}, [("cut_conduit", "conduit:c-web")]),
        ("deny", "ipv6_connection", {"src_addr": "2001:db8::7"}, [("cut_conduit", "conduit:c-opc"), ("cut_conduit", "conduit:c-web")]),
        ("contain", "device", {"device_id": "plc-2"}, [("isolate_asset", "asset:plc-2")]),
        ("contain", "device", {"hostname": "ERP.example"}, [("isolate_asset", "asset:named")]),
        ("contain", "x-interferon:zone", "zone:cell", [("isolate_zone", "zone:cell")]),
        ("redirect", "x-interferon:asset", "asset:mes", [("fail_over", "asset:mes")]),
        ("deny", "x-interferon:identity", "identity:jdoe", [("disable_identity", "identity:jdoe")]),
        ("contain", "x-interferon:transaction", "order:o-1", [("hold_transaction", "order:o-1")]),
        ("deny", "x-interferon:client", "identity:sensor", [("disable_client", "identity:sensor")]),
        ("contain", "process", {"name": "historiand"}, [("freeze_process", "process:historian")]),
        ("contain", "process", {"name": "historian"}, [("freeze_process", "process:historian")]),
        ("deny", "process", {"executable": {"path": "/opt/historiand"}}, [("freeze_process", "process:historian")]),
        ("stop", "process", {"executable": {"hashes": {"sha256": "AB" * 32}}}, [("kill_process", "process:historian")]),
        ("stop", "process", {"executable": {"name": "historiand"}}, [("kill_process", "process:historian")]),
        ("contain", "x-interferon:process", "process:historian", [("freeze_process", "process:historian")]),
    ],
)
def test_a_command_becomes_effects_to_decide_on(action: str, target: str, specifier: Any, effects: list[tuple[str, str]]) -> None:
    found = understood(command(action, target, specifier, command_id="c-1"))
    assert found == Contain(tuple(effects), 0, plan_of("c-1"))


@pytest.mark.parametrize(
    ("action", "target", "specifier", "members", "expected"),
    [
        ("deny", "ipv4_net", "192.0.2.9", {}, 404),
        ("deny", "ipv4_connection", {"dst_addr": "10.0.1.2", "dst_port": 80}, {}, 404),
        ("deny", "ipv4_connection", {"dst_addr": "10.0.1.2", "protocol": "sctp"}, {}, 404),
        ("deny", "ipv4_connection", {"dst_port": 502}, {}, 501),
        ("deny", "ipv4_connection", {"src_addr": "10.0.2.1", "src_port": 1}, {}, 501),
        ("contain", "device", {"device_id": "plc-1", "hostname": "plc-2"}, {}, 404),
        ("contain", "x-interferon:zone", "zone:moon", {}, 404),
        ("contain", "x-interferon:zone", "asset:mes", {}, 400),
        ("contain", "x-interferon:zone", {"id": "cell"}, {}, 400),
        ("stop", "process", {"name": "a"}, {}, 404),
        ("stop", "process", {"name": "historian", "executable": {"hashes": {"sha256": "11" * 32}}}, {}, 404),
        ("deny", "process", {"executable": {"path": "/opt/other"}}, {}, 404),
        ("stop", "process", {"pid": 7}, {}, 501),
        ("stop", "process", {"name": "historian", "command_line": "x"}, {}, 501),
        ("stop", "process", {"name": "historian", "executable": {"hashes": {"md5": "11" * 16}}}, {}, 501),
        ("stop", "process", {"executable": {"hashes": {"sha1": "11" * 20}}}, {}, 501),
        ("restart", "process", {"name": "historian"}, {}, 501),
        ("contain", "x-interferon:process", "process:moon", {}, 404),
        ("deny", "file", {"name": "a"}, {}, 501),
        ("update", "file", {"name": "a"}, {}, 501),
        ("deny", "ipv4_net", "10.0.1.1", {"args": {"start_time": NOW + 60_000}}, 501),
        ("deny", "ipv4_net", "10.0.1.1", {"args": {"stop_time": NOW - 1}}, 400),
        ("deny", "ipv4_net", "10.0.1.1", {"args": {"start_time": NOW - 9_000, "duration": 5_000}}, 400),
        ("deny", "ipv4_net", "10.0.1.1", {"args": {"duration": 0}}, 400),
        ("deny", "ipv4_net", "10.0.1.1", {"args": {"slpf": {"direction": "ingress"}}}, 501),
        ("deny", "ipv4_net", "10.0.1.1", {"args": {"slpf": {"drop_process": "reject"}}}, 501),
        ("deny", "ipv4_net", "10.0.1.1", {"args": {"slpf": {"insert_rule": 3}}}, 501),
        ("deny", "ipv4_net", "10.0.1.1", {"args": {"slpf": {"persistent": False}}}, 501),
        ("deny", "ipv4_net", "10.0.1.1", {"args": {"x-acme": {}}}, 501),
        ("deny", "ipv4_net", "10.0.1.1", {"actuator": {"slpf": {"asset_id": "30"}}}, 404),
        ("deny", "ipv4_net", "10.0.1.1", {"actuator": {"slpf": {"asset_tuple": ["plant", "31"]}}}, 404),
        ("deny", "ipv4_net", "10.0.1.1", {"actuator": {"x-acme": {}}}, 404),
        ("deny", "ipv4_net", "10.0.1.1", {"actuator": {"x-interferon": {"site": {"id": 1}}}}, 404),
        ("query", "features", ["pairs"], {"profile": "er"}, 404),
        ("query", "features", ["pairs"], {"args": {"response_requested": "ack"}}, 400),
        ("query", "features", ["pairs"], {"args": {"x-acme": {}}}, 400),
        ("allow", "ipv4_net", "10.0.1.1", {}, 404),
        ("allow", "ipv4_net", "10.0.1.1", {"args": {"duration": 60_000}}, 501),
        ("cancel", "command", "c-9", {}, 404),
        ("delete", "slpf:rule_number", 5, {}, 404),
    ],
)
def test_what_cannot_be_done_is_answered_with_the_reason(
    action: str, target: str, specifier: Any, members: dict[str, Any], expected: int
) -> None:
    found = understood(command(action, target, specifier, **members))
    assert status(found) == expected
    assert isinstance(found, Answer)
    assert found.response.status_text


def test_a_range_that_names_half_the_plant_is_not_taken() -> None:
    assert status(understood(command("deny", "ipv4_net", "0.0.0.0/0"), many=20)) == 501


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({}, 0),
        ({"duration": 500}, 1),
        ({"duration": 61_000}, 61),
        ({"stop_time": NOW + 2_001}, 3),
        ({"start_time": NOW - 10_000, "duration": 30_000}, 20),
        ({"start_time": NOW - 10_000, "stop_time": NOW + 5_000}, 5),
        ({"start_time": NOW - 10_000}, 0),
    ],
)
def test_times_become_a_time_to_live(args: dict[str, int], expected: int) -> None:
    found = understood(command("deny", "ipv4_net", "10.0.1.1", args=args | {"response_requested": "none"}))
    assert isinstance(found, Contain)
    assert (found.ttl_s, found.plan) == (expected, plan_of("r-1"))


def test_what_we_blocked_is_taken_back_by_allow_by_its_rule_number_and_by_its_command() -> None:
    live = (
        effect("e-1", "isolate_asset", "asset:plc-1", plan=plan_of("c-1")),
        effect("e-2", "isolate_asset", "asset:plc-2", plan=plan_of("c-1")),
        effect("e-3", "isolate_asset", "asset:plc-2", State.UNDONE, plan=plan_of("c-1")),
        effect("e-4", "freeze_process", "asset:plc-1"),  # not what an address was denied by
    )
    assert understood(command("allow", "ipv4_net", "10.0.1.1"), *live) == Release(("e-1",))
    assert understood(command("allow", "device", {"device_id": "plc-2"}), *live) == Release(("e-2",))
    assert understood(command("delete", "slpf:rule_number", rule_number("e-2")), *live) == Release(("e-2",))
    assert understood(command("cancel", "command", "c-1"), *live) == Release(("e-1", "e-2"))
    assert status(understood(command("delete", "slpf:rule_number", rule_number("e-3")), *live)) == 404


def test_a_command_to_us_by_name_is_taken() -> None:
    ours = Offer(actions=ACTIONS, rate_limit=1, names=("30", "plant"))
    for which in ({"asset_id": "30"}, {"named_group": "plant"}, {"asset_tuple": ["plant", "30"]}, {}):
        assert isinstance(understood(command("deny", "ipv4_net", "10.0.1.1", actuator={"slpf": which}), offer=ours), Contain)


def test_a_command_that_nobody_could_cancel_is_not_taken() -> None:
    found = inbound.understood(command("deny", "ipv4_net", "10.0.1.1"), "", network(), (), OFFER, NOW)
    assert status(found) == 400


def test_features_tell_what_can_be_done_and_no_more() -> None:
    found = understood(command("query", "features", ["pairs", "versions", "rate_limit"]), offer=Offer({"cut_conduit"}, 5))
    assert isinstance(found, Answer)
    assert found.response.results is not None
    pairs = found.response.results.pairs or {}
    assert {action: len(targets) for action, targets in pairs.items()} == {"query": 1, "deny": 3, "allow": 3, "delete": 1, "cancel": 1}
    assert (found.response.results.versions, found.response.results.rate_limit) == (["1.0"], 5)
    assert status(understood(command("deny", "ipv4_net", "10.0.1.1"), offer=Offer({"cut_conduit"}, 5))) == 501
    assert understood(command("query", "features", [])) == Answer(Response(status=200))


@pytest.mark.parametrize("asked", [["pairs"], ["pairs", "versions"], ["pairs", "profiles"], ["profiles"]])
def test_our_own_features_are_a_good_response(asked: list[str]) -> None:
    found = understood(command("query", "features", asked))
    assert isinstance(found, Answer)
    assert check.problems(decode.response_text(found.response), "response") == []


def test_nobody_who_can_act_means_that_only_features_are_answered() -> None:
    found = understood(command("query", "features", ["pairs", "profiles"]), offer=Offer((), 5))
    assert isinstance(found, Answer)
    assert decode.response_value(found.response)["results"] == {"pairs": {"query": ["features"]}, "profiles": ["slpf", "x-interferon"]}


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ((State.VERIFIED,), 200),
        ((State.VERIFIED, State.APPLYING), 102),
        ((State.VERIFIED, State.FAILED), 500),
        ((State.FAILED, State.REFUSED), 403),
    ],
)
def test_the_response_follows_from_what_became_of_the_effects(states: tuple[State, ...], expected: int) -> None:
    effects = [effect(f"e-{n}", "isolate_asset", "asset:plc-1", state) for n, state in enumerate(states)]
    found = inbound.completed(command("deny", "ipv4_net", "10.0.1.1"), effects)
    assert found.status == expected
    number = found.results and found.results.slpf and found.results.slpf.rule_number
    assert number == (rule_number("e-0") if expected == 200 else None)


def test_a_removal_is_done_when_the_effect_is_undone() -> None:
    asked = command("delete", "slpf:rule_number", 1)
    assert inbound.completed(asked, [effect("e", "isolate_asset", "asset:plc-1", State.UNDONE)]) == Response(status=200)
    assert inbound.completed(asked, [effect("e", "isolate_asset", "asset:plc-1", State.ESCALATED)]).status == 500


@pytest.mark.parametrize(
    ("wanted", "now", "later"), [("none", None, False), ("ack", 102, True), ("status", 102, True), ("complete", None, True)]
)
def test_the_producer_says_what_response_it_wants(wanted: str, now: int | None, later: bool) -> None:
    asked = command("deny", "ipv4_net", "10.0.1.1", args={"response_requested": wanted})
    found = inbound.accepted(asked)
    assert (found.status if found else None, inbound.replies(asked)) == (now, later)


HOSTS = [(name, address) for name, address in ADDRESSES.items() if name != "named"]
ENDS = {"c-modbus": ("10.0.2.1", "10.0.1.1"), "c-opc": ("10.0.3.1", "10.0.2.1"), "c-web": ("10.0.3.1", "10.0.2.1")}


@given(st.sampled_from(HOSTS), st.integers(0, 10**6), st.integers(1, 2**31 - 1))
def test_an_isolated_host_is_the_same_out_and_in(host: tuple[str, str], ttl_s: int, number: int) -> None:
    sent = outbound.denial("isolate_asset", {"address": host[1]}, ttl_s, number, SlpfSpecifiers())
    assert _taken(sent) == Contain((("isolate_asset", f"asset:{host[0]}"),), ttl_s, plan_of("r-1"))


@given(st.sampled_from(list(CONDUITS)), st.integers(0, 10**6), st.sampled_from(["tcp", "udp"]))
def test_a_cut_conduit_is_the_same_out_and_in(conduit: str, ttl_s: int, protocol: str) -> None:
    source, destination = ENDS[conduit]
    reach: dict[str, Value] = {"src_addr": source, "dst_addr": destination, "dst_port": CONDUITS[conduit][2], "protocol": protocol}
    sent = outbound.denial("cut_conduit", reach, ttl_s, 7, SlpfSpecifiers(asset_id="wall-1"))
    assert _taken(sent) == Contain((("cut_conduit", f"conduit:{conduit}"),), ttl_s, plan_of("r-1"))


REFERENCES = {
    "isolate_asset": ["asset:plc-1", "asset:named"],
    "isolate_zone": ["zone:cell"],
    "cut_conduit": ["conduit:c-web"],
    "fail_over": ["asset:mes"],
    "disable_identity": ["identity:jdoe", "asset:mes"],
    "hold_transaction": ["order:1", "lane:a b", "feed:x"],
    "disable_client": ["identity:sensor", "asset:hmi-1"],
    "freeze_process": ["asset:mes", "process:historian"],
    "kill_process": ["asset:mes", "process:historian"],
    "roll_back_config": ["asset:mes"],
}


@given(st.sampled_from([(action, each) for action in OWN for each in REFERENCES[action]]), st.integers(0, 10**6))
def test_every_action_of_ours_is_the_same_out_and_in(asked: tuple[str, str], ttl_s: int) -> None:
    sent = decode.command(decode.command_text(outbound.own(*asked, ttl_s)))
    assert inbound.understood(sent, "r-1", network(), (), Offer(OWN, 1), NOW) == Contain((asked,), ttl_s, plan_of("r-1"))


def _taken(sent: Command) -> Contain | Release | Answer:
    """As it is understood, but for the number that a filter would be asked to give the rule: ours are told, not asked for."""
    value = decode.command_value(sent)
    assert decode.command_of(value) == sent
    del value["args"]["slpf"]
    return understood(decode.command_of(value))


@pytest.mark.parametrize(
    ("action", "reach"),
    [
        ("isolate_asset", {}),
        ("isolate_asset", {"address": "erp.example"}),
        ("cut_conduit", {"dst_port": 80}),
        ("cut_conduit", {"src_addr": "10.0.0.1", "dst_addr": "::1"}),
        ("cut_conduit", {"src_addr": "10.0.0.1", "protocol": "gre"}),
        ("isolate_zone", {"address": "10.0.0.1"}),
    ],
)
def test_what_a_packet_filter_cannot_be_told_is_said(action: str, reach: dict[str, Value]) -> None:
    with pytest.raises(InputError, match=r"would be right|of one family"):
        outbound.denial(action, reach, 0, 1, SlpfSpecifiers())


def test_an_action_without_a_word_is_said() -> None:
    with pytest.raises(InputError, match="OpenC2 has no word for lock_writes"):
        outbound.own("lock_writes", "asset:plc-1", 0)


@pytest.mark.parametrize(
    ("code", "result"),
    [
        (102, "unknown"),
        (200, "ok"),
        (400, "failed"),
        (401, "refused"),
        (403, "refused"),
        (404, "failed"),
        (500, "unknown"),
        (503, "failed"),
    ],
)
def test_what_a_response_says_of_the_command(code: Any, result: str) -> None:
    assert code in STATUS
    found = outbound.outcome(Response(status=code))
    assert isinstance(found, Outcome)
    assert found.result == result


def test_the_rule_that_an_effect_is_has_always_the_same_number() -> None:
    assert rule_number("e-1") == rule_number("e-1") != rule_number("e-2")
    assert all(0 < rule_number(str(n)) < 2**31 for n in range(1000))
