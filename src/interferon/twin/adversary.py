"""What each attack action does to the world, and the traces it leaves in the events, as a real one would.

Called by `campaign` through the table at the end: handler(campaign, step, time, pulse) → time of the next pulse, or 0.
"""

from typing import Final

from interferon.twin.campaign import Campaign, Handler
from interferon.twin.condition import RESTORE_H, Damage
from interferon.twin.draws import HOUR, MINUTE, pick
from interferon.twin.fraud import change_bank_details, fake_shipment, poison_feed, tell_flow
from interferon.twin.machines import SIGNALS, class_of
from interferon.twin.rows import Fields, attributes
from interferon.twin.scenario import Step
from interferon.twin.telemetry import Fault

_ADMIN = (("smb", 445), ("rdp", 3389), ("ssh", 22), ("winrm", 5985))
_FAR = ("KP", "RU", "BR", "VN", "NG")


def _reach(c: Campaign, step: Step, when: int, asset: str, what: str, size: int = 60_000) -> str:
    """The conversation by which a step comes to an asset. Returns its source: a foothold, or an address outside."""
    source = c.foothold(step)
    tell_flow(c, when, source, f"asset:{asset}", source if source.startswith("asset:") else f"asset:{asset}", what, size, 12.0)
    return source


def _column(c: Campaign, step: Step, asset: str) -> int:
    names = SIGNALS.get(class_of(c.world.network.assets[asset]), ())
    wanted = str(step.params.get("signal", ""))
    return names.index(wanted) if wanted in names else 0


def _hurt(c: Campaign, step: Step, when: int, asset: str, impact: float, restore_h: float) -> None:
    c.world.condition.harm(asset, Damage(step.id, when, min(max(impact, 0.0), 1.0), restore_h))


def _fault(c: Campaign, step: Step, when: int, kind: str, asset: str, size: float, ramp_h: float) -> None:
    if c.world.telemetry is not None:
        column = -1 if kind == "replay" and not step.params.get("signal") else _column(c, step, asset)
        c.world.telemetry.faults.append(Fault(step.id, kind, asset, column, when, c.ends(step), size, int(ramp_h * HOUR)))


def _changed(c: Campaign, when: int, kind: str, asset: str, actor: str, what: str, **attrs: object) -> None:
    source = attrs.pop("source", None)
    row: Fields = {
        "kind": kind,
        "source": source,
        "target": f"asset:{asset}",
        "actor": actor,
        "object": what,
        "outcome": "success",
        "attributes": attributes(**attrs),
    }
    c.world.tell("activity", (when, c.world.hosts.feed(asset), f"asset:{asset}", row))


def modify_setpoint(c: Campaign, step: Step, when: int, pulse: int) -> int:
    asset = c.assets(step)[0]
    drift, actor = step.number("drift"), c.identity(step)
    signal = SIGNALS[class_of(c.world.network.assets[asset])][_column(c, step, asset)]
    source = _reach(c, step, when, asset, "modbus/502")
    if source.startswith("asset:"):
        c.world.tell(
            "activity",
            c.world.hosts.command(when + MINUTE // 4, source[6:], asset, actor, "write_register", "holding:212", 50 * (1 + drift)),
        )
    _changed(
        c,
        when + MINUTE // 2,
        "config.change",
        asset,
        actor,
        f"setpoint.{signal}",
        source=source,
        before=50.0,
        after=round(50 * (1 + drift), 2),
    )
    _fault(c, step, when + MINUTE, "setpoint", asset, drift, step.number("ramp_h"))
    _hurt(c, step, when, asset, step.number("impact"), 1.0)
    return 0


def spoof_signal(c: Campaign, step: Step, when: int, pulse: int) -> int:
    return _misreport(c, step, when, "offset", step.number("offset"), 0.05)


def replay_signal(c: Campaign, step: Step, when: int, pulse: int) -> int:
    return _misreport(c, step, when, "replay", 0.0, step.number("stretch_h"))


def freeze_signal(c: Campaign, step: Step, when: int, pulse: int) -> int:
    return _misreport(c, step, when, "freeze", 0.0, 0.0)


def _misreport(c: Campaign, step: Step, when: int, kind: str, size: float, ramp_h: float) -> int:
    asset = c.assets(step)[0]
    _reach(c, step, when, asset, "modbus/502", 90_000)
    _fault(c, step, when, kind, asset, size, ramp_h)
    _hurt(c, step, when + HOUR, asset, step.number("impact"), 1.0)
    return 0


def rogue_command(c: Campaign, step: Step, when: int, pulse: int) -> int:
    asset, actor = c.assets(step)[0], c.identity(step)
    named = str(step.param("source")).removeprefix("asset:")
    source = f"asset:{named}" if named else c.foothold(step)
    if pulse == 0:
        tell_flow(c, when, source, f"asset:{asset}", source if named else f"asset:{asset}", "modbus/502", 20_000, 30.0)
        _hurt(c, step, when, asset, step.number("impact"), 2.0)
    row = c.world.hosts.command(
        when, source.removeprefix("asset:"), asset, actor, str(step.param("function")), str(step.param("register")), 1.0
    )
    row[3]["source"] = source
    c.world.tell("activity", row)
    if class_of(c.world.network.assets[asset]):
        _fault(c, step, when, "setpoint", asset, 0.06 * (-1) ** pulse, 0.02)
    return when + int(HOUR / max(step.number("per_hour"), 0.1)) if pulse < 48 else 0


def stop_process(c: Campaign, step: Step, when: int, pulse: int) -> int:
    assets = c.assets(step)
    asset, actor = assets[pulse], c.identity(step)
    source = _reach(c, step, when, asset, "modbus/502", 8_000)
    row = c.world.hosts.command(when + MINUTE // 6, "x", asset, actor, "stop", "cpu", 0.0)
    row[3]["source"] = source
    c.world.tell("activity", row)
    _hurt(c, step, when + MINUTE // 3, asset, 1.0, step.number("restore_h"))
    return when + 2 * MINUTE if pulse + 1 < len(assets) else 0


def encrypt_hosts(c: Campaign, step: Step, when: int, pulse: int) -> int:
    """One host a pulse: what orders and people need most comes first, as in the recorded cases."""
    network, condition = c.world.network, c.world.condition
    hosts = sorted(c.assets(step), key=lambda a: (network.assets[a].type not in RESTORE_H, not network.depends.get(a), a))
    asset = hosts[pulse]
    following = when + int(step.number("minutes_per_host") * MINUTE) if pulse + 1 < len(hosts) else 0
    if condition.isolated(asset):
        return following
    source = _reach(c, step, when, asset, "smb/445", 2_400_000)
    actor = c.identity(step)
    tag = pick(c.world.seed, f"image {step.id}", 9000) + 1000
    tell = c.world.tell
    tell("activity", c.world.hosts.program(when + 20_000_000, asset, f"svch{tag}", "wmi-provider", actor, f"svch{tag} /all /quiet"))
    tell("activity", c.world.hosts.program(when + 25_000_000, asset, "vssadmin", f"svch{tag}", actor, "vssadmin delete shadows /all"))
    for k, code in enumerate(("read", "write", "rename")):
        tell(
            "activity",
            c.world.hosts.files(when + MINUTE + k * 15_000_000, asset, actor, "orders", code, 3800 + 100 * k, 2_200_000_000, 7.97),
        )
    tell("activity", c.world.hosts.log(when + 2 * MINUTE, asset, "stopped"))
    if source.startswith("asset:") and source[6:] != asset:
        tell(
            "activity",
            c.world.hosts.login(
                when - 5_000_000, actor, asset, source, c.world.hosts.country(network.site_of(source)), source[6:], mfa=False
            ),
        )
    _hurt(c, step, when + MINUTE, asset, 1.0, step.number("restore_h") or RESTORE_H.get(network.assets[asset].type, 5.0))
    condition.muted.add(asset)
    c.implants[asset] = step.id
    return following


def spread(c: Campaign, step: Step, when: int, pulse: int) -> int:
    """One host a pulse: an admin protocol to it, a login, a remote service; then scans of its neighbours."""
    network, hosts = c.world.network, c.world.hosts
    targets = c.assets(step)[: max(1, int(step.number("hosts")))]
    asset, actor = targets[pulse], c.identity(step)
    following = when + int(step.number("minutes_per_host") * MINUTE) if pulse + 1 < len(targets) else 0
    if c.world.condition.isolated(asset):
        return following
    source = f"asset:{targets[pulse - 1]}" if pulse and not c.world.condition.isolated(targets[pulse - 1]) else c.foothold(step)
    protocol, port = _ADMIN[pick(c.world.seed, f"protocol {step.id}", len(_ADMIN))]
    tell_flow(
        c,
        when,
        source,
        f"asset:{asset}",
        source if source.startswith("asset:") else f"asset:{asset}",
        f"{protocol}/{port}",
        1_800_000,
        95.0,
    )
    country = hosts.country(network.site_of(source)) if source.startswith("asset:") else _FAR[pick(c.world.seed, step.id, len(_FAR))]
    c.world.tell("activity", hosts.login(when + 4_000_000, actor, asset, source, country, source.removeprefix("asset:"), mfa=False))
    c.world.tell("activity", hosts.program(when + 9_000_000, asset, "remote-service", "services", actor, "remote-service -enc JABzAD0A"))
    others = [a for a in network.assets_in.get(network.assets[asset].zone, ()) if a != asset]
    for k, other in enumerate(others[:5]):
        tell_flow(c, when + (30 + 10 * k) * 1_000_000, f"asset:{asset}", f"asset:{other}", f"asset:{asset}", f"{protocol}/{port}", 900, 0.4)
    c.implants[asset] = step.id
    return following


def login_stolen(c: Campaign, step: Step, when: int, pulse: int) -> int:
    actor, world = c.identity(step), c.world
    place = step.target.partition(":")[2] if step.target.startswith("asset:") else ""
    if not place:
        site = world.network.site_of(step.target)
        mine = list(c.assets(step)) if step.target.startswith("zone:") else []
        place = (
            next(iter(mine), "")
            or world.hosts.desk(site, actor)
            or next((a for s in world.hosts.staff if (a := world.hosts.desk(s, actor))), next(iter(world.network.assets)))
        )
    source, country = c.address(step), str(step.param("country")) or _FAR[pick(world.seed, step.id, len(_FAR))]
    device = f"device-{pick(world.seed, 'device ' + step.id, 90000) + 10000}"
    for k in range(int(step.number("failures"))):
        world.tell("activity", world.hosts.login(when - (k + 1) * 6_000_000, actor, place, source, country, device, "failure", mfa=False))
    world.tell("activity", world.hosts.login(when, actor, place, source, country, device, mfa=False))
    tell_flow(c, when + 2_000_000, source, f"asset:{place}", f"asset:{place}", "rdp/3389", 4_000_000, 600.0)
    c.stolen_identity[step.id] = actor
    c.implants.setdefault(place, step.id)
    return 0


def exfiltrate(c: Campaign, step: Step, when: int, pulse: int) -> int:
    asset = c.assets(step)[0]
    address = str(step.param("address")) or c.address(step)
    size = int(step.number("gigabytes") * 1e9 / 6)
    tell_flow(c, when, f"asset:{asset}", address, f"asset:{asset}", "https/443", size, 560.0)
    if pulse == 0:
        c.world.tell(
            "activity", c.world.hosts.program(when - 20_000_000, asset, "rclone", "shell", c.identity(step), "rclone copy . remote:")
        )
        c.world.tell("activity", c.world.hosts.files(when - 10_000_000, asset, c.identity(step), "recipes", "read", 2600, size, 5.1))
    return when + 10 * MINUTE if pulse < 60 else 0


def disable_logging(c: Campaign, step: Step, when: int, pulse: int) -> int:
    actor = c.identity(step)
    for k, asset in enumerate(c.assets(step)[:6]):
        at = when + k * 20_000_000
        c.world.tell("activity", c.world.hosts.program(at, asset, "auditctl", "shell", actor, "auditctl -e 0"))
        c.world.tell("activity", c.world.hosts.log(at + 2_000_000, asset, "cleared"))
        c.world.tell("activity", c.world.hosts.log(at + 4_000_000, asset, "stopped"))
        c.world.condition.muted.add(asset)
        _hurt(c, step, when, asset, 0.0, 1.0)
    return 0


def firmware_change(c: Campaign, step: Step, when: int, pulse: int) -> int:
    asset = c.assets(step)[0]
    source = _reach(c, step, when, asset, "https/443", 9_000_000)
    version = str(step.param("version")) or f"{pick(c.world.seed, step.id, 9) + 1}.{pick(c.world.seed, step.id + 'b', 9)}.99"
    _changed(c, when + MINUTE, "firmware.change", asset, c.identity(step), version, source=source, signed=False, vendor="", ticket="")
    if class_of(c.world.network.assets[asset]):
        _fault(c, step, when + 3 * MINUTE, "setpoint", asset, 0.08, 0.2)
    _hurt(c, step, when, asset, step.number("impact"), 4.0)
    return 0


HANDLERS: Final[dict[str, Handler]] = {
    f.__name__: f
    for f in (
        modify_setpoint,
        spoof_signal,
        replay_signal,
        freeze_signal,
        rogue_command,
        stop_process,
        encrypt_hosts,
        spread,
        login_stolen,
        exfiltrate,
        poison_feed,
        change_bank_details,
        fake_shipment,
        disable_logging,
        firmware_change,
    )
}
