"""``python -m ftkit`` is the ``ftkit`` command."""

from __future__ import annotations

from ftkit.cli import main

if __name__ == "__main__":
    main()
