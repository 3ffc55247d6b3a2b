"""What moves with what, and terms after a move."""

import numpy as np
import pytest

from abm.ledger import SYSTEM
from abm.margin.book import Assets, Book, moved
from abm.margin.statement import Position, Statement
from abm.margin.valuation import Valuation
from tests.abm.margin.toys import COIN_PRICE, COINS, MARKETS, PRICE, book, series, weighted


class TestAssets:
    def test_a_collateral_moves_with_the_market_of_its_name(self) -> None:
        assets = Assets.of(MARKETS, ("ETH", "stETH", "USDC"), still=("USDC",), settlement="BTC")
        assert assets.names == ("BTC", "ETH", "stETH")
        assert assets.market.tolist() == [0, 1]
        assert assets.coin.tolist() == [1, 2, -1]
        assert assets.settlement == 0

    def test_values_by_name(self) -> None:
        assets = Assets.of(MARKETS, ())
        assert assets.vector({"ETH": 2.0}, 1.0).tolist() == [1.0, 2.0]
        with pytest.raises(KeyError, match="asset DOGE is unknown; known: BTC, ETH"):
            assets.vector({"DOGE": 1.0})


class TestMoved:
    def test_prices_indices_forwards_and_volatilities_move_and_slow_prices_do_not(self) -> None:
        some = book([Statement()], options=series())
        after = some.at(np.log(np.array([0.8, 1.5])), vol=2.0)
        assert after.price == pytest.approx([40_000.0, 3_000.0])
        assert after.coin_price == pytest.approx([3_000.0, 1.0])
        assert after.state is not None
        assert after.state.index == pytest.approx(after.price)
        assert after.state.series.forward == pytest.approx([40_000.0] * 2)
        assert after.state.series.vol == pytest.approx([1.2] * 2)
        assert after.state.stable.tolist() == PRICE.tolist()
        assert after.state.token_stable.tolist() == [1.0, *COIN_PRICE.tolist()]
        assert after.state.settlement_price == 1.0
        assert some.terms.price.tolist() == PRICE.tolist()

    def test_the_settlement_asset_moves_where_it_is_one_of_them(self) -> None:
        plain = book([Statement()])
        assets = Assets.of(MARKETS, COINS, settlement="BTC")
        coin = Book(plain.engine, plain.ledger, plain.terms, plain.rows, assets)
        after = coin.at(np.array([np.log(0.5), 0.0, 0.0]))
        assert after.state is not None
        assert after.state.settlement_price == pytest.approx(0.5)

    def test_terms_that_know_no_state_have_none_after(self) -> None:
        plain = weighted().terms(PRICE, COIN_PRICE)
        assert moved(plain, 0.5).state is None
        assert moved(plain, 0.5).price.tolist() == (0.5 * PRICE).tolist()


class TestBook:
    def test_of_a_valuation_it_has_all_accounts(self) -> None:
        some = book([Statement(cash=1.0), Statement(cash=2.0)])
        rows = np.arange(2)
        made = Book.of(
            Valuation(
                MARKETS, COINS, some.engine, some.ledger, some.terms, some.engine.assess(some.ledger, some.terms, rows)
            )
        )
        assert made.assets.names == ("BTC", "ETH", "USDC")
        assert made.assess(made.terms).equity.tolist() == [1.0, 2.0]
        assert len(made.some(np.array([1]))) == 1

    def test_the_protocols_own_accounts_are_told_apart(self) -> None:
        some = book([Statement(cash=1.0), Statement(cash=2.0)])
        some.ledger.mode[0] = SYSTEM
        assert some.people.tolist() == [False, True]

    def test_a_measure_along_a_ray_is_that_after_the_move(self) -> None:
        some = book([Statement(cash=1_000.0, positions=(Position("ETH", 1.0, 2_000.0),))])
        along = some.along("equity", np.array([0.0, -1.0]))
        assert along(np.log(2.0), np.array([0]))[0] == pytest.approx(0.0, abs=1e-9)
        free = some.along("free_margin", np.array([0.0, -1.0]))
        assert free(np.log(2.0), np.array([0]))[0] == pytest.approx(-50.0)
