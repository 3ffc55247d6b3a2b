"""`crossfire forecast`: what forecasts of volatility were worth on a user's histories."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from experiments.forecasting import Evaluation, Settings
    from experiments.price_days import PriceDays

__all__ = ["command"]

COLUMNS = {
    "series": "series", "model": "model", "days": "days", "qlike": "QLIKE", "mse_ratio": "MSE/bench", "alpha": "alpha",
    "beta": "beta", "r2": "R2", "wald_p": "p(0,1)", "gain": "gain", "dm": "DM", "dm_p": "p", "dm_p_holm": "p Holm",
    "beats": "beats",
}  # fmt: skip

VERDICTS = {
    "model": "model", "series": "series", "beats": "beats", "worse": "worse", "beats_holm": "beats (Holm)",
    "worse_holm": "worse (Holm)", "gain": "median gain", "mse_ratio": "median MSE/bench", "biased": "p(0,1) < 5 %",
}  # fmt: skip


@click.command("forecast", epilog="Example: crossfire forecast btcusdt_1h.parquet --model har --picture skill.png")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--model",
    "models",
    multiple=True,
    help="A model (ewma, ewma-fitted, har, har-level, garch, boosting); repeatable. All by default.",
)
@click.option("--against", default="ewma", show_default=True, help="The model that others are compared with.")
@click.option(
    "--horizon", type=click.IntRange(1, 90), default=1, show_default=True, help="Days ahead: their mean variance."
)
@click.option(
    "--train", type=click.IntRange(2), default=200, show_default=True, help="Days seen before the first forecast."
)
@click.option("--refit", type=click.IntRange(1), default=30, show_default=True, help="Days between refits.")
@click.option(
    "--window", type=click.IntRange(2), help="Fit on so many of the latest days; all that were seen by default."
)
@click.option(
    "--measure",
    default="auto",
    show_default=True,
    help="Of a day's variance: auto, realised, parkinson, garman-klass, squared.",
)
@click.option("--symbol", "symbols", multiple=True, help="A symbol of a file that has several; repeatable; `all`: all.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for skill.parquet and forecasts.parquet.")
@click.option("--picture", type=click.Path(path_type=Path), help="Write a figure of the skill as a PNG.")
@click.option("--json", "as_json", is_flag=True, help="Print settings, skill, verdicts and skipped series as JSON.")
def command(files: tuple[Path, ...], out: Path | None, picture: Path | None, as_json: bool, **asked: Any) -> None:
    """Forecast the variance of each day of price histories by what was known the day before, and say what it was worth.

    FILE is Parquet or CSV with time, close and, of daily bars, high and low.  Losses are QLIKE; `beats` says whether a
    model's loss is below the benchmark's by more than luck at 5 % (Diebold-Mariano).
    """
    from abm.record import claim_folder
    from experiments.forecasting import evaluate
    from experiments.picture import check_picture

    if picture is not None:
        check_picture(picture)
    if out is not None:
        claim_folder(out)
    settings = _settings(asked)
    series = _series(files, asked["measure"], asked["symbols"])
    done = evaluate(series, settings, _progress)
    if out is not None:
        done.write(out)
    if picture is not None:
        _draw(done, picture)
    _answer(done, out, picture, as_json)


def _settings(asked: dict[str, Any]) -> "Settings":
    """What the options say, their words checked."""
    from abm.errors import UserError, nearest
    from abm.margin.forecasts.models import MODELS
    from experiments.forecasting import Settings
    from experiments.price_days import MEASURES

    words = [("--model", name, MODELS) for name in asked["models"]]
    for option, word, allowed in (
        *words,
        ("--against", asked["against"], MODELS),
        ("--measure", asked["measure"], MEASURES),
    ):
        if word not in allowed:
            raise UserError(option, f"unknown '{word}'", nearest(word, allowed))
    return Settings(
        models=tuple(dict.fromkeys(asked["models"] or MODELS)), benchmark=asked["against"], horizon=asked["horizon"],
        train=asked["train"], refit=asked["refit"], window=asked["window"] or 0,
    )  # fmt: skip


def _series(files: tuple[Path, ...], measure: str, symbols: tuple[str, ...]) -> "tuple[PriceDays, ...]":
    """Days of all files."""
    from experiments.price_days import distinct, read_days

    return distinct(files, [read_days(path, measure=measure, symbols=symbols) for path in files])


def _progress(series: str) -> None:
    """Which series is being forecast; for a terminal only."""
    import sys

    from experiments.interrupt import check_interrupt

    check_interrupt()
    if sys.stderr.isatty():
        click.echo(f"forecasting {series}", err=True)


def _draw(done: "Evaluation", picture: Path) -> None:
    """The figure of the skill."""
    from experiments.figures.forecast import skill_figure
    from experiments.picture import save_picture_to

    save_picture_to(picture, skill_figure(done))


def _answer(done: "Evaluation", out: Path | None, picture: Path | None, as_json: bool) -> None:
    """Tables on the terminal, or one JSON document."""
    from experiments.console import print_json, print_table
    from experiments.forecasting import verdicts

    told = verdicts(done.skill)
    if as_json:
        print_json(
            {
                "settings": asdict(done.settings), "skill": done.skill.to_dicts(), "verdicts": told.to_dicts(),
                "skipped": list(done.skipped), "folder": out and str(out), "picture": picture and str(picture),
            }
        )  # fmt: skip
        return
    against, days = done.settings.benchmark, done.settings.horizon
    title = f"Variance of the next {'day' if days == 1 else f'{days} days'}, against {against}"
    rows = [[_cell(name, row[name]) for name in COLUMNS] for row in done.skill.iter_rows(named=True)]
    print_table(title, list(COLUMNS.values()), rows)
    if told.height:
        rows = [[_cell(name, row[name]) for name in VERDICTS] for row in told.iter_rows(named=True)]
        print_table(f"Over all series: does it beat {against} at 5 %?", list(VERDICTS.values()), rows)
    for one in done.skipped:
        click.echo(f"left out: {one['series']}: {one['reason']}", err=True)
    for written in (out, picture):
        if written is not None:
            click.echo(str(written))


def _cell(name: str, value: Any) -> str:
    """A figure as it is printed."""
    if value is None:
        return "-"
    if not isinstance(value, float):
        return str(value)
    return f"{value:.1e}" if name == "alpha" else f"{value:.2f}" if name == "dm" else f"{value:.3f}"
