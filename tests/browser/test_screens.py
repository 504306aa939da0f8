"""The screens in a real headless Chromium, over a staged source: what a person sees, clicks and hears of later."""

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from interferon.web.app import create_app
from interferon.web.serve import bound, server
from interferon.web.view import Accounts
from tests.browser.staged import INCIDENT, Staged, StagedAccounts

ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
CONTRAST = {"runOnly": ["color-contrast", "link-in-text-block"]}  # all that dark colours can break
PAGES = ("/", "/incident/i-1", "/plan/p-1", "/zone/plant-a-line1", "/life/asset:plc-4", "/flows", "/approvals", "/autonomy")

Stage = tuple[str, Staged]
Open = Callable[..., Page]
Show = Callable[..., str]


@pytest.fixture(scope="module")  # not session: while it lives, asyncio.run() fails in the same process
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=ARGS)
        yield browser
        browser.close()


@contextmanager
def shown(source: Staged, accounts: Accounts | None = None) -> Iterator[Stage]:
    """The application over `source` on a free port, in a thread of this process."""
    with bound("127.0.0.1", 0) as sock:
        run = server(create_app(source, accounts, secrets.token_bytes(32)))
        thread = threading.Thread(target=run.run, kwargs={"sockets": [sock]}, daemon=True)
        thread.start()
        port = sock.getsockname()[1]
        end = time.monotonic() + 20
        while not run.started and time.monotonic() < end:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}", source
        run.should_exit = True
        thread.join(10)


@pytest.fixture
def show() -> Iterator[Show]:
    """`show(source, accounts)`: serves until the test ends, after the pages that look at it are closed."""
    with ExitStack() as stack:
        yield lambda source, accounts=None: stack.enter_context(shown(source, accounts))[0]


@pytest.fixture
def stage(show: Show) -> Stage:
    source = Staged()
    return show(source), source


@pytest.fixture
def opened(browser: Browser, show: Show) -> Iterator[Open]:
    """`opened(url, …)`: a page in a context of its own. At the end no page may have met an error."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def open_page(url: str, width: int = 1280, height: int = 800, dark: bool = False) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light")
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type in {"error", "warning"} else None)
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


def test_now_shows_the_incident_and_what_waits(stage: Stage, opened: Open) -> None:
    page = opened(stage[0])
    expect(page.locator("#case-i-1")).to_contain_text("Set point drifts on plc-4")
    expect(page.locator("#case-i-1")).to_contain_text("waiting for approval")
    expect(page.locator(".figures")).to_contain_text("78 %")
    expect(page.get_by_role("region", name="Feeds")).to_contain_text("1 of 3 feeds not live: erp (late")
    expect(page.locator("#map")).to_have_attribute("data-drawn", "28")
    expect(page.locator("#map")).to_have_attribute("data-abnormal", "3")
    page.get_by_role("link", name=INCIDENT.title, exact=True).click()
    expect(page.locator("#chart-1")).to_have_attribute("data-drawn", "360")
    expect(page.locator(".timeline")).to_contain_text("Order o-881 will leave Plant A late")
    expect(page.get_by_role("row", name="level 62 %")).to_have_count(1)


def test_a_click_approves_and_the_map_shows_the_reroute(stage: Stage, opened: Open, tmp_path: Path) -> None:
    url, source = stage
    page = opened(f"{url}/plan/p-1")
    page.get_by_role("button", name="Approve Isolate the asset").click()
    expect(page.locator("#standing")).to_contain_text("carried out and verified, approved by local@loopback")
    assert (source.decision.alternative, source.decision.person) == (1, "local@loopback")
    expect(page.get_by_role("row", name="dc-north Product 0")).to_contain_text("60 % from plant-b")
    page.goto(url)
    expect(page.locator("#map")).to_have_attribute("data-rerouted", "3")
    expect(page.locator("#map")).to_have_attribute("data-contained", "1")
    expect(page.locator("#lanes")).to_have_attribute("data-rerouted", "3")
    page.get_by_text("The lanes as a table").click()
    moved = page.locator("#lanes-twin tr.moved")
    expect(moved).to_have_count(3)
    expect(moved.first).to_contain_text("re-routed: off")
    page.screenshot(path=tmp_path / "now.png", full_page=True)


def test_an_alternative_other_than_the_proposed_can_be_approved(stage: Stage, opened: Open) -> None:
    page = opened(f"{stage[0]}/plan/p-1")
    expect(page.get_by_role("button", name="Approve Isolate the zone")).to_have_count(0)  # policy only suggests it
    page.get_by_role("button", name="Approve Close conduits").click()
    expect(page.locator("#standing")).to_contain_text("carried out")
    assert stage[1].decision.alternative == 2


def test_the_cells_of_every_alternative_are_as_high_as_their_row(stage: Stage, opened: Open) -> None:
    page = opened(f"{stage[0]}/plan/p-1")
    cells = page.eval_on_selector_all(".compare td", "all => all.map(cell => [cell.clientHeight, cell.parentElement.clientHeight])")
    assert cells
    assert all(abs(height - row) <= 2 for height, row in cells)  # borders


def test_an_open_page_learns_of_what_happens(stage: Stage, opened: Open) -> None:
    page = opened(stage[0])
    expect(page.locator(".figures")).to_contain_text("12 of 340 due")
    page.get_by_text("The map as a table").click()
    stage[1].worsen()
    expect(page.locator(".figures")).to_contain_text("41 of 340 due")
    assert page.locator("#map-twin").get_attribute("open") is not None  # what a person opened stays open
    stage[1].approve("p-1", 1, "somebody-else", "d-1")
    expect(page.locator("#case-i-1")).to_contain_text("carried out and verified (somebody-else)")
    expect(page.locator("#lanes")).to_have_attribute("data-rerouted", "3")


def test_a_page_says_when_its_line_is_lost(browser: Browser) -> None:
    source = Staged()
    context = browser.new_context()
    page = context.new_page()
    with shown(source) as (url, _):
        page.goto(url)
        expect(page.locator("#line")).to_be_hidden()
    expect(page.locator("#line")).to_contain_text("Connection lost since", timeout=20_000)
    context.close()


def test_a_verdict_with_a_note_is_kept(stage: Stage, opened: Open) -> None:
    page = opened(f"{stage[0]}/incident/i-1")
    page.get_by_label("Note (optional)").fill("planned <b>test</b>")
    page.get_by_role("button", name="Benign").click()
    expect(page.locator("#verdicts")).to_contain_text("benign, local@loopback")
    expect(page.locator("#verdicts")).to_contain_text("planned <b>test</b>")
    assert [(v.verdict, v.note) for v in stage[1].verdicts] == [("benign", "planned <b>test</b>")]


def test_a_click_on_a_zone_leads_to_its_assets(stage: Stage, opened: Open) -> None:
    page = opened(stage[0])
    expect(page.locator("#map")).to_have_attribute("data-drawn", "28")
    page.locator("#map").click(position={"x": 70, "y": 48})
    page.get_by_role("link", name="Open zone plant-a-office").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Zone plant-a-office")
    expect(page.get_by_role("group", name="Assets").locator("tbody tr")).to_have_count(11)


def test_the_life_of_an_asset_is_a_click_from_its_zone(stage: Stage, opened: Open) -> None:
    page = opened(f"{stage[0]}/zone/plant-a-line1")
    page.get_by_role("link", name="plc-4", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Pattern of life of plc-4")
    expect(page.locator("#chart-1")).to_have_attribute("data-drawn", "360")
    expect(page.locator("#chart-2")).to_have_attribute("data-alarms", "0")
    expect(page.get_by_role("row", name="comes in hmi-15 modbus/502")).to_have_count(1)
    page.get_by_role("link", name="Incident i-1").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(INCIDENT.title)


@pytest.mark.parametrize("place", ["/life/asset:plc-4", "/incident/i-1"])
def test_a_finding_is_marked_wrong_and_taken_back(stage: Stage, opened: Open, place: str) -> None:
    page = opened(stage[0] + place)
    finding = page.locator("#finding-f-2")
    finding.get_by_role("button", name="Wrong").click()
    expect(page).to_have_url(stage[0] + place)
    expect(finding).to_contain_text("Marked wrong by a person")
    assert [(v.finding, v.verdict, v.person) for v in stage[1].verdicts] == [("f-2", "benign", "local@loopback")]
    finding.get_by_role("button", name="Take back").click()
    expect(finding).to_contain_text("The word on it was taken back")
    expect(finding.get_by_role("button", name="Take back")).to_have_count(0)


def test_a_baseline_of_a_life_is_rolled_back(stage: Stage, opened: Open) -> None:
    page = opened(f"{stage[0]}/life/asset:plc-4")
    versions = page.get_by_role("group", name="Versions of its baseline")
    expect(versions.get_by_role("row", name="2, in force")).to_contain_text("after declared work: recipe W4711")
    page.get_by_label("Why", exact=True).fill("learnt during the attack")
    page.get_by_role("button", name="Roll back to version 1").click()
    expect(versions.get_by_role("row", name="1, in force")).to_contain_text("rollback by local@loopback: learnt during the attack")
    expect(page.get_by_role("button", name="Roll back to version 2")).to_have_count(1)
    assert stage[1].words == [("asset:plc-4", "local@loopback", "rollback", 1, "learnt during the attack")]


def test_everything_can_be_done_with_the_keyboard(stage: Stage, opened: Open) -> None:
    page = opened(f"{stage[0]}/plan/p-1")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent").strip() == "Approve what is proposed":
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    expect(page.locator("#standing")).to_contain_text("carried out")


def test_a_key_figure_tells_its_definition_on_a_tap_and_on_enter(stage: Stage, opened: Open) -> None:
    page = opened(f"{stage[0]}/plan/p-1", 360, 800)
    name = page.get_by_role("button", name="On time, in full")
    told = page.locator("#what-alternatives-otif")
    expect(name).to_have_accessible_description(told.text_content() or "")
    expect(told).to_be_hidden()
    name.click()
    expect(told).to_be_visible()
    expect(told).to_be_in_viewport(ratio=1)
    assert Axe().run(page).violations_count == 0
    stage[1].worsen()  # the page fetches itself anew and leaves it open
    page.wait_for_timeout(1500)
    expect(told).to_be_visible()
    page.keyboard.press("Escape")
    expect(told).to_be_hidden()
    name.focus()
    page.keyboard.press("Enter")
    expect(told).to_be_visible()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing(stage: Stage, opened: Open, dark: bool) -> None:
    for after in (False, True):
        if after:
            stage[1].approve("p-1", 1, "omar", "d-1")
        for path in PAGES:
            page = opened(stage[0] + path, dark=dark)
            page.evaluate("document.querySelectorAll('details').forEach(twin => { twin.open = true })")
            found = Axe().run(page, options=CONTRAST if dark else None)
            assert found.violations_count == 0, f"{path}: {found.generate_report()}"


def test_a_viewer_logs_in_looks_and_is_offered_no_button(opened: Open, show: Show) -> None:
    source = Staged()
    url = show(source, StagedAccounts())
    page = opened(url)
    expect(page).to_have_url(f"{url}/login")
    assert Axe().run(page).violations_count == 0
    page.get_by_label("Name").fill("vera")
    page.get_by_label("Password").fill("look-only-1")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Now")
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    expect(page.locator("#map")).to_have_attribute("data-drawn", "28")
    source.worsen()  # the page is about to fetch itself anew: leaving, it asks for nothing that would be refused
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(f"{url}/login")


def test_maps_wait_until_there_is_room_for_them(stage: Stage, opened: Open) -> None:
    """A part of the page that is put together again has no width for a moment."""
    page = opened(stage[0])
    expect(page.locator("#map")).to_have_attribute("data-drawn", "28")
    page.evaluate("document.querySelectorAll('.split').forEach(part => { part.style.display = 'none' })")
    page.set_viewport_size({"width": 1100, "height": 800})  # the maps are drawn anew
    page.wait_for_timeout(300)
    assert page.evaluate("document.querySelector('#map').style.width") != "100px"
    page.evaluate("document.querySelectorAll('.split').forEach(part => { part.style.display = '' })")
    page.wait_for_function("[...document.querySelectorAll('canvas')].every(map => map.clientWidth > 500)")


def test_axe_does_find_what_is_wrong(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<html><body><img src='data:,'><button></button></body></html>")
    found = {violation["id"] for violation in Axe().run(page).response["violations"]}
    page.close()
    assert {"image-alt", "button-name", "html-has-lang"} <= found


def test_axe_does_find_what_is_too_pale(browser: Browser) -> None:
    page = browser.new_page(color_scheme="dark")
    page.set_content(
        "<html lang='en'><title>t</title><body style='background: #222'><img src='data:,'><p style='color: #444'>pale</p></body></html>"
    )
    assert [violation["id"] for violation in Axe().run(page, options=CONTRAST).response["violations"]] == ["color-contrast"]
    page.close()


@pytest.mark.parametrize("width", [360, 390])
def test_a_telephone_needs_no_sideways_scrolling(stage: Stage, opened: Open, width: int) -> None:
    stage[1].approve("p-1", 1, "omar", "d-1")
    for path in PAGES:
        page = opened(stage[0] + path, width, 844)
        page.wait_for_load_state("load")
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_an_observing_installation_says_so_and_offers_no_button(opened: Open, show: Show) -> None:
    page = opened(f"{show(Staged(observing=True))}/plan/p-1")
    expect(page.locator(".badge")).to_have_text("Observing only: nothing is carried out")
    expect(page.locator("#standing")).to_contain_text("would have done this")
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)


def test_a_quiet_network_is_grey(opened: Open, show: Show) -> None:
    page = opened(show(Staged(quiet=True)))
    expect(page.locator(".calm")).to_have_text("Nothing is waiting. No open incident.")
    expect(page.locator("#map")).to_have_attribute("data-abnormal", "0")
    assert Axe().run(page).violations_count == 0
