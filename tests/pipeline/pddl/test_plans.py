import pytest

from pipeline.pddl.plan_lines import Reader
from pipeline.pddl.plans import Plan, find_plans
from pipeline.pddl.problem import read_problem

DOMAIN = """(define (domain blocks) (:predicates (on ?x ?y) (held ?x))
  (:action pick-up :parameters (?x) :effect (held ?x)) (:action put-down :parameters (?x) :effect (held ?x))
  (:action stack :parameters (?x ?y) :effect (on ?x ?y)) (:action unstack :parameters (?x ?y) :effect (held ?x)))"""
PROBLEM = "(define (problem p) (:domain blocks) (:objects a b c) (:init) (:goal (on a b)))"
COLOURS = {"a": "red block", "b": "blue block", "c": "orange block"}
READER = Reader(read_problem(DOMAIN, PROBLEM), COLOURS)


def plans(text: str) -> list[list[str]]:
    return [[" ".join(step) for step in plan.steps] for plan in find_plans(text, READER)]


@pytest.mark.parametrize(
    ("line", "steps"),
    [
        ("(unstack a b)", ["unstack a b"]),
        ("(PICK-UP A) (stack a b)", ["pick-up a", "stack a b"]),
        ("pick-up a", ["pick-up a"]),
        ("stack(a, b)", ["stack a b"]),
        ("- **Action:** `Stack(red, blue)`", ["stack a b"]),
        ("PickUp(red)", ["pick-up a"]),
        ("1. **Unstack** the orange block from on top of the blue block.", ["unstack c b"]),
        ("Step 3: Unstack orange from blue", ["unstack c b"]),
        ("Then, pick the red block up.", ["pick-up a"]),
        ("Pick up the red block and stack it", ["pick-up a"]),
        ("Unstack red from blue, then put down red.", ["unstack a b", "put-down a"]),
        ("2. Pick up the red block (it is on the blue block).", ["pick-up a"]),
        ("Pick up red: with orange clear, stack red on orange", ["pick-up a"]),
        ("Put down the red block on the blue block", ["put-down a b"]),
        ("Stack the red block on the table", ["stack a"]),
        ("(fly a b)", ["fly a b"]),
        ("(pick-up a) ; now (held a)", ["pick-up a"]),
        ("(pick-up a) -> (held a)", ["pick-up a"]),
        ("(pick-up a), because (stack a b) needs it", ["pick-up a"]),
        ("Action: (stack a b)", ["stack a b"]),
        ("Stack a on b", ["stack a b"]),
        ("Pick up red, then stack it on blue", ["pick-up a", "stack a b"]),
        ("Pick up red and put it down", ["pick-up a", "put-down a"]),
        ("Unstack red from blue and put it down", ["unstack a b", "put-down it"]),
        ("Stack it on blue", ["stack it b"]),
        ("Stack red on it", ["stack a it"]),
        ("Stack red; it is clear", ["stack a"]),
        ("(held a)", []),
        ("The plan has (pick-up a) in it", []),
        ("(Hand is empty)", []),
        ("The red block is stacked on the blue block", []),
        ("We pick up the red block", []),
        ("Pick up is not needed, red is held", []),
        ("stack the red block on top of the blue block is not the correct move", []),
        ("Pick up a block", []),
        ("unstacking red from blue", []),
    ],
)
def test_a_line_is_a_step_only_where_it_starts_with_an_action(line: str, steps: list[str]) -> None:
    assert plans(line) == ([steps] if steps else [])


FORMS = {
    "a JSON list": '["(pick-up a)", "stack(a, b)"]',
    "a fenced JSON list": '```json\n[\n  "pick-up a",\n  "stack a b"\n]\n```',
    "a JSON object": 'Here:\n```\n{"plan": ["(pick-up a)", "(stack a b)"]}\n```\nDone.',
    "JSON actions": '[{"action": "pick-up", "args": ["a"]}, {"name": "stack", "objects": {"x": "a", "y": "b"}}]',
    "JSON words": '[["pick-up", "a"], ["stack", "a", "b"]]',
    "broken JSON": '[\n  "(pick-up a)",\n  "(stack a b)",\n]',
    "steps with a dash": "Step 1 - (pick-up a)\nStep 2 - (stack a b)",
    "numbered actions": "Action 1: Pick up red\nAction 2: Stack red on blue",
    "times": "0: (pick-up a)\n1: (stack a b)",
    "times and durations": "0.000: (pick-up a) [1.000]\n0.001: (stack a b) [1.000]",
    "comments and a cost": "(pick-up a) ; take it\n(stack a b)\n; cost = 2 (unit cost)",
    "a table": "| # | Action |\n|---|:-:|\n| 1 | (pick-up a) |\n| 2 | (stack a b) |",
    "a table in words": "| N | Action | Why |\n|--|--|--|\n| 1 | Pick up red | ok |\n| 2 | **Stack** red on blue | |",
    "LaTeX items": "\\begin{enumerate}\n\\item pick up red\n\\item stack red on blue\n\\end{enumerate}",
    "a box": "\\boxed{(pick-up a), (stack a b)}",
    "one line": "(pick-up a), (stack a b)",
    "arrows": "pick-up(a) => stack(a, b)",
    "long arrows": "pick-up a → stack a b",
    "semicolons": "pick-up a; stack a b",
    "numbers in a line": "1) pick up a, 2) stack a b",
    "a plan after its name": "Plan: (pick-up a) (stack a b)",
    "a plan after a sentence": "So the plan is: (pick-up a), then (stack a b).",
    "bullets": "● pick-up a\n‣ stack a b",
    "check boxes": "- [ ] (pick-up a)\n- [x] (stack a b)",
    "letters": "a) pick up red\nb) stack red on blue",
    "Roman numbers": "i. pick up red\nii. stack red on blue",
    "numbers in brackets": "[1] (pick-up a)\n[2] (stack a b)",
    "numbers with a hash": "#1 (pick-up a)\n#2 (stack a b)",
    "bare numbers": "1 (pick-up a)\n2 (stack a b)",
    "ordinals": "First, pick up red.\nSecond, stack red on blue.",
    "quotes": '"pick-up a"\n"stack a b"',
    "tags": "<plan>\n<step>(pick-up a)</step>\n<step>(stack a b)</step>\n</plan>",
    "tags in a line": "<answer>(pick-up a)(stack a b)</answer>",
    "one form": "((pick-up a) (stack a b))",
    "wide brackets": "（pick-up a）\n（stack a b）",
    "hyphens that do not break": "pick‑up a\nstack a b",
    "spaces that cannot be seen": "\u200b(pick-up a)\r\n-\u00a0(stack a b)",
    "escaped line ends": "(pick-up a)\\n(stack a b)",
    "a text in JSON": '{"plan": "(pick-up a)\\n(stack a b)"}',
    "line breaks of HTML": "(pick-up a)<br>(stack a b)<br/>",
    "dollars": "$$(pick-up a)\n(stack a b)$$",
    "upper case": "(PICK-UP A)\n(STACK A B)",
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_the_form_of_a_plan_does_not_matter(text: str) -> None:
    assert plans(text) == [["pick-up a", "stack a b"]]


@pytest.mark.parametrize(
    "text",
    [
        "I pick up red, then I stack red on blue.",
        "1. The robot picks up red.",
        "picking up red",
        '{"thought": "pick up red", "plan": null}',
        '[7, "pick up red"]',
        "[" * 50_000,
        '{"plan": ' * 20_000,
    ],
)
def test_prose_and_other_json_is_no_plan(text: str) -> None:
    assert plans(text) == []


def test_objects_without_plain_names_are_read_by_their_own() -> None:
    reader = Reader(read_problem(DOMAIN.replace("stack", "load"), PROBLEM.replace(" a b c", " a b old_truck")), {})
    assert find_plans("Load a onto the old truck.", reader)[0].steps == [("load", "a", "old_truck")]


def test_steps_under_a_numbered_step_are_its_explanation() -> None:
    assert plans("1. Pick up red\n   - Pick up red: it is clear\n2. Stack red on blue") == [["pick-up a", "stack a b"]]


def test_steps_under_a_numbered_heading_are_steps() -> None:
    assert plans("1. Clear blue:\n   - Unstack orange from blue\n   - Put down orange\n2. Pick up blue") == [
        ["unstack c b", "put-down c", "pick-up b"]
    ]


def test_a_list_that_starts_anew_is_another_plan() -> None:
    assert plans("1. Pick up red\n2. Stack red on blue\n\nOr:\n1. Pick up blue") == [
        ["pick-up a", "stack a b"],
        ["pick-up b"],
    ]


def test_plan_marks_outrank_what_stands_around_them() -> None:
    text = "Pick up blue\n[PLAN]\npick up the red block\n[PLAN END]\nThe key steps are:\n1. Pick up red"
    assert plans(text) == [["pick-up a"]]


def test_a_response_that_only_ends_its_plan_is_that_plan() -> None:
    assert plans("pick up the red block\n[PLAN END]\nput down the red block") == [["pick-up a"]]


def test_an_empty_marked_plan_is_a_plan() -> None:
    assert plans("[PLAN]\n[PLAN END]") == [[]]
    assert plans("Nothing has to be done.") == []


@pytest.mark.parametrize(
    ("intro", "is_final"),
    [("Corrected plan:", True), ("**Final Answer:**", True), ("A better plan:", False), ("Final state:", False)],
)
def test_only_a_plan_called_final_is_final(intro: str, is_final: bool) -> None:
    assert Plan(intro).is_final is is_final


@pytest.mark.parametrize("step", ["(pick-up a)", "pick-up(a)", "pick up the red block"])
def test_a_long_plan_in_one_line_is_read_to_its_end(step: str) -> None:
    assert plans(", ".join([step] * 60)) == [["pick-up a"] * 60]
