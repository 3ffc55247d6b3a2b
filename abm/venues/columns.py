"""The columns of all books: rows of one matrix f8[COLUMNS, B], so that a kernel takes them as one argument.

`abm.venues.books.Books` shows each as an array under its lower-case name.
"""

__all__ = [
    "CALM_DEPTH",
    "CALM_MAKERS",
    "COEFFICIENT",
    "COINS",
    "COLLAR",
    "COLUMNS",
    "CONSUMED",
    "DEPTH",
    "DOLLARS",
    "ENABLED",
    "EXOGENOUS",
    "EXPONENT",
    "FEE",
    "LAST",
    "MAKER_DEPTH",
    "OPEN_DEPTH",
    "OPEN_PRICE",
    "POOL",
    "POOL_FEE",
    "REFILL",
    "RESPONSE",
    "SAMPLED",
    "SEEN",
    "SMOOTHING",
    "SPREAD",
    "UPDATED",
    "USUAL",
    "VARIANCE",
    "VOLUME",
    "WANTED",
]

# State.
EXOGENOUS = 0  # USD; of a pool the price at its opening, for good
LAST = 1  # USD; exogenous + impact alive; of a pool USD over coins
UPDATED = 2  # s; instant of impact, depth and last
VOLUME = 3  # coins; net of the current block
OPEN_PRICE = 4  # USD; exogenous price at the block's opening; of a pool its own price
OPEN_DEPTH = 5  # USD; depth at the block's opening
DEPTH = 6  # USD within one per cent on one side
WANTED = 7  # USD; what depth relaxes to, set by each tick
MAKER_DEPTH = 8  # USD; part of it that agents quote
CALM_MAKERS = 9  # USD; the most that agents have quoted
VARIANCE = 10  # per s; exponential mean of squared relative changes of last
COINS = 11  # reserves of a pool
DOLLARS = 12
SEEN = 13  # USD; last at the latest sample of the variance
# Parameters.
CALM_DEPTH = 14  # USD; D0
SPREAD = 15
COEFFICIENT = 16
EXPONENT = 17
COLLAR = 18
ENABLED = 19  # 1: trades move the price
USUAL = 20  # usual volatility per square root of a second
RESPONSE = 21
SMOOTHING = 22  # weight of one sample in the variance
REFILL = 23  # s
CONSUMED = 24
FEE = 25  # taker fee
POOL = 26  # 1: a constant-product pool
POOL_FEE = 27

SAMPLED = 28  # s; when that was
COLUMNS = 29
