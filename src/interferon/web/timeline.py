"""One incident's story as lines of a timeline: what was found, done and said, and what became of the goods. Called by `live`."""

from interferon.model.events import Receipted, Verdict
from interferon.model.records import Finding, Incident, Plan
from interferon.runtime.running import Running
from interferon.web.view import Declared, Entry
from interferon.web.words import alternative

FAILED = ("failed", "refused", "escalated", "orphan")


def timeline(
    run: Running, incident: Incident, findings: list[Finding], plans: list[Plan], receipts: list[Receipted], verdicts: list[Verdict]
) -> list[Entry]:
    entries = [Entry(time=f.time, side="cyber", kind="finding", text=f.summary, ref=f.entity, alarm=not f.declared) for f in findings]
    for plan in plans:
        label = alternative(plan.alternatives[plan.chosen].label)
        entries.append(Entry(time=plan.time, side="cyber", kind="plan", text=f"Plan {plan.id}: {label}", plan=plan.id))
        if plan.id in run.routes and run.routes[plan.id][1].moved:
            time, route = run.routes[plan.id]
            text = f"Goods re-routed: {len(route.moved)} supplies moved, {route.orders_late:.0f} orders late expected"
            entries.append(Entry(time=time, side="goods", kind="reroute", text=text, plan=plan.id))
        for answer in run.approvals:
            if answer.plan == plan.id:
                word = "approved" if answer.approved else "vetoed"
                text = f"{answer.person} {word} plan {plan.id}"
                entries.append(Entry(time=answer.time, side="person", kind=word, text=text, plan=plan.id))
    for receipt in receipts:
        text = f"{receipt.action.replace('_', ' ')} on {receipt.target}: {receipt.status}" + (
            f" ({receipt.detail})" if receipt.detail else ""
        )
        bad = receipt.status in FAILED
        plan_id = receipt.plan if receipt.plan in run.plans else ""  # what a playbook did has no plan that could be shown
        entries.append(Entry(time=receipt.time, side="cyber", kind="receipt", text=text, ref=receipt.target, plan=plan_id, alarm=bad))
    entries += [
        Entry(time=v.time, side="person", kind="verdict", text=f"{v.person} judged this {v.verdict}" + (f": {v.note}" if v.note else ""))
        for v in verdicts
    ]
    return entries + _goods(run, incident)


def _goods(run: Running, incident: Incident) -> list[Entry]:
    """Orders that came late since the case was opened, and shipments of the sites concerned."""
    _, late = run.goods.due(run.clock())
    entries = [
        Entry(
            time=order.promised,
            side="goods",
            kind="order_late",
            text=f"Order {order.order} for {order.destination} missed its promise",
            alarm=True,
        )
        for order in late
        if order.promised >= incident.opened
    ][-40:]
    nodes = {node.id for node in run.rules.network.nodes.values() if node.site in incident.sites}
    moved = [event for event in run.goods.shipments if event.time >= incident.opened and {event.origin, event.destination} & nodes]
    entries += [
        Entry(
            time=event.time,
            side="goods",
            kind="shipment",
            text=f"{event.kind.removeprefix('shipment.').capitalize()}: {event.quantity or 0:g} of {event.product}, "
            f"{event.origin} to {event.destination}",
            ref=f"lane:{event.lane}" if event.lane else "",
        )
        for event in moved[:20]
    ]
    return entries


def declared(findings: list[Finding]) -> tuple[Declared, ...]:
    tickets = {f.declared: f for f in findings if f.declared}
    return tuple(
        Declared(ticket=ticket, text=f"announced work on {f.entity}", target=f.entity, starts=f.time)
        for ticket, f in sorted(tickets.items())
    )
