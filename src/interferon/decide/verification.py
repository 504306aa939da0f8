"""What was seen of the configurations and backups of what is to come back, and what that means for its return. Called by `recovery`. Pure.

Nothing is asked from here: the runtime has an effector look, and what it saw comes in through the log.
"""

from collections.abc import Sequence
from typing import Final

from interferon.decide.book import Book
from interferon.decide.release import ReleaseSettings
from interferon.model.effects import Check
from interferon.model.events import Inspected

FRESH_US: Final = 600_000_000  # a look counts for so long: what was right ten minutes ago may have been changed since
WORDS: Final = {"configuration": "the approved one", "backup": "what was recorded"}
NOBODY: Final = "nobody here can see it"


def fresh(book: Book, target: str, now: int, rules: ReleaseSettings) -> Inspected | None:
    """The newest look at the target's configurations and backups, where somebody can look and it still counts."""
    seen = book.inspected.get(target)
    return seen if seen is not None and rules.inspects and now - seen.time <= FRESH_US else None


def unverified(book: Book, target: str, now: int, rules: ReleaseSettings) -> str:
    """'' where configurations and backups let the target come back, else one line why not yet.

    What nobody can see holds it back only where `recovery.unverified` says so. Only assets and zones have any.
    """
    if target.partition(":")[0] not in ("asset", "zone"):
        return ""
    seen = fresh(book, target, now, rules)
    if seen is None and rules.inspects:
        return "its configuration and backup are still to be looked at"
    checks = seen.checks if seen else (Check(target, "configuration", "unknown", NOBODY),)
    for check in sorted(checks, key=lambda each: each.standing != "failed"):
        if check.standing in ("failed", "pending"):
            return _line(check)
    unknown = [_line(check) for check in checks if check.standing == "unknown"]
    return f"{unknown[0]}, and recovery.unverified is hold" if unknown and rules.unverified == "hold" else ""


def told(seen: Inspected | None) -> str:
    """What was verified of a thing that comes back, and what nobody could see."""
    if seen is None:
        return ""
    good = [check.what for check in seen.checks if check.standing == "verified"]
    unknown = [_line(check) for check in seen.checks if check.standing == "unknown"]
    return "; ".join([f"{' and '.join(dict.fromkeys(good))} verified"] * bool(good) + unknown)


def drifted(checks: Sequence[Check]) -> list[Check]:
    """Configurations that are not the approved ones."""
    return [check for check in checks if (check.what, check.standing) == ("configuration", "failed")]


def clean(seen: Inspected | None, ref: str) -> bool:
    """Whether the asset's configuration was seen to be the approved one."""
    return seen is not None and ("configuration", "verified") in [(check.what, check.standing) for check in seen.checks if check.ref == ref]


def _line(check: Check) -> str:
    told = {"failed": f"not {WORDS[check.what]}", "pending": "not verified yet", "unknown": "unknown"}[check.standing]
    return f"{check.what} of {check.ref} is {told} ({check.detail})"
