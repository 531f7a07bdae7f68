"""Files of any size go up and come down in constant memory, whole and in parts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ftkit.settings import Settings

MB = 1_000_000
MEASURE = """
import json, os, resource, sys
from pathlib import Path
from ftkit.gateway import connect
from ftkit.settings import Settings

def most():
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / (1e6 if sys.platform == "darwin" else 1e3)

folder, state, parts = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "parts"
with connect("local", settings=Settings(state_dir=state)) as platform:
    next(platform.files.list(), None)  # what is loaded once is loaded
    before = most()
    info = platform.files.upload(folder / "large.bin", "user_data", parts=parts)
    uploaded = most() - before
    platform.files.download(info.id, folder / "copy.bin")
    downloaded = most() - before
    platform.files.delete(info.id)
print(json.dumps([uploaded, downloaded, info.bytes, (folder / "copy.bin").stat().st_size]))
"""


@pytest.mark.parametrize(
    "size",
    [pytest.param(100 * MB, id="100MB"), pytest.param(1000 * MB, id="1GB", marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("way", ["whole", "parts"])
def test_a_large_file_takes_no_memory(
    local_settings: Settings, local: Any, tmp_path: Path, way: str, size: int
) -> None:
    with (tmp_path / "large.bin").open("wb") as file:
        file.write(way.encode())
        file.truncate(size)  # a hole: it takes no room here
    command = [sys.executable, "-c", MEASURE, str(tmp_path), str(local_settings.state_dir), way]
    done = subprocess.run(command, capture_output=True, text=True, timeout=170, check=True)
    uploaded, downloaded, there, here = json.loads(done.stdout)
    assert (there, here) == (size, size)
    assert uploaded < 30 and downloaded < 30, f"it grew by {uploaded:.0f} and {downloaded:.0f} MB"
