"""The command `llm-optimizer`. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from connectors.api.arguments import (
    add_command,
    add_config_option,
    add_output_option,
    add_windows_option,
    count,
    speed,
)
from connectors.api.dead_letter_arguments import add_dead_letters
from connectors.api.documents_arguments import add_documents
from connectors.api.gateway_arguments import add_actuate, add_gateway
from connectors.api.order_arguments import add_orders, add_rollouts
from connectors.api.record_arguments import add_record
from connectors.api.simulate_arguments import add_simulate
from optimizer.errors import OptimizerError, SettingsInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Command = Callable[[argparse.Namespace], int]

FAILED = 1
MISUSED = 2
INTERRUPTED = 130


class Jobs(NamedTuple):
    """The dataflows, which this package may not import; named by who starts the program."""

    run: Command
    replay: Command
    record: Command
    actuate: Command
    play: Command


def main(arguments: Sequence[str], jobs: Jobs) -> int:
    """Run one command.

    Args:
        arguments: What stands behind the program's name.
        jobs: The dataflows.

    Returns:
        The exit code: 0 done, 1 failed, 2 settings or arguments are wrong, 130 told to stop.
    """
    try:
        code = _obey(arguments, jobs)
        sys.stdout.flush()
    except SettingsInvalid as invalid:
        return _complain(_told(invalid), MISUSED)
    except OptimizerError as error:
        return _complain(str(error), FAILED)
    except BrokenPipeError:  # the reader of our output has left, as `head` does
        _forget_output()
        return 0
    except OSError as error:
        _forget_output()
        return _complain(f"{error.filename or 'the output'}: {error.strerror}", FAILED)
    except KeyboardInterrupt:
        return _complain("interrupted", INTERRUPTED)
    return code


def _obey(arguments: Sequence[str], jobs: Jobs) -> int:
    try:
        options = _parser(jobs).parse_args(arguments)
    except SystemExit as left:  # it has helped, or said what is wrong
        return int(left.code or 0)
    command: Command = options.command
    return command(options)


def _told(invalid: SettingsInvalid) -> str:
    many = len(invalid.faults) > 1
    return f"{len(invalid.faults)} faults in the settings:\n{invalid}" if many else str(invalid)


def _forget_output() -> None:
    """Let what is still to be written go nowhere, or the interpreter complains at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(message: str, code: int) -> int:
    sys.stderr.write(f"llm-optimizer: {message}\n")
    return code


def _parser(jobs: Jobs) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="llm-optimizer",
        description="Watches LLM traffic, notices when it gets worse or could be cheaper, and says "
        "what to change, with the evidence.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands, jobs.run)
    _add_replay(commands, jobs.replay)
    add_record(commands, jobs.record)
    _add_import(commands)
    add_simulate(commands, jobs.play)
    _add_decisions(commands)
    _add_plan(commands)
    add_documents(commands)
    add_rollouts(commands)
    add_orders(commands)
    add_dead_letters(commands)
    add_actuate(commands, jobs.actuate)
    add_gateway(commands)
    _add_config(commands)
    return parser


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser], run: Command) -> None:
    parser = add_command(commands, "run", run, "follow live telemetry until stopped")
    add_config_option(parser)
    add_output_option(parser)
    add_windows_option(parser)


def _add_replay(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], replay: Command
) -> None:
    parser = add_command(commands, "replay", replay, "run the same job over a recording")
    parser.add_argument("recording", type=Path, metavar="PATH", help="folder of the recording")
    add_config_option(parser)
    add_output_option(parser)
    add_windows_option(parser)
    parser.add_argument(
        "--speed",
        type=speed,
        default="max",
        metavar="N|max",
        help="event seconds a second, or as fast as it goes (default max)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="keep log, views and recovery state here"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on where an interrupted replay into --out stopped"
    )
    parser.add_argument(
        "--verify",
        action="store_true",
        help="compare with what the run said that was recorded, in the log these settings name",
    )
    parser.add_argument(
        "--batch", type=count, default=64, metavar="N", help="most a step; changes only speed"
    )


def _add_import(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = add_command(commands, "import", _import, "turn bare OTLP files into a recording")
    parser.add_argument("source", type=Path, metavar="SOURCE", help="a file or a folder of files")
    parser.add_argument("destination", type=Path, metavar="RECORDING", help="folder to make")
    parser.add_argument(
        "--signal",
        choices=("auto", "traces", "metrics", "logs", "events"),
        default="auto",
        help="what the files hold; else JSON tells it by its keys, other files by their names",
    )


def _add_decisions(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    group = commands.add_parser("decisions", help="look at decisions")
    actions = group.add_subparsers(required=True, metavar="ACTION")
    listing = add_command(
        actions, "list", _decisions("listing"), "the newest decisions, a line each"
    )
    listing.add_argument("--route", default="", help="only this route, service or tenant")
    listing.add_argument("--status", default="", help="only in this status")
    listing.add_argument("--limit", type=count, default=20, help="how many (default 20)")
    showing = add_command(actions, "show", _decisions("showing"), "one decision, whole")
    showing.add_argument("id", metavar="ID", help="its id, or the beginning of it")
    tailing = add_command(actions, "tail", _decisions("tailing"), "decisions as they come")
    tailing.add_argument("--limit", type=count, default=10, help="how many to begin with")
    tailing.add_argument("--no-follow", action="store_true", help="end at the end of the log")
    for parser in (listing, showing, tailing):
        add_config_option(parser)
        add_output_option(parser)
        parser.add_argument(
            "--db", default="", metavar="FILE", help="database to read, such as a replay's"
        )


def _add_plan(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = add_command(
        commands, "plan", _plan, "what trying a candidate on a route would take at its traffic"
    )
    parser.add_argument("route", metavar="ROUTE", help="tenant/service/route")
    parser.add_argument(
        "--candidate", default="", metavar="ARM", help="its id or model (default the first listed)"
    )
    add_config_option(parser)
    add_output_option(parser)
    parser.add_argument(
        "--db", default="", metavar="FILE", help="database to read, such as a replay's"
    )


def _add_config(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    group = commands.add_parser("config", help="check and show the settings")
    actions = group.add_subparsers(required=True, metavar="ACTION")
    for name, command, description in (
        ("validate", _validate, "report all faults of the settings"),
        ("show", _show, "the settings in force, defaults included"),
        ("schema", _schema, "JSON Schema of the settings"),
    ):
        parser = add_command(actions, name, command, description)
        if name != "schema":
            add_config_option(parser)


def _validate(options: argparse.Namespace) -> int:
    from connectors.configuration import load  # noqa: PLC0415 - only this command needs it

    load(options.config, os.environ)
    sys.stdout.write("the settings are valid\n")
    return 0


def _show(options: argparse.Namespace) -> int:
    from connectors.configuration import load, show  # noqa: PLC0415 - only this command needs it

    sys.stdout.write(show(load(options.config, os.environ)))
    return 0


def _schema(_: argparse.Namespace) -> int:
    import json  # noqa: PLC0415 - only this command needs it

    from optimizer.settings import schema  # noqa: PLC0415 - only this command needs it

    sys.stdout.write(json.dumps(schema(), indent=2) + "\n")
    return 0


def _import(options: argparse.Namespace) -> int:
    from connectors.api import recording  # noqa: PLC0415 - only this command needs it

    return recording.import_files(options)


def _plan(options: argparse.Namespace) -> int:
    from connectors.api import planning  # noqa: PLC0415 - only this command needs it

    return planning.planning(options)


def _decisions(action: str) -> Command:
    def command(options: argparse.Namespace) -> int:
        from connectors.api import decisions  # noqa: PLC0415 - only this command needs it

        chosen: Command = getattr(decisions, action)
        return chosen(options)

    return command
