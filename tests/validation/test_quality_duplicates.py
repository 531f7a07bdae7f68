"""Equal and nearly equal examples: which line is named, and how truly the similarity is told."""

from __future__ import annotations

import gzip
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from quality_checks import inspect, lines_of, row, said, write

from ftkit.data.shingles import jaccard, shingles
from ftkit.settings import Settings
from ftkit.validation import Context, FileFacts, RowView, ValidateOptions

CONTEXT = Context("<rows in memory>", Settings().catalog.provider("local"), [], ValidateOptions())

WORDS = """
    river stone window garden letter market winter summer engine button silver candle forest bridge doctor
    planet copper island basket ladder mirror needle orange pepper rocket saddle temple violin walnut yellow
""".split()  # noqa: SIM905


def prose(rng: random.Random, words: int) -> str:
    return " ".join(rng.choice(WORDS) + rng.choice(("", "", "s", "ed", "ing")) for _ in range(words))


def body(example: dict[str, Any]) -> str:
    return "\n".join(m["content"] for m in example["messages"] if m["role"] != "system")


def test_every_copy_names_the_first_of_its_kind(tmp_path: Path) -> None:
    one, two = row("What is 2+2?", "4"), row("What is 3+3?", "6")
    path = write(tmp_path / "d.jsonl", [one, two, one, two, one])
    assert said(path, "FT501") == [
        (3, "the same example as on line 1"),
        (4, "the same example as on line 2"),
        (5, "the same example as on line 1"),
    ]


def test_the_way_a_row_is_written_does_not_matter(tmp_path: Path) -> None:
    asked, told = '{"content": "caf\\u00e9?", "role": "user"}', '{"content":"ja", "role":"assistant"}'
    spaced = f'{{ "messages" : [ {asked}, {told} ] }}'
    path = write(tmp_path / "d.jsonl", [row("café?", "ja"), spaced, row("Café?", "ja")])
    assert lines_of(path, "FT501") == [2]


def test_lines_are_counted_with_blank_and_broken_ones(tmp_path: Path) -> None:
    example = row("What is 2+2?", "4")
    path = write(tmp_path / "d.jsonl", ["", example, "{no", "", example, example])
    assert said(path, "FT501") == [(5, "the same example as on line 2"), (6, "the same example as on line 2")]


@pytest.mark.parametrize("rows", [[], ["{"], [row("One?", "1")]])
def test_too_few_rows_say_nothing(tmp_path: Path, rows: list[Any]) -> None:
    assert not inspect(write(tmp_path / "d.jsonl", rows)).log.counts


@pytest.mark.parametrize(
    "example",
    [
        {"prompt": "One and one is", "completion": " two"},
        {"input": {"messages": [{"role": "user", "content": "Hi"}]}, "preferred_output": [], "rejected": []},
        row("Solve this", None, reference_answer="4"),
    ],
)
def test_rows_of_every_kind_are_compared(tmp_path: Path, example: dict[str, Any]) -> None:
    path = write(tmp_path / "d.jsonl", [example, example])
    assert lines_of(path, "FT501") == [2]


def test_a_near_copy_says_which_line_it_is_like_and_how_much(tmp_path: Path) -> None:
    rng = random.Random(5)
    first = row(prose(rng, 60), prose(rng, 60), "Be brief.")
    second = json.loads(json.dumps(first).replace("ing ", "in ", 2))
    path = write(tmp_path / "d.jsonl", [row(prose(rng, 50), "no"), first, second])
    exact = int(100 * jaccard(shingles(body(first)), shingles(body(second))))
    assert exact >= 90
    assert said(path, "FT502") == [(3, f"{exact} % the same as the example on line 2")]


def test_exact_copies_are_left_to_the_other_rule(tmp_path: Path) -> None:
    rng = random.Random(6)
    example = row(prose(rng, 40), prose(rng, 40))
    path = write(tmp_path / "d.jsonl", [example, example])
    assert (lines_of(path, "FT501"), lines_of(path, "FT502")) == ([2], [])


def test_case_spaces_and_system_prompts_do_not_hide_a_copy(tmp_path: Path) -> None:
    rng = random.Random(7)
    text = prose(rng, 30)
    rows = [row(text, "yes", "Be brief."), row(text.upper().replace(" ", "  "), "yes", "Be kind.")]
    assert said(write(tmp_path / "d.jsonl", rows), "FT502") == [
        (2, "100 % the same as the example on line 1")
    ]


def test_a_shared_system_prompt_makes_no_rows_alike(tmp_path: Path) -> None:
    system = prose(random.Random(8), 300)
    rows = [
        row("How far is the moon?", "Far.", system),
        row("Who painted this wall?", "Nobody knows.", system),
    ]
    assert lines_of(write(tmp_path / "d.jsonl", rows), "FT502") == []


@pytest.mark.parametrize(
    ("first", "second", "similar"),
    [
        (
            "猫がテーブルの上で静かに眠っている間に、犬は庭で元気よく走り回り、鳥は空高く飛んでいました。",
            "。",
            "！",
        ),
        ("แมวนอนหลับอยู่บนโต๊ะอย่างเงียบสงบในขณะที่สุนัขวิ่งเล่นอยู่ในสวนหลังบ้านอย่างมีความสุข", "ข", "ค"),
        ("The cat sleeps on the table while the dog runs about in the garden behind our house.", ".", "!"),
    ],
)
def test_scripts_with_and_without_spaces(tmp_path: Path, first: str, second: str, similar: str) -> None:
    changed = first.removesuffix(second) + similar
    assert changed != first
    rows = [row(first, "ok"), row(changed, "ok"), row(first[::-1], "ok")]
    path = write(tmp_path / "d.jsonl", rows)
    assert lines_of(path, "FT502", params={"FT502.similarity": 0.8}) == [2]


@pytest.mark.parametrize(("similarity", "found"), [(0.5, [2]), (0.99, [])])
def test_the_similarity_is_a_parameter(tmp_path: Path, similarity: float, found: list[int]) -> None:
    rng = random.Random(9)
    words = prose(rng, 60).split()
    rows = [row(" ".join(words), "yes"), row(" ".join([*words[:50], *prose(rng, 10).split()]), "yes")]
    path = write(tmp_path / "d.jsonl", rows)
    assert lines_of(path, "FT502", params={"FT502.similarity": similarity}) == found


def edited(rng: random.Random, text: str, share: float) -> str:
    words = text.split()
    for place in rng.sample(range(len(words)), max(1, round(share * len(words)))):
        words[place] = rng.choice(WORDS)
    return " ".join(words)


def test_nearly_all_near_copies_are_found_and_none_below_the_threshold(tmp_path: Path) -> None:
    rng = random.Random(10)
    rows: list[dict[str, Any]] = []
    for _ in range(300):
        text = prose(rng, rng.choice((30, 80, 200)))
        rows += [row(text, "yes"), row(edited(rng, text, rng.choice((0.01, 0.02, 0.04, 0.08))), "yes")]
    path = write(tmp_path / "d.jsonl", rows)
    sets = [shingles(body(example)) for example in rows]
    true = {
        2 * n + 2: jaccard(sets[2 * n], sets[2 * n + 1]) for n in range(300) if rows[2 * n] != rows[2 * n + 1]
    }
    found = {}
    for line, message in said(path, "FT502", max_findings=1000):
        percent, other = map(int, re.findall(r"\d+", message))
        assert (
            line is not None and percent == int(100 * jaccard(sets[line - 1], sets[other - 1]) + 1e-9) >= 90
        )
        found[line] = other
    surely = [line for line, similarity in true.items() if similarity >= 0.95]
    assert len(surely) > 20 and sum(line in found for line in surely) >= 0.99 * len(surely)
    wanted = [line for line, similarity in true.items() if similarity >= 0.9]
    assert sum(line in found for line in wanted) >= 0.95 * len(wanted)
    assert all(true[line] >= 0.9 for line in found)


def test_packed_files_are_read_again_too(tmp_path: Path) -> None:
    from ftkit_validators.quality.rows import Source

    text = prose(random.Random(11), 60)
    plain = write(tmp_path / "d.jsonl", ["", row(text, "yes"), row(text, "no")])
    packed = tmp_path / "d.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    for path in (plain, packed):
        again = Source(str(path), CONTEXT).again({3})
        assert [(view.line, view.value["messages"][1]["content"]) for view in again] == [(3, "no")]


@pytest.mark.parametrize("name", ["gone.jsonl", "<rows in memory>", "x" * 5000, "a\0b", "no-such://d.jsonl"])
def test_what_cannot_be_read_again_is_left(name: str) -> None:
    from ftkit_validators.quality.rows import Source

    assert list(Source(name, CONTEXT).again({1})) == []


def test_an_estimate_is_called_one_where_the_rows_cannot_be_read_again(tmp_path: Path) -> None:
    from ftkit_validators.quality.duplicates import NearDuplicateExample

    check = NearDuplicateExample.check(CONTEXT)  # type: ignore[attr-defined]
    text = prose(random.Random(12), 100)
    for line, reply in enumerate(("yes", "yes!"), 1):
        example = row(text, reply)
        view = RowView(example, line, None, CONTEXT, list(enumerate(example["messages"])))
        list(check.row(view))
    (found,) = check.end(FileFacts())
    assert found.line == 2 and re.fullmatch(r"about \d+ % the same as the example on line 1", found.message)


def test_an_estimate_of_short_texts_is_not_trusted() -> None:
    from ftkit.validation import validate

    numbered = [row(f"{n}?", "yes") for n in range(60)]
    options = ValidateOptions(select=("FT502",))
    local = Settings(platform="local")
    assert validate(numbered, settings=local, options=options).counts == {}
    loud = [row("7?", "YES"), row(" 11? ", "yes")]
    found = validate([*numbered, *loud], settings=local, options=options).findings
    assert [(f.line, f.message) for f in found] == [
        (61, "about 100 % the same as the example on line 8"),
        (62, "about 100 % the same as the example on line 12"),
    ]
