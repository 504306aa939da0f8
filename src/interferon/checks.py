"""The conformance kit: what every detector must hold, ours and anyone's. Called by `interferon check FILE.py` and by the tests.

`run(detector)` returns one line for each promise that is broken, an empty list if all hold. Pure; runs the detector on its own examples.
"""

import copy
import dataclasses
import re
from collections.abc import Sequence
from types import ModuleType
from typing import Any, Final

import msgspec
import numpy as np

from interferon.detect import signal_state, signals, signals_learn, stream, stream_peers
from interferon.detect.protocol import Params, TelemetryDetector, derived, of_bits, statistic, with_axis
from interferon.detect.settings import LIVE, Settings
from interferon.detect.signal_examples import LAST as SIGNAL_LAST
from interferon.detect.signal_examples import TRAIN as SIGNAL_TRAIN
from interferon.detect.signal_examples import times as signal_times
from interferon.detect.signal_protocol import SignalDetector
from interferon.detect.stream_events import DAY, Event
from interferon.detect.stream_protocol import Context, Detector
from interferon.detect.telemetry_examples import LAST, TRAIN
from interferon.detect.windows import STEP, Codes, Rows, encode, robust_scale, rolling, sequence
from interferon.model.events import ACTIVITY_KINDS, TRADE_KINDS
from interferon.model.records import Finding

TECHNIQUE: Final = re.compile(r"T\d{4}(\.\d{3})?")
NAMES: Final = ("NAME", "FAMILY", "KINDS", "TECHNIQUES", "QUIET", "LOUD", "memory", "score", "learn", "why")
TELEMETRY_NAMES: Final = ("name", "weight", "QUIET", "LOUD", "window", "learn", "derive", "score", "why")
SIGNAL_NAMES: Final = (
    *("name", "both", "rate", "floor", "warm", "most", "grows", "says", "techniques"),
    *("QUIET", "LOUD", "memory", "learn", "update"),
)
BREAKAGE: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)  # what code does to rows it did not expect
ODD: Final = ("value", "files", "entropy", "country", "ticket", "bank_account", "price", "message", "tokens", "scope", "pid", "ppid")
GROWTH: Final = 3.0  # ten times the same events may not make the memory larger than this factor


def detectors_in(module: ModuleType) -> list[Any]:
    """The detectors of a plugin file: the module itself if it judges events, else an instance of each telemetry detector class in it."""
    if hasattr(module, "KINDS"):
        return [module]
    own = [thing for thing in vars(module).values() if isinstance(thing, type) and thing.__module__ == module.__name__]
    return [thing() for thing in own if (hasattr(thing, "derive") and hasattr(thing, "score")) or hasattr(thing, "update")]


def run(detector: Any) -> list[str]:
    """Every broken promise of one detector, as a line that says what would be right."""
    events = hasattr(detector, "KINDS")
    single = hasattr(detector, "update")
    wanted = NAMES if events else SIGNAL_NAMES if single else TELEMETRY_NAMES
    missing = [f"has no {name}; such a detector has {', '.join(wanted)}" for name in wanted if not hasattr(detector, name)]
    if missing:
        return missing
    try:
        return _event_detector(detector) if events else _signal_detector(detector) if single else _telemetry_detector(detector)
    except BREAKAGE as error:
        return [f"fails on its own examples: {type(error).__name__}: {error}"]


def _event_detector(detector: Detector) -> list[str]:
    problems = _metadata(detector)
    quiet, _ = _play(detector, detector.QUIET)
    if quiet:
        problems.append(f"QUIET gives a finding: {quiet[0].summary}")
    loud, state = _play(detector, detector.LOUD)
    if not loud:
        return [*problems, "LOUD gives no finding"]
    if _play(detector, detector.LOUD)[0] != loud:
        problems.append("two runs over LOUD differ; a detector draws nothing and reads no clock")
    problems += [problem for finding in loud for problem in _finding(detector, finding)]
    problems += _purity(detector, detector.LOUD)
    problems += _interrupted(detector, detector.LOUD, loud)
    problems += _ragged(detector, detector.LOUD)
    if not _plain(state):
        problems.append("memory holds something that a checkpoint cannot take; use dataclasses, dicts, lists, numbers, text, arrays")
    problems += _bounded(detector, detector.QUIET)
    return problems


def _metadata(detector: Detector) -> list[str]:
    family = {"activity": ACTIVITY_KINDS, "trade": TRADE_KINDS}.get(detector.FAMILY)
    if family is None:
        return [f"FAMILY is {detector.FAMILY!r}; it must be activity or trade"]
    problems = [f"KINDS names {kind!r}, which is no kind of {detector.FAMILY}" for kind in detector.KINDS if kind not in family]
    problems += [
        f"TECHNIQUES names {name!r}; an ATT&CK id looks like T0855" for name in detector.TECHNIQUES if not TECHNIQUE.fullmatch(name)
    ]
    if not detector.TECHNIQUES:
        problems.append("TECHNIQUES is empty; name the ATT&CK techniques it sees")
    if not (detector.__doc__ or "").strip():
        problems.append("has no docstring; say what it sees in two lines")
    return problems


def _play(detector: Detector, events: Sequence[Event], state: stream.StreamState | None = None) -> tuple[list[Finding], stream.StreamState]:
    """The findings of a recording, each event a frame of its own."""
    state = state or stream.new_state()
    found: list[Finding] = []
    for event in events:
        found += stream.observe(state, [event], [detector], event.time + 1)
    return found, state


def _finding(detector: Detector, finding: Finding) -> list[str]:
    problems = []
    if abs(sum(share for _, share in finding.why) - 1) > 1e-6 or not finding.why:
        problems.append(f"shares of {finding.kind} sum to {sum(share for _, share in finding.why):g}, not 1")
    if not 0 < finding.p <= 1:
        problems.append(f"p of {finding.kind} is {finding.p:g}; a tail probability lies in (0, 1]")
    if not finding.summary or "\n" in finding.summary:
        problems.append(f"why of {finding.kind} is not one sentence")
    problems += [
        f"{finding.kind} names {name!r}; an ATT&CK id looks like T0855" for name in finding.techniques if not TECHNIQUE.fullmatch(name)
    ]
    return problems


def _purity(detector: Detector, events: Sequence[Event]) -> list[str]:
    """`score` must leave the memory as it is: judging twice is judging once."""
    _, state = _play(detector, events[:-1])
    last = events[-1]
    memory = state.memories.get(detector.NAME, {}).get(last.entity)
    memory = detector.memory() if memory is None else memory
    before = copy.deepcopy(memory)
    first = state.first.get(last.entity, last.time)
    ctx = Context(last.entity, last.time, last.time - first, DAY, {}, {}, "")
    if detector.score(memory, last, ctx) != detector.score(memory, last, ctx) or not _same(memory, before):
        return ["score changes the memory; only learn may"]
    return []


def _interrupted(detector: Detector, events: Sequence[Event], whole: list[Finding]) -> list[str]:
    """A copy of the state in the middle must go on as the state would have."""
    half = len(events) // 2
    early, state = _play(detector, events[:half])
    late, _ = _play(detector, events[half:], copy.deepcopy(state))
    return [] if early + late == whole else ["a copied state gives other findings; memory hides something outside its fields"]


def _ragged(detector: Detector, events: Sequence[Event]) -> list[str]:
    """Fields may come, go, and be of the wrong type: no exception, and the order of attributes means nothing."""
    turned = [msgspec.structs.replace(event, attributes=dict(reversed(event.attributes.items()))) for event in events]
    if _play(detector, turned)[0] != _play(detector, events)[0]:
        return ["the order of an event's attributes changes the findings"]
    bare: dict[str, Any] = {"outcome": "", "actor": "", "source": "", "object": "", "code": "", "quantity": None, "attributes": {}}
    odd: dict[str, Any] = {name: [None, "x", {"deep": []}] for name in ODD}
    changes: list[dict[str, Any]] = [{name: value} for name, value in bare.items()]
    changes += [bare, {"attributes": odd}, {"quantity": -1.0}, {"bytes": -1}]
    for change in changes:
        broken = [msgspec.structs.replace(event, **change) if place % 3 == 0 else event for place, event in enumerate(events)]
        try:
            _play(detector, broken)
            stream_peers.take(stream_peers.Habits(), broken, [detector], {})
        except BREAKAGE as error:
            return [f"fails on events with {change}: {type(error).__name__}: {error}"]
    return []


def _bounded(detector: Detector, events: Sequence[Event]) -> list[str]:
    """Ten times the same life must not need ten times the memory."""
    span = events[-1].time - events[0].time + DAY // 24
    _, once = _play(detector, events)
    again = [
        msgspec.structs.replace(event, time=event.time + turn * span, offset=event.offset + turn * 10**6)
        for turn in range(10)
        for event in events
    ]
    _, tenfold = _play(detector, again)
    before, after = _size(once), _size(tenfold)
    return [f"memory grows from {before} to {after} values over ten times the same events"] if after > GROWTH * before + 64 else []


def _size(value: Any) -> int:
    """Values that a structure holds."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return sum(_size(getattr(value, part.name)) for part in dataclasses.fields(value))
    if isinstance(value, dict):
        return sum(1 + _size(item) for item in value.values())
    if isinstance(value, list | tuple):
        return sum(_size(item) for item in value)
    return int(value.size) if isinstance(value, np.ndarray) else 1


def _same(one: Any, other: Any) -> bool:
    return repr(one) == repr(other)


def _plain(value: Any) -> bool:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return all(_plain(getattr(value, part.name)) for part in dataclasses.fields(value))
    if isinstance(value, dict):
        return all(isinstance(key, str | int | tuple) and _plain(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(_plain(item) for item in value)
    return value is None or isinstance(value, bool | int | float | str | np.ndarray | msgspec.Struct)


def _telemetry_detector(detector: TelemetryDetector) -> list[str]:
    """Trains on the head of each example and judges its tail: the loud one must stand out from what the quiet one ever shows."""
    settings = Settings()
    problems = [] if (type(detector).__doc__ or "").strip() else ["has no docstring; say what it sees and by which formula"]
    quiet, quiet_why = _statistic(detector, detector.QUIET(), settings)
    loud, loud_why = _statistic(detector, detector.LOUD(), settings)
    if not (np.isfinite(quiet).all() and np.isfinite(loud).all()):
        problems.append("score is not finite on its own examples")
    ceiling = quiet[settings.long : TRAIN].max()
    spread = max(float(quiet[settings.long : TRAIN].std()), 1e-9)
    if loud[-LAST // 2 :].max() <= ceiling + spread:
        problems.append("LOUD does not stand out: its score stays within what the training rows of QUIET show")
    if quiet[-LAST // 2 :].min() > ceiling + spread:
        problems.append("QUIET stands out: its last rows score above all its training rows")
    for shares in (quiet_why, loud_why):
        if (shares < 0).any() or not np.allclose(shares.sum(axis=1), 1.0):
            problems.append("shares of why are negative or do not sum to 1")
    if not np.array_equal(_statistic(detector, detector.LOUD(), settings)[0], loud):
        problems.append("two runs over LOUD differ; a detector draws nothing and reads no clock")
    gaps = detector.LOUD()
    gaps[::3, 0] = np.nan
    gaps[TRAIN:, -1] = np.nan
    if of_bits(detector) and not np.isin(_own(detector, gaps, settings)[2], (0, int(STEP))).all():
        problems.append("says `bits`, but its own signals are not all 0 or 1 and there")
    if not np.isfinite(_statistic(detector, gaps, settings)[0]).all():
        problems.append("score is not finite when signals come and go")
    return problems


def _statistic(detector: TelemetryDetector, values: np.ndarray, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Statistic (N,) and shares (N, S) over an example whose first TRAIN rows train."""
    rows, params, codes = _own(detector, values, settings)
    window = rolling(codes, detector.window(settings), settings.spread_floor)
    return statistic(detector, params, rows, settings), detector.why(with_axis(params), window)


def _own(detector: TelemetryDetector, values: np.ndarray, settings: Settings) -> tuple[Rows, Params, Codes]:
    """The rows of an example, what is learnt from the first TRAIN of them, and the codes (N, S) of the detector's own signals."""
    centre, scale = robust_scale(values[:TRAIN])
    valid = ~np.isnan(values)
    rows = sequence(np.where(valid, (values - centre) / scale, 0.0), valid)
    use = np.arange(len(values)) < TRAIN
    params = detector.learn(sequence(rows.z[:TRAIN], valid[:TRAIN]), use[:TRAIN], settings)
    return rows, params, derived(detector, with_axis(params), rows)


def _signal_detector(detector: SignalDetector) -> list[str]:
    """Learns the head of each example and judges its tail by the judgement of live operation.

    The examples are judged as three machines of one fleet, and LOUD once more alone: what differs is either drawn or another machine's.
    """
    problems = [] if (type(detector).__doc__ or "").strip() else ["has no docstring; say what it sees and by which formula"]
    problems += [f"names {name!r}; an ATT&CK id looks like T0855" for name in detector.techniques if not TECHNIQUE.fullmatch(name)]
    gaps = detector.LOUD()
    gaps[::3, 0] = np.nan
    gaps[SIGNAL_TRAIN:, -1] = np.nan
    (loud,), beside = _evidence(detector, detector.LOUD()), _evidence(detector, detector.LOUD(), detector.QUIET(), gaps)
    limit = -np.log(LIVE.p_on)
    if beside[1].max() > limit:
        problems.append("QUIET gives an alarm")
    if loud.max() < limit:
        problems.append("LOUD gives no alarm")
    touched = np.flatnonzero((detector.LOUD()[-SIGNAL_LAST:] != detector.QUIET()[-SIGNAL_LAST:]).any(axis=0))
    if int(loud.sum(axis=0).argmax()) not in touched:
        problems.append("the signal that LOUD changes is not the one that it finds strangest")
    if not np.array_equal(beside[0], loud):
        if not np.array_equal(_evidence(detector, detector.LOUD())[0], loud):
            problems.append("two runs over LOUD differ; a detector draws nothing and reads no clock")
        else:
            problems.append("another machine in the same frame changes the evidence; every operation must be by element")
    if not np.isfinite(beside[2]).all():
        problems.append("evidence is not finite when signals come and go")
    return problems


def _evidence(detector: SignalDetector, *values: np.ndarray) -> list[np.ndarray]:
    """Evidence (N, S) over the rows after the training rows of each of the machines (rows, S), which share their frames."""
    machines = [_codes(one) for one in values]
    state = signal_state.new_state(values[0].shape[1], [detector])
    times = signal_times(len(values[0]))
    learnt = [codes[:SIGNAL_TRAIN] for codes in machines], [times[:SIGNAL_TRAIN]] * len(machines)
    signals_learn.learn(state, range(len(machines)), *learnt, [detector])
    out: list[list[np.ndarray]] = [[] for _ in machines]
    for time, row in zip(times[SIGNAL_TRAIN:].tolist(), np.stack(machines, axis=1)[SIGNAL_TRAIN:], strict=True):
        seen = signals.observe(state, LIVE, time, np.arange(len(machines)), row, [detector])
        for place, found in enumerate(out):
            found.append(seen.evidence(place)[0])
    return [np.array(found) for found in out]


def _codes(values: np.ndarray) -> np.ndarray:
    centre, scale = robust_scale(values[:SIGNAL_TRAIN])
    return encode((values - centre) / scale, ~np.isnan(values))
