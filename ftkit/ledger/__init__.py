"""The memory of what ftkit did on platforms: uploads, jobs and batches, each done once.

One SQLite file for all processes of a state directory. An operation is claimed by its key, its
intent is on disk before the request goes out and its result after the answer came; whoever comes
after a crash learns that something was begun and asks the platform before it sends again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names

if TYPE_CHECKING:
    from ftkit.ledger.claims import OPERATION, Claim
    from ftkit.ledger.ledger import Ledger, open_ledger
    from ftkit.ledger.operations import Kind, LogLine, Operation, State, key_of_operation

_HOME = {
    "OPERATION": "ftkit.ledger.claims",
    "Claim": "ftkit.ledger.claims",
    "Kind": "ftkit.ledger.operations",
    "Ledger": "ftkit.ledger.ledger",
    "LogLine": "ftkit.ledger.operations",
    "Operation": "ftkit.ledger.operations",
    "State": "ftkit.ledger.operations",
    "key_of_operation": "ftkit.ledger.operations",
    "open_ledger": "ftkit.ledger.ledger",
}

__all__ = [
    "OPERATION",
    "Claim",
    "Kind",
    "Ledger",
    "LogLine",
    "Operation",
    "State",
    "key_of_operation",
    "open_ledger",
]

__getattr__, __dir__ = lazy_names(__name__, _HOME)
