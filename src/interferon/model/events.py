"""The three event families as Arrow schemas, and the control records that travel in the same ordered log.

Written by connectors and by the range, read by `sense`. A reference to a thing of the network is `kind:id` (`asset:plc-3`, `lane:l-7`).
Times are integer microseconds UTC. An event's id is its feed and offset, `feed@offset`: unique, ordered, and free to store.
"""

from typing import Final

import msgspec
import pyarrow as pa

from interferon.model.effects import Check

Batch = pa.RecordBatch  # one family, in the order of the log

_NAME: Final = pa.dictionary(pa.int32(), pa.string())

HEAD: Final = [
    pa.field("time", pa.int64(), nullable=False),  # when it happened, as the source tells
    pa.field("seen", pa.int64(), nullable=False),  # when we received it
    pa.field("feed", _NAME, nullable=False),
    pa.field("offset", pa.int64(), nullable=False),  # position in the feed; (feed, offset) identifies the event
    pa.field("entity", _NAME, nullable=False),  # whose behaviour this is: `asset:ID`, `identity:NAME`, `partner:ID` …
    pa.field("trust", pa.float32(), nullable=False),  # 0–1, how far the source is trusted
    pa.field("raw", pa.binary(16)),  # hash of the raw bytes, where there were any
]

TELEMETRY: Final = pa.schema(
    [
        *HEAD,
        pa.field("signal", _NAME, nullable=False),
        pa.field("value", pa.float64()),  # null: the source said that it has no value
        pa.field("text", pa.string()),  # a categorical reading (mode, state)
        pa.field("quality", pa.uint8(), nullable=False),  # 0 good, 1 uncertain, 2 bad (OPC UA's three classes)
    ],
    metadata={"family": "telemetry"},
)

ACTIVITY: Final = pa.schema(
    [
        *HEAD,
        pa.field("kind", _NAME, nullable=False),  # ACTIVITY_KINDS
        pa.field("source", _NAME),  # reference of the thing it came from, or an address where it is not in the tables
        pa.field("target", _NAME),
        pa.field("actor", _NAME),  # the identity that did it
        pa.field("object", pa.string()),  # file, register range, configuration item, tool, endpoint
        pa.field("code", pa.string()),  # function code, event id, HTTP method …
        pa.field("outcome", _NAME),  # `success`, `failure`, or null
        pa.field("bytes", pa.int64()),
        pa.field("attributes", pa.string()),  # one JSON object; keys in docs/events.md
    ],
    metadata={"family": "activity"},
)

TRADE: Final = pa.schema(
    [
        *HEAD,
        pa.field("kind", _NAME, nullable=False),  # TRADE_KINDS
        pa.field("order", pa.string()),
        pa.field("product", _NAME),
        pa.field("quantity", pa.float64()),
        pa.field("origin", _NAME),  # node id
        pa.field("destination", _NAME),
        pa.field("lane", _NAME),
        pa.field("partner", _NAME),
        pa.field("promised", pa.int64()),
        pa.field("attributes", pa.string()),
    ],
    metadata={"family": "trade"},
)

FAMILIES: Final = {"telemetry": TELEMETRY, "activity": ACTIVITY, "trade": TRADE}

ACTIVITY_KINDS: Final = {
    "network.flow": "a conversation: source, target, object=`protocol/port`, bytes; attributes: packets, duration_s",
    "auth.login": "a login of `actor` from `source` to `target`, outcome; attributes: country, device, method, mfa",
    "process.start": "a program started on `entity`; object=image, actor; attributes: parent, command_line, host, pid, ppid",
    "file.access": "files touched on `entity` in this interval; object=share or path, code=read|write|rename|delete; "
    "attributes: files, entropy",
    "config.change": "a setting of `target` changed; object=setting, actor; attributes: before, after, ticket",
    "firmware.change": "new firmware on `target`; object=version; actor; attributes: signed, vendor, ticket",
    "ot.command": "a control command from `source` to `target`; code=function (write_register, stop, start, download, read …), "
    "object=register or block; attributes: value; protocol and the message's fields where it was dissected",
    "ot.response": "what a controller (`source`) answers to `target` or reports of its own accord; code=function, object=register or "
    "block, outcome; attributes: protocol and the message's fields",
    "network.message": "a message of another application protocol (DNS, TLS, HTTP, MQTT …) or a record of a network sensor; code=its type, "
    "object=name, topic or path; attributes: protocol and the message's fields",
    "api.call": "a call of an API or tool by `actor`; object=endpoint or tool, code=method, outcome, bytes; "
    "attributes: records, tokens, scope, model",
    "log.message": "a line of a log of `entity`; object=program or channel, actor; attributes: message, severity",
    "log.status": "state of a log or audit feed of `entity`; code=started|stopped|cleared|heartbeat, of a feed also gap|schema|skew|source",
    "work.order": "maintenance or change record from the CMMS; target, code=opened|closed, object=kind of work; actor=planner; "
    "attributes: ticket, from, until, approved_by",
}

TRADE_KINDS: Final = {
    "order.placed": "customer order; partner=customer node's partner or null, product, quantity, destination, promised; attributes: price",
    "shipment.departed": "goods left `origin` for `destination` on `lane`; order, product, quantity; attributes: vehicle, seal",
    "shipment.arrived": "goods arrived",
    "receipt.posted": "goods receipt booked at destination",
    "production.reported": "a line reported finished quantity at `origin`",
    "stock.counted": "stock snapshot at `origin`; product, quantity",
    "partner.changed": "master data of a partner changed; partner; attributes: field (bank_account, ship_to, contact …), before, after, "
    "channel, actor, approved_by",
    "invoice.received": "supplier invoice; partner, product, quantity; attributes: price, bank_account",
    "goods.observed": "goods were seen at a step of their way that no other kind names; product, quantity, origin; attributes: step, "
    "action, disposition",
    "forecast.published": "demand feed value; product, destination, quantity; attributes: source",
}


class Approval(msgspec.Struct, frozen=True, tag="approval"):
    """A person's yes or no to a plan, or to one alternative of it (index into its alternatives)."""

    time: int
    plan: str
    person: str
    alternative: int
    approved: bool
    digest: str = ""  # of exactly what was shown, as `decide.approval.digest` gives it; a yes without it is not taken


class Verdict(msgspec.Struct, frozen=True, tag="verdict"):
    """A person's judgement of an incident: `attack`, `benign`, `unsure`; with `finding`, of that one finding of it alone."""

    time: int
    incident: str
    person: str
    verdict: str
    note: str = ""
    finding: str = ""


class Receipted(msgspec.Struct, frozen=True, tag="receipt"):
    """The executor's answer for one effect: status as in the effect journal."""

    time: int
    effect: str
    plan: str
    incident: str
    action: str
    target: str
    status: str
    detail: str = ""


class Rerouted(msgspec.Struct, frozen=True, tag="rerouted"):
    """A solver's answer to `Solve`: the executable re-route of a plan."""

    time: int
    plan: str
    route: "dict[str, object]"


class Tick(msgspec.Struct, frozen=True, tag="tick"):
    """Time has passed although no event came: closes the buckets before `time`."""

    time: int


class Suppression(msgspec.Struct, frozen=True, kw_only=True):
    """What a person has taken on for a while: findings of one detector and kind in one place, which are kept and not correlated."""

    id: str
    scope: str  # a reference, `zone:ID` for all in the zone, or `class:TYPE` for all assets of a type
    detector: str
    kind: str  # a finding's kind, or its beginning and `.*`
    reason: str
    until: int  # microseconds; of findings, not of the clock
    signal: str = ""  # only where this signal or field leads


class Suppressions(msgspec.Struct, frozen=True, tag="suppressions"):
    """The suppressions that hold from here on, in place of those before: a revision of the signed file of the network folder."""

    time: int
    entries: tuple[Suppression, ...]


class Baseline(msgspec.Struct, frozen=True, tag="baseline"):
    """A person's word on the learnt baseline of an entity: `rollback` to a version that is kept, `accept` one, or `relearn` it now."""

    time: int
    entity: str
    person: str
    verb: str
    version: int = 0
    reason: str = ""
    written: int = 0  # when, where it came as a signed file: what was written before is not heard again


class Switch(msgspec.Struct, frozen=True, tag="switch"):
    """A person engaged the kill switch (`engaged`: no new effect begins), or let effects begin again. What counts is the switch itself."""

    time: int
    person: str
    engaged: bool
    reason: str


class Commanded(msgspec.Struct, frozen=True, kw_only=True, tag="commanded"):
    """A command of another organisation's program: actions that it asks for, or effects of its own commands that it takes back."""

    time: int
    case: str  # the incident's id that its plan is of: of the producer and the command's id, so that a command counts once
    producer: str  # name of the token it came with
    command: str  # the command's own id
    actions: tuple[tuple[str, str], ...] = ()  # (action, target reference)
    ends: int = 0  # when it is to end, microseconds; 0 where it tells no end
    trust: float = 1.0  # how far the producer is trusted, 0–1: the probability of an attack that its word is taken for
    level: int = 1  # the most that is done on its word: 0 suggest, 1 after approval, 2 unless vetoed, 3 automatic
    effects: tuple[str, ...] = ()  # ids of effects to be taken back
    content: str = ""  # digest of what was said: something else under the same id is told apart


class Inspected(msgspec.Struct, frozen=True, tag="inspected"):
    """What an effector saw of a contained thing before it comes back: checks of its configurations and backups, and of what nobody sees."""

    time: int  # when the look began
    target: str  # reference of what is contained: an asset, or a zone with its assets
    checks: tuple[Check, ...] = ()


Control = Approval | Verdict | Receipted | Rerouted | Tick | Suppressions | Baseline | Switch | Commanded | Inspected
