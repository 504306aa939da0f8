"""The machine that runs playbooks: order, branches, failures, times, variables, loops, calls; any order of events, a stop at any point."""

import base64
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.playbooks.machine import step
from interferon.playbooks.run_records import Abort, Alarm, Cancel, Event, Finished, Limits, Outcome, Result, Run, Scripted, SetTimer, State

from .playbook_parts import TARGET, Play, action, build, command, ident, says

TEXT: dict[str, Any] = {"type": "string", "value": "one"}


def steps(play: Play, kind: str = "action") -> list[tuple[str, str]]:
    return [each for each in play.told if each[0].startswith(kind + "--")]


def test_commands_of_a_step_run_in_order_with_variables_put_in() -> None:
    document = build(
        {"a": action(commands=[command("first __x__:value"), command("second $$x$$:value")], targets=[TARGET], in_args=["__x__"])},
        "a",
        playbook_variables={"__x__": TEXT},
    )
    play = Play(document).finish()
    assert play.runs == ["first one", "second one"]
    assert play.status == "completed"
    (first, _) = (each for each in play.commands if isinstance(each, Run))
    assert first.inputs == {"__x__": "one"}
    assert first.agent_definition == {"type": "individual", "name": "Somebody"}
    target = first.targets[TARGET]
    assert target is not None
    assert target["address"] == {"ipv4": ["192.0.2.7"]}
    assert first.timeout_ms == Limits().action_ms


def test_variables_reach_into_base64() -> None:
    encoded = base64.b64encode(b'{"host": "__x__:value"}').decode()
    document = build({"a": action(commands=[{"type": "openc2-http", "command": "POST / HTTP/1.1", "content_b64": encoded}])}, "a")
    play = Play(document | {"playbook_variables": {"__x__": TEXT}}).finish()
    (run,) = (each for each in play.commands if isinstance(each, Run))
    assert base64.b64decode(run.command["content_b64"]) == b'{"host": "one"}'


def test_a_value_that_is_missing_fails_the_step_and_gives_no_command() -> None:
    play = Play(build({"a": action(text="rm -r __x__:value")}, "a", playbook_variables={"__x__": {"type": "string"}})).finish()
    assert play.runs == []
    assert play.status == "failed"
    assert play.state.problems == [f"{ident('action', 'a')}: __x__ has no value"]


def test_the_second_command_can_lack_a_value_too() -> None:
    document = build({"a": action(commands=[command(), command("__x__:value")])}, "a", playbook_variables={"__x__": {"type": "string"}})
    assert Play(document).finish().told[-1] == (ident("action", "a"), "failure")


@pytest.mark.parametrize(("outcome", "ran"), [("success", "after"), ("failure", "mend"), ("timeout", "mend")])
def test_success_and_failure_go_their_own_ways(outcome: str, ran: str) -> None:
    document = build(
        {
            "a": action(on_success="after", on_failure="mend", on_completion="") | {"timeout": 5000},
            "after": action(),
            "mend": action("end2"),
            "end2": {"type": "end"},
        },
        "a",
    )
    del document["workflow"][ident("action", "a")]["on_completion"]
    play = Play(document, script=says(a=outcome)).finish()
    assert steps(play) == [(ident("action", "a"), outcome), (ident("action", ran), "success")]
    assert play.status == "completed"
    assert play.now == (5000 if outcome == "timeout" else 0)


def test_a_failure_that_nothing_handles_runs_the_exception_and_fails() -> None:
    document = build({"a": action("b"), "b": action(), "x": action("end2"), "end2": {"type": "end"}}, "a", exception="x")
    play = Play(document, script=says(a="failure")).finish()
    assert [each for each, _ in steps(play)] == [ident("action", "a"), ident("action", "x")]
    assert play.status == "failed"
    play = Play(document, script=says(a="failure", x="failure")).finish()
    assert play.state.problems == [f"{ident('action', 'a')}: failure"]


def two(**more: Any) -> dict[str, Any]:
    """A parallel step with two branches of two actions each, then an action."""
    return build(
        {
            "p": {"type": "parallel", "next_steps": ["a1", "b1"], "on_completion": "last"} | more,
            "a1": action("a2", out_args=["__a__"]), "a2": action("ea"), "ea": {"type": "end"},
            "b1": action("b2", out_args=["__b__"]), "b2": action("eb"), "eb": {"type": "end"},
            "last": action(text="__a__:value __b__:value"),
        },
        "p",
        playbook_variables={"__a__": {"type": "string"}, "__b__": {"type": "string"}},
    )  # fmt: skip


def test_branches_run_at_the_same_time_and_are_joined() -> None:
    play = Play(two())
    waiting = sorted(each.rpartition("/")[0] for each in play.state.pending)
    assert len(waiting) == 2
    one, other = sorted(play.state.pending)
    play.feed(Result(1, one, "success", {"__a__": "A"}))
    assert any("/2!" in each for each in play.state.pending)  # the first branch went on
    assert other in play.state.pending
    assert play.finish().status == "completed"
    assert play.runs[-1] == "A simulated"


def test_a_failed_branch_waits_for_the_others_then_fails_the_parallel_step() -> None:
    play = Play(two(), script=says(a1="failure")).finish()
    assert (ident("action", "b2"), "success") in play.told
    assert (ident("parallel", "p"), "failure") in play.told
    assert play.status == "failed"


def test_a_parallel_step_whose_time_is_up_cancels_what_runs_in_it() -> None:
    document = two(timeout=100)
    play = Play(document, script=says(b1="timeout")).finish()
    assert play.told[-2:] == [(ident("action", "b1"), "cancelled"), (ident("parallel", "p"), "timeout")]
    assert sum(isinstance(each, Cancel) for each in play.commands) == 1
    assert play.state.pending == {}
    assert play.state.tasks == {}


@given(st.randoms(use_true_random=False), st.sampled_from(["success", "failure", "timeout"]), st.sampled_from(["success", "failure"]))
def test_any_order_of_events_comes_to_the_same_end(order: random.Random, a1: str, b2: str) -> None:
    document, script = two(), says(a1=a1, b2=b2)
    plain, mixed = Play(document, script=script).finish(), Play(document, script=script).finish(lambda each: order.choice(sorted(each)))
    assert sorted(mixed.told) == sorted(plain.told)
    assert msgspec.to_builtins(mixed.state) == msgspec.to_builtins(plain.state)


def test_a_delay_is_waited_for() -> None:
    play = Play(build({"a": action(delay=2000)}, "a"))
    assert play.runs == []
    assert next(each for each in play.commands if isinstance(each, SetTimer)).due == 2000
    assert play.finish().now == 2000


@pytest.mark.parametrize(("value", "ran"), [("yes", "y"), ("no", "n")])
def test_if(value: str, ran: str) -> None:
    document = build(
        {
            "q": {"type": "if-condition", "condition": "__x__:value = 'yes'", "on_true": "y", "on_false": "n", "on_completion": "z"},
            "y": action("ey"), "ey": {"type": "end"}, "n": action("en"), "en": {"type": "end"}, "z": action(),
        },
        "q",
        playbook_variables={"__x__": {"type": "string", "external": True}},
    )  # fmt: skip
    assert [each for each, _ in steps(Play(document, variables={"__x__": value}).finish())] == [ident("action", ran), ident("action", "z")]


def test_if_without_else_goes_on() -> None:
    document = build(
        {"q": {"type": "if-condition", "condition": "__x__:value = 'yes'", "on_true": "y", "on_completion": "end"}, "y": action("e2"),
         "e2": {"type": "end"}}, "q", playbook_variables={"__x__": TEXT},
    )  # fmt: skip
    assert Play(document).finish().runs == []


@pytest.mark.parametrize(("value", "ran"), [("1", "a"), ("2", "b"), ("9", "c")])
def test_switch(value: str, ran: str) -> None:
    ends = {f"e{each}": {"type": "end"} for each in "abc"}
    document = build(
        {
            "s": {"type": "switch-condition", "switch": "__x__:value", "cases": {"1": "a", "2": "b", "default": "c"},
                  "on_completion": "end"},
            **{each: action(f"e{each}") for each in "abc"}, **ends,
        },
        "s",
        playbook_variables={"__x__": {"type": "integer", "external": True}},
    )  # fmt: skip
    assert [each for each, _ in steps(Play(document, variables={"__x__": value}).finish())] == [ident("action", ran)]
    del document["workflow"][ident("switch-condition", "s")]["cases"]["default"]
    del document["workflow"][ident("action", "c")], document["workflow"][ident("end", "ec")]
    assert (steps(Play(document, variables={"__x__": value}).finish()) == []) == (value == "9")


def loop(**more: Any) -> dict[str, Any]:
    return build(
        {
            "w": {"type": "while-condition", "condition": "__n__:value < 3", "on_true": "a", "on_completion": "z"} | more,
            "a": action("ea", out_args=["__n__"]), "ea": {"type": "end"}, "z": action(),
        },
        "w",
        playbook_variables={"__n__": {"type": "integer", "value": "0"}},
    )  # fmt: skip


def counting(*values: str) -> list[Scripted]:
    return [Scripted("success", {"__n__": each}) for each in values]


def test_while_runs_until_a_step_in_it_changes_the_value() -> None:
    play = Play(loop(), script={ident("action", "a"): counting("1", "2", "3")}).finish()
    assert len(steps(play)) == 4
    assert play.status == "completed"


def test_a_loop_that_does_not_end_is_bounded() -> None:
    play = Play(loop(), limits=Limits(rounds=5)).finish()
    assert len(steps(play)) == 5
    assert play.status == "failed"
    assert "after the limit of 5 rounds" in play.state.problems[0]
    play = Play(loop(), limits=Limits(rounds=5, leave_loops=True)).finish()
    assert play.status == "completed"


def test_a_failure_in_a_loop_fails_it() -> None:
    document = loop(on_completion="", on_success="z", on_failure="end")
    del document["workflow"][ident("while-condition", "w")]["on_completion"]
    play = Play(document, script=says(a="failure")).finish()
    assert play.status == "completed"
    assert (ident("while-condition", "w"), "failure") in play.told


def test_a_condition_that_cannot_be_judged_fails_its_step() -> None:
    document = loop(condition="__n__:value < 'abc'")
    assert Play(document).finish().state.problems[0].endswith("0 and 'abc' have no order between them")
    document = loop(condition="__n__:value < 3 OR __s__:value < 3", step_variables={"__s__": {"type": "string", "value": "x"}})
    play = Play(document, script={ident("action", "a"): counting("7")}).finish()
    assert play.state.problems[0].endswith("'x' and 3 have no order between them")


def test_every_run_ends_however_many_steps_it_has() -> None:
    play = Play(loop(), limits=Limits(rounds=10_000, visits=50)).finish()
    assert play.state.problems == ["stopped: more than 50 steps were begun"]


# ---- variables


def test_a_steps_own_variable_hides_the_playbooks() -> None:
    document = build(
        {"a": action("b", out_args=["__x__"], step_variables={"__x__": {"type": "string"}}), "b": action(text="echo __x__:value")},
        "a",
        playbook_variables={"__x__": TEXT},
    )
    play = Play(document, script={ident("action", "a"): [Scripted("success", {"__x__": "inner"})]}).finish()
    assert play.runs[-1] == "echo one"
    assert play.state.frames["0"].variables == {"__x__": "one"}


def test_what_a_step_returned_can_be_read_by_later_steps() -> None:
    document = build(
        {"a": action("b", out_args=["__x__"], step_variables={"__x__": {"type": "string"}}), "b": action(text="echo __x__:value")}, "a"
    )
    play = Play(document, script={ident("action", "a"): [Scripted("success", {"__x__": "seen"})]}).finish()
    assert play.runs[-1] == "echo seen"


def test_a_variable_of_a_loop_is_seen_and_set_inside_it() -> None:
    document = loop(condition="__i__:value != '2'", step_variables={"__i__": {"type": "string", "value": "__n__:value"}})
    inner = document["workflow"][ident("action", "a")]
    inner |= {"out_args": ["__i__"], "step_variables": {"__i__": {"type": "string"}}, "commands": [command("at __i__:value")]}
    play = Play(document, script={ident("action", "a"): [Scripted("success", {"__i__": each}) for each in "12"]}).finish()
    assert play.runs[:2] == ["at 0", "at 1"]
    assert play.status == "completed"


@pytest.mark.parametrize(
    ("variable", "out", "why"),
    [
        ({"type": "integer"}, "many", "__x__: 'many' is not a whole number, as the type integer must be"),
        ({"type": "string", "value": "fixed", "constant": True}, "new", "__x__ is a constant and cannot be set to 'new'"),
    ],
)
def test_a_value_that_may_not_be_set_fails_the_step(variable: dict[str, Any], out: str, why: str) -> None:
    document = build({"a": action(out_args=["__x__"])}, "a", playbook_variables={"__x__": {"type": "string"}})
    play = Play(document)
    book = next(iter(play.books.values()))
    changed = msgspec.structs.replace(book, playbook_variables={"__x__": msgspec.convert(variable, type(book.playbook_variables["__x__"]))})
    play.books.update(dict.fromkeys(play.books, changed))
    play.feed(Result(1, next(iter(play.state.pending)), "success", {"__x__": out, "__other__": "dropped"}))
    assert play.state.problems == [f"{ident('action', 'a')}: {why}"]


@pytest.mark.parametrize(
    ("variables", "given", "problem"),
    [
        ({"type": "integer", "external": True}, {}, "__x__: an external variable needs a value at the start (integer)"),
        ({"type": "integer", "external": True}, {"__x__": "a"}, "__x__: 'a' is not a whole number, as the type integer must be"),
        ({"type": "integer", "value": "1", "constant": True}, {"__x__": "2"}, "__x__: is a constant and cannot be given a value"),
        ({"type": "integer"}, {"__z__": "2"}, "__z__: the playbook declares no such variable"),
    ],
)
def test_what_is_missing_or_wrong_at_the_start_is_refused(variables: dict[str, Any], given: dict[str, str], problem: str) -> None:
    play = Play(build({"a": action()}, "a", playbook_variables={"__x__": variables}), variables=given)
    assert play.status == "refused"
    assert play.commands == [Finished("refused", [problem])]


def test_an_external_constant_gets_its_value_at_the_start() -> None:
    variables = {
        "__x__": {"type": "string", "external": True, "constant": True, "value": ""},
        "__d__": {"type": "dictionary", "value": {"a": 1}},
    }
    play = Play(
        build({"a": action(text="__x__:value__x__:value __d__:value __x__:values")}, "a", playbook_variables=variables),
        variables={"__x__": "given"},
    ).finish()
    assert play.runs == ['givengiven {"a": 1} __x__:values']


# ---- playbooks within playbooks

CALL = {
    "type": "playbook-action",
    "playbook_id": ident("playbook", "sub"),
    "in_args": ["__x__"],
    "out_args": ["__y__"],
    "on_completion": "z",
}
OUTER = build({"c": CALL, "z": action(text="__y__:value")}, "c", playbook_variables={"__x__": TEXT, "__y__": {"type": "string"}})
INNER = build(
    {"a": action(text="__x__:value", out_args=["__y__"])},
    "a",
    key="sub",
    playbook_variables={"__x__": {"type": "string", "external": True}, "__y__": {"type": "string"}},
)


def test_a_called_playbook_takes_and_returns_variables() -> None:
    play = Play(OUTER, INNER, script={ident("action", "a"): [Scripted("success", {"__y__": "two"})]}).finish()
    assert play.runs == ["one", "two"]
    assert play.status == "completed"


@pytest.mark.parametrize(
    ("inner", "outer", "why"),
    [
        (None, {}, "was not found"),
        (INNER, {"playbook_version": "2024-01-01T00:00:00.000Z"}, "was not found"),
        (INNER, {"in_args": []}, "cannot begin: __x__: an external variable needs a value"),
    ],
)
def test_a_call_that_cannot_be_made_fails(inner: dict[str, Any] | None, outer: dict[str, Any], why: str) -> None:
    document = build({"c": CALL | outer, "z": action()}, "c", playbook_variables={"__x__": TEXT, "__y__": TEXT})
    play = Play(document, *([inner] if inner else [])).finish()
    assert why in play.state.problems[0]


def test_a_failed_call_fails_its_step_and_a_wrong_return_too() -> None:
    play = Play(OUTER, INNER, script=says(a="failure")).finish()
    assert (ident("playbook-action", "c"), "failure") in play.told
    typed = build({"c": CALL, "z": action()}, "c", playbook_variables={"__x__": TEXT, "__y__": {"type": "integer"}})
    play = Play(typed, INNER, script={ident("action", "a"): [Scripted("success", {"__y__": "two"})]}).finish()
    assert "is not a whole number" in play.state.problems[0]


def test_playbooks_that_call_each_other_are_bounded() -> None:
    itself = build({"c": {"type": "playbook-action", "playbook_id": ident("playbook", "test"), "on_completion": "end"}}, "c")
    assert "more than 8 deep" in Play(itself).finish().state.problems[0]


def test_a_call_whose_time_is_up_is_cancelled_with_all_in_it() -> None:
    timed = build({"c": CALL | {"timeout": 50}, "z": action()}, "c", playbook_variables={"__x__": TEXT, "__y__": TEXT})
    play = Play(timed, INNER, script=says(a="timeout")).finish()
    assert [each[1] for each in play.told[-2:]] == ["cancelled", "timeout"]
    assert list(play.state.frames) == ["0"]
    excepted = build({"a": action("x"), "x": action()}, "a", key="sub", exception="x")
    play = Play(timed | {}, excepted | {"playbook_variables": INNER["playbook_variables"]}, script=says(a="failure", x="timeout")).finish()
    assert list(play.state.frames) == ["0"]


def test_a_script_can_end_steps_without_commands() -> None:
    script = {ident("playbook-action", "c"): [Scripted("success", {"__y__": "said"})]}
    assert Play(OUTER, script=script).finish().runs == ["said"]
    script = {ident("parallel", "p"): [Scripted("timeout")]}
    assert (ident("parallel", "p"), "timeout") in Play(two(), script=script).finish().told


# ---- events that nobody waits for, stops, resumes


def test_late_and_unknown_events_change_nothing() -> None:
    play = Play(two())
    before = msgspec.to_builtins(play.state)
    for event in (Result(1, "0/9!0", "success"), Alarm(1, "0/9~timeout")):
        assert step(play.books, play.state, event) == []
    assert msgspec.to_builtins(play.state) == before
    play.finish()
    assert step(play.books, play.state, Abort(2, "late")) == []


def test_a_stop_cancels_everything() -> None:
    play = Play(two())
    play.feed(Abort(3, "the kill switch"))
    assert play.state.problems == ["stopped: the kill switch"]
    assert sum(isinstance(each, Cancel) for each in play.commands) == 2
    assert play.state.pending == {}


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Workflows of all kinds of steps, nested; every action may set the one variable."""
    made: dict[str, dict[str, Any]] = {}

    def line(depth: int) -> str:
        """The first step of a new branch."""
        name = f"s{len(made)}"
        made[name] = {"type": "end"}
        kinds = ["action", "end"] + (["parallel", "if-condition", "while-condition", "switch-condition"] if depth else [])
        kind = draw(st.sampled_from(kinds))
        if kind == "end":
            return name
        then = line(depth - 1 if depth else 0) if draw(st.booleans()) else _end(made)
        own: dict[str, Any] = {"type": kind, "on_completion": then}
        if kind == "action":
            own = action(then, out_args=["__n__"], delay=draw(st.sampled_from([0, 10])), timeout=draw(st.sampled_from([0, 30])))
            if draw(st.booleans()):
                own = {key: value for key, value in own.items() if key != "on_completion"}
                own |= {"on_success": then, "on_failure": _end(made)}
        elif kind == "parallel":
            own["next_steps"] = [line(depth - 1), line(depth - 1)]
        elif kind == "switch-condition":
            own |= {"switch": "__n__:value", "cases": {"1": line(depth - 1), "default": line(depth - 1)}}
        else:
            begin = f"s{len(made)}b"
            made[begin] = action(_end(made), out_args=["__n__"])
            own |= {"condition": "__n__:value < 3", "on_true": begin}
        made[name] = own
        return name

    first = f"first{len(made)}"
    made[first] = action(line(3))
    return build(made, first, playbook_variables={"__n__": {"type": "integer", "value": "0"}})


def _end(made: dict[str, dict[str, Any]]) -> str:
    name = f"e{len(made)}"
    made[name] = {"type": "end"}
    return name


@settings(max_examples=50)
@given(documents(), st.randoms(use_true_random=False), st.data())
def test_every_run_ends_and_a_stop_at_any_point_changes_nothing(
    document: dict[str, Any], order: random.Random, data: st.DataObject
) -> None:
    actions = [each for each in document["workflow"] if each.startswith("action--")]
    outcomes: st.SearchStrategy[Outcome] = st.sampled_from(["success", "success", "failure", "timeout"])
    script = {each: [Scripted(data.draw(outcomes), {"__n__": str(data.draw(st.integers(0, 4)))})] for each in actions}
    play = Play(document, limits=Limits(rounds=3), script=script).finish(lambda each: order.choice(sorted(each)))
    assert play.status in ("completed", "failed")
    assert (play.state.pending, play.state.timers, play.state.tasks) == ({}, {}, {}) or play.state.problems
    cut = data.draw(st.integers(0, len(play.log)))
    state = State()
    for event in play.log[:cut]:
        step(play.books, state, event)
    state = msgspec.json.decode(msgspec.json.encode(state), type=State)
    for event in play.log[cut:]:
        step(play.books, state, msgspec.json.decode(msgspec.json.encode(event), type=Event))
    assert msgspec.to_builtins(state) == msgspec.to_builtins(play.state)


def test_a_workflow_may_be_deep_and_long() -> None:
    steps: dict[str, dict[str, Any]] = {"a": action("ea"), "ea": {"type": "end"}}
    for place in range(600):
        then = f"q{place + 1}" if place < 599 else "a"
        steps[f"q{place}"] = {"type": "if-condition", "condition": "__x__:value = 'one'", "on_true": then, "on_completion": f"e{place}"}
        steps[f"e{place}"] = {"type": "end"}
    deep = build(steps, "q0", playbook_variables={"__x__": TEXT})
    assert Play(deep).finish().status == "completed"
    play = Play(deep)
    play.feed(Abort(1, "enough"))
    assert len(play.told) == 602  # the start, then each step that was open is cancelled
    long = build({f"a{place}": action(f"a{place + 1}" if place < 999 else "end") for place in range(1000)}, "a0")
    assert len(Play(long).finish().runs) == 1000
