"""The libraries we are compared with, each in an environment of its own, with pinned versions."""

from pathlib import Path

from benchmarks import environments

PEERS = {
    # its `requests` is not among its requirements
    "distilabel": ("distilabel[openai]==1.5.3", "openai==3.54.0", "requests==2.*"),
    "bespokelabs-curator": ("bespokelabs-curator==0.1.31",),
}


def python_of(peer: str) -> Path:
    """The interpreter of an environment with `peer`; environments.NotInstalled where there is none."""
    return environments.python_of(peer, PEERS[peer])
