"""Counts what a platform carried out, by content: uploads per file, jobs per launch, requests per answer."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from typing import Any, cast

from proxy import Record


@dataclass
class Tally:
    """How often each thing was done at the platform; what counts above one is a duplicate."""

    files: Counter[str] = field(default_factory=Counter)  # by the content's SHA-256
    jobs: Counter[str] = field(default_factory=Counter)  # by all parameters, files by their content
    batches: Counter[str] = field(default_factory=Counter)  # by the input's content
    requests: Counter[str] = field(default_factory=Counter)  # by custom id and body, of all batches
    chats: Counter[str] = field(default_factory=Counter)  # by body
    bytes: dict[str, bytes] = field(default_factory=dict, repr=False)  # content by SHA-256

    @property
    def counts(self) -> dict[str, int]:
        """How many of each kind there are, each counted as often as it was done."""
        return {kind: counter.total() for kind, counter in self._kinds().items() if counter}

    @property
    def duplicates(self) -> dict[str, int]:
        """How often something was done once more than it should have been, by kind; empty is good."""
        more = {kind: counter.total() - len(counter) for kind, counter in self._kinds().items()}
        return {kind: number for kind, number in more.items() if number}

    def _kinds(self) -> dict[str, Counter[str]]:
        return {
            "files": self.files,
            "jobs": self.jobs,
            "batches": self.batches,
            "requests": self.requests,
            "chats": self.chats,
        }


def tally(records: Iterable[Record]) -> Tally:
    """Count what was carried out, whether or not the client heard of it."""
    count, content_of = Tally(), {}
    parts: dict[str, bytes] = {}
    for record in records:
        if record.method != "POST" or not record.carried_out:
            continue
        assert record.answer is not None
        made = record.answer.data
        match record.path.strip("/").split("/"):
            case ["files"]:
                content_of[made["id"]] = _file(count, form(record)["file"])
            case ["uploads", _, "parts"]:
                parts[made["id"]] = form(record)["data"]
            case ["uploads", _, "complete"] if made.get("file"):
                whole = b"".join(parts[part] for part in record.data["part_ids"])
                content_of[made["file"]["id"]] = _file(count, whole)
            case ["fine_tuning", "jobs"]:
                count.jobs[_launch(record.data, content_of)] += 1
            case ["batches"]:
                _batch(count, content_of.get(record.data["input_file_id"], ""))
            case ["chat", "completions"]:
                count.chats[canonical(record.data)] += 1
    return count


def form(record: Record) -> dict[str, bytes]:
    """The fields of a multipart form; a file's field holds its bytes."""
    head = f"Content-Type: {record.headers['content-type']}\r\n\r\n".encode()
    whole = message_from_bytes(head + record.body)
    return {_name(part): cast(bytes, part.get_payload(decode=True)) for part in _parts(whole)}


def canonical(data: Any) -> str:
    """JSON that is the same for the same data."""
    return json.dumps(data, sort_keys=True, ensure_ascii=False)


def _parts(whole: Message) -> Iterator[Message]:
    yield from cast("list[Message]", whole.get_payload())


def _name(part: Message) -> str:
    return str(part.get_param("name", header="content-disposition"))


def _file(count: Tally, content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    count.files[digest] += 1
    count.bytes[digest] = content
    return digest


def _launch(body: dict[str, Any], content_of: dict[str, str]) -> str:
    """A launch by what it asks for: names that only tell attempts apart are left out."""
    plain = {k: v for k, v in body.items() if k != "metadata"}
    for name in ("training_file", "validation_file"):
        if name in plain:
            plain[name] = content_of.get(str(plain[name]), plain[name])
    return canonical(plain)


def _batch(count: Tally, digest: str) -> None:
    count.batches[digest] += 1
    for line in count.bytes.get(digest, b"").splitlines():
        if line.strip():
            count.requests[canonical(json.loads(line))] += 1
