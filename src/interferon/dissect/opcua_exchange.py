"""Requests and responses of OPC UA's services, each response with what it answers. Called by `opcua`. Pure.

Source: IEC 62541-4 (OPC 10000-4). They are paired by the request id of the sequence header (IEC 62541-6, clause 6.7.2.4).
"""

from typing import Any, Final, NamedTuple, TypeAlias

from interferon.dissect import opcua_headers as headers
from interferon.dissect import opcua_services as services
from interferon.dissect.opcua_names import FAULT, MANAGEMENT, RESPONSES, SERVICES, is_bad
from interferon.dissect.opcua_types import BROKEN, node_id

WAITING: Final = 256  # requests without an answer
HANDLES: Final = 4096  # monitored nodes whose handle is remembered
BUILD_INFO: Final = {"i=2261": "product", "i=2263": "manufacturer", "i=2264": "version"}  # nodes of every server

Fields: TypeAlias = dict[str, Any]
Told: TypeAlias = tuple[str, str, str, str]  # role, code, object, outcome


class Asked(NamedTuple):
    """What of a request its answer needs."""

    service: str
    thing: str
    nodes: list[str]


class Exchange:
    """The requests of one connection that wait, and the nodes that its subscriptions monitor."""

    def __init__(self) -> None:
        self._waiting: dict[int, Asked] = {}
        self._monitored: dict[int, str] = {}  # by client handle

    def thing(self, number: int) -> str:
        """What the request with this id is about."""
        asked = self._waiting.get(number)
        return asked.thing if asked else ""

    def message(self, body: bytes, number: int, fields: Fields) -> Told:
        """A whole message: what it says goes into `fields`. Raises one of `BROKEN` where it has no type."""
        kind, at = node_id(body, 0)
        type_id = int(kind[2:]) if kind.startswith("i=") else -1
        fields["type_id"] = type_id
        if type_id in SERVICES:
            return self._request(body, at, SERVICES[type_id], number, fields)
        if type_id in RESPONSES or type_id == FAULT:
            return self._response(body, at, RESPONSES.get(type_id, ""), number, fields)
        fields["body"] = body[at : at + 64].hex()
        return "message", f"type_{type_id}" if type_id >= 0 else "unknown", kind, ""

    def _request(self, body: bytes, at: int, service: str, number: int, fields: Fields) -> Told:
        told: Fields = {}
        named: list[str] = []
        thing = ""
        try:
            at = headers.request(body, at, fields)
            told, named, thing = services.request(service, body[at:])
        except BROKEN as error:
            fields["malformed"] = f"a {service} request that is cut: {error}"
        fields |= told
        if service == "activate_session":
            identity = told.get("identity") or {}
            fields["token_kind"] = services.TOKENS.get(identity.get("type", ""), "anonymous")
            if "user" in identity:
                thing = fields["user"] = identity["user"]
        elif service == "create_monitored_items":
            self._monitor(told)
        elif service == "write":
            _value(fields, told.get("nodes", ()))
        if len(self._waiting) >= WAITING:
            del self._waiting[next(iter(self._waiting))]
        self._waiting[number] = Asked(service, thing, named)
        return "message" if service in MANAGEMENT else "command", service, thing, ""

    def _monitor(self, told: Fields) -> None:
        for each in told.get("items", ()):
            handle, node = each["parameters"].get("client_handle"), each["monitor"].get("node")
            if len(self._monitored) < HANDLES or handle in self._monitored:
                self._monitored[handle] = node

    def _response(self, body: bytes, at: int, service: str, number: int, fields: Fields) -> Told:
        asked = self._waiting.pop(number, None)
        if asked is not None and service not in ("", asked.service):
            asked = None
        fields["matched"] = asked is not None
        code = service or (asked.service if asked else "service_fault")
        if not service:
            fields["fault"] = True
        thing, outcome = asked.thing if asked else "", ""
        told: Fields = {}
        try:
            at = headers.response(body, at, fields)
            outcome = "failure" if is_bad(fields["result"]) or not service else "success"
            if service in services.RESPONSES and at < len(body):
                told, _ = services.RESPONSES[service](body, at)
        except BROKEN as error:
            fields["malformed"] = f"a {code} response that is cut: {error}"
        fields |= told
        if outcome == "success" and service in services.VERDICTS and services.refused(service, told):
            outcome = "failure"
        if service == "publish":
            thing = self._published(told) or thing
        elif service == "read":
            _value(fields, [{"data": each} for each in told.get("results", ())])
            _device(fields, asked.nodes if asked else [], told.get("results", []))
        return "message" if code in MANAGEMENT else "response", code, thing, outcome

    def _published(self, told: Fields) -> str:
        """The nodes whose values are told, each with its id where its subscription was captured."""
        named: list[str] = []
        for notification in told.get("notifications", ()):
            for each in (notification or {}).get("items", ()):
                node = self._monitored.get(each.get("client_handle", -1))
                if node:
                    each["node"] = node
                    named.append(node)
        return services.about(told, named)


def _value(fields: Fields, written: Any) -> None:
    """The one value that is written or read, under the name that all protocols share."""
    if len(written) == 1 and "value" in written[0].get("data", {}):
        fields["value"] = written[0]["data"]["value"]


def _device(fields: Fields, asked: list[str], results: list[Fields]) -> None:
    """What a server says of its own make: nodes of its BuildInfo, or the structure itself."""
    build: Fields = {}
    for place, each in enumerate(results):
        value = each.get("value")
        name = BUILD_INFO.get(asked[place]) if place < len(asked) else None
        if isinstance(value, dict) and ("build_info" in value or "manufacturer" in value):
            build |= value.get("build_info") or value
        elif name and isinstance(value, str) and value:
            build[name] = value
    shared = {"vendor": "manufacturer", "model": "product", "firmware": "version"}
    found = {name: build[key] for name, key in shared.items() if build.get(key)}
    if found:
        fields["device"] = found
