"""What is said when a reply of the form asked for cannot be given."""

from __future__ import annotations

from ftkit.local.engines.asking import Refusal


def refused_form(pointer: str) -> Refusal:
    """Why there is no reply: for the place at this JSON pointer ("" is the whole) nothing is known."""
    place = f"for '{pointer[:200]}' in" if pointer else "to"
    return Refusal(
        f"This linear model knows no value {place} the form that 'response_format' asks for:"
        " it can only give values that it was trained on or that the form names.",
        code="unsupported_value",
        param="response_format",
    )
