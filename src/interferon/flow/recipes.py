"""What a line may take for one unit that it makes: its bill of materials, and the same with alternates. Called by `dispatch`. Pure."""

from dataclasses import dataclass

from interferon.flow.problem import Problem


@dataclass(frozen=True)
class Recipe:
    """For one unit made: units taken from each place of stock, and units replaced by each swap of the problem."""

    takes: tuple[tuple[int, float], ...]
    swaps: tuple[tuple[int, float], ...] = ()


def recipes(problem: Problem, line: int) -> tuple[Recipe, ...]:
    """The line's own, then with one component replaced, cheapest first, then with all that can be. Used one after another they mix."""
    own = problem.recipe[line]
    ranked = sorted(range(len(problem.swap_of)), key=lambda w: (float(problem.swap_cost[w]), w))
    single = [(w,) for w in ranked if any(component == problem.swap_of[w] for component, _ in own)]
    every = tuple({int(problem.swap_of[w]): w for (w,) in reversed(single)}.values())
    return (Recipe(own), *(_replaced(problem, own, chosen) for chosen in dict.fromkeys([*single, *([every] if len(every) > 1 else [])])))


def _replaced(problem: Problem, own: tuple[tuple[int, float], ...], chosen: tuple[int, ...]) -> Recipe:
    instead = {int(problem.swap_of[w]): w for w in chosen}
    takes: dict[int, float] = {}
    swaps: list[tuple[int, float]] = []
    for component, each in own:
        place, units = component, each
        if component in instead:
            swap = instead[component]
            place, units = int(problem.swap_by[swap]), each * float(problem.swap_units[swap])
            swaps.append((swap, each))
        takes[place] = takes.get(place, 0.0) + units
    return Recipe(tuple(takes.items()), tuple(swaps))
