"""Everything but delimited text that rows can come from, and every source that is not there or broken."""

from __future__ import annotations

import gzip
import json
import math
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from ftkit.data import Row, RowSource, SourceOptions, open_rows
from ftkit.errors import DataError, FtkitError, PlatformUnreachable, StorageError, UsageError

ROWS = [{"label": "up", "text": "Profit rose – 5 €"}, {"label": "down", "text": "Sales fell"}]


def zstd(plain: bytes) -> bytes:
    return pa.compress(plain, codec="zstd", asbytes=True)


def data(source: RowSource) -> list[Any]:
    return [row.data for row in source]


def jsonl(rows: list[Any]) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def dataset() -> Any:
    import datasets

    return datasets.Dataset.from_list(ROWS)


def stream() -> Any:
    import datasets

    return datasets.IterableDataset.from_generator(lambda: iter(ROWS))


def splits() -> Any:
    import datasets

    return datasets.DatasetDict({"train": dataset(), "test": dataset().select([1])})


def write_parquet(folder: Path) -> Path:
    dataset().to_parquet(str(folder / "a.parquet"))
    return folder / "a.parquet"


def write_arrow(folder: Path) -> Path:
    table = pa.Table.from_pylist(ROWS)
    with pa.OSFile(str(folder / "a.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return folder / "a.arrow"


def write_saved(folder: Path) -> Path:
    dataset().save_to_disk(str(folder / "saved"))
    return folder / "saved"


def write_jsonl(folder: Path) -> Path:
    (folder / "a.jsonl").write_bytes(jsonl(ROWS))
    return folder / "a.jsonl"


def write_gz(folder: Path) -> Path:
    (folder / "a.jsonl.gz").write_bytes(gzip.compress(jsonl(ROWS)))
    return folder / "a.jsonl.gz"


def write_zst(folder: Path) -> Path:
    (folder / "a.jsonl.zst").write_bytes(zstd(jsonl(ROWS)))
    return folder / "a.jsonl.zst"


def write_unnamed(folder: Path) -> Path:
    return write_parquet(folder).rename(folder / "unnamed")


@pytest.mark.parametrize(
    ("write", "kind"),
    [
        (write_jsonl, "jsonl"),
        (write_gz, "jsonl"),
        (write_zst, "jsonl"),
        (write_parquet, "parquet"),
        (write_arrow, "arrow"),
        (write_saved, "dataset"),
        (write_unnamed, "parquet"),
    ],
)
def test_files_and_folders(tmp_path: Path, write: Callable[[Path], Path], kind: str) -> None:
    path = write(tmp_path)
    for given in (path, str(path)):
        source = open_rows(given)
        assert source.kind == kind
        assert list(source) == [Row(ROWS[0], 1), Row(ROWS[1], 2)]
        assert data(source) == ROWS, "a second reading gives the same"
    assert data(open_rows(path, SourceOptions(limit=1))) == ROWS[:1]


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (dataset, "dataset"),
        (stream, "dataset"),
        (splits, "dataset"),
        (lambda: pd.DataFrame(ROWS), "dataframe"),
        (lambda: ROWS, "iterable"),
        (lambda: tuple(ROWS), "iterable"),
    ],
)
def test_objects(made: Callable[[], Any], kind: str) -> None:
    source = open_rows(made())
    assert source.kind == kind
    assert list(source) == [Row(ROWS[0], 1), Row(ROWS[1], 2)]
    assert data(source) == ROWS


def test_a_source_may_be_opened_again() -> None:
    source = open_rows(ROWS)
    assert open_rows(source) is source


def test_splits_are_chosen_by_name() -> None:
    assert data(open_rows(splits(), SourceOptions(split="test"))) == ROWS[1:]
    with pytest.raises(UsageError, match="no split 'dev'; the splits are: train, test"):
        open_rows(splits(), SourceOptions(split="dev"))


def test_an_iterator_is_read_once() -> None:
    source = open_rows(iter(ROWS))
    assert data(source) == ROWS
    with pytest.raises(UsageError, match="only once"):
        iter(source)


def test_a_frame_keeps_texts_and_knows_missing_cells() -> None:
    frame = pd.DataFrame(
        {
            "text": ["1.10", None, "NA"],
            "number": [1, 2, 3],
            "share": [0.5, math.nan, 1.5],
            "when": pd.to_datetime(["2026-01-02", None, "2026-01-04"]),
        }
    )
    assert data(open_rows(frame)) == [
        {"text": "1.10", "number": 1, "share": 0.5, "when": "2026-01-02T00:00:00"},
        {"text": None, "number": 2, "share": None, "when": None},
        {"text": "NA", "number": 3, "share": 1.5, "when": "2026-01-04T00:00:00"},
    ]
    assert type(data(open_rows(frame))[0]["number"]) is int


def test_a_long_frame_in_parts() -> None:
    frame = pd.DataFrame({"n": range(2500)})
    assert [(row.data["n"], row.line) for row in open_rows(frame)] == [(n, n + 1) for n in range(2500)]


@pytest.mark.parametrize("made", [dataset, lambda: pd.DataFrame(ROWS)])
def test_a_wrong_column_is_said_at_once(made: Callable[[], Any]) -> None:
    with pytest.raises(UsageError, match="no column 'txt'; the columns are: 'label', 'text'") as caught:
        open_rows(made(), SourceOptions(wanted=("txt",)))
    assert "Did you mean 'text'?" in str(caught.value.hint)


def test_a_frame_with_one_name_twice() -> None:
    with pytest.raises(UsageError, match="two columns called 'a'"):
        open_rows(pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_a_missing_file_names_what_is_close(tmp_path: Path) -> None:
    (tmp_path / "headlines.csv").write_text("text\na\n")
    with pytest.raises(UsageError, match="no such file") as caught:
        open_rows(tmp_path / "headline.csv")
    assert caught.value.hint == "Did you mean headlines.csv?"
    with pytest.raises(UsageError, match="there is no folder"):
        open_rows(tmp_path / "nowhere" / "a.csv")


def test_a_bare_word_is_told_how_to_name_a_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        open_rows("imdb")
    assert "hf:NAME" in str(caught.value.hint)


@pytest.mark.parametrize("name", ["hf:nobody/nothing", "nobody/nothing"])
def test_the_hub_out_of_reach(tmp_path: Path, name: str) -> None:
    """In a process of its own, for the offline switch is read at import."""
    code = f"""
import sys
from ftkit.data import open_rows
from ftkit.errors import FtkitError
try:
    open_rows({name!r})
except FtkitError as error:
    print(type(error).__name__, error)
"""
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        check=True,
    )
    assert done.stdout.startswith(PlatformUnreachable.__name__), done.stdout + done.stderr
    assert "nobody/nothing" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.tsv", "a.parquet", "a.jsonl.gz"])
def test_an_empty_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(gzip.compress(b"") if name.endswith("gz") else b"")
    with pytest.raises(DataError, match="empty"):
        list(open_rows(tmp_path / name))


@pytest.mark.parametrize(("name", "content"), [("a.csv", b"label,text\n"), ("a.jsonl", b"\n\n  \n\n{}"[:6])])
def test_a_file_without_rows(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=r"no rows|empty"):
        list(open_rows(tmp_path / name))


def test_an_empty_list() -> None:
    with pytest.raises(DataError, match="no rows"):
        list(open_rows([]))


@pytest.mark.parametrize("bad", [3, b"bytes", None])
def test_what_is_no_source(bad: Any) -> None:
    with pytest.raises(UsageError, match="no source of rows"):
        open_rows(bad)


def test_a_row_that_is_no_mapping() -> None:
    with pytest.raises(DataError, match="of type str") as caught:
        list(open_rows([{"a": 1}, "b"]))
    assert str(caught.value.where) == "rows:2"


def test_a_folder_names_its_files(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text\na\n")
    with pytest.raises(UsageError, match="folder") as caught:
        open_rows(tmp_path)
    assert "a.csv" in str(caught.value.hint)


def test_an_unknown_kind(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"PK\x03\x04 something")
    with pytest.raises(UsageError, match=r"not known by its name \(\.xlsx\)"):
        open_rows(tmp_path / "a.xlsx")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(jsonl(ROWS))
    path.chmod(0)
    with pytest.raises(StorageError):
        list(open_rows(path))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jsonl")
    with pytest.raises(UsageError, match="pipe"):
        open_rows(tmp_path / "a.jsonl")


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_a_damaged_columnar_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PAR1 this is not a table" * 10)
    with pytest.raises(DataError, match="cannot be read"):
        list(open_rows(tmp_path / name))


@pytest.mark.parametrize("pack", ["gz", "zst"])
@pytest.mark.parametrize("kind", ["jsonl", "csv"])
@pytest.mark.parametrize("damage", ["cut off", "damaged"])
def test_a_broken_archive(tmp_path: Path, pack: str, kind: str, damage: str) -> None:
    plain = (
        jsonl(ROWS * 5000)
        if kind == "jsonl"
        else b"label,text\n" + random.Random(1).randbytes(30000).hex().encode() + b",b\n"
    )
    packed = gzip.compress(plain) if pack == "gz" else zstd(plain)
    if damage == "cut off":
        packed = packed[: len(packed) // 2]
    else:
        packed = packed[:5] + bytes(255 - byte for byte in packed[5:60]) + packed[60:]
    path = tmp_path / f"a.{kind}.{pack}"
    path.write_bytes(packed)
    with pytest.raises(DataError, match="not a whole") as caught:
        list(open_rows(path))
    assert "byte" in caught.value.message
    assert str(caught.value.where) == str(path)


def test_a_file_made_to_swell_stays_small_in_memory(tmp_path: Path) -> None:
    """200 MB of blank lines in a few KB: unpacked in pieces."""
    from ftkit.data.stream import read_chunks

    for pack, made in (("gz", gzip.compress), ("zst", zstd)):
        path = tmp_path / f"a.jsonl.{pack}"
        path.write_bytes(made(b"\n" * 200_000_000))
        sizes = [len(chunk) for chunk in read_chunks(path)]
        assert sum(sizes) == 200_000_000
        assert max(sizes) <= (80_000_000 if pack == "gz" else 1 << 20)


def test_a_path_too_long_for_the_disk() -> None:
    with pytest.raises(StorageError):
        open_rows("x" * 5000 + ".csv")


def test_archives_of_several_members(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(
        gzip.compress(jsonl(ROWS[:1])) + gzip.compress(jsonl(ROWS[1:])) + b"\0" * 8
    )
    (tmp_path / "a.jsonl.zst").write_bytes(zstd(jsonl(ROWS[:1])) + zstd(jsonl(ROWS[1:])))
    for pack in ("gz", "zst"):
        assert data(open_rows(tmp_path / f"a.jsonl.{pack}")) == ROWS


def test_a_zstandard_file_may_be_read_in_pieces_of_any_size(tmp_path: Path) -> None:
    from ftkit.data.stream import read_chunks, read_head

    path, plain = tmp_path / "a.jsonl.ZST", jsonl(ROWS * 300)
    path.write_bytes(zstd(plain) + zstd(b"") + zstd(plain))
    for size in (1, 7, 4096, 1 << 20):
        assert b"".join(read_chunks(path, size)) == plain * 2
    assert read_head(path, 10) == plain[:10]


def test_the_checksum_of_a_zstandard_frame_is_compared(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.zst"
    frame = bytes.fromhex("28b52ffd24094900007b2261223a20317d0a3387dfc3")  # {"a": 1}, written by zstd
    path.write_bytes(frame)
    assert data(open_rows(path)) == [{"a": 1}]
    path.write_bytes(frame[:-1] + b"\0")
    with pytest.raises(DataError, match="Restored data doesn't match checksum"):
        list(open_rows(path))


def test_words_for_what_is_no_zstandard_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.zst"
    for content, words in ((b"{} not packed", "damaged near"), (zstd(b"{}") + b"rest of it", "damaged near")):
        path.write_bytes(content)
        with pytest.raises(DataError, match=f"not a whole Zstandard file: it is {words} byte") as caught:
            list(open_rows(path))
        assert "ZSTD" not in caught.value.message


def test_every_error_is_of_the_one_tree(tmp_path: Path) -> None:
    for bad in ("nothing.csv", 5, tmp_path, b""):
        with pytest.raises(FtkitError):
            list(open_rows(bad))


def test_opening_json_lines_imports_nothing_heavy(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path)
    code = f"""
import sys
from ftkit.data import open_rows
assert len(list(open_rows({str(path)!r}))) == 2
print([name for name in ("datasets", "pandas", "numpy", "pyarrow") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
