"""One log event as a mapping of field to value, whatever shape its exporter gave it. Called by `plain`, `engine` and the readers."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

Fields = Mapping[str, Any]

NESTED: Final = ("Event", "winlog")  # where these are objects, the fields lie below them
NOTHING: Final[tuple[str, ...]] = ()
RENAMED: Final[Mapping[str, tuple[str, ...]]] = {
    "Provider_Name": ("SourceName", "ProviderName"),  # exporters' names of the attribute Name of System/Provider
    "Computer": ("Hostname",),
    "Data": ("Message",),  # the unnamed data of classic logs, which flat exports keep in the rendered message alone
}


def fields(event: Mapping[str, Any]) -> Fields:
    """The event's fields on one level: as they are where it is flat already; else System, EventData and UserData of Windows XML put into
    JSON (`Event`), or `winlog` of the Elastic Common Schema. `Channel`, `EventID` and `Provider_Name` get these names.
    """
    inner = event.get("Event")
    if inner.__class__ is dict:
        return _windows(inner)
    winlog = event.get("winlog")
    if winlog.__class__ is dict:
        return _elastic(event, winlog)
    return event


def _windows(event: Mapping[str, Any]) -> Fields:
    found: dict[str, Any] = {}
    system = event.get("System")
    if isinstance(system, Mapping):
        for name, value in system.items():
            found[name] = _content(value)
            if isinstance(value, Mapping):
                attributes = value.get("#attributes", value)
                for key, each in attributes.items() if isinstance(attributes, Mapping) else ():
                    if key.lstrip("@") != "#text":
                        found[f"{name}_{key.lstrip('@')}"] = each
    for part in ("EventData", "UserData"):
        _deep(event.get(part), part, found)
    return found


def _content(value: Any) -> Any:
    return value.get("#text") if isinstance(value, Mapping) else value


def _deep(value: Any, name: str, found: dict[str, Any]) -> None:
    """Every leaf below by its own name; `Data` with `#text` is one leaf, also as a list of them."""
    if isinstance(value, Mapping):
        if "#text" in value:
            found[name] = value["#text"]
            return
        for key, each in value.items():
            if key != "#attributes":
                _deep(each, key, found)
    else:
        found[name] = [_content(each) for each in value] if isinstance(value, list) else value
        if " " in name:  # rules write the names that some providers space (`Threat Name`) in one
            found[name.replace(" ", "")] = found[name]


def _elastic(event: Mapping[str, Any], winlog: Mapping[str, Any]) -> Fields:
    found = {name: value for name, value in event.items() if name != "winlog"}
    found |= {"Channel": winlog.get("channel"), "EventID": winlog.get("event_id"), "Provider_Name": winlog.get("provider_name")}
    found["Computer"] = winlog.get("computer_name")
    for part in ("event_data", "user_data"):
        below = winlog.get(part)
        if isinstance(below, Mapping):
            found |= below
    return found


def place(event: Fields) -> tuple[str, str]:
    """(channel, event id) as casefolded texts; "" where the event does not say."""
    channel, number = event.get("Channel"), event.get("EventID")
    return (channel.casefold() if isinstance(channel, str) else "", text(number) if isinstance(number, int | float | str) else "")


def text(value: Any) -> str:
    """A scalar of JSON as the text that rules are compared with: 5 and 5.0 are `5`, true is `true`."""
    if value.__class__ is str:
        return value
    if value.__class__ is bool:
        return "true" if value else "false"
    if value.__class__ is float and value.is_integer():
        return str(int(value))
    return str(value)


def texts(value: Any) -> tuple[str, ...]:
    """Every text of a value: none for null, one for a scalar, all leaves of a list or an object."""
    if value is None:
        return NOTHING
    if isinstance(value, Mapping):
        return tuple(each for item in value.values() for each in texts(item))
    if isinstance(value, list | tuple):
        return tuple(each for item in value for each in texts(item))
    return (text(value),)


def all_texts(event: Fields) -> Iterator[str]:
    """What keywords are looked for in."""
    for value in event.values():
        yield from texts(value)


def getter(field: str) -> Callable[[Fields], Any]:
    """How to read a field: its own name first, then what exporters call it."""
    others = RENAMED.get(field)
    if others is None:
        return lambda event: event.get(field)

    def get(event: Fields) -> Any:
        value = event.get(field)
        for name in others if value is None else ():
            value = event.get(name) if value is None else value
        return value

    return get
