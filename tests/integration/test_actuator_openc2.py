"""A packet filter that speaks OpenC2 over HTTPS denies hosts and conduits by rules; it fails in every way that filters do."""

import json
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from interferon.effector import exchange, kit
from interferon.effector.actuators import openc2_http
from interferon.effector.actuators.openc2_http import Settings
from interferon.effector.protocol import Actuator, Job, Target
from interferon.model.errors import InputError
from interferon.openc2.check import problems
from interferon.openc2.vocabulary import rule_number

from .product import Asked, Reply, certificate, serving

PAIRS = {
    "query": ["features", "x-wall:rule_number"],
    "allow": ["ipv4_net", "ipv6_net", "ipv4_connection", "ipv6_connection"],
    "deny": ["ipv4_net", "ipv6_net", "ipv4_connection", "ipv6_connection"],
    "delete": ["slpf:rule_number"],
}


@dataclass
class Filter:
    """Keeps rules as SLPF 1.0 says (2.3.1 to 2.3.4). `trouble`: what to answer to an action in place of what is right."""

    rules: dict[int, dict[str, Any]] = field(default_factory=dict)
    pairs: dict[str, list[str]] = field(default_factory=lambda: {action: list(targets) for action, targets in PAIRS.items()})
    assets: tuple[str, ...] = ("wall-1",)
    numbers: bool = False  # gives rules numbers of its own, whatever is asked for
    tells: bool = True  # shows a rule's action and target beside its number
    trouble: dict[str, Reply] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def answer(self, asked: Asked) -> Reply:
        assert (asked.method, asked.path) == ("POST", "/.well-known/openc2")
        value = json.loads(asked.body)
        bare = "body" not in value
        command = value if bare else value["body"]["openc2"]["request"]
        assert problems(json.dumps(command).encode(), "command") == []
        self.asked.append(command)
        self.headers.append(asked.headers)
        if command["action"] in self.trouble and "features" not in command["target"]:
            return self.trouble[command["action"]]
        response = self._done(command)
        request_id = asked.headers["x-request-id"]
        if bare:
            assert asked.headers["content-type"] == "application/openc2-cmd+json;version=1.0"
            return Reply(
                response["status"] if response["status"] > 199 else 200, json.dumps(response).encode(), {"x-correlation-id": request_id}
            )
        assert asked.headers["content-type"] == asked.headers["accept"] == "application/openc2+json;version=1.0"
        assert value["headers"]["request_id"] == request_id
        message = {"headers": {"request_id": request_id}, "body": {"openc2": {"response": response}}}
        return Reply(200, json.dumps(message).encode(), {"content-type": "application/openc2+json;version=1.0"})

    def _done(self, command: dict[str, Any]) -> dict[str, Any]:
        ((_, which),) = command["actuator"].items()
        if which.get("asset_id", "wall-1") not in self.assets:
            return {"status": 404}
        ((target, specifier),) = command["target"].items()
        match command["action"], target:
            case "query", "features":
                return {"status": 200, "results": {"pairs": self.pairs, "profiles": ["slpf", "x-wall"]}}
            case "query", "x-wall:rule_number" if target in self.pairs["query"]:
                return self._shown(specifier)
            case "deny", _ if target in self.pairs["deny"]:
                return self._denied(command)
            case "delete", "slpf:rule_number":
                return (
                    {"status": 200}
                    if self.rules.pop(specifier, None)
                    else {"status": 500, "status_text": "firewall rule not removed or updated"}
                )
            case _:
                return {"status": 501, "status_text": "Target type not supported"}

    def _shown(self, number: int) -> dict[str, Any]:
        if number not in self.rules:
            return {"status": 404}
        rule = self.rules[number]
        shown = {"rule_number": number, "action": rule["action"], "target": rule["target"]} if self.tells else {"rule_number": number}
        return {"status": 200, "results": {"x-wall": shown}}

    def _denied(self, command: dict[str, Any]) -> dict[str, Any]:
        number = 1 + max(self.rules, default=0) if self.numbers else command["args"]["slpf"]["insert_rule"]
        if number in self.rules:
            return {"status": 501, "status_text": "Rule number currently in use"}
        self.rules[number] = {"action": "deny", "target": command["target"], "duration": command["args"].get("duration")}
        return {"status": 200, "results": {"slpf": {"rule_number": number}}}


HOST = Target(ref="asset:plc-3", reach={"address": "10.0.0.3"}, identity={"asset_id": "wall-1"})
CONDUIT = Target(
    ref="conduit:c-1",
    reach={"src_addr": "10.0.0.0/24", "dst_addr": "10.0.1.3", "dst_port": 502, "protocol": "tcp"},
    identity={"asset_id": "wall-1"},
)
JOB = Job(effect="e-1", action="isolate_asset", target=HOST, ttl_s=3600)
NUMBER = rule_number("e-1")


@pytest.fixture(autouse=True)
def _no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "PAUSES_S", (0.0, 0.02, 0.04))


@contextmanager
def actuator(wall: Filter, **settings: Any) -> Iterator[Actuator]:
    with serving(wall.answer) as port:
        yield openc2_http.make(Settings(url=f"http://127.0.0.1:{port}", timeout_s=settings.pop("timeout_s", 1.0), **settings))


def recorded(acting: Actuator, job: Job = JOB) -> Job:
    return kit.recorded(acting, job)


@pytest.mark.parametrize(("transfer", "action", "target"), [("1.1", "isolate_asset", HOST), ("1.0", "cut_conduit", CONDUIT)])
def test_the_kit_has_nothing_to_say(free_port: int, transfer: Any, action: str, target: Target) -> None:
    wall = Filter(rules={4: {"action": "deny", "target": {"ipv4_net": "192.0.2.0/24"}}})
    acting = openc2_http.make(Settings(url=f"http://127.0.0.1:{free_port}", timeout_s=1.0, transfer=transfer))
    job = Job(effect="e-1", action=action, target=target, ttl_s=60)
    server = serving(wall.answer, free_port)
    server.__enter__()

    @contextmanager
    def cut() -> Iterator[None]:
        nonlocal server
        server.__exit__(None, None, None)
        yield
        server = serving(wall.answer, free_port)
        server.__enter__()

    try:
        other = msgspec.structs.replace(job, target=msgspec.structs.replace(target, identity={"asset_id": "wall-2"}))
        world = kit.World(acting, job, other, lambda: dict(wall.rules), lambda: wall.rules.pop(NUMBER), cut)
        assert kit.problems(world) == []
    finally:
        server.__exit__(None, None, None)


def test_what_is_sent_is_what_the_effect_means() -> None:
    wall = Filter()
    with actuator(wall) as acting:
        assert acting.apply(recorded(acting)).result == "ok"
        assert wall.rules == {NUMBER: {"action": "deny", "target": {"ipv4_net": "10.0.0.3"}, "duration": 3_600_000}}
        conduit = recorded(acting, Job(effect="e-2", action="cut_conduit", target=CONDUIT))
        assert acting.apply(conduit).result == "ok"
        assert wall.rules[rule_number("e-2")] == {"action": "deny", "target": {"ipv4_connection": dict(CONDUIT.reach)}, "duration": None}
    assert all(each["actuator"] in ({"slpf": {"asset_id": "wall-1"}}, {"x-wall": {"asset_id": "wall-1"}}) for each in wall.asked)


def test_a_filter_that_shows_no_rules_is_never_said_to_hold_one() -> None:
    wall = Filter()
    wall.pairs["query"] = ["features"]
    with actuator(wall) as acting:
        job = recorded(acting)
        assert acting.apply(job).result == "ok"
        assert acting.look(job).standing == "unknown"
        assert acting.apply(job).result == "unknown"  # the number is in use: by us or by somebody
        assert len(wall.rules) == 1
        assert acting.undo(job).result == "ok"
        assert wall.rules == {}
        assert acting.undo(job).result == "unknown"


def test_a_rule_that_somebody_changed_is_seen_and_put_right() -> None:
    wall = Filter()
    with actuator(wall) as acting:
        job = recorded(acting)
        acting.apply(job)
        wall.rules[NUMBER]["target"] = {"ipv4_net": "10.0.0.4"}
        seen = acting.look(job)
        assert (seen.standing, "10.0.0.4" in seen.detail) == ("partial", True)
        assert acting.apply(job).result == "ok"
        assert acting.look(job).standing == "in_force"


def test_a_number_that_somebody_has_is_left_to_them() -> None:
    wall = Filter(rules={NUMBER: {"action": "allow", "target": {"ipv4_net": "10.9.9.9"}}}, tells=True)
    with actuator(wall) as acting:
        job = recorded(acting)
        assert job.before == {"rule_number": NUMBER + 1}
        assert acting.apply(job).result == "ok"
        assert acting.undo(job).result == "ok"
    assert list(wall.rules) == [NUMBER]


def test_a_filter_that_numbers_as_it_likes_keeps_nothing() -> None:
    wall = Filter(numbers=True)
    with actuator(wall) as acting:
        found = acting.apply(recorded(acting))
    assert (found.result, "insert_rule" in found.detail, wall.rules) == ("failed", True, {})


@pytest.mark.parametrize("missing", ["deny", "delete"])
def test_a_filter_that_could_not_do_it_or_take_it_back_is_not_used(missing: str) -> None:
    wall = Filter()
    del wall.pairs[missing]
    with actuator(wall) as acting, pytest.raises(InputError, match=f"does not offer {missing}"):
        acting.before(JOB)


@pytest.mark.parametrize(
    ("reply", "result"),
    [
        (Reply(200, b"{}", late_s=1.5), "unknown"),
        (Reply(500, b"no"), "unknown"),
        (Reply(503), "unknown"),
        (Reply(401, b"who are you?"), "failed"),
        (Reply(200, b'{"status": 200}'), "unknown"),
        (Reply(200, b'{"status": 200}', {"x-request-id": "another"}), "unknown"),
        (Reply(302, b"", {"location": "http://127.0.0.1:9/"}), "unknown"),
        (Reply(200, b"x" * (2 << 20)), "unknown"),
        (Reply(200, b'{"headers": {}, "body": {}}', drip=True), "unknown"),
    ],
)
def test_an_answer_that_is_none_leaves_open_what_was_done(reply: Reply, result: str) -> None:
    wall = Filter()
    with actuator(wall, timeout_s=0.6) as acting:
        job = recorded(acting)
        wall.trouble = {"deny": reply}
        start = time.monotonic()
        assert acting.apply(job).result == result
        assert time.monotonic() - start < 1.5
    assert sum(each["action"] == "deny" for each in wall.asked) == 1  # what is not the same twice is asked once


@pytest.mark.parametrize("reply", [Reply(401), Reply(500), Reply(200, b"{}"), Reply(200, b"{}", late_s=1.0)])
def test_a_filter_that_does_not_answer_a_look_shows_nothing(reply: Reply) -> None:
    wall = Filter()
    with actuator(wall, timeout_s=0.5) as acting:
        job = recorded(acting)
        acting.apply(job)
        wall.trouble = {"query": reply}
        assert acting.look(job).standing == "unknown"


@pytest.mark.parametrize(
    ("status", "result"), [(102, "unknown"), (400, "failed"), (403, "failed"), (500, "failed"), (501, "failed"), (503, "failed")]
)
def test_a_status_is_settled_by_a_look(status: int, result: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wall = Filter()
    monkeypatch.setattr(wall, "_denied", lambda command: {"status": status})
    if status == 102:
        wall.pairs["query"] = ["features"]
    with actuator(wall) as acting:
        assert acting.apply(recorded(acting)).result == result


def test_an_error_after_the_fact_is_still_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    wall = Filter()
    done = wall._denied
    monkeypatch.setattr(wall, "_denied", lambda command: done(command) | {"status": 500})
    with actuator(wall) as acting:
        assert acting.apply(recorded(acting)).result == "ok"
        assert NUMBER in wall.rules


def test_a_busy_filter_is_asked_again_what_may_be_asked_twice() -> None:
    wall = Filter()
    calls = iter([Reply(503), Reply(502)])
    with serving(lambda asked: next(calls, None) or wall.answer(asked)) as port:
        acting = openc2_http.make(Settings(url=f"http://127.0.0.1:{port}", timeout_s=3.0))
        assert acting.identify(JOB).result == "ok"


@pytest.mark.parametrize("identity", [{}, {"mac": "8c:85:90:72:31:af"}])
def test_without_an_identity_that_can_be_compared_nothing_is_done(identity: dict[str, str]) -> None:
    wall = Filter()
    job = msgspec.structs.replace(JOB, target=msgspec.structs.replace(HOST, identity=identity))
    with actuator(wall) as acting:
        assert acting.identify(job).result in ("unknown", "refused")
        assert acting.apply(job).result in ("unknown", "refused")
    assert wall.asked == []


def test_the_filter_is_known_by_its_certificate_and_knows_us_by_ours(tmp_path: Path) -> None:
    ours, our_key, _ = certificate(tmp_path, "effector")
    theirs, their_key, fingerprint = certificate(tmp_path, "wall")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(theirs, their_key)
    tls.load_verify_locations(ours)
    tls.verify_mode = ssl.CERT_REQUIRED
    (tmp_path / "token").write_text("s3cret\n")
    wall = Filter()
    with serving(wall.answer, tls=tls) as port:
        access: dict[str, Any] = {
            "ca_file": str(theirs),
            "cert_file": str(ours),
            "key_file": str(our_key),
            "token_file": str(tmp_path / "token"),
        }
        acting = openc2_http.make(Settings(url=f"https://127.0.0.1:{port}", **access))
        assert acting.ready() == ""
        assert wall.headers[-1]["authorization"] == "Bearer s3cret"
        for shown, result in ((fingerprint, "ok"), (fingerprint.upper(), "ok"), ("0" * 64, "refused")):
            target = msgspec.structs.replace(HOST, identity={"certificate_sha256": shown})
            assert acting.identify(msgspec.structs.replace(JOB, target=target)).result == result
        stranger = openc2_http.make(Settings(url=f"https://127.0.0.1:{port}", ca_file=str(theirs)))
        assert "SSL" in stranger.ready() or "Error" in stranger.ready()
        unknown_authority = openc2_http.make(Settings(url=f"https://127.0.0.1:{port}"))
        assert "certificate" in unknown_authority.ready()


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"url": "wall.example"}, "https://HOST"),
        ({"url": "http://wall.example"}, "leaves this machine"),
        ({"url": "http://127.0.0.1:9", "cert_file": "a.pem"}, "go together"),
        ({"url": "http://127.0.0.1:9", "token_file": "/nowhere/token"}, "token_file /nowhere/token cannot be read"),
        ({"url": "http://127.0.0.1:9", "ca_file": "/nowhere/ca.pem"}, "/nowhere/ca.pem"),
        ({"url": "http://127.0.0.1:9"}, "http://127.0.0.1:9: ConnectError"),
    ],
)
def test_what_is_missing_is_said_in_one_line(settings: dict[str, str], part: str) -> None:
    said = openc2_http.make(Settings(timeout_s=0.5, **settings)).ready()  # type: ignore[arg-type]
    assert part in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("target", "part"),
    [
        (HOST, ""),
        (msgspec.structs.replace(HOST, reach={}), "address is ''"),
        (msgspec.structs.replace(HOST, identity={"mac": "1"}), "identity of asset:plc-3 has mac"),
    ],
)
def test_the_file_alone_may_show_that_a_target_is_wrong(target: Target, part: str) -> None:
    said = openc2_http.OpenC2(Settings(url="http://127.0.0.1:9")).wrong(target, "isolate_asset")
    assert part in said if part else said == ""


def test_a_filter_whose_numbers_are_taken_is_not_used() -> None:
    wall = Filter(rules={NUMBER + n: {"action": "allow", "target": {"ipv4_net": "10.9.9.9"}} for n in range(8)})
    with actuator(wall) as acting, pytest.raises(InputError, match="numbers"):
        acting.before(JOB)


def test_a_rule_of_another_number_that_stays_there_is_not_denied() -> None:
    wall = Filter(numbers=True)
    with actuator(wall) as acting:
        job = recorded(acting)
        wall.trouble = {"delete": Reply(500)}
        assert acting.apply(job).result == "unknown"


@pytest.mark.parametrize(
    ("answer", "standing"),
    [
        ({"status": 501}, "unknown"),
        ({"status": 200}, "unknown"),
        ({"status": 200, "results": {"slpf": {"rule_number": 1}}}, "unknown"),
        ({"status": 200, "results": {"slpf": {"rule_number": NUMBER}}}, "in_force"),
        ({"status": 404}, "absent"),
    ],
)
def test_a_rule_is_there_where_its_number_is_shown(answer: dict[str, Any], standing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wall = Filter()
    monkeypatch.setattr(wall, "_shown", lambda number: answer)
    with actuator(wall) as acting:
        assert acting.look(JOB).standing == standing


def test_a_filter_that_tells_nothing_of_itself_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    wall = Filter()
    monkeypatch.setattr(wall, "_done", lambda command: {"status": 503})
    with actuator(wall) as acting:
        assert "503" in acting.ready()
        assert acting.identify(JOB).result == "unknown"
