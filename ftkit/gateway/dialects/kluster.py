"""kluster.ai: its switch that turns a chat request into a batch is not for waiting callers."""

from __future__ import annotations

from typing import Any

from ftkit.errors import Where
from ftkit.gateway.dialects.base import Mapper
from ftkit.gateway.values import as_map


class KlusterMapper(Mapper):
    """Source: the API reference, "Submit an async request"."""

    looks_at_requests = True

    def request(self, body: dict[str, Any], where: Where | None) -> dict[str, Any]:
        """Refuse ``metadata["@kluster.ai"].async``: the answer to it is a receipt in place of a reply."""
        options = as_map(as_map(body.get("metadata")).get("@kluster.ai"))
        if options.get("async"):
            raise self.refused(
                "answers an async request with a receipt, not with a reply",
                "Leave 'async' out, or submit a batch: ftkit batches submit.",
                where,
            )
        return body
