"""A network folder: each kind of slip is told with file and line; what is written reads back the same; nothing makes it fall over."""

import random
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interferon.model.errors import InputError
from interferon.model.network import Settings
from interferon.model.tables import tables
from interferon.store import examples, folder


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("pristine")
    examples.write("minimal", where)
    return where


@pytest.fixture
def net(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "net"))


def told(where: Path) -> list[str]:
    return [str(problem) for problem in folder.read(where)[1]]


def edit(where: Path, file: str, line: int, old: str, new: str) -> None:
    lines = (where / file).read_text().splitlines()
    assert old in lines[line - 1], lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    (where / file).write_text("\n".join(lines) + "\n")


# file, line, what stands there, what is written instead, how the one problem begins
SLIPS = [
    ("zones.csv", 2, ",plant-1,", ",plant-l,", "zones.csv:2: site is 'plant-l', which is no site in sites.csv (did you mean plant-1?)"),
    (
        "assets.csv",
        2,
        "plant-1-cell-1",
        "plant-1-cel-1",
        "assets.csv:2: zone is 'plant-1-cel-1', which is no zone in zones.csv (did you mean",
    ),
    ("assets.csv", 2, ",plc,", ",plcc,", "assets.csv:2: type is 'plcc' (did you mean plc?); it must be one of agv, ai_agent"),
    ("assets.csv", 12, "fw-1,", "srv-1,", "assets.csv:12: id 'srv-1' is there already, on line 11; each must be unique"),
    (
        "assets.csv",
        2,
        "plant-1-owner",
        "plant-owner",
        "assets.csv:2: owner is 'plant-owner', which is no person in people.csv (did you mean",
    ),
    ("assets.csv", 2, "plant-1-owner,", "plant-1-owner,acme", "assets.csv:2: partner is 'acme', which is no partner in partners.csv"),
    ("assets.csv", 11, "srv-1", "srv 1", "assets.csv:11: id is 'srv 1'; use letters, digits"),
    (
        "nodes.csv",
        3,
        "120",
        "1200/h",
        "nodes.csv:3: capacity_per_day is '1200/h'; write a plain number of units/day, without a unit: 28800",
    ),
    (
        "nodes.csv",
        3,
        "120",
        "1200 per week",
        "nodes.csv:3: capacity_per_day is '1200 per week'; write a plain number of units/day, without a unit: 171",
    ),
    ("nodes.csv", 3, "120", "2k", "nodes.csv:3: capacity_per_day is '2k'; write a plain number of units/day, without a unit: 2000"),
    ("nodes.csv", 3, "120", '"1,200"', "nodes.csv:3: capacity_per_day is '1,200'; write it without thousands separators: 1200"),
    ("nodes.csv", 3, "120", '"1,5"', "nodes.csv:3: capacity_per_day is '1,5'; write the decimals after a point: 1.5"),
    ("nodes.csv", 3, "120", "many", "nodes.csv:3: capacity_per_day is 'many'; write a number of units/day"),
    ("nodes.csv", 3, "120", "-120", "nodes.csv:3: capacity_per_day is -120.0; it must be 0 or more"),
    ("nodes.csv", 3, "120", "nan", "nodes.csv:3: capacity_per_day is 'nan'; write a finite number of units/day"),
    ("nodes.csv", 3, "120", "-inf", "nodes.csv:3: capacity_per_day is '-inf'; write a finite number of units/day"),
    ("nodes.csv", 3, "120", "1e400", "nodes.csv:3: capacity_per_day is larger than any real one"),
    ("nodes.csv", 3, "120", "", "nodes.csv:3: capacity_per_day is empty; it needs what it can make"),
    (
        "nodes.csv",
        3,
        ",plant,",
        ",plants,",
        "nodes.csv:3: kind is 'plants' (did you mean plant?); it must be one of customer, dc, plant, supplier",
    ),
    ("lanes.csv", 3, ",cust-1,", ",cust-9,", "lanes.csv:3: to is 'cust-9', which is no node in nodes.csv (did you mean cust-1?)"),
    ("lanes.csv", 2, ",plant-1,", ",sup-1,", "lanes.csv:2: lane goes from 'sup-1' to itself"),
    (
        "lanes.csv",
        2,
        "carrier-1",
        "supplier-1",
        "lanes.csv:2: carrier 'supplier-1' is a partner of kind supplier; name one of kind carrier",
    ),
    ("lanes.csv", 2, ",on,0,", ",off,0,", "lanes.csv:2: when_cut is 'off'; it must be one of on, return, wait"),
    ("lanes.csv", 2, "0.6,", "14 h,", "lanes.csv:2: lead_days_mean is '14 h'; write a plain number of days, without a unit: 0.583333"),
    (
        "dependencies.csv",
        2,
        "plc-1",
        "plc-11",
        "dependencies.csv:2: asset is 'plc-11', which is no asset in assets.csv (did you mean plc-1?)",
    ),
    (
        "dependencies.csv",
        2,
        "node:plant-1",
        "node:plant-2",
        "dependencies.csv:2: target is 'node:plant-2', which is no node in nodes.csv (did you mean node:plant-1?)",
    ),
    ("dependencies.csv", 2, "node:plant-1", "plant-1", "dependencies.csv:2: target is 'plant-1'; write node:ID or lane:ID"),
    ("dependencies.csv", 2, ",1,0,", ",1.5,0,", "dependencies.csv:2: share_lost is 1.5; it must be from 0 to 1"),
    (
        "dependencies.csv",
        2,
        ",1,0,",
        ",80%,0,",
        "dependencies.csv:2: share_lost is '80%'; write a plain number of share, without a unit: 0.8",
    ),
    ("dependencies.csv", 2, "declared", "guessed", "dependencies.csv:2: source is 'guessed'"),
    ("orders.csv", 2, "p-1", "p-7", "orders.csv:2: product is 'p-7', which is no product in products.csv (did you mean p-1?)"),
    ("orders.csv", 2, "cust-1", "plant-1", "orders.csv:2: customer 'plant-1' is a node of kind plant; name one of kind customer"),
    (
        "orders.csv",
        2,
        "2026-01-04T01:00:00Z",
        "2026-02-04T01:00:00Z",
        "orders.csv:2: promised 2026-01-06T01:00:00Z lies before requested 2026-02-04T01:00:00Z",
    ),
    (
        "orders.csv",
        2,
        "2026-01-04T01:00:00Z",
        "04/01/2026",
        "orders.csv:2: requested is '04/01/2026'; write an ISO 8601 time such as 2026-01-05T08:00:00Z",
    ),
    ("orders.csv", 2, ",3", ",high", "orders.csv:2: priority is 'high'; write a number"),
    ("orders.csv", 2, ",3", ",2.5", "orders.csv:2: priority is '2.5'; write a whole number"),
    ("orders.csv", 2, ",3", ",3,9", "orders.csv:2: the row has 10 fields and the header 9; quote a field that holds a comma"),
    ("orders.csv", 2, ",3", "", "orders.csv:2: the row has 8 fields and the header 9"),
    ("bom.csv", 2, "2.5", "0", "bom.csv:2: quantity is 0.0; it must be more than 0"),
    ("bom.csv", 2, "p-1,c-1", "p-1,p-1", "bom.csv:2: cycle in the bill of materials: p-1 takes p-1; a product cannot be part of itself"),
    ("sites.csv", 2, ",DE,", ",Germany,", "sites.csv:2: country is 'Germany'; write the two capital letters of ISO 3166-1, such as DE"),
    ("sites.csv", 2, "51.34", "151.34", "sites.csv:2: lat is 151.34; it must be from -90 to 90"),
    ("conduits.csv", 2, "502", "70000", "conduits.csv:2: port is 70000; it must be from 0 to 65535"),
    ("conduits.csv", 2, ",plant-1-cell-1,", ",plant-1-control,", "conduits.csv:2: conduit goes from zone 'plant-1-control' to itself"),
    ("zones.csv", 2, ",1,4", ",6,4", "zones.csv:2: purdue is 6.0; it must be from 0 to 5"),
    ("rosters.csv", 2, "2026-01-17", "2026-01-01", "rosters.csv:2: until 2026-01-01T00:00:00Z is not after from 2026-01-03T00:00:00Z"),
    ("partners.csv", 2, "supplier,", "suplier,", "partners.csv:2: kind is 'suplier' (did you mean supplier?)"),
    ("lanes.csv", 1, "distance_km", "distance", "lanes.csv:1: unknown column 'distance' (did you mean distance_km?); known are id, from"),
    ("network.toml", 4, "EUR", "euro", "network.toml:4: currency is 'euro'; write the three capital letters of ISO 4217"),
    ("network.toml", 4, "currency", "curency", "network.toml:4: unknown setting 'curency' (did you mean currency?); known are name"),
    ("network.toml", 4, '"EUR"', "EUR", "network.toml:4: not TOML: Invalid value"),
    ("network.toml", 4, '"EUR"', "7", "network.toml:4: currency is 7; write text in quotes"),
    ("network.toml", 2, '"minimal"', '" "', "network.toml:2: name is empty"),
    ("network.toml", 10, "7", '"7"', "network.toml:10: horizon_days is '7'; write a whole number, without quotes"),
    ("network.toml", 10, "7", "0", "network.toml:10: horizon_days is 0; it must be from 1 to 60"),
    ("network.toml", 10, "7", "true", "network.toml:10: horizon_days is True; write a whole number, without quotes"),
    (
        "network.toml",
        12,
        "UTC",
        "Europe/Berln",
        "network.toml:12: timezone is 'Europe/Berln' (did you mean Europe/Berlin?); write an IANA time zone",
    ),
]


@pytest.mark.parametrize(("file", "line", "old", "new", "begins"), SLIPS, ids=[f"{slip[0]}-{slip[3][:24]}" for slip in SLIPS])
def test_a_slip_is_told_once_where_it_is(net: Path, file: str, line: int, old: str, new: str, begins: str) -> None:
    edit(net, file, line, old, new)
    problems = told(net)
    assert len(problems) == 1, problems
    assert problems[0].startswith(begins)


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("currency = 'EUR'\n", 'network.toml:1: name is missing; write name = "…"'),
        (
            "name = 'a'\n\n[budgets]\nactions_per_hour = 'many'\n",
            "network.toml:4: budgets.actions_per_hour is 'many'; write a whole number",
        ),
        ("name = 'a'\nfame_s = 3\n[budgets]\nactions = 3\n", "network.toml:2: unknown setting 'fame_s' (did you mean frame_s?)"),
        ("name = 'a'\notif_window_h = nan\n", "network.toml:2: otif_window_h is 'nan'; write a finite number of hours"),
        ("name = 'a'\nhorizon_days = 99999999999999999999\n", "network.toml:2: horizon_days is larger than any real one"),
        ("name = 'a'\nbudgets = 3\n", "network.toml:2: unknown setting 'budgets'"),
        ("name = 'a\n", "network.toml:1: not TOML: "),
        ("name = ", "network.toml:1: not TOML: "),
        ('name = "\\u0007"\n', "network.toml:1: name holds a control character; write plain text"),
    ],
)
def test_settings_that_are_not_right(net: Path, text: str, begins: str) -> None:
    (net / "network.toml").write_text(text)
    assert told(net)[0].startswith(begins)


def test_settings_that_are_not_utf8(net: Path) -> None:
    (net / "network.toml").write_bytes(b"# a comment\nname = '\xff'\n")
    assert told(net) == ["network.toml:2: byte 20 is not UTF-8; save the file as UTF-8"]


def test_settings_left_out_take_their_defaults(net: Path) -> None:
    (net / "network.toml").write_text("name = 'bare'\n")
    assert folder.load(net).settings == Settings(name="bare")


def test_a_column_that_is_there_twice_and_a_control_character(net: Path) -> None:
    (net / "partners.csv").write_text("id,name,kind,kind\nsupplier-1,S\x07,supplier,supplier\ncarrier-1,C,carrier,carrier\n")
    assert told(net) == [
        "partners.csv:1: column 'kind' is there 2 times; keep one",
        "partners.csv:2: name holds a control character; write plain text",
    ]


@pytest.mark.parametrize("name", ["minimal", "medica"])
def test_examples_have_no_problem(name: str, tmp_path: Path) -> None:
    examples.write(name, tmp_path)
    assert told(tmp_path) == []


def test_all_problems_are_told_in_one_run(net: Path) -> None:
    edit(net, "nodes.csv", 3, "120", "lots")
    edit(net, "nodes.csv", 4, "1000", "-1")
    edit(net, "sites.csv", 2, "51.34", "x")
    assert [problem.split(": ")[0] for problem in told(net)] == ["sites.csv:2", "nodes.csv:3", "nodes.csv:4"]


def test_line_numbers_hold_after_quoted_line_breaks_and_blank_lines(net: Path) -> None:
    text = (net / "sites.csv").read_text().replace("Plant 1", '"Plant 1\nhall A"') + "\n\nbad id,X,DE,1,2\n"
    (net / "sites.csv").write_text(text)
    assert told(net) == ["sites.csv:9: id is 'bad id'; use letters, digits, '-', '_' and '.' only, at most 64, no blanks"]


def test_an_unclosed_quote_is_told_where_it_opens_and_causes_no_others(net: Path) -> None:
    edit(net, "zones.csv", 3, "plant-1-safety", '"plant-1-safety')
    assert told(net) == ["zones.csv:3: a quote is opened and never closed; double a quote inside a quoted field"]


def test_bytes_that_are_not_utf8(net: Path) -> None:
    (net / "products.csv").write_bytes((net / "products.csv").read_bytes().replace(b"Medical", b"M\xe9dical"))
    assert told(net)[0].startswith("products.csv:3: byte ")
    assert len(told(net)) == 1


def test_byte_order_mark_carriage_returns_and_column_order_do_not_matter(net: Path) -> None:
    before, _ = folder.read(net)
    lines = [",".join(reversed(line.split(","))) for line in (net / "zones.csv").read_text().splitlines()]
    (net / "zones.csv").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    after, problems = folder.read(net)
    assert problems == []
    assert before is not None
    assert after is not None
    assert after.zones == before.zones


@pytest.mark.parametrize(
    ("file", "begins"),
    [
        ("network.toml", "network.toml:1: the file is missing"),
        ("zones.csv", "zones.csv:1: the file is missing; a network needs it, with the columns id,site"),
    ],
)
def test_a_missing_file(net: Path, file: str, begins: str) -> None:
    (net / file).unlink()
    assert len(told(net)) == 1
    assert told(net)[0].startswith(begins)


def test_a_file_named_almost_like_a_table(net: Path) -> None:
    (net / "conduits.csv").rename(net / "conduit.csv")
    assert told(net) == ["conduit.csv:1: no table has this name (did you mean conduits.csv?); the file is not read"]
    assert folder.load(net).conduits == {}


def test_an_empty_file_and_a_table_without_rows(net: Path) -> None:
    (net / "people.csv").write_text("")
    (net / "products.csv").write_text((net / "products.csv").read_text().splitlines()[0])
    problems = told(net)
    assert any(problem.startswith("people.csv:1: the file is empty; its first line must be id,name,role,contact") for problem in problems)
    assert any(problem == "products.csv:1: products has no rows; it needs at least one" for problem in problems)


def test_a_semicolon_file_is_recognised(net: Path) -> None:
    (net / "zones.csv").write_text((net / "zones.csv").read_text().replace(",", ";"))
    assert told(net) == ["zones.csv:1: fields are separated by ';'; separate them by ','"]


def test_a_missing_column_is_told_once(net: Path) -> None:
    lines = [",".join(line.split(",")[:3]) for line in (net / "nodes.csv").read_text().splitlines()]
    (net / "nodes.csv").write_text("\n".join(lines))
    (problem,) = told(net)
    assert problem.startswith("nodes.csv:1: column 'capacity_per_day' is missing; nodes must have it: What it can make")


def test_a_longer_cycle_is_named(net: Path) -> None:
    with (net / "bom.csv").open("a") as file:
        file.write("c-1,c-2,1\nc-2,p-1,1\n")
    with (net / "products.csv").open("a") as file:
        file.write("c-2,More,kg,1,0,1\n")
    cycles = [problem for problem in told(net) if "cycle" in problem]
    assert len(cycles) == 1
    assert cycles[0].startswith("bom.csv:4: cycle in the bill of materials: ")
    names = cycles[0].split(": ")[2].split(";")[0].split(" takes ")
    assert set(pairwise(names)) == {("p-1", "c-1"), ("c-1", "c-2"), ("c-2", "p-1")}


def test_duplicate_stock_and_overlapping_duty(net: Path) -> None:
    with (net / "inventory.csv").open("a") as file:
        file.write("sup-1,c-1,5,2026-01-05T00:00:00Z\n")
    with (net / "rosters.csv").open("a") as file:
        file.write("operator-1,operator,2026-01-10T00:00:00Z,2026-01-20T00:00:00Z\n")
    assert told(net) == [
        "inventory.csv:5: node 'sup-1' product 'c-1' is there already, on line 2; each must be unique",
        "rosters.csv:3: duty of 'operator-1' as 'operator' overlaps the one on line 2; let one end before the next",
    ]


def test_goods_without_a_way_are_told_but_the_network_loads(net: Path) -> None:
    with (net / "nodes.csv").open("a") as file:
        file.write("cust-2,cust-1,customer,10\n")
    with (net / "orders.csv").open("a") as file:
        file.write("o-99,cust-2,p-1,5,2026-01-05T00:00:00Z,2026-01-06T00:00:00Z,3,,\n")
    assert told(net) == [
        "nodes.csv:5: no lane leads to customer 'cust-2'; add one to lanes.csv",
        "products.csv:2: product 'p-1' has no supply path from any plant to cust-2; add a lane",
    ]
    assert "cust-2" in folder.load(net).nodes


def test_a_product_that_nobody_can_deliver(net: Path) -> None:
    edit(net, "nodes.csv", 2, "supplier", "dc")
    assert told(net) == ["products.csv:3: no supplier delivers product 'c-1'; give one a row for it in inventory.csv"]


@pytest.mark.parametrize(
    ("row", "begins"),
    [
        ("lane:lane-1,80,g/tkm,carrier's report,2025", ""),
        ("dc,1.2,kg/t,own meter,2025", ""),
        (
            "lane:lane-9,80,g/tkm,report,2025",
            "emission_factors.csv:2: element is 'lane:lane-9', which is no lane in lanes.csv (did you mean",
        ),
        (
            "truck,80,g/tkm,report,2025",
            "emission_factors.csv:2: element is 'truck'; it must be one of lane:ID, air, rail, road, sea, node:ID,",
        ),
        ("lane,80,g/tkm,report,2025", "emission_factors.csv:2: element is 'lane'; it must be one of lane:ID"),
        ("road:a,80,g/tkm,report,2025", "emission_factors.csv:2: element is 'road:a'; it must be one of lane:ID"),
        ("road,80,kg/t,report,2025", "emission_factors.csv:2: unit is 'kg/t'; a factor of road is given in g/tkm"),
        ("road,80,g/tkm,,2025", "emission_factors.csv:2: source is empty; it needs where the factor was published"),
    ],
)
def test_emission_factors_need_something_to_be_for_a_unit_and_a_source(net: Path, row: str, begins: str) -> None:
    (net / "emission_factors.csv").write_text(f"element,factor,unit,source,year\n{row}\n")
    problems = told(net)
    assert len(problems) == bool(begins)
    assert "".join(problems).startswith(begins)


def test_what_the_books_do_not_say_stays_unknown(net: Path) -> None:
    with (net / "network.toml").open("a") as file:
        file.write("capital_employed = 2e6\n")  # render ends with the finance table
    finance = folder.load(net).settings.finance
    assert (finance.capital_employed, finance.ebitda) == (2e6, None)


def test_without_people_owners_are_free_text(net: Path) -> None:
    (net / "people.csv").unlink()
    (net / "rosters.csv").unlink()
    assert told(net) == []


def test_load_names_the_first_problem_and_the_count(net: Path) -> None:
    edit(net, "nodes.csv", 3, "120", "lots")
    edit(net, "nodes.csv", 4, "1000", "-1")
    with pytest.raises(InputError, match=r"nodes\.csv:3: capacity_per_day is 'lots'.*and 1 more"):
        folder.load(net)


def test_what_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist; `interferon init"):
        folder.load(tmp_path / "absent")
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is a file; give the folder"):
        folder.load(tmp_path / "file")


def test_what_can_stand_in_for_what(net: Path) -> None:
    (net / "alternates.csv").write_text("product,alternate\np-1,p-1\np-1,c-9\n")
    assert told(net) == [
        "alternates.csv:2: alternate of 'p-1' is the product itself; name another product",
        "alternates.csv:3: alternate is 'c-9', which is no product in products.csv (did you mean c-1?)",
    ]
    (net / "alternates.csv").write_text("product,alternate\np-1,c-1\n")
    (row,) = folder.load(net).alternates
    assert (row.product, row.alternate, row.ratio, row.cost_per_unit) == ("p-1", "c-1", 1.0, 0.0)


def test_expediting_that_is_not_faster(net: Path) -> None:
    edit(net, "lanes.csv", 2, ",on,0,0", ",wait,0.6,5")
    assert told(net) == ["lanes.csv:2: expedite_days is 0.6 and lead_days_mean 0.6; goods are expedited only where that is faster"]
    assert folder.load(net).lanes["lane-1"].when_cut == "wait"


def test_a_table_that_is_a_folder(net: Path) -> None:
    (net / "orders.csv").unlink()
    (net / "orders.csv").mkdir()
    assert told(net) == ["orders.csv:1: cannot be read: Is a directory"]


def test_one_line_a_problem_even_for_wild_cells(net: Path) -> None:
    edit(net, "nodes.csv", 3, "120", '"1\x1b[31m\x85' + "9x" * 500 + '"')
    (problem,) = told(net)
    assert problem.isprintable()
    assert len(problem) < 200


WILD = st.sampled_from(
    ["", "nan", "inf", "-1", "1e999", "x", '"', '"a', "a,b", "\x00", "\n", "node:", ":", "lane:lane-1", "p-1", "9" * 400, "é", "1/h"]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), cell=WILD, raw=st.binary(max_size=6), times=st.integers(1, 4))
def test_nothing_in_a_file_makes_reading_fall_over(pristine: Path, tmp_path: Path, seed: int, cell: str, raw: bytes, times: int) -> None:
    where = tmp_path / "wild"
    shutil.rmtree(where, ignore_errors=True)
    shutil.copytree(pristine, where)
    draw = random.Random(seed)
    for _ in range(times):
        path = where / draw.choice([*(table.file for table in tables().values()), "network.toml"])
        data = path.read_bytes() if path.exists() else b"product,alternate,ratio\np-1,c-1,2\n"  # a table that the example lacks
        at = draw.randrange(len(data) + 1)
        cut = draw.randrange(4)
        put = raw if cut == 0 else cell.encode()
        path.write_bytes(data[:at] if cut == 1 else data[:at] + put + data[at + draw.randrange(12) :])
    network, problems = folder.read(where)
    assert (network is None) == any(problem.fatal for problem in problems)
    for problem in problems:
        assert (where / problem.file).exists() or "missing" in problem.message
        assert problem.line >= 1
        assert str(problem).isprintable()
