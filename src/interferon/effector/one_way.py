"""Messages that leave and are not seen again: what the actuators of webhooks, mail and partners have in common. Called by those alone.

Each message is sent at least once under a key that does not change, so that who gets it twice knows it. What is looked at is the receipt:
no channel of these shows what became of a message.
"""

import time
from typing import Any, Final

import msgspec

from interferon.effector.answers import Another, Denied, Unanswered, shown, stood, told
from interferon.effector.protocol import Job, Seen
from interferon.effector.receipts import Receipts
from interferon.model.effects import Outcome
from interferon.model.errors import InputError

_encode: Final = msgspec.json.Encoder(order="deterministic").encode


class OneWay:
    """An actuator but for `_meant` and `_sent`. `closes`: actions whose undo is a second message; of the others none can be taken back."""

    closes: frozenset[str] = frozenset()

    def __init__(self, receipts: str) -> None:
        self._receipts = Receipts(receipts)

    def _meant(self, job: Job) -> str:
        """One line on who would get the message; raises where it is another one, or cannot be told."""
        raise NotImplementedError

    def _sent(self, job: Job, step: str) -> str:
        """Sends the message of that step, and says who took it. Raises `Denied` only where it is certain that nobody got it."""
        raise NotImplementedError

    def identify(self, job: Job) -> Outcome:
        return told(lambda: self._meant(job))

    def before(self, job: Job) -> dict[str, Any]:
        """Nothing stands before a message; but that it can be sent must be known."""
        return stood(lambda: {"to": self._meant(job)})

    def apply(self, job: Job) -> Outcome:
        return told(lambda: self._once(job, "apply"))

    def look(self, job: Job) -> Seen:
        return shown(lambda: self._look(job))

    def undo(self, job: Job) -> Outcome:
        if job.action not in self.closes:
            return Outcome("refused", "a message that was sent cannot be taken back")
        return told(lambda: self._closed(job))

    def _closed(self, job: Job) -> str:
        if self._receipts.read(job.effect, "apply").state == "none":
            return "nothing was sent that would have to be closed"
        return self._once(job, "undo")

    def _once(self, job: Job, step: str) -> str:
        receipt = self._receipts.read(job.effect, step)
        if receipt.state == "done":
            return f"sent before: {receipt.detail}"
        self._meant(job)
        self._receipts.write(job.effect, step, "begun")
        try:
            detail = self._sent(job, step)
        except (Another, Denied, InputError):
            if receipt.state == "none":  # nobody got it now, and nobody can have got it before
                self._receipts.write(job.effect, step, "none")
            raise
        self._receipts.write(job.effect, step, "done", detail)
        return detail

    def _look(self, job: Job) -> Seen:
        opened, closed = self._receipts.read(job.effect, "apply"), self._receipts.read(job.effect, "undo")
        if closed.state == "done":
            return Seen("absent", f"closed: {closed.detail}")
        if "begun" in (opened.state, closed.state):
            raise Unanswered("a message was begun and nobody said that it was taken")
        return Seen("in_force", opened.detail) if opened.state == "done" else Seen("absent", "nothing was sent")


def content(job: Job, kind: str) -> bytes:
    """The message as JSON: `type`, when it was made (ISO 8601, UTC), and what it is about."""
    made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    data = {"effect": job.effect, "action": job.action, "target": job.target.ref, **{name: job.params[name] for name in sorted(job.params)}}
    return _encode({"type": kind, "timestamp": made, "data": data})
