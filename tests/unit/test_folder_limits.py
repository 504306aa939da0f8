"""Slips in the tables of limits and of narrow targets: each is told with file and line, and a folder that has one is not started."""

from pathlib import Path

import pytest

from interferon.model.errors import InputError
from interferon.runtime import action_names
from interferon.store import examples, folder

HEADS = {
    "protected": "where,action,reason,until",
    "interlocks": "id,where,action,asset,signal,test,value,max_age_s,reason",
    "clients": "id,client_id,broker,asset,needed",
    "processes": "id,asset,executable,sha256,needed",
    "maintenance": "id,where,from,until,work,planner,approver,action,rule",
}
DAY = "2026-01-05T08:00:00+01:00,2026-01-05T16:00:00+01:00"
SLIPS = [
    ("protected", "asset:plx-*,*,x,", "where is 'asset:plx-*', which names no asset in assets.csv"),
    ("protected", "conduit:c9,*,x,", "where is 'conduit:c9', which names no conduit in conduits.csv"),
    ("protected", "plc-1,*,x,", "where is 'plc-1'; write one of asset:ID, zone:ID"),
    ("protected", "asset:p[l]c,*,x,", "where is 'asset:p[l]c'; write one of asset:ID"),
    ("protected", "asset:*a*b*c*d*,*,x,", "where is 'asset:*a*b*c*d*'; write at most 4 * in one pattern"),
    ("protected", "asset:plc-1,Isolate,x,", "action is 'Isolate'; write the name of an action such as isolate_asset, or * for every one"),
    ("protected", "asset:plc-1,,x,", "action is empty; it needs"),
    ("interlocks", "i,asset:plc-1,*,plc-2,running,,,,x", "test in_service looks at no signal; say how 'running' compares"),
    ("interlocks", "i,asset:plc-1,*,plc-2,,>=,1,,x", "test >= compares a signal, and none is named; name it, or write in_service"),
    ("interlocks", "i,asset:plc-1,*,plc-2,running,>=,on,,x", "value is 'on'; write a number"),
    ("interlocks", "i,asset:plc-1,*,plc-2,running,>=,1,0,x", "max_age_s is 0.0; it must be more than 0"),
    (
        "maintenance",
        "m,asset:plc-1,2026-01-05T08:00:00+01:00,2026-01-05T07:00:00Z,x,it-owner,operator-1,,",
        "until 2026-01-05T07:00:00Z is not",
    ),
    ("maintenance", f"m,asset:plc-1,{DAY},x,it-owner,it-owner,,", "'it-owner' planned and approved it; somebody else has to approve"),
    ("maintenance", f"m,asset:plc-1,{DAY},x,it-owner,eve,,", "approver is 'eve', which is no person in people.csv"),
    ("maintenance", f"m,conduit:conduit-1,{DAY},x,it-owner,operator-1,,", "where is 'conduit:conduit-1'; write one of asset:ID, zone:ID"),
    ("clients", "agv,agv-7,srv-9,srv-1,", "broker is 'srv-9', which is no asset in assets.csv"),
    ("clients", "agv,,srv-1,srv-1,", "client_id is empty"),
    ("processes", "p,srv-1,/opt/p,0xab,", "sha256 is '0xab'; write the 64 hexadecimal digits that `sha256sum` prints"),
    ("processes", f"p,srv-1,p.exe,{'ab' * 32},", "executable is 'p.exe'; write its whole path, as /usr/bin/historian"),
    ("processes", f"p,srv-1,/opt/p,{'ab' * 32},maybe", "needed is 'maybe'; it must be one of yes, no"),
    ("maintenance", f"m,asset:plc-1,{DAY},x,it-owner,operator-1,*,deny", "rule is 'deny'; it must be one of forbid, approval, allow"),
]


@pytest.fixture
def net(tmp_path: Path) -> Path:
    examples.write("minimal", tmp_path / "net")
    return tmp_path / "net"


def add(net: Path, table: str, *rows: str) -> None:
    (net / f"{table}.csv").write_text("\n".join([HEADS[table], *rows]) + "\n", encoding="utf-8")


@pytest.mark.parametrize(("table", "row", "said"), SLIPS)
def test_each_slip_is_one_line_and_fatal(net: Path, table: str, row: str, said: str) -> None:
    add(net, table, row)
    network, problems = folder.read(net)
    assert network is None
    assert [str(problem).startswith(f"{table}.csv:2: {said}") for problem in problems] == [True], problems


def test_what_is_right_is_read(net: Path) -> None:
    add(net, "protected", "asset:plc-*,isolate_asset,x,", "identity:backup-*,*,x,2026-01-05T08:00:00+01:00")
    add(net, "interlocks", "i,zone:plant-1-*,fail_over,plc-2,running,=,1,300,x", "j,asset:plc-1,*,plc-2,,,,,x")
    add(net, "maintenance", f"m,zone:plant-1-cell-1,{DAY},firmware,it-owner,operator-1,,")
    network = folder.load(net)
    assert [row.until for row in network.protected] == [0, 1_767_596_400_000_000]
    assert (network.interlocks["i"].max_age_s, network.interlocks["j"].test) == (300.0, "in_service")
    assert (network.maintenance["m"].starts, network.maintenance["m"].rule) == (1_767_596_400_000_000, "approval")
    assert action_names.problems(net) == []
    action_names.refuse_unknown(network)


def test_an_action_that_there_is_not_is_told_where_it_stands_and_starts_nothing(net: Path) -> None:
    add(net, "protected", "asset:plc-1,*,x,", "asset:plc-2,isolate_aset,x,")
    add(net, "maintenance", f"m,asset:plc-1,{DAY},x,it-owner,operator-1,reboot,")
    first, second = action_names.problems(net)
    assert str(first).startswith(
        "protected.csv:3: no action is called 'isolate_aset' (did you mean isolate_asset?); actions are cut_conduit"
    )
    assert str(second).startswith("maintenance.csv:2: no action is called 'reboot'; actions are")
    with pytest.raises(InputError, match=r"^protected.csv: asset:plc-2 isolate_aset: no action is called 'isolate_aset'"):
        action_names.refuse_unknown(folder.load(net))


def test_a_folder_with_other_problems_is_left_to_whoever_reads_it(net: Path) -> None:
    add(net, "protected", "asset:gone,isolate_aset,x,")
    assert action_names.problems(net) == []
