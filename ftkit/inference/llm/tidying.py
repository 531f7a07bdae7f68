"""Deletes the files of batches on a platform, when their answers are here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ftkit.errors import NotOnPlatform

if TYPE_CHECKING:
    from ftkit.gateway import Platform


def delete_files(platform: Platform, batches: Sequence[str], *, good: bool, bad: bool) -> int:
    """Delete the input, output and error files of batches: ``good`` those that completed, ``bad`` others.

    Returns how many were deleted; one that is gone already is no trouble.
    """
    deleted = 0
    for batch_id in batches:
        batch = platform.batches.get(batch_id)
        if not (good if batch.status == "completed" else bad):
            continue
        for file_id in (batch.input_file_id, batch.output_file_id, batch.error_file_id):
            if file_id is None:
                continue
            try:
                platform.files.delete(file_id)
                deleted += 1
            except NotOnPlatform:
                continue
    return deleted
