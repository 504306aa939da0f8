"""What each key figure is, as data: name, unit, formula in words, where the definition comes from, which way is better.

The rows lie in `kpis.csv`. They drive the hovers of the screens, the labels of `interferon flow kpi` and the page docs/kpis.md.
"""

import csv
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec


class Kpi(msgspec.Struct, frozen=True, kw_only=True):
    """One key figure. `unit` is `share` (0–1), `currency` (the network's), or the unit itself."""

    id: str
    name: str
    unit: str
    better: Literal["higher", "lower"]
    formula: str
    source: str

    def told(self, note: str = "") -> str:
        """The definition as one text, as a hover shows it; `note` says how this figure came about."""
        parts = [self.formula, f"Unit: {self.unit}; {self.better} is better", f"After {self.source}", note]
        return " ".join(f"{part}." for part in parts if part)


@cache
def kpis() -> dict[str, Kpi]:
    """Every key figure by id, in the order in which they are shown."""
    text = files("interferon.model").joinpath("kpis.csv").read_text(encoding="utf-8")
    return {row["id"]: msgspec.convert(row, Kpi) for row in csv.DictReader(text.splitlines())}
