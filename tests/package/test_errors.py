"""The exception tree: its shape, its exit codes, its words."""

from __future__ import annotations

import errno
import inspect
import re

import pytest

from ftkit import errors
from ftkit.errors import ConfigurationError, Fault, FtkitError, PlatformRefused, Where, storage_error

CLASSES = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, FtkitError)]


def test_the_drawing_is_the_tree() -> None:
    drawn = re.findall(r"(\w+)\s+(\d+)(?:  |$)", errors.__doc__ or "", re.M)
    assert dict(drawn) == {c.__name__: str(c.exit_code) for c in CLASSES}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda c: c.__name__)
def test_each_can_be_raised_with_a_hint_and_a_place(kind: type[FtkitError]) -> None:
    error = kind("it broke", hint="mend it", where=Where("data.jsonl", 3, 7))
    assert str(error) == "data.jsonl:3:7: it broke\nmend it"
    assert kind.__doc__


def test_request_id_is_said() -> None:
    error = PlatformRefused("no", status=400, code="bad", param="model", request_id="req_1")
    assert str(error) == "no (request id req_1)"
    assert (error.status, error.code, error.param) == (400, "bad", "model")


def test_faults_are_listed() -> None:
    error = ConfigurationError("wrong:", faults=[Fault(Where("a", 1), "x"), Fault(Where("b"), "y")])
    assert str(error) == "wrong:\n  a:1: x\n  b: y"


@pytest.mark.parametrize(
    ("number", "word"),
    [(errno.ENOSPC, "space"), (errno.EACCES, "may write"), (errno.EROFS, "read-only"), (errno.EIO, "disk")],
)
def test_storage_errors_say_what_to_do(number: int, word: str) -> None:
    error = storage_error(OSError(number, "words"), "/some/place")
    assert word in str(error)
    assert "/some/place" in str(error)
