"""The how-to guides do what they say: their files, commands, Python and settings, in their order."""

from __future__ import annotations

import json
import os
import runpy
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from doc_pages import DOCS, LONGEST, PAGES, blocks, end_server, run_script, write_files

from ftkit.benchmarking import find_metric
from ftkit.local.engines.base import Engine
from ftkit.settings import load_settings

pytestmark = pytest.mark.timeout(LONGEST)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A working directory whose local platform ends with the test."""
    yield tmp_path
    end_server(tmp_path / "state")


def write_chats(path: Path, pairs: list[tuple[str, str]]) -> None:
    """Examples of one question and one answer each."""
    with path.open("w", encoding="utf-8") as file:
        for question, answer in pairs:
            turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
            file.write(json.dumps({"messages": turns}) + "\n")


def install(folder: Path, page: str) -> None:
    """The page's package, as pip would leave it: its modules and the entry points of its pyproject.toml."""
    write_files(page, folder)
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    info = folder / "page-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: page\nVersion: 1.0\n")
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


def shell_of(page: str) -> str:
    return "\n".join(block.code for block in blocks(page) if block.language == "bash")


def python_of(page: str) -> str:
    return "\n".join(b.code for b in blocks(page) if b.language == "python" and b.file is None)


def test_the_validator_of_the_page_finds_what_it_should(folder: Path) -> None:
    page = "howto/write-a-validator.md"
    write_files(page, folder)
    (folder / "pyproject.toml").unlink()
    (folder / "ftkit.toml").unlink()  # first by option and by call
    answers = ["Fine", "Ask VORTEX", *[f"Answer {number}" for number in range(12)]]
    write_chats(folder / "chats.jsonl", [(f"Question {n}?", answer) for n, answer in enumerate(answers)])
    (folder / "check.py").write_text(python_of(page))
    done = run_script(f"{shell_of(page)}\npython3 check.py", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "MY101" in done.stdout and "there are findings" in done.stdout
    assert "[('MY101', 2, 'the reply names VORTEX')]" in done.stdout.splitlines()


def test_the_validator_in_the_settings_and_in_a_package(folder: Path) -> None:
    page = "howto/write-a-validator.md"
    install(folder, page)
    write_chats(folder / "chats.jsonl", [(f"Question {n}?", "Ask HYDRA") for n in range(12)])
    by_file = run_script("ftkit validate chats.jsonl --select MY --json", folder)
    found = json.loads(by_file.stdout)["findings"]
    assert {(one["code"], one["severity"]) for one in found} == {("MY101", "warning")}, by_file.stderr
    (folder / "ftkit.toml").unlink()
    packaged = run_script("ftkit explain MY101", folder, PYTHONPATH=str(folder))
    assert "Customers must not learn" in packaged.stdout, packaged.stderr


def test_the_metrics_of_the_page_are_metrics(folder: Path) -> None:
    write_files("howto/write-a-metric.md", folder)
    close = find_metric(f"{folder / 'scores.py'}:close", tolerance="0.05")
    assert [close.score(text, ("100",), ()).correct for text in ("104", "1,000", "none")] == [
        True,
        False,
        False,
    ]
    brief = find_metric(f"{folder / 'lengths.py'}:Brief", slack="2")
    assert brief.score("four", ("ab",), ()).correct and not brief.score("fives", ("ab",), ()).correct


def test_the_engine_of_the_page_is_one(folder: Path) -> None:
    write_files("howto/write-an-engine.md", folder)
    made = SimpleNamespace(**runpy.run_path(str(folder / "majority_engine.py")))
    wanted = {*Engine.__annotations__, *(name for name in vars(Engine) if not name.startswith("_"))}
    assert len(wanted) > 6 and all(hasattr(made.MajorityEngine, name) for name in wanted)
    assert made.MajorityEngine().plan({}, 7).batch_size == 7
    (folder / "majority.json").write_text('{"reply": "good"}')
    model = made.MajorityEngine().load(folder, None)
    assert model.respond([[], []]) == ["good", "good"]


@pytest.mark.slow
def test_the_metrics_of_the_page_score(folder: Path) -> None:
    page = "howto/write-a-metric.md"
    install(folder, page)
    write_chats(
        folder / "prices.jsonl", [(f"Answer with one of: 10, 20. Twice {n}?", "10") for n in range(12)]
    )
    (folder / "check.py").write_text(python_of(page))
    done = run_script(
        f"{shell_of(page)}\npython3 check.py\nftkit metrics brief", folder, PYTHONPATH=str(folder)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "brief 12" in done.stdout.splitlines()
    assert "Characters that a reply may be longer." in done.stdout


@pytest.mark.slow
def test_the_engine_of_the_page_trains_and_answers(folder: Path) -> None:
    page = "howto/write-an-engine.md"
    install(folder, page)
    state = Path(os.environ["FTKIT_STATE_DIR"]) / "local"
    state.mkdir(parents=True)
    (folder / "models.toml").rename(state / "models.toml")
    moods = ["neutral", "neutral", "good"]
    write_chats(folder / "rows.jsonl", [(f"Mood of {n}?", moods[n % 3]) for n in range(60)])
    made = "ftkit split rows.jsonl --train 0.6 --test 0.4 --out parts --quiet"
    ask = "ftkit chat usual Hello --quiet\nftkit jobs list --json > jobs.json"
    done = run_script(f"{made}\n{shell_of(page)}\n{ask}", folder, PYTHONPATH=str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "neutral", "the untrained model says what models.toml has it say"
    [job] = json.loads((folder / "jobs.json").read_text())
    assert job["fine_tuned_model"].startswith("ft:usual:") and job["status"] == "succeeded"


@pytest.mark.slow
def test_the_rehearsal_of_a_migration(folder: Path) -> None:
    done = run_script(shell_of("howto/migrate-from-openai.md"), folder)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "Both say the same on" in done.stdout
    assert "ft:linear:" in (folder / "house" / "report.md").read_text("utf-8")


@pytest.mark.slow
def test_the_page_on_retraining(folder: Path) -> None:
    from ftkit.lifecycle.retraining import EXIT_CODES, RetrainTable

    page = "howto/retrain-nightly.md"
    [file] = write_files(page, folder)
    policy = RetrainTable(**tomllib.loads(file.read_text())["retrain"])
    assert policy.significance == 0.05 and policy.floors == {"negative": 0.5}
    text = (DOCS / page).read_text("utf-8")
    for outcome, code in EXIT_CODES.items():
        if outcome not in ("planned", "failed"):
            assert f"| {code} | {outcome}" in text
    (folder / "use.py").write_text(python_of(page))
    done = run_script(f"{shell_of(page)}\npython3 use.py", folder)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    said = [line for line in done.stdout.splitlines() if line.startswith("sentiment: ")]
    assert said == ["sentiment: planned", "sentiment: promoted", "sentiment: nothing to do"]
    assert done.stdout.splitlines()[-1] in ("positive", "negative", "neutral")


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("howto/")])
def test_the_settings_of_the_pages_are_good(page: str, tmp_path: Path) -> None:
    for number, block in enumerate(blocks(page)):
        if block.language != "toml" or block.file not in (None, "ftkit.toml") or "[benchmark]" in block.code:
            continue
        file = tmp_path / f"{number}.toml"
        file.write_text(block.code, "utf-8")
        assert load_settings(file).files[-1] == file
