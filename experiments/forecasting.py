"""Walk-forward skill of variance forecasts on series of days: what `crossfire forecast` prints and writes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abm.errors import UserError
from abm.margin.forecasts.base import ahead
from abm.margin.forecasts.diebold_mariano import diebold_mariano, holm
from abm.margin.forecasts.losses import qlike, squared_error
from abm.margin.forecasts.mincer_zarnowitz import mincer_zarnowitz
from abm.margin.forecasts.models import MODELS
from abm.margin.forecasts.walk_forward import walk_forward
from abm.record import write_folder
from experiments.price_days import PriceDays

__all__ = ["LEVEL", "Evaluation", "Settings", "evaluate", "verdicts"]

Floats = NDArray[np.float64]

LEVEL = 0.05
"""Level of the tests."""

LEAST = 60
"""Days with forecast and target that a series must have to be judged."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How forecasts are made: models, benchmark, days ahead, days before the first, days between refits, days that a fit
    sees (0: all)."""

    models: tuple[str, ...] = tuple(MODELS)
    benchmark: str = "ewma"
    horizon: int = 1
    train: int = 200
    refit: int = 30
    window: int = 0

    def __post_init__(self) -> None:
        least = max(MODELS[name](self.horizon).least for name in {*self.models, self.benchmark}) + self.horizon
        for option, days in (("--train", self.train), ("--window", self.window or self.train)):
            if days < least:
                raise UserError(f"{option} {days}", f"these models need {least} days", "raise it, or leave models out")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`skill`, a row a series and model; `forecasts`, a row a series and day; `skipped`, series with the reason."""

    settings: Settings
    skill: pl.DataFrame
    forecasts: pl.DataFrame
    skipped: tuple[dict[str, str], ...]

    def write(self, folder: Path) -> Path:
        """`skill.parquet` and `forecasts.parquet` in a folder that is absent or empty.

        Raises
        ------
        RunFolderError
            It is not, or cannot be written.
        """

        def fill(target: Path) -> None:
            self.skill.write_parquet(target / "skill.parquet")
            self.forecasts.write_parquet(target / "forecasts.parquet")

        return write_folder(folder, fill)


def evaluate(
    series: Sequence[PriceDays], settings: Settings, progress: Callable[[str], None] = lambda _: None
) -> Evaluation:
    """Forecast each series by each model, and compare.

    Raises
    ------
    UserError
        No series is long enough.
    """
    rows: list[dict[str, Any]] = []
    frames: list[pl.DataFrame] = []
    skipped: list[dict[str, str]] = []
    for one in series:
        progress(one.name)
        target = ahead(one.observed.variance, settings.horizon)
        judged = np.isfinite(target) & (np.arange(len(target)) >= settings.train - 1)
        if judged.sum() < max(LEAST, 2 * settings.horizon):
            need = settings.train + settings.horizon + max(LEAST, 2 * settings.horizon) - 1
            skipped.append({"series": one.name, "reason": f"{len(target)} days, {need} are needed"})
            continue
        forecasts = _forecasts(one, settings)
        rows += _skill(one, settings, target[judged], {name: f[judged] for name, f in forecasts.items()})
        frames.append(_frame(one, target, forecasts).filter(pl.Series(np.isfinite(forecasts[settings.benchmark]))))
    if not rows:
        raise UserError(skipped[0]["series"], skipped[0]["reason"], "lower --train, or give a longer history")
    skill = pl.DataFrame(rows, infer_schema_length=None).with_columns(pl.col("dm_p").fill_nan(None))
    adjusted = holm(skill["dm_p"].fill_null(float("nan")).to_numpy())
    skill = skill.with_columns(pl.Series("dm_p_holm", adjusted).fill_nan(None))
    return Evaluation(settings, skill.with_columns(_beats(settings.benchmark)), pl.concat(frames), tuple(skipped))


def _forecasts(one: PriceDays, settings: Settings) -> dict[str, Floats]:
    """Forecasts f8[T] by model, the benchmark first."""
    names = dict.fromkeys((settings.benchmark, *settings.models))
    return {
        name: walk_forward(
            MODELS[name], one.observed, first=settings.train, horizon=settings.horizon, refit=settings.refit,
            window=settings.window,
        )
        for name in names
    }  # fmt: skip


def _skill(one: PriceDays, settings: Settings, target: Floats, forecasts: dict[str, Floats]) -> list[dict[str, Any]]:
    benchmark = forecasts[settings.benchmark]
    rows = []
    for name, forecast in forecasts.items():
        losses = qlike(target, forecast)
        fit = mincer_zarnowitz(target, forecast, horizon=settings.horizon)
        test = diebold_mariano(qlike(target, benchmark), losses, horizon=settings.horizon)
        errors = squared_error(target, forecast)
        error_test = diebold_mariano(squared_error(target, benchmark), errors, horizon=settings.horizon)
        known = math.isfinite(test.p)
        rows.append(
            {
                "series": one.name, "measure": one.measure, "model": name, "days": len(target),
                "left_out": one.left_out, "qlike": float(losses.mean()), "mse": float(errors.mean()),
                "mse_ratio": float(errors.mean() / squared_error(target, benchmark).mean()),
                "alpha": fit.alpha, "alpha_error": fit.alpha_error, "beta": fit.beta, "beta_error": fit.beta_error,
                "r2": fit.r2, "wald_p": fit.p,
                "gain": test.gain, "gain_low": test.low if known else None, "gain_high": test.high if known else None,
                "dm": test.statistic if known else None, "dm_p": test.p,
                "dm_p_mse": error_test.p if math.isfinite(error_test.p) else None,
            }
        )  # fmt: skip
    return rows


def _beats(benchmark: str) -> pl.Expr:
    """`beats`: yes, no, or worse: whether QLIKE is lower than the benchmark's, by the test alone; benchmark: itself."""
    sure = pl.col("dm_p") < LEVEL
    return (
        pl.when(pl.col("model") == benchmark)
        .then(pl.lit("benchmark"))
        .when(sure & (pl.col("gain") > 0.0))
        .then(pl.lit("yes"))
        .when(sure)
        .then(pl.lit("worse"))
        .otherwise(pl.lit("no"))
        .alias("beats")
    )


def _frame(one: PriceDays, target: Floats, forecasts: dict[str, Floats]) -> pl.DataFrame:
    """`series, day` (the last that was seen), `target` (null where it lies in the future), a column a model."""
    day = pl.Series("day", one.day).cast(pl.Int32).cast(pl.Date)
    columns = {name: pl.Series(values) for name, values in forecasts.items()}
    return pl.DataFrame(
        {"series": [one.name] * len(day), "day": day, "target": pl.Series(target).fill_nan(None)} | columns
    )


def verdicts(skill: pl.DataFrame) -> pl.DataFrame:
    """By model, over all series: `beats`, `worse` at the level, `beats_holm`, `worse_holm` after Holm, medians of the
    gain in QLIKE and of the ratio of squared errors, and `biased`: where alpha = 0, beta = 1 is rejected."""
    sure = pl.col("dm_p_holm") < LEVEL
    return (
        skill.filter(pl.col("beats") != "benchmark")
        .group_by("model", maintain_order=True)
        .agg(
            series=pl.len(),
            beats=(pl.col("beats") == "yes").sum(),
            worse=(pl.col("beats") == "worse").sum(),
            beats_holm=(sure & (pl.col("gain") > 0.0)).sum(),
            worse_holm=(sure & (pl.col("gain") < 0.0)).sum(),
            gain=pl.col("gain").median(),
            mse_ratio=pl.col("mse_ratio").median(),
            biased=(pl.col("wald_p") < LEVEL).sum(),
        )
    )
