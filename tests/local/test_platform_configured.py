"""Models that are configured: on the command line, in TOML files, in the state directory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import openai
import pytest
from local_platform import LocalServer, batch_bytes, run_batch, tune
from local_state import open_state

from ftkit.errors import ConfigurationError, StorageError
from ftkit.local import ServeOptions, read_model, read_models
from ftkit.local.__main__ import main
from ftkit.local.configured import configured
from ftkit.local.engines.base import ModelSpec
from ftkit.local.names import Names

Start = Callable[..., LocalServer]

TABLE = """
[models.tiny]
engine = "transformers"
source = "./models/tiny"
dtype = "float32"
lora = { rank = 8 }

[models."acme/hub-one"]
engine = "transformers"
source = "acme/one"

[stand-ins]
"gpt-4o-mini" = "tiny"
"""


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("base=linear", ModelSpec("base", "linear")),
        ("a/b=transformers:acme/one", ModelSpec("a/b", "transformers", "acme/one")),
        ("a:b=transformers:/srv/m:1", ModelSpec("a:b", "transformers", "/srv/m:1")),
    ],
)
def test_a_model_as_text(text: str, model: ModelSpec) -> None:
    assert read_model(text) == model


@pytest.mark.parametrize("text", ["", "a", "a=", "=linear", "a=transformers:", "a=:b"])
def test_a_text_that_is_no_model(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a model") as refused:
        read_model(text)
    assert "NAME=ENGINE:SOURCE" in (refused.value.hint or "")


def test_a_source_that_begins_like_a_path_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert read_model("a=transformers:./m").source == str(tmp_path / "m")
    assert read_model("a=transformers:../m").source == str(tmp_path.parent / "m")
    assert read_model("a=transformers:~/m").source == "/home/somebody/m"
    assert read_model("a=transformers:acme/m").source == "acme/m"


def test_a_file_of_models(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "models.toml"
    path.parent.mkdir()
    path.write_text(TABLE)
    found = read_models(path)
    options = {"dtype": "float32", "lora": {"rank": 8}}
    assert found.models == (
        ModelSpec("tiny", "transformers", str(tmp_path / "deep" / "models" / "tiny"), options),
        ModelSpec("acme/hub-one", "transformers", "acme/one"),
    )
    assert found.stand_ins == ("gpt-4o-mini=tiny",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models = [", "not TOML"),
        ("[model.a]\nengine = 'linear'", "unknown table: model"),
        ("models = 3", "models is not a table"),
        ("[models]\na = 'linear'", "models.a is not a table"),
        ("[models.a]\nsource = 'x'", "models.a needs an engine"),
        ("[models.a]\nengine = 'linear'\nsource = 3", "models.a.source is not a text"),
        ("[stand-ins]\na = ''", "stand-ins.a is not a model's name"),
        ("[stand-ins]\na = ['b']", "stand-ins.a is not a model's name"),
    ],
)
def test_a_wrong_file_is_said_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "m.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as refused:
        read_models(path)
    assert said in refused.value.message and refused.value.where == str(path)


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        read_models(tmp_path / "none.toml")
    (tmp_path / "b").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="not TOML"):
        read_models(tmp_path / "b")


def test_the_nearer_place_wins(tmp_path: Path) -> None:
    """The state's own file, then the given ones in turn, then the command line."""
    (tmp_path / "models.toml").write_text("[models]\na.engine='one'\nb.engine='one'\n[stand-ins]\ns='a'")
    first, second = tmp_path / "1.toml", tmp_path / "2.toml"
    first.write_text("[models]\nb.engine='two'\nc.engine='two'\n")
    second.write_text("[models]\nc.engine='three'\nd.engine='three'\n[stand-ins]\nt='b'")
    options = ServeOptions(
        tmp_path, models=(ModelSpec("d", "four"),), models_files=(first, second), stand_ins=("t=c", "u")
    )
    found = configured(options)
    assert {m.name: m.engine for m in found.models} == {"a": "one", "b": "two", "c": "three", "d": "four"}
    assert found.stand_ins == ("s=a", "t=c", "u")
    with pytest.raises(ConfigurationError, match="d is configured twice"):
        configured(ServeOptions(tmp_path, models=(ModelSpec("d", "four"), ModelSpec("d", "five"))))


@pytest.mark.parametrize(
    ("stand_ins", "model", "said"),
    [
        ((), ModelSpec("linear", "linear"), "'linear' cannot be a configured model's name"),
        ((), ModelSpec("ft:linear:x:y:z", "linear"), "cannot be a configured model's name"),
        ((), ModelSpec("a", "nothing"), "there is no engine 'nothing'"),
        ((), ModelSpec("a b", "linear"), "'a b' cannot be a model's name"),
        (("x=y",), ModelSpec("a", "linear"), "x cannot stand for 'y'"),
        (("a",), ModelSpec("a", "linear"), "a cannot stand in: it is a model"),
    ],
)
def test_models_that_contradict(
    tmp_path: Path, stand_ins: tuple[str, ...], model: ModelSpec, said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Names(open_state(tmp_path).models, stand_ins, (model,))


def test_a_configured_model_takes_a_hosted_name_over(tmp_path: Path) -> None:
    names = Names(open_state(tmp_path).models, (), (ModelSpec("gpt-4o-mini", "linear", options={"a": 1}),))
    every = [model.id for model in names.all()]
    assert every.count("gpt-4o-mini") == 1
    model = names.find("gpt-4o-mini")
    assert model is not None and model.stand_in_for is None and model.spec.options == {"a": 1}


def test_configured_models_are_served_tuned_and_asked_in_batches(own_server: Start, tmp_path: Path) -> None:
    """The server, its workers and a restart without a word know them alike."""
    state = tmp_path / "state"
    state.mkdir()
    (state / "models.toml").write_text("[models.house]\nengine = 'linear'\n[stand-ins]\n'hosted/a' = 'house'")
    server = own_server("--model", "other=linear", "--stand-in", "hosted/b=other", state=state)
    client = server.client()
    known = {model.id: model for model in client.models.list()}
    assert {"house", "other", "hosted/a", "hosted/b", "linear"} <= set(known)
    assert known["hosted/b"].stand_in_for == "hosted/b"  # type: ignore[attr-defined]
    batch = run_batch(client, batch_bytes("hosted/a", ["a or b?"] * 3))
    assert batch.request_counts.completed == 3 and batch.model == "hosted/a"
    job = tune(client, model="other", hyperparameters={"n_epochs": 1})
    assert job.status == "succeeded" and job.fine_tuned_model.startswith("ft:other:")
    server.stop()
    again = own_server(state=state).client()
    assert "house" in {model.id for model in again.models.list()}
    with pytest.raises(openai.NotFoundError):
        again.models.retrieve("other")
    answer = again.chat.completions.create(
        model=job.fine_tuned_model, messages=[{"role": "user", "content": "a ripe lemon"}]
    )
    assert answer.choices[0].message.content in ("yes", "no")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "nonsense"], "'nonsense' is not a model"),
        (["--model", "a=nothing:x"], "there is no engine 'nothing'"),
        (["--models", "/nowhere/models.toml"], "/nowhere/models.toml"),
        (["--stand-in", "a=b"], "a cannot stand for 'b'"),
    ],
)
def test_the_command_refuses_with_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["--state", str(tmp_path / "s"), "--port", "0", *arguments]) == 4
    told = capsys.readouterr()
    assert said in told.err and "Traceback" not in told.err and told.out == ""
