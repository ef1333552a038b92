"""What a command takes: `python measure.py COMMAND ...` prints its seconds, memory and output as JSON.

A process of its own, of the standard library only, because the memory of the process that starts a command is counted
as the command's: Linux keeps the peak from before `exec`. CPU seconds and memory are those of the command and of the
processes that it waited for, by `wait4`.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any


def measured(command: list[str], environment: dict[str, str] | None = None) -> dict[str, Any]:
    """wall_s, cpu_s, peak_mib and stdout of a command; SystemExit with its errors where it failed.

    Python may keep bytecode, as it does by default: parsing libraries anew would be most of a short command.
    """
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-I", __file__, *command],
        capture_output=True,
        text=True,
        env={**inherited, **(environment or {})},
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _run(command: list[str]) -> int:
    with tempfile.TemporaryFile("w+") as output:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=output)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        output.seek(0)
        cpu, peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
        print(json.dumps({"wall_s": wall, "cpu_s": cpu, "peak_mib": peak, "stdout": output.read()}))
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(_run(sys.argv[1:]))
