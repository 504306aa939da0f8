"""One activity or trade event as a light row, and the way from an Arrow batch to such rows.

Called by the pipeline for every admitted batch; read by the detectors. Pure.
"""

import ipaddress
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final

import msgspec
import pyarrow as pa

DAY: Final = 86_400_000_000  # microseconds
HOUR: Final = 3_600_000_000
MINUTE: Final = 60_000_000
INSIDE: Final = tuple(  # RFC 1918, 6598, 3927, 1122, 5771, 4193, 4291; `is_private` also counts the documentation ranges as private
    ipaddress.ip_network(net)
    for net in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8", "224.0.0.0/4"),
        *("fc00::/7", "fe80::/10", "::1/128", "ff00::/8"),
    )
)


class Event(msgspec.Struct, frozen=True):
    """A row of either stream family. Fields that a family lacks are empty, `None` or 0; `attributes` is the decoded JSON object."""

    time: int  # microseconds UTC
    feed: str
    offset: int
    entity: str
    family: str  # activity | trade
    kind: str
    source: str = ""
    target: str = ""
    actor: str = ""
    object: str = ""
    code: str = ""
    outcome: str = ""
    bytes: int = 0
    attributes: dict[str, Any] = {}
    order: str = ""
    product: str = ""
    quantity: float | None = None
    origin: str = ""
    destination: str = ""
    lane: str = ""
    partner: str = ""
    promised: int | None = None

    @property
    def id(self) -> str:
        return f"{self.feed}@{self.offset}"

    def text(self, key: str) -> str:
        """An attribute as text; '' where it is absent or null."""
        value = self.attributes.get(key)
        return "" if value is None else str(value)

    def number(self, key: str) -> float | None:
        """An attribute as a finite number, or None where it is absent or something else."""
        return as_number(self.attributes.get(key))

    def moment(self, key: str) -> int | None:
        """An attribute that is a time in microseconds UTC, or None."""
        value = self.number(key)
        return None if value is None else int(value)


def as_number(value: object) -> float | None:
    """A finite float, or None. Text that spells a number counts: historians and gateways quote freely."""
    if isinstance(value, bool) or value is None or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < float("inf") else None


@lru_cache(maxsize=65_536)
def _attributes(text: str) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return value if isinstance(value, dict) else {}


def _column(batch: pa.RecordBatch, name: str, empty: object) -> list[Any]:
    """A column as Python values, dictionary entries decoded once, nulls as `empty`."""
    position = batch.schema.get_field_index(name)
    if position < 0:
        return [empty] * batch.num_rows
    column = batch.column(position)
    if pa.types.is_dictionary(column.type):
        words = [empty if word is None else word for word in column.dictionary.to_pylist()]
        return [empty if code is None else words[code] for code in column.indices.to_pylist()]
    return [empty if value is None else value for value in column.to_pylist()]


def rows_from_batch(batch: pa.RecordBatch) -> list[Event]:
    """The rows of an activity or trade batch (schemas in `model.events`), in the order of the batch.

    Attributes that are no JSON object count as absent: `sense` has already told of them.
    """
    family = (batch.schema.metadata or {}).get(b"family", b"activity").decode()
    names = ("time", "feed", "offset", "entity")
    columns: list[Iterable[Any]] = [_column(batch, name, "") for name in names]
    columns.append([family] * batch.num_rows)
    columns += [_column(batch, name, "") for name in ("kind", "source", "target", "actor", "object", "code", "outcome")]
    columns.append(_column(batch, "bytes", 0))
    columns.append([_attributes(text) if text else {} for text in _column(batch, "attributes", "")])
    columns += [_column(batch, name, "") for name in ("order", "product")]
    columns.append(_column(batch, "quantity", None))
    columns += [_column(batch, name, "") for name in ("origin", "destination", "lane", "partner")]
    columns.append(_column(batch, "promised", None))
    make: Callable[..., Event] = Event
    return list(map(make, *columns))


def name_of(ref: str) -> str:
    """What a person calls a reference: `asset:plc-3` → `plc-3`."""
    return ref.partition(":")[2] or ref if not is_address(ref) else ref


@lru_cache(maxsize=65_536)
def is_address(ref: str) -> bool:
    """Whether a source or target is a bare network address, so nothing that the tables know."""
    try:
        ipaddress.ip_address(ref)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=65_536)
def is_external(ref: str) -> bool:
    """Whether a source or target lies outside: a public address, a host name, or an `external:`/`internet:` reference.

    An asset, identity or partner of the tables is inside; so is an address of the ranges that organisations use at home.
    """
    kind, colon, rest = ref.partition(":")
    if is_address(ref):
        return _routed(ref)
    if colon and kind in {"external", "internet", "host", "domain", "ip", "address"}:
        return _routed(rest) if is_address(rest) else True
    return not colon and "." in ref


def _routed(address: str) -> bool:
    place = ipaddress.ip_address(address)
    return not any(place.version == net.version and place in net for net in INSIDE)
