"""Virtual environments for what references.py measures, made on demand beside the other caches."""

from __future__ import annotations

import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

CACHE = Path(__file__).resolve().parents[1] / ".cache" / "benchmarks"
"""Not under version control; holds the environments and the made-up data."""
_SHARED = ("datasets", "msgspec", "pydantic", "tiktoken")


def packages(name: str) -> list[str]:
    """What to install; the libraries that ftkit uses too have the versions it has here."""
    if name == "together 1.5":
        return ["together>=1.5,<1.6"]
    return ["together>=3.1,<4", "orjson", *(f"{library}=={version(library)}" for library in _SHARED)]


def python_of(name: str) -> str | None:
    """The interpreter in which a reference runs; None where its packages cannot be installed."""
    kind = name if name == "together 1.5" else "references"
    folder = CACHE / f"venv-{kind.replace(' ', '-')}"
    python, ready = folder / "bin" / "python", folder / "ready"
    wanted = "\n".join(packages(kind))
    if not ready.is_file() or ready.read_text() != wanted:
        print(f"installing {', '.join(packages(kind))}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run([*command, *packages(kind)], check=False, capture_output=True, text=True)
        if done.returncode:
            print(f"{name} is left out: {done.stderr.strip()[-300:]}", file=sys.stderr)
            return None
        ready.write_text(wanted)
    return str(python)
