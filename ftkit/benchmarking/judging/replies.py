"""Reads what a judge replied in one round, a line for each case, in their order."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ftkit.benchmarking.answers import parse_answer
from ftkit.benchmarking.judging.forms import Verdict, read_verdict
from ftkit.benchmarking.judging.rubric import Rubric
from ftkit.data.stream import read_lines

_NO_ANSWER = "no answer came"
_CUT = "the reply was cut off at the token limit"


class Reply(NamedTuple):
    """A judge's answer to one case: its verdict, or None with the problem.

    ``mendable`` says that there is a reply, only not of the wanted form. ``since`` is when an earlier
    call was given it (seconds since 1970).
    """

    verdict: Verdict | None
    problem: str = ""
    mendable: bool = False
    text: str = ""
    since: int | None = None


class ReplyFile:
    """The replies of one round. ``bad`` are the places (from 0) of those that may be mended, ``lost``
    counts the requests that failed, ``oldest`` is the first ``since``.
    """

    def __init__(self, path: Path, rubric: Rubric) -> None:
        self._path, self._rubric = path, rubric
        self.bad: array[int] = array("q")
        self.lost = 0
        self.oldest: int | None = None
        for place, reply in enumerate(self):
            if reply.mendable:
                self.bad.append(place)
            elif reply.verdict is None:
                self.lost += 1
            if reply.since is not None:
                self.oldest = min(self.oldest or reply.since, reply.since)

    def __iter__(self) -> Iterator[Reply]:
        for number, line in enumerate(read_lines(self._path), 1):
            yield self._reply(line, number)

    def _reply(self, line: bytes, number: int) -> Reply:
        answer = parse_answer(line, self._path, number)
        since = answer.answered_at if answer.cached else None
        if not answer.ok:
            return Reply(None, answer.error or _NO_ANSWER)
        text = answer.text or ""
        found = read_verdict(text, self._rubric)
        if isinstance(found, Verdict):
            return Reply(found, "", False, text, since)
        return Reply(None, _CUT if answer.finish_reason == "length" else found, True, text, since)


def merged(files: list[ReplyFile]) -> Iterator[Reply]:
    """What is to be heard of each case: the last reply to it. The files are those of the rounds."""
    if not files:
        return
    later = merged(files[1:])
    for reply in files[0]:
        yield next(later, reply) if reply.mendable else reply
