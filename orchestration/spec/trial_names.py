"""How trials are called: by the settings in which they differ within their sweep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from cvae_core.baselines import BASELINES
from cvae_core.config import TrialConfig
from cvae_core.identity import relevant
from orchestration.spec.flat_names import flat

LABELS = {
    "beta": "β",
    "lambda": "λ",
    "tau": "τ",
    "data.name": "data",
    "weights.reconstruction": "w_rec",
}
APART = ("model", "seed")
"""These have a place of their own in every name and table."""


ARMS = (
    "augment",
    "reconstruct",
    "weights.reconstruction",
    "architecture.kernel",
    "architecture.blocks",
    "architecture.decoder_input",
    "precision",
    "stages",
    "schedule.beta.shape",
    "schedule.lambda.shape",
    "schedule.learning_rate.shape",
)
"""Settings that make another model of a trial: named wherever one is not at its default."""
LONGEST = 24


class Names:
    """The settings that vary within a sweep, and what its trials are called by them.

    Args:
        settings: of all trials of the sweep, as ``settings_of`` gives them.
        searched: settings that vary in any case, under dotted names.
    """

    def __init__(self, settings: Iterable[Mapping[str, Any]], searched: Iterable[str] = ()) -> None:
        occurring: dict[str, set[str]] = {"beta": set(), "lambda": set(), "tau": set()}
        seen: dict[str, Any] = {}
        for each in settings:
            for name, value in each.items():
                if name not in seen or seen[name] is not value:  # most are the one before
                    seen[name] = value
                    occurring.setdefault(name, set()).add(repr(value))
        always = set(searched)
        occurring |= {name: set() for name in always - occurring.keys()}
        several = [name for name, values in occurring.items() if len(values) > 1 or name in always]
        self.varied = [name for name in several if name not in APART]
        """Names as in sweep files, nested ones with dots; β, λ, τ come first."""
        self.seeds = "seed" in several
        self.labels = {name: short_name(name, self.varied) for name in self.varied}
        """What the varied settings are called where there is little room."""

    def name(self, config: TrialConfig, *, seed: bool = True, model: bool = True) -> str:
        """Such as ``cvae β=0.001 λ=0.1 latent_dim=16 seed=1``; what does not vary is left out."""
        return self.name_by(settings_of(config), seed=seed, model=model)

    def name_by(self, values: Mapping[str, Any], *, seed: bool = True, model: bool = True) -> str:
        """The same of a trial whose settings are known under flat names."""
        given = [name for name in self.varied if values.get(name, []) != []]
        parts = [
            *([values["model"]] if model else []),
            *(f"{self.labels[n]}={setting_text(values[n])}" for n in given),
        ]
        seeded = seed and self.seeds and "seed" in values
        return " ".join([*parts, f"seed={values['seed']}"] if seeded else parts)


def settings_of(config: TrialConfig) -> dict[str, Any]:
    """What tells trials apart: the settings that mean something to a model, under flat names.

    Where a folder lies is left out; what is in it, ``data.content``, is not.
    """
    return flat(relevant(config, identity=False, places=False))


@cache
def _usual() -> dict[str, Any]:
    return flat(TrialConfig().to_settings())


def is_usual(name: str, value: Any) -> bool:
    """Whether a setting that could make another model of a trial is at its default."""
    return name in ARMS and value == _usual()[name]


def arms_text(config: TrialConfig) -> str:
    """What sets a trial apart from a plain VAE or CVAE, such as ``augment=true w_rec=0``."""
    return arms_text_by(settings_of(config))


def arms_text_by(own: Mapping[str, Any]) -> str:
    """The same of a trial whose settings are known under flat names."""
    usual = _usual()
    given = [name for name in ARMS if own.get(name, usual[name]) != usual[name]]
    return " ".join(f"{short_name(name, given)}={setting_text(own[name])}" for name in given)


def settings_in(trials: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The settings of trials that are documents, as in ``status --json``.

    To be asked for once: it is most of what tables of thousands of trials take.
    """
    return [settings_of(TrialConfig.from_settings(trial["config"])) for trial in trials]


def names_of(trials: Iterable[Mapping[str, Any]]) -> Names:
    """The names of the same."""
    return Names(settings_in(trials))


def short_name(name: str, names: Sequence[str]) -> str:
    """A setting's name without its group, unless another one of ``names`` would be called so.

    Of ``schedule.beta.epochs`` it is ``β.epochs``: which setting's schedule that is belongs to it.
    """
    last = [other.rpartition(".")[2] for other in names]
    *groups, part = name.split(".")
    if len(groups) > 1:
        return f"{LABELS.get(groups[-1], groups[-1])}.{part}"
    return LABELS.get(name, part if last.count(part) == 1 else name)


def setting_text(value: Any) -> str:
    """A setting as a person reads it; ``-`` where a trial has it not, ``none`` of no stages."""
    if value is None:
        return "-"
    if value == []:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return stages_text(value)
    if isinstance(value, list):
        return "×".join(map(setting_text, value))
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[:12]}…"  # such as the hash of a content


def stages_text(stages: Sequence[Mapping[str, Any]]) -> str:
    """Stages by their names, else by what is special to each: ``20×reconstruction=0→λ=0``."""
    return "→".join(map(_stage_text, stages))


def _stage_text(stage: Mapping[str, Any]) -> str:
    if stage.get("name"):
        return str(stage["name"])
    length = f"{stage['epochs']}×" if stage.get("epochs") else ""
    special = flat({name: value for name, value in stage.items() if name not in ("epochs", "name")})
    words = [f"{short_name(name, list(special))}={setting_text(v)}" for name, v in special.items()]
    return length + (",".join(words) or "as is")


def trial_fields(config: TrialConfig) -> dict[str, Any]:
    """The fields by which trials are told apart; a VAE has neither λ nor τ, a baseline no β."""
    contrastive = config.model == "cvae"
    baseline = config.model in BASELINES
    return {
        "model": config.model,
        "baseline": baseline,
        "beta": None if baseline else config.beta,
        "lambda": config.lambda_ if contrastive else None,
        "tau": config.tau if contrastive else None,
        "seed": config.seed,
        "config": config.to_settings(),
    }
