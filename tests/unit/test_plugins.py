"""Where plugins are found: our own modules, then those that other distributions declare."""

from importlib.metadata import EntryPoint

import pytest

from interferon import plugins
from interferon.detectors import activity_logs
from interferon.model.errors import InputError

Declared = dict[str, list[EntryPoint]]


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> Declared:
    """What other distributions declare, by kind; a test fills it."""
    found: Declared = {}
    monkeypatch.setattr(plugins, "entry_points", lambda group: found.get(group, []))
    return found


@pytest.mark.parametrize("kind", plugins.KINDS)
def test_our_own_are_found_in_alphabetical_order(declared: Declared, kind: str) -> None:
    found = plugins.modules(kind)
    assert found
    assert list(found) == sorted(found)
    assert all(module.__name__ == f"interferon.{kind}.{name}" for name, module in found.items())


def test_others_come_after_ours_in_alphabetical_order(declared: Declared) -> None:
    group = "interferon.detectors"
    declared[group] = [EntryPoint(name, activity_logs.__name__, group) for name in ("zz_theirs", "aa_theirs")]
    found = plugins.modules("detectors")
    assert list(found)[-2:] == ["aa_theirs", "zz_theirs"]
    assert found["aa_theirs"] is activity_logs


def test_two_of_one_name_are_refused_and_the_other_one_is_named(declared: Declared) -> None:
    group = "interferon.detectors"
    declared[group] = [EntryPoint("activity_logs", "their.module", group)]
    with pytest.raises(InputError, match=r"two plugins of kind detectors are named 'activity_logs'; rename the one in their\.module"):
        plugins.modules("detectors")


def test_two_strangers_of_one_name_are_refused_too(declared: Declared) -> None:
    group = "interferon.actions"
    declared[group] = [EntryPoint("theirs", where, group) for where in ("interferon.actions.fail_over", "their.module")]
    with pytest.raises(InputError, match="'theirs'"):
        plugins.modules("actions")
