"""What judges cost: by the way they were asked, of what went out alone, unknown where it is not known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from judging_parts import Court, judge_called, right_when

from ftkit.benchmarking.judging import Judge, JudgeUsed
from ftkit.catalog import Model
from ftkit.catalog.schema import Price
from ftkit.data import open_jsonl_writer, read_jsonl
from ftkit.inference.backends.base import Round

ROWS = [{"question": f"q{n}", "answer": "a"} for n in range(10)]
PRICE = Price(input=2.0, output=8.0, tuned_input=3.0, tuned_output=12.0, batch_discount=0.5)


class Counting:
    """A backend of a platform's form: it answers at once, by ``via``, and says what it counted."""

    name = "counting"

    def __init__(self, via: str, usage: dict[str, int] | None, reply: Callable[[int], str]) -> None:
        self.via, self.usage, self.reply, self.rounds = via, usage, reply, 0

    def identity(self, model: str) -> str:
        return f"{self.via} {self.usage}"

    def answer(self, requests: Path, out: Path, workdir: Path, *, wait: bool = True) -> Round:
        if not wait:
            return Round(False, self.via)
        self.rounds += 1
        with open_jsonl_writer(out) as writer:
            for row in read_jsonl(requests):
                message = {"role": "assistant", "content": self.reply(self.rounds)}
                body: dict[str, Any] = {"choices": [{"message": message, "finish_reason": "stop"}]}
                if self.usage is not None:
                    body["usage"] = self.usage
                response = {"status_code": 200, "body": body}
                writer.write({"custom_id": row.data["custom_id"], "response": response, "error": None})
        return Round(True, self.via, ("batch_1",) if self.via == "batch" else (), 2.0)


def used(
    folder: Path,
    via: str,
    model: str = "m",
    price: Price | None = PRICE,
    usage: dict[str, int] | None = None,
    reply: Callable[[int], str] = lambda number: "correct",
) -> JudgeUsed:
    entry = Model(id="m", provider="custom", price=price) if price is not None else None
    judge = Judge(model, Counting(via, usage, reply), entry=entry)
    return Court(folder, ROWS).judge(judge).judges[0]


TOKENS = {"prompt_tokens": 1000, "completion_tokens": 100}


@pytest.mark.parametrize(
    ("via", "model", "dollars"),
    [
        ("realtime", "m", 0.02 + 0.008),
        ("batch", "m", 0.01 + 0.004),
        ("realtime", "ft:m:x", 0.03 + 0.012),
        ("litellm", "m", 0.02 + 0.008),
    ],
)
def test_the_way_and_the_role_decide_the_price(tmp_path: Path, via: str, model: str, dollars: float) -> None:
    one = used(tmp_path, via, model, usage=TOKENS)
    assert one.cost == pytest.approx(dollars) and one.cost_note is None
    assert (one.prompt_tokens, one.completion_tokens, one.tokens) == (10_000, 1000, 11_000)
    assert one.seconds == 2.0 and one.batches == (("batch_1",) if via == "batch" else ())


def test_every_round_costs(tmp_path: Path) -> None:
    one = used(tmp_path, "realtime", usage=TOKENS, reply=lambda number: "correct" if number == 3 else "Hm.")
    assert one.rounds == 3 and one.cost == pytest.approx(3 * 0.028) and one.seconds == 6.0


def folder_of(path: Path, name: str) -> Path:
    (path / name).mkdir()
    return path / name


def test_what_is_not_known_is_said(tmp_path: Path) -> None:
    uncounted = used(folder_of(tmp_path, "a"), "batch")
    assert (uncounted.cost, uncounted.prompt_tokens, uncounted.tokens) == (None, None, None)
    assert "count" in (uncounted.cost_note or "")
    unlisted = used(folder_of(tmp_path, "b"), "batch", price=None, usage=TOKENS)
    assert unlisted.cost is None and "catalog" in (unlisted.cost_note or "")
    no_discount = used(folder_of(tmp_path, "c"), "batch", price=Price(input=2.0, output=8.0), usage=TOKENS)
    assert no_discount.cost is None and "discount" in (no_discount.cost_note or "")


def test_what_was_answered_before_costs_nothing(tmp_path: Path) -> None:
    court = Court(tmp_path, ROWS)
    judge = judge_called("j", right_when(lambda text: True), tmp_path)
    priced = replace(judge, entry=Model(id="j", provider="custom", price=PRICE))
    first, again = (court.judge(priced).judges[0] for _ in range(2))
    assert first.cost == pytest.approx((10 * 10 * 2.0 + 10 * 5 * 8.0) / 1e6)
    assert (again.cost, again.asked, again.cached) == (0.0, 0, 10)
    assert again.oldest is not None and first.oldest is None
