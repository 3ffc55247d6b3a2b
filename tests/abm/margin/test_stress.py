"""Scenario grids of one factor, and accounts and totals under them."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.ledger import SYSTEM
from abm.margin.book import Assets
from abm.margin.state import MarketState
from abm.margin.statement import Leg, Position, Statement
from abm.margin.stress import SCENARIO, scenario_grid, stress, stress_totals
from tests.abm.margin.toys import COIN_PRICE, PRICE, Netting, book, series

ASSETS = Assets.of(("BTC", "ETH", "SOL"), ())
LONG = Statement(5_000.0, positions=(Position("BTC", 0.5, 50_000.0),))
SHORT = Statement(5_000.0, positions=(Position("BTC", -0.5, 50_000.0),))
PAIR = Statement(4_000.0, positions=(Position("BTC", 0.5, 50_000.0), Position("ETH", -12.5, 2_000.0)))


class TestGrid:
    def test_with_full_correlation_all_prices_change_alike(self) -> None:
        (only,) = scenario_grid(ASSETS, "BTC", [-0.2])
        assert np.exp(only.move) == pytest.approx([0.8, 0.8, 0.8])

    def test_the_formula_by_hand(self) -> None:
        """ln 0.8 = -0.2231; at rho 0.6 the others follow by 0.6 of it, and fall by 0.8 of it on their own."""
        grid = scenario_grid(
            ASSETS, "ETH", [-0.2], correlations=[(0.6, 0.0), (0.6, -1.0), (0.6, 1.0)], betas={"SOL": 1.5, "ETH": 9.0}
        )
        x = np.log(0.8)
        assert grid[0].move == pytest.approx([0.6 * x, x, 0.9 * x])
        assert grid[1].move == pytest.approx([1.4 * x, x, 2.1 * x])
        assert grid[2].move == pytest.approx([-0.2 * x, x, -0.3 * x])

    @given(st.floats(-0.9, 3.0), st.floats(-1.0, 1.0), st.sampled_from([-1.0, 1.0]))
    def test_followed_and_own_shock_are_as_long_as_the_leads_together(
        self, shock: float, rho: float, own: float
    ) -> None:
        (apart,) = scenario_grid(ASSETS, "BTC", [shock], correlations=[(rho, own)])
        (follow,) = scenario_grid(ASSETS, "BTC", [shock], correlations=[(rho, 0.0)])
        length = follow.move[1] ** 2 + (apart.move[1] - follow.move[1]) ** 2
        assert length == pytest.approx(follow.move[0] ** 2, abs=1e-12)

    def test_every_combination_is_there_once(self) -> None:
        grid = scenario_grid(
            ASSETS, "BTC", [-0.1, 0.0, 0.1], vol_shocks=[1.0, 2.0], correlations=[(1.0, 0.0), (0.5, -1.0)]
        )
        assert len({(s.price_shock, s.vol_shock, s.correlation, s.own) for s in grid}) == len(grid) == 12

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"price_shocks": [-1.0]}, "price shock must be above -1 and finite, got -1"),
            ({"vol_shocks": [0.0]}, "vol shock must be > 0 and finite, got 0"),
            ({"correlations": [(1.1, 0.0)]}, "correlation must be from -1 to 1, got 1.1"),
            ({"correlations": [(1.0, np.nan)]}, "own shock must be finite, got nan"),
        ],
    )
    def test_shocks_out_of_range_are_refused(self, changes: dict[str, object], message: str) -> None:
        given: dict[str, object] = {"price_shocks": [-0.1]} | changes
        with pytest.raises(ValueError, match=message):
            scenario_grid(ASSETS, "BTC", **given)  # type: ignore[arg-type]

    def test_an_unknown_asset_is_named(self) -> None:
        with pytest.raises(KeyError, match="asset DOGE is unknown"):
            scenario_grid(ASSETS, "DOGE", [0.1])


class TestStress:
    def test_accounts_by_hand(self) -> None:
        """BTC at 40,000: the long has lost all of its 5,000, the short has doubled them."""
        some = book([LONG, SHORT])
        frame = stress(some, scenario_grid(some.assets, "BTC", [0.0, -0.2, -0.3]))
        assert frame.columns[:5] == list(SCENARIO)
        assert frame.height == 6
        assert frame["equity"].to_list() == pytest.approx([5_000.0, 5_000.0, 0.0, 10_000.0, -2_500.0, 12_500.0])
        assert frame["mm"].to_list() == pytest.approx([750.0, 750.0, 600.0, 600.0, 525.0, 525.0])
        assert frame["liquidatable"].to_list() == [False, False, True, False, True, False]
        assert frame.filter(scenario=2)["insolvent"].to_list() == [True, False]
        assert frame.filter(scenario=2)["deficit"].to_list() == pytest.approx([2_500.0, 0.0])
        assert (frame["margin_equity"] - frame["mm"]).to_list() == pytest.approx(frame["free_margin"].to_list())

    def test_a_pair_is_hurt_by_what_correlation_leaves(self) -> None:
        """Long BTC, short as much ETH: nothing at full correlation, a deficit where ETH rises as BTC falls."""
        some = book([PAIR])
        grid = scenario_grid(some.assets, "BTC", [-0.2], correlations=[(1.0, 0.0), (0.5, 0.0), (0.5, 1.0)])
        equity = stress(some, grid)["equity"].to_list()
        assert equity[0] == pytest.approx(4_000.0)
        assert equity[0] > equity[1] > 0.0 > equity[2]

    def test_higher_volatility_hurts_who_is_short_of_options(self) -> None:
        some = book(
            [Statement(20_000.0, legs=(Leg(0, -1.0),)), Statement(20_000.0, legs=(Leg(0, 1.0),))], Netting(), series()
        )
        frame = stress(some, scenario_grid(some.assets, "BTC", [0.0], vol_shocks=[1.0, 1.5]))
        short, long = (frame.filter(account=i)["equity"].to_list() for i in (1, 2))
        assert short[1] < short[0]
        assert long[1] > long[0]
        assert short[0] - short[1] == pytest.approx(long[1] - long[0])

    def test_no_shock_is_the_account_as_it_is(self) -> None:
        some = book([LONG, PAIR])
        now = some.assess(some.terms)
        frame = stress(some, scenario_grid(some.assets, "BTC", [0.0]))
        np.testing.assert_allclose(frame["equity"].to_numpy(), now.equity, rtol=1e-12)
        np.testing.assert_allclose(frame["free_margin"].to_numpy(), now.free_margin, rtol=1e-12)


class TestTotals:
    def test_they_are_sums_over_people(self) -> None:
        some = book([LONG, SHORT, LONG])
        some.ledger.mode[2] = SYSTEM
        (row,) = stress_totals(some, scenario_grid(some.assets, "BTC", [-0.3])).to_dicts()
        assert (row["accounts"], row["liquidatable"], row["insolvent"]) == (2, 1, 1)
        assert row["liquidatable_share"] == row["insolvent_share"] == row["notional_share"] == pytest.approx(0.5)
        assert row["liquidatable_notional"] == pytest.approx(17_500.0)
        assert row["deficit"] == pytest.approx(2_500.0)
        assert row["worst_health"] == pytest.approx(-2_500.0 / 525.0)

    def test_they_add_up_the_accounts_table(self) -> None:
        some = book([LONG, SHORT, PAIR, Statement(10.0)])
        grid = scenario_grid(some.assets, "ETH", [-0.4, 0.1, 0.6], correlations=[(1.0, 0.0), (0.3, 1.0)])
        totals = stress_totals(some, grid)
        sums = stress(some, grid).group_by("scenario", maintain_order=True).agg(
            pl.col("liquidatable").sum(), pl.col("insolvent").sum(), pl.col("deficit").sum(), pl.len()
        )  # fmt: skip
        assert totals["liquidatable"].to_list() == sums["liquidatable"].to_list()
        assert totals["insolvent"].to_list() == sums["insolvent"].to_list()
        assert totals["accounts"].to_list() == sums["len"].to_list()
        np.testing.assert_allclose(totals["deficit"].to_numpy(), sums["deficit"].to_numpy())

    def test_deficits_are_in_dollars(self) -> None:
        some = book([LONG])
        state = MarketState.quiet(PRICE, COIN_PRICE)
        object.__setattr__(state, "settlement_price", 0.9)
        some.terms.state = state
        (row,) = stress_totals(some, scenario_grid(some.assets, "BTC", [-0.3])).to_dicts()
        assert row["deficit"] == pytest.approx(2_250.0)
        assert row["liquidatable_notional"] == pytest.approx(0.9 * 17_500.0)

    def test_nobody_is_nothing(self) -> None:
        some = book([LONG])
        some.ledger.mode[0] = SYSTEM
        (row,) = stress_totals(some, scenario_grid(some.assets, "BTC", [-0.3])).to_dicts()
        assert (row["accounts"], row["notional_share"], row["deficit"], row["worst_health"]) == (0, 0.0, 0.0, None)
        assert stress(some, []).is_empty()
