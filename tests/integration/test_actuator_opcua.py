"""Write access is taken away and set-points go back at a real OPC UA server that is known by its certificate."""

import asyncio
import hashlib
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncua.ua
import pytest
from asyncua.client.client import Client
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.address_space import AttributeService
from asyncua.server.server import Server as UaServer
from asyncua.server.user_managers import UserManager
from asyncua.ua.uaerrors import UaStatusCodeError
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from interferon.effector import kit
from interferon.effector.actuators import opcua
from interferon.effector.protocol import Actuator, Job, Target

from . import live_feeds as live

ua: Any = asyncua.ua
LEVEL, SPEED, MODE, FIXED = "ns=2;s=level", "ns=2;s=speed", "ns=2;s=mode", "ns=2;s=fixed"

STARTS = {
    LEVEL: ua.Variant(40.0, ua.VariantType.Float),
    SPEED: ua.Variant(1200, ua.VariantType.Int16),
    MODE: ua.Variant("auto", ua.VariantType.String),
    FIXED: ua.Variant(1.0, ua.VariantType.Double),
}


ASKED: list[str] = []  # user names that the server was shown


class People(UserManager):
    """The effector is an administrator, anybody else an operator."""

    def get_user(self, iserver: Any, username: str | None = None, password: str | None = None, certificate: Any = None) -> User | None:
        ASKED.append(username or "")
        if username == "effector":
            return User(role=UserRole.Admin) if password == "s3cret" else None
        return User(role=UserRole.User)


class Fixed(AttributeService):
    """A server that does not let the permissions of one variable be changed, as the standard allows (WriteMask)."""

    async def write(self, params: Any, user: Any = None) -> Any:
        def stays(each: Any) -> bool:
            return bool(each.NodeId.to_string() == FIXED and each.AttributeId == ua.AttributeIds.AccessLevel)

        taken = [each for each in params.NodesToWrite if not stays(each)]
        answers = iter(await super().write(ua.WriteParameters(NodesToWrite=taken), user))
        return [ua.StatusCode(ua.StatusCodes.BadNotWritable) if stays(each) else next(answers) for each in params.NodesToWrite]


class Plant:
    """A server with four variables; it can be stopped and started, and goes on with what it held."""

    def __init__(self, folder: Path, port: int) -> None:
        self.url = f"opc.tcp://127.0.0.1:{port}"
        self.cert, self.key = live.certificate(folder, "server", "urn:plant:cell-1")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.run(self._make())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _make(self) -> None:
        self.server: Any = UaServer(user_manager=People())
        await self.server.init()
        self.server.set_endpoint(self.url)
        await self.server.set_application_uri("urn:plant:cell-1")
        self.server.set_security_policy([ua.SecurityPolicyType.NoSecurity, ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
        await self.server.load_certificate(str(self.cert))
        await self.server.load_private_key(str(self.key), format="pem")
        await self.server.register_namespace("urn:test")
        self.nodes: dict[str, Any] = {}
        for name, value in STARTS.items():
            self.nodes[name] = await self.server.nodes.objects.add_variable(ua.NodeId.from_string(name), name[7:], value)
            await self.nodes[name].set_writable()
        await self.nodes[LEVEL].add_property(0, "EURange", ua.Range(Low=0.0, High=80.0))
        self.server.iserver.attribute_service = Fixed(self.server.iserver.aspace)
        await self.server.start()

    async def reset(self) -> None:
        for name, value in STARTS.items():
            await self.nodes[name].write_value(value)
            if name != FIXED:
                await self.nodes[name].set_writable()

    def state(self) -> Any:
        async def one(node: Any) -> Any:
            return await node.read_value(), (await node.read_attribute(ua.AttributeIds.AccessLevel)).Value.Value

        async def read() -> Any:
            return {name: await one(node) for name, node in self.nodes.items()}

        return self.run(read())

    @contextmanager
    def cut(self) -> Iterator[None]:
        self.run(self.server.bserver.stop())
        try:
            yield
        finally:
            self.run(self.server.bserver.start())

    def close(self) -> None:
        self.run(self.server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def operator_writes(self, node: str, value: Any) -> bool:
        """Whether a client without rights of its own gets the value through."""

        async def write() -> bool:
            async with Client(self.url) as client:
                try:
                    await client.get_node(node).write_value(value)
                except UaStatusCodeError:
                    return False
                return True

        return asyncio.run(write())


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    plant = Plant(tmp_path_factory.mktemp("plant"), port)
    yield plant
    plant.close()


@pytest.fixture
def plant(running: Plant) -> Plant:
    """The server with its values and permissions as at the beginning."""
    running.run(running.reset())
    return running


@pytest.fixture(scope="module")
def actuator(tmp_path_factory: pytest.TempPathFactory) -> Actuator:
    folder = tmp_path_factory.mktemp("effector")
    cert, key = live.certificate(folder, "effector", "urn:interferon:effector")
    (folder / "password").write_text("s3cret\n")
    return opcua.make(opcua.Settings(cert_file=str(cert), key_file=str(key), username="effector", password_file=str(folder / "password")))


def job(plant: Plant, action: str = "lock_writes", nodes: str = f"{LEVEL}\n{SPEED}", *, uri: str = "", sha: str = "", **params: Any) -> Job:
    fingerprint = hashlib.sha256(x509.load_pem_x509_certificate(plant.cert.read_bytes()).public_bytes(Encoding.DER)).hexdigest()
    identity = {"application_uri": uri or "urn:plant:cell-1", "certificate_sha256": sha or fingerprint}
    more = {"low": 0, "high": 1500} if SPEED in nodes and action == "roll_back_setpoint" else {}
    target = Target(ref="asset:plc-1", reach={"url": plant.url, "nodes": nodes, **more}, identity=identity)
    return Job(effect="e-1", action=action, target=target, params=params)


def world(plant: Plant, actuator: Actuator, tamper: Callable[[], object], **of: Any) -> kit.World:
    return kit.World(actuator, job(plant, **of), job(plant, sha="00" * 32, **of), plant.state, tamper, plant.cut)


def test_the_kit_for_a_write_lock(plant: Plant, actuator: Actuator) -> None:
    assert kit.problems(world(plant, actuator, lambda: plant.run(plant.nodes[SPEED].set_writable()))) == []


def test_the_kit_for_a_set_point(plant: Plant, actuator: Actuator) -> None:
    back = {"action": "roll_back_setpoint", "node": LEVEL, "value": 21.3}
    assert kit.problems(world(plant, actuator, lambda: plant.operator_writes(LEVEL, ua.Variant(77.0, ua.VariantType.Float)), **back)) == []


def test_another_server_is_never_shown_the_password(plant: Plant, actuator: Actuator) -> None:
    ASKED.clear()
    assert "shows certificate_sha256" in actuator.apply(job(plant, sha="00" * 32)).detail
    assert ASKED == []
    assert actuator.identify(job(plant)).result == "ok"
    assert ASKED == ["effector"]


def test_an_operator_cannot_write_while_it_is_locked_and_can_read(plant: Plant, actuator: Actuator) -> None:
    faster = ua.Variant(1300, ua.VariantType.Int16)
    assert plant.operator_writes(SPEED, faster)
    task = kit.recorded(actuator, job(plant))
    assert actuator.apply(task).result == "ok"
    assert not plant.operator_writes(SPEED, faster)
    assert plant.operator_writes(MODE, "manual")  # none of the target's
    plant.run(plant.nodes[SPEED].set_writable())
    assert actuator.look(task).standing == "partial"
    assert actuator.undo(task).result == "ok"
    assert plant.operator_writes(SPEED, faster)


def test_a_server_that_keeps_its_permissions_is_told_and_nothing_is_half_done(plant: Plant, actuator: Actuator) -> None:
    start = plant.state()
    outcome = actuator.apply(job(plant, nodes=f"{LEVEL}\n{FIXED}"))
    assert (outcome.result, outcome.detail) == ("failed", f"{FIXED}: the server does not let AccessLevel be written: BadNotWritable")
    assert plant.state() == start


@pytest.mark.parametrize(
    ("nodes", "params", "result", "why"),
    [
        (LEVEL, {"node": LEVEL, "value": 80.5}, "refused", "ns=2;s=level takes 0 to 80; 80.5 is outside, and is not written"),
        (LEVEL, {"node": SPEED, "value": 1}, "refused", "is none of the variables of asset:plc-1"),
        (LEVEL, {"node": LEVEL, "value": True}, "refused", "is of type Float, and True is none"),
        (SPEED, {"node": SPEED, "value": 900.5}, "refused", "is of type Int16, and 900.5 is none"),
        (SPEED, {"node": SPEED, "value": 1501}, "refused", "takes 0 to 1500; 1501 is outside"),
        (MODE, {"node": MODE, "value": 1}, "failed", "is of type String: a set-point is one number"),
        (FIXED, {"node": FIXED, "value": 1}, "failed", "has no EURange, and asset:plc-1 no low and high"),
        ("ns=2;s=ghost", {"node": "ns=2;s=ghost", "value": 1}, "failed", "Value cannot be read: BadNodeIdUnknown"),
        ("level", {"node": "level", "value": 1}, "refused", "is no node id; write it as ns=2;s=Tank1.Level"),
        (LEVEL, {"value": 1}, "refused", "params of e-1 has no node"),
    ],
)
def test_a_value_that_may_not_be_written_is_told(
    plant: Plant, actuator: Actuator, nodes: str, params: dict[str, Any], result: str, why: str
) -> None:
    start = plant.state()
    outcome = actuator.apply(job(plant, "roll_back_setpoint", nodes, **params))
    assert outcome.result == result
    assert why in outcome.detail
    assert plant.state() == start


def test_a_set_point_in_whole_numbers_goes_back_and_undo_never_leaves_the_range(plant: Plant, actuator: Actuator) -> None:
    task = kit.recorded(actuator, job(plant, "roll_back_setpoint", SPEED, node=SPEED, value=900))
    assert actuator.apply(task).detail == "ns=2;s=speed is 900"
    assert plant.state()[SPEED][0] == 900
    plant.operator_writes(SPEED, ua.Variant(9000, ua.VariantType.Int16))
    wild = kit.recorded(actuator, job(plant, "roll_back_setpoint", SPEED, node=SPEED, value=900))
    assert [actuator.apply(wild).result, actuator.undo(wild).result] == ["ok", "refused"]
    assert plant.state()[SPEED][0] == 900


def test_without_security_the_certificate_proves_nothing(plant: Plant, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret")
    actuator = opcua.make(opcua.Settings(security="None", username="effector", password_file=str(tmp_path / "password")))
    assert "certificate_sha256, which cannot be compared" in actuator.identify(job(plant)).detail


def test_what_the_effector_cannot_use_is_told(plant: Plant, tmp_path: Path) -> None:
    assert "ghost.pem is not there" in opcua.make(opcua.Settings(cert_file="ghost.pem", key_file="ghost.key")).ready()
    with pytest.raises(ValueError, match="security Basic256Sha256 needs cert_file and key_file"):
        opcua.Settings()
    with pytest.raises(ValueError, match="username effector needs password_file"):
        opcua.Settings(security="None", username="effector")
    unread = opcua.make(opcua.Settings(security="None", username="effector", password_file=str(tmp_path / "ghost")))
    assert "password_file" in unread.identify(job(plant)).detail
