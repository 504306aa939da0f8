"""The kinds of bad input that `test_bad_input` hands to the command line, and what each must be told.

A `Refused` ends with exit code 2 and one line; a `DeadLetters` is a recording whose bad rows are kept with a reason while the rest is used.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

Write = Callable[[Path], object]
START = 1_767_571_200  # 2026-01-05T00:00:00Z


@dataclass(frozen=True)
class Refused:
    """`words` may name {net} (a good network folder), {tmp} (where `files` are written) and {key}."""

    name: str
    words: str
    says: str  # a regular expression that the line must match
    files: dict[str, str | bytes] = field(default_factory=dict)
    stdin: str = ""


@dataclass(frozen=True)
class DeadLetters:
    """A recording of which `rows` can be read; `reasons`: one regular expression for each dead letter, in order."""

    name: str
    file: str
    content: str | bytes
    rows: int
    reasons: tuple[str, ...]
    duplicates: int = 0


def table(rows: int = 200, *extra: str, header: str = "time,level,flow") -> str:
    """A good CSV of one machine, a row a minute, with `extra` lines at its end."""
    lines = [f"2026-01-05T{row // 60:02d}:{row % 60:02d}:00Z,{50 + row % 7 / 10},{20 + row % 5 / 10}" for row in range(rows)]
    return "\n".join([header, *lines, *extra]) + "\n"


def reading(minute: int, **other: object) -> str:
    """One good line of telemetry; a field set to None is left out."""
    row: dict[str, object] = {"family": "telemetry", "time": (START + 60 * minute) * 1_000_000, "entity": "asset:plc-1", "signal": "level"}
    row |= {"value": 50.0, **other}
    return "{" + ",".join(f'"{key}":{_json(value)}' for key, value in row.items() if value is not None) + "}"


def _json(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def lines(*bad: str) -> str:
    """A recording: ten good readings, the bad lines, two good readings."""
    good = [reading(minute) for minute in range(12)]
    return "\n".join([*good[:10], *bad, *good[10:]]) + "\n"


SCENARIO = 'name = "x"\nnetwork = "minimal"\nhours = 4\n'
STEP = '[[step]]\nid = "a"\nat_h = 1\nkind = "attack"\naction = "{action}"\ntarget = "{target}"\n'
JUDGE = "detect {tmp}/t.csv --train-rows 100"
REPLAY = "replay {net} {tmp}/t.csv"

DETECT = (
    Refused("an empty table", JUDGE, r"t\.csv: the file is empty; a header line and rows are needed", {"t.csv": ""}),
    Refused("a table without rows", JUDGE, r"t\.csv: no data rows below the header", {"t.csv": "time,level\n"}),
    Refused("a row with a field too many", JUDGE, r"t\.csv:202: 4 fields where the header has 3", {"t.csv": table(200, "a,1,2,3")}),
    Refused("two columns of one name", JUDGE, r"t\.csv:1: column 'level' appears twice", {"t.csv": table(header="time,level,level")}),
    Refused("a table that is not there", JUDGE, r"t\.csv: no such file"),
    Refused("a folder for a table", "detect {tmp} --train-rows 100", r": is a folder; a CSV or Parquet file is needed"),
    Refused("half a Parquet file", JUDGE, r"t\.csv: not a readable Parquet file", {"t.csv": b"PAR1\x00\x01half"}),
    Refused("bytes that are no text", JUDGE, r"t\.csv", {"t.csv": b"time,level\n\x00\x01\x02\xff\xfe\x00\n" * 9}),
    Refused("no normal rows", "detect {tmp}/t.csv", r"normal rows are needed: --train FILE", {"t.csv": table()}),
    Refused(
        "two kinds of normal rows", f"{JUDGE} --train {{tmp}}/t.csv", r"--train and --train-rows exclude each other", {"t.csv": table()}
    ),
    Refused(
        "more training rows than rows",
        "detect {tmp}/t.csv --train-rows 900",
        r"leaves nothing to judge: the table has 200 rows",
        {"t.csv": table()},
    ),
    Refused("too few training rows", "detect {tmp}/t.csv --train-rows 3", r"t\.csv: only 3 training rows; at least", {"t.csv": table()}),
    Refused(
        "a time column that is not there",
        f"{JUDGE} --time when",
        r"--time: there is no column 'when'; the columns are time, level",
        {"t.csv": table()},
    ),
    Refused("a column to drop that is not there", f"{JUDGE} --drop x", r"--drop: there is no column 'x'", {"t.csv": table()}),
    Refused(
        "a time that is none", f"{JUDGE} --time time", r"t\.csv:202: column 'time': 'soon' is not a time", {"t.csv": table(200, "soon,1,2")}
    ),
    Refused("scores over the table", f"{JUDGE} --out {{tmp}}/t.csv", r"--out would overwrite a table", {"t.csv": table()}),
    Refused("scores on a full disk", f"{JUDGE} --time time --out /dev/full", r"[Nn]o space left", {"t.csv": table()}),
)

REPLAYED = (
    Refused("a network folder that is not there", "replay {tmp}/no {tmp}/t.csv", r"no", {"t.csv": table()}),
    Refused("a recording that is not there", REPLAY, r"t\.csv: no such file"),
    Refused(
        "a format nobody reads", f"{REPLAY} --format xls", r"--format xls: not a format that is read; it reads .*csv", {"t.csv": table()}
    ),
    Refused("a name that tells no format", "replay {net} {tmp}/t.xyz", r"t\.xyz: cannot tell the format.*--format", {"t.xyz": "x"}),
    Refused("no column of times", REPLAY, r"t\.csv: which column is the time\?", {"t.csv": table(header="when,level,flow")}),
    Refused("nobody's telemetry", REPLAY, r't\.csv: whose telemetry is it\?.*entity = "asset:ID"', {"t.csv": table()}),
    Refused(
        "a mapping that is no TOML",
        f"{REPLAY} --mapping {{tmp}}/m.toml",
        r"m\.toml: not valid TOML",
        {"t.csv": table(), "m.toml": "entity ="},
    ),
    Refused(
        "a mapping with an unknown key",
        f"{REPLAY} --mapping {{tmp}}/m.toml",
        r"m\.toml:.*asset.*a mapping has time",
        {"t.csv": table(), "m.toml": 'asset = "plc-1"'},
    ),
    Refused(
        "a mapping of absent columns",
        f"{REPLAY} --mapping {{tmp}}/m.toml",
        r"t\.csv: no column 'when'; the columns are time",
        {"t.csv": table(), "m.toml": 'time = "when"\nentity = "asset:plc-1"'},
    ),
    Refused("a mapping that is not there", f"{REPLAY} --mapping {{tmp}}/m.toml", r"m\.toml: no such mapping file", {"t.csv": table()}),
    Refused(
        "a segment that is none",
        "replay {net} {tmp}/log-000000.seg",
        r"log-000000\.seg: not a segment",
        {"log-000000.seg": b"what is this"},
    ),
    Refused("a log without segments", "replay {net} {tmp}", r"holds neither an event log"),
    Refused("a log that is not there", "replay {net} {tmp}/log-000001.seg", r"log-000001\.seg: [Nn]o such"),
    Refused("half a Parquet recording", "replay {net} {tmp}/t.parquet", r"t\.parquet: not a readable Parquet", {"t.parquet": b"PAR1half"}),
    Refused(
        "resume of nothing",
        "replay {net} {tmp}/t.ndjson --out {tmp}/o --resume",
        r"o/checkpoint: no checkpoint to go on from",
        {"t.ndjson": lines()},
    ),
    Refused("resume into nowhere", "replay {net} {tmp}/t.ndjson --resume", r"--resume needs the --out folder", {"t.ndjson": lines()}),
    Refused(
        "half a checkpoint",
        "replay {net} {tmp}/t.ndjson --out {tmp}/o --resume",
        r"checkpoint: not a checkpoint of this program",
        {"t.ndjson": lines(), "o/checkpoint": b"\x92\x01\x92"},
    ),
    Refused(
        "results into a file",
        "replay {net} {tmp}/t.ndjson --out {tmp}/o",
        r"o: is a file; the results need a folder",
        {"t.ndjson": lines(), "o": "mine"},
    ),
    Refused("no shards", "replay {net} {tmp}/t.ndjson --shards 0", r"--shards", {"t.ndjson": lines()}),
    Refused(
        "half a network folder",
        "replay {tmp}/net {tmp}/t.ndjson",
        r"net/network\.toml:1: the file is missing",
        {"t.ndjson": lines(), "net/assets.csv": "id,zone,type\nplc-1,z,plc\nplc-1,z,plc\n"},
    ),
)

DEMO = "demo {net} --headless --scenario {tmp}/s.toml"
OTHERS = (
    Refused("a scenario that is not there", DEMO, r"s\.toml: no such scenario file"),
    Refused("a scenario that is no TOML", DEMO, r"s\.toml: not valid TOML", {"s.toml": "name = "}),
    Refused(
        "a step nobody can take",
        DEMO,
        r"s\.toml: step 'a': unknown action 'melt'",
        {"s.toml": SCENARIO + STEP.format(action="melt", target="asset:plc-1")},
    ),
    Refused(
        "an attack on what is not there",
        DEMO,
        r"s\.toml: step 'a': unknown target 'asset:plc-9'.*did you mean",
        {"s.toml": SCENARIO + STEP.format(action="stop_process", target="asset:plc-9")},
    ),
    Refused(
        "a step after the end",
        DEMO,
        r"s\.toml: step 'a': at_h is 9",
        {"s.toml": SCENARIO + STEP.format(action="stop_process", target="asset:plc-1").replace("at_h = 1", "at_h = 9")},
    ),
    Refused(
        "steps in a circle",
        DEMO,
        r"s\.toml: steps a, b need each other",
        {
            "s.toml": SCENARIO
            + "".join(
                STEP.format(action="stop_process", target="asset:plc-1").replace('"a"', f'"{i}"') + f'needs = ["{j}"]\n'
                for i, j in ("ab", "ba")
            )
        },
    ),
    Refused("a demo of no network", "demo {tmp}/no --headless", r"no"),
    Refused("a folder that is not empty", "init {tmp}", r"is not empty \(it holds mine\.txt\)", {"mine.txt": "keep"}),
    Refused("an example nobody wrote", "init {tmp}/n --example medika", r"medika"),
    Refused("a folder under a file", "init {tmp}/mine.txt/n", r"mine\.txt", {"mine.txt": "keep"}),
    Refused("nothing to check", "check {tmp}/no", r"no"),
    Refused("a role nobody has", "user add {tmp} ann --role king --password-stdin", r"king", stdin="a long enough secret\n"),
    Refused("broken accounts", "user list {tmp}", r"accounts\.toml", {"accounts.toml": "[ann"}),
    Refused("a key that is none", "policy sign {net} --key {tmp}/k.pem", r"k\.pem", {"k.pem": "no key"}),
    Refused("a policy that is none", "policy sign {tmp}/n --key {key}", r"mine\.cedar:\d", {"n/policy/mine.cedar": "permit (principal\n"}),
    Refused("a ledger that is not there", "ledger verify {tmp}", r"journal"),
    Refused(
        "a ledger that is none", "ledger verify {tmp}/j.sqlite", r"j\.sqlite", {"j.sqlite": "not a database, whatever its name says" * 40}
    ),
    Refused("a suite nobody wrote", "bench speed", r"no suite is named 'speed'; there are path"),
    Refused("an unknown command", "replai x", r"replai"),
    Refused("pages for others without accounts", "up {net} --host 0.0.0.0", r"accounts|TLS"),
    Refused("half of TLS", "up {net} --tls-cert {tmp}/c.pem", r"--tls-cert and --tls-key go together", {"c.pem": "x"}),
    Refused(
        "TLS files that are none", "up {net} --tls-cert {tmp}/c.pem --tls-key {tmp}/c.pem", r"c\.pem: not a PEM certificate", {"c.pem": "x"}
    ),
    Refused("a port that does not exist", "up {net} --port 99999", r"--port"),
)

LATE = reading(-30, signal="flow")
LETTERS = (
    DeadLetters("a line that is no JSON", "t.ndjson", lines("what?"), 12, (r"line 11 is no JSON object",)),
    DeadLetters("a file cut off in its last line", "t.ndjson", lines() + reading(12)[:40], 12, (r"line 13 is no JSON object",)),
    DeadLetters("a line that is no UTF-8", "t.ndjson", lines().encode() + b'{"family":"\xff"}\n', 12, (r"line 13",)),
    DeadLetters(
        "a family nobody knows",
        "t.ndjson",
        lines(reading(9, family="weather")),
        12,
        (r"line 11: family is 'weather'; it would be one of telemetry",),
    ),
    DeadLetters("no entity", "t.ndjson", lines(reading(9, entity=None)), 12, (r"line 11: field 'entity' is missing",)),
    DeadLetters(
        "a field nobody knows", "t.ndjson", lines(reading(9, colour="red")), 12, (r"line 11: unknown field 'colour' for telemetry",)
    ),
    DeadLetters(
        "a value that is text", "t.ndjson", lines(reading(9, value="high")), 12, (r"line 11: field 'value' is 'high', not a number",)
    ),
    DeadLetters("a number beyond all bounds", "t.ndjson", lines(reading(9, value="\0").replace('"\0"', "1e999")), 12, (r"line 11",)),
    DeadLetters("a NaN", "t.ndjson", lines(reading(9, value="\0").replace('"\0"', "NaN")), 12, (r"line 11 is no JSON object",)),
    DeadLetters(
        "a time without its zone",
        "t.ndjson",
        lines(reading(9, time="2026-01-05T00:09:00")),
        12,
        (r"line 11: field 'time' .*needs its zone",),
    ),
    DeadLetters("no time", "t.ndjson", lines(reading(9, time="noon")), 12, (r"line 11: .*noon",)),
    DeadLetters("a negative offset", "t.ndjson", lines(reading(9, offset=-4)), 12, (r"line 11: field 'offset' is -4, out of range",)),
    DeadLetters("a time from the future", "t.ndjson", lines(reading(60 * 24 * 400)), 13, (r"its time leaps ahead",)),
    DeadLetters(
        "a time before all times", "t.ndjson", lines(reading(9, time=-(1 << 60))), 12, (r"line 11: field 'time' is -\d+, out of range",)
    ),
    DeadLetters("a row that comes too late", "t.ndjson", lines(LATE), 13, (r"late: \d+ s behind the newest event, its frame is closed",)),
    DeadLetters(
        "an entity nobody listed",
        "t.ndjson",
        lines(reading(9, entity="asset:ghost")),
        13,
        (r"unknown entity asset:ghost: not in assets\.csv",),
    ),
    DeadLetters(
        "an entity that is no reference",
        "t.ndjson",
        lines(reading(9, entity="ghost")),
        13,
        (r"entity 'ghost' is no reference; write kind:id",),
    ),
    DeadLetters("a row that was sent twice", "t.ndjson", lines(reading(9, offset=9)), 13, (), 1),
    DeadLetters(
        "a time that is none, in a table",
        "t.csv",
        table(20, "soon,1,2", header="time,level,flow"),
        40,
        (r"t\.csv:22: 'soon' is not a time",),
    ),
    DeadLetters("no time, in a table", "t.csv", table(20, ",1,2"), 40, (r"t\.csv:22: the time is missing",)),
    DeadLetters(
        "a row of a table with a field too few",
        "t.csv",
        table(20, "2026-01-05T00:20:00Z,1"),
        40,
        (r"t\.csv:22: 2 fields where the header has 3",),
    ),
    DeadLetters("rows of a table in disorder", "t.csv", table(20, "2026-01-05T00:00:30Z,1,2"), 42, (r"late", r"late")),
)
