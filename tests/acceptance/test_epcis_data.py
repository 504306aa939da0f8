"""EPCIS documents of GS1 and OpenEPCIS: they come back whole, the two bindings agree, valid ones pass, invalid ones do not."""

import json
import re
from pathlib import Path
from typing import Any

import defusedxml.ElementTree
import pytest

from interferon.connectors import epcis as connector
from interferon.model.records import DeadLetter
from interferon.sense import epcis, epcis_check, epcis_xml, epcis_xml_writer

pytestmark = pytest.mark.data
SCHEMAS = ("Schema.json", "-root.json")
LEFT_OUT = ("/REST Bindings/", "/JSON-LD-Context/", "/schemas/")  # schemas and contexts, no documents
DIFFERENT = {  # twins of the recorded data that do not say the same: other identifiers or times in the one than in the other
    *("Combination_of_different_event", "ObjectEvent_with_comment", "epcisDocWithAllGS1Keys", "epcisDocWithSensorComponent"),
    *("TransformationEvent", "ObjectEventWithAllPossibleFields", "queryDocument"),
}


@pytest.fixture(scope="session")
def documents(data: Path) -> list[Path]:
    found = [
        path
        for folder in ("epcis", "gs1-epcis-examples")
        for path in sorted((data / folder).rglob("*"))
        if path.suffix in (".json", ".jsonld", ".xml")
        and not path.name.endswith(SCHEMAS)
        and not any(each in str(path) for each in LEFT_OUT)
    ]
    if not found:
        pytest.skip("there are no EPCIS documents in the recorded data")
    return found


def events(document: epcis.Document) -> list[Any]:
    return [epcis.canonical(each.event, each.namespaces) for each in epcis.events(document)]


def tree(data: bytes) -> Any:
    """What XML says whatever its prefixes and the order of differently named siblings, told without the code under test."""
    return node(defusedxml.ElementTree.fromstring(data))


def node(element: Any) -> Any:
    tag = re.sub(r"\{urn:epcglobal:epcis(-query)?:xsd:\d\}", "", element.tag)
    attributes = {name: said(value) for name, value in element.attrib.items() if not name.endswith("schemaLocation")}
    return tag, attributes, said(element.text or ""), sorted(map(node, element), key=lambda child: child[0])


def said(text: str) -> str:
    number = re.fullmatch(r"-?\d+\.\d+", text.strip())
    return repr(float(text)) if number else text.strip()


def test_every_document_comes_back_in_its_own_binding(documents: list[Path]) -> None:
    for path in documents:
        document = connector.parse(path.read_bytes())
        if document.syntax == "json":
            assert json.loads(epcis.serialise(document)) == json.loads(path.read_text("utf-8-sig")), path
        else:
            assert tree(epcis_xml_writer.serialise(document)) == tree(path.read_bytes()), path


def test_every_valid_document_says_the_same_in_the_other_binding(documents: list[Path]) -> None:
    for path in documents:
        document = connector.parse(path.read_bytes())
        if "Invalid" not in path.parts:
            other = (
                epcis.parse(epcis.serialise(document))
                if document.syntax == "xml"
                else epcis_xml.parse(epcis_xml_writer.serialise(document))
            )
            assert events(other) == events(document), path


def test_twins_give_equal_events(documents: list[Path]) -> None:
    compared = 0
    for path in documents:
        twin = Path(str(path).replace("/XML/", "/JSON/")).with_suffix(".json")
        if path.suffix == ".xml" and twin.is_file() and "Invalid" not in path.parts and path.stem not in DIFFERENT:
            assert events(connector.parse(path.read_bytes())) == events(connector.parse(twin.read_bytes())), path
            compared += 1
    assert compared > 30


def test_valid_documents_are_accepted_and_invalid_ones_are_not(documents: list[Path]) -> None:
    accepted = {path: epcis_check.valid(epcis_check.check(connector.parse(path.read_bytes()))) for path in documents}
    invalid = [path for path in documents if "Invalid" in path.parts]
    valid = [path for path in documents if "Invalid" not in path.parts]
    assert [path for path in invalid if accepted[path]] == []
    assert sum(accepted[path] for path in valid) >= 0.98 * len(valid), [path for path in valid if not accepted[path]]


def test_every_valid_document_gives_rows_and_no_dead_letter(documents: list[Path]) -> None:
    for path in documents:
        if "Invalid" in path.parts or "Queries" in path.parts:
            continue
        items = list(connector.read(path))
        assert items, path
        assert not [item for item in items if isinstance(item, DeadLetter)], path
