"""Fixtures that several packages share."""

import os
from pathlib import Path

import hypothesis
import pytest

# Never a wall-clock assertion: a loaded machine is no failure.
hypothesis.settings.register_profile("coldstart", deadline=None)
hypothesis.settings.load_profile("coldstart")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets, which is not part of the project; tests that need it skip where it is absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("COLDSTART_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"real data is not here: {folder} (set COLDSTART_SHARED_DATA to its folder)")
    return folder
