"""Looks for bytes that break one parser: `python tests/fuzz/run.py TARGET [--seconds N]`. Writes the inputs that it keeps to a folder.

With atheris (`pip install atheris`) inputs are led by the code that they reach; without it seeds are only mutated at random. Which of
the two runs is said first. The input that broke the target is kept, and its path told; `--input FILE` runs that one again.
"""

import argparse
import hashlib
import importlib.util
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent.parent
LONGEST: Final = 1 << 15  # bytes of one input


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Fuzz one parser.")
    parser.add_argument("target", help="its name; `list` names them all")
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--corpus", type=Path, default=Path(tempfile.gettempdir()) / "interferon-fuzz", help="where inputs are kept")
    parser.add_argument("--input", type=Path, help="run only this file's bytes")
    parser.add_argument("--plain", action="store_true", help="mutate at random even where atheris is installed")
    given = parser.parse_args(arguments)
    guide = None if given.plain or given.input or importlib.util.find_spec("atheris") is None else importlib.import_module("atheris")
    targets, seeds = _loaded(guide)
    if given.target not in targets.TARGETS:
        _say("\n".join(targets.TARGETS))
        return 0 if given.target == "list" else 2
    if given.input:
        targets.run_one(given.target, given.input.read_bytes())
        return 0
    folder = given.corpus / given.target
    folder.mkdir(parents=True, exist_ok=True)
    found = _kept(folder) or seeds.gathered(given.target)
    for seed in found:
        (folder / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    guided = "atheris" if guide else "random mutation"
    _say(f"{given.target}: {guided}, {given.seconds} s, {len(found):,} inputs to begin with, {folder}")
    if guide:
        return _guided(guide, targets, given.target, folder, given.seconds)
    return _mutated(targets, given.target, found, folder, given.seconds)


def _kept(folder: Path) -> list[bytes]:
    """The inputs of a run before: with them nothing need be gathered again."""
    return [path.read_bytes() for path in sorted(folder.iterdir())]


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def _loaded(guide: Any) -> tuple[Any, Any]:
    """The modules of this folder; with atheris the parsers are loaded such that it sees which code runs."""
    sys.path.insert(0, str(ROOT))
    if guide is None:
        return importlib.import_module("tests.fuzz.targets"), importlib.import_module("tests.fuzz.seeds")
    with guide.instrument_imports(include=["interferon"]):
        return importlib.import_module("tests.fuzz.targets"), importlib.import_module("tests.fuzz.seeds")


def _guided(guide: Any, targets: Any, name: str, folder: Path, seconds: int) -> int:
    """Does not return: libFuzzer ends the process, with 0 where nothing broke."""
    flags = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-artifact_prefix={folder.parent}/{name}-", "-rss_limit_mb=2048"]
    quiet = ["-verbosity=0", "-print_final_stats=1", "-timeout=30"]
    guide.Setup([sys.argv[0], str(folder), *flags, *quiet], lambda data: targets.run_one(name, data))
    guide.Fuzz()
    return 0


def _mutated(targets: Any, name: str, found: list[bytes], folder: Path, seconds: int) -> int:
    draw, until, runs = random.Random(time.time_ns()), time.monotonic() + seconds, 0
    while time.monotonic() < until:
        data = mutated(draw.choice(found), found, draw)
        try:
            targets.run_one(name, data)
        except Exception:  # told again below: whatever breaks is what is looked for
            broke = folder.parent / f"{name}-{hashlib.sha256(data).hexdigest()[:16]}"
            broke.write_bytes(data)
            _say(f"{name}: broken after {runs:,} inputs by {broke}")
            raise
        runs += 1
    _say(f"{name}: nothing broke in {runs:,} inputs")
    return 0


def mutated(seed: bytes, others: list[bytes], draw: random.Random) -> bytes:
    """A seed with one to eight changes: bytes set, flipped, left out, doubled, or taken from another seed."""
    data = bytearray(seed)
    for _ in range(draw.randint(1, 8)):
        at = draw.randrange(len(data) + 1)
        behind = min(len(data), at + draw.choice((1, 1, 2, 4, 8, 32)))
        other = draw.choice(others)
        begin = draw.randrange(len(other) + 1)
        data[at:behind] = draw.choice(
            (
                bytes([draw.choice((0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)))]) * (behind - at),
                bytes(byte ^ 1 << draw.randrange(8) for byte in data[at:behind]),
                b"",
                bytes(data[at:behind]) * 2,
                other[begin : begin + draw.choice((1, 4, 16, 64))],
            )
        )
    return bytes(data[:LONGEST])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
