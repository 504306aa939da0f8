"""A Sigma rule as frozen records that msgspec stores: made by `parse`, given meaning by `match` and `plain`, evaluated by `engine`."""

from typing import Literal

import msgspec

Op = Literal["is", "starts", "ends", "has", "like", "re", "cidr", "lt", "lte", "gt", "gte", "ne", "null", "exists", "same"]

ANY, ONE = 0, 1  # the wildcards `*` and `?` in `Test.parts`


class Test(msgspec.Struct, frozen=True, tag="test"):
    """One field against one value.

    `field`: its name, "" for a keyword, which is looked for in every value of the event.
    `value`: the text of is, starts, ends, has; the pattern of re; the network of cidr; the number of a comparison; the other field of same;
    "true" or "false" of exists. `parts` (like): texts and wildcards in order. `flags`: "c" case counts; "i", "m", "s" of re; "<" and ">" of
    same: what the other field holds may stand at the start, at the end, or (both) anywhere.
    """

    __test__ = False  # not a class of pytest's

    field: str
    op: Op
    value: str = ""
    parts: tuple[str | int, ...] = ()
    flags: str = ""


class All(msgspec.Struct, frozen=True, tag="all"):
    """True when every item is."""

    items: "tuple[Condition, ...]"


class Any(msgspec.Struct, frozen=True, tag="any"):
    """True when at least one item is."""

    items: "tuple[Condition, ...]"


class Not(msgspec.Struct, frozen=True, tag="not"):
    """True when the item is not."""

    item: "Condition"


Condition = Test | All | Any | Not


class Source(msgspec.Struct, frozen=True):
    """Which log a rule reads, or a capture is; "" where it says nothing."""

    product: str = ""
    category: str = ""
    service: str = ""

    def __str__(self) -> str:
        return " ".join(
            f"{name} {value}" for name, value in zip(self.__struct_fields__, msgspec.structs.astuple(self), strict=True) if value
        )


class Rule(msgspec.Struct, frozen=True):
    """One rule; `techniques` are the ATT&CK ids of its tags, such as T1059.001, and `file` is where it was read."""

    id: str
    title: str
    level: str
    techniques: tuple[str, ...]
    source: Source
    condition: Condition
    file: str


class Problem(msgspec.Struct, frozen=True):
    """A file, or one rule in it, that will not be judged, and why."""

    file: str
    message: str
    line: int = 1  # where it begins; 1 where the whole file is meant

    def __str__(self) -> str:
        return f"{self.file}: {self.message}"
