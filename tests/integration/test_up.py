"""`interferon up` as a program of its own: what lands in `feeds` is on the pages, a kill changes nothing, people log in with their role."""

import json
import re
import signal
import subprocess
import time
from pathlib import Path

import httpx2
import pytest

from interferon.store import examples
from interferon.store.accounts import Accounts
from interferon.store.examples import START
from tests.conftest import PROGRAM, Up

SECOND = 1_000_000
PASSWORD = "a good long password"


def lines(asset: str, at: int) -> str:
    """Backups deleted, files encrypted, the log cleared; then a minute later a heartbeat, which lets the frame close."""
    rows: list[dict[str, object]] = [
        {"kind": "process.start", "object": "vssadmin.exe", "attributes": {"command_line": "vssadmin delete shadows /all"}},
        {"kind": "file.access", "object": "share", "code": "rename", "attributes": {"files": 4000, "entropy": 7.9}},
        {"kind": "log.status", "object": "security", "code": "cleared"},
        {"kind": "log.status", "object": "security", "code": "heartbeat", "time": at + 120 * SECOND},
    ]
    head = {"family": "activity", "entity": f"asset:{asset}"}
    return "".join(json.dumps({"time": at + place * SECOND, **head, **row}) + "\n" for place, row in enumerate(rows))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The small example, not signed: it only observes."""
    examples.write("minimal", tmp_path / "net")
    (tmp_path / "net" / "feeds").mkdir()
    return tmp_path / "net"


def cases(browser: httpx2.Client, wanted: int, seconds: float = 20.0) -> list[str]:
    """The incidents on the first page, once there are as many as wanted."""
    end = time.monotonic() + seconds
    found: list[str] = []
    while len(found) < wanted and time.monotonic() < end:
        found = sorted(re.findall(r'id="case-([^"]+)"', browser.get("/").text))
        time.sleep(0.1)
    assert len(found) == wanted
    return found


def token(page: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
    assert found
    return found[1]


def plans(browser: httpx2.Client, incident: str) -> list[str]:
    return sorted(set(re.findall(r"/plan/([\w.-]+)", browser.get(f"/incident/{incident}").text)))


def records(folder: Path, name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "state/records" / f"{name}.ndjson").read_bytes().splitlines()]


def test_events_come_to_the_page_and_a_kill_loses_and_doubles_nothing(folder: Path, up: Up, browser: httpx2.Client) -> None:
    feed = folder / "feeds" / "edr.ndjson"
    with up() as process:
        feed.write_text(lines("srv-1", START))
        (first,) = cases(browser, 1)
        assert "srv-1" in browser.get(f"/incident/{first}").text
        (plan,) = plans(browser, first)
        process.send_signal(signal.SIGKILL)
        process.wait()
    with feed.open("a") as out:
        out.write(lines("erp-1", START + 3 * 3600 * SECOND) + '{"half a line')
    with up():
        assert "erp-1" in _soon(browser, f"/incident/{first}", "erp-1")  # a server and what it serves: one incident
        assert cases(browser, 1) == [first]
        assert plan in plans(browser, first)
        assert _rows(browser) == 8
    kept = [finding["id"] for finding in records(folder, "findings")]
    assert len(kept) == len(set(kept)) == 6
    made = [made["id"] for made in records(folder, "plans")]
    assert len(made) == len(set(made))
    assert made[0] == plan
    assert records(folder, "dead_letters") == []


def _rows(browser: httpx2.Client) -> int:
    """Rows of all feeds, as the first page tells."""
    return sum(
        int(rows.replace(",", "")) for rows in re.findall(r'edr.*?</th>.*?<td class="num">([\d,]+)</td>', browser.get("/").text, re.DOTALL)
    )


def test_only_people_with_an_account_get_in_and_only_as_far_as_their_role_goes(folder: Path, up: Up, browser: httpx2.Client) -> None:
    accounts = Accounts(folder)
    for name, role in (("vera", "viewer"), ("otto", "operator")):
        accounts.add(name, role, PASSWORD, "2026-01-05T00:00:00+00:00")
    (folder / "feeds" / "edr.ndjson").write_text(lines("srv-1", START))
    with up():
        assert browser.get("/").url.path == "/login"
        wrong = _log_in(browser, "vera", "another long password")
        assert (wrong.status_code, "do not fit together" in wrong.text) == (401, True)
        assert _log_in(browser, "vera", PASSWORD).url.path == "/"
        (incident,) = cases(browser, 1)
        (plan,) = plans(browser, incident)
        page = browser.get(f"/plan/{plan}").text
        answer = browser.post(f"/plan/{plan}/approve", data={"alternative": "0", "csrf": token(page)})
        assert (answer.status_code, "vera (viewer) may not approve plans" in answer.text) == (403, True)
        browser.post("/logout", data={"csrf": token(page)})
        assert _log_in(browser, "otto", PASSWORD).url.path == "/"
        page = browser.get(f"/plan/{plan}").text
        answer = browser.post(f"/plan/{plan}/approve", data={"alternative": "0", "csrf": token(page)})
        assert (answer.status_code, "only observes" in answer.text) == (409, True)
        said = browser.post(f"/incident/{incident}/verdict", data={"verdict": "benign", "note": "a drill", "csrf": token(page)})
        assert said.status_code == 200
        assert "otto judged this benign: a drill" in _soon(browser, f"/incident/{incident}", "otto judged this")


def _log_in(browser: httpx2.Client, name: str, password: str) -> httpx2.Response:
    return browser.post("/login", data={"name": name, "password": password, "csrf": token(browser.get("/login").text)})


def _soon(browser: httpx2.Client, path: str, wanted: str) -> str:
    """The page, once what is wanted is on it: a person's word waits for the pipeline's next turn."""
    end = time.monotonic() + 10
    while wanted not in (page := browser.get(path).text) and time.monotonic() < end:
        time.sleep(0.1)
    return page


@pytest.mark.parametrize(("asked", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_ends_when_it_is_asked_to_and_closes_its_files(
    folder: Path, up: Up, browser: httpx2.Client, asked: signal.Signals, code: int
) -> None:
    (folder / "feeds" / "edr.ndjson").write_text(lines("srv-1", START))
    with up() as process:
        cases(browser, 1)
        process.send_signal(asked)
        assert process.wait(20) == code
    assert len(records(folder, "findings")) == 3
    assert "Traceback" not in (folder.parent / "up.log").read_text()


def test_a_port_that_is_taken_is_told_in_one_line(folder: Path, up: Up, free_port: int, tmp_path: Path) -> None:
    examples.write("minimal", tmp_path / "other")
    with up():
        words = [*PROGRAM, "up", str(tmp_path / "other"), "--port", str(free_port)]
        second = subprocess.run(words, capture_output=True, text=True, check=False)
    assert second.returncode == 2
    assert second.stderr.splitlines()[-1] == f"interferon: port {free_port} is in use; choose another with --port"
    assert "Traceback" not in second.stderr
