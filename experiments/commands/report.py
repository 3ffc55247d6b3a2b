"""`crossfire report`: the HTML report."""

from pathlib import Path

import click

__all__ = ["command"]


@click.command("report", epilog="Example: crossfire report results/mine --html mine.html")
@click.argument("source", metavar="RUN-OR-SWEEP", type=click.Path(path_type=Path))
@click.option("--html", type=click.Path(path_type=Path), help="File to write; report.html in the folder by default.")
@click.option("--sweep", type=click.Path(path_type=Path), help="A sweep to report behind a run.")
@click.option("--picture", type=click.Path(path_type=Path), help="Also write the cascade as a PNG.")
@click.option("--json", "as_json", is_flag=True, help="Print {html, picture}.")
def command(source: Path, html: Path | None, sweep: Path | None, picture: Path | None, as_json: bool) -> None:
    """Write the report of a run or of a sweep: one HTML file that needs no network."""
    from experiments.console import print_json
    from experiments.report import write_report

    if picture is not None:
        _draw(source, picture)
    written = write_report(source, html or source / "report.html", sweep=sweep)
    if as_json:
        print_json({"html": str(written), "picture": None if picture is None else str(picture)})
        return
    click.echo(str(written))
    if picture is not None:
        click.echo(str(picture))


def _draw(source: Path, picture: Path) -> None:
    """The cascade of a run as a PNG."""
    from abm.errors import RunFolderError
    from abm.record import Record
    from experiments.figures import save_picture
    from experiments.picture import check_picture
    from experiments.report.view import is_sweep

    check_picture(picture)
    if is_sweep(source):
        raise RunFolderError(str(source), "is a sweep, and --picture draws the cascade of a run", "leave it out")
    try:
        save_picture(Record.read(source), picture)
    except OSError as error:
        raise RunFolderError(str(picture), f"cannot be written ({error.strerror})", "choose another file") from error
