"""A staged `Source` over the example network `minimal`, whose goods can be planned. Used by tests only."""

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from interferon.flow.closure import closure_table
from interferon.flow.problem import Snapshot, opening
from interferon.model.records import Closure
from interferon.runtime.installation import opening_time
from interferon.store import examples
from interferon.store.folder import load
from interferon.web.view import Now
from tests.browser.staged import INCIDENT, Staged


class Planned(Staged):
    """Quiet, unless `suspect` names a zone: then an incident is open on it."""

    def __init__(self, folder: Path, suspect: str = "") -> None:
        super().__init__(quiet=True)
        examples.write("minimal", folder / "minimal")
        self.network = load(folder / "minimal")
        self.suspect = suspect
        self.start = opening_time(self.network)
        self.asked = 0  # snapshots
        self._table = closure_table(self.network, self.snapshot())

    def now(self) -> Now:
        found = super().now()
        return replace(found, incidents=(replace(INCIDENT, zones=(self.suspect,), path=()),)) if self.suspect else found

    def closure(self, refs: Sequence[str]) -> Closure:
        return self._table.value(refs)

    def snapshot(self) -> Snapshot:
        self.asked += 1
        return opening(self.network, self.start)
