"""`POST /.well-known/openc2` over a running installation whose world is in memory: what producers ask, what they hear, what stands."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from interferon.actions import ACTIONS
from interferon.bench.respond_journal import Memory
from interferon.decide.approval import yes
from interferon.decide.situation import Ask
from interferon.model.effects import Outcome, State
from interferon.model.errors import InputError, JournalError
from interferon.model.events import Approval, Tick
from interferon.model.network import Client, Process
from interferon.openc2.records import Command, Response
from interferon.openc2.vocabulary import rule_number
from interferon.runtime import openc2_consumer
from interferon.runtime.effects import Effects
from interferon.runtime.loop import Hooks, Loop
from interferon.runtime.openc2_consumer import RATE, Consumer
from interferon.runtime.running import Running
from interferon.store.examples import START
from interferon.store.journal import Journal
from interferon.store.tokens import Token, Tokens
from interferon.web import openc2
from interferon.web.app import create_app
from interferon.web.openc2 import OpenC2
from tests.browser.staged import Staged

from .attacked import MINUTE, SECOND, always, attack, fresh, ground, rules

MADE = datetime.now(UTC).isoformat(timespec="seconds")
MEDIA = "application/openc2+json;version=1.0"
SOC = ["isolate_asset", "cut_conduit", "disable_client", "freeze_process", "kill_process"]
DENY = {"action": "deny", "target": {"ipv4_net": "10.50.0.10"}}  # wks-1


@dataclass
class Here:
    """An installation that moves whenever something is said, its world, and its producers."""

    loop: Loop
    running: Running
    journal: Journal
    effects: Effects
    world: "World"
    tokens: Tokens
    client: TestClient
    secrets: dict[str, str] = field(default_factory=dict)
    now: int = START
    seconds: float = 0.0

    def post(
        self, command: Any, request_id: str = "r-1", who: str = "soc", kind: str = MEDIA, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """HTTP status and the OpenC2 response within."""
        body = command if isinstance(command, bytes) else json.dumps({"body": {"openc2": {"request": command}}}).encode()
        given = {"authorization": f"Bearer {self.secrets.get(who, who)}", "content-type": kind, "x-request-id": request_id} | headers
        answer = self.client.post("/.well-known/openc2", content=body, headers={k: v for k, v in given.items() if v})
        self.last = answer
        value = answer.json() if answer.content else {}
        return answer.status_code, value.get("body", {}).get("openc2", {}).get("response", value)

    def states(self) -> list[tuple[str, State]]:
        return [(effect.intent.target, effect.state) for effect in self.journal.effects()]


class World(Memory):
    """Refuses what it is told to refuse."""

    answer = Outcome("ok")

    def precheck(self, action: str, target: str) -> Outcome:
        return self.answer


Make = Callable[..., Here]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with Journal(tmp_path / "j.sqlite") as journal:

        def made(ask: Ask | None = None, *, observing: bool = False, **tables: Any) -> Here:
            under, world = rules(ask, observing=observing), World()
            under = replace(under, network=replace(under.network, **tables))
            state, tokens = fresh(under), Tokens(tmp_path)
            running = Running(under, state, ground()[2], clock=lambda: here.now, say=lambda item: loop.feed(item))
            effects = Effects(journal, world, ACTIONS, under.network, lambda: here.now, workers=2)
            hooks = Hooks(sink=running.take, heard=running.hear, record=journal.record)
            loop = Loop(state, under, effects=effects, actions=ACTIONS, hooks=hooks)
            interface = OpenC2(tokens, Consumer(running, journal, wait_s=0.2), lambda: here.seconds)
            app = create_app(Staged(), None, b"s" * 32, more=(interface.router(),))
            client = TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 50000))
            here = Here(loop, running, journal, effects, world, tokens, client)
            for name, actions, level in (("soc", SOC, 3), ("other", ["isolate_asset"], 1), ("feeds", [], 1)):
                here.secrets[name] = tokens.add(name, ["x"], ["trade"], 1.0, MADE, "", actions=actions, level=level)
            return here

        yield made


def test_a_denied_address_is_isolated_verified_and_let_in_by_its_rule_number(make: Make) -> None:
    here = make()
    status, told = here.post(DENY)
    assert (status, told["status"]) == (200, 200)
    number = told["results"]["slpf"]["rule_number"]
    assert number == rule_number(here.journal.effects()[0].id)
    assert here.states() == [("asset:wks-1", State.VERIFIED)]
    assert here.last.headers["content-type"] == MEDIA
    assert here.last.headers["x-request-id"] == here.last.json()["headers"]["request_id"] == "r-1"
    delete = {"action": "delete", "target": {"slpf:rule_number": number}}
    assert here.post(delete, "r-2") == (200, {"status": 200})
    assert here.states() == [("asset:wks-1", State.UNDONE)]
    assert here.post(delete, "r-2") == (200, {"status": 200})
    assert here.post(delete, "r-3")[0] == 404
    assert here.post(DENY)[1]["status_text"].startswith("it was done, and taken back since")
    assert {row.subject.rpartition("-")[0] for row in here.journal.ledger() if row.kind == "commanded"} == {"openc2-soc"}


def test_the_same_command_again_does_nothing_and_another_under_its_id_is_refused(make: Make) -> None:
    here = make()
    first = here.post(DENY)
    assert here.post(DENY) == first
    assert here.post(DENY | {"args": {"response_requested": "status"}}) == first
    assert here.post(DENY | {"command_id": "r-1"}, "r-7") == first
    status, told = here.post({"action": "deny", "target": {"ipv4_net": "10.50.0.11"}})
    assert (status, "is the id of another command" in told["status_text"]) == (400, True)
    assert len(here.states()) == 1


def test_what_waits_for_a_person_is_102_and_then_as_it_went(make: Make) -> None:
    here = make(always("execute_approved"))
    status, told = here.post(DENY)
    assert (status, told["status"], "waits for approval" in told["status_text"]) == (200, 102, True)
    assert told["results"]["slpf"]["rule_number"] > 0
    assert here.states() == []
    (plan,) = here.running.plans.values()
    here.loop.feed(yes(plan, 1, "ann", here.now))
    assert here.post(DENY)[1] == {"status": 200, "results": told["results"]}


def test_a_veto_and_a_time_that_is_up_are_403(make: Make) -> None:
    here = make(always("execute_unless_vetoed"))
    assert "waits unless somebody vetoes it" in here.post(DENY)[1]["status_text"]
    (plan,) = here.running.plans.values()
    here.loop.feed(Approval(here.now, plan.id, "ann", 1, False))
    assert here.post(DENY)[0] == 403
    here.loop.rules = rules(always("execute_approved"))
    assert here.post(DENY | {"args": {"duration": 60_000}}, "r-2")[1]["status"] == 102
    here.now += 2 * MINUTE
    assert "was not approved in time" in here.post(DENY | {"args": {"duration": 60_000}}, "r-2")[1]["status_text"]


@pytest.mark.parametrize(("mode", "said"), [("denied", "policy does not allow it (all.denied)"), ("suggest", "only lets it be suggested")])
def test_what_policy_refuses_is_403(make: Make, mode: str, said: str) -> None:
    here = make(always(mode))
    status, told = here.post(DENY)
    assert (status, told["status"], said in told["status_text"], here.states()) == (403, 403, True, [])


def test_a_plan_that_waits_is_withdrawn_by_cancel(make: Make) -> None:
    here = make(always("execute_approved"))
    here.post(DENY | {"command_id": "c-1"})
    assert here.post({"action": "cancel", "target": {"command": "c-1"}}, "r-2") == (200, {"status": 200})
    assert here.post(DENY | {"command_id": "c-1"})[0] == 403
    assert here.post({"action": "cancel", "target": {"command": "c-1"}}, "r-3")[0] == 404


def test_nobody_takes_back_what_another_asked_for_or_what_we_decided(make: Make) -> None:
    here = make()
    number = here.post(DENY)[1]["results"]["slpf"]["rule_number"]
    here.loop.feed(attack("wks-2"))
    here.loop.feed(Tick(time=START + 2 * MINUTE))
    assert sorted(here.states()) == [("asset:wks-1", State.VERIFIED), ("asset:wks-2", State.VERIFIED)]
    for place, target in enumerate(({"slpf:rule_number": number}, {"ipv4_net": "10.50.0.10"}, {"ipv4_net": "10.50.0.11"})):
        verb = "delete" if "slpf:rule_number" in target else "allow"
        assert here.post({"action": verb, "target": target}, f"o-{place}", who="other")[0] == 404
    assert here.post({"action": "allow", "target": {"ipv4_net": "10.50.0.11"}}, "r-9")[0] == 404
    assert here.post({"action": "deny", "target": {"ipv4_net": "10.50.0.11"}}, "r-10")[1]["status_text"].startswith("in force already")


def test_what_our_own_evidence_suspects_stays_shut(make: Make) -> None:
    here = make(lambda *question: always("execute_auto" if "asked_by" in question[4] else "suggest")(*question))
    here.post(DENY)
    here.loop.feed(attack("wks-1", START + MINUTE))
    here.loop.feed(Tick(time=START + 4 * MINUTE))
    status, told = here.post({"action": "allow", "target": {"ipv4_net": "10.50.0.10"}}, "r-2")
    assert (status, "suspects asset:wks-1: a person decides" in told["status_text"]) == (403, True)
    assert here.states() == [("asset:wks-1", State.VERIFIED)]


def test_an_end_that_is_told_takes_it_back(make: Make) -> None:
    here = make()
    here.post(DENY | {"args": {"duration": 90_000}})
    here.now += 89 * SECOND
    here.loop.expire(here.now)
    assert here.states() == [("asset:wks-1", State.VERIFIED)]
    here.now += 2 * SECOND
    here.loop.expire(here.now)
    assert here.states() == [("asset:wks-1", State.UNDONE)]


def test_an_end_beyond_all_calendars_is_refused_and_stops_nothing(make: Make) -> None:
    here = make()
    for number, args in enumerate(({"duration": 10**18 - 1}, {"stop_time": 10**18 - 1})):
        status, told = here.post(DENY | {"args": args}, f"r-{number}")
        assert (status, "it ends after the year 9999" in told["status_text"]) == (400, True)
    assert here.post(DENY, "r-9")[0] == 200


def test_a_part_of_what_waits_is_not_taken_back_alone(make: Make) -> None:
    here = make(always("execute_approved"))
    both = {"action": "deny", "target": {"ipv4_net": "10.50.0.10/31"}}  # wks-1 and wks-2
    assert here.post(both)[1]["status"] == 102
    status, told = here.post({"action": "allow", "target": {"ipv4_net": "10.50.0.10"}}, "r-2")
    assert (status, "can only be taken back whole" in told["status_text"]) == (403, True)
    (plan,) = here.running.plans.values()
    here.loop.feed(yes(plan, 1, "ann", here.now))
    assert sorted(here.states()) == [("asset:wks-1", State.VERIFIED), ("asset:wks-2", State.VERIFIED)]
    assert here.post({"action": "allow", "target": {"ipv4_net": "10.50.0.10"}}, "r-3")[0] == 200
    assert here.post(both)[1]["status_text"].startswith("it was done, and taken back since")


def test_what_was_in_force_for_another_is_told_as_it_stands_now(make: Make) -> None:
    here = make()
    here.post(DENY)
    assert here.post(DENY, "o-1", who="other")[1]["status_text"].startswith("in force already for another case")
    here.post({"action": "allow", "target": {"ipv4_net": "10.50.0.10"}}, "r-2")
    status, told = here.post(DENY, "o-1", who="other")
    assert (status, "has let it in since" in told["status_text"]) == (500, True)


def test_what_stayed_shut_for_a_suspicion_is_opened_by_a_new_command_alone(make: Make) -> None:
    here = make(lambda *question: always("execute_auto" if "asked_by" in question[4] else "suggest")(*question))
    here.post(DENY)
    here.loop.feed(attack("wks-1", START + MINUTE))
    here.loop.feed(Tick(time=START + 4 * MINUTE))
    allow = {"action": "allow", "target": {"ipv4_net": "10.50.0.10"}}
    assert here.post(allow, "r-2")[0] == 403
    (case,) = [each for each in here.running.incidents.values() if not each.id.startswith("openc2-")]
    closed = msgspec.structs.replace(case, status="closed")
    here.running.incidents[case.id] = here.running.state.latest[case.id] = closed
    status, told = here.post(allow, "r-2")
    assert (status, "a new command would be right" in told["status_text"]) == (403, True)
    assert here.post(allow, "r-3")[0] == 200


@pytest.mark.parametrize("reference", ["order:" + "o" * 300, "order:o-1\n\nPlease log in at https://evil.example"])
def test_a_reference_is_short_and_of_one_line(make: Make, reference: str) -> None:
    here = make()
    status, told = here.post({"action": "contain", "target": {"x-interferon:transaction": reference}})
    assert (status, here.journal.ledger()) == (400, [])
    assert "printable characters" in told["status_text"]


def test_an_id_of_a_command_is_printable_and_a_broken_file_of_tokens_is_no_traceback(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    here = make()
    assert here.post(DENY | {"command_id": "c\u001b1"})[0] == 400

    def broken(*_: object) -> Token:
        raise InputError("tokens.toml:1: x")

    monkeypatch.setattr(Tokens, "find", broken)
    status, told = here.post(DENY)
    assert (status, "tokens.toml" in told["status_text"]) == (503, False)


def test_what_does_not_succeed_is_500_and_a_safety_system_is_never_touched(make: Make) -> None:
    here = make()
    here.world.answer = Outcome("refused", "asset:wks-1 is never a target: protected")
    status, told = here.post(DENY)
    assert (status, "asset:wks-1 is never a target" in told["status_text"]) == (500, True)
    status, told = here.post({"action": "deny", "target": {"ipv4_net": "10.1.12.1"}}, "r-2")
    assert (status, "limit.safety" in told["status_text"]) == (403, True)


def test_features_are_those_of_the_token_and_a_right_that_is_not_given_is_403(make: Make) -> None:
    here = make()
    query = {"action": "query", "target": {"features": ["versions", "profiles", "pairs", "rate_limit"]}}
    _, told = here.post(query, who="other", request_id="")
    results = told["results"]
    assert (results["versions"], "slpf" in results["profiles"], results["rate_limit"]) == (["1.0"], True, RATE)
    assert results["pairs"]["deny"] == ["ipv4_net", "ipv6_net"]
    cut = {"action": "deny", "target": {"x-interferon:conduit": "conduit:conduit-1"}}
    assert here.post(cut, who="other") == (403, {"status": 403, "status_text": "the token other may not command cut_conduit"})
    assert here.post(DENY, who="feeds")[0] == 403
    assert here.states() == []


def test_where_nothing_is_carried_out_only_features_are_answered(make: Make) -> None:
    here = make(observing=True)
    assert here.post(DENY)[0] == 501
    _, told = here.post({"action": "query", "target": {"features": ["pairs"]}})
    assert told["results"]["pairs"] == {"query": ["features"]}


def test_the_producer_says_what_response_it_wants(make: Make) -> None:
    here = make()
    assert here.post(DENY | {"args": {"response_requested": "ack"}}) == (200, {"status": 102})
    assert here.post(DENY | {"args": {"response_requested": "none"}}) == (200, {})
    assert here.post(DENY | {"args": {"response_requested": "complete"}})[1]["status"] == 200


@pytest.mark.parametrize(
    ("body", "more", "status", "why"),
    [
        (DENY, {"who": "nobody"}, 401, "Authorization: Bearer TOKEN"),
        (DENY, {"authorization": "Basic x"}, 401, "Authorization: Bearer TOKEN"),
        (DENY, {"kind": "text/plain"}, 400, "content-type is text/plain"),
        (DENY, {"kind": ""}, 400, "content-type is missing"),
        (b"{", {}, 400, "OpenC2 message"),
        (b"[" + b" " * (256 << 10) + b"]", {}, 400, "more than 262144 bytes"),
        ({"action": "deny"}, {}, 400, "target"),
        (DENY, {"request_id": "x" * 129}, 400, "128 printable"),
        (DENY, {"request_id": ""}, 400, "neither command_id nor X-Request-ID"),
        ({"action": "deny", "target": {"ipv4_net": "192.0.2.1"}}, {}, 404, "192.0.2.1"),
        ({"action": "scan", "target": {"ipv4_net": "192.0.2.1"}}, {}, 501, "not supported"),
        (DENY | {"args": {"slpf": {"direction": "ingress"}}}, {}, 501, "direction"),
    ],
)
def test_what_cannot_be_taken_is_told_in_one_line(make: Make, body: Any, more: dict[str, str], status: int, why: str) -> None:
    here = make()
    answered, told = here.post(body, **more)
    assert (answered, told["status"]) == (status, status)
    assert why in told["status_text"]
    assert "\n" not in told["status_text"]
    assert here.states() == []


def test_the_older_transfer_is_answered_in_kind(make: Make) -> None:
    here = make()
    status, told = here.post(json.dumps(DENY).encode(), kind="application/openc2-cmd+json;version=1.0")
    assert (status, told["status"], here.last.headers["content-type"]) == (200, 200, "application/openc2-rsp+json;version=1.0")
    assert here.last.headers["x-correlation-id"] == "r-1"
    headers = {"kind": "application/openc2-cmd+json", "request_id": "", "x-correlation-id": "r-1"}
    assert here.post(json.dumps(DENY).encode(), **headers) == (status, told)
    assert len(here.states()) == 1


def test_too_many_commands_a_minute_are_asked_to_come_later(make: Make) -> None:
    here = make()
    query = {"action": "query", "target": {"features": []}}
    assert [here.post(query)[0] for _ in range(RATE + 1)] == [200] * RATE + [503]
    assert here.last.headers["retry-after"] == "10"
    here.seconds += 61
    assert here.post(query)[0] == 200


def test_only_so_many_commands_wait_for_people(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openc2_consumer, "WAITING", 2)
    here = make(always("execute_approved"))
    addresses = ("10.50.0.10", "10.50.0.11", "10.50.0.1")
    deny = [{"action": "deny", "target": {"ipv4_net": address}, "command_id": address} for address in addresses]
    assert [here.post(each)[1]["status"] for each in deny] == [102, 102, 503]
    assert here.post({"action": "cancel", "target": {"command": addresses[0]}}, "r-2")[0] == 200
    assert here.post(deny[2])[1]["status"] == 102


def test_a_pipeline_that_takes_nothing_and_a_journal_that_is_gone_are_503(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    here = make()
    monkeypatch.setattr(here.running, "say", lambda item: None)
    status, told = here.post(DENY)
    assert (status, "the pipeline takes nothing" in told["status_text"]) == (503, True)

    def gone(*words: object) -> Response:
        raise JournalError("the disk is full")

    monkeypatch.setattr(Consumer, "respond", gone)
    assert here.post(DENY)[0] == 503


def test_no_more_are_waited_for_than_there_is_room(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    here = make()
    monkeypatch.setattr(openc2, "AT_ONCE", 0)
    assert here.post(DENY)[0] == 503


def test_a_producer_without_a_right_is_not_asked_what_it_wants(make: Make) -> None:
    asked: list[Command] = []

    class Never:
        def respond(self, command: Command, request_id: str, token: Token) -> Response:
            asked.append(command)
            return Response(status=200)

    here = make()
    app = create_app(Staged(), None, b"s" * 32, more=(OpenC2(here.tokens, Never()).router(),))
    here.client = TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 50000))
    here.tokens.disable("soc")
    assert [here.post(DENY, who=who)[0] for who in ("soc", "feeds", "other")] == [401, 403, 200]
    assert len(asked) == 1


# ---- clients and processes

TABLES: dict[str, Any] = {
    "processes": {"web": Process(id="web", asset="srv-1", executable="/usr/sbin/webd", sha256="ab" * 32, needed="no")},
    "clients": {"agv": Client(id="agv", client_id="agv-7", broker="srv-1", asset="wks-1", needed="no")},
}


def about(action: str, target: str, specifier: Any) -> dict[str, Any]:
    return {"action": action, "target": {target: specifier}}


def test_a_broker_s_client_is_disabled_and_let_in_again(make: Make) -> None:
    here = make(**TABLES)
    assert here.post(about("deny", "x-interferon:client", "identity:agv")) == (200, {"status": 200})
    (effect,) = here.journal.effects()
    assert (effect.intent.action, effect.intent.target, effect.state) == ("disable_client", "identity:agv", State.VERIFIED)
    assert here.running.plans[effect.intent.plan].alternatives[1].cost == 90.0  # an hour's work; nobody needs it
    assert here.post(about("allow", "x-interferon:client", "identity:agv"), "r-2") == (200, {"status": 200})
    assert here.states() == [("identity:agv", State.UNDONE)]
    assert here.post(about("deny", "x-interferon:client", "identity:agv"), "o-1", who="other")[0] == 403


def test_a_process_is_frozen_at_once_and_ended_only_then_and_after_approval(make: Make) -> None:
    here = make(**TABLES)
    stop = about("stop", "process", {"name": "webd"})
    status, told = here.post(stop, "s-1")
    assert (status, "process:web was not seen to stand still" in told["status_text"]) == (403, True)
    assert here.post(about("contain", "process", {"executable": {"path": "/usr/sbin/webd"}}), "c-1") == (200, {"status": 200})
    assert here.states() == [("process:web", State.VERIFIED)]
    status, told = here.post(stop, "s-2")
    assert (status, told["status"], "waits for approval" in told["status_text"]) == (200, 102, True)
    plan = list(here.running.plans.values())[-1]
    here.loop.feed(yes(plan, 1, "ann", here.now))
    assert here.post(stop, "s-2") == (200, {"status": 200})
    states = {effect.intent.action: effect.state for effect in here.journal.effects()}
    assert states == {"freeze_process": State.UNDONE, "kill_process": State.VERIFIED}


def test_a_token_that_may_not_and_a_process_of_no_table_are_told(make: Make) -> None:
    here = make(**TABLES)
    assert here.post(about("contain", "process", {"name": "webd"}), "o-1", who="other")[0] == 403
    assert here.post(about("contain", "process", {"name": "sshd"}), "r-3")[0] == 404
    status, told = here.post(about("contain", "process", {"pid": 4711}), "r-4")
    assert (status, told["status_text"].startswith("pid of a process is not supported")) == (501, True)
