"""What each benign action does and the traces it leaves: much like an attack's, but announced, signed, approved, or plainly everyone's.

Called by `campaign` through the table at the end, like `adversary`.
"""

from typing import Final

from interferon.twin.campaign import Campaign, Handler
from interferon.twin.draws import HOUR, MINUTE, draws, pick
from interferon.twin.fraud import account_of, invoice
from interferon.twin.machines import SIGNALS, class_of
from interferon.twin.rows import Fields, attributes
from interferon.twin.scenario import Step
from interferon.twin.telemetry import Fault

_NOTICE = 40 * MINUTE  # a work order is opened this long before the work


def _site(c: Campaign, step: Step) -> str:
    kind, _, name = step.target.partition(":")
    return name if kind == "site" else c.world.network.site_of(step.target)


def _ticket(c: Campaign, step: Step) -> str:
    return str(step.param("ticket")) or f"W{pick(c.world.seed, 'ticket ' + step.id, 900000) + 100000}"


def _order(c: Campaign, step: Step, when: int, kind: str, until: int) -> None:
    """The approved work order: one for the place, and one for each asset worked on."""
    site, ticket = _site(c, step), _ticket(c, step)
    targets = [step.target] if step.target.startswith("asset:") else [step.target, *(f"asset:{a}" for a in c.assets(step))]
    for target in targets:
        c.world.tell("activity", c.world.hosts.work(when, target, site, "opened", kind, ticket, when, until))


def _machines(c: Campaign, step: Step) -> list[str]:
    return [a for a in c.assets(step) if class_of(c.world.network.assets[a])] or c.assets(step)


def _change(c: Campaign, when: int, kind: str, asset: str, actor: str, what: str, **attrs: object) -> None:
    row: Fields = {
        "kind": kind,
        "source": None,
        "target": f"asset:{asset}",
        "actor": actor,
        "object": what,
        "outcome": "success",
        "attributes": attributes(**attrs),
    }
    c.world.tell("activity", (when, c.world.hosts.feed(asset), f"asset:{asset}", row))


def maintenance(c: Campaign, step: Step, when: int, pulse: int) -> int:
    """Work order first, then the work: settings are touched and the machines idle in short stretches that the line bridges."""
    end = c.ends(step)
    if pulse == 0:
        _order(c, step, when, "maintenance", end)
        return min(when + _NOTICE, end - MINUTE)
    actor = f"engineer.{_site(c, step)}"
    for k, asset in enumerate(_machines(c, step)):
        _change(c, when + k * 2 * MINUTE, "config.change", asset, actor, "service_mode", before="off", after="on", ticket=_ticket(c, step))
        c.world.condition.idle[asset] = min(when + 25 * MINUTE, end)
    return 0


def firmware_day(c: Campaign, step: Step, when: int, pulse: int) -> int:
    """One machine every few minutes gets signed firmware of its own vendor."""
    assets = _machines(c, step)[:24]
    if pulse == 0:
        _order(c, step, when, "firmware", c.ends(step))
        return when + _NOTICE
    asset = assets[pulse - 1]
    row = c.world.network.assets[asset]
    version = str(step.param("version")) or f"{row.version or '1'}.{pick(c.world.seed, step.id, 9)}"
    _change(
        c, when, "firmware.change", asset, f"engineer.{_site(c, step)}", version, signed=True, vendor=row.vendor, ticket=_ticket(c, step)
    )
    c.world.condition.idle[asset] = when + 6 * MINUTE
    return when + 7 * MINUTE if pulse < len(assets) and when + 7 * MINUTE < c.ends(step) else 0


def peak_season(c: Campaign, step: Step, when: int, pulse: int) -> int:
    """Demand itself is raised when the run is set up (`demand.Peak`); here the forecast says so beforehand."""
    goods = c.world.goods
    customers = sorted({n for n, _ in goods.sourcing if c.world.network.nodes[n].kind == "customer"})[:6]
    for k, customer in enumerate(customers):
        product = next(p for n, p in goods.sourcing if n == customer)
        row: Fields = {
            "kind": "forecast.published",
            "product": product,
            "destination": customer,
            "quantity": round(20 * step.number("factor"), 1),
            "attributes": attributes(source="sales-planning"),
        }
        c.world.tell("trade", (when + k * MINUTE, "forecast", "feed:forecast", row))
    return 0


def new_supplier(c: Campaign, step: Step, when: int, pulse: int) -> int:
    name = step.target.partition(":")[2]
    partners = c.world.network.partners
    partner = name if name in partners else next((p for p in partners if partners[p].kind == "supplier"), name)
    account = f"EU{pick(c.world.seed, 'new account ' + step.id, 10**9):010d}"
    if pulse == 0:
        row: Fields = {
            "kind": "partner.changed",
            "partner": partner,
            "attributes": attributes(
                field="bank_account",
                before=account_of(partner),
                after=account,
                channel="callback",
                actor="planner.purchasing",
                approved_by="purchasing-lead",
                ticket=_ticket(c, step),
            ),
        }
        c.world.tell("trade", (when, "erp", f"partner:{partner}", row))
        return when + 3 * HOUR
    c.world.tell("trade", invoice(c, partner, when, account, 9_000.0))
    return when + 4 * HOUR if pulse < 3 else 0


def shift_change(c: Campaign, step: Step, when: int, pulse: int) -> int:
    hosts, site = c.world.hosts, _site(c, step)
    places = [
        a for a in c.assets(step) if c.world.network.assets[a].type in ("hmi", "scada", "workstation", "wms", "engineering_workstation")
    ] or c.assets(step)
    for k in range(int(step.number("people"))):
        place = places[k % len(places)]
        c.world.tell(
            "activity",
            hosts.login(
                when + k * 90_000_000, f"operator.{site}.{4 + k}", place, f"asset:{place}", hosts.country(site), f"terminal-{place}"
            ),
        )
    return 0


def sensor_swap(c: Campaign, step: Step, when: int, pulse: int) -> int:
    if pulse == 0:
        _order(c, step, when, "sensor replacement", when + 4 * HOUR)
        return when + _NOTICE
    asset = c.assets(step)[0]
    names, wanted = SIGNALS[class_of(c.world.network.assets[asset])], str(step.param("signal"))
    column = names.index(wanted) if wanted else 0
    _change(
        c,
        when,
        "config.change",
        asset,
        f"engineer.{_site(c, step)}",
        f"calibration.{names[column]}",
        before="old",
        after="new",
        ticket=_ticket(c, step),
    )
    if c.world.telemetry is not None:
        c.world.telemetry.faults.append(Fault(step.id, "offset", asset, column, when, c.ends(step), step.number("offset"), 0))
    return 0


def pen_test(c: Campaign, step: Step, when: int, pulse: int) -> int:
    """Announced scans and failed logins from one named host of the same site."""
    network, hosts, site = c.world.network, c.world.hosts, _site(c, step)
    if pulse == 0:
        _order(c, step, when, "penetration test", c.ends(step))
        return when + _NOTICE
    targets = c.assets(step)
    near = [
        a.id
        for a in network.assets.values()
        if a.type in ("workstation", "engineering_workstation", "server") and network.zones[a.zone].site == site and a.id not in targets
    ]
    tester = near[pick(c.world.seed, step.id, len(near))] if near else targets[-1]
    rng = draws(c.world.seed, f"test {step.id}", pulse)
    target = targets[int(rng.random() * len(targets))]
    protocol, port = (("smb", 445), ("ssh", 22), ("https", 443), ("rdp", 3389))[int(rng.random() * 4)]
    row: Fields = {
        "kind": "network.flow",
        "source": f"asset:{tester}",
        "target": f"asset:{target}",
        "object": f"{protocol}/{port}",
        "outcome": "failure",
        "bytes": 1800,
        "attributes": attributes(packets=9, duration_s=1.2, ticket=_ticket(c, step)),
    }
    c.world.tell("activity", (when, hosts.feed(tester), f"asset:{tester}", row))
    if pulse % 4 == 0:
        c.world.tell(
            "activity",
            hosts.login(
                when + 1_000_000, f"engineer.{site}", target, f"asset:{tester}", hosts.country(site), f"terminal-{tester}", "failure"
            ),
        )
    return when + int(HOUR / max(step.number("per_hour"), 0.5))


def outage(c: Campaign, step: Step, when: int, pulse: int) -> int:
    """Everything of the place goes silent at once and comes back at once."""
    end = c.ends(step)
    for asset in c.assets(step):
        c.world.condition.dark[asset] = end
        c.world.condition.idle[asset] = end
    return 0


HANDLERS: Final[dict[str, Handler]] = {
    f.__name__: f for f in (maintenance, firmware_day, peak_season, new_supplier, shift_change, sensor_swap, pen_test, outage)
}
