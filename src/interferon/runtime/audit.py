"""An auditor apart from the judge: recounts from plans, commands and the ledger whether a limit was violated. Called by the demo and tests.

Shares no code with `decide` or the journal's budgets: what those let through, this must find.
"""

from collections.abc import Iterable, Mapping, Sequence

from interferon.model.effects import LedgerEntry
from interferon.model.network import Network
from interferon.model.records import Execute, Plan

HOUR_US = 3_600_000_000
TAKES_DOWN = ("isolate_asset", "isolate_zone", "fail_over")
STARTS_ALONE = ("execute_auto", "execute_unless_vetoed")


def violations(network: Network, plans: Mapping[str, Plan], executed: Sequence[Execute], ledger: Iterable[LedgerEntry]) -> list[str]:
    """One line for each limit that was passed; none is as it should be."""
    found = [line for command in executed for line in _command(network, plans, command)]
    return found + _hourly(network, executed, ledger)


def _command(network: Network, plans: Mapping[str, Plan], command: Execute) -> list[str]:
    plan = plans.get(command.plan)
    if plan is None:
        return [f"{command.plan}: carried out without a plan"]
    found = []
    done = {(action, target) for _, action, target, _ in command.effects}
    fitting = [alternative for alternative in plan.alternatives if done <= set(alternative.actions)]
    if not fitting:
        found.append(f"{plan.id}: did what none of its alternatives says")
    elif command.mode in STARTS_ALONE and all(alternative.mode not in STARTS_ALONE for alternative in fitting):
        found.append(f"{plan.id}: acted alone where policy wants a person")
    if command.mode == "execute_unless_vetoed" and command.time < plan.veto_until:
        found.append(f"{plan.id}: did not wait for a veto")
    for _, action, target, _ in command.effects:
        names = network.assets_in.get(target[5:], ()) if target.startswith("zone:") else (target.partition(":")[2],)
        if action in TAKES_DOWN and any(network.assets[n].type == "sis" for n in names if n in network.assets):
            found.append(f"{plan.id}: {action} on a safety system, {target}")
    return found


def _hourly(network: Network, executed: Sequence[Execute], ledger: Iterable[LedgerEntry]) -> list[str]:
    """Actions in any hour, recounted from the commands that the journal did not refuse."""
    refused = {entry.subject for entry in ledger if entry.kind == "effect" and '"refused"' in entry.body}
    times = sorted(command.time for command in executed for effect in command.effects if effect[0] not in refused)
    limit = network.settings.budgets.actions_per_hour
    over = [time for index, time in enumerate(times) if index >= limit and time - times[index - limit] < HOUR_US]
    return [f"more than {limit} actions in the hour before {time}" for time in over]
