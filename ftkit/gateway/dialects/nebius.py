"""Nebius Token Factory: it keeps no Weights & Biases key, so each job brings it along."""

from __future__ import annotations

import os
from typing import Any

from ftkit.gateway.dialects.base import Mapper
from ftkit.gateway.values import as_map

_VARIABLE = "WANDB_API_KEY"


class NebiusMapper(Mapper):
    """Source: https://api.tokenfactory.nebius.com/openapi.json, WandbConfigRequest (version 20260630)."""

    def job(self, body: dict[str, Any]) -> dict[str, Any]:
        """Put the key from WANDB_API_KEY into a W&B integration that has none; refused where it is not set.

        It goes out because the person asked for that integration, and it is told.
        """
        if not body.get("integrations"):
            return body
        return body | {"integrations": [self._with_key(as_map(one)) for one in body["integrations"]]}

    def _with_key(self, integration: dict[str, Any]) -> dict[str, Any]:
        settings = as_map(integration.get("wandb"))
        if integration.get("type") != "wandb" or settings.get("api_key"):
            return integration
        key = os.environ.get(_VARIABLE, "").strip()
        if not key:
            raise self.refused(
                "writes to Weights & Biases only with your key for it", f"Set {_VARIABLE}, or leave W&B out."
            )
        self.tell(f"{self.provider.title} gets your Weights & Biases key ({_VARIABLE}) with the job")
        return integration | {"wandb": settings | {"api_key": key}}
