"""A real local platform for a module's tests, and a real kernel that runs cells."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import canned_platform
import pytest
from notebook_page import Page, kill_local

from ftkit.gateway import Platform, connect
from ftkit.settings import Settings

canned_server, canned = canned_platform.canned_server, canned_platform.canned


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A local platform that runs as long as the module's tests."""
    state = tmp_path_factory.mktemp("platform")
    with connect(settings=Settings(state_dir=state, poll_seconds=0.05)) as found:
        yield found
    kill_local(state)


@pytest.fixture
def page() -> Callable[[str], Page]:
    """Reads HTML as a browser does."""
    return Page


Output = dict[str, Any]


def watched_client() -> type[Any]:
    """nbclient's, which also keeps what the kernel said of outputs: (cell, kind, id of the display)."""
    from nbclient import NotebookClient

    class Watched(NotebookClient):
        def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
            if msg["msg_type"] in ("display_data", "update_display_data", "execute_result"):
                which = msg["content"].get("transient", {}).get("display_id")
                cell.setdefault("said", []).append((msg["msg_type"], which))
            return super().process_message(msg, cell, cell_index)

    return Watched


@pytest.fixture(scope="module")
def run_cells(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., list[list[Output]]]]:
    """Runs cells in a kernel of this Python, each call in a new one; the outputs of every cell."""
    state = tmp_path_factory.mktemp("kernel")
    before = dict(os.environ)
    os.environ.update(FTKIT_STATE_DIR=str(state), FTKIT_POLL_SECONDS="0.05")

    def run(
        *cells: str, allow_errors: bool = False, said: dict[int, Any] | None = None
    ) -> list[list[Output]]:
        import nbformat.v4 as v4

        book = v4.new_notebook(cells=[v4.new_code_cell(cell) for cell in cells])
        folder = str(tmp_path_factory.mktemp("cells"))
        client = watched_client()(
            book, timeout=120, kernel_name="python3", resources={"metadata": {"path": folder}},
            allow_errors=allow_errors,
        )  # fmt: skip
        client.execute()
        if said is not None:
            said |= {number: cell.get("said", []) for number, cell in enumerate(book.cells)}
        return [list(cell.outputs) for cell in book.cells]

    yield run
    os.environ.clear()
    os.environ.update(before)
    kill_local(state)
