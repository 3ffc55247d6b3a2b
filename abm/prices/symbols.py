"""Which coin a symbol of an exchange means."""

import re
from collections.abc import Iterable

__all__ = ["asset_of", "symbol_in"]

# The coin is matched as short as can be, so that the longest quote is taken off: BTCFDUSD is BTC, not BTCFD.
_SYMBOL = re.compile(
    r"(?P<coin>[A-Z0-9.]+?)"
    r"(?:[-/_]?(?:FDUSD|USDT|USDC|USD)(?::[A-Z]+)?)?"
    r"(?:[-_]?(?:PERPETUAL|PERP|SWAP))?"
)


def asset_of(symbol: str, assets: Iterable[str]) -> str | None:
    """The asset that a symbol prices in dollars, or None.

    First a symbol that is an asset's name is that asset (USDC).  Otherwise what is left when a
    mark of a perpetual (PERP, PERPETUAL, SWAP) and a dollar quote (USD, USDT, USDC, FDUSD) are
    taken off its end, with or without separators, is the coin: BTCUSDT, BTC-USD, BTC/USDT,
    BTC/USDT:USDT (whatever it settles in), BTCUSD_PERP, BTC-USDT-SWAP, BTC-PERPETUAL are BTC.  Quotes in other coins
    (ETHBTC), dated futures (BTCUSD_251226) and multiples (1000PEPEUSDT) mean none of the assets.
    Upper and lower case do not matter.
    """
    names = {name.upper(): name for name in assets}
    upper = symbol.upper()
    match = _SYMBOL.fullmatch(upper)
    return names.get(upper) or (names.get(match["coin"]) if match else None)


def symbol_in(stem: str) -> str:
    """The symbol that a file's name begins with: all before the first `-`, `_`, `.` or blank (BTCUSDT-1s-2025-10-10)."""
    return re.split(r"[-_. ]", stem, maxsplit=1)[0]
