"""The main path as code: `step(state, item) -> outputs`, one item of the ordered log in, records and commands out.

Deterministic: no I/O, no clock, no random number; it changes only the state handed to it. Live operation, replay, the demo and a test
are this function with other executors. Batch borders, shards and restarts change nothing in what it returns (docs/architecture.md).
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from interferon import correlate, decide, sense
from interferon.detect import stream, telemetry
from interferon.detect.stream import StreamState
from interferon.model.events import Control, Tick
from interferon.model.network import Network
from interferon.model.records import Closure, Command, DeadLetter, Finding, Incident, Plan

Output = DeadLetter | Finding | Incident | Plan | Command
