"""The screen *Flows*: what a running installation tells of feeds, crossings and dead letters, and what the page shows of it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest
from starlette.testclient import TestClient

from interferon.model.records import DeadLetter
from interferon.runtime.traffic import HOUR, MINUTE, Traffic
from interferon.sense.batches import batch
from interferon.store import examples
from interferon.web import flows
from interferon.web.app import create_app
from interferon.web.figures import size
from interferon.web.live import _pulse
from interferon.web.view import Feed
from tests.browser.staged import Staged

NETWORK = examples.build("minimal")
CONDUIT = next(iter(NETWORK.conduits.values()))
START = 1_767_600_000_000_000 // MINUTE * MINUTE


def in_zone(zone: str) -> str:
    return f"asset:{NETWORK.assets_in[zone][0]}"


def traffic() -> Traffic:
    return Traffic({f"asset:{asset.id}": asset.zone for asset in NETWORK.assets.values()})


def moved(*rows: tuple[int, str, str, str], kind: str = "network.flow") -> pa.RecordBatch:
    """Rows of (minute, source, target, service)."""
    columns: dict[str, Any] = {
        "time": [START + minute * MINUTE for minute, *_ in rows],
        "offset": range(len(rows)),
        "entity": [row[1] if ":" in row[1] else f"address:{row[1]}" for row in rows],
        "kind": [kind] * len(rows),
        "source": [row[1] for row in rows],
        "target": [row[2] for row in rows],
        "object": [row[3] for row in rows],
        "bytes": [100] * len(rows),
    }
    return batch("activity", "tap", columns)


FROM, TO = in_zone(CONDUIT.from_zone), in_zone(CONDUIT.to_zone)
ALLOWED = f"tcp/{CONDUIT.port}"


def test_crossings_are_counted_by_zones_and_service_and_hold_their_conduit() -> None:
    seen = traffic()
    seen.take(
        moved(
            (0, FROM, TO, ALLOWED), (0, FROM, TO, ALLOWED), (3, FROM, TO, "tcp/9"), (3, TO, FROM, ALLOWED), (3, "203.0.113.9", TO, "tcp/22")
        )
    )
    seen.take(moved((4, FROM, TO, ALLOWED), (4, FROM, FROM, "tcp/80")))
    found = {key: (each.events, each.bytes, each.conduit(NETWORK)) for key, each in seen.crossings.items()}
    assert found == {
        (CONDUIT.from_zone, CONDUIT.to_zone, ALLOWED): (3, 300, CONDUIT.id),
        (CONDUIT.from_zone, CONDUIT.to_zone, "tcp/9"): (1, 100, ""),
        (CONDUIT.to_zone, CONDUIT.from_zone, ALLOWED): (1, 100, ""),  # a conduit is a way, not a road in both directions
        ("", CONDUIT.to_zone, "tcp/22"): (1, 100, ""),
    }
    assert seen.crossings[(CONDUIT.from_zone, CONDUIT.to_zone, ALLOWED)].last_hour()[-5:] == (2, 0, 0, 0, 1)


def test_what_is_new_or_from_outside_is_news_and_what_was_there_from_the_first_day_is_not() -> None:
    seen, day = traffic(), 24 * 60
    seen.take(moved((0, FROM, TO, "tcp/9"), (1, "203.0.113.9", TO, "tcp/22")))
    seen.take(moved((day + 60, FROM, TO, "tcp/10")))
    told = {key[2]: seen.is_news(each) for key, each in seen.crossings.items()}
    assert told == {"tcp/9": False, "tcp/22": True, "tcp/10": True}
    seen.take(moved((2 * day + 120, FROM, TO, "tcp/9")))
    assert not seen.is_news(seen.crossings[(CONDUIT.from_zone, CONDUIT.to_zone, "tcp/10")])


@pytest.mark.parametrize(
    ("quiet", "pause", "state"), [(14, 0, "live"), (16, 0, "late"), (61, 0, "silent"), (1500, 1440, "live"), (2200, 1440, "late")]
)
def test_a_feed_is_late_by_its_own_pace(quiet: int, pause: int, state: str) -> None:
    assert _pulse(quiet * MINUTE, pause * MINUTE) == state


def test_only_the_last_hour_is_kept_by_minutes() -> None:
    seen = traffic()
    for minute in range(0, 3 * HOUR, 5):
        seen.take(moved((minute, FROM, TO, ALLOWED)))
    (crossing,) = seen.crossings.values()
    assert crossing.events == 36
    assert len(crossing.minutes) == 12
    assert sum(crossing.last_hour()) == 12


def test_other_kinds_of_activity_and_events_without_ends_are_no_flows() -> None:
    seen = traffic()
    seen.take(moved((0, FROM, TO, "x"), kind="auth.login"))
    nobody = moved((0, FROM, TO, "x"))
    seen.take(
        nobody.set_column(
            nobody.schema.get_field_index("target"),
            nobody.schema.field("target"),
            pa.nulls(1, pa.string()).dictionary_encode().cast(nobody.schema.field("target").type),
        )
    )
    assert seen.crossings == {}


@dataclass
class Link:
    name: str
    kind: str = "mqtt"
    state: str = "retrying"
    since: int = START
    error: str = "connection refused"


class Running:
    """Only what the screen reads."""

    def __init__(self) -> None:
        self.traffic, self.feeds, self.findings, self.dead, self.letters = traffic(), {}, {}, {"tap": 3}, []  # type: ignore[var-annotated]
        self.changed, self.given = 0, []  # type: ignore[var-annotated]
        self.rules = self
        self.network = NETWORK
        self.again = self.given.append

    def known(self, reference: str) -> str:
        return "" if reference.removeprefix("asset:") in NETWORK.assets else f"unknown entity {reference}"


def letter(offset: int, asset: str, raw: str = "") -> DeadLetter:
    text = raw or f'{{"family":"telemetry","time":{START},"entity":"asset:{asset}","signal":"level","value":1.0}}'
    return DeadLetter(
        feed="tap", offset=offset, time=START + offset, family="telemetry", entity=f"asset:{asset}", reason=f"row {offset}: no", raw=text
    )


def test_feeds_that_need_a_look_come_first_and_a_live_one_that_never_spoke_is_there() -> None:
    run: Any = Running()
    spoke = Feed(name="tap", family="activity", rows=5, dead_letters=3, last=START, state="live")
    view = flows.view(run, [spoke], [Link("plant"), Link("tap", state="connected")], {"soc": "answered 503"})
    assert [(each.feed.name, each.connection, each.feed.state) for each in view.feeds] == [
        ("plant", "retrying", "silent"),
        ("tap", "connected", "live"),
    ]
    assert (view.letters_in_all, view.outlets, view.can_retry) == (3, (("soc", "answered 503"),), True)


def test_letters_of_one_reason_are_one_group_and_are_given_in_again_once_they_can_be_read() -> None:
    run: Any = Running()
    known = next(iter(NETWORK.assets))
    run.letters += [letter(1, known), letter(2, "plc-99"), letter(3, known), letter(4, known, raw="no json")]
    (group,) = flows.view(run, [], [], {}).letters
    assert (group.count, group.feed, group.newest) == (4, "tap", START + 4)
    assert flows.retried(run, group.key, 10).startswith("2 of 4 were given in again")
    assert [each.column("offset").to_pylist() for each in run.given] == [[10], [12]]
    assert [each.offset for each in run.letters] == [2, 4]
    assert flows.retried(run, group.key, 20) == "None of the 2 can be read yet: row 4: no"
    assert flows.retried(run, "unknown", 20).startswith("These letters are no longer at hand")


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = create_app(Staged(), None, b"s" * 32)
    with TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 50000)) as one:
        yield one


def test_the_page_shows_what_no_conduit_allows_first(client: TestClient) -> None:
    page = client.get("/flows").text
    assert page.index("outside the tables") < page.index("c-1")
    assert "has been silent for 62 minutes" in page
    assert re.search(r"New without a conduit</dt><dd><b><span[^>]*>▲</span> 1</b> <span>of 1 that no conduit allows, of 2 flows", page)
    assert client.get("/").text.count('href="/flows"') == 1


def test_dead_letters_are_tried_again_by_who_may(client: TestClient) -> None:
    page = client.get("/flows").text
    token = re.search(r'action="/letters/k1"><input type="hidden" name="csrf" value="([0-9a-f]+)"', page)
    assert token
    assert client.post("/letters/k1", data={"csrf": "0" * 64}).status_code == 403
    answer = client.post("/letters/k1", data={"csrf": token[1]})
    assert "3 of 3 were given in again." in answer.text
    assert "plc-99" not in answer.text


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (8_120_044, "8.1 MB"), (3e13, "30 TB")])
def test_sizes_read_well(count: float, text: str) -> None:
    assert size(count) == text
