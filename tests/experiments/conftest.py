"""Modules that the tests here import by name: those beside this file, and those that workers run."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE / "tasks")]
