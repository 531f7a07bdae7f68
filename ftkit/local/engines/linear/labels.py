"""Find the labels that instructions name: quoted words, bullet lists, "one of: a, b or c", "as a, b or c"."""

from __future__ import annotations

import re

MAX_LABELS = 200
_MAX_WORDS = 4
_QUOTED = re.compile(
    r"[\"“‘`]([^\"”’`\n]{1,60})[\"”’`]|(?<!\w)'([^'\n]{1,60})'(?!\w)"
    r"|„([^“”\n]{1,60})[“”]|[«»]([^«»\n]{1,60})[«»]|「([^「」\n]{1,60})」|『([^『』\n]{1,60})』"
)
_BULLET = re.compile(r"^[ \t]*(?:[-*•]|\d+[.)])[ \t]+([^\n]{1,200})$", re.MULTILINE)
_AFTER_COLON = re.compile(
    r"(?:one of|labels?|class(?:es)?|categor(?:y|ies)|options?|choices?|values?|genres?)\b"
    r"[^:.\n]{0,60}:\s*([^\n]+)",
    re.I,
)
_JOINT = re.compile(r"\s*(?:,|;|\||/(?=\s)|\bor\b|\band\b)\s*", re.I)
_LEAD = re.compile(
    r".*\b(?:as|is|are|of|into|between|either|whether|with|the|a|an|being|answer|reply|say|choose|output)\s",
    re.I,
)
_SENTENCE_END = re.compile(r"[.!?](?:\s|$)|[:;\n]")
_OR = re.compile(r",?\s+or\s+", re.I)
_AND = re.compile(r",?\s+and\s+", re.I)
_MAX_INSTRUCTIONS = 20_000


def named_labels(instructions: str) -> list[str]:
    """The labels in the order in which they are named, as they are written; the surest kind of list wins."""
    instructions = instructions[:_MAX_INSTRUCTIONS]
    quoted = [match[match.lastindex or 0] for match in _QUOTED.finditer(instructions)]
    bullets = [re.split(r"\s*(?::|–|—| - )\s*", item)[0] for item in _BULLET.findall(instructions)]
    listed = [item for tail in _AFTER_COLON.findall(instructions) for item in _JOINT.split(_sentence(tail))]
    for candidates in (quoted, bullets, listed, _series(instructions)):
        labels = _tidy(candidates)
        if len(labels) >= 2:
            return labels[:MAX_LABELS]
    return []


def _sentence(text: str) -> str:
    """The text up to its first full stop."""
    return re.split(r"\.(?:\s|$)", text, maxsplit=1)[0]


def _series(instructions: str) -> list[str]:
    """The members of the best "a, b or c" in any sentence: an "or" says choice better than an "and" does."""
    sentences = _SENTENCE_END.split(instructions)
    for joint in (_OR, _AND):
        found = [_members(sentence, joint) for sentence in sentences if joint.search(sentence)]
        if found:
            return max(found, key=len)
    return []


def _members(sentence: str, joint: re.Pattern[str]) -> list[str]:
    """What stands before the last joint, back to the words that lead to it, and what stands after."""
    *before, last = joint.split(sentence)
    members = [" ".join(last.split(",")[0].split()[:2])]
    for item in reversed(",".join(before).split(",")):
        words = item.split()
        if len(words) <= _MAX_WORDS - 1 and not _LEAD.match(item):
            members.append(item)
            continue
        rest = _LEAD.sub("", item[-100:])
        members.append(rest if len(rest.split()) < _MAX_WORDS else words[-1])
        break
    members = [member for member in reversed(members) if member.strip()]
    if any(len(member.split()) == 1 for member in members):
        members[0] = members[0].split()[-1]
        members[-1] = members[-1].split()[0]
    return members


def _tidy(candidates: list[str]) -> list[str]:
    """Trimmed, without repetitions, and only what is short enough to be a label."""
    labels: dict[str, str] = {}
    for candidate in candidates:
        label = candidate.strip().strip("\"'“”‘’`*_.,;:!?()[]").strip()
        if label and len(label.split()) <= _MAX_WORDS:
            labels.setdefault(label.lower(), label)
    return list(labels.values())
