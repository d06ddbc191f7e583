"""``make compat``: what leans on other packages, tested with the oldest and the newest of them.

Two virtual environments are made in ``.compat``: in ``oldest`` each direct dependency is at the
lower end of its range in ``pyproject.toml``, in ``newest`` there is what pip chooses by itself.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".compat"
TESTS = (
    "tests/cvae_core",
    "tests/orchestration/compare",
    "tests/orchestration/engine",
    "tests/orchestration/spec",
    "tests/orchestration/study",
    "tests/orchestration/tracking",
    "tests/e2e/test_listening.py",
    "tests/e2e/test_run.py",
    "tests/e2e/test_search.py",
    "tests/faults/test_faults.py",
)


def main(chosen: list[str]) -> int:
    """Exit code: 1 where a test failed."""
    failed = [name for name in chosen or ["oldest", "newest"] if not passes(name)]
    print(f"failed with the {' and the '.join(failed)} versions" if failed else "all passed")
    return int(bool(failed))


def passes(which: str) -> bool:
    """Whether the tests pass with the ``oldest`` or the ``newest`` versions, freshly installed."""
    python = FOLDER / which / "bin" / "python"
    constraints = FOLDER / f"{which}.txt"
    subprocess.run([sys.executable, "-m", "venv", "--clear", FOLDER / which], check=True)
    constraints.write_text("\n".join(oldest() if which == "oldest" else []))
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "-c", constraints, "-e", f"{ROOT}[test]"], check=True)
    there = subprocess.run([*pip, "freeze"], check=True, stdout=subprocess.PIPE, text=True).stdout
    names = {line.partition("==")[0] for line in oldest()}
    shown = [line for line in there.splitlines() if line.partition("==")[0].lower() in names]
    print(which, *shown, flush=True)
    return subprocess.run([python, "-m", "pytest", *TESTS], cwd=ROOT).returncode == 0


def oldest() -> list[str]:
    """The lower end of each range, as pip wants it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [
        line.partition(",")[0].replace("[tune]", "").replace(">=", "==")
        for line in project["dependencies"]
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
