"""Which tokens a model learns from a conversation: with several templates, weights, tools and preferences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

import pyarrow as pa
from tiny_model import CHATML, SYSTEM, chat, make_tokenizer, news, pair

from ftkit.local.engines.base import TrainingError
from ftkit.local.engines.transformers.spans import IGNORED, Marked, learn, prefer
from ftkit.local.engines.transformers.templates import TemplateRefused, render, use_template
from ftkit.local.engines.transformers.training_data import Tokenizing

TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "One?"},
    {"role": "assistant", "content": "Yes, one."},
    {"role": "user", "content": "Two?"},
    {"role": "assistant", "content": "No, two."},
]
FORGETFUL = (
    "{%- for m in messages %}"
    "{%- if m['role'] == 'assistant' and not loop.last %}{{- '[reply]\\n' }}"
    "{%- else %}{{- '[' + m['role'] + '] ' + m['content'] + '<|im_end|>\\n' }}{%- endif %}"
    "{%- endfor %}{%- if add_generation_prompt %}{{- '[assistant] ' }}{%- endif %}"
)
"""Tells earlier replies in another way than the last one, as templates of thinking models do."""
ENDLESS = (
    "{%- for m in messages %}{{- m['role'] + ': ' + m['content'] }}"
    "{%- if not loop.last %}{{- '\\n' }}{%- endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '\\nassistant: ' }}{%- endif %}"
)
"""Has no token at the end of a reply."""
STRICT = "{{- raise_exception('only users here') if messages[0]['role'] == 'system' }}" + CHATML


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """What tokenizers are trained on."""
    return [text for row in news(60) for text in row] + [SYSTEM, "system user assistant", "One? Yes, one."]


def tokenizer_of(texts: list[str], template: str | None) -> Any:
    made = make_tokenizer(texts, template)
    use_template(made)
    return made


def learnt(tokenizer: Any, marked: Marked) -> list[str]:
    """The learnt stretches, as text."""
    stretches: list[list[int]] = [[]]
    for label in marked.labels:
        if label == IGNORED:
            stretches.append([])
        else:
            stretches[-1].append(label)
    return [tokenizer.decode(stretch) for stretch in stretches if stretch]


@pytest.mark.parametrize(("template", "end"), [(CHATML, "<|im_end|>"), (None, "<|endoftext|>")])
def test_every_reply_is_learnt_to_its_end_and_nothing_else(
    texts: list[str], template: str | None, end: str
) -> None:
    tokenizer = tokenizer_of(texts, template)
    [marked] = learn(tokenizer, TALK)
    assert learnt(tokenizer, marked) == [f"Yes, one.{end}", f"No, two.{end}"]
    assert len(marked.ids) == len(marked.labels)
    assert all(label in (IGNORED, token) for token, label in zip(*marked, strict=True))


@pytest.mark.parametrize("template", [CHATML, None, FORGETFUL, ENDLESS])
def test_what_comes_before_a_reply_is_the_prompt_that_is_asked_later(
    texts: list[str], template: str | None
) -> None:
    tokenizer = tokenizer_of(texts, template)
    marked = learn(tokenizer, TALK)[-1]
    last = max(place for place, label in enumerate(marked.labels) if label == IGNORED)
    prompt = tokenizer(render(tokenizer, TALK[:-1]), add_special_tokens=False)["input_ids"]
    assert marked.ids[: last + 1] == prompt


@pytest.mark.parametrize(("weights", "expected"), [((0, 1), ["No"]), ((1, 0), ["Yes"]), ((0, 0), [])])
def test_replies_of_weight_0_are_read_but_not_learnt(
    texts: list[str], weights: tuple[int, int], expected: list[str]
) -> None:
    tokenizer = tokenizer_of(texts, CHATML)
    talk = [dict(message) for message in TALK]
    talk[2]["weight"], talk[4]["weight"] = weights
    found = [text.split(",")[0] for marked in learn(tokenizer, talk) for text in learnt(tokenizer, marked)]
    assert found == expected


def test_a_template_that_tells_earlier_turns_anew_gives_an_example_for_each_reply(texts: list[str]) -> None:
    tokenizer = tokenizer_of(texts, FORGETFUL)
    made = learn(tokenizer, TALK)
    assert [learnt(tokenizer, marked) for marked in made] == [["Yes, one.<|im_end|>"], ["No, two.<|im_end|>"]]
    assert "Yes" not in tokenizer.decode(made[1].ids)


def test_a_template_without_an_end_gets_the_end_token(texts: list[str]) -> None:
    tokenizer = tokenizer_of(texts, ENDLESS)
    [marked] = learn(tokenizer, TALK[:3])
    assert marked.labels[-1] == tokenizer.eos_token_id
    assert learnt(tokenizer, marked)[0].startswith("Yes, one.")


def test_a_tokenizer_without_offsets_is_asked_in_pieces(texts: list[str]) -> None:
    tokenizer = tokenizer_of(texts, CHATML)
    [fast] = learn(tokenizer, TALK)

    class Slow:
        """The same tokenizer, as one of those that know no offsets."""

        is_fast = False

        def __getattr__(self, name: str) -> Any:
            return getattr(tokenizer, name)

        def __call__(self, text: str, **options: Any) -> Any:
            assert "return_offsets_mapping" not in options
            return tokenizer(text, **options)

    [slow] = learn(Slow(), TALK)
    assert slow == fast


def test_text_beyond_ascii_and_parts_are_learnt_whole(texts: list[str]) -> None:
    tokenizer = tokenizer_of(texts, CHATML)
    talk = [
        {"role": "user", "content": [{"type": "text", "text": "Käse "}, {"type": "text", "text": "🧀?"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "日本語 ✓"}]},
    ]
    [marked] = learn(tokenizer, talk)
    assert learnt(tokenizer, marked) == ["日本語 ✓<|im_end|>"]
    assert "Käse 🧀?" in tokenizer.decode(marked.ids)


def test_a_conversation_that_the_template_refuses_is_said(texts: list[str]) -> None:
    with pytest.raises(TemplateRefused, match="only users here"):
        learn(tokenizer_of(texts, STRICT), TALK)


def test_a_preference_shares_its_prompt(texts: list[str]) -> None:
    tokenizer = tokenizer_of(texts, CHATML)
    row = pair("Aspo says that turnover rose .", "positive", "negative")
    made = prefer(tokenizer, row["input"]["messages"], row["preferred_output"], row["non_preferred_output"])
    assert tokenizer.decode(made.chosen) == "positive<|im_end|>"
    assert tokenizer.decode(made.rejected) == "negative<|im_end|>"
    asked = render(tokenizer, row["input"]["messages"])
    assert made.prompt == tokenizer(asked, add_special_tokens=False)["input_ids"]


def table(path: Path) -> list[dict[str, list[int]]]:
    with pa.memory_map(str(path)) as file:
        return pa.ipc.open_stream(file).read_all().to_pylist()


def test_rows_become_an_arrow_file_and_are_counted(tmp_path: Path, texts: list[str]) -> None:
    tokenizer = tokenizer_of(texts, CHATML)
    rows = [chat(*row) for row in news(5)] + [chat("Nothing to learn .", "neutral", weight=0)]
    size = Tokenizing(tokenizer, "supervised", None).write(rows, tmp_path / "a", "training_file")
    made = table(tmp_path / "a")
    assert (size.examples, size.cut, size.empty) == (5, 0, 0)
    assert len(made) == 5 and size.tokens == sum(len(row["input_ids"]) for row in made)
    assert size.longest == max(len(row["input_ids"]) for row in made)


def test_long_examples_are_cut_at_their_end_and_empty_ones_left_out(tmp_path: Path, texts: list[str]) -> None:
    tokenizer = tokenizer_of(texts, CHATML)
    long = chat("Aspo says that turnover rose . " * 20, "positive")
    talk = {"messages": [*TALK, {"role": "user", "content": "more " * 50}, TALK[-1]]}
    size = Tokenizing(tokenizer, "supervised", 60).write([long, talk], tmp_path / "a", "training_file")
    [row] = table(tmp_path / "a")
    assert (size.examples, size.cut, size.empty, size.longest) == (1, 2, 1, 60)
    assert learnt(tokenizer, Marked(row["input_ids"], row["labels"])) == [
        "Yes, one.<|im_end|>",
        "No, two.<|im_end|>",
    ]


def test_pairs_are_cut_within_their_replies_and_equal_ones_left_out(tmp_path: Path, texts: list[str]) -> None:
    tokenizer = tokenizer_of(texts, CHATML)
    rows = [
        pair("Aspo grew .", "positive", "negative"),
        pair("Aspo grew .", "same", "same"),
        pair("Aspo grew .", "one " * 200, "two " * 200),
    ]
    size = Tokenizing(tokenizer, "dpo", 100).write(rows, tmp_path / "a", "training_file")
    made = table(tmp_path / "a")
    assert (size.examples, size.cut, size.empty, size.longest) == (2, 1, 1, 100)
    assert len(made[1]["prompt_ids"]) + len(made[1]["chosen_ids"]) == 100
    lengths = [[len(part) for part in row.values()] for row in made]
    assert size.tokens == sum(2 * prompt + better + worse for prompt, better, worse in lengths)


def test_data_without_anything_to_learn_is_refused(tmp_path: Path, texts: list[str]) -> None:
    with pytest.raises(TrainingError, match="within its first 10 tokens") as caught:
        Tokenizing(tokenizer_of(texts, CHATML), "supervised", 10).write(
            [chat(*row) for row in news(3)], tmp_path / "a", "validation_file"
        )
    assert (caught.value.code, caught.value.param) == ("invalid_validation_file", "validation_file")


def test_a_refused_row_is_named_by_its_number(tmp_path: Path, texts: list[str]) -> None:
    rows = [{"messages": TALK[1:3]}, {"messages": TALK[:3]}]
    with pytest.raises(TrainingError, match=r"Example 2 of the training file: .*only users here"):
        Tokenizing(tokenizer_of(texts, STRICT), "supervised", None).write(
            rows, tmp_path / "a", "training_file"
        )


def test_tools_and_calls_are_told_by_the_template(texts: list[str]) -> None:
    template = (
        "{%- if tools %}{{- '[tools] ' + (tools | tojson) + '\\n' }}{%- endif %}"
        "{%- for m in messages %}{{- '[' + m['role'] + '] ' + m['content'] }}"
        "{%- for call in m.tool_calls or [] %}{{- call.function.name + (call.function.arguments | tojson) }}"
        "{%- endfor %}{{- '<|im_end|>\\n' }}{%- endfor %}"
        "{%- if add_generation_prompt %}{{- '[assistant] ' }}{%- endif %}"
    )
    tokenizer = tokenizer_of(texts, template)
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at": "Aspo"}'}}
    talk = [TALK[1], {"role": "assistant", "content": None, "tool_calls": [call]}]
    tools = [{"type": "function", "function": {"name": "look", "parameters": {}}}]
    [marked] = learn(tokenizer, talk, tools)
    assert learnt(tokenizer, marked) == ['look{"at": "Aspo"}<|im_end|>']
    assert tokenizer.decode(marked.ids).startswith('[tools] [{"type": "function"')
