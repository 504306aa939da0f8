"""Network quarantine, zone isolation and conduit cuts in the packet filter of a Linux gateway (nftables). Called by the effector's core.

An effect is a handful of elements in sets of our own table, each with the effect's id as its comment: the kernel itself says what is ours.
Programs: `nft`, and `ip` for identities. Nothing is kept in memory.
"""

import re
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

import msgspec

from interferon.effector import neighbours, nft_elements, nft_table
from interferon.effector.nft_session import NftError, NftLost, NftSession
from interferon.effector.nft_table import TABLE
from interferon.effector.protocol import Job, Seen, Target
from interferon.model.effects import Observed, Outcome
from interferon.model.errors import InputError

ACTIONS: Final = {"asset": "isolate_asset", "zone": "isolate_zone", "inside": "isolate_zone", "pair": "cut_conduit", "flow": "cut_conduit"}
_ABSENT: Final = "No such file or directory"
_MAC: Final = re.compile(r"(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}")
_NETNS: Final = re.compile(r"[\w.-]{1,64}")


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[actuators.nft]`."""

    netns: str = ""  # network namespace to act in (`ip netns`); '' is the effector's own
    exempt: list[str] = []  # addresses and prefixes whose flows always pass: safety systems, management


def make(settings: Settings) -> "Nft":
    return Nft(settings)


def capabilities(settings: Settings) -> set[str]:
    return {"net_admin", "sys_admin"} if settings.netns else {"net_admin"}


class Nft:
    """`effector.protocol.Actuator`, `Census` and `Choosy`."""

    name = "nft"
    at_once = 1  # there is one process to ask
    actions = frozenset(ACTIONS.values())

    def __init__(self, settings: Settings) -> None:
        if settings.netns and not _NETNS.fullmatch(settings.netns):
            raise InputError(f"netns is {settings.netns!r}; write the name that `ip netns` lists")
        self._exempt = nft_elements.exempt(settings.exempt)
        self._ip = ["ip", "-n", settings.netns] if settings.netns else ["ip"]
        self._refs: tuple[tuple[Target, ...], dict[tuple[str, str], str]] = ((), {})  # of the targets last asked for
        self._session = NftSession(["ip", "netns", "exec", settings.netns] if settings.netns else [])

    def ready(self) -> str:
        missing = [each for each in ("nft", "ip") if not shutil.which(each)]
        if missing:
            return f"the program {missing[0]} is not installed (packages nftables, iproute2)"
        try:
            self._session.ask("list tables")
        except (NftError, NftLost) as error:
            return f"nft cannot be used: {error}; it needs CAP_NET_ADMIN (and CAP_SYS_ADMIN for a namespace)"
        return ""

    def wrong(self, target: Target, action: str) -> str:
        mac = target.identity.get("mac", "")
        if strange := sorted(set(target.identity) - {"mac"}):
            return f"identity has {strange[0]!r}; known is mac"
        if mac and not _MAC.fullmatch(str(mac)):
            return f"mac is {mac!r}; write it as 02:00:00:00:00:05"
        if mac and (action != "isolate_asset" or len(str(target.reach.get("address", "")).split()) > 1):
            return "a MAC address is the identity of an asset with one address"
        try:
            nft_elements.elements(action, target)
        except InputError as error:
            return str(error)
        return ""

    def identify(self, job: Job) -> Outcome:
        mac = job.target.identity.get("mac")
        if mac is None:
            return Outcome("unknown", f"{job.target.ref} has no mac in its identity")
        return neighbours.same_machine(self._ip, str(job.target.reach.get("address", "")), str(mac))

    def before(self, job: Job) -> dict[str, Any]:
        """Nothing has to be kept: undo removes what bears the effect's id. The filter must answer, though."""
        nft_elements.elements(job.action, job.target)
        if missing := self.ready():
            raise InputError(missing)
        return {}

    def apply(self, job: Job) -> Outcome:
        try:
            if job.target.identity and (known := self.identify(job)).result == "refused":
                return known
            return self._apply(job)
        except InputError as error:
            return Outcome("refused", str(error))
        except NftLost as error:
            return Outcome("unknown", str(error))
        except NftError as error:
            return Outcome("failed", f"nft: {error}")

    def look(self, job: Job) -> Seen:
        try:
            wanted, objects = nft_elements.elements(job.action, job.target), self._table()
        except (NftLost, NftError, InputError) as error:
            return Seen("unknown", str(error))
        there, total = _count(_mine(nft_table.contents(objects), job.effect)), _count(wanted)
        why = nft_table.broken(objects)
        if not there:
            return Seen("absent", why or "none of its elements is in the packet filter")
        if why or there < total:
            return Seen("partial", why or f"{there} of {total} elements are in the packet filter")
        return Seen("in_force", f"{total} element{'s' * (total > 1)} in the packet filter")

    def undo(self, job: Job) -> Outcome:
        """One more try where an element's time ended between the look and the removal."""
        try:
            for _ in range(2):
                mine = _mine(nft_table.contents(self._table()), job.effect)
                if not mine:
                    return Outcome("ok")
                why = self._tried([f"delete element {TABLE} {name} {{ {', '.join(texts)} }}" for name, texts in mine.items()])
            return Outcome("failed", why) if why else Outcome("ok")
        except (NftLost, NftError) as error:
            return Outcome("unknown", str(error))

    def found(self, targets: Iterable[Target]) -> frozenset[Observed]:
        try:
            contents = nft_table.contents(self._table())
        except (NftLost, NftError) as error:
            raise InputError(f"the packet filter cannot be read: {error}") from None
        refs = self._named(tuple(targets))
        return frozenset(
            Observed(effect, ACTIONS[name[:-1]], refs.get((name, text), f"{name[:-1]}:unknown"))
            for name, elements in contents.items()
            for text, effect in elements.items()
            if effect and not name.startswith("inside")
        )

    def _named(self, targets: tuple[Target, ...]) -> dict[tuple[str, str], str]:
        """(set, element) → the target it would be of."""
        if self._refs[0] != targets:
            self._refs = targets, {element: target.ref for target in targets for element in _keys(target)}
        return self._refs[1]

    # ---- the table

    def _table(self) -> list[dict[str, Any]]:
        try:
            return self._session.listed(f"list table {TABLE}")
        except NftError as error:
            if _ABSENT in str(error):
                return []
            raise

    def _apply(self, job: Job) -> Outcome:
        """What is missing of the effect in one transaction; before it, in one of its own, the table where it is not as it must be.

        (Elements of ranges that touch each other are refused in the transaction that makes their set.)
        """
        wanted, objects = nft_elements.elements(job.action, job.target), self._table()
        contents = nft_table.contents(objects)
        if nft_table.broken(objects):
            self._session.ask(nft_table.setup(self._exempt))
        parts = []
        timeout = f" timeout {job.ttl_s}s" if job.ttl_s else ""
        for name, texts in wanted.items():
            taken = [(text, contents[name][text]) for text in texts if contents[name].get(text, job.effect) != job.effect]
            if taken:
                return Outcome("failed", f"{taken[0][0]} is held by effect {taken[0][1] or 'of another program'} already")
            missing = [f'{text}{timeout} comment "{job.effect}"' for text in texts if text not in contents[name]]
            parts += [f"create element {TABLE} {name} {{ {', '.join(missing)} }}"] if missing else []
        why = self._tried(parts) if parts else ""
        return Outcome("failed", why) if why else Outcome("ok", f"{_count(wanted)} element{'s' * (_count(wanted) > 1)}")

    def _tried(self, parts: list[str]) -> str:
        """'' or why the whole transaction was not taken."""
        try:
            self._session.ask("; ".join(parts))
        except NftError as error:
            return f"nft: {error}"
        return ""


def _mine(contents: Mapping[str, Mapping[str, str]], effect: str) -> dict[str, list[str]]:
    """Set → elements of an effect; sets without any are left out."""
    found = {name: [text for text, owner in elements.items() if owner == effect] for name, elements in contents.items()}
    return {name: texts for name, texts in found.items() if texts}


def _count(elements: Mapping[str, list[str]]) -> int:
    return sum(map(len, elements.values()))


def _keys(target: Target) -> set[tuple[str, str]]:
    """Every (set, element) that some action on the target would write."""
    keys = set()
    for action in Nft.actions:
        with suppress(InputError):  # this target is not for that action
            keys |= {(name, text) for name, texts in nft_elements.elements(action, target).items() for text in texts}
    return keys
