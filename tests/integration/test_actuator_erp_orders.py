"""Orders are held and released over HTTP at an adapter that keeps a book of them, as the contract says."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from interferon.effector import kit
from interferon.effector.actuators import erp_orders
from interferon.effector.protocol import Actuator, Job, Target


class Erp(http.server.ThreadingHTTPServer):
    """Orders and their holds; an order that anybody holds is `held`, one that has left cannot be."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Adapter)
        rows = {"o-1": "acme", "o-2": "bolt", "a/b": "acme"}
        self.orders = {key: {"id": key, "status": "open", "partner": partner, "amount": 1200} for key, partner in rows.items()}
        self.orders["o-2"]["status"] = "shipped"
        self.holds: dict[str, dict[str, Any]] = {key: {} for key in rows}
        self.changes: list[tuple[str, str]] = []
        self.answering, self.heeds = True, True

    def status(self, order: str) -> Any:
        held = bool(self.holds[order]) and self.heeds
        return {**self.orders[order], "status": "held" if held else self.orders[order]["status"]}


class Adapter(http.server.BaseHTTPRequestHandler):
    server: Erp

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _answer(self, code: int, body: Any = None) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _place(self) -> list[str] | None:
        """order, then `holds`, then the effect; None where it was answered already."""
        place = [part.replace("%2F", "/") for part in self.path.split("/")[2:]]
        if not self.server.answering:
            self._answer(503)
        elif self.headers["Authorization"] != "Bearer t0ken":
            self._answer(401)
        elif self.path == "/":
            self._answer(200, {"name": "erp"})
        elif place[0] not in self.server.orders:
            self._answer(404)
        else:
            return place
        return None

    def do_GET(self) -> None:
        if place := self._place():
            holds = [{"id": key, **held} for key, held in self.server.holds[place[0]].items()]
            self._answer(200, holds if len(place) > 1 else self.server.status(place[0]))

    def do_PUT(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if place := self._place():
            self.server.changes.append((self.command, self.headers["Idempotency-Key"]))
            if self.server.orders[place[0]]["status"] == "shipped":
                self._answer(409, {"error": "it has left"})
            else:
                self.server.holds[place[0]].setdefault(place[2], body)
                self._answer(204)

    def do_DELETE(self) -> None:
        if place := self._place():
            self.server.changes.append((self.command, self.headers["Idempotency-Key"]))
            self._answer(204 if self.server.holds[place[0]].pop(place[2], None) else 404)


@pytest.fixture
def erp() -> Iterator[Erp]:
    with Erp() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def actuator(erp: Erp, tmp_path: Path) -> Actuator:
    (tmp_path / "token").write_text("t0ken\n")
    return erp_orders.make(erp_orders.Settings(url=f"http://127.0.0.1:{erp.server_port}/", token_file=str(tmp_path / "token")))


def job(ref: str = "order:o-1", partner: str = "acme", **reach: str) -> Job:
    return Job(effect="e/1", action="hold_transaction", target=Target(ref=ref, reach=reach, identity={"partner": partner, "amount": 1200}))


@contextmanager
def silent(erp: Erp) -> Iterator[None]:
    erp.answering = False
    try:
        yield
    finally:
        erp.answering = True


def test_the_kit(erp: Erp, actuator: Actuator) -> None:
    world = kit.World(
        actuator=actuator,
        job=job(),
        impostor=job(partner="bolt"),
        state=lambda: (erp.status("o-1"), json.dumps(erp.holds)),
        tamper=lambda: erp.holds["o-1"].clear(),
        cut=lambda: silent(erp),
    )
    assert kit.problems(world) == []


def test_every_change_carries_the_effect_as_its_key_and_other_holds_stay(erp: Erp, actuator: Actuator) -> None:
    erp.holds["o-1"]["credit"] = {"reason": "credit limit"}
    task = kit.recorded(actuator, job())
    assert [actuator.apply(task).result, actuator.apply(task).result, actuator.undo(task).result] == ["ok"] * 3
    assert erp.changes == [("PUT", "e/1"), ("PUT", "e/1"), ("DELETE", "e/1/release")]
    assert list(erp.holds["o-1"]) == ["credit"]


def test_an_erp_that_takes_a_hold_and_goes_on_is_seen(erp: Erp, actuator: Actuator) -> None:
    task = kit.recorded(actuator, job())
    assert actuator.apply(task).result == "ok"
    erp.heeds = False
    seen = actuator.look(task)
    assert (seen.standing, seen.detail) == ("partial", "order:o-1 has a hold of ours, and goes on: it is open")


@pytest.mark.parametrize(
    ("task", "result", "why"),
    [
        (job("order:o-2", "bolt"), "failed", 'answers HTTP 409: {"error": "it has left"}'),
        (job("order:o-9"), "failed", "orders/o-9: there is none"),
        (job("lane:l-1"), "refused", "lane:l-1 cannot be held at the ERP; order:ID, payment:ID, shipment:ID can"),
        (job("order:x", number="a/b"), "ok", "order:x is held"),
    ],
)
def test_what_cannot_be_held_is_told(erp: Erp, actuator: Actuator, task: Job, result: str, why: str) -> None:
    outcome = actuator.apply(task)
    assert outcome.result == result
    assert why in outcome.detail
    assert erp.holds["o-2"] == {}


def test_a_token_that_is_not_taken_tells_nothing_of_the_order(erp: Erp, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("x")
    other = erp_orders.make(erp_orders.Settings(url=f"http://127.0.0.1:{erp.server_port}", token_file=str(tmp_path / "wrong")))
    assert other.look(job()).standing == "unknown"
    assert "answers HTTP 401" in other.ready()
