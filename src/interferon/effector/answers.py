"""How an actuator answers: what the world does becomes an outcome and never an exception. Called by the actuators; pure.

`Unanswered` is told as `unknown`, `Another` and bad input as `refused`, `Denied` as `failed`: the world said no and did nothing.
"""

from collections.abc import Callable, Mapping
from typing import Any

from interferon.effector.protocol import Job, Seen
from interferon.model.effects import Outcome, Value
from interferon.model.errors import InputError


class Unanswered(Exception):
    """Nothing answered, or not in time: what was asked for may be done or not."""


class Another(Exception):
    """What answers is not the thing that is meant, or one that is never touched."""


class Denied(Exception):
    """The world answered that it does not do it, and nothing of it is done."""


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
    """What `look` sees; `unknown` where it could not look, `absent` where it is another thing or there is none."""
    try:
        return look()
    except (Unanswered, InputError) as error:
        return Seen("unknown", str(error))
    except (Another, Denied) as error:
        return Seen("absent", str(error))


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
    """`Another` unless every fact of the target's identity is as the world shows it; `Unanswered` where the identity tells nothing."""
    meant = job.target.identity
    if not meant:
        raise Unanswered(f"{job.target.ref} has no identity: it could be any; name one of {', '.join(sorted(facts))}")
    for key, value in meant.items():
        if key not in facts:
            raise InputError(f"identity of {job.target.ref} has {key}, which cannot be compared; {', '.join(sorted(facts))} can")
        if facts[key] != value:
            raise Another(f"{job.target.ref} shows {key} {facts[key]!r}, meant is {value!r}")
