"""Scenario files: what is accepted, every mistake in one line, the catalog, and that the docs list every action."""

from pathlib import Path

import pytest

from interferon.model.errors import InputError
from interferon.model.network import Network
from interferon.store import examples, folder
from interferon.twin import catalog, scenario
from interferon.twin.vocabulary import ACTIONS

START = 1_767_571_200_000_000
STEP = '[[step]]\nid = "s1"\nat_h = 1.0\nkind = "attack"\naction = "spread"\ntarget = "asset:srv-1"\n'


@pytest.fixture(scope="module")
def minimal(tmp_path_factory: pytest.TempPathFactory) -> Network:
    path = tmp_path_factory.mktemp("minimal") / "net"
    examples.write("minimal", path, START)
    return folder.load(path)


@pytest.fixture(scope="module")
def medica(tmp_path_factory: pytest.TempPathFactory) -> Network:
    path = tmp_path_factory.mktemp("medica") / "net"
    examples.write("medica", path, START)
    return folder.load(path)


def parse(body: str, network: Network) -> scenario.Scenario:
    return scenario.parse(f'name = "t"\nnetwork = "minimal"\nhours = 48\n{body}', "f.toml", network)


def test_a_step_needs_five_keys_only_and_gets_the_actions_defaults(minimal: Network) -> None:
    step = parse(STEP, minimal).steps[0]
    assert step.number("hosts") == 4.0
    assert step.technique == "T1021"
    assert step.until_h == 0.0


def test_a_parameter_nobody_reads_is_a_warning(minimal: Network) -> None:
    found = parse(STEP + "params = { hots = 2 }\n", minimal)
    assert found.warnings == ("f.toml: step 's1': 'spread' does not read the parameter 'hots' (did you mean 'hosts'?)",)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"spread"', '"spred"', "step 's1': unknown action 'spred' (did you mean 'spread'?)"),
        ('"spread"', '"outage"', "step 's1': action 'outage' is of kind 'benign', not 'attack'"),
        ('"attack"', '"good"', "step 's1': kind is 'good'; it must be 'attack' or 'benign'"),
        ("asset:srv-1", "asset:srv-11", "step 's1': unknown target 'asset:srv-11'"),
        ("asset:srv-1", "srv-1", "step 's1': target 'srv-1' is no reference; write kind:id"),
        ("asset:srv-1", "partner:supplier-1", "step 's1': action 'spread' cannot have the target 'partner:supplier-1'"),
        ("at_h = 1.0", "at_h = -1.0", "step 's1': at_h is -1; it must lie between 0 and the scenario's hours, 48"),
        ("at_h = 1.0", "at_h = 49", "step 's1': at_h is 49;"),
        ("at_h = 1.0", 'at_h = "one"', "step 's1': 'at_h' must be a number of hours, not 'one'"),
        ("at_h = 1.0", "at_h = nan", "step 's1': 'at_h' must be a number of hours, not nan"),
        ("at_h = 1.0", "at_h = true", "step 's1': 'at_h' must be a number of hours, not True"),
        ("at_h = 1.0\n", "", "step 's1': 'at_h' is missing"),
        ('id = "s1"', "id = 7", "step number 1: 'id' must be a non-empty text"),
        ("at_h = 1.0", "at_h = 1.0\nuntil_h = 0.5", "step 's1': until_h is 0.5; it must be later than at_h, 1"),
        ("at_h = 1.0", 'at_h = 1.0\nneeds = ["s0"]', "step 's1': needs unknown step 's0'"),
        ("at_h = 1.0", 'at_h = 1.0\nneeds = "s0"', "step 's1': 'needs' must be a list of step ids"),
        ("at_h = 1.0", 'at_h = 1.0\nneeds = ["s1"]', "steps s1 need each other in a circle"),
        ("at_h = 1.0", "at_h = 1.0\nparams = 3", "step 's1': 'params' must be a table"),
        ("at_h = 1.0", 'at_h = 1.0\nparams = { hosts = "two" }', "step 's1': parameter 'hosts' must be a number, not 'two'"),
        ("at_h = 1.0", "at_h = 1.0\nparams = { hosts = inf }", "step 's1': parameter 'hosts' must be a finite number"),
        ("at_h = 1.0", 'at_h = 1.0\nparams = { identity = "nobody" }', "step 's1': unknown identity 'nobody'"),
        ("at_h = 1.0", "at_h = 1.0\nhow = 1", "step 's1': unknown key 'how'"),
        (STEP, STEP + STEP, "step 's1' occurs twice"),
        (STEP, "[[step]\n", "not valid TOML"),
        (STEP, "step = 3\n", "'step' must be tables"),
        (STEP, "extra = 3\n", "unknown key 'extra'"),
        (
            '"spread"\ntarget = "asset:srv-1"',
            '"freeze_signal"\ntarget = "asset:srv-1"',
            "step 's1': 'asset:srv-1' is a server, which emits no telemetry",
        ),
        (
            '"spread"\ntarget = "asset:srv-1"',
            '"freeze_signal"\ntarget = "asset:plc-1"\nparams = { signal = "torque_1" }',
            "step 's1': 'asset:plc-1' has no signal 'torque_1'; it has level, flow,",
        ),
    ],
)
def test_a_mistake_is_one_line(minimal: Network, old: str, new: str, message: str) -> None:
    assert old in STEP
    with pytest.raises(InputError) as caught:
        parse(STEP.replace(old, new), minimal)
    assert str(caught.value).startswith("f.toml: " + message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "message"), [("none", None, "no such scenario file"), ("bytes", b"\xff\xfe", "cannot be read as UTF-8")]
)
def test_a_file_that_cannot_be_read_is_one_line(minimal: Network, tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        scenario.load(path, minimal)
    with pytest.raises(InputError, match="is a folder"):
        scenario.load(tmp_path, minimal)


def test_the_packaged_scenarios_have_look_alikes_at_other_places(medica: Network, minimal: Network) -> None:
    found = catalog.examples(medica)
    assert len(found) >= 5
    assert catalog.examples(minimal)
    for one in found.values():
        assert len(one.lookalikes) >= 3
        assert not one.warnings
        assert not {s.target for s in one.attacks} & {s.target for s in one.lookalikes}


def test_seeds_choose_at_least_four_attacks_and_move_them_consistently(medica: Network) -> None:
    chosen = [catalog.scenario_for(medica, seed) for seed in range(1, 21)]
    assert len({c.name for c in chosen}) >= 4
    assert len({tuple(s.target for s in c.steps) for c in chosen}) >= 10
    names = scenario.known(medica)
    for one in chosen:
        at = {s.id: s.at_h for s in one.steps}
        assert not {s.target for s in one.attacks} & {s.target for s in one.lookalikes}
        for step in one.steps:
            kind, _, name = step.target.partition(":")
            assert name in names[kind]
            assert all(at[n] < step.at_h for n in step.needs)
            assert 0 <= step.at_h <= one.hours
    assert chosen[0] == catalog.scenario_for(medica, 1)


def test_any_network_gets_a_campaign_of_its_own(minimal: Network) -> None:
    one = catalog.drawn(minimal, 3)
    assert len(one.attacks) >= 3
    assert len(one.lookalikes) >= 3
    assert not {s.target for s in one.attacks} & {s.target for s in one.lookalikes if s.action != "shift_change"}


def test_the_docs_list_every_action_and_parameter() -> None:
    text = (Path(__file__).parents[2] / "docs" / "scenarios.md").read_text(encoding="utf-8")
    sections = {part.partition("`")[0]: part for part in text.split("### `")[1:]}
    assert set(sections) == set(ACTIONS)
    for action in ACTIONS.values():
        for param in action.params:
            value = repr(param.default) if isinstance(param.default, str) else format(param.default, "g")
            assert f"| `{param.name}` | {value} | {param.meaning} |" in sections[action.name]
        assert f"Targets: {', '.join(action.targets)}." in sections[action.name]
