"""Published networks of safety stock and textbook instances give the answers that were published."""

from pathlib import Path

import pytest

from interferon.bench import flow_stock
from interferon.bench.flow_stock_data import gsm
from interferon.flow.stock_solve import solve
from interferon.model.errors import InputError

pytestmark = pytest.mark.data


def test_the_published_totals(data: Path) -> None:
    rows = list(flow_stock.published(data / "gsm"))
    assert [row["holds"] for row in rows] == [True] * 3
    assert rows[0]["baselines"]["total"] == pytest.approx(852_992, rel=2e-5)
    assert rows[1]["baselines"]["total"] == pytest.approx(632_720, rel=2e-5)


def test_the_published_service_times_of_the_bulldozer(data: Path) -> None:
    built = gsm(data / "gsm" / "bulldozer.txt", 0.30)
    quoted = dict(zip(built.names, solve(built).policy.quoted.tolist(), strict=True))
    assert {name: quoted[name] for name in ("Case", "Case&Frame", "Common_Subassembly", "Main_Assembly", "Pin_Assembly")} == {
        "Case": 0,
        "Case&Frame": 15,
        "Common_Subassembly": 20,
        "Main_Assembly": 28,
        "Pin_Assembly": 21,
    }


def test_the_textbook(data: Path) -> None:
    assert all(row["holds"] for row in flow_stock.textbook(data / "stockpyl" / "stockpyl_instances.json"))


def test_a_file_without_stages_is_told(tmp_path: Path) -> None:
    (tmp_path / "none.txt").write_text("stage_id,lead_time\n")
    with pytest.raises(InputError, match=r"none\.txt: no stages"):
        gsm(tmp_path / "none.txt", 0.25)
