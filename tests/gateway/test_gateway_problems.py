"""Errors in every envelope that platforms and what stands before them use."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftkit.errors import NotOnPlatform, PlatformError, PlatformRefused
from ftkit.gateway.failures import request_id_of, transient
from ftkit.gateway.paging import PAGE_SIZE, cursor_of, items_of
from ftkit.gateway.problems import LONGEST, kind_of_text, problem_of, problems_of, refusal_in

FIELDS = (
    "error",
    "errors",
    "detail",
    "message",
    "msg",
    "code",
    "type",
    "param",
    "line",
    "loc",
    "data",
    "title",
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("\ud83d"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(FIELDS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
CLOUDFLARE = (
    "<!DOCTYPE html>\n<!--[if lt IE 7]> <html> <![endif]-->\n<head>\n"
    "<title>api.example.com | 524: A timeout occurred</title></head><body>Ray ID: 8f</body></html>"
)


@pytest.mark.parametrize(
    ("envelope", "said"),
    [
        ({"error": {"message": "bad", "code": "c", "param": "p", "type": "t"}}, "bad (c, param p)"),
        (
            {"error": {"message": "bad", "type": "invalid_request_error", "code": None}},
            "bad (invalid_request_error)",
        ),
        ({"error": {"message": None, "code": "quota"}}, "quota (quota)"),
        ({"error": "just words"}, "just words"),
        ({"error": "invalid_grant", "error_description": "key is old"}, "key is old (invalid_grant)"),
        ({"detail": "Not Found"}, "Not Found"),
        (
            {"detail": [{"loc": ["body", "model"], "msg": "field required", "type": "missing"}]},
            "field required (missing, param model)",
        ),
        (
            {
                "detail": [
                    {"loc": ["body", "messages", 0, "role"], "msg": "wrong"},
                    {"loc": ["body"], "msg": "short"},
                ]
            },
            "messages.0.role: wrong; body: short",
        ),
        ({"detail": {"message": "deep", "code": 7}}, "deep (7)"),
        (
            {"message": ["a must be b", "c must be d"], "error": "Bad Request", "statusCode": 400},
            "a must be b; c must be d (Bad Request)",
        ),
        ({"message": "flat", "code": 17}, "flat (17)"),
        ({"message": {"error": {"message": "inside"}}, "code": 3}, "inside (3)"),
        ({"errors": [{"message": "one"}, {"message": "two"}]}, "one; two"),
        ({"errors": [{"message": str(n)} for n in range(9)]}, "0; 1; 2; 3; 4; ..."),
        ([{"error": {"message": "a list", "code": 400}}], "a list (400)"),
        ({"title": "Forbidden", "status": 403}, "Forbidden"),
        ({"code": "not_found"}, "not_found (not_found)"),
        ("  words \n", "words"),
        (CLOUDFLARE, "an HTML page (api.example.com | 524: A timeout occurred)"),
        ({"error": {"message": "half \ud83d"}}, "half \ufffd"),
        ({"line": "4", "message": "bad row", "param": None}, "line 4: bad row"),
    ],
)
def test_the_reason_is_found(envelope: Any, said: str) -> None:
    assert str(problem_of(envelope)) == said


@pytest.mark.parametrize(
    "nothing", [None, {}, [], "", "  ", 0, True, {"error": {}}, {"error": None}, {"detail": []}, {"id": "x"}]
)
def test_what_says_nothing(nothing: Any) -> None:
    assert problem_of(nothing) is None
    assert problems_of(nothing) == ()


def test_a_reason_has_an_end() -> None:
    problem = problem_of({"error": {"message": "x" * 100_000}})
    assert problem is not None and len(problem.message) < LONGEST + 10
    nested: Any = {"message": "too deep"}
    for _ in range(50):
        nested = {"error": nested}
    assert problem_of(nested) is None


@given(JSON)
def test_no_envelope_is_an_error_of_its_own(envelope: Any) -> None:
    for problem in (problem_of(envelope), *problems_of(envelope), refusal_in(envelope)):
        assert problem is None or json.loads(problem.model_dump_json())["message"]


@pytest.mark.parametrize(
    ("errors", "lines"),
    [
        ([{"message": "a", "line": 1}, {}, None, "b"], [1, None]),
        ({"object": "list", "data": [{"message": "a", "line": "2"}]}, [2]),
        ({"message": "a", "line": 3}, [3]),
        ("words", [None]),
    ],
)
def test_lists_of_problems(errors: Any, lines: list[int | None]) -> None:
    assert [p.line for p in problems_of(errors)] == lines


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"error": {"message": "no"}}, "no"),
        ({"error": "no", "code": 400}, "no"),
        ({"detail": "Not Found"}, "Not Found"),
        ({"id": "f", "error": {"message": "job failed"}}, None),
        ({"error": None, "message": "fine"}, None),
        ({"message": "deleted"}, None),
        ([{"error": "x"}], None),
        ({}, None),
    ],
)
def test_an_answer_that_is_but_an_error(answer: Any, said: str | None) -> None:
    found = refusal_in(answer)
    assert (found.message if found else None) == said


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "nothing"),
        ("oops", "text ('oops')"),
        ("<html><title> Log\n in </title>", "an HTML page (Log in)"),
        ("<html><title></title>", "an HTML page"),
        ("<" + "title" * 50_000, "an HTML page"),
    ],
)
def test_what_came_in_place_of_json(text: str, kind: str) -> None:
    assert kind_of_text(text) == kind


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"x-request-id": "a", "cf-ray": "b"}, "a"),
        ({"apim-request-id": "c"}, "c"),
        ({"cf-ray": "8f-FRA", "x-request-id": ""}, "8f-FRA"),
        ({}, None),
    ],
)
def test_the_id_to_ask_about(headers: dict[str, str], found: str | None) -> None:
    assert request_id_of(headers) == found


@pytest.mark.parametrize(
    ("status", "code", "again"),
    [
        (408, None, True),
        (409, None, True),
        (425, None, True),
        (429, "rate_limit_exceeded", True),
        (429, "insufficient_quota", False),
        (429, "billing_hard_limit_reached", False),
        (500, None, True),
        (524, None, True),
        (529, "overloaded_error", True),
        (400, None, False),
        (402, None, False),
        (413, None, False),
        (None, None, False),
    ],
)
def test_what_may_be_tried_again(status: int | None, code: str | None, again: bool) -> None:
    assert transient(PlatformRefused("x", status=status, code=code)) is again
    assert not transient(NotOnPlatform("x"))


@pytest.mark.parametrize(
    ("status", "envelope", "hint"),
    [
        (402, {"error": {"message": "pay"}}, "billing"),
        (408, {"error": {"message": "slow"}}, "try again"),
        (409, {"error": {"message": "running"}}, "look at it"),
        (413, "<html><title>413 Request Entity Too Large</title></html>", "Send less"),
        (429, {"error": {"message": "x", "code": "billing_not_active"}}, "billing"),
        (524, CLOUDFLARE, "trouble of its own"),
    ],
)
def test_refusals_say_what_to_do(canned: Any, to_canned: Any, status: int, envelope: Any, hint: str) -> None:
    canned.answer("GET", "/files/f", (status, envelope, {"cf-ray": "8f-FRA"}))
    with pytest.raises(PlatformRefused) as caught:
        to_canned().files.get("f")
    assert hint in str(caught.value.hint)
    assert caught.value.request_id == "8f-FRA"
    assert "<" not in caught.value.message


def test_an_error_with_status_200_keeps_its_code(canned: Any, to_canned: Any) -> None:
    canned.answer("GET", "/files/f", {"error": {"message": "gone", "code": "file_gone", "param": "id"}})
    with pytest.raises(PlatformRefused, match=r"says: gone \(file_gone, param id\)") as caught:
        to_canned().files.get("f")
    assert (caught.value.code, caught.value.param, caught.value.status) == ("file_gone", "id", 200)


def test_json_without_a_bottom(canned: Any, to_canned: Any) -> None:
    canned.answer("GET", "/files/f", (200, b"[" * 200_000, {"content-type": "application/json"}))
    with pytest.raises(PlatformError, match="instead of JSON"):
        to_canned().files.get("f")


@pytest.mark.parametrize(
    ("answer", "ids"),
    [
        ({"data": [{"id": "a"}, None, "b"]}, ["a"]),
        ([{"id": "a"}], ["a"]),
        ({"items": [{"id": "a"}]}, ["a"]),
        ({"data": None, "jobs": [{"id": "a"}]}, ["a"]),
        ({"data": {"id": "a"}}, []),
        ({"object": "list"}, []),
        ("text", []),
        (None, []),
    ],
)
def test_lists_in_any_place(answer: Any, ids: list[str]) -> None:
    assert [item["id"] for item in items_of(answer)] == ids


FULL = [{"id": n} for n in range(PAGE_SIZE)]


@pytest.mark.parametrize(
    ("answer", "items", "cursor"),
    [
        ({"has_more": True, "last_id": "z"}, [{"id": "a"}], "z"),
        ({"has_more": True, "last_id": None}, [{"id": 7}], "7"),
        ({"has_more": "true"}, [{"id": "a"}], "a"),
        ({"has_more": "False"}, FULL, None),
        ({"has_more": False}, FULL, None),
        ({"has_more": None}, FULL, str(PAGE_SIZE - 1)),
        ({}, FULL, str(PAGE_SIZE - 1)),
        ({}, FULL[:-1], None),
        ({"has_more": True}, [], None),
        ({"has_more": True}, [{"id": None}], None),
        (FULL, FULL, None),
    ],
)
def test_cursors(answer: Any, items: list[dict[str, Any]], cursor: str | None) -> None:
    assert cursor_of(answer, items) == cursor


def test_a_list_without_data_and_numbers_for_ids_is_paged(canned: Any, to_canned: Any) -> None:
    first = {"jobs": [{"id": 2, "status": "running"}], "has_more": "true"}
    canned.answer("GET", "/fine_tuning/jobs", first, {"jobs": [{"id": 1, "status": None}]})
    assert [(j.id, j.status) for j in to_canned().jobs.list()] == [("2", "running"), ("1", "unknown")]
    assert [a.query.get("after") for a in canned.asked] == [None, "2"]
