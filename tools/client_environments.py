"""Makes a virtual environment for each third-party client that tests/clients runs, in .clients/.

Run as ``python tools/client_environments.py [NAME ...]``. What goes in stands in
``tests/clients/environments.toml``, the exact versions in ``tests/clients/locks/``; ``--lock`` takes the
newest versions that the first allows and writes the second anew. An environment that is current stays.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CLIENTS = ROOT / "tests" / "clients"
FOLDER = ROOT / ".clients"


def wanted() -> dict[str, list[str]]:
    """Each environment's packages, by name."""
    table = tomllib.loads((CLIENTS / "environments.toml").read_text("utf-8"))
    return {name: entry["packages"] for name, entry in table.items()}


def lock_file(name: str) -> Path:
    """The exact versions of an environment."""
    return CLIENTS / "locks" / f"{name}.txt"


def fingerprint(name: str, packages: Sequence[str]) -> str:
    """Changes whenever an environment has to be made anew."""
    lock = lock_file(name)
    text = lock.read_text("utf-8") if lock.exists() else ""
    return hashlib.sha256("\n".join([sys.version, *packages, text]).encode()).hexdigest()


def pip(folder: Path, *arguments: str) -> str:
    """Run this Python's pip on an environment, which needs none of its own: what it printed."""
    command = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def make(name: str, packages: Sequence[str], *, lock: bool = False) -> bool:
    """Make one environment, or leave it where it is current: whether it was made."""
    folder = FOLDER / name
    ready = folder / "ready"
    if not lock and ready.exists() and ready.read_text("utf-8") == fingerprint(name, packages):
        return False
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=False, symlinks=True)
    held = [] if lock or not lock_file(name).exists() else ["--constraint", str(lock_file(name))]
    pip(folder, "install", "--quiet", "--disable-pip-version-check", *held, *packages)
    if lock:
        lock_file(name).parent.mkdir(exist_ok=True)
        lock_file(name).write_text(pip(folder, "freeze"), "utf-8")
    ready.write_text(fingerprint(name, packages), "utf-8")
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """0 once all environments stand, 1 where one cannot be made."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these")
    parser.add_argument("--lock", action="store_true", help="take the newest versions, write the locks anew")
    given = parser.parse_args(arguments)
    known = wanted()
    if unknown := set(given.names) - set(known):
        parser.error(f"no such environment: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    for name in given.names or known:
        try:
            made = make(name, known[name], lock=given.lock)
        except subprocess.CalledProcessError as error:
            print(f"{name}: pip ended with {error.returncode}; see above", file=sys.stderr)
            return 1
        print(f"{name}: {'made' if made else 'current'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
