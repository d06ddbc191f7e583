from __future__ import annotations

import pytest

from tests.orchestration.writes.disk import Disk


@pytest.fixture(scope="session")
def disk() -> Disk:
    """``with disk.watching(folder) as record: …``; such a hook cannot be taken out again."""
    return Disk()
