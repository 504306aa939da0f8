"""What a record of Azure and Entra means: sign-ins, changes, API calls. Called by the connector `azure_activity`. Pure.

Source: Microsoft Learn, "Azure activity log event schema", "Azure Monitor resource log schema", and the sign-in and audit log schemas.
Read are diagnostic exports, what the command line and Microsoft Graph answer, and rows of Log Analytics, whose names differ in case only.
"""

from collections.abc import Mapping
from typing import Any, Final

from interferon.sense.cloud_records import address, attributes, caller, first_text
from interferon.sense.moments import micros
from interferon.sense.record_rows import Activity, Mapped, count, listed, table, text

WRAPPERS: Final = frozenset({"records", "value"})
SIGN_INS: Final = {
    "signinlogs": "interactive",
    "noninteractiveusersigninlogs": "non_interactive",
    "serviceprincipalsigninlogs": "service_principal",
    "managedidentitysigninlogs": "managed_identity",
    "adfssigninlogs": "adfs",
    "b2crequestlogs": "b2c",
    "microsoftserviceprincipalsigninlogs": "service_principal",
}
TABLES: Final = {"aadnoninteractiveusersigninlogs", "aadserviceprincipalsigninlogs", "aadmanagedidentitysigninlogs"}
SIGNED: Final = {*SIGN_INS, *TABLES}
ACTIVITY: Final = {
    *("administrative", "security", "servicehealth", "alert", "recommendation", "policy", "autoscale", "resourcehealth"),
    *("write", "delete", "action"),
}
CLAIMS: Final = (
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
    *("upn", "unique_name", "name", "appid"),
    "http://schemas.microsoft.com/identity/claims/objectidentifier",
    "oid",
)
TIMES: Final = ("time", "timegenerated", "createddatetime", "activitydatetime", "eventtimestamp", "timestamp", "submissiontimestamp")
GOOD: Final = {"success", "succeeded", "0", "ok", "accept", "accepted", "created", "completed"}
OPEN: Final = {"start", "started", "inprogress", "active", ""}  # neither yet
NAMED_BY: Final = ("operationname", "category", "activitydisplayname", "operationnamevalue", "type")


class _Seen:
    """One record with its names in small letters, and those of its `properties`; a field is looked for in the record first."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self.record = record
        self.top = {name.lower(): value for name, value in record.items()}
        self.more = {name.lower(): value for name, value in table(self.top.get("properties")).items()}
        both = [*self.more.items(), *self.top.items()] if self.more else self.top.items()
        # the command line puts a text under `value`, beside what a person reads
        self.all = {name: _plain(value) for name, value in both if value is not None and value != ""}
        self.category = self.text("category", "categoryvalue", "type").lower()
        self.operation = self.text("operationname", "operationnamevalue")

    def value(self, *names: str) -> Any:
        """The first of the fields that is there."""
        held = self.all
        return next((held[name] for name in names if name in held), None)

    def text(self, *names: str) -> str:
        held = self.all
        for name in names:
            if name in held and (said := text(held[name])):
                return said
        return ""

    def within(self, name: str) -> dict[str, Any]:
        """An object with its names in small letters; one that the record holds beside a plain text of the same name is found too."""
        for part in (self.more, self.top):
            if isinstance(part.get(name), dict):
                return {key.lower(): value for key, value in part[name].items()}
        return {}


def _plain(value: Any) -> Any:
    return value["value"] if value.__class__ is dict and "value" in value else value


def is_azure(record: Mapping[str, Any]) -> bool:
    """Whether it is certainly one of Azure's or Entra's, of a shape that is read."""
    seen = _Seen(record)
    if not any(micros(seen.top.get(name)) is not None for name in TIMES):
        return False
    if _signed_in(seen) or _audited(seen):
        return bool(
            seen.text("userprincipalname", "serviceprincipalname", "serviceprincipalid", "correlationid", "tenantid", "activitydisplayname")
        )
    resource = seen.text("resourceid", "_resourceid")
    return bool(seen.text("operationname", "operationnamevalue")) and resource.lower().startswith(
        ("/subscriptions/", "/tenants/", "/providers/")
    )


def events(record: Mapping[str, Any], raw: bytes = b"") -> Mapped:
    """The one event of a record. ValueError where it is none of Azure, or has no time."""
    seen = _Seen(record)
    if not any(name in seen.top for name in NAMED_BY) and not _signed_in(seen):
        raise ValueError("is no record of Azure: it would have operationName or category")
    time = next((found for name in TIMES if (found := micros(seen.top.get(name))) is not None), None)
    if time is None:
        raise ValueError("has no time that can be read; it would be in time, as 2026-01-05T08:00:00Z")
    return [_sign_in(seen, time) if _signed_in(seen) else _audit(seen, time) if _audited(seen) else _activity(seen, time)]


def _signed_in(seen: _Seen) -> bool:
    """By its category or table; Graph's answers say none, but name the app that was signed in to."""
    if seen.category in SIGNED or text(seen.top.get("type")).lower() in SIGNED:
        return True
    return "createddatetime" in seen.top and "appdisplayname" in seen.top


def _audited(seen: _Seen) -> bool:
    return text(seen.top.get("category")).lower() == "auditlogs" or "initiatedby" in seen.top or "initiatedby" in seen.more


def _sign_in(seen: _Seen, time: int) -> Activity:
    status, device, place = seen.within("status"), seen.within("devicedetail"), seen.within("location") or seen.within("locationdetails")
    error = first_text(status.get("errorcode"), seen.top.get("resulttype"), seen.more.get("errorcode"))
    user = seen.text("userprincipalname", "serviceprincipalname", "userid", "serviceprincipalid", "userdisplayname", "identity")
    who, failed = caller(user.lower()), error.lower() not in GOOD | {""}
    app = seen.text("appdisplayname", "appid")
    told = {
        "method": SIGN_INS.get(seen.category.removeprefix("aad")) or seen.text("clientappused"),
        "mfa": _mfa(seen),
        "country": first_text(place.get("countryorregion"), seen.top.get("location")),
        "device": first_text(device.get("displayname"), device.get("deviceid"), device.get("operatingsystem")),
        "userAgent": seen.text("useragent"),
        "region": first_text(seen.top.get("location")),
        "Status": "Failure" if failed else "Success",
        "ResultType": error,
        "ResultDescription": first_text(status.get("failurereason"), seen.top.get("resultdescription")),
    }
    return Activity(
        time=time,
        entity=who,
        kind="auth.login",
        actor=who,
        object=app or None,
        source=address(seen.value("ipaddress", "calleripaddress")),
        target=seen.text("resourcedisplayname") or None,
        code=seen.text("operationname") or "Sign-in activity",
        outcome="failure" if failed else "success",
        attributes=_attributes(seen, "signinlogs", told),
    )


def _mfa(seen: _Seen) -> bool | None:
    """What the policy asked for, or what was used beside the password."""
    needed = seen.text("authenticationrequirement").lower()
    if needed:
        return needed == "multifactorauthentication"
    return True if seen.within("mfadetail").get("authmethod") else None


def _audit(seen: _Seen, time: int) -> Activity:
    by = seen.within("initiatedby")
    user, app = table(by.get("user")), table(by.get("app"))
    who = caller(
        *(text(user.get(name)).lower() for name in ("userPrincipalName", "id")),
        app.get("displayName"),
        app.get("appId"),
        seen.text("identity"),
    )
    targets = [table(each) for each in listed(seen.value("targetresources"))]
    named = [first_text(each.get("userPrincipalName"), each.get("displayName"), each.get("id")) for each in targets]
    changed = [table(each) for target in targets for each in listed(target.get("modifiedProperties"))]
    name, result = seen.text("activitydisplayname", "operationname"), seen.text("result", "resulttype")
    told = {
        "before": "; ".join(said for each in changed if (said := text(each.get("oldValue"))))[:500],
        "after": "; ".join(said for each in changed if (said := text(each.get("newValue"))))[:500],
        "Status": "Success" if result.lower() in GOOD else "Failure",
        "region": first_text(seen.top.get("location")),
        "scope": seen.text("category") if not seen.more else text(seen.more.get("category")),
    }
    return Activity(
        time=time,
        entity=who,
        kind="config.change",
        actor=who,
        code=name,
        source=address(user.get("ipAddress")) or address(seen.value("calleripaddress")),
        target=next((each for each in named if each), None),
        object=name,
        outcome=_outcome(result),
        attributes=_attributes(seen, "auditlogs", told),
    )


def _activity(seen: _Seen, time: int) -> Activity:
    """A call of Azure's own interface, or one of a resource. What writes or deletes a resource is a change of it."""
    operation = seen.operation
    resource = seen.text("resourceid", "_resourceid", "resourceuri") or None
    identity = seen.within("identity")
    claims = table(identity.get("claims")) or table(identity.get("claim")) or table(seen.top.get("claims"))
    claimed = first_text(*map(claims.get, CLAIMS)) if claims else ""
    who = caller((seen.text("caller") or claimed).lower(), seen.text("identity", "useridentity"))
    management = seen.category in ACTIVITY
    changes = management and operation.lower().endswith(("/write", "/delete"))
    result = seen.text(
        "resulttype", "activitystatusvalue", "status", "statustext", "statuscode", "httpstatuscode", "httpstatuscode_d", "resultsignature"
    )
    return Activity(
        time=time,
        entity=who,
        kind="config.change" if changes else "api.call",
        actor=who,
        code=operation or None,
        source=address(seen.value("calleripaddress", "clientip", "ipaddress") or table(seen.top.get("httprequest")).get("clientIpAddress")),
        target=resource,
        object=operation if changes or not resource else f"{operation} {resource}",
        outcome=_outcome(result),
        bytes=count(seen.value("responsebodysize")),
        attributes=_attributes(
            seen,
            "activitylogs" if management else seen.category,
            {
                "region": first_text(seen.top.get("location")),
                "userAgent": seen.text("useragent", "useragentheader"),
                "scope": _scope(identity),
            },
        ),
    )


def _scope(identity: Mapping[str, Any]) -> str:
    return text(table(identity.get("authorization")).get("scope"))


def _outcome(result: str) -> str | None:
    said = result.lower().split(".", 1)[0]
    if said in OPEN:
        return None
    if said.isdigit() and len(said) == 3:
        return "success" if said < "400" else "failure"
    return "success" if said in GOOD else "failure"


def _attributes(seen: _Seen, service: str, more: Mapping[str, Any]) -> dict[str, Any]:
    """Also under the names that Log Analytics gives its columns, since rules use both."""
    operation = seen.operation or seen.text("activitydisplayname")
    category = seen.text("category", "categoryvalue")
    found = attributes(seen.record, {"product": "azure", "service": service}, {})
    named = {name[11:12].upper() + name[12:]: value for name, value in found.items() if name.startswith("properties.")}
    named |= {"properties.message": operation, "operationName": operation, "OperationName": operation, "OperationNameValue": operation}
    named |= {"Category": category, "CategoryValue": category, "ResourceId": seen.text("resourceid", "_resourceid")}
    named["ResourceProviderValue"] = operation.split("/", 1)[0] if "/" in operation else ""
    found.update((name, value) for name, value in named.items() if value != "")
    found.update((name, value) for name, value in more.items() if value is not None and value != "")
    return found
