"""What kind of intervention an action is: is it taken back, does it write to a controller? Read by `decide`, `act`, the runtime. Pure."""

from dataclasses import dataclass
from typing import Final, Literal, Protocol

Kind = Literal["reversible", "compensable", "irreversible"]

CONTROLLERS: Final = frozenset({"plc", "robot", "agv", "sis"})
"""Asset types that move something in the physical world: what changes what they hold or run is a write to a controller."""


class Writing(Protocol):
    """What an action declares; `act.protocol.Action` is one, and so is `ActionClass`."""

    @property
    def controller_write(self) -> bool: ...

    @property
    def device_write(self) -> bool: ...


@dataclass(frozen=True)
class ActionClass:
    """An action as far as policy has to know it."""

    kind: Kind
    controller_write: bool = False  # it writes to a controller, whatever the tables call its target
    device_write: bool = False  # it changes what its target holds or runs


def writes_controller(action: Writing, asset_type: str) -> bool:
    """Whether the action, done to an asset of this type, writes to a controller."""
    return action.controller_write or (action.device_write and asset_type in CONTROLLERS)
