"""`crossfire presets`: the margin rules that are shipped."""

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from abm.margin.preset import Preset

__all__ = ["command"]


@click.command("presets", epilog="Example: crossfire presets dydx_v4")
@click.argument("preset", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(preset: str | None, as_json: bool) -> None:
    """List the presets, or the parameters of PRESET (a shipped name or a file) with the source and date of each."""
    from abm.margin.preset import load_preset, shipped_presets
    from experiments.console import print_json, print_table

    if preset is None:
        made = [load_preset(name) for name in shipped_presets()]
        rows = [_summary(p) for p in made]
        if as_json:
            print_json(rows)
            return
        columns = ["preset", "family", "protocol", "parameters", "sources", "newest"]
        print_table("presets", columns, [[row[c] for c in columns] for row in rows])
        click.echo("next: crossfire presets PRESET")
        return
    one = load_preset(preset)
    entries = [
        {"key": key, "value": value, "source": source.page, "date": source.date.isoformat(), "note": source.note}
        for key, value, source in one.entries()
        if source is not None
    ]
    if as_json:
        print_json(
            {"preset": one.name, "family": one.family, "protocol": one.title, "note": one.note, "parameters": entries}
        )
        return
    click.echo(f"{one.title} (family {one.family})" + (f": {one.note}" if one.note else ""))
    pages = list(dict.fromkeys((e["source"], e["date"], e["note"]) for e in entries))
    number = {page: i + 1 for i, page in enumerate(pages)}
    print_table(
        one.name, ["key", "value", "source"],
        [[e["key"], e["value"], f"[{number[e['source'], e['date'], e['note']]}]"] for e in entries],
    )  # fmt: skip
    for (page, date, note), i in number.items():
        click.echo(f"[{i}] {page}, {date}" + (f"; {note}" if note else ""))


def _summary(preset: "Preset") -> dict[str, Any]:
    entries = list(preset.entries())
    return {
        "preset": preset.name, "family": preset.family, "protocol": preset.title, "parameters": len(entries),
        "sources": len(preset.sources), "newest": max(s.date for s in preset.sources).isoformat(),
    }  # fmt: skip
