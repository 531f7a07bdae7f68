"""Stands in for a large model as the judge: words that speak for a genre, counted in the plot.

It is no language model and knows nothing of films: it calls a genre right where the plot has at least one of
its words and no other genre has two more. A judge so simple is often wrong: the recipe
measures how often.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

WORDS = {
    "Action": "explosion bomb chase fight fights soldier mercenary gun armed helicopter rescue bodyguard",
    "Adventure": "expedition treasure map jungle island voyage journey ship sail climb explorer raft lost",
    "Comedy": "funny awkward absurd prank chaos mix-up accidentally pretend joke jokes silly fake",
    "Crime": "detective murder heist gang police robbery thief inspector stolen killer mafia prison forger",
    "Drama": "grief mother father family daughter son illness divorce widow widower death lonely village",
    "Fantasy": "magic spell witch dragon wizard curse cursed kingdom enchanted prince fairy sorcerer",
    "Horror": "haunted ghost demon scream nightmare blood cellar possessed creature whispers night dead",
    "Romance": "love falls wedding kiss heart romance bride lovers letters marry flirt",
    "Science Fiction": "space planet robot android future alien spaceship time colony machine clone signal",
}
NEAR = 2
"""A genre with so many words fewer than the first one is no longer right."""


class Judge:
    """The hook: ``call`` gets what a judge reads and returns a verdict as JSON."""

    # answers are kept by the code that gives them: another list of words is another judge
    version = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()

    def call(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """The verdict on the one answer that is shown."""
        text = str(messages[-1]["content"])
        plot = _within("question", text).rsplit("user:", 1)[-1]
        answer = _within("answer", text).strip(" .\n").casefold()
        counts = counted(plot)
        named = next((genre for genre in WORDS if genre.casefold() == answer), None)
        right = named is not None and counts[named] > 0 and counts[named] > max(counts.values()) - NEAR
        signs = (
            f"{counts[named]} words of the plot speak for {named}"
            if named
            else "This is no genre of the list"
        )
        return json.dumps({"reason": f"{signs}.", "verdict": "correct" if right else "incorrect"})


def counted(plot: str) -> dict[str, int]:
    """How many different words of each genre a text has."""
    words = set(re.findall(r"[\w-]+", plot.casefold()))
    return {genre: len(words & set(listed.split())) for genre, listed in WORDS.items()}


def _within(tag: str, text: str) -> str:
    found = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    return found[1] if found else ""


judge = Judge()
