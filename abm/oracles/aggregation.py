"""Aggregation of several sources into one price that knows which sources it came from.

A source is the last price of a book.  It is live while that is positive and finite; dead ones do not count.  A
value's `code` says which sources made it, per asset and its row of S sources:

- `i * S + j`: the median, half of source i and half of source j (i == j: that source alone);
- `-1 - dead`: the mean of all sources but the dead, a bit per column of the row; -1 is the mean of all.  With none
  alive it is this too, and the value is not a number.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["KINDS", "aggregate", "aggregate_python", "terms"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MEAN = 1
KINDS = {"median": 0, "mean": MEAN}
"""Aggregations by name, and their numbers in the kernel."""


def aggregate_python(last: Floats, sources: Ints, kind: int) -> tuple[Floats, Ints]:
    """The value of each asset, and the code of its sources.

    Parameters
    ----------
    last
        float64[B], USD: last price of each book.
    sources
        int64[A, S]: books of each asset, padded with -1; S is at most 62.
    kind
        One of `KINDS`.

    Returns
    -------
    float64[A] in USD (nan where no source is live) and int64[A].  Of equal prices the earlier source ranks lower.
    """
    assets, width = sources.shape
    value = np.empty(assets)
    code = np.empty(assets, np.int64)
    ranked = np.empty(width, np.int64)
    for a in range(assets):
        live, dead, total = 0, 0, 0.0
        for s in range(width):
            if sources[a, s] < 0:
                continue
            price = last[sources[a, s]]
            if not 0.0 < price < np.inf:
                dead |= 1 << s
                continue
            k = live
            while k > 0 and last[sources[a, ranked[k - 1]]] > price:
                ranked[k] = ranked[k - 1]
                k -= 1
            ranked[k] = s
            live += 1
            total += price
        if live == 0 or kind == MEAN:
            value[a] = total / live if live else np.nan
            code[a] = -1 - dead
        else:
            low, high = ranked[(live - 1) // 2], ranked[live // 2]
            value[a] = 0.5 * last[sources[a, low]] + 0.5 * last[sources[a, high]]
            code[a] = low * width + high
    return value, code


aggregate = njit(cache=True)(aggregate_python)


def terms(code: int, sources_of_asset: Ints) -> list[tuple[int, float]]:
    """Book and weight of each source behind a code: the value is the sum of weight * last[book].

    `sources_of_asset` is the asset's row of `sources`, int64[S], padding included.
    """
    if code >= 0:
        low, high = divmod(code, len(sources_of_asset))
        if low == high:
            return [(int(sources_of_asset[low]), 1.0)]
        return [(int(sources_of_asset[low]), 0.5), (int(sources_of_asset[high]), 0.5)]
    dead = -1 - code
    live = [int(book) for s, book in enumerate(sources_of_asset) if book >= 0 and not dead >> s & 1]
    return [(book, 1.0 / len(live)) for book in live]
