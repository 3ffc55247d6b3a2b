"""Skill on histories: what is judged, what is left out, and that noise beats nobody."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from abm.errors import RunFolderError, UserError
from abm.margin.forecasts.losses import qlike
from abm.margin.forecasts.observed import Observed
from experiments.figures.forecast import skill_figure
from experiments.figures.style import NARROW, WIDE, save_png
from experiments.forecasting import Evaluation, Settings, evaluate, verdicts
from experiments.price_days import PriceDays, read_days
from tests.experiments.histories import daily, written


def series(days: int = 900, seed: int = 1, name: str = "BTCUSDT") -> PriceDays:
    """A HAR with little noise in its measure."""
    rng = np.random.default_rng(seed)
    variance = np.full(days, 1e-3)
    for t in range(30, days):
        means = np.log([variance[t - lag : t].mean() for lag in (1, 7, 30)])
        variance[t] = np.exp(-0.7 + np.dot((0.6, 0.2, 0.1), means) + 0.4 * rng.standard_normal())
    return PriceDays(
        name,
        np.arange(18_000, 18_000 + days),
        Observed(np.sqrt(variance) * rng.standard_normal(days), variance),
        "x",
        0,
    )


FEW = Settings(models=("ewma", "har"))


@pytest.fixture(scope="module")
def done() -> Evaluation:
    return evaluate([series(), series(100, name="NEWUSDT")], FEW)


class TestSkill:
    def test_where_the_law_is_a_har_the_har_beats_ewma(self, done: Evaluation) -> None:
        row = done.skill.row(by_predicate=pl.col("model") == "har", named=True)
        assert row["beats"] == "yes"
        assert row["dm_p"] < 0.001
        assert row["gain_low"] > 0.0
        assert row["r2"] > 0.3
        assert row["wald_p"] > 0.01

    def test_the_benchmark_is_not_compared_with_itself(self, done: Evaluation) -> None:
        row = done.skill.row(by_predicate=pl.col("model") == "ewma", named=True)
        assert (row["beats"], row["gain"], row["mse_ratio"], row["dm_p"]) == ("benchmark", 0.0, 1.0, None)

    def test_a_short_series_is_left_out_with_the_reason(self, done: Evaluation) -> None:
        assert done.skipped == ({"series": "NEWUSDT", "reason": "100 days, 260 are needed"},)

    def test_forecasts_stand_beside_what_came(self, done: Evaluation) -> None:
        frame = done.forecasts
        assert frame.columns == ["series", "day", "target", "ewma", "har"]
        assert len(frame) == 701
        assert frame["target"].null_count() == 1
        kept = frame.drop_nulls()
        losses = qlike(kept["target"].to_numpy(), kept["har"].to_numpy())
        assert losses.mean() == pytest.approx(done.skill.filter(pl.col("model") == "har")["qlike"][0])

    def test_on_pure_noise_no_model_beats_ewma_after_holm(self) -> None:
        rng = np.random.default_rng(8)
        noise = [
            PriceDays(
                f"N{i}",
                np.arange(500),
                Observed(0.01 * rng.standard_normal(500), 1e-4 * rng.gamma(5.0, 0.2, 500)),
                "x",
                0,
            )
            for i in range(6)
        ]
        told = verdicts(evaluate(noise, Settings(models=("ewma", "garch", "boosting"))).skill)
        assert told.filter(pl.col("model") == "boosting")["beats_holm"][0] == 0

    def test_verdicts_count_over_series(self) -> None:
        told = verdicts(evaluate([series(), series(seed=2, name="ETHUSDT")], FEW).skill)
        assert told.select("model", "series", "beats", "worse").rows() == [("har", 2, 2, 0)]

    def test_horizons_overlap_and_are_judged(self) -> None:
        found = evaluate([series()], Settings(models=("har",), horizon=5)).skill
        assert found["model"].to_list() == ["ewma", "har"]
        assert found["days"][0] == 696


class TestMistakes:
    def test_too_few_days_to_train_on_are_told_with_what_is_needed(self) -> None:
        with pytest.raises(UserError, match=r"--train 50: these models need 61 days; raise it, or leave models out"):
            Settings(models=("har",), train=50)
        with pytest.raises(UserError, match=r"--window 70: these models need 101 days"):
            Settings(models=("garch",), window=70)

    def test_no_series_that_is_long_enough_is_an_error(self) -> None:
        with pytest.raises(UserError, match=r"NEWUSDT: 100 days, 260 are needed; lower --train"):
            evaluate([series(100, name="NEWUSDT")], FEW)


class TestWritten:
    def test_the_folder_has_both_tables(self, done: Evaluation, tmp_path: Path) -> None:
        folder = done.write(tmp_path / "skill")
        assert pl.read_parquet(folder / "skill.parquet").equals(done.skill)
        assert pl.read_parquet(folder / "forecasts.parquet").equals(done.forecasts)
        with pytest.raises(RunFolderError, match="exists and is not empty"):
            done.write(folder)

    def test_a_file_of_bars_is_judged(self, tmp_path: Path) -> None:
        path = written(tmp_path, daily())
        assert evaluate(read_days(path), FEW).skill["days"][0] == 199


class TestFigure:
    def test_it_names_series_models_units_and_what_is_filled(self, done: Evaluation) -> None:
        for shape in (WIDE, NARROW):
            texts = {
                text.get_text() for text in skill_figure(done)(shape).findobj(match=lambda a: hasattr(a, "get_text"))
            }
            assert {"volatility of the next day, BTCUSDT (% a year)", "har", "measured the day after"} <= texts
            assert any("gain in QLIKE over ewma" in t and "p < 5 %" in t for t in texts)

    def test_the_benchmark_alone_has_no_gains(self) -> None:
        alone = evaluate([series()], Settings(models=("ewma",)))
        texts = {t.get_text() for t in skill_figure(alone)(WIDE).findobj(match=lambda a: hasattr(a, "get_text"))}
        assert not any("gain" in t for t in texts)

    def test_equal_data_give_equal_bytes(self, done: Evaluation, tmp_path: Path) -> None:
        first, second = (save_png(skill_figure(done), tmp_path / f"{i}.png").read_bytes() for i in range(2))
        assert first == second
