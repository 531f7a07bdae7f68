"""Finds the requests that do not fit into a model's context window, before anybody is paid for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ftkit.catalog import Model

Check = Callable[[Mapping[str, Any]], str | None]


def context_check(entry: Model) -> Check:
    """Says why the body of a request does not fit; None for one that fits, and for one that nobody can count.

    Counted where the catalog knows the model's context window, its tokenizer and its chat template: the
    prompt, and the longest reply that is asked for.
    """
    window = entry.limits.inference_context
    if window is None or entry.tokenizer is None:
        return lambda body: None
    from ftkit.tokens import counter_for
    from ftkit.tokens.counting import NotCountable

    counter = counter_for(entry, upper_bound=True)
    if not counter.exact:  # the vocabulary is missing: a bound would refuse what fits
        return lambda body: None

    def check(body: Mapping[str, Any]) -> str | None:
        messages = body.get("messages")
        if not isinstance(messages, list):
            return None
        try:
            prompt = counter.count(messages, body.get("tools"))
        except NotCountable:
            return None
        reply = int(body.get("max_completion_tokens") or body.get("max_tokens") or 0)
        if prompt + reply <= window:
            return None
        asked = f" and a reply of {reply:,}" if reply else ""
        return f"a prompt of {prompt:,} tokens{asked} does not fit into the context of {window:,}"

    return check
