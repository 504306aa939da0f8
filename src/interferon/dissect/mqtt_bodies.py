"""What stands behind the fixed header of MQTT's packets other than PUBLISH. Called by `mqtt`, one reader a packet type. Pure.

Sources: OASIS MQTT 5.0 and 3.1.1, clause 3; MQTT V3.1, clause 3. A reader gives object and outcome, or None where the packet is malformed.
"""

from collections.abc import Callable
from typing import Any, Final, Protocol, TypeAlias

from interferon.dissect.mqtt_properties import RETURNS, SAMPLE, properties, reason, shown, text

LISTED: Final = 1024  # topics of one packet that are told
LEVELS: Final = {"MQIsdp": (3,), "MQTT": (4, 5)}

Fields: TypeAlias = dict[str, Any]
Read: TypeAlias = tuple[str, str] | None


class Connection(Protocol):
    """What a reader knows of the connection, and tells it."""

    version: int
    client: str

    def remember(self, number: int, to_server: bool, about: Any) -> None: ...
    def asked(self, number: int, to_server: bool, last: bool) -> Any: ...


Reader: TypeAlias = Callable[[Any, bytes, int, int, Fields, bool], Read]


def _known(data: bytes, at: int, stop: int, fields: Fields) -> int:
    """Properties go into `fields`; where they end, -1 where they are malformed."""
    read = properties(data, at, stop)
    if read is None:
        return -1
    if read[0]:
        fields["properties"] = read[0]
    return read[1]


def _connect(link: Connection, data: bytes, at: int, stop: int, fields: Fields, to_server: bool) -> Read:
    name, at = text(data, at, stop)
    if at < 0 or stop - at < 4:
        return None
    level, flags = data[at], data[at + 1]
    if name not in LEVELS:
        return None
    fields["protocol_string"], fields["protocol_version"] = name, level & 127
    if level > 127:
        fields["bridge"] = True  # how brokers mark a connection of their own
    fields["flags"] = {
        "username": flags & 128 > 0,
        "password": flags & 64 > 0,
        "will_retain": flags & 32 > 0,
        "will": flags & 4 > 0,
        "clean_session": flags & 2 > 0,
    }
    fields["keep_alive"] = data[at + 2] << 8 | data[at + 3]
    link.version = level & 127
    at += 4
    if level & 127 == 5:
        at = _known(data, at, stop, fields)
    if at < 0:
        return None
    client, at = text(data, at, stop)
    if at < 0:
        return None
    link.client = fields["client_id"] = client
    if flags & 4:
        at = _will(data, at, stop, flags, level & 127, fields)
    for flag, key in ((128, "username"), (64, "password")):
        if flags & flag and at >= 0:
            at = _value(data, at, stop, key, fields)
    if at < 0:
        return None
    if at < stop:
        fields["malformed"] = f"{stop - at} octets too many"
    return client, ""


def _value(data: bytes, at: int, stop: int, key: str, fields: Fields) -> int:
    """Octets with their length before them, told as text where they are; where they end, or -1."""
    begin = at + 2
    if stop < begin:
        return -1
    end = begin + (data[at] << 8 | data[at + 1])
    if end > stop:
        return -1
    fields[key], coded = shown(data, begin, end)
    if coded:
        fields[f"{key}_encoding"] = "hex"
    return end


def _will(data: bytes, at: int, stop: int, flags: int, version: int, fields: Fields) -> int:
    will: Fields = {"qos": flags >> 3 & 3}
    fields["will"] = will
    if version == 5:
        at = _known(data, at, stop, will)
        if at < 0:
            return -1
    will["topic"], at = text(data, at, stop)
    return _value(data, at, stop, "message", will) if at >= 0 else -1


def _connack(link: Connection, data: bytes, at: int, stop: int, fields: Fields, to_server: bool) -> Read:
    if stop - at < 2:
        return None
    code = data[at + 1]
    fields["session_present"], fields["return_code"] = data[at] & 1 > 0, code
    if not link.version:
        link.version = 5 if stop - at > 2 else 4
    if link.version == 5:
        fields["reason"] = reason(code)
        if stop - at > 2 and _known(data, at + 2, stop, fields) < 0:
            return None
    else:
        fields["reason"] = RETURNS.get(code) or reason(code)
    link.client = fields.get("properties", {}).get("assigned_client_identifier") or link.client
    return link.client, "failure" if code else "success"


def _acknowledges(last: bool, own: bool) -> Reader:
    """PUBACK, PUBREC, PUBREL, PUBCOMP: `own` where the publisher itself sends it, `last` where none comes after it."""

    def read(link: Connection, data: bytes, at: int, stop: int, fields: Fields, to_server: bool) -> Read:
        if stop - at < 2 or (stop - at > 2 and link.version in (3, 4)):
            return None
        fields["message_id"] = number = data[at] << 8 | data[at + 1]
        code = data[at + 2] if stop - at > 2 else 0
        if stop - at > 3 and _known(data, at + 3, stop, fields) < 0:
            return None
        if stop - at > 2:
            link.version = 5
        if link.version == 5:
            fields["reason_code"], fields["reason"] = code, reason(code)
        about = link.asked(number, to_server == own, last or code >= 128)
        if not isinstance(about, str):
            about = None
        fields["matched"] = about is not None
        if about:
            fields["topic"] = about
        return about or "", "failure" if code >= 128 else "" if own else "success"

    return read


def _filters(data: bytes, at: int, stop: int, options: bool, five: bool) -> list[tuple[str, int]] | None:
    """Topic filters, each with its options where it has some; None where they do not fill data[at:stop]."""
    found: list[tuple[str, int]] = []
    while at < stop:
        topic, at = text(data, at, stop)
        if at < 0 or not topic or at + options > stop:
            return None
        option = data[at] if options else 0
        if option & 3 == 3 or (option > 3 and not five):
            return None
        found.append((topic, option))
        at += options
    return found or None


def _asks(options: bool) -> Reader:
    """SUBSCRIBE and UNSUBSCRIBE."""

    def read(link: Connection, data: bytes, at: int, stop: int, fields: Fields, to_server: bool) -> Read:
        if stop - at < 2:
            return None
        fields["message_id"] = number = data[at] << 8 | data[at + 1]
        found = _filters(data, at + 2, stop, options, False) if link.version != 5 else None
        if found is None and link.version not in (3, 4):
            begin = _known(data, at + 2, stop, fields)
            found = _filters(data, begin, stop, options, True) if begin >= 0 else None
            link.version = 5 if found else link.version
        if found is None:
            return None
        names = [topic for topic, _ in found]
        fields["topics"] = [_option(*each, link.version) for each in found[:LISTED]] if options else names[:LISTED]
        if len(found) > LISTED:
            fields["count"] = len(found)
        link.remember(number, to_server, names if stop - at <= SAMPLE else [])
        return _listed(names), ""

    return read


def _option(topic: str, option: int, version: int) -> Fields:
    told: Fields = {"topic": topic, "qos": option & 3}
    if version == 5:
        told |= {"no_local": option & 4 > 0, "retain_as_published": option & 8 > 0, "retain_handling": option >> 4 & 3}
    return told


def _listed(names: list[str]) -> str:
    return ",".join(names[:8]) + (",…" if len(names) > 8 else "")


def _granted(key: str) -> Reader:
    """SUBACK and UNSUBACK: a code for each topic."""

    def read(link: Connection, data: bytes, at: int, stop: int, fields: Fields, to_server: bool) -> Read:
        if stop - at < 2:
            return None
        fields["message_id"] = number = data[at] << 8 | data[at + 1]
        asked = link.asked(number, not to_server, True)
        names = asked if isinstance(asked, list) else []
        begin = at + 2
        if link.version == 5 or (not link.version and _has_properties(data, begin, stop, key, len(names))):
            link.version = 5
            begin = _known(data, begin, stop, fields)
            if begin < 0:
                return None
        codes = list(data[begin : min(stop, begin + LISTED)])
        if codes or key == "qos_granted":
            fields[key] = codes
            fields["reasons"] = [reason(each) for each in codes]
        if stop - begin > LISTED:
            fields["count"] = stop - begin
        fields["matched"] = asked is not None
        if names:
            fields["topics"] = names
        return _listed(names), "failure" if any(each >= 128 for each in codes) else "success"

    return read


def _has_properties(data: bytes, at: int, stop: int, key: str, asked: int) -> bool:
    """Whether an answer is of version 5, where that is not known: by its length, as an UNSUBACK had no codes before."""
    if key != "qos_granted":
        return at < stop
    read = properties(data, at, stop)
    return read is not None and (len(read[0]) > 0 or (asked > 0 and stop - read[1] == asked))


def _ping(link: Connection, data: bytes, at: int, stop: int, fields: Fields, to_server: bool) -> Read:
    return (link.client, "") if at == stop else None


def _ends(link: Connection, data: bytes, at: int, stop: int, fields: Fields, to_server: bool) -> Read:
    """DISCONNECT; before version 5 it is empty."""
    if at < stop and link.version in (3, 4):
        return None
    code = data[at] if at < stop else 0
    if stop - at > 1 and _known(data, at + 1, stop, fields) < 0:
        return None
    if at < stop:
        link.version = 5
    if link.version == 5:
        fields["reason_code"], fields["reason"] = code, "normal_disconnection" if not code else reason(code)
    return link.client, "failure" if code >= 128 else ""


def _auth(link: Connection, data: bytes, at: int, stop: int, fields: Fields, to_server: bool) -> Read:
    code = data[at] if at < stop else 0
    if link.version in (3, 4) or (stop - at > 1 and _known(data, at + 1, stop, fields) < 0):
        return None
    link.version = 5
    fields["reason_code"], fields["reason"] = code, reason(code)
    return link.client, "failure" if code >= 128 else "" if code else "success"


READERS: Final[dict[str, Reader]] = {
    "connect": _connect,
    "connack": _connack,
    "puback": _acknowledges(last=True, own=False),
    "pubrec": _acknowledges(last=False, own=False),
    "pubrel": _acknowledges(last=False, own=True),
    "pubcomp": _acknowledges(last=True, own=False),
    "subscribe": _asks(options=True),
    "suback": _granted("qos_granted"),
    "unsubscribe": _asks(options=False),
    "unsuback": _granted("reason_codes"),
    "pingreq": _ping,
    "pingresp": _ping,
    "disconnect": _ends,
    "auth": _auth,
}
