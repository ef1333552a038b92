"""Take from a process all that computing does not need: network, other processes, writing, the environment.

Covers: sockets, new processes and programs, signals, writing to anything but descriptors that are already open
(seccomp, a list of the system calls that are allowed); reading outside Python's own folders (Landlock, where the
kernel has it); memory and processor time (rlimits). It holds for the rest of the process's life and needs no rights.

Does not cover: what a process does to itself, and its answers: they are as trustworthy as the code that ran in it.
Linux on x86-64 and arm64 only.
"""

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
import sysconfig
from collections.abc import Iterable
from typing import NamedTuple

MEMORY_BYTES = 2 * 1024**3

PR_SET_PDEATHSIG = 1
PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2
SECCOMP_RET_KILL = 0x80000000
SECCOMP_RET_ALLOW = 0x7FFF0000
SECCOMP_RET_EPERM = 0x00050001

LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446
LANDLOCK_RULE_PATH_BENEATH = 1
LANDLOCK_ALL = (1 << 13) - 1
"""All rights over files that the first version of Landlock knows."""
LANDLOCK_READ = 1 << 2 | 1 << 3
LANDLOCK_WRITE = 1 << 1 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 12
"""Writing, and removing and making of files, folders and symbolic links; no devices, sockets or pipes."""
LANDLOCK_OF_A_FILE = 1 << 1 | 1 << 2
"""The rights that a path that is no folder can have."""

WRITING = os.O_ACCMODE | os.O_CREAT | os.O_TRUNC | (getattr(os, "O_TMPFILE", 0) & ~getattr(os, "O_DIRECTORY", 0))
"""Flags of `openat` that no confined process may set."""


class _Machine(NamedTuple):
    """A processor's number in the audit interface, of `openat`, and of the system calls that are always allowed."""

    audit: int
    openat: int
    allowed: tuple[int, ...]


# read write close stat fstat lstat poll lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask rt_sigreturn pread64
# readv writev access sched_yield mremap madvise nanosleep getpid exit getcwd readlink gettimeofday sigaltstack gettid
# futex sched_getaffinity getdents64 clock_gettime clock_nanosleep exit_group newfstatat readlinkat faccessat getrandom
# statx rseq faccessat2
_X86_64 = (
    0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 19, 20, 21, 24, 25, 28, 35, 39, 60, 79, 89, 96, 131, 186,
    202, 204, 217, 228, 230, 231, 262, 267, 269, 318, 332, 334, 439,
)  # fmt: skip
_ARM64 = (
    63, 64, 57, 80, 73, 62, 222, 226, 215, 214, 134, 135, 139, 67, 65, 66, 124, 216, 233, 101, 172, 93, 17, 169, 132,
    178, 98, 123, 61, 113, 115, 94, 79, 78, 48, 278, 291, 293, 439,
)  # fmt: skip
_MACHINES = {"x86_64": _Machine(0xC000003E, 257, _X86_64), "aarch64": _Machine(0xC00000B7, 56, _ARM64)}


class CannotConfine(OSError):
    """This system offers no way to confine a process."""


def confine(seconds: float) -> None:
    """Confine this process for good; more than `seconds` of processor time kill it. Raises CannotConfine.

    Close every descriptor that the process shall not write to before.
    """
    here = machine()
    processor_seconds = int(seconds) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (processor_seconds, processor_seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    _call(libc.prctl, PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _call(libc.prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    install_filter(_program(here))


def install_filter(code: bytes) -> None:
    """Hold this process, all its threads to come, to a seccomp filter; PR_SET_NO_NEW_PRIVS must be set."""
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer)))
    _call(libc.prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0)


def limit_memory() -> None:
    """An allocation above the limit is a MemoryError from now on, here and in processes that this one starts."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def read_only_python(readable: Iterable[str] = (), writable: Iterable[str] = ()) -> bool:
    """Let this process, and those it starts, open nothing but Python's own folders to read; whether that was possible.

    Linux's `/proc`, with what other processes of the same user have in their environment, is then closed as well.
    More folders and files may be opened: `readable` ones to read, `writable` ones to write in too; absent ones are
    passed over.
    """
    if not sys.platform.startswith("linux"):
        return False
    own = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    rights = dict.fromkeys(filter(os.path.exists, [*own, *readable]), LANDLOCK_READ)
    rights |= dict.fromkeys(filter(os.path.exists, writable), LANDLOCK_READ | LANDLOCK_WRITE)
    libc = ctypes.CDLL(None, use_errno=True)
    handled = ctypes.create_string_buffer(struct.pack("=Q", LANDLOCK_ALL), 8)
    rules = libc.syscall(LANDLOCK_CREATE_RULESET, handled, ctypes.c_size_t(8), 0)
    if rules < 0:
        return False
    for path, granted in rights.items():
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        fitting = granted if os.path.isdir(path) else granted & LANDLOCK_OF_A_FILE
        beneath = ctypes.create_string_buffer(struct.pack("=Qi", fitting, place), 12)
        _call(libc.syscall, LANDLOCK_ADD_RULE, rules, LANDLOCK_RULE_PATH_BENEATH, beneath, 0)
        os.close(place)
    _call(libc.prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _call(libc.syscall, LANDLOCK_RESTRICT_SELF, rules, 0)
    os.close(rules)
    return True


def machine() -> _Machine:
    """This processor's system calls. Raises CannotConfine where there is no list of them."""
    found = _MACHINES.get(platform.machine())
    if found is None or not sys.platform.startswith("linux") or sys.maxsize < 2**32:
        raise CannotConfine(f"there is no confinement for {sys.platform} on {platform.machine()}")
    return found


def _call(function: "ctypes._NamedFuncPointer", *arguments: object) -> None:
    if function(*(ctypes.c_ulong(value) if isinstance(value, int) else value for value in arguments)):
        raise CannotConfine(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _program(machine: _Machine) -> bytes:
    """The seccomp filter: allowed calls pass, `openat` only to read, anything else is EPERM."""
    load, is_equal, mask, answer = 0x20, 0x15, 0x54, 0x06
    number, arch, third_argument = 0, 4, 32
    rules = [
        (load, 0, 0, arch),
        (is_equal, 1, 0, machine.audit),
        (answer, 0, 0, SECCOMP_RET_KILL),
        (load, 0, 0, number),
    ]
    for allowed in machine.allowed:
        rules += [(is_equal, 0, 1, allowed), (answer, 0, 0, SECCOMP_RET_ALLOW)]
    rules += [
        (is_equal, 0, 4, machine.openat),
        (load, 0, 0, third_argument),
        (mask, 0, 0, WRITING),
        (is_equal, 0, 1, 0),
        (answer, 0, 0, SECCOMP_RET_ALLOW),
        (answer, 0, 0, SECCOMP_RET_EPERM),
    ]
    return b"".join(struct.pack("=HBBI", *rule) for rule in rules)
