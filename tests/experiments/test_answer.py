"""The answer of a sweep on the terminal."""

import polars as pl
import pytest

from experiments.answer import SHOWN, effect_rows, print_effects
from experiments.design import Design
from experiments.effects import SCHEMA


def told(**changes: object) -> pl.DataFrame:
    """One effect on the share of open interest that is liquidated."""
    plain: dict[str, object] = {
        "outcome": "liquidated_share",
        "lever": "margin",
        "level": "isolated",
        "baseline": False,
    }
    plain |= {"runs": 12, "q50": 0.15, "pairs": 12, "seeds": 6, "positive": 1.0}
    plain |= {
        "median": 0.02,
        "median_low": 0.01,
        "median_high": 0.03,
        "mean": 0.021,
        "mean_low": -0.01,
        "mean_high": 0.05,
    }
    return pl.DataFrame([plain | changes], schema=SCHEMA)


def test_a_row_has_median_and_mean_with_their_intervals() -> None:
    assert effect_rows(told()) == [
        ["liquidated_share", "margin = isolated", "15.00%", "+2.00 pp", "+1.00 pp to +3.00 pp", "+2.10 pp", "-1.00 pp to +5.00 pp",
         "100%"]
    ]  # fmt: skip


def test_what_has_no_interval_has_a_dash() -> None:
    few = told(seeds=3, median_low=None, median_high=None)
    assert effect_rows(few)[0][4:7] == ["-", "+2.10 pp", "-1.00 pp to +5.00 pp"]
    one = told(seeds=1, median_low=None, median_high=None, mean_low=None, mean_high=None)
    assert effect_rows(one)[0][4:7] == ["-", "+2.10 pp", "-"]


@pytest.mark.parametrize(("seeds", "words"), [([6, 6], "6 seeds"), ([4, 6], "4 to 6 seeds"), ([1, 1], "1 seed")])
def test_the_intervals_are_named_with_their_number_of_seeds(
    seeds: list[int], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_effects(pl.concat([told(seeds=n) for n in seeds]))
    text = " ".join(capsys.readouterr().out.split())
    assert f"same draws, over {words} (USD" in text
    assert f"averaged within each of {words}; sign test: between two of their order statistics" in text
    assert "95 % (Student t)" in text


def test_money_and_owners_are_the_headlines_of_the_shipped_sweep_and_breaches_are_not() -> None:
    outcomes = Design.load("crash-levers").outcomes
    assert outcomes[: len(SHOWN)] == SHOWN
    assert not {"breaches", "accounts_breached", "largest_tree"} & {*outcomes, *SHOWN}
