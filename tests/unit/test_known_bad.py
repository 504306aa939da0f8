"""Sigma rules on live events: how events are read, what a hit becomes, what a broken rule and a network without rules cost."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from interferon import checks
from interferon.cli.replay import rules_of
from interferon.correlate import evidence
from interferon.detect import stream
from interferon.detect.stream_events import DAY, HOUR, Event
from interferon.detectors import activity_rules
from interferon.detectors.activity_rules import SigmaRules, readings
from interferon.model.records import Finding
from interferon.rules.parse import parse
from interferon.rules.records import Source
from interferon.runtime import known_bad
from interferon.store import examples

ID = "5f0f8b1a-0000-4000-8000-00000000000{}"
RULE = """title: {title}
id: {id}
{level}tags: [attack.t1490]
logsource: {source}
detection:
  sel: {sel}
  condition: sel
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def rule(source: str, sel: str, level: str = "high", number: int = 1) -> str:
    said = f"level: {level}\n" if level else ""
    return RULE.format(title=f"Rule {number}", id=ID.format(number), level=said, source=source, sel=sel)


def sigma(*texts: str) -> SigmaRules:
    parsed = [parse(text, f"{number}.yml", {}) for number, text in enumerate(texts)]
    assert not [problem for _, problems in parsed for problem in problems]
    return SigmaRules([one for rules, _ in parsed for one in rules])


def event(kind: str = "log.message", time: int = 10 * DAY, attributes: dict[str, Any] | None = None, **more: Any) -> Event:
    return Event(time, "edr", time // HOUR, "asset:srv-1", "activity", kind, attributes=attributes or {}, **more)


def found(detector: SigmaRules, *events: Event) -> list[Finding]:
    state = stream.new_state(stream.StreamSettings(learn_us=DAY))
    return [finding for one in events for finding in stream.observe(state, [one], [detector], one.time)]


WINDOWS = "{product: windows, service: security}"


@pytest.mark.parametrize(
    ("source", "sel", "seen"),
    [
        (WINDOWS, "{EventID: 1102}", event(attributes={"Channel": "Security", "EventID": 1102})),
        (WINDOWS, "{EventID: 1102}", event(attributes={"winlog": {"channel": "Security", "event_id": "1102"}})),
        (WINDOWS, "{EventID: 1102}", event(attributes={"Event": {"System": {"Channel": "Security", "EventID": 1102}}})),
        (
            "{product: aws, service: cloudtrail}",
            "{eventName: StopLogging}",
            event(attributes={"logsource": {"product": "AWS", "service": "cloudtrail"}, "eventName": "StopLogging"}),
        ),
        (
            "{product: linux}",
            "{type: EXECVE}",
            event(attributes={"logsource": {"product": "linux", "service": "auditd", "category": 3}, "type": "execve"}),
        ),
        (
            "{product: interferon, category: ot.command}",
            "{code: stop, target: 'asset:plc-1'}",
            event("ot.command", code="stop", target="asset:plc-1"),
        ),
        ("{product: interferon, category: log.message}", "{message|contains: panic}", event(attributes={"message": "kernel panic"})),
        (
            "{product: windows, category: process_creation}",
            "{'Image|endswith': '\\cmd.exe', ParentImage: '\\excel.exe', User: ann}",
            event("process.start", object="cmd.exe", actor="identity:ann", attributes={"parent": "excel.exe"}),
        ),
        (
            "{product: linux, category: process_creation}",
            "{Image: /usr/bin/nc, Computer: srv-1}",
            event("process.start", object="/usr/bin/nc"),
        ),
        (
            "{product: macos, category: process_creation}",
            "{Image: /osascript}",
            event("process.start", object="osascript", attributes={"os": "macOS"}),
        ),
        (
            "{category: process_creation}",
            "{CommandLine|contains: mimikatz}",
            event("process.start", attributes={"command_line": "mimikatz x"}),
        ),
    ],
)
def test_an_event_is_read_as_the_log_record_that_it_is(source: str, sel: str, seen: Event) -> None:
    (finding,) = found(sigma(rule(source, sel)), seen)
    assert (finding.detector, finding.kind, finding.family) == ("rules", f"rule.high.{ID.format(1)}", "activity")
    assert finding.summary == "srv-1: Rule 1 (rule of level high)"
    assert finding.techniques == ("T1490",)
    assert finding.evidence == (seen.id,)
    assert sum(share for _, share in finding.why) == pytest.approx(1.0)
    assert not found(
        sigma(rule(source, sel)), event("file.access", object="share", attributes={"Channel": 5, "winlog": "x", "logsource": "y"})
    )


def test_the_shares_name_the_fields_that_held() -> None:
    seen = event(attributes={"Channel": "Security", "EventID": 4688, "NewProcessName": "C:\\x.exe", "CommandLine": "-enc"})
    (finding,) = found(sigma(rule(WINDOWS, "{EventID: 4688, CommandLine|contains: enc}")), seen)
    assert dict(finding.why) == {"EventID": 0.5, "CommandLine": 0.5}
    (renamed,) = found(sigma(rule("{product: windows, category: process_creation}", "{Image|endswith: x.exe}")), seen)
    assert renamed.why == (("rule", 1.0),)


def test_a_level_says_how_much_a_hit_weighs_and_whether_it_waits_for_the_learning() -> None:
    seen = event("log.status", code="cleared")
    learnt = event("log.status", time=10 * DAY - 2 * DAY, code="heartbeat")
    told = {}
    for level in ("critical", "high", "medium", "low", "informational", ""):
        detector = sigma(rule("{product: interferon, category: log.status}", "{code: cleared}", level))
        told[level] = (len(found(detector, seen)), [finding.p for finding in found(detector, learnt, seen)])
    assert told["critical"] == (1, [1e-6])
    assert told["high"] == (1, [1e-5])
    assert told["medium"] == told[""] == (0, [1e-3])
    assert told["low"] == (0, [4e-3])
    assert told["informational"] == (0, [])


def test_one_rule_rings_once_until_it_was_quiet_and_is_no_proof_alone() -> None:
    detector = sigma(rule("{product: interferon}", "{code: cleared}", "critical"))
    times = (10 * DAY, 10 * DAY + HOUR, 11 * DAY)
    rung = found(detector, *(event("log.status", time=time, code="cleared") for time in times))
    assert [finding.time for finding in rung] == [times[0], times[2]]
    assert 0.3 < evidence.probability(evidence.weigh(rung[:1], {}, {})) < 0.8


def test_remembered_log_sources_are_few_and_change_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity_rules, "SOURCES", 2)
    detector = sigma(rule("{product: a7}", "{x: 1}"))
    rows = [event(attributes={"logsource": {"product": f"a{number % 9}"}, "x": 1}, time=10 * DAY + number * DAY) for number in range(27)]
    assert len(found(detector, *rows)) == 3
    assert len(detector._engines) <= 2


def test_with_rules_it_keeps_every_promise_of_a_detector_but_to_name_techniques_which_each_rule_does() -> None:
    detector = sigma(rule("{product: interferon, category: log.status}", "{code: cleared}"))
    detector.QUIET = [event("log.status", time=day * DAY, code="heartbeat") for day in range(5)]
    detector.LOUD = [*detector.QUIET, event("log.status", time=5 * DAY, code="cleared")]
    assert checks.run(detector) == ["TECHNIQUES is empty; name the ATT&CK techniques it sees"]


def test_every_event_has_its_own_reading_last() -> None:
    sources = [source for source, _ in readings(event("process.start", object="sh"))]
    assert sources == [Source("windows", "process_creation"), Source("interferon", "process.start")]


def test_a_folder_without_rules_loads_nothing(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "readme.md").write_text("none yet")
    code = (
        "import sys, pathlib; from interferon.runtime import known_bad\n"
        f"assert known_bad.detectors(pathlib.Path({str(tmp_path)!r})) == ([], [])\n"
        "assert 'sigma' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert known_bad.detectors(tmp_path / "none") == ([], [])
    assert known_bad.problems(tmp_path) == []


def test_each_broken_rule_is_named_by_file_and_line(tmp_path: Path) -> None:
    place = tmp_path / "rules"
    place.mkdir()
    good = rule(WINDOWS, "{A: 1}")
    (place / "a.yml").write_text(good + "---\ntitle: Later\ncorrelation: {}\n")
    (place / "b.yml").write_text("title: x\ndetection: [\n")
    (place / "c.yml").write_text(rule(WINDOWS, "{'A|expand': '%who%'}", number=2))
    said = [str(problem) for problem in known_bad.problems(tmp_path)]
    assert said[0] == "rules/a.yml:10: Later: is a correlation rule, which is not supported"
    assert said[1].startswith("rules/b.yml:3: is not YAML: ")
    assert said[2].startswith("rules/c.yml:1: Rule 2: the placeholder %who% has no values")
    (detector,), notes = known_bad.detectors(tmp_path)
    assert isinstance(detector, SigmaRules)
    assert len(detector.rules) == 1
    assert len(notes) == 3
    (place / "values.toml").write_text('who = ["ann"]\n')
    assert len(known_bad.problems(tmp_path)) == 2
    (place / "values.toml").write_text("who = 3\n")
    (broken,) = known_bad.problems(tmp_path)
    assert str(broken).startswith("rules/values.toml:1: ")


def test_the_example_rules_hold_and_fire_on_what_they_describe(tmp_path: Path) -> None:
    examples.write_rules(tmp_path)
    (detector,), problems = known_bad.detectors(tmp_path)
    assert problems == []
    assert isinstance(detector, SigmaRules)
    rows = [
        event("process.start", time=10 * DAY, object="vssadmin", attributes={"command_line": "vssadmin delete shadows /all"}),
        event("firmware.change", time=10 * DAY + 1, object="2.1", attributes={"signed": False, "vendor": "", "ticket": ""}),
        event("firmware.change", time=10 * DAY + 2, object="2.2", attributes={"signed": False, "ticket": "W1"}),
        event("log.status", time=12 * DAY, code="cleared"),
        event("log.status", time=13 * DAY, code="heartbeat"),
    ]
    assert [finding.time for finding in found(detector, *rows)] == [10 * DAY, 10 * DAY + 1, 12 * DAY]


def test_a_broken_rule_is_one_note_and_costs_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    examples.write_rules(tmp_path)
    (tmp_path / "rules" / "bad.yml").write_text("- no rule\n")
    (detector,) = rules_of(tmp_path)
    assert isinstance(detector, SigmaRules)
    assert len(detector.rules) == 3
    assert capsys.readouterr().err.startswith(f"note: {tmp_path}/rules/bad.yml:1: is not a rule")
