"""LangChain's OpenAI chat model: invoke, stream, batch, their asynchronous twins, usage, a tuned model."""

from __future__ import annotations

import asyncio

import openai
from client_data import messages, say, training, wait_for
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI, OpenAI, OpenAIEmbeddings
from pydantic import BaseModel

QUESTION = messages("a lemon")


class Fruit(BaseModel):
    """Whether a fruit is a citrus fruit."""

    citrus: bool


def tuned() -> str:
    """A model made here."""
    client = openai.OpenAI()
    file = client.files.create(file=("t.jsonl", training().encode()), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(model="gpt-4o-mini", training_file=file.id)
    return wait_for(
        lambda: client.fine_tuning.jobs.retrieve(job.id), lambda job: job.finished_at is not None
    ).fine_tuned_model


def refusal(run: object) -> list[object]:
    """How a refusal reaches LangChain's user."""
    try:
        run()
    except openai.BadRequestError as error:
        return [error.code, error.param]
    return []


model = ChatOpenAI(model="gpt-4o-mini", temperature=0, max_tokens=20, max_retries=0, stream_usage=True)
prompt = ChatPromptTemplate.from_messages([("system", QUESTION[0]["content"]), ("user", "{fruit}")])
invoked = model.invoke([("system", QUESTION[0]["content"]), ("user", "a lemon")])
chunks = list(model.stream(QUESTION))
total = chunks[0]
for chunk in chunks[1:]:
    total += chunk
mine = prompt | ChatOpenAI(model=tuned(), max_retries=0) | StrOutputParser()


async def together() -> list[object]:
    """The asynchronous twins."""
    streamed = [chunk.content async for chunk in model.astream(QUESTION)]
    return [
        (await model.ainvoke(QUESTION)).content,
        "".join(streamed),
        len(await model.abatch([QUESTION] * 9)),
    ]


say(
    {
        "text": invoked.content,
        "model": invoked.response_metadata["model_name"],
        "finish": invoked.response_metadata["finish_reason"],
        "usage": invoked.usage_metadata["total_tokens"] > 0,
        "streamed": total.content,
        "stream_usage": total.usage_metadata["output_tokens"],
        "batch": [answer.content for answer in model.batch([QUESTION] * 3)],
        "tuned": mine.batch([{"fruit": "a lemon"}, {"fruit": "a pear"}]),
        "asynchronous": asyncio.run(together()),
        "tools": refusal(lambda: model.bind_tools([Fruit]).invoke(QUESTION)),
        "completed": OpenAI(model="gpt-4o-mini").invoke(QUESTION[0]["content"] + "\n\na lemon"),
        # token numbers, which it would send by itself, are of a vocabulary that this platform need not have
        "vectors": [
            len(vector)
            for vector in OpenAIEmbeddings(
                model="gpt-4o-mini", check_embedding_ctx_length=False
            ).embed_documents(["a lemon", "a pear"])
        ],
        "choices": len(model.generate([prompt.invoke({"fruit": "a fig"}).to_messages()], n=2).generations[0]),
    }
)
