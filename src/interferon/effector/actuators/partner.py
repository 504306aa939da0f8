"""Tells a partner, at its webhook or by mail, in a message that we signed with a key of our own. Called by the effector's core.

Who has our public key can check that it is ours and unchanged: `v1a` of Standard Webhooks, or the signature that is attached to the mail.
"""

import base64
import time

from interferon.effector import signing
from interferon.effector.answers import reach
from interferon.effector.exchange import Access, posted, same_peer
from interferon.effector.one_way import OneWay, content
from interferon.effector.protocol import Actuator, Job, Target
from interferon.effector.smtp import Mail, accepts, address, composed, delivered
from interferon.model.errors import InputError


class Settings(Access, frozen=True, kw_only=True):
    """`[actuators.partner]`: our key; `mail` where partners are written to."""

    signing_key_file: str  # Ed25519, PEM
    receipts: str  # folder
    mail: Mail | None = None


def make(settings: Settings) -> Actuator:
    return Partner(settings)


class Partner(OneWay):
    """reach: `url` of the partner's webhook, or `mail`. identity: `certificate_sha256` of the webhook, where it is to be that one alone."""

    name = "partner"
    actions = frozenset({"notify_partner"})

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.receipts)
        self._settings = settings

    def ready(self) -> str:
        mail = self._settings.mail
        trouble = self._receipts.trouble() or (mail.trouble() if mail else "")
        return trouble or signing.trouble(lambda: signing.private_key(self._settings.signing_key_file))

    def wrong(self, target: Target, action: str) -> str:
        """'' or what is wrong with a target, by the effector's file alone."""
        job = Job(effect="", action=action, target=target)
        try:
            _ = self._url(job) if "url" in target.reach else (self._mail(), _receiver(job))
        except InputError as error:
            return str(error)
        return ""

    def _meant(self, job: Job) -> str:
        if "url" in job.target.reach:
            return same_peer(self._settings, self._url(job), job)
        return accepts(self._mail(), _receiver(job))

    def _sent(self, job: Job, step: str) -> str:
        key, at = f"{job.effect}.{step}", int(time.time())
        body = content(job, "partner.notified")
        if "url" in job.target.reach:
            signature = signing.own(self._settings.signing_key_file, key, at, body)
            return posted(self._settings, self._url(job), body, signing.headers(key, at, signature))
        signature = base64.b64encode(signing.private_key(self._settings.signing_key_file).sign(body)).decode()
        text = (
            f"{job.params.get('text') or job.action}\n\nAttached: the same signed, message.json with its Ed25519 signature message.sig.\n"
        )
        attachments = (("message.json", body), ("message.sig", signature.encode()))
        return delivered(self._mail(), composed(job, self._mail(), _receiver(job), text, attachments))

    def _url(self, job: Job) -> str:
        url = reach(job, "url")
        trouble = self._settings.trouble(url)
        if trouble:
            raise InputError(f"{job.target.ref}: {trouble}")
        return url

    def _mail(self) -> Mail:
        if self._settings.mail is None:
            raise InputError("a partner with mail in its reach needs [actuators.partner.mail]")
        return self._settings.mail


def _receiver(job: Job) -> str:
    return address(reach(job, "mail"), f"mail of {job.target.ref}")
