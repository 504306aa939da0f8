"""Can the goods flow? Cycles in the bill of materials, products that nobody can make or bring, customers whom no lane reaches.

Called by `folder_check` on the rows as read. Notes problems on them and changes nothing else.
"""

from collections import defaultdict
from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter

from interferon.store.table_file import Line, Rows

Graph = dict[str, set[str]]


def check(tables: dict[str, Rows]) -> None:
    """Cycles are fatal; a product or customer without a way is not: the network may still be growing."""
    _cycles(tables["bom"])
    nodes = {str(line.cells["id"]): str(line.cells["kind"]) for line in _good(tables["nodes"])}
    onward: Graph = defaultdict(set)
    for line in _good(tables["lanes"]):
        onward[str(line.cells["from"])].add(str(line.cells["to"]))
    _customers(tables["nodes"], onward)
    _products(tables, nodes, onward)


def _cycles(rows: Rows) -> None:
    """Names each cycle at the latest line that closes it; that link is then left out, so that the next cycle shows."""
    links = {(str(line.cells["child"]), str(line.cells["parent"])): line.number for line in _good(rows)}
    while cycle := _cycle(links):
        pairs = set(zip(cycle[1:], cycle[:-1], strict=True))
        last = max(pairs, key=lambda pair: links[pair])
        rows.problem(links.pop(last), f"cycle in the bill of materials: {' takes '.join(cycle)}; a product cannot be part of itself")


def _cycle(links: Iterable[tuple[str, str]]) -> list[str]:
    """Products of a cycle, each taking the next and the last being the first again; empty where there is none."""
    graph: Graph = defaultdict(set)
    for child, parent in links:
        graph[child].add(parent)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        names: list[str] = error.args[1]  # each is a predecessor, here a parent, of the one after it
        return names
    return []


def _customers(rows: Rows, onward: Graph) -> None:
    reached = set().union(*onward.values())
    for line in _good(rows):
        if line.cells["kind"] == "customer" and line.cells["id"] not in reached:
            rows.problem(line.number, f"no lane leads to customer '{line.cells['id']}'; add one to lanes.csv", fatal=False)


def _products(tables: dict[str, Rows], nodes: dict[str, str], onward: Graph) -> None:
    """A product is made at plants if it has a bill of materials, else bought from suppliers; it must reach where it is wanted."""
    made = {str(line.cells["parent"]) for line in _good(tables["bom"])}
    parents: Graph = defaultdict(set)
    for line in _good(tables["bom"]):
        parents[str(line.cells["child"])].add(str(line.cells["parent"]))
    stocked: Graph = defaultdict(set)
    for line in _good(tables["inventory"]):
        stocked[str(line.cells["product"])].add(str(line.cells["node"]))
    wanted: Graph = defaultdict(set)
    for line in _good(tables["orders"]):
        wanted[str(line.cells["product"])].add(str(line.cells["customer"]))
    sources = {
        product: _sources(nodes, "plant" if product in made else "supplier", stocked[product])
        for product in (str(line.cells["id"]) for line in _good(tables["products"]))
    }
    starts = set().union(*sources.values(), *stocked.values()) & nodes.keys()
    reach = {node: _reach(onward, node) for node in starts}
    for line in _good(tables["products"]):
        product = str(line.cells["id"])
        goals = wanted[product].union(*(sources.get(parent, set()) for parent in parents[product]))
        served = set().union(*(reach[node] for node in sources[product] | (stocked[product] & nodes.keys())))
        who = "plant" if product in made else "supplier"
        if not sources[product]:
            tables["products"].problem(line.number, f"product '{product}' has no source: there is no {who} in nodes.csv", fatal=False)
        elif lost := sorted(goals & nodes.keys() - served):
            shown = ", ".join(lost[:3]) + (f" and {len(lost) - 3} more" if len(lost) > 3 else "")
            message = f"product '{product}' has no supply path from any {who} to {shown}; add a lane"
            tables["products"].problem(line.number, message, fatal=False)


def _sources(nodes: dict[str, str], kind: str, stocked: set[str]) -> set[str]:
    """Nodes of the kind that have a row for the product in inventory.csv; all of the kind where none has."""
    able = {node for node, is_a in nodes.items() if is_a == kind}
    return able & stocked or able


def _reach(onward: Graph, start: str) -> set[str]:
    seen = {start}
    queue = [start]
    while queue:
        for node in onward.get(queue.pop(), ()):
            if node not in seen:
                seen.add(node)
                queue.append(node)
    return seen


def _good(rows: Rows) -> list[Line]:
    return [line for line in rows.lines if line.good]
