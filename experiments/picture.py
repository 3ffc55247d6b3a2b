"""A figure that a command saves as a PNG where the user says."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from abm.errors import UserError

__all__ = ["check_picture", "save_picture_to"]


def check_picture(path: Path) -> Path:
    """A path that can hold a picture, told before any work is done.

    Raises
    ------
    UserError
        It is no .png, or its folder is not there.
    """
    if path.suffix.lower() != ".png":
        raise UserError(f"--picture {path}", "a picture is a PNG", "name it .png")
    if not path.absolute().parent.is_dir():
        raise UserError(f"--picture {path}", "is in a folder that is not there", "make it, or choose another file")
    return path


def save_picture_to(path: Path, draw: Callable[..., Any]) -> Path:
    """Draw and save, in the wide shape.

    Raises
    ------
    UserError
        The file cannot be written.
    """
    from experiments.figures.style import save_png

    try:
        return save_png(draw, check_picture(path))
    except OSError as error:
        raise UserError(f"--picture {path}", f"cannot be written ({error.strerror})", "choose another file") from error
