"""Declared changes: work orders that announce what would otherwise look like an attack on the same entity. Used by `stream`.

A work order explains findings on its target, in its window, of its kind of work. The finding is still made; it carries the ticket.
"""

from typing import Any, Final

import msgspec

from interferon.detect.stream_events import DAY, HOUR, Event

GRACE: Final = HOUR // 2  # people start early and tidy up late
UNBOUNDED: Final = DAY  # a work order without an end is believed for a day

# No maintenance changes where money goes, takes goods out of the chain, scrambles files, clears logs or carries data out.
NEVER: Final = (
    *("partner.", "invoice.", "custody.", "order.", "forecast.", "file."),
    *("volume.", "log.cleared", "claim.", "transit.", "agent."),
)
ONLY: Final = {  # kind of work → the finding kinds it explains; work not listed here explains all but NEVER
    "firmware": ("firmware.", "config.", "command.", "telemetry.", "process.", "log.", "conversation.", "login."),
    "sensor": ("telemetry.", "config.", "command."),
    "calibration": ("telemetry.", "config.", "command."),
    "pen_test": ("conversation.", "login.", "process."),
    "penetration": ("conversation.", "login.", "process."),
}


class WorkOrder(msgspec.Struct, frozen=True):
    """An approved announcement of work. Times in microseconds UTC."""

    ticket: str
    work: str
    starts: int
    ends: int


def announcement(event: Event) -> dict[str, Any]:
    """What a `work.order` row announces, as the arguments that `correlate.declared.take` has."""
    return {
        "code": event.code,
        "ticket": event.text("ticket") or event.id,
        "target": event.target or event.entity,
        "work": event.object,
        "planner": event.actor,
        "approver": event.text("approved_by"),
        "starts": event.moment("from"),
        "ends": event.moment("until"),
    }


def take(orders: dict[str, WorkOrder], event: Event) -> None:
    """Open or close an order. Only one that somebody other than its planner approved is believed."""
    ticket = event.text("ticket") or event.id
    if event.code == "closed":
        held = orders.get(ticket)
        if held is not None:
            orders[ticket] = WorkOrder(ticket, held.work, held.starts, min(held.ends, event.time))
        return
    approver = event.text("approved_by")
    if event.code != "opened" or not approver or approver == event.actor:
        return
    for old in [name for name, order in orders.items() if order.ends + GRACE < event.time - DAY]:
        del orders[old]
    starts = event.moment("from") or event.time
    ends = event.moment("until") or starts + UNBOUNDED
    orders[ticket] = WorkOrder(ticket, event.object, starts, ends)


def covering(orders: dict[str, WorkOrder], time: int) -> str:
    """Ticket of the order whose window holds `time`, the latest begun first; '' if there is none."""
    open_now = [order for order in orders.values() if order.starts - GRACE <= time <= order.ends + GRACE]
    return max(open_now, key=lambda order: (order.starts, order.ticket)).ticket if open_now else ""


def explaining(orders: dict[str, WorkOrder], time: int, kind: str) -> str:
    """Ticket of an order that announced a finding of this kind at this time, or ''."""
    fit = [order for order in orders.values() if order.starts - GRACE <= time <= order.ends + GRACE and explains(order.work, kind)]
    return max(fit, key=lambda order: (order.starts, order.ticket)).ticket if fit else ""


def explains(work: str, kind: str) -> bool:
    """Whether this kind of work leads to findings of this kind."""
    if kind.startswith(NEVER):
        return False
    wanted = [kinds for name, kinds in ONLY.items() if name in work.lower()]
    return kind.startswith(wanted[0]) if wanted else True
