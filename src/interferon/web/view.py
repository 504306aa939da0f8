"""What the screens show and what they ask for: the view structs, and the protocols `Source`, `Accounts` and `Permission`.

The runtime fills these structs (live, replay and demo alike); `web` only reads them. Imports the model and the flow's snapshot alone.
Times are integer microseconds UTC on the source's own clock (simulated in the demo). References are `kind:id`, as everywhere.
"""

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from interferon.flow.problem import Snapshot
from interferon.model.events import Receipted, Verdict
from interferon.model.network import Network
from interferon.model.records import Closure, Finding, Incident, Plan

State = Literal[
    "abnormal",  # an open incident names it (asset, zone, conduit)
    "watched",  # back from a containment a short while ago: evidence on it counts more
    "contained",  # isolated, cut, disabled or held by a verified effect
    "degraded",  # part of its capacity is gone (node, lane)
    "lost",  # all of its capacity is gone (node, lane)
]

Status = Literal[
    "observing",  # nothing is carried out: it shows what it would have done
    "suggested",  # policy allows no more than a suggestion; a person may still approve where policy says so
    "waiting",  # waits for a person's approval
    "veto",  # starts at `plan.veto_until` unless a person vetoes
    "running",  # effects were issued and are not all verified yet
    "verified",  # every effect is verified
    "failed",  # an effect failed or was refused
    "vetoed",  # a person said no
    "undone",  # its effects were taken back
    "superseded",  # a later plan of the same incident replaced it
    "lapsed",  # nobody approved it in time
]

Verb = Literal["view", "approve", "veto", "verdict", "undo", "stop"]


class ThingState(msgspec.Struct, frozen=True, kw_only=True):
    """One thing of the network that is not as usual. What is not listed is normal; the screens draw that in grey."""

    ref: str  # asset:, zone:, conduit:, node:, lane:, identity: …
    state: State
    since: int
    until: int = 0  # contained: when its time to live ends; watched: when it is trusted as before; 0 = none
    note: str = ""  # one short phrase: what was seen or done, e.g. "isolated by plan p-1"
    incident: str = ""
    plan: str = ""


class LaneFlow(msgspec.Struct, frozen=True, kw_only=True):
    """Goods on one lane. A lane is drawn as re-routed when a route in force moved goods onto or off it."""

    lane: str  # lane id, without `lane:`
    usual: float  # units a day without any closure
    now: float  # units a day as routed at present
    rerouted: bool = False


class Kpis(msgspec.Struct, frozen=True, kw_only=True):
    """OTIF so far, counted by the network's own definition. None where it is not known (yet)."""

    otif: float | None = None  # 0–1, of the orders that were due by now
    orders_due: int = 0
    orders_late: int = 0
    otif_without: float | None = None  # the same without any response, where a twin knows it
    orders_late_without: int | None = None


class Learning(msgspec.Struct, frozen=True, kw_only=True):
    """How many entities have learnt their pattern of life; the others raise no alarm yet, but for those that their peers answer for."""

    entities: int
    learnt: int
    lent: int = 0  # of those still being learnt: judged by a model that their peers lend
    ready_at: int = 0  # expected time when all are learnt; 0 = unknown


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """Health of one input feed."""

    name: str
    family: str  # telemetry | activity | trade
    rows: int  # accepted so far
    dead_letters: int
    last: int  # event time of the newest row; 0 = none yet
    state: Literal["live", "late", "silent"]


class FeedHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One feed on the screen *Flows*: what *Now* tells of it, and how it is reached."""

    feed: Feed
    kind: str = ""  # of a live feed: `mqtt`, `opcua` …; '' of files and programs
    connection: str = ""  # connecting | connected | stale | retrying
    since: int = 0
    error: str = ""  # why it was lost the last time
    lag_s: float | None = None  # between an event and its arrival
    trouble: str = ""  # newest finding about the feed itself


class CrossingView(msgspec.Struct, frozen=True, kw_only=True):
    """Data from one zone to another by one service."""

    source: str  # zone id; '' is what no table knows
    target: str
    service: str
    conduit: str  # id of the conduit that allows it; '' none does
    news: bool = False  # nothing allows it, and it is new or one end is in no table
    events: int
    bytes: int
    last: int
    example: tuple[str, str]
    minutes: tuple[int, ...]  # events of each of the last sixty minutes


class Letters(msgspec.Struct, frozen=True, kw_only=True):
    """Dead letters of one feed for one reason."""

    key: str  # names the group in an address
    feed: str
    reason: str
    count: int
    newest: int  # event time; 0 where it could not be read
    sample: str  # the beginning of one of them


class FlowsView(msgspec.Struct, frozen=True, kw_only=True):
    """What the screen *Flows* shows."""

    feeds: tuple[FeedHealth, ...]
    crossings: tuple[CrossingView, ...]
    letters: tuple[Letters, ...]
    outlets: tuple[tuple[str, str], ...] = ()  # outlet → why it does not get through
    letters_in_all: int = 0
    can_retry: bool = False  # whether dead letters can be given in again


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A plan and how far it is."""

    plan: Plan
    status: Status
    alternative: int  # index of the alternative carried out or waiting; plan.chosen unless a person picked another
    person: str = ""  # who approved or vetoed
    decided: int = 0
    note: str = ""  # why it failed, was undone or was superseded
    digests: tuple[str, ...] = ()  # of each alternative as it stands here: an approval is for exactly that
    given: tuple[str, ...] = ()  # who has approved the alternative so far, where a second person has to


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A person whom a plan is put to."""

    id: str  # in people.csv
    name: str
    role: str
    contact: str
    time: int  # from when on
    on_duty: bool  # as the roster says; else the role has nobody on duty and all of them are asked


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A plan that waits for people."""

    decision: Decision
    incident: Incident
    until: int  # when it starts by itself, or cannot be approved any more
    needed: int  # people who have to approve what is proposed
    held: str = ""  # why it cannot be approved at this moment, whoever asks
    asked: tuple[Asked, ...]  # first ones first; later ones are asked where nobody has answered by then


class Earned(msgspec.Struct, frozen=True, kw_only=True):
    """The record of one action in one zone, and the level it comes to."""

    action: str
    zone: str  # '' where its targets are in no zone
    right: int
    wrong: int
    open: int  # carried out, and not judged yet
    level: int  # 0 suggest, 1 after approval, 2 unless vetoed, 3 automatic


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """One budget of `network.toml` and what is taken from it now."""

    name: str
    held: float
    limit: int


class AutonomyView(msgspec.Struct, frozen=True, kw_only=True):
    """What the screen *Autonomy* shows."""

    earned: tuple[Earned, ...]
    budgets: tuple[Budget, ...]
    level: int  # what the installation may do at most, whatever the record says
    stopped: str = ""  # who has stopped all new effects, when and why; '' while they may begin
    beyond: str = ""  # what else keeps them from beginning, which this switch does not release: the effector's own, or its silence
    can_stop: bool = False  # whether anything is carried out here at all


class Now(msgspec.Struct, frozen=True, kw_only=True):
    """The state of everything that moves, at one moment."""

    time: int
    speed: float  # simulated seconds in one second of the clock on the wall; 1.0 = live, 0 = stopped
    observing: bool  # nothing is executed in this installation
    kpis: Kpis
    learning: Learning
    feeds: tuple[Feed, ...]
    states: tuple[ThingState, ...]  # only what is not normal; one row per ref, the worst state wins
    flows: tuple[LaneFlow, ...]  # lanes that carry goods now or usually
    incidents: tuple[Incident, ...]  # newest revision of each, newest first; closed ones may be left out after a while
    decisions: tuple[Decision, ...]  # newest plan of each incident above, superseded ones left out


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a timeline."""

    time: int
    side: Literal["cyber", "goods", "person"]  # findings and actions | orders, shipments, routes | approvals, verdicts
    kind: str  # finding, plan, receipt, undo, order_late, shipment, reroute, approval, veto, verdict, declared …
    text: str  # one sentence
    ref: str = ""  # what it is about
    plan: str = ""  # plan to link to
    alarm: bool = False  # drawn in colour: something went wrong


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """A change that somebody announced and that explains findings (work order, ticket)."""

    ticket: str
    text: str
    target: str = ""
    starts: int = 0
    ends: int = 0
    approved_by: str = ""


class Returning(msgspec.Struct, frozen=True, kw_only=True):
    """How far a contained thing of an incident is on its way back. `note`: what it waits for, or what was verified before it came back."""

    ref: str
    stage: Literal["contained", "checking", "watched", "full"]
    note: str = ""


class IncidentView(msgspec.Struct, frozen=True, kw_only=True):
    """All about one incident. `bands` names the charts at hand, most telling first."""

    incident: Incident
    findings: tuple[Finding, ...]  # by time
    timeline: tuple[Entry, ...]  # by time
    decisions: tuple[Decision, ...] = ()  # by time, superseded ones included
    receipts: tuple[Receipted, ...] = ()
    declared: tuple[Declared, ...] = ()
    verdicts: tuple[Verdict, ...] = ()  # by time
    returning: tuple[Returning, ...] = ()  # what was contained and is not trusted as before yet
    judged: dict[str, str] = {}  # finding id → the newest word on it alone
    bands: tuple[tuple[str, str], ...] = ()  # (entity reference, signal) that `band` can answer


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """A signal against its learnt pattern of life; parallel tuples, at most some 2,000 points. None = missing or not learnt."""

    entity: str
    signal: str
    times: tuple[int, ...]
    values: tuple[float | None, ...]
    low: tuple[float | None, ...]
    mid: tuple[float | None, ...]
    high: tuple[float | None, ...]
    alarms: tuple[int, ...] = ()  # indices into `times` where the alarm stood
    unit: str = ""
    width: str = ""  # what the band means, e.g. "99 % of learnt frames"


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation that an entity is known for."""

    direction: str  # in | out
    peer: str  # reference or address
    service: str  # protocol/port
    last: int  # when it was last had


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """One version of what is learnt of an entity's telemetry."""

    number: int
    learnt: int  # time of the last row
    rows: int
    why: str
    note: str = ""  # the last that a person said of it
    in_force: bool = False


class LifeView(msgspec.Struct, frozen=True, kw_only=True):
    """The pattern of life of one entity: how far it is learnt, what it is known for, and what did not fit."""

    entity: str
    telemetry: str  # one phrase: watched since, being learnt, none
    activity: str
    bands: tuple[str, ...] = ()  # signals that `band` can answer
    conversations: tuple[Conversation, ...] = ()  # newest first
    findings: tuple[Finding, ...] = ()  # newest first
    incident_of: dict[str, str] = {}  # finding id → incident id; msgspec copies an empty default
    judged: dict[str, str] = {}  # finding id → the newest word on it alone: attack | benign | unsure
    baselines: tuple[Baseline, ...] = ()  # newest first
    fits: str = ""  # one phrase: whether the one in force still fits; "" where none is
    next: str = ""  # what is being learnt anew, or why it was not taken over


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """How one product reaches one node, before and after: (lane id, share) with shares of one supply summing to 1."""

    node: str  # destination node id
    product: str  # product id
    before: tuple[tuple[str, float], ...]
    after: tuple[tuple[str, float], ...]
    orders: int = 0  # open orders that it touches


class RouteView(msgspec.Struct, frozen=True, kw_only=True):
    """The re-route of a plan: what moves, and its numbers over the planning horizon."""

    time: int  # when the answer came
    network_revision: int
    moves: tuple[Move, ...]  # only what changed, largest first
    orders_late: float
    orders_late_without: float  # same closures, goods not re-routed
    otif: float
    cost: float  # against the same closures with the goods not re-routed, network currency; below 0 is saved
    co2_kg: float  # against the same
    unmet: float
    gap: float | None = None  # relative gap to the proven bound; None = no bound yet
    in_force: bool = False  # handed to the executor or the ERP, not only computed


class PlanView(msgspec.Struct, frozen=True, kw_only=True):
    """All about one plan."""

    decision: Decision
    incident: Incident
    receipts: tuple[Receipted, ...] = ()  # of this plan, by time
    route: RouteView | None = None
    policy: tuple[tuple[str, str], ...] = ()  # policy id → its one-line description, for the ids named in `reasons`


class Source(Protocol):
    """Where the screens get their facts and leave a person's word.

    Called from several threads at once: each answer is a consistent snapshot, and none blocks for longer than a lock takes.
    """

    @property
    def version(self) -> int:
        """Increases whenever any answer below would change. Read often (4 times a second and viewer): must be cheap."""
        ...

    @property
    def network(self) -> Network:
        """The revision in force."""
        ...

    def now(self) -> Now: ...

    def incident(self, name: str) -> IncidentView | None: ...

    def plan(self, name: str) -> PlanView | None: ...

    def life(self, entity: str) -> LifeView | None:
        """None where nothing is known by this reference."""
        ...

    def band(self, entity: str, signal: str) -> Band | None: ...

    def flows(self) -> FlowsView: ...

    def approvals(self) -> tuple[Waiting, ...]:
        """Plans that wait for people; what starts or lapses first comes first."""
        ...

    def autonomy(self) -> AutonomyView: ...

    def stop(self, person: str, reason: str) -> str:
        """No new effect begins from now on; what is in force stays and can be taken back. "" or the reason why not."""
        ...

    def go_on(self, person: str, reason: str) -> str:
        """New effects may begin again. "" or the reason why not."""
        ...

    def closure(self, refs: Sequence[str]) -> Closure:
        """What closing `refs` for good adds, from the closure table: nothing is solved."""
        ...

    def snapshot(self) -> Snapshot:
        """Stock, open orders and goods under way, from which a plan made now begins."""
        ...

    def retry(self, key: str, person: str) -> str:
        """Gives in dead letters again, of one group; answers with what became of them, in one sentence."""
        ...

    def approve(self, plan: str, alternative: int, person: str, digest: str) -> str:
        """Approves one alternative, as it was shown with `digest`. "" when the approval was taken, or one sentence saying why not."""
        ...

    def veto(self, plan: str, person: str) -> str:
        """Says no to a plan. "" or the reason why that is not possible (any more)."""
        ...

    def verdict(self, incident: str, person: str, verdict: str, note: str) -> str:
        """Records `attack`, `benign` or `unsure`. "" or the reason why not."""
        ...

    def judge(self, finding: str, person: str, verdict: str) -> str:
        """The same for one finding alone."""
        ...

    def baseline(self, entity: str, person: str, verb: str, version: int, reason: str) -> str:
        """A word on the learnt baseline: `rollback` to a version, `accept` one, `relearn`. "" or the reason why not."""
        ...


class Accounts(Protocol):
    """Named accounts, each with a role that the permission knows."""

    def exists(self) -> bool:
        """True when there is at least one account; otherwise the server stays on loopback. Asked at every request: must be cheap."""
        ...

    def verify(self, name: str, password: str) -> str | None:
        """The role, or None. Takes about as long for an unknown name as for a wrong password."""
        ...

    def role(self, name: str) -> str | None:
        """The role of somebody who may log in, or None."""
        ...


class Permission(Protocol):
    """May this person do that? Asked by the server before every answer and every change."""

    def may(self, person: str, role: str, verb: Verb) -> bool: ...
