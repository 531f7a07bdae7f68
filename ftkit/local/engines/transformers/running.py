"""A model in memory, with the adapters that were attached to it: tokens in, scores or vectors out."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ftkit.local.engines.transformers.caches import Columns

BASE = "__base__"
"""PEFT's name for a row of a batch that no adapter changes."""


class Weights:
    """One thread only may use it, without gradients.

    An adapter is named by the name it was attached under; None is the base.
    """

    def __init__(self, model: Any) -> None:
        self.model = model.eval()
        self.device = torch.device(model.device)
        self._peft: Any = None
        self._in_use: tuple[str | None, ...] = (None,)
        self._last_only = "logits_to_keep" in inspect.signature(model.forward).parameters

    @property
    def size(self) -> int:
        """How many scores there are for a next token."""
        return int(self.model.get_output_embeddings().weight.shape[0])

    def attach(self, name: str, folder: Path) -> None:
        """Load an adapter (PEFT's form, safetensors) beside the base."""
        from peft import PeftModel

        if self._peft is None:
            self._peft = PeftModel.from_pretrained(self.model, str(folder), adapter_name=name)
        else:
            self._peft.load_adapter(str(folder), adapter_name=name)
        self._peft.eval()
        self._in_use = ()

    def detach(self, name: str) -> None:
        """Let go of an adapter."""
        if len(self._peft.peft_config) == 1:
            self.model = self._peft.unload()
            self._peft = None
        else:
            self._peft.delete_adapter(name)
        self._in_use = () if self._peft is not None else (None,)

    def scores(self, tokens: Tensor, columns: Columns, adapters: Sequence[str | None]) -> Tensor:
        """Scores of what follows each row's last token: rows × vocabulary, float32.

        ``tokens`` are the last columns; those before them are in the cache already.
        """
        model, more = self._with(adapters)
        if self._last_only:
            more["logits_to_keep"] = 1
        found = model(
            input_ids=tokens,
            attention_mask=columns.mask,
            position_ids=positions(columns.mask)[:, -tokens.shape[1] :],
            past_key_values=columns.cache,
            use_cache=True,
            **more,
        )
        return found.logits[:, -1].float()

    def vectors(self, tokens: Tensor, mask: Tensor, adapter: str | None) -> Tensor:
        """The mean of the last layer's vectors over each row's tokens, of length 1: rows × size, float32."""
        self._with([adapter])
        decoder = getattr(self.model, self.model.base_model_prefix)
        states = decoder(
            input_ids=tokens, attention_mask=mask, position_ids=positions(mask), use_cache=False
        ).last_hidden_state.float()
        mean = (states * mask[:, :, None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
        return torch.nn.functional.normalize(mean, dim=-1)

    def _with(self, adapters: Sequence[str | None]) -> tuple[Any, dict[str, Any]]:
        """The model to call, and with what, for rows with these adapters."""
        names: tuple[str | None, ...] = tuple(dict.fromkeys(adapters))
        if self._peft is None:
            return self.model, {}
        if len(names) > 1:
            self._switch(on=True)
            self._in_use = names
            return self._peft, {"adapter_names": [name or BASE for name in adapters]}
        if names != self._in_use:
            name = adapters[0]
            self._switch(on=name is not None)
            if name is not None:
                self._peft.set_adapter(name)
            self._in_use = names
        return self.model, {}

    def _switch(self, on: bool) -> None:
        if on:
            self._peft.base_model.enable_adapter_layers()
        else:
            self._peft.base_model.disable_adapter_layers()


def positions(mask: Tensor) -> Tensor:
    """The position of each column's token in its row, where shorter rows are padded on the left."""
    return (mask.long().cumsum(dim=-1) - 1).clamp(min=0)


def padded(rows: Sequence[Sequence[int]], device: torch.device, fill: int = 0) -> tuple[Tensor, Tensor]:
    """(tokens, mask) of rows of different lengths, padded on the left."""
    width = max(map(len, rows))
    tokens = [[fill] * (width - len(row)) + list(row) for row in rows]
    mask = [[False] * (width - len(row)) + [True] * len(row) for row in rows]
    return torch.tensor(tokens, device=device), torch.tensor(mask, device=device)
