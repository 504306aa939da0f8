"""Scenario files: a timeline of attack and benign steps, read from TOML and checked against a network.

Called by the range, the catalog and the command line. Reads the one file it is given; every mistake is one line, `InputError`.
"""

import difflib
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interferon.model.errors import InputError
from interferon.model.network import Network
from interferon.twin.machines import signals_of
from interferon.twin.people import identities
from interferon.twin.vocabulary import ACTIONS, Action, Value

_STEP_KEYS = {"id", "at_h", "kind", "action", "target", "needs", "until_h", "technique", "params"}
_FILE_KEYS = {"name", "network", "hours", "step", "description"}
_FEEDS = ("forecast", "orders")


@dataclass(frozen=True)
class Step:
    """One line of the timeline. Hours count from the start of the run; `until_h` 0 means until it is stopped."""

    id: str
    at_h: float
    kind: str
    action: str
    target: str
    needs: tuple[str, ...] = ()
    until_h: float = 0.0
    technique: str = ""
    params: dict[str, Value] = field(default_factory=dict)

    def param(self, name: str) -> Any:
        """The step's value of a parameter, or the action's default."""
        return self.params.get(name, ACTIONS[self.action].default(name))

    def number(self, name: str) -> float:
        return float(self.param(name))


@dataclass(frozen=True)
class Scenario:
    """A checked timeline, steps in order of time. `warnings` name parameters that no action reads."""

    name: str
    network: str
    hours: float
    steps: tuple[Step, ...]
    warnings: tuple[str, ...] = ()

    @property
    def attacks(self) -> tuple[Step, ...]:
        return tuple(s for s in self.steps if s.kind == "attack")

    @property
    def lookalikes(self) -> tuple[Step, ...]:
        return tuple(s for s in self.steps if s.kind == "benign")

    def without_attack(self) -> "Scenario":
        """The twin of this run in which nobody attacks."""
        return Scenario(self.name, self.network, self.hours, self.lookalikes, self.warnings)


def load(path: Path, network: Network) -> Scenario:
    """Read and check a scenario file. Raises InputError with one line that names the file and the step."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such scenario file") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder; a scenario is one TOML file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    return parse(text, str(path), network)


def parse(text: str, where: str, network: Network) -> Scenario:
    """Check the text of a scenario file; `where` is the name that messages begin with."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{where}: not valid TOML: {error}") from None
    extra = sorted(set(data) - _FILE_KEYS)
    if extra:
        raise InputError(
            f"{where}: unknown key '{extra[0]}'{_meant(extra[0], _FILE_KEYS)}; it may have name, network, hours, description, [[step]]"
        )
    hours = _number(data, "hours", where, 72.0)
    if not 0 < hours <= 2400:
        raise InputError(f"{where}: hours is {hours:g}; it must be above 0 and at most 2400")
    name, wanted = _text(data, "name", where, Path(where).stem), _text(data, "network", where, network.settings.name)
    rows = data.get("step", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{where}: 'step' must be tables, each written as [[step]]")
    warnings: list[str] = []
    if wanted.lower() not in network.settings.name.lower():
        warnings.append(f"{where}: written for network '{wanted}', used with '{network.settings.name}'")
    steps = [_step(row, number, where, hours, network, warnings) for number, row in enumerate(rows, 1)]
    _check_needs(steps, where)
    return Scenario(name, wanted, hours, tuple(sorted(steps, key=lambda s: (s.at_h, s.id))), tuple(warnings))


def _step(row: dict[str, Any], number: int, where: str, hours: float, network: Network, warnings: list[str]) -> Step:
    ident = row.get("id")
    if not isinstance(ident, str) or not ident:
        raise InputError(f"{where}: step number {number}: 'id' must be a non-empty text")
    at = f"{where}: step '{ident}'"
    unknown = sorted(set(row) - _STEP_KEYS)
    if unknown:
        raise InputError(f"{at}: unknown key '{unknown[0]}'{_meant(unknown[0], _STEP_KEYS)}")
    for key in ("at_h", "kind", "action", "target"):
        if key not in row:
            raise InputError(f"{at}: '{key}' is missing")
    action = _action(_text(row, "action", at), _text(row, "kind", at), at)
    at_h, until_h = _number(row, "at_h", at), _number(row, "until_h", at, 0.0)
    if not 0 <= at_h <= hours:
        raise InputError(f"{at}: at_h is {at_h:g}; it must lie between 0 and the scenario's hours, {hours:g}")
    if "until_h" in row and until_h <= at_h:
        raise InputError(f"{at}: until_h is {until_h:g}; it must be later than at_h, {at_h:g}")
    target = _target(_text(row, "target", at), action, network, at)
    needs = row.get("needs", [])
    if not isinstance(needs, list) or not all(isinstance(n, str) for n in needs):
        raise InputError(f"{at}: 'needs' must be a list of step ids")
    params = _params(row.get("params", {}), action, target, network, at, warnings)
    technique = _text(row, "technique", at, action.technique)
    return Step(ident, at_h, action.kind, action.name, target, tuple(needs), until_h, technique, params)


def _action(name: str, kind: str, at: str) -> Action:
    if kind not in ("attack", "benign"):
        raise InputError(f"{at}: kind is '{kind}'; it must be 'attack' or 'benign'")
    if name not in ACTIONS:
        raise InputError(f"{at}: unknown action '{name}'{_meant(name, ACTIONS)}; docs/scenarios.md lists them all")
    if ACTIONS[name].kind != kind:
        raise InputError(f"{at}: action '{name}' is of kind '{ACTIONS[name].kind}', not '{kind}'")
    return ACTIONS[name]


def known(network: Network) -> dict[str, set[str]]:
    """Reference kind → names that a target of that kind may have."""
    return {
        "asset": set(network.assets),
        "zone": set(network.zones),
        "conduit": set(network.conduits),
        "node": set(network.nodes),
        "lane": set(network.lanes),
        "partner": set(network.partners),
        "site": set(network.sites),
        "identity": set(identities(network)),
        "feed": set(_FEEDS),
        "network": {network.settings.name},
    }


def _target(text: str, action: Action, network: Network, at: str) -> str:
    kind, colon, name = text.partition(":")
    names = known(network)
    if not colon or kind not in names:
        raise InputError(f"{at}: target '{text}' is no reference; write kind:id, for example {action.targets[0]}:ID")
    if kind not in action.targets:
        raise InputError(f"{at}: action '{action.name}' cannot have the target '{text}'; it takes {', '.join(action.targets)}")
    if name not in names[kind]:
        raise InputError(f"{at}: unknown target '{text}': the network has no {kind} '{name}'{_meant(name, names[kind])}")
    if action.needs_signals and not signals_of(network.assets[name]):
        raise InputError(
            f"{at}: '{text}' is a {network.assets[name].type}, which emits no telemetry; '{action.name}' needs a machine with signals"
        )
    return text


def _params(given: object, action: Action, target: str, network: Network, at: str, warnings: list[str]) -> dict[str, Value]:
    if not isinstance(given, dict):
        raise InputError(f"{at}: 'params' must be a table")
    defaults = {p.name: p.default for p in action.params}
    taken: dict[str, Value] = {}
    for name, value in given.items():
        if name not in defaults:
            warnings.append(f"{at}: '{action.name}' does not read the parameter '{name}'{_meant(name, defaults)}")
            continue
        wants_number = isinstance(defaults[name], float)
        if wants_number != (isinstance(value, int | float) and not isinstance(value, bool)) or (
            not wants_number and not isinstance(value, str)
        ):
            raise InputError(f"{at}: parameter '{name}' must be a {'number' if wants_number else 'text'}, not {value!r}")
        if wants_number and not abs(float(value)) < 1e9:
            raise InputError(f"{at}: parameter '{name}' must be a finite number, not {value!r}")
        taken[name] = float(value) if wants_number else value
    _check_named(taken, target, network, at)
    return taken


def _check_named(params: dict[str, Value], target: str, network: Network, at: str) -> None:
    """Parameters that name things must name things that exist."""
    signal, source, identity = (str(params.get(key, "")) for key in ("signal", "source", "identity"))
    asset = network.assets.get(target.partition(":")[2])
    if signal and asset is not None and signal not in signals_of(asset):
        raise InputError(f"{at}: '{target}' has no signal '{signal}'; it has {', '.join(signals_of(asset))}")
    if source and source.removeprefix("asset:") not in network.assets:
        raise InputError(f"{at}: unknown source '{source}'{_meant(source, network.assets)}; name an asset")
    if identity and identity.removeprefix("identity:") not in identities(network):
        raise InputError(f"{at}: unknown identity '{identity}'{_meant(identity, identities(network))}")


def _check_needs(steps: list[Step], where: str) -> None:
    seen: set[str] = set()
    for step in steps:
        if step.id in seen:
            raise InputError(f"{where}: step '{step.id}' occurs twice; ids must differ")
        seen.add(step.id)
    needs = {step.id: step.needs for step in steps}
    for step in steps:
        for need in step.needs:
            if need not in needs:
                raise InputError(f"{where}: step '{step.id}': needs unknown step '{need}'{_meant(need, needs)}")
    done: set[str] = set()
    while ready := [i for i, wants in needs.items() if i not in done and done.issuperset(wants)]:
        done.update(ready)
    if len(done) < len(needs):
        cycle = sorted(set(needs) - done)
        raise InputError(f"{where}: steps {', '.join(cycle)} need each other in a circle; one of them must come first")


def _text(row: dict[str, Any], key: str, at: str, default: str | None = None) -> str:
    value = row.get(key, default)
    if not isinstance(value, str) or (default is None and not value):
        raise InputError(f"{at}: '{key}' must be a non-empty text, not {value!r}")
    return value


def _number(row: dict[str, Any], key: str, at: str, default: float = 0.0) -> float:
    value = row.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e9:
        raise InputError(f"{at}: '{key}' must be a number of hours, not {value!r}")
    return float(value)


def _meant(name: str, among: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(among), 1)
    return f" (did you mean '{close[0]}'?)" if close else ""
