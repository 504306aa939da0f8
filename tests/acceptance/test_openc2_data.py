"""OpenC2 texts that the authors of its schemas try their validators on: judged as they do, but for three that are listed."""

from pathlib import Path
from typing import Final

import pytest

from interferon.openc2.check import Kind, problems

MISSED: Final = {  # docs/openc2.md says why
    "slpf+acme/responses/bad/results_castle.json",
    "slpf+acme/responses/bad/results_poetry.json",
    "slpf+acme/responses/bad/slpf_query_pairs_bad_pair.json",
}


@pytest.mark.data
def test_published_texts_are_judged_as_their_authors_do(data: Path) -> None:
    folder = data / "openc2/v1.0.1"
    texts = sorted(folder.rglob("*.json"))
    assert len(texts) >= 180
    wrong = {
        str(path.relative_to(folder)) for path in texts if (path.parent.name == "good") != (not problems(path.read_bytes(), _kind(path)))
    }
    assert wrong == MISSED
    assert len(wrong) <= 0.03 * len(texts)


def _kind(path: Path) -> Kind:
    return "command" if "commands" in path.parts else "response"
