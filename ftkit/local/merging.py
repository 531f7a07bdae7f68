"""A process that makes one whole model of a base and its adapter: ``python -m ftkit.local.merging TOLD``."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from ftkit.local.engines.base import ModelSpec
from ftkit.local.engines.registry import Engines
from ftkit.local.jsonio import load
from ftkit.local.store.blobs import sync_directory


def main() -> int:
    """Merge into an empty folder; 1 with a reason on stderr where that cannot be."""
    told: dict[str, Any] = load(sys.argv[1])
    spec = ModelSpec(**told["spec"])
    target = Path(told["target"])
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    engine: Any = Engines().get(spec.engine)
    try:
        engine.merge(Path(told["folder"]), spec, target)
    except ValueError as error:
        sys.stderr.write(f"cannot: {error}\n")
        return 1
    sync_directory(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
