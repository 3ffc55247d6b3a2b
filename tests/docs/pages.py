"""The pages of the documentation, and the code in them."""

import contextlib
import io
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

PAGES = sorted((ROOT / "docs").glob("*.md"))

BLOCK = re.compile(r"```python\n(?P<code>.*?)```(?:\n\n```text\n(?P<shown>.*?)```)?", flags=re.DOTALL)
"""A block of code, and what the page says that it prints."""


def run_page(path: Path) -> tuple[dict[str, Any], list[tuple[str, str | None]]]:
    """Run the blocks of a page in order, as one notebook: its names, and what each block printed and should have."""
    names: dict[str, Any] = {}
    printed = []
    for block in BLOCK.finditer(path.read_text(encoding="utf-8")):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(block["code"], str(path), "exec"), names)
        printed.append((out.getvalue(), block["shown"]))
    return names, printed
