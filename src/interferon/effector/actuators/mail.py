"""Mail to a person, or to the address of a pager. Called by the effector's core.

A mail cannot be taken back, and nobody can look whether it was read: what is looked at is that the mail server took it.
"""

from interferon.effector.answers import reach
from interferon.effector.one_way import OneWay
from interferon.effector.protocol import Actuator, Job, Target
from interferon.effector.smtp import Mail, accepts, address, composed, delivered
from interferon.model.errors import InputError


class Settings(Mail, frozen=True, kw_only=True):
    """`[actuators.mail]`: the mail server of the house, and where receipts lie."""

    receipts: str  # folder


def make(settings: Settings) -> Actuator:
    return Mailer(settings)


class Mailer(OneWay):
    """reach: `mail`. identity: nothing that a mail server could show; it is asked whether it takes mail for that address."""

    name = "mail"
    actions = frozenset({"send_message"})

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.receipts)
        self._settings = settings

    def ready(self) -> str:
        return self._settings.trouble() or self._receipts.trouble()

    def wrong(self, target: Target, action: str) -> str:
        """'' or what is wrong with a target, by the effector's file alone."""
        try:
            _receiver(Job(effect="", action=action, target=target))
        except InputError as error:
            return str(error)
        return ""

    def _meant(self, job: Job) -> str:
        return accepts(self._settings, _receiver(job))

    def _sent(self, job: Job, step: str) -> str:
        text = str(job.params.get("text") or f"{job.action} about {job.target.ref}")
        return delivered(self._settings, composed(job, self._settings, _receiver(job), text))


def _receiver(job: Job) -> str:
    return address(reach(job, "mail"), f"mail of {job.target.ref}")
