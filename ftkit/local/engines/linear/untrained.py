"""The linear engine before any training: it can only choose among labels that the prompt itself names.

The label that shares most character trigrams with the last message wins; without any in common, the first
one named. No word lists, no knowledge of any task: a floor, not a competitor.
"""

from __future__ import annotations

from collections.abc import Sequence

from ftkit.local.engines.asking import Messages
from ftkit.local.engines.linear.features import segments_of
from ftkit.local.engines.linear.labels import named_labels
from ftkit.local.engines.whole import WholeReplies

NO_LABELS = (
    "This untrained linear model can only choose among labels that the prompt names, and it names none."
)


class UntrainedResponder(WholeReplies):
    """Deterministic answers from the prompt alone."""

    def __init__(self) -> None:
        self._labels: dict[str, list[str]] = {}

    def respond(self, conversations: Sequence[Messages]) -> list[str]:
        """One named label for each conversation, or a sentence that says why there is none."""
        return [self._respond(messages) for messages in conversations]

    def _respond(self, messages: Messages) -> str:
        segments = segments_of(messages)
        instructions = "\n".join(text for role, text in segments if role == "system")
        text = segments[-1][1] if segments and segments[-1][0] != "system" else ""
        labels = self._known_labels(instructions) or named_labels(text)
        if not labels:
            return NO_LABELS
        grams = _trigrams(text)
        return max(labels, key=lambda label: _share(_trigrams(label), grams))

    def _known_labels(self, instructions: str) -> list[str]:
        """``named_labels``, remembered: a batch repeats one system prompt thousands of times."""
        found = self._labels.get(instructions)
        if found is None:
            if len(self._labels) > 256:
                self._labels.clear()
            found = self._labels[instructions] = named_labels(instructions)
        return found


def _trigrams(text: str) -> set[str]:
    padded = f" {' '.join(text.lower().split())} "
    return {padded[start : start + 3] for start in range(len(padded) - 2)}


def _share(label: set[str], text: set[str]) -> float:
    """The part of the label's trigrams that the text has."""
    return len(label & text) / len(label) if label else 0.0
