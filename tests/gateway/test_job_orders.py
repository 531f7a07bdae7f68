"""Orders for jobs: every parameter of OpenAI's API, with the types of the installed openai package."""

from __future__ import annotations

import typing
from typing import Any

import pytest
import typing_extensions

from ftkit.errors import UsageError
from ftkit.gateway.orders import (
    Dpo,
    DpoHyperparameters,
    Hyperparameters,
    JobOrder,
    Reinforcement,
    ReinforcementHyperparameters,
    Supervised,
    Wandb,
    method_of,
)

GRADER = {
    "type": "string_check",
    "name": "same",
    "operation": "eq",
    "input": "{{sample.output_text}}",
    "reference": "{{item.answer}}",
}


def order(**given: Any) -> JobOrder:
    return JobOrder(**{"model": "m", "training_file": "file-1", **given})


def fields_of(typed_dict: type) -> set[str]:
    """The keys that the openai package's type has."""
    return set(typing.get_type_hints(typed_dict))


def required_in(typed_dict: type) -> set[str]:
    hints = typing.get_type_hints(typed_dict, include_extras=True)
    return {name for name, hint in hints.items() if typing.get_origin(hint) is typing_extensions.Required}


def test_every_parameter_of_the_openai_package_is_there_and_no_other() -> None:
    from openai.types.fine_tuning import job_create_params as theirs

    deprecated = {"hyperparameters"}
    assert set(JobOrder.model_fields) == fields_of(theirs.JobCreateParams) - deprecated
    assert set(Wandb.model_fields) == fields_of(theirs.IntegrationWandb)
    assert {"type", *(m.model_fields["type"].default for m in (Supervised, Dpo, Reinforcement))} == fields_of(
        theirs.Method
    )


def test_methods_have_the_hyperparameters_of_the_openai_package() -> None:
    from openai.types.fine_tuning import (
        dpo_hyperparameters_param as dpo,
    )
    from openai.types.fine_tuning import (
        reinforcement_hyperparameters_param as reinforcement,
    )
    from openai.types.fine_tuning import (
        supervised_hyperparameters_param as supervised,
    )

    for ours, theirs in (
        (Hyperparameters, supervised.SupervisedHyperparametersParam),
        (DpoHyperparameters, dpo.DpoHyperparametersParam),
        (ReinforcementHyperparameters, reinforcement.ReinforcementHyperparametersParam),
    ):
        assert set(ours.model_fields) - {"extra"} == fields_of(theirs)


def test_graders_need_what_the_openai_package_requires() -> None:
    from openai.types import graders as theirs

    from ftkit.gateway.graders import _INSIDE

    for kind, needs in _INSIDE.items():
        typed = getattr(theirs, "".join(word.title() for word in kind.split("_")) + "GraderParam")
        assert {*needs, "type"} == required_in(typed), kind


def test_an_order_with_nothing_chosen_sends_model_and_file_only() -> None:
    assert order().request() == {"model": "m", "training_file": "file-1"}


def test_an_order_with_everything_sends_everything_in_openai_s_places() -> None:
    made = order(
        validation_file="file-2",
        suffix="mine",
        seed=7,
        metadata={"team": "search"},
        method={"type": "supervised", "hyperparameters": {"n_epochs": 3, "batch_size": "auto"}},
        integrations=[{"project": "p", "name": "n", "entity": "e", "tags": ["a", "b"]}],
    )
    assert made.request() == {
        "model": "m",
        "training_file": "file-1",
        "validation_file": "file-2",
        "suffix": "mine",
        "seed": 7,
        "metadata": {"team": "search"},
        "method": {
            "type": "supervised",
            "supervised": {"hyperparameters": {"n_epochs": 3, "batch_size": "auto"}},
        },
        "integrations": [
            {"type": "wandb", "wandb": {"project": "p", "name": "n", "entity": "e", "tags": ["a", "b"]}}
        ],
    }


@pytest.mark.parametrize(
    ("method", "sent"),
    [
        ({"type": "supervised"}, None),
        ({"type": "dpo"}, {"type": "dpo", "dpo": {}}),
        (
            {"type": "dpo", "hyperparameters": {"beta": 0.1, "learning_rate_multiplier": 2}},
            {"type": "dpo", "dpo": {"hyperparameters": {"learning_rate_multiplier": 2, "beta": 0.1}}},
        ),
        (
            {
                "type": "reinforcement",
                "grader": GRADER,
                "hyperparameters": {"eval_interval": 5, "reasoning_effort": "low", "compute_multiplier": 1.5},
                "response_format": {"type": "json_schema", "json_schema": {"name": "x"}},
            },
            {
                "type": "reinforcement",
                "reinforcement": {
                    "hyperparameters": {
                        "eval_interval": 5,
                        "compute_multiplier": 1.5,
                        "reasoning_effort": "low",
                    },
                    "grader": GRADER,
                    "response_format": {"type": "json_schema", "json_schema": {"name": "x"}},
                },
            },
        ),
        (Supervised(hyperparameters=Hyperparameters(extra={"lora": True})), ...),
    ],
    ids=["nothing", "dpo", "beta", "reinforcement", "extra"],
)
def test_a_method_stands_where_openai_has_it(method: Any, sent: Any) -> None:
    if sent is ...:
        sent = {"type": "supervised", "supervised": {"hyperparameters": {"lora": True}}}
    assert order(method=method).request().get("method") == sent


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"model": ""}, "model is empty"),
        ({"training_file": ""}, "training_file is empty"),
        ({"training_file": 3}, "training_file: should be a valid string (it is 3)"),
        ({"suffix": ""}, "suffix: it has 0 characters; 1 to 64 are taken"),
        ({"suffix": "x" * 65}, "suffix: it has 65 characters; 1 to 64 are taken"),
        ({"seed": -1}, "seed: should be greater than or equal to 0 (it is -1)"),
        ({"seed": "7"}, "seed: should be a valid integer (it is '7')"),
        ({"seed": True}, "seed: should be a valid integer (it is True)"),
        ({"metadata": {"k": 3}}, "metadata.k: should be a valid string (it is 3)"),
        ({"metadata": {"": "v"}}, "metadata: the key '' has 0 characters"),
        ({"metadata": {"k" * 65: "v"}}, "has 65 characters; 1 to 64 are taken"),
        ({"metadata": {"k": "v" * 513}}, "metadata: the value of 'k' has 513 characters; at most 512"),
        ({"metadata": {str(n): "" for n in range(16)}}, "metadata: 16 pairs; 15 are taken"),
        ({"epochs": 3}, "epochs is no parameter of a job"),
        ({"method": {"type": "sft"}}, "method: 'sft' is none of supervised, dpo and reinforcement"),
        ({"integrations": [{"name": "n"}]}, "integrations.0.project is missing"),
        ({"integrations": [{"project": "p", "key": "k"}]}, "integrations.0.key is no parameter"),
    ],
)
def test_a_wrong_value_is_said_with_its_name(given: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        order(**given)
    assert words in caught.value.message
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("kind", "name", "value", "words"),
    [
        ("supervised", "n_epochs", 0, "0 is neither a whole number of at least 1 nor 'auto'"),
        ("supervised", "n_epochs", 1.5, "1.5 is neither a whole number"),
        ("supervised", "n_epochs", True, "True is neither a whole number"),
        ("supervised", "batch_size", "many", "'many' is neither a whole number"),
        ("supervised", "learning_rate_multiplier", 0, "0 is neither a number above zero nor 'auto'"),
        ("supervised", "learning_rate_multiplier", float("nan"), "nan is neither a number above zero"),
        ("supervised", "beta", 0.1, "beta is no parameter of supervised training"),
        ("dpo", "beta", -1, "-1 is neither a number above zero"),
        ("dpo", "eval_samples", 3, "eval_samples is no parameter of dpo training"),
        ("reinforcement", "eval_interval", 0, "0 is neither a whole number"),
        ("reinforcement", "reasoning_effort", "most", "'default', 'low', 'medium' or 'high'"),
    ],
)
def test_a_wrong_hyperparameter_is_said_with_its_name(kind: str, name: str, value: Any, words: str) -> None:
    grader = {"grader": GRADER} if kind == "reinforcement" else {}
    with pytest.raises(UsageError) as caught:
        order(method={"type": kind, "hyperparameters": {name: value}, **grader})
    assert words in caught.value.message and name in caught.value.message


@pytest.mark.parametrize("value", ["auto", 1, 3])
def test_counts_are_numbers_or_auto(value: Any) -> None:
    made = order(method={"type": "supervised", "hyperparameters": {"n_epochs": value}})
    assert made.method.hyperparameters.n_epochs == value


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        JobOrder.model_validate({"suffix": "", "seed": -1})
    for words in ("model is missing", "training_file is missing", "suffix: it has 0", "seed: should be"):
        assert words in caught.value.message


@pytest.mark.parametrize(
    ("grader", "words"),
    [
        ({}, "its type is None"),
        ({"type": "string-check"}, "Did you mean 'string_check'?"),
        ({"type": "label_model"}, "its type is 'label_model'"),
        ({"type": "python", "name": "x"}, "a python grader needs source"),
        ({"type": "score_model"}, "a score_model grader needs name, model, input"),
        (
            {
                "type": "multi",
                "name": "x",
                "calculate_output": "a",
                "graders": {"a": {"type": "python", "name": "a"}},
            },
            "a python grader needs source",
        ),
    ],
)
def test_a_grader_that_the_api_does_not_know_is_refused(grader: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        order(method={"type": "reinforcement", "grader": grader})
    assert caught.value.message.startswith("method.grader: ") and words in caught.value.message


@pytest.mark.parametrize(
    "graders",
    [{"a": GRADER, "b": {**GRADER, "name": "b"}}, [GRADER], GRADER],
    ids=["table", "list", "one"],
)
def test_graders_within_a_grader(graders: Any) -> None:
    multi = {"type": "multi", "name": "x", "calculate_output": "a", "graders": graders}
    assert order(method={"type": "reinforcement", "grader": multi}).method.type == "reinforcement"


def test_a_reinforcement_job_needs_a_grader() -> None:
    with pytest.raises(UsageError, match=r"method\.grader is missing"):
        order(method={"type": "reinforcement"})


def test_orders_are_the_same_whatever_their_metadata_says() -> None:
    first = order(metadata={"run": "1"}, suffix="a")
    assert first.identity == order(suffix="a").identity
    for other in ({"suffix": "b"}, {"seed": 1}, {"validation_file": "file-2"}, {"method": {"type": "dpo"}}):
        assert first.identity != order(**{"suffix": "a", **other}).identity


def test_an_order_survives_its_own_json() -> None:
    made = order(
        method={"type": "dpo", "hyperparameters": {"beta": 0.1, "extra": {"x": [1]}}},
        integrations=[{"project": "p", "tags": ["a"]}],
    )
    assert JobOrder.model_validate_json(made.model_dump_json()) == made


def test_hyperparameters_of_other_platforms_go_along_as_they_are() -> None:
    method = method_of("supervised", {"n_epochs": 2, "lora": True, "batch_size": None, "warmup_ratio": None})
    made = order(method=method)
    assert made.request()["method"]["supervised"] == {"hyperparameters": {"n_epochs": 2, "lora": True}}
