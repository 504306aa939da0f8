"""The lease on a journal: one row that says which node may write, under which epoch, and until when. Called by `store.journal_writer`.

A node takes it at opening, with the next epoch, and renews it with every commit. A node that stalled finds the epoch taken by another one
and can write no more. The time is that of the database: PostgreSQL's clock, or with SQLite the time since the machine started.
"""

from typing import Final

from interferon.model.errors import JournalError
from interferon.store.journal_database import Database
from interferon.store.journal_sqlite import boot_clock

# A lease that was given in the future is none: the clock was started anew since.
_TAKE: Final = """UPDATE epochs SET epoch = epoch + 1, holder = ?, ttl = ?, until = journal_clock() + ?
    WHERE id = 1 AND (holder IN ('', ?) OR journal_clock() >= until OR journal_clock() < until - ttl) RETURNING epoch"""


class StaleEpoch(JournalError):
    """A newer runtime has taken over this journal; this one must stop acting."""


class Lease:
    """One node's hold on a journal. Owned by the thread that writes; `lapsed` may be asked from any."""

    def __init__(self, node: str, ttl_s: float) -> None:
        """`ttl_s`: seconds after the last commit in which nobody else takes over."""
        self.node = node
        self.ttl_us = round(ttl_s * 1e6)
        self.epoch = 0
        self.holder = ""  # who has it, while this node has not
        self.lost = ""  # in one line: who has taken it from this node
        self._asked = self._until = 0

    @property
    def every_s(self) -> float:
        """How long a node without anything to write may wait until it renews."""
        return self.ttl_us / 3e6

    def take(self, database: Database) -> bool:
        """Take the lease where it is free, lapsed, or this node's own from before it was restarted; else `holder` says who has it."""
        self._asked = boot_clock()
        row = database.execute(_TAKE, (self.node, self.ttl_us, self.ttl_us, self.node)).fetchone()
        if row is None:
            self.holder = database.execute("SELECT holder FROM epochs").fetchone()[0]
            return False
        self.epoch = row[0]
        return True

    def renew(self, database: Database, seq: int) -> None:
        """The first statement of each commit: `StaleEpoch` where the lease is another's. `seq`: the ledger's last row after the commit.

        It locks the row until the commit, so that nobody takes over between this look and the end of the transaction.
        """
        self._asked = boot_clock()
        sql = "UPDATE epochs SET seq = ?, until = journal_clock() + ttl WHERE id = 1 AND epoch = ? RETURNING epoch"
        if database.execute(sql, (seq, self.epoch)).fetchone() is None:
            self._until = 0
            epoch, holder = database.execute("SELECT epoch, holder FROM epochs").fetchone()
            self.lost = f"{database.name}: a newer runtime (epoch {epoch}) has taken over from this one (epoch {self.epoch}): node {holder}"
            raise StaleEpoch(f"{self.lost}; nothing was recorded")

    def release(self, database: Database) -> None:
        """Let another node take over at once."""
        database.execute("UPDATE epochs SET until = 0, holder = '' WHERE id = 1 AND epoch = ?", (self.epoch,))

    def confirmed(self) -> None:
        """What was asked for last is on disk. Counted from before it was asked, so that this node never thinks it longer than others do."""
        self._until = self._asked + self.ttl_us

    def lapsed(self) -> bool:
        """Whether another node may have taken over since."""
        return boot_clock() >= self._until
