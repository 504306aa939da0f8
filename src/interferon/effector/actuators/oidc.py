"""Ends sessions, revokes tokens and locks accounts at an OpenID provider. Called by the effector's core.

Source: RFC 7009 (revocation), RFC 7662 (introspection), OpenID Connect Discovery 1.0, Keycloak's admin REST API (users, sessions, logout).
HTTPS, or HTTP on this machine only.
"""

from typing import Any, Final
from urllib.parse import quote

import msgspec

from interferon.effector import rest
from interferon.effector.answers import Unanswered, identified, reach, same, shown, stood, told, unfit
from interferon.effector.exchange import secret
from interferon.effector.protocol import Actuator, Job, Seen, Standing, Target
from interferon.effector.rest import Named, Rest
from interferon.model.effects import Outcome
from interferon.model.errors import InputError

TOKEN_FACTS: Final = ("sub", "client_id", "username")
ACCOUNT_FACTS: Final = ("username", "email", "created")


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
        rest.safe("issuer", self.issuer)
        rest.safe("admin_url", self.admin_url)


class Granted(msgspec.Struct, frozen=True):
    """What a token endpoint answers (RFC 6749, 5.1)."""

    access_token: str


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
        self._rest = Rest(settings.issuer, settings.ca_file, settings.answer_s)

    def ready(self) -> str:
        return shown(lambda: Seen("absent", "" if self._endpoint("token_endpoint") else "the provider names no token_endpoint")).detail

    def wrong(self, target: Target, action: str) -> str:
        """'' or what is wrong with a target of the effector's file, seen without the world."""
        if "token_file" in target.reach:
            return (
                unfit(target, ["token_file"], TOKEN_FACTS) if action == "revoke_sessions" else f"{action} needs user_id, and no token_file"
            )
        return unfit(target, ["user_id"], ACCOUNT_FACTS)

    def identify(self, job: Job) -> Outcome:
        return identified(job, lambda: f"{self._meant(job)} is meant")

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
        return {"enabled": user["enabled"], "sessions": self._sessions(user["id"])}

    # a token, at any provider

    def _token(self, job: Job) -> dict[str, Any]:
        """What introspection tells; of a token that is not active that is nothing, so then nothing can be compared."""
        if job.action != "revoke_sessions":
            raise InputError(f"{job.action} needs user_id in reach of {job.target.ref}: a token is not an account")
        data = {"token": self._secret(job)}
        found: dict[str, Any] = self._rest.read(self._endpoint("introspection_endpoint"), dict[str, Any], self._client(), data)
        if found.get("active"):
            same(job, {key: found.get(key, "") for key in TOKEN_FACTS})
        return found

    def _revoke(self, job: Job) -> str:
        if self._token(job).get("active"):
            data = {"token": self._secret(job)}
            self._rest.change("POST", self._endpoint("revocation_endpoint"), self._client(), form=data)
        return f"the token of {job.target.ref} is revoked"

    def _look_token(self, job: Job) -> Seen:
        if self._token(job).get("active"):
            return Seen("absent", f"the token of {job.target.ref} is active")
        return Seen("in_force", f"the token of {job.target.ref} is not active")

    # an account, at Keycloak

    def _user(self, job: Job) -> dict[str, Any]:
        path = f"users/{quote(reach(job, 'user_id'), safe='')}"
        user = self._rest.read(self._url(path), dict[str, Any], self._bearer())
        if not isinstance(user.get("enabled"), bool) or not all(isinstance(user.get(key), str) for key in ("id", "username")):
            raise Unanswered(f"{path} answers otherwise than agreed: id, username and enabled are not all there")
        same(job, {"username": user.get("username", ""), "email": user.get("email", ""), "created": user.get("createdTimestamp", 0)})
        return user

    def _sessions(self, user: str) -> list[str]:
        found = self._rest.read(self._url(f"users/{quote(user, safe='')}/sessions"), list[Named], self._bearer())
        return sorted(each.id for each in found)

    def _end(self, job: Job) -> str:
        """Locked first, so that no session begins after the last one was ended."""
        user = self._user(job)
        if job.action == "disable_identity":
            self._enable(user, False)
        if self._sessions(user["id"]):
            self._rest.change("POST", self._url(f"users/{quote(user['id'], safe='')}/logout"), self._bearer())
        locked = "locked and its " if job.action == "disable_identity" else ""
        return f"account {user['username']}: {locked}sessions ended"

    def _enable(self, user: dict[str, Any], enabled: bool) -> None:
        """The whole account is sent, for Keycloak takes what is missing for removed."""
        if user["enabled"] != enabled:
            path = f"users/{quote(user['id'], safe='')}"
            self._rest.change("PUT", self._url(path), self._bearer(), value={**user, "enabled": enabled})

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

    def _url(self, path: str) -> str:
        if not self._settings.admin_url:
            raise InputError("admin_url of oidc is not set: accounts are reached by Keycloak's admin API")
        return f"{self._settings.admin_url.rstrip('/')}/{path}"

    def _bearer(self) -> dict[str, str]:
        """A token for the effector's own client; asked for each time, for they live for a minute."""
        grant = {"grant_type": "client_credentials"}
        token = self._rest.read(self._endpoint("token_endpoint"), Granted, self._client(), grant)
        return {"Authorization": f"Bearer {token.access_token}"}

    def _endpoint(self, name: str) -> str:
        found = self._rest.read(f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration", dict[str, Any], {})
        if found.get("issuer") != self._settings.issuer:
            raise Unanswered(f"{self._settings.issuer} says that it is {found.get('issuer')}")
        if name not in found:
            raise InputError(f"{self._settings.issuer} names no {name}: it cannot do this")
        return str(found[name])

    def _client(self) -> dict[str, str]:
        return rest.basic(self._settings.client_id, secret(self._settings.client_secret_file, "client_secret_file of oidc"))

    def _secret(self, job: Job) -> str:
        return secret(reach(job, "token_file"), f"token_file of {job.target.ref}")
