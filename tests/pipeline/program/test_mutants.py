"""One change a program, and none that is no program."""

import ast

from pipeline.program.mutants import mutants

PROGRAM = "def f(x):\n    if x in (1, 2):\n        return x * 3\n    return x - 1\n"


def test_each_mutant_is_another_program() -> None:
    found = list(mutants(PROGRAM))
    assert len({mutant.text for mutant in found}) == len(found)
    assert ast.unparse(ast.parse(PROGRAM)) not in {mutant.text for mutant in found}
    assert all(ast.parse(mutant.text) for mutant in found)


def test_lines_before_the_first_stay() -> None:
    found = list(mutants(PROGRAM, first_line=4))
    assert [mutant.kind for mutant in found] == ["no_return", "other_operator", "constant_off_by_one"]
    assert all("x * 3" in mutant.text for mutant in found)


def test_what_cannot_be_read_has_no_mutants() -> None:
    assert [*mutants("def"), *mutants("\0"), *mutants(""), *mutants("(" * 10_000)] == []
