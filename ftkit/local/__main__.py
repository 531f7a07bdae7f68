"""``python -m ftkit.local``: the platform's own command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ftkit.errors import FtkitError
from ftkit.local.config import ServeOptions


def parse(arguments: Sequence[str] | None = None) -> ServeOptions:
    """Read the command line."""
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
    parser.add_argument(
        "--stand-in", action="append", default=[], metavar="NAME", help="another model name to answer for"
    )
    parser.add_argument("--verbose", action="store_true", help="log every request on stderr")
    given = parser.parse_args(arguments)
    return ServeOptions(
        state=given.state.absolute(),
        host=given.host,
        port=given.port,
        api_key_file=given.api_key_file,
        idle_exit=given.idle_exit,
        workers=given.workers,
        stand_ins=tuple(given.stand_in),
        verbose=given.verbose,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve; the exit code is 0, or the error's own (see ``ftkit.errors``)."""
    options = parse(arguments)
    from ftkit.local.server import serve

    try:
        serve(options)
    except FtkitError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
