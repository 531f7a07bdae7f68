"""Gets the answers to one model's requests: what was answered before is taken, the rest is asked.

A work directory holds what is needed to go on after a crash: the plan, and the backend's own state.
Nothing that was answered is asked again, in this call or in a later one.
"""

from __future__ import annotations

import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from ftkit.data import open_jsonl_writer, read_jsonl
from ftkit.data.files import encode_json
from ftkit.display.html import Shown
from ftkit.errors import BatchFailed, storage_error
from ftkit.gateway.reading import read_answer
from ftkit.inference.cache import AnswerCache, Kept
from ftkit.inference.lines import failure_code, good_line, no_answer, read_lines, tokens_of_good
from ftkit.inference.plan import AskPlan, Entry, Outcome, Place, name_of, with_id, write_plan

if TYPE_CHECKING:
    from ftkit.gateway import Answer
    from ftkit.inference.backends import Backend, Round

Accept = Callable[["Answer"], str | None]
"""Says why an answer is of no use, so that it is asked again; None for a good one."""
_AT_ONCE = 1000


class Asked(Shown, BaseModel):
    """What came of one model's requests. ``out`` has a line for each, in their order.

    Of the ``requests``, ``different`` ones are not equal to an earlier one; ``asked`` of these went
    out, ``cached`` were answered by an earlier call. ``answered`` and ``failed`` together are all
    ``requests``; ``failures`` counts the failed by reason. Tokens are of what went out, as the backend
    counted them; ``uncounted`` answers have none. ``seconds`` is wall time, None where unknown.
    ``strangers`` and ``duplicates`` are answers to no request, or to one answered before: left out.
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
    strangers: int = 0
    duplicates: int = 0

    def answers(self) -> Iterator[Answer]:
        """The answers, in the order of the requests."""
        for row in read_jsonl(self.out):
            yield read_answer(row.data)


class Asking:
    """One model's requests on their way: ``submit`` hands them over, ``collect`` waits for the answers.

    ``requests`` are batch requests with one model; ``identity`` is what decides an answer beside the
    request (by default the backend's). ``accept`` judges whole answers, kept ones too: one it refuses
    is asked again, in at most ``rounds`` rounds, and is not kept. ``fresh`` asks everything anew, also
    what the platform has answered before; the new answers take the place of the kept ones.

    The same call after a crash goes on: in a work directory that is begun the requests are not read.
    A ``fresh`` one gives up what was begun otherwise.
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
        fresh: bool = False,
    ) -> None:
        self._backend, self._cache, self._accept = backend, cache, accept
        self._rounds, self.model = rounds, model
        self._out, self._work = Path(out), Path(workdir)
        self._seen: list[Round] = []
        path = self._work / "plan.db"
        if path.exists():
            self._plan = AskPlan(path)
            if self._plan.marked or not fresh:
                return
            self._plan.close()
            shutil.rmtree(self._work)
        try:
            self._work.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, self._work) from error
        self._plan = write_plan(
            path,
            requests,
            backend.identity(model),
            cache,
            self._asks(1),
            deduplicate=deduplicate,
            usable=self._usable if accept is not None else None,
            mark=f"-{secrets.token_hex(4)}" if fresh else "",
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

    @property
    def planned(self) -> tuple[int, int]:
        """The requests that are not equal to an earlier one, and how many of them are to be asked."""
        counts = self._plan.counts()
        return counts.different, counts.different - counts.cached

    def _asks(self, number: int) -> Path:
        return self._work / f"asks-{number}.jsonl"

    def _answers(self, number: int) -> Path:
        return self._work / f"answers-{number}.jsonl"

    def _place(self, number: int) -> Path:
        return self._work / f"round-{number}"

    def _asked(self, number: int) -> bool:
        path = self._asks(number)
        return path.exists() and path.stat().st_size > 0

    def _usable(self, kept: Kept) -> bool:
        """Whether this call, too, accepts what an earlier one has kept."""
        assert self._accept is not None
        answer = read_answer({"custom_id": "kept", "response": {"status_code": 200, "body": kept.body}})
        return self._accept(answer) is None

    def _take(self, number: int) -> None:
        """Keep what is good in the cache, and write down what became of the rest."""
        block: list[Any] = []
        for line in read_lines(self._answers(number)):
            block.append(line)
            if len(block) >= _AT_ONCE:
                self._take_block(block, number)
                block = []
        self._take_block(block, number)

    def _take_block(self, lines: Sequence[dict[str, Any]], number: int) -> None:
        names = [name_of(str(line.get("custom_id"))) for line in lines]
        places = self._plan.find(names)
        good: list[tuple[bytes, Mapping[str, Any]]] = []
        outcomes: list[Outcome] = []
        for name, line in zip(names, lines, strict=True):
            place = places.get(name)
            if place is None or _settled(place, number):
                continue
            if self._accept is None and (tokens := tokens_of_good(line)) is not None:
                outcomes.append(Outcome(name, "answered", None, *tokens))
                good.append((place.key, line["response"]["body"]))
                continue
            answer = read_answer(line)
            state, kept = self._judged(answer)
            if state == "answered":
                good.append((place.key, line["response"]["body"]))
            outcomes.append(Outcome(name, state, kept, answer.prompt_tokens, answer.completion_tokens))
        self._cache.put(self._backend.name, good)  # first: what is settled is never asked again
        self._plan.settle(outcomes, number)

    def _judged(self, answer: Answer) -> tuple[str, bytes | None]:
        if not answer.ok:
            return "failed", encode_json(answer.raw)
        why = self._accept(answer) if self._accept is not None else None
        if why is None:
            return "answered", None
        error = {"code": "not_accepted", "message": why}
        return "refused", encode_json({**answer.raw, "error": error})

    def _ask_again(self, number: int) -> None:
        with open_jsonl_writer(self._asks(number)) as writer:
            for row in read_jsonl(self._asks(number - 1)):
                name, _, mark = row.data["custom_id"].partition("-")
                place = self._plan.find((name_of(name),))[name_of(name)]
                if place.state == "refused":
                    # another custom_id, so that it is another request to whoever remembers requests
                    again = "-".join([name, str(number), *mark.split("-")[1:]])
                    writer.write({**row.data, "custom_id": again})

    def _write(self) -> tuple[Counter[str], int]:
        """Write the answers in the order of the requests; the failures by reason, and how many are good."""
        failures: Counter[str] = Counter()
        answered = 0
        with open_jsonl_writer(self._out) as writer:
            for entries in self._plan.entries():
                kept = self._cache.get_many([e.key for e in entries if e.state in ("answered", "cached")])
                lines = []
                for entry in entries:
                    found = kept.get(entry.key) if entry.state in ("answered", "cached") else None
                    if found is not None:
                        answered += 1
                        lines.append(good_line(entry.custom_id, found, cached=entry.state == "cached"))
                    else:
                        line = _failed_line(entry)
                        failures[failure_code(line)] += 1
                        lines.append(encode_json(line))
                writer.write_lines(lines)
        return failures, answered

    def _result(self, failures: Counter[str], answered: int, rounds: int) -> Asked:
        counts = self._plan.counts()
        seconds = [one.seconds for one in self._seen]
        known = [one for one in seconds if one is not None]
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
            seconds=sum(known) if known and len(known) == len(seconds) else None,
            strangers=sum(one.strangers for one in self._seen),
            duplicates=sum(one.duplicates for one in self._seen),
        )


def _settled(place: Place, number: int) -> bool:
    """Whether this was said before: a call that was broken off reads its answers a second time."""
    return place.state in ("answered", "cached") or (place.state == "refused" and place.round >= number)


def _failed_line(entry: Entry) -> dict[str, Any]:
    """The line of a request that has no good answer."""
    if entry.line is None:
        return no_answer(entry.custom_id)
    return with_id(entry.line, entry.custom_id)


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
    fresh: bool = False,
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
        fresh=fresh,
    )
    return asking.collect()


def ask_each(
    askings: Sequence[Asking], done: Callable[[int, Asked], None] = lambda number, asked: None
) -> list[Asked]:
    """Several models at a time: all are handed over before the first one is waited for.

    ``done`` is called with the place in the list and with what came, as soon as one has all its answers.

    Raises BatchFailed where one's requests were refused or cancelled, after the others' answers are kept.
    """
    failures: dict[str, BatchFailed] = {}
    for asking in askings:
        try:
            asking.submit()
        except BatchFailed:
            continue  # it fails again below, when the others are under way
    results: list[Asked] = []
    for number, asking in enumerate(askings):
        try:
            results.append(asking.collect())
            done(number, results[-1])
        except BatchFailed as error:
            failures[asking.model] = error
    if failures:
        said = "; ".join(f"{model}: {error.message}" for model, error in failures.items())
        hint = next(iter(failures.values())).hint
        others = "\nCall again to ask once more; what others have answered is kept."
        raise BatchFailed(said, hint=f"{hint or ''}{others}".strip())
    return results
