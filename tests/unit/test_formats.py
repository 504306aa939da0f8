"""How a recording's format is told: by the word, the first bytes, the ending; folders; feed names that are not shared."""

import gzip
from pathlib import Path

import pytest

from interferon.model.errors import InputError
from interferon.runtime import formats

EVENT = b'{"family":"telemetry","time":1,"entity":"asset:a","signal":"s","value":1}\n'


def test_the_word_counts_most_and_parquet_is_a_table(tmp_path: Path) -> None:
    file = tmp_path / "x.bin"
    file.write_bytes(EVENT)
    assert formats.format_of(file, "csv") == "csv"
    assert formats.format_of(file, "parquet") == "csv"
    assert formats.checked("ndjson") == "ndjson"
    with pytest.raises(InputError, match=r"--format xls: not a format that is read; it reads .*csv.*ndjson.*log"):
        formats.checked("xls")


def test_the_first_bytes_count_more_than_the_ending(tmp_path: Path) -> None:
    plain, packed, table = tmp_path / "events.txt", tmp_path / "events.dat.gz", tmp_path / "t.txt"
    plain.write_bytes(EVENT)
    packed.write_bytes(gzip.compress(EVENT))
    table.write_text("time;level\n2026-01-05T08:00:00Z;1\n")
    assert [formats.format_of(file) for file in (plain, packed, table)] == ["ndjson", "ndjson", "csv"]


def test_a_name_that_tells_nothing_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "x.bin"
    file.write_bytes(b"\x01\x02")
    with pytest.raises(InputError, match=r"x\.bin: cannot tell the format from the name or the first bytes; say --format .*pcap"):
        formats.format_of(file)


def test_a_folder_stands_for_the_files_below_it(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one.ndjson").write_bytes(EVENT)
    (tmp_path / "a" / "empty.ndjson").write_bytes(b"")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    assert formats.expanded([tmp_path]) == [tmp_path / "a" / "one.ndjson"]
    with pytest.raises(InputError, match="holds neither an event log"):
        formats.expanded([_only(tmp_path / "b")])


def _only(folder: Path) -> Path:
    folder.mkdir()
    (folder / "picture.png").write_bytes(b"\x89PNG")
    return folder


def test_feeds_have_names_of_their_own() -> None:
    paths = [Path("a/dns.log"), Path("b/dns.log"), Path("c/b/dns.log"), Path("conn.log")]
    assert formats.feeds(paths) == {paths[0]: "a/dns", paths[1]: "b/dns.log", paths[2]: "c/b/dns.log", paths[3]: "conn"}
