"""Writes made-up chat data of any size, the same for the same options, for the measurements.

    python benchmarks/chat_data.py OUT.jsonl [--preset NAME] [--rows N] [--megabytes M] [--seed N] ...

Presets: ``chat`` 200 MB in 220,000 rows; ``large`` 2 GB in 2,200,000; ``short`` 2,000,000 rows in
800 MB; ``small`` 1 MB in 1,100; ``tools`` as ``chat``, a fifth of the rows with a call of a tool.

A row holds 3 to 6 messages (2 to 4 in ``short``); most are English, some hold code, other scripts and
emoji; system prompts repeat; lengths are lognormal; some rows write everything but ASCII as
``\\uXXXX``. Words are drawn by Zipf's law from lists made here: the text means nothing, but JSON
parsers, tokenizers and duplicate searches have the work that real text gives them.
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import chat_words as words

BLOCK = 2000
"""Rows of one block; a block depends on the options and its number alone, so that processes can share."""
SIGMA = 0.9
Message = dict[str, Any]


@dataclass(frozen=True)
class Recipe:
    """What to write. Shares are of rows; copies are made of rows of the first block."""

    rows: int = 220_000
    megabytes: float = 200.0
    least: int = 3
    most: int = 6
    seed: int = 0
    duplicates: float = 0.005
    near_duplicates: float = 0.01
    conflicts: float = 0.002
    secrets: float = 0.001
    escaped: float = 0.1
    tools: float = 0.0


PRESETS = {
    "chat": Recipe(),
    "large": Recipe(rows=2_200_000, megabytes=2000.0),
    "short": Recipe(rows=2_000_000, megabytes=800.0, least=2, most=4),
    "small": Recipe(rows=1100, megabytes=1.0),
    "tools": Recipe(tools=0.2),
}


@functools.cache
def vocabulary() -> tuple[list[str], list[str], list[float]]:
    """Plain English words; all English words, frequent ones first; their cumulative weights."""
    stems = [*words.COMMON.split(), *words.ORDINARY.split()]
    english = [*stems, *words.derived(words.ORDINARY.split()), *words.names()]
    return [word for word in stems if word.isidentifier()], english, words.zipf(len(english))


class Writer:
    """Text of one random stream."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.stems, self.english, self.weights = vocabulary()
        self.drawn = self._draw()
        self.openers, self.emoji = words.OPENERS.split(), words.EMOJI.split()
        self.systems = [text.replace("\n", " ") for text in words.SYSTEM_PROMPTS.split("\n\n")]
        self.others = {name: (gap, end, text.split()) for name, (gap, end, text) in words.OTHERS.items()}

    def _draw(self) -> Iterator[str]:
        """English words without end; drawn many at a time, which is faster."""
        while True:
            yield from self.rng.choices(self.english, cum_weights=self.weights, k=500)

    def english_text(self, size: int) -> str:
        """Sentences and paragraphs of about ``size`` bytes."""
        rng, out, left = self.rng, list[str](), size
        while left > 0:
            sentence = list(islice(self.drawn, int(rng.lognormvariate(2.3, 0.5)) + 2))
            self._season(sentence)
            text = " ".join(sentence)
            text = text[0].upper() + text[1:] + rng.choice(("." * 6) + "?!:")
            out.append(text)
            left -= len(text) + 1
            out.append("\n\n" if rng.random() < 0.08 else " ")
        return "".join(out).rstrip()

    def _season(self, sentence: list[str]) -> None:
        """A comma, a number, a quotation or an opening word, where chance wants one."""
        rng, chance = self.rng, self.rng.random()
        at = rng.randrange(len(sentence))
        if chance < 0.35:
            sentence[at] += ","
        elif chance < 0.45:
            sentence[at] = rng.choice(
                (f"{rng.randrange(1000)}", f"${rng.randrange(90)}.99", f"{rng.randrange(1950, 2030)}")
            )
        elif chance < 0.5:
            sentence[at] = f'"{sentence[at]}"'
        elif chance < 0.58:
            sentence[0] = f"{rng.choice(self.openers)} {sentence[0]}"
        elif chance < 0.61:
            sentence.append(rng.choice(self.emoji))

    def other_text(self, size: int, language: str) -> str:
        """Sentences in another language, of about ``size`` bytes of UTF-8."""
        gap, end, vocabulary = self.others[language]
        rng, out, left = self.rng, [], size
        while left > 0:
            text = gap.join(rng.choices(vocabulary, k=rng.randint(4, 14))) + end
            out.append(text)
            left -= len(text.encode())
        return "".join(out).rstrip()

    def code_text(self, size: int) -> str:
        """A remark and a fenced block of something like Python, SQL or JSON, of about ``size`` bytes."""
        remark = self.english_text(min(60, size // 3))
        kind = self.rng.choice(("python", "python", "javascript", "sql", "json"))
        lines, left = [], size - len(remark)
        while left > 0:
            lines.append(self._code_line(kind))
            left -= len(lines[-1]) + 1
        return f"{remark}\n\n```{kind}\n" + "\n".join(lines) + "\n```"

    def _code_line(self, kind: str) -> str:
        a, b, c = (f"{x}_{y}" for x, y in zip(*[iter(self.rng.choices(self.stems, k=6))] * 2, strict=True))
        number, indent = self.rng.randrange(500), " " * (4 * self.rng.randrange(4))
        if kind == "sql":
            return f"SELECT {a}, COUNT(*) AS n FROM {b} WHERE {c} >= {number} GROUP BY {a};"
        if kind == "json":
            return f'{indent}"{a}": {{"{b}": {number}, "{c}": [true, null, "{a}"]}},'
        if kind == "javascript":
            return f"{indent}const {a} = await {b}.map(({c}) => {c}.value + {number}); // {a}"
        forms = (
            f"def {a}({b}: int, {c}: str = '') -> None:",
            f"{indent}for {a} in range({number}):",
            f"{indent}{a} = {b}.get({c!r}, {number})",
            f"{indent}if {a} is not None and {b} > {number}:",
            f"{indent}    return [{a} for {a} in {b} if {a} != {c}]",
        )
        return self.rng.choice(forms)

    def text(self, size: int, language: str, code: bool) -> str:
        """About ``size`` bytes in a row's language."""
        size = max(size, 4)
        if code and size > 120:
            return self.code_text(size)
        return self.english_text(size) if language == "english" else self.other_text(size, language)


def row_of(writer: Writer, recipe: Recipe, mean: float) -> list[Message]:
    """One conversation whose texts have ``mean`` bytes on average over all rows."""
    rng = writer.rng
    budget = int(mean * rng.lognormvariate(-SIGMA * SIGMA / 2, SIGMA))
    count = min(recipe.least + int(rng.expovariate(0.7)), recipe.most)
    language = "english" if rng.random() < 0.85 else rng.choice(list(writer.others))
    code = rng.random() < 0.12
    messages: list[Message] = []
    if count % 2:
        system = writer.systems[min(int(rng.expovariate(0.4)), len(writer.systems) - 1)]
        messages.append({"role": "system", "content": system})
        count, budget = count - 1, budget - len(system)
    shares = [rng.random() + (0.3 if turn % 2 else 0.1) for turn in range(count)]
    for turn, share in enumerate(shares):
        role = "assistant" if turn % 2 else "user"
        size = int(budget * share / sum(shares))
        messages.append({"role": role, "content": writer.text(size, language, code and bool(turn % 2))})
    if "Classify" in messages[0]["content"]:
        for message in messages[2::2]:
            message["content"] = rng.choices(words.LABELS.split(), cum_weights=words.zipf(5))[0]
    if rng.random() < recipe.secrets:
        messages[-2]["content"] += f" My address is {rng.choice(writer.stems)}@example.com, thank you."
    if rng.random() < recipe.tools:
        use_tool(writer, messages)
    return messages


def use_tool(writer: Writer, messages: list[Message]) -> None:
    """Let the last answer come after a call of a tool."""
    rng = writer.rng
    call = {"name": "look_up", "arguments": json.dumps({"query": rng.choice(writer.stems)})}
    number = f"call_{rng.randrange(10**9)}"
    messages[-1:-1] = [
        {"role": "assistant", "tool_calls": [{"id": number, "type": "function", "function": call}]},
        {"role": "tool", "tool_call_id": number, "content": json.dumps({"found": rng.randrange(100)})},
    ]


TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "look_up",
            "description": "Find records by a word.",
            "parameters": {
                "type": "object",
                "properties": {"query": {"type": "string"}},
                "required": ["query"],
            },
        },
    }
]


def changed(writer: Writer, messages: list[Message]) -> list[Message]:
    """A near duplicate: one word in thirty of the answers is another one."""
    out = []
    for message in messages:
        content = message.get("content")
        if message["role"] == "assistant" and content:
            parts = content.split(" ")
            for at in writer.rng.sample(range(len(parts)), max(1, len(parts) // 30)):
                parts[at] = writer.rng.choice(writer.stems)
            message = {**message, "content": " ".join(parts)}
        out.append(message)
    return out


def conflicting(writer: Writer, messages: list[Message]) -> list[Message]:
    """The same prompt with another answer."""
    return [*messages[:-1], {"role": "assistant", "content": writer.english_text(60)}]


def rows_of(recipe: Recipe, block: int, mean: float, bases: list[list[Message]]) -> Iterator[list[Message]]:
    """The rows of a block; ``bases`` are the rows that copies are made of."""
    writer = Writer(random.Random(f"{recipe.seed}/{block}"))
    copier = Writer(random.Random(f"{recipe.seed}/{block}/copies"))
    kinds: list[tuple[float, Callable[[list[Message]], list[Message]]]] = [
        (recipe.duplicates, lambda base: base),
        (recipe.near_duplicates, lambda base: changed(copier, base)),
        (recipe.conflicts, lambda base: conflicting(copier, base)),
    ]
    for _ in range(min(BLOCK, recipe.rows - block * BLOCK)):
        row, chance = row_of(writer, recipe, mean), copier.rng.random()
        for share, copy in kinds:
            if 0 <= chance < share and bases:
                row = copy(copier.rng.choice(bases))
            chance -= share
        yield row


def line_of(messages: list[Message], escaped: bool) -> bytes:
    """A row as JSON, as ``json.dumps`` writes it by default or with raw UTF-8."""
    row: dict[str, Any] = {"messages": messages}
    if any("tool_calls" in message for message in messages):
        row["tools"] = TOOLS
    return json.dumps(row, ensure_ascii=escaped).encode() + b"\n"


class Blocks:
    """The lines of a block, for a pool of processes."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe, self.mean = recipe, fitted_mean(recipe)
        self.bases = list(rows_of(recipe, 0, self.mean, []))

    def __call__(self, block: int) -> bytes:
        rng = random.Random(f"{self.recipe.seed}/{block}/escapes")
        rows = rows_of(self.recipe, block, self.mean, self.bases)
        return b"".join(line_of(row, rng.random() < self.recipe.escaped) for row in rows)


def fitted_mean(recipe: Recipe) -> float:
    """The mean bytes of text with which rows come out as long as asked, found on the first rows."""
    wanted = mean = recipe.megabytes * 1e6 / recipe.rows
    sample = replace(recipe, rows=min(recipe.rows, 4 * BLOCK))
    for _ in range(3):
        rng, sizes = random.Random(recipe.seed), []
        for block in range(-(-sample.rows // BLOCK)):
            sizes += [
                len(line_of(row, rng.random() < recipe.escaped)) for row in rows_of(sample, block, mean, [])
            ]
        mean = max(mean + wanted - sum(sizes) / len(sizes), 20.0)
    return mean


_blocks: Blocks


def _start(blocks: Blocks) -> None:
    global _blocks
    _blocks = blocks


def _block(number: int) -> bytes:
    return _blocks(number)


def write(path: Path, recipe: Recipe, processes: int = 1) -> int:
    """Write the file under a temporary name, then rename it; the bytes written."""
    count = -(-recipe.rows // BLOCK)
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("wb") as file, multiprocessing.Pool(processes, _start, (Blocks(recipe),)) as pool:
        for lines in pool.imap(_block, range(count)):
            file.write(lines)
    partial.replace(path)
    return path.stat().st_size


def main() -> None:
    """Write a file and say what is in it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--preset", choices=list(PRESETS), default="chat")
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1))
    for name, value in vars(Recipe()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=None)
    options = vars(parser.parse_args())
    out, recipe, processes = options.pop("out"), PRESETS[options.pop("preset")], options.pop("processes")
    recipe = replace(recipe, **{name: value for name, value in options.items() if value is not None})
    started = time.perf_counter()
    size = write(out, recipe, processes)
    seconds = time.perf_counter() - started
    print(f"{out}: {size / 1e6:.1f} MB, {recipe.rows:,} rows, {seconds:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
