"""Conditions of a playbook: the comparison expressions of STIX 2.1 patterning (clause 9.6 there) over variables, as a tree. Pure.

`parse` is called by `lint` and by the machine; `evaluate` judges the tree. Beyond STIX, as published playbooks use it: `==` and `<>`,
double quotes, NOT before parentheses, a variable on the right-hand side, and a variable alone, which is asked whether it is true.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from interferon.model.errors import InputError
from interferon.playbooks.values import REFERENCE, names

LONGEST: Final = 8192
DEPTH: Final = 32
COMPARISONS: Final = {"=": "=", "==": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
WORDS: Final = frozenset({"LIKE", "MATCHES", "ISSUBSET", "ISSUPERSET", "IN"})
OBSERVATION: Final = frozenset({"FOLLOWEDBY", "WITHIN", "REPEATS", "START", "STOP"})
TOKEN: Final = re.compile(
    rf"""\s*(?:(?P<variable>{REFERENCE.pattern})
    |(?P<quoted>(?P<prefix>[thb]?)'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    |(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.])
    |(?P<path>[A-Za-z][\w-]*:[\w.'\[\]*-]*[\w'\]])
    |(?P<word>[A-Za-z_]\w*)
    |(?P<sign>==|!=|<>|<=|>=|[=<>(),\[\]]))""",
    re.VERBOSE | re.DOTALL,
)

Scalar = str | int | float | bool


class Variable(msgspec.Struct, frozen=True, tag="variable"):
    name: str


class Path(msgspec.Struct, frozen=True, tag="path"):
    """An object path of STIX: observed data, which a playbook's run does not have."""

    text: str


class Literal(msgspec.Struct, frozen=True, tag="literal"):
    value: Scalar


class Compare(msgspec.Struct, frozen=True, tag="compare"):
    """`values` has one member but for IN. An empty `sign` asks whether the left side is true; `EXISTS` whether it is known."""

    left: Variable | Path | Literal
    sign: str
    values: tuple[Variable | Path | Literal, ...] = ()
    negated: bool = False


class Combine(msgspec.Struct, frozen=True, tag="combine"):
    """All (`AND`), any (`OR`) or not the one (`NOT`) of the parts."""

    sign: str
    parts: tuple["Combine | Compare", ...]


Tree = Combine | Compare
Operand = Variable | Path | Literal


class Token(msgspec.Struct, frozen=True):
    kind: str
    text: str
    place: int


def _tokens(text: str) -> Iterator[Token]:
    place, end = 0, len(text.rstrip())
    while place < end:
        found = TOKEN.match(text, place)
        if found is None:
            raise InputError(f"character {place + 1}: {text[place : place + 12].strip()!r} is not understood")
        kind = next(name for name in ("variable", "quoted", "number", "path", "word", "sign") if found[name] is not None)
        yield Token(kind, found[kind], found.start(kind))
        place = found.end()
    yield Token("end", "", len(text))


def parse(text: str) -> Tree:
    """The tree of a condition. Raises `InputError` with the character at which it is not understood."""
    if len(text) > LONGEST:
        raise InputError(f"has {len(text)} characters; at most {LONGEST} are read")
    return _Parser(list(_tokens(text))).whole()


class _Parser:
    """Recursive descent over the tokens: OR over AND over NOT over one comparison."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens, self._at, self._depth = tokens, 0, 0

    @property
    def _now(self) -> Token:
        return self._tokens[self._at]

    def _take(self, *texts: str) -> bool:
        """Steps over the next token where it is one of these words or signs, whatever the case."""
        if self._now.kind in ("word", "sign") and self._now.text.upper() in texts:
            self._at += 1
            return True
        return False

    def _fail(self, wanted: str) -> InputError:
        got = repr(self._now.text) if self._now.text else "the end"
        return InputError(f"character {self._now.place + 1}: expected {wanted}, got {got}")

    def whole(self) -> Tree:
        found = self._either()
        if self._now.kind == "word" and self._now.text.upper() in OBSERVATION:
            raise InputError(f"character {self._now.place + 1}: {self._now.text} joins observations; a condition compares variables")
        if self._now.kind != "end":
            raise self._fail("AND, OR or the end")
        return found

    def _either(self) -> Tree:
        return self._joined("OR", self._both)

    def _both(self) -> Tree:
        return self._joined("AND", self._one)

    def _joined(self, sign: str, part: Callable[[], Tree]) -> Tree:
        parts = [part()]
        while self._take(sign):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Combine(sign, tuple(parts))

    def _one(self) -> Tree:
        self._depth += 1
        if self._depth > DEPTH:
            raise InputError(f"character {self._now.place + 1}: nested more than {DEPTH} deep")
        try:
            if self._take("NOT"):
                return Combine("NOT", (self._one(),))
            for opening, closing in (("(", ")"), ("[", "]")):
                if self._take(opening):
                    return self._closed(closing)
            if self._take("EXISTS"):
                return Compare(self._operand("a variable"), "EXISTS")
            return self._comparison()
        finally:
            self._depth -= 1

    def _closed(self, closing: str) -> Tree:
        found = self._either()
        if not self._take(closing):
            raise self._fail(repr(closing))
        return found

    def _comparison(self) -> Tree:
        left = self._operand("a variable such as __name__:value")
        negated = self._take("NOT")
        token = self._now
        if token.text in COMPARISONS:
            self._at += 1
            return Compare(left, COMPARISONS[token.text], (self._operand("a value"),), negated)
        if token.kind == "word" and token.text.upper() in WORDS:
            self._at += 1
            sign = token.text.upper()
            return Compare(left, sign, self._set() if sign == "IN" else (self._operand("a value"),), negated)
        if negated or isinstance(left, Path):
            raise self._fail("a comparison such as = or IN")
        return Compare(left, "")

    def _set(self) -> tuple[Operand, ...]:
        if not self._take("("):
            raise self._fail("'('")
        found = [self._operand("a value")]
        while self._take(","):
            found.append(self._operand("a value"))
        if not self._take(")"):
            raise self._fail("')'")
        return tuple(found)

    def _operand(self, wanted: str) -> Operand:
        token = self._now
        found: Operand
        if token.kind == "variable":
            found = Variable(next(names(token.text)))
        elif token.kind == "path":
            found = Path(token.text)
        elif token.kind == "quoted":
            found = Literal(_unquoted(token.text))
        elif token.kind == "number":
            found = Literal(_number(token))
        elif token.kind == "word" and token.text.lower() in ("true", "false"):
            found = Literal(token.text.lower() == "true")
        else:
            raise self._fail(wanted)
        self._at += 1
        return found


def _number(token: Token) -> int | float:
    if re.fullmatch("[+-]?[0-9]{1,40}", token.text):
        return int(token.text)
    return float(token.text)


def _unquoted(text: str) -> str:
    body = text[2:-1] if text[0] in "thb" else text[1:-1]
    return re.sub(r"\\(.)", r"\1", body, flags=re.DOTALL)


def variables(tree: Tree) -> Iterator[str]:
    """The names of the variables that a condition reads."""
    if isinstance(tree, Combine):
        for part in tree.parts:
            yield from variables(part)
    else:
        yield from (each.name for each in (tree.left, *tree.values) if isinstance(each, Variable))


def paths(tree: Tree) -> Iterator[str]:
    """The object paths in a condition: observed data, which a run cannot look up."""
    if isinstance(tree, Combine):
        for part in tree.parts:
            yield from paths(part)
    else:
        yield from (each.text for each in (tree.left, *tree.values) if isinstance(each, Path))


def patterns(tree: Tree) -> Iterator[str]:
    """The literal regular expressions after MATCHES."""
    if isinstance(tree, Combine):
        for part in tree.parts:
            yield from patterns(part)
    elif tree.sign == "MATCHES":
        yield from (each.value for each in tree.values if isinstance(each, Literal) and isinstance(each.value, str))
