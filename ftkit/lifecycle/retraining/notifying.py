"""Tells people and programs how a call of ``retrain`` has ended: a POST to an address, a command of theirs.

Neither decides about the model: what goes wrong here is a warning.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ftkit.errors import FtkitError
from ftkit.gateway.finishing import checked_webhook, post_json, run_command
from ftkit.lifecycle.retraining.result import Outcome

if TYPE_CHECKING:
    from ftkit.display import Display
    from ftkit.lifecycle.retraining.result import Retrained

WORTH_TELLING: tuple[Outcome, ...] = ("promoted", "kept", "blocked", "failed")
"""What is told where nothing else was said: that nothing was to do is no news."""


def retrain_message(result: Retrained) -> dict[str, Any]:
    """What a webhook gets as JSON; it holds no key, no address and no row of the data.

    ``type`` is always ``retrain.ended``; ``outcome`` is ``promoted``, ``kept``, ``nothing to do``,
    ``blocked``, ``failed`` or ``planned``; ``name`` the name in the registry; ``champion`` the model in use
    before, ``challenger`` the one that was trained, ``difference`` the new one's figure (0 to 1) minus the
    old one's; ``cost`` is the most that the training may cost in US dollars. What is not known is null.
    ``text`` is a sentence for people, which chat services show as it is.
    """
    first = result.contests[0] if result.contests else None
    dollars = result.estimate.dollars if result.estimate is not None else None
    return {
        "type": "retrain.ended",
        "text": f"ftkit: {result.name}: {result.outcome}{_because(result)}",
        "recipe": result.recipe,
        "name": result.name,
        "platform": result.platform,
        "outcome": result.outcome,
        "reasons": list(result.reasons),
        "causes": [cause.said for cause in result.causes],
        "champion": result.champion,
        "challenger": result.challenger,
        "version": result.version,
        "job": result.job,
        "round": result.round,
        "difference": first.difference if first is not None else None,
        "cost": dollars.high if dollars is not None else None,
        "started": result.started.isoformat(),
        "seconds": result.seconds,
    }


def retrain_environment(result: Retrained) -> dict[str, str]:
    """What a command gets in its environment; unknown ones are empty."""
    return {
        "FTKIT_RETRAIN_OUTCOME": result.outcome,
        "FTKIT_RETRAIN_NAME": result.name,
        "FTKIT_RETRAIN_RECIPE": result.recipe,
        "FTKIT_RETRAIN_REASONS": "\n".join(result.reasons),
        "FTKIT_RETRAIN_CHAMPION": result.champion or "",
        "FTKIT_RETRAIN_CHALLENGER": result.challenger or "",
        "FTKIT_RETRAIN_SUMMARY": str(result.summary or ""),
        "FTKIT_PLATFORM": result.platform,
    }


class Notifier:
    """Tells of the results that it is called with, where their outcome is one of ``on``.

    Raises UsageError at once for an address that is no webhook's.
    """

    def __init__(
        self,
        display: Display,
        *,
        webhook: str | None = None,
        command: str | None = None,
        on: Sequence[str] = WORTH_TELLING,
    ) -> None:
        if webhook is not None:
            checked_webhook(webhook)
        self._display, self._webhook, self._command, self._on = display, webhook, command, tuple(on)

    def __call__(self, result: Retrained) -> None:
        """Tell of one result; what cannot be told is a warning."""
        if result.outcome not in self._on:
            return
        if self._webhook is not None:
            try:
                post_json(self._webhook, retrain_message(result))
            except FtkitError as error:
                self._display.warn(str(error))
        if self._command is not None:
            self._run(self._command, result)

    def _run(self, command: str, result: Retrained) -> None:
        try:
            code, lines = run_command(command, retrain_environment(result))
        except OSError as error:
            self._display.warn(f"the command for the end of the retraining cannot be run: {error}")
            return
        for line in lines:
            self._display.event(line)
        say = self._display.note if code == 0 else self._display.warn
        say(f"the command for the end of the retraining ended with exit code {code}")


def _because(result: Retrained) -> str:
    return f" ({'; '.join(result.reasons)})" if result.reasons else ""
