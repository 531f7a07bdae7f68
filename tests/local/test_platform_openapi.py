"""``/openapi.json``: a right document, whole, and in agreement with openai's types and the real answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import jsonschema_rs
import openai
import pytest
from local_platform import batch_bytes, training_bytes
from openai.types import (
    Batch,
    Completion,
    FileDeleted,
    FileObject,
    Model,
    ModelDeleted,
    Upload,
    batch_create_params,
    batch_list_params,
    embedding_create_params,
    file_create_params,
    file_list_params,
    file_purpose,
    upload_complete_params,
    upload_create_params,
)
from openai.types.chat import ChatCompletion, ChatCompletionChunk, completion_create_params
from openai.types.completion_create_params import CompletionCreateParamsBase
from openai.types.fine_tuning import (
    FineTuningJob,
    FineTuningJobEvent,
    job_create_params,
    job_list_events_params,
    job_list_params,
)
from openai.types.fine_tuning.jobs import FineTuningJobCheckpoint, checkpoint_list_params
from openai.types.uploads import UploadPart, part_create_params
from protocol_platform import FORM, Platform, form, part
from starlette.routing import Route

from ftkit.local.app import build_app
from ftkit.local.openapi import document
from ftkit.local.routing import ApiRoute

JOBS, CHAT = "/v1/fine_tuning/jobs", "/v1/chat/completions"
OURS = {
    FineTuningJob: {"engine", "user_provided_suffix"},
    Model: {"engine", "stand_in_for", "root"},
}
"""What this platform says beside OpenAI's fields."""
UNSAID = {"service_tier", "moderation", "usage", "metadata", "obfuscation"}
"""Fields of answers that OpenAI's own platform leaves out, too, where they do not apply."""


@pytest.fixture(scope="module")
def told(platform: Platform) -> dict[str, Any]:
    """The document, as it is served."""
    answer = platform.ask("GET", "/openapi.json")
    assert answer.status == 200 and answer.headers["content-type"] == "application/json"
    found: dict[str, Any] = answer.json
    return found


def every(value: Any, word: str) -> Iterator[Any]:
    """Every value under this name, anywhere."""
    if isinstance(value, Mapping):
        if word in value:
            yield value[word]
        for inner in value.values():
            yield from every(inner, word)
    elif isinstance(value, list):
        for inner in value:
            yield from every(inner, word)


def routes_of(platform: Platform) -> list[Route]:
    return [route for route in build_app(platform.context).routes if isinstance(route, Route)]


def operations(told: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, found in told["paths"].items():
        for method, operation in found.items():
            yield method, path, operation


def test_every_route_is_in_the_document_and_nothing_else(platform: Platform, told: dict[str, Any]) -> None:
    routes = [route for route in routes_of(platform) if route.path.startswith("/v1")]
    there = {
        (method.lower(), route.path.replace(":path", ""))
        for route in routes
        for method in (route.methods or set()) - {"HEAD"}
    }
    described = {(method, path) for method, path, _ in operations(told) if path.startswith("/v1")}
    assert described == there and len(there) >= 26
    assert {"/healthz", "/openapi.json"} <= set(told["paths"])
    assert all(isinstance(route, ApiRoute) for route in routes)


def test_the_document_is_right_in_itself(told: dict[str, Any]) -> None:
    assert told["openapi"] == "3.1.0" and told["info"]["version"]
    for reference in every(told, "$ref"):
        place: Any = told
        for name in reference.removeprefix("#/").split("/"):
            place = place[name]
        assert place is not None
    names = [operation["operationId"] for _, _, operation in operations(told)]
    assert len(set(names)) == len(names) and all(name.isidentifier() for name in names)
    for schema in (*every(told, "schema"), *told["components"]["schemas"].values()):
        assert jsonschema_rs.meta.is_valid(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
        )
    for method, path, operation in operations(told):
        assert operation["summary"].endswith("."), path
        placed = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
        assert placed == {piece[1:-1] for piece in path.split("/") if piece.startswith("{")}
        keyed = any(p["name"] == "Idempotency-Key" for p in operation["parameters"])
        assert keyed == (method == "post")


PARAMS: list[tuple[str, str, Any, set[str]]] = [
    ("post", "/v1/files", file_create_params.FileCreateParams, set()),
    ("get", "/v1/files", file_list_params.FileListParams, set()),
    ("post", "/v1/uploads", upload_create_params.UploadCreateParams, set()),
    ("post", "/v1/uploads/{upload_id}/parts", part_create_params.PartCreateParams, set()),
    ("post", "/v1/uploads/{upload_id}/complete", upload_complete_params.UploadCompleteParams, set()),
    ("post", JOBS, job_create_params.JobCreateParams, set()),
    ("get", JOBS, job_list_params.JobListParams, set()),
    ("get", f"{JOBS}/{{job_id}}/events", job_list_events_params.JobListEventsParams, set()),
    ("get", f"{JOBS}/{{job_id}}/checkpoints", checkpoint_list_params.CheckpointListParams, set()),
    ("post", "/v1/batches", batch_create_params.BatchCreateParams, set()),
    ("get", "/v1/batches", batch_list_params.BatchListParams, set()),
    ("post", CHAT, completion_create_params.CompletionCreateParamsBase, {"stream"}),
    ("post", "/v1/completions", CompletionCreateParamsBase, {"stream"}),
    ("post", "/v1/embeddings", embedding_create_params.EmbeddingCreateParams, set()),
]
MORE = {
    CHAT: {"min_p", "repetition_penalty", "top_k"},
    "/v1/completions": {"metadata", "min_p", "repetition_penalty", "top_k"},
}
"""Parameters that other platforms have, and that their clients send."""

newest = pytest.mark.skipif(
    int(openai.__version__.split(".")[0]) < 3, reason="holds for the types of openai 3 and newer"
)


@newest
@pytest.mark.parametrize(("method", "path", "params", "more"), PARAMS, ids=lambda v: str(v)[:40])
def test_every_parameter_of_the_openai_package_is_known_and_no_other(
    told: dict[str, Any], method: str, path: str, params: Any, more: set[str]
) -> None:
    operation = told["paths"][path][method]
    if method == "get":
        known = {p["name"] for p in operation["parameters"] if p["in"] == "query"}
    else:
        [content] = operation["requestBody"]["content"].values()
        known = set(content["schema"]["properties"])
    due = {*params.__required_keys__, *params.__optional_keys__, *more}
    assert due <= known and known - due <= MORE.get(path, set())


def test_methods_of_fine_tuning_have_the_packages_hyperparameters(told: dict[str, Any]) -> None:
    from openai.types.fine_tuning.dpo_hyperparameters_param import DpoHyperparametersParam
    from openai.types.fine_tuning.supervised_hyperparameters_param import SupervisedHyperparametersParam

    [content] = told["paths"][JOBS]["post"]["requestBody"]["content"].values()
    [method, _] = content["schema"]["properties"]["method"]["anyOf"]
    for name, params in (("supervised", SupervisedHyperparametersParam), ("dpo", DpoHyperparametersParam)):
        [of_method, _] = method["properties"][name]["anyOf"]
        [found, _] = of_method["properties"]["hyperparameters"]["anyOf"]
        assert set(found["properties"]) == params.__optional_keys__


def test_purposes_are_the_packages(told: dict[str, Any]) -> None:
    for path in ("/v1/files", "/v1/uploads"):
        [content] = told["paths"][path]["post"]["requestBody"]["content"].values()
        assert set(content["schema"]["properties"]["purpose"]["enum"]) == set(
            get_args(file_purpose.FilePurpose)
        )


def shut(schema: Any) -> Any:
    """The schema with every object of named properties closed against others."""
    if isinstance(schema, list):
        return [shut(inner) for inner in schema]
    if not isinstance(schema, Mapping):
        return schema
    found = {name: shut(inner) for name, inner in schema.items()}
    if isinstance(schema.get("properties"), Mapping):
        found.setdefault("additionalProperties", False)
    return found


class Judge:
    """Whether values are what the document says, and what the openai package's types say, strictly."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._schemas = shut(told["components"]["schemas"])

    def __call__(self, name: str, value: Any, kind: Any = None) -> Any:
        schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": self._schemas}}
        errors = [str(error) for error in jsonschema_rs.iter_errors(schema, value)]
        assert not errors, (name, errors)
        if kind is not None:
            made = kind.model_validate_json(json.dumps(value), strict=True)
            assert set(made.model_extra or {}) == OURS.get(kind, set())
            missing = set(type(made).model_fields) - set(value) - UNSAID
            assert not missing, f"every field of openai's {name} is there, null or not"
        return value


@pytest.fixture(scope="module")
def judge(told: dict[str, Any]) -> Judge:
    return Judge(told)


def got(platform: Platform, path: str) -> Any:
    answer = platform.ask("GET", path)
    assert answer.status == 200, answer
    return answer.json


def test_files_and_uploads_are_as_described(platform: Platform, judge: Judge) -> None:
    identifier = platform.upload(b"12345", "batch")
    judge("File", got(platform, f"/v1/files/{identifier}"), FileObject)
    judge("FileList", got(platform, "/v1/files"))
    judge("DeletedFile", platform.ask("DELETE", f"/v1/files/{identifier}").json, FileDeleted)
    beginning = {
        "bytes": 3,
        "filename": "f.jsonl",
        "mime_type": "application/jsonl",
        "purpose": "batch",
        "expires_after": {"anchor": "created_at", "seconds": 3600},
    }
    upload = judge("Upload", platform.post("/v1/uploads", beginning).json, Upload)
    place = f"/v1/uploads/{upload['id']}"
    body = form({}, file=part(None, b"abc", b'name="data"; filename="p"'))
    piece = judge("UploadPart", platform.ask("POST", f"{place}/parts", body, FORM).json, UploadPart)
    done = platform.post(f"{place}/complete", {"part_ids": [piece["id"]]}).json
    assert judge("Upload", done, Upload)["file"]["expires_at"]
    other = platform.post("/v1/uploads", beginning).json["id"]
    judge("Upload", platform.post(f"/v1/uploads/{other}/cancel", {}).json, Upload)


@newest
def test_jobs_and_models_are_as_described(platform: Platform, judge: Judge) -> None:
    judge("FineTuningJob", platform.job(metadata={"a": "b"}), FineTuningJob)
    failed = platform.job(training_bytes(2))
    validation = platform.upload(training_bytes(12), "fine-tune")
    tuned = platform.tuned(validation_file=validation, suffix="s", seed=5)
    judge("FineTuningJob", tuned, FineTuningJob)
    assert judge("FineTuningJob", got(platform, f"{JOBS}/{failed['id']}"), FineTuningJob)["error"]
    judge("FineTuningJobList", got(platform, JOBS))
    events = judge("EventList", got(platform, f"{JOBS}/{tuned['id']}/events?limit=1000"))
    checkpoints = judge("CheckpointList", got(platform, f"{JOBS}/{tuned['id']}/checkpoints"))
    for event in events["data"]:
        judge("Event", event, FineTuningJobEvent)
    for checkpoint in checkpoints["data"]:
        judge("Checkpoint", checkpoint, FineTuningJobCheckpoint)
    judge("ModelList", got(platform, "/v1/models"))
    place = f"/v1/models/{tuned['fine_tuned_model']}"
    judge("Model", got(platform, place), Model)
    judge("DeletedModel", platform.ask("DELETE", place).json, ModelDeleted)


def test_batches_are_as_described(platform: Platform, judge: Judge) -> None:
    good = platform.batch(metadata={"a": "b"})
    bad = platform.batch(b"{oops\n" + batch_bytes("none", ["x"]))
    judge("Batch", good, Batch)
    platform.work()
    for identifier in (good["id"], bad["id"]):
        judge("Batch", got(platform, f"/v1/batches/{identifier}"), Batch)
    judge("BatchList", got(platform, "/v1/batches"))


def test_answers_of_models_are_as_described(platform: Platform, judge: Judge) -> None:
    ask = {"model": "linear", "messages": [{"role": "user", "content": "hot or cold?"}]}
    judge("ChatCompletion", platform.post(CHAT, {**ask, "n": 2}).json, ChatCompletion)
    streamed = {"stream": True, "stream_options": {"include_usage": True}}
    for event in platform.post(CHAT, {**ask, **streamed}).body.split(b"\n\n")[:-2]:
        judge("ChatCompletionChunk", json.loads(event.removeprefix(b"data: ")), ChatCompletionChunk)
    text = platform.post("/v1/completions", {"model": "linear", "prompt": "hot or cold?"})
    if text.status == 200:
        judge("Completion", text.json, Completion)
    else:
        judge("Error", text.json)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/nowhere"), ("PUT", "/v1/files"), ("GET", "/v1/files/x"), ("POST", JOBS), ("POST", CHAT)],
)
def test_refusals_are_as_described(platform: Platform, judge: Judge, method: str, path: str) -> None:
    answer = platform.ask(method, path, b"{}")
    assert 400 <= answer.status < 500
    judge("Error", answer.json)


def test_the_document_can_be_written_without_a_server(platform: Platform, told: dict[str, Any]) -> None:
    assert json.loads(json.dumps(document(routes_of(platform)))) == told


def test_a_client_made_of_the_document_needs_no_other_knowledge(
    platform: Platform, told: dict[str, Any]
) -> None:
    """Every list that the openai client pages has the cursor and the limit that its iterator needs."""
    client: openai.OpenAI = platform.client()
    assert client.base_url.path.rstrip("/") == "/v1"
    for path in ("/v1/files", JOBS, "/v1/batches", f"{JOBS}/{{job_id}}/events"):
        names = {p["name"] for p in told["paths"][path]["get"]["parameters"]}
        assert {"after", "limit"} <= names
