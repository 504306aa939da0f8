"""Disables clients of a mosquitto broker and drops their connections, by its dynamic security plugin. Called by the effector's core.

Source: the plugin's control interface, `$CONTROL/dynamic-security/v1` (mosquitto 2.0, README of the plugin). Opens one MQTT connection a
call; writes nothing on this machine.
"""

import secrets
import time
from pathlib import Path
from typing import Any, Final

import msgspec
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from interferon.effector.answers import Another, Denied, Gone, Unanswered, identified, reach, same, shown, stood, told, unfit
from interferon.effector.protocol import Actuator, Job, Seen, Target
from interferon.model.effects import Outcome
from interferon.model.errors import InputError

CONTROL: Final = "$CONTROL/dynamic-security/v1"
FACTS: Final = ("clientid", "textname", "textdescription")
"""What the broker knows of a client beside its user name; `identity` of a target names one at least."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[mosquitto_dynsec]`: the broker, and an account of it that holds the role `admin` of the plugin."""

    host: str
    port: int = 8883
    username: str
    password_file: str
    ca_file: str = ""  # '': without TLS, for a broker on this machine
    answer_s: float = 5.0


def make(settings: Settings) -> Actuator:
    return Dynsec(settings)


class Dynsec:
    """reach: `username`. identity: `clientid`, `textname`, `textdescription` as the plugin holds them."""

    name = "mosquitto_dynsec"
    actions = frozenset({"disable_client"})

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def ready(self) -> str:
        return shown(self._ready).detail

    def wrong(self, target: Target, action: str) -> str:
        """'' or what is wrong with a target of the effector's file, seen without the world."""
        return unfit(target, ["username"], FACTS)

    def identify(self, job: Job) -> Outcome:
        return identified(job, lambda: f"{self._client(job)['username']} is the client that is meant")

    def before(self, job: Job) -> dict[str, Any]:
        return stood(lambda: _standing(self._client(job)))

    def apply(self, job: Job) -> Outcome:
        return told(lambda: self._disable(job))

    def look(self, job: Job) -> Seen:
        return shown(lambda: self._look(job))

    def undo(self, job: Job) -> Outcome:
        return told(lambda: self._restore(job))

    def _ready(self) -> Seen:
        self._ask({"command": "getDefaultACLAccess"})
        return Seen("absent")

    def _client(self, job: Job) -> dict[str, Any]:
        """What the plugin holds of the target, after its identity has been compared."""
        username = reach(job, "username")
        if username == self._settings.username:
            raise Another(f"{job.target.ref} is the account that the effector itself uses: it would lock itself out")
        client: dict[str, Any] = self._ask({"command": "getClient", "username": username}).get("data", {}).get("client", {})
        if client.get("username") != username:
            raise Unanswered("the broker answers getClient otherwise than mosquitto does")
        same(job, {fact: client.get(fact, "") for fact in FACTS})
        return client

    def _disable(self, job: Job) -> str:
        username = self._client(job)["username"]
        self._ask({"command": "disableClient", "username": username})  # also drops a connection that slipped in
        return f"client {username} is disabled and dropped"

    def _look(self, job: Job) -> Seen:
        client = self._client(job)
        if client.get("disabled"):
            return Seen("in_force", f"client {client['username']} is disabled at the broker")
        return Seen("absent", f"client {client['username']} may connect")

    def _restore(self, job: Job) -> str:
        """Roles and groups as they stood first, so that the client never comes back with others."""
        client, before = self._client(job), job.before
        username = client["username"]
        if not before:
            raise InputError(f"{job.effect} has nothing recorded that stood before")
        held = {key: before[key] for key in ("roles", "groups") if _standing(client)[key] != before[key]}
        if held:
            self._ask({"command": "modifyClient", "username": username, **held})
        if not before["disabled"] and client.get("disabled"):
            self._ask({"command": "enableClient", "username": username})
        return f"client {username} is as it stood"

    def _ask(self, command: dict[str, Any]) -> dict[str, Any]:
        """The plugin's answer to one command. `Denied` where it says no."""
        answer = _exchange(self._settings, {**command, "correlationData": secrets.token_hex(8)})
        if "error" in answer:
            raise (Gone if answer["error"] == "Client not found" else Denied)(
                f"the broker answers {command['command']} with: {answer['error']}"
            )
        return answer


def _standing(client: dict[str, Any]) -> dict[str, Any]:
    """What undo needs; without what the plugin leaves out when it is the default."""
    roles = sorted((role["rolename"], role.get("priority", -1)) for role in client.get("roles", ()))
    groups = sorted((group["groupname"], group.get("priority", -1)) for group in client.get("groups", ()))
    return {
        "disabled": bool(client.get("disabled")),
        "roles": [{"rolename": name, "priority": priority} for name, priority in roles],
        "groups": [{"groupname": name, "priority": priority} for name, priority in groups],
    }


def _exchange(settings: Settings, command: dict[str, Any]) -> dict[str, Any]:
    """One command and the answer to it, over a connection of its own. `Unanswered` where none came."""
    where = f"mqtt broker {settings.host}:{settings.port}"
    refused: list[str] = []
    answers: list[dict[str, Any]] = []
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311, reconnect_on_failure=False)
    client.username_pw_set(settings.username, _password(settings))
    client.on_connect = lambda client, data, flags, code, properties: (
        refused.append(str(code)) if code.is_failure else client.subscribe(f"{CONTROL}/response", 1)
    )
    client.on_subscribe = lambda client, data, packet, codes, properties: (
        refused.append(str(codes[0])) if codes[0].is_failure else client.publish(CONTROL, msgspec.json.encode({"commands": [command]}), 1)
    )
    client.on_message = lambda client, data, message: answers.extend(_own(message.payload, command))
    try:
        if settings.ca_file:
            client.tls_set(ca_certs=settings.ca_file)
        client.connect(settings.host, settings.port)
        end = time.monotonic() + settings.answer_s
        while not answers and not refused and time.monotonic() < end:
            if client.loop(0.2) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                break
        client.disconnect()
    except (OSError, ValueError) as error:
        raise Unanswered(f"{where}: {error}") from error
    if refused:
        raise Unanswered(f"{where} does not take the account {settings.username}: {refused[0]}")
    if not answers:
        raise Unanswered(f"{where} did not answer {command['command']} in {settings.answer_s:g} s")
    return answers[0]


def _own(payload: bytes | bytearray, command: dict[str, Any]) -> list[dict[str, Any]]:
    """Answers to this command; the topic may carry those of other administrators too."""
    try:
        answers = msgspec.json.decode(payload, type=dict[str, list[dict[str, Any]]])["responses"]
    except (msgspec.MsgspecError, KeyError):
        return []
    return [each for each in answers if each.get("correlationData") == command["correlationData"]]


def _password(settings: Settings) -> str:
    try:
        return Path(settings.password_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"password_file {settings.password_file} of mosquitto_dynsec cannot be read: {error}") from error
