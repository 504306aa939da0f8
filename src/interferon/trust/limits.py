"""The hard limits in code, beside the same limits in `policies/limits.cedar`: the strongest mode that may even be asked for.

A policy engine that was fooled, misread or misconfigured still cannot go beyond these. `trust.policy` calls it before every question.
"""

from collections.abc import Mapping
from typing import Any, Final

from interferon.model.records import Mode

MODES: Final[tuple[Mode, ...]] = ("execute_auto", "execute_unless_vetoed", "execute_approved", "execute_approved_by_two", "suggest")
"""Strongest first: the order they are asked in."""

LEVELS: Final[dict[Mode, int]] = {
    "execute_auto": 3,
    "execute_unless_vetoed": 2,
    "execute_approved": 1,
    "execute_approved_by_two": 1,
    "suggest": 0,
}
"""The earned level that each mode needs."""

SAFETY: Final = "sis"


def ceiling(target_type: str, case: Mapping[str, Any]) -> tuple[tuple[Mode, ...], str]:
    """The modes that may be asked for, strongest first, and the id of the limit that took the stronger ones away ('' if none did).

    What is missing from `case` counts as the cautious answer.
    """
    if target_type == SAFETY or case.get("safety", True):
        return (), "limit.safety"
    top, reason = 3, ""
    earned = int(case.get("earned_level", 0))
    if earned < top:
        top, reason = max(earned, 0), "limit.earned"
    if case.get("irreversible", True) and top > 1:
        top, reason = 1, "limit.irreversible"
    if case.get("controller_write", True) and top > 1:
        top, reason = 1, "limit.controller"
    if case.get("mode") != "active" and top > 0:
        top, reason = 0, "limit.observe"
    return tuple(mode for mode in MODES if LEVELS[mode] <= top), reason
