"""The times that each stage may still quote and wait for: ranges that solvers narrow. Called by the other `stock_` modules. Pure."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from interferon.flow.stock_model import Floats, Ints, StockModel


@dataclass(frozen=True)
class Box:
    """Ranges of service times, (N,) each, both ends included."""

    out_low: Ints
    out_high: Ints
    in_low: Ints
    in_high: Ints


def whole(model: StockModel) -> Box:
    """All that the model allows."""
    found = narrowed(model, Box(np.zeros_like(model.time), model.latest_out, model.inbound, model.latest_in))
    assert found is not None  # everybody quoting zero is always possible
    return found


def narrowed(model: StockModel, box: Box) -> Box | None:
    """The box without times that no policy in it can have; None where that leaves nothing.

    Afterwards every time of a stage goes with some time of each neighbour, so that no message between them is infinite.
    """
    out_low, out_high, in_low, in_high = (row.tolist() for row in (box.out_low, box.out_high, box.in_low, box.in_high))
    links = list(zip(model.head.tolist(), model.tail.tolist(), model.lag.tolist(), strict=True))
    time, at = model.time.tolist(), 0
    for k in range(model.size):
        while at < len(links) and links[at][0] == k:
            _, tail, lag = links[at]
            in_low[k] = max(in_low[k], out_low[tail] + lag)
            at += 1
        in_low[k] = max(in_low[k], out_low[k] - time[k])
    for k in range(model.size - 1, -1, -1):
        out_high[k] = min(out_high[k], in_high[k] + time[k])
        while at and links[at - 1][0] == k:
            at -= 1
            _, tail, lag = links[at]
            out_high[tail] = min(out_high[tail], in_high[k] - lag)
    found = Box(*(np.array(row, np.int64) for row in (out_low, out_high, in_low, in_high)))
    return found if (found.out_low <= found.out_high).all() and (found.in_low <= found.in_high).all() else None


def around(model: StockModel, quoted: Ints, inbound: Ints, links: Ints) -> Box:
    """The box of the policies that keep these links by limits of their own: the tail quotes no more than now, the head waits no less."""
    box = whole(model)
    out_high, in_low = box.out_high.copy(), box.in_low.copy()
    np.minimum.at(out_high, model.tail[links], quoted[model.tail[links]])
    np.maximum.at(in_low, model.head[links], quoted[model.tail[links]] + model.lag[links])
    return replace(box, out_high=out_high, in_low=in_low)


def cost_table(model: StockModel, box: Box, k: int, roots: Floats) -> npt.NDArray[np.float64]:
    """(quoted, inbound) → cost of stage k in the box; inf where more would be quoted than the replenishment takes. A read-only view.

    `roots`: square roots of 0, 1, … up to the longest net time.
    """
    outs, ins = int(box.out_high[k] - box.out_low[k]) + 1, int(box.in_high[k] - box.in_low[k]) + 1
    least = int(box.in_low[k] + model.time[k] - box.out_high[k])  # net time of the line's first entry
    line = np.full(outs + ins - 1, np.inf)
    first = max(-least, 0)
    line[first:] = model.weight[k] * roots[least + first : least + len(line)]
    step = line.strides[0]
    return np.lib.stride_tricks.as_strided(line[outs - 1 :], (outs, ins), (-step, step), writeable=False)


def square_roots(model: StockModel) -> Floats:
    """What `cost_table` needs."""
    return np.sqrt(np.arange(int((model.latest_in + model.time).max(initial=0)) + 1))
