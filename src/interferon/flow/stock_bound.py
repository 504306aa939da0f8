"""A lower bound on the cost of safety stock, and good service times by the way: sequential tree-reweighted message passing (TRW-S,
Kolmogorov 2006) between quoted and inbound service times. Called by `stock_solve`. Pure.

Messages are prices that neighbours put on each time. The bound is that of the linear programme over the joint distributions of each
stage's two times, approached from below. Stages of one rank of the network are worked on together.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from interferon.flow.stock_box import Box
from interferon.flow.stock_model import Floats, Ints, StockModel

WIDE = 200_000  # (stage, quoted, inbound) cells above which a rank is split by the size of its stages' ranges
AT_ONCE = 250_000  # cells of one group at most, for the processor's cache


@dataclass(frozen=True)
class Group:
    """Stages of one rank with ranges of like length, and the links into and out of them, sorted by those stages."""

    stages: Ints
    outs: int  # quoted times 0 … outs − 1
    ins: int
    into: Ints
    into_at: Ints  # for each of `into`, the place of its head in `stages`
    outof: Ints
    outof_at: Ints
    share_in: Floats  # (n, 1) share of a belief that each neighbour is told
    share_out: Floats
    tail_outs: int  # times that the tails of `into` may quote
    head_ins: int


@dataclass
class Messages:
    """By stage, from its inbound to its quoted time and back; by link, from tail to head and back. Zero outside the receiver's range."""

    to_out: Floats  # (N, O)
    to_in: Floats  # (N, I)
    to_head: Floats  # (A, I)
    to_tail: Floats  # (A, O)

    def copy(self) -> "Messages":
        return Messages(self.to_out.copy(), self.to_in.copy(), self.to_head.copy(), self.to_tail.copy())


class Passing:
    """Sweeps over one model."""

    def __init__(self, model: StockModel) -> None:
        self._model = model
        self.outs, self.ins = int(model.latest_out.max(initial=0)) + 1, int(model.latest_in.max(initial=0)) + 1
        self._groups = [part for members in _ranks(model) for part in _groups(model, members)]
        self.cells = sum(len(g.stages) * g.outs * g.ins for g in self._groups)
        self._tables = [_table(model, g) for g in self._groups]

    def silent(self) -> Messages:
        """No message yet."""
        n, arcs = self._model.size, len(self._model.tail)
        return Messages(np.zeros((n, self.outs)), np.zeros((n, self.ins)), np.zeros((arcs, self.ins)), np.zeros((arcs, self.outs)))

    def sweep(self, box: Box, told: Messages) -> tuple[float, Ints]:
        """One pass forth and one back, which change `told`: the bound, and service times quoted that obey every link."""
        out_bar, in_bar = barred(box.out_low, box.out_high, self.outs), barred(box.in_low, box.in_high, self.ins)
        quoted = np.zeros(self._model.size, np.int64)
        with np.errstate(invalid="ignore"):
            for group, table in zip(self._groups, self._tables, strict=True):
                self._forth(group, table, told, quoted, out_bar, in_bar)
            back = reversed(list(zip(self._groups, self._tables, strict=True)))
            return sum(self._back(group, table, told, out_bar, in_bar) for group, table in back), quoted

    def likely(self, box: Box, told: Messages) -> tuple[Ints, Ints]:
        """The (quoted, inbound) time of each stage that its neighbours' prices make cheapest; they need not fit together."""
        out, into = told.to_out.copy(), told.to_in.copy()
        np.add.at(out, self._model.tail, told.to_tail)
        np.add.at(into, self._model.head, told.to_head)
        out += barred(box.out_low, box.out_high, self.outs)
        into += barred(box.in_low, box.in_high, self.ins)
        return out.argmin(axis=1), into.argmin(axis=1)

    def _forth(self, g: Group, table: Floats, told: Messages, quoted: Ints, out_bar: Floats, in_bar: Floats) -> None:
        model, k = self._model, g.stages
        to_in, bar_in, bar_out = told.to_in[k, : g.ins], in_bar[k, : g.ins], out_bar[k, : g.outs]
        belief = to_in + _sums(told.to_head[g.into, : g.ins], g.into_at, len(k))
        message = (table + (belief * g.share_in - to_in + bar_in)[:, None, :]).min(axis=2)
        told.to_out[k, : g.outs] = _levelled(message, bar_out)
        after = _sums(told.to_tail[g.outof, : g.outs], g.outof_at, len(k))
        first = np.zeros(len(k), np.int64)
        np.maximum.at(first, g.into_at, quoted[model.tail[g.into]] + model.lag[g.into])
        waited = (to_in + bar_in + np.where(np.arange(g.ins) < first[:, None], np.inf, 0.0)).argmin(axis=1)
        quoted[k] = (after + bar_out + table[np.arange(len(k)), :, waited]).argmin(axis=1)
        belief = (told.to_out[k, : g.outs] + after) * g.share_out + bar_out
        low = np.minimum.accumulate(belief[g.outof_at] - told.to_tail[g.outof, : g.outs], axis=1)
        reach = np.clip(np.arange(g.head_ins) - model.lag[g.outof][:, None], 0, g.outs - 1)
        bar = in_bar[model.head[g.outof], : g.head_ins]
        told.to_head[g.outof, : g.head_ins] = _levelled(np.take_along_axis(low, reach, axis=1), bar)

    def _back(self, g: Group, table: Floats, told: Messages, out_bar: Floats, in_bar: Floats) -> float:
        model, k = self._model, g.stages
        to_out, bar_in, bar_out = told.to_out[k, : g.outs], in_bar[k, : g.ins], out_bar[k, : g.outs]
        belief = to_out + _sums(told.to_tail[g.outof, : g.outs], g.outof_at, len(k)) + bar_out
        lows = belief.min(axis=1)
        message = (table + ((belief - lows[:, None]) * g.share_out - to_out)[:, :, None]).min(axis=1) + bar_in
        leasts = message.min(axis=1)
        told.to_in[k, : g.ins] = _levelled(message, bar_in)
        belief = told.to_in[k, : g.ins] + _sums(told.to_head[g.into, : g.ins], g.into_at, len(k)) + bar_in
        bottoms = belief.min(axis=1)
        belief = (belief - bottoms[:, None]) * g.share_in
        up = np.minimum.accumulate((belief[g.into_at] - told.to_head[g.into, : g.ins])[:, ::-1], axis=1)[:, ::-1]
        reach = np.minimum(np.arange(g.tail_outs) + model.lag[g.into][:, None], g.ins - 1)
        bar = out_bar[model.tail[g.into], : g.tail_outs]
        message = np.take_along_axis(up, reach, axis=1) + bar
        told.to_tail[g.into, : g.tail_outs] = _levelled(message, bar)
        return float(lows.sum() + leasts.sum() + bottoms.sum() + message.min(axis=1, initial=np.inf).sum())


def _table(model: StockModel, group: Group) -> Floats:
    """(n, outs, ins) cost by quoted and inbound time; inf where more would be quoted than the replenishment takes. A read-only view of
    one line for each stage, since only the difference of the two times counts."""
    longest = group.ins + int(model.time[group.stages].max())
    roots = np.concatenate([np.full(group.outs, np.inf), np.sqrt(np.arange(longest))])  # by net time + outs
    net = np.arange(1 - group.outs, group.ins)[None, :] + model.time[group.stages][:, None]
    line = np.maximum(model.weight[group.stages], 1e-300)[:, None] * roots[net + group.outs]  # 0 × inf would be no number
    row, step = line.strides
    shape = (len(group.stages), group.outs, group.ins)
    return np.lib.stride_tricks.as_strided(line[:, group.outs - 1 :], shape, (row, -step, step), writeable=False)


def barred(low: Ints, high: Ints, count: int) -> Floats:
    """(N, count) 0 for the times in each stage's range, inf for others."""
    at = np.arange(count)
    return np.where((at < low[:, None]) | (at > high[:, None]), np.inf, 0.0)


def _levelled(message: Floats, bar: Floats) -> Floats:
    """The message with 0 as its least value, and 0 where the receiver may not be."""
    shown = message + bar
    return np.where(np.isinf(bar), 0.0, shown - shown.min(axis=1, initial=np.inf)[:, None])


def _sums(rows: Floats, at: Ints, count: int) -> Floats:
    """Rows added up by place; `at` is sorted."""
    total = np.zeros((count, rows.shape[1]))
    if len(at):
        starts = np.flatnonzero(np.concatenate([[True], at[1:] != at[:-1]]))
        total[at[starts]] = np.add.reduceat(rows, starts, axis=0)
    return total


def _ranks(model: StockModel) -> list[Ints]:
    """Stages by the number of links on the longest way to them: those of one rank do not touch each other."""
    rank = np.zeros(model.size, np.int64)
    for arc in np.argsort(model.head, kind="stable"):
        rank[model.head[arc]] = max(rank[model.head[arc]], rank[model.tail[arc]] + 1)
    return [np.flatnonzero(rank == r) for r in range(int(rank.max(initial=-1)) + 1)]


def _groups(model: StockModel, members: Ints) -> list[Group]:
    outs, ins = model.latest_out[members] + 1, model.latest_in[members] + 1
    parts = [members]
    if len(members) * int(outs.max()) * int(ins.max()) > WIDE:
        size = np.ceil(np.log2(outs)).astype(int) * 64 + np.ceil(np.log2(ins)).astype(int)
        parts = [members[size == one] for one in np.unique(size)]
    return [_group(model, chunk) for part in parts for chunk in _chunks(model, part)]


def _chunks(model: StockModel, part: Ints) -> list[npt.NDArray[np.int64]]:
    each = int(model.latest_out[part].max() + 1) * int(model.latest_in[part].max() + 1)
    step = max(1, AT_ONCE // each)
    return [part[start : start + step] for start in range(0, len(part), step)]


def _group(model: StockModel, stages: Ints) -> Group:
    at = np.full(model.size, -1)
    at[stages] = np.arange(len(stages))
    into, outof = (np.flatnonzero(at[ends] >= 0) for ends in (model.head, model.tail))
    into, outof = into[np.argsort(at[model.head[into]], kind="stable")], outof[np.argsort(at[model.tail[outof]], kind="stable")]
    into_at, outof_at = at[model.head[into]], at[model.tail[outof]]
    shares = [1.0 / np.maximum(np.bincount(ends, minlength=len(stages)), 1)[:, None] for ends in (into_at, outof_at)]
    outs, ins = int(model.latest_out[stages].max()) + 1, int(model.latest_in[stages].max()) + 1
    tail_outs = int(model.latest_out[model.tail[into]].max(initial=0)) + 1
    head_ins = int(model.latest_in[model.head[outof]].max(initial=0)) + 1
    return Group(stages, outs, ins, into, into_at, outof, outof_at, shares[0], shares[1], tail_outs, head_ins)
