"""What a shell is offered for an argument that is being typed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from orchestration.directory import working_directory
from orchestration.errors import UserError
from orchestration.ledger.paths import sweep_names
from orchestration.spec.packaged import packaged_files
from orchestration.storage import storage_folder


def complete_sweep_name(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Names of the sweeps in the storage folder, as far as it was given yet."""
    try:
        names = sweep_names(storage_folder(context.params.get("storage")))
    except UserError:  # of a folder that was deleted
        return []
    return [name for name in names if name.startswith(incomplete)]


def complete_sweep_file(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """YAML files, and the sweep files that come with the package."""
    packaged = [f"sweeps/{name}" for name in packaged_files()]
    return _items(incomplete, {*_yaml_files(incomplete), *packaged})


def _items(incomplete: str, files: set[str]) -> list[CompletionItem[str]]:
    matching = sorted(file for file in files if file.startswith(incomplete))
    if not matching:  # deeper folders are the shell's own business
        return [CompletionItem(incomplete, type="file")]
    return [CompletionItem(file) for file in matching]


def _yaml_files(incomplete: str) -> Iterator[str]:
    """Files that begin so, in the folder that is being typed and one level below it."""
    folder, start = os.path.split(incomplete)
    for entry in _entries(folder):
        name = os.path.join(folder, entry.name)  # noqa: PTH118 - "./a" is to stay "./a"
        if not entry.name.startswith(start) or entry.name.startswith("."):
            continue
        if entry.is_dir():
            below = (os.path.join(name, e.name) for e in _entries(name) if e.is_file())  # noqa: PTH118
            yield from filter(_is_yaml, below)
        elif _is_yaml(name):
            yield name


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(working_directory() / Path(folder).expanduser()) as entries:
            return list(entries)
    except OSError:
        return []


def _is_yaml(name: str) -> bool:
    return name.endswith((".yaml", ".yml"))
