"""Numbers with their units, short enough to read: `usd(1234567)` is "1.23M USD"."""

import math

__all__ = ["MISSING", "clock", "compact", "count", "percent", "seconds", "time_scale", "two_digits", "usd"]

_SUFFIXES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
MISSING = "–"
"""What stands for a missing number."""


def compact(value: float | None) -> str:
    """Three significant figures with k, M, B or T: 1234567 is 1.23M; missing is a dash."""
    if value is None or not math.isfinite(value):
        return MISSING
    size = abs(value)
    sign = "\N{MINUS SIGN}" if value < 0 else ""
    for scale, suffix in _SUFFIXES:
        if size >= 0.9995 * scale:
            return f"{sign}{_three(size / scale)}{suffix}"
    if size == 0:
        return "0"
    return sign + (_three(size) if size >= 0.001 else f"{size:.2g}")


def _three(size: float) -> str:
    """Three significant figures of a number below a thousand, without trailing zeros after the point."""
    digits = max(0, 2 - math.floor(math.log10(size))) if size > 0 else 0
    text = f"{size:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def usd(value: float | None) -> str:
    """Money: 1.23M USD."""
    text = compact(value)
    return text if text == MISSING else f"{text} USD"


def count(value: float, one: str, many: str = "") -> str:
    """A number of things in words: "1 breach", "1,234 breaches", "no breach"."""
    if value == 0:
        return f"no {one}"
    return f"{value:,.0f} {one if value == 1 else many or one + 's'}"


def percent(value: float | None, digits: int = 1) -> str:
    """A fraction as per cent: 0.123 is "12.3 %"."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{100 * value:.{digits}f}"
    if float(text) == 0:
        text = f"{0:.{digits}f}"
    return f"{text} %".replace("-", "\N{MINUS SIGN}")


def two_digits(value: float) -> str:
    """A plain number with two digits after the point."""
    text = f"{value:.2f}"
    return "0.00" if text == "-0.00" else text.replace("-", "\N{MINUS SIGN}")


def seconds(value: float | None) -> str:
    """A duration: "12.3 s", "4 min 05 s", "2 h 03 min", "3 d 4 h"."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value < 0:
        return "\N{MINUS SIGN}" + seconds(-value)
    if value < 120:
        return f"{value:.1f} s" if value != round(value) else f"{value:.0f} s"
    whole = round(value)
    if whole < 7200:
        return f"{whole // 60} min" + (f" {whole % 60:02d} s" if whole % 60 else "")
    minutes = whole // 60
    if minutes < 48 * 60:
        return f"{minutes // 60} h" + (f" {minutes % 60:02d} min" if minutes % 60 else "")
    hours = minutes // 60
    return f"{hours // 24} d" + (f" {hours % 24} h" if hours % 24 else "")


def clock(value: float | None) -> str:
    """A moment as hours, minutes, seconds since time 0: 0:20:03.5."""
    if value is None or not math.isfinite(value):
        return MISSING
    tenths = round(10 * abs(value))
    hours, rest = divmod(tenths, 36000)
    minutes, rest = divmod(rest, 600)
    sign = "\N{MINUS SIGN}" if value < 0 else ""
    return f"{sign}{hours}:{minutes:02d}:{rest / 10:04.1f}"


def time_scale(span: float) -> tuple[float, str]:
    """Seconds per unit, and the unit, in which an axis over `span` seconds reads best."""
    if span <= 300:
        return 1.0, "s"
    if span <= 4 * 3600:
        return 60.0, "min"
    return (3600.0, "h") if span <= 96 * 3600 else (86400.0, "d")
