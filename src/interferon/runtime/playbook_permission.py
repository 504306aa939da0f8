"""May this person have a playbook do this, here and now? Called before each effect of a run, and before the run begins.

Reads the folder's signed policy and accounts anew each time: a run may take days, and what was allowed then may not be any more.
"""

from collections.abc import Iterable
from pathlib import Path

from interferon.actions import ACTIONS
from interferon.decide.options import takes_safety
from interferon.model.action_class import writes_controller
from interferon.model.errors import PolicyError
from interferon.model.network import Network
from interferon.store import policy_folder
from interferon.store.accounts import Accounts


class Permission:
    """What the folder's signed policy lets one person do, as it stands at the moment of asking."""

    def __init__(self, folder: Path, person: str, network: Network, accounts: Accounts) -> None:
        self.person = person
        self._folder, self._network, self._accounts = folder, network, accounts

    def refusal(self, verb: str, effects: Iterable[tuple[str, str]], orders_late: int = 0) -> str:
        """'' where the person may `approve` or `undo` each (action, reference), else one line why not. `orders_late`: by all of them."""
        role = self._accounts.role(self.person)
        if role is None:
            return f"{self.person} has no account in {self._folder} that is in use; `interferon user add` makes one"
        try:
            policy = policy_folder.load(self._folder)
        except PolicyError as error:
            return str(error)
        for action, target in effects:
            if verb == "approve" and takes_safety(self._network, action, target):
                return f"{action} of {target} would touch a safety system: people alone do that"
            if not policy.may(self.person, role, verb, context={**self._matter(action, target), "orders_late": orders_late}):
                return f"policy does not let {self.person} ({role}) {verb} {action} of {target}"
        return ""

    def _matter(self, action: str, target: str) -> dict[str, object]:
        known = ACTIONS.get(action)  # an effect on record may be of an action that is not there any more: the cautious answer
        kind, _, name = target.partition(":")
        asset = self._network.assets.get(name) if kind == "asset" else None
        return {
            "irreversible": known is None or known.kind == "irreversible",
            "controller_write": known is None or writes_controller(known, self._network.class_of(target)),
            "owner": asset is not None and asset.owner == self.person,
        }
