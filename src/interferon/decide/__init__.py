"""From an incident to a plan by expected loss, under policy and budgets; what becomes of containments afterwards. Pure."""

from interferon.decide.commands import execute, solve
from interferon.decide.plan import decide, overruled
from interferon.decide.release import InForce, ReleaseSettings, Renewal, release, renew
from interferon.decide.settings import DecideSettings
from interferon.decide.situation import Ask, Closures, Considered, DecideState, Situation

__all__ = [
    "Ask",
    "Closures",
    "Considered",
    "DecideSettings",
    "DecideState",
    "InForce",
    "ReleaseSettings",
    "Renewal",
    "Situation",
    "decide",
    "execute",
    "overruled",
    "release",
    "renew",
    "solve",
]
