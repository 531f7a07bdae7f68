"""A third party's rules, good and broken, found by entry point."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROWS = "".join(
    json.dumps({"messages": [{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": "TODO"}]})
    + "\n"
    for n in range(12)
)
PLUGIN = '''
from ftkit.validation import Found, rule

GOOD = '{"messages": []}'

@rule("XX101", "todo", bad=GOOD, good=GOOD, severity="warning")
def todo(row):
    """A reply that was never written."""
    if row.messages[-1][1]["content"] == "TODO":
        yield Found("the reply is still to be written", at=("messages", 1, "content"))

@rule("XX102", "crash", bad=GOOD, good=GOOD)
def crash(row):
    """A rule with a bug."""
    if row.line % 2:
        raise KeyError("oops")
    return ()

@rule("XX103", "no-beginning", scope="dataset", bad=GOOD, good=GOOD)
class NoBeginning:
    """A rule that cannot even begin."""
    def __init__(self, context):
        raise RuntimeError("no")

@rule("FT101", "stolen", bad=GOOD, good=GOOD)
def stolen(row):
    """A rule under a code that is taken."""
    return ()

RULES = [todo, crash, NoBeginning, stolen]
NO_RULES = 5
'''
POINTS = """[ftkit.validators]
mine = my_rules:RULES
missing = my_missing_rules:RULES
odd = my_rules:NO_RULES
"""
CHECK = "import ftkit; print(ftkit.validate('data.jsonl').model_dump_json())"


def report_with_plugins(folder: Path) -> dict[str, Any]:
    site = folder / "site"
    info = site / "my_rules-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "my_rules.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-rules\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    (folder / "data.jsonl").write_text(ROWS)
    environment = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(
        [sys.executable, "-c", CHECK], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_plugins_are_found_and_broken_ones_are_named(tmp_path: Path) -> None:
    report = report_with_plugins(tmp_path)
    assert report["counts"] == {"XX101": 12} and report["ok"] and report["rows"] == 12
    assert report["findings"][0]["pointer"] == "/messages/1/content"
    notes = "\n".join(report["notes"])
    assert "plug-in 'missing' (my_missing_rules:RULES) is left out: ModuleNotFoundError" in notes
    assert "plug-in 'odd' (my_rules:NO_RULES) is left out: it is not a sequence of rules but int" in notes
    assert "rule FT101 of plug-in 'mine' is left out: its code is taken" in notes
    assert "rule XX102 failed on 6 calls and says nothing there: KeyError: 'oops' (first on line 1)" in notes
    assert "rule XX103 failed" in notes and "RuntimeError: no" in notes
    assert len(report["notes"]) == 5
