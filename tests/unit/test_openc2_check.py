"""OpenC2 texts, good and bad, judged by the rules of the language, of SLPF and of I-JSON; records and back again."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interferon.model.errors import InputError
from interferon.openc2 import decode, message
from interferon.openc2.check import Kind, problems
from interferon.openc2.records import ACTIONS, STATUS, TARGETS, File, Hashes, Ipv4Connection, Process, SlpfArgs, SlpfSpecifiers

GOOD: dict[str, Any] = {
    "artifact": {"mime_type": "application/pdf", "payload": {"url": "https://files.example/a%20b.pdf?x=1#p"}, "hashes": {"md5": "0" * 32}},
    "command": "0e3d8fa8-0bae-4055-a341-9c97b4f328f7",
    "device": {"hostname": "hmi-2.plant.example", "device_id": "hmi 2"},
    "domain_name": "xn--bcher-kva.example",
    "email_addr": '"o\'brien, j"@[192.0.2.1]',
    "features": [],
    "file": {"name": "a.exe", "path": "C:\\a.exe", "hashes": {"sha1": "A" * 40, "sha256": "f" * 64}},
    "idn_domain_name": "bücher.example",
    "idn_email_addr": "jörg@bücher.example",
    "ipv4_net": "010.000.000.1/08",
    "ipv6_net": "2001:DB8::/32",
    "ipv4_connection": {"dst_port": 502},
    "ipv6_connection": {"src_addr": "::ffff:192.0.2.1", "protocol": "sctp"},
    "iri": "https://bücher.example/ä?ö",
    "mac_addr": "8c:85:90:72:31:af:00:01",
    "process": {"pid": 0, "executable": {"name": "sh"}, "parent": {"name": "init", "parent": {"pid": 1}}},
    "properties": ["battery"],
    "uri": "urn:epc:id:sgtin:0614141.107346.2017",
    "slpf:rule_number": 1234,
    "x-acme:container": None,
    "er:account": {"uid": "jdoe"},
}

BAD: dict[str, list[Any]] = {
    "artifact": [
        {},
        {"payload": {}},
        {"payload": {"bin": "YWJj", "url": "https://a.example"}},
        {"payload": {"bin": "a+b/"}},
        {"mime_type": 1},
    ],
    "command": ["with a blank", "x" * 37, 7],
    "device": [{}, {"hostname": "-plc"}, {"hostname": "plc_1"}, {"device_id": None}, {"serial": "1"}],
    "domain_name": ["", "a..b", "a" * 64 + ".example", "exa mple"],
    "email_addr": ["a", "a@", "@b.example", "a@b@c.example", "a..b@c.example", "jörg@c.example"],
    "features": ["versions", ["version"], ["pairs", "pairs"], None],
    "file": [{}, {"hashes": {}}, {"hashes": {"md5": "0" * 31}}, {"hashes": {"sha256": "g" * 64}}, {"size": 3}],
    "idn_domain_name": ["a..b", "ü" * 64 + ".example", ""],
    "idn_email_addr": ["jörg", "jörg@", "jörg@ä..b"],
    "ipv4_net": ["1.2.3", "1.2.3.4/33", "1.2.3.4/", "1.2.3.256", "1.2.3.4/-1", "0x7f.1.1.1", " 1.2.3.4", "1.2.3.4/24/8", 16909060],
    "ipv6_net": ["1.2.3.4", "::1/129", "1:2:3:4:5:6:7:8:9", "::g", ""],
    "ipv4_connection": [
        {},
        {"src_addr": "::1"},
        {"dst_port": 65536},
        {"dst_port": "80"},
        {"dst_port": True},
        {"protocol": "TCP"},
        {"port": 1},
    ],
    "ipv6_connection": [{}, {"dst_addr": "1.2.3.4"}, {"src_port": -1}, {"src_port": 1.5}],
    "iri": ["bücher", "https://a b.example", "https://[::1"],
    "mac_addr": ["8c:85:90:72:31", "8c-85-90-72-31-af", "8c859072:31af", "8g:85:90:72:31:af"],
    "process": [{}, {"pid": -1}, {"parent": {}}, {"executable": {"hashes": {}}}, {"pid": "1"}],
    "properties": [[], ["a", "a"], [1], "battery"],
    "uri": ["example.com", "https://bücher.example", "https://a.example/%zz", "1http://a.example", "http://a.example:80x", "a:b[c"],
    "slpf:rule_number": ["1", 1.5, None],
}

OTHER_TARGETS = [
    "container",
    "x-acme",
    "acme:a",
    "x-:a",
    "x-acme:",
    "x-ACME:a",
    "x-acme:a:b",
    "slpf:rule",
    f"x-{'a' * 31}:a",
    f"x-a:{'a' * 33}",
]


def text(action: str, target: Any, **members: Any) -> bytes:
    return json.dumps({"action": action, "target": target} | members).encode()


def action_for(target: str) -> str:
    return {"features": "query", "slpf:rule_number": "delete"}.get(target, "contain")


def said(data: bytes, kind: Kind = "command") -> str:
    return "; ".join(problems(data, kind))


def test_every_target_of_the_language_is_tried() -> None:
    assert TARGETS.keys() <= GOOD.keys()
    assert TARGETS.keys() == BAD.keys()


@pytest.mark.parametrize("target", GOOD)
def test_a_good_target_is_accepted_and_is_the_same_after_reading_and_writing(target: str) -> None:
    data = text(action_for(target), {target: GOOD[target]})
    assert problems(data, "command") == []
    assert json.loads(decode.command_text(decode.command(data))) == json.loads(data)


@pytest.mark.parametrize(("target", "specifier"), [(target, each) for target, bad in BAD.items() for each in bad])
def test_a_bad_target_is_refused_and_named(target: str, specifier: Any) -> None:
    assert f"target.{target}" in said(text(action_for(target), {target: specifier}))


@pytest.mark.parametrize("target", OTHER_TARGETS)
def test_an_extended_target_has_a_namespace_and_a_name(target: str) -> None:
    assert "would be" in said(text("start", {target: {}}))


@pytest.mark.parametrize(
    ("members", "part"),
    [
        ({"args": {}}, "args is empty"),
        ({"args": {"duration": 1.5}}, "args.duration"),
        ({"args": {"duration": -1}}, "args.duration"),
        ({"args": {"start_time": 1, "stop_time": 2, "duration": 1}}, "two of the three"),
        ({"args": {"start_time": 2, "stop_time": 1}}, "or later"),
        ({"args": {"response_requested": "all"}}, "args.response_requested"),
        ({"args": {"comment": "x"}}, "args.comment"),
        ({"args": {"x-acme": 1}}, "args.x-acme"),
        ({"args": {"slpf": {}}}, "args.slpf is empty"),
        ({"args": {"slpf": {"drop_process": "drop"}}}, "drop_process"),
        ({"args": {"slpf": {"direction": "in"}}}, "direction"),
        ({"args": {"slpf": {"insert_rule": "1"}}}, "insert_rule"),
        ({"args": {"slpf": {"persistent": "no"}}}, "persistent"),
        ({"args": {"slpf": {"persistent": True, "running": True}}}, "contradicts"),
        ({"args": {"response_requested": "ack", "slpf": {"insert_rule": 1}}}, "complete would be right"),
        ({"actuator": {}}, "actuator is empty"),
        ({"actuator": {"slpf": {}, "x-a": {}}}, "2 members"),
        ({"actuator": {"slpf": {"asset_tuple": ["a"] * 11}}}, "asset_tuple"),
        ({"actuator": {"slpf": {"asset": "a"}}}, "actuator.slpf.asset"),
        ({"actuator": {"acme": {}}}, "actuator.acme"),
        ({"actuator": {"slpf": {}}, "profile": "er"}, "slpf, would be right"),
        ({"command_id": "a b"}, "command_id"),
        ({"id": "1"}, "id is not defined"),
    ],
)
def test_what_is_wrong_beside_the_target_is_named(members: dict[str, Any], part: str) -> None:
    assert part in said(text("deny", {"ipv4_net": "192.0.2.1"}, **members))


@pytest.mark.parametrize(
    ("action", "target", "members"),
    [
        ("query", {"features": ["pairs"]}, {"args": {"duration": 1}}),
        ("scan", {"features": ["pairs"]}, {}),
        ("scan", {"ipv4_net": "192.0.2.1"}, {"actuator": {"slpf": {}}}),
        ("deny", {"domain_name": "a.example"}, {"profile": "slpf"}),
        ("allow", {"slpf:rule_number": 1}, {}),
        ("delete", {"slpf:rule_number": 1}, {"args": {"duration": 1}}),
        ("allow", {"ipv4_net": "192.0.2.1"}, {"args": {"slpf": {"drop_process": "none"}}}),
        ("update", {"file": {"name": "a"}}, {"args": {"slpf": {"direction": "both"}}}),
    ],
)
def test_an_action_goes_with_its_targets_and_arguments(action: str, target: Any, members: dict[str, Any]) -> None:
    assert len(problems(text(action, target, **members), "command")) == 1


def test_all_that_is_wrong_is_told_at_once() -> None:
    found = problems(text("block", {"file": {"hashes": {"sha512": "0"}}}, args={}), "command")
    assert [each.partition(" ")[0] for each in found] == ["action", "target.file.hashes.sha512", "args"]


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"", "empty"),
        (b"\xff{}", "byte 0"),
        (b'{"action": ', "line 1"),
        (b'{"action": "deny", "action": "allow"}', "stands twice"),
        (b'{"status": NaN}', "NaN"),
        (b'{"status": 1e999}', "too large"),
        (b'{"status": 1' + b"0" * 5000 + b"}", "too large"),
        (b'{"status": 200, "status_text": "\\ud800"}', "surrogate"),
        (b'{"a":' * 70 + b"1" + b"}" * 70, "nests deeper"),
        (b"[" * 200_000, "nests deeper"),
        (b"\xef\xbb\xbf{}", "no JSON"),
    ],
)
def test_a_text_that_is_no_json_is_told_in_one_line(data: bytes, part: str) -> None:
    (found,) = problems(data, "response")
    assert part in found
    assert "\n" not in found


@pytest.mark.parametrize("status", STATUS)
def test_every_status_is_accepted(status: int) -> None:
    assert problems(json.dumps({"status": float(status), "status_text": ""}).encode(), "response") == []


@pytest.mark.parametrize(
    ("results", "part"),
    [
        ({}, "results is empty"),
        ({"versions": []}, "results.versions"),
        ({"versions": ["1.0", "1.0"]}, "again"),
        ({"versions": [1]}, "versions[0]"),
        ({"profiles": ["a-namespace-too-long"]}, "profiles[0]"),
        ({"profiles": "slpf"}, "results.profiles"),
        ({"rate_limit": -1}, "rate_limit"),
        ({"rate_limit": True}, "rate_limit"),
        ({"pairs": {}}, "results.pairs"),
        ({"pairs": {"deny": []}}, "results.pairs.deny"),
        ({"pairs": {"deny": ["ipv4_net", "ipv4_net"]}}, "again"),
        ({"pairs": {"block": ["ipv4_net"]}}, "block is no action: one of"),
        ({"pairs": {"deny": ["ip"]}}, "no target of the language"),
        ({"pairs": {"deny": [4]}}, "the name of a target"),
        ({"pairs": {"contain": ["features"]}}, "features are queried"),
        ({"pairs": {"deny": ["file"]}, "profiles": ["slpf"]}, "no command of SLPF"),
        ({"slpf": {"rule_number": "1"}}, "rule_number"),
        ({"slpf": {"rules": []}}, "slpf.rules"),
        ({"acme": {}}, "results.acme"),
        ({"x-acme": []}, "results.x-acme"),
    ],
)
def test_a_bad_result_is_named(results: dict[str, Any], part: str) -> None:
    assert part in said(json.dumps({"status": 200, "results": results}).encode(), "response")


def test_a_response_is_the_same_after_reading_and_writing() -> None:
    value = {
        "status": 200,
        "status_text": "OK",
        "results": {
            "versions": ["1.0"],
            "profiles": ["slpf", "x-lock"],
            "pairs": {"deny": ["ipv4_net", "file"], "query": ["features", "x-lock:door"]},
            "rate_limit": 0.5,
            "slpf": {"rule_number": 7},
            "x-lock": {"open": [True, None]},
        },
    }
    empty = {"status": 200, "results": {"profiles": [], "slpf": {}}}
    for each in (value, empty):
        assert json.loads(decode.response_text(decode.response(json.dumps(each).encode()))) == each


def test_records_are_typed() -> None:
    data = text(
        "deny",
        {"ipv4_connection": {"dst_port": 80.0, "protocol": "tcp"}},
        args={"slpf": {"direction": "both"}, "x-acme": {"a": 1}},
        actuator={"slpf": {"asset_id": "30"}},
    )
    found = decode.command(data)
    assert found.specifier == Ipv4Connection(dst_port=80, protocol="tcp")
    assert (found.args.slpf, found.args.extensions) == (SlpfArgs(direction="both"), {"x-acme": {"a": 1}})
    assert (found.actuator, found.which) == ("slpf", SlpfSpecifiers(asset_id="30"))
    process = decode.command(text("stop", {"process": {"executable": {"hashes": {"md5": "0" * 32}}}})).specifier
    assert process == Process(executable=File(hashes=Hashes(md5="0" * 32)))


def test_what_is_bad_becomes_no_record() -> None:
    with pytest.raises(InputError, match="OpenC2 command: target is missing"):
        decode.command(b'{"action": "deny"}')
    with pytest.raises(InputError, match="OpenC2 response: status"):
        decode.response(b"{}")
    with pytest.raises(InputError, match="empty"):
        decode.response(b"")


@pytest.mark.parametrize("transfer", ["1.1", "1.0"])
def test_a_message_carries_its_command_and_its_request_id(transfer: message.Transfer) -> None:
    command = decode.command(text("query", {"features": []}))
    body, headers = message.request(command, "r-1", 1_700_000_000_000, transfer)
    assert message.read_request(body, headers["x-request-id"]) == (command, "r-1", transfer)
    response = decode.response(b'{"status": 200}')
    body, headers = message.reply(response, "r-1", 1_700_000_000_000, transfer)
    assert message.read_reply(body, headers["x-request-id"]) == (response, "r-1")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"body": 1}',
        b'{"body": {"openc2": {"response": {"status": 200}}}}',
        b'{"headers": 1, "body": {"openc2": {"request": {}}}}',
        b'{"headers": {"request_id": 1}, "body": {"openc2": {"request": {}}}}',
    ],
)
def test_a_message_that_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(InputError, match="OpenC2"):
        message.read_request(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.sampled_from(["hashes", "slpf"]), inner, max_size=3)
    ),
    max_leaves=8,
)
members = st.sampled_from(["action", "target", "args", "actuator", "command_id", "profile", "status", "status_text", "results", "x"])


@given(
    st.dictionaries(
        members, json_values | st.sampled_from(ACTIONS) | st.dictionaries(st.sampled_from(list(TARGETS)), json_values, max_size=2)
    )
)
def test_any_json_is_judged_in_single_lines(value: dict[str, Any]) -> None:
    kinds: tuple[Kind, ...] = ("command", "response")
    for kind in kinds:
        found = problems(json.dumps(value).encode(), kind)
        assert all(each and "\n" not in each for each in found)
        if not found:
            getattr(decode, kind)(json.dumps(value).encode())


def test_a_name_that_no_terminal_prints_is_escaped() -> None:
    (found,) = problems(b'{"status": 200, "results": {"a\\nb\\u001b[2J": {}}}', "response")
    assert found.startswith('results."a\\nb\\u001b[2J" is not defined')


@given(st.binary(max_size=40))
def test_any_bytes_are_judged(data: bytes) -> None:
    assert isinstance(problems(data, "command"), list)
