"""Accounts under a scenario grid, row by row: equity, margin equity, requirements and worst scenarios.

Requirement = factor * loss in the worst scenario + contingencies (see `losses`).
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abm.ledger import SYSTEM
from abm.margin.portfolio.board import Board
from abm.margin.portfolio.book import Book, Numbers
from abm.margin.portfolio.holdings import Scratch, empty, take_coins, take_legs, take_positions
from abm.margin.portfolio.losses import contingencies, doubtful_coins, joint_loss, own_losses, profits

__all__ = ["margin_kernel", "margin_kernel_python", "safe_rows", "safe_rows_python"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def margin_kernel_python(
    rows: Ints, book: Book, board: Board, numbers: Numbers, room: Scratch, worst: Ints, joint: Ints
) -> Floats:
    """float64[5, rows]: equity, margin equity, initial margin, maintenance margin, notional.

    Writes the number of each underlying's worst scenario into `worst`, int64[rows, U], and those of the worst joint ones
    (initial, maintenance) into `joint`, int64[rows, 2]; T stands for the basis contingency.
    """
    result = np.zeros((5, len(rows)))
    empty(numbers, room)
    for i in range(len(rows)):
        row = rows[i]
        positions, gross = take_positions(row, book, board, numbers, room)
        options, more = take_legs(row, book, board, numbers, room)
        value, counted, initial = take_coins(row, book, numbers, room)
        profits(board, numbers, room)
        im, mm = own_losses(numbers, room, worst[i])
        if numbers.offset > 0.0:
            im_joint, joint[i, 0] = joint_loss(numbers.rates.im_factor, numbers, room)
            mm_joint, joint[i, 1] = joint_loss(numbers.rates.mm_factor, numbers, room)
            im += numbers.offset * (im_joint - im)
            mm += numbers.offset * (mm_joint - mm)
        im_more, mm_more = contingencies(board, numbers, room)
        doubtful = doubtful_coins(row, book, numbers, room)
        result[0, i] = book.quote[row] + positions + options + value
        result[1, i] = book.quote[row] + positions + options + counted
        result[2, i] = im + im_more + initial + doubtful
        result[3, i] = mm + mm_more
        result[4, i] = gross + more
        empty(numbers, room)
    return result


margin_kernel = njit(cache=True)(margin_kernel_python)


def safe_rows_python(rows: Ints, book: Book) -> NDArray[np.bool_]:
    """bool[rows]: accounts that cannot breach: the protocol's own, and those with no position, no option and no debt."""
    result = np.empty(len(rows), np.bool_)
    for i in range(len(rows)):
        row = rows[i]
        bare = book.quote[row] >= 0.0
        bare = bare and (book.slot_market.shape[1] == 0 or book.slot_market[row, 0] < 0)
        bare = bare and (book.leg_series.shape[1] == 0 or book.leg_series[row, 0] < 0)
        for h in range(book.coins.shape[1]):
            bare = bare and book.coins[row, h] >= 0.0
        result[i] = bare or book.mode[row] == SYSTEM
    return result


safe_rows = njit(cache=True)(safe_rows_python)
