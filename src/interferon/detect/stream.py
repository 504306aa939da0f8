"""Detection on activity and trade events: one frame's rows in, findings out. Called by the pipeline, once a frame and shard.

Pure. A detector's memory belongs to one entity, and only that entity's events change it: so the number of shards changes nothing.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import msgspec

from interferon.detect.stream_declared import WorkOrder, announcement, covering, explaining, take
from interferon.detect.stream_events import DAY, HOUR, MINUTE, Event, rows_from_batch
from interferon.detect.stream_peers import Habits, peers_with
from interferon.detect.stream_protocol import Anomaly, Context, Detector, Peers, nobody, shares
from interferon.model.network import Network
from interferon.model.records import Finding

__all__ = [
    "StreamSettings",
    "StreamState",
    "announcement",
    "declare",
    "leads_of",
    "learning",
    "new_state",
    "observe",
    "peers_of",
    "rows_from_batch",
]

PEERS: Final = {  # words in an asset's type → peer group; first match wins
    "agent": ("agent", "llm", "copilot", "assistant"),
    "ot": ("plc", "rtu", "robot", "drive", "sensor", "sis", "dcs", "ied", "cnc", "agv", "actuator", "meter", "controller", "vehicle"),
    "console": ("hmi", "scada", "historian", "engineering", "ews", "opc", "mes"),
    "client": ("workstation", "laptop", "desktop", "pc", "terminal", "tablet", "handheld", "scanner", "client"),
    "gateway": ("gateway", "firewall", "router", "switch", "vpn", "proxy", "jump"),
    "identity": ("identity", "directory"),
}


class StreamSettings(msgspec.Struct, frozen=True):
    """Shared by all stream detectors."""

    learn_us: int = DAY  # silent learning of each entity, of its own time
    rearm_us: int = 6 * HOUR  # a key that was quiet this long may be told again
    alpha: float = 0.005  # per entity-day and detector: what is rarer becomes a finding
    strong: float = 1e-4  # told even in the learning time if no history is needed to see it


# whatever of these kinds speaks is in the tables: that it kept silent while its feed spoke of others is knowledge about it
TABLED: Final = ("asset:", "zone:", "node:", "lane:", "partner:", "site:", "product:")
SWEEP: Final = 5 * MINUTE  # what did not happen is looked for this often: a silence is told in minutes, not in seconds


@dataclass
class StreamState:
    """All that detection on events remembers; plain, for the checkpoint."""

    settings: StreamSettings
    peers: dict[str, str]
    leads: dict[str, int] = field(default_factory=dict)  # lane → microseconds within which nearly all of its goods arrive
    first: dict[str, int] = field(default_factory=dict)  # entity → time since which it is watched
    memories: dict[str, dict[str, Any]] = field(default_factory=dict)  # detector → entity → memory
    told: dict[tuple[str, str, str], int] = field(default_factory=dict)  # (entity, detector, key) → last time it was strange
    swept: int = 0  # when silence was last looked for
    orders: dict[str, dict[str, WorkOrder]] = field(default_factory=dict)  # entity → ticket → work order


def new_state(
    settings: StreamSettings | None = None, peers: Mapping[str, str] | None = None, leads: Mapping[str, int] | None = None
) -> StreamState:
    """Empty state. `peers`: reference → peer group (`peers_of`); `leads`: see `leads_of`. Both must be the same for every shard."""
    return StreamState(settings or StreamSettings(), dict(peers or {}), dict(leads or {}))


def peers_of(network: Network) -> dict[str, str]:
    """Peer group of every asset by its type and Purdue level: the prior for what is too young to be known."""
    return {f"asset:{asset.id}": _group(asset.type.lower(), network, asset.zone) for asset in network.assets.values()}


def leads_of(network: Network) -> dict[str, int]:
    """Lane reference → microseconds within which nearly all goods arrive: mean and three standard deviations of its lead time."""
    return {f"lane:{lane.id}": int((lane.lead_days_mean + 3 * lane.lead_days_sd) * DAY) for lane in network.lanes.values()}


def _group(kind: str, network: Network, zone: str) -> str:
    words = kind.replace("-", "_").split("_")
    for group, names in PEERS.items():
        if any(name in words or (len(name) > 3 and name in kind) for name in names):
            return group
    return "ot" if zone in network.zones and network.zones[zone].purdue < 2 else "server"


def observe(
    state: StreamState,
    rows: Sequence[Event],
    detectors: Sequence[Detector],
    now: int,
    feeds: Mapping[str, int] | None = None,
    habits: Habits | None = None,
) -> list[Finding]:
    """Judge the rows of one closed frame, in order, then ask what should have come and did not; `now` is the end of the frame.

    Rows are ordered by (entity, time, feed, offset); findings by (time, entity, detector, kind). `feeds`: feed → time of its first row
    of any entity. An entity of the tables is watched for as long as its feed speaks, not only since it spoke itself; a feed that is
    newer than the entity is learnt anew. `habits`: what peers usually do, as of the frame before.
    """
    feeds = feeds or {}
    usual: Peers = partial(peers_with, habits) if habits is not None else nobody
    routes: dict[str, list[Detector]] = {}
    for detector in detectors:
        for kind in detector.KINDS:
            routes.setdefault(kind, []).append(detector)
    found: list[Finding] = []
    for event in rows:
        began = feeds.get(event.feed, event.time)
        since = state.first.setdefault(event.entity, began if event.entity.startswith(TABLED) else event.time)
        if event.kind == "work.order":
            take(state.orders.setdefault(event.entity, {}), event)
        listening = routes.get(event.kind)
        if listening:
            ctx = _context(state, event.entity, event.time, max(since, began if feeds else since), usual)
            for detector in listening:
                found += _judge(state, detector, event, ctx)
    if now // SWEEP != state.swept // SWEEP:
        state.swept = now
        for detector in detectors:
            found += _sweep(state, detector, now)
    _forget(state, now)
    return sorted(found, key=lambda finding: (finding.time, finding.entity, finding.detector, finding.kind, finding.id))


def _context(state: StreamState, entity: str, time: int, since: int, usual: Peers = nobody) -> Context:
    orders = state.orders.get(entity, {})
    declared = covering(orders, time) if orders else ""
    return Context(entity, time, time - since, state.settings.learn_us, state.peers, orders, declared, state.leads, usual)


def _judge(state: StreamState, detector: Detector, event: Event, ctx: Context) -> list[Finding]:
    memories = state.memories.setdefault(detector.NAME, {})
    memory = memories.get(event.entity)
    if memory is None:
        memory = memories[event.entity] = detector.memory()
    strange = [anomaly for anomaly in detector.score(memory, event, ctx) if _counts(state.settings, anomaly, ctx)]
    detector.learn(memory, event, ctx, bool(strange))
    told = (_tell(state, detector, anomaly, ctx, event.time, event) for anomaly in strange)
    return [finding for finding in told if finding is not None]


def _sweep(state: StreamState, detector: Detector, now: int) -> list[Finding]:
    sweep = getattr(detector, "sweep", None)
    if sweep is None:
        return []
    found = []
    for entity, memory in state.memories.get(detector.NAME, {}).items():
        ctx = _context(state, entity, now, state.first[entity])
        strange = [anomaly for anomaly in sweep(memory, ctx) if _counts(state.settings, anomaly, ctx)]
        found += [_tell(state, detector, anomaly, ctx, anomaly.time or now, None) for anomaly in strange]
    return [finding for finding in found if finding is not None]


def _counts(settings: StreamSettings, anomaly: Anomaly, ctx: Context) -> bool:
    if ctx.learning:
        return anomaly.absolute and anomaly.p <= settings.strong
    return anomaly.p <= settings.alpha


def _tell(state: StreamState, detector: Detector, anomaly: Anomaly, ctx: Context, time: int, event: Event | None) -> Finding | None:
    """A finding, unless this key is still ringing."""
    alert = (ctx.entity, detector.NAME, anomaly.key)
    last = state.told.get(alert)
    state.told[alert] = time
    if last is not None and time - last < state.settings.rearm_us:
        return None
    return Finding(
        id=identity(time, *alert),
        time=time,
        entity=ctx.entity,
        detector=detector.NAME,
        family=detector.FAMILY,
        kind=anomaly.kind,
        p=anomaly.p,
        score=sum(anomaly.parts.values()),
        why=shares(anomaly.parts),
        summary=detector.why(anomaly, ctx),
        related=tuple(dict.fromkeys(ref for ref in anomaly.related if ref and ref != ctx.entity)),
        techniques=anomaly.techniques or detector.TECHNIQUES,
        evidence=(event.id,) if event is not None else (),
        declared=explaining(state.orders.get(ctx.entity, {}), time, anomaly.kind),
    )


def identity(time: int, entity: str, detector: str, key: str) -> str:
    """Id of a finding: a hash of what makes it this one."""
    return "f-" + hashlib.blake2b(f"{time}|{entity}|{detector}|{key}".encode(), digest_size=8).hexdigest()


def declare(state: StreamState, finding: Finding) -> Finding:
    """A finding of another stage (telemetry) with the ticket that announced it, if a work order of its entity did."""
    ticket = explaining(state.orders.get(finding.entity, {}), finding.time, finding.kind)
    return msgspec.structs.replace(finding, declared=ticket) if ticket and not finding.declared else finding


def learning(state: StreamState, now: int) -> dict[str, float]:
    """Entities still being learnt → share of the learning done, 0–1: what the screens show."""
    need = state.settings.learn_us
    return {entity: max(0.0, (now - first) / need) for entity, first in state.first.items() if now - first < need}


def _forget(state: StreamState, now: int) -> None:
    """Drop alerts that may ring again anyway, once an hour's worth has piled up."""
    if len(state.told) > 10_000:
        state.told = {alert: last for alert, last in state.told.items() if now - last < state.settings.rearm_us}
