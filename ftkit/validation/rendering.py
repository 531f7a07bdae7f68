"""Makes chat examples of rows of columns, and says which rows do not map."""

from __future__ import annotations

from typing import Any

from ftkit.data import ExampleTemplate
from ftkit.errors import DataError, UsageError, Where
from ftkit.validation.inspector import Render
from ftkit.validation.rules import Fault


def renderer(template: ExampleTemplate, name: str, *, columns_seen: bool = False) -> Render:
    """A function of (row, line). A column that the first row lacks is not there at all: UsageError.

    ``columns_seen`` says that an earlier row had them all.
    """
    first = not columns_seen

    def render(data: dict[str, Any], line: int) -> dict[str, Any] | Fault:
        nonlocal first
        try:
            example = template.render(data, Where(name, line))
        except UsageError as error:
            if first:
                raise
            return Fault("not-mapped", error.message, error.hint)
        except DataError as error:
            return Fault("not-mapped", error.message, error.hint)
        first = False
        return example

    return render
