"""What an example is, and reading and writing rows of them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ftkit.data.examples import prompt_of, reply_of, text_of
    from ftkit.data.files import atomic_write, canonical_json, example_hash, sha256_file
    from ftkit.data.jsonl import JsonlWriter, open_jsonl_writer, read_jsonl
    from ftkit.data.rows import Row, RowSource, SourceOptions
    from ftkit.data.source import open_rows
    from ftkit.data.template import PROMPT_RESPONSE, ExampleTemplate

_HOME = {
    "prompt_of": "examples",
    "reply_of": "examples",
    "text_of": "examples",
    "atomic_write": "files",
    "canonical_json": "files",
    "example_hash": "files",
    "sha256_file": "files",
    "JsonlWriter": "jsonl",
    "open_jsonl_writer": "jsonl",
    "read_jsonl": "jsonl",
    "Row": "rows",
    "RowSource": "rows",
    "SourceOptions": "rows",
    "open_rows": "source",
    "PROMPT_RESPONSE": "template",
    "ExampleTemplate": "template",
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


def __getattr__(name: str) -> Any:
    """Import a name from its module when it is first asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
