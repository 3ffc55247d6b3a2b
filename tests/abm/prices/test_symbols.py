"""Symbols of exchanges are read as coins by one rule."""

import pytest

from abm.prices.symbols import asset_of, symbol_in

ASSETS = ("BTC", "ETH", "USDC", "AAVE", "S")


@pytest.mark.parametrize(
    "symbol",
    [
        "BTC", "btc", "BTCUSDT", "BTCUSDC", "BTCUSD", "BTCFDUSD", "BTC-USD", "BTC/USDT", "BTC_USDT", "BTCUSD_PERP",
        "BTC-PERP", "BTC-PERPETUAL", "BTC-USDT-SWAP", "BTC/USDT:USDT", "BTC/USD:BTC", "btcusdt",
    ],
)  # fmt: skip
def test_dollar_symbols_are_the_coin(symbol):
    assert asset_of(symbol, ASSETS) == "BTC"


@pytest.mark.parametrize(
    "symbol", ["ETHBTC", "BTCUSD_251226", "1000PEPEUSDT", "WBTCUSDT", "USDT", "", "USD", "BTC-EUR", "XRPUSDT"]
)
def test_other_symbols_are_none_of_the_assets(symbol):
    assert asset_of(symbol, ASSETS) is None


def test_a_name_comes_before_a_quote():
    assert asset_of("USDC", ASSETS) == "USDC"
    assert asset_of("USDCUSDT", ASSETS) == "USDC"
    assert asset_of("SUSD", ASSETS) == "S"
    assert asset_of("SUSD", (*ASSETS, "sUSD")) == "sUSD"


def test_the_assets_own_spelling_is_returned():
    assert asset_of("STETH-USD", ("stETH",)) == "stETH"


@pytest.mark.parametrize(
    ("stem", "symbol"),
    [
        ("BTCUSDT-1s-2025-10-10", "BTCUSDT"),
        ("btcusdt_1h_2024", "btcusdt"),
        ("AAVE-USD", "AAVE"),
        ("BTCUSD_PERP-1m", "BTCUSD"),
    ],
)
def test_a_files_name_begins_with_its_symbol(stem, symbol):
    assert symbol_in(stem) == symbol
