"""Ends sessions, revokes tokens and locks accounts at an OpenID provider. Called by the effector's core.

Source: RFC 7009 (revocation), RFC 7662 (introspection), OpenID Connect Discovery 1.0, Keycloak's admin REST API (users, sessions, logout).
HTTPS, or HTTP on this machine only.
"""

import ssl
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from interferon.effector.answers import Denied, Unanswered, reach, same, shown, stood, told
from interferon.effector.protocol import Actuator, Job, Seen, Standing
from interferon.model.effects import Outcome
from interferon.model.errors import InputError

LOCAL: Final = ("127.0.0.1", "::1", "localhost")


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[oidc]`: the provider and the effector's client there; `admin_url` as `https://sso.example.org/admin/realms/plant` for Keycloak."""

    issuer: str
    client_id: str
    client_secret_file: str
    admin_url: str = ""
    ca_file: str = ""
    answer_s: float = 5.0

    def __post_init__(self) -> None:
        """ValueError names the key and what would be right."""
        for key in ("issuer", "admin_url"):
            url = urlsplit(getattr(self, key))
            if url.geturl() and url.scheme != "https" and not (url.scheme == "http" and url.hostname in LOCAL):
                raise ValueError(f"{key} is {url.geturl()}; it must begin with https://, for it carries secrets")


def make(settings: Settings) -> Actuator:
    return Oidc(settings)


class Oidc:
    """reach: `user_id` (an account of Keycloak), or `token_file` (a token, for `revoke_sessions` at any provider).

    identity of an account: `username`, `email`, `created` (milliseconds); of a token: `sub`, `client_id`, `username`, as introspection has
    them.
    """

    name = "oidc"
    actions = frozenset({"revoke_sessions", "disable_identity"})

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        try:
            trusted = ssl.create_default_context(cafile=settings.ca_file or None)  # once: reading every authority takes a tenth of a second
        except OSError as error:
            raise InputError(f"ca_file {settings.ca_file} of oidc cannot be used: {error}") from error
        kept = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.Client(verify=trusted, timeout=settings.answer_s, trust_env=False, limits=kept)

    def ready(self) -> str:
        return shown(lambda: Seen("absent", "" if self._endpoint("token_endpoint") else "the provider names no token_endpoint")).detail

    def identify(self, job: Job) -> Outcome:
        return told(lambda: f"{self._meant(job)} is meant")

    def before(self, job: Job) -> dict[str, Any]:
        return stood(lambda: self._before(job))

    def apply(self, job: Job) -> Outcome:
        return told(lambda: self._revoke(job) if "token_file" in job.target.reach else self._end(job))

    def look(self, job: Job) -> Seen:
        return shown(lambda: self._look_token(job) if "token_file" in job.target.reach else self._look_account(job))

    def undo(self, job: Job) -> Outcome:
        if job.action == "revoke_sessions":
            return Outcome("ok", f"nothing is put back: {job.target.ref} logs in again")
        return told(lambda: self._unlock(job))

    def _meant(self, job: Job) -> str:
        if "token_file" in job.target.reach:
            self._token(job)
            return f"the token of {job.target.ref}"
        return f"account {self._user(job)['username']}"

    def _before(self, job: Job) -> dict[str, Any]:
        if "token_file" in job.target.reach:
            return {"active": bool(self._token(job).get("active"))}
        user = self._user(job)
        return {"enabled": bool(user["enabled"]), "sessions": self._sessions(user["id"])}

    # a token, at any provider

    def _token(self, job: Job) -> dict[str, Any]:
        """What introspection tells; of a token that is not active that is nothing, so then nothing can be compared."""
        if job.action != "revoke_sessions":
            raise InputError(f"{job.action} needs user_id in reach of {job.target.ref}: a token is not an account")
        data = {"token": self._secret(job, "token_file")}
        found: dict[str, Any] = self._get("POST", self._endpoint("introspection_endpoint"), data=data, auth=self._client()).json()
        if found.get("active"):
            same(job, {key: found.get(key, "") for key in ("sub", "client_id", "username")})
        return found

    def _revoke(self, job: Job) -> str:
        if self._token(job).get("active"):
            data = {"token": self._secret(job, "token_file")}
            self._done("POST", self._endpoint("revocation_endpoint"), data=data, auth=self._client())
        return f"the token of {job.target.ref} is revoked"

    def _look_token(self, job: Job) -> Seen:
        if self._token(job).get("active"):
            return Seen("absent", f"the token of {job.target.ref} is active")
        return Seen("in_force", f"the token of {job.target.ref} is not active")

    # an account, at Keycloak

    def _user(self, job: Job) -> dict[str, Any]:
        user: dict[str, Any] = self._admin("GET", f"users/{quote(reach(job, 'user_id'), safe='')}").json()
        same(job, {"username": user.get("username", ""), "email": user.get("email", ""), "created": user.get("createdTimestamp", 0)})
        return user

    def _sessions(self, user: str) -> list[str]:
        return sorted(each["id"] for each in self._admin("GET", f"users/{quote(user, safe='')}/sessions").json())

    def _end(self, job: Job) -> str:
        """Locked first, so that no session begins after the last one was ended."""
        user = self._user(job)
        if job.action == "disable_identity":
            self._enable(user, False)
        if self._sessions(user["id"]):
            self._admin("POST", f"users/{quote(user['id'], safe='')}/logout")
        locked = "locked and its " if job.action == "disable_identity" else ""
        return f"account {user['username']}: {locked}sessions ended"

    def _enable(self, user: dict[str, Any], enabled: bool) -> None:
        """The whole account is sent, for Keycloak takes what is missing for removed."""
        if bool(user["enabled"]) != enabled:
            self._admin("PUT", f"users/{quote(user['id'], safe='')}", json={**user, "enabled": enabled})

    def _look_account(self, job: Job) -> Seen:
        """A session that began after the effect is none of those that were to end, unless the account is locked."""
        user = self._user(job)
        open_ = self._sessions(user["id"])
        if job.action == "disable_identity":
            if user["enabled"]:
                return Seen("absent", f"account {user['username']} is enabled")
            return Seen("partial" if open_ else "in_force", f"account {user['username']} is locked, {len(open_)} sessions are open")
        known = job.before.get("sessions", open_)
        left = [each for each in open_ if each in known]
        standing: Standing = "in_force" if not left else "absent" if left == known else "partial"
        return Seen(standing, f"account {user['username']}: {len(left)} of the sessions that were to end are open")

    def _unlock(self, job: Job) -> str:
        user = self._user(job)
        if not job.before:
            raise InputError(f"{job.effect} has nothing recorded that stood before")
        self._enable(user, bool(job.before["enabled"]))
        return f"account {user['username']} is {'enabled' if job.before['enabled'] else 'locked'}, as it stood"

    # HTTP

    def _admin(self, method: str, path: str, **content: Any) -> httpx.Response:
        if not self._settings.admin_url:
            raise InputError("admin_url of oidc is not set: accounts are reached by Keycloak's admin API")
        grant = {"grant_type": "client_credentials"}
        token = self._get("POST", self._endpoint("token_endpoint"), data=grant, auth=self._client()).json()["access_token"]
        send = self._get if method == "GET" else self._done
        return send(method, f"{self._settings.admin_url.rstrip('/')}/{path}", headers={"Authorization": f"Bearer {token}"}, **content)

    def _endpoint(self, name: str) -> str:
        found = self._get("GET", f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration").json()
        if found.get("issuer") != self._settings.issuer:
            raise Unanswered(f"{self._settings.issuer} says that it is {found.get('issuer')}")
        if name not in found:
            raise InputError(f"{self._settings.issuer} names no {name}: it cannot do this")
        return str(found[name])

    def _get(self, method: str, url: str, **content: Any) -> httpx.Response:
        """An answer that was read. `Denied` only where the thing is not there."""
        answer = self._send(method, url, **content)
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise Denied(f"{url}: there is none")
        if not answer.is_success:
            raise Unanswered(f"{url} answers {answer.status_code}: {_reason(answer)}")
        return answer

    def _done(self, method: str, url: str, **content: Any) -> httpx.Response:
        """A change that was taken. `Denied` where the provider says no: then nothing is changed."""
        answer = self._send(method, url, **content)
        if answer.is_client_error:
            raise Denied(f"{url} answers {answer.status_code}: {_reason(answer)}")
        if not answer.is_success:
            raise Unanswered(f"{url} answers {answer.status_code}: {_reason(answer)}")
        return answer

    def _send(self, method: str, url: str, **content: Any) -> httpx.Response:
        try:
            return self._http.request(method, url, **content)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise Unanswered(f"{url}: {error}") from error

    def _client(self) -> tuple[str, str]:
        return self._settings.client_id, _text(self._settings.client_secret_file, "client_secret_file of oidc")

    def _secret(self, job: Job, key: str) -> str:
        return _text(reach(job, key), f"{key} of {job.target.ref}")


def _text(path: str, what: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{what}, {path}, cannot be read: {error}") from error


def _reason(answer: httpx.Response) -> str:
    return answer.text.strip().splitlines()[0][:200] if answer.text.strip() else answer.reason_phrase
