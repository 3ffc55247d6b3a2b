"""Where a run or a sweep comes from, and how to make it again."""

from collections.abc import Iterator, Mapping
from typing import Any

from abm.record import Record
from experiments.report.blocks import Block, Code, Grid, Section, Words

__all__ = ["manifest_grid", "origin_section"]


def origin_section(record: Record) -> Section:
    """Audit, seed, versions, and the command."""
    audit = record.scenario.audit
    often = f"every {audit.interval:g} s" if audit.interval else "after every block"
    blocks: list[Block] = [
        Words(
            f"Money and positions were audited {often}, to {audit.tolerance:g} of the gross; a run that fails its "
            "audit stops there and leaves no record."
        ),
        Words("The same scenario, seed and version give the same record, bit by bit. To run it again:"),
        Code(_command(record)),
        manifest_grid(record.manifest),
    ]
    return Section("origin", "Origin", tuple(blocks))


def _command(record: Record) -> str:
    prices = record.manifest.get("prices_file")
    given = f" --prices {prices}" if prices else ""
    return f"crossfire run RUN/scenario.toml --seed {record.scenario.seed}{given} --out AGAIN"


def manifest_grid(manifest: Mapping[str, Any]) -> Grid:
    """Every plain value of a manifest."""
    rows = tuple(_flat(manifest))
    return Grid(("key", "value"), (False, False), rows, "The manifest.")


def _flat(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key in sorted(node):
        value = node[key]
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _short(value)


def _plain(value: Any) -> str:
    """One member of a list as words."""
    return " ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, Mapping) else str(value)


def _short(value: Any, most: int = 160) -> str:
    text = ", ".join(map(_plain, value)) if isinstance(value, list | tuple) else str(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"
