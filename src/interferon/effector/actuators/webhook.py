"""Signed webhooks: a ticket is opened and closed, a message sent, at whatever takes JSON over HTTPS. Called by the effector's core.

For desks, chats and pagers that one can only tell, not ask; what can be asked has a contract of `rest`.
"""

import time
from typing import Final

from interferon.effector import signing
from interferon.effector.exchange import Access, posted, same_peer
from interferon.effector.one_way import OneWay, content
from interferon.effector.protocol import Actuator, Job

KINDS: Final = {
    ("open_ticket", "apply"): "ticket.opened",
    ("open_ticket", "undo"): "ticket.closed",
    ("send_message", "apply"): "message.sent",
}


class Settings(Access, frozen=True, kw_only=True):
    """`[actuators.webhook]`: one receiver."""

    url: str
    secret_file: str
    receipts: str  # folder


def make(settings: Settings) -> Actuator:
    return Webhook(settings)


class Webhook(OneWay):
    """reach: nothing. identity: `certificate_sha256` of the receiver; without it, that its certificate is valid."""

    name = "webhook"
    actions = frozenset({"open_ticket", "send_message"})
    closes = frozenset({"open_ticket"})

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.receipts)
        self._settings = settings

    def ready(self) -> str:
        trouble = self._settings.trouble(self._settings.url) or self._receipts.trouble()
        return trouble or signing.trouble(lambda: signing.shared(self._settings.secret_file, "", 0, b""))

    def _meant(self, job: Job) -> str:
        return same_peer(self._settings, self._settings.url, job)

    def _sent(self, job: Job, step: str) -> str:
        key, at = f"{job.effect}.{step}", int(time.time())
        body = content(job, KINDS[job.action, step])
        signature = signing.shared(self._settings.secret_file, key, at, body)
        return posted(self._settings, self._settings.url, body, signing.headers(key, at, signature))
