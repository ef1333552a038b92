"""The libraries we are compared with, each in an environment of its own, with pinned versions.

`python -m benchmarks.dedup.peers` makes them all, and prints what is in them.
"""

from pathlib import Path

from benchmarks import environments

PEERS = {
    "datasketch": ("datasketch==2.0.0", "xxhash==4.1.0", "numpy==2.4.6", "scipy==1.17.1", "pyarrow==26.0.1"),
    "rensa": ("rensa==0.5.0", "numpy==2.4.6", "pyarrow==26.0.1"),
    # it wants a pyarrow below 26
    "daft": ("daft==0.7.26", "numpy==2.4.6", "pyarrow==25.0.1"),
}


def python_of(peer: str) -> Path:
    """The interpreter of an environment with `peer`; environments.NotInstalled where there is none."""
    return environments.python_of(f"dedup-{peer}", PEERS[peer])


if __name__ == "__main__":
    for name in PEERS:
        print(f"{' '.join(PEERS[name])}: {python_of(name)}")
