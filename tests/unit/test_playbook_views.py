"""A playbook as text, as a picture and against another; what a script and a resumed run may repeat."""

import copy
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest

from interferon.model.errors import InputError
from interferon.playbooks import simulate
from interferon.playbooks.compare import compare
from interferon.playbooks.outline import outline
from interferon.playbooks.picture import picture
from interferon.playbooks.repeatable import repeatable
from interferon.playbooks.run_records import Run, Scripted

from .playbook_parts import LINKS, TARGET, Play, action, build, command, ident, read

DOCUMENT = build(
    {
        "a": action("q", targets=[TARGET], name="Cut & <quarantine>", out_args=["__x__"], delay=1500, timeout=2000),
        "q": {"type": "if-condition", "condition": "__x__:value = '1'", "on_true": "p", "on_false": "w", "on_completion": "s"},
        "p": {"type": "parallel", "next_steps": ["b1", "b2"], "on_completion": "ep"}, "ep": {"type": "end"},
        "b1": action("e1"), "e1": {"type": "end"}, "b2": action("e2"), "e2": {"type": "end"},
        "w": {"type": "while-condition", "condition": "__x__:value != '2'", "on_true": "d", "on_completion": "ew"}, "ew": {"type": "end"},
        "d": action("ed", out_args=["__x__"], in_args=["__x__"]), "ed": {"type": "end"},
        "s": {"type": "switch-condition", "switch": "__x__:value", "cases": {"1": "c"}, "on_success": "z", "on_failure": "h"},
        "c": action("ec", commands=[{"type": "sigma", "command_b64": "AA=="}]), "ec": {"type": "end"},
        "z": {"type": "playbook-action", "playbook_id": ident("playbook", "sub"), "on_completion": "end"},
        "h": action("z"), "x": action("end3"), "end3": {"type": "end"},
    },
    "a",
    exception="x",
    description="All kinds.",
    playbook_variables={"__x__": {"type": "string", "value": "1", "external": True},
                        "__k__": {"type": "string", "constant": True, "value": "k"}},
)  # fmt: skip


def test_the_outline_names_every_step_once_and_what_it_does() -> None:
    text = "\n".join(outline(read(DOCUMENT)))
    for name in DOCUMENT["workflow"]:
        assert f"[{name}]" in text
    for line in (
        "variable __x__: string = 1 (external)",
        "variable __k__: string = k (constant)",
        "action 'Cut & <quarantine>' [" + ident("action", "a") + "], after 1.5 s, at most 2 s",
        "    by Somebody on Host; returns __x__",
        "    bash: do it",
        "    if __x__:value = '1'",
        "    by __x__:value",
        "    while __x__:value != '2'",
        "    sigma: (base64)",
        f"    runs {ident('playbook', 'sub')}",
        "on failure: action [",
        "when a failure is not handled:",
        "(above)",
    ):
        assert line in text


def test_the_picture_has_a_box_for_every_step_and_an_arrow_for_every_way() -> None:
    root = ElementTree.fromstring(picture(read(DOCUMENT)))
    tag = "{http://www.w3.org/2000/svg}"
    boxes = root.findall(f"{tag}g/{tag}rect")
    assert len(boxes) == len(DOCUMENT["workflow"])
    assert len({(box.get("x"), box.get("y")) for box in boxes}) == len(boxes)
    arrows = [path for path in root.findall(f"{tag}path") if path.get("marker-end")]
    steps = DOCUMENT["workflow"].values()
    assert len(arrows) == sum(len(each.get("next_steps", ())) + len(each.get("cases", ())) + len(set(LINKS) & set(each)) for each in steps)
    assert sum(path.get("stroke-dasharray") is not None for path in arrows) == 1
    texts = [each.text for each in root.iter(f"{tag}text")]
    assert {"on_true", "on_false", "next_steps[0]", "cases.1", "on_failure", "Cut & <quarantine>"} <= set(texts)


def test_a_long_name_is_cut_in_the_picture() -> None:
    text = picture(read(build({"a": action(name="n" * 60)}, "a")))
    assert "n" * 27 + "…" in text


def test_the_difference_is_told_by_meaning() -> None:
    other = copy.deepcopy(DOCUMENT)
    assert compare(read(DOCUMENT), read(other | {"modified": "2026-01-01T00:00:00.000Z"})) == []
    a, gone = ident("action", "a"), ident("action", "h")
    other["workflow"][a]["commands"][0]["command"] = "do that"
    other["workflow"][a]["targets"] = []
    other["workflow"][a]["name"] = "New"
    other["workflow"][ident("switch-condition", "s")].pop("on_failure")
    del other["workflow"][gone]
    other["playbook_variables"]["__new__"] = {"type": "string"}
    other["name"] = "Other"
    told = [str(each) for each in compare(read(DOCUMENT), read(other))]
    assert told == [
        "property changed: name: 'Test' → 'Other'",
        f"step removed: {gone}",
        f"step changed: {a}.name: 'Cut & <quarantine>' → 'New'",
        f"step changed: {a}.commands[0].command: 'do it' → 'do that'",
        f"step changed: {a}.targets: ['{TARGET}'] → []",
        f"step changed: {ident('switch-condition', 's')}.on_failure: '{gone}' → ''",
        "variable added: __new__",
    ]


def test_scripts_are_read_or_refused() -> None:
    steps = ["a", "b"]
    assert simulate.script({"a": "failure", "b": ["success", {"out": {"__x__:value": True, "__n__": 3}}]}, steps) == {
        "a": [Scripted("failure")],
        "b": [Scripted("success"), Scripted("success", {"__x__": "true", "__n__": "3"})],
    }
    wrongs: tuple[Any, ...] = ("never", 1, {"result": "no"}, {"out": []}, {"other": 1}, ["x"])
    for wrong in wrongs:
        with pytest.raises(InputError, match="is no outcome"):
            simulate.script({"a": wrong}, steps)
    with pytest.raises(InputError, match="names a step that no playbook here has"):
        simulate.script({"c": "success"}, steps)


def test_samples_fill_what_nobody_has_given() -> None:
    variables = {
        "__a__": {"type": "ipv4-addr", "external": True},
        "__b__": {"type": "ipv4-addr", "external": True},
        "__c__": {"type": "string", "external": True, "value": "c"},
        "__d__": {"type": "string"},
    }
    assert simulate.samples(read(build({"a": action()}, "a", playbook_variables=variables)), {"__b__": "x"}) == {"__a__": "192.0.2.1"}


@pytest.mark.parametrize(
    ("given", "again"),
    [
        ({"type": "manual", "command": "look"}, True),
        ({"type": "sigma", "command_b64": "AA=="}, True),
        ({"type": "http-api", "command": "GET / HTTP/1.1"}, True),
        ({"type": "http-api", "command": "POST / HTTP/1.1"}, False),
        (command(), False),
    ],
)
def test_what_may_be_done_twice(given: dict[str, str], again: bool) -> None:
    (run,) = Play(build({"a": action(commands=[given])}, "a")).state.pending.values()
    assert repeatable(run) is again
    assert msgspec.json.decode(msgspec.json.encode(run), type=Run) == run
