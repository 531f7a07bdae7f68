"""The shared data options: what they make of the command line, and how they lie over a recipe's own."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from ftkit.cli.mapping import DataOptions, data_options
from ftkit.data import ExampleTemplate, SourceOptions

RECIPE = ExampleTemplate(system="Be brief.", user="{text}", assistant="{label}")


def parsed(*arguments: str) -> DataOptions:
    caught: list[DataOptions] = []

    @click.command()
    @click.argument("source")
    @data_options
    def probe(source: str, data: DataOptions) -> None:
        caught.append(data)

    result = CliRunner().invoke(probe, ["x.csv", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return caught[0]


def test_nothing_given() -> None:
    data = parsed()
    assert data == DataOptions()
    assert data.template() is None and data.source_options() == SourceOptions()
    assert data.template(RECIPE) == RECIPE


def test_everything_given() -> None:
    data = parsed(
        *("--system", "S", "--user", "{a}", "--assistant", "{b}"),
        *("--columns", "a, b", "--encoding", "latin-1", "--limit", "5"),
    )
    assert data.template() == ExampleTemplate(system="S", user="{a}", assistant="{b}")
    assert data.source_options() == SourceOptions(columns=("a", "b"), encoding="latin-1", limit=5)


def test_options_lie_over_defaults_one_by_one() -> None:
    data = parsed("--user", "{title}: {text}", "--limit", "7")
    template = data.template(RECIPE)
    assert template is not None
    assert (template.system, template.user, template.assistant) == ("Be brief.", "{title}: {text}", "{label}")
    source = data.source_options(SourceOptions(columns=("label", "text"), limit=100))
    assert source == SourceOptions(columns=("label", "text"), limit=7)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (DataOptions(assistant="{a}"), "--user is missing"),
        (DataOptions(user="{a"), "--user: a lone '{' at character 1"),
        (DataOptions(user="{}"), "an empty placeholder"),
        (DataOptions(user="fixed"), "no text names a column"),
    ],
)
def test_templates_that_make_no_sense(options: DataOptions, words: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        options.template()
    assert words in caught.value.message


@pytest.mark.parametrize("columns", ["a,,b", ",", "a,a", "a, a"])
def test_columns_that_make_no_sense(columns: str) -> None:
    with pytest.raises(click.UsageError, match="every column needs a name"):
        DataOptions(columns=columns).source_options()
