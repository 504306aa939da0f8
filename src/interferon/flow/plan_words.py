"""The reason for each late order in one line of words. Called by `plan`. Pure; times are told in UTC."""

from dataclasses import dataclass
from typing import Final

from interferon.flow.plan_rows import Rows
from interferon.flow.plan_split import Fill, arrives
from interferon.flow.plan_state import Block
from interferon.flow.plan_why import Root, Users, Ways
from interferon.flow.telling import day, late, units

_NEXT: Final = {
    "closed": "is closed as well",
    "reduced": "is cut short as well",
    "zero": "has no capacity",
    "full": "is used up",
    "choice": "costs more than coming late",
}


@dataclass(frozen=True)
class Reason:
    """Why an order is late. Orders with the same `cause` are counted together; `other` says what became of this one."""

    order: str
    cause: str
    other: str

    @property
    def text(self) -> str:
        return f"{self.cause}; {self.other}"


class Words:
    """Tells reasons under one decision: the ways that goods have, what orders get, and what they usually get."""

    def __init__(self, ways: Ways, rows: Rows, now: int, *, usual: bool) -> None:
        """`usual`: the decision is that with nothing closed, so that no closure is to blame."""
        self._ways, self._problem, self._now, self._usual = ways, ways.problem, now, usual
        self._filled_before = rows.filled_before
        self._now_filled = rows.filled
        self._filled = rows.filled_before if usual else rows.filled
        self._users = Users(self._problem, self._filled.values())

    def reason(self, order: str) -> Reason:
        """The reason of one late order."""
        fill = self._filled[order]
        pairs = self._ways.pairs(fill, self._filled_before[order])
        product, customer = fill.order.product, fill.order.customer
        if not pairs:
            return Reason(order, f"no lane brings {product} to {customer}", self._outcome(fill))
        root = self._ways.way(pairs[0])
        begins = "late with nothing closed as well: " if self._usual else ""
        others = (self._used(root.block, fill), self._after(fill, pairs), self._worse(fill))
        return Reason(order, begins + self._cause(root) + self._dry(root), "; ".join(filter(None, others)))

    def _cause(self, root: Root) -> str:
        block = root.block
        kind, _, name = block.ref.partition(":")
        match block.kind:
            case "closed" | "reduced":
                return self._closure(block) + (", all of it used" if block.kind == "reduced" else "")
            case "zero":
                return f"{kind} {name} has no capacity in {kind}s.csv"
            case "full":
                refs = self._ways.state.closure.refs
                since = "" if self._usual else f" now that {', '.join(refs)} {'are' if len(refs) > 1 else 'is'} closed"
                return f"{self._rate(block)}, all of it used{since}"
            case "lead":
                return f"{kind} {name} takes {units(self._days(name))} days, too long to {'bring more' if root.dry else 'arrive'} in time"
            case "choice":
                return f"{kind} {name} has room, but that costs more than coming late"
            case _:
                return "nothing brings or makes more"

    def _closure(self, block: Block) -> str:
        closure = self._ways.state.closure
        until = self._ways.state.until(block, self._now)
        held = f"until {day(until)}" if until is not None else "until the end of the plan"
        by = closure.by.get(block.ref, closure.refs)
        whose = "closed" if block.ref in by else f"closed with {', '.join(by)}"
        return f"{self._rate(block, left=True)} {held}, {whose}"

    def _rate(self, block: Block, *, left: bool = False) -> str:
        """`node dc-lyon sends 1,200 a day`, or with `left`: `sends 0 of 1,200 a day`."""
        problem, shares = self._problem, self._ways.state.left
        kind, _, name = block.ref.partition(":")
        at = (problem.lanes if kind == "lane" else problem.nodes).index(name)
        whole = float((problem.lane_cap if kind == "lane" else problem.node_cap)[at])
        share = float((shares.lanes if kind == "lane" else shares.nodes)[at, block.bucket])
        if whole == float("inf"):
            return f"node {name} takes in {share:.0%} of what its lanes can bring"
        verb = "carries" if kind == "lane" else "makes" if block.made else "sends"
        return f"{kind} {name} {verb} {f'{units(share * whole)} of ' if left else ''}{units(whole)} a day"

    def _used(self, block: Block, fill: Fill) -> str:
        """Who has the capacity that is lacking; '' where it is a plant's or nobody's."""
        if block.made or block.kind not in ("full", "reduced"):
            return ""
        others, higher = self._users.count(block, fill)
        first = f" ({higher} of higher priority)" if higher else ""
        return f"{others} other order{'s' * (others > 1)} go{'es' * (others == 1)} over it{first}" if others else ""

    def _dry(self, root: Root) -> str:
        """`; so there is no c at f, p at near`: from the root to the customer."""
        problem = self._problem
        places = [(problem.products[problem.stock_product[at]], problem.nodes[problem.stock_node[at]]) for at in reversed(root.dry)]
        told = ", ".join(f"{product} at {node}" for product, node in places)
        return f"; so there is no {told}" if told else ""

    def _after(self, fill: Fill, pairs: list[int]) -> str:
        """What the next way would do, or what the order now does."""
        lanes = self._problem.ship_lane
        usual = int(lanes[pairs[0]])
        brought = {piece.lane for piece in fill.pieces if not piece.in_time}
        others = [pair for pair in pairs if int(lanes[pair]) != usual]  # expedited or with an alternate a lane is no other way
        instead = next((int(lanes[pair]) for pair in others if int(lanes[pair]) in brought), None)
        if instead is not None and not fill.short:
            return f"the next way (lane {self._problem.lanes[instead]}) {self._arrival(fill)}"
        if not others:
            return f"no other lane brings {fill.order.product} to {fill.order.customer}; {self._outcome(fill)}"
        other = others[0]
        root = self._ways.way(other)
        said = f"would be {late(self._ways.days_late(other) * 24)}" if root.block.kind == "lead" and not root.dry else _said(root)
        same = f"; {self._outcome(fill)}" if fill.short or usual in brought else ""
        return f"the next way (lane {self._problem.lanes[lanes[other]]}) {said}{same}"

    def _outcome(self, fill: Fill) -> str:
        if fill.short:
            return f"{units(fill.short)} of {units(fill.order.quantity)} do not ship within the horizon"
        return f"it {self._arrival(fill)}"

    def _worse(self, fill: Fill) -> str:
        """What a closure makes of an order that is late anyway."""
        now = self._outcome(self._now_filled[fill.order.id])
        return f"with the closure {now}" if self._usual and now != self._outcome(fill) else ""

    def _arrival(self, fill: Fill) -> str:
        last = max(arrives(self._problem, self._now, piece) for piece in fill.pieces)
        over = (last - fill.order.promised) / 3_600_000_000
        # Orders of one customer, product and bucket are one demand, which is due when the first of them is.
        return f"arrives {late(over)}" if over > 0 else "arrives by its own promise, but after that of orders it is counted with"

    def _days(self, lane: str) -> float:
        return float(self._problem.lane_days[self._problem.lanes.index(lane)])


def _said(root: Root) -> str:
    return "has no stock in time" if root.dry else _NEXT[root.block.kind]
