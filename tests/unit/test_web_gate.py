"""Who is let in and what is refused: hosts, sessions, CSRF, roles, throttling, headers."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from interferon.trust.policy import builtin_policy
from interferon.web.app import create_app
from interferon.web.guard import host_name, is_loopback
from interferon.web.roles import RoleTable
from interferon.web.sessions import COOKIE, LIFE_S, MOST, Sessions
from interferon.web.throttle import FORGET_S, FREE, LONGEST_S, Throttle
from interferon.web.view import Accounts
from tests.browser.staged import Staged, StagedAccounts

Client = Callable[..., TestClient]
PATHS = ("/", "/incident/i-1", "/plan/p-1", "/zone/plant-a-line1", "/map/network.json", "/map/lanes.json", "/events")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def source() -> Staged:
    return Staged()


@pytest.fixture
def client(source: Staged) -> Iterator[Client]:
    opened: list[TestClient] = []

    def make(accounts: Accounts | None = None, host: str = "127.0.0.1:8600", address: str = "127.0.0.1", tls: bool = False) -> TestClient:
        app = create_app(source, accounts, b"s" * 32, tls=tls)
        scheme = "https" if tls else "http"
        opened.append(TestClient(app, base_url=f"{scheme}://{host}", client=(address, 50000), follow_redirects=False))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def token(page: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
    assert found
    return found[1]


def standing(source: Staged) -> str:
    return source.decision.status


def logged_in(client: TestClient, name: str, password: str) -> TestClient:
    answer = client.post("/login", data={"name": name, "password": password, "csrf": token(client.get("/login").text)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    return client


@pytest.mark.parametrize("host", ["127.0.0.1:8600", "localhost:8600", "[::1]:8600", "localhost"])
def test_without_accounts_this_machine_is_the_local_operator(client: Client, host: str) -> None:
    answer = client(host=host).get("/")
    assert answer.status_code == 200
    assert "local@loopback" in answer.text


@pytest.mark.parametrize("host", ["evil.example:8600", "127.0.0.1.evil.example", "10.0.0.5:8600", ""])
def test_without_accounts_another_name_for_this_machine_is_refused(client: Client, host: str) -> None:
    answer = client().get("/", headers={"host": host})
    assert answer.status_code == 403
    assert "Staged network" not in answer.text


def test_without_accounts_another_machine_is_refused(client: Client) -> None:
    answer = client(address="10.0.0.9").get("/")
    assert answer.status_code == 403
    assert "interferon user add" in answer.text


def test_with_accounts_nothing_is_shown_before_the_login(client: Client) -> None:
    page = client(StagedAccounts())
    for path in PATHS:
        answer = page.get(path)
        assert answer.status_code in {303, 401}, path
        assert "plc-4" not in answer.text
    assert page.get("/").headers["location"] == "/login"
    assert "Staged network" not in page.get("/login").text
    assert page.get("/", headers={"hx-request": "true"}).headers["hx-redirect"] == "/login"


def test_a_first_account_ends_the_local_operator(client: Client) -> None:
    accounts = StagedAccounts(some=False)
    page = client(accounts)
    assert page.get("/").status_code == 200
    accounts.some = True
    assert page.get("/").status_code == 303


def test_a_change_without_the_token_is_refused(client: Client, source: Staged) -> None:
    page = client()
    good = token(page.get("/plan/p-1").text)
    for bad in ("", "0" * 64, good[:-1] + ("0" if good[-1] != "0" else "1"), "ü"):
        answer = page.post("/plan/p-1/approve", data={"alternative": "1", "digest": "d-1", "csrf": bad})
        assert answer.status_code == 403
        assert "Nothing was changed" in answer.text
    assert source.decision.status == "waiting"


def test_a_token_of_another_browser_is_refused(client: Client, source: Staged) -> None:
    other = token(client().get("/plan/p-1").text)
    page = client()
    page.get("/")
    assert page.post("/plan/p-1/approve", data={"alternative": "1", "digest": "d-1", "csrf": other}).status_code == 403
    assert source.decision.status == "waiting"


def test_a_form_of_another_origin_is_refused_although_its_token_fits(client: Client, source: Staged) -> None:
    page = client()
    data = {"alternative": "1", "digest": "d-1", "csrf": token(page.get("/plan/p-1").text)}
    assert page.post("/plan/p-1/approve", data=data, headers={"origin": "http://evil.example"}).status_code == 403
    assert page.post("/plan/p-1/approve", data=data, headers={"origin": "null"}).status_code == 403
    assert standing(source) == "waiting"
    assert page.post("/plan/p-1/approve", data=data, headers={"origin": "http://127.0.0.1:8600"}).status_code == 303
    assert standing(source) == "verified"


def test_the_token_may_come_in_a_header(client: Client, source: Staged) -> None:
    page = client()
    headers = {"x-csrf-token": token(page.get("/plan/p-1").text)}
    assert page.post("/plan/p-1/veto", headers=headers).status_code == 303
    assert source.decision.status == "vetoed"


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/plan/p-1/approve", {"alternative": "1", "digest": "d-1"}),
        ("/plan/p-1/veto", {}),
        ("/incident/i-1/verdict", {"verdict": "benign"}),
    ],
)
def test_a_viewer_changes_nothing_even_with_a_good_token(client: Client, source: Staged, path: str, data: dict[str, str]) -> None:
    page = logged_in(client(StagedAccounts()), "vera", "look-only-1")
    text = page.get("/plan/p-1").text
    assert "Approve" not in text
    assert "may look, not approve" in text
    answer = page.post(path, data={**data, "csrf": token(text)})
    assert answer.status_code == 403
    assert "vera (viewer) may not" in answer.text
    assert (source.decision.status, source.verdicts) == ("waiting", [])


def test_an_operator_approves_under_their_own_name(client: Client, source: Staged) -> None:
    page = logged_in(client(StagedAccounts()), "omar", "may-approve-2")
    data = {"alternative": "1", "digest": "d-1", "csrf": token(page.get("/plan/p-1").text)}
    assert page.post("/plan/p-1/approve", data=data).headers["location"] == "/plan/p-1"
    assert source.decision.person == "omar"
    again = page.post("/plan/p-1/approve", data=data)
    assert again.status_code == 409
    assert "Not done: The plan is already verified." in again.text
    assert 'hx-get="/plan/p-1"' in again.text  # the refusal's page goes on living at the plan's own address


def test_logging_out_ends_the_session_on_the_server(client: Client) -> None:
    page = logged_in(client(StagedAccounts()), "omar", "may-approve-2")
    key = page.cookies[COOKIE]
    assert page.get("/").status_code == 200
    assert page.post("/logout", data={"csrf": token(page.get("/").text)}).status_code == 303
    page.cookies.set(COOKIE, key)
    assert page.get("/").status_code == 303


def test_a_login_gets_a_new_key(client: Client) -> None:
    page = client(StagedAccounts())
    page.get("/login")
    before = page.cookies[COOKIE]
    logged_in(page, "omar", "may-approve-2")
    assert page.cookies[COOKIE] != before


def test_guessing_is_slowed_down_and_says_so(client: Client) -> None:
    page = client(StagedAccounts())
    csrf = token(page.get("/login").text)
    for _ in range(FREE):
        assert page.post("/login", data={"name": "omar", "password": "wrong", "csrf": csrf}).status_code == 401
    held = page.post("/login", data={"name": "omar", "password": "may-approve-2", "csrf": csrf})
    assert held.status_code == 429
    assert "Try again in" in held.text


def test_the_cookie_is_kept_from_scripts_and_other_sites(client: Client) -> None:
    plain = client().get("/").headers["set-cookie"].lower()
    assert "httponly" in plain
    assert "samesite=strict" in plain
    assert "secure" not in plain
    sealed = client(StagedAccounts(), tls=True).get("/login")
    assert "secure" in sealed.headers["set-cookie"].lower()
    assert sealed.headers["strict-transport-security"]


@pytest.mark.parametrize("path", ["/", "/nothing", "/static/app.js", "/map/lanes.json"])
def test_every_answer_carries_the_headers(client: Client, path: str) -> None:
    answer = client().get(path)
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/", "/incident/i-1", "/plan/p-1", "/zone/plant-a-line1", "/nothing"])
def test_pages_have_no_inline_script_or_style(client: Client, path: str) -> None:
    text = client().get(path).text
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|hx-on|javascript:", text)


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/plan/none", 404, "There is no plan none."),
        ("/incident/none", 404, "There is no incident none."),
        ("/zone/none", 404, "There is no zone none."),
        ("/band.json?entity=asset:x&signal=y", 404, "There is no chart of y on asset:x."),
        ("/band.json", 422, "incomplete"),
        ("/map/network.json?width=-1", 422, "incomplete"),
        ("/nothing", 404, "There is no such page."),
        ("/plan/p-1/approve", 405, "cannot be asked"),
    ],
)
def test_what_is_not_there_is_told_in_one_sentence(client: Client, path: str, status: int, text: str) -> None:
    answer = client().get(path)
    assert answer.status_code == status
    assert text in answer.text


def test_a_verdict_is_one_of_three_and_its_note_is_short(client: Client, source: Staged) -> None:
    page = client()
    csrf = token(page.get("/incident/i-1").text)
    wrong = page.post("/incident/i-1/verdict", data={"verdict": "guilty", "csrf": csrf})
    assert (wrong.status_code, "A verdict is one of attack, benign, unsure" in wrong.text) == (409, True)
    long = page.post("/incident/i-1/verdict", data={"verdict": "benign", "note": "x" * 2001, "csrf": csrf})
    assert (long.status_code, "at most 2000 characters" in long.text) == (409, True)
    assert source.verdicts == []


def test_host_names_and_addresses() -> None:
    assert [host_name(text) for text in ("[::1]:8600", "LOCALHOST:1", "localhost", "::1", "a.b:80")] == [
        "::1",
        "localhost",
        "localhost",
        "::1",
        "a.b",
    ]
    assert [is_loopback(text) for text in ("127.0.0.1", "127.9.9.9", "::1", "localhost", "10.0.0.1", "testclient", "")] == [
        *[True] * 4,
        *[False] * 3,
    ]


def test_an_unknown_role_may_nothing() -> None:
    table = RoleTable()
    assert not table.may("someone", "janitor", "view")
    assert not table.may("", "owner", "view")
    assert table.may("someone", "viewer", "view")
    assert not table.may("someone", "viewer", "approve")


def test_a_session_ends_after_its_life_and_the_oldest_makes_room() -> None:
    clock = Clock()
    sessions = Sessions(b"k" * 32, clock)
    first = sessions.log_in("omar", "operator")
    assert sessions.find(first.key).person == "omar"
    clock.now += LIFE_S + 1
    assert sessions.find(first.key).person == ""
    kept = [sessions.log_in(f"p{at}", "viewer") for at in range(MOST + 1)]
    assert sessions.find(kept[0].key).person == ""
    assert sessions.find(kept[-1].key).person == f"p{MOST}"


def test_the_wait_doubles_up_to_its_longest_and_is_forgotten() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    waits = []
    for _ in range(FREE + 12):
        throttle.failed("name:omar")
        waits.append(throttle.wait_s("name:omar", "address:other"))
    assert waits[: FREE - 1] == [0.0] * (FREE - 1)
    assert waits[FREE - 1 : FREE + 3] == [1.0, 2.0, 4.0, 8.0]
    assert waits[-1] == LONGEST_S
    clock.now += FORGET_S + 1
    assert throttle.wait_s("name:omar") == 0.0
    throttle.failed("name:omar")
    assert throttle.wait_s("name:omar") == 0.0
    throttle.passed("name:omar")
    assert throttle.wait_s("name:omar") == 0.0


def rolled_back(page: TestClient, **more: str) -> Any:
    data = {"entity": "asset:plc-4", "word": "rollback:1", "reason": "learnt during the attack", **more}
    return page.post("/baseline", data={"csrf": token(page.get("/life/asset:plc-4").text), **data})


def test_a_baseline_is_rolled_back_under_a_name_and_with_a_reason(client: Client, source: Staged) -> None:
    page = logged_in(client(StagedAccounts()), "omar", "may-approve-2")
    answer = rolled_back(page)
    assert (answer.status_code, answer.headers["location"]) == (303, "/life/asset:plc-4")
    assert source.words == [("asset:plc-4", "omar", "rollback", 1, "learnt during the attack")]
    again = rolled_back(page)
    assert (again.status_code, "Not done: version 1 of asset:plc-4 is in force already" in again.text) == (409, True)
    assert rolled_back(page, word="relearn").status_code == 303
    assert source.words[-1][2:4] == ("relearn", 0)


@pytest.mark.parametrize(
    ("more", "told"),
    [({"reason": " "}, "Say why"), ({"reason": "x" * 2001}, "at most 2000"), ({"word": "rollback:one"}, "A version is a number")],
)
def test_a_word_on_a_baseline_that_is_not_whole_is_refused(client: Client, source: Staged, more: dict[str, str], told: str) -> None:
    answer = rolled_back(client(), **more)
    assert (answer.status_code, told in answer.text, source.words) == (409, True, [])


def test_who_may_take_nothing_back_sees_no_button_and_is_refused(client: Client, source: Staged) -> None:
    page = logged_in(client(StagedAccounts()), "vera", "look-only-1")
    text = page.get("/life/asset:plc-4").text
    assert "Versions of its baseline" in text
    assert "Roll back" not in text
    answer = rolled_back(page)
    assert (answer.status_code, "vera (viewer) may not take back" in answer.text) == (403, True)
    assert rolled_back(client(), csrf="0" * 64).status_code == 403
    assert source.words == []


@pytest.mark.parametrize("role", ["viewer", "planner", "operator", "engineer", "owner", "admin"])
def test_the_table_of_roles_lets_those_take_back_whom_policy_lets(role: str) -> None:
    assert RoleTable().may("ann", role, "undo") == builtin_policy("people").may("ann", role, "undo")
