"""The actions: what they take as a target, what they close, what they cost; safety systems are never targets."""

from dataclasses import replace
from typing import Any

import pytest

from interferon.act.intents import intents
from interferon.act.protocol import SAFETY, Action
from interferon.actions import ACTIONS
from interferon.model.network import Asset, Client, Conduit, Dependency, Network, Process, Settings, Zone
from interferon.model.records import Execute

ASSETS = {"plc-1": ("cell", "plc"), "plc-2": ("cell", "plc"), "sis-1": ("safety", SAFETY), "svc": ("it", "identity"), "erp": ("it", "erp")}


Effects = tuple[tuple[str, str, str, dict[str, Any]], ...]


def network() -> Network:
    zones = {zone: Zone(id=zone, site="s", purdue=2, criticality=3) for zone in ("cell", "safety", "it")}
    ways = {"in": ("it", "safety"), "out": ("safety", "cell"), "c-1": ("it", "cell")}
    depends = [("plc-1", "g"), ("plc-2", "g"), ("erp", ""), ("sis-1", "g")]
    return Network(
        settings=Settings(name="n"),
        revision=1,
        sites={},
        zones=zones,
        conduits={k: Conduit(id=k, from_zone=a, to_zone=b, protocol="modbus", port=502) for k, (a, b) in ways.items()},
        assets={k: Asset(id=k, zone=zone, type=kind) for k, (zone, kind) in ASSETS.items()},
        partners={},
        nodes={},
        lanes={},
        products={},
        orders={},
        people={},
        dependencies=tuple(Dependency(asset=a, target="node:n", share_lost=1.0, group=g) for a, g in depends),
    )


@pytest.mark.parametrize(
    ("action", "target"),
    [
        ("isolate_asset", "asset:plc-1"),
        ("isolate_zone", "zone:cell"),
        ("cut_conduit", "conduit:c-1"),
        ("cut_conduit", "conduit:in"),
        ("fail_over", "asset:plc-1"),
        ("disable_identity", "identity:jdoe"),
        ("disable_identity", "asset:svc"),
        ("hold_transaction", "order:o-1"),
        ("hold_transaction", "feed:forecast"),
        ("disable_client", "identity:robot-7"),
        ("disable_client", "asset:plc-1"),
        ("revoke_sessions", "identity:jdoe"),
        ("lock_writes", "asset:plc-1"),
        ("roll_back_setpoint", "asset:plc-1"),
        ("roll_back_config", "asset:erp"),
        ("freeze_process", "asset:erp"),
        ("kill_process", "asset:erp"),
    ],
)
def test_a_fitting_target_passes(action: str, target: str) -> None:
    assert ACTIONS[action].precheck(network(), target) == ""


@pytest.mark.parametrize(
    ("action", "target", "why"),
    [
        ("isolate_asset", "asset:ghost", "asset:ghost is not in the network"),
        ("isolate_asset", "zone:cell", "isolate_asset takes asset:ID, not 'zone:cell'"),
        ("isolate_asset", "asset:", "isolate_asset takes asset:ID, not 'asset:'"),
        ("isolate_asset", "asset", "isolate_asset takes asset:ID, not 'asset'"),
        ("isolate_zone", "zone:ghost", "zone:ghost is not in the network"),
        ("cut_conduit", "conduit:ghost", "conduit:ghost is not in the network"),
        ("fail_over", "asset:ghost", "asset:ghost is not in the network"),
        ("fail_over", "asset:erp", "asset:erp has no redundancy partner to fail over to"),
        ("fail_over", "asset:svc", "asset:svc has no redundancy partner to fail over to"),
        ("disable_identity", "asset:plc-1", "asset:plc-1 is a plc, not an identity: isolate it instead"),
        (
            "hold_transaction",
            "asset:erp",
            "hold_transaction takes order:ID or payment:ID or shipment:ID or feed:ID or partner:ID or lane:ID, not 'asset:erp'",
        ),
    ],
)
def test_another_target_is_told_why_not(action: str, target: str, why: str) -> None:
    assert ACTIONS[action].precheck(network(), target) == why


@pytest.mark.parametrize("action", ["lock_writes", "roll_back_setpoint", "roll_back_config", "freeze_process", "kill_process"])
def test_what_is_done_to_an_asset_needs_one_that_is_there(action: str) -> None:
    assert ACTIONS[action].precheck(network(), "asset:ghost") == "asset:ghost is not in the network"


def test_what_writes_to_a_controller_says_so() -> None:
    assert {name for name, action in ACTIONS.items() if action.controller_write} == {"lock_writes", "roll_back_setpoint"}


HARMLESS = ("disable_identity", "open_ticket")  # an account is no safety system, and a ticket about one touches nothing


@pytest.mark.parametrize(
    ("action", "target"),
    [
        *(("isolate_asset", "asset:sis-1"), ("isolate_zone", "zone:safety"), ("cut_conduit", "conduit:out"), ("fail_over", "asset:sis-1")),
        *((name, "asset:sis-1") for name, action in ACTIONS.items() if name not in HARMLESS and action.targets[0] == "asset"),
        ("revoke_sessions", "asset:sis-1"),
    ],
)
def test_a_safety_system_is_never_a_target(action: str, target: str) -> None:
    why = ACTIONS[action].precheck(network(), target)
    assert "safety system" in why
    assert why.endswith("never a target")


@pytest.mark.parametrize(
    ("action", "target", "why"),
    [
        ("freeze_process", "process:hist", ""),
        ("kill_process", "process:hist", ""),
        ("freeze_process", "process:trip", "asset:sis-1 is a safety system: never a target"),
        ("kill_process", "process:erp", "asset:sis-1 is a safety system: never a target"),  # of an asset's name, and on another one
        ("freeze_process", "process:none", "process:none is not in the network"),
        ("freeze_process", "asset:erp", ""),
        ("disable_client", "identity:agv", ""),
        ("disable_client", "identity:guard", "asset:sis-1 is a safety system: never a target"),
    ],
)
def test_a_process_and_a_client_are_judged_by_their_machine(action: str, target: str, why: str) -> None:
    hosts = {"hist": "erp", "trip": "sis-1", "erp": "sis-1"}
    of = replace(
        network(),
        processes={name: Process(id=name, asset=asset, executable="/opt/p", sha256="ab" * 32) for name, asset in hosts.items()},
        clients={name: Client(id=name, client_id="c", broker="erp", asset=asset) for name, asset in (("agv", "erp"), ("guard", "sis-1"))},
    )
    assert ACTIONS[action].precheck(of, target) == why


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS.keys())
def test_every_action_tells_a_person_what_it_does_and_how_it_is_taken_back(action: Action) -> None:
    assert "asset:plc-1" in action.describe("asset:plc-1")
    assert action.ttl_s > 0
    assert action.inverse or action.kind == "irreversible"


def test_a_plan_s_command_becomes_intents_that_draw_on_the_budgets() -> None:
    effects: Effects = (
        ("e-1", "isolate_zone", "zone:cell", {"keep": "safety"}),
        ("e-2", "isolate_asset", "asset:svc", {}),
        ("e-3", "no_such_action", "asset:svc", {}),
    )
    command = Execute(time=7, plan="p", incident="i", effects=effects, ttl_s=5400, mode="execute_auto")
    zone, asset, unknown = intents(command, network(), ACTIONS, "policy", orders_late=2.1)
    assert (zone.assets, zone.downtime_h, zone.orders_late, zone.ttl_s, zone.params) == (2, 2, 3, 5400, {"keep": "safety"})
    assert (asset.assets, asset.downtime_h, asset.orders_late, asset.priced) == (1, 0, 0, True)
    assert (unknown.assets, unknown.ttl_s, unknown.time, unknown.requested_by, unknown.mode) == (0, 5400, 7, "policy", "execute_auto")


def test_without_a_plan_s_time_to_live_the_action_s_own_is_taken() -> None:
    effects: Effects = (("e-1", "isolate_asset", "asset:plc-1", {}), ("e-2", "no_such_action", "asset:plc-1", {}))
    own, unknown = intents(Execute(time=0, plan="p", incident="i", effects=effects, ttl_s=0, mode=""), network(), ACTIONS, "policy", None)
    assert (own.priced, own.orders_late) == (False, 0)  # nobody knows what it makes late
    assert (own.ttl_s, own.downtime_h, unknown.ttl_s) == (4 * 3600, 4, 0)
