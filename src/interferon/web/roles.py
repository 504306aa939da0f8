"""The roles a person can have and what each may do in the screens, where no policy of the network's own says otherwise.

`RoleTable` is the `Permission` that `create_app` falls back to. Pure.
"""

from typing import Final

from interferon.web.view import Verb

LOCAL_PERSON: Final = "local@loopback"
LOCAL_ROLE: Final = "operator"

MAY: Final[dict[str, frozenset[Verb]]] = {
    "viewer": frozenset({"view"}),
    "planner": frozenset({"view", "verdict", "veto"}),
    "operator": frozenset({"view", "verdict", "veto", "approve", "undo", "stop"}),
    "engineer": frozenset({"view", "verdict", "veto", "approve", "undo", "stop"}),
    "owner": frozenset({"view", "verdict", "veto", "approve", "undo", "stop"}),
    "admin": frozenset({"view", "undo", "stop"}),  # hands out roles, and by intent approves nothing
}


class RoleTable:
    """Answers by role alone; an unknown role may nothing."""

    def may(self, person: str, role: str, verb: Verb) -> bool:
        return bool(person) and verb in MAY.get(role, frozenset())
