"""Where trades happen: books with impact and depth, pools, funding, index and mark."""

from abm.venues.books import Book, Books, Fill
from abm.venues.build import build_books
from abm.venues.funding import Funding
from abm.venues.mark import Marks, build_marks

__all__ = ["Book", "Books", "Fill", "Funding", "Marks", "build_books", "build_marks"]
