"""MQTT clients are disabled and dropped at a real mosquitto with its dynamic security plugin, and come back with what they had."""

import base64
import hashlib
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from interferon.effector import kit
from interferon.effector.actuators import mosquitto_dynsec
from interferon.effector.protocol import Job, Target

from .live_feeds import absent, soon

Served = Callable[..., AbstractContextManager[Any]]
PLUGINS = [*Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"), *Path("/opt/homebrew/lib").glob("mosquitto_dynamic_security.so")]


def account(username: str, password: str, roles: list[str], **more: Any) -> dict[str, Any]:
    """A client as the plugin stores it: PBKDF2 with SHA-512, 64 bytes."""
    hashed = hashlib.pbkdf2_hmac("sha512", password.encode(), b"saltsaltsalt", 101)
    secret = {"password": base64.b64encode(hashed).decode(), "salt": base64.b64encode(b"saltsaltsalt").decode(), "iterations": 101}
    return {"username": username, **secret, "roles": [{"rolename": role} for role in roles], **more}


ANY = {"topic": "#", "allow": True, "priority": 0}
WRITE = [{"acltype": kind, **ANY} for kind in ("publishClientSend", "publishClientReceive", "subscribePattern")]
CONTROL = [{"acltype": kind, **ANY, "topic": "$CONTROL/#"} for kind in ("publishClientSend", "publishClientReceive", "subscribePattern")]
CONFIG = {
    "defaultACLAccess": {"publishClientSend": False, "publishClientReceive": True, "subscribe": False, "unsubscribe": True},
    "clients": [
        account("effector", "e", ["admin"]),
        account("robot", "r", ["line", "cell"], clientid="robot-7", textname="arm"),
        account("other", "o", ["line"], clientid="other-1"),
    ],
    "roles": [{"rolename": "admin", "acls": [*WRITE, *CONTROL]}, {"rolename": "line", "acls": WRITE}, {"rolename": "cell", "acls": []}],
}


@dataclass
class Broker:
    settings: mosquitto_dynsec.Settings
    start: Callable[[], None]
    stop: Callable[[], None]


@pytest.fixture
def broker(tmp_path: Path, free_port: int, served: Served) -> Iterator[Broker]:
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/opt/homebrew/sbin")
    if program is None or not PLUGINS:
        absent("mosquitto with its dynamic security plugin")
    (tmp_path / "dynsec.json").write_text(json.dumps(CONFIG))
    (tmp_path / "password").write_text("e\n")
    lines = f"listener {free_port} 127.0.0.1\nallow_anonymous false\nuser root\nplugin {PLUGINS[0]}\n"
    (tmp_path / "mosquitto.conf").write_text(f"{lines}plugin_opt_config_file {tmp_path / 'dynsec.json'}\n")
    open_: list[AbstractContextManager[Any]] = []

    def start() -> None:
        open_.append(served([program, "-c", str(tmp_path / "mosquitto.conf")], free_port, tmp_path / "log"))
        open_[-1].__enter__()

    def stop() -> None:
        open_.pop().__exit__(None, None, None)

    start()
    access = {"host": "127.0.0.1", "port": free_port, "username": "effector", "password_file": str(tmp_path / "password")}
    yield Broker(mosquitto_dynsec.Settings(**access), start, stop)  # type: ignore[arg-type]
    while open_:
        stop()


@contextmanager
def cut(broker: Broker) -> Iterator[None]:
    broker.stop()
    try:
        yield
    finally:
        broker.start()


@contextmanager
def connected(port: int, username: str, password: str, client_id: str) -> Iterator[tuple[paho.Client, threading.Event]]:
    """A client of the plant, and the event that it was dropped."""
    client, up, dropped = (
        paho.Client(CallbackAPIVersion.VERSION2, client_id, reconnect_on_failure=False),
        threading.Event(),
        threading.Event(),
    )
    client.username_pw_set(username, password)
    client.on_connect = lambda client, data, flags, code, properties: None if code.is_failure else up.set()
    client.on_disconnect = lambda client, data, flags, code, properties: dropped.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        assert up.wait(5)
        yield client, dropped
    finally:
        client.disconnect()
        client.loop_stop()


def enters(port: int, username: str, password: str, client_id: str) -> bool:
    codes: list[bool] = []
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id, reconnect_on_failure=False)
    client.username_pw_set(username, password)
    client.on_connect = lambda client, data, flags, code, properties: codes.append(not code.is_failure)
    client.connect("127.0.0.1", port)
    end = time.monotonic() + 5
    while not codes and time.monotonic() < end:
        client.loop(0.1)
    client.disconnect()
    return codes == [True]


def job(username: str = "robot", **identity: str) -> Job:
    target = Target(ref="asset:robot-7", reach={"username": username}, identity=identity or {"clientid": "robot-7", "textname": "arm"})
    return Job(effect="e-1", action="disable_client", target=target)


def admin(broker: Broker, **command: Any) -> dict[str, Any]:
    """The plugin asked by another administrator."""
    answer: dict[str, Any] = mosquitto_dynsec._exchange(broker.settings, {**command, "correlationData": "another"})
    assert "error" not in answer, answer
    return answer


def everything(broker: Broker, tmp_path: Path) -> Any:
    """What the plugin has on disk, which is what it would start with."""
    return json.loads((tmp_path / "dynsec.json").read_text())["clients"]


def test_the_kit(broker: Broker, tmp_path: Path) -> None:
    admin(broker, command="setClientPassword", username="other", password="o")  # it writes its file in its own form from here on
    world = kit.World(
        actuator=mosquitto_dynsec.make(broker.settings),
        job=job(),
        impostor=job(clientid="robot-8"),
        state=lambda: everything(broker, tmp_path),
        tamper=lambda: admin(broker, command="enableClient", username="robot"),
        cut=lambda: cut(broker),
    )
    assert kit.problems(world) == []


def test_a_client_that_is_connected_is_dropped_and_kept_out_and_others_stay(broker: Broker) -> None:
    actuator, port = mosquitto_dynsec.make(broker.settings), broker.settings.port
    with connected(port, "robot", "r", "robot-7") as (_, dropped), connected(port, "other", "o", "other-1") as (_, also):
        task = kit.recorded(actuator, job())
        assert actuator.apply(task).result == "ok"
        assert soon(dropped.is_set)
        assert not enters(port, "robot", "r", "robot-7")
        assert not also.is_set()
    assert actuator.undo(task).result == "ok"
    assert enters(port, "robot", "r", "robot-7")


def test_roles_that_were_given_meanwhile_do_not_come_back(broker: Broker) -> None:
    actuator = mosquitto_dynsec.make(broker.settings)
    task = kit.recorded(actuator, job())
    assert actuator.apply(task).result == "ok"
    admin(broker, command="addClientRole", username="robot", rolename="admin")
    assert actuator.undo(task).result == "ok"
    client = admin(broker, command="getClient", username="robot")["data"]["client"]
    assert {role["rolename"] for role in client["roles"]} == {"line", "cell"}


def test_what_was_disabled_before_stays_disabled(broker: Broker) -> None:
    actuator, port = mosquitto_dynsec.make(broker.settings), broker.settings.port
    admin(broker, command="disableClient", username="robot")
    task = kit.recorded(actuator, job())
    assert [actuator.apply(task).result, actuator.undo(task).result] == ["ok", "ok"]
    assert not enters(port, "robot", "r", "robot-7")


@pytest.mark.parametrize(
    ("task", "result", "why"),
    [
        (job("ghost"), "failed", "Client not found"),
        (job("effector", clientid="x"), "refused", "it would lock itself out"),
        (job(serial="7"), "refused", "serial, which cannot be compared; clientid, textdescription, textname can"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(broker: Broker, task: Job, result: str, why: str) -> None:
    outcome = mosquitto_dynsec.make(broker.settings).apply(task)
    assert outcome.result == result
    assert why in outcome.detail


def test_a_target_without_identity_is_unknown(broker: Broker) -> None:
    target = Target(ref="asset:robot-7", reach={"username": "robot"})
    outcome = mosquitto_dynsec.make(broker.settings).identify(Job(effect="e", action="disable_client", target=target))
    assert outcome.result == "unknown"
    assert "has no identity" in outcome.detail


def test_an_account_that_the_broker_does_not_take_is_told(broker: Broker, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("wrong")
    assert "does not take the account effector" in mosquitto_dynsec.make(broker.settings).ready()
