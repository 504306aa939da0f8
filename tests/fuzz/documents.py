"""What others write for us to carry out, as functions of arbitrary bytes: playbooks, their conditions, OpenC2 messages. Pure.

Called by `targets`. What is refused is refused in one line; what is accepted is carried out in a simulation, or written and read again.
"""

from collections.abc import Callable
from typing import Any, Final

from interferon.model.errors import InputError
from interferon.openc2 import check, decode, message
from interferon.playbooks import condition, lint, simulate
from interferon.playbooks.compare import compare
from interferon.playbooks.evaluate import evaluate
from interferon.playbooks.machine import shelve
from interferon.playbooks.outline import outline
from interferon.playbooks.picture import picture
from interferon.playbooks.records import Playbook
from interferon.playbooks.run_records import Begin, Limits
from interferon.runtime.playbook_run import Running, Simulated, VirtualClock

from .checks import one_line

VALUES: Final = {"__host__:value": ("ipv4-addr", "192.0.2.7"), "__count__:value": ("integer", "3"), "__sure__:value": ("bool", "true")}
LIMITS: Final = Limits(rounds=3, visits=200, leave_loops=True)


def playbook(data: bytes) -> None:
    """A file that is said to be a CACAO playbook. One that passes the check ends its simulation, whichever way."""
    checked = lint.check(data)
    for problem in checked.problems:
        one_line(str(problem))
    assert (checked.playbook is None) == any(problem.fatal for problem in checked.problems), "refused without a reason, or taken with one"
    if checked.playbook is not None:
        _simulated(checked.playbook)


def _simulated(found: Playbook) -> None:
    for line in outline(found):
        one_line(line)
    assert picture(found)
    assert not compare(found, found), "a playbook differs from itself"
    running = Running(shelve([found]), Simulated({}), VirtualClock(), None)
    running.begin(Begin(0, found.id, simulate.samples(found, {}), LIMITS))
    running.finish()
    assert running.state.status in ("completed", "failed", "refused"), running.state.status
    assert len(running.given) <= LIMITS.visits, "gives more commands than steps may begin"
    for problem in running.state.problems:
        one_line(problem)


def told(data: bytes) -> None:
    """The text of a condition. Variables have a value or none."""
    try:
        tree = condition.parse(data.decode(errors="replace"))
        assert isinstance(evaluate(tree, lambda name: VALUES.get(name, ("string", None))), bool)
    except InputError as error:
        one_line(str(error))


def command(data: bytes) -> None:
    """An OpenC2 command, response and message of HTTPS. What is taken comes out as it went in."""
    kinds: tuple[tuple[Any, Callable[[bytes], Any], Callable[[Any], bytes]], ...] = (
        ("command", decode.command, decode.command_text),
        ("response", decode.response, decode.response_text),
    )
    for kind, read, written in kinds:
        wrong = check.problems(data, kind)
        for problem in wrong:
            one_line(problem)
        found = _taken(read, data)
        assert (found is None) == bool(wrong), "refused without a reason, or taken with one"
        again = found if found is None else read(written(found))
        assert again == found, "is another one when it is read again"
    for envelope in (message.read_request, message.read_reply):
        _taken(envelope, data)


def _taken(read: Callable[[bytes], Any], data: bytes) -> Any:
    try:
        return read(data)
    except InputError as error:
        one_line(str(error))
        return None


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {"playbook": playbook, "playbook_condition": told, "openc2": command}

CONDITIONS: Final = (
    b"__host__:value = '192.0.2.7' AND NOT __count__:value >= 3",
    b"(__sure__:value OR __host__:value ISSUBSET '192.0.2.0/24') AND __count__:value IN (1, 2, 3)",
    b"[ipv4-addr:value = '192.0.2.7' AND file:hashes.'SHA-256' LIKE 'a%_']",
    b"__host__:value MATCHES '^192[.]' AND __count__:value != 4",
)
MESSAGES: Final = (
    b'{"action":"deny","target":{"ipv4_connection":{"protocol":"tcp","src_addr":"192.0.2.7","dst_port":502}},'
    b'"args":{"response_requested":"complete","duration":600000,"slpf":{"drop_process":"none","persistent":false}},"command_id":"c1"}',
    b'{"action":"query","target":{"features":["versions","profiles","pairs"]}}',
    b'{"action":"delete","target":{"slpf:rule_number":1234}}',
    b'{"status":200,"status_text":"done","results":{"slpf":{"rule_number":1234}}}',
    b'{"headers":{"request_id":"r1","created":1767600000000},"body":{"openc2":{"request":{"action":"deny","target":{"ipv6_net":"2001:db8::/64"}}}}}',
)
