"""One rule file's text → `records.Rule`s and what could not be used, by name. Called by `store.rule_folder`; pySigma does the grammar."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any as Anything
from typing import Final

import yaml
from sigma import conditions, types
from sigma.exceptions import SigmaError
from sigma.policy import SigmaPolicy
from sigma.policy.regex_engine import PythonRegexEngine
from sigma.rule import SigmaRule
from sigma.rule.base import SigmaYAMLLoader, check_alias_expansion

from interferon.rules.records import ANY, ONE, All, Any, Condition, Not, Op, Problem, Rule, Source, Test

POLICY: Final = SigmaPolicy(regex_engine=PythonRegexEngine())  # RE2 has no look-around, which the published rules use
OTHER_KINDS: Final = {"correlation": "a correlation rule", "filter": "a filter", "action": "a collection action"}
COMPARISONS: Final[Mapping[types.CompareOperators, Op]] = {
    types.CompareOperators.LT: "lt",
    types.CompareOperators.LTE: "lte",
    types.CompareOperators.GT: "gt",
    types.CompareOperators.GTE: "gte",
    types.CompareOperators.NEQ: "ne",
}
WILDCARDS: Final = {types.SpecialChars.WILDCARD_MULTI: ANY, types.SpecialChars.WILDCARD_SINGLE: ONE}

Values = Mapping[str, tuple[str, ...]]  # what each %placeholder% of the modifier expand stands for


class Unsupported(Exception):
    """A construct that no meaning is given to here."""


def parse(text: str, file: str, values: Values) -> tuple[list[Rule], list[Problem]]:
    """The rules of one file (several documents may follow each other) and a line for each one that cannot be judged."""
    rules: list[Rule] = []
    problems: list[Problem] = []
    try:
        documents = [(line, document) for line, document in _documents(text) if document is not None]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        return [], [Problem(file, f"is not YAML: {_line(error)}", mark.line + 1 if mark else 1)]
    for line, document in documents:
        try:
            rules.append(_rule(document, file, values))
        except (Unsupported, SigmaError, ValueError) as error:
            title = document.get("title") if isinstance(document, dict) else None
            problems.append(Problem(file, f"{title}: {_line(error)}" if title else _line(error), line))
    return rules, problems


def _documents(text: str) -> Iterator[tuple[int, Anything]]:
    """Every document, with the line that it begins in."""
    loader = SigmaYAMLLoader(text)
    try:
        while loader.check_node():
            if (node := loader.get_node()) is not None:
                yield node.start_mark.line + 1, loader.construct_document(node)
    finally:
        loader.dispose()


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _rule(document: Anything, file: str, values: Values) -> Rule:
    if not isinstance(document, dict):
        raise Unsupported("is not a rule: a mapping with title, logsource and detection is needed")
    for key, kind in OTHER_KINDS.items():
        if key in document:
            raise Unsupported(f"is {kind}, which is not supported")
    check_alias_expansion(document)
    rule = SigmaRule.from_dict(document, policy=POLICY)
    if isinstance(document["detection"], dict) and "timeframe" in document["detection"]:
        raise Unsupported("detection.timeframe is not supported")
    parsed = [condition.parsed for condition in rule.detection.parsed_condition]
    found = [_condition(each, values) for each in parsed if each is not None]
    if not found:
        raise Unsupported("the condition is empty")
    source = Source(*(str(part or "").casefold() for part in (rule.logsource.product, rule.logsource.category, rule.logsource.service)))
    return Rule(
        id=str(rule.id or file),
        title=rule.title,
        level=rule.level.name.lower() if rule.level else "",
        techniques=tuple(
            tag.name.upper() for tag in rule.tags if tag.namespace == "attack" and tag.name[:1] == "t" and tag.name[1:2].isdigit()
        ),
        source=source,
        condition=found[0] if len(found) == 1 else Any(tuple(found)),
        file=file,
    )


def _condition(node: Anything, values: Values) -> Condition:
    """A parsed condition of pySigma as records."""
    match node:
        case conditions.ConditionAND():
            return All(tuple(_condition(item, values) for item in node.args))
        case conditions.ConditionOR():
            return Any(tuple(_condition(item, values) for item in node.args))
        case conditions.ConditionNOT():
            return Not(_condition(node.args[0], values))
        case conditions.ConditionFieldEqualsValueExpression():
            return _value(node.field, node.value, values)
        case conditions.ConditionValueExpression():
            return _value("", node.value, values)
    raise Unsupported(f"the condition part {type(node).__name__} is not supported")


def _value(field: str, value: types.SigmaType, values: Values) -> Condition:
    match value:
        case types.SigmaExpansion():
            return Any(tuple(_value(field, each, values) for each in value.values))
        case types.SigmaString():
            flags = "c" if isinstance(value, types.SigmaCasedString) else ""
            tests = [_text(field, parts, flags) for parts in _filled(value, values)]
            return tests[0] if len(tests) == 1 else Any(tuple(tests))
        case types.SigmaTimestampPart():
            raise Unsupported(f"{field}: the modifier {value.timestamp_part.name.lower()} is not supported")
        case types.SigmaNumber():
            return _text(field, (str(value.number),), "")
        case types.SigmaBool():
            return _text(field, (str(value.boolean).lower(),), "")
        case types.SigmaRegularExpression():
            if value.contains_placeholder():
                raise Unsupported(f"{field}: a placeholder in a regular expression is not supported")
            return Test(field, "re", str(value.regexp), flags="".join(sorted(value.sigma_to_re_flag[flag] for flag in value.flags)))
    if not field:
        raise Unsupported(f"a keyword of type {type(value).__name__} is not supported")
    match value:
        case types.SigmaNull():
            return Test(field, "null")
        case types.SigmaExists():
            return Test(field, "exists", str(value.exists).lower())
        case types.SigmaCIDRExpression():
            return Test(field, "cidr", str(value.network))
        case types.SigmaCompareExpression():
            return Test(field, COMPARISONS[value.op], str(value.number.number))
        case types.SigmaFieldReference():
            return Test(field, "same", value.field, flags="<" * value.starts_with + ">" * value.ends_with)
    raise Unsupported(f"{field}: a value of type {type(value).__name__} is not supported")


def _filled(value: types.SigmaString, values: Values) -> Iterator[tuple[str | int, ...]]:
    """The parts of a text, once for every combination of what its placeholders stand for."""
    choices: list[tuple[str | int, ...]] = []
    for part in value.s:
        if isinstance(part, types.Placeholder):
            if part.name not in values:
                raise Unsupported(f"the placeholder %{part.name}% has no values; --values FILE gives them")
            choices.append(values[part.name])
        else:
            choices.append((part if isinstance(part, str) else WILDCARDS[part],))
    yield from itertools.product(*choices)


def _text(field: str, parts: tuple[str | int, ...], flags: str) -> Test:
    """The cheapest test that says the same as a text with wildcards."""
    joined: list[str | int] = []
    for part in parts if field else (ANY, *parts, ANY):  # a keyword may stand anywhere in a value
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        elif not (part == ANY and joined and joined[-1] == ANY) and part != "":
            joined.append(part)
    match joined:
        case []:
            return Test(field, "is", "", flags=flags)
        case [str(text)]:
            return Test(field, "is", text, flags=flags)
        case [str(text), int(sign)] if sign == ANY:
            return Test(field, "starts", text, flags=flags)
        case [int(sign), str(text)] if sign == ANY:
            return Test(field, "ends", text, flags=flags)
        case [int(first), str(text), int(last)] if first == last == ANY:
            return Test(field, "has", text, flags=flags)
    return Test(field, "like", parts=tuple(joined), flags=flags)
