"""A hosted platform's cookbook notebook, run by IPython with only the base URL changed."""

from __future__ import annotations

from client_rig import HERE, Client

CLIENTS = ("notebook",)


def test_notebook(client: Client) -> None:
    """a notebook's cells: batch, fine-tuning and batch again, results paired by position"""
    out = client.command(
        "ipython", "--no-banner", str(HERE / "scripts" / "notebook.py"), IPYTHONDIR="ipython"
    )
    found = client.said(out)
    assert found["rows"] == 16
    assert set(found["before"]) <= {"yes", "no"}
    assert found["accuracy"] == 1.0
    assert found["events"] >= 5
    assert found["model"]
