"""A whole report, made from answers on disk without a platform."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from bench_parts import LABELS, Bench, answer, chat_row

from ftkit.benchmarking.results import BenchmarkReport
from ftkit.gateway.results import Answer


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> BenchmarkReport:
    """A report on 300 rows and four models, with wrong, invalid, failed and missing answers."""
    chance = random.Random(7)
    truth = [chance.choices(LABELS, weights=(1, 5, 3))[0] for _ in range(300)]
    rows = [chat_row(f"Company {i} reported <b>{i}</b> & more", t) for i, t in enumerate(truth)]
    bench = Bench(tmp_path_factory.mktemp("sample"), rows, "label", LABELS)

    def model(share: float, odd: float) -> Callable[[int], Answer | None]:
        def reply(row: int) -> Answer | None:
            custom_id = bench.task.ids.id_of(row)
            if chance.random() < odd:
                failed = answer(custom_id, None, ok=False, error="429 too many requests")
                return chance.choice(
                    [None, failed, answer(custom_id, "I cannot say."), answer(custom_id, "")]
                )
            return answer(custom_id, truth[row] if chance.random() < share else chance.choice(LABELS))

        return reply

    return bench.report(
        {
            "linear": model(0.35, 0.05),
            "ft:linear:sentiment:9f8e7d6c": model(0.8, 0.0),
            "klusterai/Meta-Llama-3.1-8B-Instruct-Turbo": model(0.55, 0.02),
            "gpt-4.1-mini": model(0.75, 0.01),
        }
    )
