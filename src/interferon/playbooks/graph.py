"""The workflow as a graph: which step leads to which, by which property. Used by `lint`, `outline` and `compare`.

Pure; no recursion, for long workflows.
"""

from collections.abc import Iterable, Iterator, Mapping

from interferon.playbooks.records import AnyStep, If, Parallel, Switch, While

Workflow = Mapping[str, AnyStep]


def sequence(step: AnyStep) -> Iterator[tuple[str, str]]:
    """(property, step id) of what may follow this step in its own branch."""
    yield from ((name, value) for name in ("on_completion", "on_success", "on_failure") if (value := getattr(step, name)))


def branches(step: AnyStep) -> Iterator[tuple[str, str]]:
    """(property, step id) of the branches that this step starts; each comes back to it at an end step."""
    if isinstance(step, Parallel):
        yield from ((f"next_steps[{place}]", each) for place, each in enumerate(step.next_steps))
    elif isinstance(step, Switch):
        yield from ((f"cases.{case}", each) for case, each in step.cases.items())
    elif isinstance(step, If | While):
        yield "on_true", step.on_true
        if isinstance(step, If) and step.on_false:
            yield "on_false", step.on_false


def edges(step: AnyStep) -> Iterator[tuple[str, str]]:
    yield from branches(step)
    yield from sequence(step)


def reached(workflow: Workflow, begin: Iterable[str]) -> dict[str, None]:
    """The steps that can be reached from `begin`, itself included, in the order in which they are met."""
    found: dict[str, None] = {}
    waiting = list(begin)[::-1]
    while waiting:
        step = waiting.pop()
        if step in workflow and step not in found:
            found[step] = None
            waiting += [target for _, target in edges(workflow[step])][::-1]
    return found


def cycles(workflow: Workflow) -> Iterator[tuple[str, str, str]]:
    """(step, property, target) of each edge that closes a circle. A while's own return is no edge: its branch ends."""
    open_, done = set[str](), set[str]()
    for root in workflow:
        if root in done:
            continue
        open_.add(root)
        path = [(root, edges(workflow[root]))]
        while path:
            step, rest = path[-1]
            edge = next(rest, None)
            if edge is None:
                path.pop()
                open_.discard(step)
                done.add(step)
            elif edge[1] in open_:
                yield step, *edge
            elif edge[1] in workflow and edge[1] not in done:
                open_.add(edge[1])
                path.append((edge[1], edges(workflow[edge[1]])))


def branch(workflow: Workflow, begin: str) -> dict[str, None]:
    """The steps of one branch in its own line: what `begin` leads to without going into the branches of others."""
    found: dict[str, None] = {}
    waiting = [begin]
    while waiting:
        step = waiting.pop()
        if step in workflow and step not in found:
            found[step] = None
            waiting += [target for _, target in sequence(workflow[step])]
    return found


def lent(workflow: Workflow) -> dict[str, set[str]]:
    """For each step, the variables that the branching steps around it declare."""
    found: dict[str, set[str]] = {step: set() for step in workflow}
    for step in workflow.values():
        if step.step_variables:
            for inner in reached(workflow, [target for _, target in branches(step)]):
                found[inner].update(step.step_variables)
    return found
