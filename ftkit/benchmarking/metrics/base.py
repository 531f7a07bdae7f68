"""What a metric is: how it reads the right answers of a row, and what it says of one answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ftkit.data import canonical_json, reply_of
from ftkit.errors import DataError, FtkitError, UsageError

if TYPE_CHECKING:
    from ftkit.display import Display
    from ftkit.inference import AnswerCache, Backend

_NO_PARTS: Mapping[str, float] = {}


class Score(NamedTuple):
    """What a metric says of one answer.

    ``value`` is 0 to 1 (1.0 for a right answer). ``predicted`` is the allowed label that the answer
    was read as, None where the metric knows no labels. ``invalid`` says that the answer has not
    the wanted form. ``parts`` are figures of 0 to 1 beside the value, by name: one for each field of
    a JSON answer, precision and recall of keywords.
    """

    correct: bool
    value: float
    predicted: str | None = None
    invalid: bool = False
    parts: Mapping[str, float] = _NO_PARTS


class SeenAnswer(Protocol):
    """What a metric may know of a whole answer."""

    @property
    def custom_id(self) -> str:
        """The request's id."""
        ...

    @property
    def text(self) -> str | None:
        """The text of the reply."""
        ...

    @property
    def message(self) -> Mapping[str, Any]:
        """The assistant's message as the platform sent it, with ``tool_calls``; empty where there is none."""
        ...


class SeenRow(Protocol):
    """What a metric may know of a held-out row. ``data`` is the row as it stands in the file."""

    @property
    def line(self) -> int: ...
    @property
    def messages(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def expected(self) -> Sequence[str]: ...
    @property
    def data(self) -> Mapping[str, Any]: ...


class Metric(Protocol):
    """A way to score one answer. ``labelled`` metrics get the allowed labels and a confusion matrix.

    These four members are what a metric must have. :class:`MetricBase` has the others with their
    defaults: see there what a metric may say beyond.
    """

    @property
    def name(self) -> str: ...
    @property
    def labelled(self) -> bool: ...

    def right_answers(self, reply: str) -> tuple[str, ...]:
        """The right answers that a held-out row's reply stands for."""
        ...

    def score(self, answer: str, expected: Sequence[str], labels: Sequence[str]) -> Score:
        """Score ``answer`` against one or more right answers; ``labels`` is empty where there are none."""
        ...


class MetricBase:
    """What most metrics share; a metric of one's own may stand on it.

    ``continuous``: models are compared by the mean of ``value``, not by right and wrong.
    ``needs_truth``: a row without a right answer is an error. ``reads_message``: an answer without
    text is not empty, for the metric reads the whole message. ``has_parts``: its scores have parts.

    A metric that needs more of the answer or the row than texts has a method
    ``score_answer(answer, row, labels)``, which is called instead of ``score``; one that must ask a
    platform before it can score has ``prepare(answered, means)``.
    """

    name: str = ""
    labelled: bool = False
    continuous: bool = False
    needs_truth: bool = True
    reads_message: bool = False
    has_parts: bool = False

    def check(self) -> None:
        """Raise UsageError where scoring lacks something: it is called before any model is asked."""

    def right_answers(self, reply: str) -> tuple[str, ...]:
        """The reply itself, without spaces at its ends."""
        return (reply.strip(),)

    def right_given(self, given: Any) -> tuple[str, ...]:
        """The right answers of a row's field ``expected``: a text, or a list of texts, each of them right."""
        return texts_given(self.right_answers, given)

    def score(self, answer: str, expected: Sequence[str], labels: Sequence[str]) -> Score:
        """Score a text alone. Raises UsageError here: a metric has this method, or ``score_answer``."""
        raise UsageError(f"the metric {self.name!r} scores answers to rows, not texts alone")


class Means(NamedTuple):
    """What a metric gets to ask a platform with: who answers, what was answered, a folder of its own."""

    backend: Backend
    cache: AnswerCache
    folder: Path
    display: Display


Answered = Callable[[], Iterator[tuple[SeenRow, SeenAnswer]]]
"""Begins a pass over the usable answers of all models, each with its row."""


def texts_given(right_answers: Callable[[str], tuple[str, ...]], given: Any) -> tuple[str, ...]:
    """A field ``expected`` as right answers: a text is read like a reply, of a list each item is right.

    Numbers and truth values (stars, yes or no) are texts as JSON writes them. Raises ValueError for
    anything else.
    """
    listed = isinstance(given, list) and given
    items = [_scalar(item) for item in (given if listed else [given])]
    if any(item is None for item in items):
        raise ValueError("'expected' is not a text or a list of texts")
    texts = [item for item in items if item and item.strip()]
    return tuple(dict.fromkeys(texts)) if listed else right_answers(texts[0]) if texts else ()


def _scalar(item: Any) -> str | None:
    """A text, number or truth value as a text; None for anything else."""
    if isinstance(item, bool | int | float):
        return canonical_json(item).decode()
    return item if isinstance(item, str) else None


def right_of(metric: Metric, data: Mapping[str, Any]) -> tuple[str, ...]:
    """The right answers of a row, by its field ``expected`` or else its final assistant message.

    None are found where there is neither. Raises ValueError where they are not what the metric takes.
    """
    own: Callable[[Mapping[str, Any]], tuple[str, ...]] | None = getattr(metric, "right_of", None)
    if own is not None:
        return own(data)
    given = data.get("expected")
    if given is None:
        reply = reply_of(data)
        return metric.right_answers(reply) if reply and reply.strip() else ()
    if isinstance(metric, MetricBase):
        return metric.right_given(given)
    return texts_given(metric.right_answers, given)


def is_continuous(metric: Metric) -> bool:
    """Whether models are compared by the mean of the values, not by right and wrong."""
    return bool(getattr(metric, "continuous", False))


def needs_truth(metric: Metric) -> bool:
    """Whether every row must have a right answer."""
    return bool(getattr(metric, "needs_truth", True))


def is_empty(metric: Metric, answer: SeenAnswer) -> bool:
    """Whether there is nothing in an answer that the metric could read."""
    if answer.text is not None and answer.text.strip():
        return False
    return not (getattr(metric, "reads_message", False) and answer.message.get("tool_calls"))


def score_row(metric: Metric, answer: SeenAnswer, row: SeenRow, labels: Sequence[str]) -> Score:
    """What the metric says of an answer to a row.

    Raises UsageError where its value is not 0 to 1, DataError with the row's line where it fails.
    """
    by_answer: Callable[[SeenAnswer, SeenRow, Sequence[str]], Score] | None
    by_answer = getattr(metric, "score_answer", None)
    try:
        score = (
            by_answer(answer, row, labels)
            if by_answer is not None
            else metric.score(answer.text or "", row.expected, labels)
        )
    except FtkitError:
        raise
    except Exception as error:  # a metric may be anyone's code
        raise failed(metric.name, f" on the row of line {row.line}", error) from error
    if not 0 <= score.value <= 1:
        raise UsageError(
            f"the metric {metric.name!r} gives {score.value!r} to the row of line {row.line}",
            hint="A value lies between 0 and 1: divide by the highest.",
        )
    return score


def failed(name: str, where: str, error: Exception) -> DataError:
    """The error of a metric that failed by itself."""
    return DataError(
        f"the metric {name!r} failed{where}: {type(error).__name__}: {error}",
        hint="Mend the metric; answers that are there are not asked for again.",
    )


class _Nothing(NamedTuple):
    custom_id: str = ""
    text: str | None = ""
    message: Mapping[str, Any] = _NO_PARTS


def lost_parts(metric: Metric, row: SeenRow, labels: Sequence[str]) -> Mapping[str, float]:
    """The parts of a row without a usable answer, all 0: nothing leaves a denominator unseen."""
    if not getattr(metric, "has_parts", False):
        return _NO_PARTS
    return dict.fromkeys(score_row(metric, _Nothing(), row, labels).parts, 0.0)


def prepare(metric: Metric, answered: Answered, means: Means) -> None:
    """Let a metric that asks a platform do so, before the first answer is scored."""
    own: Callable[[Answered, Means], None] | None = getattr(metric, "prepare", None)
    if own is not None:
        own(answered, means)
