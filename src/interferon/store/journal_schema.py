"""The journal's tables and their migrations, in words that either database has. Called by `store.journal_writer`."""

from collections.abc import Sequence
from typing import Final

from interferon.model.errors import InputError
from interferon.store.journal_database import Database

_V1: Final = (
    "{before}",
    "CREATE TABLE epochs (id {int} PRIMARY KEY CHECK (id = 1), epoch {int} NOT NULL) {strict}",
    "INSERT INTO epochs VALUES (1, 0)",
    """CREATE TABLE effects (
        id TEXT PRIMARY KEY, state TEXT NOT NULL, plan TEXT NOT NULL, incident TEXT NOT NULL, action TEXT NOT NULL, target TEXT NOT NULL,
        intent TEXT NOT NULL, admitted {int} NOT NULL, changed {int} NOT NULL, expires {int} NOT NULL, epoch {int} NOT NULL,
        detail TEXT NOT NULL) {strict}""",
    "CREATE INDEX effects_state ON effects (state)",
    "CREATE INDEX effects_incident ON effects (incident)",
    "CREATE INDEX effects_admitted ON effects (admitted) WHERE state <> 'refused'",
    """CREATE TABLE held (
        id {int} PRIMARY KEY CHECK (id = 1), assets {int} NOT NULL CHECK (assets >= 0),
        downtime_h {int} NOT NULL CHECK (downtime_h >= 0), orders_late {int} NOT NULL CHECK (orders_late >= 0)) {strict}""",
    "INSERT INTO held VALUES (1, 0, 0, 0)",
    """CREATE TABLE ledger (
        seq {number}, time {int} NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
        body TEXT NOT NULL, hash {bytes} NOT NULL) {strict}""",
    "CREATE INDEX ledger_subject ON ledger (subject, seq)",
    "{no_update}",
    "{no_delete}",
)

_V2: Final = (
    # the lease: who holds the epoch, how long it is given for, and until when; and the highest row of the ledger that was ever written,
    # so that a ledger cut at its end is noticed
    "ALTER TABLE epochs ADD COLUMN holder TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE epochs ADD COLUMN ttl {int} NOT NULL DEFAULT 0",
    "ALTER TABLE epochs ADD COLUMN until {int} NOT NULL DEFAULT 0",
    "ALTER TABLE epochs ADD COLUMN seq {int} NOT NULL DEFAULT 0",
    "UPDATE epochs SET seq = (SELECT coalesce(max(seq), 0) FROM ledger)",
    # the row of the ledger that an effect began with: the order in which effects were admitted
    "ALTER TABLE effects ADD COLUMN number {int} NOT NULL DEFAULT 0",
    "UPDATE effects SET number = (SELECT coalesce(min(seq), 0) FROM ledger WHERE subject = effects.id AND kind = 'effect')",
)

_V3: Final = (
    # from here on the ledger's rows are written in blocks (`journal_block`); those in `ledger` stay as they are, and the chain goes on
    """CREATE TABLE ledger_blocks (
        upto {int} PRIMARY KEY, lines TEXT NOT NULL, hashes {bytes} NOT NULL) {strict}""",
    # blocks with a row about a subject that is no effect
    "CREATE TABLE ledger_about (subject TEXT NOT NULL, block {int} NOT NULL, PRIMARY KEY (subject, block)) {clustered}",
    "{blocks_no_update}",
    "{blocks_no_delete}",
    # the row of the ledger that tells an effect's last step; each step names the row of the one before
    "ALTER TABLE effects ADD COLUMN told {int} NOT NULL DEFAULT 0",
    "UPDATE effects SET told = (SELECT coalesce(max(seq), 0) FROM ledger WHERE subject = effects.id AND kind = 'effect')",
    # without the state, so that a step need not touch it
    "DROP INDEX effects_admitted",
    "CREATE INDEX effects_admitted ON effects (admitted)",
)

_V4: Final = (
    # 0 once it has ended: few effects stand, and a step that ends none need not touch an index
    "ALTER TABLE effects ADD COLUMN standing {int} NOT NULL DEFAULT 1",
    "UPDATE effects SET standing = 0 WHERE state IN ('refused', 'failed', 'undone')",
    "DROP INDEX effects_state",
    "CREATE INDEX effects_standing ON effects (number) WHERE standing = 1",
)

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (_V1, _V2, _V3, _V4)
"""Statements that lead from version n to n + 1. Only add: old journals have these."""


def migrate(database: Database, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
    """Run what is missing, inside the caller's transaction. Raises `InputError` on a journal that a newer release wrote."""
    version = database.version()
    if version > len(migrations):
        newer = f"written by a newer release (journal version {version}, this one knows {len(migrations)}): upgrade first"
        raise InputError(f"{database.name}: {newer}")
    if version == len(migrations):
        return
    for statements in migrations[version:]:
        for statement in statements:
            if sql := statement.format_map(database.words):
                database.execute(sql)
    database.set_version(len(migrations))
