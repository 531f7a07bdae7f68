"""Family FT4xx: replies that should be one of a few labels."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Self

from ftkit.data import reply_of
from ftkit.validation import Case, Context, FileFacts, Found, RowView, rule
from ftkit_validators.chat.examples import USER, chat

_POSITIVE = chat(USER, {"role": "assistant", "content": "positive"})
_NEGATIVE = chat({"role": "user", "content": "Is this good?"}, {"role": "assistant", "content": "negative"})
_LABELS = {"labels": ("positive", "negative")}


@rule(
    "FT401",
    "reply-not-a-label",
    wanted=lambda context: context.options.labels is not None,
    bad=Case(chat(USER, {"role": "assistant", "content": "Positive."}), options=_LABELS),
    good=Case(_POSITIVE + _NEGATIVE, options=_LABELS),
)
def reply_not_a_label(row: RowView) -> Iterator[Found]:
    """The reply is none of the labels that were given. One such row teaches the model a word that no score
    will ever count as right; "positive" and "Positive." are different answers to it."""
    labels = row.context.options.labels
    if labels is None or not row.messages or row.messages[-1][1].get("role") != "assistant":
        return
    reply = reply_of({"messages": [row.messages[-1][1]]})
    if reply is None or reply in labels:
        return
    index = row.messages[-1][0]
    plain = reply.strip().strip(".!\"'").casefold()
    same = next((label for label in labels if label.casefold() == plain), None)
    near = same or next(iter(difflib.get_close_matches(reply, labels, n=1)), None)
    hint = f"Write {near!r}." if near else f"Labels are: {', '.join(labels[:20])}."
    yield Found(f"the reply {reply[:40]!r} is not one of the labels", hint, ("messages", index, "content"))


@rule(
    "FT402",
    "label-without-rows",
    wanted=lambda context: context.options.labels is not None,
    scope="dataset",
    severity="warning",
    bad=Case(_POSITIVE, options=_LABELS),
    good=Case(_POSITIVE + _NEGATIVE, options=_LABELS),
)
class LabelWithoutRows:
    """A label was given that no row has as its reply. The model cannot learn it, and will hardly say it."""

    def __init__(self, context: Context) -> None:
        self.missing = dict.fromkeys(context.options.labels or ())

    def row(self, row: RowView) -> Iterator[Found]:
        """Strike the row's reply off the list."""
        if self.missing and (reply := reply_of(row.value)) is not None:
            self.missing.pop(reply, None)
        return iter(())

    def merge(self, later: Self, lines: int) -> None:
        """Keep what both lack."""
        self.missing = {label: None for label in self.missing if label in later.missing}

    def end(self, facts: FileFacts) -> Iterator[Found]:
        """Name the labels that are left."""
        if facts.accepted:
            for label in self.missing:
                yield Found(
                    f"no row has the label {label!r} as its reply", "Add rows, or leave the label out."
                )


RULES = (reply_not_a_label, LabelWithoutRows)
