"""What ftkit is measured at, each work in a process of its own, started by validation.py.

    python works.py NAME FILE [--held-out FILE] [--out FOLDER] [--processes N]

Prints one line of JSON: seconds of the call (the start of Python and imports left out; workers and
vocabularies that it starts and loads are in), and what it found.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ftkit.validation import ValidationReport

O200K, LLAMA3 = "gpt-4.1-mini", "klusterai/Meta-Llama-3.1-8B-Instruct-Turbo"
QUALITY = "FT5"

_TINY = [{"messages": [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]}]
CHECKS: dict[str, tuple[tuple[str, ...], str, dict[str, Any]]] = {
    "rules": ((), "openai", {"ignore": (QUALITY,)}),
    "limits": ((O200K,), "openai", {"ignore": (QUALITY,), "counts": "limits"}),
    "count o200k": ((O200K,), "openai", {"ignore": (QUALITY,)}),
    "count llama3": ((LLAMA3,), "kluster", {"ignore": (QUALITY,)}),
    "quality": ((), "openai", {}),
}
"""The models, the platform and the options of each work that validates."""


def check(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """One validation."""
    from ftkit.validation import ValidateOptions, validate

    models, platform, more = CHECKS[name]
    if arguments.processes:
        more = {**more, "processes": arguments.processes}
    if name == "quality" and arguments.held_out:
        more = {**more, "held_out": (arguments.held_out,)}
    options = ValidateOptions(**more)
    validate(_TINY, platform=platform)  # imports modules and rules, as the references import theirs
    started = time.perf_counter()
    report = validate(arguments.file, models=models, platform=platform, options=options)
    return {"seconds": time.perf_counter() - started, **facts(report)}


def facts(report: ValidationReport) -> dict[str, Any]:
    """What the references can be compared with."""
    return {
        "rows": report.rows,
        "messages": report.messages,
        "accepted": report.accepted,
        "tokens": report.tokens.total if report.tokens else 0,
        "counts": report.counts,
    }


def divide(arguments: argparse.Namespace) -> dict[str, Any]:
    """A split into three parts, stratified by reply and grouped by prompt, with its manifest."""
    from ftkit.splitting import SplitOptions, split

    options = SplitOptions(group=("prompt",), stratify="reply")
    started = time.perf_counter()
    done = split(arguments.file, train=0.8, validation=0.1, test=0.1, out=arguments.out, options=options)
    return {"seconds": time.perf_counter() - started, "rows": done.rows}


def main() -> None:
    """Do one work and print its figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=[*CHECKS, "split"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--held-out", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--processes", type=int)
    arguments = parser.parse_args()
    told = divide(arguments) if arguments.name == "split" else check(arguments.name, arguments)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
