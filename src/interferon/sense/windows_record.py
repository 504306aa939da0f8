"""A Windows event record in any shape that exporters write, read as one: channel, event id, computer, time and named data.

Called by `sense.windows_kinds`. Pure. Shapes: Windows XML put into JSON (`Event`), `winlog` of the Elastic Common Schema, and flat (NXLog).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from interferon.sense.moments import micros
from interferon.sense.record_rows import encoded, listed, table, text

# channels of records that name their provider alone
PROVIDERS: Final = {
    "microsoft-windows-security-auditing": "Security",
    "microsoft-windows-sysmon": "Microsoft-Windows-Sysmon/Operational",
    "microsoft-windows-powershell": "Microsoft-Windows-PowerShell/Operational",
    "powershell": "Windows PowerShell",
    "service control manager": "System",
}
FLAT_IDS: Final = ("EventID", "EventId", "event_id")
# the first that is there; zoned ones come first, since exporters write the others in the host's own time
FLAT_TIMES: Final = ("TimeCreated", "@timestamp", "timestamp", "SystemTime", "EventTime", "EventReceivedTime")


class Seen(NamedTuple):
    """What every record says. `data`: the event's own fields by name; `record`: the whole as JSON, as rules read it."""

    channel: str
    number: int
    host: str  # small letters
    time: int  # microseconds UTC
    level: str
    message: str
    data: Mapping[str, Any]
    record: bytes

    @property
    def entity(self) -> str:
        return f"address:{self.host}"

    def text(self, *names: str) -> str:
        """The first of the fields that says something; a dash says nothing."""
        for name in names:
            value = self.data.get(name)
            if value is not None and (found := text(value)):
                return found
        return ""


def seen(record: Mapping[str, Any], raw: bytes = b"") -> Seen:
    """`raw`: the record as it came, where it is known. ValueError where it is no Windows record, or names neither computer nor time."""
    if isinstance(record.get("Event"), dict):
        return _of_xml(record, record["Event"], raw)
    if isinstance(record.get("winlog"), dict):
        return _of_elastic(record, record["winlog"], raw)
    return _of_flat(record, raw)


def is_windows(record: Mapping[str, Any]) -> bool:
    """Whether it is certainly one: a channel or provider of Windows, and an event id."""
    if isinstance(event := record.get("Event"), dict):
        system = table(event.get("System"))
        return "EventID" in system and ("Channel" in system or "Provider" in system)
    if isinstance(winlog := record.get("winlog"), dict):
        return isinstance(winlog.get("channel"), str) and "event_id" in winlog
    channelled = isinstance(record.get("Channel"), str) and bool(record["Channel"])
    named = text(record.get("SourceName")).lower() in PROVIDERS or any(name in record for name in ("Hostname", "Computer", "ProviderGuid"))
    return channelled and named and any(name in record for name in FLAT_IDS)


def _of_xml(record: Mapping[str, Any], event: dict[str, Any], raw: bytes) -> Seen:
    system = table(event.get("System"))
    data: dict[str, Any] = {}
    named = _named(event)
    for part in ("EventData", "UserData"):
        _leaves(named.get(part), part, data, 8)
    created = _attribute(system.get("TimeCreated"), "SystemTime")
    provider = _attribute(system.get("Provider"), "Name")
    message = text(table(event.get("RenderingInfo")).get("Message")) or text(record.get("Message"))
    channel = text(_content(system.get("Channel"))) or _channel(provider)
    whole = raw or record if named is event else {**record, "Event": named}
    return _seen(channel, system.get("EventID"), system.get("Computer"), (created,), system.get("Level"), message, data, whole)


def _named(event: dict[str, Any]) -> dict[str, Any]:
    """The event with `<Data Name=…>` under its names, where the converter of the XML kept them as a list."""
    items = table(event.get("EventData")).get("Data")
    names = [_attribute(item, "Name") for item in (items if isinstance(items, list) else [items])]
    if not any(names):
        return event
    pairs = zip(names, items if isinstance(items, list) else [items], strict=True)
    return {**event, "EventData": {name: _content(item) for name, item in pairs if name}}


def _of_elastic(record: Mapping[str, Any], winlog: dict[str, Any], raw: bytes) -> Seen:
    data = {**table(winlog.get("user_data")), **table(winlog.get("event_data"))}
    provider = text(winlog.get("provider_name"))
    channel = text(winlog.get("channel")) or _channel(provider)
    host = table(record.get("host"))
    computer = text(winlog.get("computer_name")) or text(host.get("name")) or text(host.get("hostname"))
    number = winlog["event_id"] if "event_id" in winlog else table(record.get("event")).get("code")
    times = (data.get("UtcTime"), record.get("@timestamp"), table(record.get("event")).get("created"))
    level = text(table(record.get("log")).get("level")) or winlog.get("level")
    return _seen(channel, number, computer, times, level, text(record.get("message")), data, raw or record)


def _of_flat(record: Mapping[str, Any], raw: bytes) -> Seen:
    get = record.get
    said = text(get("Channel"))
    channel = said or _channel(text(get("SourceName")) or text(get("ProviderName")) or text(get("Provider_Name")))
    number = next((record[name] for name in FLAT_IDS if name in record), None) if channel else None
    computer = get("Hostname") or get("Computer") or get("MachineName")
    message, level = text(get("Message") or get("message")), get("Severity") or get("Level")
    whole = raw or record if said else {**record, "Channel": channel}
    return _seen(channel, number, computer, _times(record), level, message, record, whole)


def _times(record: Mapping[str, Any]) -> Iterator[Any]:
    """Every time that a flat record says, the surest first: Sysmon's own, those with a zone, those of the host's clock."""
    if "UtcTime" in record:
        yield record["UtcTime"]
    given = [record[name] for name in FLAT_TIMES if name in record]
    yield from (each for each in given if isinstance(each, str) and (each.endswith("Z") or each[-6:-5] in ("+", "-")))
    yield from given


def _channel(provider: str) -> str:
    return PROVIDERS.get(provider.lower(), provider)


def _seen(
    channel: str,
    number: Any,
    host: Any,
    times: Iterable[Any],
    level: Any,
    message: str,
    data: Mapping[str, Any],
    record: Mapping[str, Any] | bytes,
) -> Seen:
    time, told = _moment(times)
    event, computer = _number(number), text(_content(host)).lower().rstrip(".")
    if event < 0:
        raise ValueError("is no Windows event: it has no event id; it would hold `Event`, `winlog`, or `Channel` and `EventID`")
    if not computer:
        raise ValueError("the Windows event names no computer; it would be in Computer, Hostname or winlog.computer_name")
    if not time:
        raise ValueError(f"the Windows event has no time that can be read: {told!r}; it would be ISO 8601")
    whole = record if isinstance(record, bytes) else encoded(record)
    return Seen(channel, event, computer, time, text(level).lower(), message, data, whole)


def _moment(times: Iterable[Any]) -> tuple[int, str]:
    """The first that can be read, or 0; and what is told where none can."""
    told = ""
    for each in times:
        found = micros(each)
        if found is not None:
            return found, ""
        told = told or text(each)[:60]
    return 0, told


def _number(value: Any) -> int:
    if value.__class__ is int:
        return int(value)
    said = text(_content(value))
    return int(said) if said.isascii() and said.isdigit() and len(said) < 11 else -1


def _content(value: Any) -> Any:
    return value.get("#text") if isinstance(value, dict) else value


def _attribute(value: Any, name: str) -> str:
    """An attribute of an XML element, as the converters name it."""
    inner = table(value)
    inner = table(inner.get("#attributes")) or inner
    return text(inner.get(name)) or text(inner.get(f"@{name}"))


def _leaves(value: Any, name: str, found: dict[str, Any], depth: int) -> None:
    if isinstance(value, dict):
        if "#text" in value:
            found[name] = value["#text"]
        elif depth:
            for key, each in value.items():
                if key not in ("#attributes", "@xmlns"):
                    _leaves(each, key, found, depth - 1)
    elif isinstance(value, list):
        found[name] = [_content(each) for each in value]
    else:
        found[name] = value


def strings(data: Mapping[str, Any]) -> list[str]:
    """The unnamed texts of a classic event (`Data`), in order."""
    value = data.get("Data")
    value = value if isinstance(value, list) else listed(table(value).get("#text")) or [value]
    return [text(each) for each in value if text(each)]
