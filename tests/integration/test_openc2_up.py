"""A partner's program commands a running `up` over OpenC2: through policy, a person and a real effector to an order held at an ERP."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from interferon.openc2.message import MEDIA, PATH
from interferon.store import policy_folder

from .acting_plant import PROGRAM, Acting
from .test_up import _log_in, cases, plans
from .test_up import token as csrf

Run = Callable[..., tuple[int, str, str]]
Up = Callable[[], AbstractContextManager["subprocess.Popen[bytes]"]]


@pytest.fixture
def acting(tmp_path: Path) -> Iterator[Acting]:
    """The ERP's orders, an effector that may hold them, and a policy that grants autonomy."""
    made = Acting(tmp_path)
    policy_folder.write(made.net, "demo", "people")
    policy_folder.sign(made.net, tmp_path / "key")
    with made.effector():
        yield made
    made.close()


@pytest.fixture
def up(acting: Acting, free_port: int, served: Callable[..., AbstractContextManager["subprocess.Popen[bytes]"]]) -> Up:
    return lambda: served([*PROGRAM, "up", str(acting.net), "--port", str(free_port)], free_port, acting.folder / "up.log")


@pytest.fixture
def client(free_port: int) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=f"http://127.0.0.1:{free_port}", timeout=30, follow_redirects=True) as made:
        yield made


def made_token(run: Run, acting: Acting, name: str, level: int) -> str:
    code, told, _ = run("token", "add", acting.net, name, "--action", "hold_transaction", "--level", str(level))
    assert code == 0
    return told.strip()


def command(action: str, target: str, specifier: Any, **more: Any) -> dict[str, Any]:
    return {"action": action, "target": {target: specifier}, **more}


def asks(client: httpx2.Client, secret: str, request_id: str, said: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """HTTP status, and the response within."""
    body = {"headers": {"request_id": request_id}, "body": {"openc2": {"request": said}}}
    headers = {"authorization": f"Bearer {secret}", "content-type": MEDIA, "x-request-id": request_id}
    answer = client.post(PATH, content=json.dumps(body), headers=headers)
    assert (answer.headers["content-type"], answer.headers["x-request-id"], "date" in answer.headers) == (MEDIA, request_id, True)
    assert answer.json()["headers"]["request_id"] == request_id
    return answer.status_code, answer.json()["body"]["openc2"]["response"]


def hold(order: str, **more: Any) -> dict[str, Any]:
    return command("contain", "x-interferon:transaction", f"order:{order}", **more)


def until(acting: Acting, order: str, status: str) -> None:
    end = time.monotonic() + 20
    while acting.erp.status[order] != status:
        assert time.monotonic() < end, acting.erp.status
        time.sleep(0.05)


def test_a_partner_commands_and_hears_what_became_of_it(
    run: Run, acting: Acting, up: Up, client: httpx2.Client, record_property: Callable[[str, object], None]
) -> None:
    trusted, asking = made_token(run, acting, "soc", 3), made_token(run, acting, "carrier", 1)
    with up() as process:
        _, told = asks(client, trusted, "q-1", command("query", "features", ["versions", "profiles", "pairs", "rate_limit"]))
        assert told["results"]["pairs"]["contain"] == ["x-interferon:transaction"]
        begin = time.monotonic()
        assert asks(client, trusted, "c-1", hold("o-1")) == (200, {"status": 200})
        record_property("command_to_held_s", round(time.monotonic() - begin, 2))
        assert acting.erp.status["o-1"] == "held"
        assert asks(client, asking, "c-2", command("deny", "ipv4_net", "10.50.0.10"))[0] == 403
        assert asks(client, "ifn_wrong", "c-3", hold("o-1"))[0] == 401
        assert asks(client, trusted, "c-4", hold("o-3", args={"duration": 2_000}))[1]["status"] == 200
        until(acting, "o-3", "open")
        assert asks(client, asking, "a-1", hold("o-2", command_id="held-2"))[1]["status"] == 102
        assert acting.erp.status["o-2"] == "open"
        _approved_by_olga(client)
        until(acting, "o-2", "held")
        process.send_signal(signal.SIGKILL)
        process.wait()
    with up():
        assert asks(client, trusted, "c-1", hold("o-1")) == (200, {"status": 200})
        assert asks(client, asking, "a-2", hold("o-2", command_id="held-2")) == (200, {"status": 200})
        assert asks(client, asking, "a-3", command("cancel", "command", "c-1"))[0] == 404
        assert asks(client, asking, "a-4", command("cancel", "command", "held-2")) == (200, {"status": 200})
        assert asks(client, trusted, "c-5", command("allow", "x-interferon:transaction", "order:o-1")) == (200, {"status": 200})
    assert [acting.erp.status[order] for order in ("o-1", "o-2", "o-3")] == ["open"] * 3
    assert len(acting.erp.taken) == 6


def _approved_by_olga(client: httpx2.Client) -> None:
    """The operator finds the partner's wish among what waits, and approves it."""
    assert _log_in(client, "olga", "a long enough password").status_code == 200
    assert "carrier commands hold_transaction of order:o-2 over OpenC2 (held-2)" in client.get("/approvals").text
    incident = next(each for each in cases(client, 3) if each.startswith("openc2-carrier-"))
    (name,) = plans(client, incident)
    page = client.get(f"/plan/{name}").text
    digest = page.partition('name="digest" value="')[2].partition('"')[0]
    answer = client.post(f"/plan/{name}/approve", data={"alternative": "1", "digest": digest, "csrf": csrf(page)})
    assert answer.status_code == 200


def test_a_token_that_makes_no_sense_is_one_clear_line(run: Run, minimal: Path) -> None:
    for more, why in (
        ([], "a token needs a feed that it may write"),
        (["--action", "reboot"], "no action 'reboot' can be commanded"),
        (["--action", "cut_conduit", "--level", "9"], "level is 9"),
    ):
        code, _, told = run("token", "add", minimal, "soc", *more)
        assert (code, why in told, len(told.strip().splitlines())) == (2, True, 1)


def test_tokens_tell_what_they_may_command(run: Run, minimal: Path) -> None:
    run("token", "add", minimal, "soc", "--action", "cut_conduit", "--level", "2", "--days", "0")
    assert run("token", "list", minimal)[1].split() == ["soc", "-", "for", "ever", "commands", "cut_conduit", "at", "level", "2"]
    (told,) = json.loads(run("token", "list", minimal, "--json")[1])["tokens"]
    assert (told["feeds"], told["actions"], told["level"]) == ([], ["cut_conduit"], 2)
