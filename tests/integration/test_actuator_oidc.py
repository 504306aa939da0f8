"""Tokens are revoked at a real OpenID provider (oidc-provider), and accounts locked over Keycloak's admin contract, served over HTTP."""

import http.server
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from interferon.effector import kit
from interferon.effector.actuators import oidc
from interferon.effector.protocol import Job, Target
from interferon.model.errors import InputError

from .live_feeds import absent

Served = Callable[..., AbstractContextManager[Any]]
SERVER = Path(__file__).parent.parent / "oidc"


def settings(folder: Path, port: int, **more: str) -> oidc.Settings:
    (folder / "client").write_text("s3cret\n")
    return oidc.Settings(issuer=f"http://127.0.0.1:{port}", client_id="effector", client_secret_file=str(folder / "client"), **more)  # type: ignore[arg-type]


@dataclass
class Provider:
    folder: Path
    port: int

    def token(self, client: str, secret: str) -> str:
        """A new access token in a file, as one is kept of each service."""
        answer = httpx.post(f"http://127.0.0.1:{self.port}/token", data={"grant_type": "client_credentials"}, auth=(client, secret))
        (self.folder / client).write_text(answer.json()["access_token"])
        return str(self.folder / client)

    def active(self, path: str) -> bool:
        url = f"http://127.0.0.1:{self.port}/token/introspection"
        return bool(httpx.post(url, data={"token": Path(path).read_text()}, auth=("effector", "s3cret")).json()["active"])


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory, served: Served) -> Iterator[Provider]:
    node = shutil.which("node") or absent("node")
    if not (SERVER / "node_modules" / "oidc-provider").is_dir():
        absent("oidc-provider (npm ci in tests/oidc)")
    folder, port = tmp_path_factory.mktemp("oidc"), unused()
    with served([node, "server.mjs", str(port)], port, folder / "log", cwd=SERVER):
        yield Provider(folder, port)


def unused() -> int:
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        return server.server_port


def token_job(path: str, client: str = "effector", action: str = "revoke_sessions") -> Job:
    target = Target(ref="identity:agent-1", reach={"token_file": path}, identity={"client_id": client})
    return Job(effect="e-1", action=action, target=target)


@contextmanager
def moved(path: Path) -> Iterator[None]:
    """Without its secret the effector is nobody at the provider."""
    held = path.read_text()
    path.write_text("wrong")
    try:
        yield
    finally:
        path.write_text(held)


def test_the_kit_for_a_token(provider: Provider) -> None:
    path = provider.token("effector", "s3cret")
    world = kit.World(
        actuator=oidc.make(settings(provider.folder, provider.port)),
        job=token_job(path),
        impostor=token_job(path, "somebody"),
        state=lambda: provider.active(path),
        tamper=None,
        cut=lambda: moved(provider.folder / "client"),
        undo="leaves",
    )
    assert kit.problems(world) == []
    assert not provider.active(path)


def test_a_revocation_that_the_provider_only_says_it_did_is_seen(provider: Provider) -> None:
    path = provider.token("agent", "agent")  # RFC 7009: a client revokes what was issued to it, and nobody else's
    actuator = oidc.make(settings(provider.folder, provider.port))
    job = kit.recorded(actuator, token_job(path, "agent"))
    actuator.apply(job)
    assert provider.active(path)
    assert actuator.look(job).standing == "absent"


def test_a_token_is_not_an_account(provider: Provider) -> None:
    path = provider.token("effector", "s3cret")
    outcome = oidc.make(settings(provider.folder, provider.port)).apply(token_job(path, action="disable_identity"))
    assert outcome.result == "refused"
    assert "a token is not an account" in outcome.detail


class Keycloak(http.server.ThreadingHTTPServer):
    """Realm with one user over HTTP as Keycloak's admin API has it: bearer tokens, 204 for changes, 404 for what is not there."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Realm)
        self.url = f"http://127.0.0.1:{self.server_port}"
        attributes = {"plant": ["line-1"]}
        self.user: dict[str, Any] = {"id": "u-1", "username": "jdoe", "email": "jdoe@x.test", "createdTimestamp": 1700, "enabled": True}
        self.user["attributes"] = attributes
        self.sessions = ["s-1", "s-2"]
        self.tokens: set[str] = set()
        self.answering = True
        self.readonly = False


class Realm(http.server.BaseHTTPRequestHandler):
    server: Keycloak

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _answer(self, code: int, body: Any = None) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _admitted(self) -> bool:
        if not self.server.answering:
            self._answer(503)
        elif self.headers.get("Authorization", "").removeprefix("Bearer ") not in self.server.tokens:
            self._answer(401, {"error": "HTTP 401 Unauthorized"})
        elif "/users/u-1" not in self.path:
            self._answer(404, {"error": "User not found"})
        elif self.server.readonly and self.command != "GET":
            self._answer(403, {"error": "HTTP 403 Forbidden"})
        else:
            return True
        return False

    def do_GET(self) -> None:
        if self.path == "/.well-known/openid-configuration":
            self._answer(200, {"issuer": self.server.url, "token_endpoint": f"{self.server.url}/token"})
        elif self._admitted():
            self._answer(200, [{"id": each} for each in self.server.sessions] if self.path.endswith("/sessions") else self.server.user)

    def do_POST(self) -> None:
        body = self._body()
        if self.path == "/token":
            assert parse_qs(body.decode())["grant_type"] == ["client_credentials"]
            self.server.tokens.add(token := f"t-{len(self.server.tokens)}-{time.monotonic_ns()}")
            self._answer(200, {"access_token": token, "token_type": "Bearer"})
        elif self._admitted() and self.path.endswith("/logout"):
            self.server.sessions.clear()
            self._answer(204)

    def do_PUT(self) -> None:
        body = json.loads(self._body())
        if self._admitted():
            self.server.user = body  # what is missing is gone, as with Keycloak's attributes
            self._answer(204)


@pytest.fixture
def keycloak() -> Iterator[Keycloak]:
    with Keycloak() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


def account(keycloak: Keycloak, tmp_path: Path) -> oidc.Settings:
    return settings(tmp_path, keycloak.server_port, admin_url=f"{keycloak.url}/admin/realms/plant")


def account_job(action: str = "disable_identity", user: str = "u-1", **identity: Any) -> Job:
    target = Target(ref="identity:jdoe", reach={"user_id": user}, identity=identity or {"username": "jdoe", "created": 1700})
    return Job(effect="e-1", action=action, target=target)


@contextmanager
def silent(keycloak: Keycloak) -> Iterator[None]:
    keycloak.answering = False
    try:
        yield
    finally:
        keycloak.answering = True


@pytest.mark.parametrize("action", ["disable_identity", "revoke_sessions"])
def test_the_kit_for_an_account(keycloak: Keycloak, tmp_path: Path, action: str) -> None:
    if action == "disable_identity":
        keycloak.sessions.clear()  # an ended session does not come back with the account
    world = kit.World(
        actuator=oidc.make(account(keycloak, tmp_path)),
        job=account_job(action),
        impostor=account_job(action, username="jdoe", created=1800),  # the account was made anew under that name
        state=lambda: (keycloak.user, list(keycloak.sessions)),
        tamper=(lambda: keycloak.user.update(enabled=True)) if action == "disable_identity" else None,
        cut=lambda: silent(keycloak),
        undo="restores" if action == "disable_identity" else "leaves",
    )
    assert kit.problems(world) == []


def test_an_account_is_locked_with_its_sessions_and_keeps_its_attributes(keycloak: Keycloak, tmp_path: Path) -> None:
    actuator = oidc.make(account(keycloak, tmp_path))
    job = kit.recorded(actuator, account_job())
    assert actuator.apply(job).detail == "account jdoe: locked and its sessions ended"
    assert (keycloak.sessions, keycloak.user["enabled"], keycloak.user["attributes"]) == ([], False, {"plant": ["line-1"]})
    keycloak.sessions.append("s-3")
    assert actuator.look(job).standing == "partial"
    assert actuator.undo(job).detail == "account jdoe is enabled, as it stood"


def test_only_the_sessions_that_stood_then_count(keycloak: Keycloak, tmp_path: Path) -> None:
    actuator = oidc.make(account(keycloak, tmp_path))
    job = kit.recorded(actuator, account_job("revoke_sessions"))
    assert actuator.apply(job).result == "ok"
    keycloak.sessions.append("s-3")  # a new login
    assert actuator.look(job).standing == "in_force"
    keycloak.sessions.append("s-2")
    assert actuator.look(job).standing == "partial"


@pytest.mark.parametrize(
    ("job", "result", "why"),
    [
        (account_job(user="u-2"), "failed", "there is none"),
        (account_job(user="../../u-1/x"), "failed", "there is none"),
        (account_job(email="other@x.test"), "refused", "shows email 'jdoe@x.test', meant is 'other@x.test'"),
    ],
)
def test_what_cannot_be_done_is_told(keycloak: Keycloak, tmp_path: Path, job: Job, result: str, why: str) -> None:
    outcome = oidc.make(account(keycloak, tmp_path)).apply(job)
    assert outcome.result == result
    assert why in outcome.detail
    assert keycloak.user["enabled"]


def test_a_provider_that_does_not_let_us_is_told(keycloak: Keycloak, tmp_path: Path) -> None:
    keycloak.readonly = True
    outcome = oidc.make(account(keycloak, tmp_path)).apply(account_job())
    assert outcome.result == "failed"
    assert "answers HTTP 403" in outcome.detail


def test_settings_that_cannot_be_used_are_told(keycloak: Keycloak, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="it must begin with https://, for it carries secrets"):
        oidc.Settings(issuer="http://sso.example.org", client_id="x", client_secret_file="x")
    with pytest.raises(InputError, match="admin_url of oidc is not set"):
        oidc.make(settings(tmp_path, keycloak.server_port)).before(account_job())
    with pytest.raises(InputError, match="names no introspection_endpoint"):
        oidc.make(account(keycloak, tmp_path)).before(token_job(str(tmp_path / "client")))
    other = oidc.Settings(issuer=f"http://localhost:{keycloak.server_port}", client_id="x", client_secret_file="x")
    assert "says that it is" in oidc.make(other).ready()
    with pytest.raises(InputError, match=r"/no/such: .*PEM files that belong together would be right"):
        oidc.make(settings(tmp_path, keycloak.server_port, ca_file="/no/such"))
