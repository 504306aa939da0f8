"""The auditor finds what the judge should never have let through."""

import dataclasses
from typing import Any

import msgspec
import pytest

from interferon.model.effects import LedgerEntry
from interferon.model.network import Asset, Network, Settings, Site, Zone
from interferon.model.records import Alternative, Execute, Plan
from interferon.runtime.audit import violations

HOUR = 3_600_000_000
NETWORK = Network(
    settings=Settings(name="n"),
    revision=1,
    sites={"s": Site(id="s", name="S", country="DE", lat=0, lon=0)},
    zones={"z": Zone(id="z", site="s", purdue=1, criticality=3)},
    conduits={},
    assets={"a": Asset(id="a", zone="z", type="plc"), "sis": Asset(id="sis", zone="z", type="sis")},
    partners={},
    nodes={},
    lanes={},
    products={},
    orders={},
    people={},
)
DEED = ("isolate_asset", "asset:a")


def alternative(mode: str = "execute_auto", *actions: tuple[str, str]) -> Alternative:
    figures: dict[str, Any] = dict.fromkeys(
        ("orders_late", "orders_late_low", "orders_late_high", "otif", "cost", "co2_kg", "unmet", "risk", "expected_loss"), 0.0
    )
    return Alternative(label="isolate_asset", actions=actions or (DEED,), mode=mode, reasons=(), **figures)  # type: ignore[arg-type]


def plan(*alternatives: Alternative, veto_until: int = 0) -> Plan:
    return Plan(
        id="p", incident="i", incident_revision=1, network_revision=1, time=0, alternatives=alternatives or (alternative(),), chosen=0,
        mode="execute_auto", veto_until=veto_until,
    )  # fmt: skip


def execute(*deeds: tuple[str, str], mode: str = "execute_auto", time: int = 0, name: str = "p") -> Execute:
    effects: tuple[tuple[str, str, str, dict[str, Any]], ...] = tuple(
        (f"{name}.{time}.{n}", action, target, {}) for n, (action, target) in enumerate(deeds or (DEED,))
    )
    return Execute(time=time, plan=name, incident="i", effects=effects, ttl_s=60, mode=mode)


def found(command: Execute, made: Plan | None = None, ledger: list[LedgerEntry] | None = None) -> list[str]:
    return violations(NETWORK, {"p": made or plan()}, [command], ledger or [])


def test_an_allowed_action_is_no_violation() -> None:
    assert found(execute()) == []


@pytest.mark.parametrize(
    ("command", "made", "what"),
    [
        (execute(name="other"), plan(), "without a plan"),
        (execute(("isolate_zone", "zone:z")), plan(), "what none of its alternatives says"),
        (execute(), plan(alternative("execute_approved")), "where policy wants a person"),
        (execute(mode="execute_unless_vetoed"), plan(veto_until=9), "did not wait"),
        (execute(("isolate_asset", "asset:sis")), plan(alternative("execute_auto", ("isolate_asset", "asset:sis"))), "safety system"),
        (execute(("isolate_zone", "zone:z")), plan(alternative("execute_auto", ("isolate_zone", "zone:z"))), "safety system"),
    ],
)
def test_each_limit_that_was_passed_is_named(command: Execute, made: Plan, what: str) -> None:
    assert what in found(command, made)[0]


def test_more_actions_in_an_hour_than_the_budget_are_found_but_refused_ones_do_not_count() -> None:
    network = msgspec.structs.replace(NETWORK.settings, budgets=msgspec.structs.replace(NETWORK.settings.budgets, actions_per_hour=2))
    limited = dataclasses.replace(NETWORK, settings=network)
    commands = [execute(time=n * 60_000_000) for n in range(3)]
    told = violations(limited, {"p": plan()}, commands, [])
    assert len(told) == 1
    assert "more than 2 actions" in told[0]
    refused = LedgerEntry(seq=1, time=0, kind="effect", subject=commands[0].effects[0][0], body='{"state":"refused"}', hash="")
    assert violations(limited, {"p": plan()}, commands, [refused]) == []
    assert violations(limited, {"p": plan()}, [execute(time=n * HOUR) for n in range(3)], []) == []
