"""From OpenAI to a small Hugging Face model with random weights on one's own machine, by real training."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from canned_platform import Canned
from hosted import OPENAI_JOB, serve_openai
from test_migrate_methods import DPO_JOB

pytest.importorskip("trl")

from ftkit.gateway import Platform, connect
from ftkit.lifecycle import migration
from ftkit.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
TINY = runpy.run_path(str(Path(__file__).parents[1] / "local" / "tiny_model.py"))
ROWS = [TINY["chat"](*row) for row in TINY["news"](80, 1)]
HELD = [TINY["chat"](*row) for row in TINY["news"](12, 2)]
LONG = TINY["chat"](" and ".join(sentence for sentence, _ in TINY["news"](40, 3)), "neutral")
OTHERS = {"positive": "negative", "negative": "neutral", "neutral": "positive"}
PAIRS = [TINY["pair"](text, label, OTHERS[label]) for text, label in TINY["news"](60, 4)]
To = Callable[..., Platform]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The settings of a local platform that serves the model, and what ftkit.toml says of it."""
    home = tmp_path_factory.mktemp("own")
    base = TINY["make_model"](home / "tiny")
    state = home / "state"
    (state / "local").mkdir(parents=True)
    table = [
        "[models.tiny]",
        'engine = "transformers"',
        f"source = {json.dumps(str(base))}",
        'training = { device = "cpu", learning_rate = 5e-3, threads = 1 }',
    ]
    (state / "local" / "models.toml").write_text("\n".join(table))
    known = {
        "provider": "local",
        "tokenizer": f"hf:{base}",
        "chat_template": "generic",
        "tunable": ["sft", "dpo"],
        "limits": {"training_context": 256},
        "price": {"train": 0.0},
    }
    settings = Settings(state_dir=state, poll_seconds=0.2, models={"tiny": known})
    with connect(settings=settings) as platform:
        yield settings
        platform.stop_local()


def test_examples_go_to_a_hugging_face_model_with_its_own_limit(
    canned: Canned, to_canned: To, own: Settings, folder: Path
) -> None:
    serve_openai(canned, OPENAI_JOB, train=[*ROWS, LONG], validation=HELD)
    with to_canned("openai") as openai:
        migration.export(openai, folder)
        assert migration.record(openai, folder, via="realtime").answered == 12
    with connect(settings=own) as platform:
        plan = migration.plan_retrain(platform, folder, base="tiny", over_limit="drop")
        assert plan.fitting is not None
        assert (plan.fitting.limit, plan.fitting.dropped, plan.fitting.first_lines) == (256, 1, [81])
        made = migration.retrain(platform, folder, base="tiny", over_limit="drop", max_cost=0)
        assert (made.status, made.training_rows, made.method) == ("succeeded", 80, "supervised")
        assert made.hyperparameters == {"n_epochs": 3}
        job = platform.jobs.get(made.job)
        assert job.hyperparameters["n_epochs"] == 3
        found = migration.compare(platform, folder, margin=0.5)
    assert found.rows == 12
    assert found.new == made.model
    assert found.old_score < found.new_score  # the played old model knows other words
    told = migration.report(folder)
    assert "tiny" in told.page.read_text()


def test_preferences_go_to_a_hugging_face_model_as_preferences(
    canned: Canned, to_canned: To, own: Settings, folder: Path
) -> None:
    serve_openai(canned, DPO_JOB, train=PAIRS[:48], validation=PAIRS[48:])
    with to_canned("openai") as openai:
        migration.export(openai, folder)
        assert migration.record(openai, folder, via="realtime").expected == 12
    with connect(settings=own) as platform:
        made = migration.retrain(
            platform, folder, base="tiny", over_limit="drop", hyperparameters={"n_epochs": 1}, suffix="dpo"
        )
        assert (made.status, made.method) == ("succeeded", "dpo")
        assert made.hyperparameters == {"n_epochs": 1, "beta": 0.2}
        job: Any = platform.jobs.get(made.job)
        assert job.method == "dpo"
        assert migration.compare(platform, folder, margin=0.9).rows == 12
