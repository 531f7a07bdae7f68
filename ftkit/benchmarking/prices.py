"""Reads a price that a person gives for a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit.errors import UsageError

if TYPE_CHECKING:
    from ftkit.catalog import Price

_FORM = "Write MODEL=INPUT,OUTPUT or MODEL=INPUT,OUTPUT,BATCH_DISCOUNT: gpt-4.1-mini=0.40,1.60,0.5."


def read_price(text: str) -> tuple[str, Price]:
    """``MODEL=INPUT,OUTPUT[,BATCH_DISCOUNT]``: US dollars per million tokens, and a share of 0 to 1.

    Without a discount the price by batch is not known. Raises UsageError.
    """
    from pydantic import ValidationError

    from ftkit.catalog import Price

    model, _, figures = text.rpartition("=")
    parts = figures.split(",")
    if not model or len(parts) not in (2, 3):
        raise UsageError(f"{text!r} is no price of a model", hint=_FORM)
    names = ("input", "output", "batch_discount")
    try:
        given = {name: part.strip() for name, part in zip(names, parts, strict=False)}
        return model, Price.model_validate(given)
    except ValidationError as error:
        fault = error.errors()[0]
        raise UsageError(
            f"{fault['input']!r} in {text!r} is no price: {fault['msg'].lower()}", hint=_FORM
        ) from error
