from __future__ import annotations

import gc

from orchestration import garbage


def test_while_modules_are_imported_garbage_is_looked_for_rarely() -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    try:
        with garbage.importing():
            assert gc.get_threshold()[0] == garbage.EVERY > before[0]
        assert gc.get_threshold() == before
        assert gc.get_freeze_count() > frozen
    finally:
        gc.unfreeze()
