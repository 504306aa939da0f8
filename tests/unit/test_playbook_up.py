"""The executor that has `up` act: what is sent under which id, how answers end a command, and what becomes of one that nobody waits for."""

import base64
import io
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from interferon.model.errors import InputError
from interferon.openc2.records import Command, Response, Results
from interferon.playbooks.run_records import Run, Scripted
from interferon.runtime import openc2_client, playbook_up
from interferon.runtime.openc2_client import Unreached, Upstream
from interferon.runtime.playbook_people import Terminal
from interferon.runtime.playbook_up import Through, UpExecutor

HOLD = {"action": "contain", "target": {"x-interferon:transaction": "order:o-1"}}
RELEASE = {"action": "allow", "target": {"x-interferon:transaction": "order:o-1"}}
WAITS = Response(status=102, status_text="plan p waits for approval: send the same command again for how it stands")
GOOD = Response(status=200)


class Site:
    """Answers in order, the last one for good; keeps what it was told. `now` moves by a second at each answer."""

    def __init__(self, *answers: Response | Unreached) -> None:
        self.answers, self.said, self.told, self.now = list(answers), list[Command](), list[str](), 0
        self.then: Callable[[], None] = lambda: None  # what happens while an answer is on its way
        self.executor = UpExecutor(
            Through(Upstream("http://127.0.0.1:1", "t"), "r1"),
            Terminal(lambda: 0),
            lambda: self.now,
            self.told.append,
            self.say,
            pause_s=0.0,
        )

    def say(self, upstream: Upstream, command: Command, request_id: str) -> Response:
        assert request_id == command.command_id
        self.said.append(command)
        self.now += 1000
        self.then()
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, Unreached):
            raise found
        return found


def command(content: dict[str, Any], name: str = "0/1!0", kind: str = "openc2-http", due: int = 60_000) -> Run:
    text = base64.b64encode(json.dumps(content).encode()).decode()
    return Run(
        id=name, step="action--1", visit=1, kind=kind, command={"content_b64": text}, agent="", agent_definition=None, targets={},
        inputs={}, outputs={}, unknown=[], timeout_ms=1, due=due,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "ended"),
    [
        (GOOD, Scripted("success", {}, "contain order:o-1: done")),
        (Response(status=200, status_text="in force already"), Scripted("success", {}, "contain order:o-1: in force already")),
        (Response(status=403, status_text="no"), Scripted("failure", {}, "contain order:o-1: 403: no")),
        (Response(status=404), Scripted("failure", {}, "contain order:o-1: 404: Not Found")),
    ],
)
def test_an_answer_ends_the_command(answer: Response, ended: Scripted) -> None:
    assert Site(answer).executor.run(command(HOLD)) == ended


def test_one_that_waits_is_sent_again_under_its_id_and_the_person_is_told_once() -> None:
    site = Site(WAITS, WAITS, Unreached("no route"), Response(status=503), GOOD)
    assert site.executor.run(command(HOLD)) == Scripted("success", {}, "contain order:o-1: done")
    assert len({each.command_id for each in site.said}) == 1
    assert {each.args.response_requested for each in site.said} == {"complete"}
    begins = ("action--1: plan p waits for approval; http", "action--1: no route; http", "action--1: under way; http")
    assert [line.startswith(begin) for line, begin in zip(site.told, begins, strict=True)] == [True] * 3


def test_ids_are_of_the_run_and_what_a_playbook_cancels_is_its_own() -> None:
    site = Site(GOOD)
    own = HOLD | {"command_id": "c-1"}
    for name, content in (("a", HOLD), ("b", HOLD), ("c", own), ("c", own), ("e", {"action": "cancel", "target": {"command": "c-1"}})):
        site.executor.run(command(content, name))
    first, second, named, again, cancel = site.said
    assert len({first.command_id, second.command_id, named.command_id, cancel.command_id}) == 4
    assert again.command_id == named.command_id == cancel.specifier != "c-1"
    refused = site.executor.run(command(own, "d"))
    assert refused is not None
    assert (refused.result, len(site.said)) == ("failure", 5), "another visit under the same id would be taken for the first one"
    assert "its command_id was given in this run already" in refused.detail
    assert max(len(each.command_id) for each in site.said) <= 36


def test_what_waits_when_its_time_is_up_is_withdrawn() -> None:
    for answer, end in (
        (GOOD, "it was withdrawn"),
        (Response(status=403), "it could not be withdrawn"),
        (Unreached("x"), "it could not be"),
    ):
        site = Site(WAITS, answer)
        found = site.executor.run(command(HOLD, due=500))
        assert found is not None
        assert (found.result, end in found.detail) == ("timeout", True), found
        assert [each.action for each in site.said] == ["contain", "cancel"]
        assert site.said[1].specifier == site.said[0].command_id


def test_what_is_taken_back_is_not_withdrawn() -> None:
    site = Site(WAITS)
    found = site.executor.run(command(RELEASE, due=500))
    assert found == Scripted("timeout", {}, "not ended in time: plan p waits for approval")
    assert len(site.said) == 1


def test_what_nobody_waits_for_is_not_begun_or_withdrawn() -> None:
    site = Site(WAITS, GOOD)
    site.executor.cancel("0/1!0")
    assert site.executor.run(command(HOLD)) == Scripted("failure", {}, "withdrawn before it was begun")
    assert site.said == []
    begun = Site(WAITS, GOOD)
    begun.then = lambda: begun.executor.cancel("0/1!0")
    found = begun.executor.run(command(HOLD))
    assert found == Scripted("failure", {}, "not ended in time (plan p waits for approval); it was withdrawn, or taken back")


def test_one_whose_time_was_up_while_the_run_was_stopped_is_neither_begun_nor_taken_back() -> None:
    site = Site(GOOD)
    found = site.executor.run(command(HOLD, due=0))
    assert found is not None
    assert (found.result, site.said) == ("timeout", []), "it may be in force since before the stop, and is not opened unasked"
    assert "show whether one that was sent before waits or stands" in found.detail


def test_one_that_may_be_heard_later_is_not_called_withdrawn() -> None:
    for first in (Response(status=503), Unreached("no route")):
        site = Site(first, Response(status=404))
        found = site.executor.run(command(HOLD, due=500))
        assert found is not None
        assert "it could not be withdrawn" in found.detail
    site = Site(WAITS, Response(status=404))
    found = site.executor.run(command(HOLD, due=500))
    assert found is not None
    assert "it was withdrawn" in found.detail


def test_a_run_that_is_stopped_leaves_its_commands_as_they_are_and_gives_them_again() -> None:
    site = Site(WAITS)
    site.then = site.executor.close
    assert site.executor.run(command(HOLD)) is None
    assert [each.action for each in site.said] == ["contain"]
    assert site.executor.precheck(command(HOLD)) == "counts once"
    assert site.executor.precheck(command(HOLD, kind="manual")) is None


def test_what_is_not_for_up_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    site = Site(GOOD)
    for asked, why in (
        (command(HOLD, kind="bash"), "bash commands are not carried out here"),
        (command({"action": "deny", "target": {"ipv4_net": "10.0.0.1"}}), "is meant for another actuator"),
        (command(HOLD, kind="manual"), "nobody could be asked"),
    ):
        found = site.executor.run(asked)
        assert found is not None
        assert (found.result, why in found.detail) == ("failure", True), found
    assert site.said == []


# ---- where it is


@pytest.fixture
def token(tmp_path: Path) -> str:
    (tmp_path / "token").write_text("ifn_x\n")
    return str(tmp_path / "token")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Response(status=401, status_text="send a token"), "answers 401: send a token"),
        (Response(status=200, results=Results(pairs={"query": ["features"]})), "it carries nothing out: it has no effector"),
        (Unreached("http://127.0.0.1:1: refused"), "http://127.0.0.1:1: refused"),
    ],
)
def test_where_nothing_can_be_carried_out_nothing_is_begun(
    token: str, answer: Response | Unreached, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openc2_client, "say", Site(answer).say)
    through = Through(Upstream("http://127.0.0.1:1", token), "r1")
    with pytest.raises(InputError, match=f"nothing is carried out: .*{why}"), playbook_up.hands(through, 0, print):
        pass


@pytest.mark.parametrize(
    "url",
    [
        "http://plant.example:8600",
        "ftp://127.0.0.1",
        "https://",
        "http://127.0.0.1:x",
        "https://u@h.example",
        "https://a..b:1",
        "http://127.0.0.1:1/ä",
    ],
)
def test_an_address_that_cannot_be_used_is_one_line(token: str, url: str) -> None:
    with pytest.raises(InputError, match=r"--url .* would be right"):
        Upstream(url, token).checked()


def test_files_that_cannot_be_used_are_one_line(token: str, tmp_path: Path) -> None:
    for text in (b"", b"two words", "nächtlich".encode()):
        (tmp_path / "bad").write_bytes(text)
        with pytest.raises(InputError, match="holds no token"):
            Upstream("http://127.0.0.1:1", str(tmp_path / "bad")).checked()
    with pytest.raises(InputError, match="not a PEM file of certificate authorities"):
        Upstream("https://up.example", token, str(tmp_path / "bad")).checked()
    assert Upstream("https://up.example", token).checked().trusted() is not None
    assert Upstream("HTTPS://up.example", token).checked().trusted() is not None, "never in clear text"


class Page(BaseHTTPRequestHandler):
    """Somebody else's server."""

    def do_POST(self) -> None:
        self.send_response(404)
        self.end_headers()
        self.wfile.write(b"<html>not here</html>")

    def log_message(self, format: str, *words: Any) -> None:
        pass


@pytest.fixture
def elsewhere() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_answer_that_is_not_openc2_is_none(token: str, elsewhere: str) -> None:
    with pytest.raises(Unreached, match="answers HTTP 404, and not in OpenC2"):
        openc2_client.say(Upstream(elsewhere, token), Command(action="query", target="features", specifier=[]), "r")


def test_runs_are_kept_with_the_account_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert playbook_up.run_file(Through(Upstream("u", "t"), "r1")) == tmp_path / "interferon" / "runs" / "r1.jsonl"
