"""Judges that really answer (a hook's function), and answers to be judged."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench_parts import write_rows

from ftkit.benchmarking.judging import Judge, JudgeReport, judge
from ftkit.benchmarking.judging.forms import written
from ftkit.benchmarking.judging.rubric import Rubric
from ftkit.catalog import Model
from ftkit.inference import AnswerCache
from ftkit.inference.backends.hook import Hook
from ftkit.inference.backends.hooked import HookBackend
from ftkit.settings import Settings

Saying = Callable[[list[dict[str, Any]]], str]


def part(messages: Sequence[dict[str, Any]], tag: str) -> str:
    """What stands between a tag's two ends in the message that puts the case."""
    found = re.search(rf"<{tag}>\n(.*)\n</{tag}>", messages[1]["content"], re.DOTALL)
    assert found, messages[1]
    return found[1]


def judge_called(name: str, say: Saying, folder: Path, *, enforced: bool = False) -> Judge:
    """A judge whose replies are what ``say`` makes of the conversation; its calls are in ``calls``."""
    settings = Settings(state_dir=folder / "state", runs_dir=folder / "runs")
    hook = Hook(call=lambda messages: (say(messages), 10, 5), version="1", title=name)
    backend = HookBackend(hook, Model(id=name, provider="custom"), settings)
    return Judge(name, backend, enforced)


def right_when(test: Callable[[str], bool], rubric: Rubric | None = None) -> Saying:
    """A judge of one answer, by its text."""
    asked = rubric or Rubric()

    def say(messages: list[dict[str, Any]]) -> str:
        return written(asked, int(test(part(messages, "answer"))), "because of its text")

    return say


class Court:
    """Answers in a table, a cache and a folder: everything that judging needs but judges."""

    def __init__(self, folder: Path, rows: Sequence[dict[str, Any]]) -> None:
        self.folder = folder
        self.settings = Settings(state_dir=folder / "state", runs_dir=folder / "runs")
        self.table = write_rows(folder / "answers.jsonl", rows)

    def judge(self, *judges: Judge, **options: Any) -> JudgeReport:
        """What the judges say; a call of the same folder stands on the same cache."""
        with AnswerCache(self.folder / "answers.db") as cache:
            return judge(
                options.pop("answers", self.table),
                judges,
                workdir=self.folder / "judged",
                settings=self.settings,
                cache=cache,
                **options,
            )
