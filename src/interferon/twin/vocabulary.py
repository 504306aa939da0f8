"""The actions a scenario may name: targets they take, parameters with defaults, ATT&CK technique, what they do.

Read by `scenario` (validation), `campaign` (defaults) and the docs test, which holds docs/scenarios.md to this table. Pure data.
"""

from dataclasses import dataclass
from typing import Final

Value = float | str | bool


@dataclass(frozen=True)
class Param:
    """One parameter of an action. The type of `default` is the type asked for; a number may be given as integer or float."""

    name: str
    default: Value
    meaning: str


@dataclass(frozen=True)
class Action:
    """One action of a scenario step; `targets` are the kinds of reference it takes."""

    name: str
    kind: str  # attack | benign
    targets: tuple[str, ...]
    technique: str
    meaning: str
    params: tuple[Param, ...] = ()
    needs_signals: bool = False  # the target must be an asset that emits telemetry
    hours: float = 0.0  # how long it lasts where the step gives no until_h; 0: until it is stopped

    def default(self, name: str) -> Value:
        return next(p.default for p in self.params if p.name == name)


_SIGNAL = Param("signal", "", "signal it acts on; empty: the first of the target's signals")
_ACTOR = Param("identity", "", "identity it is done with; empty: one that works at the target's site")
_IMPACT = Param("impact", 0.5, "share of what depends on the asset that is lost while it lasts, 0–1")
_TICKET = Param("ticket", "", "number of the work order; empty: derived from the step's id")
_PLACES = ("asset", "zone")

ATTACKS: Final = (
    Action(
        "modify_setpoint",
        "attack",
        ("asset",),
        "T0836",
        "a controller's setpoint is changed; the process follows by its own physics, and part of the output is scrap",
        (
            _SIGNAL,
            Param("drift", 0.15, "change of the setpoint as a share of its normal value"),
            Param("ramp_h", 0.5, "hours over which it is moved"),
            _IMPACT,
            _ACTOR,
        ),
        True,
    ),
    Action(
        "spoof_signal",
        "attack",
        ("asset",),
        "T0856",
        "one reported signal is falsified; the process itself does not change, its operators are misled",
        (_SIGNAL, Param("offset", 0.2, "added to the report, as a share of the signal's normal value"), _IMPACT),
        True,
    ),
    Action(
        "replay_signal",
        "attack",
        ("asset",),
        "T0856",
        "an earlier stretch of the readings is repeated while the process is disturbed unseen",
        (_SIGNAL, Param("stretch_h", 1.0, "length of the stretch that is repeated"), _IMPACT),
        True,
    ),
    Action("freeze_signal", "attack", ("asset",), "T0856", "a reading is held at its last value", (_SIGNAL, _IMPACT), True),
    Action(
        "rogue_command",
        "attack",
        ("asset",),
        "T0855",
        "control commands from an unusual source, to registers nobody uses",
        (
            Param("source", "", "asset the commands come from; empty: the attacker's foothold"),
            Param("function", "write_coil", "function code of the command"),
            Param("register", "coil:4711", "register or block written"),
            Param("per_hour", 12.0, "commands an hour"),
            _IMPACT,
        ),
    ),
    Action(
        "stop_process",
        "attack",
        _PLACES,
        "T0881",
        "a stop command: the machines it hits stand still until they are isolated and restarted",
        (_ACTOR, Param("restore_h", 3.0, "hours to restart after isolation")),
    ),
    Action(
        "encrypt_hosts",
        "attack",
        _PLACES,
        "T1486",
        "hosts are encrypted one after the other and lose their function until isolated and restored from backup",
        (
            Param("minutes_per_host", 4.0, "minutes from one host to the next"),
            Param("restore_h", 0.0, "hours to restore after isolation; 0: by type, 4–12 h"),
        ),
    ),
    Action(
        "spread",
        "attack",
        _PLACES,
        "T1021",
        "the attacker moves to the target and, in a zone, from host to host over admin protocols",
        (Param("minutes_per_host", 10.0, "minutes from one host to the next"), Param("hosts", 4.0, "hosts taken in a zone"), _ACTOR),
    ),
    Action(
        "login_stolen",
        "attack",
        ("asset", "zone", "identity", "partner"),
        "T1078",
        "an existing identity logs in from a new place and device at an odd hour",
        (
            _ACTOR,
            Param("country", "", "country code the login comes from; empty: drawn"),
            Param("failures", 5.0, "failed attempts before the first success"),
        ),
    ),
    Action(
        "exfiltrate",
        "attack",
        _PLACES,
        "T1041",
        "large amounts of data leave for an address never seen",
        (Param("gigabytes", 6.0, "volume in an hour"), Param("address", "", "address it goes to; empty: drawn")),
        hours=6.0,
    ),
    Action(
        "poison_feed",
        "attack",
        ("asset", "node", "partner", "feed"),
        "T1565",
        "the demand feed is falsified: stock is not replenished, false orders take stock and capacity",
        (
            Param("factor", 0.3, "forecast values are multiplied by this"),
            Param("phantom", 0.7, "false order quantity as a share of true demand at the nodes it hits"),
        ),
    ),
    Action(
        "change_bank_details",
        "attack",
        ("partner",),
        "T1657",
        "a partner's bank account is changed without an out-of-band check; invoices are paid to it, the partner stops serving",
        (
            Param("hold_after_h", 4.0, "hours until the unpaid partner stops"),
            Param("hold_share", 0.8, "share of the partner's capacity withheld"),
        ),
    ),
    Action(
        "fake_shipment",
        "attack",
        ("lane", "node", "partner"),
        "T1565.001",
        "goods are handed to a false carrier and receipts are booked for what never departed",
        (Param("share", 0.6, "share of the shipments that vanish"), Param("per_hour", 1.0, "false arrivals booked an hour")),
    ),
    Action("disable_logging", "attack", _PLACES, "T1562", "logs are stopped or cleared, then silence", (_ACTOR,)),
    Action(
        "firmware_change",
        "attack",
        ("asset",),
        "T0857",
        "unsigned firmware without a ticket; the machine then misbehaves",
        (Param("version", "", "version string; empty: drawn"), _ACTOR, _IMPACT),
    ),
)

BENIGN: Final = (
    Action(
        "maintenance",
        "benign",
        _PLACES,
        "",
        "planned work under an approved work order: the machine idles, settings are touched",
        (_TICKET, _ACTOR),
        hours=3.0,
    ),
    Action(
        "firmware_day",
        "benign",
        (*_PLACES, "site"),
        "",
        "signed firmware on many machines under an approved work order",
        (_TICKET, _ACTOR, Param("version", "", "version string; empty: drawn")),
        hours=4.0,
    ),
    Action(
        "peak_season",
        "benign",
        ("node", "lane", "site", "network"),
        "",
        "demand rises over many customers at once",
        (Param("factor", 1.12, "order quantities are multiplied by this"),),
        hours=24.0,
    ),
    Action(
        "new_supplier",
        "benign",
        ("partner", "node"),
        "",
        "a partner is added or changes its bank account, approved and checked out of band; first invoices follow",
        (_TICKET,),
        hours=12.0,
    ),
    Action(
        "shift_change",
        "benign",
        (*_PLACES, "site", "node"),
        "",
        "new people log in at the shift's start",
        (Param("people", 4.0, "how many"),),
        hours=8.0,
    ),
    Action(
        "sensor_swap",
        "benign",
        ("asset",),
        "",
        "a sensor is replaced under a work order: the reading steps and its noise changes",
        (_SIGNAL, _TICKET, Param("offset", 0.04, "step as a share of the normal value")),
        True,
    ),
    Action(
        "pen_test",
        "benign",
        _PLACES,
        "",
        "an announced test: scans and failed logins from a named test host",
        (_TICKET, Param("per_hour", 20.0, "connections an hour")),
        hours=4.0,
    ),
    Action(
        "outage",
        "benign",
        (*_PLACES, "site", "node"),
        "",
        "power or network fails: many assets of a place go silent together and come back",
        (),
        hours=1.5,
    ),
)

ACTIONS: Final = {action.name: action for action in (*ATTACKS, *BENIGN)}
