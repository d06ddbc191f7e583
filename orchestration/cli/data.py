"""``cvae-sweep data``."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import get_args, get_type_hints

import click

from cvae_core.config import DataConfig
from cvae_core.errors import ConfigError
from orchestration.caches import find_places
from orchestration.cli.options import PlacePath, json_option
from orchestration.errors import UserError
from orchestration.plan import datasets
from orchestration.plan.data_view import data_document, data_lines
from orchestration.terminal.console import Console

_HINTS = get_type_hints(DataConfig)
NAMES, COLOURS = get_args(_HINTS["name"]), get_args(_HINTS["colour"])


HELP = f"""Fetch the data set NAME where it is missing, check it, and say what is in it.

NAME is {", ".join(name for name in NAMES if name != "folder")}, or folder: images of your own in
train/CLASS/… and test/CLASS/… below --path.
"""


@click.command(name="data", help=HELP)
@click.argument("name", type=click.Choice(NAMES), metavar="NAME")
@click.option(
    "--data-root",
    type=PlacePath(),
    help="Folder of the data sets.  [default: a cache folder of yours; for folder: the working "
    "directory]",
)
@click.option("--path", help="folder: where train/CLASS/… and test/CLASS/… lie.")
@click.option(
    "--image-size",
    type=int,
    default=DataConfig.image_size,
    show_default=True,
    help="folder: images are scaled and cut to squares of so many pixels.",
)
@click.option(
    "--colour",
    type=click.Choice(COLOURS),
    default=DataConfig.colour,
    show_default=True,
    help="folder: channels; auto: grey where every image is.",
)
@json_option
def command(  # a parameter for each option
    name: str,
    data_root: Path | None,
    path: str | None,
    image_size: int,
    colour: str,
    as_json: bool,
) -> None:
    """See ``HELP``."""
    own = {"path": path, "image_size": image_size, "colour": colour}
    given = [key for key, value in own.items() if value != getattr(DataConfig, key)]
    if given and name != "folder":
        flags = " and ".join(f"--{key.replace('_', '-')}" for key in given)
        raise UserError(f"{flags}: for images of your own alone, as `data folder` takes them")
    try:
        config = DataConfig(name=name, **own)  # type: ignore[arg-type]
    except ConfigError as error:
        name, colon, said = str(error).partition(":")  # a folder's own name may have underscores
        raise UserError(f"--{name.replace('_', '-')}{colon}{said}") from error
    console = Console(sys.stderr if as_json else None)
    moved = find_places()
    if moved is not None:
        console.warning(moved)
    began = time.monotonic()
    data = datasets.load(config, data_root, console, check=True)
    load_s = time.monotonic() - began
    content = datasets.content(config, data_root, console) if name == "folder" else None
    where = datasets.folder_of(config, data_root)
    document = data_document(data, where, content, load_s)
    if as_json:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        for line in data_lines(document):
            console.line(line)
