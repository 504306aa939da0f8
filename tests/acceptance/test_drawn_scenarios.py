"""Campaigns that nobody wrote: any attack action on any target it takes, in any order, on any hour, with four look-alikes.

The scenario files come from a seeded draw over the whole vocabulary, so that the figures of `test_demo_seeds` are not a property of
its six scripts. Ratios over seeds are ratios of sums.
"""

import random

import pytest

from interferon.model.network import Network
from interferon.store import examples
from interferon.store.folder import load
from interferon.twin.machines import signals_of
from interferon.twin.scenario import known
from interferon.twin.vocabulary import ATTACKS, BENIGN, Action

from .demo_runs import Result, demo, lost, play

# few draws cost orders where nobody responds. 346 is the first from 301 on that does, found by the passive arms alone before ours was
# ever played; 201–203 are the first of a range that nobody had looked at. None was played before the bounds below stood
SEEDS = (201, 202, 203, 346)
HOURS = 60


def target(draw: random.Random, action: Action, network: Network, taken: set[str]) -> str:
    """A target of the action's kinds that is not used yet: first the kind, then the one."""
    names = known(network)
    while True:
        kind = draw.choice(action.targets)
        found = sorted(names[kind])
        if kind == "asset" and action.needs_signals:
            found = [name for name in found if signals_of(network.assets[name])]
        if kind == "zone":
            found = [name for name in found if network.assets_in.get(name)]
        ref = f"{kind}:{draw.choice(found)}"
        if ref not in taken:
            taken.add(ref)
            return ref


def params(draw: random.Random, action: Action) -> str:
    """Half of the numeric parameters, each between 0.6 and 1.6 times its default; shares stay shares."""
    given = []
    for param in action.params:
        if isinstance(param.default, float) and param.default and draw.random() < 0.5:
            value = param.default * draw.uniform(0.6, 1.6)
            value = min(value, 1.0) if param.default <= 1.0 and param.name not in ("ramp_h", "stretch_h", "per_hour") else value
            value = 1.0 + (param.default - 1.0) * draw.uniform(0.6, 1.6) if param.name == "factor" and param.default > 1.0 else value
            given.append(f"{param.name} = {value:.4g}")
    return f"params = {{ {', '.join(given)} }}\n" if given else ""


def scenario(seed: int, network: Network) -> str:
    """The text of a scenario file."""
    draw = random.Random(f"campaign {seed}")
    taken: set[str] = set()
    lines = [f'name = "drawn {seed}"\nnetwork = "medica"\nhours = {HOURS}\n']
    at = draw.uniform(3.0, 20.0)
    for number in range(draw.randint(1, 5)):
        action = draw.choice(ATTACKS)
        needs = f'needs = ["a{draw.randrange(number)}"]\n' if number and draw.random() < 0.7 else ""
        head = f'[[step]]\nid = "a{number}"\nat_h = {at:.3f}\nkind = "attack"\naction = "{action.name}"\n'
        lines.append(f'{head}target = "{target(draw, action, network, taken)}"\n{needs}{params(draw, action)}')
        at += draw.uniform(0.2, 4.0)
    for number, action in enumerate(draw.sample(BENIGN, 4)):
        head = f'[[step]]\nid = "b{number}"\nat_h = {draw.uniform(2.0, 45.0):.3f}\nkind = "benign"\naction = "{action.name}"\n'
        lines.append(f'{head}target = "{target(draw, action, network, taken)}"\n{params(draw, action)}')
    return "\n".join(lines)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[Result]:
    folder = tmp_path_factory.mktemp("drawn")
    examples.write("medica", folder / "medica")
    network = load(folder / "medica")

    def run(seed: int) -> Result:
        file = folder / f"drawn-{seed}.toml"
        file.write_text(scenario(seed, network), encoding="utf-8")
        return demo(folder / "medica", "--seed", seed, "--scenario", file)

    return play(SEEDS, run)


def test_attacks_are_contained(results: list[Result]) -> None:
    assert sum(r["contained"] for r in results) >= 0.9 * len(results)


def test_limits_hold_and_lookalikes_are_left_alone(results: list[Result]) -> None:
    assert [r["seed"] for r in results if r["violations"]] == []
    assert sum(r["lookalikes_isolated"] for r in results) <= 0.1 * len(results)


def test_orders_ship(results: list[Result]) -> None:
    assert lost(results, "otif_no_response") > 0
    assert lost(results, "otif") <= 0.5 * lost(results, "otif_no_response")
    assert lost(results, "otif") < lost(results, "otif_human_4h")
    assert lost(results, "otif") < lost(results, "otif_isolate_everything")
