"""Measures validation and splitting against other tools on the same file, and writes validation.md.

    python benchmarks/validation.py [--runs N] [--only A,B,...] [--megabytes M] [--out FILE]

Works and references take turns, each in a process of its own. Data and environments are made on the
first use, in .cache/benchmarks; what is measured is in GROUPS.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import chat_data
import reference_environments as environments
from processes import Sample, measure
from validation_report import Results, render

HERE = Path(__file__).resolve().parent
DATA = environments.CACHE / "data"


@dataclass(frozen=True)
class Job:
    """One thing that is measured: a ``work`` of ftkit's, a ``reference``, or a whole ``command``.

    ``what`` is the work's or reference's own name, where the job is named otherwise. ``runs``: at most so
    many, where one takes long.
    """

    name: str
    kind: str = "work"
    data: str = "chat"
    what: str = ""
    vocabulary: str = "o200k_base"
    runs: int | None = None


GROUPS: dict[str, tuple[Job, ...]] = {
    "A": (
        Job("rules"),
        Job("together 3", "reference"),
        Job("together 1.5", "reference"),
        Job("json.loads", "reference"),
        Job("pydantic", "reference"),
        Job("msgspec one", "reference"),
        Job("msgspec two", "reference"),
    ),
    "limits": (Job("rules"), Job("limits")),
    "B": (
        Job("count o200k"),
        Job("tiktoken two", "reference"),
        Job("count llama3"),
        Job("tiktoken two llama3", "reference", what="tiktoken two", vocabulary="llama3"),
        Job("cookbook", "reference", runs=2),
        Job("tiktoken one", "reference", runs=2),
        Job("tiktoken batch", "reference", runs=2),
        Job("datasets", "reference", runs=2),
    ),
    "quality": (Job("quality", runs=3),),
    "split": (Job("split"),),
    "tools": (Job("rules, a fifth of rows with tools", data="tools", what="rules", runs=3),),
    "memory": (
        Job("rules, 2 GB", data="large", what="rules", runs=1),
        Job("count o200k, 2 GB", data="large", what="count o200k", runs=1),
        Job("split, 2 GB", data="large", what="split", runs=1),
        Job("quality, 2,000,000 rows", data="short", what="quality", runs=1),
    ),
    "small": (Job("1 MB, whole command", "command", "small"),),
}


def recipe_of(preset: str, megabytes: float | None) -> chat_data.Recipe:
    """A preset; another size of the main file changes the others in proportion, but for the small one."""
    recipe = chat_data.PRESETS[preset]
    if megabytes is None or preset == "small":
        return recipe
    factor = megabytes / chat_data.PRESETS["chat"].megabytes
    return replace(recipe, rows=int(recipe.rows * factor), megabytes=recipe.megabytes * factor)


def data_file(preset: str, recipe: chat_data.Recipe) -> Path:
    """A made-up file, made anew when its recipe or the generator changed."""
    source = b"".join((HERE / name).read_bytes() for name in ("chat_data.py", "chat_words.py"))
    digest = hashlib.sha256(source + repr(recipe).encode()).hexdigest()[:8]
    path = DATA / f"{preset}-{digest}.jsonl"
    if not path.exists():
        DATA.mkdir(parents=True, exist_ok=True)
        print(f"making {path.name}", file=sys.stderr)
        chat_data.write(path, recipe, min(2, os.cpu_count() or 1))
    return path


def held_out(data: Path) -> Path:
    """Rows of another seed, and the first 200 of ``data``, which leak."""
    path = data.with_suffix(".held-out.jsonl")
    if not path.exists():
        chat_data.write(path, chat_data.Recipe(rows=2000, megabytes=2, seed=1))
        with data.open("rb") as rows, path.open("ab") as file:
            file.writelines(line for line, _ in zip(rows, range(200), strict=False))
    return path


def vocabulary_file(name: str) -> Path:
    """What references.py needs to make a plain tiktoken encoding."""
    from ftkit.tokens.store import locate
    from ftkit.tokens.vocabulary import SPECS

    spec, path = SPECS[name], environments.CACHE / f"{name}.json"
    told = {"name": name, "path": str(locate(name)), "pattern": spec.pattern, "special": spec.special}
    path.write_text(json.dumps(told))
    return path


def command_of(job: Job, data: Path, folder: Path) -> list[str] | None:
    """The command of a job; None where its packages cannot be installed."""
    what = job.what or job.name
    if job.kind == "command":
        return [str(Path(sys.executable).with_name("ftkit")), "validate", str(data), "--quiet"]
    if job.kind == "work":
        more = ["--held-out", str(held_out(data))] if what == "quality" else ["--out", str(folder / "parts")]
        return [sys.executable, str(HERE / "works.py"), what, str(data), *more]
    python = environments.python_of(what)
    vocabulary = ["--vocabulary", str(vocabulary_file(job.vocabulary))]
    return [python, str(HERE / "references.py"), what, str(data), *vocabulary] if python else None


def run(job: Job, data: Path) -> Sample | None:
    """Measure a job once; None where it cannot run here, which is said."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if (command := command_of(job, data, folder)) is None:
            return None
        own = {f"FTKIT_{kind}_DIR": str(folder / kind.lower()) for kind in ("STATE", "RUNS", "CONFIG")}
        sample = measure(command, environment=own)
    if sample.code or not (sample.told or job.kind == "command"):
        print(f"{job.name} failed: {sample.errors}", file=sys.stderr)
        return None
    if job.kind == "command":
        return sample
    sample.seconds = sample.told["seconds"]
    return sample


def turns(jobs: list[Job], runs: int) -> Iterator[tuple[int, Job]]:
    """Every job once a turn; each turn begins with another one."""
    for turn in range(runs):
        shift = turn % len(jobs)
        for job in jobs[shift:] + jobs[:shift]:
            if job.runs is None or turn < job.runs:
                yield turn, job


def warm(path: Path) -> None:
    """Read a file once, so that nobody's first turn waits for the disk."""
    with path.open("rb") as file:
        while file.read(1 << 24):
            pass


def options() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default=",".join(GROUPS), help="groups, of %(default)s")
    parser.add_argument("--megabytes", type=float, help="another size of the main file, and so of the others")
    parser.add_argument("--out", type=Path, help="default: validation.md where nothing is left out")
    chosen = parser.parse_args()
    chosen.groups = chosen.only.split(",")
    if unknown := set(chosen.groups) - set(GROUPS):
        parser.error(f"unknown groups: {', '.join(unknown)}")
    if chosen.out is None and set(chosen.groups) == set(GROUPS) and chosen.megabytes is None:
        chosen.out = HERE / "validation.md"
    return chosen


def main() -> int:
    """Measure, then write or print the report; 1 where something failed."""
    chosen, load = options(), os.getloadavg()[0]
    jobs = list(dict.fromkeys(job for group in chosen.groups for job in GROUPS[group]))
    recipes = {
        preset: recipe_of(preset, chosen.megabytes) for preset in dict.fromkeys(job.data for job in jobs)
    }
    files = {preset: data_file(preset, recipe) for preset, recipe in recipes.items()}
    results = Results()
    for turn, job in turns(jobs, chosen.runs):
        path = files[job.data]
        if turn == 0:
            warm(path)
        if (sample := run(job, path)) is not None:
            results.add(job.name, turn, path.stat().st_size, sample)
            print(f"{turn + 1}/{chosen.runs} {results.line(job.name)}", file=sys.stderr, flush=True)
        else:
            results.failed[job.name] = None
    command = shlex.join(["python", "benchmarks/validation.py", *sys.argv[1:]])
    read = {name: (path, recipes[name].rows) for name, path in files.items()}
    report = render(results, read, command, load, scaled=chosen.megabytes is not None)
    if chosen.out:
        chosen.out.write_text(report)
    print(report)
    return 1 if results.failed else 0


if __name__ == "__main__":
    sys.exit(main())
