"""The trade-off between risk left and goods in time as a drawing and as rows. Called by `whatif_pages`. Pure.

The drawing is placed here, in the units of its view box, so that the template only lays it out and no script is needed.
"""

from dataclasses import dataclass
from typing import Final

from interferon.flow.joint import Decision
from interferon.flow.tradeoff import Tradeoff
from interferon.web.whatif import query

WIDTH, HEIGHT = 460.0, 300.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 16.0, 16.0, 46.0  # margins
LETTERS: Final = "ABCDEFGHIJKLMNOP"
NAMES: Final = {"nothing": "as it is", "suspect": "every suspect zone", "site": "all of the suspect sites"}
STEPS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)
TICKS: Final = 5


@dataclass(frozen=True)
class Mark:
    """A way to decide: its place in the drawing and what it comes to. `letter` is '' for a plain way that others beat."""

    letter: str
    name: str  # of the plain way that it is, or ''
    x: float
    y: float
    deeds: str  # what is isolated and what is cut
    held: float  # expected zones held
    in_time: float  # share of the goods
    cost: float  # above closing nothing, currency
    gap: float | None  # None: it was not looked for whether it can be beaten
    query: str  # the same as a what-if; '' closes nothing


@dataclass(frozen=True)
class Curve:
    """`line`: points of the polyline; ticks are (place, label)."""

    marks: tuple[Mark, ...]
    line: str
    across: tuple[tuple[float, str], ...]
    up: tuple[tuple[float, str], ...]


def drawn(found: Tradeoff, until: str) -> Curve:
    """Expected zones held across, share of goods in time up. `until` as it was typed goes on into what each mark asks."""
    every = [point.decision for point in found.points] + list(found.plain.values())
    most = max(max(decision.held for decision in every), 0.1)
    least = min(1 - decision.late for decision in every)
    step_x, step_y = _step(most), _step(max(1 - least, 0.01))
    right, low = most * 1.04, max(0.0, (least // step_y) * step_y)

    def at(decision: Decision) -> tuple[float, float]:
        x = LEFT + decision.held / right * (WIDTH - LEFT - RIGHT)
        y = TOP + (1 - (1 - decision.late - low) / max(1 - low, 1e-9)) * (HEIGHT - TOP - BOTTOM)
        return round(x, 1), round(y, 1)

    base = found.plain["nothing"].cost
    names = {_what(decision): NAMES[name] for name, decision in reversed(list(found.plain.items()))}
    marks = [
        _mark(letter, names.get(_what(point.decision), ""), at(point.decision), point.decision, base, point.gap, until)
        for letter, point in zip(LETTERS, found.points, strict=False)
    ]
    known = {_what(point.decision) for point in found.points}
    beaten = {_what(decision): decision for decision in found.plain.values() if _what(decision) not in known}
    marks += [_mark("", names[what], at(decision), decision, base, None, until) for what, decision in beaten.items()]
    across = [(LEFT + k * step_x / right * (WIDTH - LEFT - RIGHT), f"{k * step_x:g}") for k in range(int(right / step_x) + 1)]
    ends = [low + k * step_y for k in range(int((1 - low) / step_y + 1e-9) + 1)]
    up = [(TOP + (1 - (share - low) / max(1 - low, 1e-9)) * (HEIGHT - TOP - BOTTOM), f"{100 * share:.4g} %") for share in ends]
    return Curve(tuple(marks), " ".join(f"{mark.x},{mark.y}" for mark in marks if mark.letter), tuple(across), tuple(up))


def _mark(letter: str, name: str, at: tuple[float, float], decision: Decision, base: float, gap: float | None, until: str) -> Mark:
    refs = [f"zone:{zone}" for zone in sorted(decision.isolated)] + [f"conduit:{conduit}" for conduit in sorted(decision.cut)]
    asks = query(refs, until) if refs else ""
    return Mark(letter, name, *at, _deeds(decision), decision.held, 1 - decision.late, decision.cost - base, gap, asks)


def _deeds(decision: Decision) -> str:
    """`isolate dc-1-ops; close conduit-4, conduit-5`."""
    parts = (("isolate", decision.isolated), ("close", decision.cut))
    return "; ".join(f"{verb} {', '.join(sorted(names))}" for verb, names in parts if names) or "nothing is closed"


def _what(decision: Decision) -> tuple[frozenset[str], frozenset[str]]:
    return decision.isolated, decision.cut


def _step(span: float) -> float:
    """The least even step that parts `span` into no more than TICKS."""
    return next((step for step in STEPS if span / step <= TICKS), span)
