"""``python -m ftkit.local``: the platform's own command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ftkit.errors import FtkitError
from ftkit.local.config import ServeOptions
from ftkit.local.configured import read_model
from ftkit.local.guard.limits import Limits
from ftkit.local.units import read_size


def parse(arguments: Sequence[str] | None = None) -> ServeOptions:
    """Read the command line. Raises ``ConfigurationError`` where a model is not written as one."""
    parser = argparse.ArgumentParser(prog="python -m ftkit.local", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="directory of everything it keeps")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=8080, help="port; 0 takes any free one (default: %(default)s)"
    )
    parser.add_argument("--api-key-file", type=Path, help="file of accepted keys, one a line")
    parser.add_argument(
        "--idle-exit", type=float, metavar="SECONDS", help="end after so long without any work"
    )
    parser.add_argument("--workers", type=int, default=2, help="most worker processes (default: %(default)s)")
    parser.add_argument("--keep-days", type=float, metavar="N", help="remove what ended or came so long ago")
    parser.add_argument("--max-disk", metavar="SIZE", help="take nothing more when so much is held")
    _add_models(parser)
    _add_guard(parser)
    given = parser.parse_args(arguments)
    return _options(given)


def _add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="NAME=ENGINE:SOURCE",
        help="another model to serve and to tune",
    )
    parser.add_argument(
        "--models", type=Path, action="append", default=[], metavar="FILE", help="TOML file of models"
    )
    parser.add_argument(
        "--stand-in",
        action="append",
        default=[],
        metavar="NAME[=MODEL]",
        help="another model name to answer for, by linear or by MODEL",
    )


def _add_guard(parser: argparse.ArgumentParser) -> None:
    usual = Limits()
    parser.add_argument("--verbose", action="store_true", help="log every request on stderr")
    parser.add_argument("--log", choices=("text", "json"), default="text", help="form of the log")
    parser.add_argument("--requests-per-minute", type=int, metavar="N", help="most requests of one key")
    parser.add_argument(
        "--most-queued",
        type=int,
        default=usual.queued,
        metavar="N",
        help="most jobs and batches that wait or run",
    )
    parser.add_argument(
        "--most-connections", type=int, default=usual.connections, metavar="N", help="most open connections"
    )


def _options(given: argparse.Namespace) -> ServeOptions:
    """Raises ``ConfigurationError`` or ``UsageError`` where a model or a size is not written as one."""
    return ServeOptions(
        state=given.state.absolute(),
        host=given.host,
        port=given.port,
        api_key_file=given.api_key_file,
        idle_exit=given.idle_exit,
        workers=given.workers,
        stand_ins=tuple(given.stand_in),
        models=tuple(map(read_model, given.model)),
        models_files=tuple(given.models),
        keep_days=given.keep_days,
        max_disk=read_size(given.max_disk) if given.max_disk else None,
        verbose=given.verbose,
        log=given.log,
        limits=Limits(
            requests_per_minute=given.requests_per_minute,
            queued=given.most_queued,
            connections=given.most_connections,
        ),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve; the exit code is 0, or the error's own (see ``ftkit.errors``)."""
    from ftkit.local.server import serve

    try:
        serve(parse(arguments))
    except FtkitError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
