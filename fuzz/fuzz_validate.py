"""Feeds ``validate`` and ``fix`` with damaged data and looks for what must never be.

    python fuzz/fuzz_validate.py --seconds 60 [--seed 0]

Of every input: nothing crashes, each row is accepted or rejected, shards give the report of the whole, and
``fix`` loses no row. With atheris (``pip install atheris``) coverage leads the search; without it, seeded
chance does. An input that fails is written beside this file's caller as ``fuzz-failure.jsonl``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import random
import sys
import tempfile
import time
from pathlib import Path

from ftkit.settings import Settings
from ftkit.validation import ValidateOptions, parallel, shards, validate
from ftkit.validation.fixing import fix

SETTINGS = Settings(platform="own", providers={"own": {"limits": {"min_examples": None}}})
SEEDS = [
    b'{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Ho"}]}',
    (
        b'{"messages":[{"role":"system","content":"Be kind."},{"role":"user","content":"caf\\u00e9"},'
        b'{"role":"assistant","content":"\xc3\xa9","weight":1}],"metadata":{"a":[1,2.5e3,null]}}'
    ),
    (
        b'{"messages":[{"role":"user","content":[{"type":"text","text":"x"},{"type":"image_url",'
        b'"image_url":{"url":"https://a.b/c.png"}}]},{"role":"assistant","content":"y"}]}'
    ),
    (
        b'{"messages":[{"role":"user","content":"w?"},{"role":"assistant","tool_calls":[{"id":"c1","type":'
        b'"function","function":{"name":"f","arguments":"{\\"a\\":1}"}}]},{"role":"tool","tool_call_id":"c1",'
        b'"content":"5"},{"role":"assistant","content":"5"}],"tools":[{"type":"function","function":{"name":"f",'
        b'"parameters":{"type":"object","properties":{"a":{"type":"integer"}}}}}]}'
    ),
    (
        b'{"input":{"messages":[{"role":"user","content":"q"}]},"preferred_output":[{"role":"assistant",'
        b'"content":"a"}],"non_preferred_output":[{"role":"assistant","content":"b"}]}'
    ),
    b'{"prompt":"One and one is","completion":" two"}',
    b'{"messages":[{"role":"user","content":"Solve"}],"reference_answer":"4"}',
]
PIECES = [
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"'",
    b",",
    b":",
    b"\\",
    b"\\u",
    b"\\ud83d",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
]
PIECES += [
    b"\n",
    b"\r",
    b"\r\n",
    b" ",
    b"\t",
    b"//",
    b"#",
    b"null",
    b"NaN",
    b"-0",
    b"1e999",
    b"9" * 40,
    b"true",
]
PIECES += [
    b'"role"',
    b'"content"',
    b'"messages"',
    b'"weight"',
    b'"tool_calls"',
    b'"assistant"',
    b"\xe2\x80\xa8",
]
ENDS = [b"\n", b"\n", b"\n", b"\r\n", b"\r", b"\n\n"]


def damaged(rng: random.Random) -> bytes:
    """Some rows, most with a few bytes changed, between various line ends."""
    lines = bytearray()
    for _ in range(rng.choice((0, 1, 2, 5, 12, 30))):
        row = bytearray(rng.choice(SEEDS))
        for _ in range(rng.choice((0, 0, 1, 1, 2, 6))):
            at, kind = rng.randrange(len(row) + 1), rng.randrange(5)
            if kind == 0:
                row[at:at] = rng.choice(PIECES)
            elif kind == 1:
                del row[at : at + rng.choice((1, 2, 9, 60))]
            elif kind == 2:
                row[at : at + 1] = bytes([rng.randrange(256)])
            elif kind == 3:
                start = rng.randrange(len(row) + 1)
                row[at:at] = row[start : start + rng.randrange(40)]
            else:
                row[at : at + rng.randrange(12)] = rng.choice(PIECES)
        lines += row + rng.choice(ENDS)
    frame = rng.randrange(40)
    if frame == 0:
        return bytes(lines).decode("utf-8", "replace").encode("utf-16")
    if frame == 1:
        return b"[" + bytes(lines).replace(b"\n", b",\n") + b"]"
    return bytes(lines[: rng.randrange(len(lines) + 1)]) if frame < 6 else bytes(lines)


def hold(data: bytes, folder: Path) -> None:
    """Raises AssertionError, or whatever crashes, where a promise is broken."""
    path = folder / "data.jsonl"
    path.write_bytes(data)
    options = ValidateOptions(max_line_bytes=3000, max_findings=20, processes=1)
    alone = validate(path, settings=SETTINGS, options=options)
    assert alone.accepted + alone.rejected == alone.rows, "a row was neither accepted nor rejected"
    assert sum(alone.counts.values()) == alone.errors + alone.warnings + alone.infos
    assert not any("failed on" in note for note in alone.notes), alone.notes
    spread = validate(path, settings=SETTINGS, options=options.model_copy(update={"processes": 1000}))
    assert spread == alone, "shards do not give the report of the whole"
    fixed = fix(path, folder / "fixed.jsonl", settings=SETTINGS, options=options)
    assert fixed.accepted + fixed.rejected == fixed.read, "fix has lost a row"
    again = validate(fixed.fixed.path, settings=SETTINGS, options=options)
    assert again.rejected == 0, "fix has written a row that is rejected"


class HerePool:
    """Shards one after the other in this process, as worker processes and Ray tasks check them."""

    def __init__(self, processes: int) -> None:
        assert processes > 1

    def map(self, make, shared, tasks):  # type: ignore[no-untyped-def]
        import pickle

        check = shards.checker(pickle.loads(pickle.dumps(shared)))
        for task in tasks:
            yield pickle.loads(pickle.dumps(check(task)))

    def __enter__(self) -> HerePool:
        return self

    def __exit__(self, *what: object) -> None:
        return None


def cut_small(size: int = 300) -> None:
    """Make every file one of many shards, and start no process for each."""
    shards.SHARD_BYTES = parallel.SHARD_BYTES = parallel.HEAD_BYTES = size
    parallel.WorkerPool = HerePool  # type: ignore[misc, assignment]


def search(seconds: float, seed: int, folder: Path) -> int:
    """Try damaged data for a while. Returns the number of inputs that failed (the search stops at one)."""
    rng, end, tried = random.Random(seed), time.monotonic() + seconds, 0
    while time.monotonic() < end:
        data = damaged(rng)
        tried += 1
        try:
            hold(data, folder)
        except Exception:
            Path("fuzz-failure.jsonl").write_bytes(data)
            print(f"input {tried} (seed {seed}) fails; it is in fuzz-failure.jsonl", file=sys.stderr)
            raise
    return tried


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    asked.add_argument("--seconds", type=int, default=60)
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--input", type=Path, help="check this file alone")
    given = asked.parse_args()
    cut_small()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if given.input:
            hold(given.input.read_bytes(), folder)
            return
        try:
            atheris = importlib.import_module("atheris")
        except ImportError:
            print(json.dumps({"inputs": search(given.seconds, given.seed, folder), "failed": 0}))
            return
        atheris.instrument_all()
        atheris.Setup([sys.argv[0], f"-max_total_time={given.seconds}"], lambda data: hold(data, folder))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
