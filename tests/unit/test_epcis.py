"""EPCIS: the model keeps every document whole, the check knows the standard's rules, and events become trade and telemetry rows."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.connectors import epcis as connector
from interferon.model.errors import InputError
from interferon.model.records import DeadLetter
from interferon.sense import epcis, epcis_check, epcis_fields, epcis_vocabulary, epcis_xml, epcis_xml_writer

EVENT: dict[str, Any] = {
    "type": "ObjectEvent",
    "eventTime": "2026-01-05T09:00:00+01:00",
    "eventTimeZoneOffset": "+01:00",
    "epcList": ["urn:epc:id:sgtin:9521321.012345.400", "urn:epc:id:sgtin:9521321.012345.401"],
    "action": "OBSERVE",
    "bizStep": "shipping",
}
XML = """<?xml version="1.0" encoding="UTF-8"?>
<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:2" xmlns:acme="https://acme.test/ns/" xmlns:gs1="https://gs1.org/voc/"
  schemaVersion="2.0" creationDate="2026-01-05T08:00:00Z"><EPCISBody><EventList>
<ObjectEvent>
 <eventTime>2026-01-05T09:00:00.000+01:00</eventTime><eventTimeZoneOffset>+01:00</eventTimeZoneOffset>
 <epcList><epc>urn:epc:id:sgtin:9521321.012345.400</epc></epcList><action>ADD</action>
 <bizStep>urn:epcglobal:cbv:bizstep:commissioning</bizStep>
 <readPoint><id>urn:epc:id:sgln:9521321.00001.0</id></readPoint>
 <bizTransactionList><bizTransaction type="urn:epcglobal:cbv:btt:prodorder">urn:epcglobal:cbv:bt:9521321000018:P-1</bizTransaction>
 </bizTransactionList>
 <quantityList><quantityElement><epcClass>urn:epc:class:lgtin:9521321.012345.L7</epcClass><quantity>12.50</quantity><uom>KGM</uom>
 </quantityElement></quantityList>
 <sensorElementList><sensorElement><sensorMetadata time="2026-01-05T07:59:00Z" deviceID="urn:epc:id:giai:9521321.D1"/>
  <sensorReport type="gs1:Temperature" value="4.5" uom="CEL" acme:battery="low"/></sensorElement></sensorElementList>
 <ilmd><acme:batch>B &amp; C</acme:batch><acme:mark>1</acme:mark><acme:mark>2</acme:mark></ilmd>
 <acme:note lang="en">by hand</acme:note>
</ObjectEvent></EventList></EPCISBody></epcis:EPCISDocument>"""
OLD = """<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:1" schemaVersion="1.2" creationDate="2026-01-05T08:00:00Z"><EPCISBody>
<EventList><ObjectEvent><eventTime>2026-01-05T08:00:00Z</eventTime><eventTimeZoneOffset>+00:00</eventTimeZoneOffset>
<baseExtension><eventID>urn:uuid:404d95fc-9457-4a51-bd6a-0bba133845a8</eventID></baseExtension>
<epcList/><action>OBSERVE</action><bizStep>urn:epcglobal:cbv:bizstep:receiving</bizStep>
<bizLocation><id>urn:epc:id:sgln:9521321.00001.0</id></bizLocation>
<extension><quantityList><quantityElement><epcClass>urn:epc:idpat:sgtin:9521321.012345.*</epcClass><quantity>7</quantity>
</quantityElement></quantityList></extension></ObjectEvent>
<extension><TransformationEvent><eventTime>2026-01-05T08:30:00Z</eventTime><eventTimeZoneOffset>+00:00</eventTimeZoneOffset>
<inputEPCList><epc>urn:epc:id:sgtin:9521321.012345.1</epc></inputEPCList>
<outputEPCList><epc>urn:epc:id:sgtin:9521321.012346.1</epc></outputEPCList></TransformationEvent></extension>
</EventList></EPCISBody></epcis:EPCISDocument>"""


def document(*events: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({**epcis.event_document(events, 1_767_600_000_000_000, {"acme": "https://acme.test/ns/"}), **more}).encode()


def problems(*events: dict[str, Any], **more: Any) -> list[str]:
    found = epcis_check.check(epcis.parse(document(*events, **more)))
    return [f"{each.path.rpartition('eventList[0].')[2]} {each.what}" for each in found if each.severity == "error"]


def rows(data: bytes) -> tuple[list[dict[str, Any]], list[DeadLetter]]:
    found: list[dict[str, Any]] = []
    dead = []
    for item in connector.normalise(data, "f"):
        if isinstance(item, DeadLetter):
            dead.append(item)
        else:
            found += item.to_pylist()
    return found, dead


def same(data: epcis.Document) -> list[Any]:
    return [epcis.canonical(each.event, each.namespaces) for each in epcis.events(data)]


# ---- the model ----


def test_json_comes_back_member_for_member() -> None:
    given_ = document(
        {**EVENT, "acme:list": [1, {"acme:x": 1.50}], "quantityList": [{"epcClass": "urn:acme:c", "quantity": 0.1234567890123456789}]}
    )
    data = given_.replace(b"0.12345678901234568", b"0.1234567890123456789")
    assert b"0.1234567890123456789" in epcis.serialise(epcis.parse(data))
    assert json.loads(epcis.serialise(epcis.parse(data))) == json.loads(data)


@pytest.mark.parametrize("text", [XML, OLD], ids=["2.0", "1.2"])
def test_xml_comes_back_with_the_same_meaning_in_its_own_version(text: str) -> None:
    first = epcis_xml.parse(text.encode())
    again = epcis_xml.parse(epcis_xml_writer.serialise(first))
    assert again.value == first.value
    assert again.version == first.version


def test_an_old_document_keeps_its_extension_points() -> None:
    written = epcis_xml_writer.serialise(epcis_xml.parse(OLD.encode())).decode()
    assert "<baseExtension><eventID>" in written
    assert "<extension><quantityList>" in written
    assert "<extension><TransformationEvent>" in written


def test_the_two_bindings_of_one_event_are_equal() -> None:
    as_xml = epcis_xml.parse(XML.encode())
    as_json = epcis.parse(epcis.serialise(as_xml))
    event = next(epcis.events(as_json)).event
    assert event["bizStep"] == "commissioning"
    assert event["sensorElementList"][0]["sensorReport"][0]["type"] == "Temperature"
    assert event["ilmd"] == {"acme:batch": "B & C", "acme:mark": ["1", "2"]}
    assert same(as_json) == same(as_xml)
    assert same(epcis_xml.parse(epcis_xml_writer.serialise(as_json))) == same(as_xml)
    assert epcis_check.valid(epcis_check.check(as_json))
    assert epcis_check.valid(epcis_check.check(as_xml))


def test_prefixes_and_notations_do_not_matter_for_sameness() -> None:
    one = {**EVENT, "acme:x": "1"}
    other = {**EVENT, "b:x": "1", "bizStep": "https://ref.gs1.org/cbv/BizStep-shipping", "eventTime": "2026-01-05T08:00:00.000Z"}
    assert epcis.canonical(one, {"acme": "https://a.test/"}) == epcis.canonical(other, {"b": "https://a.test/"})
    assert epcis.canonical(one, {"acme": "https://a.test/"}) != epcis.canonical(other, {"b": "https://b.test/"})


def test_a_document_that_is_written_is_valid() -> None:
    assert problems(EVENT) == []


def test_entities_in_xml_are_refused() -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><EPCISDocument>&a;</EPCISDocument>'
    with pytest.raises(ValueError, match="DTD or entities"):
        epcis_xml.parse(bomb)


HEADED = """<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:2" xmlns:sbdh="http://sbdh.test/" schemaVersion="2.0"
 creationDate="2026-01-05T08:00:00Z"><EPCISHeader><sbdh:StandardBusinessDocumentHeader><sbdh:HeaderVersion>1.0</sbdh:HeaderVersion>
 </sbdh:StandardBusinessDocumentHeader><extension><EPCISMasterData><VocabularyList>
 <Vocabulary type="urn:epcglobal:epcis:vtype:BusinessLocation"><VocabularyElementList>
 <VocabularyElement id="urn:epc:id:sgln:9521321.00001.0"><attribute id="urn:epcglobal:cbv:mda#name">Works</attribute>
 <children><id>urn:epc:id:sgln:9521321.00001.1</id><id>urn:epc:id:sgln:9521321.00001.2</id></children></VocabularyElement>
 </VocabularyElementList></Vocabulary></VocabularyList></EPCISMasterData></extension></EPCISHeader>
 <EPCISBody><EventList/></EPCISBody></epcis:EPCISDocument>"""


def test_headers_and_master_data_come_back_in_both_bindings() -> None:
    first = epcis_xml.parse(HEADED.encode())
    element = {
        "id": "urn:epc:id:sgln:9521321.00001.0",
        "attributes": [{"id": "urn:epcglobal:cbv:mda#name", "attribute": "Works"}],
        "children": ["urn:epc:id:sgln:9521321.00001.1", "urn:epc:id:sgln:9521321.00001.2"],
    }
    listed = first.value["epcisHeader"]["epcisMasterData"]["vocabularyList"]
    assert listed == [{"type": "urn:epcglobal:epcis:vtype:BusinessLocation", "vocabularyElementList": [element]}]
    assert epcis_xml.parse(epcis_xml_writer.serialise(first)).value == first.value
    as_json = epcis.parse(epcis.serialise(first))
    assert as_json.value["epcisHeader"]["epcisMasterData"]["vocabularyList"] == listed
    assert as_json.value["epcisHeader"]["sbdh:StandardBusinessDocumentHeader"] == {"sbdh:HeaderVersion": "1.0"}
    assert epcis_check.check(as_json) == []
    assert epcis_check.check(first) == []
    assert "has no events" in rows(HEADED.encode())[1][0].reason


def test_what_xml_cannot_say_is_told() -> None:
    with pytest.raises(ValueError, match=r"U\+0001 cannot stand in XML"):
        epcis_xml_writer.serialise(epcis.parse(document({**EVENT, "acme:x": "\x01"})))
    with pytest.raises(ValueError, match="declared nowhere"):
        epcis_xml_writer.serialise(epcis.parse(document({**EVENT, "other:x": "1"})))


def test_one_prefix_with_two_meanings_in_one_document() -> None:
    event = "<ObjectEvent xmlns:a='urn:{0}:'><eventTime>2026-01-05T08:00:00Z</eventTime><eventTimeZoneOffset>+00:00</eventTimeZoneOffset>"
    event += "<epcList><epc>urn:acme:1</epc></epcList><action>ADD</action><a:x>{0}</a:x></ObjectEvent>"
    head, tail = XML.split("<ObjectEvent>")[0], "</EventList></EPCISBody></epcis:EPCISDocument>"
    parsed = epcis_xml.parse((head + event.format("one") + event.format("two") + tail).encode())
    assert [each["urn:one|x" if at == 0 else "urn:two|x"] for at, each in enumerate(same(parsed))] == ["one", "two"]
    assert same(epcis_xml.parse(epcis_xml_writer.serialise(parsed))) == same(parsed)


# ---- the check ----


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"action": "CREATE"}, "action is 'CREATE'"),
        ({"action": None}, "action is 'None'"),
        ({"type": "ObjectEvnt"}, "type is 'ObjectEvnt'"),
        ({"eventTime": "2026-01-05T09:00:00"}, "eventTime '2026-01-05T09:00:00' is no time"),
        ({"eventTime": "2026-02-30T09:00:00Z"}, "eventTime '2026-02-30T09:00:00Z' is no day of the calendar"),
        ({"eventTimeZoneOffset": "+15:00"}, "eventTimeZoneOffset is '+15:00'"),
        ({"eventTimeZoneOffset": "Z"}, "eventTimeZoneOffset is 'Z'"),
        ({"bizStep": "transforming"}, "bizStep 'transforming' is no value of the vocabulary"),
        ({"bizStep": "urn:epcglobal:cbv:bizstep:shipping"}, "bizStep 'urn:epcglobal:cbv:bizstep:shipping' is the notation of XML"),
        ({"bizStep": "https://ref.gs1.org/cbv/BizStep-flying"}, "bizStep 'https://ref.gs1.org/cbv/BizStep-flying' is no value"),
        ({"disposition": "in_transport"}, "disposition 'in_transport' is no value"),
        ({"epcList": None}, "epcList is no list"),
        ({"epcList": ["not a uri"]}, "epcList[0] 'not a uri' is no URI"),
        ({"epcList": ["urn:epc:id:sgtin:9521321.12345.400"]}, "a sgtin has 13, not 12"),
        ({"epcList": ["urn:epc:id:sscc:9521321.123456789"]}, "a sscc has 17, not 16"),
        ({"epcList": ["urn:epc:id:sgtin:9521321.012345"]}, "has 3 parts"),
        ({"epcList": ["urn:epc:id:stgin:9521321.012345.1"]}, "'stgin' is no EPC scheme"),
        ({"epcList": ["urn:epc:id:lgtin:9521321.012345.1"]}, "does not exist"),
        ({"epcList": ["https://id.gs1.org/01/09521141012346/21/2017"]}, "the check digit of (01) 09521141012346 is 6"),
        ({"epcList": ["https://id.gs1.org/01/095211410/21/2017"]}, "begins with 14 digits"),
        ({"epcList": ["https://id.gs1.org/foo/bar"]}, "names no GS1 key"),
        ({"readPoint": "urn:epc:id:sgln:9521321.00001.0"}, "readPoint has no id"),
        ({"readPoint": {"id": "urn:epc:id:sgln:9521321.0001.0"}}, "a sgln has 12, not 11"),
        ({"sourceList": [{"type": "place", "source": "urn:epc:id:pgln:9521321.00001"}]}, "sourceList[0].type 'place' is no value"),
        ({"sourceList": [{"source": "urn:epc:id:pgln:9521321.00001"}]}, "sourceList[0].type is missing"),
        ({"bizTransactionList": [{"type": "po"}]}, "bizTransactionList[0].bizTransaction is missing"),
        ({"quantityList": [{"quantity": 1}]}, "quantityList[0].epcClass is missing"),
        ({"quantityList": [{"epcClass": "urn:acme:c", "quantity": "20"}]}, "quantity is '20', no number"),
        ({"quantityList": [{"epcClass": "urn:acme:c", "quantity": 2, "uom": "kg"}]}, "uom is 'kg'"),
        ({"quantityList": [{"epcClass": "urn:acme:c", "weight": 5}]}, "weight is not known here"),
        ({"ilmd": {"acme:a": "1"}}, "ilmd stands with action OBSERVE"),
        ({"action": "ADD", "ilmd": {"lot": "1"}}, "ilmd.lot is not known here"),
        ({"madeUp": 1}, "madeUp is not known here"),
        ({"other:x": 1}, "the prefix 'other' is declared nowhere"),
        ({"certificationInfo": {"a": 1}}, "certificationInfo is no URI"),
        ({"persistentDisposition": {}}, "persistentDisposition has neither set nor unset"),
        ({"persistentDisposition": {"set": ["gone"]}}, "set[0] 'gone' is no value"),
        ({"errorDeclaration": {"reason": "incorrect_data"}}, "declarationTime is missing"),
        ({"sensorElementList": [{"sensorReport": []}]}, "sensorReport is missing"),
        ({"sensorElementList": [{"sensorReport": [{"value": 1}]}]}, "type is missing"),
        ({"sensorElementList": [{"sensorReport": [{"type": "Temperature", "value": 1, "uom": "KGM"}]}]}, "'KGM', no unit of Temperature"),
        ({"sensorElementList": [{"sensorReport": [{"type": "Mass", "minValue": 3, "maxValue": 2, "uom": "KGM"}]}]}, "above maxValue"),
        ({"sensorElementList": [{"sensorReport": [{"type": "Mass", "percRank": 50, "uom": "KGM"}]}]}, "belong together"),
    ],
)
def test_each_rule_of_the_standard_is_told_with_its_place(change: dict[str, Any], told: str) -> None:
    event = {key: value for key, value in {**EVENT, **change}.items() if value is not ...}
    assert any(told in each for each in problems(event)), problems(event)


def test_what_belongs_together() -> None:
    base = {key: EVENT[key] for key in ("eventTime", "eventTimeZoneOffset")}
    children = {"childEPCs": ["urn:epc:id:sgtin:9521321.012345.400"]}
    assert problems({**base, "type": "AggregationEvent", "action": "ADD", **children}) == ["parentID is missing"]
    assert problems({**base, "type": "AggregationEvent", "action": "OBSERVE", **children}) == []
    assert problems({**base, "type": "AssociationEvent", "action": "OBSERVE", **children}) == ["parentID is missing"]
    assert problems({**base, "type": "TransformationEvent", "inputEPCList": ["urn:acme:1"]}) == [
        "inputEPCList inputs or outputs are missing"
    ]
    assert problems({**base, "type": "TransformationEvent", "inputEPCList": ["urn:acme:1"], "transformationID": "urn:acme:t"}) == []
    assert problems({**base, "type": "TransactionEvent", "action": "ADD", "epcList": ["urn:acme:1"]}) == ["bizTransactionList is missing"]
    assert problems({**base, "type": "ObjectEvent", "action": "ADD"}) == ["epcList is missing"]
    assert (
        problems({**base, "type": "TransformationEvent", "action": "ADD", "inputEPCList": ["urn:a:1"], "outputEPCList": ["urn:a:2"]}) != []
    )


def test_the_document_around_the_events_is_looked_at() -> None:
    assert problems(EVENT, schemaVersion=None) == ["schemaVersion is None"]
    assert "@context is missing" in problems(EVENT, **{"@context": None})
    assert problems(EVENT, creationDate="yesterday") == ["creationDate 'yesterday' is no time"]
    assert problems(EVENT, other=1) == ["other is not known here"]
    assert problems(EVENT, epcisBody=[]) == ["epcisBody is no object"]


def test_an_event_before_its_record_is_only_a_warning() -> None:
    found = epcis_check.check(epcis.parse(document({**EVENT, "recordTime": "2026-01-05T07:00:00Z"})))
    assert [each.severity for each in found] == ["warning"]
    assert epcis_check.valid(found)


def test_xml_has_an_order() -> None:
    wrong = XML.replace("<action>ADD</action>", "").replace("<ObjectEvent>", "<ObjectEvent><action>ADD</action>")
    found = epcis_check.check(epcis_xml.parse(wrong.encode()))
    assert [each.path for each in found] == ["epcisBody.eventList[0].action"]


def test_check_digits() -> None:
    assert epcis_vocabulary.check_digit("629104150021") == "3"  # GS1 General Specifications, figure 7.9.1
    assert epcis_vocabulary.gtin("urn:epc:id:sgtin:0614141.812345.6789") == "80614141123458"  # TDS 2.0, 7.1
    assert epcis_vocabulary.gln("urn:epc:id:sgln:0614141.12345.400") == "0614141123452"
    assert epcis_vocabulary.gtin("https://id.gs1.org/01/614141123452/10/L1") == "00614141123452"
    assert epcis_vocabulary.lot("https://id.gs1.org/01/614141123452/10/L1") == "L1"


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"eventType": ["ObjectEvent"], "GE_eventTime": "2026-01-01T00:00:00Z", "EQ_bizStep": ["shipping"]}, ""),
        ({"EQ_bizTransaction_po": ["urn:acme:1"], "GE_quantity": 3, "EXISTS_INNER_ILMD_https://acme.test/x": None}, ""),
        ({"GE_eventDate": "2026-01-01", "eventType": ["ObjectEvent"]}, "'GE_eventDate' is no parameter of a query"),
        ({"GE_eventTime": "soon"}, "'soon' is no time"),
        ({"EQ_action": ["SHIPPED"]}, "is 'SHIPPED'"),
        ({"eventType": ["Event"]}, "is 'Event'"),
        ({"orderDirection": "UP"}, "is 'UP'"),
        ({"eventCountLimit": -1}, "is -1"),
        ({"query": {"orderBy": "eventTime"}, "name": "q"}, ""),
        ({"foo": 1}, "is missing"),
    ],
)
def test_queries_are_looked_at(query: dict[str, Any], told: str) -> None:
    assert [each.what for each in epcis_check.check(epcis.parse(json.dumps(query).encode()))] == ([told] if told else [])


@pytest.mark.parametrize(
    ("poll", "told"),
    [
        ("<queryName>SimpleEventQuery</queryName><params><param><name>EQ_action</name><value>ADD</value></param></params>", []),
        ("<queryName>SimpleEventQuery</queryName><params><param><name>EQ_action</name></param></params>", ["EQ_action has no value"]),
        ("<queryName>SimpleEventQuery</queryName><params><param><value>1</value></param></params>", ["has no name"]),
        (
            "<queryName>SimpleEventQuery</queryName><params><param><name>a</name><value>1</value></param></params>",
            ["'a' is no parameter of a query"],
        ),
        ("<params/>", ["is missing"]),
    ],
)
def test_queries_in_xml(poll: str, told: list[str]) -> None:
    head = '<q:EPCISQueryDocument xmlns:q="urn:epcglobal:epcis-query:xsd:2" schemaVersion="2.0" creationDate="2026-01-05T08:00:00Z">'
    parsed = epcis_xml.parse(f"{head}<EPCISBody><q:Poll>{poll}</q:Poll></EPCISBody></q:EPCISQueryDocument>".encode())
    assert [each.what for each in epcis_check.check(parsed)] == told
    assert epcis_xml.parse(epcis_xml_writer.serialise(parsed)).value == parsed.value


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"epcisBody": {}}, ["epcisBody.queryResults is missing"]),
        ({"epcisBody": {"queryResults": {"resultsBody": {"eventList": []}}}}, ["epcisBody.queryResults.queryName is missing"]),
        ({"epcisBody": {"queryResults": {"queryName": "q"}}}, ["epcisBody.queryResults.resultsBody is missing"]),
        ({"epcisBody": {"queryResults": {"queryName": "q", "resultsBody": {"eventList": {}}}}}, ["eventList is no list"]),
        ({"epcisBody": {"queryResults": {"queryName": "q", "resultsBody": {"eventList": []}}}}, []),
        ({"type": "EPCISDoc", "epcisBody": {"eventList": []}}, ["type is 'EPCISDoc'"]),
        (
            {"@context": [7, "no uri"], "epcisBody": {"queryResults": {}}},
            ["neither a URI nor an object", "'no uri' is no URI", "queryName", "resultsBody"],
        ),
        ({"@context": [epcis.CONTEXT, {"a": 1}], "epcisBody": None}, ["a has no namespace", "epcisBody is missing"]),
    ],
)
def test_query_documents_are_looked_at(value: dict[str, Any], told: list[str]) -> None:
    whole = {"@context": epcis.CONTEXT, "type": "EPCISQueryDocument", **value}
    found = [f"{each.path} {each.what}" for each in epcis_check.check(epcis.parse(json.dumps(whole).encode()))]
    assert len(found) == len(told)
    assert all(right in each for each, right in zip(found, told, strict=True)), found


def test_master_data_and_lists_are_looked_at() -> None:
    assert problems(EVENT, epcisHeader=[]) == ["epcisHeader is no object"]
    header = {"epcisMasterData": {"vocabularyList": [{}, {"type": "urn:a:b", "vocabularyElementList": [{}]}]}}
    found = problems(EVENT, epcisHeader=header)
    assert [each.rpartition(".")[2] for each in found] == ["vocabularyList[0] has no type", "vocabularyElementList[0] has no id"]
    assert epcis_check.check(epcis.parse(b"[]"))[0].what == "is an empty list"
    assert epcis_check.check(epcis.parse(b"[3]"))[0].what == "is no object"
    extended = {**EVENT, "type": "acme:Weighing"}
    assert problems(extended) == []
    assert problems({**extended, "eventTime": None}) == ["eventTime is 'None', no time"]


# ---- rows ----


def test_goods_are_counted_by_product_and_sensors_become_telemetry() -> None:
    found, dead = rows(XML.encode())
    assert not dead
    assert [row.get("kind") for row in found] == ["production.reported", "production.reported", None]
    assert [(row["product"], row["quantity"]) for row in found[:2]] == [("09521321123458", 1.0), ("09521321123458", 12.5)]
    assert {row["entity"] for row in found[:2]} == {"node:9521321000018"}
    assert found[0]["order"] == "P-1"
    assert json.loads(found[1]["attributes"]) == {
        **{"step": "commissioning", "gtin": "09521321123458", "lot": "L7", "uom": "KGM", "action": "ADD", "of": 0},
    }
    assert (found[2]["entity"], found[2]["signal"], found[2]["value"], found[2]["time"]) == (
        *("asset:9521321D1", "Temperature", 4.5),
        1_767_599_940_000_000,
    )
    assert [row["offset"] for row in found] == [0, 1, 2]


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ("shipping", "shipment.departed"),
        ("https://ref.gs1.org/cbv/BizStep-departing", "shipment.departed"),
        ("arriving", "shipment.arrived"),
        ("receiving", "receipt.posted"),
        ("cycle_counting", "stock.counted"),
        ("packing", "goods.observed"),
        ("https://acme.test/step/weighing", "goods.observed"),
    ],
)
def test_steps_are_kinds_of_trade(step: str, kind: str) -> None:
    ends = {
        "sourceList": [{"type": "location", "source": "urn:epc:id:sgln:9521321.00001.0"}],
        "destinationList": [{"type": "location", "destination": "https://id.gs1.org/414/9521321000025"}],
    }
    found, dead = rows(document({**EVENT, "bizStep": step, **ends}))
    assert not dead
    assert [row["kind"] for row in found] == [kind]
    assert (found[0]["origin"], found[0]["destination"]) == ("9521321000018", "9521321000025")
    assert found[0]["quantity"] == 2


def test_what_an_error_declaration_takes_back_did_not_ship() -> None:
    found, _ = rows(document({**EVENT, "errorDeclaration": {"declarationTime": "2026-01-06T00:00:00Z"}}))
    assert found[0]["kind"] == "goods.observed"


def test_an_event_without_a_time_is_a_dead_letter_and_costs_no_other() -> None:
    found, dead = rows(document({**EVENT, "eventTime": "05.01.2026"}, EVENT, {**EVENT, "action": "MAYBE"}))
    assert [letter.reason.partition(";")[0] for letter in dead] == ["epcisBody.eventList[0] '05.01.2026' is no time"]
    assert [row["offset"] for row in found] == [1, 2]
    assert "problems" in json.loads(found[1]["attributes"])


def test_old_xml_lists_and_bare_events_are_read() -> None:
    assert [row["kind"] for row in rows(OLD.encode())[0]] == ["receipt.posted", "production.reported"]
    bare = {"@context": epcis.CONTEXT, **EVENT}
    assert len(rows(json.dumps(bare).encode())[0]) == 1
    assert len(rows(json.dumps([bare, bare]).encode())[0]) == 2
    query = {"epcisBody": {"queryResults": {"queryName": "q", "resultsBody": {"eventList": [EVENT]}}}, "type": "EPCISQueryDocument"}
    assert len(rows(json.dumps({"@context": epcis.CONTEXT, **query}).encode())[0]) == 1


def test_reading_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonld"
    path.write_bytes(gzip.compress(document(EVENT)))
    assert sum(item.num_rows for item in connector.read(path) if not isinstance(item, DeadLetter)) == 1
    path.write_bytes(gzip.compress(document(EVENT))[:-9])
    with pytest.raises(InputError, match="damaged gzip"):
        list(connector.read(path))
    with pytest.raises(InputError, match="No such file"):
        list(connector.read(tmp_path / "absent.xml"))


def test_sniffing() -> None:
    assert connector.sniff(XML.encode())
    assert connector.sniff(document(EVENT))
    assert not connector.sniff(b'{"type": "FeatureCollection"}')
    assert not connector.sniff(b"EPCISDocument, in a text")


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_told(data: bytes) -> None:
    found, dead = rows(data)
    assert found or dead


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([XML.encode(), OLD.encode(), document({**EVENT, "sensorElementList": [{"sensorReport": [{"type": "Mass"}]}]})]),
    st.data(),
)
def test_a_damaged_document_raises_nothing(data: bytes, draw: st.DataObject) -> None:
    at = draw.draw(st.integers(0, len(data) - 1))
    new = draw.draw(st.sampled_from([b"", b"[", b"null", b"{}", b"1e999", b"\xff", b"<a>", b"\\ud800", b'"', b"-", b"9" * 400]))
    rows(data[:at] + new + data[at + draw.draw(st.integers(0, 9)) :])


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["urn:epc:id:sgtin:1", "ADD"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*epcis.ORDER["ObjectEvent"], "id", "type", "set"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(epcis.TYPES), st.dictionaries(st.sampled_from(sorted({n for o in epcis.ORDER.values() for n in o})), VALUES, max_size=6)
)
def test_an_event_of_any_shape_raises_nothing(kind: str, fields: dict[str, Any]) -> None:
    data = document({"type": kind, "eventTime": "2026-01-05T09:00:00Z", **fields})
    found, dead = rows(data)
    assert found or dead
    parsed = epcis.parse(data)
    assert json.loads(epcis.serialise(parsed)) == json.loads(data)
    same(parsed)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.sampled_from(sorted(epcis_fields.REPORT)), VALUES, max_size=6),
    st.dictionaries(st.sampled_from(["time", "startTime", "endTime", "deviceID", "bizRules"]), VALUES, max_size=3),
)
def test_a_sensor_report_of_any_shape_raises_nothing(report: dict[str, Any], metadata: dict[str, Any]) -> None:
    sensed = [{"sensorMetadata": metadata, "sensorReport": [report, {"type": "Temperature", **report}]}]
    found, dead = rows(document({**EVENT, "sensorElementList": sensed}))
    assert found
    assert not dead
