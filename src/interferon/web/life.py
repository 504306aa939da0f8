"""The pattern of life of one entity, for its screen: what is learnt, whom it talks to, what did not fit. Called by `live`."""

from typing import Any, Final

from interferon.detect import misfit, telemetry_state
from interferon.detect.watch import Shard, shard_of
from interferon.model.records import Finding
from interferon.runtime.running import Running
from interferon.web.figures import duration
from interferon.web.view import Baseline, Conversation, LifeView

SHOWN: Final = 60  # findings and conversations: more than that nobody reads
CONVERSATIONS: Final = "activity_conversations"


def life(run: Running, entity: str) -> LifeView | None:
    """None where nothing is known by this reference."""
    kind, _, name = entity.partition(":")
    signals = _signals(run, entity)
    findings = sorted((f for f in run.findings.values() if f.entity == entity or entity in f.related), key=lambda f: (-f.time, f.id))
    shard = run.state.watch.shards[shard_of(entity, len(run.state.watch.shards))]
    tabled = kind == "asset" and name in run.rules.network.assets
    if not (tabled or signals or findings or entity in shard.stream.first):
        return None
    shown = findings[:SHOWN]
    return LifeView(
        entity=entity,
        telemetry=_telemetry(run, entity),
        activity=_activity(run, shard, entity),
        bands=signals,
        conversations=conversations(shard, entity),
        findings=tuple(shown),
        incident_of=incidents_of(run, shown),
        judged=judged(run, shown),
        **_baselines(run, entity),
    )


def judged(run: Running, findings: list[Finding]) -> dict[str, str]:
    """Finding → the newest word that a person said of it alone."""
    words = {verdict.finding: verdict.verdict for verdict in run.verdicts if verdict.finding}
    return {finding.id: words[finding.id] for finding in findings if finding.id in words}


def incidents_of(run: Running, findings: list[Finding]) -> dict[str, str]:
    """Finding → the incident it is told in."""
    wanted = {finding.id for finding in findings}
    return {name: incident.id for incident in run.incidents.values() for name in incident.findings if name in wanted}


def conversations(shard: Shard, entity: str) -> tuple[Conversation, ...]:
    """What the detector of conversations knows the entity by, last used first."""
    memory = shard.stream.memories.get(CONVERSATIONS, {}).get(entity)
    known = [] if memory is None else sorted(memory.pairs.known.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Conversation(direction=d, peer=peer, service=service, last=last) for (d, peer, service), last in known[:SHOWN])


def _signals(run: Running, entity: str) -> tuple[str, ...]:
    whole = run.state.admission.entities.index.get(entity)
    slots = run.state.admission.pending.slots
    return tuple(slots[whole]) if whole is not None and whole < len(slots) else ()


def _telemetry(run: Running, entity: str) -> str:
    whole, home = run.state.admission.entities.index.get(entity), run.state.watch.home
    if whole is None or whole >= len(home) or not _signals(run, entity):
        return "sends none"
    state, local = run.state.watch.shards[home[whole]].telemetry, int(run.state.watch.local[whole])
    if local >= len(state.status):
        return "not seen yet"
    rows = int(state.rows[local])
    frame_s = run.rules.network.settings.frame_s
    if state.status[local] == telemetry_state.WATCHING:
        return f"watched for {duration(rows * frame_s)}"
    left = duration(max(state.settings.learn_rows - rows, 0) * frame_s)
    if state.status[local] == telemetry_state.PROVISIONAL:
        return f"being learnt, judged by its peers' life until then: {rows} of {state.settings.learn_rows} frames, own model in {left}"
    return f"being learnt: {rows} of {state.settings.learn_rows} frames, ready in {left}"


def _baselines(run: Running, entity: str) -> dict[str, Any]:
    """Versions of what is learnt, whether the one in force still fits, and what may follow it, as arguments of `LifeView`."""
    whole, watch = run.state.admission.entities.index.get(entity, -1), run.state.watch
    lives = watch.lives
    if whole not in lives.versions:
        return {}
    versions = tuple(
        Baseline(number=one.number, learnt=one.time, rows=one.rows, why=one.why, note=one.note, in_force=one.number == lives.force[whole])
        for one in reversed(lives.versions[whole])
    )
    since, shadow = misfit.since(watch.fitting, whole), lives.shadows.get(whole)
    fits = f"no longer fits, for {duration((run.clock() - since) / 1e6)} now" if since >= 0 else "fits"
    coming = f"{shadow.why}: being learnt, {shadow.seen} frames of {len(shadow.rows)}" if shadow else lives.outcomes.get(whole, "")
    return {"baselines": versions, "fits": fits, "next": coming}


def _activity(run: Running, shard: Shard, entity: str) -> str:
    since = shard.stream.first.get(entity)
    if since is None:
        return "sends none"
    age, learn = run.clock() - since, shard.stream.settings.learn_us
    if age < learn:
        return f"being learnt: ready in {duration((learn - age) / 1e6)}"
    return f"watched for {duration((age - learn) / 1e6)}"
