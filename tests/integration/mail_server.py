"""A small real mail server (RFC 5321, STARTTLS, AUTH PLAIN and LOGIN) for the tests of what sends mail; it fails as it is told to."""

import base64
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any


@dataclass
class Mailbox:
    """`says`: command in capitals → what is answered to it in place of what is right; '' hangs up, a number waits so many seconds."""

    known: tuple[str, ...] = ("anna@plant.example",)
    tls: ssl.SSLContext | None = None
    implicit: bool = False  # TLS from the first byte
    account: tuple[str, str] | None = None
    says: dict[str, str | float] = field(default_factory=dict)
    mails: list[EmailMessage] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)


class Session(socketserver.StreamRequestHandler):
    box: Mailbox

    def setup(self) -> None:
        if self.box.implicit:
            self._secure()
        super().setup()
        self.secured, self.logged_in = self.box.implicit, self.box.account is None

    def _secure(self) -> None:
        assert self.box.tls is not None
        self.request = self.box.tls.wrap_socket(self.request, server_side=True)

    def handle(self) -> None:
        self._say("220 here")
        while line := self.rfile.readline():
            words = line.decode().strip().split()
            command = words[0].upper() if words else ""
            self.box.commands.append(command)
            if command in self.box.says:
                told = self.box.says[command]
                if isinstance(told, float):
                    time.sleep(told)
                if not isinstance(told, str) or not told:
                    return
                self._say(told)
            elif not self._do(command, words):
                return

    def _do(self, command: str, words: list[str]) -> bool:
        match command:
            case "EHLO":
                extra = ["AUTH PLAIN"] if self.box.account else []
                extra += ["STARTTLS"] if self.box.tls and not self.secured else []
                self._say(*(f"250-{each}" for each in ["here", *extra]), "250 8BITMIME")
            case "STARTTLS":
                self._say("220 go on")
                self._secure()
                super().setup()
                self.secured = True
            case "AUTH":
                _, name, password = base64.b64decode(words[2]).decode().split("\0")
                self.logged_in = (name, password) == self.box.account
                self._say("235 welcome" if self.logged_in else "535 not you")
            case "MAIL":
                self._say("250 ok" if self.logged_in else "530 log in first")
            case "RCPT":
                self._say("250 ok" if words[1].partition(":")[2].strip("<>") in self.box.known else "550 no such mailbox")
            case "DATA":
                self._say("354 go on")
                self._take()
            case "QUIT":
                self._say("221 bye")
                return False
            case _:
                self._say("250 ok")
        return True

    def _take(self) -> None:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        self.box.mails.append(message_from_bytes(b"".join(lines), policy=default))
        after = self.box.says.get("AFTER DATA", "250 kept as Q1")
        self._say(str(after)) if after else self.request.close()

    def _say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())
        self.wfile.flush()


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no error of the test."""


@contextmanager
def mail_server(box: Mailbox) -> Iterator[int]:
    """Within it the mailbox takes mail on the port that is given."""
    with Server(("127.0.0.1", 0), type("Own", (Session,), {"box": box})) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()
