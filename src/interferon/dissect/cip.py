"""CIP messages in EtherNet/IP: services, what they are about, how they were answered. Called by `enip`. Pure.

Sources: ODVA, The CIP Networks Library, volume 1 (chapter 2 messages, appendices A to C); Rockwell Automation 1756-PM020.
"""

from collections.abc import Sequence
from functools import lru_cache
from struct import unpack_from
from typing import Any, Final, NamedTuple, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from interferon.dissect import cip_data as bodies
from interferon.dissect import cip_identity as identities
from interferon.dissect import cip_names as names
from interferon.dissect.cip_path import KEPT, Path, path
from interferon.dissect.known import Known

DEPTH: Final = 3  # messages within messages
SHORT: Final = 512  # octets of a message that is kept as a whole, as controllers are polled
SMALL: Final = 64  # octets of such a service within a message
INNER: Final = 256  # services of one packet that are told
FIRST_OWN: Final = 0x4B  # services that each class has of its own begin here
CARRIES: Final = 0x52  # unconnected_send: answered by the service that it carries, or itself where no device answered

Fields: TypeAlias = dict[str, Any]


class Asked(Struct, frozen=True, eq=False):
    """What of a request its response needs. `thing` is what it is about, `name` its service. Compared as one object, for the caches."""

    service: int
    name: str
    thing: str
    number_class: int
    attribute: int
    tag: bool
    inner: "tuple[Asked, ...]" = ()  # of a multiple_service_packet
    opens: int = -1  # O→T connection of a forward_open


class Head(NamedTuple):
    """Service and path of a request, cached."""

    asked: Asked
    path: Path


class More(NamedTuple):
    """What some responses tell beside what all do: the value that was read, the device that answers, a connection that was opened."""

    fields: Fields
    device: Fields | None
    opened: tuple[int, int] | None


Request: TypeAlias = tuple[Asked, Fields]  # and what it says
Answer: TypeAlias = tuple[Fields, str, str, str, bool, More | None]  # what it says, code, object, outcome, whether it is matched


def _head(raw: bytes) -> Head:
    """The head of a request: service, words of the path, path."""
    return _known_head(raw) if len(raw) <= KEPT else _read_head(raw)


def _read_head(raw: bytes) -> Head:
    about = path(raw[2:])
    number = raw[0]
    name = names.service(number, about.number_class, about.tag or (about.number_class < 0 and number >= FIRST_OWN and not about.segments))
    return Head(Asked(number, name, about.name, about.number_class, about.attribute, about.tag), about)


_known_head = lru_cache(4096)(_read_head)


class _Requests(Known[bytes, Request | None]):
    """Requests of at most SHORT octets that were read before: what they say is not to be changed."""

    def __missing__(self, raw: bytes) -> Request | None:
        found = request(raw, 0, len(raw))
        if (found is None or 2 * raw[1] <= KEPT) and self.room():
            self[raw] = found
        return found


class _Answers(Known[tuple[bytes, Asked | None], Answer]):
    """The same of responses of at least four octets, each with the request under whose key it came."""

    def __missing__(self, key: tuple[bytes, Asked | None]) -> Answer:
        found = answer(key[0], 0, len(key[0]), key[1])
        if self.room():
            self[key] = found
        return found


# Dicts and no decorated functions, as the call of one costs more than the look.
REQUESTS: Final = _Requests(2048)
ANSWERS: Final = _Answers(4096)


@lru_cache(4096)
def _inner_request(raw: bytes, depth: int) -> tuple[Asked, Fields] | None:
    return request(raw, 0, len(raw), depth)


def request(raw: bytes, at: int, end: int, depth: int = 0) -> tuple[Asked, Fields] | None:
    """The request in raw[at:end], and what it says; None where its head is cut."""
    if end - at < 2:
        return None
    stop = at + 2 + 2 * raw[at + 1]
    if stop > end:
        return None
    asked, about = _head(raw[at:stop])
    told: Fields = {"service": asked.name, "service_code": asked.service, "path": about.segments}
    if about.number_class >= 0:
        told["class_name"] = names.CLASSES.get(about.number_class) or f"class_{about.number_class}"
    if about.malformed:
        told["malformed"] = about.malformed
    if stop == end:
        return asked, told
    number = asked.service
    if number == 0x0A and depth < DEPTH:
        inner: list[Asked] = []
        told["services"] = services = []
        _counted(raw, stop, end, told)
        for begin, behind in _parts(raw, stop, end):
            small = behind - begin <= SMALL
            found = _inner_request(raw[begin:behind], depth + 1) if small else request(raw, begin, behind, depth + 1)
            if found is None:
                services.append({"malformed": raw[begin:behind][:64].hex()})
                inner.append(Asked(-1, "", "", -1, -1, False))
                continue
            inner.append(found[0])
            services.append(found[1])
        return replace(asked, inner=tuple(inner)), told
    if asked.name == "unconnected_send" and depth < DEPTH:
        return _carried(raw, stop, end, asked, told, depth)
    return _details(raw, stop, end, asked, told), told


def _parts(raw: bytes, at: int, end: int) -> list[tuple[int, int]]:
    """Where the services of a packet begin and end: a count, and the place of each, counted from there.

    Each octet belongs to one service: of two that begin at one place the second is empty.
    """
    if end - at < 2:
        return []
    count = min(raw[at] | raw[at + 1] << 8, (end - at - 2) // 2, INNER)
    begins = [at + place for place in unpack_from(f"<{count}H", raw, at + 2)]
    ordered = sorted({begin for begin in begins if at + 2 + 2 * count <= begin < end})
    if ordered == begins:
        return list(zip(begins, [*begins[1:], end], strict=False))
    behind = dict(zip(ordered, [*ordered[1:], end], strict=False))
    return [(begin, behind.pop(begin, begin)) for begin in begins if begin <= end]


def _counted(raw: bytes, at: int, end: int, told: Fields) -> None:
    """How many services a packet has, where not all are told."""
    count = raw[at] | raw[at + 1] << 8 if end - at >= 2 else 0
    if count > INNER:
        told["count"] = count


def _carried(raw: bytes, at: int, end: int, outer: Asked, told: Fields, depth: int) -> tuple[Asked, Fields]:
    """unconnected_send: time, a message for another device, and the way there. Its answer is that of the message."""
    if end - at < 4:
        return outer, told
    size = raw[at + 2] | raw[at + 3] << 8
    told["timeout_ms"] = (1 << (raw[at] & 15)) * raw[at + 1]
    stop = at + 4 + size
    found = request(raw, at + 4, min(stop, end), depth + 1)
    stop += size & 1
    if stop + 2 <= end:
        way = path(raw[stop + 2 : min(end, stop + 2 + 2 * raw[stop])])
        told["route"], told["route_segments"] = way.name, way.segments
    if found is None or at + 4 + size > end:
        told["malformed"] = f"a message of {size} octets, of which {max(end - at - 4, 0)} are there"
        return outer, told
    told["message"] = found[1]
    return found[0], told


def _details(raw: bytes, at: int, end: int, asked: Asked, told: Fields) -> Asked:
    """What stands behind the path goes into `told`."""
    number, name = asked.service, asked.name
    if number == 0x03:
        bodies.numbers(raw, at, end, told)
    elif name in ("read_tag", "read_tag_fragmented"):
        if end - at >= 2:
            told["elements"] = raw[at] | raw[at + 1] << 8
        if end - at >= 6:
            told["offset"] = int.from_bytes(raw[at + 2 : at + 6], "little")
    elif name in ("write_tag", "write_tag_fragmented"):
        bodies.write(raw, at, end, told, name == "write_tag_fragmented")
    elif name == "read_modify_write_tag":
        bodies.masks(raw, at, end, told)
    elif name == "get_instance_attribute_list":
        bodies.numbers(raw, at, end, told)
    elif name in ("forward_open", "large_forward_open"):
        bodies.opening(raw, at, end, told, name == "large_forward_open")
        return replace(asked, opens=told.get("o_to_t", -1), thing=told.get("connection_path") or asked.thing)
    elif name == "forward_close":
        bodies.closing(raw, at, end, told)
        return replace(asked, thing=told.get("connection_path") or asked.thing)
    elif name == "execute_pccc":
        where = bodies.pccc(raw, at, end, told, answer=False)
        return replace(asked, thing=where or asked.thing)
    else:
        bodies.data(raw, at, end, told)
    return asked


def answer(raw: bytes, at: int, end: int, asked: Asked | None) -> Answer:
    """All that is told of the response in raw[at:end], of at least four octets; `asked` may be of another service."""
    number = raw[at] & 127
    if asked is not None and asked.service != number and number != CARRIES:
        asked = None
    told = response(raw, at, end, asked)
    device: Fields | None = None
    for each in (told, *told.get("services", ())):
        if "identity" in each:
            device = (device or {}) | identities.device(each["identity"])
    opened = (told["o_to_t"], told["t_to_o"]) if asked is not None and asked.opens >= 0 and "t_to_o" in told else None
    value: Fields = {"value": told["value"]} if "value" in told else {}
    more = More(value, device, opened) if value or device is not None or opened is not None else None
    outcome = "failure" if _failed(told) else "success"
    if asked is None:
        return told, told["service"], "", outcome, False, more
    return told, asked.name, asked.thing, outcome, True, more


@lru_cache(8192)
def _inner_response(raw: bytes, asked: Asked | None, depth: int) -> Fields:
    return response(raw, 0, len(raw), asked, depth) if len(raw) >= 4 else {"malformed": raw.hex()}


def response(raw: bytes, at: int, end: int, asked: Asked | None, depth: int = 0) -> Fields:
    """The response in raw[at:end], of at least four octets, to what was `asked`, where that was captured."""
    number, state, words = raw[at] & 127, raw[at + 2], raw[at + 3]
    if asked is not None and asked.service == number:
        name = asked.name
    else:
        asked, name = None, _unasked(number)
    if name == "read_tag" and asked is None and not bodies.typed(raw, at + 4 + 2 * words, end):
        name = f"service_{number}"
    told: Fields = {"service": name, "service_code": number, "status": names.status(state), "status_code": state}
    stop = at + 4 + 2 * words
    if stop > end:
        told["malformed"] = f"{words} words of extended status, {end - at - 4} octets are there"
        return told
    if words:
        told["status_extended"] = [raw[each] | raw[each + 1] << 8 for each in range(at + 4, stop, 2)]
        meaning = names.EXTENDED.get(told["status_extended"][0]) if state == 1 else None
        if meaning:
            told["status_meaning"] = meaning
    if stop < end:
        _answer(raw, stop, end, state, name, asked, told, depth)
    return told


def _unasked(number: int) -> str:
    """A service whose request was not captured: of those that differ by class what is most common of that number."""
    return names.SERVICES.get(number) or names.OF_CLASS[names.MANAGER].get(number) or names.TAGS.get(number) or f"service_{number}"


def _answer(raw: bytes, at: int, end: int, state: int, name: str, asked: Asked | None, told: Fields, depth: int) -> None:
    """What stands behind the status."""
    if name == "multiple_service_packet" and depth < DEPTH:
        inner = asked.inner if asked is not None else ()
        _counted(raw, at, end, told)
        told["services"] = _answers(raw, _parts(raw, at, end), inner, depth + 1)
    elif name in ("read_tag", "read_tag_fragmented") and state in (0, names.PARTIAL):
        bodies.values(raw, at, end, told)
    elif name in ("forward_open", "large_forward_open") and not state:
        bodies.opened(raw, at, end, told)
    elif name in ("forward_open", "large_forward_open", "forward_close"):
        bodies.refused(raw, at, end, told)
    elif name == "execute_pccc":
        bodies.pccc(raw, at, end, told, answer=True)
    else:
        if not state or state == 0x0A:
            _identity(raw, at, end, name, asked, told)
        bodies.data(raw, at, end, told)


def _answers(raw: bytes, parts: list[tuple[int, int]], inner: Sequence[Asked | None], depth: int) -> list[Fields]:
    """The services of a response, each with the one of the request at its place."""
    if len(inner) < len(parts):
        inner = [*inner, *[None] * (len(parts) - len(inner))]
    return [
        _inner_response(raw[begin:behind], asked, depth) if behind - begin <= SMALL else response(raw, begin, behind, asked, depth)
        for (begin, behind), asked in zip(parts, inner, strict=False)
    ]


def _identity(raw: bytes, at: int, end: int, name: str, asked: Asked | None, told: Fields) -> None:
    """What the identity object says of the device; without the request an answer to get_attributes_all is believed that fits exactly."""
    found: Fields = {}
    if asked is None:
        if name == "get_attributes_all" and end - at > 15 and raw[at + 14] and raw[at + 15 : end].isascii():
            found = {} if identities.identity(raw, at, end, found) != end else found
    elif asked.number_class == names.IDENTITY:
        if name == "get_attributes_all":
            identities.identity(raw, at, end, found)
        elif name == "get_attribute_single":
            identities.attribute(raw, at, end, asked.attribute, found)
        elif name == "get_attribute_list":
            identities.identity_list(raw, at, end, found)
    if found:
        told["identity"] = found


def _failed(told: Fields) -> bool:
    """Whether a response tells a failure, its own or that of a service within it."""
    if told.get("status_code", 0) not in (0, names.PARTIAL):
        return True
    return any(_failed(each) for each in told.get("services", ()))
