"""A job's fields in each platform's words and places; what would train something else is refused."""

from __future__ import annotations

from typing import Any

import pytest

from ftkit.catalog import Dialect, Provider, builtin_catalog
from ftkit.display import SilentDisplay
from ftkit.errors import ConfigurationError, NotOnPlatform
from ftkit.gateway import Platform
from ftkit.gateway.dialect import Translator
from ftkit.gateway.method import split_method

JOBS = "/fine_tuning/jobs"
QUEUED = {"id": "ftjob-1", "status": "queued"}
SFT = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}}
DPO = {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.1, "n_epochs": 2}}}
GRADER = {"type": "string_check", "name": "g", "input": "{{sample.output_text}}", "operation": "eq"}
RFT = {"type": "reinforcement", "reinforcement": {"grader": GRADER, "hyperparameters": {"n_epochs": 1}}}


def translator(name: str = "custom", display: Any = None, **dialect: Any) -> Translator:
    provider = builtin_catalog().provider(name)
    if dialect:
        provider = Provider(name="mine", title="Mine", dialect=Dialect(**dialect))
    return Translator(provider, display or SilentDisplay())


@pytest.mark.parametrize(
    ("name", "placed"),
    [
        ("openai", {"method": SFT}),
        ("azure-openai", {"method": SFT}),
        ("local", {"method": SFT}),
        ("kluster", {"hyperparameters": {"n_epochs": 2}}),
        ("nebius", {"hyperparameters": {"n_epochs": 2}}),
        ("custom", {"hyperparameters": {"n_epochs": 2}}),
    ],
)
@pytest.mark.parametrize(
    "given",
    [
        {"hyperparameters": {"n_epochs": 2}},
        {"method": SFT},
        {"method": {"supervised": {"n_epochs": 2}}},
        {"method": {"type": "supervised", "supervised": {"n_epochs": 2}}, "hyperparameters": {"n_epochs": 9}},
        {"hyperparameters": {"n_epochs": 2, "batch_size": None}, "method": {"type": "supervised"}},
    ],
    ids=["top", "method", "flat", "both", "holes"],
)
def test_supervised_hyperparameters_go_where_the_platform_reads_them(
    name: str, placed: dict[str, Any], given: dict[str, Any]
) -> None:
    assert translator(name).job({"model": "m", "training_file": "f", **given}) == {
        "model": "m",
        "training_file": "f",
        **placed,
    }


def test_a_platform_that_flattens_them() -> None:
    said = translator(supervised="flat").job({"model": "m", "method": SFT})
    assert said == {"model": "m", "method": {"type": "supervised", "supervised": {"n_epochs": 2}}}


@pytest.mark.parametrize("name", ["openai", "kluster", "nebius", "local", "custom", "azure-openai"])
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"hyperparameters": {}},
        {"hyperparameters": None, "method": None},
        {"method": {"type": "supervised"}},
        {"method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": None}}}},
    ],
)
def test_supervised_training_is_what_a_job_without_a_method_is(name: str, given: dict[str, Any]) -> None:
    assert translator(name).job({"model": "m", "seed": None, **given}) == {"model": "m"}


@pytest.mark.parametrize("name", ["openai", "azure-openai", "custom"])
@pytest.mark.parametrize("method", [DPO, RFT])
def test_other_methods_keep_their_parts(name: str, method: dict[str, Any]) -> None:
    assert translator(name).job({"model": "m", "method": method}) == {"model": "m", "method": method}


def test_parts_that_nobody_knows_are_sent_on() -> None:
    method = {"type": "reinforcement", "reinforcement": {"grader": GRADER, "novelty": {"x": 1}}}
    assert translator("openai").job({"method": method}) == {"method": method}


@pytest.mark.parametrize("name", ["kluster", "nebius"])
@pytest.mark.parametrize("method", [DPO, RFT, {"type": "dpo"}, {"dpo": {"beta": 0.2}}])
def test_a_method_that_a_platform_does_not_have_is_refused_never_dropped(
    name: str, method: dict[str, Any]
) -> None:
    with pytest.raises(NotOnPlatform, match="trains by the method supervised only, not by"):
        translator(name).job({"model": "m", "training_file": "f", "method": method})


def test_the_local_platform_learns_preferences_where_its_engine_can_and_no_rewards() -> None:
    assert translator("local").job({"model": "m", "method": DPO}) == {"model": "m", "method": DPO}
    with pytest.raises(NotOnPlatform, match="trains by the method supervised and dpo only"):
        translator("local").job({"model": "m", "training_file": "f", "method": RFT})


def test_a_person_s_own_platform_without_the_field_method_trains_supervised_only() -> None:
    mine = translator(drop_job_request=("method",))
    assert mine.job({"method": SFT}) == {"hyperparameters": {"n_epochs": 2}}
    with pytest.raises(NotOnPlatform, match="not by 'dpo'"):
        mine.job({"method": DPO})


@pytest.mark.parametrize(
    ("name", "method", "wrong", "known"),
    [
        ("nebius", {"supervised": {"learning_rate_multiplier": 0.5}}, "learning_rate_multiplier", "lora_r"),
        ("kluster", {"supervised": {"lora": True}}, "lora", "batch_size"),
        ("openai", {"type": "supervised", "supervised": {"beta": 0.1}}, "beta", "n_epochs"),
        ("openai", {"type": "dpo", "dpo": {"eval_samples": 2}}, "eval_samples", "beta"),
        ("local", {"supervised": {"learning_rate": 1e-5}}, "learning_rate", "learning_rate_multiplier"),
    ],
)
def test_a_hyperparameter_that_a_platform_would_ignore_is_refused(
    name: str, method: dict[str, Any], wrong: str, known: str
) -> None:
    with pytest.raises(NotOnPlatform, match=f"no hyperparameter {wrong!r}") as caught:
        translator(name).job({"model": "m", "method": method})
    assert known in str(caught.value.hint)


def test_auto_is_left_to_platforms_that_know_no_such_word() -> None:
    given = {"hyperparameters": {"n_epochs": "auto", "batch_size": 4}}
    assert translator("nebius").job(given) == {"hyperparameters": {"batch_size": 4}}
    assert translator("kluster").job({"hyperparameters": {"n_epochs": "auto"}}) == {}
    said = translator("openai").job(given)
    assert said["method"]["supervised"]["hyperparameters"] == {"n_epochs": "auto", "batch_size": 4}


def test_hyperparameters_that_a_platform_has_no_field_for_are_refused() -> None:
    mine = translator(drop_job_request=("hyperparameters",))
    assert mine.job({"model": "m"}) == {"model": "m"}
    with pytest.raises(NotOnPlatform, match="'hyperparameters' for a job, and without it the model would"):
        mine.job({"model": "m", "hyperparameters": {"n_epochs": 2}})


def test_a_suffix_is_a_nickname_on_kluster() -> None:
    assert translator("kluster").job({"suffix": "mine"}) == {"nickname": "mine"}
    assert translator("openai").job({"suffix": "mine"}) == {"suffix": "mine"}


def test_what_changes_no_model_is_left_out_and_told_once(seen: Any) -> None:
    kluster = translator("kluster", seen)
    body = {"model": "m", "seed": 1, "metadata": {"team": "a"}, "integrations": [{"type": "wandb"}]}
    assert kluster.job(body) == kluster.job(body) == {"model": "m"}
    assert sorted(seen.notes) == [
        f"kluster.ai does not take '{name}' for a job: left out"
        for name in ("integrations", "metadata", "seed")
    ]


def test_ftkits_own_mark_goes_without_a_word_where_it_is_not_kept(seen: Any) -> None:
    assert translator("kluster", seen).job({"metadata": {"ftkit_operation": "x"}}) == {}
    assert seen.notes == []


def test_fields_that_a_dialect_refuses() -> None:
    mine = translator(refuse_job_request=("validation_file",))
    with pytest.raises(NotOnPlatform, match="'validation_file' for a job"):
        mine.job({"model": "m", "validation_file": "f"})
    assert mine.job({"model": "m", "validation_file": None}) == {"model": "m"}


def test_a_batch_without_what_a_platform_does_not_take(seen: Any) -> None:
    body = {"input_file_id": "f", "metadata": {"a": "b"}, "completion_window": None}
    assert translator("openai", seen).batch(body) == {"input_file_id": "f", "metadata": {"a": "b"}}
    assert seen.notes == []
    mine = translator(display=seen, drop_batch_request=("metadata",))
    assert mine.batch(body) == {"input_file_id": "f"}
    assert mine.batch({"metadata": {"ftkit_operation": "x"}}) == {}
    assert seen.notes == ["Mine does not take 'metadata' for a batch: left out"]


WANDB = {"type": "wandb", "wandb": {"project": "p"}}


def test_nebius_gets_the_key_for_weights_and_biases(seen: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "w-123")
    other = {"type": "hf", "hf": {"output_repo_name": "r", "api_token": "t"}}
    mine = {"type": "wandb", "wandb": {"project": "p", "api_key": "own"}}
    said = translator("nebius", seen).job({"model": "m", "integrations": [WANDB, other, mine]})
    assert said["integrations"] == [
        {"type": "wandb", "wandb": {"project": "p", "api_key": "w-123"}},
        other,
        mine,
    ]
    assert len(seen.notes) == 1 and "WANDB_API_KEY" in seen.notes[0] and "w-123" not in seen.notes[0]
    assert WANDB["wandb"] == {"project": "p"}
    assert translator("openai").job({"integrations": [WANDB]}) == {"integrations": [WANDB]}


def test_nebius_without_a_key_for_weights_and_biases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    with pytest.raises(NotOnPlatform, match="only with your key") as caught:
        translator("nebius").job({"model": "m", "integrations": [WANDB]})
    assert "WANDB_API_KEY" in str(caught.value.hint)


def test_a_platform_may_use_another_s_mapper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "w-123")
    said = translator(mapper="nebius").job({"integrations": [WANDB]})
    assert said["integrations"][0]["wandb"]["api_key"] == "w-123"
    with pytest.raises(ConfigurationError, match="there is no mapper 'nowhere'") as caught:
        translator(mapper="nowhere")
    assert "kluster, nebius" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("body", "kind", "hyperparameters", "parts"),
    [
        ({}, "supervised", {}, {}),
        ({"method": "dpo"}, "supervised", {}, {}),
        ({"method": {"type": 3}}, "supervised", {}, {}),
        (
            {"method": {"type": "spec-draft", "spec_draft": {"n_epochs": 1}}},
            "spec-draft",
            {"n_epochs": 1},
            {},
        ),
        ({"method": RFT}, "reinforcement", {"n_epochs": 1}, {"grader": GRADER}),
        ({"method": {"dpo": None, "supervised": {"n_epochs": 1}}}, "supervised", {"n_epochs": 1}, {}),
    ],
)
def test_how_a_method_is_taken_apart(
    body: dict[str, Any], kind: str, hyperparameters: dict[str, Any], parts: dict[str, Any]
) -> None:
    method, rest = split_method(body)
    assert (method.kind, method.hyperparameters, method.parts, rest) == (kind, hyperparameters, parts, {})


def test_over_the_wire_openai_gets_its_current_form(canned: Any, to_canned: Any) -> None:
    canned.answer("POST", JOBS, QUEUED)
    to_canned("openai").jobs.create("file-1", "gpt-4.1-mini", hyperparameters={"n_epochs": 2}, suffix="s")
    body = canned.asked[-1].json
    assert body["method"] == SFT
    assert "hyperparameters" not in body and body["suffix"] == "s"


def test_what_is_refused_is_refused_before_anything_is_sent(canned: Any, to_canned: Any) -> None:
    with pytest.raises(NotOnPlatform, match="learning_rate_multiplier"):
        to_canned("nebius").jobs.create("file-1", "m", hyperparameters={"learning_rate_multiplier": 2})
    assert canned.asked == []


def test_the_local_platform_takes_every_hyperparameter_of_its_dialect(
    local: Platform, training_file: Any
) -> None:
    names = local.provider.dialect.hyperparameters["supervised"]
    given = dict.fromkeys(names, 1)
    file = local.files.upload(training_file)
    job = local.jobs.create(file.id, "linear", hyperparameters=given)
    assert job.hyperparameters == given
    assert job.method == "supervised"
    local.jobs.cancel(job.id)
