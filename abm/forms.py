"""What is wrong with a filled-in form (a pydantic model), in one line for people."""

from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from abm.errors import UserError, nearest

__all__ = ["explain"]

MOST_SHOWN = 80
"""Characters of a wrong value that an error shows."""


def explain[E: UserError](
    form: type[BaseModel], error: ValidationError, place: str, mistake: type[E], *, join: str = ": "
) -> E:
    """The first mistake in a form as a user's error: the key, what is wrong with it, what is allowed there.

    Parameters
    ----------
    place
        What was filled in, as errors name it: a file, or the key below which the form lies.
    mistake
        The kind of error that is made (not raised).
    join
        What stands between the place and the key.
    """
    found = error.errors()
    first = next((e for e in found if e["type"] == "extra_forbidden"), found[0])  # it may be the missing one
    loc = [str(part) for part in first["loc"]]
    where = join.join([place, ".".join(loc)]) if loc else place
    kind = first["type"]
    if kind == "extra_forbidden":
        return mistake(where, f"unknown key '{loc[-1]}'", nearest(loc[-1], _fields_at(form, first["loc"][:-1])))
    if kind == "missing":
        return mistake(where, "missing", "add this key")
    if kind == "too_short":
        return mistake(where, "is empty", "give at least one")
    if kind == "value_error":
        what, _, remedy = str(first["ctx"]["error"]).partition("; ")
        return mistake(where, what + _shown(first), remedy or ("change the value" if loc else "mend it"))
    if (shape := _shape(loc, kind, first.get("input"))) is not None:
        return mistake(where, *shape)
    message = first["msg"]
    return mistake(where, message[0].lower() + message[1:] + _shown(first), "change the value")


def _shape(loc: list[str], kind: str, given: Any) -> tuple[str, str] | None:
    """What is wrong, and what to write, where a table, a list or a list of tables stands for another of them."""
    name = ".".join(part for part in loc if not part.isdigit())
    if kind == "tuple_type" and isinstance(given, dict):
        return "is one table where a list of tables belongs", f"write [[{name}]]"
    if kind == "tuple_type":
        return "is no list", f"write {loc[-1]} = [...]"
    if kind in ("model_type", "dict_type") and isinstance(given, list):
        return "is a list where one table belongs", f"write [{name}]"
    if kind in ("model_type", "dict_type"):
        return f"is a table of keys, and {given!r} is none", f"set one of its keys, {name}.KEY"
    return None


def _shown(error: ErrorDetails) -> str:
    """What was given, where that is a plain value."""
    given = error.get("input")
    if not isinstance(given, int | float | str | bool):
        return ""
    told = repr(given)
    return f", got {told if len(told) <= MOST_SHOWN else told[:MOST_SHOWN] + '...'}"


def _fields_at(form: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Names of the keys allowed at a place in the nested models."""
    current: Any = form
    named = False  # whether the next part is a name of the user's own
    for part in loc:
        if named or isinstance(part, int):
            named = False
            continue
        field = current.model_fields.get(part)
        if field is None:
            return []
        inner = [a for a in get_args(field.annotation) if isinstance(a, type) and issubclass(a, BaseModel)]
        current = inner[0] if inner else field.annotation
        named = get_origin(field.annotation) is dict
    if not (isinstance(current, type) and issubclass(current, BaseModel)):
        return []
    return [f.alias or n for n, f in current.model_fields.items()]
