"""Tables that are edited while an installation runs: their closure table is computed ahead, in a process of its own and out of the way.

A running installation judges by the tables it began with, so that its log gives the same judgements whenever it is read. A revision is
in force from the next start, which then finds the closure table and does not wait for it. Called by `service`.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from interferon.flow.problem import opening
from interferon.model.errors import InputError
from interferon.model.network import ROWS
from interferon.runtime import installation
from interferon.store.folder import load

POLL_S: Final = 5.0
NICE: Final = 10
COMPUTE: Final = (
    "import sys; from pathlib import Path; from interferon.runtime.revisions import compute; sys.exit(compute(Path(sys.argv[1])))"
)

State = tuple[tuple[str, int, int], ...]  # file, time of its last change (ns), bytes


class Revisions:
    """Watches the folder's tables between `start` and `stop`. `tell` gets one line for each revision: usable, or why it is not."""

    def __init__(self, folder: Path, tell: Callable[[str], None], poll_s: float = POLL_S) -> None:
        self._folder, self._tell, self._poll_s = folder, tell, poll_s
        self._known = _state(folder)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="revisions", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        last = self._known
        while not self._stopped.wait(self._poll_s):
            now = _state(self._folder)
            # An editor writes in steps: a state counts once it has stood for a poll.
            if now != self._known and now == last:
                self._known = now
                self._refresh()
            last = now

    def _refresh(self) -> None:
        work = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-c", COMPUTE, str(self._folder)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        while work.poll() is None:
            if self._stopped.wait(0.1):
                work.terminate()
        said = (work.communicate()[0] or "").strip().splitlines()
        if not self._stopped.is_set():
            self._tell(said[-1] if said else f"the tables of {self._folder} were revised, but their closure table could not be computed")


def compute(folder: Path) -> int:
    """Computes and keeps the closure table of the tables as they are now, and says so in one line. The exit code."""
    os.nice(NICE)
    try:
        network = load(folder)
        table = installation.kept_or_computed(network, opening(network, installation.opening_time(network)))
    except InputError as error:
        sys.stdout.write(f"the tables of {folder} were revised and cannot be used: {' '.join(str(error).split())}\n")
        return 2
    closures = len(table.singles) + len(table.pairs)
    sys.stdout.write(
        f"the tables of {folder} were revised: {closures} closures are reckoned; the revision is in force from the next start\n"
    )
    return 0


def _state(folder: Path) -> State:
    found: list[tuple[str, int, int]] = []
    for name in ["network.toml", *(f"{table}.csv" for table in ROWS)]:
        try:
            told = (folder / name).stat()
        except OSError:
            continue
        found.append((name, told.st_mtime_ns, told.st_size))
    return tuple(found)
