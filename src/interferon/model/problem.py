"""What is wrong with a file that a person wrote: where, what, and what would be right.

Made by everything that checks a network folder, policy or plugin; printed by `interferon check`. Pure.
"""

import msgspec


class Problem(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One problem. `file` is relative to the folder checked; `line` counts from 1, and is 1 where the whole file is meant."""

    file: str
    line: int
    message: str
    fatal: bool = True  # False: worth knowing, yet the folder can be used

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"
