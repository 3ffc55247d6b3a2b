"""Sections on a sweep: what it asked, what the levers did, how outcomes lie, what failed."""

from pathlib import Path

import polars as pl

from experiments.design import Design, Lever, label
from experiments.figures.effects import effect_panels, quantile_strips, rank_bars
from experiments.figures.units import MISSING, compact, count, percent
from experiments.report.blocks import (
    Block,
    Code,
    Grid,
    Section,
    Words,
    figure_block,
    grid,
    money,
    name,
    ratio,
    share,
    whole,
)
from experiments.report.origin import manifest_grid
from experiments.report.outcomes import title, unit
from experiments.report.view import SweepView

__all__ = ["sweep_sections"]

MOST_PANELS = 6
"""Outcomes that are drawn; the table has all."""


def sweep_sections(view: SweepView) -> list[Section]:
    """All sections of a sweep, in order."""
    titles = {o: title(o) for o in _varied(view)[:MOST_PANELS]}
    sections = [_asked(view), _effects(view, titles), _outcomes(view, titles)]
    if view.sensitivity is not None:
        sections.append(_sensitivity(view, view.sensitivity, titles))
    return [*sections, _failed(view), _origin(view)]


def _varied(view: SweepView) -> list[str]:
    """Outcomes that are not the same in every run, in the design's order, else with the strongest effects first."""
    names = view.effects["outcome"].unique(maintain_order=True).to_list()
    varied = [o for o in names if o in view.runs.columns and view.runs[o].drop_nulls().n_unique() > 1]
    if view.design.outcomes:
        return sorted(varied, key=list(view.design.outcomes).index)
    preferred = (
        "liquidated_share",
        "liquidated_notional",
        "owners_breached",
        "deficit",
        "adl_notional",
        "endogenous_share",
    )
    return sorted(varied, key=lambda o: (preferred.index(o) if o in preferred else len(preferred), o))


def _asked(view: SweepView) -> Section:
    design = view.design
    worlds = ", ".join(Path(source).name.removesuffix(".toml") for source in design.scenarios or (design.scenario,))
    finished, failed = view.runs.height, len(view.failed)
    seeds = count(len(design.seeds), "seed")
    state = "all of them finished" if not failed else f"{finished:,} finished, {failed:,} failed"
    points = {
        "grid": "every combination of the levers' values",
        "latin_hypercube": f"{design.samples} points of a latin hypercube over the levers",
        "list": f"each of {count(len(design.cases), 'named case')}",
    }[design.kind]
    text = (
        f"The sweep {design.name} ran {worlds} at {points}, "
        f"each with the same {seeds}: {count(finished + failed, 'run')}, {state}."
    )
    asked = design.purpose[:1].upper() + design.purpose[1:]
    blocks: list[Block] = [*([Words(asked)] if asked else []), Words(text), *(Words(w) for w in _answers(view))]
    if design.levers:
        blocks.append(_levers(design))
    if design.cases:
        blocks.append(_cases(design))
    return Section("sweep", "The sweep", tuple(blocks))


def _answers(view: SweepView) -> list[str]:
    """One sentence for each level of each lever, on the first outcome that varied."""
    varied = _varied(view)
    if not varied:
        return [
            "No outcome differed between the runs." if view.runs.height else "No run finished, so there is no answer."
        ]
    outcome = varied[0]
    if view.sensitivity is not None:
        return _strongest(view.sensitivity, outcome)
    rows = view.effects.filter(pl.col("outcome") == outcome, pl.col("pairs") > 0, pl.col("median").is_not_null())
    return [_sentence(row, outcome, _baseline(view, row["lever"])) for row in rows.head(6).iter_rows(named=True)]


def _strongest(found: pl.DataFrame, outcome: str) -> list[str]:
    told = found.filter(pl.col("outcome") == outcome, pl.col("correlation").is_not_null())
    ranked = told.sort([pl.col("correlation").abs(), "lever"], descending=[True, False]).head(3)
    parts = [f"{lever} ({rho:+.2f})" for lever, rho in ranked.select("lever", "correlation").iter_rows()]
    words = outcome.replace("_", " ")
    return [f"Partial rank correlations with {words}, the strongest first: {', '.join(parts)}."] if parts else []


def _baseline(view: SweepView, lever: str) -> str:
    return str(view.effects.filter(pl.col("lever") == lever, pl.col("baseline"))["level"][0])


def _sentence(row: dict[str, object], outcome: str, baseline: str) -> str:
    part = unit(outcome) == "fraction"

    def number(key: str) -> str:
        value = row[key]
        return compact(value * (100 if part else 1) if isinstance(value, float) else None)

    def between(centre: str, what: str) -> str:
        low, high = number(f"{centre}_low"), number(f"{centre}_high")
        return "" if row[f"{centre}_low"] is None else f" (95 % {what} interval {low} to {high})"

    worth = "" if unit(outcome) == outcome else " percentage points" if part else f" {unit(outcome)}"
    positive, pairs, seeds = row["positive"], row["pairs"], row["seeds"]
    assert isinstance(positive, float)
    assert isinstance(pairs, int)
    assert isinstance(seeds, int)
    return (
        f"With {row['lever']} at {row['level']} instead of {baseline}, {outcome.replace('_', ' ')} changed by "
        f"{number('median')}{worth} in the median over {count(seeds, 'seed')}{between('median', 'sign-test')} and by "
        f"{number('mean')} in the mean{between('mean', 'Student t')}; it rose in {percent(positive, 0)} of "
        f"{count(pairs, 'pair')} of runs that share a seed and all other levers."
    )


def _levers(design: Design) -> Grid:
    rows = tuple((v.name, ", ".join(v.targets), _values(v), _at_rest(v)) for v in design.levers)
    heads = ("lever", "key of the scenario", "values", "measured against")
    return Grid(heads, (False,) * 4, rows, "Levers, in the units of the scenario's keys.")


def _values(lever: Lever) -> str:
    if lever.ranged:
        return f"{lever.low:g} to {lever.high:g} ({lever.scale})"
    return ", ".join(label(v) for v in lever.values)


def _at_rest(lever: Lever) -> str:
    if lever.ranged:
        return "no level: a range"
    return label(lever.values[0] if lever.baseline is None else lever.baseline)


def _cases(design: Design) -> Grid:
    rows = tuple((c.name, ", ".join(f"{k} = {label(v)}" for k, v in c.set.items()) or "as it is") for c in design.cases)
    return Grid(
        ("case", "what it sets"), (False, False), rows, "Cases; the first is what the others are measured against."
    )


def _effects(view: SweepView, titles: dict[str, str]) -> Section:
    caption = (
        "Change of an outcome against the lever's baseline, over pairs of runs that share a seed and all other levers, averaged "
        f"within each of {count(len(view.design.seeds), 'seed')}. The marker is the median over seeds, the thick line its 95 % "
        "interval between two order statistics (sign test, exact; from 6 seeds on). The upright tick is the mean, the thin line "
        "its 95 % Student t interval, which takes changes for normal; with heavy tails and few seeds it is a rough guide. A "
        "line that crosses zero may be the luck of the seeds."
    )
    absent = "There are no pairs of runs that differ in one lever only, so there is no effect to draw."
    picture = figure_block(
        "effects", effect_panels(view.effects, titles), caption, label="Paired effects of the levers", absent=absent
    )
    rows = view.effects.filter(pl.col("pairs") > 0)
    blocks: list[Block] = [picture]
    if rows.height:
        blocks.append(_changes(rows))
    return Section("effects", "What the levers did", tuple(blocks))


def _changes(rows: pl.DataFrame) -> Grid:
    """The changes as numbers: those of fractions in percentage points."""
    units = pl.col("outcome").map_elements(unit, return_dtype=pl.String)
    numbers = [f"{centre}{end}" for centre in ("median", "mean") for end in ("", "_low", "_high")]
    part = units == "fraction"
    table = rows.with_columns(
        outcome=pl.col("outcome").str.replace_all("_", " "),
        unit=pl.when(part).then(pl.lit("pp")).otherwise(units),
        **{n: pl.col(n) * pl.when(part).then(100.0).otherwise(1.0) for n in numbers},
    )
    spans = {
        f"{centre}_span": [
            MISSING if low is None else f"{compact(low)} to {compact(high)}"
            for low, high in table.select(f"{centre}_low", f"{centre}_high").iter_rows()
        ]
        for centre in ("median", "mean")
    }
    table = table.with_columns(*(pl.Series(k, v, dtype=pl.String) for k, v in spans.items()))
    columns = (
        name("outcome", "outcome"),
        name("unit", "unit"),
        name("lever", "lever"),
        name("level", "level"),
        money("median", "median change", ""),
        name("median_span", "95 % (sign test)"),
        money("mean", "mean change", ""),
        name("mean_span", "95 % (Student t)"),
        whole("pairs", "pairs"),
        share("positive", "rose"),
    )
    what = (
        "Changes against the baseline, in the outcome's unit (pp: percentage points), averaged within each seed; intervals "
        "are over seeds, as in the figure; rose: of the pairs. Sizes have heavy tails: go by the median, not the mean."
    )
    return grid(table, columns, what, most=120, order="in order of outcome")


def _outcomes(view: SweepView, titles: dict[str, str]) -> Section:
    caption = (
        "Outcomes at each level: the bar is from the 10 % to the 90 % quantile over runs, the mark is the median, ticks "
        "are single runs."
    )
    draw = quantile_strips(view.effects, view.runs, titles)
    absent = "No outcome differed between the runs, so there is no distribution to draw."
    picture = figure_block("outcomes", draw, caption, label="Quantiles of outcomes by level", absent=absent)
    blocks: list[Block] = [picture]
    if view.effects.height:
        table = view.effects.with_columns(
            unit=pl.col("outcome").map_elements(unit, return_dtype=pl.String),
            level=pl.when(pl.col("baseline")).then(pl.col("level") + " (baseline)").otherwise("level"),
        )
        columns = (
            name("outcome", "outcome"),
            name("unit", "unit"),
            name("lever", "lever"),
            name("level", "level"),
            whole("runs", "runs"),
            money("q10", "10 % quantile", ""),
            money("q50", "median", ""),
            money("q90", "90 % quantile", ""),
        )
        blocks.append(grid(table, columns, "Quantiles over runs, in the outcome's unit.", most=160, order="by outcome"))
    return Section("outcomes", "How the outcomes lie", tuple(blocks))


def _sensitivity(view: SweepView, found: pl.DataFrame, titles: dict[str, str]) -> Section:
    caption = (
        "Partial rank correlation of each lever with an outcome (no unit): +1 it always rises with the lever, -1 it always "
        "falls, 0 no monotone effect. Lines are 95 % intervals over points (Fisher's transformation)."
    )
    absent = "No outcome varied enough to tell what it depends on."
    picture = figure_block(
        "sensitivity",
        rank_bars(found, titles),
        caption,
        label="Rank correlations of levers with outcomes",
        absent=absent,
    )
    columns = (
        name("outcome", "outcome"),
        name("lever", "lever"),
        whole("runs", "runs"),
        ratio("correlation", "rank correlation"),
        ratio("low", "from (95 %)"),
        ratio("high", "to (95 %)"),
    )
    table = grid(found, columns, "Partial rank correlations.", most=120, order="by outcome")
    return Section("sensitivity", "What matters most", (picture, table))


def _failed(view: SweepView) -> Section:
    if not view.failed:
        return Section("failed", "Runs that failed", (Words("No run failed."),))
    rows = tuple(
        (f.run, str(f.seed), ", ".join(f"{k} {label(v)}" for k, v in f.levers.items()), f.reason) for f in view.failed
    )
    heads = ("run", "seed", "levers", "why")
    table = Grid(heads, (False,) * 4, rows[:50], "Runs that failed.", "The first 50." if len(rows) > 50 else "")
    return Section("failed", "Runs that failed", (table,))


def _origin(view: SweepView) -> Section:
    return Section(
        "sweep-origin",
        "Origin of the sweep",
        (
            Words("Each run's record follows from its scenario, seed and version. To run the sweep again:"),
            Code("crossfire sweep SWEEP/design.toml --out AGAIN"),
            manifest_grid(view.manifest),
        ),
    )
