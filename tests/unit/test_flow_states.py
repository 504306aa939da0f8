"""What assets in each state leave of the capacities."""

from typing import Any

import pytest

from interferon.flow.capacity import lost
from interferon.flow.states import AssetState, from_states
from interferon.model.errors import InputError
from interferon.model.network import Dependency, Network

from .goods import lane, network, node


def near(value: float) -> Any:
    """Equal but for rounding."""
    return pytest.approx(value)


WMS = Dependency(asset="wms-d", target="node:d", share_lost=0.8, fallback_share=0.5, fallback_delay_h=6.0, tolerance_h=2.0)
FULL = ((0.0, 1.0), (2.0, near(0.2)), (6.0, near(0.6)))


def centre(*rows: Dependency) -> Network:
    return network([node("d", "dc"), node("x", "customer")], [lane("d-x", "d", "x", 1.0)], [], {("d", "p"): 1.0}, bom=(), dependencies=rows)


@pytest.mark.parametrize("kind", ["down", "isolated"])
def test_down_and_isolated_are_as_if_closed(kind: str) -> None:
    told = from_states(centre(WMS), {"asset:wms-d": AssetState(kind)})  # type: ignore[arg-type]  # one of them
    assert told == lost(centre(WMS), ["asset:wms-d"])
    assert told.worst == {"node:d": FULL}


def test_suspect_is_a_range_from_all_to_nothing() -> None:
    told = from_states(centre(WMS), {"asset:wms-d": AssetState("suspect")})
    assert (told.best, told.worst) == ({}, {"node:d": FULL})


def test_ok_and_what_is_no_asset_take_nothing() -> None:
    told = from_states(centre(WMS), {"asset:wms-d": AssetState("ok"), "asset:who": AssetState("down"), "identity:ann": AssetState("down")})
    assert told.certain
    assert told.worst == {}


def test_restoring_gives_its_share_back_now_and_the_rest_at_the_end() -> None:
    row = Dependency(asset="wms-d", target="node:d", share_lost=0.8)
    told = from_states(centre(row), {"asset:wms-d": AssetState("restoring", hours=10.0, share=0.25)})
    assert told.certain
    assert told.worst == {"node:d": ((0.0, near(1 - 0.8 * 0.75)), (10.0, 1.0))}
    assert from_states(centre(row), {"asset:wms-d": AssetState("restoring", hours=0.0)}).worst == {}
    assert from_states(centre(row), {"asset:wms-d": AssetState("restoring")}).worst == {"node:d": ((0.0, near(0.2)),)}


def test_what_has_passed_of_tolerance_and_fallback_counts() -> None:
    told = from_states(centre(WMS), {"asset:wms-d": AssetState("down", hours=20.0, since_h=3.0)})
    assert told.worst == {"node:d": ((0.0, near(0.2)), (3.0, near(0.6)), (20.0, 1.0))}


def test_a_group_is_lost_as_far_and_as_long_as_all_of_it_is() -> None:
    rows = [Dependency(asset=f"{name}-d", target="node:d", share_lost=share, group="g") for name, share in (("wms", 0.5), ("plc", 0.6))]
    one = {"asset:wms-d": AssetState("down")}
    assert from_states(centre(*rows), one).worst == {}
    both = from_states(centre(*rows), {**one, "asset:plc-d": AssetState("restoring", hours=8.0, share=0.5)})
    assert both.worst == {"node:d": ((0.0, near(1 - 0.6 * 0.5)), (8.0, 1.0))}
    doubt = from_states(centre(*rows), {**one, "asset:plc-d": AssetState("suspect")})
    assert (doubt.best, doubt.worst) == ({}, {"node:d": ((0.0, near(0.4)),)})


def test_what_no_row_tells_of_is_a_guess_at_worst() -> None:
    told = from_states(centre(), {"asset:wms-d": AssetState("down"), "asset:plc-d": AssetState("restoring", hours=5.0, share=0.5)})
    assert told.best == {}
    assert told.worst == {"node:d": ((0.0, near(0.4)),)}  # a WMS may carry 0.6; the PLC's guess of 0.3 does not come on top
    row = Dependency(asset="plc-d", target="node:d", share_lost=0.5, source="discovered", confidence=0.6)
    both = from_states(centre(row), {"asset:wms-d": AssetState("down", hours=4.0), "asset:plc-d": AssetState("down")})
    assert both.best == {"node:d": ((0.0, near(0.7)),)}
    assert both.worst == {"node:d": ((0.0, near(0.5 * 0.4)), (4.0, near(0.5)))}


@pytest.mark.parametrize("wrong", [{"share": 1.5}, {"since_h": -1.0}, {"hours": -0.1}])
def test_numbers_out_of_their_range(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="a share from 0 to 1"):
        AssetState("restoring", **wrong)
