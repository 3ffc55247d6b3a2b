"""Published figures: E. G. Haug, Option Pricing Formulas (as in QuantLib's tests), QuantLib and vollib test data."""

import json
from pathlib import Path

import pytest

from experiments.conform.options import RULES

SUITE = Path(__file__).resolve().parents[5] / "shared" / "vectors" / "options.json"

HAUG = {"kind": "haug_price", "strike": 100.0, "rate": 0.1, "dividend": 0.1}
HAUG_GREEK = {"kind": "haug_greek"}
GRID = {"strike": 1000.0, "dividend": 0.0, "rate": 0.05}
BLACK = {"kind": "black76", "forward": 49.0, "strike": 50.0, "rate": 0.05, "years": 0.3846, "vol": 0.2}
FX = {"kind": "delta_convention", "spot": 122.121, "discount": 0.9695434, "foreign_discount": 0.9872347}
FX |= {"std_dev": 0.0887676, "type": "call"}
FX_PUT = {"kind": "delta_convention", "spot": 3.4582, "discount": 0.99979, "foreign_discount": 0.9250616}
FX_PUT |= {"std_dev": 0.3199034, "type": "put"}

CARRIED = [
    # QuantLib, test-suite/europeanoption.cpp, credited there to Haug 1998
    (HAUG | {"type": "call", "spot": 100.0, "years": 0.1, "vol": 0.25}, {"price": 3.1217}, 1e-4),
    (HAUG | {"type": "put", "spot": 90.0, "years": 0.5, "vol": 0.35}, {"price": 14.4452}, 1e-4),
    (HAUG | {"type": "call", "spot": 110.0, "years": 0.5, "vol": 0.35}, {"price": 15.3086}, 1e-4),
    (
        HAUG_GREEK
        | {"type": "put", "spot": 55.0, "strike": 60.0, "dividend": 0.0, "rate": 0.1, "years": 0.75, "vol": 0.3},
        {"gamma": 0.0278, "vega": 18.9358},
        1e-4,
    ),
    (
        HAUG_GREEK
        | {"type": "put", "spot": 430.0, "strike": 405.0, "dividend": 0.05, "rate": 0.07, "years": 1 / 12, "vol": 0.2},
        {"theta_per_day": -0.0855},
        1e-4,
    ),
    (
        HAUG_GREEK
        | {"type": "call", "spot": 72.0, "strike": 75.0, "dividend": 0.0, "rate": 0.09, "years": 1.0, "vol": 0.19},
        {"rho": 38.7325},
        1e-4,
    ),
    # vollib/py_vollib, tests/test_data.json
    (
        GRID | {"kind": "grid_call", "type": "call", "spot": 1300.0, "years": 0.5, "vol": 0.3},
        {
            "price": 334.3231267,
            "delta": 0.927953048,
            "gamma": 0.000497779,
            "theta": -81.45687554,
            "vega": 126.1869458,
            "rho": 436.0079179,
        },
        1e-6,
    ),
    (
        GRID | {"kind": "grid_put", "type": "put", "spot": 850.0, "years": 0.01, "vol": 2.0},
        {
            "price": 171.2038112,
            "delta": -0.761177277,
            "gamma": 0.001823761,
            "theta": -2594.425085,
            "vega": 26.3533531,
            "rho": -8.182044969,
        },
        1e-6,
    ),
    # vollib/py_vollib, worked values in py_vollib/black
    (BLACK | {"type": "call"}, {"gamma": 0.0640646705882}, 1e-9),
    (BLACK | {"type": "put"}, {"rho_per_point": -0.011243286001308292}, 1e-9),
    (
        {"kind": "black76", "type": "call", "forward": 100.0, "strike": 100.0, "rate": 0.0, "years": 0.5, "vol": 0.2},
        {"price": 5.637197779701664},
        1e-9,
    ),
    # QuantLib, test-suite/blackdeltacalculator.cpp
    (FX | {"convention": "forward", "strike": 120.0592}, {"delta": 0.67}, 1e-3),
    (FX | {"convention": "premium_adjusted_forward", "strike": 118.0532}, {"delta": 0.67}, 1e-3),
    (FX | {"convention": "premium_adjusted_spot", "strike": 117.7096}, {"delta": 0.67}, 1e-3),
    (FX_PUT | {"convention": "spot", "strike": 4.964924}, {"delta": -0.821}, 1e-3),
    (FX_PUT | {"convention": "premium_adjusted_forward", "strike": 3.65728}, {"delta": -0.821}, 1e-3),
]


@pytest.mark.parametrize(("case", "expected", "tolerance"), CARRIED)
def test_published_figures_come_out(case: dict, expected: dict, tolerance: float) -> None:
    got = RULES[case["kind"]](case, {})
    for key, value in expected.items():
        assert got[key] == pytest.approx(value, rel=1e-9, abs=tolerance), key


@pytest.mark.skipif(not SUITE.is_file(), reason=f"{SUITE.name} is not in ../shared/vectors beside the checkout")
def test_the_whole_suite_comes_out() -> None:
    suite = json.loads(SUITE.read_text())
    for case in suite["cases"]:
        got = RULES[case["kind"]](case, suite["parameters"])
        for key, value in case["expected"].items():
            assert got[key] == pytest.approx(value, rel=1e-9, abs=case["tolerance"]), case["name"]
    assert len(suite["cases"]) >= 50


def test_rho_of_black76_per_point_is_minus_years_times_price_over_100() -> None:
    got = RULES["black76"](BLACK | {"type": "put"}, {})
    assert got["rho_per_point"] == pytest.approx(-0.3846 * got["price"] / 100, rel=1e-15)
    assert got["theta_per_day"] == got["theta"] / 365
    assert got["vega_per_point"] == got["vega"] / 100


def test_a_type_that_is_neither_call_nor_put_is_refused() -> None:
    with pytest.raises(ValueError, match="type must be call or put, got Call"):
        RULES["black76"](BLACK | {"type": "Call"}, {})
