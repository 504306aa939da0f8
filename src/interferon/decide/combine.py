"""Puts options together: an attack through several things is answered by several actions at once. Called by `plan`. Pure."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Final

from interferon.decide.options import Option
from interferon.decide.price import Priced

GAIN: Final = 0.02
"""Share of the loss under doing nothing that each further action must save to be worth its trouble."""

Price = Callable[[Option], Priced]
Fits = Callable[[Priced], bool]


def rank(priced: Priced) -> tuple[float, int, str]:
    """Expected loss to the cent, then fewer actions, then the label: the order never hangs on a rounding."""
    return round(priced.expected_loss, 2), len(priced.option.actions), priced.option.label


def combined(parts: Sequence[Priced], nothing: float, price: Price, fits: Fits) -> Priced | None:
    """The best combination of `parts` that `fits` (policy allows it as wanted), or None where no two of them are better than one.

    Greedy: from the best part, add what saves most, then drop what became superfluous. `nothing`: expected loss of doing nothing.
    """
    chosen = sorted(parts, key=rank)[:1]
    best = chosen[0] if chosen else None
    while best is not None:
        step = _better(parts, chosen, best, GAIN * nothing, price, fits)
        if step is None:
            break
        chosen, best = _pruned(*step, price, fits)
    return best if len(chosen) > 1 else None


def _better(
    parts: Sequence[Priced], chosen: Sequence[Priced], best: Priced, gain: float, price: Price, fits: Fits
) -> tuple[list[Priced], Priced] | None:
    """`chosen` and one part more, where that saves at least `gain` and fits."""
    held = set(best.option.actions)
    tried = [(price(best.option.joined(part.option)), part) for part in parts if not set(part.option.actions) <= held]
    for joint, part in sorted(tried, key=lambda one: rank(one[0])):
        if joint.expected_loss > best.expected_loss - gain:
            return None
        if fits(joint):
            return [*chosen, part], joint
    return None


def _pruned(chosen: list[Priced], best: Priced, price: Price, fits: Fits) -> tuple[list[Priced], Priced]:
    """Without the parts that later ones made superfluous."""
    for part in list(chosen[:-1]):
        rest = [one for one in chosen if one is not part]
        without = price(_joined(rest))
        if rank(without) <= rank(best) and fits(without):
            chosen, best = rest, without
    return chosen, best


def _joined(parts: Sequence[Priced]) -> Option:
    return reduce(Option.joined, [part.option for part in parts])
