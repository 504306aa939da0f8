"""Which machine answers at an address of the local network? Called by `nft`.

Asks the kernel through `ip`; the kernel asks the wire, by ARP or neighbour discovery.
An address is not a machine: it is reused. The neighbour table says who has it now (RFC 826, RFC 4861).
"""

import subprocess
import time
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from interferon.model.effects import Outcome

CONFIRMED: Final = {"REACHABLE", "PERMANENT", "NOARP"}
WAIT_S: Final = 1.0  # for an answer from the wire
STEP_S: Final = 0.005
_TIMEOUT_S: Final = 5.0


def same_machine(ip: Sequence[str], address: str, mac: str) -> Outcome:
    """Does `address` belong to `mac` now? `ip`: the command, with the namespace where there is one."""
    try:
        entry = _entry(ip, address)
        if not _sure(entry):
            route = next(iter(_told(ip, "route", "get", address)), {})
            if route.get("gateway"):
                return Outcome("unknown", f"{address} lies behind {route['gateway']}: its MAC address cannot be seen from here")
            entry = _asked(ip, address, str(route.get("dev", "")), entry)
    except (OSError, subprocess.SubprocessError, msgspec.MsgspecError) as error:
        return Outcome("unknown", f"the neighbour table could not be read: {error}")
    if not _sure(entry):
        return Outcome("unknown", f"nobody answers at {address}, so nothing tells which machine it is")
    seen = str(entry["lladdr"])
    if seen != mac.lower():
        return Outcome("refused", f"{address} is {seen} now, meant is {mac.lower()}: the address belongs to another machine")
    return Outcome("ok", f"{address} is {seen}")


def _asked(ip: Sequence[str], address: str, device: str, entry: dict[str, Any]) -> dict[str, Any]:
    """The entry after the wire was asked: everybody on it, for an old entry would ask the old machine first, for three seconds."""
    if entry:
        _forgotten(ip, address, device)
    _run(ip, "neigh", "replace", address, "dev", device, "use")
    end = time.monotonic() + WAIT_S
    while not _sure(entry := _entry(ip, address)) and time.monotonic() < end:
        time.sleep(STEP_S)
    return entry


def _forgotten(ip: Sequence[str], address: str, device: str) -> None:
    try:
        _run(ip, "neigh", "del", address, "dev", device)
    except OSError:
        if _entry(ip, address):  # else the kernel itself dropped it meanwhile, as it does with what nobody uses
            raise


def _entry(ip: Sequence[str], address: str) -> dict[str, Any]:
    return next((each for each in _told(ip, "neigh", "show", "to", address) if each.get("dst") == address), {})


def _sure(entry: dict[str, Any]) -> bool:
    return bool(CONFIRMED & set(entry.get("state", ()))) and "lladdr" in entry


def _told(ip: Sequence[str], *words: str) -> list[dict[str, Any]]:
    text = _run([ip[0], "-j", *ip[1:]], *words)
    return msgspec.json.decode(text, type=list[dict[str, Any]]) if text.strip() else []


def _run(ip: Sequence[str], *words: str) -> bytes:
    done = subprocess.run(  # noqa: S603 - a fixed program; addresses were checked as such
        [*ip, *words], capture_output=True, timeout=_TIMEOUT_S, check=False
    )
    if done.returncode:
        raise OSError(done.stderr.decode(errors="replace").strip() or f"ip ended with {done.returncode}")
    return done.stdout
