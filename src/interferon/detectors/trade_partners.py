"""Master data of partners: bank account or delivery address changed without approval or over a weak channel, and invoices that use it.

A detector of `partner.changed` and `invoice.received`, run by `detect.stream`; the entity is the partner.
"""

from dataclasses import dataclass, field
from typing import Final

from interferon.detect.stream_events import DAY, Event, name_of
from interferon.detect.stream_memory import Novelty, is_new, learn_key, tail_of_count
from interferon.detect.stream_protocol import Anomaly, Context

NAME: Final = "trade_partners"
FAMILY: Final = "trade"
KINDS: Final = ("partner.changed", "invoice.received")
TECHNIQUES: Final = ("T1565", "T1657")  # data manipulation, financial theft

MONEY: Final = ("bank", "iban", "account", "payment", "remit", "routing", "swift", "bic")
GOODS: Final = ("ship_to", "ship-to", "shipto", "delivery", "address", "warehouse", "incoterm")
WEAK: Final = {"email", "mail", "e-mail", "chat", "sms", "api", "unknown", ""}  # what a thief of one mailbox can use
RATES: Final = {"money": 0.003, "goods": 0.01, "other": 0.05}  # changes a day of a settled partner: the prior
SOON: Final = 30 * DAY


@dataclass
class Memory:
    accounts: Novelty = field(default_factory=Novelty)  # (account,) as seen in invoices and approved changes
    hands: Novelty = field(default_factory=Novelty)  # (actor,)
    doubtful: dict[str, int] = field(default_factory=dict)  # value set by a change that was told of → time
    changes: dict[str, float] = field(default_factory=dict)
    invoices: float = 0.0


def memory() -> Memory:
    return Memory()


def _field_class(name: str) -> str:
    lower = name.lower()
    return "money" if any(word in lower for word in MONEY) else "goods" if any(word in lower for word in GOODS) else "other"


def approved(event: Event) -> bool:
    """Two people: an approver who is not the one who made the change."""
    approver, actor = event.text("approved_by"), event.text("actor")
    return bool(approver) and approver != actor


def score(memory: Memory, event: Event, ctx: Context) -> list[Anomaly]:
    found = _change(memory, event, ctx) if event.kind == "partner.changed" else _invoice(memory, event, ctx)
    return [found] if found is not None else []


def _change(memory: Memory, event: Event, ctx: Context) -> Anomaly | None:
    what = _field_class(event.text("field"))
    channel, actor, before = event.text("channel").lower(), event.text("actor"), event.text("before")
    p = tail_of_count(1, RATES[what], memory.changes.get(what, 0.0), ctx.days)
    parts = {"field": 1.0}
    alone = not approved(event)
    p *= 0.05 if alone else 10.0
    parts |= {"approved_by": 3.0} if alone else {}
    if channel in WEAK:
        p *= 0.2
        parts["channel"] = 2.0
    if memory.hands.known and is_new(memory.hands, (actor,)):
        p *= 0.4
        parts["actor"] = 1.0
    if what == "money" and before and memory.accounts.known and is_new(memory.accounts, (before,)):
        p *= 0.2
        parts["before"] = 1.5
    if not before and not alone:
        p *= 5.0  # filled in for the first time, by two people: a new partner
    facts = {"field": event.text("field") or "a field", "channel": channel, "actor": actor, "alone": "yes" if alone else ""}
    related = (_ref("partner", event.partner), _ref("identity", actor))
    return Anomaly(
        kind=f"partner.{what}_changed",
        key=f"{what}|{event.text('after')}",
        p=min(max(p, 1e-8), 1.0),
        parts=parts,
        facts=facts,
        related=related,
        techniques=("T1565", "T1657") if what == "money" else ("T1565",),
        absolute=alone and what != "other",
    )


def _invoice(memory: Memory, event: Event, ctx: Context) -> Anomaly | None:
    """An invoice that wants its money on an account never paid to, the more so if that account was just written into the master data."""
    account = event.text("bank_account")
    if not account or not is_new(memory.accounts, (account,)):
        return None
    planted = memory.doubtful.get(account)
    fresh = planted is not None and event.time - planted < SOON
    if not fresh and memory.invoices < 3:
        return None
    p = 2e-6 if fresh else tail_of_count(1, 0.001, memory.changes.get("account", 0.0), ctx.days)
    parts = {"bank_account": 2.0} | ({"change before": 3.0} if fresh else {})
    facts = {"partner": event.partner or ctx.entity, "fresh": "yes" if fresh else "", "order": event.order}
    related = (_ref("partner", event.partner), _ref("order", event.order))
    return Anomaly(
        kind="invoice.new_account",
        key=f"invoice|{account}",
        p=p,
        parts=parts,
        facts=facts,
        related=related,
        techniques=("T1657",),
        absolute=fresh,
    )


def _ref(kind: str, name: str) -> str:
    return name if not name or ":" in name else f"{kind}:{name}"


def learn(memory: Memory, event: Event, ctx: Context, strange: bool) -> None:
    account = event.text("bank_account")
    if event.kind == "invoice.received":
        memory.invoices += 1.0
        if account:
            if ctx.counting and memory.invoices > 3 and is_new(memory.accounts, (account,)) and account not in memory.doubtful:
                memory.changes["account"] = memory.changes.get("account", 0.0) + (0.5 if strange else 1.0)
            learn_key(memory.accounts, (account,), event.time, strange=strange)
        return
    what, after = _field_class(event.text("field")), event.text("after")
    learn_key(memory.hands, (event.text("actor"),), event.time, strange=strange)
    if ctx.counting:
        memory.changes[what] = memory.changes.get(what, 0.0) + (0.5 if strange else 1.0)
    if what == "money" and after:
        if strange or not approved(event):
            memory.doubtful = {value: time for value, time in memory.doubtful.items() if event.time - time < SOON} | {after: event.time}
        else:
            memory.doubtful.pop(after, None)
            learn_key(memory.accounts, (after,), event.time, strange=False)


def why(anomaly: Anomaly, ctx: Context) -> str:
    facts, partner = anomaly.facts, name_of(ctx.entity)
    if anomaly.kind == "invoice.new_account":
        end = ", which was put into the master data without due approval" if facts["fresh"] else ""
        return f"{name_of(facts['partner'])} invoices to a bank account never paid to before{end}"
    hand = name_of(facts["actor"]) or "someone"
    paper = "without a second person's approval" if facts["alone"] else "with approval"
    over = f", requested by {facts['channel']}" if facts["channel"] else ""
    return f"{hand} changed {facts['field']} of {partner} {paper}{over}"


def _paid(day: float) -> Event:
    attributes = {"price": 12.0, "bank_account": "DE01"}
    return Event(int(day * DAY), "erp", int(day * 10), "partner:s-1", FAMILY, "invoice.received", attributes=attributes, partner="s-1")


def _moved(day: float) -> Event:
    attributes = {"field": "bank_account", "before": "DE01", "after": "XX99", "channel": "email", "actor": "temp"}
    return Event(int(day * DAY), "erp", int(day * 10), "partner:s-1", FAMILY, "partner.changed", attributes=attributes, partner="s-1")


QUIET: Final = [_paid(day) for day in range(14)]
LOUD: Final = [*QUIET, _moved(14)]
