"""The network as typed rows: one struct per table, and `Network`, which holds a loaded revision and its indices.

Column names, units, defaults and descriptions live in `model/tables/*.csv` and drive reading, checks and docs; a test keeps both in step.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import msgspec


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Base of a table row."""


class Site(Row, frozen=True):
    id: str
    name: str
    country: str
    lat: float
    lon: float


class Zone(Row, frozen=True):
    id: str
    site: str
    purdue: float  # 0–5, 3.5 is the industrial DMZ
    criticality: int  # 1 (low) – 5 (safety or life depends on it)


class Conduit(Row, frozen=True):
    id: str
    from_zone: str
    to_zone: str
    protocol: str
    port: int


class Asset(Row, frozen=True):
    id: str
    zone: str
    type: str
    vendor: str = ""
    model: str = ""
    version: str = ""
    address: str = ""
    owner: str = ""
    partner: str = ""


class Partner(Row, frozen=True):
    id: str
    name: str
    kind: str  # supplier | carrier | customer | cloud | ai | vendor
    tier: int = 1
    contact: str = ""
    agreement: str = ""


class Node(Row, frozen=True):
    """A place goods pass: supplier, plant, dc or customer."""

    id: str
    site: str
    kind: str  # supplier | plant | dc | customer
    capacity_per_day: float


class Lane(Row, frozen=True, rename={"origin": "from", "destination": "to"}):
    id: str
    origin: str
    destination: str
    mode: str  # road | rail | sea | air
    carrier: str
    capacity_per_day: float
    lead_days_mean: float
    lead_days_sd: float
    cost_per_unit: float
    distance_km: float
    gco2e_tkm: float
    when_cut: str = "on"  # wait | return | on: what goods under way do when the lane, or where it leads, is closed
    expedite_days: float = 0.0  # lead time of expedited goods; 0: not offered
    expedite_cost_per_unit: float = 0.0  # on top of `cost_per_unit`


class Product(Row, frozen=True):
    id: str
    name: str
    unit: str
    value: float
    margin: float
    kg_per_unit: float = 1.0


class Bom(Row, frozen=True):
    parent: str
    child: str
    quantity: float


class Alternate(Row, frozen=True):
    """What may stand in for a product, in an order as in a bill of materials."""

    product: str
    alternate: str
    ratio: float = 1.0  # units of the alternate that stand in for one unit of the product
    cost_per_unit: float = 0.0  # currency per unit of the product replaced


class Order(Row, frozen=True):
    id: str
    customer: str  # node id
    product: str
    quantity: float
    requested: int  # microseconds UTC
    promised: int
    priority: int = 3  # 1 highest – 5 lowest
    order: str = ""  # order that the line belongs to; '' is one of its own
    wanted: int = 0  # microseconds UTC for which the customer asked; 0: not known


class Stock(Row, frozen=True):
    node: str
    product: str
    quantity: float
    as_of: int


class Dependency(Row, frozen=True):
    """asset → node, lane or process: what is lost without the asset, and how far people can replace it by hand."""

    asset: str
    target: str  # `node:ID` or `lane:ID`
    share_lost: float  # 0–1 of the target's capacity
    fallback_share: float = 0.0  # 0–1 of the lost share that the manual fallback brings back
    fallback_delay_h: float = 0.0
    tolerance_h: float = 0.0  # hours the target runs on without the asset
    group: str = ""  # redundancy group: lost only when all of the group are gone
    source: str = "declared"  # declared | discovered | default
    confidence: float = 1.0


class Client(Row, frozen=True, kw_only=True):
    """A client of a message broker. `id` is its account: the reference `identity:ID`."""

    id: str
    client_id: str
    broker: str  # asset id
    asset: str  # asset id of the machine that it runs on
    needed: str = "yes"  # yes | no


class Process(Row, frozen=True, kw_only=True):
    """A program on a machine: the reference `process:ID`."""

    id: str
    asset: str
    executable: str
    sha256: str
    needed: str = "yes"  # yes | no


class EmissionFactor(Row, frozen=True):
    """Greenhouse gas of a lane, mode, node or kind of hub as CO2 equivalent, well-to-wheel."""

    element: str  # `lane:ID` | `node:ID` | air | rail | road | sea | dc | plant | supplier
    factor: float
    unit: str  # g/tkm | kg/t
    source: str
    year: int


class Person(Row, frozen=True):
    id: str
    name: str
    role: str
    contact: str = ""


class Roster(Row, frozen=True, rename={"starts": "from", "ends": "until"}):
    person: str
    role: str
    starts: int
    ends: int


class Protected(Row, frozen=True):
    """What is never acted on by us. `where` is a pattern over references (`model.patterns`), `action` a name or `*`."""

    where: str
    action: str
    reason: str
    until: int = 0  # microseconds UTC; 0: for good


class Interlock(Row, frozen=True, kw_only=True):
    """A condition without which an action is not done: on an asset's newest reading, or that nothing of ours shuts the asset off."""

    id: str
    where: str
    action: str
    asset: str
    signal: str = ""
    test: str = "in_service"  # in_service | = | != | > | >= | < | <=
    value: float = 0.0
    max_age_s: float = 180.0
    reason: str


class Maintenance(Row, frozen=True, rename={"starts": "from", "ends": "until"}):
    """Announced work: what it explains, and what holds for an action while it lasts."""

    id: str
    where: str
    starts: int
    ends: int
    work: str
    planner: str
    approver: str
    action: str = ""  # '': the work restricts nothing
    rule: str = "approval"  # forbid | approval | allow


ROWS: dict[str, type[Row]] = {
    "sites": Site,
    "zones": Zone,
    "conduits": Conduit,
    "assets": Asset,
    "partners": Partner,
    "nodes": Node,
    "lanes": Lane,
    "products": Product,
    "bom": Bom,
    "alternates": Alternate,
    "inventory": Stock,
    "orders": Order,
    "dependencies": Dependency,
    "clients": Client,
    "processes": Process,
    "emission_factors": EmissionFactor,
    "people": Person,
    "rosters": Roster,
    "protected": Protected,
    "interlocks": Interlock,
    "maintenance": Maintenance,
}


class Budgets(msgspec.Struct, frozen=True, kw_only=True):
    """Hard limits that no plan may pass, in whole numbers."""

    actions_per_hour: int = 12
    isolated_assets: int = 40
    orders_late_per_day: int = 200
    downtime_hours: int = 72


class Approvals(msgspec.Struct, frozen=True, kw_only=True):
    """How long a plan waits for people, and when it is put to the next ones on the roster."""

    expire_hours: float = 8.0
    escalate_minutes: float = 15.0


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """How a thing comes back after a containment, and how often it is looked whether one still holds."""

    contained_hours: float = 12.0
    clean_hours: float = 6.0
    watch_hours: float = 4.0
    look_seconds: float = 30.0
    unverified: str = "return"  # return | hold


class Finance(msgspec.Struct, frozen=True, kw_only=True):
    """What the books say of a financial period, in the network's currency; None where it is not stated."""

    revenue: float | None = None
    ebitda: float | None = None
    depreciation: float | None = None  # and amortisation
    capital_employed: float | None = None
    period_days: int = 365


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`network.toml`."""

    name: str
    currency: str = "EUR"
    otif_level: str = "order"  # order | line
    otif_window_h: float = 0.0  # hours after the promised time that still count as on time
    otif_early_h: float | None = None  # hours before it from which a delivery is on time; None: however early
    otif_quantity_tolerance: float = 0.0  # share of the quantity that may be missing or too much
    otif_basis: str = "delivery"  # delivery | ship
    horizon_days: int = 7
    timezone: str = "UTC"
    late_cost_share: float = 0.15  # cost of an order line that ships late, as a share of its value
    late_weight_1: float = 1.0  # times that cost, for orders of priority 1
    late_weight_2: float = 1.0
    late_weight_3: float = 1.0
    late_weight_4: float = 1.0
    late_weight_5: float = 1.0
    co2_price: float = 0.0  # currency per tonne CO2e
    nervousness: float = 0.0  # currency per unit moved on a lane that the plan in force does not use for it
    frame_s: float = 60.0  # telemetry is judged once per this many seconds
    lateness_s: float = 5.0  # a frame stays open this long after its end, for rows that come late
    learn_rows: int = 1440  # frames an entity is learnt on before it is judged
    alarm_p: float = 3e-5  # a telemetry alarm begins below this tail probability
    effector: str | None = None  # socket of the effector that acts; None: nothing is carried out here
    journal: str | None = None  # file or postgresql://… of the effect journal; None: state/journal.sqlite
    budgets: Budgets = Budgets()
    approvals: Approvals = Approvals()
    recovery: Recovery = Recovery()
    finance: Finance = Finance()

    def late_weight(self, priority: int) -> float:
        """Weight of an order's lateness. A priority beyond 1 to 5 weighs as the nearest one."""
        weights = (self.late_weight_1, self.late_weight_2, self.late_weight_3, self.late_weight_4, self.late_weight_5)
        return weights[min(max(priority, 1), 5) - 1]


@dataclass(frozen=True)
class Network:
    """One numbered revision of a network folder. Tables are dicts by id, in file order, or tuples where rows have no id."""

    settings: Settings
    revision: int
    sites: dict[str, Site]
    zones: dict[str, Zone]
    conduits: dict[str, Conduit]
    assets: dict[str, Asset]
    partners: dict[str, Partner]
    nodes: dict[str, Node]
    lanes: dict[str, Lane]
    products: dict[str, Product]
    orders: dict[str, Order]
    people: dict[str, Person]
    bom: tuple[Bom, ...] = ()
    alternates: tuple[Alternate, ...] = ()
    inventory: tuple[Stock, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    clients: dict[str, Client] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)
    emission_factors: tuple[EmissionFactor, ...] = ()
    rosters: tuple[Roster, ...] = ()
    protected: tuple[Protected, ...] = ()
    interlocks: dict[str, Interlock] = field(default_factory=dict)
    maintenance: dict[str, Maintenance] = field(default_factory=dict)
    folder: str = field(default="", compare=False)

    @cached_property
    def assets_in(self) -> dict[str, tuple[str, ...]]:
        """Zone id → ids of the assets in it."""
        found: dict[str, list[str]] = {zone: [] for zone in self.zones}
        for asset in self.assets.values():
            found.setdefault(asset.zone, []).append(asset.id)
        return {zone: tuple(ids) for zone, ids in found.items()}

    @cached_property
    def conduits_of(self) -> dict[str, tuple[str, ...]]:
        """Zone id → ids of the conduits that start or end in it."""
        found: dict[str, list[str]] = {zone: [] for zone in self.zones}
        for conduit in self.conduits.values():
            for zone in {conduit.from_zone, conduit.to_zone}:
                found.setdefault(zone, []).append(conduit.id)
        return {zone: tuple(ids) for zone, ids in found.items()}

    @cached_property
    def depends(self) -> dict[str, tuple[Dependency, ...]]:
        """Asset id → what depends on it."""
        found: dict[str, list[Dependency]] = {}
        for row in self.dependencies:
            found.setdefault(row.asset, []).append(row)
        return {asset: tuple(rows) for asset, rows in found.items()}

    def host_of(self, ref: str) -> str:
        """`asset:ID` of the machine that a process of the tables runs on; any other reference as it is."""
        row = self.processes.get(ref.removeprefix("process:")) if ref.startswith("process:") else None
        return f"asset:{row.asset}" if row is not None else ref

    def machine_of(self, action: str, ref: str) -> str:
        """`asset:ID` of the machine that it is done to: that of a process, or of an account that its broker locks; or `ref` itself."""
        row = self.clients.get(ref.removeprefix("identity:")) if action == "disable_client" and ref.startswith("identity:") else None
        return f"asset:{row.asset}" if row is not None else self.host_of(ref)

    def served_by(self, ref: str) -> str:
        """What is closed for goods when the reference stops: of a process or a broker's client its machine, or '' where none is needed."""
        kind, _, name = ref.partition(":")
        row = self.processes.get(name) if kind == "process" else self.clients.get(name) if kind == "identity" else None
        if row is None:
            return "" if kind in ("process", "identity") else ref
        return f"asset:{row.asset}" if row.needed == "yes" else ""

    def closed_for_goods(self, refs: Iterable[str]) -> tuple[str, ...]:
        """What is closed for goods when all these stop, sorted."""
        return tuple(sorted({self.served_by(ref) for ref in refs} - {""}))

    def class_of(self, ref: str) -> str:
        """What kind of thing a reference is: the type of an asset, or of the one that a process runs on, else the kind of reference."""
        kind, _, name = self.host_of(ref).partition(":")
        return self.assets[name].type if kind == "asset" and name in self.assets else kind

    def zone_of(self, ref: str) -> str:
        """Zone id of an `asset:`, `process:` or `zone:` reference, or ''."""
        kind, _, name = self.host_of(ref).partition(":")
        if kind == "zone":
            return name if name in self.zones else ""
        return self.assets[name].zone if kind == "asset" and name in self.assets else ""

    def site_of(self, ref: str) -> str:
        """Site id of an asset, zone or node reference, or ''."""
        kind, _, name = ref.partition(":")
        if kind == "node":
            return self.nodes[name].site if name in self.nodes else ""
        zone = self.zone_of(ref)
        return self.zones[zone].site if zone in self.zones else ""
