"""Writes the playbooks that ship: `python examples/playbooks/make.py [FOLDER]`. A test holds them against what this writes."""

import json
import sys
from pathlib import Path

import business
import it
import ot

FOLDER = Path(__file__).parents[2] / "src/interferon/playbooks/library"


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    for book in [*it.books(), *ot.books(), *business.books()]:
        (folder / f"{book.name}.json").write_text(json.dumps(book.document(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
