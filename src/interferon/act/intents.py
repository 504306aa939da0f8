"""From a plan's `Execute` command to intents: which budgets each effect draws on. Called by the runtime before it submits. Pure."""

from collections.abc import Mapping
from math import ceil

from interferon.act.protocol import Action
from interferon.model.effects import Intent
from interferon.model.network import Network
from interferon.model.records import Execute


def intents(
    command: Execute, network: Network, actions: Mapping[str, Action], requested_by: str, orders_late: float | None
) -> list[Intent]:
    """One intent for each effect of `command`. The late orders expected of all are charged to the first, rounded up; None: not known."""
    found = []
    for position, (effect_id, name, target, params) in enumerate(command.effects):
        closed = actions[name].closes(network, target.partition(":")[2]) if name in actions else ()
        ttl_s = command.ttl_s or (actions[name].ttl_s if name in actions else 0)
        found.append(
            Intent(
                id=effect_id,
                plan=command.plan,
                incident=command.incident,
                action=name,
                target=target,
                params=params,
                ttl_s=ttl_s,
                requested_by=requested_by,
                mode=command.mode,
                time=command.time,
                assets=len(closed),
                downtime_h=ceil(ttl_s / 3600) if any(asset in network.depends for asset in closed) else 0,
                orders_late=ceil(orders_late or 0.0) if position == 0 else 0,
                priced=orders_late is not None,
            )
        )
    return found
