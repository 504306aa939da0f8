"""Plain words for the codes of the model: actions, modes, states. Templates call these; nothing here knows of HTTP.

A code without an entry is shown with its underscores as blanks, so that a plugin's own action still reads as words.
"""

from typing import Final

ACTIONS: Final = {
    "isolate_asset": "isolate",
    "isolate_zone": "isolate",
    "cut_conduit": "close",
    "fail_over": "fail over",
    "disable_identity": "disable",
    "hold_transaction": "hold",
    "disable_client": "disable",
    "revoke_sessions": "end the sessions of",
    "lock_writes": "lock writes to",
    "roll_back_setpoint": "roll back a set-point of",
    "roll_back_config": "roll back the configuration of",
    "freeze_process": "freeze a process on",
    "kill_process": "end a process on",
}

ALTERNATIVES: Final = {
    "do_nothing": "Do nothing",
    "isolate_asset": "Isolate the asset",
    "cut_conduits": "Close conduits",
    "isolate_zone": "Isolate the zone",
    "fail_over": "Fail over",
    "disable_identity": "Disable the identity",
    "hold_transaction": "Hold the transaction",
    "disable_client": "Disable the client at its broker",
    "freeze_process": "Freeze the process",
    "kill_process": "End the process",
}

MODES: Final = {
    "execute_auto": "may act on its own",
    "execute_unless_vetoed": "may act unless a person vetoes",
    "execute_approved": "needs a person's approval",
    "execute_approved_by_two": "needs the approval of two people",
    "suggest": "may only suggest",
    "denied": "not allowed",
}

STATUSES: Final = {
    "observing": "observing: would have done this",
    "suggested": "suggested only",
    "waiting": "waiting for approval",
    "veto": "starts unless vetoed",
    "running": "being carried out",
    "verified": "carried out and verified",
    "failed": "failed",
    "vetoed": "vetoed",
    "undone": "taken back",
    "superseded": "replaced by a later plan",
    "lapsed": "not approved in time",
}

STATES: Final = {
    "abnormal": "abnormal",
    "contained": "contained",
    "watched": "watched",
    "degraded": "reduced capacity",
    "lost": "out of service",
}

# each state has a mark of its own, so that it can be told without its colour
MARKS: Final = {"abnormal": "▲", "contained": "■", "watched": "◉", "degraded": "◐", "lost": "✕"}

VERDICTS: Final = {"attack": "attack", "benign": "benign", "unsure": "not sure"}

AUTONOMY: Final = ("may only suggest", "acts after approval", "acts unless vetoed", "acts on its own")

JUDGED: Final = {"attack": "Marked right by a person", "benign": "Marked wrong by a person", "unsure": "The word on it was taken back"}

LEVELS: Final = {
    0.0: "process",
    1.0: "control",
    2.0: "supervision",
    3.0: "site operations",
    3.5: "industrial DMZ",
    4.0: "business",
    5.0: "enterprise and cloud",
}


def spoken(table: dict[str, str], code: str) -> str:
    """The words for a code."""
    return table.get(code, code.replace("_", " "))


def name_of(ref: str) -> str:
    """`asset:plc-3` → `plc-3`; what is no reference stays as it is."""
    return ref.partition(":")[2] or ref


def deeds(actions: tuple[tuple[str, str], ...]) -> str:
    """One line for a list of (action, target): `isolate asset plc-3, close conduit c-7`."""
    if not actions:
        return "nothing is done"
    return ", ".join(f"{_verb(action, target)} {target.replace(':', ' ', 1)}" for action, target in actions)


def _verb(action: str, target: str) -> str:
    """`freeze a process on` an asset, but `freeze` a process."""
    found = spoken(ACTIONS, action)
    return found.removesuffix(" a process on") if target.startswith("process:") else found


def level_name(purdue: float) -> str:
    """`3.5 industrial DMZ`."""
    return f"{purdue:g} {LEVELS.get(purdue, '')}".strip()


def alternative(code: str) -> str:
    """An alternative's label: `isolate_asset+disable_identity` → `Isolate the asset and disable the identity`."""
    first, *others = [spoken(ALTERNATIVES, part) for part in code.split("+")]
    return " and ".join([first, *(part[:1].lower() + part[1:] for part in others)])
