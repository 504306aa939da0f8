"""Lineage of processes: which program started which, three generations deep, as never before on this host.

A detector of `process.start` with `pid` and `ppid` (process numbers, or the identifiers that a sensor gives), run by `detect.stream`.
A parent or a program that is new by itself is `activity_execution`'s.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from interferon.detect.stream_events import DAY, Event, name_of
from interferon.detect.stream_memory import SETTLE, Novelty, is_fresh, learn_key, tail_of_count
from interferon.detect.stream_protocol import Anomaly, Context, Habit

NAME: Final = "activity_lineage"
FAMILY: Final = "activity"
KINDS: Final = ("process.start",)
TECHNIQUES: Final = ("T1059", "T1204", "T1055")  # command and scripting interpreter, user execution, process injection

RUNNING: Final = 4096  # processes whose ancestors are remembered; the longest unused go first
RATES: Final = {"ot": 0.003, "console": 0.01, "server": 0.03, "client": 0.15, "": 0.05}  # new lines of descent a day: the prior
JOINED: Final = 0.1  # a day, that a host takes up a line that all of its peers know
SHELLS: Final = ("cmd", "powershell", "pwsh", "wscript", "cscript", "mshta", "rundll32", "regsvr32", "bash", "sh", "dash", "python", "perl")
SERVERS: Final = ("w3wp", "httpd", "nginx", "sqlservr", "java", "tomcat", "php-fpm", "winword", "excel", "outlook", "acrord32", "wmiprvse")


@dataclass
class Memory:
    running: dict[str, tuple[str, str]] = field(default_factory=dict)  # process → (its program, its parent's program)
    lines: Novelty = field(default_factory=Novelty)  # (grandparent, parent, program)


def memory() -> Memory:
    return Memory()


def _stem(image: str) -> str:
    return image.lower().replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".exe")[:80]


def _line(memory: Memory, event: Event) -> tuple[str, str, str] | None:
    """Grandparent, parent and program; None where the parent's own start was not seen or told no parent."""
    held = memory.running.get(event.text("ppid"))
    program = _stem(event.object)
    if held is None or not program or not held[1]:
        return None
    return held[1], held[0], program


def habits(event: Event, peers: Mapping[str, str]) -> list[Habit]:
    """What hosts of one kind share: a parent and its program. Three generations would need each peer's memory."""
    parent, program = _stem(event.text("parent")), _stem(event.object)
    return [(parent, program)] if parent and program else []


def score(memory: Memory, event: Event, ctx: Context) -> list[Anomaly]:
    line = _line(memory, event)
    if line is None or not memory.lines.known or not is_fresh(memory.lines, line, event.time):
        return []
    grandparent, parent, program = line
    shared = ctx.peers_with(NAME, (parent, program))
    rate = RATES.get(ctx.group(ctx.entity), RATES[""])
    odds, parts = 1.0, {"lineage": 1.0}
    if program in SHELLS and (parent in SERVERS or grandparent in SERVERS):
        odds, parts["shell"] = 0.05, 3.0
    p = min(1.0, odds * tail_of_count(1, rate, memory.lines.news.get("line", 0.0), ctx.days, strength=SETTLE) + JOINED * shared)
    facts = {"line": " → ".join(line), "actor": event.actor, "days": f"{ctx.age / DAY:.0f}"}
    related = (event.source, event.actor)
    return [Anomaly(kind="process.lineage", key=">".join(line), p=p, parts=parts, facts=facts, related=related)]


def learn(memory: Memory, event: Event, ctx: Context, strange: bool) -> None:
    line = _line(memory, event)
    if line is not None:
        learn_key(memory.lines, line, event.time, strange=strange, counted="line" if ctx.counting else "")
    parent, process = memory.running.pop(event.text("ppid"), None), event.text("pid")
    if parent is not None:
        memory.running[event.text("ppid")] = parent
    if process:
        memory.running.pop(process, None)
        memory.running[process] = (_stem(event.object), parent[0] if parent is not None else _stem(event.text("parent")))
    while len(memory.running) > RUNNING:
        del memory.running[next(iter(memory.running))]


def why(anomaly: Anomaly, ctx: Context) -> str:
    facts = anomaly.facts
    by = f" by {name_of(facts['actor'])}" if facts["actor"] else ""
    return f"On {name_of(ctx.entity)} ran {facts['line']}{by}: a line of descent not seen in {facts['days']} days"


def _start(minute: int, image: str, pid: str, ppid: str, parent: str) -> Event:
    head = (minute * 60_000_000, "edr", minute, "asset:web-1", FAMILY, "process.start", "", "", "identity:svc-web")
    return Event(*head, image, attributes={"parent": parent, "pid": pid, "ppid": ppid})


def _job(turn: int) -> list[Event]:
    """Once an hour: a scheduler starts the web server's helper, which compresses a log; or a report, which compresses its result."""
    at, server = 60 * turn, ("w3wp.exe", "report.exe")[turn % 2]
    return [
        _start(at, server, f"{turn}a", "1", "services.exe"),
        _start(at + 1, "helper.exe", f"{turn}b", f"{turn}a", server),
        _start(at + 2, "zip.exe", f"{turn}c", f"{turn}b", "helper.exe"),
    ]


QUIET: Final = [event for turn in range(24 * 8) for event in _job(turn)]
LOUD: Final = [*QUIET, _start(60 * 24 * 8, "cmd.exe", "x", "190b", "helper.exe")]
