"""Writes docs/sweep-files.md and docs/metrics.md from the descriptions in the code.

``--check`` compares instead.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from cvae_core.config import TrialConfig
from cvae_core.evaluation.metric import Metric
from cvae_core.evaluation.metrics import METRICS
from cvae_core.evaluation.parts import PARTS
from cvae_core.presets import PRESETS
from cvae_core.settings import item_type, setting_name
from orchestration.spec.flat_names import flat
from orchestration.spec.reported import Reported
from orchestration.spec.search import Objective, Parameter, Scheduler, Search
from orchestration.spec.sweep import SweepSpec
from orchestration.spec.trial_names import setting_text

HERE = Path(__file__).parent
HEAD = """\
# Sweep files

A sweep file is YAML 1.2: plain mappings, lists and values (no anchors, no tags; `1e-3` is a number,
`010` and `1_000` are refused, `no` is text).
`cvae-sweep validate FILE` names every mistake with its line. `cvae-sweep plan FILE` lists the
trials, `plan FILE --estimate` says how long they will take on this machine.

    name: mnist_beta
    base:                           # settings of every trial
      data: {name: mnist}
      epochs: 20
    grid:                           # every combination; a VAE has no λ, so it runs once for all
      model: [vae, cvae]
      beta: [1.0e-3, 1.0e-5, 1.0e-8]
    seeds: [0, 1, 2, 3, 4, 5, 6]    # the fewest at which each of three β can have a verdict

Settings in groups are written nested (`data: {name: mnist}`), in `grid` and with `--set` also with
dots: `--set epochs=3`, `--set views.hue=0.2`, `--set checkpoints.every_epochs=5`. A list takes the
place of the setting's grid: `--set 'beta=[1e-3,1e-4]'` (in quotes, as brackets mean something to
shells).

`extends: other.yaml` begins with the content of another sweep file of the same folder; what stands
in the extending file wins, setting by setting, and a single value in `base` also wins over a list
in the other's `grid`. The name is not inherited.

A trial is known by a hash of its settings. The order of a file, its name, resources (but
`pack`), checkpoints and evaluation are not part of it, nor is anything that means nothing to the
trial's model: change them, run the file again, and finished trials stay finished.

This page is written by `docs/generate.py`.
"""

PARTS_HEAD = """
### The parts' own settings

A part is `true`, `false`, or on with settings: `umap: {neighbours: 30, shared: true}`. Each part of
each trial has its own state. One whose settings are changed is measured again by the next `run`;
`cvae-sweep evaluate NAME` adds what is missing, on the checkpoints that are there.
"""
SEARCHES = (
    ("## `search`: trials asked for one after another (`docs/search.md`)", Search),
    ("### A setting in `search.space`: exactly one of `log`, `range` and `choice`", Parameter),
    ("### Each of `search.objectives`", Objective),
    ("## `scheduler`: stops trials early that do badly (`docs/early-stopping.md`)", Scheduler),
)
METRICS_HEAD = """\
# Metrics

Names are the same in MLflow, in `status --json` and in tables. Test images are looked at once, by
the evaluation after training; what is measured on validation is named `val/…`: `fd/mnist-cnn`
becomes `val/fd_mnist-cnn`, `test/elbo` becomes `val/elbo`; there the N of distances is what the
default `validation_fraction` holds out unless the name says another. Figures of another extractor,
another number of images or another protocol have other names, so that what has one name can be
compared.

Figures of an extractor `…-cnn` (fd/, kid/, precision, recall, density, coverage) compare only on
one classifier: each machine's processor may train another one from the same images. A sweep keeps
its own; of several, `compare` looks at the classifier's digest and leaves out what differs.

Random numbers of an evaluation (prior samples, posterior noise, which images are drawn) are the
same for every trial. *Not across* names settings that change what a figure measures: trials that
differ in one of them are not to be compared by it, and a search or a scheduler does not do it.

This page is written by `docs/generate.py` from `cvae_core/evaluation/metrics.py` and the parts'
declarations.
"""


POWERS = {2**32: "2^32", 2**63: "2^63"}


def main() -> int:
    """Write or check the pages; the exit code."""
    code = 0
    for target, page in (("sweep-files.md", sweep_files()), ("metrics.md", metrics())):
        text = "\n".join(page) + "\n"
        if sys.argv[1:] != ["--check"]:
            (HERE / target).write_text(text)
        elif not (HERE / target).exists() or (HERE / target).read_text() != text:
            print(f"docs/{target} is not what the code says; run python docs/generate.py")
            code = 1
    return code


def metrics() -> Iterator[str]:
    """The page of metrics, a line or a table at a time."""
    yield METRICS_HEAD
    rows = (
        (
            code(metric.name),
            metric.title,
            metric.definition,
            {"higher": "↑", "lower": "↓", None: ""}[metric.better],
            metric.unit,
            metric.source,
            changes(metric),
        )
        for metric in METRICS
    )
    head = ("metric", "in tables", "what it is", "better", "unit", "source", "not across")
    yield from table(head, rows)


def changes(metric: Metric) -> str:
    """The settings across which a metric compares nothing."""
    words = [", ".join(map(code, metric.depends))] if metric.depends else []
    if metric.depends_cvae:
        words.append("of a CVAE " + ", ".join(map(code, metric.depends_cvae)))
    if metric.depends_augmented:
        words.append("with `augment` " + ", ".join(map(code, metric.depends_augmented)))
    return "; ".join(words)


def sweep_files() -> Iterator[str]:
    """The page of sweep files, a line or a table at a time."""
    yield HEAD
    yield "## Sections\n"
    yield from table(("section", "default", "meaning"), sections(SweepSpec))
    for name in ("resources", "checkpoints", "evaluation"):
        model = SweepSpec.model_fields[name].annotation
        yield f"\n## `{name}`: {SweepSpec.model_fields[name].description}\n"
        yield from table(("setting", "values", "default", "meaning"), fields(model))
    yield PARTS_HEAD
    rows = (row for name, part in PARTS.items() for row in settings(part.settings, f"{name}."))
    yield from table(("setting", "values", "default", "meaning"), rows)
    yield f"\n## `paper`: {SweepSpec.model_fields['paper'].description}\n"
    yield "A list; each item has\n"
    yield from table(("setting", "values", "default", "meaning"), fields(Reported))
    for title, model in SEARCHES:
        yield f"\n{title}\n"
        yield from table(("setting", "values", "default", "meaning"), fields(model))
    yield "\n## A trial's settings, in `base` and `grid`\n"
    yield from table(("setting", "values", "default", "meaning"), settings(TrialConfig))
    yield "\n## What a data set changes in these defaults\n"
    yield from table(("setting", "default", *map(code, PRESETS)), presets())


def sections(model: Any) -> Iterator[tuple[str, ...]]:
    """Rows of the top level."""
    for name, field in model.model_fields.items():
        default = "required" if field.default is PydanticUndefined else ""
        if not isinstance(field.default, BaseModel) and not default:
            default = code({"base": {}, "grid": {}}.get(name, field.default))
        yield code(name), default or "below", field.description
    yield code("extends"), "", "a sweep file in the same folder to begin with"


def fields(model: Any) -> Iterator[tuple[str, ...]]:
    """Rows of a section."""
    for name, field in model.model_fields.items():
        allowed = values(field.annotation, limits_of(field.metadata))
        default = "required" if field.default is PydanticUndefined else shown(field.default)
        yield code(name), allowed, default, field.description


def shown(default: Any) -> str:
    """A default as a sweep file writes it."""
    if isinstance(default, list) and default and isinstance(default[0], BaseModel):
        return code([str(item.model_dump(exclude_none=True)).replace("'", "") for item in default])
    return code(default)


def limits_of(metadata: Any) -> dict[str, float]:
    """The limits among what pydantic knows of a field."""
    return {
        kind: getattr(item, kind)
        for item in metadata
        for kind in ("gt", "ge", "lt", "le")
        if getattr(item, kind, None) is not None
    }


def settings(
    cls: Any, prefix: str = "", where: Mapping[str, Any] = MappingProxyType({})
) -> Iterator[tuple[str, ...]]:
    """Rows of a trial's settings; those of groups under their dotted names."""
    hints = get_type_hints(cls)
    for field in dataclasses.fields(cls):
        meta, hint = field.metadata, hints[field.name]
        means = meta["where"] or where
        name, item = f"{prefix}{setting_name(field)}", item_type(hint)
        if dataclasses.is_dataclass(hint):
            yield from settings(hint, f"{name}.", means)
            continue
        doc = meta["doc"] + (f" ({alone(means)})" if means else "")
        if field.name == "seed":
            continue  # a section of its own
        default = list(field.default) if isinstance(field.default, tuple) else field.default
        kind = "list of mappings" if item else values(hint, meta["limits"])
        yield code(name), kind, code(default), doc
        if item:
            yield from settings(item, f"{name}[].", means)


def alone(where: Mapping[str, Any]) -> str:
    """Where alone a setting means something."""
    words = [
        "CVAE" if name == "model" else code(f"{name}: {setting_text(value)}")
        for name, value in where.items()
    ]
    return f"{words[0]} alone" if len(words) == 1 else ", or ".join(words)


def presets() -> Iterator[tuple[str, ...]]:
    """Rows of the data sets' own defaults, a column each."""
    declared = flat(TrialConfig().to_settings())
    presets = [flat(preset) for preset in PRESETS.values()]
    for name in dict.fromkeys(name for preset in presets for name in preset):
        default = declared[name]
        yield code(name), code(default), *(code(preset.get(name, default)) for preset in presets)


def values(hint: Any, limits: dict[str, float]) -> str:
    """What a setting may be, in words."""
    signs = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
    range_ = ", ".join(
        f"{signs[kind]} {POWERS.get(limit, f'{limit:g}')}" for kind, limit in limits.items()
    )
    kind = kind_of(hint)
    if kind.endswith(" or `null`") and range_:
        return f"{kind.removesuffix(' or `null`')} {range_}, or `null`"
    return f"{kind} {range_}".strip()


def kind_of(hint: Any) -> str:
    """A type in a reader's words."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is type(None):
        return "`null`"
    if origin is Literal:
        return ", ".join(code(argument) for argument in arguments)
    if origin is Union or origin is type(int | None):
        return " or ".join(kind_of(argument) for argument in arguments)
    if origin is dict:
        return "settings"
    if origin is list:
        settings_of_each = arguments[0] in (Any, Objective) or get_origin(arguments[0]) is dict
        return "list" if settings_of_each else f"list of {kind_of(arguments[0])}s"
    if origin is tuple:
        several = kind_of(arguments[0])
        several += "" if get_origin(arguments[0]) is Literal else "s"
        return f"list of {several}" + ("" if ... in arguments else ", two")
    if hasattr(hint, "__metadata__"):
        limits = [limits_of(getattr(item, "metadata", [])) for item in hint.__metadata__]
        return values(arguments[0], {k: v for found in limits for k, v in found.items()})
    return {int: "integer", float: "number", bool: "true or false", str: "text"}[hint]


def code(value: Any) -> str:
    """A value as a sweep file writes it."""
    if value is None or isinstance(value, bool):
        return f"`{str(value).lower() if value is not None else 'null'}`"
    if isinstance(value, float):
        return f"`{value:.4g}`"
    if isinstance(value, list):
        return "`[" + ", ".join(code(item).strip("`") for item in value) + "]`"
    return f"`{value}`" if value != "" else ""


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    """A Markdown table."""
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


if __name__ == "__main__":
    sys.exit(main())
