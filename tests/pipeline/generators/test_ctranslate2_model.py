"""The embedded model answers in this process: every sample fresh, every count true, every failure a row."""

import asyncio
import json
import math
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline import generate, plugins
from pipeline.generators import Reply, Request, ctranslate2_model
from pipeline.local_model.chat import Chat
from pipeline.local_model.model import LocalModel
from pipeline.template import load_template
from schemas.errors import InputError, RecipeError
from schemas.recipe_file import Origin
from schemas.tables import Plans, Prompts, frame_of, polars_schema

ROOT = Path(__file__).resolve().parents[3]
TINY = ROOT / "data/models/tiny"
PROBLEM = "make 24 from 3 8 5"


def configure(path: Path = TINY, **settings: Any) -> ctranslate2_model.Config:
    options = {"path": str(path), "max_tokens": 100, **settings}
    config = plugins.configure(ctranslate2_model, options, Origin("recipe.toml"), ("models", "target"))
    assert isinstance(config, ctranslate2_model.Config)
    return config


def asking(*problems: str, n: int = 1) -> list[Request]:
    return [
        Request(f"{p}-{i}", "s", str(p), i, [{"role": "user", "content": problem}])
        for i in range(n)
        for p, problem in enumerate(problems)
    ]


def answer(config: ctranslate2_model.Config, requests: list[Request]) -> list[Reply]:
    async def collect() -> list[Reply]:
        async with ctranslate2_model.open_generator(config) as ask:
            return [reply async for reply in ask(requests)]

    return sorted(asyncio.run(collect()), key=lambda reply: reply.rollout_id)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the embedded model's folder that may be changed."""
    return Path(shutil.copytree(TINY, tmp_path / "model"))


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_every_request_is_answered_with_its_counts() -> None:
    replies = answer(configure(), asking(PROBLEM, "make 10 from 2 5", n=3))
    assert [reply.rollout_id for reply in replies] == [f"{p}-{i}" for p in range(2) for i in range(3)]
    n_prompt = len(Chat(TINY).prompt([{"role": "user", "content": PROBLEM}]).tokens)
    for reply in replies:
        assert (reply.model, reply.error_kind, reply.seed) == ("tiny", None, None)
        assert (reply.n_prompt_tokens == n_prompt) is reply.rollout_id.startswith("0-")
        assert 0 <= (reply.n_reasoning_tokens or 0) < (reply.n_completion_tokens or 0) <= 100
        assert reply.mean_logprob is not None
        assert -20 < reply.mean_logprob <= 0


def test_a_name_is_what_rollouts_call_the_model() -> None:
    assert answer(configure(name="mine"), asking(PROBLEM))[0].model == "mine"


def test_a_notice_that_is_not_utf_8_is_read_as_far_as_it_can_be(model: Path) -> None:
    (model / "NOTICE").write_bytes(b"made\nby \xff us")
    assert ctranslate2_model.notice(configure(model)) == "made by \ufffd us"


def test_running_out_of_tokens_is_not_an_answer() -> None:
    (reply,) = answer(configure(max_tokens=1), asking(PROBLEM))
    assert (reply.finish_reason, reply.n_completion_tokens) == ("length", 1)


def test_the_most_probable_answer_is_one_answer() -> None:
    for settings in ({"temperature": 0}, {"top_k": 1}, {"top_p": 1e-6}):
        replies = answer(configure(**settings), asking(PROBLEM, n=3))
        assert len({(reply.text, reply.reasoning) for reply in replies}) == 1, settings


def test_more_candidates_than_tokens_means_all_of_them() -> None:
    assert answer(configure(top_k=10**6), asking(PROBLEM))[0].error_kind is None


def test_samples_are_in_no_order_of_probability() -> None:
    replies = answer(configure(temperature=3, max_tokens=8, threads=1), asking(PROBLEM, n=9))
    logprobs = [reply.mean_logprob or 0 for reply in replies]
    assert logprobs != sorted(logprobs, reverse=True)


def test_mean_logprob_is_that_of_the_tokens() -> None:
    import ctranslate2

    replies = answer(configure(temperature=0), asking(PROBLEM))
    chat, library = Chat(TINY), ctranslate2.Generator(str(TINY / "ctranslate2"))
    prompt = chat.prompt([{"role": "user", "content": PROBLEM}]).tokens
    (result,) = library.generate_batch(
        [prompt], max_length=100, end_token=chat.end_ids, include_prompt_in_result=False, return_end_token=True
    )
    (scored,) = library.score_batch([prompt + result.sequences[0]])
    logprobs = scored.log_probs[len(prompt) - 1 :]
    assert replies[0].n_completion_tokens == len(logprobs)
    assert math.isclose(replies[0].mean_logprob or 0, sum(logprobs) / len(logprobs), abs_tol=1e-4)


def test_an_answer_is_cut_at_a_stop_string_and_counted_up_to_it() -> None:
    whole = answer(configure(temperature=0), asking(PROBLEM))[0]
    assert whole.text is not None
    assert len(whole.text) > 2
    stop = whole.text[1:3]
    ((cut, *_), (longer, *_)) = (
        answer(configure(temperature=0, stop=stops), asking(PROBLEM)) for stops in ([stop], ["never"])
    )
    assert longer.text == whole.text
    assert cut.finish_reason == "stop"
    assert stop not in f"{cut.reasoning}{cut.text}"
    assert (cut.n_completion_tokens or 0) < (whole.n_completion_tokens or 0)


def test_a_prompt_that_does_not_fit_is_a_row_and_the_others_are_answered() -> None:
    long, fits = answer(configure(), asking("q" * 2000, PROBLEM))
    assert (long.error_kind, long.text, long.finish_reason) == ("context_overflow", None, "error")
    assert str(long.n_prompt_tokens) in str(long.error)
    assert str(Chat(TINY).n_context) in str(long.error)
    assert fits.error_kind is None


def test_an_answer_ends_where_the_context_does() -> None:
    n_prompt = len(Chat(TINY).prompt([{"role": "user", "content": PROBLEM}]).tokens)
    (reply,) = answer(configure(max_context=n_prompt + 2), asking(PROBLEM))
    assert (reply.finish_reason, reply.n_completion_tokens) == ("length", 2)
    (reply,) = answer(configure(max_context=n_prompt), asking(PROBLEM))
    assert reply.error_kind == "context_overflow"


def test_messages_that_the_template_refuses_are_rows(model: Path) -> None:
    (model / "chat_template.jinja").write_text("{{ raise_exception('no system role') }}")
    (reply,) = answer(configure(model), asking(PROBLEM))
    assert (reply.error_kind, reply.text) == ("template_refused", None)
    assert "no system role" in str(reply.error)


def test_a_failure_of_the_library_is_a_row_for_each_request(monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_memory(*_: Any) -> Any:
        raise RuntimeError("CUDA failed with error out of memory")

    monkeypatch.setattr(LocalModel, "samples", out_of_memory)
    replies = answer(configure(), asking(PROBLEM, n=3))
    assert [(reply.error_kind, reply.text) for reply in replies] == [("generation_failed", None)] * 3


@pytest.mark.timeout(60)
@pytest.mark.parametrize("stop", [[], ["never"]])
def test_a_caller_that_gives_up_does_not_wait_for_the_answer(stop: list[str], model: Path) -> None:
    edit(model / "generation_config.json", eos_token_id=257)  # an end that hardly ever comes: answers take minutes
    edit(model / "tokenizer_config.json", eos_token="<|im_start|>")
    edit(model / "config.json", max_position_embeddings=10**6)
    config = configure(model, max_tokens=10**5, stop=stop, max_batch_size=2)

    async def give_up() -> list[Reply]:
        async with ctranslate2_model.open_generator(config) as ask:
            return [reply async for reply in ask(asking(PROBLEM, n=64))]

    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(give_up(), timeout=0.5))


def test_a_stage_that_is_stopped_after_one_row_gets_no_more() -> None:
    prompt = {"prompt_id": "p", "source": "s", "source_key": "1", "messages": [{"role": "user", "content": PROBLEM}]}
    prompts = frame_of(Prompts, [prompt])
    owed = pl.DataFrame(
        {"rollout_id": [f"{i:032}" for i in range(40)], "prompt_id": "p", "arm": "solve", "phase": "screen"}
    ).with_row_index("sample_index")
    config = generate.Config(
        kind="ctranslate2_model", generator=configure(), generator_id="g", template=load_template("short-1")
    )
    rows = generate.work(owed, prompts, pl.DataFrame(schema=polars_schema(Plans)), config)
    assert next(rows)["model"] == "tiny"
    rows.close()  # type: ignore[attr-defined]
    again = list(generate.work(owed.head(3), prompts, pl.DataFrame(schema=polars_schema(Plans)), config))
    assert [row["error_kind"] for row in again] == [None] * 3


DRAW = """
import asyncio, json, sys
from pipeline.generators import Request, ctranslate2_model
async def draw():
    config = ctranslate2_model.Config(path=sys.argv[1], temperature=3, max_tokens=8, threads=2)
    said = [{"role": "user", "content": "make 24 from 3 8 5"}]
    requests = [Request(f"{i}", "s", "1", i, said) for i in range(8)]
    async with ctranslate2_model.open_generator(config) as ask:
        print(json.dumps([[reply.reasoning, reply.text] async for reply in ask(requests)]))
asyncio.run(draw())
"""


@pytest.mark.slow
def test_two_processes_draw_different_samples_and_end_well() -> None:
    drawn = [
        subprocess.run([sys.executable, "-c", DRAW, str(TINY)], cwd=ROOT, capture_output=True, text=True) for _ in "12"
    ]
    assert [(done.returncode, done.stderr) for done in drawn] == [(0, "")] * 2
    first, second = (Counter(map(tuple, json.loads(done.stdout))) for done in drawn)
    assert len(first) > 4
    assert first != second


def test_identity_is_the_contents_and_how_samples_are_drawn(model: Path) -> None:
    identity = ctranslate2_model.identity
    before = identity(configure())
    assert identity(configure(model)) == before
    for mutable in (
        {"threads": 1},
        {"max_batch_size": 3},
        {"device": "cpu"},
        {"compute_type": "float32"},
        {"name": "x"},
    ):
        assert identity(configure(**mutable)) == before, mutable
    for other in ({"temperature": 0.5}, {"stop": ["x"]}, {"max_tokens": 7}, {"chat_template_kwargs": {"a": 1}}):
        assert identity(configure(**other)) != before, other


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "chat_template.jinja").write_text("{{ messages }}"),
        lambda folder: (folder / "tokenizer.json").write_text((folder / "tokenizer.json").read_text() + "\n"),
        lambda folder: (folder / "ctranslate2/model.bin").write_bytes(b"other"),
        lambda folder: edit(folder / "generation_config.json", eos_token_id=257),
        lambda folder: (folder / "ctranslate2/vocabulary.json").write_text('["a", "b"]'),
        lambda folder: edit(folder / "ctranslate2/config.json", layer_norm_epsilon=0.1),
    ],
    ids=["template", "tokenizer", "weights", "end token", "vocabulary", "settings of the conversion"],
)
def test_another_file_is_another_model(model: Path, change: Callable[[Path], Any]) -> None:
    before = ctranslate2_model.identity(configure(model))
    change(model)
    assert ctranslate2_model.identity(configure(model)) != before


def test_a_conversion_among_its_tokenizer_files_is_a_model_too(model: Path) -> None:
    for path in (model / "ctranslate2").iterdir():
        shutil.move(path, model / path.name)
    assert answer(configure(model), asking(PROBLEM))[0].error_kind is None


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda folder: shutil.rmtree(folder), ["no such folder"]),
        (
            lambda folder: shutil.rmtree(folder / "ctranslate2"),
            [
                "not converted",
                "pip install transformers torch",
                "ct2-transformers-converter --model {folder} --output_dir {folder}/ctranslate2 --quantization bfloat16",
            ],
        ),
        (
            lambda folder: [path.unlink() for path in folder.rglob("*") if path.name in ("model.bin", "config.json")],
            ["no model in this folder", "Hugging Face format"],
        ),
        (lambda folder: (folder / "tokenizer.json").unlink(), ["tokenizer.json is missing", "copy", "chat_template"]),
    ],
    ids=["no folder", "not converted", "no model", "no tokenizer"],
)
def test_a_folder_that_is_no_model_is_one_line(model: Path, break_it: Callable[[Path], Any], words: list[str]) -> None:
    break_it(model)
    with pytest.raises(InputError) as error:
        ctranslate2_model.identity(configure(model))
    assert "\n" not in str(error.value)
    assert [word for word in words if word.format(folder=model) not in str(error.value)] == []


def test_the_conversion_alone_names_the_folder_above(model: Path) -> None:
    with pytest.raises(RecipeError, match=f"give {model} as the path"):
        ctranslate2_model.identity(configure(model / "ctranslate2"))


def test_weights_that_cannot_be_loaded_are_one_line(model: Path) -> None:
    (model / "ctranslate2/model.bin").write_bytes(b"not a model")
    with pytest.raises(RecipeError, match=r"cannot be loaded: .*; convert it again"):
        answer(configure(model), asking(PROBLEM))


def test_a_device_or_numbers_that_are_not_here_are_one_line() -> None:
    import ctranslate2

    with pytest.raises(RecipeError, match="device"):
        configure(device="tpu")
    with pytest.raises(RecipeError, match="compute_type"):
        configure(compute_type="int3")
    with pytest.raises(RecipeError, match=r'compute_type = "float16": not possible on this cpu; wanted .*float32'):
        ctranslate2_model.identity(configure(device="cpu", compute_type="float16"))
    if not ctranslate2.get_cuda_device_count():
        with pytest.raises(RecipeError, match='no CUDA device on this machine; use "cpu"'):
            ctranslate2_model.identity(configure(device="cuda"))


@pytest.mark.parametrize("library", ["ctranslate2", "tokenizers", "jinja2"])
def test_a_library_that_is_not_installed_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, model: Path, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.setitem(sys.modules, f"{library}.ext", None)
    with pytest.raises(RecipeError, match=rf"{library}; install it, .*: pip install '.\[local-model\]'"):
        ctranslate2_model.identity(configure(model))
