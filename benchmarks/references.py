"""Other ways to check and count the same file, each run in a process of its own by validation.py.

    python references.py NAME FILE [--vocabulary VOCABULARY.json]

Needs none of ftkit: it runs in the environments that reference_environments.py makes. Prints one line
of JSON: seconds (imports left out, as far as they can be), rows, tokens, the library's version.
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

RANGE = 8 << 20
"""Bytes of one range, where processes share a file."""


class Vocabulary:
    """What tiktoken needs to make an encoding: see validation.py, which writes it down."""

    path: str | None = None

    @classmethod
    def load(cls) -> Any:
        """The encoding, from a file that is only read (TIKTOKEN_CACHE_DIR empty: no caching)."""
        os.environ["TIKTOKEN_CACHE_DIR"] = ""
        import tiktoken
        from tiktoken.load import load_tiktoken_bpe

        assert cls.path, "this reference needs --vocabulary"
        told = json.loads(Path(cls.path).read_text())
        ranks = load_tiktoken_bpe(told["path"])
        return tiktoken.Encoding(
            told["name"], pat_str=told["pattern"], mergeable_ranks=ranks, special_tokens=told["special"]
        )


@functools.cache
def encoding() -> Any:
    """The encoding, loaded once in each process."""
    return Vocabulary.load()


def ranges(path: str, size: int = RANGE) -> list[tuple[str, int, int]]:
    """Byte ranges that cover a file."""
    total = Path(path).stat().st_size
    return [(path, start, min(start + size, total)) for start in range(0, total, size)]


def lines_of(where: tuple[str, int, int]) -> bytes:
    """The lines that begin in a byte range, in one piece."""
    path, start, end = where
    with Path(path).open("rb") as file:
        if start:
            file.seek(start - 1)
            file.readline()
        begin = file.tell()
        if begin >= end:
            return b""
        block = file.read(end - begin)
        return block if block.endswith(b"\n") else block + file.readline()


def in_processes(work: Callable[[tuple[str, int, int]], tuple[int, int]], path: str) -> tuple[int, int]:
    """Rows and tokens, summed over the ranges of a file that two processes take in turn."""
    with multiprocessing.get_context("fork").Pool(2) as pool:
        done = pool.map(work, ranges(path), chunksize=1)
    return sum(rows for rows, _ in done), sum(tokens for _, tokens in done)


def json_loads(path: str) -> tuple[int, int]:
    """``json.loads`` of each line: no check at all."""
    rows = 0
    with Path(path).open(encoding="utf-8") as file:
        for line in file:
            json.loads(line)
            rows += 1
    return rows, 0


def pydantic_validate(path: str) -> tuple[int, int]:
    """A chat model's ``model_validate_json`` of each line."""
    from pydantic import BaseModel, Field

    class Message(BaseModel):
        role: Literal["system", "user", "assistant"]
        content: Annotated[str, Field(min_length=1)]

    class Row(BaseModel):
        messages: Annotated[list[Message], Field(min_length=1)]

    rows = 0
    with Path(path).open("rb") as file:
        for line in file:
            Row.model_validate_json(line)
            rows += 1
    return rows, 0


@functools.cache
def typed_decoder() -> Any:
    """Rows as msgspec decodes and checks them: a tagged Struct for each role, no empty contents."""
    from msgspec import Meta, Struct, defstruct, json

    text = Annotated[str, Meta(min_length=1)]

    def struct(role: str) -> type[Struct]:
        return defstruct(role.capitalize(), [("content", text)], tag_field="role", tag=role)

    system, user, assistant = struct("system"), struct("user"), struct("assistant")
    messages = Annotated[list[system | user | assistant], Meta(min_length=1)]  # type: ignore[valid-type]
    return json.Decoder(defstruct("Row", [("messages", messages)]))


def typed_range(where: tuple[str, int, int]) -> tuple[int, int]:
    """Decode the lines of one range."""
    decode, rows = typed_decoder().decode, 0
    for line in lines_of(where).splitlines():
        decode(line)
        rows += 1
    return rows, 0


def typed_one(path: str) -> tuple[int, int]:
    """msgspec's typed decode in one process."""
    return sum(typed_range(where)[0] for where in ranges(path)), 0


def typed_two(path: str) -> tuple[int, int]:
    """msgspec's typed decode over byte ranges in two processes."""
    typed_decoder()
    return in_processes(typed_range, path)


def together_check(path: str) -> tuple[int, int]:
    """together's own check of a file before its upload, whichever version is installed."""
    try:
        from together.lib.utils.files import check_file  # 2.x, 3.x
    except ImportError:
        from together.utils.files import check_file  # 1.x
    report = check_file(path)
    if not report["is_check_passed"]:
        raise SystemExit(f"together: {report}")
    return int(report["num_samples"]), 0


def counted(path: str) -> tuple[int, int]:
    """orjson and plain tiktoken in one thread: ``encode_ordinary`` of every content."""
    encoding()
    parts = [counted_range(where) for where in ranges(path)]
    return sum(rows for rows, _ in parts), sum(tokens for _, tokens in parts)


def counted_range(where: tuple[str, int, int]) -> tuple[int, int]:
    """Count the contents of the lines of one range, one by one."""
    import orjson

    encode, rows, tokens = encoding().encode_ordinary, 0, 0
    for line in lines_of(where).splitlines():
        rows += 1
        for message in orjson.loads(line)["messages"]:
            tokens += len(encode(message["content"]))
    return rows, tokens


def counted_two(path: str) -> tuple[int, int]:
    """The same in two processes, which share one loaded vocabulary."""
    encoding()
    return in_processes(counted_range, path)


def counted_batch(path: str) -> tuple[int, int]:
    """``encode_ordinary_batch`` of the contents of 1,000 rows at once, a thread for each core."""
    import orjson

    rows, tokens, texts, threads = 0, 0, list[str](), os.cpu_count() or 1

    def flush() -> int:
        return sum(map(len, encoding().encode_ordinary_batch(texts, num_threads=threads)))

    with Path(path).open("rb") as file:
        for rows, line in enumerate(file, 1):
            texts += [message["content"] for message in orjson.loads(line)["messages"]]
            if rows % 1000 == 0:
                tokens += flush()
                texts.clear()
    return rows, tokens + flush()


def tokens_of_row(row: dict[str, Any]) -> dict[str, int]:
    """A row's tokens, for ``datasets``."""
    return {"tokens": sum(len(encoding().encode_ordinary(m["content"])) for m in row["messages"])}


def datasets_map(path: str) -> tuple[int, int]:
    """``load_dataset`` and ``map(num_proc=2)``, with nothing cached."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"HF_HOME": folder, "HF_HUB_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
        from datasets import load_dataset

        rows = load_dataset("json", data_files=path, split="train", cache_dir=folder)
        done = rows.map(tokens_of_row, num_proc=2, remove_columns=rows.column_names)
        return len(done), sum(done["tokens"])


KNOWN_KEYS = {"role", "content", "name", "function_call", "weight"}


def complaints(rows: list[Any]) -> Counter[str]:
    """The kinds of format errors that the OpenAI cookbook's notebook on chat data counts."""
    errors: Counter[str] = Counter()
    for row in rows:
        if not isinstance(row, dict):
            errors["data_type"] += 1
            continue
        messages = row.get("messages")
        if not messages:
            errors["missing_messages_list"] += 1
            continue
        for message in messages:
            errors["message_missing_key"] += not {"role", "content"} <= message.keys()
            errors["message_unrecognized_key"] += not message.keys() <= KNOWN_KEYS
            errors["unrecognized_role"] += message.get("role") not in (
                "system",
                "user",
                "assistant",
                "function",
            )
            content = message.get("content")
            errors["missing_content"] += not isinstance(content, str) or (
                not content and "function_call" not in message
            )
        errors["example_missing_assistant_message"] += all(m.get("role") != "assistant" for m in messages)
    return +errors


def cookbook(path: str) -> tuple[int, int]:
    """What the OpenAI cookbook's notebook does, written anew from its description.

    The whole file as a list; format checks; tokens of every value of every message with ``encode``, 3 more
    a message and 3 a row; the assistant's tokens once more; how many rows are too long; tokens to pay for.
    """
    with Path(path).open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    if errors := complaints(rows):
        raise SystemExit(f"cookbook: {errors}")
    encode, lengths, replies, turns = encoding().encode, [], [], []
    for row in rows:
        messages = row["messages"]
        turns.append(len(messages))
        lengths.append(3 + sum(3 + sum(len(encode(value)) for value in m.values()) for m in messages))
        replies.append(sum(len(encode(m["content"])) for m in messages if m["role"] == "assistant"))
    too_long = sum(length > 16_385 for length in lengths)
    billed = sum(min(length, 16_385) for length in lengths)
    print(
        f"{max(turns)} turns, {sum(replies)} reply tokens, {too_long} too long, {billed} billed",
        file=sys.stderr,
    )
    return len(rows), sum(lengths)


REFERENCES: dict[str, tuple[Callable[[str], tuple[int, int]], str]] = {
    "json.loads": (json_loads, ""),
    "pydantic": (pydantic_validate, "pydantic"),
    "msgspec one": (typed_one, "msgspec"),
    "msgspec two": (typed_two, "msgspec"),
    "together 3": (together_check, "together"),
    "together 1.5": (together_check, "together"),
    "tiktoken one": (counted, "tiktoken"),
    "tiktoken two": (counted_two, "tiktoken"),
    "tiktoken batch": (counted_batch, "tiktoken"),
    "datasets": (datasets_map, "datasets"),
    "cookbook": (cookbook, "tiktoken"),
}


def imports(name: str) -> Iterator[str]:
    """The modules that a reference imports, so that they are not timed."""
    if name.startswith("together"):
        yield "together"
    elif name != "json.loads":
        yield from {"pydantic": ("pydantic",), "datasets": ("datasets",)}.get(
            name, ("msgspec", "orjson", "tiktoken")
        )


def main() -> None:
    """Run one reference and print its figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=list(REFERENCES))
    parser.add_argument("file")
    parser.add_argument("--vocabulary")
    options = parser.parse_args()
    Vocabulary.path = options.vocabulary
    work, library = REFERENCES[options.name]
    if options.name != "datasets":  # it must see its cache folder first
        for module in imports(options.name):
            __import__(module)
    started = time.perf_counter()
    rows, tokens = work(options.file)
    figures = {"seconds": time.perf_counter() - started, "rows": rows, "tokens": tokens}
    print(json.dumps({**figures, "version": f"{library} {version(library)}" if library else "json"}))


if __name__ == "__main__":
    main()
