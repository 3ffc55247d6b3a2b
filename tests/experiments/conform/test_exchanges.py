"""Exchanges' known answers: all that are shown, and rules that no shown case asks for."""

from pathlib import Path
from typing import Any

import pytest

from experiments.conform.check import check_file
from experiments.conform.exchanges import RULES

CASES = Path(__file__).resolve().parents[3].parent / "shared" / "vectors" / "exchanges.json"


@pytest.mark.skipif(not CASES.is_file(), reason="exchanges.json is not in ../shared/vectors beside the checkout")
def test_every_shown_case_agrees() -> None:
    found = check_file(CASES)
    assert found.verdicts
    assert [v for v in found.verdicts if not v.agrees] == []


def ask(kind: str, **case: Any) -> dict[str, Any]:
    return RULES[kind]({"kind": kind, **case}, {})


class TestRulesOfTheReadme:
    def test_bybit_s_inverse_contracts(self) -> None:
        """Help centre 360039261334: long 10,000 at 8,000 with 0.5 BTC."""
        case = {"side": "long", "contracts": 10_000, "entry": 8_000.0, "balance": 0.5, "maintenance_rate": 0.005}
        for kind, rule in (("liquidation_price", "bybit_inverse"), ("inverse_liquidation", "")):
            found = ask(kind, rule=rule, taker_fee=0.00075, **case)
            assert found["bankruptcy"] == pytest.approx(5_718.571428571428)
            assert found["price"] == found["liquidation"] == pytest.approx(5_739.083528002316)

    def test_a_short_in_them(self) -> None:
        found = ask(
            "liquidation_price", rule="bybit_inverse", side="short", size=10_000, entry=8_000.0, margin=0.5,
            maintenance_rate=0.005, taker_fee=0.00075,
        )  # fmt: skip
        bankruptcy = (1.0 - 0.00075) * 1e4 / (1.25 - 0.5)
        room = 0.5 - 1.25 * 0.005 - 1e4 * 0.00075 / bankruptcy
        assert found["bankruptcy"] == pytest.approx(bankruptcy)
        assert found["price"] == pytest.approx(1e4 / (1.25 - room))

    def test_spreads_and_single_futures(self) -> None:
        assert ask("contingency", of="spread", long=100, short=-100, rate=0.01) == {"amount": 1.0}
        found = ask(
            "span_future", price=4_500.0, multiplier=50, scan_range=0.06, contracts=-1, initial_ratio=1.1,
            maintenance_ratio=0.8,
        )  # fmt: skip
        assert (found["initial"], found["maintenance"]) == (pytest.approx(14_850.0), pytest.approx(11_880.0))

    @pytest.mark.parametrize(
        "form",
        [
            {"arrays": [[2.0] * 16, [-10.0] * 16], "sizes": [65, -130]},
            {"positions": [{"size": 65, "array": [2.0] * 16}, {"size": -130, "array": [-10.0] * 16}]},
            {"positions": [[65, [2.0] * 16], [-130, [-10.0] * 16]]},
            {"positions": {"a": 65, "b": -130}, "risk_arrays": {"b": [-10.0] * 16, "a": [2.0] * 16}},
        ],
    )
    def test_arrays_however_they_are_written(self, form: dict[str, Any]) -> None:
        assert ask("span_arrays", **form)["scanning_risk"] == 65 * 2.0 + 130 * 10.0

    def test_an_isolated_short_below_maintenance(self) -> None:
        case = {"size": 0.1, "entry": 30_000.0, "leverage": 10, "maintenance_rate": 0.01, "side": "short"}
        assert ask("isolated", price=32_701.0, **case)["liquidated"] is True
        assert ask("isolated", price=32_699.0, **case)["liquidated"] is False
        assert ask("isolated", price=36_000.0, **case)["margin"] == pytest.approx(-300.0)

    @pytest.mark.parametrize("size", [0.1, 0.3, 0.7, 1.1])
    @pytest.mark.parametrize("entry", [30_000.0, 0.07, 1_234.5])
    def test_at_maintenance_an_isolated_position_is_not_liquidated(self, size: float, entry: float) -> None:
        case = {"size": size, "entry": entry, "leverage": 10, "maintenance_rate": 0.01}
        assert ask("isolated", price=entry * 0.91, **case)["liquidated"] is False
        assert ask("isolated", price=entry * 0.9099999, **case)["liquidated"] is True

    def test_what_a_tier_requires(self) -> None:
        found = ask("tier_lookup", notional=-250_000, tiers=[[0, 0.004], [50_000, 0.005], [250_000, 0.01]])
        assert found == {"rate": 0.01, "amount": 1_300.0, "maintenance": 1_200.0, "tier": 2}


class TestMistakes:
    def test_a_rule_that_is_unknown(self) -> None:
        with pytest.raises(ValueError, match="no rule 'kraken' for a liquidation price; known: binance"):
            ask("liquidation_price", rule="kraken")

    def test_a_contingency_that_is_unknown(self) -> None:
        with pytest.raises(ValueError, match="no contingency of 'vega'"):
            ask("contingency", of="vega", rate=0.1)

    def test_a_key_that_is_missing(self) -> None:
        with pytest.raises(KeyError, match="balance or margin"):
            ask("inverse_liquidation", contracts=1.0, entry=1.0, maintenance_rate=0.01)
