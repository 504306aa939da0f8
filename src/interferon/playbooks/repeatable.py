"""Which commands may be given twice. Called when a run is resumed and a command was begun whose result is not known. Pure."""

from typing import Final

from interferon.playbooks.run_records import Run

SEARCHES: Final = frozenset({"elastic", "kestrel", "sigma", "yara"})
METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})  # RFC 9110, clause 9.2.2


def repeatable(command: Run) -> bool:
    """Whether doing it again does no more than doing it once: searches, idempotent HTTP methods, and people, who are asked again."""
    if command.kind in SEARCHES or command.kind == "manual":
        return True
    words = str(command.command.get("command", "")).split()
    return command.kind == "http-api" and bool(words) and words[0].upper() in METHODS
