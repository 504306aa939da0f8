"""A run that acts: the folder's journal, effector, policy and kill switch put together for one playbook. Called by `cli.respond_run`.

While it is open it holds the folder's effect journal, as `up` does: one of them acts at a time. While `up` does, `playbook_up` has it act.
"""

import platform
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from interferon.actions import ACTIONS
from interferon.model.errors import InputError, JournalError, UnreachableError
from interferon.model.records import Incident
from interferon.playbooks.records import Action, Playbook
from interferon.runtime import playbook_price
from interferon.runtime.action_names import refuse_unknown
from interferon.runtime.effector_client import EffectorClient
from interferon.runtime.effects import Effects
from interferon.runtime.interlock_readings import newest
from interferon.runtime.kill_switch import KillSwitch
from interferon.runtime.playbook_crew import AtOnce, Hands, WallClock
from interferon.runtime.playbook_effects import KINDS, EffectorExecutor
from interferon.runtime.playbook_people import Terminal
from interferon.runtime.playbook_permission import Permission
from interferon.runtime.records import FILES
from interferon.store.accounts import Accounts
from interferon.store.folder import load
from interferon.store.journal import LEASE_S, Journal, journal_place

WAIT_S: Final = LEASE_S + 2.0  # the lease of one that died has lapsed by then


@dataclass(frozen=True)
class Acting:
    """For which network folder a run acts, who answers for it, and the run's id, which the ids of its effects follow from.

    `incident`: the case it is about, or ''.
    """

    network: str
    person: str
    run: str
    incident: str = ""


def refuse_foreign(playbooks: Iterable[Playbook]) -> None:
    """`InputError` with the first step whose command would be somebody else's code: nothing of such a playbook is begun."""
    for playbook in playbooks:
        for name, step in playbook.workflow.items():
            for command in step.commands if isinstance(step, Action) else ():
                if command.type not in KINDS:
                    can = " and ".join(KINDS)
                    raise InputError(f"{name}: {command.type} commands are not carried out: only {can} are; nothing was begun")


def run_file(acting: Acting) -> Path:
    """Where a run's own journal lies if nobody names another place."""
    folder = Path(acting.network, "state", "runs")
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{acting.run}.jsonl"


@contextmanager
def hands(acting: Acting, begin: int, tell: Callable[[str], None]) -> Iterator[Hands]:
    """What a run acts with. `begin`: the last moment it knows, milliseconds; `tell` gets a line for the person.

    Raises `InputError` where nothing can be carried out: no effector, no signed policy, no such person, a journal that another process
    has. What an earlier process left half-done is brought to its end first.
    """
    folder = Path(acting.network)
    network = load(folder)
    refuse_unknown(network)
    if not network.settings.effector:
        raise InputError(f"{folder / 'network.toml'}: no effector is set, so nothing can be carried out; set effector to its socket")
    if acting.incident:
        _known(folder, acting.incident)
    permission, clock = Permission(folder, acting.person, network, Accounts(folder)), WallClock(begin)
    if why := permission.refusal("approve", ()):
        raise InputError(f"nothing is carried out: {why}")
    with ExitStack() as stack:
        journal = stack.enter_context(_journal(folder, network.settings.journal, acting.run, tell))
        if (table := playbook_price.kept(network)) is None:
            tell("what a step makes late is not known: no closure table of these tables is kept; `interferon up` makes one")
        client = stack.enter_context(EffectorClient(Path(network.settings.effector)))
        seen = newest(folder, network, _us())
        effects = Effects(journal, client, ACTIONS, network, _us, halted=KillSwitch(folder).engaged, readings=lambda: seen)
        stack.callback(effects.close)
        try:
            effects.recover()
        except UnreachableError as error:
            raise InputError(f"nothing is carried out: {error}") from None
        price = playbook_price.price(network, table, journal)
        executor = EffectorExecutor(acting.run, journal, effects, permission, Terminal(clock.now), _us, price, acting.incident)
        crew = AtOnce(executor, clock)
        stack.callback(crew.close)
        stack.callback(executor.close)
        yield Hands(executor, clock, crew)


def _known(folder: Path, incident: str) -> None:
    """`InputError` where no case of the installation is called so: effects of no case would never come back by themselves."""
    path = folder / "state" / "records" / FILES[Incident]
    try:
        with path.open("rb") as lines:
            if any(msgspec.json.decode(line, type=_Named).id == incident for line in lines):
                return
    except OSError as error:
        raise InputError(f"--incident {incident}: {path}: {error.strerror}; cases are there once `interferon up` has run") from None
    except msgspec.MsgspecError as error:
        raise InputError(f"--incident {incident}: {path}: {error}") from None
    raise InputError(f"--incident {incident} is no case in {path}; its page and the first page of `interferon up` show its id")


class _Named(msgspec.Struct, frozen=True):
    id: str


def _journal(folder: Path, named: str | None, run_id: str, tell: Callable[[str], None]) -> Journal:
    """Under a node's name of the run's own: another process on this machine keeps the lease it has."""
    place = journal_place(folder, named)
    if isinstance(place, Path):
        place.parent.mkdir(parents=True, exist_ok=True)
    try:
        return Journal(
            place,
            node=f"{platform.node()} run {run_id}",
            wait_s=WAIT_S,
            standing_by=lambda holder: tell(f"node {holder} holds the effect journal; waiting {WAIT_S:.0f} s for it at most"),
        )
    except JournalError as error:
        how = "begin the playbook with --executor up --url URL --token-file FILE, so that it carries it out, or stop it first"
        raise InputError(f"nothing is carried out: {error}; where that is `interferon up`, {how}") from None


def _us() -> int:
    """Microseconds UTC."""
    return time.time_ns() // 1000
