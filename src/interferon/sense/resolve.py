"""Who an address is: from IP addresses, hardware addresses and host names in events to the assets of the tables.

Called by the runtime between a connector and admission. Works on the dictionaries of a batch, not on its rows: a hundred thousand flows
name a few hundred addresses. What no table knows stays as it is, `address:…`, and is watched like anything else.
"""

from collections.abc import Iterable
from typing import Final, Protocol

import pyarrow as pa

PREFIX: Final = "address:"
PLAIN: Final = ("source", "target")  # columns that hold a reference, or an address as plain text


class Named(Protocol):
    """What of an asset counts here."""

    @property
    def id(self) -> str: ...
    @property
    def address(self) -> str: ...


class Resolver:
    """Addresses of one revision of the network. Upper and lower case are one; a host's short name stands for its full one."""

    def __init__(self, addresses: dict[str, str]) -> None:
        """`addresses`: address or host name → reference, as in {"10.0.0.5": "asset:plc-1"}."""
        self._known = {name.lower(): reference for name, reference in addresses.items()}

    def reference(self, address: str) -> str | None:
        """The reference of an address or host name; None where no table knows it."""
        name = address.lower()
        found = self._known.get(name)
        short, dot, _ = name.partition(".")
        if found is None and dot and not short.isdigit():  # a host's full name; not the first number of an IP address
            found = self._known.get(short)
        return found

    def batch(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The same rows, with every address that is known replaced by its reference."""
        if not self._known:
            return batch
        arrays, changed = batch.columns, False
        for place, name in enumerate(batch.schema.names):
            if name == "entity" or name in PLAIN:
                found = self._column(batch.column(place), PREFIX if name == "entity" else "")
                if found is not None:
                    arrays[place], changed = found, True
        return pa.RecordBatch.from_arrays(arrays, schema=batch.schema) if changed else batch

    def _column(self, column: pa.DictionaryArray, prefix: str) -> pa.DictionaryArray | None:
        """The column with its words resolved; None where nothing changes."""
        words = column.dictionary.to_pylist()
        found = [self._word(word, prefix) for word in words]
        if found == words:
            return None
        return pa.DictionaryArray.from_arrays(column.indices, pa.array(found, pa.string()))

    def _word(self, word: str | None, prefix: str) -> str | None:
        if word is None or not word.startswith(prefix):
            return word
        return self.reference(word[len(prefix) :].removeprefix(PREFIX)) or word


def of_assets(assets: Iterable[Named]) -> Resolver:
    """By the addresses in assets.csv (several apart by blanks, commas or semicolons) and by the assets' own names; the first one counts."""
    names: dict[str, str] = {}
    listed = list(assets)
    for asset in listed:
        for address in asset.address.replace(",", " ").replace(";", " ").split():
            names.setdefault(address.lower(), f"asset:{asset.id}")
    for asset in listed:
        names.setdefault(asset.id.lower(), f"asset:{asset.id}")
    return Resolver(names)
