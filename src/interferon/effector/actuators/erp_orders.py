"""Holds orders, payments and shipments at an ERP over a REST interface, and releases them. Called by the effector's core.

The contract (docs/actuators.md) is what an adapter in front of the ERP serves: a hold is a resource of its own under the effect's id, so
that doing it twice is doing it once, and taking ours away leaves those of other people.
"""

from typing import Any, Final, TypeVar
from urllib.parse import quote

import msgspec

from interferon.effector import rest
from interferon.effector.answers import Unanswered, identified, same, shown, stood, told, unfit
from interferon.effector.exchange import secret
from interferon.effector.protocol import Actuator, Job, Seen, Target
from interferon.effector.rest import Named, Rest
from interferon.model.effects import Outcome
from interferon.model.errors import InputError

T = TypeVar("T")
KINDS: Final = ("order", "payment", "shipment")
FACTS: Final = ("partner", "created", "amount", "currency", "product")
"""What an ERP may tell of a transaction that its number alone does not."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[erp_orders]`: where the adapter answers, and the token that it takes."""

    url: str
    token_file: str
    ca_file: str = ""
    answer_s: float = 5.0

    def __post_init__(self) -> None:
        """ValueError names the key and what would be right."""
        rest.safe("url", self.url)


def make(settings: Settings) -> Actuator:
    return ErpOrders(settings)


class ErpOrders:
    """Targets `order:ID`, `payment:ID`, `shipment:ID`; reach: `number` where the ERP has another one than ID.

    identity: `partner`, `created`, `amount`, `currency`, `product` as the ERP has them. params: `reason`.
    """

    name = "erp_orders"
    actions = frozenset({"hold_transaction"})

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._rest = Rest(settings.url, settings.ca_file, settings.answer_s)

    def ready(self) -> str:
        return shown(lambda: Seen("absent", "" if self._get("", object) is not None else "the ERP's adapter tells nothing")).detail

    def wrong(self, target: Target, action: str) -> str:
        """'' or what is wrong with a target of the effector's file, seen without the world."""
        if target.ref.partition(":")[0] not in KINDS:
            return f"the ERP holds {', '.join(KINDS)}"
        return unfit(target, [], FACTS)

    def identify(self, job: Job) -> Outcome:
        return identified(job, lambda: f"{job.target.ref} is {self._meant(job)['status']} at the ERP")

    def before(self, job: Job) -> dict[str, Any]:
        return stood(lambda: {"status": self._meant(job)["status"]})

    def apply(self, job: Job) -> Outcome:
        return told(lambda: self._hold(job))

    def look(self, job: Job) -> Seen:
        return shown(lambda: self._look(job))

    def undo(self, job: Job) -> Outcome:
        return told(lambda: self._release(job))

    def _meant(self, job: Job) -> dict[str, Any]:
        found = self._get(_path(job), dict[str, Any])
        if not isinstance(found.get("status"), str):
            raise Unanswered(f"{_path(job)} answers otherwise than agreed: it has no status")
        same(job, {fact: found.get(fact, "") for fact in FACTS})
        return found

    def _hold(self, job: Job) -> str:
        """The effect's id is the key: at the ERP there is one hold of it at the most."""
        self._meant(job)
        body = {"reason": str(job.params.get("reason", "security")), "effect": job.effect}
        self._rest.change("PUT", self._url(_hold_path(job)), {**self._token(), "Idempotency-Key": job.effect}, value=body)
        return f"{job.target.ref} is held"

    def _look(self, job: Job) -> Seen:
        """The hold alone does not say that the ERP heeds it: the status of the transaction does."""
        found = self._meant(job)
        if not self._held(job):
            return Seen("absent", f"{job.target.ref} is {found['status']}, and has no hold of ours")
        if found["status"] != "held":
            return Seen("partial", f"{job.target.ref} has a hold of ours, and goes on: it is {found['status']}")
        return Seen("in_force", f"{job.target.ref} is held")

    def _release(self, job: Job) -> str:
        self._meant(job)
        if self._held(job):
            self._rest.change("DELETE", self._url(_hold_path(job)), {**self._token(), "Idempotency-Key": f"{job.effect}/release"})
        return f"{job.target.ref} has no hold of ours"

    def _held(self, job: Job) -> bool:
        return job.effect in [each.id for each in self._get(f"{_path(job)}/holds", list[Named])]

    def _get(self, path: str, shape: type[T]) -> T:
        return self._rest.read(self._url(path), shape, self._token())

    def _url(self, path: str) -> str:
        return f"{self._settings.url.rstrip('/')}/{path}"

    def _token(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {secret(self._settings.token_file, 'token_file of erp_orders')}"}


def _path(job: Job) -> str:
    kind, _, number = job.target.ref.partition(":")
    if kind not in KINDS:
        raise InputError(f"{job.target.ref} cannot be held at the ERP; {', '.join(f'{each}:ID' for each in KINDS)} can")
    return f"{kind}s/{quote(str(job.target.reach.get('number', number)), safe='')}"


def _hold_path(job: Job) -> str:
    return f"{_path(job)}/holds/{quote(job.effect, safe='')}"
