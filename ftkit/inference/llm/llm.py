"""``ftkit.LLM``: a model that is asked about rows, by batch or in real time; its answers become rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from pydantic import BaseModel

from ftkit.display import Display, SilentDisplay
from ftkit.errors import UsageError
from ftkit.inference.cache import AnswerCache, project_cache
from ftkit.inference.llm.forms import Form, form_of, typed_form
from ftkit.inference.llm.opening import Opened, opened
from ftkit.inference.llm.options import LLMOptions, OptionWords, options_of
from ftkit.inference.llm.ordering import Order
from ftkit.inference.llm.prompts import Prompt, PromptFunction, own_prompt, template
from ftkit.inference.llm.reading import Take
from ftkit.inference.llm.reporting import response_of
from ftkit.inference.llm.response import How, LLMResponse
from ftkit.inference.llm.running import Done, cancel, run_either_way
from ftkit.inference.llm.sources import Rows

if TYPE_CHECKING:
    from ftkit.data import SourceOptions
    from ftkit.gateway import Answer, Platform
    from ftkit.inference.backends import Backend, Via
    from ftkit.settings import Settings

Made = Mapping[str, Any] | BaseModel | Sequence[Mapping[str, Any] | BaseModel] | None
Parse = Callable[[dict[str, Any], Any], Made]
_VIA: dict[bool | None, Via] = {True: "batch", False: "realtime", None: "auto"}


class LLM:
    """A model and how to ask it; call it with data to get an :class:`LLMResponse`.

    ``prompt`` is a text with ``{column}`` placeholders or a function of a row, giving a text or messages;
    ``parse`` a function of a row and its answer that gives a row, several, or none. Or make a subclass with
    methods of these names. ``response_format`` (a pydantic model or a JSON Schema) or ``output_type``
    (``{"age": "int", "units": "str"}``) is the form that every answer must have.

    ``batch``: True by batches, False in real time, None the cheaper or quicker. ``backend``: the name of a
    platform (by default the settings'), ``"litellm"``, a connected :class:`ftkit.Platform`, or any
    :class:`ftkit.inference.Backend`. ``generation_params`` go into each request (``temperature``,
    ``max_tokens``, ...). The further options, also as ``backend_params``, are those of
    :class:`ftkit.inference.llm.LLMOptions`.

    Answers are kept in the project's cache (or the one that ``cache`` is) and never paid for twice; with
    ``cache=False`` all is asked anew. Equal prompts get answers of their own, but at temperature 0 the same
    one; ``samples`` decides it otherwise.
    """

    response_format: ClassVar[Any] = None
    output_type: ClassVar[Mapping[str, Any] | None] = None
    system_prompt: ClassVar[str | None] = None
    return_completions_object: ClassVar[bool] = False

    def __init__(
        self,
        model: str | None = None,
        *,
        prompt: str | PromptFunction | None = None,
        parse: Parse | None = None,
        response_format: Any = None,
        output_type: Mapping[str, Any] | None = None,
        system_prompt: str | None = None,
        batch: bool | None = False,
        backend: str | Platform | Backend | None = None,
        generation_params: Mapping[str, Any] | None = None,
        backend_params: Mapping[str, Any] | None = None,
        cache: AnswerCache | bool = True,
        samples: bool | None = None,
        settings: Settings | None = None,
        display: Display | None = None,
        model_name: str | None = None,
        **options: Unpack[OptionWords],
    ) -> None:
        self.model_name = _named(model, model_name, backend)
        self.options: LLMOptions = options_of(backend_params, options)
        self._via: Via = _VIA[batch]
        self._backend = None if backend == "litellm" else backend
        self._settings = settings
        self._display = display or SilentDisplay()
        self._prompt: PromptFunction = template(prompt) if isinstance(prompt, str) else prompt or self.prompt
        self._parse: Parse = parse or self.parse
        self._system = system_prompt if system_prompt is not None else self.system_prompt
        if response_format is None and output_type is None:
            response_format, output_type = self.response_format, self.output_type
        self._form = _form(response_format, output_type)
        self._parameters = _parameters(generation_params)
        self._cache = cache
        self._how: How | None = None  # as it was found out: what is refused once is not tried again
        self._samples = samples if samples is not None else self._parameters.get("temperature") != 0

    def prompt(self, row: dict[str, Any], /) -> Prompt:
        """The prompt of a row: a text, or messages. Here the row's own ``prompt`` or ``messages``."""
        return own_prompt(row)

    def parse(self, row: dict[str, Any], response: Any, /) -> Made:
        """The row or rows of an answer. Here the row with the answer's fields, or with ``response``."""
        if isinstance(response, BaseModel):
            return {**row, **response.model_dump()}
        return {**row, **response} if isinstance(response, Mapping) else {**row, "response": response}

    def __call__(
        self,
        data: Any = None,
        *,
        working_dir: str | Path | None = None,
        source: SourceOptions | None = None,
    ) -> LLMResponse:
        """Ask about ``data``: a text, a list of texts or rows, a DataFrame, a Dataset, an iterator, a Path,
        or the response of an earlier call.

        Without data the model is asked once. ``source`` says how to read a file. What is needed to go on
        after a crash, and the failed rows, stay below ``working_dir`` (``llm`` in the state directory).
        """
        made: list[Mapping[str, Any]] = []
        given = data.dataset if isinstance(data, LLMResponse) else data

        def take(row: dict[str, Any], value: Any, answer: Answer) -> None:
            made.extend(_rows(self._parse(row, self._shown(value, answer))))

        return self._asked(Rows(given, source), take, made, working_dir, self._form)

    def generate(
        self,
        prompts: str | Sequence[str],
        output_type: Mapping[str, Any] | None = None,
        *,
        working_dir: str | Path | None = None,
    ) -> Any:
        """The answer to one prompt, or the list of answers to many: texts, or values of the form.

        Every answer has the form, or OutcomeError is raised; good ones are kept for the next call.
        """
        form = typed_form(output_type) if output_type is not None else self._form
        values: list[Any] = []

        def take(row: dict[str, Any], value: Any, answer: Answer) -> None:
            values.append(value)

        one = isinstance(prompts, str)
        if not prompts and not one:
            return []
        rows = Rows([{"prompt": prompts}] if one else [{"prompt": prompt} for prompt in prompts])
        self._asked(rows, take, None, working_dir, form).raise_if_failed()
        return values[0] if one else values

    def cancel(
        self, data: Any = None, *, working_dir: str | Path | None = None, source: SourceOptions | None = None
    ) -> int:
        """Cancel the batches of a call with the same data, from any process; how many runs were under way.

        That call ends with BatchFailed; another one goes on with what is left.
        """
        given = data.dataset if isinstance(data, LLMResponse) else data
        with self._opened() as at:
            if at.platform is None:
                return 0
            order = self._order(self._form, at)
            return cancel(order, Rows(given, source), at.backend, at.platform, _place(at, working_dir))

    def _opened(self) -> AbstractContextManager[Opened]:
        return opened(self.model_name, self._backend, self.options, self._settings, self._via, self._display)

    def _shown(self, value: Any, answer: Answer) -> Any:
        if not self.return_completions_object:
            return value
        return answer.raw["response"]["body"]

    def _asked(
        self,
        rows: Rows,
        take: Take,
        made: list[Mapping[str, Any]] | None,
        working_dir: str | Path | None,
        form: Form | None,
    ) -> LLMResponse:
        from ftkit.inference.llm.writing import to_dataset

        with self._opened() as at:
            place = _place(at, working_dir)
            order = wanted = self._order(form, at)
            given = self._cache if isinstance(self._cache, AnswerCache) else None
            with nullcontext(given) if given is not None else project_cache(at.settings) as cache:
                order, done = run_either_way(order, rows, at.backend, cache, place, take)
            self._how = order.how if order is not wanted else self._how
            response = response_of(order, at, done, cache.path)
            if made is not None:
                dataset = to_dataset(made)
                response = response.model_copy(update={"dataset": dataset, "rows": len(made)})
            self._tidy(at, done)
        for note in response.notes:
            self._display.note(note)
        if self.options.require_all_responses:
            response.raise_if_failed()
        return response

    def _order(self, form: Form | None, at: Opened) -> Order:
        how = None if form is None else self._how or at.how(form)
        return Order(
            model=self.model_name,
            prompt=self._prompt,
            system=self._system,
            form=form,
            how=how,
            parameters=self._parameters,
            options=self.options,
            samples=self._samples,
            fresh=self._cache is False,
        )

    def _tidy(self, at: Opened, done: Done) -> None:
        """Delete batches' files on the platform, as far as that is wanted."""
        good, bad = self.options.delete_successful_batch_files, self.options.delete_failed_batch_files
        if at.platform is None or not (good or bad):
            return
        from ftkit.inference.llm.tidying import delete_files

        batches = [batch for one in done.asked for batch in one.batches]
        delete_files(at.platform, batches, good=good, bad=bad)


def _place(at: Opened, working_dir: str | Path | None) -> Path:
    """Where calls have their folders."""
    return Path(working_dir) if working_dir is not None else at.settings.state_dir / "llm"


def _named(model: str | None, model_name: str | None, backend: Any) -> str:
    name = model if model is not None else model_name
    if not name or (model is not None and model_name is not None and model != model_name):
        raise UsageError("name one model", hint="For example: ftkit.LLM('gpt-4.1-mini', prompt='...').")
    return f"litellm:{name}" if backend == "litellm" and not name.startswith("litellm:") else name


def _form(response_format: Any, output_type: Mapping[str, Any] | None) -> Form | None:
    if response_format is not None and output_type is not None:
        raise UsageError("response_format and output_type say the same: give one of them")
    return typed_form(output_type) if output_type is not None else form_of(response_format)


def _parameters(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """The parameters of each request; UsageError for one that answers could not be read with."""
    found = {name: value for name, value in (given or {}).items() if value is not None}
    if found.get("n", 1) != 1:
        raise UsageError(
            "one answer to each request is read, not n",
            hint="Give the same row several times: each one gets an answer of its own.",
        )
    for name in ("messages", "model", "stream"):
        if found.get(name):
            raise UsageError(f"{name!r} is no parameter that can be given", hint="Leave it out.")
    return found


def _rows(made: Made) -> list[Mapping[str, Any]]:
    """What ``parse`` gave, as rows; TypeError for what is none."""
    if made is None:
        return []
    found = [made] if isinstance(made, Mapping | BaseModel) else list(made)
    rows = [one.model_dump() if isinstance(one, BaseModel) else one for one in found]
    wrong = next((row for row in rows if not isinstance(row, Mapping)), None)
    if wrong is not None:
        raise TypeError(f"parse gave a row of type {type(wrong).__name__}; a dict is wanted")
    return rows
