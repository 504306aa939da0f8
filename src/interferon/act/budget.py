"""The hard limits: may one more intent be admitted, given what is held already?

Called by the effect journal inside the intent's own transaction, so that two intents cannot both take the last unit. Pure.
"""

from interferon.model.effects import Held, Intent
from interferon.model.network import Budgets

HOUR_US = 3_600_000_000


def refusal(intent: Intent, held: Held, limits: Budgets) -> str:
    """'' where `intent` fits, else one line that names the budget, what is held, what is asked and the limit.

    `held.actions` counts what was admitted in the last hour, whatever became of it: undoing an action does not buy another one
    in the same hour, or a flapping plan could switch a plant on and off without end. The other budgets are free again when an
    effect is undone or has failed.
    """
    asked = (
        ("actions an hour", held.actions, 1, limits.actions_per_hour),
        ("isolated assets", held.assets, intent.assets, limits.isolated_assets),
        ("downtime hours", held.downtime_h, intent.downtime_h, limits.downtime_hours),
        ("late orders", held.orders_late, intent.orders_late, limits.orders_late_per_day),
    )
    over = [f"{name}: {used} held + {more} asked > {limit}" for name, used, more, limit in asked if more and used + more > limit]
    return "beyond budget: " + "; ".join(over) if over else ""
