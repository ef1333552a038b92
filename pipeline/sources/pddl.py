"""Prompts from PDDL: a domain, a folder or archive of problems, and words for its predicates and actions.

The prompt is written from the PDDL: what each action needs and does, the initial state, the goal. `problem_text` is
the initial state and the goal alone, in an order of its own, so that equal problems compare equal however their
files list the facts. The verifier is `strips`.
"""

import hashlib
import io
import lzma
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import fsspec
from pydantic import Field, field_validator

from pipeline.pddl.forms import PddlError
from pipeline.pddl.problem import read_problem
from pipeline.pddl.wording import Wording
from pipeline.rows import open_bytes
from pipeline.sources import Prompt
from schemas.errors import SchemaError
from schemas.ids import canonical_json
from schemas.messages import did_you_mean, first_line
from schemas.recipe import Settings

VERIFIER = "strips"
ARCHIVES = (".tar.xz", ".tar.gz", ".tgz", ".tar", ".zip")
BROKEN = (
    OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, struct.error,
    RuntimeError, ValueError, ImportError,
)  # fmt: skip
"""What damaged, encrypted and unknown archives raise, and protocols that fsspec does not know."""

INSTRUCTION = "Give a plan that reaches the goal: a numbered list of actions, one a line, each with its objects."

_IS_DOMAIN = re.compile(r"\(\s*define\s*\(\s*domain\s+([^\s()]+)", re.IGNORECASE)
_PATH: dict[str, Any] = {"mutable": True, "path": True}


class Config(Settings):
    """PDDL problems of one domain."""

    domain: str = Field(description="The domain's PDDL file.", json_schema_extra=_PATH)
    instances: str = Field(
        description=f"Folder or archive ({', '.join(ARCHIVES)}) of problems, *.pddl.", json_schema_extra=_PATH
    )
    objects: dict[str, str] = Field({}, description="Plain names of objects, such as a = 'red block'.")
    phrases: dict[str, str] = Field(
        {}, description="Words for predicates and actions, such as on = '{0} is on top of {1}'."
    )
    instruction: str = Field(INSTRUCTION, description="What to do, after the problem.")
    key: str = Field(r"[^-]+$", description="Pattern of the source key in a file's name without .pddl.")
    task_family: str = Field("", description="Kind of task; empty: the domain's own name.")
    license: str = Field("unknown", description="SPDX id of the licence.")
    revision: str = Field("", description="Version of the files; empty: the SHA-256 of all of them.")

    @field_validator("key")
    @classmethod
    def _is_pattern(cls, key: str) -> str:
        try:
            re.compile(key)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return key


def fingerprint(config: Config) -> str:
    """The SHA-256 of the domain and of every file that could be a problem."""
    domain = _domain(config)
    return _digest([domain, *(_text(content, origin) for origin, content in _files(config.instances))])


def read(config: Config) -> Iterator[Prompt]:
    """One prompt a problem, by file name; a file that defines a domain is passed over."""
    domain = _domain(config)
    files = [(origin, _text(content, origin)) for origin, content in _files(config.instances)]
    problems = [(origin, text) for origin, text in files if not _IS_DOMAIN.search(text)]
    if not problems:
        raise SchemaError(f"{config.instances}: no problem file in it; wanted *.pddl files")
    _check_phrases(config, domain)
    named = _IS_DOMAIN.search(domain)
    found = {
        "revision": config.revision or _digest([domain, *(text for _, text in problems)]),
        "task_family": config.task_family or (named[1].lower() if named else ""),
    }
    for origin, text in problems:
        yield _prompt(origin, domain, text, config.model_copy(update=found))


def _domain(config: Config) -> str:
    with open_bytes(config.domain) as file:
        return _text(file.read(), config.domain)


def _prompt(origin: str, domain: str, text: str, config: Config) -> Prompt:
    try:
        problem = read_problem(domain, text)
    except PddlError as error:
        raise SchemaError(f"{origin}: {error} (domain: {config.domain})") from None
    names = {name.lower(): words for name, words in config.objects.items() if name.lower() in problem.objects}
    wording = Wording(names, {name.lower(): words for name, words in config.phrases.items()})
    parts = [wording.actions(problem), wording.objects(problem), wording.problem(problem), config.instruction]
    return Prompt(
        source_key=_key(config.key, origin),
        messages=[{"role": "user", "content": "\n\n".join(parts)}],
        task={"domain": domain, "problem": text} | ({"objects": names} if names else {}),
        verifier=VERIFIER,
        problem_text=wording.problem(problem),
        revision=config.revision,
        license=config.license,
        domain="planning",
        task_family=config.task_family,
        origin=origin,
    )


def _key(pattern: str, origin: str) -> str:
    stem = PurePosixPath(origin).stem
    found = re.search(pattern, stem)
    if not found or not (key := found[1] if found.re.groups else found[0]):
        raise SchemaError(f"{origin}: the pattern {pattern!r} (key) finds no source key in {stem!r}")
    return key


def _check_phrases(config: Config, domain: str) -> None:
    words = sorted(set(re.findall(r"[^\s()]+", domain.lower())))
    for name in config.phrases:
        if name.lower() not in words:
            hint = did_you_mean(name.lower(), words)
            raise SchemaError(f"{config.domain}: phrases: no predicate or action {name!r} in it{hint}")


def _files(path: str) -> list[tuple[str, bytes]]:
    """(where, content) of every *.pddl file in a folder or archive, by name; hidden files are left out."""
    reader = _zipped if path.endswith(".zip") else _tarred if path.endswith(ARCHIVES) else _in_folder
    try:
        found = [(f"{path}/{name}", content) for name, content in reader(path) if _is_problem_file(name)]
    except BROKEN as error:
        raise SchemaError(f"{path}: cannot be read: {first_line(error)}") from None
    return sorted(found)


def _is_problem_file(name: str) -> bool:
    return name.endswith(".pddl") and not PurePosixPath(name).name.startswith(".")


def _tarred(path: str) -> Iterator[tuple[str, bytes]]:
    with open_bytes(path) as raw, tarfile.open(fileobj=raw) as archive:
        for member in archive:
            if file := archive.extractfile(member):
                yield member.name.removeprefix("./"), file.read()


def _zipped(path: str) -> Iterator[tuple[str, bytes]]:
    with open_bytes(path) as raw, zipfile.ZipFile(io.BytesIO(raw.read())) as archive:
        for name in archive.namelist():
            yield name, archive.read(name)


def _in_folder(path: str) -> Iterator[tuple[str, bytes]]:
    fs, root = fsspec.core.url_to_fs(path)
    if not fs.isdir(root):
        raise FileNotFoundError(f"there is no such folder; wanted a folder, or an archive named {', '.join(ARCHIVES)}")
    for name in fs.find(root):
        if name.endswith(".pddl"):
            yield name.removeprefix(root).lstrip("/"), fs.cat_file(name)


def _text(content: bytes, origin: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SchemaError(f"{origin}: not UTF-8 at byte {error.start + 1}") from None


def _digest(texts: list[str]) -> str:
    return hashlib.sha256(canonical_json(texts).encode()).hexdigest()
