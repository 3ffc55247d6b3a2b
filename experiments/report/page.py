"""The page: a run's sections, a sweep's, or both, as one HTML text that needs nothing else."""

from importlib.resources import files

import polars as pl
from jinja2 import DictLoader, Environment, StrictUndefined

from abm.record import Record
from experiments.figures.style import ROLES
from experiments.figures.units import count
from experiments.report.accounts import accounts_section, agents_section
from experiments.report.answer import answer
from experiments.report.blocks import Section
from experiments.report.bridges import bridges_section
from experiments.report.facts import gather
from experiments.report.losses import losses_section
from experiments.report.one_bad import one_bad_section
from experiments.report.origin import origin_section
from experiments.report.prices import four_section, liquidity_section, timeline_section
from experiments.report.replay import is_replay, replay_section
from experiments.report.sweep import sweep_sections
from experiments.report.systemic import systemic_section
from experiments.report.trees import cascade_section, channels_section
from experiments.report.view import SweepView

__all__ = ["report_run", "report_sweep"]

FOOTER = (
    "Made by Crossfire. Times are simulated, from time 0 of the price path; money is USD; k, M, B are thousand, million, "
    "billion."
)


def report_run(record: Record, *, sweep: SweepView | None = None, compare: pl.DataFrame | None = None) -> str:
    """The report of a run, with that of a sweep behind it if one is given.

    Parameters
    ----------
    record
        What the run left.
    sweep
        A sweep to report behind it.
    compare
        A real event's timeline for a replay: `second, liquidations, adls`, executions per second.

    Returns
    -------
    str
        HTML without any reference to another file.
    """
    sections = _run_sections(record, compare) + (sweep_sections(sweep) if sweep else [])
    scenario = record.scenario
    kicker = f"Crossfire, run of scenario {scenario.name}, seed {scenario.seed}"
    title = f"{scenario.name}: what happened" + (f", and the sweep {sweep.design.name}" if sweep else "")
    return _render(title, kicker, scenario.purpose, sections)


def report_sweep(sweep: SweepView) -> str:
    """The report of a sweep alone, as HTML without any reference to another file."""
    design = sweep.design
    kicker = f"Crossfire, sweep of {count(len(design.seeds), 'seed')}"
    return _render(f"{design.name}: what the levers did", kicker, design.purpose, sweep_sections(sweep))


def _run_sections(record: Record, compare: pl.DataFrame | None) -> list[Section]:
    facts = gather(record)
    found = one_bad_section(record)
    one_bad = [found] if found else []
    twins = any(agent.params.get("twin") for agent in record.scenario.agents)  # the scenario is about the comparison
    return [
        answer(facts),
        *(one_bad if twins else []),
        *([replay_section(record, compare)] if is_replay(record) else []),
        timeline_section(record, facts),
        channels_section(record, facts),
        cascade_section(record, facts),
        systemic_section(record),
        losses_section(record),
        *([] if twins else one_bad),
        accounts_section(record),
        agents_section(record),
        four_section(record),
        liquidity_section(record),
        bridges_section(record),
        origin_section(record),
    ]


def _render(title: str, kicker: str, purpose: str, sections: list[Section]) -> str:
    folder = files("experiments") / "templates"
    templates = {p.name: p.read_text(encoding="utf-8") for p in folder.iterdir() if p.name.endswith(".j2")}
    environment = Environment(
        loader=DictLoader(templates), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.get_template("report.html.j2")
    return page.render(title=title, kicker=kicker, purpose=purpose, sections=sections, roles=ROLES, footer=FOOTER)
