"""The policy engine: strongest mode first, limits that nothing lifts, slices that answer as the whole set would."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cedarpy
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from interferon.model.errors import PolicyError
from interferon.trust import policy as engine
from interferon.trust import signature
from interferon.trust.limits import LEVELS, MODES, ceiling
from interferon.trust.policy import ROLES, VERBS, Policy, builtin_policy
from interferon.trust.statements import statements
from interferon.trust.texts import BUILTIN, builtin

CASE: Mapping[str, Any] = {
    "safety": False,
    "controller_write": False,
    "reversible": True,
    "irreversible": False,
    "declared": False,
    "mode": "active",
    "earned_level": 3,
    "p_attack": 950,
    "p_target": 950,
    "watched": False,
    "window_allows": False,
    "severity": 800,
    "confidence": 1000,
    "actions": 1,
    "assets": 1,
    "orders_late": 2,
    "orders_late_high": 3,
    "cost": 100,
    "risk": 9000,
    "hour": 3,
    "purdue": 10,
    "criticality": 3,
    "zone": "cell",
    "site": "plant",
    "families": ["telemetry"],
    "techniques": [],
}
ALL = Policy({"all.cedar": '@id("all") permit (principal, action, resource);'})
DEMO = builtin_policy("demo", "people")


def ask(policy: Policy, action: str = "isolate_asset", kind: str = "plc", target: str = "asset:plc-1", **changes: Any) -> engine.Decision:
    return policy.ask("interferon", action, kind, target, {**CASE, **changes})


def test_the_strongest_allowed_mode_wins_and_says_which_policy_allowed_it() -> None:
    assert ask(DEMO) == engine.Decision("execute_auto", ("demo.auto.asset",))
    assert ask(DEMO, "isolate_zone", "zone", "zone:cell").mode == "execute_unless_vetoed"
    assert ask(DEMO, p_attack=500).reasons == ("demo.approved",)
    assert ask(DEMO, p_attack=100).mode == "suggest"


def test_nobody_but_the_system_is_answered_and_nothing_allowed_is_denied() -> None:
    assert DEMO.ask("somebody", "isolate_asset", "plc", "asset:plc-1", CASE) == engine.Decision("denied", ("no policy allows it",))
    silent = Policy({"none.cedar": '@id("never") forbid (principal, action, resource);'})
    assert ask(silent) == engine.Decision("denied", ("never",))


def test_a_new_installation_only_suggests() -> None:
    assert ask(Policy.observing()) == engine.Decision("suggest", ("observe.suggest",))


@pytest.mark.parametrize(
    ("changes", "strongest", "limit"),
    [
        ({"safety": True}, "denied", "limit.safety"),
        ({"irreversible": True}, "execute_approved", "limit.irreversible"),
        ({"controller_write": True}, "execute_approved", "limit.controller"),
        ({"mode": "observe"}, "suggest", "limit.observe"),
        ({"earned_level": 2}, "execute_unless_vetoed", "limit.earned"),
        ({"earned_level": 1}, "execute_approved", "limit.earned"),
        ({"earned_level": 0}, "suggest", "limit.earned"),
        ({"earned_level": -4}, "suggest", "limit.earned"),
    ],
)
def test_no_policy_lifts_a_limit(changes: dict[str, Any], strongest: str, limit: str) -> None:
    decision = ask(ALL, **changes)
    assert decision.mode == strongest
    assert limit in decision.reasons


def test_a_safety_system_is_never_a_target_whatever_the_context_claims() -> None:
    assert ask(ALL, kind="sis", target="asset:sis-1").mode == "denied"


@settings(deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "safety": st.booleans(),
            "irreversible": st.booleans(),
            "controller_write": st.booleans(),
            "mode": st.sampled_from(["active", "observe", "?"]),
            "earned_level": st.integers(-1, 4),
        }
    )
)
def test_the_limits_in_code_and_in_policy_agree(changes: dict[str, Any]) -> None:
    """The code's ceiling is exactly what the policy's forbids leave of a permit for everything."""
    allowed, _ = ceiling("plc", {**CASE, **changes})
    schema_free = cedarpy.PolicySet.from_str(builtin("limits") + '@id("all") permit (principal, action, resource);')
    context = {**CASE, **changes, "action": "isolate_asset", "type": "plc"}
    for mode in MODES:
        request = {"principal": 'System::"interferon"', "action": f'Action::"{mode}"', "resource": 'Asset::"plc-1"', "context": context}
        assert cedarpy.is_authorized(request, schema_free, []).allowed == (mode in allowed)


def test_what_the_ceiling_is_not_told_counts_as_the_cautious_answer() -> None:
    assert ceiling("plc", {}) == ((), "limit.safety")
    assert ceiling("plc", {"safety": False, "irreversible": False, "controller_write": False, "earned_level": 3})[0] == ("suggest",)
    assert ceiling("plc", {"safety": False, "earned_level": 3, "mode": "active"})[0] == (
        "execute_approved",
        "execute_approved_by_two",
        "suggest",
    )
    assert set(LEVELS) == set(MODES)


@pytest.mark.parametrize(
    "changes", [{"p_attack": 0.95}, {"p_attack": "high"}, {"hour": 2**70}, {"unheard_of": 1}, {"families": "x"}, {"zone": object()}]
)
def test_an_engine_error_is_a_denial_and_an_alarm(changes: dict[str, Any]) -> None:
    decision = ask(ALL, **changes)
    assert decision.mode == "denied"
    assert decision.reasons[-1] == "engine.error"
    assert decision.error.startswith("policy engine: ")


def test_a_policy_bound_to_a_zone_or_site_counts_there_alone() -> None:
    text = """
    @id("cell") permit (principal, action == Action::"execute_auto", resource in Zone::"cell");
    @id("plant") permit (principal == System::"interferon", action == Action::"suggest", resource is Asset in Site::"plant");
    @id("gate") permit (principal, action == Action::"execute_approved", resource == Conduit::"c-1");
    @id("bank") permit (principal, action == Action::"suggest", resource == Transaction::"partner:acme");
    """
    policy = Policy({"where.cedar": text})
    assert ask(policy).mode == "execute_auto"
    assert ask(policy, zone="other").mode == "suggest"
    assert ask(policy, zone="", site="").mode == "denied"
    assert ask(policy, "cut_conduit", "conduit", "conduit:c-1", zone="", site="").reasons == ("gate",)
    assert ask(policy, "isolate_zone", "zone", "zone:cell").mode == "execute_auto"
    assert ask(policy, "hold_transaction", "partner", "partner:acme").mode == "suggest"
    assert ask(policy, "disable_identity", "identity", "identity:ann").mode == "denied"


EITHER = 'action in [Action::"execute_auto", Action::"suggest"]'
POLICIES = st.lists(
    st.tuples(
        st.sampled_from(["permit", "forbid"]),
        st.sampled_from(["principal", 'principal == System::"interferon"', "principal is System"]),
        st.sampled_from([EITHER, *(f'action == Action::"{mode}"' for mode in MODES)]),
        st.sampled_from(
            ["resource", 'resource in Zone::"cell"', 'resource in Site::"plant"', 'resource == Asset::"plc-1"', 'resource in Zone::"z"']
        ),
        st.sampled_from(["", "when { context.p_attack > 900 }", "unless { context.hour == 3 }"]),
    ),
    max_size=6,
)


@settings(deadline=None)
@given(POLICIES, st.sampled_from(["cell", "z", ""]), st.sampled_from(["plant", ""]))
def test_a_slice_answers_as_the_whole_set_would(drawn: list[tuple[str, ...]], zone: str, site: str) -> None:
    lines = [f'@id("r{n}") {effect} ({who}, {what}, {where}) {when};' for n, (effect, who, what, where, when) in enumerate(drawn)]
    policy = Policy({"drawn.cedar": "\n".join(lines)})
    whole = "\n".join([*lines, builtin("limits")])
    parents = [{"type": "Zone", "id": zone}] if zone else [{"type": "Site", "id": site}] if site else []
    above = [{"type": "Site", "id": site}] if site else []
    entities = [{"uid": {"type": "Asset", "id": "plc-1"}, "attrs": {}, "parents": parents}]
    entities += [{"uid": {"type": "Zone", "id": zone}, "attrs": {}, "parents": above}] if zone else []
    context = {**CASE, "zone": zone, "site": site, "action": "isolate_asset", "type": "plc"}
    expected = "denied"
    for mode in reversed(MODES):
        request = {"principal": 'System::"interferon"', "action": f'Action::"{mode}"', "resource": 'Asset::"plc-1"', "context": context}
        expected = mode if cedarpy.is_authorized(request, whole, entities).allowed else expected
    assert ask(policy, zone=zone, site=site).mode == expected


def test_old_slices_and_entities_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_SLICES", 2)
    lines = [f'@id("z{n}") permit (principal, action == Action::"suggest", resource in Zone::"z{n}");' for n in range(5)]
    policy = Policy({"zones.cedar": "\n".join(lines)})
    modes = [ask(policy, target=f"asset:a{n}", zone=f"z{n}").reasons[0] for n in (0, 1, 2, 3, 4, 0)]
    assert modes == ["z0", "z1", "z2", "z3", "z4", "z0"]


ALLOWED = {
    "viewer": "view",
    "operator": "view verdict approve veto undo stop",
    "engineer": "view verdict approve veto undo stop edit",
    "planner": "view verdict veto replan",
    "owner": "view verdict approve veto undo stop replan sign",
    "admin": "view undo stop edit sign accounts",
}


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_exactly_what_it_is_for(role: str) -> None:
    assert {verb for verb in VERBS if DEMO.may("ann", role, verb)} == set(ALLOWED[role].split())


def test_only_an_owner_approves_what_cannot_be_taken_back_or_writes_to_a_controller() -> None:
    for role in ROLES:
        assert DEMO.may("ann", role, "approve", context={"irreversible": True}) == (role == "owner")
        assert DEMO.may("ann", role, "approve", context={"controller_write": True}) == (role == "owner")
    assert DEMO.may("ann", "engineer", "approve", context={"controller_write": True, "owner": True})


def test_unknown_roles_verbs_and_broken_contexts_are_a_no() -> None:
    assert not ALL.may("ann", "emperor", "view")
    assert not ALL.may("ann", "owner", "explode")
    assert not ALL.may("ann", "owner", "view", context={"orders_late": 1.5})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("permit (principal", "b.cedar:1: not a Cedar policy: unexpected end of input"),
        ('\n// x\n@id("a") permit (principal, action, resource) when { context.foo };', "b.cedar:3: attribute `foo`"),
        ('@id("a") permit (principal, action == Action::"suggest", resource) when { context.hour > "x" };', "b.cedar:1: "),
        ("permit (principal, action, resource);", "b.cedar:1: the policy has no name"),
        ('@id("a") permit (principal == ?principal, action, resource);', "b.cedar:1: a template"),
        (
            '@id("a") permit (principal, action, resource); // ;\n@id("a") forbid (principal, action, resource);',
            "b.cedar:2: the id 'a' is al",
        ),
        ('@id("limit.safety") permit (principal, action, resource);', "b.cedar:1: the id 'limit.safety' is already at (built in) limits"),
    ],
)
def test_a_bad_policy_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        Policy({"b.cedar": text})
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_statements_are_not_fooled_by_comments_and_strings() -> None:
    text = '// a; b\n@id("x;\\";") permit (principal, action, resource); /* */'.removesuffix(" /* */")
    assert [line for line, _ in statements(text)] == [2]
    assert [line for line, _ in statements("a;\n\n// only a comment")] == [1]


@pytest.mark.parametrize("name", BUILTIN)
def test_built_in_policies_hold(name: str) -> None:
    names = [] if name == "limits" else [name]
    assert builtin_policy(*names).rules
    assert all(rule.id.split(".")[0] in (name.removesuffix("s"), name, "limit") for rule in builtin_policy(*names).rules)


def test_an_unknown_built_in_policy_is_told() -> None:
    with pytest.raises(PolicyError, match="no built-in policy is called magic"):
        builtin_policy("magic")


KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
FILES = {"a.cedar": b"one", "b.cedar": b"two"}


def test_a_signature_holds_for_its_files_alone() -> None:
    signed, public = signature.sign(FILES, KEY), signature.public_text(KEY)
    signature.verify(FILES, signed, public)
    assert signature.fingerprint(public).startswith("SHA256:")
    other = signature.public_text(Ed25519PrivateKey.from_private_bytes(bytes(32)))
    for files, text, key in (({**FILES, "a.cedar": b"onE"}, signed, public), (FILES, signed, other), ({"a.cedar": b"one"}, signed, public)):
        with pytest.raises(PolicyError, match=r"policy\.sig does not fit"):
            signature.verify(files, text, key)
    for text, key, name in (("!!", public, "policy.sig"), (signed, "QUJD", "policy.pub")):
        with pytest.raises(PolicyError, match=f"{name} is damaged"):
            signature.verify(FILES, text, key)


@settings(deadline=None)
@given(
    st.dictionaries(st.text(max_size=3), st.binary(max_size=6), max_size=3),
    st.dictionaries(st.text(max_size=3), st.binary(max_size=6), max_size=3),
)
def test_different_files_never_have_the_same_message(one: dict[str, bytes], other: dict[str, bytes]) -> None:
    assert (signature.message(one) == signature.message(other)) == (one == other)


def test_rules_are_plain_enough_to_show() -> None:
    rule = next(rule for rule in DEMO.rules if rule.id == "demo.veto")
    assert (rule.file, rule.effect, rule.who) == ("demo.cedar", "permit", 'System::"interferon"')
    assert json.dumps(dict(rule.body))


def test_the_examples_in_the_documentation_are_policies() -> None:
    text = (Path(__file__).parents[2] / "docs" / "policy.md").read_text(encoding="utf-8")
    by_two, example, window = [part.split("```")[0] for part in text.split("```cedar\n")[1:]]
    few, many = (ask(Policy({"docs.cedar": by_two}), assets=assets) for assets in (5, 6))
    assert (few.mode, many.mode) == ("execute_approved", "execute_approved_by_two")
    decision = ask(Policy({"docs.cedar": example}), site="plant-a", hour=3)
    assert decision == engine.Decision("execute_auto", ("plant-a.night",))
    assert ask(Policy({"docs.cedar": window}), window_allows=True) == engine.Decision("execute_auto", ("in.window",))
    assert ask(Policy({"docs.cedar": window})).mode == "denied"
