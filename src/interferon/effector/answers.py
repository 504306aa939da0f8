"""How an actuator answers: what the world does becomes an outcome and never an exception. Called by the actuators; pure.

`Unanswered` is told as `unknown`, `Another` and bad input as `refused`, `Denied` as `failed`: the world said no and did nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from interferon.effector.protocol import Job, Seen, Target
from interferon.model.effects import Outcome, Value
from interferon.model.errors import InputError


class Unanswered(Exception):
    """Nothing answered, or not in time: what was asked for may be done or not."""


class Another(Exception):
    """What answers is not the thing that is meant, or one that is never touched."""


class Denied(Exception):
    """The world answered that it does not do it, and nothing of it is done."""


class Gone(Denied):
    """What was acted on is not there any more, and the effect with it."""


def told(do: Callable[[], str]) -> Outcome:
    """The outcome of `do`, which returns one line of detail for `ok`."""
    try:
        return Outcome("ok", do())
    except Unanswered as error:
        return Outcome("unknown", str(error))
    except (Another, InputError) as error:
        return Outcome("refused", str(error))
    except Denied as error:
        return Outcome("failed", str(error))


def shown(look: Callable[[], Seen]) -> Seen:
    """What `look` sees; `absent` where the thing is gone, `unknown` where it could not look or something else stands there."""
    try:
        return look()
    except Gone as error:
        return Seen("absent", str(error))
    except (Unanswered, Another, Denied, InputError) as error:
        return Seen("unknown", str(error))


def stood(read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `read` gives, `InputError` where it could not be read."""
    try:
        return read()
    except (Unanswered, Another, Denied) as error:
        raise InputError(str(error)) from error


def text(values: Mapping[str, Value], key: str, where: str) -> str:
    """The text under `key`; `InputError` that names `where` it is missing."""
    value = values.get(key)
    if not isinstance(value, str) or not value:
        raise InputError(f"{where} has no {key}: a text is needed there")
    return value


def reach(job: Job, key: str) -> str:
    return text(job.target.reach, key, f"reach of {job.target.ref}")


def same(job: Job, facts: Mapping[str, object]) -> None:
    """`Another` unless every fact of the target's identity is as the world shows it."""
    for key, value in job.target.identity.items():
        if key not in facts:
            raise InputError(f"identity of {job.target.ref} has {key}, which cannot be compared; {', '.join(sorted(facts))} can")
        if facts[key] != value:
            raise Another(f"{job.target.ref} shows {key} {facts[key]!r}, meant is {value!r}")


def identified(job: Job, do: Callable[[], str]) -> Outcome:
    """As `told`; `unknown` where the target has no identity, for then it could be any."""
    outcome = told(do)
    if outcome.result == "ok" and not job.target.identity:
        return Outcome("unknown", f"{job.target.ref} has no identity: nothing tells whether it is the one that is meant")
    return outcome


def unfit(target: Target, needed: Iterable[str], facts: Iterable[str]) -> str:
    """'' or one line: which key of the target is missing in `reach`, or cannot be compared in `identity`."""
    missing = [key for key in needed if not isinstance(target.reach.get(key), str) or not target.reach[key]]
    if missing:
        return f"reach has no {missing[0]}: a text is needed there"
    strange = sorted(set(target.identity) - set(facts))
    return f"identity has {strange[0]!r}; known are {', '.join(sorted(facts))}" if strange else ""
