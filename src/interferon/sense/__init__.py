"""From raw batches to closed frames: admission, dead letters, and the grouping by time that makes batch borders irrelevant."""

from interferon.sense.admit import Admission, Settings, admit, advance, flush, new_admission
from interferon.sense.frames import ClosedFrame

__all__ = ["Admission", "ClosedFrame", "Settings", "admit", "advance", "flush", "new_admission"]
