"""The figure of an account's scenarios."""

import numpy as np
import polars as pl
import pytest

from abm.margin.families.scenario_grid import ScenarioGrid
from abm.margin.portfolio.explain import scenario_table
from abm.margin.statement import Leg, Position, Statement
from experiments.figures.style import NARROW, WIDE, inline
from experiments.figures.worst_scenario import MOST, scenario_label, worst_scenario
from tests.abm.margin.portfolio.portfolios import COINS, MARKETS, book, form, terms

ENGINE = ScenarioGrid.build(form(0.5), MARKETS, COINS)
ACCOUNT = Statement(0.0, {"WETH": 2.0}, [Position("ETH", -1.5, 2_000.0)], [Leg(3, -5.0), Leg(4, -1.0), Leg(9, 0.1)])


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    return scenario_table(ENGINE, book([ACCOUNT]), terms(ENGINE), 0)


class TestLabels:
    @pytest.mark.parametrize(
        ("spot", "vol", "dampening", "text"),
        [
            (1.18, "up", 1.0, "+18 %, vol up"),
            (0.955, "none", 1.0, "−4.5 %"),
            (1.0, "abs", 1.0, "spot still, both wings"),
            (3.0, "up", 0.018, "+200 %, vol up, ×0.018"),
            (None, "basis", 1.0, "basis"),
        ],
    )
    def test_a_scenario_in_a_few_words(self, spot: float | None, vol: str, dampening: float, text: str) -> None:
        assert scenario_label(spot, vol, dampening) == text


class TestFigure:
    def test_bars_stack_to_the_profit_and_dots_are_the_sums(self, table: pl.DataFrame) -> None:
        draw = worst_scenario(table)
        assert draw is not None
        eth = draw(WIDE).axes[0]
        mine = table.filter(set="own", underlying="ETH")
        sums = mine.group_by("scenario", maintain_order=True).agg(pl.col("profit").sum())["profit"].to_numpy()
        np.testing.assert_allclose(eth.lines[-1].get_xdata(), sums)
        width = np.array([bar.get_width() for bar in eth.patches if hasattr(bar, "get_width")])
        assert width.sum() - 1.0 == pytest.approx(sums.sum(), abs=2.0)  # the band of the worst is 1 wide

    def test_the_worst_scenario_is_named_and_marked(self, table: pl.DataFrame) -> None:
        draw = worst_scenario(table)
        assert draw is not None
        axes = draw(WIDE).axes[0]
        worst = table.filter(pl.col("worst"), set="own", underlying="ETH")
        bold = [label.get_text() for label in axes.get_yticklabels() if label.get_fontweight() == "bold"]
        assert bold == [scenario_label(*worst.select("spot", "vol", "dampening").row(0))]
        assert "worst −" in axes.get_title()

    def test_a_panel_for_each_underlying(self, table: pl.DataFrame) -> None:
        draw = worst_scenario(table)
        assert draw is not None
        assert [a.get_title().partition(":")[0] for a in draw(NARROW).axes] == ["ETH", "BTC"]

    def test_many_legs_are_taken_together(self) -> None:
        many = Statement(legs=[Leg(n, 1.0 + n) for n in (0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1)])
        draw = worst_scenario(scenario_table(ENGINE, book([many]), terms(ENGINE), 0))
        assert draw is not None
        labels = draw(WIDE).axes[0].get_legend_handles_labels()[1]
        assert len(labels) == MOST + 2
        assert any(label.endswith("others") for label in labels)

    def test_joint_scenarios_can_be_shown(self, table: pl.DataFrame) -> None:
        draw = worst_scenario(table, scenarios="joint")
        assert draw is not None
        assert draw(WIDE).axes[1].get_yticklabels()[0].get_text() == "+15 %, vol up"

    def test_nothing_to_show(self, table: pl.DataFrame) -> None:
        assert worst_scenario(table.clear()) is None

    def test_it_goes_into_a_page(self, table: pl.DataFrame) -> None:
        draw = worst_scenario(table)
        assert draw is not None
        assert str(inline(draw, "worst", "profit by scenario")).count("<svg") == 2
