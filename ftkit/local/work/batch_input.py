"""Read a batch's input file: check it whole before the first request, then give its requests in pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftkit.local.config import MAX_BATCH_REQUESTS, MAX_LINE_BYTES
from ftkit.local.jsonio import load

MAX_ERRORS = 100
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """One request: its id, its body, and the offset in bytes after it."""

    custom_id: str
    body: Any
    end: int


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found: faults in OpenAI's form (none means that it is good), requests, the one model."""

    faults: list[dict[str, Any]]
    total: int
    model: str | None


class BatchFault(Exception):
    """A line that is no request: OpenAI's code, a message, the parameter."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param


def raw_lines(path: Path, offset: int = 0) -> Iterator[tuple[bytes, int]]:
    """(line, offset in bytes after it) from ``offset`` on; a line over the limit comes cut just beyond it."""
    with path.open("rb") as file:
        file.seek(offset)
        while line := file.readline(MAX_LINE_BYTES + 1):
            first, rest = offset == 0, line
            while len(rest) > MAX_LINE_BYTES and not rest.endswith(b"\n"):
                rest = file.readline(MAX_LINE_BYTES + 1)
            offset = file.tell()
            yield (line.removeprefix(_BOM) if first else line), offset


def check(path: Path, endpoint: str, known_model: Callable[[str], bool]) -> Checked:
    """Read the file through. ``known_model`` says whether a model can be asked."""
    faults: list[dict[str, Any]] = []
    seen: set[str] = set()
    models: set[str] = set()
    total = 0
    for number, (line, _) in enumerate(raw_lines(path), 1):
        if not line.strip():
            continue
        total += 1
        try:
            if total > MAX_BATCH_REQUESTS:
                raise BatchFault(
                    "too_many_requests", f"A batch may have at most {MAX_BATCH_REQUESTS} requests."
                )
            custom_id, body = _parse(line, endpoint)
            if custom_id in seen:
                raise BatchFault(
                    "duplicate_custom_id", f"The custom_id {custom_id!r} comes twice.", "custom_id"
                )
            seen.add(custom_id)
            models.add(_model(body, known_model))
        except BatchFault as fault:
            faults.append(
                {"code": fault.code, "line": number, "message": fault.message, "param": fault.param}
            )
            if len(faults) == MAX_ERRORS or fault.code == "too_many_requests":
                break
    if not total:
        faults.append(
            {"code": "empty_file", "line": None, "message": "The input file is empty.", "param": None}
        )
    return Checked(faults, total, models.pop() if len(models) == 1 else None)


def requests(path: Path, offset: int) -> Iterator[Line]:
    """The requests of a file that ``check`` found good, from ``offset`` on."""
    for line, end in raw_lines(path, offset):
        if line.strip():
            record = load(line)
            yield Line(record["custom_id"], record["body"], end)


def _parse(line: bytes, endpoint: str) -> tuple[str, dict[str, Any]]:
    if len(line) > MAX_LINE_BYTES:
        raise BatchFault("line_too_long", f"This line is longer than {MAX_LINE_BYTES} bytes.")
    try:
        record = load(line)
    except ValueError as error:
        raise BatchFault("invalid_json_line", f"This line is not JSON: {error}") from None
    if not isinstance(record, dict):
        raise BatchFault("invalid_json_line", "This line is not a JSON object.")
    for name in ("custom_id", "method", "url", "body"):
        if name not in record:
            raise BatchFault("missing_required_parameter", f"Missing required parameter: '{name}'.", name)
    custom_id = record["custom_id"]
    if not isinstance(custom_id, str) or not 0 < len(custom_id) <= 512:
        raise BatchFault(
            "invalid_custom_id", "'custom_id' must be a text of 1 to 512 characters.", "custom_id"
        )
    if record["method"] != "POST":
        raise BatchFault("invalid_method", "'method' must be POST.", "method")
    if record["url"] != endpoint:
        raise BatchFault("invalid_url", f"'url' must be the batch's endpoint, {endpoint}.", "url")
    if not isinstance(record["body"], dict):
        raise BatchFault("invalid_request", "'body' must be an object.", "body")
    return custom_id, record["body"]


def _model(body: dict[str, Any], known_model: Callable[[str], bool]) -> str:
    model = body.get("model")
    if not isinstance(model, str):
        raise BatchFault(
            "missing_required_parameter", "Missing required parameter: 'body.model'.", "body.model"
        )
    if not known_model(model):
        raise BatchFault("model_not_found", f"The model `{model[:200]}` does not exist.", "body.model")
    return model
