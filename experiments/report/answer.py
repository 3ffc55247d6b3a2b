"""What happened, in a paragraph and a handful of figures."""

from experiments.figures.channels import CHANNEL_WORDS
from experiments.figures.losses import LAYERS
from experiments.figures.units import clock, count, percent, seconds, usd
from experiments.report.blocks import KeyFigures, Section, Words
from experiments.report.facts import Facts

__all__ = ["answer"]


def answer(facts: Facts) -> Section:
    """The section that opens the report of a run."""
    if not facts.breaches:
        text = f"No account fell below its maintenance margin in {seconds(facts.span)}: nothing was liquidated."
        return Section("answer", "What happened", (Words(f"{text} {_price(facts)}".strip()), _figures(facts)))
    first = " ".join(part for part in (_price(facts), _breaches(facts), _deficits(facts)) if part)
    second = " ".join(part for part in (_causes(facts), _tree(facts)) if part)
    return Section("answer", "What happened", (Words(first), Words(second), _figures(facts)))


def _price(facts: Facts) -> str:
    if facts.fall is None:
        return "No market closed below its first price."
    fall = facts.fall
    return (
        f"The last price of {fall.market} fell furthest, by {percent(fall.fraction)} at {clock(fall.time)} (h:min:s)."
    )


def _breaches(facts: Facts) -> str:
    again = f" in {count(facts.breaches, 'breach', 'breaches')}" if facts.breaches != facts.accounts else ""
    executed = (
        f"{count(facts.executions, 'execution')} closed {usd(facts.liquidated)} of notional"
        if facts.executions
        else "none was liquidated before the end"
    )
    return (
        f"Within {seconds(facts.span)}, {count(facts.accounts, 'account')} fell below maintenance margin{again}, "
        f"and {executed}."
    )


def _deficits(facts: Facts) -> str:
    if not facts.short:
        return "Every liquidated account paid for its own losses: nothing was missing."
    parts = [f"{LAYERS.get(k, k)} {usd(v)}" for k, v in facts.paid.items()]
    paid = f" Who paid: {_listed(parts)}." if parts else ""
    return f"{count(facts.short, 'breach', 'breaches')} ended with {usd(facts.deficits)} missing.{paid}"


def _causes(facts: Facts) -> str:
    impact = facts.channels.get("impact", 0.0) + facts.channels.get("small", 0.0)
    news = facts.channels.get("news", 0.0)
    rest = {k: v for k, v in facts.channels.items() if k not in ("impact", "small", "news") and abs(v) >= 0.005}
    others = sorted(rest.items(), key=lambda item: (-abs(item[1]), item[0]))[:3]
    told = "".join(f", {percent(v)} to {CHANNEL_WORDS.get(k, k)}" for k, v in others)
    return (
        f"Of what pushed the accounts over, {percent(impact)} is due to the price moves of liquidations before them "
        f"and {percent(news)} to news{told} (mean over breaches)."
    )


def _tree(facts: Facts) -> str:
    tree = facts.tree
    if tree is None or tree.breaches == 1:
        return "No breach had another one as its cause."
    return (
        f"The largest tree of breaches that caused breaches has {tree.breaches:,} of them with {usd(tree.notional)} of "
        f"notional; it began at {clock(tree.time)} with account {tree.account} ({tree.cohort}, {tree.protocol})."
    )


def _figures(facts: Facts) -> KeyFigures:
    impact = facts.channels.get("impact", 0.0) + facts.channels.get("small", 0.0)
    pairs = [
        (f"{facts.breaches:,}", "breaches of maintenance margin"),
        (f"{facts.accounts:,}", "accounts that breached"),
        (f"{facts.executions:,}", "liquidation executions"),
        (usd(facts.liquidated), "notional liquidated"),
        (usd(facts.deficits), "missing from liquidated accounts"),
    ]
    if facts.breaches:
        pairs.append((percent(impact), "share of the breaches due to liquidations"))
    if facts.tree is not None:
        pairs.append((f"{facts.tree.breaches:,}", "breaches in the largest tree"))
    if facts.fall is not None:
        pairs.append((percent(-facts.fall.fraction), f"deepest fall: {facts.fall.market}"))
    return KeyFigures(tuple(pairs))


def _listed(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
