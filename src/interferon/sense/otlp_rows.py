"""What the records of OpenTelemetry mean: log messages, API calls of services and of AI agents, telemetry. Pure.

Called by `otlp_json` and `otlp_protobuf`, which read the two encodings. Sources: the OTLP data model, and OpenTelemetry's semantic
conventions for resources, HTTP, RPC, databases, messaging, generative AI and MCP, in their current and previous names.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from interferon.sense.cloud_records import address, first_text
from interferon.sense.record_rows import Activity, Sample, count, encoded, text

Attributes = Mapping[str, Any]

KEPT: Final = 128  # attributes of one record
LONGEST: Final = 1000  # characters of one value: prompts and arguments of tools have no limit of their own
SIGNAL: Final = 240  # characters of a signal's name
DEPTH: Final = 32  # spans above one in which its agent is looked for
KINDS: Final = ("unspecified", "internal", "server", "client", "producer", "consumer")
SEVERITIES: Final = ("trace", "debug", "info", "warning", "error", "fatal")
UNNAMED: Final = "unknown_service"

AGENT: Final = ("gen_ai.agent.name", "gen_ai.agent.id", "agent.name", "graph.node.id")
OPERATION: Final = ("gen_ai.operation.name", "llm.request.type", "openinference.span.kind", "traceloop.span.kind", "mcp.method.name")
TOOL: Final = ("gen_ai.tool.name", "mcp.tool.name", "tool.name", "tool_call.function.name")
MODEL: Final = (
    *("gen_ai.response.model", "gen_ai.request.model", "llm.response.model", "llm.request.model", "llm.model_name"),
    *("embedding.model_name", "gen_ai.model"),
)
ARGUMENTS: Final = ("gen_ai.tool.call.arguments", "tool.parameters", "tool_call.function.arguments", "mcp.request.argument", "input.value")
TOKENS_IN: Final = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.usage.prompt_tokens", "llm.token_count.prompt")
TOKENS_OUT: Final = (
    *("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.usage.completion_tokens", "llm.token_count.completion"),
)
TOKENS: Final = ("gen_ai.usage.total_tokens", "llm.usage.total_tokens", "llm.token_count.total")
SCOPE: Final = ("gen_ai.data_source.id", "mcp.resource.uri", "db.collection.name", "db.namespace", "db.name")
GENERATIVE: Final = ("gen_ai.", "llm.", "openinference.", "mcp.", "traceloop.")

PERSON: Final = ("enduser.id", "user.name", "user.id", "user.email")
CLIENT: Final = ("client.address", "client.socket.address", "network.peer.address", "net.sock.peer.addr", "net.peer.ip", "http.client_ip")
SERVER: Final = ("server.address", "net.peer.name", "peer.service", "net.host.name", "http.host", "db.connection_string")
PATH: Final = ("http.route", "url.template", "url.path", "http.target", "url.full", "http.url")
METHOD: Final = ("http.request.method", "http.method", "rpc.method", "db.operation.name", "db.operation", "messaging.operation.name")
STATUS: Final = ("http.response.status_code", "http.status_code")
SIZE: Final = ("http.response.body.size", "http.response_content_length", "http.response.size")


class Log(NamedTuple):
    """A log record. Times in nanoseconds since 1970, 0 where they are not said; `severity` 1–24, 0 where it is not."""

    time: int
    observed: int
    severity: int
    severity_text: str
    body: Any
    event: str
    attributes: Attributes
    trace: str
    span: str


class Span(NamedTuple):
    """A span. `kind` and `status` are the numbers of OTLP: 2 a server, 3 a client; 1 good, 2 an error."""

    trace: str
    id: str
    parent: str
    name: str
    kind: int
    start: int
    end: int
    attributes: Attributes
    status: int
    message: str


class Point(NamedTuple):
    """A number of a metric at a time; `value` None where the source said that it has none."""

    name: str
    time: int
    value: float | None
    attributes: Attributes


class Origin:
    """What produced the records: the attributes of its resource, and the instrumentation scope's name."""

    def __init__(self, resource: Attributes, scope: str = "") -> None:
        self.resource, self.scope = resource, scope
        self.service = self._named("service.name", "k8s.deployment.name", "k8s.container.name", "container.name", "process.executable.name")
        self.host = self._named("host.name", "host.id", "k8s.node.name", "k8s.pod.name", "host.ip").lower()

    def _named(self, *names: str) -> str:
        """An SDK that was told no name makes one up, which says nothing."""
        found = first_text(*(self.resource.get(name) for name in names))
        return "" if found.startswith(UNNAMED) else found


def _micros(nanos: int, what: str) -> int:
    """ValueError where there is no time, or one that no row holds."""
    if not 0 < nanos < 1 << 63:
        raise ValueError(f"{what} is {nanos}; it would be nanoseconds since 1970")
    return nanos // 1000


def _first(attributes: Attributes, names: tuple[str, ...]) -> str:
    for name in names:
        if name in attributes and (found := text(attributes[name])):
            return found
    return ""


def _kept(attributes: Attributes) -> dict[str, Any]:
    return {name: bounded(value) for name, value in list(attributes.items())[:KEPT]}


def bounded(value: Any) -> Any:
    """A value of bounded length; a long or nested one as the beginning of its text."""
    if isinstance(value, str):
        return value[:LONGEST]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list | dict):
        said = encoded(value)
        return value if len(said) <= LONGEST else said.decode()[:LONGEST]
    return value


def log(record: Log, origin: Origin) -> Activity:
    """`log.message` of the host, or of the service where no host is named."""
    body, severity = record.body, record.severity
    message = body if isinstance(body, str) else "" if body is None else encoded(body).decode()
    word = record.severity_text.lower() or (SEVERITIES[(severity - 1) // 4] if 0 < severity <= 24 else "")
    person, service = _first(record.attributes, PERSON), origin.service
    told = {"message": message[: 4 * LONGEST], "severity": word, "service": service, "trace_id": record.trace, "span_id": record.span}
    return Activity(
        time=_micros(record.time or record.observed, "timeUnixNano"),
        entity=f"address:{origin.host or service or 'unknown'}",
        kind="log.message",
        source=address(_first(record.attributes, CLIENT)),
        actor=f"identity:{person}" if person else None,
        object=_first(record.attributes, ("log.file.name", "log.logger", "logger.name")) or origin.scope or service or None,
        code=record.event or _first(record.attributes, ("event.name",)) or None,
        attributes={**_kept(record.attributes), **_said(told)},
    )


def spans(listed: list[Span], origin: Origin) -> Iterator["Activity | ValueError"]:
    """An `api.call` for each span, or why it is none. What an agent's span leads to is the agent's, though only that span names it."""
    above = {span.id: span for span in listed}
    for span in listed:
        try:
            yield _generative(span, origin, above) if _is_generative(span.attributes) else _call(span, origin)
        except ValueError as error:
            yield error


def _is_generative(attributes: Attributes) -> bool:
    return any(name.startswith(GENERATIVE) for name in attributes)


def _generative(span: Span, origin: Origin, above: Mapping[str, Span]) -> Activity:
    """Which agent called which tool or model, with how many tokens."""
    held = span.attributes
    who = f"identity:{_agent(span, above) or origin.service or origin.host or 'unknown'}"
    tool, model, operation = _first(held, TOOL), _first(held, MODEL), _first(held, OPERATION).lower()
    told = {
        "tokens": _tokens(held),
        "model": model,
        "scope": _first(held, SCOPE),
        "arguments": next((bounded(held[name]) for name in ARGUMENTS if held.get(name)), None),
        "provider": _first(held, ("gen_ai.provider.name", "gen_ai.system", "llm.vendor", "llm.provider")),
        "conversation": _first(held, ("gen_ai.conversation.id", "session.id", "mcp.session.id")),
    }
    server = _first(held, SERVER)
    return Activity(
        time=_micros(span.start, "startTimeUnixNano"),
        entity=who,
        kind="api.call",
        actor=who,
        source=address(origin.host),
        target=server or None,
        object=tool or model or span.name or None,
        code=operation or ("execute_tool" if tool else KINDS[span.kind]),
        outcome=_outcome(span),
        attributes={**_kept(held), **_common(span, origin), **_said(told)},
    )


def _agent(span: Span, above: Mapping[str, Span]) -> str:
    for _ in range(DEPTH):
        if found := _first(span.attributes, AGENT):
            return found
        parent = above.get(span.parent)
        if parent is None:
            return ""
        span = parent
    return ""


def _tokens(held: Attributes) -> int | None:
    """Input and output together, or the sum that the source gives; None where it counts none."""
    pieces = [_number(held, TOKENS_IN), _number(held, TOKENS_OUT)]
    given = [each for each in pieces if each is not None]
    return sum(given) if given else _number(held, TOKENS)


def _number(held: Attributes, names: tuple[str, ...]) -> int | None:
    return next((found for name in names if name in held and (found := count(held[name])) is not None), None)


def _call(span: Span, origin: Origin) -> Activity:
    """A call of a service: from whom, where it serves; to whom, where it asks."""
    held, serves, service = span.attributes, span.kind in (2, 5), origin.service
    person, own = _first(held, PERSON), service or origin.host or "unknown"
    client, server = address(_first(held, CLIENT)), _first(held, SERVER)
    return Activity(
        time=_micros(span.start, "startTimeUnixNano"),
        entity=f"address:{own}",
        kind="api.call",
        source=client if serves else None,
        target=(own if serves else server) or None,
        actor=f"identity:{person or own}",
        object=_endpoint(span),
        code=_first(held, METHOD) or KINDS[span.kind],
        outcome=_outcome(span),
        bytes=_number(held, SIZE),
        attributes={**_kept(held), **_common(span, origin), **_said({"scope": _first(held, SCOPE)})},
    )


def _endpoint(span: Span) -> str | None:
    held = span.attributes
    service, method = _first(held, ("rpc.service",)), _first(held, ("rpc.method",))
    if service and method:
        return f"{service}/{method}"
    place = _first(held, PATH).split("?", 1)[0] or _first(held, ("messaging.destination.name", "messaging.destination"))
    return place or span.name or None


def _common(span: Span, origin: Origin) -> dict[str, Any]:
    duration = (span.end - span.start) / 1e9 if span.end >= span.start > 0 else None
    told = {"duration_s": duration, "trace_id": span.trace, "span_id": span.id, "parent_span_id": span.parent, "span": span.name[:LONGEST]}
    return _said({**told, "span_kind": KINDS[span.kind], "service": origin.service, "status_message": span.message[:LONGEST]})


def _said(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if value is not None and value != ""}


def _outcome(span: Span) -> str:
    """By the span's status; where it sets none, by an error that it names, or an HTTP status that is one for its side."""
    if span.status:
        return "failure" if span.status == 2 else "success"
    code = _number(span.attributes, STATUS) or 0
    failed = code >= (500 if span.kind == 2 else 400) or bool(_first(span.attributes, ("error.type", "exception.type")))
    return "failure" if failed or text(span.attributes.get("error")) == "true" else "success"


def point(found: Point, origin: Origin) -> Sample:
    """A reading of the service, or of the host where no service is named; the point's attributes are part of the signal's name."""
    parts = ",".join(f"{name}={text(value)}" for name, value in sorted(found.attributes.items()))
    value = found.value if found.value is not None and math.isfinite(found.value) else None
    return Sample(
        time=_micros(found.time, "timeUnixNano"),
        entity=f"address:{origin.service or origin.host or 'unknown'}",
        signal=f"{found.name}{{{parts}}}"[:SIGNAL] if parts else found.name[:SIGNAL],
        value=value,
        quality=0 if value is not None else 2,
    )
