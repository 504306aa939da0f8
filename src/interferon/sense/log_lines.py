"""Lines of text logs to events: syslog in all its forms, and the CEF and LEEF records that stand alone or behind a syslog header. Pure.

Called by the connectors `syslog`, `cef` and `leef`, which differ in what a file of theirs begins with. Of the lines it keeps one
message and the calendar.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, Final

from interferon.sense import product_events
from interferon.sense.json_records import BOM
from interferon.sense.key_values import begins, cef, leef
from interferon.sense.log_times import Calendar, Stamp, first_year, stamp
from interferon.sense.record_rows import Activity, Read, Rows
from interferon.sense.syslog_frames import Frame, frames
from interferon.sense.syslog_lines import Message, message
from interferon.sense.syslog_logins import address, told

AHEAD: Final = 1024  # lines that are looked at for a year
HELD: Final = 1 << 25  # bytes of messages that are held for a batch, and of lines that are looked at ahead
HEAD: Final = 160  # bytes of a line in which its time stands
_BEFORE: Final = re.compile(r"(?:[1-9]\d{0,8} )?(?:<\d{1,3}>\s{0,4})?(?:[1-9]\d{0,2} (?=\d{4}-)|\d{1,10}: )?")
# the log sources that rules name, by the programs that write there
SERVICES: Final = {
    **{"sshd": "sshd", "sshd-session": "sshd", "sudo": "sudo", "su": "auth", "login": "auth", "cron": "cron", "crond": "cron"},
    **{"vsftpd": "vsftpd", "clamd": "clamav", "freshclam": "clamav", "auditd": "auditd", "systemd-logind": "auth"},
}


def normalised(lines: Iterable[bytes], feed: str, first: int = 0, received: int = 0) -> Read:
    """The events of these lines, the first of which is at offset `first`; several messages in one line count on from it.

    `received`: microseconds UTC, when the lines came at the latest. Where lines leave out their year, the next line with one tells it, else
    `received`; where neither does, the year is 1972 and the attribute `year` says `unknown`.
    """
    source = iter(lines)
    ahead: list[bytes] = []
    year = first_year(_ahead(source, ahead), received)
    yield from _events(chain(ahead, source), feed, first, Calendar(year, received))


def recorded(opened: Callable[[], Iterable[bytes]], damage: list[str], feed: str, received: int) -> Read:
    """The same on a file, whose lines `opened` gives each time it is called. `damage`: why they broke off, where they did."""
    year = first_year(stamps(opened()), received)
    damage.clear()
    rows = Rows(feed, 0)
    for item in _events(opened(), feed, 0, Calendar(year, received)):
        rows.after(item)
        yield item
    for reason in damage:
        rows.dead(reason, "")
    yield from rows.rest()


def stamps(lines: Iterable[bytes]) -> Iterator[Stamp]:
    """The times of lines, from those that begin with one."""
    for line in lines:
        text = line[:HEAD].removeprefix(BOM).lstrip(b"\x00").decode("ascii", "replace")
        before = _BEFORE.match(text)
        if found := stamp(text, before.end() if before else 0):
            yield found[0]


def _ahead(source: Iterator[bytes], ahead: list[bytes]) -> Iterator[Stamp]:
    """The times of the next lines, which are put into `ahead`."""
    size = 0
    for line in source:
        ahead.append(line)
        size += len(line)
        yield from stamps((line,))
        if len(ahead) >= AHEAD or size >= HELD:
            return


def _events(lines: Iterable[bytes], feed: str, first: int, calendar: Calendar) -> Read:
    rows, size = Rows(feed, first), 0
    for frame in frames(lines):
        size += len(frame.data)
        rows.at(first + frame.line)
        try:
            event = _event(frame, feed, calendar)
        except ValueError as error:
            rows.dead(f"line {first + frame.line + 1}: {error}", frame.data[:8000].decode(errors="replace"))
        else:
            rows.add(event)
        if size >= HELD:
            yield from rows.rest()
            size = 0
        elif rows.ready:
            yield from rows.taken()
    yield from rows.rest()


def _event(frame: Frame, feed: str, calendar: Calendar) -> Activity:
    if frame.problem:
        raise ValueError(frame.problem)
    text = frame.data.decode(errors="backslashreplace").removeprefix("\ufeff")
    if (found := begins(text)) is None:
        return _logged(message(text), feed, calendar)
    name, at = found
    product = (cef if name == "cef" else leef)(text[at:])
    return product_events.activity(product, _header(text[:at]), calendar, feed)


def _header(text: str) -> Message | None:
    """The syslog header before a record; None where there is none that can be read."""
    if not text.strip(" \t\ufeff"):
        return None
    try:
        return message(text)
    except ValueError:
        return None


def _logged(said: Message, feed: str, calendar: Calendar) -> Activity:
    time = calendar.at(said.stamp) if said.stamp else calendar.last
    if not time:
        raise ValueError("tells a time that there is not" if said.stamp else "tells no time, and no line before it does")
    account = told(said.program, said.text)
    login = account.outcome is not None
    host = address(said.host)
    place = f"address:{host}" if host else f"feed:{feed}"
    actor = f"identity:{account.actor}" if account.actor else None
    return Activity(
        time=time,
        entity=actor if login and actor else place,
        kind="auth.login" if login else "log.message",
        source=account.source or None,
        target=host or None if login else None,
        actor=actor,
        object=said.program or None,
        code=said.msgid or None,
        outcome=account.outcome,
        attributes=_attributes(said, account.more, calendar.guessed),
    )


def _attributes(said: Message, more: dict[str, str], guessed: bool) -> dict[str, Any]:
    service = SERVICES.get(said.program.lower())
    given: dict[str, Any] = {
        **more,
        "message": said.text,
        "severity": said.severity,
        "facility": said.facility,
        "pid": said.pid,
        "msgid": said.msgid,
        "structured": said.structured,
        "year": "unknown" if guessed else "",
        "logsource": {"product": "linux", "service": service} if service else None,
    }
    return {key: value for key, value in given.items() if value}
