"""An EDR with slow containment and a ticket system, as contracts declare them, on real HTTP; their failures too."""

import gzip
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from interferon.effector import exchange, kit
from interferon.effector.actuators import rest
from interferon.effector.protocol import Actuator, Job, Target
from interferon.model.errors import InputError

from .product import Asked, Reply, serving

EDR = """
[[contracts]]
product = "edr"
actions = ["isolate_asset"]
url = "http://127.0.0.1:PORT/api"
timeout_s = 1.0
wait_s = 2.0
headers = { x-tenant = "plant" }
identify = { path = "/hosts/{host}", facts = { serial = "/serial", mac = "/nics/0/mac" } }

[contracts.look]
path = "/hosts/{host}"
in_force = [{ pointer = "/state", equals = "contained" }, { pointer = "/tags", contains = "ir:{effect}" }]
absent = [{ pointer = "/state", one_of = ["normal", "new"] }, { pointer = "/lock", exists = false }]
keep = { policy = "/policy" }

[contracts.apply]
method = "PUT"
path = "/hosts/{host}/containment"
body = { on = true, note = "{action} of {ref} for {ttl_s} s", tags = ["ir:{effect}"], ttl = "{ttl_s}" }
shows = [{ pointer = "/accepted", equals = true }]

[contracts.undo]
method = "PUT"
path = "/hosts/{host}/containment"
body = { on = false, policy = "{before.policy}", tags = [] }
again = true
"""

TICKETS = """
[[contracts]]
product = "desk"
actions = ["open_ticket"]
url = "http://127.0.0.1:PORT"
timeout_s = 1.0
identify = { path = "/about", facts = { instance = "/instance" } }

[contracts.look]
path = "/tickets?key={effect}"
in_force = [{ pointer = "/0/state", equals = "open" }]
absent = [{ pointer = "/0/state", one_of = ["closed"] }]
absent_status = [404]
find = { id = "/0/id" }

[contracts.apply]
path = "/tickets"
body = { key = "{effect}", about = "{ref}", title = "{params.title}" }

[contracts.undo]
method = "PATCH"
path = "/tickets/{seen.id}"
body = { state = "closed" }
"""


@dataclass
class Edr:
    """Hosts, one of which takes a few looks until it follows."""

    hosts: dict[str, dict[str, Any]] = field(default_factory=dict)
    slow: int = 0  # looks until a change is there
    due: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    trouble: Callable[[Asked], Reply | None] = lambda asked: None
    asked: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name, serial in (("h 1/x", "S-1"), ("h2", "S-2")):
            nics = [{"mac": f"02:00:00:00:00:0{serial[-1]}"}]
            self.hosts[name] = {"serial": serial, "nics": nics, "state": "normal", "policy": {"id": 7}, "tags": []}

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        reply = self.trouble(asked)
        if reply is not None:
            return reply
        found = re.fullmatch("/api/hosts/([^/]+)(/containment)?", asked.path)
        name = found[1].replace("%20", " ").replace("%2F", "/") if found else ""
        if name not in self.hosts:
            return Reply(404, b'{"error": "no such host"}')
        if asked.method == "PUT":
            wanted = json.loads(asked.body)
            state = "contained" if wanted["on"] else "normal"
            change = {"state": state, "tags": wanted["tags"]} | (
                {"policy": wanted["policy"]} if "policy" in wanted else {"policy": {"id": 99}}
            )
            self.due.append((name, change))
        self.slow = max(0, self.slow - 1)
        while self.due and not self.slow:
            host, change = self.due.pop(0)
            self.hosts[host] |= change
        return Reply(202, b'{"accepted": true}') if asked.method == "PUT" else Reply(200, json.dumps(self.hosts[name]).encode())


PACKED = Reply(200, gzip.compress(b'{"serial": "S-1"}'), {"content-encoding": "gzip"})
HOST = Target(ref="asset:hmi-1", reach={"host": "h 1/x"}, identity={"serial": "S-1"})
JOB = Job(effect="e-1", action="isolate_asset", target=HOST, ttl_s=60)


def made(text: str, port: int) -> Actuator:
    return rest.make(msgspec.convert(tomllib.loads(text.replace("PORT", str(port))), rest.Settings))


@pytest.fixture(autouse=True)
def _no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "PAUSES_S", (0.0, 0.02, 0.04))


@contextmanager
def acting(edr: Edr) -> Iterator[Actuator]:
    with serving(edr.answer) as port:
        yield made(EDR, port)


def test_the_kit_has_nothing_to_say(free_port: int) -> None:
    edr, actuator = Edr(), made(EDR, free_port)
    server = serving(edr.answer, free_port)
    server.__enter__()

    @contextmanager
    def cut() -> Iterator[None]:
        nonlocal server
        server.__exit__(None, None, None)
        yield
        server = serving(edr.answer, free_port)
        server.__enter__()

    def state() -> Any:
        return json.dumps(edr.hosts)

    def tamper() -> None:
        edr.hosts["h 1/x"]["state"] = "normal"

    try:
        other = msgspec.structs.replace(JOB, target=msgspec.structs.replace(HOST, identity={"serial": "S-2"}))
        assert kit.problems(kit.World(actuator, JOB, other, state, tamper, cut)) == []
    finally:
        server.__exit__(None, None, None)


def test_a_product_that_takes_its_time_is_waited_for() -> None:
    edr = Edr(slow=0)
    with acting(edr) as actuator:
        job = kit.recorded(actuator, JOB)
        edr.slow = 5
        assert actuator.apply(job).result == "ok"
        assert edr.hosts["h 1/x"] | {"tags": ["ir:e-1"], "state": "contained"} == edr.hosts["h 1/x"]
        change = next(each for each in edr.asked if each.method == "PUT")
        assert json.loads(change.body) == {"on": True, "note": "isolate_asset of asset:hmi-1 for 60 s", "tags": ["ir:e-1"], "ttl": 60}
        assert (change.headers["idempotency-key"], change.headers["x-tenant"]) == ("e-1.apply", "plant")
        edr.slow = 10**6
        found = actuator.undo(job)
        assert (found.result, "then in_force" in found.detail) == ("unknown", True)


def test_what_was_so_before_is_left_so() -> None:
    edr = Edr()
    edr.hosts["h 1/x"] |= {"state": "contained", "tags": ["ir:e-1"]}
    with acting(edr) as actuator:
        job = kit.recorded(actuator, JOB)
        assert [actuator.apply(job).result, actuator.undo(job).result] == ["ok", "ok"]
    assert {each.method for each in edr.asked} == {"GET"}


def on(method: str, reply: Reply) -> Callable[[Asked], Reply | None]:
    return lambda asked: reply if asked.method == method else None


@pytest.mark.parametrize(
    ("reply", "result"),
    [
        (Reply(403, b"may not"), "failed"),
        (Reply(500, b"oops"), "unknown"),
        (Reply(200, b'{"accepted": false}'), "unknown"),
        (Reply(200, b"<html>"), "unknown"),
        (Reply(200, b"{}", late_s=1.5), "unknown"),
        (Reply(307, b"", {"location": "http://127.0.0.1:9/"}), "unknown"),
    ],
)
def test_what_is_answered_is_no_proof(reply: Reply, result: str) -> None:
    edr = Edr()
    with serving(edr.answer) as port:
        actuator = made(EDR.replace("wait_s = 2.0", "wait_s = 0.0"), port)
        job = kit.recorded(actuator, JOB)
        edr.trouble = on("PUT", reply)
        assert actuator.apply(job).result == result
    assert sum(each.method == "PUT" for each in edr.asked) == 1


def test_a_call_that_may_be_asked_twice_is() -> None:
    edr = Edr()
    with acting(edr) as actuator:
        job = kit.recorded(actuator, JOB)
        actuator.apply(job)
        busy = iter([Reply(503), Reply(429)])
        edr.trouble = lambda asked: next(busy, None) if asked.method == "PUT" else None
        assert actuator.undo(job).result == "ok"


@pytest.mark.parametrize(
    "reply", [Reply(500), Reply(401, b"{}"), Reply(200, b"no json"), Reply(200, b"x" * (1 << 20 | 1)), PACKED, Reply(200, b"[]")]
)
def test_what_cannot_be_read_shows_nothing(reply: Reply) -> None:
    edr = Edr(trouble=on("GET", reply))
    with acting(edr) as actuator:
        assert actuator.look(JOB).standing != "in_force"
        assert actuator.apply(JOB).result in ("unknown", "refused")
        with pytest.raises(InputError):
            actuator.before(JOB)


def test_a_state_that_the_contract_does_not_know_is_no_state() -> None:
    edr = Edr()
    with acting(edr) as actuator:
        edr.hosts["h 1/x"]["state"] = "pending"
        assert actuator.look(JOB).standing == "unknown"
        edr.hosts["h 1/x"] |= {"state": "normal", "lock": 1}
        assert actuator.look(JOB).standing == "unknown"
        edr.hosts["h 1/x"]["state"] = "contained"
        assert actuator.look(JOB).standing == "partial"


@pytest.mark.parametrize(
    ("reach", "identity", "result"),
    [
        ({"host": "h9"}, {"serial": "S-1"}, "refused"),
        ({"host": "h 1/x"}, {"serial": "S-1", "mac": "02:00:00:00:00:02"}, "refused"),
        ({"host": "h 1/x"}, {"owner": "me"}, "refused"),
        ({"host": "h 1/x"}, {}, "unknown"),
        ({"host": ".."}, {"serial": "S-1"}, "refused"),
        ({}, {"serial": "S-1"}, "refused"),
        ({"host": "h 1/x"}, {"serial": "S-1", "mac": "02:00:00:00:00:01"}, "ok"),
    ],
)
def test_only_what_is_meant_is_touched(reach: dict[str, Any], identity: dict[str, Any], result: str) -> None:
    job = msgspec.structs.replace(JOB, target=Target(ref="asset:hmi-1", reach=reach, identity=identity))
    edr = Edr()
    with acting(edr) as actuator:
        assert actuator.identify(job).result == result
        # whether what cannot be told is acted on is the effector's file's affair, and was decided before `apply`
        assert actuator.apply(job).result == (result if identity else "ok")


@dataclass
class Desk:
    tickets: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, asked: Asked) -> Reply:
        path, _, key = asked.path.partition("?key=")
        if path == "/about":
            return Reply(200, b'{"instance": "desk-1"}')
        if asked.method == "POST":
            self.tickets.append({"id": len(self.tickets) + 100, "state": "open", **json.loads(asked.body)})
            return Reply(201, b"{}")
        if asked.method == "PATCH":
            self.tickets[int(path.rpartition("/")[2]) - 100] |= json.loads(asked.body)
            return Reply(204)
        found = [each for each in self.tickets if each["key"] == key]
        return Reply(200, json.dumps(found).encode()) if found else Reply(404)


def test_a_ticket_is_opened_once_found_by_its_key_and_closed() -> None:
    desk = Desk([{"id": 100, "state": "open", "key": "other"}])
    target = Target(ref="asset:plc-3", identity={"instance": "desk-1"})
    with serving(desk.answer) as port:
        actuator = made(TICKETS, port)
        assert actuator.ready() == ""
        job = kit.recorded(actuator, Job(effect="e-1", action="open_ticket", target=target, params={"title": "PLC 3 is cut off"}))
        assert [actuator.apply(job).result, actuator.apply(job).result] == ["ok", "ok"]
        assert desk.tickets[1:] == [{"id": 101, "state": "open", "key": "e-1", "about": "asset:plc-3", "title": "PLC 3 is cut off"}]
        assert actuator.look(job).standing == "in_force"
        assert [actuator.undo(job).result, actuator.undo(job).result] == ["ok", "ok"]
        assert actuator.look(job).standing == "absent"
    assert [each["state"] for each in desk.tickets] == ["open", "closed"]


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ('path = "/hosts/{host}"\nin_force', 'path = "hosts"\nin_force', "look.path is 'hosts'"),
        ('"/serial"', '"serial"', "'serial' is no JSON pointer"),
        ('equals = "contained"', 'equals = "contained", exists = true', "one of equals"),
        ("http://127.0.0.1:PORT", "http://edr.example", "leaves this machine"),
        (
            'absent = [{ pointer = "/state", one_of = ["normal", "new"] }, { pointer = "/lock", exists = false }]',
            "absent = []",
            "need an entry",
        ),
    ],
)
def test_a_contract_that_cannot_be_kept_is_said(old: str, new: str, part: str) -> None:
    assert old in EDR
    said = made(EDR.replace(old, new), 9).ready()
    assert part in said
    assert "\n" not in said


def test_a_token_goes_where_the_product_wants_it(tmp_path: Path) -> None:
    edr = Edr()
    (tmp_path / "token").write_text("s3cret\n")
    access = f'token_file = "{tmp_path}/token"\ntoken_header = "x-api-key"\n'
    with serving(edr.answer) as port:
        assert made(EDR.replace("timeout_s = 1.0\n", access), port).identify(JOB).result == "ok"
    assert (edr.asked[0].headers["x-api-key"], "authorization" in edr.asked[0].headers) == ("s3cret", False)


def test_two_contracts_for_one_action_are_told_apart_by_the_product() -> None:
    edr = Edr()
    with serving(edr.answer) as port:
        actuator = made(EDR + EDR.replace('"edr"', '"other"'), port)
        found = actuator.identify(JOB)
        assert (found.result, "product" in found.detail) == ("refused", True)
        named = msgspec.structs.replace(HOST, reach={"host": "h 1/x", "product": "edr"})
        assert actuator.identify(msgspec.structs.replace(JOB, target=named)).result == "ok"
        assert actuator.identify(msgspec.structs.replace(JOB, action="fail_over")).result == "refused"


@pytest.mark.parametrize(
    ("target", "action", "part"),
    [
        (HOST, "isolate_asset", ""),
        (HOST, "fail_over", "0 contracts"),
        (msgspec.structs.replace(HOST, reach={}), "isolate_asset", "{host} stands for nothing"),
        (msgspec.structs.replace(HOST, identity={"owner": "me"}), "isolate_asset", "identity has owner"),
    ],
)
def test_the_file_alone_may_show_that_a_target_is_wrong(target: Target, action: str, part: str) -> None:
    said = rest.Rest(msgspec.convert(tomllib.loads(EDR.replace("PORT", "9")), rest.Settings)).wrong(target, action)
    assert part in said if part else said == ""


def test_the_contracts_on_the_page_can_be_used(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/actuators.md").read_text(encoding="utf-8")
    blocks = [each for each in re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL) if "actuators.rest" in each]
    assert len(blocks) == 2
    (tmp_path / "token").write_text("s3cret")
    for block in blocks:
        section = tomllib.loads(block.replace("/etc/interferon/edr.token", str(tmp_path / "token")))["actuators"]["rest"]
        assert rest.make(msgspec.convert(section, rest.Settings)).ready() == ""
