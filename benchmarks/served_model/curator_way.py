"""Bespoke Curator, in an environment of its own: `LLM(...)(data set)`, from a data set to a data set.

`python curator_way.py URL N CONCURRENCY` prints the seconds it took: the call, with what it writes to its own cache,
which is empty; making the LLM, which asks the server for its limits, is not counted. So that nothing holds it back,
its limits are a thousand million requests and tokens a minute, and CONCURRENCY requests are in flight; telemetry and
viewer are off. Its token counter, which would fetch a vocabulary from the network, is replaced by a division: quicker.
"""

import os
import sys
import tempfile

os.environ |= {"TELEMETRY_ENABLED": "false", "CURATOR_VIEWER": "0", "CURATOR_DISABLE_RICH_DISPLAY": "1"}
os.environ |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "HF_HUB_OFFLINE": "1"}

import tiktoken
from bespokelabs import curator
from task import MODEL, Timed, problems

NO_LIMIT = 1_000_000_000


class _Quarters:
    """A token is four characters."""

    def encode(self, text: str, **_: object) -> range:
        return range(len(text) // 4)


def ask(url: str, n: int, concurrency: int) -> None:
    """One call on an empty cache."""
    tiktoken.get_encoding = lambda _: _Quarters()
    limits = {"max_requests_per_minute": NO_LIMIT, "max_tokens_per_minute": NO_LIMIT}
    llm = curator.LLM(
        model_name=MODEL,
        backend="openai",
        backend_params={"base_url": url, "api_key": "none", "max_concurrent_requests": concurrency, **limits},
        generation_params={"temperature": 1.0, "max_tokens": 2048},
    )
    prompts = problems(n)
    with tempfile.TemporaryDirectory() as cache:
        with Timed() as timed:
            response = llm(prompts, working_dir=cache)
        answers = getattr(response, "dataset", response)
        assert len([row for row in answers if row["response"]]) == n
    timed.report()


if __name__ == "__main__":
    ask(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
