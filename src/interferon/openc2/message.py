"""Messages of the OpenC2 transfer over HTTPS: the envelope, its headers and media types. Called by whoever sends or serves them. Pure.

Source: OpenC2 over HTTPS 1.1 (3.2, 3.3). In 1.0 the body was the bare command with a media type of its own; both are read and written.
"""

from typing import Any, Final, Literal

import msgspec

from interferon.model.errors import InputError
from interferon.openc2.decode import command_of, command_value, response_of, response_value
from interferon.openc2.json_text import Unreadable, read
from interferon.openc2.records import Command, Response

Transfer = Literal["1.1", "1.0"]
PATH: Final = "/.well-known/openc2"
MEDIA: Final = "application/openc2+json;version=1.0"
MEDIA_COMMAND: Final = "application/openc2-cmd+json;version=1.0"  # transfer 1.0
MEDIA_RESPONSE: Final = "application/openc2-rsp+json;version=1.0"
_encode: Final = msgspec.json.Encoder(order="deterministic").encode


def request(command: Command, request_id: str, created_ms: int, transfer: Transfer) -> tuple[bytes, dict[str, str]]:
    """Body and HTTP headers of a request."""
    if transfer == "1.0":
        headers = {"content-type": MEDIA_COMMAND, "accept": MEDIA_RESPONSE, "x-correlation-id": request_id}
        return _encode(command_value(command)), headers | {"x-request-id": request_id, "cache-control": "no-cache"}
    body = _envelope({"request": command_value(command)}, request_id, created_ms)
    return body, {"content-type": MEDIA, "accept": MEDIA, "x-request-id": request_id, "cache-control": "no-cache"}


def reply(response: Response, request_id: str, created_ms: int, transfer: Transfer) -> tuple[bytes, dict[str, str]]:
    """Body and HTTP headers of the answer to the request of that id."""
    if transfer == "1.0":
        return _encode(response_value(response)), {
            "content-type": MEDIA_RESPONSE,
            "x-correlation-id": request_id,
            "x-request-id": request_id,
        }
    body = _envelope({"response": response_value(response)}, request_id, created_ms)
    return body, {"content-type": MEDIA, "x-request-id": request_id}


def _envelope(content: dict[str, Any], request_id: str, created_ms: int) -> bytes:
    return _encode({"headers": {"request_id": request_id, "created": created_ms}, "body": {"openc2": content}})


def read_request(body: bytes, header_id: str = "") -> tuple[Command, str, Transfer]:
    """Command, request id and form of what was posted; `header_id` is that of the HTTP headers. `InputError` where it is none."""
    content, message_id, transfer = _opened(body, "request")
    return command_of(content), message_id or header_id, transfer


def read_reply(body: bytes, header_id: str = "") -> tuple[Response, str]:
    """Response and the id of the request it answers ('' where it tells none). `InputError` where it is none."""
    content, message_id, _ = _opened(body, "response")
    return response_of(content), message_id or header_id


def _opened(body: bytes, kind: str) -> tuple[Any, str, Transfer]:
    try:
        value = read(body)
    except Unreadable as error:
        raise InputError(f"OpenC2 message: {error}") from None
    if not isinstance(value, dict) or "body" not in value:
        return value, "", "1.0"
    headers = value.get("headers", {})
    openc2 = value["body"].get("openc2") if isinstance(value["body"], dict) else None
    if not isinstance(openc2, dict) or list(openc2) != [kind]:
        raise InputError(f"OpenC2 message: body.openc2.{kind} is missing: a {kind} alone would be right (HTTPS 1.1, 3.3.2)")
    request_id = headers.get("request_id", "") if isinstance(headers, dict) else None
    if not isinstance(request_id, str):
        raise InputError("OpenC2 message: headers.request_id is no string (HTTPS 1.1, 3.3.2)")
    return openc2[kind], request_id, "1.1"
