"""A playbook's workflow as an SVG picture: steps in layers from the start downwards, arrows with what they stand for.

Pure; no script, no font file.
"""

from html import escape
from typing import Final

from interferon.playbooks.graph import edges
from interferon.playbooks.records import AnyStep, Playbook

WIDTH: Final = 190
HEIGHT: Final = 46
ACROSS: Final = 230
DOWN: Final = 96
MARGIN: Final = 20
LETTERS: Final = 28  # of a name that fit in a box
FILL: Final = {"start": "#d9ead3", "end": "#eeeeee", "action": "#ffffff", "playbook-action": "#fff2cc"}
BRANCHING: Final = "#cfe2f3"
HEAD: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" font-family="sans-serif" font-size="12">'
    '<title>{title}</title><defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M0 0L8 4L0 8z"/></marker></defs>'
)


def picture(playbook: Playbook) -> str:
    """The SVG document. A failure's arrow is dashed."""
    places = _places(playbook)
    boxes = [_box(name, step, *places[name]) for name, step in playbook.workflow.items()]
    arrows = [_arrow(places[name], places[target], field) for name, step in playbook.workflow.items() for field, target in edges(step)]
    width = max(x for x, _ in places.values()) + WIDTH + MARGIN
    height = max(y for _, y in places.values()) + HEIGHT + MARGIN
    return "".join([HEAD.format(w=width, h=height, title=escape(playbook.name)), *arrows, *boxes, "</svg>\n"])


def _places(playbook: Playbook) -> dict[str, tuple[int, int]]:
    """The corner of each box: a step stands one layer below the lowest of those that lead to it. The workflow has no circles."""
    layer: dict[str, int] = dict.fromkeys(playbook.workflow, 0)
    into = dict.fromkeys(playbook.workflow, 0)
    for step in playbook.workflow.values():
        for _, target in edges(step):
            into[target] += 1
    waiting = [name for name, count in into.items() if not count]
    order = []
    while waiting:
        name = waiting.pop(0)
        order.append(name)
        for _, target in edges(playbook.workflow[name]):
            layer[target] = max(layer[target], layer[name] + 1)
            into[target] -= 1
            if not into[target]:
                waiting.append(target)
    column: dict[int, int] = {}
    places = {}
    for name in order:
        place = column[layer[name]] = column.get(layer[name], -1) + 1
        places[name] = (MARGIN + place * ACROSS, MARGIN + layer[name] * DOWN)
    return places


def _box(name: str, step: AnyStep, x: int, y: int) -> str:
    title = step.name or name.partition("--")[2][:8]
    shown = title if len(title) <= LETTERS else title[: LETTERS - 1] + "…"
    return (
        f'<g><title>{escape(name)}</title><rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6" stroke="#444" '
        f'fill="{FILL.get(step.kind, BRANCHING)}"/><text x="{x + 8}" y="{y + 18}" fill="#666">{step.kind}</text>'
        f'<text x="{x + 8}" y="{y + 36}">{escape(shown)}</text></g>'
    )


def _arrow(begin: tuple[int, int], end: tuple[int, int], field: str) -> str:
    x, y = begin[0] + WIDTH // 2, begin[1] + HEIGHT
    to_x, to_y = end[0] + WIDTH // 2, end[1]
    dashed = ' stroke-dasharray="5 4"' if field == "on_failure" else ""
    label = (
        ""
        if field in ("on_completion", "on_success")
        else f'<text x="{(x + to_x) // 2 + 4}" y="{(y + to_y) // 2}" fill="#555">{escape(field)}</text>'
    )
    return f'<path d="M{x} {y}L{to_x} {to_y}" stroke="#444" fill="none"{dashed} marker-end="url(#tip)"/>{label}'
