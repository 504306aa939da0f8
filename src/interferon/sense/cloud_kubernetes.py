"""What an audit event of a Kubernetes API server means. Called by the connector `kubernetes_audit`. Pure.

Source: the Kubernetes API reference, `audit.k8s.io/v1` Event and EventList. A request passes several stages, each an event of its own;
the call is told once, when it is answered (ResponseComplete) or broke (Panic).
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from interferon.sense.cloud_records import address, attributes, caller, first_text
from interferon.sense.moments import micros
from interferon.sense.record_rows import Activity, Mapped, listed, table, text

LOG: Final = {"product": "kubernetes", "category": "application", "service": "audit"}
WRAPPERS: Final = frozenset({"items"})
GROUP: Final = "audit.k8s.io/"
LAST: Final = ("ResponseComplete", "Panic", "")
EARLIER: Final = ("RequestReceived", "ResponseStarted")
INTO: Final = {"exec", "attach", "portforward"}  # subresources that lead into a running container, whatever the verb


def is_audit(record: Mapping[str, Any]) -> bool:
    """Whether it is certainly an audit event."""
    return (text(record.get("apiVersion")).startswith(GROUP) and record.get("kind") == "Event") or _plain(record)


def _plain(record: Mapping[str, Any]) -> bool:
    """Within a list, events do not repeat their kind."""
    return {"auditID", "stage", "verb"} <= record.keys()


class Calls:
    """Reads the events of one log. `earlier` counts those of stages before the answer, which are no calls of their own."""

    def __init__(self) -> None:
        self.earlier: Counter[str] = Counter()

    def events(self, record: Mapping[str, Any], raw: bytes = b"") -> Mapped:
        """The one call of an event, none of an earlier stage. ValueError where it is no audit event, or has no time."""
        if not is_audit(record):
            said = f"apiVersion is {text(record.get('apiVersion'))!r}, kind {text(record.get('kind'))!r}"
            raise ValueError(f"is no audit event: {said}; they would be {GROUP}v1 and Event")
        stage = text(record.get("stage"))
        if stage in EARLIER:
            self.earlier[stage] += 1
            return []
        if stage not in LAST:
            raise ValueError(f"stage is {stage!r}; it would be one of {', '.join((*EARLIER, *LAST[:2]))}")
        times = (micros(record.get(name)) for name in ("stageTimestamp", "requestReceivedTimestamp", "timestamp"))
        time = next((each for each in times if each is not None), None)
        if time is None:
            raise ValueError("has no time that can be read; it would be in stageTimestamp, as 2026-01-05T08:00:00.000000Z")
        return [_call(record, time)]

    def told(self) -> str:
        """One line on what was counted; '' where nothing was."""
        pieces = ", ".join(f"{count} {stage}" for stage, count in sorted(self.earlier.items()))
        return f"not calls of their own, but earlier stages of requests: {pieces}" if pieces else ""


def _call(record: Mapping[str, Any], time: int) -> Activity:
    user, thing, answer = table(record.get("user")), table(record.get("objectRef")), table(record.get("responseStatus"))
    impersonated = text(table(record.get("impersonatedUser")).get("username"))
    who, verb, below = caller(user.get("username"), "anonymous"), text(record.get("verb")), text(thing.get("subresource"))
    sources = listed(record.get("sourceIPs"))
    told = {
        "userAgent": text(record.get("userAgent")),
        "scope": first_text(thing.get("namespace")),
        "impersonated": impersonated,
        "response_code": answer.get("code"),
    }
    return Activity(
        time=time,
        entity=who,
        kind="api.call",
        actor=who,
        source=address(sources[0]) if sources else None,
        object=_object(thing) or text(record.get("requestURI")).split("?", 1)[0] or None,
        code=below if below in INTO else verb or None,
        outcome=_outcome(record, answer),
        attributes=attributes(record, LOG, told),
    )


def _object(thing: Mapping[str, Any]) -> str:
    """resource/namespace/name/subresource; what is not said is left out."""
    return "/".join(said for name in ("resource", "namespace", "name", "subresource") if (said := text(thing.get(name))))


def _outcome(record: Mapping[str, Any], answer: Mapping[str, Any]) -> str | None:
    if record.get("stage") == "Panic" or answer.get("status") == "Failure":
        return "failure"
    code = answer.get("code")
    if isinstance(code, int) and not isinstance(code, bool):
        return "success" if code < 400 else "failure"
    decision = table(record.get("annotations")).get("authorization.k8s.io/decision")
    return {"allow": "success", "forbid": "failure"}.get(text(decision))
