import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import sweep_tasks
from hypothesis import given
from hypothesis import strategies as st

from abm.draws import Draws
from abm.errors import DesignError
from experiments.design import Design, runs
from experiments.effects import effects, mean_interval, median_interval
from experiments.sensitivity import interval, partial_rank_correlations, rank_correlations
from experiments.store import Finished, assemble


def frame_of(design: Design, figure: Any) -> pl.DataFrame:
    return assemble([Finished.of(spec, figure(spec)) for spec in runs(design)])


def noise(seed: int) -> float:
    return float(round(1024 * Draws(seed).uniform("noise", "test", 0)))


def grid(folder: Path, **changes: Any) -> Design:
    levers = [
        {"name": "mode", "key": "protocols.harbor.mode", "values": ["cross", "isolated"]},
        {"name": "capital", "key": "agents.keepers.params.capital", "values": [100, 200, 400], "baseline": 200},
    ]
    return Design.from_dict(sweep_tasks.design(folder, **({"levers": levers, "seeds": {"count": 8}} | changes)))


def additive(spec: Any) -> dict[str, Any]:
    """Seed noise + 8 for isolated + capital / 4: exact in binary."""
    return {"deficit": noise(spec.seed) + 8.0 * (spec.levers["mode"] == "isolated") + spec.levers["capital"] / 4}


def at(told: pl.DataFrame, lever: str, level: str) -> dict[str, Any]:
    return told.row(by_predicate=(pl.col("lever") == lever) & (pl.col("level") == level), named=True)


def test_an_additive_outcome_gives_its_effects_exactly_with_no_width(tmp_path: Path) -> None:
    design = grid(tmp_path)
    told = effects(design, frame_of(design, additive))
    for lever, level, change, pairs in (
        ("mode", "isolated", 8.0, 24),
        ("capital", "100", -25.0, 16),
        ("capital", "400", 50.0, 16),
    ):
        row = at(told, lever, level)
        assert row["pairs"] == pairs
        for key in ("median", "median_low", "median_high", "mean", "mean_low", "mean_high"):
            assert row[key] == change, key
        assert row["positive"] == float(change > 0)
        assert not row["baseline"]


def test_the_baseline_has_quantiles_and_no_change(tmp_path: Path) -> None:
    design = grid(tmp_path)
    frame = frame_of(design, additive)
    row = at(effects(design, frame), "capital", "200")
    values = frame.filter(pl.col("capital") == 200)["deficit"].to_numpy()
    assert row["baseline"]
    assert row["pairs"] == 0
    assert [row[k] for k in ("median", "mean", "mean_low", "seeds", "positive")] == [None] * 5
    assert row["runs"] == 16
    assert row["value"] == 200.0
    assert [row["q10"], row["q50"], row["q90"]] == np.quantile(values, (0.1, 0.5, 0.9)).tolist()


def test_the_seeds_luck_widens_the_interval_and_not_the_common_noise_nor_the_pairs_of_a_seed(tmp_path: Path) -> None:
    """Changes are drawn per seed alone, and each is seen three times: the sample is 40 seeds, not 120 pairs."""
    design = grid(tmp_path, seeds={"count": 40})

    def figure(spec: Any) -> dict[str, Any]:
        own = Draws(spec.seed).normal("change", "test", 0)
        return {"deficit": noise(spec.seed) + own * (spec.levers["mode"] == "isolated")}

    row = at(effects(design, frame_of(design, figure)), "mode", "isolated")
    own = np.array([Draws(seed).normal("change", "test", 0) for seed in range(1, 41)])
    assert (row["pairs"], row["seeds"]) == (120, 40)
    assert row["mean"] == pytest.approx(own.mean())
    assert row["median"] == pytest.approx(np.median(own))
    assert (row["mean_low"], row["mean_high"]) == pytest.approx(mean_interval(own))
    assert (row["median_low"], row["median_high"]) == pytest.approx(median_interval(own))
    half = 2.0227 * own.std(ddof=1) / np.sqrt(40)  # t of 39 degrees of freedom
    assert row["mean_high"] - row["mean_low"] == pytest.approx(2 * half, rel=1e-4)


def test_changes_are_averaged_within_a_seed_over_the_other_levers(tmp_path: Path) -> None:
    """Isolated adds 0, 10 or 110 by the capital, and the seed's number: 40 and the number in each seed."""
    design = grid(tmp_path, seeds=[1, 2, 6])

    def figure(spec: Any) -> dict[str, Any]:
        by = {100: 0.0, 200: 10.0, 400: 110.0}[spec.levers["capital"]]
        return {"deficit": (by + spec.seed) * (spec.levers["mode"] == "isolated")}

    row = at(effects(design, frame_of(design, figure)), "mode", "isolated")
    assert (row["median"], row["mean"]) == (42.0, 43.0)
    assert (row["mean_low"], row["mean_high"]) == pytest.approx(mean_interval(np.array([41.0, 42.0, 46.0])))
    assert (row["median_low"], row["median_high"]) == (None, None)


def test_students_interval_is_that_of_his_sleep_data() -> None:
    """Known answer: extra sleep of ten patients, paired (Student 1908; R: t.test(extra ~ group, paired = TRUE))."""
    change = np.array([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4])
    assert mean_interval(change) == pytest.approx((0.7001142, 2.4598858), abs=1e-7)
    assert median_interval(change) == (0.8, 2.4)
    assert mean_interval(np.array([3.0])) == mean_interval(np.array([])) == (None, None)


@pytest.mark.parametrize(
    ("n", "rank"), [(6, 1), (8, 1), (9, 2), (11, 2), (12, 3), (15, 4), (17, 5), (20, 6), (25, 8), (30, 10)]
)
def test_the_median_lies_between_the_tabled_order_statistics(n: int, rank: int) -> None:
    """Known answer: ranks of the two-sided 95 % interval of a median (sign test; tables in Conover 1999)."""
    values = np.arange(1.0, n + 1)[::-1]
    assert median_interval(values) == (rank, n + 1 - rank)


@given(n=st.integers(0, 80))
def test_the_median_is_held_with_95_per_cent_and_no_narrower_pair_holds_it(n: int) -> None:
    def held(rank: int) -> float:
        return 1.0 - 2.0 * sum(math.comb(n, j) for j in range(rank)) / 2**n

    low, high = median_interval(np.arange(1.0, n + 1))
    if low is None or high is None:
        assert n < 6
        assert held(1) < 0.95
    else:
        assert low + high == n + 1
        assert held(int(low)) >= 0.95 > held(int(low) + 1)


def test_effects_are_the_same_again_whatever_the_order_of_rows(tmp_path: Path) -> None:
    design = grid(tmp_path)

    def figure(spec: Any) -> dict[str, Any]:
        return {"deficit": Draws(spec.seed).normal(spec.run, "test", 0)}

    frame = frame_of(design, figure)
    assert effects(design, frame).equals(effects(design, frame.reverse()))


def test_runs_that_failed_leave_their_pairs_out(tmp_path: Path) -> None:
    design = grid(tmp_path)
    frame = frame_of(design, additive).filter(~((pl.col("mode") == "isolated") & (pl.col("seed") <= 2)))
    row = at(effects(design, frame), "mode", "isolated")
    assert row["pairs"] == 18
    assert row["runs"] == 18
    assert (row["median"], row["mean_low"], row["mean_high"]) == (8.0, 8.0, 8.0)


def test_outcomes_without_a_value_are_left_out(tmp_path: Path) -> None:
    design = grid(tmp_path, outcomes=["deficit", "ratio"])

    def figure(spec: Any) -> dict[str, Any]:
        lacking = spec.levers["mode"] == "isolated" and spec.seed == 1
        endless = spec.levers["mode"] == "isolated" and spec.seed == 2
        return additive(spec) | {
            "ratio": None if lacking else float("inf") if endless else 1.0 * spec.levers["capital"]
        }

    told = effects(design, frame_of(design, figure)).filter(pl.col("outcome") == "ratio")
    assert at(told, "mode", "isolated")["pairs"] == 18
    assert at(told, "mode", "isolated")["median"] == 0.0
    assert at(told, "mode", "isolated")["positive"] == 0.0


def test_one_seed_has_no_interval(tmp_path: Path) -> None:
    design = grid(tmp_path, seeds=[1])
    row = at(effects(design, frame_of(design, additive)), "mode", "isolated")
    assert (row["median"], row["mean"], row["pairs"], row["seeds"]) == (8.0, 8.0, 3, 1)
    assert [row[k] for k in ("median_low", "median_high", "mean_low", "mean_high")] == [None] * 4


def test_cases_and_scenarios_are_paired_by_seed(tmp_path: Path) -> None:
    cases = [{"name": "as_is"}, {"name": "short", "set": {"clock.duration": 30.0}}]
    sweep_tasks.design(tmp_path)
    other = tmp_path / "other.toml"
    other.write_text((tmp_path / "tiny.toml").read_text().replace('"tiny"', '"other"'), encoding="utf-8")
    paths = [str(tmp_path / "tiny.toml"), str(other)]
    design = grid(tmp_path, kind="list", levers=None, cases=cases, scenario=None, scenarios=paths)

    def figure(spec: Any) -> dict[str, Any]:
        return {"deficit": noise(spec.seed) + spec.scenario.clock.duration + 4.0 * (spec.scenario.name == "other")}

    told = effects(design, frame_of(design, figure))
    assert at(told, "case", "short")["median"] == at(told, "case", "short")["mean_low"] == -30.0
    assert at(told, "scenario", "other")["median"] == at(told, "scenario", "other")["mean_high"] == 4.0
    assert at(told, "case", "short")["pairs"] == at(told, "scenario", "other")["pairs"] == 16


def test_without_a_choice_every_number_is_an_outcome(tmp_path: Path) -> None:
    design = grid(tmp_path, outcomes=None)
    frame = frame_of(design, lambda spec: {"b": 1, "a": 0.5, "flag": True, "text": "x"})
    assert effects(design, frame)["outcome"].unique(maintain_order=True).to_list() == ["b", "a", "flag"]


def test_an_outcome_that_runs_do_not_have_is_told(tmp_path: Path) -> None:
    design = grid(tmp_path)
    with pytest.raises(DesignError, match=r"'deficit' is not in the summary of a run; did you mean 'deficits'\?"):
        effects(design, frame_of(design, lambda spec: {"deficits": 1}))
    with pytest.raises(DesignError, match=r"'deficit' is not a number; nothing is allowed here"):
        effects(design, frame_of(design, lambda spec: {"deficit": "much"}))


def test_nothing_finished_has_no_effects(tmp_path: Path) -> None:
    assert effects(grid(tmp_path), assemble([])).height == 0
    assert rank_correlations(hypercube(tmp_path), assemble([])).height == 0


def hypercube(folder: Path, **changes: Any) -> Design:
    levers = [
        {"name": "capital", "key": "agents.keepers.params.capital", "low": 1.0, "high": 10000.0, "scale": "log"},
        {"name": "length", "key": "clock.duration", "low": 10.0, "high": 50.0},
        {"name": "mode", "key": "protocols.harbor.mode", "values": ["cross", "isolated"]},
    ]
    plain = {"kind": "latin_hypercube", "samples": 40, "levers": levers, "seeds": [1, 2]}
    return Design.from_dict(sweep_tasks.design(folder, **(plain | changes)))


def test_a_range_is_told_in_four_equal_parts_of_its_scale_without_pairs(tmp_path: Path) -> None:
    design = hypercube(tmp_path)
    told = effects(design, frame_of(design, lambda spec: {"deficit": spec.levers["capital"]}))
    parts = told.filter(pl.col("lever") == "capital")
    assert parts["level"].to_list() == ["1 to 10", "10 to 100", "100 to 1000", "1000 to 1e+04"]
    assert parts["runs"].to_list() == [20, 20, 20, 20]
    assert parts["value"].to_list() == pytest.approx([10**0.5, 10**1.5, 10**2.5, 10**3.5])
    assert parts["pairs"].sum() == 0
    assert (parts["q10"] >= pl.Series([1.0, 10.0, 100.0, 1000.0])).all()
    assert at(told, "mode", "isolated")["pairs"] == 0
    assert at(told, "mode", "isolated")["runs"] == 40


def test_rank_correlations_find_monotone_levers_and_no_others(tmp_path: Path) -> None:
    design = hypercube(tmp_path)

    def figure(spec: Any) -> dict[str, Any]:
        own = Draws(spec.seed).normal(spec.run, "test", 0)
        return {"deficit": np.log(spec.levers["capital"]) - 3.0 * (spec.levers["mode"] == "isolated") + 0.1 * own}

    told = {r["lever"]: r for r in rank_correlations(design, frame_of(design, figure)).iter_rows(named=True)}
    assert list(told) == ["capital", "length", "mode"]
    assert told["capital"]["correlation"] > 0.95
    assert told["mode"]["correlation"] < -0.9
    assert told["length"]["low"] < 0 < told["length"]["high"]
    for row in told.values():
        assert row["low"] <= row["correlation"] <= row["high"]
        assert row["runs"] == 80


def test_one_levers_partial_rank_correlation_is_spearmans(tmp_path: Path) -> None:
    """Known answer: 1 - 6 sum d^2 / (n (n^2 - 1)) without ties; here sum d^2 is 4 and n is 5: 0.8."""
    lever = np.array([[1.0], [2.0], [3.0], [4.0], [5.0]])
    outcome = np.array([2.0, 1.0, 4.0, 3.0, 5.0])
    told = partial_rank_correlations(lever, outcome)
    assert told is not None
    assert told.tolist() == pytest.approx([0.8])


def test_the_partial_rank_correlation_of_three_is_its_formula() -> None:
    """Known answer: (r_xy - r_xz r_yz) / sqrt((1 - r_xz^2) (1 - r_yz^2)), on ranks."""
    x, z, y = (np.argsort(np.argsort(Draws(1).uniform("x", name, np.arange(30)))) for name in "xzy")
    y = np.argsort(np.argsort(y + 2 * x + z))
    r = np.corrcoef([x, z, y])
    expected = (r[0, 2] - r[0, 1] * r[1, 2]) / np.sqrt((1 - r[0, 1] ** 2) * (1 - r[1, 2] ** 2))
    told = partial_rank_correlations(np.column_stack((x, z)).astype(float), y.astype(float))
    assert told is not None
    assert told[0] == pytest.approx(expected)


def test_the_interval_of_a_correlation_is_its_formula() -> None:
    """Known answer: at r = 0 and n - 3 = 100, tanh(+-1.96 / 10) = +-0.1935; few points have none."""
    assert interval(0.0, 103, 0) == pytest.approx((-0.1935, 0.1935), abs=1e-4)
    low, high = interval(0.6, 30, 2)
    assert low is not None
    assert high is not None
    assert (np.arctanh(high) - np.arctanh(low)) / (2 * 1.959964) == pytest.approx(np.sqrt(1.18 / 25))
    assert interval(1.0, 4, 1) == (None, None)


def test_an_outcome_that_never_varies_has_no_correlation(tmp_path: Path) -> None:
    design = hypercube(tmp_path)
    told = rank_correlations(design, frame_of(design, lambda spec: {"deficit": 0.0}))
    assert told["correlation"].null_count() == told["low"].null_count() == 3
    assert partial_rank_correlations(np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0], [5.0, 5.0]]), np.arange(4.0)) is None
