"""What the packet filter is told, and how its answers are read: pure text, no packet filter needed."""

from typing import Any

import pytest

from interferon.effector import nft_table
from interferon.effector.nft_elements import MOST, elements, exempt
from interferon.effector.protocol import Target
from interferon.model.effects import Value
from interferon.model.errors import InputError


def of(action: str, **reach: Value) -> dict[str, list[str]]:
    return elements(action, Target(ref="x:y", reach=reach))


def test_an_asset_is_its_addresses_in_both_versions() -> None:
    assert of("isolate_asset", address="10.1.1.5 fd00::5") == {"asset4": ["10.1.1.5"], "asset6": ["fd00::5"]}


def test_a_zone_is_its_ranges_and_what_stays_open_inside() -> None:
    assert of("isolate_zone", addresses="10.1.1.0/24, 10.2.0.1") == {
        "zone4": ["10.1.1.0/24", "10.2.0.1"],
        "inside4": ["10.1.1.0/24 . 10.1.1.0/24", "10.1.1.0/24 . 10.2.0.1", "10.2.0.1 . 10.1.1.0/24", "10.2.0.1 . 10.2.0.1"],
    }


def test_a_conduit_is_its_pairs_with_or_without_a_port() -> None:
    ends: dict[str, Value] = {"from": "10.1.0.0/24", "to": "10.2.0.5 fd00::1"}
    assert of("cut_conduit", **ends) == {"pair4": ["10.1.0.0/24 . 10.2.0.5"]}
    assert of("cut_conduit", **ends, protocol="tcp", port=502) == {"flow4": ["10.1.0.0/24 . 10.2.0.5 . tcp . 502"]}


@pytest.mark.parametrize(
    ("action", "reach", "why"),
    [
        ("isolate_asset", {}, "reach has no address"),
        ("isolate_asset", {"address": 5}, "reach has no address"),
        ("isolate_asset", {"address": "plc.local"}, "address: 'plc.local' does not appear to be"),
        ("isolate_asset", {"address": "10.1.1.5; flush ruleset"}, "address: '10.1.1.5;' does not appear"),
        ("isolate_asset", {"address": "10.1.1.5 10.1.1.5"}, "10.1.1.5 is in it twice"),
        ("isolate_zone", {"addresses": "10.1.0.0/16 10.1.1.0/24"}, "10.1.1.0/24 is in it twice"),
        ("isolate_zone", {"addresses": " ".join(f"10.0.{n}.1" for n in range(64))}, f"it would be {64 * 65} elements; at most {MOST}"),
        ("cut_conduit", {"from": "10.0.0.1"}, "reach has no to"),
        ("cut_conduit", {"from": "10.0.0.1", "to": "fd00::1"}, "no version of IP in common"),
        ("cut_conduit", {"from": "10.0.0.1", "to": "10.0.0.2", "protocol": "modbus", "port": 502}, "protocol is 'modbus' and port 502"),
        ("cut_conduit", {"from": "10.0.0.1", "to": "10.0.0.2", "protocol": "tcp"}, "write one of tcp, udp, sctp and a port"),
    ],
)
def test_a_wrong_reach_is_told(action: str, reach: dict[str, Value], why: str) -> None:
    with pytest.raises(InputError) as told:
        of(action, **reach)
    assert why in str(told.value)


def test_exemptions_are_addresses() -> None:
    assert exempt(["10.9.0.1", "fd00::/64"]) == ["10.9.0.1", "fd00::/64"]
    with pytest.raises(InputError, match="exempt: "):
        exempt(["management"])


def listing(**change: Any) -> list[dict[str, Any]]:
    """What `nft -j list table` shows of a table that stands as it was written."""
    marks = list(nft_table._MARKS)
    guard = [{"rule": {"chain": "guard", "comment": mark}} for mark in marks]
    chains = [{"chain": {"name": name, "hook": name, "prio": -310}} for name in nft_table.HOOKS]
    jumps = [{"rule": {"chain": name, "expr": [{"jump": {"target": "guard"}}]}} for name in nft_table.HOOKS]
    return [{"table": {"name": "interferon"} | change}, *chains, *guard, *jumps]


def test_a_table_as_it_was_written_is_whole() -> None:
    assert nft_table.broken(listing()) == ""


@pytest.mark.parametrize(
    ("objects", "why"),
    [
        ([], "there is no table inet interferon"),
        (listing(flags="dormant"), "table inet interferon is dormant"),
        ([each for each in listing() if each.get("rule", {}).get("chain") != "guard"], "the rules of inet interferon guard are not"),
        (listing()[:-1], "the chain inet interferon output is not as it was written"),
        ([each for each in listing() if each.get("chain", {}).get("name") != "forward"], "the chain inet interferon forward is not"),
        ([*listing(), {"rule": {"chain": "prerouting", "expr": [{"accept": None}]}}], "the chain inet interferon prerouting is not"),
        ([*listing(), {"rule": {"chain": "guard", "expr": [{"accept": None}]}}], "the rules of inet interferon guard are not"),
    ],
)
def test_what_was_changed_in_the_table_is_seen(objects: list[dict[str, Any]], why: str) -> None:
    assert nft_table.broken(objects).startswith(why)


def test_elements_are_read_as_they_are_written() -> None:
    elem = [
        {"elem": {"val": "10.1.1.5", "comment": "e1"}},
        "10.1.1.6",
        {"elem": {"val": {"prefix": {"addr": "10.2.0.0", "len": 24}}, "comment": "e2"}},
    ]
    flow = [{"elem": {"val": {"concat": [{"prefix": {"addr": "10.1.0.0", "len": 24}}, "10.2.0.5", "tcp", 502]}, "comment": "e3"}}]
    found = nft_table.contents(
        [{"set": {"name": "zone4", "elem": elem}}, {"set": {"name": "flow4", "elem": flow}}, {"set": {"name": "exempt4"}}]
    )
    assert found["zone4"] == {"10.1.1.5": "e1", "10.1.1.6": "", "10.2.0.0/24": "e2"}
    assert found["flow4"] == {"10.1.0.0/24 . 10.2.0.5 . tcp . 502": "e3"}
    assert found["asset6"] == {}
    assert "exempt4" not in found
