"""Gets the answers to one model's requests: what was answered before is taken, the rest is asked.

A work directory holds what is needed to go on after a crash: the plan, and the backend's own state.
Nothing that was answered is asked again, in this call or in a later one.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from ftkit.data import open_jsonl_writer, read_jsonl
from ftkit.data.files import encode_json
from ftkit.errors import storage_error
from ftkit.gateway.reading import read_answer
from ftkit.inference.cache import AnswerCache
from ftkit.inference.plan import AskPlan, Entry, name_of, with_id, write_plan

if TYPE_CHECKING:
    from ftkit.gateway import Answer
    from ftkit.inference.backends import Backend, Round

Accept = Callable[["Answer"], str | None]
"""Says why an answer is of no use, so that it is asked again; None for a good one."""
_AT_ONCE = 1000


class Asked(BaseModel):
    """What came of one model's requests. ``out`` has a line for each, in their order.

    Of the ``requests``, ``different`` ones are not equal to an earlier one; ``asked`` of these went
    out, ``cached`` were answered by an earlier call. ``answered`` and ``failed`` together are all
    ``requests``; ``failures`` counts the failed by reason. Tokens are of what went out, as the backend
    counted them; ``uncounted`` answers have none. ``seconds`` is wall time, None where unknown.
    """

    model_config = ConfigDict(frozen=True)

    out: Path
    requests: int
    different: int
    asked: int
    cached: int
    answered: int
    failed: int
    failures: dict[str, int]
    via: str | None
    batches: tuple[str, ...]
    rounds: int
    prompt_tokens: int
    completion_tokens: int
    uncounted: int
    seconds: float | None

    def answers(self) -> Iterator[Answer]:
        """The answers, in the order of the requests."""
        for row in read_jsonl(self.out):
            yield read_answer(row.data)


class Asking:
    """One model's requests on their way: ``submit`` hands them over, ``collect`` waits for the answers.

    ``requests`` are batch requests with one model; ``identity`` is what decides an answer beside the
    request (by default the backend's). ``accept`` judges whole answers: one it refuses is asked again,
    in at most ``rounds`` rounds, and is not kept. The same call after a crash goes on.
    """

    def __init__(
        self,
        requests: Iterable[Mapping[str, Any]],
        backend: Backend,
        *,
        model: str,
        out: str | Path,
        workdir: str | Path,
        cache: AnswerCache,
        accept: Accept | None = None,
        rounds: int = 1,
        deduplicate: bool = True,
    ) -> None:
        self._backend, self._cache, self._accept = backend, cache, accept
        self._rounds = rounds
        self._out, self._work = Path(out), Path(workdir)
        self._seen: list[Round] = []
        try:
            self._work.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, self._work) from error
        path = self._work / "plan.db"
        # requests of a call that was broken off are the same ones: the work directory is the caller's word
        self._plan = (
            AskPlan(path)
            if path.exists()
            else write_plan(
                path, requests, backend.identity(model), cache, self._asks(1), deduplicate=deduplicate
            )
        )

    def submit(self) -> None:
        """Hand the first round over and do not wait, where the backend can work by itself."""
        if self._asked(1):
            self._backend.answer(self._asks(1), self._answers(1), self._place(1), wait=False)

    def collect(self) -> Asked:
        """Wait for all answers and write ``out``; the work directory is gone afterwards."""
        last = 0
        for number in range(1, self._rounds + 1):
            if not self._asked(number):
                break
            self._seen.append(
                self._backend.answer(self._asks(number), self._answers(number), self._place(number))
            )
            self._take(number)
            last = number
            if number < self._rounds and self._plan.left("refused"):
                self._ask_again(number + 1)
        failures, answered = self._write()
        result = self._result(failures, answered, last)
        self._plan.close()
        shutil.rmtree(self._work, ignore_errors=True)
        return result

    def _asks(self, number: int) -> Path:
        return self._work / f"asks-{number}.jsonl"

    def _answers(self, number: int) -> Path:
        return self._work / f"answers-{number}.jsonl"

    def _place(self, number: int) -> Path:
        return self._work / f"round-{number}"

    def _asked(self, number: int) -> bool:
        path = self._asks(number)
        return path.exists() and path.stat().st_size > 0

    def _take(self, number: int) -> None:
        """Keep what is good in the cache, and write down what became of the rest."""
        good: list[tuple[bytes, Mapping[str, Any]]] = []
        outcomes: list[tuple[str, str, bytes | None, int | None, int | None]] = []
        for row in read_jsonl(self._answers(number)):
            answer = read_answer(row.data)
            name = name_of(answer.custom_id)
            if (key := self._plan.key(name)) is None or self._plan.state(name) == "answered":
                continue
            state, line = self._judged(answer)
            if state == "answered":
                good.append((key, row.data["response"]["body"]))
            outcomes.append((name, state, line, answer.prompt_tokens, answer.completion_tokens))
            if len(outcomes) >= _AT_ONCE:
                self._settle(good, outcomes)
                good, outcomes = [], []
        self._settle(good, outcomes)

    def _judged(self, answer: Answer) -> tuple[str, bytes | None]:
        if not answer.ok:
            return "failed", encode_json(answer.raw)
        why = self._accept(answer) if self._accept is not None else None
        if why is None:
            return "answered", None
        error = {"code": "not_accepted", "message": why}
        return "refused", encode_json({**answer.raw, "error": error})

    def _settle(self, good: Sequence[tuple[bytes, Mapping[str, Any]]], outcomes: Sequence[Any]) -> None:
        self._cache.put(self._backend.name, good)  # first: what is settled is never asked again
        self._plan.settle(outcomes)

    def _ask_again(self, number: int) -> None:
        with open_jsonl_writer(self._asks(number)) as writer:
            for row in read_jsonl(self._asks(number - 1)):
                name = name_of(row.data["custom_id"])
                if self._plan.state(name) == "refused":
                    # another custom_id, so that it is another request to whoever remembers requests
                    writer.write({**row.data, "custom_id": f"{name}-{number}"})

    def _write(self) -> tuple[Counter[str], int]:
        """Write the answers in the order of the requests; the failures by reason, and how many are good."""
        failures: Counter[str] = Counter()
        answered = 0
        with open_jsonl_writer(self._out) as writer:
            for entry in self._plan.entries():
                line = self._line(entry)
                writer.write(line)
                if line["error"] is None:
                    answered += 1
                else:
                    failures[str(line["error"].get("code") or line["error"].get("message"))] += 1
        return failures, answered

    def _line(self, entry: Entry) -> dict[str, Any]:
        kept = self._cache.get(entry.key) if entry.state in ("answered", "cached") else None
        if kept is not None:
            return {
                "custom_id": entry.custom_id,
                "response": {"status_code": 200, "body": kept.body},
                "error": None,
                "answered_at": kept.answered_at,
                "cached": entry.state == "cached",
            }
        if entry.line is None:
            error = {"code": "no_answer", "message": "there is no answer to this request"}
            return {"custom_id": entry.custom_id, "response": None, "error": error}
        line = with_id(entry.line, entry.custom_id)
        if line.get("error") is None:  # some platforms say it in the response alone
            answer = read_answer(line)
            line["error"] = {"code": str(answer.status_code or "failed"), "message": answer.error}
        return line

    def _result(self, failures: Counter[str], answered: int, rounds: int) -> Asked:
        counts = self._plan.counts()
        seconds = [one.seconds for one in self._seen if one.seconds is not None]
        sent = counts.different - counts.cached
        return Asked(
            out=self._out,
            requests=counts.requests,
            different=counts.different,
            asked=sent,
            cached=counts.cached,
            answered=answered,
            failed=counts.requests - answered,
            failures=dict(failures),
            via=self._seen[-1].via if self._seen else None,
            batches=tuple(batch for one in self._seen for batch in one.batches),
            rounds=rounds,
            prompt_tokens=counts.prompt_tokens,
            completion_tokens=counts.completion_tokens,
            uncounted=max(sent - counts.counted - sum(failures.values()), 0),
            seconds=sum(seconds) if seconds else None,
        )


def ask(
    requests: Iterable[Mapping[str, Any]],
    backend: Backend,
    *,
    model: str,
    out: str | Path,
    workdir: str | Path,
    cache: AnswerCache,
    accept: Accept | None = None,
    rounds: int = 1,
    deduplicate: bool = True,
) -> Asked:
    """Answer one model's requests and write ``out``; see :class:`Asking` for what the parameters mean."""
    asking = Asking(
        requests,
        backend,
        model=model,
        out=out,
        workdir=workdir,
        cache=cache,
        accept=accept,
        rounds=rounds,
        deduplicate=deduplicate,
    )
    return asking.collect()


def ask_each(askings: Sequence[Asking]) -> list[Asked]:
    """Several models at a time: all are handed over before the first one is waited for."""
    for asking in askings:
        asking.submit()
    return [asking.collect() for asking in askings]
