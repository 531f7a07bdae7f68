"""The files that let schedulers call ``ftkit retrain``, read by the schedulers' own tools where they are."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import types
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from cronsim import CronSim

from ftkit.errors import UsageError
from ftkit.lifecycle.scheduling import KINDS, ScheduleOptions, schedule

Command = Callable[..., "subprocess.CompletedProcess[str]"]
NASTY = 'it\'s a $HOME 100% "recipe"; {{ rm }} `x` \\ ü'
ANALYZE = shutil.which("systemd-analyze")


def text_of(kind: str, options: ScheduleOptions, number: int = 0) -> str:
    return schedule(kind, options).files[number].text


def program(folder: Path, code: int = 0) -> Path:
    """A command that writes down what it was called with, and where."""
    path = folder / "fake ftkit"
    said = folder / "said.json"
    path.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        "said = [sys.argv[1:], os.getcwd(), os.environ.get('A_KEY')]\n"
        f"open({str(said)!r}, 'a').write(json.dumps(said) + '\\n')\n"
        f"print('what it says')\nsys.exit({code})\n"
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def said(folder: Path) -> list[Any]:
    return [json.loads(line) for line in (folder / "said.json").read_text().splitlines()]


def as_cron_does(text: str) -> subprocess.CompletedProcess[str]:
    """The command of a crontab's last line, run by the shell as cron runs it: ``\\%`` is a percent sign."""
    line = text.splitlines()[-1].split(" ", 5)[5]
    assert "%" not in line.replace("\\%", "")
    command = ["/bin/sh", "-c", line.replace("\\%", "%")]
    return subprocess.run(command, capture_output=True, text=True, cwd="/", check=False, timeout=60)


@pytest.mark.parametrize("code", [0, 10, 11, 1])
def test_cron_calls_it_in_its_folder_with_its_keys_and_is_silent_where_nothing_was_to_do(
    tmp_path: Path, code: int
) -> None:
    folder = tmp_path / "a 100% folder"
    folder.mkdir()
    (folder / "keys.env").write_text("A_KEY='of the file'\n")
    options = ScheduleOptions(
        recipe=NASTY,
        arguments=("--max-cost", "20"),
        folder=folder,
        program=str(program(tmp_path, code)),
        env_file=folder / "keys.env",
    )
    done = as_cron_does(text_of("cron", options))
    expected = ["retrain", NASTY, "--max-cost", "20", "--quiet"]
    assert said(tmp_path) == [[expected, str(folder), "of the file"]]
    assert done.stderr == ""
    assert done.stdout == ("" if code == 11 else f"what it says\nexit code {code}\n")


@pytest.mark.skipif(ANALYZE is None, reason="systemd is not installed")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    env_file = tmp_path / "keys.env"
    env_file.touch()
    options = ScheduleOptions(
        recipe=NASTY,
        cron="*/20 1-3 1,15 * mon-fri",
        timezone="Europe/Berlin",
        folder=tmp_path,
        program=str(program(tmp_path)),
        env_file=env_file,
    )
    made = schedule("systemd", options).write(tmp_path / "units")
    assert [place.suffix for place in made.written] == [".service", ".timer"]
    command = [str(ANALYZE), "verify", "--user", *map(str, made.written)]
    home = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=home)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(ANALYZE is None, reason="systemd is not installed")
@pytest.mark.parametrize("fault", ["ExecStart=", "OnCalendar="])
def test_systemd_would_refuse_wrong_ones(tmp_path: Path, fault: str) -> None:
    """The test above can fail."""
    made = schedule("systemd", ScheduleOptions(recipe="r", folder=tmp_path, program="/bin/true")).write(
        tmp_path
    )
    for place in made.written:
        place.write_text(place.read_text().replace(fault, f"{fault}no such time or program, "))
    done = subprocess.run([str(ANALYZE), "verify", "--user", *map(str, made.written)],
                          capture_output=True, text=True, check=False, timeout=60)  # fmt: skip
    assert done.returncode != 0 or done.stderr


@pytest.mark.skipif(ANALYZE is None, reason="systemd is not installed")
@pytest.mark.parametrize(
    "cron",
    [
        "*/20 1-3 * * *",
        "30 2 * * 1-5",
        "0 0 1,15 * 5",
        "5 4 28-31 2,jun-aug *",
        "0 12 * * sun",
        "59 23 31 12 *",
    ],
)
def test_systemd_and_cron_mean_the_same_minutes(cron: str) -> None:
    calendar = ScheduleOptions(recipe="r", cron=cron).calendar
    command = [str(ANALYZE), "calendar", "--base-time=2027-01-30 00:00:00", "--iterations=40"]
    env = {**os.environ, "TZ": "UTC", "LC_ALL": "C"}
    found: set[datetime] = set()
    for line in calendar.systemd("UTC"):
        out = subprocess.run([*command, line], capture_output=True, text=True, check=True, env=env).stdout
        lines = [line.partition(": ") for line in out.splitlines() if " UTC" in line]
        times = [time.strip() for what, _, time in lines if "elapse" in what or "Iter" in what]
        found |= {datetime.strptime(time, "%a %Y-%m-%d %H:%M:%S UTC") for time in times}
    meant = CronSim(cron, datetime(2027, 1, 30))
    assert sorted(found)[:40] == [next(meant) for _ in range(40)]


OPTIONS = {
    "plain": ScheduleOptions(recipe="sentiment"),
    "full": ScheduleOptions(
        recipe=NASTY,
        name=NASTY,
        cron="*/20 1-3 1,15 * mon-fri",
        arguments=("--max-cost", "20", "--webhook", "https://example.com/hook?a=1&b=%20"),
        folder=Path("/srv/a folder"),
    ),
}
KEPT = {"secrets": ("OPENAI_API_KEY", "FTKIT_LEDGER_URL")}
IMAGE = {"image": "registry.example.com:5000/team/ftkit@sha256:" + "0" * 64}


def by_module(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("cron", ["*/20 1-3 * * *", "0 0 1,15 * 5", "5 4 28-31 2,jun-aug *", "7 3 * * fri-7"])
def test_a_reader_of_crontabs_finds_the_same_minutes(cron: str) -> None:
    line = text_of("cron", ScheduleOptions(recipe="r", cron=cron)).splitlines()[-1]
    start = datetime(2027, 1, 30)
    written, meant = CronSim(" ".join(line.split()[:5]), start), CronSim(cron, start)
    assert [next(written) for _ in range(200)] == [next(meant) for _ in range(200)]


@pytest.mark.skipif(shutil.which("crontab") is None, reason="cron is not installed")
@pytest.mark.parametrize("which", OPTIONS)
def test_cron_takes_the_line(which: str) -> None:
    done = subprocess.run(["crontab", "-T", "-"], input=text_of("cron", OPTIONS[which]), capture_output=True,
                          text=True, check=False, timeout=60)  # fmt: skip
    if "invalid option" in done.stderr:
        pytest.skip("this cron checks no file (-T)")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("which", OPTIONS)
def test_githubs_schema_takes_the_workflow(tmp_path: Path, which: str) -> None:
    options = OPTIONS[which].model_copy(update=KEPT if which == "full" else {})
    (place,) = schedule("github-actions", options).write(tmp_path).written
    check = ("check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(place))
    done = by_module(*check)
    assert done.returncode == 0, done.stdout
    place.write_text(place.read_text().replace("runs-on:", "runs-at:"))
    assert by_module(*check).returncode != 0, "the check can fail"


@pytest.mark.parametrize("which", OPTIONS)
def test_kubernetes_own_schemas_take_the_objects(which: str) -> None:
    import kubernetes_validate

    options = OPTIONS[which].model_copy(update=KEPT | IMAGE if which == "full" else {})
    documents = list(yaml.safe_load_all(text_of("kubernetes", options)))
    assert [one["kind"] for one in documents] == ["PersistentVolumeClaim", "CronJob"]
    for one in documents:
        kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)
    spec = documents[1]["spec"]["jobTemplate"]["spec"]
    spec["backofLimit"] = spec.pop("backoffLimit")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(documents[1], kubernetes_validate.latest_version(), strict=True)


def test_github_gets_a_workflow_that_its_schema_knows(tmp_path: Path) -> None:
    options = ScheduleOptions(
        recipe="./my recipe", secrets=("OPENAI_API_KEY",), arguments=("--max-cost", "5")
    )
    made = schedule("github-actions", options)
    (file,) = made.files
    assert file.path == ".github/workflows/ftkit-retrain-my-recipe.yml"
    flow = yaml.safe_load(file.text)
    assert flow[True]["schedule"] == [{"cron": made.cron}] and "workflow_dispatch" in flow[True]
    assert flow["concurrency"]["cancel-in-progress"] is False and flow["permissions"] == {"contents": "read"}
    job = flow["jobs"]["retrain"]
    assert job["env"] == {"OPENAI_API_KEY": "${{ secrets.OPENAI_API_KEY }}"}
    (step,) = [step for step in job["steps"] if step.get("id") == "retrain"]
    assert step["run"] == (
        "ftkit retrain './my recipe' --max-cost 5 --exit-zero --summary \"$GITHUB_STEP_SUMMARY\""
    )
    restored, saved = [step for step in job["steps"] if "cache" in step.get("uses", "")]
    assert restored["with"]["key"] == saved["with"]["key"] and saved["if"] == "always()"


def test_the_step_of_a_workflow_is_what_its_shell_runs(tmp_path: Path) -> None:
    fake = program(tmp_path)
    flow = yaml.safe_load(text_of("github-actions", ScheduleOptions(recipe=NASTY, program=str(fake))))
    (step,) = [step for step in flow["jobs"]["retrain"]["steps"] if step.get("id") == "retrain"]
    env = {**os.environ, "GITHUB_STEP_SUMMARY": "/tmp/summary file"}
    subprocess.run(["bash", "-e", "-c", step["run"]], check=True, env=env, cwd=tmp_path, capture_output=True)
    ((arguments, _, _),) = said(tmp_path)
    assert arguments == ["retrain", NASTY, "--exit-zero", "--summary", "/tmp/summary file"]


def test_kubernetes_gets_a_cron_job_that_runs_once_at_a_time(tmp_path: Path) -> None:
    options = ScheduleOptions(
        recipe=NASTY,
        name="Sentiment nightly!",
        timezone="Europe/Berlin",
        secrets=("A_KEY",),
        image="r.io/x:1",
    )
    claim, job = yaml.safe_load_all(text_of("kubernetes", options))
    assert (claim["kind"], job["kind"], job["apiVersion"]) == ("PersistentVolumeClaim", "CronJob", "batch/v1")
    assert job["metadata"]["name"] == "sentiment-nightly"
    spec = job["spec"]
    assert spec["concurrencyPolicy"] == "Forbid" and spec["timeZone"] == "Europe/Berlin"
    pods = spec["jobTemplate"]["spec"]
    assert pods["podFailurePolicy"]["rules"][1]["onExitCodes"]["values"] == [2, 12]
    pod = pods["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["restartPolicy"] == "Never", "a failure policy asks for it"
    assert container["command"] == ["ftkit", "retrain", NASTY, "--exit-zero"]
    assert container["env"][-1]["valueFrom"]["secretKeyRef"] == {"name": "sentiment-nightly", "key": "A_KEY"}
    assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]


def test_airflow_gets_a_dag_whose_command_is_the_one_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow itself runs it in ``test_retrain_airflow.py``; here stand-ins for its two names do."""
    seen: dict[str, dict[str, Any]] = {}

    class Dag:
        def __init__(self, **values: Any) -> None:
            seen["dag"] = values

        def __enter__(self) -> None: ...

        def __exit__(self, *_: object) -> None: ...

    provider = "airflow.providers.standard.operators.bash"
    for name in ("airflow", "airflow.sdk", *(provider.rsplit(".", n)[0] for n in range(4))):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules["airflow.sdk"].DAG = Dag  # type: ignore[attr-defined]
    operators = sys.modules[provider]
    operators.BashOperator = lambda **values: seen.__setitem__("task", values)  # type: ignore[attr-defined]
    fake = program(tmp_path)
    options = ScheduleOptions(recipe=NASTY, folder=tmp_path, program=str(fake), timezone="Europe/Berlin")
    (file,) = schedule("airflow", options).files
    exec(compile(file.text, file.path, "exec"), {})
    assert seen["dag"]["max_active_runs"] == 1 and seen["dag"]["catchup"] is False
    assert str(seen["dag"]["start_date"].tzinfo) == "Europe/Berlin"
    task = seen["task"]
    assert task["skip_on_exit_code"] == [10, 11] and task["cwd"] == str(tmp_path)
    from jinja2 import Environment  # what Airflow renders a command with

    command = Environment().from_string(task["bash_command"]).render()
    subprocess.run(["bash", "-c", command], check=True, capture_output=True)
    ((arguments, _, _),) = said(tmp_path)
    assert arguments == ["retrain", NASTY]


@pytest.mark.parametrize(
    ("cron", "same"),
    [
        ("*/15 * * * *", "0,15,30,45 * * * *"),
        ("0-59 0-23 * 1-12 *", "* * * * *"),
        ("5 4 * * 7", "5 4 * * 0"),
        ("5 4 * * fri-7", "5 4 * * 0,5,6"),
        ("5 4 1 * 0-6", "5 4 * * *"),
        ("5 4 1-31 * mon", "5 4 * * *"),
        ("1 2 3 JAN,Dec *", "1 2 3 1,12 *"),
    ],
)
def test_times_are_said_as_every_scheduler_reads_them(cron: str, same: str) -> None:
    assert ScheduleOptions(recipe="r", cron=cron).calendar.cron == same


@pytest.mark.parametrize(
    "cron",
    ["", "* * * *", "@daily", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8",
     "5-1 * * * *", "*/0 * * * *", "a * * * *", "* * * * monday", "1/5 * * * *", "* * */2 * 1", "* * 1 * */2",
     "²  * * * *", "*-5 * * * *", "1,,2 * * * *"],
)  # fmt: skip
def test_what_is_no_time_is_refused_with_an_example(cron: str) -> None:
    with pytest.raises(UsageError, match="is no schedule") as caught:
        schedule("cron", ScheduleOptions(recipe="r", cron=cron))
    assert "30 3 * * 1-5" in str(caught.value.hint)


def test_not_said_when_is_once_a_night_at_a_minute_of_its_own() -> None:
    crons = {name: schedule("cron", ScheduleOptions(recipe=name)).cron for name in ("a", "b", "c", "d")}
    assert all(cron.split()[1:] == ["3", "*", "*", "*"] for cron in crons.values())
    assert len(set(crons.values())) > 1, "not all at once"
    assert schedule("cron", ScheduleOptions(recipe="a")).cron == crons["a"]


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        ("windows", {}, "no scheduler is called 'windows'"),
        ("cron", {"timezone": "Europe/Berlin"}, "machine's own time"),
        ("github-actions", {"timezone": "Europe/Berlin"}, "runs in UTC"),
        ("systemd", {"arguments": ("a\nb",)}, "cannot hold"),
        ("cron", {"secrets": ("A_KEY",)}, "cron knows no --secret"),
        ("airflow", {"secrets": ("A_KEY",)}, "airflow knows no --secret"),
        ("kubernetes", {"env_file": Path("keys.env")}, "kubernetes knows no --env-file"),
        ("systemd", {"image": "mine:1"}, "systemd knows no --image"),
    ],
)
def test_what_a_scheduler_cannot_do_is_said(kind: str, values: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        schedule(kind, ScheduleOptions(recipe="r", **values))


def test_files_of_a_person_are_not_replaced_unasked(tmp_path: Path) -> None:
    made = schedule("kubernetes", ScheduleOptions(recipe="r"))
    (place,) = made.write(tmp_path).written
    made.write(tmp_path)  # the same again is no change
    place.write_text("edited")
    with pytest.raises(UsageError, match="differs"):
        made.write(tmp_path)
    assert place.read_text() == "edited"
    made.write(tmp_path, overwrite=True)
    assert place.read_text() == made.files[0].text


@pytest.mark.parametrize("kind", KINDS)
def test_the_command_prints_or_writes_the_files(here: Command, kind: str, tmp_path: Path) -> None:
    done = here("retrain", "schedule", kind, "sentiment", "--", "--max-cost", "20")
    assert done.returncode == 0, done.stderr
    assert "retrain" in done.stdout and "--max-cost" in done.stdout and "Then, there:" in done.stdout
    done = here("retrain", "schedule", kind, "sentiment", "--out", str(tmp_path / "made"), "--json")
    result = json.loads(done.stdout)
    assert [Path(place).read_text() for place in result["written"]] == [
        file["text"] for file in result["files"]
    ]


def test_on_this_machine_the_command_is_called_by_its_place(here: Command) -> None:
    text = here("retrain", "schedule", "systemd", "sentiment").stdout
    start = next(line for line in text.splitlines() if line.startswith("ExecStart="))
    assert Path(start.partition("=")[2].split(" ")[0]).is_absolute()


def test_a_wrong_name_of_a_variable_is_a_wrong_call(here: Command) -> None:
    done = here("retrain", "schedule", "kubernetes", "sentiment", "--secret", "MY KEY")
    assert done.returncode == 2 and "MY KEY" in done.stderr
