"""Audit logs of clouds and Kubernetes: what each record means, that rules read it, and that damage costs only what it hit."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.connectors import azure_activity, cloudtrail, gcp_audit, kubernetes_audit, otlp, windows_events, windows_json
from interferon.detect.stream_events import rows_from_batch
from interferon.detect.stream_protocol import Context
from interferon.detectors.activity_rules import SigmaRules
from interferon.model.errors import InputError
from interferon.model.records import DeadLetter
from interferon.rules.parse import parse
from interferon.runtime import connector_kit
from interferon.sense import record_rows
from interferon.sense.json_records import Broken, Record, records
from interferon.sense.moments import micros

TIME = 1_767_600_000_000_000
STAMP = "2026-01-05T08:00:00Z"
CLOUDS = (cloudtrail, azure_activity, gcp_audit, kubernetes_audit)
WRAP = {cloudtrail: "Records", azure_activity: "records", gcp_audit: "entries", kubernetes_audit: "items"}


def taken(connector: Any, data: bytes, first: int = 0) -> tuple[list[dict[str, Any]], list[DeadLetter]]:
    given_ = data if hasattr(connector, "WHOLE") else data.splitlines(keepends=True)
    return told(connector.normalise(given_, "cloud", first))


def told(items: Iterable[Any]) -> tuple[list[dict[str, Any]], list[DeadLetter]]:
    rows: list[dict[str, Any]] = []
    dead: list[DeadLetter] = []
    for item in items:
        if isinstance(item, DeadLetter):
            dead.append(item)
        else:
            rows += [{**row, "attributes": json.loads(row["attributes"])} for row in item.to_pylist()]
    return rows, dead


def one(connector: Any, record: dict[str, Any]) -> dict[str, Any]:
    rows, dead = taken(connector, json.dumps(record).encode())
    assert not dead
    (row,) = rows
    return row


def trail(name: str = "GetObject", **more: Any) -> dict[str, Any]:
    user: dict[str, Any] = {
        "type": "IAMUser",
        "arn": "arn:aws:iam::123456789012:user/anna",
        "accountId": "123456789012",
        "userName": "anna",
    }
    head: dict[str, Any] = {
        "eventVersion": "1.09",
        "eventTime": STAMP,
        "eventSource": "s3.amazonaws.com",
        "eventName": name,
        "awsRegion": "eu-central-1",
    }
    return {**head, "userIdentity": user, "sourceIPAddress": "203.0.113.9", "userAgent": "cli", **more}


def entry(method: str = "storage.objects.get", log: str = "data_access", **more: Any) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
        "serviceName": "storage.googleapis.com",
        "methodName": method,
    }
    payload |= {"authenticationInfo": {"principalEmail": "anna@plant.example"}, "requestMetadata": {"callerIp": "203.0.113.9"}, **more}
    return {"logName": f"projects/p/logs/cloudaudit.googleapis.com%2F{log}", "timestamp": STAMP, "protoPayload": payload}


def audit(verb: str = "get", stage: str = "ResponseComplete", code: int = 200, **thing: str) -> dict[str, Any]:
    head: dict[str, Any] = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "auditID": "a",
        "stage": stage,
        "verb": verb,
        "requestURI": "/healthz?x=1",
    }
    head |= {"user": {"username": "anna"}, "sourceIPs": ["203.0.113.9", "10.0.0.1"], "stageTimestamp": STAMP}
    return {**head, "responseStatus": {"code": code}, **({"objectRef": thing} if thing else {})}


def azure(operation: str, category: str = "Administrative", **more: Any) -> dict[str, Any]:
    return {"time": STAMP, "resourceId": "/SUBSCRIPTIONS/S/X", "operationName": operation, "category": category, **more}


@pytest.mark.parametrize("connector", CLOUDS)
def test_the_connectors_keep_their_promises(connector: Any) -> None:
    assert connector_kit.run(connector) == []


# CloudTrail


def test_a_call_of_aws() -> None:
    row = one(cloudtrail, trail(errorCode="AccessDenied", requestParameters={"bucketName": "plans"}))
    assert (row["kind"], row["entity"], row["actor"]) == ("api.call", "identity:user/anna", "identity:user/anna")
    assert (row["object"], row["code"], row["outcome"], row["source"]) == (
        "s3.amazonaws.com/GetObject",
        "GetObject",
        "failure",
        "203.0.113.9",
    )
    assert {key: row["attributes"][key] for key in ("region", "userAgent", "requestParameters.bucketName", "awsRegion")} == {
        **{"region": "eu-central-1", "userAgent": "cli", "requestParameters.bucketName": "plans", "awsRegion": "eu-central-1"}
    }
    assert (row["time"], one(cloudtrail, trail())["outcome"]) == (TIME, "success")
    assert one(cloudtrail, trail(additionalEventData={"bytesTransferredOut": 4096}))["bytes"] == 4096


@pytest.mark.parametrize(
    ("identity", "who"),
    [
        ({"arn": "arn:aws:iam::1:root"}, "identity:root"),
        ({"arn": "arn:aws:sts::1:assumed-role/Deploy/anna"}, "identity:assumed-role/Deploy/anna"),
        ({"arn": "arn:aws:sts::1:assumed-role/Deploy/botocore-session-1767600000"}, "identity:assumed-role/Deploy/botocore-session"),
        ({"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}, "identity:ec2.amazonaws.com"),
        ({"type": "AWSAccount", "accountId": "42"}, "identity:42"),
        (None, "identity:unknown"),
    ],
)
def test_who_calls_aws(identity: Any, who: str) -> None:
    assert one(cloudtrail, trail(userIdentity=identity))["entity"] == who


@pytest.mark.parametrize(
    ("record", "outcome", "mfa", "method", "target"),
    [
        (
            trail("ConsoleLogin", responseElements={"ConsoleLogin": "Success"}, additionalEventData={"MFAUsed": "No"}),
            "success",
            False,
            "console",
            None,
        ),
        (
            trail("ConsoleLogin", responseElements={"ConsoleLogin": "Failure"}, additionalEventData={"MFAUsed": "Yes"}),
            "failure",
            True,
            "console",
            None,
        ),
        (
            trail("AssumeRole", requestParameters={"roleArn": "arn:aws:iam::1:role/Admin", "serialNumber": "x"}),
            "success",
            True,
            "assume_role",
            "identity:role/Admin",
        ),
        (trail("AssumeRoleWithSAML", errorCode="AccessDenied"), "failure", None, "saml", None),
        (trail("GetFederationToken"), "success", None, "federation_token", None),
    ],
)
def test_logins_of_aws(record: dict[str, Any], outcome: str, mfa: bool | None, method: str, target: str | None) -> None:
    row = one(cloudtrail, record)
    assert (row["kind"], row["outcome"], row["target"]) == ("auth.login", outcome, target)
    assert (row["attributes"].get("mfa"), row["attributes"]["method"]) == (mfa, method)


def test_a_digest_is_told_and_what_services_put_around_is_taken_off() -> None:
    digest = {"awsAccountId": "1", "digestStartTime": STAMP, "digestS3Bucket": "b", "logFiles": []}
    rows, (letter,) = taken(cloudtrail, json.dumps(digest).encode())
    assert (rows, "digest" in letter.reason) == ([], True)
    assert one(cloudtrail, {"source": "aws.s3", "detail-type": "AWS API Call via CloudTrail", "detail": trail()})["code"] == "GetObject"
    rows, _ = taken(cloudtrail, json.dumps({"logGroup": "g", "logEvents": [{"id": "1", "message": json.dumps(trail())}]}).encode())
    assert [row["code"] for row in rows] == ["GetObject"]


# Azure and Entra


def test_changes_and_calls_of_azure() -> None:
    row = one(
        azure_activity,
        azure(
            "MICROSOFT.COMPUTE/VIRTUALMACHINES/DELETE",
            resultType="Failure",
            callerIpAddress="203.0.113.9:4711",
            identity={"claims": {"upn": "Anna@plant.example"}},
            location="westeurope",
        ),
    )
    assert (row["kind"], row["entity"], row["source"], row["outcome"]) == (
        "config.change",
        "identity:anna@plant.example",
        "203.0.113.9",
        "failure",
    )
    assert (row["target"], row["attributes"]["region"]) == ("/SUBSCRIPTIONS/S/X", "westeurope")
    row = one(
        azure_activity, azure("SecretGet", "AuditEvent", resultSignature="OK", httpStatusCode=200, properties={"httpStatusCode": 200})
    )
    assert (row["kind"], row["object"], row["outcome"]) == ("api.call", "SecretGet /SUBSCRIPTIONS/S/X", "success")
    assert one(azure_activity, azure("X/Y/START/ACTION", resultType="Start"))["outcome"] is None


def test_a_sign_in_as_exported_and_as_graph_answers() -> None:
    said = {
        "userPrincipalName": "anna@plant.example",
        "appDisplayName": "Portal",
        "ipAddress": "203.0.113.9",
        "status": {"errorCode": 50126},
    }
    said |= {
        "location": {"countryOrRegion": "DE"},
        "authenticationRequirement": "multiFactorAuthentication",
        "deviceDetail": {"displayName": "pc"},
    }
    exported = azure("Sign-in activity", "SignInLogs", properties=said, resultType="50126")
    for record in (exported, {"id": "1", "createdDateTime": STAMP, **said}):
        row = one(azure_activity, record)
        assert (row["kind"], row["actor"], row["outcome"], row["object"]) == (
            "auth.login",
            "identity:anna@plant.example",
            "failure",
            "Portal",
        )
        assert {key: row["attributes"][key] for key in ("mfa", "country", "device")} == {"mfa": True, "country": "DE", "device": "pc"}
    said["status"] = {"errorCode": 0}
    assert one(azure_activity, {"createdDateTime": STAMP, **said})["outcome"] == "success"


def test_a_row_of_log_analytics_and_one_of_the_command_line() -> None:
    row = one(
        azure_activity,
        {
            "TimeGenerated": STAMP,
            "OperationNameValue": "Microsoft.Network/x/write",
            "CategoryValue": "Administrative",
            "Caller": "anna",
            "CallerIpAddress": "203.0.113.9",
            "ActivityStatusValue": "Success",
            "_ResourceId": "/subscriptions/s",
        },
    )
    assert (row["kind"], row["entity"], row["outcome"], row["target"]) == ("config.change", "identity:anna", "success", "/subscriptions/s")
    row = one(
        azure_activity,
        {
            "eventTimestamp": STAMP,
            "operationName": {"value": "A/b/action", "localizedValue": "B"},
            "caller": "anna",
            "category": {"value": "Administrative"},
            "status": {"value": "Succeeded"},
            "resourceId": "/subscriptions/s",
        },
    )
    assert (row["kind"], row["code"], row["outcome"], row["entity"]) == ("api.call", "A/b/action", "success", "identity:anna")


def test_a_change_of_the_directory() -> None:
    by = {"user": {"userPrincipalName": "anna@plant.example", "ipAddress": "203.0.113.9"}}
    target = {"displayName": "Admins", "modifiedProperties": [{"displayName": "m", "oldValue": "a", "newValue": "b"}]}
    said = {"activityDisplayName": "Add member to role", "initiatedBy": by, "targetResources": [target], "result": "success"}
    row = one(azure_activity, azure("Add member to role", "AuditLogs", properties=said))
    assert (row["kind"], row["entity"], row["target"], row["source"]) == (
        "config.change",
        "identity:anna@plant.example",
        "Admins",
        "203.0.113.9",
    )
    assert (row["object"], row["outcome"], row["attributes"]["before"], row["attributes"]["after"]) == (
        "Add member to role",
        "success",
        "a",
        "b",
    )


# Google Cloud


def test_entries_of_google_cloud() -> None:
    row = one(gcp_audit, entry(status={"code": 7}, numResponseItems="12", resourceName="projects/_/buckets/b"))
    assert (row["kind"], row["entity"], row["object"]) == (
        "api.call",
        "identity:anna@plant.example",
        "storage.googleapis.com/storage.objects.get",
    )
    assert (row["outcome"], row["target"], row["attributes"]["records"]) == ("failure", "projects/_/buckets/b", 12)
    row = one(gcp_audit, entry("v1.compute.firewalls.insert", "activity", status={}))
    assert (row["kind"], row["code"], row["outcome"], row["source"]) == (
        "config.change",
        "v1.compute.firewalls.insert",
        "success",
        "203.0.113.9",
    )
    assert one(gcp_audit, entry(authorizationInfo=[{"permission": "p", "granted": False}]))["outcome"] == "failure"
    assert one(gcp_audit, entry(requestMetadata={"callerIp": "private"}))["source"] is None
    row = one(gcp_audit, entry("google.login.LoginService.loginFailure", "data_access", metadata={}))
    assert (row["kind"], row["outcome"]) == ("auth.login", "failure")


# Kubernetes


def test_calls_of_kubernetes() -> None:
    row = one(kubernetes_audit, audit("list", code=403, resource="secrets", namespace="mes"))
    assert (row["kind"], row["entity"], row["object"], row["code"]) == ("api.call", "identity:anna", "secrets/mes", "list")
    assert (row["outcome"], row["source"], row["attributes"]["scope"]) == ("failure", "203.0.113.9", "mes")
    row = one(kubernetes_audit, audit("create", code=101, resource="pods", namespace="mes", name="m-0", subresource="exec"))
    assert (row["object"], row["code"], row["outcome"]) == ("pods/mes/m-0/exec", "exec", "success")
    assert one(kubernetes_audit, audit())["object"] == "/healthz"
    assert one(kubernetes_audit, audit(stage="Panic"))["outcome"] == "failure"


def test_a_call_counts_once_whatever_its_stages() -> None:
    events = [audit(stage=stage) for stage in ("RequestReceived", "ResponseStarted", "ResponseComplete", "RequestReceived")]
    rows, (letter,) = taken(kubernetes_audit, "\n".join(map(json.dumps, events)).encode())
    assert [row["offset"] for row in rows] == [2]
    assert "2 RequestReceived, 1 ResponseStarted" in letter.reason
    rows, (letter,) = taken(kubernetes_audit, json.dumps(audit(stage="Later")).encode())
    assert "stage is 'Later'" in letter.reason


def test_events_of_a_list_count_on_from_their_line() -> None:
    listed = {"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": [audit(), audit(), {"bad": 1}, audit()]}
    text = json.dumps(audit()) + "\n" + json.dumps(listed) + "\n" + json.dumps(audit())
    rows, (letter,) = taken(kubernetes_audit, text.encode(), 10)
    assert ([row["offset"] for row in rows], letter.offset) == ([10, 11, 12, 14, 15], 13)


# all


@pytest.mark.parametrize(
    ("connector", "logsource", "selection", "record", "other"),
    [
        (
            cloudtrail,
            "{product: aws, service: cloudtrail}",
            "{eventName: ConsoleLogin, additionalEventData.MFAUsed: 'NO'}",
            trail("ConsoleLogin", additionalEventData={"MFAUsed": "No"}),
            trail("ConsoleLogin", additionalEventData={"MFAUsed": "Yes"}),
        ),
        (
            azure_activity,
            "{product: azure, service: activitylogs}",
            "{operationName|startswith: MICROSOFT.NETWORK/}",
            azure("MICROSOFT.NETWORK/X/WRITE"),
            azure("MICROSOFT.COMPUTE/X/WRITE"),
        ),
        (
            azure_activity,
            "{product: azure, service: auditlogs}",
            "{properties.message: Add user, Status: Success}",
            azure("Add user", "AuditLogs", properties={"result": "success"}),
            azure("Add user", "AuditLogs", properties={"result": "failure"}),
        ),
        (gcp_audit, "{product: gcp, service: gcp.audit}", "{gcp.audit.method_name|endswith: .delete}", entry("a.delete"), entry("a.get")),
        (
            kubernetes_audit,
            "{product: kubernetes, category: application, service: audit}",
            "{verb: create, objectRef.subresource: exec}",
            audit("create", resource="pods", subresource="exec"),
            audit("create", resource="pods", subresource="log"),
        ),
    ],
)
def test_a_published_kind_of_rule_reads_the_event(connector: Any, logsource: str, selection: str, record: Any, other: Any) -> None:
    rule = "title: t\nid: 3d0f1c52-6c2e-4f6e-9d6a-0f6f2f1e7a55\nlevel: high\nlogsource: {}\ndetection:\n  s: {}\n  condition: s\n"
    rules, problems = parse(rule.format(logsource, selection), "t.yml", {})
    assert not problems
    for given_, hits in ((record, 1), (other, 0)):
        data = json.dumps(given_).encode()
        batch = next(iter(connector.normalise(data if hasattr(connector, "WHOLE") else [data], "cloud")))
        (event,) = rows_from_batch(batch)
        assert len(SigmaRules(rules).score(None, event, Context(event.entity, TIME, 0, 0, {}, {}, ""))) == hits


GOOD = {cloudtrail: trail(), azure_activity: azure("A/B/WRITE"), gcp_audit: entry(), kubernetes_audit: audit()}


@pytest.mark.parametrize("connector", CLOUDS)
def test_every_way_to_write_records_gives_the_same_ones(connector: Any) -> None:
    good, name = GOOD[connector], WRAP[connector]
    ways = [
        "\n".join([json.dumps(good)] * 3),
        json.dumps([good] * 3),
        json.dumps([good] * 3, indent=2),
        json.dumps({name: [good] * 3}),
        json.dumps({"kind": "x", name: [good] * 3, "z": 1}, indent=1),
        json.dumps(good) * 3,
        "[\n" + ",\n".join([json.dumps(good)] * 3) + "\n]\n",
        "[" + ",\n".join([json.dumps(good)] * 3) + "]",
        "\ufeff" + json.dumps({name: [good] * 3}),
    ]
    for way in ways:
        rows, dead = taken(connector, way.encode())
        assert (len(rows), dead) == (3, []), way[:40]
        assert connector.sniff(way.encode()), way[:40]


@pytest.mark.parametrize("connector", CLOUDS)
def test_an_invalid_record_costs_no_good_one(connector: Any) -> None:
    good, name = json.dumps(GOOD[connector]), WRAP[connector]
    for bad in ('{"a": 1}', "7", '{"a": nonsense}', "null"):
        rows, dead = taken(connector, f'{{"{name}": [{good}, {bad}, {good}]}}'.encode())
        assert (len(rows), len(dead)) == (2, 1), bad
        assert dead[0].raw
    cut = f'{{"{name}": [{good}, {good}, {good}'.encode()
    for end in range(1, len(good), 37):
        rows, dead = taken(connector, cut[:-end])
        assert (len(rows), len(dead)) == (2, 1)


@pytest.mark.parametrize("connector", CLOUDS)
def test_files_are_read_gzipped_and_a_damaged_one_says_so(connector: Any, tmp_path: Path) -> None:
    path = tmp_path / "log.json.gz"
    data = "\n".join(json.dumps(GOOD[connector] | {"n": n}) for n in range(3000)).encode()
    path.write_bytes(gzip.compress(data))
    rows, dead = told(connector.read(path, "f"))
    assert (len(rows), dead, rows[0]["feed"]) == (3000, [], "f")
    path.write_bytes(gzip.compress(data)[:-4000])
    rows, dead = told(connector.read(path))
    assert len(rows) < 3000
    assert "breaks off" in dead[-1].reason
    with pytest.raises(InputError, match="absent"):
        list(connector.read(tmp_path / "absent"))


def test_batches_end_early_where_records_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_rows, "BYTES", 1000)
    items = list(cloudtrail.normalise(json.dumps([trail()] * 20).encode(), "cloud"))
    assert len(items) > 5
    rows, dead = told(items)
    assert ([row["offset"] for row in rows], dead) == (list(range(20)), [])


EVERY = (*CLOUDS, otlp, windows_json, windows_events)
OTHERS = (
    b"",
    b"[]",
    b"{}",
    b'{"Records":[]}',
    b'{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","eventTime":"2026-01-05T08:00:00Z","eventName":"ObjectCreated:Put"}]}',
    b'{"family":"activity","time":1,"kind":"api.call"}',
    b'{"timestamp":"2026-01-05T08:00:00Z","event_type":"alert","category":"x"}',
    b'{"ts":1767600000.1,"uid":"C","id.orig_h":"10.0.0.1"}',
    b'{"type":"EPCISDocument","epcisBody":{"eventList":[]}}',
    b'{"kind":"Event","apiVersion":"v1","items":[]}',
    b'{"logName":"projects/p/logs/app","timestamp":"2026-01-05T08:00:00Z","textPayload":"x"}',
    b"time,value\n1,2\n",
    b"\x0a\x02\x08\x01",
    b"\xff" * 64,
)


@pytest.mark.parametrize("connector", EVERY)
def test_each_takes_its_own_files_and_no_others(connector: Any) -> None:
    assert [each.NAME for each in EVERY if each.sniff(connector.EXAMPLE)] == [connector.NAME]
    assert [head for head in OTHERS if connector.sniff(head)] == []


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8) | st.just(STAMP),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.sampled_from(["a", "b.c", "code"]), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = sorted(
    {name for record in GOOD.values() for name in record}
    | {
        "properties",
        "Records",
        "records",
        "items",
        "detail",
        "message",
        "initiatedBy",
        "targetResources",
        "createdDateTime",
        "appDisplayName",
    }
)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(CLOUDS),
    st.lists(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6), max_size=4),
    st.binary(max_size=20),
    st.integers(0, 4000),
)
def test_no_bytes_raise(connector: Any, drawn: list[dict[str, Any]], junk: bytes, place: int) -> None:
    text = "\n".join(json.dumps(each) for record in drawn for each in (record, {**GOOD[connector], **record})).encode()
    place %= len(text) + 1
    data = text[:place] + junk + text[place:]
    rows, dead = taken(connector, data)
    assert all(letter.reason for letter in dead)
    offsets = [row["offset"] for row in rows]
    assert offsets == sorted(set(offsets))
    connector.sniff(data)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='{}[]",:\\ \nanull1', max_size=60))
def test_records_come_out_of_any_text_and_nothing_is_lost_silently(text: str) -> None:
    found = list(records(text.encode().split(b"\n"), frozenset({"a"})))
    assert found or not text.strip(" \n[],") or text.replace("\n", "").replace(" ", "").startswith(("[]", '{"a":[]'))
    assert all(isinstance(each, Record | Broken) for each in found)


@pytest.mark.parametrize(
    "text", ["[\n" + "," * 50_000, "[" * 50_000, "[\n" + "]," * 50_000, '{"a":' * 50_000, '[{"a":1},' * 20_000, '"' * 99_999]
)
def test_no_depth_or_length_is_too_much(text: str) -> None:
    assert list(records(text.encode().split(b"\n"), frozenset({"a"})))


def test_a_line_that_is_cut_off_costs_itself_alone() -> None:
    good = json.dumps({"a": [1, {"b": "}{"}]})
    found = list(records((good + "\n" + good[:-4] + "\n" + good + "\n" + good).encode().split(b"\n")))
    assert [type(each).__name__ for each in found] == ["Record", "Broken", "Record", "Record"]
    assert found[1].line == 1


@pytest.mark.parametrize(
    ("said", "moment"),
    [
        (STAMP, TIME),
        ("2026-01-05T09:00:00.1234567+01:00", TIME + 123_456),
        ("2026-01-05 08:00:00", TIME),
        (1_767_600_000, TIME),
        (1_767_600_000.5, TIME + 500_000),
        (1_767_600_000_000, TIME),
        (TIME, TIME),
        (TIME * 1000, TIME),
        ("/Date(1767600000000)/", TIME),
        ("1601-01-01T00:00:00Z", None),
        ("soon", None),
        ("9" * 400, None),
        (float("nan"), None),
        (True, None),
        (None, None),
    ],
)
def test_moments(said: Any, moment: int | None) -> None:
    assert micros(said) == moment
