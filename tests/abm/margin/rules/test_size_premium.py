"""Weights by size: figures of Drift v2 (rounded to 1e-4 there), and how they grow."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.margin.rules import size_premium
from abm.margin.rules.size_premium import asset_weight, liability_weight

# drift-labs/protocol-v2, programs/drift/src/math/margin/tests.rs, spot_market_asset_weight.
ASSET = [
    # size, factor, weight, weight of the size
    (1_000.0, 0.0, 0.9, 0.9),
    (1_000.0, 1e-5, 0.9, 0.9),
    (1e9, 1e-5, 0.9, 0.8357),
    (1_000.0, 0.01, 0.9, 0.8357),
    (1_000.0, 0.1, 0.9, 0.2642),
    (1e5, 0.1, 0.15, 0.0337),
    (1e5, 0.1, 0.75, 0.0337),
    (1e5, 0.0, 0.15, 0.15),
]
LIABILITY = [
    (1_000.0, 0.0, 1.1, 1.1),
    (1_000.0, 1e-5, 1.1, 1.1),
    (1_000.0, 0.01, 1.1, 1.1962),
    (1_000.0, 0.1, 1.1, 4.0422),
    (1_000.0, 0.1, 0.0, 3.1622),
]


@pytest.mark.parametrize(("size", "imf", "weight", "expected"), ASSET)
def test_asset_weights(size: float, imf: float, weight: float, expected: float) -> None:
    assert float(asset_weight(weight, imf, size)) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("size", "imf", "weight", "expected"), LIABILITY)
def test_liability_weights(size: float, imf: float, weight: float, expected: float) -> None:
    assert float(liability_weight(weight, imf, size)) == pytest.approx(expected, abs=1e-4)


@given(weight=st.floats(0.0, 2.0), imf=st.sampled_from([0.0, 1e-5, 0.01, 1.0]), size=st.floats(0.0, 1e12))
@settings(deadline=None)
def test_one_is_what_many_are(weight: float, imf: float, size: float) -> None:
    for name, many in (("asset_weight_of", asset_weight), ("liability_weight_of", liability_weight)):
        for end in ("", "_python"):
            found = getattr(size_premium, name + end)(weight, imf, size)
            assert found == pytest.approx(float(many(weight, imf, size)), rel=1e-15)


@given(imf=st.floats(0.0, 1.0), size=st.floats(0.0, 1e9), more=st.floats(0.0, 1e9))
def test_a_larger_balance_weighs_worse_a_coin_and_counts_no_less_in_all(imf: float, size: float, more: float) -> None:
    sizes = np.array([size, size + more])
    asset, liability = asset_weight(0.9, imf, sizes), liability_weight(1.1, imf, sizes)
    assert asset[1] <= asset[0]
    assert liability[1] >= liability[0]
    assert asset[1] * sizes[1] >= asset[0] * sizes[0] * (1.0 - 1e-12)
