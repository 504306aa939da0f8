"""What is wrong with a playbook, and where. Filled by the checks of this package, told by `interferon respond`. Pure."""

import msgspec


class Problem(msgspec.Struct, frozen=True):
    """One fault. `where` is a path such as `workflow.action--….commands[0]`; a fault that is not `fatal` breaks a SHOULD, not a MUST."""

    where: str
    message: str
    fatal: bool = True

    def __str__(self) -> str:
        return plain(f"{self.where}: {self.message}" if self.where else self.message)


class Report:
    """Collects problems in the order in which they are found."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def error(self, where: str, message: str) -> None:
        """The playbook breaks a MUST of the specification, or could not be run."""
        self.found.append(Problem(where, message))

    def warn(self, where: str, message: str) -> None:
        """The playbook breaks a SHOULD; it can be run."""
        self.found.append(Problem(where, message, fatal=False))

    @property
    def fatal(self) -> list[Problem]:
        return [problem for problem in self.found if problem.fatal]


def plain(text: str) -> str:
    """One line that a terminal shows as it is: what cannot be printed is written as its escape."""
    return text if text.isprintable() else "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def short(value: object) -> str:
    """A value as it is named in a message: one line of at most 60 characters."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."
