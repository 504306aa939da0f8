"""The outermost layer around the pages: which host names and addresses are answered, and the headers every answer carries.

Plain ASGI, so that the event stream is not buffered. Put around the application by `create_app`.
"""

import ipaddress
from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})

HEADERS: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


def host_name(header: str) -> str:
    """The name in a Host header, without the port: `[::1]:8600` → `::1`."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.rpartition(":")[0].lower() if header.count(":") == 1 else header.lower()


def is_loopback(address: str) -> bool:
    """True for 127.0.0.0/8, ::1 and `localhost`."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


class Guard:
    """Without accounts only this machine is answered, and only under a name of this machine.

    The second half stops DNS rebinding: a page of another site whose name is made to point to 127.0.0.1 comes with that name as Host.
    """

    def __init__(self, app: ASGIApp, has_accounts: Callable[[], bool], hosts: frozenset[str], tls: bool) -> None:
        self.app = app
        self.has_accounts = has_accounts
        # names answered besides loopback; none = any, once accounts exist. No browser asks for the address of "listen everywhere"
        self.hosts = hosts - {"0.0.0.0", "::"}  # noqa: S104 - taken out, not bound
        self.headers = HEADERS | ({"strict-transport-security": "max-age=31536000"} if tls else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers[name] = value
                if "cache-control" not in headers:
                    headers["cache-control"] = "no-store"
            await send(message)

        refusal = self._refusal(scope)
        app: ASGIApp = PlainTextResponse(refusal, 403) if refusal else self.app
        await app(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> str:
        host = host_name(Headers(scope=scope).get("host", ""))
        if self.has_accounts():
            known = not self.hosts or host in self.hosts or host in LOOPBACK
            return "" if known else f"This server does not answer under the name {host!r}."
        client = scope.get("client")
        if client is not None and not is_loopback(client[0]):
            return "There are no accounts yet: only this machine itself is answered. Add one with `interferon user add`."
        return "" if host in LOOPBACK or host in self.hosts else f"There are no accounts yet: open http://127.0.0.1, not {host!r}."
