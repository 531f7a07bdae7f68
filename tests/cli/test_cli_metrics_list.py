"""``ftkit metrics``, and the same from Python: all metrics, one with its options, broken plug-ins."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ftkit.benchmarking import describe_metrics, metric_names
from ftkit.errors import UsageError

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def test_every_registered_metric_is_listed_in_a_line(here: Command) -> None:
    done = here("metrics")
    assert done.returncode == 0, done.stderr
    for name in metric_names():
        assert any(line.split()[:1] == [name] for line in done.stdout.splitlines()), name
    assert [one.name for one in describe_metrics()] == metric_names()


def test_one_metric_is_told_with_its_options(here: Command) -> None:
    done = here("metrics", "keywords", "number")
    assert "keywords: A set of keywords" in done.stdout
    assert "Models are compared by value." in done.stdout
    assert "Models are compared by right or wrong." in done.stdout
    for option in ("threshold", "separators", "absolute", "relative", "pick", "decimal", "units"):
        assert option in done.stdout
    assert ",;\\n" in done.stdout
    assert "One of: only, first, last." in " ".join(done.stdout.split())


def test_the_same_as_json(here: Command) -> None:
    done = here("metrics", "json", "--json")
    (told,) = json.loads(done.stdout)["metrics"]
    assert told["name"] == "json" and told["by_value"] is True and told["error"] is None
    assert {k: told["options"][3][k] for k in ("name", "default")} == {"name": "extra", "default": False}
    (info,) = describe_metrics(["json"])
    assert told == json.loads(info.model_dump_json())


def test_a_metric_that_needs_options_can_be_told_without_them() -> None:
    similarity, judge = describe_metrics(["similarity", "judge"])
    assert "model" in [option.name for option in similarity.options]
    assert judge.by_value is None, "its options decide"


def test_an_unknown_name_is_told_with_its_neighbour(here: Command) -> None:
    done = here("metrics", "numbre")
    assert done.returncode == 2
    assert "Did you mean number?" in done.stderr


def test_a_broken_plug_in_is_a_warning_in_the_list(
    here: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "odd-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[ftkit.metrics]\nbroken = nowhere:metric\nfunction = odd_metric:f\n"
    )
    (tmp_path / "odd_metric.py").write_text(
        'def f(answer, expected):\n    """Never right."""\n    return 0.0\n'
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    done = here("metrics")
    assert done.returncode == 0
    assert "'broken' cannot be imported" in done.stderr
    assert "Never right." in done.stdout and "number" in done.stdout
    found = {one.name: one for one in describe_metrics()}
    assert found["broken"].error is not None and found["function"].by_value is None
    with pytest.raises(UsageError, match="nowhere"):
        describe_metrics(["broken"])
