"""One machine of the whole range, as a process in its network namespace: `range_machine.py ROLE ADDRESS LOG [WORD...]`.

`service NAME FOLDER` answers with its name and its configuration, which anybody may overwrite; `browse` asks it, `overwrite` does that
once; `talk USER PASSWORD` publishes and hears itself at the broker. They note every try in LOG, as `plant_machine.py` does.
"""

import sys
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

BROKER, SERVICE = 1883, 8080
EVERY_S, SILENCE_S = 0.05, 1.0


Session = Callable[[str], object]  # notes that a new one has begun


def noted(log: Path, trying: Callable[[Session], str]) -> None:
    """Tries for ever."""
    with log.open("w", buffering=1) as out:
        while True:
            try:
                told = trying(lambda name: out.write(f"{time.time():.4f} session {name}\n"))
                out.write(f"{time.time():.4f} ok {told}\n")
            except (OSError, HTTPException, ValueError, RuntimeError) as error:
                out.write(f"{time.time():.4f} no {type(error).__name__} {error}\n")
            time.sleep(EVERY_S)


def service(address: str, name: str, folder: Path) -> None:
    class Plan(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told = f"{name} {(folder / 'main.conf').read_text()}".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def do_PUT(self) -> None:
            (folder / "main.conf").write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    ThreadingHTTPServer((address, SERVICE), Plan).serve_forever()


def asked(address: str, verb: str = "GET", body: str | None = None) -> str:
    connection = HTTPConnection(address, SERVICE, timeout=2)
    try:
        connection.request(verb, "/", body)
        answer = connection.getresponse()
        text = answer.read().decode().strip()
        if answer.status >= 300:
            raise ValueError(f"status {answer.status}")
        return text
    finally:
        connection.close()


class Talker:
    """One account at the broker: it publishes, and each message comes back to it. It connects again when its session ends."""

    def __init__(self, address: str, user: str, password: str) -> None:
        self.address, self.user, self.password = address, user, password
        self.client: paho.Client | None = None

    def __call__(self, session: Session) -> str:
        try:
            if self.client is None:
                self.client, self.heard = self.connected(), threading.Event()
                session(self.user)
            self.heard.clear()
            self.client.publish(f"plant/{self.user}", "666", qos=1)
            if not self.heard.wait(SILENCE_S):
                raise ConnectionError("nothing came back")
        except OSError:
            if self.client is not None:
                self.client.disconnect()
                self.client.loop_stop()
            self.client = None
            raise
        return "666"

    def connected(self) -> paho.Client:
        client, answer = paho.Client(CallbackAPIVersion.VERSION2, reconnect_on_failure=False), list[str]()
        known = threading.Event()
        client.username_pw_set(self.user, self.password)

        def answered(client: paho.Client, data: Any, flags: Any, code: Any, properties: Any) -> None:
            if code.is_failure:
                answer.append(str(code))
                known.set()
            else:
                client.subscribe(f"plant/{self.user}", 1)

        client.on_connect = answered
        client.on_subscribe = lambda client, data, packet, codes, properties: known.set()
        client.on_message = lambda client, data, message: self.heard.set()
        client.connect_timeout = SILENCE_S
        client.connect(self.address, BROKER)
        client.loop_start()
        if not known.wait(2) or answer:
            client.disconnect()
            client.loop_stop()
            raise ConnectionRefusedError(answer[0] if answer else "no answer")
        return client


def main(role: str, where: str, log: Path, *words: str) -> None:
    if role == "service":
        service(where, words[0], Path(words[1]))
    elif role == "talk":
        noted(log, Talker(where, *words))
    elif role == "overwrite":
        asked(where, "PUT", "speed = 900\n")
    else:
        noted(log, lambda session: asked(where))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), *sys.argv[4:])
