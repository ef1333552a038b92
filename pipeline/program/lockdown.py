"""What the program's own process gives up before the program starts, in every kind of sandbox.

Covers: new processes and programs, signals to others, sockets but pairs of one's own, and all other system calls that
computing does not need (seccomp, a list of those that are allowed); memory, processor time, size of a file (rlimits);
root's rights. Threads, temporary files, timers and event loops work. With folders given, also all files outside of
them (Landlock).

Does not cover: without folders, files: that is the sandbox's part. On systems without seccomp only the limits hold.
"""

import ctypes
import os
import platform
import resource
import signal
import struct
from collections.abc import Sequence
from typing import NamedTuple

from pipeline import confine
from pipeline.confine import CannotConfine, read_only_python

FILE_BYTES = 64 * 1024**2
"""Longest file that a program may write."""
OPEN_FILES = 256
THREADS = 128
"""Most threads at a time, where the program has a user id of its own; else memory is the limit."""

PR_SET_KEEPCAPS = 8
CAPABILITY_VERSION = 0x20080522
CAP_DAC_READ_SEARCH = 1 << 2
CLONE_THREAD = 0x10000
AF_UNIX = SOCK_STREAM = 1
SECCOMP_RET_ENOSYS, SECCOMP_RET_ENOTSUP, SECCOMP_RET_NOTHING = 0x00050026, 0x0005005F, 0x00050000
HARMLESS_IOCTLS = (0x5401, 0x5421, 0x5450, 0x5451)
"""TCGETS, FIONBIO, FIONCLEX, FIOCLEX."""
HARMLESS_FCNTLS = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030)
"""F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, locks, F_DUPFD_CLOEXEC. Not F_SETOWN: with F_SETSIG it kills others."""

LOAD, IS_EQUAL, HAS_ANY, MASK, ANSWER = 0x20, 0x15, 0x45, 0x54, 0x06


class Limits(NamedTuple):
    """What the program's process is held to."""

    seconds: float
    """Of processor time; more kill it."""
    memory_bytes: int
    """Address space, Python's own included."""
    uid: int | None = None
    """The user and group id to change to, for root."""
    readable: tuple[str, ...] | None = None
    """Folders and files beside Python's own that may be read; None where files are the sandbox's part."""
    writable: tuple[str, ...] = ()
    is_filtered: bool = True
    """Whether system calls are filtered; only a run that is allowed to be unsandboxed goes without."""


class _Calls(NamedTuple):
    """Numbers of the system calls that a program may make beside those of `pipeline.confine`, on one processor."""

    allowed: tuple[int, ...]
    ignored: tuple[int, ...]
    """Those that do nothing and succeed: programs copy files with them, and rights of files mean nothing here."""
    unsupported: tuple[int, ...]
    openat: int
    clone: int
    fcntl: int
    ioctl: int
    socketpair: int
    prlimit: int
    tgkill: int
    kill: int


# dup dup2 dup3 pipe pipe2 getuid geteuid getgid getegid getppid uname sysinfo times getrusage getrlimit umask
# chdir fchdir mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 symlink symlinkat ftruncate fsync
# fdatasync pwrite64 sendfile flock set_robust_list set_tid_address select pselect6 epoll_create1 epoll_ctl epoll_wait
# epoll_pwait eventfd2 sendto recvfrom shutdown getsockopt setsockopt getsockname getpeername alarm setitimer
# getitimer pause clock_getres statfs fstatfs fadvise64 getpgid getsid
# ignored: chmod fchmod fchmodat utimensat; unsupported: listxattr llistxattr
_CALLS = {
    "x86_64": _Calls(
        (
            32, 33, 292, 22, 293, 102, 107, 104, 108, 110, 63, 99, 100, 98, 97, 95, 80, 81, 83, 258, 84, 87, 263,
            82, 264, 316, 88, 266, 77, 74, 75, 18, 40, 73, 273, 218, 23, 270, 291, 233, 232, 281, 290, 44, 45, 48, 55,
            54, 51, 52, 37, 38, 36, 34, 229, 137, 138, 221, 121, 124, 271,
        ),
        ignored=(90, 91, 268, 280), unsupported=(194, 195),
        openat=257, clone=56, fcntl=72, ioctl=16, socketpair=53, prlimit=302, tgkill=234, kill=62,
    ),
    "aarch64": _Calls(
        (
            23, 24, 59, 174, 175, 176, 177, 173, 160, 179, 153, 165, 163, 166, 49, 50, 34, 35, 38, 276, 36, 46, 82,
            83, 68, 71, 32, 99, 96, 72, 20, 21, 22, 19, 206, 207, 210, 209, 208, 204, 205, 103, 102, 114, 43, 44, 223,
            155, 156,
        ),
        ignored=(52, 53, 88), unsupported=(11, 12),
        openat=56, clone=220, fcntl=25, ioctl=29, socketpair=199, prlimit=261, tgkill=131, kill=129,
    ),
}  # fmt: skip
CLONE3 = 435


def lock_down(limits: Limits) -> None:
    """Hold this process to its limits, for good. Raises CannotConfine or another OSError where that is not possible."""
    _limit("CPU", int(limits.seconds) + 2, grace=1)
    _limit("AS", limits.memory_bytes)
    _limit("FSIZE", FILE_BYTES)
    _limit("NOFILE", OPEN_FILES)
    _limit("CORE", 0)
    if not limits.is_filtered:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if limits.uid is not None:
        _limit("NPROC", THREADS)
        _change_user(libc, limits.uid, may_read_all=limits.readable is not None)
    _call(libc.prctl, confine.PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _call(libc.prctl, confine.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if limits.readable is not None and not read_only_python(limits.readable, limits.writable):
        raise CannotConfine("the kernel has no Landlock")
    confine.install_filter(_program())


def _limit(name: str, value: int, *, grace: int = 0) -> None:
    """Set a limit, never above the one that holds already; the hard one `grace` above the soft one."""
    number = getattr(resource, f"RLIMIT_{name}")
    _, hard = resource.getrlimit(number)
    hard = value + grace if hard == resource.RLIM_INFINITY else min(value + grace, hard)
    resource.setrlimit(number, (min(value, hard), hard))


def _change_user(libc: ctypes.CDLL, uid: int, *, may_read_all: bool) -> None:
    """Be another user, without root's rights; but one that may read all, where Landlock says what there is to read."""
    _call(libc.prctl, PR_SET_KEEPCAPS, int(may_read_all), 0, 0, 0)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    kept = CAP_DAC_READ_SEARCH if may_read_all else 0
    header = ctypes.create_string_buffer(struct.pack("=Ii", CAPABILITY_VERSION, 0), 8)
    _call(libc.capset, header, ctypes.create_string_buffer(struct.pack("=6I", kept, kept, 0, 0, 0, 0), 24))


def _call(function: "ctypes._NamedFuncPointer", *arguments: object) -> None:
    if function(*(ctypes.c_ulong(value) if isinstance(value, int) else value for value in arguments)):
        raise CannotConfine(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


Rule = tuple[int, int, int, int]


def _program() -> bytes:
    """The seccomp filter: allowed calls pass, some with certain arguments only, anything else is EPERM."""
    machine, calls = confine.machine(), _CALLS[platform.machine()]
    rules: list[Rule] = [
        (LOAD, 0, 0, 4),
        (IS_EQUAL, 1, 0, machine.audit),
        (ANSWER, 0, 0, confine.SECCOMP_RET_KILL),
        (LOAD, 0, 0, 0),
    ]
    for number in (*machine.allowed, *calls.allowed):
        rules += [(IS_EQUAL, 0, 1, number), (ANSWER, 0, 0, confine.SECCOMP_RET_ALLOW)]
    answers = [(number, SECCOMP_RET_NOTHING) for number in calls.ignored]
    answers += [(number, SECCOMP_RET_ENOTSUP) for number in calls.unsupported]
    answers += [(CLONE3, SECCOMP_RET_ENOSYS)]  # so that libc makes threads with clone
    for number, reply in answers:
        rules += [(IS_EQUAL, 0, 1, number), (ANSWER, 0, 0, reply)]
    own = [(0, 0xFFFFFFFF, (os.getpid(),))]
    rules += _only(calls.clone, [(0, CLONE_THREAD, (CLONE_THREAD,))])
    rules += _only(calls.openat, [(2, os.O_ACCMODE | os.O_TRUNC, _OPEN_MODES)])
    rules += _only(calls.socketpair, [(0, 0xFFFFFFFF, (AF_UNIX,)), (1, 0xF, (SOCK_STREAM,))])
    rules += _only(calls.fcntl, [(1, 0xFFFFFFFF, HARMLESS_FCNTLS)])
    rules += _only(calls.ioctl, [(1, 0xFFFFFFFF, HARMLESS_IOCTLS)])
    rules += _only(calls.prlimit, [(0, 0xFFFFFFFF, (0,))])
    rules += _only(calls.tgkill, own) + _only(calls.kill, own)
    rules += [(ANSWER, 0, 0, confine.SECCOMP_RET_EPERM)]
    return b"".join(struct.pack("=HBBI", *rule) for rule in rules)


_OPEN_MODES = tuple(mode | cut for mode in (0, 1, 2) for cut in (0, os.O_TRUNC) if mode | cut != os.O_TRUNC)
"""Ways to open a file. Cutting one that is opened to read is none of them: the first Landlock does not see it."""


def _only(number: int, conditions: Sequence[tuple[int, int, tuple[int, ...]]]) -> list[Rule]:
    """Allow a call where the low half of each argument, masked, is one of some values; else EPERM.

    A condition is (argument's place, mask, values).
    """
    body: list[Rule] = []
    for place, mask, values in conditions:
        body += [(LOAD, 0, 0, 16 + 8 * place), (MASK, 0, 0, mask)]
        for left, value in zip(range(len(values), 0, -1), values, strict=True):
            body.append((IS_EQUAL, left, 0, value))
        body.append((ANSWER, 0, 0, confine.SECCOMP_RET_EPERM))
    body.append((ANSWER, 0, 0, confine.SECCOMP_RET_ALLOW))
    return [(IS_EQUAL, 0, len(body), number), *body]
