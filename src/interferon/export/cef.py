"""Findings and incidents as one line each: CEF (ArcSight Common Event Format, revision 25) in a syslog frame of RFC 5424. Pure."""

from datetime import UTC, datetime
from typing import Final

from interferon.export.about import VENDOR, About, Told, key, severity
from interferon.model.records import Incident

NAME: Final = "cef"
LOCAL0: Final = 16  # facility
LEVELS: Final = ((0.85, 2), (0.6, 3), (0.4, 4), (0.2, 5), (0.0, 6))  # severity from → syslog severity (critical … informational)


def line(record: Told, about: About) -> str:
    """`CEF:0|Interferon|Interferon|VERSION|KIND|TEXT|0–10|key=value …`."""
    incident = isinstance(record, Incident)
    what = record.title if isinstance(record, Incident) else record.summary
    kind = "incident" if isinstance(record, Incident) else record.kind
    head = "|".join(_head(text) for text in ("CEF:0", VENDOR, VENDOR, about.version, kind, what))
    pairs = _pairs(record, about) | {"cat": "incident" if incident else "finding", "externalId": key(record)}
    return f"{head}|{round(severity(record) * 10)}|{' '.join(f'{name}={_value(value)}' for name, value in pairs.items() if value)}"


def _pairs(record: Told, about: About) -> dict[str, str]:
    if isinstance(record, Incident):
        subject, others = (record.entities or ("",))[0], record.entities[1:]
        times = {"start": str(record.opened // 1000), "rt": str(record.updated // 1000)}
        own = {
            "outcome": record.status,
            "cn1": str(round(record.p_attack * 100)),
            "cn1Label": "probabilityOfAttack",
            "cs2": ",".join(record.zones),
        }
        own |= {"cs2Label": "zones"} if record.zones else {}
    else:
        subject, others = record.entity, tuple(filter(None, record.related))
        times = {"rt": str(record.time // 1000)}
        own = {"cfp1": f"{record.p:.3g}", "cfp1Label": "tailProbability", "cs3": record.declared}
        own |= {"cs3Label": "declared"} if record.declared else {}
    thing = about.thing(subject)
    named = {
        "dvchost": thing.name,
        "dst": thing.ip,
        "cs1": ",".join(record.techniques),
        "cs1Label": "techniques" if record.techniques else "",
    }
    other = about.thing(others[0]) if others else None
    return times | named | ({"src": other.ip, "shost": other.name} if other is not None else {}) | own


def syslog(record: Told, about: About, host: str) -> bytes:
    """The line in an RFC 5424 frame, without a newline."""
    level = next(number for least, number in LEVELS if severity(record) >= least)
    micros = record.updated if isinstance(record, Incident) else record.time
    moment = f"{datetime.fromtimestamp(micros // 1_000_000, UTC):%Y-%m-%dT%H:%M:%S}.{micros % 1_000_000:06d}Z"
    identity = "".join(letter for letter in host if "!" <= letter <= "~")[:255] or "-"
    return f"<{LOCAL0 * 8 + level}>1 {moment} {identity} interferon - {key(record)[:32]} - {line(record, about)}".encode()


def _head(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")


def _value(text: str) -> str:
    return text.replace("\\", "\\\\").replace("=", "\\=").replace("\r", "\\r").replace("\n", "\\n")
