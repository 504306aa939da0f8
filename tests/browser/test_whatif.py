"""The screen Plan in a real headless Chromium: a click closes a zone; figures, maps and the trade-off follow. Also without script."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Position, expect

from tests.browser.planned import Planned
from tests.browser.test_screens import CONTRAST, Open, browser, opened, show, shown, stage  # noqa: F401 - fixtures

ASKED = "/whatif?close=zone:plant-1-ops&close=node:plant-1&until=48h"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with shown(Planned(tmp_path_factory.mktemp("planned"))) as (url, _):
        yield url


def closed(page: Page) -> list[str]:
    return parse_qs(urlsplit(page.url).query).get("close", [])


def box_of(page: Page, ref: str) -> Position:
    """The middle of a zone's or node's box on the network map."""
    width = page.locator("#map").evaluate("map => map.parentElement.clientWidth")
    layout = page.request.get(f"{page.url.partition('/whatif')[0]}/map/network.json?width={width}").json()["layout"]
    box = next(box for box in (*layout["zones"], *layout["nodes"]) if box["ref"] == ref)
    return {"x": box["x"] + box["w"] / 2, "y": box["y"] + box["h"] / 2}


def test_a_click_on_a_zone_closes_it_and_another_opens_it_again(url: str, opened: Open) -> None:  # noqa: F811 - fixture
    page = opened(f"{url}/whatif")
    expect(page.locator("#map")).to_have_attribute("data-chosen", "0")
    expect(page.locator("#figures")).to_have_count(0)
    page.locator("#map").click(position=box_of(page, "zone:plant-1-ops"))
    expect(page.locator("#map")).to_have_attribute("data-chosen", "1")
    assert closed(page) == ["zone:plant-1-ops"]
    expect(page.locator("#atonce")).to_be_visible()
    expect(page.locator("#figures tbody tr")).to_have_count(3)
    page.locator("#map").click(position=box_of(page, "node:plant-1"))
    expect(page.locator("#map")).to_have_attribute("data-chosen", "2")
    assert sorted(closed(page)) == ["node:plant-1", "zone:plant-1-ops"]
    page.locator("#map").click(position=box_of(page, "zone:plant-1-ops"))
    expect(page.locator("#map")).to_have_attribute("data-chosen", "1")
    assert closed(page) == ["node:plant-1"]


def test_maps_and_trade_off_are_drawn(url: str, opened: Open, tmp_path: Path) -> None:  # noqa: F811 - fixture
    page = opened(f"{url}/whatif?close=zone:plant-1-ops&close=node:plant-1")
    expect(page.locator("#lanes-before")).to_have_attribute("data-rerouted", "0")
    expect(page.locator("#lanes-after")).not_to_have_attribute("data-rerouted", "0")
    expect(page.locator("svg.curve")).to_be_visible()  # by itself, once it is computed
    points = page.locator("svg.curve a")
    assert points.count() == page.locator("#ways tbody tr").count() >= 2
    points.first.click()
    expect(page.locator("#way-1:target")).to_have_count(1)
    page.screenshot(path=tmp_path / "whatif.png", full_page=True)


def test_a_click_on_a_place_of_the_map_closes_it(url: str, opened: Open) -> None:  # noqa: F811 - fixture
    page = opened(f"{url}/whatif?close=zone:plant-1-ops")
    lanes = page.locator("#lanes-after")
    expect(lanes).to_have_attribute("data-drawn", "2")
    size = lanes.bounding_box()
    assert size
    over = "() => document.querySelector('#lanes-after').title"
    for y in range(8, int(size["height"]), 8):
        for x in range(8, int(size["width"]), 16):
            lanes.dispatch_event("mousemove", {"clientX": size["x"] + x, "clientY": size["y"] + y})
            if "(plant-1): close" in page.evaluate(over):
                lanes.click(position={"x": x, "y": y})
                expect(page.locator("#map")).to_have_attribute("data-chosen", "2")
                assert "node:plant-1" in closed(page)
                return
    raise AssertionError("no place could be found on the map")


def test_boxes_do_it_by_keyboard(url: str, opened: Open) -> None:  # noqa: F811 - fixture
    page = opened(f"{url}/whatif")
    page.get_by_role("checkbox", name="plant-1-ops zone, level 3").focus()
    page.keyboard.press("Space")
    page.get_by_label("Until").focus()
    page.keyboard.type("24h")
    page.keyboard.press("Enter")
    expect(page.locator("#figures")).to_be_visible()
    assert closed(page) == ["zone:plant-1-ops"]
    expect(page.get_by_label("Until")).to_have_value("24h")
    page.get_by_role("link", name="Open everything").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#figures")).to_have_count(0)


def test_it_works_without_script(url: str, browser: Browser) -> None:  # noqa: F811 - fixture
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{url}/whatif")
    page.get_by_role("checkbox", name="plant-1-ops zone, level 3").check()
    page.get_by_role("button", name="Show what it comes to").click()
    expect(page.locator("#figures tbody tr")).to_have_count(3)
    with page.expect_download() as told:
        page.get_by_role("link", name="orders.csv").click()
    assert told.value.suggested_filename == "orders.csv"
    context.close()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing(url: str, opened: Open, dark: bool) -> None:  # noqa: F811 - fixture
    for path in ("/whatif", ASKED):
        page = opened(url + path, dark=dark)
        if path == ASKED:
            expect(page.locator("svg.curve")).to_be_visible()
        page.evaluate("document.querySelectorAll('details').forEach(twin => { twin.open = true })")
        found = Axe().run(page, options=CONTRAST if dark else None)
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"


@pytest.mark.parametrize("width", [360, 390])
def test_a_telephone_needs_no_sideways_scrolling(url: str, opened: Open, width: int) -> None:  # noqa: F811 - fixture
    page = opened(url + ASKED, width, 844)
    expect(page.locator("svg.curve")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    before, after = (page.locator(f"#lanes-{side}").bounding_box() for side in ("before", "after"))
    assert before
    assert after
    assert after["y"] > before["y"] + before["height"]


def test_an_incident_s_plan_leads_here(opened: Open, stage: tuple[str, object]) -> None:  # noqa: F811 - fixture
    page = opened(f"{stage[0]}/plan/p-1")
    page.get_by_role("link", name="What if").click()
    expect(page.get_by_role("checkbox", name="asset plc-4")).to_be_checked()
    expect(page.get_by_label("Until")).to_have_value("4h")
    expect(page.get_by_role("alert")).to_contain_text("No plan: ")
