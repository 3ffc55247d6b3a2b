"""Known answers against our engines: a file's cases, each put to the rule of its kind.

A file is a JSON table with `family`, `cases`, and optionally `parameters` and `source`.  `family` chooses the rules by
`FAMILIES`, a case's `kind` the rule; `override` replaces single parameters.  A number agrees when it is within the case's
`tolerance` (absolute; a table gives one per key) or within 1e-9 of what is expected, relatively, whichever is wider; a list
agrees element by element; booleans and words are equal.
"""

import importlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from abm.errors import ConformError, nearest

__all__ = ["FAMILIES", "RELATIVE", "Checked", "Verdict", "agrees", "check_file"]

FAMILIES = {
    "aave_v3": "aave_v3",
    "derive_pmrm": "derive_pmrm",
    "drift_v2": "drift_v2",
    "dydx_v4": "dydx_v4",
    "exchanges": "exchanges",
    "gmx_v2": "gmx_v2",
    "mango_v4": "mango_v4",
    "options": "options",
    "preset": "preset",
    "synthetix_v3": "synthetix_v3",
}
"""From a file's family to the module here that puts its cases to our engines."""

RELATIVE = 1e-9
"""Relative difference at which numbers agree whatever the tolerance."""

Case = Mapping[str, Any]
Rule = Callable[[Case, Case], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One key of one case; `got` is None where the rule could not answer, `why` then says so."""

    file: str
    name: str
    kind: str
    key: str
    expected: Any
    got: Any
    tolerance: float
    agrees: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of a file: its verdicts, or why it was skipped."""

    file: str
    family: str
    cases: int
    verdicts: tuple[Verdict, ...]
    skipped: str = ""


def check_file(path: Path) -> Checked:
    """Put a file's cases to the engines.

    Raises
    ------
    ConformError
        The file cannot be read, or is not of the form.
    """
    place = str(path)
    table = _read(path)
    family, cases = table["family"], table["cases"]
    if family not in FAMILIES:
        return Checked(place, family, len(cases), (), f"no engine for family '{family}'")
    rules: Mapping[str, Rule] = importlib.import_module(f"experiments.conform.{FAMILIES[family]}").RULES
    base = {**table.get("parameters", {}), "folder": str(path.parent)}
    verdicts: list[Verdict] = []
    for case in cases:
        verdicts += _verdicts(place, case, rules, _overridden(base, case.get("override", {})))
    return Checked(place, family, len(cases), tuple(verdicts))


def _read(path: Path) -> dict[str, Any]:
    """The file, checked as far as all families share it."""
    place = str(path)
    try:
        table = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConformError(place, f"cannot be read ({error.strerror})", "give a file of known answers") from error
    except (ValueError, RecursionError) as error:
        raise ConformError(place, f"is no JSON ({error})", "mend the syntax") from error
    if not isinstance(table, dict):
        raise ConformError(place, "is no table of keys", 'write {"family": ..., "cases": [...]}')
    shapes: dict[str, type] = {"family": str, "cases": list}
    for key, shape in shapes.items():
        if not isinstance(table.get(key), shape):
            raise ConformError(f"{place}: {key}", "is missing or of the wrong shape", "see docs/conformance.md")
    if not isinstance(table.get("parameters", {}), dict):
        raise ConformError(f"{place}: parameters", "is no table of keys", "see docs/conformance.md")
    for i, case in enumerate(table["cases"]):
        if not isinstance(case, dict):
            raise ConformError(f"{place}: cases.{i}", "is no table of keys", "see docs/conformance.md")
        needed: dict[str, type] = {"name": str, "kind": str, "expected": dict}
        for key, shape in needed.items():
            if not isinstance(case.get(key), shape):
                raise ConformError(f"{place}: cases.{i}.{key}", "is missing or of the wrong shape", "add it")
        if not isinstance(case.get("override", {}), dict):
            raise ConformError(f"{place}: cases.{i}.override", "is no table of keys", "mend it")
        _check_tolerance(f"{place}: cases.{i}.tolerance", case)
    return table


def _check_tolerance(where: str, case: Case) -> None:
    given = case.get("tolerance", 0.0)
    for value in given.values() if isinstance(given, dict) else [given]:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value < math.inf:
            raise ConformError(where, f"is {value!r}", "give a number that is not negative, or one per key")


def _overridden(base: Case, changes: Case) -> dict[str, Any]:
    """Parameters with single ones replaced; within a table, its keys one by one."""
    made = dict(base)
    for key, value in changes.items():
        old = made.get(key)
        made[key] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
    return made


def _verdicts(place: str, case: Case, rules: Mapping[str, Rule], parameters: Case) -> list[Verdict]:
    """One verdict a key that the case expects."""
    kind, why, got = case["kind"], "", {}
    if kind not in rules:
        why = f"no rule for kind '{kind}'; {nearest(kind, rules)}"
    else:
        try:
            got = dict(rules[kind](case, parameters))
        except KeyError as error:
            why = f"the rule needs {error}, which the case does not have"
        except (ValueError, TypeError, IndexError, AttributeError, ArithmeticError) as error:
            why = " ".join(str(error).split()) or type(error).__name__
    found = []
    for key, expected in case["expected"].items():
        tolerance = case.get("tolerance", 0.0)
        width = float(tolerance.get(key, 0.0) if isinstance(tolerance, dict) else tolerance)
        reason = why or ("" if key in got else f"the rule gives no '{key}', only {', '.join(sorted(got)) or 'nothing'}")
        value = got.get(key)
        verdict = not reason and agrees(expected, value, width)
        found.append(Verdict(place, case["name"], kind, key, expected, value, width, verdict, reason))
    return found


def agrees(expected: Any, got: Any, tolerance: float) -> bool:
    """Whether a value is the expected one, as the module says."""
    if isinstance(expected, dict):
        same = isinstance(got, dict) and expected.keys() == got.keys()
        return same and all(agrees(expected[k], got[k], tolerance) for k in expected)
    if isinstance(expected, list):
        same = isinstance(got, list | tuple) and len(expected) == len(got)
        return same and all(agrees(e, g, tolerance) for e, g in zip(expected, got, strict=True))
    if isinstance(expected, bool) or isinstance(got, bool) or not isinstance(expected, int | float):
        return type(expected) is type(got) and bool(expected == got)
    if not isinstance(got, int | float) or math.isnan(got):
        return False
    return abs(got - expected) <= max(tolerance, RELATIVE * abs(expected)) or got == expected
