"""Puts the application on a socket. Called by the command line; the only place of `web` that binds a port or prints."""

import socket
import ssl
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn
from fastapi import FastAPI

from interferon.model.errors import InputError
from interferon.web.guard import is_loopback

GRACE_S: Final = 2  # open event streams never end by themselves


@dataclass(frozen=True)
class Tls:
    """PEM files: the certificate with its chain, and its key."""

    certificate: Path
    key: Path


def check_binding(host: str, has_accounts: bool, tls: Tls | None) -> None:
    """Refuses to show the network to others before there are accounts, or to send passwords in the clear."""
    if is_loopback(host):
        return
    if not has_accounts:
        raise InputError(f"there are no accounts yet: only 127.0.0.1 can be served, not {host}; add one with `interferon user add NAME`")
    if tls is None:
        raise InputError(f"serving on {host} needs TLS: give --tls-cert FILE and --tls-key FILE, or serve 127.0.0.1 behind a proxy")


def bound(host: str, port: int) -> socket.socket:
    """A listening-ready socket; one clear line where the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise InputError(_why_not(host, port, error)) from error
    except OverflowError as error:
        sock.close()
        raise InputError(f"port {port} does not exist; choose one from 1 to 65535 with --port") from error
    return sock


class PageServer(uvicorn.Server):
    """uvicorn, which first lets the event streams of open pages end: otherwise it would wait for them and then cut them off."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.leaving = True
        await super().shutdown(sockets)


def server(app: FastAPI, tls: Tls | None = None) -> PageServer:
    """A server with our settings. A test or the demo may run it in a thread of its own."""
    if tls is not None:
        _check_pair(tls)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # a client's own word about its address would pass the loopback check
        timeout_graceful_shutdown=GRACE_S,
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )
    return PageServer(config, app)


def serve(app: FastAPI, host: str, port: int, tls: Tls | None = None, has_accounts: bool = False) -> None:
    """Serves until interrupted. Prints the address on stderr once the port is ours."""
    check_binding(host, has_accounts, tls)
    running = server(app, tls)
    with bound(host, port) as sock:
        print(f"Interferon is at {address(host, sock.getsockname()[1], tls)}", file=sys.stderr, flush=True)  # noqa: T201 - told to a person
        running.run(sockets=[sock])


def address(host: str, port: int, tls: Tls | None) -> str:
    """`http://127.0.0.1:8600`."""
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def _why_not(host: str, port: int, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"port {port} may not be used without special rights; choose one above 1023 with --port"
    if error.errno in {98, 48, 10048}:  # EADDRINUSE on Linux, macOS, Windows
        return f"port {port} is in use; choose another with --port"
    return f"cannot serve on {host} port {port}: {error.strerror or error}"


def _check_pair(tls: Tls) -> None:
    for path in (tls.certificate, tls.key):
        if not path.is_file():
            raise InputError(f"{path}: no such file")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.certificate, tls.key)
    except ssl.SSLError as error:
        raise InputError(f"{tls.certificate}, {tls.key}: not a PEM certificate and its key ({error.reason or error})") from error
