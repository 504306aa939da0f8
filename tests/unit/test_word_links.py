"""Links in messages: one person, one plan, exactly what was shown, once, until its time is over; looking at one changes nothing."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from interferon.model.errors import InputError, PolicyError
from interferon.store import used_links
from interferon.store.used_links import UsedLinks
from interferon.trust.word_link import WordLink, name, read, written
from interferon.web.app import create_app
from interferon.web.word import Links
from tests.browser.staged import PLAN, START, Staged, StagedAccounts

SECRET = b"k" * 32
HOUR = 3_600_000_000
LINK = WordLink(plan="p-1", alternative=1, digest="d-1", person="omar", until=PLAN.time + 8 * HOUR)


def test_a_link_says_what_was_signed() -> None:
    assert read(written(LINK, SECRET), SECRET, LINK.until) == LINK


@given(st.data())
def test_no_change_of_a_link_is_one_of_ours(data: st.DataObject) -> None:
    token = written(LINK, SECRET)
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("abcABC019-_.=é "))
    changed = token[:place] + letter + token[place + 1 :]
    try:
        found = read(changed, SECRET, START)
    except PolicyError:
        return
    assert found == LINK  # the spare bits of the last letter of base64: the same link, which counts as used with it
    assert name(found) == name(LINK)


@pytest.mark.parametrize("token", ["", ".", "a.b", "x" * 5000, written(LINK, b"j" * 32), written(LINK, SECRET) + ".x"])
def test_what_we_did_not_sign_is_refused(token: str) -> None:
    with pytest.raises(PolicyError, match="not one of ours"):
        read(token, SECRET, START)


def test_what_was_signed_and_is_no_link_is_refused() -> None:
    other = msgspec.structs.replace(LINK, alternative="one")
    with pytest.raises(PolicyError, match="not one of ours"):
        read(written(other, SECRET), SECRET, START)


def test_the_time_of_a_link_ends() -> None:
    with pytest.raises(PolicyError, match="time of this link is over"):
        read(written(LINK, SECRET), SECRET, LINK.until + 1)


def test_what_was_used_stays_used_after_a_restart(tmp_path: Path) -> None:
    used = UsedLinks(tmp_path)
    assert used.take("a" * 64)
    assert not used.take("a" * 64)
    again = UsedLinks(tmp_path)
    assert again.known("a" * 64)
    assert not again.take("a" * 64)
    assert again.take("b" * 64)


def test_a_line_that_a_crash_cut_off_lets_no_other_link_be_used_twice(tmp_path: Path) -> None:
    (tmp_path / used_links.USED).write_text("a" * 30)
    assert UsedLinks(tmp_path).take("b" * 64)
    assert not UsedLinks(tmp_path).take("b" * 64)
    (tmp_path / used_links.USED).write_bytes(b"\xff")
    with pytest.raises(InputError, match="which links were used is not known"):
        UsedLinks(tmp_path)


def test_the_key_is_made_once_and_is_the_owners_alone(tmp_path: Path) -> None:
    made = used_links.secret(tmp_path)
    assert (len(made), used_links.secret(tmp_path)) == (32, made)
    assert (tmp_path / used_links.KEY).stat().st_mode & 0o777 == 0o600
    (tmp_path / used_links.KEY).write_bytes(b"short")
    with pytest.raises(InputError, match="is damaged: it holds 5 bytes instead of 32"):
        used_links.secret(tmp_path)
    with pytest.raises(InputError, match="cannot be written"):
        used_links.secret(tmp_path / "none")


def test_a_list_that_cannot_be_kept_lets_nothing_through(tmp_path: Path) -> None:
    used = UsedLinks(tmp_path)
    (tmp_path / used_links.USED).mkdir()
    with pytest.raises(InputError, match="the link was not used"):
        used.take("a" * 64)
    assert not used.known("a" * 64)


# ---- the page


@pytest.fixture
def source() -> Staged:
    return Staged()


@pytest.fixture
def page(source: Staged, tmp_path: Path) -> Iterator[TestClient]:
    links = Links(SECRET, UsedLinks(tmp_path))
    app = create_app(source, StagedAccounts(), b"s" * 32, links=links)
    with TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 50000), follow_redirects=False) as client:
        yield client


def path(**changes: object) -> str:
    return f"/word/{written(msgspec.structs.replace(LINK, **changes), SECRET)}"


def test_whoever_has_the_link_looks_without_changing_and_answers_once(page: TestClient, source: Staged) -> None:
    for _ in range(3):  # a mail program, its preview, the person
        text = page.get(path()).text
        assert "For omar" in text
        assert "isolate asset plc-4" in text
        assert "nothing is done. This link works once, for omar alone." in text
    assert source.decision.status == "waiting"
    done = page.post(path(), data={"word": "approve"})
    assert (done.status_code, "Approved. Thank you, omar." in done.text) == (200, True)
    assert (source.decision.status, source.decision.person) == ("verified", "omar")
    other = path()[:-1] + chr(ord(path()[-1]) + 1)  # may say the same: base64 has bits to spare at its end
    assert page.post(other, data={"word": "veto"}).status_code in (404, 410)
    for again in (page.get(path()), page.post(path(), data={"word": "approve"}), page.post(path(), data={"word": "veto"})):
        assert (again.status_code, "This link was used already." in again.text) == (410, True)


def test_a_link_opens_no_other_door(page: TestClient) -> None:
    page.get(path())
    page.post(path(), data={"word": "veto"})
    assert page.get("/").status_code == 303
    assert page.get("/approvals").status_code == 303


def test_a_veto_by_link(page: TestClient, source: Staged) -> None:
    assert "Vetoed." in page.post(path(), data={"word": "veto"}).text
    assert source.decision.status == "vetoed"


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"person": "vera"}, "vera (viewer) may not approve plans"), ({"person": "nobody"}, "There is no account nobody that is in use")],
)
def test_policy_says_whether_the_person_may(page: TestClient, source: Staged, changes: dict[str, object], why: str) -> None:
    answer = page.post(path(**changes), data={"word": "approve"})
    assert (answer.status_code, why in answer.text) == (403, True)
    assert source.decision.status == "waiting"


def test_what_has_changed_since_is_not_approved(page: TestClient, source: Staged) -> None:
    answer = page.post(path(digest="d-0"), data={"word": "approve"})
    assert (answer.status_code, "What was approved is not what plan p-1 holds" in answer.text) == (409, True)
    assert source.decision.status == "waiting"


@pytest.mark.parametrize(("token", "why"), [("x.y", "This link is not one of ours."), ("", "There is no such page.")])
def test_a_wrong_link_is_told(page: TestClient, token: str, why: str) -> None:
    answer = page.get(f"/word/{token}")
    assert (answer.status_code, why in answer.text) == (404, True)


def test_a_link_that_is_too_old_or_about_nothing_is_told(page: TestClient) -> None:
    assert "The time of this link is over." in page.get(path(until=START - 1)).text
    assert "There is no plan p-9." in page.get(path(plan="p-9")).text


def test_a_list_that_cannot_be_written_is_told_and_nothing_counts(page: TestClient, source: Staged, tmp_path: Path) -> None:
    (tmp_path / used_links.USED).mkdir()
    answer = page.post(path(), data={"word": "approve"})
    assert (answer.status_code, "cannot be written" in answer.text) == (503, True)
    assert source.decision.status == "waiting"


@pytest.mark.parametrize("word", ["Veto", "veto ", "no", "approved", "x"])
def test_what_is_neither_approve_nor_veto_is_no_word_and_uses_no_link(page: TestClient, source: Staged, word: str) -> None:
    answer = page.post(path(), data={"word": word})
    assert (answer.status_code, "A word is approve or veto" in answer.text) == (422, True)
    assert source.decision.status == "waiting"
    assert page.post(path(), data={"word": "veto"}).status_code == 200
