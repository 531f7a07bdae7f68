"""Models that answer in a process of their own: where ``Engine.separate`` is true.

One host process serves a base model and the adapters trained on it, to the server and to all workers of one
state directory. It starts when it is first asked and ends when nobody needs it. ::

    responder = open_model(state_root, spec, folder)    # at once; the host starts with the first question
"""

from __future__ import annotations

from pathlib import Path

from ftkit.local.engines.base import ModelSpec, Responder
from ftkit.local.inference.client import HostedResponder

__all__ = ["HostedResponder", "open_model"]


def open_model(root: Path, spec: ModelSpec, folder: Path | None = None) -> Responder:
    """The model of ``spec``, or the tuned one in ``folder``, answered by its host.

    ``root`` is the state directory. Never waits and never fails: whatever is wrong with the model is an
    ``ApiError`` (503, ``model_unavailable``) of each question, ``abilities`` included.
    """
    return HostedResponder(root, spec, folder)
