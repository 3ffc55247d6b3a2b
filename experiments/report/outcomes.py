"""What the figures of a run's summary are called, with their units."""

__all__ = ["title", "unit"]

_COUNTS = {
    "breaches": "breaches",
    "first_breaches": "breaches",
    "accounts_breached": "accounts",
    "owners_breached": "owners",
    "unserved_breaches": "breaches",
    "liquidations": "executions",
    "roots": "breaches",
    "largest_tree": "breaches",
    "episodes": "episodes",
}
_MONEY = ("notional", "paid", "penalties", "deficit", "debt", "interest", "queued", "profit", "equity", "usd")
_PARTS = ("share", "part", "fraction", "ratio", "worst", "fall", "drawdown")
_TIMES = ("seconds", "time", "delay", "duration")


def unit(outcome: str) -> str:
    """Unit of a figure by its name: docs/record.md keeps to these endings."""
    if outcome in _COUNTS:
        return _COUNTS[outcome]
    words = outcome.lower().replace(".", "_").split("_")
    for endings, told in ((_PARTS, "fraction"), (_MONEY, "USD"), (_TIMES, "s")):
        if any(w in endings for w in words):
            return told
    return "number"


def title(outcome: str) -> str:
    """Name and unit for a heading: "liquidated notional (USD)"."""
    words = outcome.replace("_", " ")
    return words if words == unit(outcome) else f"{words} ({unit(outcome)})"
