"""However a file is cut into shards, the quality rules say the same; and the engine's own shards do."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quality_checks import ALL, inspect, row, write

PARAMS = {
    "FT505.rows": 4,
    "FT506.rows": 4,
    "FT508.rows": 4,
    "FT512.rows": 4,
    "FT502.similarity": 0.8,
    "FT505.majority": 0.6,
    "FT508.share": 0.6,
}
ASKED = [
    "Is the sea blue?",
    "Please tell me in a few words whether the sea is blue in winter or in summer, and why.",
    "Please tell me in a few words whether the sea is blue in winter or in summer, and why!",
    "Write to erika@web-post.de, it was 5 â‚¬",
    "Ask " * 200,
]
ROWS = st.one_of(
    st.builds(
        row,
        st.sampled_from(ASKED),
        st.sampled_from(["yes", "no", *ASKED[:2]]),
        st.sampled_from([None, "Be brief.", "Be kind."]),
    ),
    st.sampled_from(["", "{", "[]", '{"prompt": "Is the sea", "completion": " blue"}']),
)


def report(path: Path, *codes: str, **options: Any) -> tuple[Any, Any, Any]:
    result = inspect(path, *codes, params=PARAMS, **options)
    return result.log.counts, result.log.severities, result.log.findings()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROWS, min_size=1, max_size=30), st.data())
def test_shards_say_the_same_as_the_whole(tmp_path: Path, rows: list[Any], data: st.DataObject) -> None:
    path = write(tmp_path / "d.jsonl", rows)
    held = write(tmp_path / "held.jsonl", [row(ASKED[0], "yes"), row(ASKED[2], "no", "Be brief.")])
    cuts = data.draw(st.lists(st.integers(0, len(rows)), max_size=4))
    whole = report(path, held_out=(held,), max_findings=5)
    assert report(path, held_out=(held,), max_findings=5, cuts=cuts) == whole


def test_one_row_a_shard(tmp_path: Path) -> None:
    rng = random.Random(1)
    rows = [row(rng.choice(ASKED), rng.choice(["yes", "no"])) for _ in range(60)]
    path = write(tmp_path / "d.jsonl", rows)
    assert report(path, cuts=range(1, 60)) == report(path)
    assert report(path)[0].keys() >= {"FT501", "FT502", "FT503", "FT509", "FT511"}


def test_states_stay_small(tmp_path: Path) -> None:
    """The bytes that a worker sends for each row, all rules together."""
    import pickle

    from ftkit.settings import Settings
    from ftkit.validation import Context, ValidateOptions
    from ftkit.validation.inspector import Inspector

    context = Context("d.jsonl", Settings().catalog.provider("local"), [], ValidateOptions())
    part = Inspector(context, ALL)
    lines = (
        write(tmp_path / "d.jsonl", [row(f"{n} " * 50, str(n)) for n in range(3000)])
        .read_bytes()
        .splitlines()
    )
    for number, raw in enumerate(lines, 1):
        part.line(raw, number)
    assert len(pickle.dumps(part.close())) < 200 * 3000


@pytest.mark.parametrize("rule", ALL.rules, ids=lambda rule: rule.code)
def test_each_rule_alone_says_what_it_says_among_the_others(rule: Any, tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(rule.bad.data)
    options = {name: value for name, value in rule.bad.options.items() if name != "params"}
    params = rule.bad.options.get("params", {})
    alone = inspect(path, rule.code, params=params, **options).log
    together = inspect(path, params=params, **options).log
    assert alone.counts[rule.code] == together.counts[rule.code] >= 1
    assert alone.findings() == [f for f in together.findings() if f.code == rule.code]
    good = tmp_path / "good.jsonl"
    good.write_bytes(rule.good.data)
    assert not inspect(good, params=rule.good.options.get("params", {})).log.counts
