"""Gathers the figures of validation.py, holds them against what was asked for, and writes the tables."""

from __future__ import annotations

import datetime
import os
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from processes import Sample

MB = 1e6


@dataclass
class Results:
    """Samples by job and turn, the size in bytes of the file that each job read, and jobs that failed."""

    samples: dict[str, dict[int, Sample]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    failed: dict[str, None] = field(default_factory=dict)

    def add(self, job: str, turn: int, size: int, sample: Sample) -> None:
        """Keep one sample."""
        self.samples.setdefault(job, {})[turn] = sample
        self.sizes[job] = size

    def seconds(self, job: str) -> list[float]:
        """Seconds of every turn."""
        return [sample.seconds for sample in self.samples.get(job, {}).values()]

    def speeds(self, job: str) -> list[float]:
        """Megabytes of the file a second, of every turn."""
        return [self.sizes[job] / MB / seconds for seconds in self.seconds(job)]

    def ratios(self, job: str, base: str) -> list[float]:
        """How many times as fast as ``base`` in the same turn."""
        ours, theirs = self.samples.get(job, {}), self.samples.get(base, {})
        return [theirs[turn].seconds / ours[turn].seconds for turn in ours.keys() & theirs.keys()]

    def peaks(self, job: str) -> list[float]:
        """Megabytes resident at the peak, summed over the processes, of every turn."""
        return [sample.rss / MB for sample in self.samples.get(job, {}).values()]

    def line(self, job: str) -> str:
        """The last sample, for the progress."""
        sample = list(self.samples[job].values())[-1]
        speed = self.sizes[job] / MB / sample.seconds
        return f"{job}: {sample.seconds:.2f} s, {speed:.1f} MB/s, {sample.rss / MB:.0f} MB"


@dataclass(frozen=True)
class Target:
    """One figure that was asked for: at least ``limit``, or at most where ``most``.

    ``sized``: it is asked for a file of one size.
    """

    what: str
    figures: Callable[[Results], list[float]]
    limit: float
    unit: str
    most: bool = False
    sized: bool = False

    def row(self, results: Results, scaled: bool) -> str | None:
        """A line of the table; None where it was not measured. A ``scaled`` file proves nothing of a size."""
        if not (values := self.figures(results)):
            return None
        middle = statistics.median(values)
        met = middle <= self.limit if self.most else middle >= self.limit
        sign = "≤" if self.most else "≥"
        asked = f"{sign} {self.limit:g} {self.unit}"
        judged = "-" if scaled and self.sized else "ok" if met else "**missed**"
        return f"| {self.what} | {spread(values)} {self.unit} | {asked} | {judged} |"


def _faster(job: str, base: str, limit: float) -> Target:
    return Target(f"`{job}` : `{base}`", lambda results: results.ratios(job, base), limit, "x")


def _speed(what: str, job: str, limit: float) -> Target:
    return Target(f"{what} (`{job}`)", lambda results: results.speeds(job), limit, "MB/s")


def _time(what: str, job: str, limit: float, sized: bool = False) -> Target:
    return Target(
        f"{what} (`{job}`)", lambda results: results.seconds(job), limit, "s", most=True, sized=sized
    )


def _memory(job: str, limit: float) -> Target:
    return Target(
        f"peak memory, `{job}`", lambda results: results.peaks(job), limit, "MB", most=True, sized=True
    )


TARGETS = (
    _speed("every row-level rule, no token counts", "rules", 250),
    _faster("rules", "together 3", 4),
    _faster("limits", "rules", 0.85),
    _speed("rules and exact counts, o200k", "count o200k", 18),
    _faster("count o200k", "tiktoken two", 1.3),
    _faster("count o200k", "cookbook", 4),
    _speed("rules and exact counts, Llama 3", "count llama3", 18),
    _faster("count llama3", "tiktoken two llama3", 1.3),
    _time("quality rules too, 220,000 rows", "quality", 60, sized=True),
    _speed("split, stratified and grouped, with manifest", "split", 60),
    _memory("rules, 2 GB", 300),
    _memory("count o200k, 2 GB", 300),
    _memory("split, 2 GB", 300),
    _memory("quality, 2,000,000 rows", 600),
    _time("a 1 MB file, from command to answer", "1 MB, whole command", 0.6),
)


def spread(values: Sequence[float]) -> str:
    """``median (lowest to highest)``."""
    middle = statistics.median(values)
    digits = 0 if middle >= 100 else 1 if middle >= 10 else 2
    if len(values) == 1:
        return f"{middle:.{digits}f}"
    return f"{middle:.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def machine() -> str:
    """The processor, its cores and the memory."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB"


def target_table(results: Results, scaled: bool) -> str:
    """What was asked for and what was measured."""
    rows = [row for target in TARGETS if (row := target.row(results, scaled))]
    return "\n".join(["| what | measured | asked for | |", "|---|---|---|---|", *rows])


def figure_table(results: Results) -> str:
    """Every job with its speed and memory."""
    lines = [
        "| what | MB/s | seconds | memory, MB (RSS) | (PSS) | runs | with |",
        "|---|---|---|---|---|---|---|",
    ]
    for job, samples in results.samples.items():
        pss = spread([sample.pss / MB for sample in samples.values()])
        told = next(iter(samples.values())).told
        cells = (job, spread(results.speeds(job)), spread(results.seconds(job)), spread(results.peaks(job)))
        with_ = told.get("version", "ftkit")
        lines.append(f"| {' | '.join(cells)} | {pss} | {len(samples)} | {with_} |")
    return "\n".join(lines)


def agreements(results: Results) -> list[str]:
    """Whether those that read the same file say the same of it."""
    told = {job: next(iter(samples.values())).told for job, samples in results.samples.items()}
    counted: dict[int, set[int]] = {}
    for job, one in told.items():
        if "rows" in one:
            counted.setdefault(results.sizes[job], set()).add(one["rows"])
    lines = [
        f"- rows counted in {size / MB:.1f} MB: {', '.join(f'{n:,}' for n in sorted(rows))}"
        for size, rows in counted.items()
    ]
    if ours := told.get("count o200k"):
        framing = 4 * ours["messages"] + 3 * ours["rows"]
        others = {"plain tiktoken, with 4 a message and 3 a row": ("tiktoken two", framing)}
        others |= {"the cookbook": ("cookbook", 0)}
        for title, (job, more) in others.items():
            if job in told:
                theirs = told[job]["tokens"] + more
                same = "the same" if theirs == ours["tokens"] else f"**not** the same: {theirs:,}"
                lines.append(f"- {ours['tokens']:,} tokens by `count o200k`; by {title}: {same}")
    lines += [f"- **`{job}` failed or could not run here**" for job in results.failed]
    return lines


INTRODUCTION = """# Validation and splitting, measured

    {command}

{date}. {machine}, Python {python}; load {load:.1f} before the start.
Medians, ranges in brackets; ratios are of pairs from the same turn on the same file. MB are 10^6
bytes. Memory is of the whole process tree, sampled every 50 ms: RSS counts pages that processes share
once for each, PSS shares them out.

Data (chat_data.py): {data}.
"""


def render(
    results: Results, files: dict[str, tuple[Path, int]], command: str, load: float, scaled: bool = False
) -> str:
    """The whole report as Markdown; ``files`` are by preset, with their rows."""
    data = "; ".join(
        f"`{name}` {path.stat().st_size / MB:.1f} MB, {rows:,} rows" for name, (path, rows) in files.items()
    )
    introduction = INTRODUCTION.format(
        command=command,
        date=datetime.date.today().isoformat(),
        machine=machine(),
        python=platform.python_version(),
        load=load,
        data=data,
    )
    everything = f"## Everything that was measured\n\n{figure_table(results)}"
    agreed = "\n".join(("## Do they agree?\n", *agreements(results)))
    return "\n\n".join((introduction.rstrip(), target_table(results, scaled), everything, agreed)) + "\n"
