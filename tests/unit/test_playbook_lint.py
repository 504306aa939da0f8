"""What is wrong with a playbook is told with the step and the field; what is only unusual is a warning."""

import copy
import json
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.model.errors import InputError
from interferon.openc2 import check as messages
from interferon.playbooks import document as documents
from interferon.playbooks import lint

from .playbook_parts import AGENT, TARGET, action, build, command, fatal, ident, read, warnings

A, END, START = ident("action", "a"), ident("end", "end"), ident("start", "start")
Change = Callable[[dict[str, Any]], object]


def plain(**more: Any) -> dict[str, Any]:
    return build({"a": action(targets=[TARGET])}, "a", **more)


def changed(change: Change, base: dict[str, Any] | None = None) -> dict[str, Any]:
    found = copy.deepcopy(base or plain())
    change(found)
    return found


def at(document: dict[str, Any], *path: Any) -> Any:
    for each in path:
        document = document[each]
    return document


def put(*path: Any, value: Any) -> Change:
    """Sets the value at a path; the last part is the key."""

    def change(found: dict[str, Any]) -> None:
        at(found, *path[:-1])[path[-1]] = value

    return change


def drop(*path: Any) -> Change:
    def change(found: dict[str, Any]) -> None:
        del at(found, *path[:-1])[path[-1]]

    return change


def test_a_plain_playbook_has_no_problem_at_all() -> None:
    assert lint.check(json.dumps(plain()).encode()).problems == ()


STEP = ("workflow", A)
VARIABLE = ("playbook_variables", "__x__")
WRONG: list[tuple[Change, str]] = [
    (drop("spec_version"), "spec_version: is missing"),
    (put("spec_version", value="1.1"), "spec_version: is '1.1': the playbook is of CACAO v1; only cacao-2.0 is read"),
    (put("workflow", value=[]), "workflow: is a list, as in drafts of CACAO v1"),
    (put(*STEP, "type", value="single"), f"workflow.{A}.type: 'single' is a step of CACAO v1"),
    (put(*STEP, "type", value="decision"), f"workflow.{A}.type: must be 'start' or"),
    (put("id", value="playbook--1"), "id: 'playbook--1' is not an identifier: it must be type--UUID"),
    (put("created_by", value=ident("user", "x")), "must begin with identity--"),
    (put("created_by", value=7), "created_by: must be text, not 7"),
    (put("created", value="yesterday"), "created: must be a time such as"),
    (put("created", value="2025-02-30T00:00:00.000Z"), "created: must be a time such as"),
    (put("modified", value="2024-12-31T23:59:59.999Z"), "modified: 2024-12-31T23:59:59.999Z is before the time of creation"),
    (put("valid_from", value="2025-01-01T00:00:00Z"), ""),
    (put(*STEP, "timeout", value=1e3), ""),
    (put("revoked", value="no"), "revoked: must be true or false, not 'no'"),
    (put("priority", value=101), "priority: must be a whole number from 0 to 100, not 101"),
    (put("priority", value=5.5), "priority: must be a whole number"),
    (put(*STEP, "delay", value=10**19), "delay: must be a whole number"),
    (put(*STEP, "delay", value=1e300), "delay: must be a whole number"),
    (put("priority", value=5.0), ""),
    (put("priority", value=True), "priority: must be a whole number"),
    (put("labels", value="x"), "labels: must be a list, not 'x'"),
    (put("labels", value=[1]), "labels[0]: must be text, not 1"),
    (put("playbook_types", value=[1]), "playbook_types[0]: must be text"),
    (put("workflow", value={}), "workflow: has no start step; it must have a start step"),
    (put("workflow_start", value=A), f"workflow_start: {A} is of type action; it must be a start step"),
    (put("workflow_start", value=ident("start", "gone")), "is not in the workflow"),
    (put("workflow_exception", value=ident("end", "gone")), "workflow_exception: end--"),
    (put(*STEP, "on_completion", value=ident("action", "gone")), f"workflow.{A}.on_completion: action--"),
    (put(*STEP, "on_success", value=END), f"workflow.{A}.on_completion: stands beside on_success or on_failure"),
    (drop(*STEP, "on_completion"), f"workflow.{A}.on_completion: is missing, and so is on_success"),
    (put("workflow", END, "on_completion", value=A), f"workflow.{END}: is an end step and names a next step"),
    (put("workflow", START, "on_failure", value=END), f"workflow.{START}: is a start step"),
    (put("workflow", ident("end", "other"), value={"type": "end"}), "cannot be reached from workflow_start"),
    (put(*STEP, "on_completion", value=A), f"workflow.{A}.on_completion: leads back to {A}: a loop without bound"),
    (put("workflow", "end--x", value={"type": "end"}), "'end--x' is not an identifier"),
    (put("workflow", ident("start", "q"), value=action(END)), "is 'action', but the identifier says 'start'"),
    (put(*STEP, "delay", value=-1), f"workflow.{A}.delay: must be a whole number from 0 to 9007199254740991, not -1"),
    (put(*STEP, "timeout", value=-5), f"workflow.{A}.timeout: must be a whole number from 0 to 9007199254740991, not -5"),
    (put(*STEP, "commands", value=[]), f"workflow.{A}.commands: must have at least 1, has 0"),
    (put(*STEP, "commands", value=["ls"]), f"workflow.{A}.commands[0]: must be an object, not 'ls'"),
    (put(*STEP, "commands", value=[{"command": "ls"}]), f"workflow.{A}.commands[0].type: is missing"),
    (put(*STEP, "commands", value=[{"type": "bash"}]), f"workflow.{A}.commands[0].command: is missing: give command or command_b64"),
    (put(*STEP, "commands", value=[{"type": "sigma", "command": "x"}]), "command_b64: is missing: a sigma command is given in base64"),
    (put(*STEP, "commands", value=[{"type": "bash", "command_b64": "*"}]), "command_b64: is not base64"),
    (put(*STEP, "commands", value=[{"type": "bash", "command_b64": 1}]), "command_b64: must be text"),
    (put(*STEP, "commands", value=[{"type": "http-api"}]), "command: is missing: such as 'GET /path HTTP/1.1'"),
    (put(*STEP, "commands", value=[{"type": "openc2-http", "command": "POST / HTTP/1.1"}]), "content_b64: is missing: the OpenC2 message"),
    (put(*STEP, "agent", value=ident("group", "gone")), f"workflow.{A}.agent: group--"),
    (
        put("agent_definitions", AGENT, "contact", value={"email": {"work": "a@b;c d"}}),
        "contact.email.work: 'a@b;c d' is not an e-mail address",
    ),
    (put("agent_definitions", AGENT, "contact", value={"email": {"work": 1}}), "contact.email.work: must be text"),
    (put("agent_definitions", AGENT, "contact", value={"email": {"a b": "a@b.c"}}), "the key 'a b' must be 1 to 250 of"),
    (put("target_definitions", TARGET, "address", "ipv4", value=["300.1.1.1"]), "'300.1.1.1' is not a ipv4 address"),
    (put("target_definitions", TARGET, "address", value={"ipv6": ["x"]}), "'x' is not a ipv6 address"),
    (put("target_definitions", TARGET, "address", value={"l2mac": ["x"]}), "'x' is not a l2mac address"),
    (put("target_definitions", TARGET, "address", value={"vlan": [4096]}), "'4096' is not a vlan address"),
    (put("target_definitions", TARGET, "address", value={"url": ["a b"]}), "'a b' is not a url address"),
    (put("target_definitions", TARGET, "address", value={"url": [{}]}), "must be text"),
    (drop("target_definitions", TARGET, "address"), "address: is missing"),
    (put("target_definitions", TARGET, "port", value="70000"), "port: must be a port from '1' to '65535'"),
    (put("target_definitions", TARGET, "port", value=80), "port: must be text"),
    (put("target_definitions", TARGET, "authentication_info", value=ident("user-auth", "x")), "is not in authentication_info_definitions"),
    (put("playbook_variables", value={"x": {"type": "string"}}), "'x' is not a variable's name"),
    (put("playbook_variables", value={"__x__": 1}), "playbook_variables.__x__: must be an object"),
    (put("playbook_variables", value={"__x__": {"type": "integer", "value": "a"}}), "__x__.value: 'a' is not a whole number"),
    (put("playbook_variables", value={"__x__": {"type": "float", "value": 0.5}}), "must be text or null, not 0.5"),
    (put(*STEP, "commands", value=[command("__x__:value")]), f"workflow.{A}.commands[0]: uses __x__, which is declared nowhere"),
    (put("agent_definitions", AGENT, "description", value="__x__:value"), "uses __x__, which is declared nowhere"),
    (put(*STEP, "in_args", value=["__x__"]), f"workflow.{A}.in_args[0]: __x__ is declared nowhere"),
    (put("external_references", value=[{"name": "x"}]), "external_references[0]: must have one of description"),
    (put("markings", value=[ident("marking-tlp", "x")]), "is not in data_marking_definitions"),
    (put("extension_definitions", value={ident("extension-definition", "x"): {"type": "extension-definition"}}), "created_by: is missing"),
    (put("signatures", value=[{"type": "jss"}]), "signatures[0]: must have exactly one of public_key"),
    (put("authentication_info_definitions", value={ident("oauth2", "x"): {"type": "oauth2"}}), "oauth_header: is missing"),
]


@pytest.mark.parametrize(("change", "told"), WRONG)
def test_what_breaks_the_specification_is_told_with_its_place(change: Change, told: str) -> None:
    found = fatal(changed(change))
    if told:
        assert any(told in each for each in found), found
    else:
        assert found == []
    assert all(len(each.splitlines()) == 1 for each in found)


BRANCHED = build(
    {
        "w": {"type": "while-condition", "condition": "__n__:value < 3", "on_true": "a", "on_completion": "q"},
        "a": action("e1", out_args=["__n__"]), "e1": {"type": "end"},
        "q": {"type": "switch-condition", "switch": "__n__:value", "cases": {"1": "b"}, "on_completion": "p"},
        "b": action("e2"), "e2": {"type": "end"},
        "p": {"type": "parallel", "next_steps": ["c", "d"], "on_completion": "end"},
        "c": action("e3"), "e3": {"type": "end"}, "d": action("e4"), "e4": {"type": "end"},
    },
    "w",
    playbook_variables={"__n__": {"type": "integer", "value": "0"}, "__k__": {"type": "string", "value": "", "constant": True}},
)  # fmt: skip
W, Q, P, C = ident("while-condition", "w"), ident("switch-condition", "q"), ident("parallel", "p"), ident("action", "c")
FLOW: list[tuple[Change, str]] = [
    (put("workflow", Q, "cases", value={}), f"workflow.{Q}.cases: is empty"),
    (drop("workflow", Q, "switch"), f"workflow.{Q}.switch: is missing"),
    (put("workflow", Q, "switch", value="x"), f"workflow.{Q}.switch: refers to no variable"),
    (put("workflow", Q, "cases", value={"1": "gone"}), f"workflow.{Q}.cases.1: 'gone' is not an identifier"),
    (put("workflow", P, "next_steps", value=[C]), f"workflow.{P}.next_steps: must have at least 2, has 1"),
    (put("workflow", P, "next_steps", value=[C, C]), f"workflow.{P}.next_steps: names a step twice"),
    (put("workflow", W, "condition", value="__n__:value <"), f"workflow.{W}.condition: character 14: expected a value"),
    (put("workflow", W, "condition", value="__n__:value = 3 and __z__:value = 1"), "uses __z__, which is declared nowhere"),
    (put("workflow", W, "condition", value="__n__:value MATCHES '(?=x)'"), "cannot be used"),
    (put("workflow", W, "condition", value=f"__n__:value MATCHES '{'x' * 1025}'"), "has more than 1024 characters"),
    (put("workflow", W, "condition", value="__k__:value = 'x'"), f"workflow.{W}.condition: no step of the loop has __k__ in its out_args"),
    (put("workflow", W, "condition", value="1 = 1"), f"workflow.{W}.condition: reads no variable"),
    (put("workflow", ident("action", "a"), "out_args", value=["__k__"]), "__k__ is a constant: no step can set it"),
    (put("workflow", C, "on_completion", value=W), f"leads back to {W}: a loop without bound"),
    (put("workflow", ident("action", "b"), "on_completion", value=P), f"workflow.{Q}.cases.1: its branch runs into {P}, which follows {Q}"),
]


@pytest.mark.parametrize(("change", "told"), FLOW)
def test_a_flow_that_cannot_be_run_is_told_with_its_place(change: Change, told: str) -> None:
    found = fatal(changed(change, BRANCHED))
    assert any(told in each for each in found), found


ODD: list[tuple[Change, str]] = [
    (put("created", value="2025-01-01T00:00:00Z"), "created: should be told to the millisecond"),
    (put("playbook_types", value=["odd"]), "'odd' is not in the vocabulary"),
    (put(*STEP, "step_extensions", value={ident("extension-definition", "x"): {}}), "is not in extension_definitions"),
    (put("labels", value=[]), "labels: is empty: leave it out"),
    (put("extra", value=1), "extra: is not a property that the specification knows here"),
    (put(*STEP, "commands", value=[{"type": "ftp", "command": "x"}]), "'ftp' is not a command type of the specification"),
    (put(*STEP, "commands", value=[command("")]), "commands[0].command: is empty"),
    (put(*STEP, "commands", value=[{"type": "http-api", "command": "GET"}]), "should be a method, a path and a version"),
    (put(*STEP, "commands", value=[command("curl __host__/x")]), "names __host__, but without ':value'"),
    (drop(*STEP, "agent"), f"workflow.{A}.agent: is missing"),
    (put(*STEP, "targets", value=[ident("linux", "gone")]), "is not in target_definitions"),
    (
        put(*STEP, "step_variables", value={"__x__": {"type": "string", "external": True}}),
        "only a variable of the playbook can be external",
    ),
    (put("agent_definitions", AGENT, "type", value="robot"), "'robot' is not an agent or target type"),
    (put("agent_definitions", AGENT.replace("individual", "linux"), value={"type": "group", "name": "x"}), "shares its UUID with"),
    (
        put("authentication_info_definitions", value={ident("user-auth", "x"): {"type": "user-auth", "password": "p"}}),
        "holds a secret in clear",
    ),
    (
        put("authentication_info_definitions", value={ident("vault", "x"): {"type": "vault", "kms": True}}),
        "'vault' is not an authentication type",
    ),
    (put("playbook_processing_summary", value={"parallel_processing": True}), "says true, the playbook has not"),
    (put("playbook_variables", value={"__x__": {"type": "string", "constant": True}}), "is a constant without a value"),
    (put("playbook_variables", value={"__x__": {"type": "colour"}}), "'colour' is not in the vocabulary"),
]


@pytest.mark.parametrize(("change", "told"), ODD)
def test_what_is_only_unusual_is_a_warning(change: Change, told: str) -> None:
    found = changed(change)
    assert fatal(found) == []
    assert any(told in each for each in warnings(found)), warnings(found)


def test_warnings_of_the_flow() -> None:
    shared = changed(put("workflow", C, "on_completion", value=ident("end", "e4")), BRANCHED)
    del shared["workflow"][ident("end", "e3")]
    assert any("each branch should have an end of its own" in each for each in warnings(shared))
    racing = changed(put("workflow", C, "out_args", value=["__n__"]), BRANCHED)
    racing["workflow"][ident("action", "d")]["out_args"] = ["__n__:value"]
    assert any("should be the name alone, __n__" in each for each in warnings(racing))
    racing["workflow"][ident("action", "d")]["out_args"] = ["__n__"]
    assert any("several branches set __n__" in each for each in warnings(racing))
    elsewhere = changed(put("workflow", C, "out_args", value=["__n__"]), BRANCHED)
    elsewhere["workflow"][ident("action", "a")].pop("out_args")
    assert any("no step of the loop has __n__ in its out_args" in each for each in warnings(elsewhere))
    extended = changed(put("workflow", ident("action", "a"), "step_extensions", value={ident("extension-definition", "x"): {}}), BRANCHED)
    extended["workflow"][ident("action", "a")].pop("out_args")
    assert fatal(extended) == []
    observed = changed(put("workflow", W, "condition", value="[ipv4-addr:value = '1.2.3.4'] AND __n__:value < 3"), BRANCHED)
    assert any("is observed data" in each for each in warnings(observed))


def test_a_variable_of_another_step_is_a_warning_and_hiding_one_too() -> None:
    document = build(
        {"a": action("b", step_variables={"__x__": {"type": "string"}}), "b": action(text="__x__:value", in_args=["__x__"])}, "a"
    )
    assert any("uses __x__, which is declared in another step" in each for each in warnings(document))
    assert any("in_args[0]: __x__ is declared in another step" in each for each in warnings(document))
    document["playbook_variables"] = {"__x__": {"type": "string"}}
    assert any("hides the playbook's variable" in each for each in warnings(document))


def test_markings_extensions_and_signatures_are_read() -> None:
    name, extension = ident("marking-tlp", "m"), ident("extension-definition", "x")
    marking = {"type": "marking-tlp", "id": name, "created_by": ident("identity", "i"), "created": "2025-01-01T00:00:00.000Z"}
    signature = {
        "type": "jss", "id": ident("jss", "s"), "created": "2025-01-01T00:00:00.000Z", "modified": "2025-01-01T00:00:00.000Z",
        "signee": "us", "related_to": ident("playbook", "test"), "related_version": "2025-01-01T00:00:00.000Z",
        "hash_algorithm": "sha-256", "algorithm": "Ed25519", "public_key": "AA", "value": "AA",
    }  # fmt: skip
    document = plain(
        markings=[name],
        data_marking_definitions={name: marking | {"tlpv2_level": "TLP:GREEN"}},
        extension_definitions={
            extension: {"type": "extension-definition", "name": "n", "created_by": ident("identity", "i"), "schema": "s", "version": "1"}
        },
        playbook_extensions={extension: {"any": ["thing"]}},
        signatures=[signature | {"signature": signature}],
    )
    assert read(document).signatures[0].signature is not None
    document["data_marking_definitions"][name]["id"] = ident("marking-tlp", "other")
    document["signatures"][0] |= {
        "related_to": ident("playbook", "q"),
        "valid_from": "2025-01-02T00:00:00.5Z",
        "valid_until": "2025-01-02T00:00:00.25Z",
    }
    found = fatal(document)
    assert any("not the key it stands under" in each for each in found)
    assert any("not this playbook" in each for each in found)
    assert any("signatures[0].valid_until: 2025-01-02T00:00:00.25Z is not after valid_from" in each for each in found)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "the file is empty"),
        (b" \n", "the file is empty"),
        (b"[]", "holds a JSON list; a playbook is one JSON object"),
        (b"null", "holds a JSON null"),
        (b"1", "holds a JSON number"),
        (b'{"a": 1, "a": 2}', "the key 'a' stands twice in one object"),
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b'{"a": -Infinity}', "-Infinity is not a JSON number"),
        (b'{"a": "\xff"}', "byte 7: not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "byte 0: not UTF-8"),
        (b'{"a": "\\ud800"}', "holds half of a surrogate pair"),
        (b'{"a": 1', "line 1 column 8: not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON: Exceeds the limit"),
        (b'{"a": ' + b"[" * 100_000, "nested more than 64 deep"),
        (b'{"\\"[": ' + b"[" * 65 + b"]" * 65 + b"}", "nested more than 64 deep"),
        (b" " * (documents.SIZE + 1) + b"{}", "bytes; at most"),
    ],
)
def test_bytes_that_are_no_json_object_are_one_line(data: bytes, told: str) -> None:
    (problem,) = lint.check(data).problems
    assert told in str(problem)
    with pytest.raises(InputError):
        documents.read(data)


def test_a_key_that_stands_twice_among_very_many_is_found_at_once() -> None:
    data = ("{" + "".join(f'"k{number}":0,' for number in range(60_000)) + '"k59999":1}').encode()
    begin = time.process_time()
    for told in (*lint.check(data).fatal, *messages.problems(data, "command")):
        assert "'k59999' stands twice" in told
    assert time.process_time() - begin < 5  # by counting each one: minutes, and hours for the largest file that is read


@pytest.mark.parametrize(
    ("property_of", "told"),
    [
        ({"playbook_processing_summary": {"strange": 1}}, "playbook_processing_summary[...]: expected `bool`, got `int`"),
        ({"target_definitions": {TARGET: {"type": "net-address", "name": "n", "address": {"strange": 5}}}}, "expected `array`, got `int`"),
    ],
)
def test_a_property_that_nobody_knows_is_judged_and_ends_in_no_traceback(property_of: dict[str, Any], told: str) -> None:
    assert told in lint.check(json.dumps(plain() | property_of).encode()).fatal[-1]


def test_a_byte_order_mark_and_brackets_in_text_are_fine() -> None:
    assert documents.read(b'\xef\xbb\xbf{"a": "[[\\"]"}') == {"a": '[["]'}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60)
@given(st.data())
def test_a_playbook_with_anything_anywhere_is_judged_without_a_stumble(data: st.DataObject) -> None:
    document = copy.deepcopy(BRANCHED)
    place: Any = document
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(JSON)
    checked = lint.check(json.dumps(document).encode())
    assert all("\n" not in str(each) for each in checked.problems)
    assert (checked.playbook is None) == bool(checked.fatal)


def test_what_is_read_keeps_every_property() -> None:
    found = msgspec.to_builtins(read(BRANCHED))
    for name, step in BRANCHED["workflow"].items():
        assert step.items() <= found["workflow"][name].items() or "commands" in step
