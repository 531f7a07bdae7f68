"""What the commands that work on a platform share: leaving remote work, and showing one object."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ftkit.errors import Interrupted

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.cli.frame import App


@contextmanager
def detaching(app: App, what: str, command: str) -> Iterator[None]:
    """Ctrl-C inside leaves ``what`` running and says the ``command`` that comes back to it."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(
            f"stopped watching; {what} goes on", hint=f"Come back to it: {command}{same_platform(app)}"
        ) from None


def same_platform(app: App) -> str:
    """The options of this call that choose the platform, each with a space before it."""
    options = {"--platform": app.platform, "--base-url": app.base_url, "--config": app.config}
    return "".join(
        f" {name} {shlex.quote(str(value))}" for name, value in options.items() if value is not None
    )


def show_fields(console: Console, fields: Mapping[str, Any]) -> None:
    """One line per field that says something, the names in a column."""
    from rich.text import Text

    shown = {name: value for name, value in fields.items() if value not in (None, "", {}, (), [])}
    width = max((len(name) for name in shown), default=0)
    for name, value in shown.items():
        text = when(value) if isinstance(value, datetime) else str(value)
        console.print(Text(f"{name:<{width}}  {text}"), soft_wrap=True)


def when(moment: datetime | None) -> str | None:
    """A time of day on this machine's clock."""
    if moment is None:
        return None
    with suppress(OverflowError):  # 9999-12-31, said for "never", may be beyond this machine's clock
        moment = moment.astimezone()
    return moment.strftime("%Y-%m-%d %H:%M:%S")
