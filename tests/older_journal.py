"""An effect journal as it was before version 3: each row of the ledger is one of a table. Imported by tests of the journal."""

import msgspec

from interferon.model.effects import Intent
from interferon.store.journal_block import encoded
from interferon.store.journal_database import Place, open_writer
from interferon.store.journal_ledger import link
from interferon.store.journal_rows import GENESIS
from interferon.store.journal_schema import MIGRATIONS, migrate

INTENTS = tuple(Intent(id=name, plan="p", incident="i", action="a", target="asset:x", time=0, assets=1) for name in ("e-1", "e-2"))
ADMITTED = {"detail": "", "epoch": 1, "from": "", "to": "intent"}
FAILED = {"detail": "", "epoch": 1, "expires": 0, "from": "intent", "to": "failed"}
ROWS = (
    *((0, "effect", intent.id, {**ADMITTED, "intent": msgspec.to_builtins(intent)}) for intent in INTENTS),
    (1, "decision", "p", {"chosen": 1}),
    (2, "effect", "e-1", FAILED),
    *((3, "note", "n", number) for number in range(2)),
)


def older_journal(place: Place) -> None:
    """Six rows: 1–2 admit, 3 decision, 4 failed, 5–6 notes."""
    database, head = open_writer(place), GENESIS
    database.begin()
    migrate(database, MIGRATIONS[:2])
    for seq, (time, kind, subject, content) in enumerate(ROWS, 1):
        body = encoded(content).decode()
        head = link(head, seq, time, kind, subject, body)
        database.execute("INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?)", (seq, time, kind, subject, body, head))
    for number, (intent, state, changed) in enumerate(zip(INTENTS, ("failed", "intent"), (2, 0), strict=True), 1):
        row = (intent.id, state, "p", "i", "a", "asset:x", encoded(intent).decode(), 0, changed, 0, 1, "", number)
        database.execute(f"INSERT INTO effects VALUES ({','.join('?' * len(row))})", row)
    database.execute("UPDATE epochs SET epoch = 1, seq = ?", (len(ROWS),))
    database.execute("UPDATE held SET assets = 1")
    database.commit()
    database.close()
