"""distilabel, in an environment of its own: its LLM alone, or a pipeline with its `TextGeneration` step.

`python distilabel_way.py URL N CONCURRENCY llm|pipeline` prints the seconds it took. For the LLM: loading the client,
and `generate` on batches of CONCURRENCY prompts, which is how its steps call it. For the pipeline: `run`, which starts
its processes, up to the data set that it returns; batches of CONCURRENCY rows, no cache.
"""

import sys

from distilabel.models.llms import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration
from task import MODEL, Timed, problems

SAMPLING = {"temperature": 1.0, "max_new_tokens": 2048}


def ask(url: str, n: int, concurrency: int) -> None:
    """The client alone."""
    inputs = [[{"role": "user", "content": problem}] for problem in problems(n)]
    llm = OpenAILLM(model=MODEL, base_url=url, api_key="none")
    outputs = []
    with Timed() as timed:
        llm.load()
        for start in range(0, n, concurrency):
            outputs += llm.generate(inputs=inputs[start : start + concurrency], **SAMPLING)
    assert len([output for output in outputs if output["generations"][0]]) == n
    timed.report()


def run(url: str, n: int, concurrency: int) -> None:
    """A whole pipeline."""
    rows = [{"instruction": problem} for problem in problems(n)]
    with Pipeline(name="bench") as pipeline:
        load = LoadDataFromDicts(data=rows, batch_size=concurrency)
        llm = OpenAILLM(model=MODEL, base_url=url, api_key="none", generation_kwargs=SAMPLING)
        load >> TextGeneration(llm=llm, input_batch_size=concurrency)
    with Timed() as timed:
        distiset = pipeline.run(use_cache=False)
    generated = distiset["default"]["train"]["generation"]
    assert len([text for text in generated if text]) == n
    timed.report()


if __name__ == "__main__":
    way = {"llm": ask, "pipeline": run}[sys.argv[4]]
    way(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
