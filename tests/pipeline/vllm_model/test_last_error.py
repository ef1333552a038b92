from pathlib import Path

import pytest

from pipeline.vllm_model.last_error import explained, last_error
from schemas.errors import BackendError, RecipeError

WORKER = "(Worker pid=14052) ERROR 11-21 12:12:03 [multiproc_executor.py:1063] "
KV_SMALL = (
    "ValueError: To serve at least one request with the models's max seq len (40960), (4.38 GiB KV cache is needed, "
    "which is larger than the available KV cache memory (1.0 GiB)."
)
CASES = {
    f"{WORKER}torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB": (BackendError, "lower gpu_mem"),
    f"{WORKER}ValueError: Available memory on node 0 (22/23 GiB) on kv cache allocation is less than requested memory "
    "for kv (400.0 GiB).": (BackendError, "VLLM_CPU_KVCACHE_SPACE"),
    "ValueError: Free memory on device (1/80 GiB) on startup is less than desired GPU memory utilization (0.9)": (
        BackendError,
        "lower gpu_memory_utilization",
    ),
    f"(EngineCore pid=8) ERROR 11-21 12:12:03 [core.py:1510] {KV_SMALL}": (BackendError, "lower max_model_len"),
    "keeper: was ended by SIGKILL": (BackendError, "out of memory"),
    "  Value error, Invalid repository ID or local directory specified: 'x'.": (RecipeError, "no such model"),
    "OSError: We couldn't connect to 'the Hub' to load the files, and couldn't find them in the cached files.": (
        RecipeError,
        "no such model",
    ),
    "huggingface_hub.errors.LocalEntryNotFoundError: Cannot find an appropriate cached snapshot folder": (
        RecipeError,
        "no such model",
    ),
    "OSError: [Errno 98] Address already in use": (BackendError, "run the same command again"),
    "api_server.py: error: unrecognized arguments: --nonsense": (RecipeError, "mend `arguments`"),
    "api_server.py: error: argument --max-model-len: invalid human_readable_int_or_auto value: 'many'": (
        RecipeError,
        "mend `arguments`",
    ),
    "KeyError: \"Reasoning parser 'qwen99' not found. Available parsers: hf\"": (RecipeError, "mend `arguments`"),
    "RuntimeError: No CUDA GPUs are available": (BackendError, "make vllm-cpu"),
    "RuntimeError: Failed to infer device type, please set the environment variable": (BackendError, "make vllm-cpu"),
    "python3: Error while finding module specification for 'vllm.x' (ModuleNotFoundError: No module named 'vllm')": (
        RecipeError,
        "make vllm-gpu",
    ),
    "ValueError: something that nobody has seen": (BackendError, "nobody has seen"),
}

AFTERMATH = """\
(EngineCore pid=13972) ERROR 11-21 12:12:03 [core.py:1510] RuntimeError: Worker failed with error 'see above'
(APIServer pid=7) pydantic_core._pydantic_core.ValidationError: 1 validation error for VllmConfig
(APIServer pid=7)     For further information visit https://errors.pydantic.dev/2.14/v/value_error
(APIServer pid=7) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
keeper: ended with exit code 1
"""


@pytest.mark.parametrize(("line", "told"), CASES.items(), ids=range(len(CASES)))
def test_the_last_error_is_shown_with_what_to_do(line: str, told: tuple[type[Exception], str], tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text(f"INFO all is well\n{line}\n{AFTERMATH}")
    error = explained(log, "vLLM did not start")
    said = line.removeprefix(WORKER).removeprefix("keeper: ").strip()
    assert type(error) is told[0]
    assert told[1] in str(error)
    assert str(error).startswith("vLLM did not start: ")
    assert said[-30:].rstrip(".)") in str(error)
    assert str(log) in str(error)
    assert "\n" not in str(error)


def test_words_about_errors_in_warnings_are_none(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text(
        "(A pid=1) WARNING 11-21 12:10:18 [u.py:2] This can cause `OSError: [Errno 24] Too many open files`.\n"
    )
    assert last_error(log) == ""


def test_a_log_that_is_not_there_names_no_error(tmp_path: Path) -> None:
    assert "its log names no error" in str(explained(tmp_path / "none.log", "vLLM did not start"))


def test_only_the_end_of_a_long_log_is_read(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("ValueError: old\n" + "INFO a line\n" * 200_000 + "ValueError: \x1b[31mnew\n")
    assert "ValueError: [31mnew" in str(explained(log, "vLLM ended"))
