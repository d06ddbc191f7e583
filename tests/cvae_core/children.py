"""Code in processes of their own, children of one that has imported what takes long.

That one is given lines of JSON: Python's ``code``, its ``arguments``, and the ``variables`` of its
environment.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Run = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).parents[2]


@contextmanager
def children_of(module: str) -> Iterator[Run]:
    """``run("code", "argument", …, VARIABLE=…)``: its status, output and errors.

    A child has that module imported, and whatever that one imports, but none of its names. It ends
    without the clean-up of an interpreter's end.
    """
    command = [sys.executable, "-m", "tests.cvae_core.children", module]
    server = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdin is not None
    assert server.stdout is not None
    given, found = server.stdin, server.stdout

    def run(code: str, *arguments: str, **variables: str) -> tuple[int, str, str]:
        asked = {"code": code, "arguments": arguments, "variables": variables}
        given.write(json.dumps(asked) + "\n")
        given.flush()
        line = found.readline()
        assert line, "the process whose children are asked for has ended"
        status, out, err = json.loads(line)
        return status, out, err

    with server:
        yield run
        given.close()


def _in_a_child(asked: dict[str, Any]) -> tuple[int, str, str]:
    """Its status, and what it writes."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        pid = os.fork()
        if pid == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            os.environ.update(asked["variables"])
            sys.argv = ["-c", *asked["arguments"]]
            try:
                exec(asked["code"], {"__name__": "__main__"})
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)
        status = os.waitpid(pid, 0)[1]
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read())
        return (status, *texts)


if __name__ == "__main__":
    importlib.import_module(sys.argv[1])
    for line in sys.stdin:
        print(json.dumps(_in_a_child(json.loads(line))), flush=True)
