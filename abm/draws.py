"""Randomness keyed by what it is for: every draw is a function of (root, purpose, entity, event).

There is no stream and no state.  Two worlds that share a root share every draw that has the
same purpose, entity and event, however much else they draw, and in whatever order: that is what
lets a counterfactual be compared with the fact draw by draw (common random numbers).

What is the same under what:

- The same (root, purpose, entity, event) gives the same bits, alone or inside an array, whatever
  else was drawn before, whatever the shape, order or strides of the arrays, in any process.
- `uniform`, `normal` and `exponential` of one key are functions of the same 128 random bits, so
  they are *not* independent of one another: what needs two draws needs two purposes or events.
- An entity given by name is its `entity_id`; the name and that number give the same draw.
- Another root, purpose, entity or event gives an unrelated draw.

The generator is Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers, as easy as
1, 2, 3; SC11).  Its counter is (entity low, entity high, event low, event high), 32 bits each;
its key is the first 64 bits of BLAKE2b of the purpose, keyed with the root.
"""

import math
from functools import lru_cache
from hashlib import blake2b
from typing import Any, overload

import numpy as np
from numba import njit, vectorize
from numpy.typing import NDArray

__all__ = [
    "Draws",
    "entity_id",
    "event_id",
    "exponential_python",
    "normal_python",
    "philox",
    "philox_python",
    "uniform_python",
]

type Ints = NDArray[np.int64]
type Floats = NDArray[np.float64]

_ROUNDS = 10
_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_MULTIPLIER_0, _MULTIPLIER_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL_0, _WEYL_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_SPARE, _ONE = np.uint64(12), np.uint64(1)
_UNIT = 2.0**-53


@lru_cache(maxsize=65536)
def entity_id(name: str) -> int:
    """The stable 63-bit number of a name, the same in every process (BLAKE2b, never `hash`)."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little") >> 1


def event_id(time: float) -> int:
    """The number of the event at `time` seconds: whole microseconds, the nearest."""
    return round(time * 1e6)


class Draws:
    """All randomness of one world.

    Parameters
    ----------
    root
        The seed, in 0 .. 2^64 - 1.

    Raises
    ------
    ValueError
        The root lies outside that range.
    """

    def __init__(self, root: int) -> None:
        if not 0 <= root < 2**64:
            raise ValueError(f"the root must lie in 0 .. 2^64 - 1, got {root}")
        self.root = root
        self._keys: dict[str, int] = {}

    @overload
    def uniform(self, purpose: str, entity: int | str, event: int) -> float: ...
    @overload
    def uniform(self, purpose: str, entity: Ints, event: int | Ints) -> Floats: ...
    @overload
    def uniform(self, purpose: str, entity: int | str, event: Ints) -> Floats: ...
    def uniform(self, purpose: str, entity: int | str | Ints, event: int | Ints) -> float | Floats:
        """Uniform in the open interval (0, 1): the odd multiples of 2^-53, symmetric about one half.

        Parameters
        ----------
        purpose
            What the draw is for, such as "keeper latency".
        entity
            Who draws: a stable number, a name, or an array of numbers; never a row.
        event
            When: a scheduled time as `event_id`, or a count within the entity.  Arrays broadcast.
        """
        drawn: float | Floats = self._draw(_uniform, _uniforms, purpose, entity, event)
        return drawn

    @overload
    def normal(self, purpose: str, entity: int | str, event: int) -> float: ...
    @overload
    def normal(self, purpose: str, entity: Ints, event: int | Ints) -> Floats: ...
    @overload
    def normal(self, purpose: str, entity: int | str, event: Ints) -> Floats: ...
    def normal(self, purpose: str, entity: int | str | Ints, event: int | Ints) -> float | Floats:
        """Standard normal, by Box and Muller (1958); arguments as for `uniform`."""
        drawn: float | Floats = self._draw(_normal, _normals, purpose, entity, event)
        return drawn

    @overload
    def exponential(self, purpose: str, entity: int | str, event: int) -> float: ...
    @overload
    def exponential(self, purpose: str, entity: Ints, event: int | Ints) -> Floats: ...
    @overload
    def exponential(self, purpose: str, entity: int | str, event: Ints) -> Floats: ...
    def exponential(self, purpose: str, entity: int | str | Ints, event: int | Ints) -> float | Floats:
        """Exponential with mean one, above zero; arguments as for `uniform`."""
        drawn: float | Floats = self._draw(_exponential, _exponentials, purpose, entity, event)
        return drawn

    def key(self, purpose: str) -> int:
        """The generator's key for a purpose, as a signed 64-bit number."""
        key = self._keys.get(purpose)
        if key is None:
            digest = blake2b(purpose.encode(), digest_size=8, key=self.root.to_bytes(8, "little")).digest()
            key = self._keys[purpose] = int.from_bytes(digest, "little", signed=True)
        return key

    def _draw(self, one: Any, many: Any, purpose: str, entity: int | str | Ints, event: int | Ints) -> Any:
        if isinstance(entity, str):
            entity = entity_id(entity)
        if isinstance(entity, np.ndarray) or isinstance(event, np.ndarray):
            return many(self.key(purpose), entity, event)
        return one(self.key(purpose), entity, event)


def _philox(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> tuple[Any, Any, Any, Any]:
    """Four words of 32 bits from four words of counter and two of key, each held in a uint64."""
    for _ in range(_ROUNDS):
        p0 = _MULTIPLIER_0 * c0
        p1 = _MULTIPLIER_1 * c2
        c0, c1, c2, c3 = (p1 >> _HALF) ^ c1 ^ k0, p1 & _LOW, (p0 >> _HALF) ^ c3 ^ k1, p0 & _LOW
        k0 = (k0 + _WEYL_0) & _LOW
        k1 = (k1 + _WEYL_1) & _LOW
    return c0, c1, c2, c3


philox = njit(cache=True)(_philox)


def philox_python(c0: int, c1: int, c2: int, c3: int, k0: int, k1: int) -> tuple[int, int, int, int]:
    """The reference of `philox`, on plain integers."""
    low = 0xFFFFFFFF
    for _ in range(_ROUNDS):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & low, (p0 >> 32) ^ c3 ^ k1, p0 & low
        k0, k1 = (k0 + 0x9E3779B9) & low, (k1 + 0xBB67AE85) & low
    return c0, c1, c2, c3


def _open_unit_of(low: Any, high: Any) -> float:
    """(2 k + 1) 2^-53 of the upper 52 bits: never 0, and never rounded to 1."""
    return float((((high << _HALF) | low) >> _SPARE << _ONE) | _ONE) * _UNIT


_open_unit = njit(cache=True)(_open_unit_of)


def _two_of(key: int, entity: int, event: int) -> tuple[float, float]:
    """Two independent uniforms of one key."""
    k, a, b = np.uint64(key), np.uint64(entity), np.uint64(event)
    w0, w1, w2, w3 = philox(a & _LOW, a >> _HALF, b & _LOW, b >> _HALF, k & _LOW, k >> _HALF)
    return _open_unit(w0, w1), _open_unit(w2, w3)


_two = njit(cache=True)(_two_of)


def _uniform_of(key: int, entity: int, event: int) -> float:
    u, _ = _two(key, entity, event)
    return float(u)


def _normal_of(key: int, entity: int, event: int) -> float:
    u, v = _two(key, entity, event)
    return math.sqrt(-2.0 * math.log(u)) * math.cos(2.0 * math.pi * v)


def _exponential_of(key: int, entity: int, event: int) -> float:
    u, _ = _two(key, entity, event)
    return -math.log(u)


_uniform, _normal, _exponential = (njit(cache=True)(law) for law in (_uniform_of, _normal_of, _exponential_of))


def _uniform_each(key: int, entity: int, event: int) -> float:
    return float(_uniform(key, entity, event))


def _normal_each(key: int, entity: int, event: int) -> float:
    return float(_normal(key, entity, event))


def _exponential_each(key: int, entity: int, event: int) -> float:
    return float(_exponential(key, entity, event))


# Functions of their own, because numba's disk cache keeps one file a function.
_uniforms, _normals, _exponentials = (
    vectorize(cache=True)(law) for law in (_uniform_each, _normal_each, _exponential_each)
)


def _two_python(key: int, entity: int, event: int) -> tuple[float, float]:
    words = [word >> shift & 0xFFFFFFFF for word in (entity, event, key) for shift in (0, 32)]
    w0, w1, w2, w3 = philox_python(*words)
    return ((w1 << 32 | w0) >> 12 << 1 | 1) * _UNIT, ((w3 << 32 | w2) >> 12 << 1 | 1) * _UNIT


def uniform_python(key: int, entity: int, event: int) -> float:
    """The reference of `Draws.uniform`, given `Draws.key(purpose)`."""
    return _two_python(key, entity, event)[0]


def normal_python(key: int, entity: int, event: int) -> float:
    """The reference of `Draws.normal`, given `Draws.key(purpose)`."""
    u, v = _two_python(key, entity, event)
    return math.sqrt(-2.0 * math.log(u)) * math.cos(2.0 * math.pi * v)


def exponential_python(key: int, entity: int, event: int) -> float:
    """The reference of `Draws.exponential`, given `Draws.key(purpose)`."""
    return -math.log(uniform_python(key, entity, event))
