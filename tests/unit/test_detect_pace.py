"""Windows follow what a table remembers, and its rhythm over day and week is taken off where it is there."""

import numpy as np
import pytest

from interferon.bench.drawn import Drawn
from interferon.bench.drawn.loads import HOUR, START, loads
from interferon.detect.columns import plan
from interferon.detect.pace import dependence
from interferon.detect.recorded import learn, report
from interferon.detect.rhythm import NO_TIME, Ticks, fitted, step
from interferon.detect.settings import FILE
from interferon.detect.windows import Floats
from interferon.detectors.telemetry_portfolio import FILES


def remembering(share: float, rows: int = 2000) -> Floats:
    """An autoregression with that correlation from row to row."""
    noise = np.random.default_rng(3).normal(size=rows)
    for row in range(1, rows):
        noise[row] += share * noise[row - 1]
    return noise


def found(**columns: Floats) -> float:
    table = Drawn(columns)
    return dependence(plan([table], []), [table])


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_dependence_is_the_correlation_with_the_row_before(share: float) -> None:
    assert found(white=remembering(0.0), x=remembering(share)) == pytest.approx(share, abs=0.06)


def test_independent_rows_have_none_and_a_counter_does_not_count() -> None:
    assert found(x=remembering(0.0), ascending=np.cumsum(np.abs(remembering(0.0)))) == 0.0


def test_categories_tell_where_they_have_levels_enough() -> None:
    random = np.random.default_rng(4)
    services = random.choice(np.array(["http", "domain", "smtp"], dtype=object), 2000)
    assert found(x=remembering(0.9), service=services) == 0.0
    assert found(x=remembering(0.0), service=np.sort(services)) > 0.99
    assert found(x=remembering(0.9), switch=np.where(services == "http", "on", "off").astype(object)) > 0.8


def test_windows_are_as_long_as_the_memory() -> None:
    assert FILE.paced(0.99) == FILE
    assert FILE.paced(1.0) == FILE
    half = FILE.paced(0.5)
    assert (half.short, half.long) == (5, 15)
    assert half.smooth == pytest.approx(1.0)
    for dependent in (0.0, 0.2):
        one = FILE.paced(dependent)
        assert (one.short, one.long, one.smooth, one.adapt_bound) == (1, 1, 1.0, 0.0)


def test_windows_are_never_longer_than_a_day() -> None:
    assert FILE.within_a_day(1.0) == FILE
    assert FILE.within_a_day(0.0) == FILE
    hourly = FILE.within_a_day(3600.0)
    assert (hourly.short, hourly.long) == (8, 24)
    assert FILE.within_a_day(86_400.0).long == 4


def test_records_and_series_get_their_own_detectors() -> None:
    for share, wanted in ((0.0, FILES.records), (0.9, FILES.series)):
        table = Drawn({"x": remembering(share), "y": remembering(share)[::-1].copy()})
        assert learn([table], [], FILE, FILES).portfolio == wanted


def test_one_strange_record_is_one_alarm() -> None:
    random = np.random.default_rng(5)
    learnt = learn([Drawn({"x": random.normal(size=3000), "y": random.normal(size=3000)})], [], FILE, FILES)
    x, y = random.normal(size=1000), random.normal(size=1000)
    x[500] = 12.0
    judged = report(learnt, Drawn({"x": x, "y": y})).judged
    assert judged.score.argmax() == 500
    assert judged.alarm.mean() < 0.08
    assert (judged.p < 0.1).mean() == pytest.approx(0.1, abs=0.03)


def days(rows: int, first: int = 0) -> tuple[Floats, Ticks]:
    clock = START + HOUR * np.arange(first, first + rows, dtype=np.int64)
    hour = np.arange(first, first + rows) % 24
    random = np.random.default_rng(6)
    return np.stack([10 + 5 * np.sin(2 * np.pi * hour / 24), np.zeros(rows)], axis=1) + random.normal(0, 0.3, (rows, 2)), clock


def test_a_daily_rhythm_is_taken_off_and_nothing_else() -> None:
    values, clock = days(24 * 14)
    rhythm = fitted([values], [clock])
    assert rhythm is not None
    assert not rhythm.weekly
    later, then = days(24 * 7, 24 * 14)
    plain = rhythm.off(later, then)
    assert plain[:, 0].std() < 0.4
    np.testing.assert_array_equal(plain[:, 1], later[:, 1])
    unknown = np.full(len(later), NO_TIME)
    np.testing.assert_array_equal(rhythm.off(later, unknown), later)


def test_no_rhythm_is_seen_where_there_is_none_or_too_little() -> None:
    values, clock = days(24 * 14)
    assert fitted([values[:, 1:]], [clock]) is None
    assert fitted([values[:72]], [clock[:72]]) is None
    assert fitted([values], [np.full(len(values), NO_TIME)]) is None
    assert step([]) == 0.0
    assert step([clock]) == HOUR


def test_weekends_are_a_rhythm_of_their_own_from_three_weeks_on() -> None:
    case = loads(21)
    train = np.stack([case.train[0].numbers(name) for name in case.train[0].names], axis=1)
    assert case.train[0].clock is not None
    rhythm = fitted([train], [case.train[0].clock])
    assert rhythm is not None
    assert rhythm.weekly


def test_the_clock_makes_a_fault_within_the_days_range_visible() -> None:
    case = loads(21)
    clocks = [table.clock for table in case.train if table.clock is not None]
    score = report(learn(case.train, [], FILE, FILES, clocks), case.test, case.test.clock).judged.score
    blind = report(learn(case.train, [], FILE, FILES), case.test).judged.score
    cut, blind_cut = (np.quantile(part[~case.labels], 0.95) for part in (score, blind))
    assert (score[case.labels] > cut).mean() > (blind[case.labels] > blind_cut).mean() + 0.2
