"""Greeks of accounts: what each option has, times how many there are, next to the positions."""

import json

import pytest

from abm.errors import StatementError
from abm.margin.options.greeks import NAMES, greeks
from abm.margin.preset import load_preset
from experiments.greeks import UNITS, greeks_of_accounts, greeks_of_all
from experiments.valuing import Valued, value_document

MONTH = 30.0 * 86_400.0
CALL, PUT = 65_000.0, 55_000.0


def valued() -> Valued:
    """A writer of a strangle with half a coin as a hedge, a buyer of one call and two puts, and an account without anything
    of BTC."""
    document = {
        "prices": {"BTC": 60_000.0, "ETH": 2_500.0},
        "series": [
            {"name": "C", "underlying": "BTC", "type": "call", "strike": CALL, "seconds": MONTH, "vol": 0.5},
            {"name": "P", "underlying": "BTC", "type": "put", "strike": PUT, "seconds": MONTH, "vol": 0.55, "rate": 0.02},
        ],
        "accounts": [
            {
                "account": "w", "cash": 50_000.0, "positions": [{"market": "BTC", "size": 0.5, "entry": 60_000.0}],
                "options": [{"series": "C", "size": -1.0}, {"series": "P", "size": -1.0}],
            },
            {"account": "b", "cash": 9_000.0, "options": [{"series": "C", "size": 1.0}, {"series": "P", "size": 2.0}]},
            {"account": "e", "cash": 9_000.0, "positions": [{"market": "ETH", "size": -3.0, "entry": 2_500.0}]},
        ],
    }  # fmt: skip
    return value_document(json.dumps(document), "it", load_preset("derive_pmrm"))


def test_an_account_has_the_greeks_of_its_legs() -> None:
    years = 30.0 / 365.0
    call, put = (
        greeks(60_000.0, k, years, v, r, c) for k, v, r, c in [(CALL, 0.5, 0.0, True), (PUT, 0.55, 0.02, False)]
    )
    writer, buyer, other = greeks_of_accounts(valued(), "it")
    for i, name in enumerate(NAMES):
        assert writer["BTC"][name] == pytest.approx(-call[i] - put[i], rel=1e-14)
        assert buyer["BTC"][name] == pytest.approx(call[i] + 2.0 * put[i], rel=1e-14)
    assert writer["BTC"]["net_delta"] == writer["BTC"]["delta"] + 0.5
    assert set(other) == {"ETH"}
    assert other["ETH"]["net_delta"] == -3.0
    assert other["ETH"]["gamma"] == 0.0
    assert set(writer["BTC"]) == set(UNITS)


def test_those_of_the_protocol_are_the_sums_of_its_accounts() -> None:
    each, total = greeks_of_accounts(valued(), "it"), greeks_of_all(valued(), "it")
    assert set(total) == {"BTC", "ETH"}
    for underlying, figures in total.items():
        for name, value in figures.items():
            assert value == pytest.approx(sum(a.get(underlying, {}).get(name, 0.0) for a in each), rel=1e-12, abs=1e-12)


def test_contracts_in_coins_are_refused() -> None:
    document = {"settlement": "BTC", "prices": {"BTC": 60_000.0}, "accounts": [{"cash": 0.1}]}
    made = value_document(json.dumps(document), "it", load_preset("bybit_inverse"))
    with pytest.raises(StatementError, match="settles in the coin"):
        greeks_of_accounts(made, "it")
