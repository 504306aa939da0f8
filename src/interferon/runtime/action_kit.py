"""The kit for actions: a module whose ACTION declares one kind of containment. Called by `plugin_check` and the tests.

Asks the action about everything in the two example networks. What an executor makes of the action is the executor's own test.
"""

from collections.abc import Iterator
from typing import Any, Final

from interferon.act.protocol import SAFETY, Action
from interferon.model.network import Network
from interferon.store import examples

CLASSES: Final = ("reversible", "compensable", "irreversible")
TABLES: Final = {
    "asset": "assets",
    "zone": "zones",
    "conduit": "conduits",
    "node": "nodes",
    "lane": "lanes",
    "partner": "partners",
    "person": "people",
    "process": "processes",
}
STREAMED: Final = ("identity", "order", "payment", "shipment", "feed")  # come with the events; no table names them all
ABSENT: Final = "no-such-thing"


def run(module: Any) -> list[str]:
    """Every broken promise of the module's action, as a line that says what would be right."""
    action = module.ACTION
    if not isinstance(action, Action):
        return [f"ACTION is a {type(action).__name__}; make it an interferon.act.protocol.Action"]
    problems = [] if (module.__doc__ or "").strip() else ["has no docstring; say what it does in the world"]
    problems += _declared(action)
    for name in examples.BUILD if not problems else ():
        problems += _asked(action, examples.build(name))
    if not problems and not any(_fitting(action, examples.build(name)) for name in examples.BUILD):
        problems.append("ACTION fits nothing in the example networks; one target at least must be possible")
    return problems


def _declared(action: Action) -> list[str]:
    problems = []
    if not action.name.isidentifier() or not action.name.islower():
        problems.append(f"ACTION has the name {action.name!r}; write it as isolate_asset")
    if action.kind not in CLASSES:
        problems.append(f"ACTION is of kind {action.kind!r}; it must be {', '.join(CLASSES)}")
    unknown = [kind for kind in action.targets if kind not in TABLES and kind not in STREAMED]
    if unknown or not action.targets:
        problems.append(f"ACTION takes {', '.join(unknown) or 'nothing'}; targets are {', '.join((*TABLES, *STREAMED))}")
    if action.ttl_s <= 0:
        problems.append(f"ACTION has ttl_s {action.ttl_s}; every containment ends or is decided again, so it must be above 0")
    if "{target}" not in action.sentence:
        problems.append("ACTION has a sentence without {target}: the person who approves must read what it is done to")
    if bool(action.inverse) == (action.kind == "irreversible"):
        problems.append("ACTION must say in inverse how it is taken back, unless it is irreversible: then inverse is ''")
    return problems


def _targets(action: Action, network: Network) -> Iterator[tuple[str, str]]:
    """(kind, id) of everything in the tables that the action takes."""
    for kind in action.targets:
        if kind in TABLES:
            yield from ((kind, name) for name in getattr(network, TABLES[kind]))


def _fitting(action: Action, network: Network) -> bool:
    """Whether it may be tried on something; a transaction or identity that no table names may be tried always."""
    streamed = [kind for kind in action.targets if kind in STREAMED]
    return bool(streamed) or any(not action.precheck(network, f"{kind}:{name}") for kind, name in _targets(action, network))


def _asked(action: Action, network: Network) -> list[str]:
    """Answers are '' or one line, the same each time; nothing that is absent fits; no safety system is ever closed."""
    where = f"in the network {network.settings.name}"
    problems = []
    for kind, name in _targets(action, network):
        target = f"{kind}:{name}"
        answer = action.precheck(network, target)
        if not isinstance(answer, str) or "\n" in answer or answer != action.precheck(network, target):
            problems.append(f"fits answers {answer!r} about {target} {where}; it must be '' or one line, the same each time")
        closed = action.closes(network, name) if not answer else ()
        problems += [
            f"closes names {asset!r} for {target} {where}, which has no such asset" for asset in closed if asset not in network.assets
        ]
        if any(network.assets[asset].type == SAFETY for asset in closed if asset in network.assets):
            problems.append(f"closes cuts off a safety system for {target} {where}; fits must say why that may not be")
    if not any(kind in STREAMED for kind in action.targets):  # `fits` gets the id alone: an identity need not be in any table
        problems += [
            f"fits accepts {kind}:{ABSENT} {where}; it must say that there is none"
            for kind in action.targets
            if not action.precheck(network, f"{kind}:{ABSENT}")
        ]
    return problems[:3]
