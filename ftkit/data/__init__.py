"""What an example is, and reading and writing rows of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names

if TYPE_CHECKING:
    from ftkit.data.examples import prompt_of, reply_of, text_of
    from ftkit.data.files import atomic_write, canonical_json, example_hash, sha256_file
    from ftkit.data.jsonl import JsonlWriter, open_jsonl_writer, read_jsonl
    from ftkit.data.rows import Row, RowSource, SourceOptions
    from ftkit.data.source import open_rows
    from ftkit.data.template import PROMPT_RESPONSE, ExampleTemplate

_HOME = {
    "prompt_of": "ftkit.data.examples",
    "reply_of": "ftkit.data.examples",
    "text_of": "ftkit.data.examples",
    "atomic_write": "ftkit.data.files",
    "canonical_json": "ftkit.data.files",
    "example_hash": "ftkit.data.files",
    "sha256_file": "ftkit.data.files",
    "JsonlWriter": "ftkit.data.jsonl",
    "open_jsonl_writer": "ftkit.data.jsonl",
    "read_jsonl": "ftkit.data.jsonl",
    "Row": "ftkit.data.rows",
    "RowSource": "ftkit.data.rows",
    "SourceOptions": "ftkit.data.rows",
    "open_rows": "ftkit.data.source",
    "PROMPT_RESPONSE": "ftkit.data.template",
    "ExampleTemplate": "ftkit.data.template",
}

__all__ = [
    "PROMPT_RESPONSE",
    "ExampleTemplate",
    "JsonlWriter",
    "Row",
    "RowSource",
    "SourceOptions",
    "atomic_write",
    "canonical_json",
    "example_hash",
    "open_jsonl_writer",
    "open_rows",
    "prompt_of",
    "read_jsonl",
    "reply_of",
    "sha256_file",
    "text_of",
]

__getattr__, __dir__ = lazy_names(__name__, _HOME)
