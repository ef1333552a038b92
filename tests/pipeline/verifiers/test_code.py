"""Programs that are right pass, programs that are wrong do not, and attacks neither pass nor get out."""

import gzip
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pipeline import sandbox
from pipeline.program.response import Code
from pipeline.verifiers import Rollout, Verdict, code
from pipeline.verifiers.code import Config, Task, judge_in, near_misses, verify
from pipeline.verify import task_error
from schemas.errors import BackendError

TESTS = ["assert f(3) == 4", "assert f(10) == 11"]
RIGHT = "def f(x):\n    return x + 1\n"


@pytest.fixture(params=sandbox.SANDBOXES)
def kind(request: pytest.FixtureRequest) -> sandbox.Kind:
    """Every kind of sandbox that works here."""
    chosen: sandbox.Kind = request.param
    if fault := sandbox.available()[chosen]:
        pytest.skip(f"{chosen} does not work here: {fault}")
    return chosen


def judged(kind: sandbox.Kind, program: str, test: Any = TESTS, **fields: Any) -> Verdict:
    return judge_in(kind, Task(**{"test": test, "timeout_s": 60, **fields}), Code(program, True))


def program_processes() -> set[str]:
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found |= {path.parent.name} if b"pipeline.program" in path.read_bytes() else set()
        except OSError:
            continue
    return found


def wait_for_end_of(processes: set[str]) -> set[str]:
    """Those of some processes that do not end; others on this machine may run programs too, and finish."""
    deadline = time.monotonic() + 30
    while (left := processes & program_processes()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


RIGHT_PROGRAMS = {
    "threads": (
        "import threading\ndef f(x):\n    out = []\n    ts = [threading.Thread(target=out.append, args=(x,)) for _ in "
        "range(8)]\n    [t.start() for t in ts]\n    [t.join() for t in ts]\n    return out",
        "assert f(2) == [2] * 8",
    ),
    "a thread that runs on": (
        "import threading\ndef spin():\n    while True: pass\ndef f(x):\n    threading.Thread(target=spin).start()\n"
        "    return x",
        "assert f(2) == 2",
    ),
    "an executor": (
        "from concurrent.futures import ThreadPoolExecutor\ndef f(x):\n    with ThreadPoolExecutor(4) as pool:\n"
        "        return list(pool.map(abs, x))",
        "assert f([-1, 2]) == [1, 2]",
    ),
    "an event loop": (
        "import asyncio\nasync def g(x):\n    await asyncio.sleep(0.01)\n    return x\ndef f(x):\n"
        "    return asyncio.run(g(x))",
        "assert f(5) == 5",
    ),
    "temporary files": (
        "import tempfile, os\ndef f(x):\n    with tempfile.TemporaryDirectory() as d:\n        p = d + '/a'\n"
        "        open(p, 'w').write(x)\n        os.rename(p, p + 'b')\n        return open(p + 'b').read()",
        "assert f('abc') == 'abc'",
    ),
    "recursion": ("def f(n):\n    return 1 if n < 2 else n * f(n - 1)", "assert f(900) % 7 == 0\nassert f(5) == 120"),
    "a generator": ("def f(n):\n    yield from range(n)", "assert list(f(3)) == [0, 1, 2]\nassert next(f(1)) == 0"),
    "change in place": ("def f(x):\n    x.sort()", "a = [3, 1, 2]\nassert f(a) is None\nassert a == [1, 2, 3]"),
    "change deep inside": (
        "def f(x):\n    x['a'][0].append(1)\n    x['b'] = 2",
        "inner = [0]\na = {'a': [inner]}\nf(a)\nassert inner == [0, 1] and a == {'a': [[0, 1]], 'b': 2}",
    ),
    "a class with state": (
        "class Stack:\n    def __init__(self): self.items = []\n    def push(self, x): self.items.append(x)\n"
        "    def pop(self): return self.items.pop()\n    def __len__(self): return len(self.items)\n"
        "    def __contains__(self, x): return x in self.items",
        "s = Stack()\ns.push(1)\ns.push([2])\nassert len(s) == 2 and 1 in s and s.items == [1, [2]]\n"
        "assert s.pop() == [2]\nassert isinstance(s, Stack)",
    ),
    "operators of a class": (
        "class V:\n    def __init__(self, x): self.x = x\n    def __add__(self, o): return V(self.x + o.x)\n"
        "    def __rmul__(self, k): return V(k * self.x)\n    def __eq__(self, o): return self.x == o.x\n"
        "    def __lt__(self, o): return self.x < o.x",
        "assert V(1) + V(2) == V(3)\nassert V(1) != V(2) and 3 * V(2) == V(6)\nassert sorted([V(2), V(1)])[0].x == 1",
    ),
    "expected exceptions": (
        "def f(x):\n    if x < 0: raise ValueError('negative')\n    return {}[x]",
        "try:\n    f(-1)\n    assert False\nexcept ValueError as e:\n    assert str(e) == 'negative'\n"
        "try:\n    f(1)\n    assert False\nexcept KeyError:\n    pass",
    ),
    "exceptions of its own": (
        "class Bad(ValueError): pass\nclass Worse(Bad): pass\ndef f(x):\n    raise Worse(x)",
        "try:\n    f(1)\n    assert False\nexcept Bad as e:\n    assert e.args == (1,) and isinstance(e, ValueError)",
    ),
    "floats": (
        "def f(x):\n    return [x / 3, float('inf'), -0.0, float('nan')]",
        "a, b, c, d = f(1)\nassert abs(a - 1 / 3) < 1e-12 and b == float('inf') and str(c) == '-0.0' and d != d",
    ),
    "big and strange data": (
        "def f(x):\n    return x",
        "for x in [10**5000, '\\ud83d\\ude00', '\\ud800', b'\\0', {(1, None): {2}}, range(3), 1j, True, frozenset()]:\n"
        "    assert f(x) == x and type(f(x)) is type(x)",
    ),
    "data of the library": (
        "from collections import Counter, deque\nfrom fractions import Fraction\nfrom decimal import Decimal\n"
        "from datetime import date\ndef f(x):\n"
        "    return [Counter(x), deque([1], 2), Fraction(1, 3), Decimal('0.10'), date(2024, 2, 29)]",
        "import datetime, decimal, fractions, collections\nassert f('aab') == [collections.Counter(a=2, b=1), "
        "collections.deque([1]), fractions.Fraction(1, 3), decimal.Decimal('0.1'), datetime.date(2024, 2, 29)]",
    ),
    "functions as arguments and results": (
        "def f(g, xs):\n    return lambda y: [g(x) + y for x in xs]",
        "assert f(lambda x: x * 2, [1, 2])(10) == [12, 14]\nassert f(abs, [-1])(0) == [1]",
    ),
    "unittest": (
        RIGHT,
        "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(f(1), 2)\n"
        "    def test_b(self):\n        with self.assertRaises(TypeError):\n            f('a')\n"
        "if __name__ == '__main__':\n    unittest.main()",
    ),
    "test functions": (RIGHT, "def test_one():\n    assert f(1) == 2\ndef test_two():\n    assert f(2) == 3"),
    "much output": ("print('x' * 10**6)\ndef f(x):\n    print('y' * 10**6)\n    return x", "assert f(1) == 1"),
    "an odd way to end": ("def f(x):\n    return x\nif __name__ == '__main__':\n    f(input())", "assert f(1) == 1"),
    "a type": ("f = int", "assert f('3') == 3"),
    "a value": ("answer = [4, 2]", "assert answer == [4, 2]"),
    "a base class": ("class A: pass\nclass B(A): pass", "assert issubclass(B, A) and not issubclass(A, B)"),
    "instances in sets": (
        "class A:\n    def __init__(self, x): self.x = x\n    def __eq__(self, o): return self.x == o.x\n"
        "    def __hash__(self): return hash(self.x)",
        "assert len({A(1), A(1), A(2)}) == 2 and hash(A(1)) == hash(A(1))",
    ),
    "more operators": (
        "class V:\n    def __init__(self, x): self.x = x\n    def __lshift__(self, n): return V(self.x << n)\n"
        "    def __divmod__(self, n): return divmod(self.x, n)\n"
        "    def __getitem__(self, place): return [1, 2, 3][place]\n"
        "    def __iadd__(self, n):\n        self.x += n\n        return self",
        "v = w = V(2)\nv += 5\nassert w.x == 7 and (v << 1).x == 14 and divmod(v, 2) == (3, 1) and v[1:] == [2, 3]\n"
        "del v.x\nassert not hasattr(v, 'x')",
    ),
    "a block that ends in an exception": (
        "class A:\n    def __enter__(self): return self\n    def __exit__(self, kind, error, trace):\n"
        "        self.seen = (kind is ValueError, str(error))\n        return True",
        "a = A()\nwith a:\n    raise ValueError('bad')\nassert a.seen == (True, 'bad')",
    ),
    "attributes of an exception": (
        "class E(Exception):\n    def __init__(self, code): self.code = code\ndef f(x): raise E(x)",
        "try:\n    f(404)\n    assert False\nexcept E as e:\n    assert e.code == 404",
    ),
    "a group of exceptions": (
        "def f(x): raise ExceptionGroup('several', [ValueError(x)])",
        "try:\n    f(1)\n    assert False\nexcept ExceptionGroup:\n    pass",
    ),
    "a change before an exception": (
        "def f(x, y):\n    x.append(1)\n    y[0].append(2)\n    raise ValueError",
        "a, b = [], ([], 3)\ntry:\n    f(a, b)\n    assert False\nexcept ValueError:\n    pass\n"
        "assert a == [1] and b == ([2], 3)",
    ),
    "functions of the tests with names and from threads": (
        "from concurrent.futures import ThreadPoolExecutor\ndef f(g, xs):\n    with ThreadPoolExecutor(8) as pool:\n"
        "        return list(pool.map(lambda x: g(x, times=2), xs))",
        "for _ in range(5):\n    assert f(lambda x, times: x * times, list(range(50))) == list(range(0, 100, 2))",
    ),
    "a unittest class that prepares": (
        RIGHT,
        "import unittest\nclass T(unittest.TestCase):\n    @classmethod\n    def setUpClass(cls): cls.given = 3\n"
        "    def test_a(self): self.assertEqual(f(self.given), 4)\n    @unittest.skip('later')\n"
        "    def test_b(self): self.fail()\n@unittest.skip('later')\nclass U(unittest.TestCase):\n"
        "    def test_c(self): self.fail()",
    ),
    "copied files": (
        "import os, shutil\ndef f(x):\n    os.mkdir('d')\n    open('d/a', 'w').write(x)\n"
        "    shutil.copy('d/a', 'd/b')\n    shutil.copytree('d', 'e')\n    return open('e/b').read()",
        "assert f('abc') == 'abc'",
    ),
    "devices": (
        "import os\nopen(os.devnull, 'w').write('x')\ndef f(x): return len(open('/dev/urandom', 'rb').read(x))",
        "assert f(3) == 3",
    ),
    "a dataclass": (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass P:\n    x: int = 1",
        "assert P(2).x == 2 and P() == P(1) and str(P()) == 'P(x=1)'",
    ),
}


@pytest.mark.parametrize(("program", "test"), RIGHT_PROGRAMS.values(), ids=RIGHT_PROGRAMS)
def test_what_is_right_passes(kind: sandbox.Kind, program: str, test: str) -> None:
    verdict = judged(kind, program, test)
    assert (verdict.outcome, verdict.score) == ("correct", 1.0), verdict.details


FLOOD = "import os\nwhile True:\n    os.write(1, b'x' * 65536)"
WRONG_PROGRAMS = {
    "an endless loop": ("def f(x):\n    while True: pass", "time_limit"),
    "an endless definition": ("while True: pass", "time_limit"),
    "sleep": ("import time\ndef f(x):\n    time.sleep(600)", "time_limit"),
    "20 GiB": ("def f(x):\n    return bytearray(20 * 2**30)", "memory_limit"),
    "20 GiB in pieces": ("a = []\nwhile True: a.append(bytearray(2**20))", "memory_limit"),
    "a flood of output": (FLOOD, "time_limit"),
    "a file of 10 GB": ("f = open('big', 'wb')\nfor _ in range(10_000): f.write(bytes(10**6))", "program_error"),
    "a fork bomb": ("import os\nwhile True: os.fork()", "program_error"),
    "a stubborn fork bomb": (
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        "time_limit",
    ),
    "another program": ("import subprocess\nsubprocess.run(['/bin/sh', '-c', 'sleep 100 &'])", "program_error"),
    "many threads": (
        "import threading, time\nfor _ in range(10**5): threading.Thread(target=time.sleep, args=(60,)).start()",
        "program_error",
    ),
    "a daemon": (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(100)",
        "program_error",
    ),
    "an early end": ("import os\nos._exit(0)", "exited_early"),
    "an early end in a call": ("import os\ndef f(x):\n    os._exit(0)", "exited_early"),
    "sys.exit": ("import sys\nsys.exit(0)", "exited_early"),
    "SystemExit": ("raise SystemExit(0)", "exited_early"),
    "sys.exit in a call": ("import sys\ndef f(x):\n    sys.exit(0)", "test_failed"),
    "a crash": ("import ctypes\nctypes.string_at(0)", "exited_early"),
    "an abort": ("import os\nos.abort()", "exited_early"),
    "all descriptors closed": ("import os\ndef f(x):\n    os.closerange(0, 256)\n    return 4", "exited_early"),
    "its own end": ("import os, signal\ndef f(x):\n    os.kill(os.getpid(), signal.SIGTERM)", "exited_early"),
    "deep recursion": ("def f(x):\n    return f(x)", "test_failed"),
    "deeper recursion": ("import sys\nsys.setrecursionlimit(10**9)\ndef f(x):\n    return f(x)", None),
    "huge numbers": ("def f(x):\n    return 10 ** 10 ** 9", None),
    "a huge number as a reply": ("def f(x):\n    return 1 << 7 * 10**7", "test_failed"),
    "a giant reply": ("def f(x):\n    return 'x' * 17 * 2**20", "test_failed"),
    "a deep reply": ("def f(x):\n    a = []\n    for _ in range(10**5): a = [a]\n    return a", "test_failed"),
    "a reply in itself": ("def f(x):\n    a = []\n    a.append(a)\n    return a", "test_failed"),
    "an endless repr": (
        "class A:\n    def __repr__(self):\n        while True: pass\ndef f(x):\n    return A()",
        "test_failed",
    ),
    "an exception with an endless text": (
        "class E(Exception):\n    def __str__(self):\n        while True: pass\ndef f(x):\n    raise E(x)",
        "test_failed",
    ),
    "nothing": ("pass", "not_defined"),
    "a syntax error": ("def f(x):\n    return x +", "syntax_error"),
    "NUL": ("def f(x):\n    return '\0'", "syntax_error"),
    "a lone surrogate": ("def f(x):\n    return '\ud800'", "syntax_error"),
    "brackets": ("(" * 100_000, "syntax_error"),
    "a long sum": ("f = " + "1+" * 50_000 + "1", None),
    "a long chain": ("f = a" + ".a" * 60_000, None),
    "input": ("x = input()", "program_error"),
}


@pytest.mark.parametrize(("program", "reason"), WRONG_PROGRAMS.values(), ids=WRONG_PROGRAMS)
def test_what_is_wrong_does_not_pass(kind: sandbox.Kind, program: str, reason: str | None) -> None:
    seconds = 1.5 if reason in ("time_limit", None) else 60
    verdict = judged(kind, program, timeout_s=seconds, memory_mb=512)
    assert verdict.outcome == "incorrect", verdict
    assert reason in (verdict.reason, None), verdict


ANYTHING = """class Anything({base}):
    def __init__(self, *given): pass
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __contains__ = __instancecheck__ = startswith = issubset = count = __lt__
    def __hash__(self): return hash(4)
    def __sub__(self, other): return 0
    __rsub__ = __add__ = __radd__ = __mod__ = __sub__
    def __abs__(self): return 0
    def __bool__(self): return True
    @property
    def __class__(self): return int
def f(x):
    return Anything()
"""
FORGE = """import os, json
def frame(message):
    content = json.dumps(message).encode()
    return len(content).to_bytes(4, 'big') + content
content = b''.join(frame(m) for m in {messages})
for fd in range(3, 256):
    try: os.write(fd, content)
    except OSError: pass
def f(x):
    return 0
"""
REPORT = '{"event": "test", "number": 1, "result": {"passed": true}}\\n{"event": "end", "nonce": ""}\\n'
ON_ALL = "import os\nfor fd in range(3, 256):\n    try: os.write(fd, {content})\n    except OSError: pass"
COMPARED = [
    "assert f(3) == 4",
    "assert not f(3) != 4",
    "assert 4 == f(3)",
    "assert abs(f(3) - 4) < 1e-6",
    "assert abs(4 - f(3)) < 1e-6",
    "assert 4 in [f(3)]",
    "assert f(3) in {4, 5}",
    "assert 4 in f(3)",
    "assert f(3) <= 4 and f(3) >= 4",
    "assert isinstance(f(3), int)",
    "assert type(f(3)) is int",
    "assert f(3).startswith('a')",
    "assert {1, 2}.issubset(f(3))",
    "assert sorted([f(3), 4]) == [4, 4]",
    "import math\nassert math.isclose(f(3), 4)",
    "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(f(3), 4)",
    "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertAlmostEqual(f(3), 4)",
]
FORGERIES = {
    "an object that says yes": ANYTHING.format(base="object"),
    "a number that says yes": ANYTHING.format(base="int"),
    "a text that says yes": ANYTHING.format(base="str"),
    "a list that says yes": ANYTHING.format(base="list"),
    "a class that says yes": ANYTHING.format(base="object").replace("def f(x):\n    return Anything()", "f = Anything"),
    "a metaclass that says yes": ANYTHING.format(base="type") + "def f(x):\n    return Anything('int', (), {})",
    "builtins": "def abs(*a): return 0\ndef f(x): return 0\nsorted = isinstance = type = lambda *a: [4, 4]\nmath = f",
    "patched builtins": "import builtins\nbuiltins.abs = lambda x: 0\nbuiltins.AssertionError = None\n"
    "def f(x): return 0",
    "patched unittest": "import unittest\nunittest.TestCase.assertEqual = lambda *a: None\n"
    "unittest.TestCase.assertAlmostEqual = lambda *a: None\ndef f(x): return 0",
    "a check of its own": "def check(candidate): pass\ntest = T = check\ndef f(x): return 0",
    "replies ahead": FORGE.format(messages='[["defined"], ["value", {}, []]] + [["value", 0, []]] * 50'),
    "replies that are none": FORGE.format(messages='["defined", ["value"], 4, None, {}]'),
    "replies of odd types": FORGE.format(messages='[["defined"], ["value", {"dict": [["f", {"handle": "x"}]]}, 1]]'),
    "changes of anything": FORGE.format(messages='[["defined"]] + [["value", 0, [[0, 4], ["x", 4]]]] * 9'),
    "an exception that is none": FORGE.format(messages='[["defined"]] + [["raised", {"type": ["int"]}, 1]] * 9'),
    "a report": ON_ALL.format(content=f"b'''{REPORT}'''"),
    "an endless reply": ON_ALL.format(content="b'\\xff' * 4"),
    "a search for the nonce": "import gc, sys\nfound = [o for o in gc.get_objects() if 'nonce' in str(type(o))]\n"
    "frame = sys._getframe()\nwhile frame:\n    frame.f_locals.clear()\n    frame = frame.f_back\ndef f(x): return 0",
    "descriptors of others": "import glob\nfor path in glob.glob('/proc/*/fd/*') + glob.glob('/proc/*/mem'):\n"
    f"    try: open(path, 'r+b', 0).write(b'''{REPORT}''')\n    except OSError: pass\ndef f(x): return 0",
    "a serving loop of its own": "import sys\nserved = sys.modules['pipeline.program.serving']\n"
    "served._Served._call = lambda *a: (True, [])\ndef f(x): return 0",
}


@pytest.mark.parametrize("program", FORGERIES.values(), ids=FORGERIES)
def test_no_forgery_passes(kind: sandbox.Kind, program: str) -> None:
    for test in COMPARED if "Anything" in program or "builtins" in program else COMPARED[:3] + COMPARED[-2:]:
        verdict = judged(kind, program, test, timeout_s=10)
        if verdict.outcome == "correct":
            assert test in ("assert isinstance(f(3), int)", "assert type(f(3)) is int")  # where f returns a plain 0
            assert "Anything" not in program
        else:
            assert verdict.outcome == "incorrect", (test, verdict)


SWALLOWS = """class A:
    def __init__(self, *given): pass
    def __enter__(self): return self
    def __exit__(self, *error): return True
    def __getattr__(self, name): return A()
def f(x):
    return A()
"""


@pytest.mark.parametrize("made", ["f(3)", "A(3)"])
@pytest.mark.parametrize(
    "claim", ["assert y.x == 4", "assert abs(y.x - 4) < 1", "{4: 1}[y.x]", "y.x.lower()", "absent"]
)
def test_no_block_swallows_that_a_test_failed(kind: sandbox.Kind, made: str, claim: str) -> None:
    assert (
        judged(kind, SWALLOWS, f"with {made} as y:\n    {claim}", prefix="absent = None\ndel absent").outcome
        == "incorrect"
    )


def test_what_a_test_wants_never_reaches_the_program(kind: sandbox.Kind) -> None:
    spy = "import sys, json\nloads = json.loads\ndef spied(x):\n    print(x)\n    return loads(x)\njson.loads = spied\n"
    test = ["assert f(1234) == 1235 + 987654", "assert abs(f(1234) - 987655) < 1", "assert 987656 in f(1234)"]
    verdict = judged(kind, spy + ANYTHING.format(base="object"), test)
    assert verdict.details
    assert "1234" in verdict.details["output"]
    assert "98765" not in verdict.details["output"]


def test_the_network_is_out_of_reach(kind: sandbox.Kind) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = server.getsockname()[1]
        program = (
            f"import socket\nfor place in (('127.0.0.1', {port}), ('1.1.1.1', 53)):\n"
            "    try: socket.create_connection(place, 0.2).send(b'x')\n    except OSError as e: print(e)\n"
            "a, b = socket.socketpair()\nsocket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)"
        )
        assert judged(kind, program).reason == "program_error"
        with pytest.raises(BlockingIOError):
            server.accept()


def test_files_of_the_host_are_out_of_reach(kind: sandbox.Kind, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2")
    program = f"""import os, shutil
place = {str(tmp_path)!r}
def attempt(action):
    try: print(action())
    except OSError as error: print(type(error).__name__)
os.symlink(place, 'link')
for path in (place + '/secret', 'link/secret', '/etc/shadow', '/etc/passwd', '/proc/1/root/etc/passwd'):
    attempt(lambda: open(path).read())
for path in (place + '/new', 'link/new', '/etc/new', '/usr/lib/new', '/dev/new', '/proc/sys/kernel/core_pattern'):
    attempt(lambda: open(path, 'w').write('x'))
for action in (os.unlink, os.rmdir, os.listdir, os.chroot):
    attempt(lambda: action(place + '/secret'))
attempt(lambda: os.truncate(place + '/secret', 0))
attempt(lambda: os.open(place + '/secret', os.O_RDONLY | os.O_TRUNC))
os.chmod(place, 0)
os.utime(place + '/secret', (0, 0))
attempt(lambda: os.setuid(0))
"""
    verdict = judged(kind, program)
    assert (verdict.outcome, verdict.reason) == ("incorrect", "not_defined"), verdict
    assert verdict.details
    assert set(verdict.details["output"].split()) <= {
        "PermissionError", "FileNotFoundError", "NotADirectoryError", "OSError"
    }  # fmt: skip
    assert tmp_path.stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "secret").stat().st_mtime > 0
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]
    assert (tmp_path / "secret").read_text() == "hunter2"


def test_secrets_of_the_environment_are_out_of_reach(kind: sandbox.Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLDSTART_SECRET", "hunter2")
    program = """import glob, os
print(dict(os.environ))
for path in [*glob.glob('/proc/[0-9]*/environ'), '/proc/self/environ', f'/proc/{os.getppid()}/environ']:
    try: print(open(path, 'rb').read())
    except OSError as error: print(error.errno)
"""
    with subprocess.Popen(["sleep", "60"]) as other:
        verdict = judged(kind, program + f"print(open('/proc/{other.pid}/environ').read())")
        other.kill()
    assert verdict.details
    assert "hunter2" not in str(verdict.details)
    assert "PYTHONHASHSEED" in verdict.details["output"]


def test_other_processes_cannot_be_killed(kind: sandbox.Kind) -> None:
    with subprocess.Popen(["sleep", "60"]) as victim:
        program = (
            f"import os, signal\nfor pid in ({victim.pid}, {os.getpid()}, os.getppid()):\n"
            "    try: os.kill(pid, signal.SIGKILL)\n    except OSError as e: print(type(e).__name__)\n"
            "import resource\nresource.prlimit(os.getppid(), resource.RLIMIT_CPU, (0, 0))"
        )
        assert judged(kind, program).reason == "program_error"
        assert victim.poll() is None
        victim.kill()


def test_others_cannot_be_killed_by_the_signal_of_a_descriptor(kind: sandbox.Kind) -> None:
    with subprocess.Popen(["sleep", "60"]) as victim:
        program = (
            f"import fcntl, os\nreader, writer = os.pipe()\nfcntl.fcntl(reader, fcntl.F_SETOWN, {victim.pid})\n"
            "fcntl.fcntl(reader, 10, 9)\nfcntl.fcntl(reader, fcntl.F_SETFL, os.O_ASYNC)\nos.write(writer, b'x')"
        )
        assert judged(kind, program).reason == "program_error"
        assert victim.poll() is None
        victim.kill()


def test_a_program_has_no_place_to_write_but_one(kind: sandbox.Kind) -> None:
    program = """import os
for place in ('/', '/dev/', '/dev/shm/', '/coldstart/', '/etc/', '/usr/', '/proc/1/mem', '/proc/self/comm'):
    try: print(place, os.open(place + 'x' * place.endswith('/'), os.O_RDWR | os.O_CREAT))
    except OSError: pass
"""
    assert "output" not in (judged(kind, program).details or {})


FILLS = {
    "files without a name": (
        "import os\nkept = []\nwhile True:\n    kept.append(os.open('x', os.O_RDWR | os.O_CREAT))\n    os.unlink('x')\n"
        "    os.write(kept[-1], bytes(8 * 2**20))"
    ),
    "empty files": "import os\nn = 0\nwhile True:\n    n += 1\n    os.close(os.open(str(n), os.O_CREAT | os.O_WRONLY))",
    "deep folders": "import os\nwhile True:\n    os.mkdir('d' * 99)\n    os.chdir('d' * 99)",
}


@pytest.mark.parametrize("program", FILLS.values(), ids=FILLS)
def test_files_that_are_hard_to_see_count_and_go(
    kind: sandbox.Kind, program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert judged(kind, program).reason in ("program_error", "disk_limit")
    assert list(tmp_path.iterdir()) == []


def test_a_verifier_that_is_killed_takes_the_program_with_it(kind: sandbox.Kind, tmp_path: Path) -> None:
    call = (
        "from pipeline.program.response import Code\nfrom pipeline.verifiers.code import Task, judge_in\n"
        "program = 'import time\\ndef f(x): time.sleep(300)'\n"
        f"judge_in({kind!r}, Task(test='f(3)', timeout_s=300), Code(program, True))"
    )
    before = program_processes()
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", call], env=environment) as verifier:
        deadline = time.monotonic() + 60
        while len(started := program_processes() - before) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        verifier.kill()
    assert started
    assert wait_for_end_of(started) == set()


def test_without_descriptors_there_is_no_verdict_and_nothing_is_left(
    kind: sandbox.Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = sorted(os.listdir("/proc/self/fd"), key=int)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    for more in range(1, 8):
        resource.setrlimit(resource.RLIMIT_NOFILE, (int(before[-1]) + more, limits[1]))
        try:
            verdict = judged(kind, RIGHT)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert verdict.reason in ("verifier_error", "all_passed")
    assert sorted(os.listdir("/proc/self/fd"), key=int) == before
    assert list(tmp_path.iterdir()) == []


def test_a_program_cannot_fill_the_disk(kind: sandbox.Kind) -> None:
    program = "for n in range(10_000):\n    open(f'file{n}', 'wb').write(bytes(10**7))"
    assert judged(kind, program).reason in ("program_error", "disk_limit")


@pytest.mark.slow
def test_a_thousand_programs_leave_no_process_and_no_file(
    kind: sandbox.Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    programs = [RIGHT, "import os\nos.fork()", "while True: pass", "open('a', 'w').write('x')", "import os\nos.abort()"]
    n = int(os.environ.get("COLDSTART_PROGRAMS", "200"))
    before = program_processes()
    with ThreadPoolExecutor(8) as pool:
        verdicts = list(pool.map(lambda i: judged(kind, programs[i % 5], timeout_s=0.5), range(n)))
    assert {verdict.reason for verdict in verdicts[::5]} <= {"all_passed", "time_limit"}
    assert not any(verdict.outcome == "correct" for i, verdict in enumerate(verdicts) if i % 5)
    assert wait_for_end_of(program_processes() - before) == set()
    assert list(tmp_path.iterdir()) == []


def test_a_failed_test_is_named(kind: sandbox.Kind) -> None:
    verdict = judged(kind, "def f(x):\n    print('hello')\n    return 4")
    assert (verdict.reason, verdict.failed_step, verdict.score) == ("test_failed", 2, 0.5)
    assert verdict.details == {
        "sandbox": kind, "n_tests": 2, "n_passed": 1, "tests": ["passed", "AssertionError"], "output": "hello\nhello\n",
    }  # fmt: skip


def test_tests_that_need_what_cannot_cross_are_no_verdict(kind: sandbox.Kind) -> None:
    verdict = judged(kind, RIGHT, "import io\nassert f(io.StringIO()) == 1")
    assert (verdict.outcome, verdict.reason) == ("undecided", "verifier_error")


def test_a_value_that_cannot_cross_is_no_expected_exception(kind: sandbox.Kind) -> None:
    test = "try:\n    f(object())\n    assert False\nexcept Exception:\n    pass"
    assert judged(kind, RIGHT, test).reason == "verifier_error"
    assert judged(kind, RIGHT, "assert f([1] * 6_000_000) == 1").reason == "verifier_error"
    assert judged(kind, "def f(x): return 0", ["assert f(3) == 4", test]).reason == "test_failed"


@pytest.mark.parametrize(
    "program", ["import numpy as np\n" + RIGHT, "def f(x):\n    import no_such_library\n    return 4"]
)
def test_a_program_that_needs_a_library_that_is_not_there_is_not_wrong(kind: sandbox.Kind, program: str) -> None:
    verdict = judged(kind, program)
    assert (verdict.outcome, verdict.reason) == ("undecided", "verifier_error")
    assert "ModuleNotFoundError: No module named" in str(verdict.details)
    assert verdict.details["missing_library"] in ("numpy", "no_such_library")


def test_a_missing_library_is_named_without_its_parts_and_only_where_it_came_first(kind: sandbox.Kind) -> None:
    assert judged(kind, f"from scipy.special import comb\n{RIGHT}").details["missing_library"] == "scipy"
    wrong_first = "def f(x):\n    if x > 3:\n        import numpy\n    return 0"
    assert "missing_library" not in judged(kind, wrong_first).details
    unnamed = judged(kind, "raise ModuleNotFoundError")
    assert unnamed.details["missing_library"] == "unknown"


def test_a_program_may_do_without_a_library(kind: sandbox.Kind) -> None:
    assert judged(kind, f"try:\n    import numpy\nexcept ImportError:\n    numpy = None\n{RIGHT}").outcome == "correct"


@pytest.mark.parametrize("test", ["import numpy\nassert f(3) == 4", "import asyncio\nassert asyncio.run(f(3)) == 4"])
def test_what_tests_need_and_is_not_there_is_not_the_fault_of_the_program(kind: sandbox.Kind, test: str) -> None:
    verdict = judged(kind, RIGHT, test)
    assert verdict.reason == "verifier_error"
    assert "missing_library" not in verdict.details


def test_tests_that_never_call_the_program_prove_nothing(kind: sandbox.Kind) -> None:
    verdict = judged(kind, RIGHT, "if False:\n    f(1)\nassert True")
    assert (verdict.outcome, verdict.reason) == ("undecided", "verifier_error")


def test_broken_tests_are_not_the_fault_of_the_program(kind: sandbox.Kind) -> None:
    for prefix in ("import no_such_module\n", "class A:\n    import no_such_module\n"):
        verdict = judged(kind, RIGHT, TESTS, prefix=prefix)
        assert (verdict.outcome, verdict.reason) == ("undecided", "verifier_error")
        assert "missing_library" not in verdict.details


def test_complete_functions_of_the_prefix_are_the_tests_own(kind: sandbox.Kind) -> None:
    prefix = 'def wanted(x):\n    return x + 1\n\ndef f(x):\n    """One more."""\n'
    test = "def check(g):\n    assert g(1) == wanted(1)\n    assert g(5) == wanted(5)"
    fields = {"prefix": prefix, "entry_point": "f"}
    assert judged(kind, "    return x + 1", test, **fields).outcome == "correct"
    assert judged(kind, "    return 0\ndef wanted(x):\n    return 0", test, **fields).outcome == "incorrect"


def test_a_function_may_have_the_name_of_a_builtin_where_the_task_says_so(kind: sandbox.Kind) -> None:
    program = "def sum(a, b):\n    return a + b"
    assert judged(kind, program, "assert sum(10, 15) == 25", entry_point="sum").outcome == "correct"


@pytest.mark.parametrize(
    "test", ["", [], "assert 1 == 1", "x = (", ["assert f(1)", "else:"], "assert f('\0')", "x = f()"]
)
def test_a_task_that_tests_nothing_is_refused(test: Any) -> None:
    with pytest.raises(ValueError, match=r"test( \d)?(, line \d)?: found"):
        Task(test=test)


def test_what_is_wrong_with_a_task_is_told() -> None:
    wanted = "an assertion, call, loop, with, try, test function or TestCase"
    told = {
        ("x = f()", ""): f"test: found no test, wanted {wanted}",
        ("assert sum([1]) == 1", ""): "; where the program defines a builtin such as sum, name it in entry_point",
        ("assert f(1)", "x = = 1"): "prefix: found what is no Python at line 1 (invalid syntax), wanted code",
    }
    for (test, prefix), error in told.items():
        assert error in str(task_error("code", {"test": test, "prefix": prefix}))


def test_without_a_sandbox_a_run_stops_unless_it_may_go_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "available", lambda: dict.fromkeys(sandbox.SANDBOXES, "broken"))
    task = Task(test=TESTS)
    with pytest.raises(BackendError, match="install bubblewrap"):
        verify(task, Rollout(RIGHT))
    allowed = verify(task, Rollout(RIGHT), Config(allow_unsandboxed=True))
    assert (allowed.outcome, (allowed.details or {})["sandbox"]) == ("correct", "none")


def test_near_misses_fail() -> None:
    task = Task(**code.EXAMPLES[0][0])
    found = list(near_misses(task, code.EXAMPLES[0][1]))
    assert {miss.kind for miss in found} == {"other_comparison", "other_operator", "constant_off_by_one", "no_return"}
    outcomes = {(miss.kind, verify(task, Rollout(miss.response)).outcome) for miss in found}
    assert ("no_return", "incorrect") in outcomes
    assert ("other_comparison", "incorrect") in outcomes


@pytest.mark.slow
def test_humaneval_solutions_pass_and_empty_ones_do_not(shared_data: Path) -> None:
    with gzip.open(shared_data / "humaneval" / "HumanEval.jsonl.gz", "rt") as file:
        records = [json.loads(line) for line in file]
    assert len(records) == 164
    for response, outcome in (("canonical_solution", "correct"), ("", "incorrect")):
        failed = []
        for record in records:
            task = Task(prefix=record["prompt"], test=record["test"], entry_point=record["entry_point"])
            verdict = verify(task, Rollout(record.get(response, "    pass")))
            failed += [] if verdict.outcome == outcome else [(record["task_id"], verdict)]
        assert failed == []


@pytest.mark.slow
def test_mbpp_solutions_pass(shared_data: Path) -> None:
    with gzip.open(shared_data / "mbpp" / "mbpp.jsonl.gz", "rt") as file:
        records = [json.loads(line) for line in file]
    failed = []
    for record in records[::5]:
        setup = [record["test_setup_code"]] if record["test_setup_code"].strip() else []
        entry_point = "sum" if record["task_id"] == 126 else ""
        task = Task(test=[*setup, *record["test_list"]], entry_point=entry_point)
        verdict = verify(task, Rollout(record["code"]))
        failed += [] if verdict.outcome == "correct" else [(record["task_id"], verdict.reason)]
    assert failed == []
