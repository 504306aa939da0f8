"""Programs and files: images and parents never seen here, command lines that attackers use, mass renaming or overwriting of files.

A detector of `process.start` and `file.access`, run by `detect.stream`.
"""

from dataclasses import dataclass, field
from typing import Final

from interferon.detect.stream_events import DAY, HOUR, Event, name_of
from interferon.detect.stream_memory import Novelty, Tally, add, is_new, learn_key, tail_of_count, tail_of_hour
from interferon.detect.stream_protocol import Anomaly, Context

NAME: Final = "activity_execution"
FAMILY: Final = "activity"
KINDS: Final = ("process.start", "file.access")
TECHNIQUES: Final = ("T1059", "T0853")  # command and scripting interpreter, scripting

IMAGES: Final = {"ot": 0.005, "console": 0.02, "server": 0.05, "client": 0.3, "": 0.08}  # new images a day of a settled machine: the prior
TOOLS: Final = {  # programs of the system that intruders live off (LOLBAS, ATT&CK software pages); they also serve administrators
    "powershell", "pwsh", "cmd", "wmic", "rundll32", "regsvr32", "mshta", "certutil", "bitsadmin", "psexec", "psexesvc",
    "wscript", "cscript", "schtasks", "vssadmin", "wbadmin", "bcdedit", "net", "nltest", "ntdsutil", "procdump", "mimikatz",
    "rclone", "ncat", "nc", "socat",
}  # fmt: skip
PHRASES: Final = (  # in command lines: what has hardly an honest use on a production machine
    "-enc", "-encodedcommand", "downloadstring", "invoke-expression", "frombase64", "delete shadows", "shadowcopy delete",
    "recoveryenabled no", "sekurlsa", "lsass", "-w hidden", "wevtutil cl", "clear-eventlog", "delete catalog", "/dev/tcp/", "base64 -d",
)  # fmt: skip
WORKERS: Final = ("winword", "excel", "outlook", "acrord32", "chrome", "msedge", "w3wp", "java", "httpd", "nginx", "sqlservr")
ENTROPY: Final = 7.5  # bits a byte: encrypted or compressed


@dataclass
class Memory:
    images: Novelty = field(default_factory=Novelty)  # (image,)
    parents: Novelty = field(default_factory=Novelty)  # (parent, image)
    files: dict[str, Tally] = field(default_factory=dict)  # code → files an hour


def memory() -> Memory:
    return Memory()


def _stem(image: str) -> str:
    name = image.lower().replace("\\", "/").rsplit("/", 1)[-1]
    return name.removesuffix(".exe")


def score(memory: Memory, event: Event, ctx: Context) -> list[Anomaly]:
    found = _program(memory, event, ctx) if event.kind == "process.start" else _files(memory, event, ctx)
    return [found] if found is not None else []


def _program(memory: Memory, event: Event, ctx: Context) -> Anomaly | None:
    image, parent = _stem(event.object), _stem(event.text("parent"))
    line = event.text("command_line").lower()
    phrase = next((phrase for phrase in PHRASES if phrase in line), "")
    new, new_parent = is_new(memory.images, (image,)), bool(parent) and is_new(memory.parents, (parent, image))
    if not new and not new_parent and not phrase:
        return None
    rate = IMAGES.get(ctx.group(ctx.entity), IMAGES[""])
    p = tail_of_count(1, rate, memory.images.news.get("image", 0.0), ctx.days) if new or new_parent else 0.05
    parts = {name: 1.0 for name, is_so in (("object", new), ("parent", new_parent)) if is_so}
    if image in TOOLS and (new or new_parent):
        p *= 0.1
        parts["tool"] = 2.0
    if parent in WORKERS and new_parent and image in TOOLS:
        p *= 0.1
        parts["parent"] = 3.0
    if phrase:
        p *= 0.002
        parts["command_line"] = 5.0
    techniques = ("T1490", "T1486") if any(word in line for word in ("shadow", "recoveryenabled", "delete catalog")) else TECHNIQUES
    facts = {"image": event.object, "parent": event.text("parent"), "phrase": phrase, "actor": event.actor, "days": f"{ctx.age / DAY:.0f}"}
    key = f"{parent}>{image}" if not phrase else f"line|{phrase}"
    kind = "process.command_line" if phrase else "process.first_seen"
    related = (event.source, event.actor)
    return Anomaly(
        kind=kind, key=key, p=max(p, 1e-8), parts=parts, facts=facts, related=related, techniques=techniques, absolute=bool(phrase)
    )


def _files(memory: Memory, event: Event, ctx: Context) -> Anomaly | None:
    """Files touched this hour by kind of access; entropy and renames together are what encryption for ransom looks like."""
    count, entropy = event.number("files") or 1.0, event.number("entropy")
    tally = memory.files.get(event.code, Tally())
    total = count + (tally.total if event.time // HOUR == tally.hour else 0.0)
    scrambled = entropy is not None and entropy >= ENTROPY and event.code in {"write", "rename"}
    if total < (50 if scrambled else 200) or total <= tally.level.high:
        return None
    p, parts = 0.02, {"files": 2.0}  # no history of this access at all: by the count alone
    if tally.level.n >= 6:
        # besides the fitted tail: a record hour comes once in n, and how far beyond follows a Pareto tail of index 2
        p = max(tail_of_hour(tally, event.time, count), min(1.0, 0.24 / (tally.level.n + 1) * (tally.level.high / total) ** 2))
    elif event.code in {"rename", "delete", "write"}:
        p = min(p, tail_of_count(1, 0.002, 0.0, ctx.days))
    if scrambled:
        p, parts["entropy"] = p * 0.05, 3.0
    facts = {"count": f"{total:.0f}", "code": event.code, "where": event.object, "high": f"{max(tally.level.high, 0):.0f}"}
    techniques = ("T1486", "T0809") if event.code != "read" else ("T1005", "T1039")
    kind = "file.mass_change" if event.code != "read" else "file.mass_read"
    related = (event.source, event.actor)
    return Anomaly(
        kind=kind,
        key=event.code,
        p=max(p, 1e-10),
        parts=parts,
        facts=facts,
        related=related,
        techniques=techniques,
        absolute=scrambled and total >= 500,
    )


def learn(memory: Memory, event: Event, ctx: Context, strange: bool) -> None:
    if event.kind == "process.start":
        image, parent = _stem(event.object), _stem(event.text("parent"))
        learn_key(memory.images, (image,), event.time, strange=strange, counted="image" if ctx.counting else "")
        if parent:
            learn_key(memory.parents, (parent, image), event.time, strange=strange)
        return
    if event.code in memory.files or len(memory.files) < 16:
        add(memory.files.setdefault(event.code, Tally()), event.time, event.number("files") or 1.0, strange=strange)


def why(anomaly: Anomaly, ctx: Context) -> str:
    facts, entity = anomaly.facts, name_of(ctx.entity)
    if anomaly.kind.startswith("file."):
        verb = {"read": "read", "write": "written", "rename": "renamed", "delete": "deleted"}.get(facts["code"], "touched")
        scrambled = ", contents look encrypted" if "entropy" in anomaly.parts else ""
        return f"{facts['count']} files {verb} on {entity} within the hour (most so far {facts['high']}){scrambled}"
    by = f" by {name_of(facts['actor'])}" if facts["actor"] else ""
    if facts["phrase"]:
        return f"{facts['image']} ran on {entity}{by} with “{facts['phrase']}” in its command line"
    under = f" under {facts['parent']}" if facts["parent"] else ""
    return f"{facts['image']} ran{under} on {entity}{by} for the first time in {facts['days']} days"


def _access(hour: float, code: str, files: int, entropy: float) -> Event:
    attributes = {"files": files, "entropy": entropy}
    head = (int(hour * HOUR), "edr", int(hour * 60), "asset:file-1", FAMILY, "file.access", "", "", "identity:svc")
    return Event(*head, "share", code, "success", attributes=attributes)


QUIET: Final = [_access(hour, "write", 20 + hour % 9, 4.5) for hour in range(96)]
LOUD: Final = [*QUIET, _access(96, "rename", 4000, 7.9)]
