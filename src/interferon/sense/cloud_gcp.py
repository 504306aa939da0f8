"""What an entry of Google Cloud's audit logs means: a change, an API call, a login. Called by the connector `gcp_audit`. Pure.

Source: Cloud Logging's `LogEntry` with a `google.cloud.audit.AuditLog` in `protoPayload`; the log's name tells what kind of log it is.
"""

from collections.abc import Mapping
from typing import Any, Final

from interferon.sense.cloud_records import address, attributes, caller, first_text, truth
from interferon.sense.moments import micros
from interferon.sense.record_rows import Activity, Mapped, count, listed, table, text

LOG: Final = {"product": "gcp", "service": "gcp.audit"}
WRAPPERS: Final = frozenset({"entries"})
PAYLOADS: Final = ("protoPayload", "protopayload_auditlog")  # in Cloud Logging, and in a BigQuery export
AUDIT: Final = "type.googleapis.com/google.cloud.audit.AuditLog"
# the last part of the log's name → kind; Admin Activity and System Event logs hold what changes configuration, and nothing else
KINDS: Final = {"activity": "config.change", "system_event": "config.change"}
LOGINS: Final = "google.login.LoginService."
FAILED_LOGINS: Final = ("loginFailure", "gov_attack_warning", "suspiciousLogin", "suspiciousLoginLessSecureApp")


def _payload(record: Mapping[str, Any]) -> dict[str, Any]:
    return next((record[name] for name in PAYLOADS if isinstance(record.get(name), dict)), {})


def is_audit(record: Mapping[str, Any]) -> bool:
    """Whether it is certainly a log entry that holds an audit record."""
    payload = _payload(record)
    named = "cloudaudit.googleapis.com" in text(record.get("logName")) or payload.get("@type") == AUDIT
    return bool(text(payload.get("methodName"))) and named


def events(record: Mapping[str, Any], raw: bytes = b"") -> Mapped:
    """The one event of an entry. ValueError where it holds no audit record, or has no time."""
    payload = _payload(record)
    method, service = text(payload.get("methodName")), text(payload.get("serviceName"))
    if not method and not service:
        raise ValueError("is no audit log entry: it would have protoPayload with serviceName and methodName")
    time = micros(record.get("timestamp"))
    time = micros(record.get("receiveTimestamp")) if time is None else time
    if time is None:
        raise ValueError(f"timestamp is {record.get('timestamp')!r}; it would be a time such as 2026-01-05T08:00:00Z")
    return [_event(record, payload, time)]


def _event(record: Mapping[str, Any], payload: Mapping[str, Any], time: int) -> Activity:
    method, service, who = text(payload.get("methodName")), text(payload.get("serviceName")), _who(payload)
    asked, log = table(payload.get("requestMetadata")), text(record.get("logName")).replace("%2F", "/").rsplit("/", 1)[-1]
    login = method.startswith(LOGINS)
    kind = "auth.login" if login else KINDS.get(log, "api.call")
    resource = text(payload.get("resourceName"))
    failed = _failed(payload) or (login and method.removeprefix(LOGINS) in FAILED_LOGINS)
    return Activity(
        time=time,
        entity=who,
        kind=kind,
        actor=who,
        code=method or None,
        source=address(asked.get("callerIp")),
        target=resource or None,
        object=f"{service}/{method}" if kind == "api.call" else method or service,
        outcome="failure" if failed else "success",
        attributes=_attributes(record, payload, login),
    )


def _who(payload: Mapping[str, Any]) -> str:
    known = table(payload.get("authenticationInfo"))
    named = first_text(known.get("principalEmail"), known.get("principalSubject"), known.get("authoritySelector"))
    return caller(named, "anonymous")


def _failed(payload: Mapping[str, Any]) -> bool:
    """By google.rpc.Status; where that says nothing, by a permission that was not granted."""
    code = table(payload.get("status")).get("code")
    if code is not None:
        return code not in (0, "0", "OK")
    return any(truth(table(each).get("granted")) is False for each in listed(payload.get("authorizationInfo")))


def _attributes(record: Mapping[str, Any], payload: Mapping[str, Any], login: bool) -> dict[str, Any]:
    labels = table(table(record.get("resource")).get("labels"))
    places = [*listed(table(payload.get("resourceLocation")).get("currentLocations")), *map(labels.get, ("location", "zone", "region"))]
    granted = [table(each) for each in listed(payload.get("authorizationInfo"))]
    method, service = text(payload.get("methodName")), text(payload.get("serviceName"))
    told = {
        "region": first_text(*places),
        "userAgent": text(table(payload.get("requestMetadata")).get("callerSuppliedUserAgent")),
        "project": text(labels.get("project_id")),
        "records": count(payload.get("numResponseItems")),
        "method": table(payload.get("metadata")).get("loginType") if login else None,
        # names that published rules use
        "gcp.audit.method_name": method,
        "gcp.audit.service_name": service,
        "data.protoPayload.methodName": method,
        "data.protoPayload.serviceName": service,
        "data.protoPayload.logName": text(record.get("logName")).rsplit("/logs/", 1)[-1],
        "data.protoPayload.resource.type": text(table(record.get("resource")).get("type")),
        "data.protoPayload.authorizationInfo.permission": [text(each.get("permission")) for each in granted],
        "data.protoPayload.authorizationInfo.granted": [text(each.get("granted")) for each in granted],
    }
    return attributes(record, LOG, {key: value for key, value in told.items() if value != []})
