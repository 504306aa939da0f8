"""The screens' facts about one entity: its bands, what is learnt of it, its baselines, what did not fit."""

from dataclasses import replace

import numpy as np
import pytest

from interferon.detect import telemetry_state
from interferon.detect.settings import LIVE
from interferon.detectors import activity_conversations
from interferon.model.events import Control
from interferon.pipeline import new_state
from interferon.runtime.loop import Hooks
from interferon.store.examples import START

from .attacked import HOUR, MINUTE, readings
from .showing import Shown, finding, shown

# ---- bands


@pytest.fixture(scope="module")
def learnt() -> Shown:
    """Three hours of two signals of one machine, learnt on the first two."""
    one = shown()
    one.loop.state = one.run.state = new_state(one.run.rules, replace(LIVE, learn_rows=120))
    draw = np.random.default_rng(3)
    for first, (signal, middle) in enumerate((("level", 50.0), ("flow", 3.0))):
        values = (middle + draw.normal(0, 1, 180)).tolist()
        one.run.see(readings("asset:plc-1", values, signal=signal, first=1000 * first))
        for minute, value in enumerate(values if signal == "level" else []):
            one.loop._hooks = Hooks()
            one.loop.feed(readings("asset:plc-1", [value], START + minute * MINUTE, first=minute))
    one.loop.finish()
    return one


def test_a_learnt_signal_has_a_band_round_its_middle(learnt: Shown) -> None:
    band = learnt.source.band("asset:plc-1", "level")
    assert band is not None
    assert len(band.times) == len(band.values) == len(band.low) == len(band.high) == 180
    low, mid, high = band.low[0], band.mid[0], band.high[0]
    assert low is not None
    assert mid is not None
    assert high is not None
    assert 49 < mid < 51
    assert 2 < high - mid < 4
    assert high - mid == pytest.approx(mid - low)
    assert band.width.startswith("99 %")


def test_a_signal_that_the_model_does_not_know_has_values_and_no_band(learnt: Shown) -> None:
    band = learnt.source.band("asset:plc-1", "flow")
    assert band is not None
    assert (len(band.values), set(band.low), band.width) == (180, {None}, "not learnt yet")


def test_an_entity_that_is_still_learning_has_no_band(learnt: Shown) -> None:
    learnt.loop.feed(readings("asset:plc-2", [1.0], START + 190 * MINUTE, first=5000))
    learnt.loop.finish()
    learnt.run.see(readings("asset:plc-2", [1.0], START + 190 * MINUTE, first=5000))
    band = learnt.source.band("asset:plc-2", "level")
    assert band is not None
    assert band.width == "not learnt yet"


def test_alarms_are_marked_where_they_stood(learnt: Shown) -> None:
    learnt.run.take(finding("f-1", START + 100 * MINUTE + 30_000_000))
    learnt.run.take(finding("f-2", START + 120 * MINUTE, entity="asset:plc-9"))
    band = learnt.source.band("asset:plc-1", "level")
    assert band is not None
    assert band.alarms == (100,)


def test_a_long_series_is_thinned_and_keeps_its_alarms() -> None:
    one = shown()
    for day in range(3):
        one.run.see(readings("asset:plc-1", [1.0] * 1400, START + day, first=1400 * day))
    one.run.take(finding("f-1", START + 101 * MINUTE))
    band = one.source.band("asset:plc-1", "level")
    assert band is not None
    assert 1500 <= len(band.times) <= 3000
    assert band.alarms


# ---- one entity


def test_the_life_of_an_entity_tells_what_is_learnt_and_what_did_not_fit() -> None:
    one = shown()
    one.attacked()
    view = one.source.life("asset:srv-1")
    assert view is not None
    assert view.telemetry == "sends none"
    assert view.activity.startswith("being learnt: ready in")
    assert {finding.kind.split(".")[0] for finding in view.findings} >= {"file", "log"}
    assert [f.time for f in view.findings] == sorted((f.time for f in view.findings), reverse=True)
    assert set(view.incident_of) == {finding.id for finding in view.findings}
    untouched = one.source.life("asset:plc-1")
    assert untouched is not None
    assert (untouched.findings, untouched.conversations, untouched.bands) == ((), (), ())
    assert one.source.life("asset:none") is None


def test_the_life_of_a_machine_tells_how_far_its_telemetry_is(learnt: Shown) -> None:
    one = shown()
    one.loop.feed(readings("asset:plc-2", [50.0, 51.0, 50.5]))
    one.loop.finish()
    view, young = learnt.source.life("asset:plc-1"), one.source.life("asset:plc-2")
    assert view is not None
    assert young is not None
    assert "level" in view.bands
    assert view.telemetry.startswith("watched for")
    assert young.telemetry.startswith("being learnt: 3 of ")
    assert (young.baselines, young.fits, young.next) == ((), "", "")
    assert one.source.now().learning.lent == 0
    one.run.state.watch.shards[0].telemetry.status[0] = telemetry_state.PROVISIONAL
    lent = one.source.life("asset:plc-2")
    assert lent is not None
    assert lent.telemetry.startswith("being learnt, judged by its peers' life until then: 3 of 2000 frames, own model in ")
    assert (one.source.now().learning.lent, one.source.now().learning.learnt) == (1, 0)


def test_the_life_of_a_machine_tells_the_versions_of_its_baseline_and_whether_it_fits(learnt: Shown) -> None:
    run = learnt.source._run
    whole = run.state.admission.entities.index["asset:plc-1"]
    fitting = learnt.source.life("asset:plc-1")
    run.state.watch.fitting.since[whole] = run.clock() - 2 * HOUR
    run.state.watch.lives.outcomes[whole] = "after declared work: pump W1: not taken over, the one in force still fits"
    view = learnt.source.life("asset:plc-1")
    assert fitting is not None
    assert view is not None
    assert (fitting.fits, fitting.next) == ("fits", "")
    assert (view.fits, view.next) == ("no longer fits, for 2 h now", run.state.watch.lives.outcomes[whole])
    (one,) = view.baselines
    assert (one.number, one.rows, one.why, one.in_force, one.learnt) == (1, 120, "first rows", True, START + 119 * MINUTE)


def test_a_word_on_a_baseline_waits_for_the_loop_and_is_then_shown(learnt: Shown) -> None:
    said: list[Control] = []
    learnt.run.say = said.append
    assert learnt.source.baseline("asset:plc-1", "ann", "rollback", 4, "odd") == "asset:plc-1 has no version 4; kept are 1"
    assert learnt.source.baseline("asset:none", "ann", "relearn", 0, "odd") == "asset:none has no learnt baseline"
    assert said == []
    assert learnt.source.baseline("asset:plc-1", "ann", "relearn", 0, "new pump") == ""
    before = learnt.source.version
    for control in said:
        learnt.loop.feed(control)
        learnt.run.hear(control)
    assert learnt.source.version > before
    view = learnt.source.life("asset:plc-1")
    assert view is not None
    assert view.next == "by hand, ann: new pump: being learnt, 0 frames of 120"


def test_conversations_that_an_entity_is_known_for_come_last_used_first() -> None:
    one = shown()
    shard = one.run.state.watch.shards[0]
    memory = activity_conversations.Memory()
    memory.pairs.known = {("in", "asset:hmi-1", "modbus/502"): START, ("out", "10.0.0.9", "ntp/123"): START + HOUR}
    shard.stream.memories[activity_conversations.NAME] = {"asset:plc-1": memory}
    view = one.source.life("asset:plc-1")
    assert view is not None
    assert [(talk.direction, talk.peer) for talk in view.conversations] == [("out", "10.0.0.9"), ("in", "asset:hmi-1")]


def test_a_finding_judged_alone_counts_no_longer_and_says_so() -> None:
    one = shown()
    one.attacked()
    (incident,) = one.run.incidents.values()
    names = {one.run.findings[name].kind.split(".")[0]: name for name in incident.findings}
    assert one.source.judge(names["file"], "ann", "benign") == ""
    (said,) = one.said
    one.loop.feed(said)
    view, told = one.source.life("asset:srv-1"), one.source.incident(incident.id)
    assert view is not None
    assert told is not None
    assert view.judged == told.judged == {names["file"]: "benign"}
    assert told.verdicts == ()
    assert told.incident.p_attack < incident.p_attack
    assert one.source.judge("f-none", "ann", "benign") == "there is no finding f-none in any incident"
