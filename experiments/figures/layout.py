"""Where the nodes of a cascade stand: time to the right, one lane a leaf, trees below each other."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from experiments.figures.forest import numbered_roots

__all__ = ["Placed", "choose", "place"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Placed:
    """Nodes with places: one entry a node in every array; `parent` is a position in them, -1 for a root.

    `x` is seconds (rounds of one block spread over it), `y` a lane number from the top.
    """

    nodes: pl.DataFrame
    x: Floats
    y: Floats
    parent: Ints


def choose(forest: pl.DataFrame, trees: int, most: int) -> pl.DataFrame:
    """The largest nodes of the largest trees, each tied to its nearest shown ancestor.

    Parameters
    ----------
    forest
        See `forest.forest_frame`.
    trees
        How many trees, counted from the one with most breaches.
    most
        Most nodes in all; roots are always among them.

    Returns
    -------
    pl.DataFrame
        Rows of the forest in order of time, with the `number` of their tree.
    """
    roots = numbered_roots(forest).head(trees).filter((pl.col("breaches") > 1) | (pl.col("number") == 1))
    inside = forest.join(roots.select("root", "number"), on="root")
    if inside.height <= most:
        return inside.sort("time", "round", "breach")
    ranked = inside.sort(
        [pl.col("breach") == pl.col("root"), "notional", "breach"], descending=[True, True, False]
    ).head(most)
    parent_of: dict[int, int | None] = dict(inside.select("breach", "parent").iter_rows())
    kept = set(ranked["breach"])

    def ancestor(breach: int) -> int | None:
        above = parent_of[breach]
        while above is not None and above not in kept:
            above = parent_of[above]
        return above

    parents = [ancestor(b) for b in ranked["breach"]]
    return ranked.with_columns(pl.Series("parent", parents, dtype=pl.Int64)).sort("time", "round", "breach")


def place(nodes: pl.DataFrame) -> Placed:
    """Places of nodes that `choose` made."""
    row = {int(b): i for i, b in enumerate(nodes["breach"])}
    parent = np.array([-1 if p is None else row[p] for p in nodes["parent"]], dtype=np.int64)
    children: list[list[int]] = [[] for _ in parent]
    for i, p in enumerate(parent):
        if p >= 0:
            children[p].append(i)
    roots = [int(i) for i in np.flatnonzero(parent < 0)]
    roots.sort(key=nodes["number"].to_list().__getitem__)
    return Placed(nodes, _moments(nodes), _lanes(roots, children), parent)


def _moments(nodes: pl.DataFrame) -> Floats:
    """Seconds, the rounds of one block spread over the shortest time between two blocks."""
    times = nodes["time"].to_numpy().astype(np.float64)
    rounds = nodes["round"].to_numpy().astype(np.float64)
    gaps = np.diff(np.unique(times))
    room = float(gaps.min()) if len(gaps) else 1.0
    return times + 0.8 * room * rounds / (rounds.max(initial=0.0) + 1.0)


def _arrange(children: list[list[int]]) -> list[list[int]]:
    """Children of each node from top to bottom; nodes stand in order of time, so parents before their children.

    The child with most below it stands in the middle and goes on straight; of the others, those that branch off later
    stand closer to it, by turns above and below, so that branches of a node do not cross.
    """
    weight = [1] * len(children)
    for node in reversed(range(len(children))):
        weight[node] += sum(weight[c] for c in children[node])
    arranged = []
    for own in children:
        heavy = max(own, key=lambda c: weight[c], default=None)
        others = [c for c in own if c != heavy]
        above, below = others[::2], others[1::2][::-1]
        arranged.append([*above, *([] if heavy is None else [heavy]), *below])
    return arranged


def _lanes(roots: list[int], children: list[list[int]]) -> Floats:
    """Leaves get the next free lane, a parent that of its heaviest child; a gap between trees."""
    arranged = _arrange(children)
    y = np.zeros(len(children))
    free = 0.0
    for root in roots:
        order = _walk(root, arranged)
        for node in order:
            if not children[node]:
                y[node] = free
                free += 1.0
        for node in reversed(order):
            if children[node]:
                y[node] = y[arranged[node][(len(children[node])) // 2]]
        free += 1.0
    return y


def _walk(root: int, children: list[list[int]]) -> list[int]:
    """A root and all below it, each after its parent, siblings in order."""
    order: list[int] = []
    stack = [root]
    while stack:
        node = stack.pop()
        order.append(node)
        stack.extend(reversed(children[node]))
    return order
