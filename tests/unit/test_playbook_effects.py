"""The executor that acts, against a world in memory: cut before or after any touch of journal and world, nothing is done twice."""

import base64
import json
import re
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from interferon.act import lifecycle
from interferon.actions import ACTIONS
from interferon.decide.situation import Closures
from interferon.flow.closure import closure_table
from interferon.flow.problem import opening
from interferon.model.effects import Intent, Observed, Outcome, Receipt, Value
from interferon.model.errors import InputError
from interferon.playbooks.run_records import Run, Scripted
from interferon.runtime import installation, playbook_live, playbook_price
from interferon.runtime.effector_client import EffectorClient
from interferon.runtime.effects import Effects
from interferon.runtime.playbook_effects import LEDGER, EffectorExecutor, effect_name
from interferon.runtime.playbook_live import Acting
from interferon.runtime.playbook_people import Terminal
from interferon.runtime.playbook_permission import Permission
from interferon.store import examples, policy_folder
from interferon.store.accounts import Accounts, Cost
from interferon.store.folder import load
from interferon.store.journal import Journal

from .test_act_effects import Scripted as World

CHEAP = Cost(n=2**10, p=1)
NOW = 1_700_000_000_000_000
HOLD = {"action": "contain", "target": {"x-interferon:transaction": "order:o-1"}}
RELEASE = {"action": "allow", "target": {"x-interferon:transaction": "order:o-1"}}
ISOLATE = {"action": "contain", "target": {"x-interferon:asset": "asset:plc-1"}}


class Killed(Exception):
    """The process ends here, as by kill -9."""


class Life:
    """One process of a run, which ends at its `at`-th touch of journal or world; `after`: once that touch was made."""

    def __init__(
        self, folder: Path, world: World, at: int = -1, *, after: bool = False, person: str = "olga", closures: Closures | None = None
    ) -> None:
        self.left, self.after, self.dead = at, after, False
        self.network = load(folder)
        self.journal = Journal(folder.parent / "journal.sqlite", node="run")
        for name in ("record", "admit", "advance", "walk"):
            setattr(self.journal, name, self.touched(getattr(self.journal, name), answered=True))
        seen = Touched(world, self.touched)
        self.effects = Effects(self.journal, seen, ACTIONS, self.network, lambda: NOW)
        self.effects.recover()
        permission = Permission(folder, person, self.network, Accounts(folder, CHEAP))
        self.price = playbook_price.price(self.network, closures, self.journal)
        self.executor = EffectorExecutor("r1", self.journal, self.effects, permission, Terminal(lambda: 0), lambda: NOW, self.price)

    def touched(self, call: Callable[..., Any], *, answered: bool = False) -> Callable[..., Any]:
        def touch(*words: Any) -> Any:
            self.left -= 1
            if self.dead or (self.left == -1 and not self.after):
                self.dead = True
                raise Killed
            found = call(*words)
            if self.left == -1 and self.after:
                self.dead = True
                if answered:
                    found.result()  # it is on disk
                raise Killed
            return found

        return touch if self.left >= 0 else call

    def close(self) -> None:
        self.effects.close()
        self.journal.close()


class Touched(World):
    """The world behind a process that may end at any call that changes it."""

    def __init__(self, world: World, touched: Callable[..., Callable[..., Any]]) -> None:
        super().__init__()
        self._world = world
        self._apply, self._undo = touched(world.apply), touched(world.undo)

    def apply(self, effect_id: str, action: str, target: str, params: Mapping[str, Value], epoch: int) -> Outcome:
        found: Outcome = self._apply(effect_id, action, target, params, epoch)
        return found

    def undo(self, effect_id: str, action: str, target: str, epoch: int) -> Outcome:
        found: Outcome = self._undo(effect_id, action, target, epoch)
        return found

    def verify(self, effect_id: str, action: str, target: str) -> Outcome:
        return self._world.verify(effect_id, action, target)

    def precheck(self, action: str, target: str) -> Outcome:
        return self._world.precheck(action, target)

    def observed(self) -> frozenset[Observed]:
        return self._world.observed()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "net"
    examples.write("minimal", made)
    policy_folder.write(made, "people")
    policy_folder.sign(made, tmp_path / "key")
    for name, role in {"olga": "operator", "olaf": "owner"}.items():
        Accounts(made, CHEAP).add(name, role, "a long enough password", "2025-01-01T00:00:00Z")
    return made


def command(content: dict[str, Any], name: str = "0/1!0", kind: str = "openc2-http") -> Run:
    text = base64.b64encode(json.dumps(content).encode()).decode()
    return Run(
        id=name, step="action--1", visit=1, kind=kind, command={"content_b64": text}, agent="", agent_definition=None, targets={},
        inputs={}, outputs={}, unknown=[], timeout_ms=1, due=1,
    )  # fmt: skip


def lived(folder: Path, world: World, wanted: Run, at: int = -1, **more: Any) -> Scripted | None:
    """What a process that is asked for the command answers; None where it is killed first."""
    life = Life(folder, world, at, **more)
    try:
        return life.executor.run(wanted)
    except Killed:
        return None
    finally:
        life.close()


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("content", [HOLD, RELEASE])
def test_killed_at_any_touch_it_is_done_once(folder: Path, content: dict[str, Any], after: bool) -> None:
    at = 0
    while True:
        world, wanted = World(), command(content, f"0/{at}!0")
        (folder.parent / "journal.sqlite").unlink(missing_ok=True)
        if content is RELEASE:
            assert lived(folder, world, command(HOLD, "before")) is not None
        world.calls.clear()
        whole = lived(folder, world, wanted, at, after=after)
        again = whole or lived(folder, world, wanted)
        assert again is not None
        assert again.result == "success", (at, again)
        assert len(set(world.calls)) == 1
        assert len(world.calls) == 1 or content is RELEASE  # to take back what is gone already does no harm, and is asked again
        assert len(world.world) == (1 if content is HOLD else 0)
        if whole:
            break
        at += 1
    # ledger, admitted, looked up, applying, the world, verified; or ledger, undoing, the world, undone
    assert at == (6 if content is HOLD else 4)


def test_what_is_carried_out_at_the_same_time_is_priced_with_the_other(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    life, submit, both = Life(folder, World()), Effects.submit, threading.Barrier(2)
    monkeypatch.setattr(life.executor, "_price", lambda acts: float(len(life.journal.effects(lifecycle.STANDING))))

    def together(effects: Effects, wanted: list[Intent]) -> list[Receipt]:
        both.wait(10)  # neither goes on before the other is decided too
        return submit(effects, wanted)

    monkeypatch.setattr(Effects, "submit", together)
    try:
        with ThreadPoolExecutor(2) as pool:
            orders = [{"action": "contain", "target": {"x-interferon:transaction": f"order:o-{number}"}} for number in (1, 2)]
            told = list(pool.map(lambda at: life.executor.run(command(orders[at], f"0/{at}!0")), range(2)))
        assert [each is not None and each.result for each in told] == ["success", "success"]
        assert sorted(effect.intent.orders_late for effect in life.journal.effects()) == [0, 1]
    finally:
        life.close()


def test_a_result_that_was_lost_is_found_in_the_journal(folder: Path) -> None:
    world = World()
    life = Life(folder, world)
    try:
        assert life.executor.precheck(command(HOLD)) == "not done"
        assert life.executor.precheck(command(HOLD, kind="manual")) is None
        assert life.executor.run(command(HOLD)) == Scripted("success", {}, "hold_transaction order:o-1: verified")
        assert life.executor.run(command(HOLD)) == life.executor.precheck(command(HOLD))
        assert len(world.calls) == 1
        (row,) = life.journal.rows(LEDGER, effect_name("r1", "0/1!0"))
        assert json.loads(row.body)["person"] == "olga"
    finally:
        life.close()


def test_what_was_withdrawn_is_not_begun(folder: Path) -> None:
    world = World()
    life = Life(folder, world)
    try:
        life.executor.cancel("0/1!0")
        assert life.executor.run(command(HOLD)) == Scripted("failure", {}, "withdrawn before it was begun")
        assert life.executor.run(command(HOLD, kind="bash")) is not None
        assert world.calls == []
    finally:
        life.close()


def test_an_effector_that_does_not_answer_is_a_time_out(folder: Path) -> None:
    world = World()
    world.answers["apply"] = Outcome("unknown", "no answer within 20 s")
    world.takes_hold = False
    world.answers["verify"] = Outcome("unknown")
    found = lived(folder, world, command(HOLD))
    assert found is not None
    assert found.result == "timeout"
    assert "no answer within 20 s" in found.detail


def test_a_message_for_another_actuator_is_not_carried_out(folder: Path) -> None:
    found = lived(folder, World(), command({"action": "deny", "target": {"ipv4_net": "10.0.0.1"}}))
    assert found is not None
    assert "is meant for another actuator" in found.detail


def test_a_budget_that_is_used_up_fails_the_command(folder: Path) -> None:
    settings = folder / "network.toml"
    settings.write_text(re.sub(r"actions_per_hour = \d+", "actions_per_hour = 0", settings.read_text()))
    found = lived(folder, World(), command(HOLD))
    assert found is not None
    assert (found.result, "beyond budget: actions an hour" in found.detail) == ("failure", True), found


def test_a_policy_that_was_changed_since_it_was_signed_allows_nothing(folder: Path) -> None:
    permission = Permission(folder, "olaf", load(folder), Accounts(folder, CHEAP))
    assert permission.refusal("approve", [("isolate_asset", "asset:wks-1")]) == ""
    (folder / "policy" / "people.cedar").write_text("// changed")
    assert permission.refusal("approve", [("isolate_asset", "asset:wks-1")]) != ""


def test_a_journal_that_another_process_holds_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = folder / "network.toml"
    settings.write_text('effector = "/no/such/socket"\n' + settings.read_text())
    monkeypatch.setattr(playbook_live, "WAIT_S", 0.2)
    told: list[str] = []
    (folder / "state").mkdir()
    with Journal(folder / "state" / "journal.sqlite", node="up") as held:
        with (
            pytest.raises(InputError, match="where that is `interferon up`, begin the playbook with --executor up --url URL"),
            playbook_live.hands(Acting(str(folder), "olga", "r1"), 0, told.append),
        ):
            pass
        assert held.lost == ""
    assert told == ["node up holds the effect journal; waiting 0 s for it at most"]


def test_a_safety_system_is_never_touched(folder: Path) -> None:
    assets = folder / "assets.csv"
    assets.write_text(re.sub(r"^(wks-1,[^,]*),[^,]*", r"\1,sis", assets.read_text(), flags=re.MULTILINE))
    permission = Permission(folder, "olaf", load(folder), Accounts(folder, CHEAP))
    assert "would touch a safety system" in permission.refusal("approve", [("isolate_asset", "asset:wks-1")])
    assert permission.refusal("undo", [("isolate_asset", "asset:wks-1")]) == ""


def test_an_action_that_nobody_knows_counts_as_the_worst(folder: Path) -> None:
    olga, olaf = (Permission(folder, name, load(folder), Accounts(folder, CHEAP)) for name in ("olga", "olaf"))
    assert "does not let olga (operator) undo" in olga.refusal("undo", [("gone_since", "asset:wks-1")])
    assert olaf.refusal("undo", [("gone_since", "asset:wks-1")]) == ""


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ('{"id":"i-2"}\n{"id":"i-3"}\n', "--incident i-1 is no case in "),
        ('{"id":"i-2"}\n{"no": 1}\n', "--incident i-1: .*required field `id`"),
    ],
)
def test_a_run_about_a_case_that_nobody_knows_is_not_begun(folder: Path, lines: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EffectorClient.__init__.__kwdefaults__, "answer_s", 0.1)  # type: ignore[arg-type]  # of a function with some
    settings, records = folder / "network.toml", folder / "state" / "records"
    settings.write_text('effector = "/no/such/socket"\n' + settings.read_text())
    records.mkdir(parents=True)
    (records / "incidents.ndjson").write_text(lines)
    for incident, said in (("i-1", why), ("i-2", "nothing is carried out: .*/no/such/socket")):
        with pytest.raises(InputError, match=said), playbook_live.hands(Acting(str(folder), "olga", "r1", incident), 0, print):
            pass


def test_what_a_run_about_a_case_does_belongs_to_the_case(folder: Path) -> None:
    life = Life(folder, World())
    try:
        permission = Permission(folder, "olga", life.network, Accounts(folder, CHEAP))
        about = EffectorExecutor("r2", life.journal, life.effects, permission, Terminal(lambda: 0), lambda: NOW, life.price, "i-7")
        assert about.run(command(HOLD)) == Scripted("success", {}, "hold_transaction order:o-1: verified")
        assert [effect.intent.incident for effect in life.journal.effects()] == ["i-7"]
        assert [json.loads(row.body)["incident"] for row in life.journal.rows(LEDGER, effect_name("r2", "0/1!0"))] == ["i-7"]
    finally:
        life.close()


# ---- what it makes late


@pytest.fixture
def closures(folder: Path) -> Closures:
    """Of `minimal`: isolating plc-1 makes half an order late within the hours of a repair, so one is reserved."""
    network = load(folder)
    return closure_table(network, opening(network, installation.opening_time(network)))


def reserved(folder: Path, closures: Closures | None, *wanted: dict[str, Any]) -> list[tuple[int, bool, str]]:
    """Of each effect: orders reserved, whether that is known, and how it stands."""
    life = Life(folder, World(), closures=closures)
    try:
        for number, content in enumerate(wanted):
            life.executor.run(command(content, f"0/{number}!0"))
        return [(each.intent.orders_late, each.intent.priced, each.state) for each in life.journal.effects()]
    finally:
        life.close()


def test_what_a_step_makes_late_is_reserved_as_a_plan_s_is(folder: Path, closures: Closures) -> None:
    assert reserved(folder, closures, ISOLATE, HOLD) == [(1, True, "verified"), (0, True, "verified")]


def test_where_no_closure_table_is_kept_it_is_not_known_and_the_ledger_says_so(folder: Path) -> None:
    life = Life(folder, World())
    try:
        life.executor.run(command(ISOLATE))
        (row,) = life.journal.rows(LEDGER, effect_name("r1", "0/1!0"))
        assert json.loads(row.body)["orders_late"] is None
    finally:
        life.close()
    assert reserved(folder, None, HOLD) == [(0, False, "verified"), (0, True, "verified")]  # what closes nothing makes nothing late


def test_beyond_the_budget_of_late_orders_a_step_is_refused(folder: Path, closures: Closures) -> None:
    settings = folder / "network.toml"
    settings.write_text(re.sub(r"orders_late_per_day = \d+", "orders_late_per_day = 0", settings.read_text()))
    found = lived(folder, World(), command(ISOLATE), closures=closures)
    assert found is not None
    assert (found.result, "beyond budget: late orders: 0 held + 1 asked > 0" in found.detail) == ("failure", True), found


@pytest.mark.parametrize(("most", "known", "done"), [(1, True, True), (0, True, False), (10**6, False, False)])
def test_policy_is_told_what_it_makes_late_and_what_nobody_knows_passes_no_limit(
    folder: Path, tmp_path: Path, closures: Closures, most: int, known: bool, done: bool
) -> None:
    (folder / "policy" / "late.cedar").write_text(
        f'@id("late") forbid (principal, action == Action::"approve", resource) when {{ context.orders_late > {most} }};'
    )
    policy_folder.sign(folder, tmp_path / "key")
    found = lived(folder, World(), command(ISOLATE), closures=closures if known else None)
    assert found is not None
    assert found.result == ("success" if done else "failure"), found


def test_the_table_that_up_keeps_is_found(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    network = load(folder)
    assert playbook_price.kept(network) is None
    installation.kept_or_computed(network, opening(network, installation.opening_time(network)))
    assert playbook_price.kept(network) is not None
