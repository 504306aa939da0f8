"""An attack on the range that begins while work on its machine is announced, and outlasts it: explained at first, and then not."""

from interferon.bench.watch import Watcher
from interferon.bench.watch_world import Fleet, network
from interferon.detect.stream_declared import GRACE
from interferon.detectors.telemetry_signals import SIGNALS
from interferon.store.examples import START
from interferon.twin.draws import MINUTE
from interferon.twin.machines import signals_of
from interferon.twin.scenario import Step

WORK = (30.0, 33.0)  # hours
ATTACK = (31.0, 36.0)


def test_an_attack_in_the_hours_of_a_work_order_is_told_of_when_they_are_over() -> None:
    net = network(3)
    signal = signals_of(net.assets["m-0"])[0]
    steps = [
        Step("work", WORK[0], "benign", "maintenance", "asset:m-0", until_h=WORK[1]),
        Step("a", ATTACK[0], "attack", "modify_setpoint", "asset:m-0", until_h=ATTACK[1], params={"signal": signal, "drift": 0.3}),
    ]
    fleet, watcher = Fleet(net, steps, 2, 77), Watcher(net, SIGNALS)
    for hour, values in enumerate(fleet.hours()):
        for minute, row in enumerate(values, 1):
            watcher.take(row, fleet.work(START + (60 * hour + minute) * MINUTE))
        if hour + 1 == ATTACK[1]:
            break
    told = [(one.row / 60, one.explained, signals_of(net.assets["m-0"])[one.leading[0]]) for one in watcher.told if one.entity == 0]
    over = WORK[1] + GRACE / (60 * MINUTE)
    during = [one for one in told if WORK[0] <= one[0] < over]
    after = [one for one in told if over <= one[0] < ATTACK[1]]
    assert [explained for _, explained, _ in during] == [True], "the work itself"
    assert [(explained, leading) for _, explained, leading in after] == [(False, signal)]
