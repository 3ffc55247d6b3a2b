"""What happened, in a paragraph and a handful of figures."""

from experiments.figures.channels import CHANNEL_WORDS
from experiments.figures.losses import LAYERS
from experiments.figures.units import clock, count, percent, seconds, two_digits, usd
from experiments.report.blocks import KeyFigures, Section, Words
from experiments.report.facts import Facts

__all__ = ["answer"]


def answer(facts: Facts) -> Section:
    """The section that opens the report of a run."""
    if not facts.breaches:
        text = f"No account fell below its maintenance margin in {seconds(facts.span)}: nothing was liquidated."
        return Section("answer", "What happened", (Words(f"{text} {_price(facts)}".strip()), _figures(facts)))
    first = " ".join(part for part in (_price(facts), _breaches(facts), _deficits(facts)) if part)
    second = " ".join(part for part in (_causes(facts), _origin(facts), _trees(facts)) if part)
    return Section("answer", "What happened", (Words(first), Words(second), _figures(facts)))


def _price(facts: Facts) -> str:
    if facts.fall is None:
        return "No market closed below its first price."
    fall = facts.fall
    return (
        f"The last price of {fall.market} fell furthest, by {percent(fall.fraction)} at {clock(fall.time)} (h:min:s)."
    )


def _breaches(facts: Facts) -> str:
    again = f", {facts.breaches:,} with repeats" if facts.breaches != facts.first else ""
    part = "" if facts.liquidated_share is None else f", {percent(facts.liquidated_share)} of the opening open interest"
    executed = (
        f"{count(facts.executions, 'execution')} closed {usd(facts.liquidated)} of notional{part}"
        if facts.executions
        else "none was liquidated before the end"
    )
    return (
        f"Within {seconds(facts.span)}, {count(facts.accounts, 'account')} of {count(facts.owners, 'owner')} fell below "
        f"maintenance margin ({count(facts.first, 'first breach', 'first breaches')}{again}), and {executed}."
    )


def _deficits(facts: Facts) -> str:
    if not facts.short:
        return "Every liquidated account paid for its own losses: nothing was missing."
    parts = [f"{LAYERS.get(k, k)} {usd(v)}" for k, v in facts.paid.items()]
    paid = f" Who paid: {_listed(parts)}." if parts else ""
    return f"{count(facts.short, 'breach', 'breaches')} ended with {usd(facts.deficits)} missing.{paid}"


def _causes(facts: Facts) -> str:
    news = facts.channels.get("news", 0.0)
    rest = {k: v for k, v in facts.channels.items() if k not in ("impact", "small", "news") and abs(v) >= 0.005}
    others = sorted(rest.items(), key=lambda item: (-abs(item[1]), item[0]))[:3]
    told = "".join(f", {percent(v)} to {CHANNEL_WORDS.get(k, k)}" for k, v in others)
    share = facts.endogenous
    return (
        f"Of what pushed the accounts over, {percent(share['first_usd'])} is due to the price moves of liquidations before "
        f"them and {percent(news)} to news{told} (by notional of first breaches). Liquidations had "
        f"{percent(share['first'])} with each first breach counting the same; over all breaches, repeats included, "
        f"{percent(share['all_usd'])} by notional and {percent(share['all'])} by number."
    )


def _origin(facts: Facts) -> str:
    top = facts.network.nodes.sort("number").row(0, named=True)
    if top["others"] < 0.05:
        return "No breach had a part worth a twentieth of a breach in those of others."
    return (
        f"The breach with most effect on others was that of account {top['account']} ({top['cohort']}, {top['protocol']}) at "
        f"{clock(top['time'])}: worth {two_digits(top['others'])} breaches of other owners."
    )


def _trees(facts: Facts) -> str:
    if not facts.children:
        return "No breach had most of its fall from earlier liquidations, so no breach is drawn as another's child."
    tree = facts.trees.row(0, named=True)
    return (
        f"{count(facts.children, 'breach', 'breaches')} of {facts.breaches:,} had most of the fall from earlier liquidations; "
        f"the largest tree of such has {count(tree['size'], 'breach', 'breaches')}, in which a parent alone had "
        f"{percent(tree['parent_share'])} of its child at the median."
    )


def _figures(facts: Facts) -> KeyFigures:
    pairs = [
        (f"{facts.owners:,}", "owners with a breach of maintenance margin"),
        (f"{facts.first:,}", "first breaches (account and episode)"),
        (usd(facts.liquidated), "notional liquidated"),
    ]
    if facts.liquidated_share is not None:
        pairs.append((percent(facts.liquidated_share), "of the opening open interest liquidated"))
    pairs.append((usd(facts.deficits), "missing from liquidated accounts"))
    if facts.breaches:
        told = "of first breaches, by notional, due to earlier liquidations"
        pairs.append((percent(facts.endogenous["first_usd"]), told))
        pairs.append((f"{facts.children:,}", "breaches that had most of their fall from them"))
    if facts.fall is not None:
        pairs.append((percent(-facts.fall.fraction), f"deepest fall: {facts.fall.market}"))
    return KeyFigures(tuple(pairs))


def _listed(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
