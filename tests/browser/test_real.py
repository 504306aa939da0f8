"""The real thing in a real browser: a simulated attack on medica, found by the pipeline, contained by a click, goods re-routed."""

import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect, sync_playwright

from interferon.detect.settings import LIVE
from interferon.runtime import arms, guarded
from interferon.runtime.arms import after_approval
from interferon.runtime.show import Show
from interferon.store import examples
from interferon.store.folder import load
from interferon.trust.policy import builtin_policy
from interferon.twin import scenario
from interferon.web.app import create_app
from interferon.web.live import LiveSource
from interferon.web.serve import bound, server
from tests.browser.test_screens import ARGS

SCENARIO = """
name = "warehouse"
network = "medica"
hours = 30
[[step]]
id = "entry"
at_h = 1.0
kind = "attack"
action = "encrypt_hosts"
target = "asset:wms-1"
"""


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Show]:
    """A demo in which nothing is done without a person, after six hours of history in place of two days."""
    folder = tmp_path_factory.mktemp("network") / "medica"
    examples.write("medica", folder)
    network = load(folder)
    policy = builtin_policy("demo", "people")
    with pytest.MonkeyPatch.context() as patch:
        for module in (guarded, arms):
            patch.setattr(module, "HISTORY_H", 6.0)
        patch.setattr(guarded, "LIVE", replace(LIVE, learn_rows=240))
        with Show(network, scenario.parse(SCENARIO, "warehouse", network), 5, 20.0, after_approval(policy.ask)) as show:
            yield show


@pytest.fixture(scope="module")
def url(show: Show) -> Iterator[str]:
    with bound("127.0.0.1", 0) as sock:
        run = server(create_app(LiveSource(show.running, {}), None, secrets.token_bytes(32)))
        thread = threading.Thread(target=run.run, kwargs={"sockets": [sock]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        run.should_exit = True
        thread.join(10)


def wait_for_a_plan(show: Show, seconds: float = 180.0) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert show.failed is None
        with show.running.lock:
            waiting = [
                plan
                for plan in show.running.plans.values()
                if any(target == "asset:wms-1" for _, target in plan.alternatives[plan.chosen].actions)
            ]
        if waiting:
            return waiting[-1].id
        time.sleep(0.2)
    raise AssertionError("no plan came")


def test_the_page_shows_the_incident_a_click_approves_and_the_map_shows_the_reroute(
    browser: Browser, show: Show, url: str, tmp_path: Path
) -> None:
    plan = wait_for_a_plan(show)
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(url)
    incident = show.running.plans[plan].incident
    expect(page.locator(f"#case-{incident}")).to_be_visible()
    page.goto(f"{url}/incident/{incident}")
    expect(page.get_by_text("wms-1").first).to_be_visible()
    assert Axe().run(page).violations_count == 0
    page.goto(f"{url}/plan/{plan}")
    assert Axe().run(page).violations_count == 0
    page.get_by_role("button", name="Approve what is proposed").click()
    page.goto(url)
    expect(page.locator("#map")).not_to_have_attribute("data-contained", "0", timeout=30_000)
    expect(page.locator("#lanes")).not_to_have_attribute("data-rerouted", "0", timeout=30_000)
    assert Axe().run(page).violations_count == 0
    page.screenshot(path=tmp_path / "now.png", full_page=True)
    with show.running.lock:
        assert any(receipt.status == "verified" for receipt in show.running.receipts)
        assert show.running.approvals[0].person == "local@loopback"
        assert show.running.routes[plan][1].moved
    assert errors == []
