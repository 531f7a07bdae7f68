"""A function of one's own as a metric: ``module:function`` or ``file.py:function``."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.benchmarking.metrics.base import MetricBase, Score, SeenAnswer, SeenRow, failed, texts_given
from ftkit.benchmarking.metrics.options import read_value
from ftkit.data import canonical_json
from ftkit.errors import FtkitError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_GIVEN = ("answer", "expected", "labels", "row", "message")


class FunctionMetric(MetricBase):
    """Scores by calling a function that returns a bool, a number of 0 to 1, or a :class:`Score`.

    The function gets, by name, what it asks for: ``answer`` (the text), ``expected`` (the right answers,
    a tuple), ``labels``, ``row`` (the row as in the file), ``message`` (the whole assistant message).
    With other names, the first two are the answer and the right answers. Its other parameters are the
    metric's options. A number counts as right from ``threshold`` on, which is 0.5.

    Models are compared by the mean of the values, unless the function is annotated to return a bool;
    its own attributes ``continuous``, ``needs_truth`` and ``threshold`` win.
    """

    def __init__(self, function: Callable[..., Any], name: str, options: Mapping[str, Any]) -> None:
        self.name = name
        self._function = function
        self._given, self._by_place = _wanted(function, name)
        self.options = _options(function, name, options, self._given)
        said = _hints(function).get("return")
        self.continuous = bool(getattr(function, "continuous", said is not bool))
        self.needs_truth = bool(getattr(function, "needs_truth", True))
        self.threshold = float(getattr(function, "threshold", 0.5))
        self.reads_message = "message" in self._given

    def right_given(self, given: Any) -> tuple[str, ...]:
        """The field ``expected``: a text, a list of texts, or anything else as JSON text."""
        listed = isinstance(given, list) and given and all(isinstance(item, str) for item in given)
        return (
            texts_given(self.right_answers, given)
            if listed or isinstance(given, str)
            else (canonical_json(given).decode(),)
        )

    def score(self, answer: str, expected: Sequence[str], labels: Sequence[str]) -> Score:
        """Score a text; a function that wants the row or the message gets empty ones."""
        return self._scored({"answer": answer, "expected": tuple(expected), "labels": tuple(labels)}, "")

    def score_answer(self, answer: SeenAnswer, row: SeenRow, labels: Sequence[str]) -> Score:
        """Call the function. Raises DataError with the row's line where it fails."""
        known = {
            "answer": answer.text or "",
            "expected": tuple(row.expected),
            "labels": tuple(labels),
            "row": row.data,
            "message": answer.message,
        }
        return self._scored(known, f" on the row of line {row.line}")

    def _scored(self, known: Mapping[str, Any], where: str) -> Score:
        values = {name: known.get(name, {}) for name in self._given}
        places = (known["answer"], known["expected"])[: self._by_place]
        try:
            said = self._function(*places, **values, **self.options)
        except FtkitError:
            raise
        except Exception as error:
            raise failed(self.name, where, error) from error
        return self._read(said, where)

    def _read(self, said: Any, where: str) -> Score:
        if isinstance(said, Score):
            return said
        if isinstance(said, bool):
            return Score(said, float(said))
        try:
            value = float(said)  # numpy's numbers, too
        except (TypeError, ValueError):
            value = -1.0
        if not 0 <= value <= 1:
            raise UsageError(
                f"the metric {self.name!r} gives {said!r}{where}",
                hint="It returns a bool, a number from 0 to 1, or a ftkit.benchmarking.Score.",
            )
        return Score(value >= self.threshold, value)


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except Exception:  # noqa: BLE001 - annotations of a stranger's code may be anything; they only help
        return {}


def _wanted(function: Callable[..., Any], name: str) -> tuple[tuple[str, ...], int]:
    """The parameters that are given by name, and how many are given by their place."""
    parameters = inspect.signature(function).parameters
    named = tuple(word for word in _GIVEN if word in parameters)
    if named:
        return named, 0
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    free = [p for p in parameters.values() if p.kind in kinds and p.default is inspect.Parameter.empty]
    if not free:
        raise UsageError(
            f"the metric {name!r} takes no answer", hint=f"Its parameters may be: {', '.join(_GIVEN)}."
        )
    return (), min(len(free), 2)


def _options(
    function: Callable[..., Any], name: str, given: Mapping[str, Any], taken: Sequence[str]
) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters
    known = [
        word
        for word, one in parameters.items()
        if word not in taken and one.default is not inspect.Parameter.empty
    ]
    for word in given:
        if word not in known:
            hint = f"It has: {', '.join(known)}." if known else "It has none."
            raise UsageError(f"the metric {name!r} has no option {word!r}", hint=hint)
    hints = _hints(function)
    kinds = {word: hints.get(word, _kind_of(parameters[word].default)) for word in given}
    return {word: read_value(name, word, value, kinds[word]) for word, value in given.items()}


def _kind_of(default: Any) -> Any:
    return type(default) if isinstance(default, bool | int | float | str) else Any


def load(name: str, folders: Sequence[Path] = ()) -> Any:
    """What ``module:attribute`` or ``file.py:attribute`` names; looked for in ``folders``, then here.

    Raises UsageError where there is none, or its module cannot be imported.
    """
    module, _, attribute = name.rpartition(":")
    places = [*folders, Path.cwd()]
    try:
        with _importing(places):
            found = _file(module, places) if module.endswith(".py") else importlib.import_module(module)
    except Exception as error:
        raise UsageError(
            f"the metric {name!r} cannot be imported: {type(error).__name__}: {error}",
            hint="It is `module:function`, or a file and a function: metrics.py:score.",
        ) from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise UsageError(
                f"there is no {attribute!r} in {module}", hint=f"Define it: def {part}(answer, expected):"
            )
        found = getattr(found, part)
    return found


@contextmanager
def _importing(places: Sequence[Path]) -> Iterator[None]:
    """Modules beside the data of a user can be imported: a command has not its own folder on the path."""
    added = [text for place in places if (text := str(place)) not in sys.path]
    sys.path += added  # behind what is installed: a user's json.py is not everyone's
    try:
        yield
    finally:
        for text in added:
            if text in sys.path:
                sys.path.remove(text)


def _file(name: str, places: Sequence[Path]) -> Any:
    path = next((found for place in places if (found := place / name).is_file()), None)
    if path is None:
        raise FileNotFoundError(f"there is no file {name}")
    spec = importlib.util.spec_from_file_location(f"ftkit_metric_{path.stem}", path)
    assert spec is not None and spec.loader is not None, "a .py file has a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickles look their module up
    spec.loader.exec_module(module)
    return module
