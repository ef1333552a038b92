"""PDDL problems become prompts in plain words; equal problems have equal problem texts."""

import io
import tarfile
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import plugins
from pipeline.pddl.problem import Literal, execute, read_problem
from pipeline.pddl.wording import Wording
from pipeline.sources import Prompt, pddl
from pipeline.verifiers import Rollout, strips
from schemas.errors import InputError, SchemaError
from schemas.recipe_file import Origin

DOMAIN = """(define (domain lamps) (:predicates (on ?x) (wired ?x ?y))
  (:action switch-on :parameters (?x ?y) :precondition (and (wired ?x ?y) (not (on ?y)))
    :effect (and (on ?y) (not (on ?x)))))"""
PROBLEM = "(define (problem p) (:domain lamps) (:objects a b) (:init (on a) (wired a b)) (:goal (and (on b))))"
PHRASES = {"on": "{0} is on", "wired": "{0} is wired to {1}", "switch-on": "switch on {1} from {0}"}
BLOCKS = {
    "objects": {"a": "red block", "b": "blue block", "c": "orange block", "d": "yellow block"},
    "phrases": {
        "clear": "{0} is clear",
        "ontable": "{0} is on the table",
        "handempty": "the hand is empty",
        "holding": "{0} is held",
        "on": "{0} is on top of {1}",
        "pick-up": "pick up {0}",
        "put-down": "put down {0}",
        "stack": "stack {0} on top of {1}",
        "unstack": "unstack {0} from on top of {1}",
    },
}


def folder(tmp_path: Path, *problems: str, domain: str = DOMAIN) -> Path:
    (tmp_path / "set").mkdir(exist_ok=True)
    (tmp_path / "domain.pddl").write_text(domain)
    for i, problem in enumerate(problems or [PROBLEM], 1):
        (tmp_path / "set" / f"instance-{i}.pddl").write_text(problem)
    return tmp_path / "set"


def prompts(path: Path, **settings: Any) -> list[Prompt]:
    options = {"domain": str(path.parent / "domain.pddl"), "instances": str(path)} | settings
    return list(pddl.read(plugins.configure(pddl, options, Origin("recipe.toml"))))


def test_a_problem_is_put_in_words(tmp_path: Path) -> None:
    (prompt,) = prompts(
        folder(tmp_path), phrases=PHRASES, objects={"A": "left lamp", "z": "no lamp"}, instruction="Go."
    )
    assert prompt.messages[0]["content"] == (
        "Actions:\n- switch on Y from X. Needs: X is wired to Y; it is not true that Y is on. "
        "Makes true: Y is on. Makes false: X is on.\n\n"
        "Objects: the left lamp; b.\n\n"
        "Initially: the left lamp is on; the left lamp is wired to b.\nGoal: b is on.\n\nGo."
    )
    assert prompt.problem_text == "Initially: the left lamp is on; the left lamp is wired to b.\nGoal: b is on."
    assert prompt.task == {"domain": DOMAIN, "problem": PROBLEM, "objects": {"a": "left lamp"}}
    assert (prompt.source_key, prompt.verifier, prompt.domain, prompt.task_family) == (
        "1",
        "strips",
        "planning",
        "lamps",
    )


def test_without_phrases_facts_are_put_plainly(tmp_path: Path) -> None:
    (prompt,) = prompts(folder(tmp_path))
    assert prompt.problem_text == "Initially: on (a); wired (a, b).\nGoal: on (b)."
    assert "- switch on (X, Y). Needs: wired (X, Y)" in prompt.messages[0]["content"]


def test_types_and_equality_are_put_in_words() -> None:
    domain = """(define (domain t) (:types truck - vehicle) (:predicates (at ?v ?w))
      (:action meet :parameters (?v - truck ?w - (either truck vehicle)) :precondition (not (= ?v ?w))
        :effect (at ?v ?w)))"""
    problem = read_problem(domain, "(define (problem p) (:domain t) (:objects v - truck) (:init) (:goal (at v v)))")
    words = Wording({}, {})
    assert words.objects(problem) == "Objects: v (truck, vehicle)."
    assert "Needs: X is a truck; Y is a truck or vehicle; X and Y are different." in words.actions(problem)
    assert words.literal(Literal(("=", "a", "b"))) == "a and b are the same"


def test_order_of_facts_does_not_change_the_problem_text(tmp_path: Path) -> None:
    turned = PROBLEM.replace("(on a) (wired a b)", "(wired a b) ; a comment\n(on a)")
    first, second = prompts(folder(tmp_path, PROBLEM, turned))
    assert first.problem_text == second.problem_text


def packed(path: Path) -> bytes:
    """Write an archive of three files to a path; its bytes."""
    names = [f"x/instance-{i}.pddl" for i in range(3)]
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in names:
                archive.writestr(name, PROBLEM)
    else:
        with tarfile.open(path, f"w:{path.suffix[1:]}" if path.suffix != ".tar" else "w") as tar:
            for name in names:
                member = tarfile.TarInfo(name)
                member.size = len(PROBLEM)
                tar.addfile(member, io.BytesIO(PROBLEM.encode()))
    return path.read_bytes()


@pytest.mark.parametrize("name", ["set.tar.xz", "set.tar.gz", "set.zip"])
def test_archives_give_what_the_folder_gives(tmp_path: Path, name: str) -> None:
    files = {f"x/instance-{i}.pddl": PROBLEM for i in (2, 1)} | {
        "x/domain.pddl": DOMAIN,
        "x/._a.pddl": "",
        "x/READ": "",
    }
    if name.endswith(".zip"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for path, text in files.items():
                archive.writestr(path, text)
    else:
        with tarfile.open(tmp_path / name, f"w:{name.rpartition('.')[2]}") as tar:
            for path, text in files.items():
                member = tarfile.TarInfo(path)
                member.size = len(text)
                tar.addfile(member, io.BytesIO(text.encode()))
    assert prompts(tmp_path / name, domain=str(folder(tmp_path, PROBLEM, PROBLEM).parent / "domain.pddl")) == prompts(
        tmp_path / "set"
    )


def test_the_key_is_cut_from_the_file_name_by_a_pattern(tmp_path: Path) -> None:
    (prompt,) = prompts(folder(tmp_path), key=r"inst(.+)-")
    assert prompt.source_key == "ance"


def test_the_revision_depends_on_the_content_alone(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (first,) = prompts(folder(tmp_path))
    (same,) = prompts(folder(tmp_path / "elsewhere"))
    (other,) = prompts(folder(tmp_path, PROBLEM.replace("(on a)", "")))
    assert first.revision == same.revision != other.revision


@pytest.mark.parametrize(
    ("problem", "settings", "words"),
    [
        ("(define (problem p)", {}, ["instance-1.pddl", "parenthes", "domain.pddl"]),
        (PROBLEM.replace("(on a)", "(off a)"), {}, ["instance-1.pddl", "'off'"]),
        (PROBLEM, {"instances": "/none"}, ["/none", "no such folder"]),
        (PROBLEM, {"instances": "/none.tar.xz"}, ["/none.tar.xz", "no such file"]),
        (PROBLEM, {"domain": "/none.pddl"}, ["/none.pddl", "no such file"]),
        (PROBLEM, {"phrases": {"wird": "x"}}, ["phrases", "'wird'", "did you mean 'wired'"]),
        (PROBLEM, {"phrases": {"on": "{1} is on"}}, ["phrases.on", "more than the 1 arguments"]),
        (PROBLEM, {"key": r"\d{5}"}, ["instance-1.pddl", "key"]),
        (PROBLEM, {"key": "("}, ["key", "regular expression"]),
        (DOMAIN, {}, ["set: no problem file"]),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path: Path, problem: str, settings: Any, words: list[str]) -> None:
    with pytest.raises(InputError) as error:
        prompts(folder(tmp_path, problem), **settings)
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_a_file_that_is_no_archive_is_one_line(tmp_path: Path) -> None:
    folder(tmp_path)
    for name in ("f.tar.xz", "f.zip"):
        (tmp_path / name).write_bytes(b"not an archive")
        with pytest.raises(SchemaError, match=name):
            prompts(tmp_path / name)


def refusal(path: Path) -> str:
    """What is said about an archive that cannot be read; empty where it can."""
    try:
        prompts(path)
    except SchemaError as error:
        return str(error)
    return ""


@settings(deadline=None)
@given(st.sampled_from([".tar.xz", ".tar.gz", ".tar", ".zip"]), st.floats(0, 0.999), st.integers(1, 255), st.booleans())
def test_a_damaged_archive_is_read_or_refused_in_one_line(kind: str, place: float, flip: int, is_cut: bool) -> None:
    with TemporaryDirectory() as name:
        path = Path(name) / f"f{kind}"
        damaged = bytearray(packed(path))
        if is_cut:
            del damaged[int(place * len(damaged)) :]
        else:
            damaged[int(place * len(damaged))] ^= flip
        path.write_bytes(damaged)
        folder(path.parent)
        assert "\n" not in refusal(path)


def test_a_zip_that_needs_a_password_or_an_unknown_method_is_one_line(tmp_path: Path) -> None:
    folder(tmp_path)
    path = tmp_path / "f.zip"
    plain = packed(path)
    for offset, value, words in ((6, 1, "encrypted"), (8, 99, "compression method")):
        damaged = bytearray(plain)
        for start in (plain.index(b"PK\x03\x04"), plain.index(b"PK\x01\x02") + 2):
            damaged[start + offset] = value
        path.write_bytes(damaged)
        with pytest.raises(SchemaError, match=rf"f\.zip: cannot be read: .*{words}"):
            prompts(path)


@pytest.mark.parametrize("path", ["nosuch://a/b.zip", "nosuch://a/b.tar", "nosuch://a/b"])
def test_an_unknown_protocol_is_one_line(tmp_path: Path, path: str) -> None:
    with pytest.raises(SchemaError, match=f"{path}: cannot be read: .*nosuch"):
        prompts(Path(path), domain=str(folder(tmp_path).parent / "domain.pddl"), instances=path)


def test_planbench_problems_are_read_and_plans_in_the_prompts_own_words_are_judged(shared_data: Path) -> None:
    data = shared_data / "planbench"
    settings = BLOCKS | {"domain": str(data / "blocksworld_domain.pddl")}
    found = prompts(data / "blocksworld_3_instances.tar.xz", **settings)
    assert len(found) == len({prompt.source_key for prompt in found}) == 101
    prompt = next(prompt for prompt in found if prompt.source_key == "23")
    problem = read_problem(prompt.task["domain"], prompt.task["problem"])
    plan = _search(problem)
    words = Wording(prompt.task["objects"], BLOCKS["phrases"])
    text = "\n".join(f"{i}. {words.call(step[0], step[1:])}" for i, step in enumerate(plan, 1))
    assert strips.verify(strips.Task(**prompt.task), Rollout(text)).outcome == "correct"


def _search(problem: Any) -> list[tuple[str, ...]]:
    """A shortest plan, by breadth-first search."""
    todo: list[list[tuple[str, ...]]] = [[]]
    for plan in todo:
        if (done := execute(problem, plan)).reason == "goal_reached":
            return plan
        if done.failed_step is None and len(plan) < 6:
            names = sorted(problem.objects)
            todo += [[*plan, (act, x)] for act in ("pick-up", "put-down") for x in names]
            todo += [[*plan, (act, x, y)] for act in ("stack", "unstack") for x in names for y in names]
    raise AssertionError("no plan")
