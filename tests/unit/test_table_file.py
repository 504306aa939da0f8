"""Tables as historians export them: dialects, times, missing values, and one clear line for what cannot be read."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from interferon.connectors.table_file import NO_TIME, Table, read_table
from interferon.model.errors import InputError


def table(folder: Path, content: str | bytes) -> Table:
    path = folder / "export.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(path)


def refusal(folder: Path, content: str | bytes) -> str:
    with pytest.raises(InputError) as error:
        table(folder, content)
    text = str(error.value)
    assert text.startswith(str(folder / "export.csv"))
    assert "\n" not in text
    return text.removeprefix(str(folder / "export.csv"))


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", " ", "  "])
def test_separators_are_told_apart(tmp_path: Path, separator: str) -> None:
    found = table(tmp_path, "\n".join(separator.join(row) for row in (["a", "b"], ["1", "2.5"], ["3", "-4e1"])))
    assert found.names == ["a", "b"]
    assert found.numbers("b").tolist() == [2.5, -40.0]


def test_decimal_comma_and_thousands(tmp_path: Path) -> None:
    found = table(tmp_path, "t;v\n01.02.2024 10:00:00;1.234,5\n01.02.2024 10:00:01;-0,25\n01.02.2024 10:00:02;+7\n")
    assert found.numbers("v").tolist() == [1234.5, -0.25, 7.0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_encodings_and_line_ends(tmp_path: Path, encoding: str, newline: str) -> None:
    found = table(tmp_path, newline.join(["time;Druck ü", "1;5,5", "2;6,5", ""]).encode(encoding))
    assert found.names == ["time", "Druck ü"]
    assert found.numbers("Druck ü").tolist() == [5.5, 6.5]


def test_no_header_gets_names(tmp_path: Path) -> None:
    found = table(tmp_path, "  1.0   2.0\n  3.0   4.0\n")
    assert (found.names, found.rows) == (["c1", "c2"], 2)
    assert found.numbers("c2").tolist() == [2.0, 4.0]


def test_one_column_keeps_its_blank_rows(tmp_path: Path) -> None:
    np.testing.assert_array_equal(table(tmp_path, "v\n1\n\n3\n").numbers("v"), [1.0, np.nan, 3.0])


def test_comments_quotes_and_blank_lines(tmp_path: Path) -> None:
    found = table(tmp_path, 'sep=;\n# made by a historian\n\n"a;b";c\n"x;y";1\n\n"z";2\n')
    assert found.names == ["a;b", "c"]
    assert found.texts("a;b").tolist() == ["x;y", "z"]
    assert found.where(0).endswith(":5")


def test_words_for_missing_and_not_finite(tmp_path: Path) -> None:
    found = table(tmp_path, "v,w\n1,on\nBad,\nNaN,off\ninf,N/A\n5,on\n6,on\n7,on\n")
    assert found.is_number("v")
    assert not found.is_number("w")
    np.testing.assert_array_equal(found.numbers("v"), [1, np.nan, np.nan, np.nan, 5, 6, 7])
    assert found.texts("w").tolist() == ["on", "", "off", "", "on", "on", "on"]


MOMENT = datetime(2024, 3, 14, 15, 9, 26, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-14 15:09:26",
        "2024-03-14T15:09:26Z",
        "2024-03-14T17:09:26+02:00",
        "2024-03-14 15:09:26,000",
        "14.03.2024 15:09:26",
        "14/03/2024 15:09:26",
        "3/14/2024 3:09:26 PM",
        "14-03-24 15:09:26.000",
        "1710428966",
        "1710428966000",
        "1710428966000000",
        "1710428966000000000",
    ],
)
def test_times(tmp_path: Path, text: str) -> None:
    found = table(tmp_path, f"t;v\n{text};1\n;2\n").times("t")
    assert found[0] == round(MOMENT.timestamp() * 1e6)
    assert found[1] == NO_TIME


def test_day_and_month_are_told_by_the_column(tmp_path: Path) -> None:
    found = table(tmp_path, "t;v\n03/04/2024 00:00;1\n25/04/2024 00:00;1\n").times("t")
    assert datetime.fromtimestamp(found[0] / 1e6, UTC).month == 4


def test_spreadsheet_days(tmp_path: Path) -> None:
    assert table(tmp_path, "t;v\n45365.5;1\n").times("t")[0] == round(datetime(2024, 3, 14, 12, tzinfo=UTC).timestamp() * 1e6)


def test_a_time_that_is_none_names_its_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"export\.csv:3: column 't': 'soon' is not a time"):
        table(tmp_path, "t;v\n2024-01-01;1\nsoon;2\n").times("t")


def test_a_number_that_is_no_time_names_its_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"export\.csv:2: column 't': '999999999999999999999999' is not a time since 1970"):
        table(tmp_path, "t;v\n999999999999999999999999;1\n").times("t")


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    columns = {
        "t": pa.array([MOMENT, None], pa.timestamp("ms", "UTC")),
        "n": pa.array([1, None], pa.int32()),
        "b": pa.array([True, False]),
        "s": pa.array(["on", None]).dictionary_encode(),
    }
    pa.parquet.write_table(pa.table(columns), path)
    found = read_table(path)
    assert found.times("t").tolist() == [round(MOMENT.timestamp() * 1e6), NO_TIME]
    np.testing.assert_array_equal(found.numbers("n"), [1.0, np.nan])
    assert found.numbers("b").tolist() == [1.0, 0.0]
    assert found.texts("s").tolist() == ["on", ""]
    assert found.where(1).endswith("x.parquet, row 1")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("a,b\n", "no data rows"),
        ("a,b", "no data rows"),
        ("a,b,a\n1,2,3\n", "'a' appears twice"),
        ("a,b\n1,2\n1,2,3\n1,2\n1,2\n1,2\n1,2\n", ":3: 3 fields where the header has 2"),
        ("a,b\n" + "1,2\n" * 9 + "1", ":11: 1 fields where the header has 2"),
        (b"\x00\x01\x02binary\x00", "the file is binary"),
        (b"PAR1 broken", "not a readable Parquet file"),
        (b"\x1f\x8b\x08 broken", "binary"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_line(tmp_path: Path, content: str | bytes, says: str) -> None:
    assert says in refusal(tmp_path, content)


def test_compressed_files(tmp_path: Path) -> None:
    path = tmp_path / "export.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n1,2\n3,4\n"))
    assert read_table(path).numbers("b").tolist() == [2.0, 4.0]
    path.write_bytes(gzip.compress(b"a,b\n1,2\n3,4\n" * 1000)[:-20])
    with pytest.raises(InputError, match="not a readable compressed file"):
        read_table(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_table(tmp_path / "absent.csv")
    with pytest.raises(InputError, match="is a folder"):
        read_table(tmp_path)


def test_a_table_on_its_side_is_turned_only_where_that_alone_fits(tmp_path: Path) -> None:
    upright, side, header = (tmp_path / name for name in ("upright.dat", "side.dat", "header.csv"))
    upright.write_text(" 1.0 2.0\n 3.0 4.0\n 5.0 6.0\n")
    side.write_text("1.0 3.0 5.0 7.0\n2.0 4.0 6.0 8.0\n")
    header.write_text("a,b,c,d\n1,3,5,7\n2,4,6,8\n")
    like = read_table(upright)
    turned = read_table(side).turned_like(like)
    assert (list(turned.names), turned.rows) == (["c1", "c2"], 4)
    assert turned.numbers("c2").tolist() == [2.0, 4.0, 6.0, 8.0]
    assert like.turned_like(like) is like
    named = read_table(header)
    assert named.turned_like(like) is named
