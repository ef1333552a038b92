"""The folder that a program may write in: whether it holds too much, and its end.

What is in it is hostile: folders that are deep or may not be read, links to the host's files, open files without a
name. No link is followed, and nothing here is deeper or longer because the folder is.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

MAX_FILES = 10_000
"""Most files and folders that a program may have at a time: each takes memory or disk of its own."""
MAX_PATH = 2_000
"""Longest path, in characters: what is deeper could not be measured."""


def is_overfull(folder: Path, process: int, most_bytes: int) -> bool:
    """Whether there are more than `most_bytes` or MAX_FILES in a folder, or what cannot be measured.

    Files that a process has open or mapped count as well where they have no name any more.
    """
    total, n_files, left = _unnamed_bytes(folder, process, most_bytes), 0, [str(folder)]
    while left:
        try:
            with os.scandir(left.pop()) as entries:
                for entry in entries:
                    total += entry.stat(follow_symlinks=False).st_size
                    n_files += 1
                    if total > most_bytes or n_files > MAX_FILES or len(entry.path) > MAX_PATH:
                        return True
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
        except (FileNotFoundError, NotADirectoryError):
            continue  # removed since its name was read
        except OSError:
            return True
    return total > most_bytes


def _unnamed_bytes(folder: Path, process: int, most_bytes: int) -> int:
    """Bytes of a process's removed files; 0 where that cannot be seen. One that is only mapped counts `most_bytes`."""
    sizes: dict[int, int] = {}
    with suppress(OSError):
        for line in Path(f"/proc/{process}/maps").read_text(errors="replace").splitlines():
            if line.endswith(" (deleted)") and f" {os.path.realpath(folder)}/" in line:
                sizes[int(line.split(None, 5)[4])] = most_bytes
        for name in os.listdir(f"/proc/{process}/fd"):
            with suppress(FileNotFoundError):
                found = os.stat(f"/proc/{process}/fd/{name}")
                if stat.S_ISREG(found.st_mode) and not found.st_nlink:
                    sizes[found.st_ino] = found.st_size
    return sum(sizes.values())


def has_too_many_names(process: int, size: int) -> bool:
    """Whether a process of a sandbox has more than MAX_FILES in its own /tmp, a file system of `size` bytes."""
    for each in _with_children(process):
        with suppress(OSError):
            found = os.statvfs(Path(f"/proc/{each}", "root", "tmp"))
            if found.f_blocks * found.f_frsize == size and found.f_files - found.f_ffree > MAX_FILES:
                return True
    return False


def _with_children(process: int) -> Iterator[int]:
    left = [process]
    while left:
        yield (each := left.pop())
        with suppress(OSError):
            left += map(int, Path(f"/proc/{each}/task/{each}/children").read_text().split())


def remove(folder: Path) -> None:
    """Remove a folder whose program is gone. Folders in folders are brought up, so that none is too deep."""
    prefix, numbers = os.urandom(8).hex(), count()
    with suppress(OSError):
        folder.rmdir()  # mostly it is empty; this needs no descriptor, of which there may be none left
        return
    with suppress(OSError):
        os.chmod(folder, stat.S_IRWXU)
        while entries := _entries(folder):
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    os.chmod(entry.path, stat.S_IRWXU)
                    for inner in _entries(entry.path):
                        _take_out(inner, folder / f"{prefix}{next(numbers)}")
                    os.rmdir(entry.path)
                else:
                    os.unlink(entry.path)
        folder.rmdir()


def _take_out(entry: "os.DirEntry[str]", place: Path) -> None:
    """Move a folder to a place, remove anything else."""
    if entry.is_dir(follow_symlinks=False):
        os.chmod(entry.path, stat.S_IRWXU)  # moving a folder writes in it
        os.rename(entry.path, place)
    else:
        os.unlink(entry.path)


def _entries(folder: Path | str) -> list["os.DirEntry[str]"]:
    with os.scandir(folder) as entries:
        return list(entries)
