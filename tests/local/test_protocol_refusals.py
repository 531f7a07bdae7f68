"""Every refusal is OpenAI's error envelope; its status, parameter and code say what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from local_platform import batch_bytes, training_bytes
from protocol_platform import JSON, Platform, exchange, refused

CHAT, JOBS, BATCHES = "/v1/chat/completions", "/v1/fine_tuning/jobs", "/v1/batches"
MISSING, TYPE, VALUE = "missing_required_parameter", "invalid_type", "invalid_value"
UNKNOWN = "unknown_parameter"


@pytest.fixture(scope="module")
def good(platform: Platform) -> dict[str, dict[str, Any]]:
    """A request that would be taken, for every route with a body."""
    return {
        CHAT: {"model": "linear", "messages": [{"role": "user", "content": "x"}]},
        JOBS: {"model": "linear", "training_file": platform.upload(training_bytes(12), "fine-tune")},
        BATCHES: {
            "input_file_id": platform.upload(batch_bytes("linear", ["x"])),
            "endpoint": CHAT,
            "completion_window": "24h",
        },
    }


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b"", "invalid_json", id="empty"),
        pytest.param(b"  \n", "invalid_json", id="blank"),
        pytest.param(b'{"model": "linear"', "invalid_json", id="cut-off"),
        pytest.param(b"{'model': 1}", "invalid_json", id="python"),
        pytest.param(b'{"a": 1} {"b": 2}', "invalid_json", id="two-values"),
        pytest.param(b'{"a": 1, }', "invalid_json", id="comma"),
        pytest.param(b'{"model": NaN}', "invalid_json", id="nan"),
        pytest.param(b'{"seed": 1e999}', "invalid_json", id="infinite"),
        pytest.param(b'{"seed": ' + b"9" * 5000 + b"}", "invalid_json", id="digits"),
        pytest.param(b'{"model": "\xff\xfe"}', "invalid_json", id="bytes"),
        pytest.param('{"model": "é"}'.encode("latin-1"), "invalid_json", id="latin-1"),
        pytest.param('{"model": "x"}'.encode("utf-16"), "invalid_json", id="utf-16"),
        pytest.param(b'{"model": "\\ud800"}', "invalid_json", id="half-a-pair"),
        pytest.param(b'{"model": "a\x00b"}', "invalid_json", id="raw-nul"),
        pytest.param(b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "invalid_json", id="deep"),
        pytest.param(b"model=linear&training_file=x", "invalid_json", id="form"),
        pytest.param(b"null", TYPE, id="null"),
        pytest.param(b"[]", TYPE, id="list"),
        pytest.param(b'"{}"', TYPE, id="text"),
        pytest.param(b"7", TYPE, id="number"),
    ],
)
def test_a_body_that_is_no_json_object(platform: Platform, body: bytes, code: str) -> None:
    for path in (CHAT, JOBS, BATCHES):
        refused(platform.ask("POST", path, body, JSON), 400, code)


def test_a_body_over_the_limit_is_refused_and_the_connection_goes_on(platform: Platform) -> None:
    pieces = [b"x" * (1 << 20)] * 16 + [b"y"]
    with platform.connection() as connection:
        refused(exchange(connection, "POST", CHAT, pieces, JSON), 413, "request_too_large")
        assert exchange(connection, "GET", "/healthz").status == 200
    for path in (CHAT, JOBS, BATCHES):
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        heard = platform.send(f"{head}Content-Length: {10**12}\r\n\r\n".encode())
        assert heard.startswith(b"HTTP/1.1 413 "), "it is not read first"


@pytest.mark.parametrize("kind", [None, "text/plain", "application/json; charset=latin-1"])
def test_json_is_taken_under_any_content_type(
    platform: Platform, good: dict[str, Any], kind: str | None
) -> None:
    headers = {} if kind is None else {"content-type": kind}
    assert platform.ask("POST", CHAT, json.dumps(good[CHAT]).encode(), headers).status == 200


NAMES = [
    (CHAT, "model", MISSING),
    (CHAT, "messages", MISSING),
    (JOBS, "model", MISSING),
    (JOBS, "training_file", MISSING),
    (BATCHES, "input_file_id", MISSING),
    (BATCHES, "endpoint", MISSING),
    (BATCHES, "completion_window", MISSING),
]


@pytest.mark.parametrize(("path", "name", "code"), NAMES)
def test_what_is_required_is_named_whether_absent_or_null(
    platform: Platform, good: dict[str, Any], path: str, name: str, code: str
) -> None:
    absent = {key: value for key, value in good[path].items() if key != name}
    for body in (absent, {**absent, name: None}):
        assert f"'{name}'" in refused(platform.post(path, body), 400, code, name)


EXPIRY = {"anchor": "created_at", "seconds": 3600}
WRONG: list[tuple[str, dict[str, Any], int, str, str]] = [
    *((path, {"": 1}, 400, "", UNKNOWN) for path in (CHAT, JOBS, BATCHES)),
    *((path, {"x" * 5000: 1}, 400, "x" * 80, UNKNOWN) for path in (CHAT, JOBS, BATCHES)),
    *((path, {"Model": "x"}, 400, "Model", UNKNOWN) for path in (CHAT, JOBS, BATCHES)),
    *((CHAT, {"model": value}, 400, "model", TYPE) for value in (5, True, [], {})),
    *((CHAT, {"model": value}, 400, "model", VALUE) for value in ("", "x" * 257)),
    *((JOBS, {"model": value}, 400, "model", TYPE) for value in (5, True, [], {})),
    (CHAT, {"model": "x" * 256}, 404, "model", "model_not_found"),
    (CHAT, {"model": "linear\x00"}, 404, "model", "model_not_found"),
    (CHAT, {"model": "Linear"}, 404, "model", "model_not_found"),
    (JOBS, {"model": ""}, 404, "model", "model_not_found"),
    (JOBS, {"model": "x" * 3_000_000}, 404, "model", "model_not_found"),
    (JOBS, {"model": "ft:linear:ftkit::none"}, 404, "model", "model_not_found"),
    *((JOBS, {"training_file": value}, 400, "training_file", TYPE) for value in (5, [], {"id": "x"})),
    *(
        (JOBS, {"training_file": value}, 400, "training_file", "invalid_file")
        for value in ("", "x" * 3_000_000, "../platform.db", "file-\x00", "日本")
    ),
    *((BATCHES, {"input_file_id": v}, 400, "input_file_id", "invalid_file") for v in ("", "x" * 3_000_000)),
    *((JOBS, {"validation_file": value}, 400, "validation_file", TYPE) for value in (5, [])),
    *((JOBS, {"suffix": value}, 400, "suffix", VALUE) for value in ("ä", "a:b", "a/b", "a\n", "x" * 65)),
    *((JOBS, {"suffix": value}, 400, "suffix", TYPE) for value in (5, False, [])),
    *((JOBS, {"seed": value}, 400, "seed", VALUE) for value in (-1, 1 << 53)),
    *((JOBS, {"seed": value}, 400, "seed", TYPE) for value in (1.0, "1", True)),
    (JOBS, {"method": "supervised"}, 400, "method", TYPE),
    (JOBS, {"method": {}}, 400, "method.type", MISSING),
    (JOBS, {"method": {"type": None}}, 400, "method.type", MISSING),
    (JOBS, {"method": {"type": 5}}, 400, "method.type", TYPE),
    (JOBS, {"method": {"type": "unsupervised"}}, 400, "method.type", VALUE),
    (JOBS, {"method": {"type": "dpo"}}, 400, "method.type", "unsupported_value"),
    (JOBS, {"method": {"type": "reinforcement"}}, 400, "method.type", "unsupported_value"),
    (JOBS, {"method": {"type": "supervised", "more": 1}}, 400, "method.more", UNKNOWN),
    (JOBS, {"method": {"type": "supervised", "supervised": {"x": 1}}}, 400, "method.supervised.x", UNKNOWN),
    (JOBS, {"method": {"type": "supervised", "dpo": {}}}, 400, "method.dpo", VALUE),
    (JOBS, {"hyperparameters": {"beta": 0.1}}, 400, "hyperparameters.beta", UNKNOWN),
    *((JOBS, {"hyperparameters": v}, 400, "hyperparameters", TYPE) for v in ("auto", [], 1)),
    (JOBS, {"method": {"type": "supervised", "supervised": "x"}}, 400, "method.supervised", TYPE),
    (JOBS, {"integrations": "wandb"}, 400, "integrations", "unsupported_parameter"),
    (JOBS, {"integrations": [{"type": "wandb"}]}, 400, "integrations", "unsupported_parameter"),
    *((BATCHES, {"endpoint": value}, 400, "endpoint", TYPE) for value in (5, [CHAT])),
    *((BATCHES, {"endpoint": v}, 400, "endpoint", VALUE) for v in ("", "/v1/responses", f"{CHAT}/")),
    (BATCHES, {"completion_window": 24}, 400, "completion_window", TYPE),
    *(
        (BATCHES, {"completion_window": value}, 400, "completion_window", VALUE)
        for value in ("", "24", "h", "24H", "24 h", "-1h", "0s", "24h\n", "15d", "337h", "99999s", "1h1m")
    ),
    (BATCHES, {"output_expires_after": {}}, 400, "output_expires_after.anchor", MISSING),
    (BATCHES, {"output_expires_after": 3600}, 400, "output_expires_after", TYPE),
    *(
        (BATCHES, {"output_expires_after": {**EXPIRY, **change}}, 400, f"output_expires_after.{name}", code)
        for change, name, code in (
            ({"anchor": "last_active_at"}, "anchor", VALUE),
            ({"seconds": 3599}, "seconds", VALUE),
            ({"seconds": 2592001}, "seconds", VALUE),
            ({"seconds": "3600"}, "seconds", TYPE),
            ({"days": 1}, "days", UNKNOWN),
        )
    ),
    *((CHAT, {"stream": value}, 400, "stream", TYPE) for value in (1, 0, "true", [])),
    (CHAT, {"stream": True, "stream_options": []}, 400, "stream_options", TYPE),
    *(
        (CHAT, {"stream": True, "stream_options": {name: v}}, 400, f"stream_options.{name}", TYPE)
        for name in ("include_usage",)
        for v in ("no", 1)
    ),
    (CHAT, {"stream": True, "stream_options": {"x": 1}}, 400, "stream_options.x", UNKNOWN),
    *((CHAT, {"n": value}, 400, "n", VALUE) for value in (0, -1, 129)),
    *((CHAT, {"n": value}, 400, "n", TYPE) for value in (1.0, "2", True)),
    *((CHAT, {"max_tokens": value}, 400, "max_tokens", VALUE) for value in (0, -5, 1 << 31)),
    *((CHAT, {"max_tokens": value}, 400, "max_tokens", TYPE) for value in (1.5, "9", True)),
    (CHAT, {"max_completion_tokens": 0, "max_tokens": 5}, 400, "max_completion_tokens", VALUE),
    *((CHAT, {"stop": value}, 400, "stop", VALUE) for value in ("", ["a"] * 5)),
    *((CHAT, {"stop": value}, 400, "stop", TYPE) for value in ({}, 5)),
    (CHAT, {"stop": [""]}, 400, "stop[0]", VALUE),
    (CHAT, {"stop": ["a", 1]}, 400, "stop[1]", TYPE),
    *((CHAT, {"temperature": value}, 400, "temperature", VALUE) for value in (-0.1, 2.1)),
    *((CHAT, {"temperature": value}, 400, "temperature", TYPE) for value in ("1", True, [])),
    *((CHAT, {"top_p": value}, 400, "top_p", VALUE) for value in (-1, 1.1)),
    (CHAT, {"top_p": {}}, 400, "top_p", TYPE),
    (CHAT, {"logit_bias": {"a": 1}}, 400, "logit_bias.a", VALUE),
    (CHAT, {"logit_bias": {"5": 101}}, 400, "logit_bias.5", VALUE),
    (CHAT, {"frequency_penalty": 3}, 400, "frequency_penalty", VALUE),
    (CHAT, {"metadata": {"a": 1}}, 400, "metadata.a", TYPE),
    (CHAT, {"tools": [{}]}, 400, "tools[0].type", VALUE),
    (CHAT, {"modalities": ["audio"]}, 400, "modalities[0]", VALUE),
    (CHAT, {"audio": {"voice": "x"}}, 400, "audio", "unsupported_parameter"),
    (CHAT, {"messages": {}}, 400, "messages", TYPE),
    (CHAT, {"messages": []}, 400, "messages", "empty_array"),
    (CHAT, {"messages": [{"role": "user"}] * 2049}, 400, "messages", "array_above_max_length"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("number"), range(len(WRONG)), ids=lambda n: f"{n}-{WRONG[n][0][4:8]}-{WRONG[n][3][:24]}"
)
def test_a_wrong_value_is_refused_by_name(platform: Platform, good: dict[str, Any], number: int) -> None:
    path, change, status, param, code = WRONG[number]
    refused(platform.post(path, {**good[path], **change}), status, code, param)


USER = {"role": "user", "content": "x"}


@pytest.mark.parametrize(
    ("message", "place"),
    [
        (None, ""),
        ("x", ""),
        ([], ""),
        ({}, ".role"),
        ({"role": "User", "content": "x"}, ".role"),
        ({"role": ["user"], "content": "x"}, ".role"),
        ({"role": "user"}, ".content"),
        ({"role": "user", "content": None}, ".content"),
        ({"role": "assistant", "content": None, "tool_calls": []}, ".content"),
        ({"role": "user", "content": 5}, ".content"),
        ({"role": "user", "content": {"type": "text", "text": "x"}}, ".content"),
        ({"role": "user", "content": ["x"]}, ".content"),
        ({"role": "user", "content": [{"text": "x"}]}, ".content"),
        ({"role": "user", "content": [{"type": "text", "text": 5}]}, ".content"),
        ({"role": "user", "content": [{"type": "input_audio"}]}, ".content"),
    ],
)
def test_the_wrong_message_is_pointed_at(platform: Platform, message: Any, place: str) -> None:
    body = {"model": "linear", "messages": [USER, USER, message, USER]}
    said = refused(platform.post(CHAT, body), 400, VALUE, f"messages[2]{place}")
    assert said.startswith(f"messages[2]{place} ")


LIMITS: dict[str, tuple[list[Any], list[Any], list[Any]]] = {
    "n_epochs": ([1, 50, "auto", None], [0, 51, "1", -3, 10**30], [1.0, True, []]),
    "batch_size": ([1, 256, "auto"], [0, 257, "Auto"], [8.0, False]),
    "learning_rate_multiplier": ([1e-6, 1, 1000, 0.5, "auto"], [0, -1, 1001, 1e-7, "x"], [True, {}]),
}
"""Right values, wrong ones, and those of a wrong type."""


@pytest.mark.parametrize("name", list(LIMITS))
@pytest.mark.parametrize("place", ["hyperparameters", "method.supervised.hyperparameters"])
def test_hyperparameters_have_limits(platform: Platform, good: dict[str, Any], name: str, place: str) -> None:
    def ask(value: Any) -> Any:
        given = {name: value}
        method = {"type": "supervised", "supervised": {"hyperparameters": given}}
        where = {"hyperparameters": given} if place == "hyperparameters" else {"method": method}
        return platform.post(JOBS, {**good[JOBS], **where})

    right, wrong, other = LIMITS[name]
    for value in right:
        answer = ask(value)
        assert answer.status == 200, (value, answer)
        assert answer.json["hyperparameters"][name] == ("auto" if value is None else value)
    for value in wrong:
        refused(ask(value), 400, VALUE, f"{place}.{name}")
    for value in other:
        refused(ask(value), 400, TYPE, f"{place}.{name}")


@pytest.mark.parametrize("path", [JOBS, BATCHES])
def test_metadata_is_sixteen_short_texts(platform: Platform, good: dict[str, Any], path: str) -> None:
    def ask(metadata: Any) -> Any:
        return platform.post(path, {**good[path], "metadata": metadata})

    most = {f"{number:02}" + "é" * 62: "日" * 512 for number in range(16)}
    for metadata in (most, {}, {"": ""}, {"a\x00b": "\u2028"}, {"a.b[c]": '"'}):
        answer = ask(metadata)
        assert answer.status == 200 and answer.json["metadata"] == metadata
    for metadata, code, param in (
        ({**most, "17": ""}, VALUE, "metadata"),
        ([], TYPE, "metadata"),
        ("a=b", TYPE, "metadata"),
        ({"x" * 65: ""}, VALUE, "metadata." + "x" * 65),
        ({"k": "v" * 513}, VALUE, "metadata.k"),
        ({"k": 1}, TYPE, "metadata.k"),
        ({"k": None}, TYPE, "metadata.k"),
        ({"k": {"a": "b"}}, TYPE, "metadata.k"),
    ):
        refused(ask(metadata), 400, code, param)


def test_what_is_at_the_limit_is_taken(platform: Platform, good: dict[str, Any]) -> None:
    for change in (
        {"suffix": "x" * 64, "seed": 0},
        {"suffix": "", "seed": (1 << 53) - 1},
        {"suffix": None, "integrations": [], "method": {"type": "supervised"}},
        {"hyperparameters": None, "validation_file": None, "metadata": None},
    ):
        answer = platform.post(JOBS, {**good[JOBS], **change})
        assert answer.status == 200, answer
        assert answer.json["user_provided_suffix"] == (change.get("suffix") or None)
        assert answer.json["seed"] == change.get("seed", answer.json["seed"])
    for window, seconds in (
        ("1s", 1),
        ("1m", 60),
        ("336h", 14 * 86400),
        ("14d", 14 * 86400),
        ("024h", 86400),
    ):
        batch = platform.post(BATCHES, {**good[BATCHES], "completion_window": window}).json
        assert batch["expires_at"] - batch["created_at"] == seconds
        assert batch["completion_window"] == window


ROUTES = [
    ("GET", "/v1/files/{}", "id", "not_found"),
    ("GET", "/v1/files/{}/content", "id", "not_found"),
    ("DELETE", "/v1/files/{}", "id", "not_found"),
    ("GET", "/v1/fine_tuning/jobs/{}", "id", "not_found"),
    ("GET", "/v1/fine_tuning/jobs/{}/events", "id", "not_found"),
    ("GET", "/v1/fine_tuning/jobs/{}/checkpoints", "id", "not_found"),
    ("POST", "/v1/fine_tuning/jobs/{}/cancel", "id", "not_found"),
    ("POST", "/v1/fine_tuning/jobs/{}/pause", "id", "not_found"),
    ("POST", "/v1/fine_tuning/jobs/{}/resume", "id", "not_found"),
    ("GET", "/v1/batches/{}", "id", "not_found"),
    ("POST", "/v1/batches/{}/cancel", "id", "not_found"),
    ("GET", "/v1/models/{}", "model", "model_not_found"),
    ("DELETE", "/v1/models/{}", "model", "model_not_found"),
]


@pytest.mark.parametrize(("method", "path", "param", "code"), ROUTES)
def test_an_id_that_names_nothing_is_404_however_odd(
    platform: Platform, method: str, path: str, param: str, code: str
) -> None:
    for name in (
        "none",
        "x" * 30_000,
        "%00",
        "%ff%fe",
        "%ed%a0%80",
        "%E6%97%A5",
        "%0a",
        "'%20OR%201=1",
        "%25",
        "*",
    ):
        refused(platform.ask(method, path.format(name)), 404, code, param)


@pytest.mark.parametrize(("method", "path", "param", "code"), ROUTES)
def test_a_path_in_an_id_leads_nowhere(
    platform: Platform, method: str, path: str, param: str, code: str
) -> None:
    for name in ("..%2f..%2fplatform.db", "%2e%2e/%2e%2e/platform.db", "..%5cplatform.db", "%2fetc%2fpasswd"):
        answer = platform.ask(method, path.format(name))
        assert answer.status in (404, 405)
        error = answer.json["error"]
        refused(answer, answer.status, error["code"], error["param"])
        assert error["code"] in (code, "unknown_url", "method_not_allowed")
    assert (platform.root / "platform.db").exists()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
KNOWN = {
    CHAT: [
        "model",
        "messages",
        "n",
        "stop",
        "stream",
        "stream_options",
        "max_tokens",
        "temperature",
        "tools",
    ],
    JOBS: [
        "model",
        "training_file",
        "validation_file",
        "suffix",
        "seed",
        "hyperparameters",
        "method",
        "metadata",
    ],
    BATCHES: ["input_file_id", "endpoint", "completion_window", "metadata", "output_expires_after"],
}


@pytest.mark.parametrize("path", [CHAT, JOBS, BATCHES])
def test_no_value_of_a_parameter_is_a_server_error(
    platform: Platform, good: dict[str, Any], path: str
) -> None:
    @settings(max_examples=30, deadline=None)
    @given(
        st.dictionaries(st.sampled_from(KNOWN[path]) | st.text(max_size=9), VALUES, min_size=1, max_size=2)
    )
    def check(change: dict[str, Any]) -> None:
        answer = platform.ask("POST", path, json.dumps({**good[path], **change}).encode(), JSON)
        if answer.status != 200:
            error = answer.json["error"]
            refused(answer, answer.status, error["code"], error["param"])
            assert answer.status in (400, 404)
            assert error["param"] is None or error["param"].split(".")[0].split("[")[0] in {
                k[:80].split(".")[0].split("[")[0] for k in change
            }

    check()
