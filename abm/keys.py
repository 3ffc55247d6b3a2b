"""What the keys of a scenario take: names, numbers within a range, spans of time; and the base of all its pieces."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

__all__ = [
    "BelowOne", "Finite", "Fraction", "Name", "Names", "NonNegative", "Positive", "Span", "Spans", "Spec", "unique",
]  # fmt: skip

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$", max_length=40)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1)]
BelowOne = Annotated[float, Field(ge=0, lt=1)]


def _ordered(span: tuple[float, float]) -> tuple[float, float]:
    if span[0] >= span[1]:
        raise ValueError(f"from {span[0]} is not before to {span[1]}")
    return span


def unique(items: tuple[str, ...]) -> tuple[str, ...]:
    """The items; ValueError where one is there twice."""
    twice = next((item for i, item in enumerate(items) if item in items[:i]), None)
    if twice is not None:
        raise ValueError(f"'{twice}' is there twice; remove one")
    return items


Names = Annotated[tuple[Name, ...], AfterValidator(unique)]
Span = Annotated[tuple[NonNegative, NonNegative], AfterValidator(_ordered)]
Spans = tuple[Span, ...]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Spec(BaseModel):
    """Base of all pieces: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")
