"""What a CloudTrail record means: an API call, or a login. Called by the connector `cloudtrail`. Pure.

Source: AWS CloudTrail User Guide, "CloudTrail record contents", "userIdentity element" and "Console sign-in events".
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from interferon.sense.cloud_records import address, attributes, caller, first_text, truth
from interferon.sense.moments import micros
from interferon.sense.record_rows import Activity, Mapped, Note, count, table, text

LOG: Final = {"product": "aws", "service": "cloudtrail"}
WRAPPERS: Final = frozenset({"Records", "logEvents", "Events"})
LOGINS: Final = {
    "ConsoleLogin": "console",
    "SwitchRole": "switch_role",
    "AssumeRole": "assume_role",
    "AssumeRoleWithSAML": "saml",
    "AssumeRoleWithWebIdentity": "web_identity",
    "AssumeRoot": "assume_root",
    "GetFederationToken": "federation_token",
    "GetSessionToken": "session_token",
    "UserAuthentication": "identity_center",
}
_SERIAL: Final = re.compile(r"-\d{9,}$")  # of sessions that SDKs name by the clock, one name for each call otherwise


def is_trail(record: Mapping[str, Any]) -> bool:
    """Whether it is certainly of CloudTrail, or one of its digest files. Notices of S3 look alike."""
    if "digestS3Bucket" in record and "digestStartTime" in record:
        return True
    inner = table(record.get("detail")) or record
    named = text(inner.get("eventSource")).endswith((".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu"))
    return named and all(text(inner.get(name)) for name in ("eventName", "eventTime", "eventVersion"))


def events(record: Mapping[str, Any], raw: bytes = b"") -> Mapped:
    """The one event of a record. ValueError where it is none of CloudTrail."""
    if "digestS3Bucket" in record or "digestStartTime" in record:
        return [Note("is a digest of CloudTrail: it lists log files and holds no events; read those")]
    return [_event(_inner(record))]


def _inner(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The record within what EventBridge and CloudWatch Logs put around it, and CloudTrail's own lookup."""
    if "eventName" in table(record.get("detail")):
        return table(record["detail"])
    wrapped = record.get("message") or record.get("CloudTrailEvent")
    if ("eventSource" not in record and isinstance(wrapped, str)) or isinstance(record.get("CloudTrailEvent"), str):
        try:
            return table(msgspec.json.decode(str(wrapped)))
        except (msgspec.DecodeError, RecursionError):
            return record
    return record


def _event(record: Mapping[str, Any]) -> Activity:
    name, service, time = text(record.get("eventName")), text(record.get("eventSource")), micros(record.get("eventTime"))
    if not name or not service:
        raise ValueError("is no record of CloudTrail: it would have eventName and eventSource")
    if time is None:
        raise ValueError(f"eventTime is {record.get('eventTime')!r}; it would be a time such as 2026-01-05T08:00:00Z")
    who, more = _who(record), {"region": record.get("awsRegion"), "account": record.get("recipientAccountId"), "service": service}
    source, agent = address(record.get("sourceIPAddress")), {"userAgent": record.get("userAgent")}
    if name in LOGINS:
        return _login(record, time, who, source, {**more, **agent})
    extra = table(record.get("additionalEventData"))
    return Activity(
        time=time,
        entity=who,
        kind="api.call",
        source=source,
        actor=who,
        object=f"{service}/{name}",
        code=name,
        outcome="failure" if _failed(record) else "success",
        bytes=count(extra.get("bytesTransferredOut")),
        attributes=attributes(record, LOG, {**more, **agent}),
    )


def _login(record: Mapping[str, Any], time: int, who: str, source: str | None, more: dict[str, Any]) -> Activity:
    name, request = text(record.get("eventName")), table(record.get("requestParameters"))
    answer = text(table(record.get("responseElements")).get("ConsoleLogin"))
    failed = _failed(record) or answer.lower() == "failure"
    role = first_text(request.get("roleArn"), request.get("targetPrincipal"), table(record.get("additionalEventData")).get("SwitchTo"))
    told = {**more, "method": LOGINS[name], "mfa": _mfa(record), "device": more["userAgent"]}
    return Activity(
        time=time,
        entity=who,
        kind="auth.login",
        source=source,
        actor=who,
        code=name,
        target=f"identity:{tail(role)}" if role else None,
        object=text(record.get("eventSource")),
        outcome="failure" if failed else "success",
        attributes=attributes(record, LOG, told),
    )


def _failed(record: Mapping[str, Any]) -> bool:
    return bool(text(record.get("errorCode")) or text(record.get("errorMessage")))


def _mfa(record: Mapping[str, Any]) -> bool | None:
    """Said by the login itself, or by the session that it was made from, or known because a device's serial number came along."""
    said = truth(table(record.get("additionalEventData")).get("MFAUsed"))
    if said is None and text(table(record.get("requestParameters")).get("serialNumber")):
        return True
    session = table(table(table(record.get("userIdentity")).get("sessionContext")).get("attributes"))
    return said if said is not None else truth(session.get("mfaAuthenticated"))


def _who(record: Mapping[str, Any]) -> str:
    """The ARN's tail, else the name, the service, the principal, the account."""
    identity = table(record.get("userIdentity"))
    named = [identity.get(name) for name in ("userName", "invokedBy", "principalId", "accountId")]
    return caller(tail(text(identity.get("arn"))), *named, record.get("recipientAccountId"))


def tail(arn: str) -> str:
    """`user/anna` of arn:aws:iam::123456789012:user/anna."""
    pieces = arn.split(":", 5)
    return _SERIAL.sub("", pieces[5] if len(pieces) == 6 else arn)
