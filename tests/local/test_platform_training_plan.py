"""What is chosen for a training, what a platform's configuration may set, and how work is shared out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ftkit.local.engines.base import Hyperparameters, ModelSpec, StepMetrics, TrainingError, TrainingRequest
from ftkit.local.engines.transformers.plan import RATES, Plan, TrainingSettings, settings_of
from ftkit.local.engines.transformers.planning import choose
from ftkit.local.engines.transformers.training import make_plan, pass_on
from ftkit.local.engines.transformers.training_data import read_rows
from ftkit.local.engines.transformers.training_process import launcher, processes


@pytest.mark.parametrize(
    ("examples", "epochs", "batch"),
    [(10, 10, 4), (33, 3, 4), (50, 3, 4), (800, 3, 8), (5_000, 3, 32), (20_000, 1, 32), (1_000_000, 1, 32)],
)
def test_auto_gives_small_sets_more_epochs_and_smaller_batches(
    examples: int, epochs: int, batch: int
) -> None:
    chosen = choose({"n_epochs": "auto", "batch_size": None}, examples)
    assert (chosen.n_epochs, chosen.batch_size) == (epochs, batch)
    assert chosen.view() == {"n_epochs": epochs, "batch_size": batch, "learning_rate_multiplier": 1.0}


def test_what_is_asked_for_is_kept_and_a_batch_is_no_larger_than_the_data() -> None:
    chosen = choose({"n_epochs": 7, "batch_size": 64, "learning_rate_multiplier": 0.5}, 20)
    assert (chosen.n_epochs, chosen.batch_size, chosen.learning_rate_multiplier) == (7, 20, 0.5)


@pytest.mark.parametrize(("asked", "beta"), [("auto", 0.1), (0.7, 0.7)])
def test_preference_training_records_its_beta(asked: Any, beta: float) -> None:
    assert choose({"beta": asked}, 100).view()["beta"] == beta


def test_one_example_is_enough_to_choose() -> None:
    assert choose({}, 1).batch_size == 1 and choose({}, 1).n_epochs == 25


def test_a_multiplier_scales_the_rate_of_kind_and_method() -> None:
    settings = TrainingSettings()
    assert settings.rate("supervised", 2.0) == 2 * RATES["lora", "supervised"]
    assert TrainingSettings(kind="full").rate("dpo", 1.0) == RATES["full", "dpo"]
    assert TrainingSettings(learning_rate=0.01).rate("supervised", 0.5) == 0.005


def test_adapters_learn_faster_than_whole_models() -> None:
    for method in ("supervised", "dpo"):
        assert RATES["lora", method] == pytest.approx(10 * RATES["full", method])


@pytest.mark.parametrize(
    ("training", "place"),
    [
        ({"rnak": 8}, "training.rnak"),
        ({"rank": 0}, "training.rank"),
        ({"kind": "qlora"}, "training.kind"),
        ({"dropout": 1.0}, "training.dropout"),
        ({"device": "cuda:1"}, "training.device"),
        ("rank=8", "training"),
    ],
)
def test_a_wrong_setting_is_named(training: Any, place: str) -> None:
    with pytest.raises(TrainingError, match=place) as caught:
        settings_of(ModelSpec("tiny", "transformers", "somewhere", {"training": training}))
    assert caught.value.code == "invalid_model_configuration"


def test_settings_come_from_the_table_training_and_nothing_else() -> None:
    spec = ModelSpec("tiny", "transformers", "x", {"dtype": "float32", "training": {"rank": 4}})
    assert settings_of(spec) == TrainingSettings(rank=4)
    assert settings_of(ModelSpec("tiny", "transformers", "x")) == TrainingSettings()


def plan_for(batch: int, folder: Path = Path("/nowhere"), **settings: Any) -> Plan:
    return Plan(
        name="tiny",
        source="x",
        settings=TrainingSettings(**{"device": "cpu", **settings}),
        epochs=1,
        batch_size=batch,
        seed=1,
        rows=folder / "rows",
        output=folder,
    )


@pytest.mark.parametrize(
    ("batch", "wanted", "count"), [(8, 2, 2), (8, 3, 2), (9, 4, 3), (7, 4, 1), (1, 8, 1)]
)
def test_processes_share_a_batch_evenly(batch: int, wanted: int, count: int) -> None:
    pytest.importorskip("torch")
    assert processes(plan_for(batch, processes=wanted)) == count


def test_several_processes_are_started_by_accelerate() -> None:
    command = launcher(4, "/a/plan.json")
    assert "accelerate.commands.launch" in command and command[-1] == "/a/plan.json"
    assert command[command.index("--num_processes") + 1] == "4" and "--multi_gpu" in command


def request(folder: Path, spec: ModelSpec | None, **change: Any) -> TrainingRequest:
    fields: dict[str, Any] = {
        "examples": (),
        "validation": None,
        "hyperparameters": Hyperparameters(2, 4, 0.5, {"beta": 0.3}),
        "seed": 5,
        "scratch": folder,
        "rows": [{"messages": [{"role": "user", "content": "Grüße"}]}],
        "model": spec,
    }
    return TrainingRequest(**{**fields, **change})


def test_a_plan_says_everything_and_survives_json(tmp_path: Path) -> None:
    pytest.importorskip("trl")
    spec = ModelSpec("tiny", "transformers", "models/tiny", {"revision": "v1", "training": {"rank": 4}})
    plan = make_plan(request(tmp_path, spec, method="dpo", validation_rows=[{"a": 1}], resume=tmp_path / "r"))
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
    assert (plan.epochs, plan.batch_size, plan.multiplier, plan.beta, plan.seed) == (2, 4, 0.5, 0.3, 5)
    assert (plan.source, plan.revision, plan.settings.rank) == ("models/tiny", "v1", 4)
    assert [row["messages"][0]["content"] for row in read_rows(plan.rows)] == ["Grüße"]
    assert plan.validation_rows is not None and list(read_rows(plan.validation_rows)) == [{"a": 1}]
    assert plan.rate == pytest.approx(0.5e-5)


def test_trainings_in_one_scratch_folder_keep_apart(tmp_path: Path) -> None:
    pytest.importorskip("trl")
    spec = ModelSpec("tiny", "transformers", "x")
    first, second = (make_plan(request(tmp_path, spec)) for _ in range(2))
    assert first.output != second.output


@pytest.mark.parametrize("spec", [None, ModelSpec("transformers", "transformers")])
def test_a_model_without_a_source_cannot_be_trained(tmp_path: Path, spec: ModelSpec | None) -> None:
    with pytest.raises(TrainingError, match="no source"):
        make_plan(request(tmp_path, spec))


def test_what_is_not_installed_is_said_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ftkit.local.engines.transformers.training.NEEDED", ("torch", "no_such_package"))
    with pytest.raises(TrainingError, match=r"no_such_package.*pip install 'ftkit\[train\]'") as caught:
        make_plan(request(tmp_path, ModelSpec("tiny", "transformers", "x")))
    assert caught.value.code == "engine_unavailable"


class Heard:
    """Callbacks that keep what they are told."""

    def __init__(self) -> None:
        self.all: list[Any] = []

    def step(self, metrics: StepMetrics) -> None:
        self.all.append(metrics)

    def checkpoint(self, metrics: StepMetrics, save: Any) -> None:
        self.all.append((metrics, save))

    def note(self, message: str, *, warning: bool = False) -> None:
        self.all.append((message, warning))

    def pulse(self) -> None:
        self.all.append("pulse")


METRICS = {"step": 1, "total_steps": 2, "epoch": 1, "train_loss": 0.5, "train_accuracy": 1.0}


def test_every_kind_of_news_reaches_the_callbacks(tmp_path: Path) -> None:
    heard = Heard()
    (made := tmp_path / "made").mkdir()
    (made / "weights").write_bytes(b"w")
    (target := tmp_path / "target").mkdir()
    for told in (
        None,
        {"event": "step", "metrics": METRICS},
        {"event": "note", "message": "m", "warning": True},
        {"event": "checkpoint", "metrics": METRICS, "folder": str(made)},
    ):
        assert pass_on(told, heard) is None
    pulse, step, note, (metrics, save) = heard.all
    assert (pulse, step, note) == ("pulse", StepMetrics(**METRICS), ("m", True)) and metrics == step
    save(target)
    assert (target / "weights").read_bytes() == b"w" and not list(made.iterdir())
    assert pass_on({"event": "done", "tokens": 12}, heard) == 12


def test_a_failure_told_is_the_jobs_error() -> None:
    told = {"event": "failed", "message": "no", "code": "out_of_memory", "param": "hyperparameters"}
    with pytest.raises(TrainingError) as caught:
        pass_on(told, Heard())
    assert (caught.value.message, caught.value.code, caught.value.param) == (
        "no",
        "out_of_memory",
        "hyperparameters",
    )
