"""Files elsewhere (``memory://``, ``file://``): the same report, by one process or several; what cannot be read."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest

from ftkit.data import SourceOptions
from ftkit.errors import StorageError, UsageError
from ftkit.validation import ValidateOptions, ValidationReport, validate

ROW = '{"messages":[{"role":"user","content":"Say %d"},{"role":"assistant","content":"Ho"}]}\n'
TEXT = "".join(ROW % (number % 30) for number in range(60)) + "{bad\n\n"


def same(one: ValidationReport, other: ValidationReport) -> bool:
    return one.model_dump_json().replace(one.source, "") == other.model_dump_json().replace(other.source, "")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "d.jsonl"
    path.write_text(TEXT)
    return path


def test_a_file_in_fsspecs_memory_has_the_report_of_a_local_one(path: Path) -> None:
    with fsspec.open("memory://here/d.jsonl", "w") as file:
        file.write(TEXT)
    report = validate("memory://here/d.jsonl")
    assert same(report, validate(path)) and report.rows == 61 and report.counts["FT501"] == 30


def test_only_the_first_rows_are_read_where_that_is_wanted(path: Path) -> None:
    options = ValidateOptions(source=SourceOptions(limit=7))
    assert same(validate(path.as_uri(), options=options), validate(path, options=options))
    assert validate(path.as_uri(), options=options).rows == 7


def test_worker_processes_read_it_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("shards.SHARD_BYTES", "parallel.SHARD_BYTES", "parallel.HEAD_BYTES"):
        monkeypatch.setattr(f"ftkit.validation.{name}", 1000)
    assert same(validate(path.as_uri(), options=ValidateOptions(processes=2)), validate(path))


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("gs://bucket/d.jsonl", UsageError, "pip install gcsfs"),
        ("nope://bucket/d.jsonl", UsageError, "Protocol not known: nope"),
        ("file:///not/there.jsonl", UsageError, "there is no such file"),
        ("memory://here/d.jsonl.gz", UsageError, "Unpack it"),
        ("http://127.0.0.1:9/d.jsonl", StorageError, "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_told(name: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as told:
        validate(name)
    assert name in str(told.value)


def test_the_command_reads_it(path: Path, here) -> None:  # type: ignore[no-untyped-def]
    done = here("validate", path.as_uri(), "--json")
    assert done.returncode == 1 and '"rows": 61' in done.stdout
