"""Models over HTTP: names with slashes and colons, checkpoints, deleting, and who comes first in the list."""

from __future__ import annotations

import pytest
from local_platform import chat_example, jsonl
from protocol_platform import Platform, refused

CHAT, JOBS = "/v1/chat/completions", "/v1/fine_tuning/jobs"
ASK = [{"role": "user", "content": "a ripe lemon"}]


@pytest.mark.parametrize(
    "name", ["meta-llama/Llama-3.1-8B-Instruct", "klusterai/Meta-Llama-3.1-8B-Instruct-Turbo"]
)
def test_a_slash_in_a_models_name_comes_plain_or_encoded(platform: Platform, name: str) -> None:
    tuned = platform.tuned(model=name, suffix="s", hyperparameters={"n_epochs": 1})["fine_tuned_model"]
    assert tuned.startswith(f"ft:{name}:ftkit:s:")
    for wanted in (name, tuned):
        for shown in (wanted, wanted.replace("/", "%2F"), wanted.replace(":", "%3a").replace("/", "%2f")):
            answer = platform.ask("GET", f"/v1/models/{shown}")
            assert (answer.status, answer.json.get("id")) == (200, wanted)
    refused(platform.ask("DELETE", f"/v1/models/{name}"), 403, "not_allowed", "model")
    refused(platform.post(JOBS, {"model": tuned, "training_file": "x"}), 400, "invalid_value", "model")
    assert platform.ask("DELETE", f"/v1/models/{tuned.replace('/', '%2F')}").json["deleted"]
    refused(platform.ask("DELETE", f"/v1/models/{tuned}"), 404, "model_not_found", "model")


def test_bases_come_first_then_the_tuned_ones_newest_first(platform: Platform) -> None:
    made = [platform.tuned(suffix=f"m{number}", hyperparameters={"n_epochs": 1}) for number in range(2)]
    models = platform.ask("GET", "/v1/models").json["data"]
    ids = [model["id"] for model in models]
    assert len(set(ids)) == len(ids) and ids[0] == "linear"
    tuned = [model["id"] for model in models if model["owned_by"] == "ftkit"]
    assert tuned == ids[-len(tuned) :] and tuned[:2] == [job["fine_tuned_model"] for job in made][::-1]
    for model in models:
        assert model["stand_in_for"] in (None, model["root"])


def test_a_deleted_model_leaves_its_last_checkpoint_to_be_asked(platform: Platform) -> None:
    job = platform.tuned()
    name = job["fine_tuned_model"]
    checkpoints = platform.ask("GET", f"{JOBS}/{job['id']}/checkpoints").json["data"]
    names = [checkpoint["fine_tuned_model_checkpoint"] for checkpoint in checkpoints]
    assert len(names) == 3 and all(found.startswith(f"{name}:ckpt-step-") for found in names)
    assert platform.ask("DELETE", f"/v1/models/{name}").json == {
        "id": name,
        "object": "model",
        "deleted": True,
    }
    refused(platform.post(CHAT, {"model": name, "messages": ASK}), 404, "model_not_found", "model")
    for found in names:
        answer = platform.post(CHAT, {"model": found, "messages": ASK})
        assert answer.status == 200 and answer.json["model"] == found
        refused(platform.ask("DELETE", f"/v1/models/{found}"), 403, "not_allowed", "model")
    assert platform.ask("GET", f"{JOBS}/{job['id']}").json["fine_tuned_model"] == name, (
        "the job still says it"
    )


def test_a_tuned_model_answers_as_whom_it_was_asked_for(platform: Platform) -> None:
    hosted = "gpt-4o-mini"
    tuned = platform.tuned(model=hosted, hyperparameters={"n_epochs": 1})["fine_tuned_model"]
    for name, fingerprint in (
        ("linear", "ftkit-linear"),
        (hosted, f"ftkit-linear-stand-in-for-{hosted}"),
        (tuned, f"ftkit-linear-stand-in-for-{hosted}"),
    ):
        answer = platform.post(CHAT, {"model": name, "messages": ASK}).json
        assert (answer["model"], answer["system_fingerprint"]) == (name, fingerprint)


def test_a_model_whose_files_are_broken_is_a_server_error_and_the_others_go_on(platform: Platform) -> None:
    job = platform.tuned(hyperparameters={"n_epochs": 1})
    [folder] = [
        row["folder"]
        for row in platform.context.state.db.all("SELECT folder FROM models WHERE job_id = ?", job["id"])
    ]
    for path in (platform.root / "models" / folder).iterdir():
        path.write_bytes(b"broken")
    refused(platform.post(CHAT, {"model": job["fine_tuned_model"], "messages": ASK}), 500, "model_unreadable")
    assert platform.post(CHAT, {"model": "linear", "messages": ASK}).status == 200


def test_more_models_than_are_kept_loaded_all_answer_rightly(platform: Platform) -> None:
    names = {}
    for number in range(5):
        rows = jsonl([chat_example(f"q{n}", f"label-{number}") for n in range(10)])
        names[platform.tuned(rows, hyperparameters={"n_epochs": 1})["fine_tuned_model"]] = f"label-{number}"
    for _ in range(2):
        for name, label in names.items():
            answer = platform.post(CHAT, {"model": name, "messages": ASK}).json
            assert answer["choices"][0]["message"]["content"] == label
