"""One self-contained HTML page on a run, on a sweep, or on both."""

from experiments.report.one_bad import one_bad_asset
from experiments.report.page import report_run, report_sweep
from experiments.report.view import SweepView, read_sweep
from experiments.report.write import write_report

__all__ = ["SweepView", "one_bad_asset", "read_sweep", "report_run", "report_sweep", "write_report"]
