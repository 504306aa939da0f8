"""What the next commit of the effect journal will write, and what stands on disk as of the last one. Called on the writer's thread.

Jobs read and change the draft; `flush` hands all of it to the database at once. What stands is kept in memory between commits, for nobody
else writes under this node's epoch; after a failure it is read again.
"""

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import msgspec

from interferon.act import budget, lifecycle
from interferon.model.effects import Effect, Held, Intent, State
from interferon.model.errors import JournalError
from interferon.store import journal_block, journal_rows
from interferon.store.journal_database import Database

COLUMNS: Final = "state, intent, changed, expires, epoch, detail, told"
MOST: Final = 10_000  # effects kept in memory
LONGEST: Final = 2**63  # what an integer of either database holds
CHUNK: Final = 64  # ids in one statement: always as many, for a statement that is known is not prepared anew
TEXTS: Final = {state: (state.value, int(lifecycle.holds(state))) for state in State}
_STEP: Final = "UPDATE effects SET state = ?, changed = ?, expires = ?, epoch = ?, detail = ?, told = ? WHERE id = ?"
_TURN: Final = _STEP.replace("SET", "SET standing = ?,", 1)
_INSERT: Final = "INSERT INTO effects VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
_intent: Final = msgspec.json.Decoder(Intent).decode

Sums = tuple[int, int, int]  # assets, hours of downtime, late orders


class _Admission(msgspec.Struct, frozen=True, gc=False):
    """What the ledger tells of a new effect. Fields by name, as in all that the ledger holds."""

    detail: str
    epoch: int
    before: Literal[""] = msgspec.field(name="from")
    intent: msgspec.Raw
    to: State


class _Step(msgspec.Struct, frozen=True, gc=False):
    """What it tells of one step."""

    after: int  # the row that tells the step before
    detail: str
    epoch: int
    expires: int
    before: State = msgspec.field(name="from")
    to: State


def effect_of(row: tuple[Any, ...]) -> Effect:
    """From a row of COLUMNS."""
    state, text, changed, expires, epoch, detail, told = row
    return Effect(intent=_intent(text), state=State(state), changed=changed, expires=expires, epoch=epoch, detail=detail, told=told)


def _inserted(intent: Intent, begun: tuple[int, int, bytes], step: tuple[Any, ...], stands: int) -> tuple[Any, ...]:
    state, changed, expires, epoch, detail, told, name = step
    admitted, number, text = begun
    fixed = (intent.plan, intent.incident, intent.action, intent.target, text.decode())
    return (name, state, *fixed, admitted, changed, expires, epoch, detail, number, told, stands)


def find(database: Database, effect_id: str) -> Effect | None:
    row = database.execute(f"SELECT {COLUMNS} FROM effects WHERE id = ?", (effect_id,)).fetchone()  # noqa: S608 - a constant
    return effect_of(row) if row else None


def held(database: Database, now: int) -> Held:
    """What is taken from the budgets, as it stands on disk."""
    sql = "SELECT count(*) FROM effects WHERE admitted > ? AND state <> 'refused'"
    actions = database.execute(sql, (now - budget.HOUR_US,)).fetchone()[0]
    return Held(actions, *database.execute("SELECT assets, downtime_h, orders_late FROM held").fetchone())


class Draft:
    """One for each connection. `begin`, any number of jobs, `flush`, and `committed` once the commit is on disk."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._last, self._head = journal_rows.end(database)  # number and hash of the last row on disk
        self._stood = self._sums = self._sums_on_disk()
        self._known: dict[str, Effect] = {}  # as on disk; those that a step may still be asked of
        self._absent: set[str] = set()  # looked up for this group, and not on disk
        self._times: list[int] | None = None  # in order: when the last hours' actions were admitted
        self._times_from = 0
        self._lifted = False  # one that was refused is in the world: it counts from the next commit on
        self._rows: list[journal_block.Row] = []
        self._changed: dict[str, Effect] = {}
        self._new: dict[str, tuple[int, int, bytes]] = {}  # not on disk: when admitted, the ledger's row that it begins with, the intent
        self._turned: set[str] = set()  # those that stand and did not, or the other way about
        self._was: dict[str, Effect | None] = {}  # what the job in hand changed, as it was before

    @property
    def seq(self) -> int:
        """Number of the ledger's last row, this draft's rows included."""
        return self._last + len(self._rows)

    def known(self, effect_id: str) -> Effect | None:
        """The effect as it stands on disk, where it is in memory. May be called from any thread."""
        return self._known.get(effect_id)

    # ---- what jobs do

    def read(self, ids: Iterable[str]) -> None:
        """Look up what the next jobs ask for at once: each statement lets other threads in, and has to wait until they let go."""
        unknown = [name for name in ids if name not in self._known]
        self._absent = set(unknown)
        for begin in range(0, len(unknown), CHUNK):
            some = unknown[begin : begin + CHUNK]
            sql = f"SELECT {COLUMNS} FROM effects WHERE id IN ({','.join('?' * CHUNK)})"  # noqa: S608 - question marks only
            found = [effect_of(row) for row in self.database.execute(sql, some + some[-1:] * (CHUNK - len(some)))]
            self._keep({effect.id: effect for effect in found})
            self._absent.difference_update(effect.id for effect in found)

    def find(self, effect_id: str) -> Effect | None:
        """The effect with all that was drafted of it."""
        found = self._changed.get(effect_id) or self._known.get(effect_id)
        if found is None and effect_id not in self._absent and (found := find(self.database, effect_id)) is not None:
            self._keep({effect_id: found})
        return found

    def held(self, now: int) -> Held:
        """What is taken from the budgets."""
        since = now - budget.HOUR_US
        if self._times is None or since < self._times_from:
            self._read_times(since)
        times = self._times or []
        return Held(len(times) - bisect_right(times, since), *self._sums)

    def insert(self, intent: Intent, state: State, at: int, epoch: int, detail: str) -> Effect:
        """A new effect."""
        text = journal_block.encoded(intent)
        number = self._append(at, "effect", intent.id, _Admission(detail, epoch, "", msgspec.Raw(text), state))
        self._new[intent.id] = at, number, text
        if state is not State.REFUSED:
            self._count(at)
        effect = Effect(intent=intent, state=state, changed=at, expires=0, epoch=epoch, detail=detail, told=number)
        self._change(effect, False)
        return effect

    def change(self, before: Effect, to: State, at: int, epoch: int, detail: str, expires: int) -> Effect:
        """One step of an effect."""
        intent, state = before.intent, before.state
        number = self._append(at, "effect", intent.id, _Step(before.told, detail, epoch, expires, state, to))
        effect = Effect(intent=intent, state=to, changed=at, expires=expires, epoch=epoch, detail=detail, told=number)
        self._lifted |= state is State.REFUSED
        self._change(effect, lifecycle.holds(state))
        return effect

    def append(self, time: int, kind: str, subject: str, content: Any) -> int:
        """One row of the ledger that tells of no effect; `content` is anything msgspec encodes. Its number."""
        if not -LONGEST <= time < LONGEST:
            raise JournalError(f"{kind} {subject}: {time} is no time in microseconds: it needs more than 64 bits")
        body = journal_block.encoded(content)
        if not body or b"\n" in body:  # written by hand as `msgspec.Raw`: a row is one line
            raise JournalError(f"{kind} {subject}: its content is not one line of JSON")
        return self._append(time, kind, subject, msgspec.Raw(body))

    def _append(self, time: int, kind: str, subject: str, content: Any) -> int:
        number = self._last + len(self._rows) + 1
        self._rows.append((number, time, kind, subject, content))
        return number

    def _change(self, effect: Effect, held_before: bool) -> None:
        name = effect.intent.id
        self._was.setdefault(name, self._changed.get(name))
        self._changed[name] = effect
        if sign := lifecycle.holds(effect.state) - held_before:
            self._turned.add(name)
            intent = effect.intent
            assets, hours, late = self._sums
            sums = assets + sign * intent.assets, hours + sign * intent.downtime_h, late + sign * intent.orders_late
            if min(sums) < 0:
                raise JournalError(f"effect {name} gives back more than is held: `interferon ledger verify` tells what was changed")
            self._sums = sums

    # ---- around jobs and commits

    def mark(self) -> tuple[int, Sums]:
        """Where a job begins, for `back`."""
        if self._was:
            self._was = {}
        return len(self._rows), self._sums

    def back(self, mark: tuple[int, Sums]) -> None:
        """The job has failed: nothing of it stays."""
        rows, self._sums = mark
        del self._rows[rows:]
        for name, effect in self._was.items():
            if effect is not None:
                self._changed[name] = effect
            else:
                del self._changed[name]
                self._new.pop(name, None)
        self._times = None if self._was else self._times

    def flush(self) -> None:
        """Hand everything to the database, inside the transaction."""
        self._write()
        if self._rows:
            self._head = journal_rows.write(self.database, self._head, self._rows)
        if self._sums != self._stood:
            self.database.execute("UPDATE held SET assets = ?, downtime_h = ?, orders_late = ?", self._sums)

    def committed(self) -> None:
        """What was flushed is on disk."""
        self._keep(self._changed)
        self._stood, self._last = self._sums, self.seq
        if self._lifted:
            self._times, self._lifted = None, False
        self._rows, self._changed, self._new, self._was = [], {}, {}, {}
        self._turned = set()

    def _write(self) -> None:
        new, kept, turned = [], [], []
        for name, effect in self._changed.items():
            text, stands = TEXTS[effect.state]
            step = (text, effect.changed, effect.expires, effect.epoch, effect.detail, effect.told, name)
            if begun := self._new.get(name):
                new.append(_inserted(effect.intent, begun, step, stands))
            elif name in self._turned:
                turned.append((stands, *step))
            else:
                kept.append(step)
        for sql, rows in ((_INSERT, new), (_STEP, kept), (_TURN, turned)):
            if rows:
                self.database.executemany(sql, rows)

    def _keep(self, effects: Mapping[str, Effect]) -> None:
        if len(self._known) > MOST:
            self._known = {}
        self._known.update(effects)

    def _sums_on_disk(self) -> Sums:
        assets, hours, late = self.database.execute("SELECT assets, downtime_h, orders_late FROM held").fetchone()
        return assets, hours, late

    def _read_times(self, since: int) -> None:
        """From an hour before what is asked for on: clocks are set back a little."""
        self._times_from = since - budget.HOUR_US
        sql = "SELECT admitted FROM effects WHERE admitted > ? AND state <> 'refused'"
        times = [row[0] for row in self.database.execute(sql, (self._times_from,))]
        times += [at for name, (at, _, _) in self._new.items() if self._changed[name].state is not State.REFUSED]
        self._times = sorted(times)

    def _count(self, at: int) -> None:
        if self._times is None:
            return
        insort(self._times, at)
        if len(self._times) > MOST:
            self._times_from = max(self._times_from, at - 2 * budget.HOUR_US)
            del self._times[: bisect_right(self._times, self._times_from)]
