"""Files elsewhere (``memory://``, ``file://``) give the same report; what cannot be read is told."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest

from ftkit.data import SourceOptions
from ftkit.errors import UsageError
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
        ("file:///dev/d.jsonl/d.jsonl", UsageError, "no such file"),
    ],
)
def test_what_cannot_be_read_is_told(name: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as told:
        validate(name)
    assert name in str(told.value)


def test_the_command_reads_it(path: Path, here) -> None:  # type: ignore[no-untyped-def]
    done = here("validate", path.as_uri(), "--json")
    assert done.returncode == 1 and '"rows": 61' in done.stdout


@pytest.mark.parametrize("start", [b"\xef\xbb\xbf{\0\n\n", b"\xff\xfe\n\n", b"{\0\r\n\n", b"", b"\n\n"])
@pytest.mark.parametrize("odd", [b"\xff\xfe", b"{\0", b"\0", b"\0\0\0\0"])
def test_shards_that_begin_like_utf16_give_the_same_report(
    start: bytes, odd: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ftkit.data.workers import WorkerPool
    from ftkit.validation import parallel, shards

    path = tmp_path / "d.jsonl"
    path.write_bytes(start + b"".join(odd + b"\n\n" + (ROW % n).encode() for n in range(6)))
    alone = validate(path, options=ValidateOptions(processes=1))
    for module in (parallel, shards):
        monkeypatch.setattr(module, "SHARD_BYTES", 40)
    monkeypatch.setattr(parallel, "HEAD_BYTES", 40)
    monkeypatch.setattr(parallel, "WorkerPool", lambda processes: WorkerPool(1))
    assert validate(path, options=ValidateOptions(processes=50)) == alone
