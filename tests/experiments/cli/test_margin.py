"""`crossfire margin` and its parts on accounts that are right, held to figures reckoned by hand."""

import json
import math
import sys
from io import StringIO
from pathlib import Path
from statistics import NormalDist
from typing import Any

import pytest

from abm.margin.preset import shipped_presets
from experiments import console
from tests.experiments.cli.books import BOOKS, LINEAR, UNIVERSAL, put, written
from tests.experiments.cli.command_line import Answer, crossfire, example
from tests.experiments.cli.test_json import shape

pytestmark = pytest.mark.xdist_group("cli")

WEEK = 7.0 / 365.0
D1 = (math.log(2_002.0 / 2_200.0) + 0.5 * 0.65**2 * WEEK) / (0.65 * math.sqrt(WEEK))
CALL = math.exp(-0.05 * WEEK) * (
    2_002.0 * NormalDist().cdf(D1) - 2_200.0 * NormalDist().cdf(D1 - 0.65 * math.sqrt(WEEK))
)
"""Black-76 of the one option."""

BY_HAND: dict[str, dict[str, float]] = {
    # WETH at 2,000 lends 0.805 and is liquidated at 0.83; the debt is 2,000.
    "aave_v3": {"equity": 2_000.0, "margin_equity": 0.83 * 4_000.0, "mm": 2_000.0, "im": 2_000.0 + 0.025 * 4_000.0},
    # The first tiers: 0.4 % of BTC up to 300,000 (less what smaller ones amount to), so 250 and 100.
    "binance": {"equity": 12_000.0 + 2_000.0 + 1_000.0, "mm": 350.0, "im": 800.0},
    # 10,000 USD from 40,000 to 50,000: 10,000 (1 / 40,000 - 1 / 50,000) = 0.05 of a coin.
    "bybit_inverse": {"equity": 0.1 + 0.05, "notional": 0.2},
    "deribit_inverse": {"equity": 0.1 + 0.05, "mm": 0.2 * 0.01 + 0.2**2 * 0.00005, "im": 0.2 * 0.02 + 0.2**2 * 0.00005},
    # 500 + 50 + 2,000 less the option; the collateral has 1.5 % off.
    "derive_pmrm": {"equity": 2_550.0 - CALL, "margin_equity": 2_550.0 - 30.0 - CALL},
    "drift_v2": {"equity": 15_000.0, "mm": 0.03 * 60_000.0 + 0.02 * 25_000.0},
    "dydx_v4": {"equity": 15_000.0, "mm": 0.012 * 85_000.0, "im": 0.02 * 85_000.0, "health": 15_000.0 / 1_020.0},
    # The fee of closing, 6 hundredths of a per cent of 60,000.
    "gmx_v2": {"equity": 3_000.0, "margin_equity": 3_000.0 - 0.0006 * 60_000.0, "mm": 0.005 * 60_000.0},
    # 40 and 25 times leverage, and half of it.
    "hyperliquid": {"im": 60_000.0 / 40.0 + 25_000.0 / 25.0, "mm": 1_250.0, "free_margin": 13_750.0},
    "mango_v4": {"im": 0.05 * 60_000.0, "mm": 0.025 * 60_000.0, "free_margin": 1_500.0},
    "synthetix_v3": {"equity": 15_000.0, "notional": 85_000.0},
}


def told(answer: Answer) -> list[dict[str, Any]]:
    assert (answer.code, answer.err) == (0, "")
    rows: list[dict[str, Any]] = json.loads(answer.out)
    return rows


def test_every_preset_has_figures_reckoned_by_hand() -> None:
    assert set(BY_HAND) == set(BOOKS) == set(shipped_presets())


@pytest.mark.parametrize("preset", BOOKS)
class TestEveryPreset:
    def test_its_first_account_is_worth_what_it_is_by_hand(self, preset: str) -> None:
        row = told(crossfire("margin", written(BOOKS[preset]), "--protocol", preset, "--json"))[0]
        assert {key: row[key] for key in BY_HAND[preset]} == pytest.approx(BY_HAND[preset], rel=1e-9)

    def test_the_table_names_accounts_and_unit(self, preset: str) -> None:
        answer = crossfire("margin", written(BOOKS[preset]), "--protocol", preset)
        assert (answer.code, answer.err) == (0, "")
        unit = {"bybit_inverse": "(BTC)", "deribit_inverse": "(BTC)", "aave_v3": "(USD)"}.get(preset, "(USDC)")
        for word in (unit, "free margin", BOOKS[preset]["accounts"][0]["account"], "safe"):
            assert word in answer.out

    def test_parts_add_up_to_the_account_and_are_drawn(self, preset: str) -> None:
        book = written(BOOKS[preset])
        name = BOOKS[preset]["accounts"][0]["account"]
        whole = told(crossfire("margin", book, "--protocol", preset, "--json"))[0]
        explain = ("margin", "explain", book, "--protocol", preset, "--account", name)
        (one,) = told(crossfire(*explain, "--picture", "why.png", "--json"))
        assert one["account"] == name
        last = one["parts"][-1]
        assert last["kind"] == "sum"
        for key in ("equity", "margin_equity", "im", "mm"):
            assert last[key] == pytest.approx(whole[key], rel=1e-9, abs=1e-12)
        assert Path("why.png").read_bytes().startswith(b"\x89PNG")
        assert crossfire(*explain).code == 0

    def test_shocks_of_nothing_leave_it_as_it_is(self, preset: str) -> None:
        book = written(BOOKS[preset])
        stress = ("margin", "stress", book, "--protocol", preset, "--price=-0.9,0", "--picture", "grid.png")
        found = json.loads(crossfire(*stress, "--json").out)
        calm = next(r for r in found["totals"] if r["price_shock"] == 0.0)
        assert (calm["liquidatable"], calm["insolvent"], calm["deficit"]) == (0, 0, 0.0)
        assert Path("grid.png").read_bytes().startswith(b"\x89PNG")
        assert "smallest shocks that leave an account insolvent" in crossfire(*stress).out

    def test_compared_with_itself_nobody_is_worse_off(self, preset: str) -> None:
        words = ("margin", "compare", preset, preset, written(BOOKS[preset]), "--picture", "both.png")
        found = json.loads(crossfire(*words, "--json").out)
        assert {r["worse_off"] for r in found["accounts"]} == {"equal"}
        assert found["totals"][0] | {"rules": "b"} == found["totals"][1]
        assert crossfire(*words).code == 0


def test_prices_of_liquidation_and_bankruptcy_are_those_of_the_page() -> None:
    row = told(crossfire("margin", written(LINEAR), "--protocol", "dydx_v4", "--json"))[1]
    assert shape([row]) == shape(example("margin"))
    assert row == example("margin")[0]
    (position,) = row["positions"]
    # 3,000 + (p - 60,000) = 0.012 p, and 60,000 - 3,000.
    assert position["liquidation_price"] == pytest.approx(57_000.0 / 0.988, rel=1e-12)
    assert position["bankruptcy_price"] == pytest.approx(57_000.0, rel=1e-12)


def test_standard_input_is_the_same_as_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {
        "margin": ("margin", "{}", "--protocol", "dydx_v4", "--json"),
        "explain": ("margin", "explain", "{}", "--protocol", "dydx_v4", "--json"),
        "stress": ("margin", "stress", "{}", "--protocol", "dydx_v4", "--json"),
        "compare": ("margin", "compare", "dydx_v4", "binance", "{}", "--json"),
    }
    book = written(LINEAR)
    for words in parts.values():
        monkeypatch.setattr(sys, "stdin", StringIO("\ufeff" + book.read_text()))
        piped = crossfire(*("-" if w == "{}" else w for w in words))
        assert piped == crossfire(*(book if w == "{}" else w for w in words))
        assert piped.code == 0


def test_a_fall_that_breaks_an_account_is_found() -> None:
    found = json.loads(
        crossfire("margin", "stress", written(LINEAR), "--protocol", "dydx_v4", "--price=-0.1,0", "--json").out
    )
    fall = {r["account"]: r["fall"] for r in found["reverse"]}
    assert fall == pytest.approx({"a": 15_000.0 / 35_000.0, "b": 0.05}, rel=1e-9)
    ten = next(r for r in found["totals"] if r["price_shock"] == -0.1)
    assert (ten["insolvent"], ten["deficit"]) == (1, pytest.approx(3_000.0))


def test_two_sets_of_rules_are_compared() -> None:
    found = json.loads(crossfire("margin", "compare", "dydx_v4", "binance", written(LINEAR), "--json").out)
    a, b = found["totals"]
    assert (a["im"], b["im"], a["mm"], b["mm"]) == pytest.approx((2_900.0, 1_400.0, 1_740.0, 600.0))
    assert {r["account"]: r["worse_off"] for r in found["accounts"]} == {"a": "a", "b": "a"}
    assert (a["isolated"], b["saving"]) == (None, None)


def test_words_in_brackets_are_names_like_others() -> None:
    book = put(LINEAR, "accounts", 0, "account", value="[red]desk")
    assert "[red]desk" in crossfire("margin", written(book), "--protocol", "dydx_v4").out


class TestNetting:
    """Perpetual, dated future, option and collateral with a haircut, netted against each alone."""

    PERP = 0.8 * 0.18 * 2_000.0 + 0.015 * 2_000.0
    DATED = 0.8 * 0.18 * 2_020.0 + 0.015 * 2_000.0
    COLLATERAL = 0.8 * 0.18 * 2_000.0
    BASIS = 0.045 * 2_020.0 * (0.5 + 2.0 * 40.0 / 365.0)
    """Basis contingency of the future alone, which is less than its loss."""

    def test_the_future_is_shocked_as_its_forward(self) -> None:
        (one,) = told(crossfire("margin", "explain", written(UNIVERSAL), "--protocol", "derive_pmrm", "--json"))
        rows = {(r["kind"], r["line"]): r for r in one["scenarios"] if r["worst"]}
        assert {r["spot"] for r in rows.values()} == {0.82}
        assert rows["position", "ETH-JAN"]["profit"] == pytest.approx(0.18 * 2_020.0)
        assert rows["position", "ETH"]["profit"] == pytest.approx(-0.18 * 2_000.0)
        assert rows["collateral", "ETH"]["profit"] == pytest.approx(-0.18 * 2_000.0)

    def test_isolated_is_the_sum_of_each_alone_and_the_saving_the_rest(self) -> None:
        alone = put(UNIVERSAL, "accounts", 0, "positions", value=[])
        alone = put(alone, "accounts", 0, "collateral", value={})
        option = told(crossfire("margin", written(alone), "--protocol", "derive_pmrm", "--json"))[0]["mm"]
        book = written(UNIVERSAL)
        mm = told(crossfire("margin", book, "--protocol", "derive_pmrm", "--json"))[0]["mm"]
        (one,) = told(crossfire("margin", "explain", book, "--protocol", "derive_pmrm", "--json"))
        whole = next(r for r in one["netting"] if r["underlying"] == "all")
        assert self.BASIS < 0.18 * 2_020.0
        assert whole["isolated"] == pytest.approx(self.PERP + self.DATED + self.COLLATERAL + option, rel=1e-12)
        assert whole["netted"] == pytest.approx(mm, rel=1e-12)
        assert whole["saving"] == pytest.approx(whole["isolated"] - whole["netted"], rel=1e-12)
        assert whole["saving"] > 0.6 * whole["isolated"]

    def test_the_tables_show_it(self) -> None:
        book = written(UNIVERSAL)
        for words in (
            ("explain", book, "--protocol", "derive_pmrm"),
            ("compare", "derive_pmrm", "derive_pmrm:isolated", book),
        ):
            out = crossfire("margin", *words).out
            for word in ("netting", "1,113.80", "342.82", "770.98", "69.22 %"):
                assert word in out

    def test_compare_has_it_in_json(self) -> None:
        words = ("margin", "compare", "derive_pmrm", "derive_pmrm:isolated", written(UNIVERSAL), "--json")
        found = json.loads(crossfire(*words).out)
        a, b = found["totals"]
        (row,) = found["accounts"]
        assert (row["isolated_a"], row["saving_a"]) == (a["isolated"], a["saving"])
        assert a["isolated"] - a["saving"] == pytest.approx(a["mm"], rel=1e-12)
        assert (b["isolated"], row["saving_b"]) == (None, None)

    def test_other_families_have_none(self) -> None:
        rows = told(crossfire("margin", "explain", written(LINEAR), "--protocol", "dydx_v4", "--json"))
        assert [r["netting"] for r in rows] == [None, None]

    def test_a_future_moves_with_its_underlying_in_the_buffer(self) -> None:
        legs = [{"market": "ETH", "size": 1, "entry": 2_000}, {"market": "ETH-JAN", "size": -1, "entry": 2_020}]
        account = {"account": "basis", "cash": 10, "positions": legs}
        hedged = put(put(UNIVERSAL, "accounts", value=[account]), "prices", "ETH-JAN", value=2_020)
        row = told(crossfire("margin", written(hedged), "--protocol", "derive_pmrm", "--json"))[0]
        # Equity 10 - 20 (x - 1) is gone when both have risen by a half: ln 1.5 in units of 4 %.
        assert row["buffer"] == pytest.approx(0.4054651081 / 0.04, rel=1e-6)


class TestTables:
    """What a terminal of 80 columns shows: no figure is cut."""

    def shown(
        self,
        columns: int,
        names: list[str],
        row: list[str],
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> str:
        monkeypatch.setattr(console, "PIPE_WIDTH", columns)
        console.print_table("title", names, [row])
        return str(capsys.readouterr().out)

    @pytest.mark.parametrize("columns", [60, 80, 120])
    def test_every_figure_is_whole(
        self, columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        names = ["account", *(f"a long name {i}" for i in range(7))]
        row = ["desk", *(f"{12_345.67 + i:,.2f}" for i in range(7))]
        out = self.shown(columns, names, row, monkeypatch, capsys)
        assert all(cell in out for cell in row)
        assert max(map(len, out.splitlines())) <= columns
