"""What is printed for people to copy, as shells read it."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from cvae_core.shell import shell_line
from tests.names import NAMES_AND_BYTES, WORST

WORDS = [*NAMES_AND_BYTES, WORST, "", "%s%%\\n\n'"]


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh"])
def test_a_shell_reads_the_words_that_were_meant(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    line = shell_line("printf", "%s\\0", *WORDS)
    assert line.isprintable()
    done = subprocess.run([shell, "-c", line], capture_output=True, check=True)
    assert [os.fsdecode(word) for word in done.stdout.split(b"\0")][:-1] == WORDS


def test_plain_words_stay_as_they_are() -> None:
    assert shell_line("ls", "-ld", "/a/b c", "Größe") == "ls -ld '/a/b c' 'Größe'"
