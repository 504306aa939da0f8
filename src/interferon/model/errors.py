"""The tree of errors. The command line turns an `InterferonError` into one clear line; nothing else reaches a user.

InterferonError            something a person can mend; its text says what, where and what would be right
├── InputError             unreadable or invalid input: exit code 2
├── PolicyError            the policy is missing, unsigned or does not parse: no new effect, undo still works
├── JournalError           the effect journal cannot take a record: nothing was done
└── UnreachableError       what carries effects out gives no answer: what is in the world is not known
"""


class InterferonError(Exception):
    """Base of all errors that are told to a person in one line."""


class InputError(InterferonError):
    """A file, argument or record that cannot be used as it is."""


class PolicyError(InterferonError):
    """The policy cannot be trusted or understood."""


class JournalError(InterferonError):
    """The effect journal refused or could not store a record."""


class UnreachableError(InterferonError):
    """What carries effects out gives no answer."""
