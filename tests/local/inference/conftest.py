"""A tiny model with random weights, opened once for all tests of answering."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tiny_model import make_model

if TYPE_CHECKING:
    from ftkit.local.engines.transformers.responder import TransformersResponder


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model's files. Torch uses one thread: many tests run at once."""
    torch = pytest.importorskip("torch", reason="needs the extra ftkit[train]")
    torch.set_num_threads(1)
    return make_model(tmp_path_factory.mktemp("tiny"), width=64)


@pytest.fixture(scope="session")
def tiny(tiny_folder: Path) -> TransformersResponder:
    """The model, in this process."""
    from ftkit.local.engines.base import ModelSpec
    from ftkit.local.engines.transformers.loading import open_base
    from ftkit.local.engines.transformers.responder import TransformersResponder

    found = open_base(ModelSpec("tiny", "transformers", str(tiny_folder), {"serving": {"device": "cpu"}}))
    assert isinstance(found, TransformersResponder)
    return found
