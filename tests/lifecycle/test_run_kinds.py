"""Runs that are not one tuning: comparisons, several tasks, judges, data written by a hook."""

from __future__ import annotations

import json
import os
import secrets
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import ftkit
from ftkit.display import Progress, SilentDisplay
from ftkit.errors import DataError, Interrupted
from ftkit.lifecycle import RunOptions, RunResult

pytestmark = pytest.mark.usefixtures("platform")

KEPT_ASKED = "asked.txt"
WRITER = """
import json
from pathlib import Path

LOG = Path(__file__).with_name("asked.txt")


def write(messages):
    topic = messages[-1]["content"].split(":")[1].strip()
    with LOG.open("a") as log:
        log.write(topic + "\\n")
    word = "profit rose" if topic.startswith("up") else "loss widened"
    return json.dumps({"text": "" if topic.endswith("7") else f"{word} {topic}"})
"""
JUDGE = """
import json


def judge(messages):
    said = messages[-1]["content"].split("<answer>")[1].split("</answer>")[0].strip()
    return json.dumps({"reason": "It says so.", "verdict": "correct" if said == "up" else "incorrect"})
"""
TASK = """
[[tasks]]
name = "{name}"
system = 'Answer in JSON: {{{{"{name}": "{one}"}}}} or {two}.'
user = "{{text}}"
assistant = '{{{{"{name}": "{{{name}}}"}}}}'
metric = "json"
[tasks.schema]
type = "object"
required = ["{name}"]
properties.{name} = {{ enum = ["{one}", "{two}"] }}
"""


@pytest.fixture
def folder(recipe: Path, rows: Path) -> Callable[..., Path]:
    """Makes the recipe of two labels another one: ``old`` replaced by ``new``, and ``more`` at its end."""

    def change(*changes: tuple[str, str], more: str = "", **files: str) -> Path:
        file = recipe / "recipe.toml"
        text = file.read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        file.write_text(text + more)
        for name, content in files.items():
            (recipe / f"{name}.py").write_text(content)
        return recipe

    return change


def test_a_comparison_tunes_nothing_and_takes_all_rows(folder: Callable[..., Path]) -> None:
    made = folder(
        ('title = "Up or down"', 'title = "Up or down"\nkind = "compare"'),
        ('[split]\ntest = 20\nvalidation = 10\nseed = 3\n[train]\nsuffix = "updown"\n', ""),
    )
    result = ftkit.run(made)
    assert result.benchmark is not None and result.report is not None
    assert result.benchmark.rows == 60
    assert (result.kind, result.tuned_model, result.job) == ("compare", None, None)
    assert {"upload train", "job", "validate"}.isdisjoint(result.steps)
    assert "Tuned model" not in result.report.read_text()
    again = ftkit.run(made)
    assert again.state == "already done"
    assert again.benchmark == result.benchmark


def test_without_tuning_the_held_out_rows_stay_the_same(folder: Callable[..., Path]) -> None:
    made = folder()
    tuned, compared = ftkit.run(made), ftkit.run(made, RunOptions(tune=False))
    assert tuned.benchmark is not None and compared.benchmark is not None
    assert compared.benchmark.data_sha256 == tuned.benchmark.data_sha256
    assert compared.directory != tuned.directory


def two_tasks(folder: Callable[..., Path]) -> Path:
    """A recipe of two tasks over the same rows."""
    head = 'system = "Answer with one word: up or down."\nuser = "{text}"\nassistant = "{label}"\n'
    tasks = [TASK.format(name="label", one="up", two="down"), TASK.format(name="text", one="a", two="b")]
    tasks[1] = tasks[1].replace('{{"text": "{text}"}}', '{{"text": "a"}}')
    return folder(
        ("[example]\n" + head, ""),
        ('[answers]\nlabels = ["up", "down"]\n', ""),
        more=tasks[0] + tasks[1],
    )


def test_tasks_are_tuned_together_and_compared_each(folder: Callable[..., Path]) -> None:
    result = ftkit.run(two_tasks(folder))
    assert list(result.tasks) == ["label", "text"]
    assert result.benchmark is None
    for report in result.tasks.values():
        assert report.rows == 10
        assert report.model(str(result.tuned_model)).figure[0] == 1.0
    parts = result.steps["split"]["result"]["parts"]
    assert (parts["test"]["rows"], parts["train"]["rows"]) == (20, 90)
    overview = (result.directory / "report.md").read_text()
    assert "| model | label | text |" in overview
    assert "100.0%" in overview


def test_no_text_is_trained_on_in_one_task_and_tested_in_another(folder: Callable[..., Path]) -> None:
    result = ftkit.run(two_tasks(folder))
    said = {}
    for part in ("train", "test"):
        lines = (result.directory / "splits" / f"{part}.jsonl").read_text().splitlines()
        said[part] = [json.loads(line)["messages"][1]["content"] for line in lines]
    assert set(said["train"]).isdisjoint(said["test"])
    assert set(Counter(said["test"]).values()) == {2}, "each is asked in both tasks"


class Impatient(SilentDisplay):
    """A person who presses Ctrl-C (a real SIGINT) once, when the tasks are being asked."""

    pressed = False

    @contextmanager
    def work(self, title: str, total: float | None = None, unit: str = "") -> Iterator[Progress]:
        with super().work(title, total, unit) as progress:
            if title == "10 requests" and not self.pressed:
                self.pressed = True
                os.kill(os.getpid(), signal.SIGINT)
            yield progress


def test_tasks_that_are_interrupted_go_on(folder: Callable[..., Path]) -> None:
    made, person = two_tasks(folder), Impatient()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(Interrupted, match="stopped while benchmarking"):
            ftkit.run(made, display=person)
    finally:
        signal.signal(signal.SIGINT, before)
    result = ftkit.run(made)
    assert (result.state, list(result.tasks)) == ("resumed", ["label", "text"])


def test_judges_see_no_truth_and_are_measured_by_it(folder: Callable[..., Path]) -> None:
    table = '[benchmark.judge]\nmodels = ["hook:word:judge"]\ncriteria = "Up is right."\n'
    result = ftkit.run(folder(more=table, word=JUDGE))
    assert result.benchmark is not None
    [report] = result.benchmark.judges
    assert (report.kind, report.criteria, report.reference_shown) == ("correct", "Up is right.", False)
    overall = next(one for one in report.against_truth if one.model is None)
    assert overall.n == 40
    assert (result.directory / "benchmark" / "judging" / "verdicts-correct.csv").is_file()
    assert "word:judge" in (result.directory / "run.json").read_text()


def writing(folder: Callable[..., Path], rows: Path, *, kind: str = "tune") -> Path:
    """A recipe whose texts a hook writes; its held-out rows are those of the recipe of two labels."""
    unit = secrets.token_hex(4)  # the cache of the module's platform knows the other tests' answers
    seeds = [f"{label},{label} {unit} {number}" for label in ("up", "down") for number in range(20)]
    made = folder(
        (f'data = "{rows}"', 'data = "seeds.csv"'),
        ("[split]\ntest = 20\nvalidation = 10\n", "[split]\n"),
        ('title = "Up or down"', f'title = "Up or down"\nkind = "{kind}"'),
        more=f"""
[benchmark]
data = "{rows}"
[generate]
model = "hook:writing_hook:write"
prompt = "Write about: {{topic}}"
fields = {{ text = "str" }}
[generate.keep]
unique = ["text"]
""",
        writing_hook=WRITER,
    )
    (made / "seeds.csv").write_text("label,topic\n" + "\n".join([*seeds, seeds[0]]) + "\n")
    return made


def asked(made: Path) -> list[str]:
    """What the hook was asked about so far."""
    return (made / KEPT_ASKED).read_text().split("\n")[:-1]


def test_generated_rows_are_sifted_and_trained_on(folder: Callable[..., Path], rows: Path) -> None:
    made = writing(folder, rows)
    result = ftkit.run(made)
    generated = result.generated
    assert generated is not None and result.benchmark is not None
    assert (generated.requests, generated.rows) == (41, 41)
    assert generated.dropped == {"text is empty": 4, "it came before": 1}
    assert generated.kept == result.steps["examples"]["result"]["rows"] == 36
    assert (generated.cost, generated.form) == (None, "instruction")
    dropped = [json.loads(line) for line in generated.dropped_path.read_text().splitlines()]
    assert {one["reason"] for one in dropped} == set(generated.dropped)
    assert result.benchmark.rows == 60, "all of the held-out rows, and none of the generated ones"
    assert result.report is not None
    assert "36 of 41 rows kept" in result.report.read_text()


def test_what_was_written_is_not_asked_for_again(folder: Callable[..., Path], rows: Path) -> None:
    made = writing(folder, rows)
    first = ftkit.run(made)
    before = asked(made)
    assert ftkit.run(made).state == "already done"
    elsewhere = ftkit.run(made, RunOptions(tune=False))
    assert elsewhere.directory != first.directory
    assert asked(made) == before, "another run takes the answers from the project's cache"
    file = made / "recipe.toml"
    file.write_text(file.read_text().replace('unique = ["text"]', 'unique = ["text"]\nwords = [1, 2]'))
    with pytest.raises(DataError, match="none is of use"):
        ftkit.run(made)
    assert asked(made) == before, "only the sifting is done again"


def test_changed_code_is_asked_again(folder: Callable[..., Path], rows: Path) -> None:
    made = writing(folder, rows, kind="generate")
    first = ftkit.run(made)
    hook = made / "writing_hook.py"
    hook.write_text(hook.read_text().replace("profit rose", "profit soared"))
    second = ftkit.run(made)
    assert second.directory == first.directory
    assert second.generated is not None
    assert "profit soared" in second.generated.path.read_text()
    assert "profit rose" not in second.generated.path.read_text()


def test_a_recipe_may_end_with_its_data(folder: Callable[..., Path], rows: Path) -> None:
    made = writing(folder, rows, kind="generate")
    result = ftkit.run(made)
    assert (result.benchmark, result.tasks, result.report, result.job) == (None, {}, None, None)
    assert result.generated is not None and result.generated.kept == 36
    record = RunResult.model_validate_json((result.directory / "run.json").read_bytes())
    assert record.generated == result.generated
    again = ftkit.run(made)
    assert (again.state, again.generated) == ("already done", result.generated)


def test_held_out_rows_never_come_from_the_generator(folder: Callable[..., Path], rows: Path) -> None:
    made = writing(folder, rows)
    seeds = (made / "seeds.csv").read_text().splitlines()
    topics = [line.split(",")[1] for line in seeds if line.startswith("up,")]
    rows.write_text("label,text\n" + "".join(f"up,profit rose {topic}\n" for topic in topics))
    result = ftkit.run(made)
    assert result.generated is not None
    assert result.generated.dropped["it is among the held-out rows"] >= 17
