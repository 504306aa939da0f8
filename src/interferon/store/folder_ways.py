"""Can the goods flow? Cycles in the bill of materials, products that nobody can make or bring, customers whom no lane reaches.

Called by `folder_check` on the rows as read. Notes problems on them and changes nothing else.
"""

from collections import defaultdict
from collections.abc import Iterable, Set
from graphlib import CycleError, TopologicalSorter
from typing import Final

from interferon.store.table_file import Line, Rows

Graph = dict[str, set[str]]
_WAY_TABLES: Final = ("nodes", "lanes", "products", "bom", "inventory", "orders")


def check(tables: dict[str, Rows]) -> None:
    """Cycles are fatal; a product or customer without a way is not: the network may still be growing.

    Ways are looked for once the tables they go through are without a fatal problem: before that, a slip would be told as a missing way.
    """
    _cycles(tables["bom"])
    if any(problem.fatal for name in _WAY_TABLES for problem in tables[name].problems):
        return
    nodes = {str(line.cells["id"]): str(line.cells["kind"]) for line in _good(tables["nodes"])}
    onward = _pairs(tables["lanes"], "from", "to")
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
    parents = _pairs(tables["bom"], "child", "parent")
    made = set().union(*parents.values())
    stocked = _pairs(tables["inventory"], "product", "node")
    wanted = _pairs(tables["orders"], "product", "customer")
    lines = {str(line.cells["id"]): line.number for line in _good(tables["products"])}
    makers = _able(nodes, "plant", made, stocked) | _able(nodes, "supplier", lines.keys() - made, stocked)
    sources = {product: {node for node, products in makers.items() if product in products} for product in lines}
    starts = set().union(*sources.values(), *stocked.values()) & nodes.keys()
    reach = {node: _reach(onward, node) for node in starts}
    for product, line in lines.items():
        goals = wanted[product].union(*(sources.get(parent, set()) for parent in parents[product]))
        served = set().union(*(reach[node] for node in sources[product] | (stocked[product] & nodes.keys())))
        who = "plant" if product in made else "supplier"
        if not sources[product]:
            message = f"no {who} {'makes' if product in made else 'delivers'} product '{product}'; give one a row for it in inventory.csv"
            tables["products"].problem(line, message, fatal=False)
        elif lost := sorted(goals & nodes.keys() - served):
            shown = ", ".join(lost[:3]) + (f" and {len(lost) - 3} more" if len(lost) > 3 else "")
            message = f"product '{product}' has no supply path from any {who} to {shown}; add a lane"
            tables["products"].problem(line, message, fatal=False)


def _pairs(rows: Rows, key: str, value: str) -> Graph:
    """Values of one column by those of another."""
    found: Graph = defaultdict(set)
    for line in _good(rows):
        found[str(line.cells[key])].add(str(line.cells[value]))
    return found


def _able(nodes: dict[str, str], kind: str, products: Set[str], stocked: Graph) -> dict[str, Set[str]]:
    """What each node of a kind makes or delivers: what it has a row for in inventory.csv, or everything where it has none."""
    listed: Graph = defaultdict(set)
    for product in products:
        for node in stocked[product]:
            listed[node].add(product)
    return {node: listed[node] or products for node, is_a in nodes.items() if is_a == kind}


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
