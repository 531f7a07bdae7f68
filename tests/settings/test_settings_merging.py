"""Settings from several places at once: tables merge key by key, and a fault is said at its own place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ftkit.errors import ConfigurationError, UsageError
from ftkit.settings import load_settings
from ftkit.settings.load import project_config_file, user_config_file
from ftkit.settings.toml import line_of, parse_toml


@pytest.fixture
def user(tmp_path: Path) -> Path:
    """The user's configuration file, not written yet."""
    folder = tmp_path / "user-config"
    folder.mkdir()
    return folder / "config.toml"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project's configuration file, not written yet."""
    return tmp_path / "ftkit.toml"


def faults() -> list[str]:
    """The faults of the configuration as it stands, each as PLACE: MESSAGE with the file's name alone."""
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert caught.value.hint
    return [
        f"{Path(fault.where.file).name}:{fault.where.line}: {fault.message}" for fault in caught.value.faults
    ]


def test_tables_of_both_files_merge_down_to_the_figure(user: Path, project: Path) -> None:
    user.write_text('[models.m]\ntitle = "M"\n[models.m.price]\ntrain = 1.0\ninput = 2.0')
    project.write_text("[models.m.price]\ninput = 3.0\n[models.m.limits]\nmax_output = 10")
    model = load_settings().catalog.require_model("m")
    assert (model.title, model.price.train, model.price.input, model.limits.max_output) == ("M", 1.0, 3.0, 10)


def test_an_entry_only_one_file_has_is_kept(user: Path, project: Path) -> None:
    user.write_text('[providers.one]\nbase_url = "http://1"')
    project.write_text('[providers.two]\nbase_url = "http://2"')
    catalog = load_settings().catalog
    assert (catalog.provider("one").base_url, catalog.provider("two").base_url) == ("http://1", "http://2")


def test_a_model_on_a_platform_that_nobody_describes(project: Path) -> None:
    project.write_text('timeout = 5\n[models."our/m"]\ntitle = "x"\nprovider = "opnai"\n')
    (fault,) = faults()
    assert fault.startswith("ftkit.toml:4: models.our/m.provider: no platform is called 'opnai'; known are ")
    assert "openai" in fault


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[models]\nm = { title = "x", provider = "nowhere" }', 2),
        ('models.m.provider = "nowhere"', 1),
        ('[models."a.b"]\n\n# the platform\nprovider = "nowhere"', 4),
        ('platform = "nowhere"', 1),
    ],
)
def test_an_unknown_platform_is_placed_however_it_is_written(project: Path, text: str, line: int) -> None:
    project.write_text(text)
    (fault,) = faults()
    assert fault.startswith(f"ftkit.toml:{line}: ")
    assert "no platform is called 'nowhere'" in fault


def test_a_models_platform_may_be_described_in_the_other_file(user: Path, project: Path) -> None:
    project.write_text('platform = "ours"\n[models.m]\nprovider = "ours"')
    user.write_text('[providers.ours]\nbase_url = "http://x"')
    settings = load_settings()
    assert settings.catalog.require_model("m", "ours").provider == settings.platform_name == "ours"
    user.unlink()
    assert len(faults()) == 2


def test_a_faulty_platform_is_not_said_to_be_missing_as_well(project: Path) -> None:
    project.write_text('[providers.ours]\nbase_url = 3\n[models.m]\nprovider = "ours"')
    (fault,) = faults()
    assert fault.startswith("ftkit.toml:2: providers.ours.base_url")


def test_faults_come_by_file_and_line(user: Path, project: Path) -> None:
    user.write_text('timeout = 0\nplatform = "nowhere"\nmax_retries = -1')
    project.write_text('[models.m]\nprovider = "nowhere"\nnope = 1')
    assert [fault.split(": ")[0] for fault in faults()] == [
        "config.toml:1",
        "config.toml:2",
        "config.toml:3",
        "ftkit.toml:2",
        "ftkit.toml:3",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('providers = "openai"', "ftkit.toml:1: providers: "),
        ("[providers]\nopenai = 5", "ftkit.toml:2: providers.openai: "),
        ("[models]\nm = [1]", "ftkit.toml:2: models.m: "),
        ('[models.m]\nprovider = ["openai"]', "ftkit.toml:2: models.m.provider: "),
        ('files = ["a"]', "ftkit.toml:1: unknown key 'files'"),
        ('[providers.openai]\nname = "OpenAI in Europe"', "ftkit.toml:2: providers.openai.name: it stands"),
        ('[models.m]\nid = "n"', "ftkit.toml:2: models.m.id: it stands"),
        ('base_url = "api.example.com"', "ftkit.toml:1: base_url: an address begins with http"),
        ("max_retries = 21", "ftkit.toml:1: max_retries: input should be less than or equal to 20, got 21"),
        ('timeout = "' + "9" * 99 + 'x"', "ftkit.toml:1: timeout: "),
    ],
)
def test_a_wrong_value_is_said_at_its_place(project: Path, text: str, said: str) -> None:
    project.write_text(text)
    (fault,) = faults()
    assert fault.startswith(said)
    assert len(fault) < 200, "a long value is cut"


def test_a_name_that_is_the_tables_own_is_no_fault(project: Path) -> None:
    project.write_text('[providers.ours]\nname = "ours"\ntitle = "Ours"')
    assert load_settings().catalog.provider("ours").title == "Ours"


@pytest.mark.parametrize("name", ["api_key", "key", "token", "secret"])
def test_a_key_is_refused_at_every_depth_and_never_shown(project: Path, name: str) -> None:
    project.write_text(f'{name} = "hush-1"\n[providers.openai]\n{name} = "hush-2"\n')
    told = faults()
    assert [fault.split(": ")[0] for fault in told] == ["ftkit.toml:1", "ftkit.toml:3"]
    assert all("does not belong in a file" in fault and "hush" not in fault for fault in told)


def test_a_key_where_its_variables_name_belongs_is_not_shown(project: Path) -> None:
    project.write_text('[providers.openai]\nkey_env = "sk-proj-abcdefghijklmnop1234"')
    (fault,) = faults()
    assert "the name of an environment variable" in fault
    assert "abcdefgh" not in fault


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("FTKIT_BASE_URL", "api.example.com", "FTKIT_BASE_URL: an address begins with http"),
        ("FTKIT_TIMEOUT", "soon", "FTKIT_TIMEOUT: input should be a valid number"),
        ("FTKIT_MAX_RETRIES", "1.5", "FTKIT_MAX_RETRIES: input should be a valid integer"),
        ("FTKIT_STATE_DIR", "~no-such-person/x", "FTKIT_STATE_DIR: value error, there is no home directory"),
    ],
)
def test_a_wrong_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    (fault,) = faults()
    assert said in fault


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch, project: Path, value: str) -> None:
    project.write_text("timeout = 5")
    monkeypatch.setenv("FTKIT_TIMEOUT", value)
    assert load_settings().timeout == 5


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ({"base_url": "foo"}, "base_url: an address begins with http:// or https://, got 'foo'"),
        ({"timeout": 0}, "timeout: input should be greater than 0, got 0"),
        ({"timeot": 3}, "unknown key 'timeot'"),
    ],
)
def test_a_wrong_override_is_a_usage_error(override: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_settings(**override)
    assert caught.value.message == said


def test_folders_begin_at_home_at_the_file_or_where_one_stands(
    tmp_path: Path, project: Path, user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FTKIT_STATE_DIR")
    monkeypatch.delenv("FTKIT_RUNS_DIR")
    project.write_text('state_dir = "~/state"')
    user.write_text('runs_dir = "runs"\nstate_dir = "weaker"')
    settings = load_settings()
    assert settings.state_dir == tmp_path / "home" / "state"
    assert settings.runs_dir == user.parent / "runs"
    assert settings.local_state == tmp_path / "home" / "state" / "local"
    monkeypatch.setenv("FTKIT_STATE_DIR", "here")
    assert load_settings().state_dir == Path("here")
    assert load_settings(state_dir=Path("~/there")).state_dir == tmp_path / "home" / "there"


def test_the_variable_for_the_file_replaces_the_project_file(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write_text("timeout = 1")
    (tmp_path / "b.toml").write_text("timeout = 2")
    (tmp_path / "c.toml").write_text("timeout = 3")
    monkeypatch.setenv("FTKIT_CONFIG", str(tmp_path / "b.toml"))
    assert load_settings().timeout == 2
    assert load_settings(tmp_path / "c.toml").timeout == 3
    monkeypatch.setenv("FTKIT_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(UsageError, match=r"none\.toml: the configuration file is not there"):
        load_settings()


def test_where_the_users_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert user_config_file() == tmp_path / "user-config" / "config.toml"
    monkeypatch.delenv("FTKIT_CONFIG_DIR")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert user_config_file() == tmp_path / "xdg" / "ftkit" / "config.toml"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert user_config_file() == tmp_path / "home" / ".config" / "ftkit" / "config.toml"


def test_a_folder_called_like_the_file_is_passed_over(project: Path, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    (inner / "ftkit.toml").mkdir(parents=True)
    project.write_text("timeout = 1")
    assert project_config_file(inner) == project


@pytest.mark.parametrize(
    ("platform", "address", "name"),
    [
        (None, None, "local"),
        (None, "http://x", "custom"),
        ("nebius", None, "nebius"),
        ("nebius", "http://x", "nebius"),
    ],
)
def test_the_platform_that_is_talked_to(platform: str | None, address: str | None, name: str) -> None:
    assert load_settings(platform=platform, base_url=address).platform_name == name


@pytest.mark.parametrize(
    ("text", "keys", "line"),
    [
        ('"a=b" = 1\n[t]\nc = 2', ["t", "c"], 3),
        ("[t] # note\nc = 2", ["t", "c"], 2),
        ("[ t . u ]\nc = 2", ["t", "u", "c"], 2),
        ("[[t]]\nc = 2", ["t", "c"], 2),
        ("# c = 1\nc = 2", ["c"], 2),
        ("t.u.c = 2", ["t", "u", "c"], 1),
        ("t = { c = 1 }", ["t", "c"], 1),
        ("[t]\n[t.u]\nc = 1", ["t", "missing"], 1),
    ],
)
def test_the_line_of_a_key_in_every_notation(text: str, keys: list[str], line: int) -> None:
    assert line_of(text, keys) == line


def test_a_file_full_of_faults_ends_after_twenty() -> None:
    table, found = parse_toml("\n".join(f"a{n} = " for n in range(50)), Path("x.toml"))
    assert (table, len(found)) == ({}, 20)
    assert [fault.where.line for fault in found] == list(range(1, 21))


def test_a_text_that_is_never_closed_is_one_fault() -> None:
    _, found = parse_toml('a = 1\nb = """never\nclosed\n', Path("x.toml"))
    assert found
    assert all("not valid TOML" in fault.message for fault in found)


@pytest.mark.parametrize(("text", "budget"), [("12.5", 12.5), ("0", 0.0), ("", 3.0)])
def test_a_budget_of_the_environment_is_stronger_than_that_of_a_file(
    project: Path, monkeypatch: pytest.MonkeyPatch, text: str, budget: float
) -> None:
    project.write_text("budget = 3")
    monkeypatch.setenv("FTKIT_BUDGET", text)
    assert load_settings().budget == budget


def test_a_budget_below_nothing_is_a_fault(project: Path) -> None:
    project.write_text("budget = -1")
    (fault,) = faults()
    assert fault.startswith("ftkit.toml:1: budget: ")


def test_a_copy_has_the_catalog_of_its_own_models() -> None:
    """pydantic copies what a property has cached: a copy with other models must not keep the old catalog."""
    settings = load_settings()
    assert settings.catalog.model("ours", "local") is None
    copy = settings.model_copy(update={"models": {"ours": {"provider": "local", "title": "Ours"}}})
    assert copy.catalog.require_model("ours", "local").title == "Ours"
    assert settings.catalog.model("ours", "local") is None
    moved = settings.model_copy(update={"providers": {"mine": {"base_url": "http://mine"}}})
    assert moved.catalog.provider("mine").base_url == "http://mine"


def test_a_copy_with_the_same_models_reads_no_catalog_again() -> None:
    settings = load_settings()
    catalog = settings.catalog
    assert settings.model_copy(update={"timeout": 1.0}).catalog is catalog
    assert settings.model_copy().catalog is catalog
