"""The command line.  Commands are loaded when they are called, so that help is there at once."""

import errno
import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

import click

from experiments.interrupt import interrupted, listen

__all__ = ["main"]

COMMANDS = {
    "run": "run a scenario once",
    "scenarios": "list the scenarios that are shipped",
    "validate": "check a scenario file",
    "schema": "print the JSON schema of a scenario, or the tables that a run leaves",
    "sweep": "run a design of many runs on Ray",
    "forecast": "say what forecasts of volatility are worth on price histories",
    "trace": "trace who caused whom in a run: tables and graph files",
    "report": "write the HTML report of a run or of a sweep",
    "margin": "value accounts under a protocol's margin rules; explain, stress and compare them",
    "presets": "list the margin rules that are shipped, with the source of each parameter",
    "conform": "hold the margin engines to known answers of real protocols",
    "new": "write a commented scenario to start from",
    "diff": "say what differs between two runs",
    "demo": "a crash, a sweep of it, its trace and its report, in a few minutes",
}
"""Commands in the order of help; each is `command` in the module of that name in `experiments.commands`."""


class _Commands(click.Group):
    """Commands by name, each in a module of its own that is imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"experiments.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean '{close[0]}'?" if close else "see crossfire --help"
            raise click.UsageError(f"no such command '{args[0]}'; {hint}") from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if not value:
        return
    from experiments.versions import version_lines

    click.echo("\n".join(version_lines()))
    ctx.exit()


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: crossfire run crash --seed 7 --out results/mine",
)
@click.option(
    "--version",
    is_flag=True,
    callback=_version,
    expose_value=False,
    is_eager=True,
    help="Versions of code, schema and packages.",
)
@click.pass_context
def _crossfire(ctx: click.Context) -> None:
    """Crossfire: an agent-based model of systemic risk in cross-margin crypto derivatives."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main() -> None:
    """Run the command line; exit codes: 0 done, 1 the answer is no, 2 a user's mistake, 130 interrupted."""
    listen()
    sys.exit(_guarded(lambda: _crossfire(standalone_mode=False)))


def _guarded(call: Callable[[], Any]) -> int:
    """The exit code of a call; its mistakes as one line on standard error."""
    try:
        result = call()
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _stopped()
    except click.ClickException as error:
        click.echo(f"error: {_advised(error)}", err=True)
        return 2
    except SystemExit:  # click's answer to a reader that has gone away
        return 0
    except Exception as error:
        return _stopped() if interrupted() else _mistake(error)
    if interrupted():  # a library has taken the interrupt for its own
        return _stopped()
    return result if isinstance(result, int) else 0


def _stopped() -> int:
    """Exit code of a call that somebody has interrupted."""
    click.echo("interrupted; nothing half-written is left", err=True)
    return 130


def _advised(error: click.ClickException) -> str:
    """A wrong word on the command line as one line, with the help to look into where it has no advice of its own."""
    message = " ".join(error.format_message().split())
    if ";" in message or "Did you mean" in message:
        return message
    context = getattr(error, "ctx", None)
    return f"{message.rstrip('.')}; see {context.command_path if context else 'crossfire'} --help"


def _mistake(error: Exception) -> int:
    """Exit code of a user's mistake or a full machine (2), or of a failed audit (1); all else is ours, and raised."""
    from abm.errors import AuditError, UserError

    if isinstance(error, UserError):
        click.echo(f"error: {error}", err=True)
        return 2
    if isinstance(error, AuditError):
        click.echo(f"audit failed: {error}", err=True)
        return 1
    if isinstance(error, MemoryError):
        click.echo("error: not enough memory for this world; lower clock.duration or the number of accounts", err=True)
        return 2
    if os.strerror(errno.ENOSPC) in str(error):  # polars has errors of its own for what the system refuses
        where = getattr(error, "filename", None) or "writing"
        click.echo(f"error: {where}: {os.strerror(errno.ENOSPC)}; free space or choose another --out", err=True)
        return 2
    raise error
