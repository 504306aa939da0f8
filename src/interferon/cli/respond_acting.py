"""Who carries out the commands of a run: nobody, the effector of a folder, or a running `up`; options and journals that say so.

Called by `cli.respond_run`.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import typer

from interferon.model.errors import InputError
from interferon.playbooks.run_records import Script
from interferon.runtime import playbook_live, playbook_up
from interferon.runtime.openc2_client import Upstream
from interferon.runtime.playbook_crew import Hands
from interferon.runtime.playbook_live import Acting
from interferon.runtime.playbook_run import Simulated, VirtualClock
from interferon.runtime.playbook_up import Through

UP: Final = "http://127.0.0.1:8600"


def fitting(executor: str, network: Path | None, person: str, incident: str, script: Path | None) -> None:
    """Raises `InputError` where options contradict each other. `script`: of a run that acts."""
    if executor != "effector" and (network is not None or person or incident):
        why = "sim touches nothing" if executor == "sim" else "in `up` each command is a case of its own, of the token"
        raise InputError(f"--network, --person and --incident are for --executor effector; {why}")
    if executor == "effector" and (network is None or not person):
        raise InputError("--executor effector needs --network DIR, whose effector is used, and --person NAME, who answers for it")
    if script is not None:
        raise InputError("--script says how a simulated run goes; what is really done ends as it ends: leave one of them away")


def upstream(executor: str, url: str, token_file: Path | None, ca_file: Path | None) -> Upstream | None:
    """The `up` that carries the run out, None where none does. Raises `InputError` where the options do not fit."""
    if executor != "up":
        if url or token_file is not None or ca_file is not None:
            raise InputError("--url, --token-file and --ca-file are for --executor up")
        return None
    if token_file is None:
        raise InputError("--executor up needs --token-file FILE with a token that may command: `interferon token add DIR NAME --action …`")
    return Upstream((url or UP).rstrip("/"), str(token_file.resolve()), str(ca_file.resolve()) if ca_file else "").checked()


def new(network: Path | None, person: str, incident: str, upstream: Upstream | None) -> Acting | Through:
    """Of a run that begins; the options fit."""
    name = secrets.token_hex(8)
    if upstream is not None:
        return Through(upstream, name)
    return Acting(str((network or Path()).resolve()), person, name, incident)


def kept(journal: Path, head: dict[str, Any]) -> Acting | Through | None:
    kind: type[Acting | Through] | None = {"effector": Acting, "up": Through}.get(str(head.get("executor")))
    if kind is None:
        return None
    try:
        return msgspec.convert(head.get("acting"), kind)
    except msgspec.ValidationError as error:
        raise InputError(f"{journal}:1: for whom the run acts cannot be read: {error}") from None


def run_file(acting: Acting | Through) -> Path:
    """Where the run's own journal lies if nobody names another place."""
    return playbook_live.run_file(acting) if isinstance(acting, Acting) else playbook_up.run_file(acting)


@contextmanager
def hands(acting: Acting | Through | None, script: Script, begin: int) -> Iterator[Hands]:
    """What carries out the commands; `begin`: the last moment that the run knows, milliseconds."""
    if acting is None:
        yield Hands(Simulated(script), VirtualClock(begin))
        return

    def tell(line: str) -> None:
        typer.echo(line, err=True)

    with playbook_live.hands(acting, begin, tell) if isinstance(acting, Acting) else playbook_up.hands(acting, begin, tell) as found:
        yield found
