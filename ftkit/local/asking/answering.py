"""Answer many requests at once: those to one model together, and a fault of one spares the others."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from ftkit.local.asking.wanted import Wanted, refused
from ftkit.local.engines.asking import Refused
from ftkit.local.engines.base import Responder
from ftkit.local.envelope import ApiError
from ftkit.local.models import LoadedModels
from ftkit.local.names import ServedModel

_log = logging.getLogger("ftkit.local.asking")
_PATIENCE = 24
"""After so many failures in a row a model is taken for broken, and its requests are not tried one by one."""


class Answering:
    """Asks loaded models. Safe from several threads."""

    def __init__(self, models: LoadedModels) -> None:
        self._models = models
        self._failures: defaultdict[str, int] = defaultdict(int)
        """Each model's failures since it last answered."""

    def answer(self, asked: Sequence[tuple[Wanted, ServedModel]]) -> list[Any]:
        """For each request what its class's ``answers`` gives, or an ``ApiError``."""
        groups: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
        for position, (wanted, model) in enumerate(asked):
            groups[model.id, type(wanted), wanted.group].append(position)
        found: list[Any] = [None] * len(asked)
        for positions in groups.values():
            many = [asked[position][0] for position in positions]
            for position, answer in zip(positions, self._group(asked[positions[0]][1], many), strict=True):
                found[position] = answer
        return found

    def _group(self, model: ServedModel, many: Sequence[Wanted]) -> list[Any]:
        """Answer alike requests to one model; those that it cannot do are refused before they reach it."""
        try:
            responder = self._models.get(model)
            abilities = responder.abilities
        except ApiError as error:
            return [error] * len(many)
        found: list[Any] = [None] * len(many)
        able: list[int] = []
        for position, wanted in enumerate(many):
            try:
                wanted.check_abilities(model, abilities)
                able.append(position)
            except ApiError as error:
                found[position] = error
        if able:
            answers = self._ask(model, responder, [many[position] for position in able])
            for position, answer in zip(able, answers, strict=True):
                found[position] = answer
        return found

    def _ask(self, model: ServedModel, responder: Responder, many: Sequence[Wanted]) -> list[Any]:
        """Ask; what fails together is asked again in halves, down to the one request that is at fault."""
        try:
            found = type(many[0]).answers(responder, many)
        except Exception as error:  # noqa: BLE001 - the engine's boundary: reported by fault_of
            fault = fault_of(error, model, many[0].about)
            if fault.status >= 500:
                self._failures[model.id] += 1
            if len(many) == 1 or self._failures[model.id] >= _PATIENCE:
                return [fault] * len(many)
            middle = len(many) // 2
            return [
                *self._ask(model, responder, many[:middle]),
                *self._ask(model, responder, many[middle:]),
            ]
        self._failures.pop(model.id, None)
        return found


def fault_of(error: Exception, model: ServedModel, about: str) -> ApiError:
    """What went wrong in an engine, for the client who asked with ``about``. The unforeseen is logged."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, Refused):
        return refused(error.refusal, about)
    _log.error("the model %s failed on a request", model.id, exc_info=error)
    return ApiError(
        500,
        f"The model '{model.id}' failed on this request; the platform's log says why.",
        type="server_error",
        code="model_failed",
    )
