"""Actions that tell people something: whom they may tell, and that what was said cannot be taken back."""

import pytest

from interferon.actions import ACTIONS
from interferon.model.network import Network, Partner, Person, Settings

NETWORK = Network(
    settings=Settings(name="n"),
    revision=1,
    sites={},
    zones={},
    conduits={},
    assets={},
    partners={
        "haulier": Partner(id="haulier", name="Haulier", kind="carrier", contact="soc@haulier.example"),
        "mute": Partner(id="mute", name="Mute", kind="supplier"),
    },
    nodes={},
    lanes={},
    products={},
    orders={},
    people={"anna": Person(id="anna", name="Anna", role="operator", contact="anna@plant.example")},
)


@pytest.mark.parametrize(
    ("action", "target", "why"),
    [
        ("open_ticket", "asset:plc-1", ""),
        ("open_ticket", "person:anna", "open_ticket takes asset:ID"),
        ("send_message", "person:anna", ""),
        ("send_message", "person:otto", "person:otto is not in the network"),
        ("notify_partner", "partner:haulier", ""),
        ("notify_partner", "partner:mute", "partner:mute has no contact in partners.csv"),
        ("notify_partner", "partner:x", "partner:x is not in the network"),
    ],
)
def test_whom_a_message_may_reach(action: str, target: str, why: str) -> None:
    found = ACTIONS[action].precheck(NETWORK, target)
    assert found.startswith(why) if why else found == ""


def test_only_a_ticket_is_taken_back() -> None:
    told = {name: (ACTIONS[name].kind, bool(ACTIONS[name].inverse)) for name in ("open_ticket", "send_message", "notify_partner")}
    irreversible = ("irreversible", False)
    assert told == {"open_ticket": ("compensable", True), "send_message": irreversible, "notify_partner": irreversible}
    assert all(not ACTIONS[name].closes(NETWORK, "anna") for name in told)
