"""The section ``paper`` of a sweep file: what was reported elsewhere, to stand beside ours."""

from __future__ import annotations

import difflib
from typing import Annotated, Any

from pydantic import BaseModel, Field

from cvae_core.config import TrialConfig
from cvae_core.evaluation.metrics import METRICS, describe
from orchestration.spec.errors import SpecErrors
from orchestration.spec.flat_names import flat
from orchestration.spec.search import Number
from orchestration.spec.settings import FORBID, field_annotation


class Reported(BaseModel):
    """One figure of a publication."""

    model_config = FORBID
    metric: str = Field(description="the metric that it is; here it stands beside the same")
    value: Annotated[Number, Field(allow_inf_nan=False)] = Field(
        description="the reported value, in the metric's unit"
    )
    source: Annotated[str, Field(min_length=1)] = Field(description="where it was reported")
    beside: str | None = Field(
        None, description="another metric here that it stands beside, such as FD beside an FID"
    )
    settings: dict[str, Any] = Field(
        {}, description="which trials it stands beside: those with these settings"
    )


def read_reported(errors: SpecErrors, written: Any) -> list[Reported]:
    """The section, checked; every error is noted.

    Args:
        errors: where they are noted.
        written: as it stands in the file.
    """
    found: list[Reported] = errors.check(("paper",), list[Reported], written) or []
    known = flat(TrialConfig().to_settings())
    for number, reported in enumerate(found):
        for field in ("metric", "beside"):
            metric = getattr(reported, field)
            if metric is not None and describe(metric) is None:
                names = [each.name for each in METRICS]
                close = difflib.get_close_matches(metric, names, n=1)
                hint = f'; did you mean "{close[0]}"?' if close else "; docs/metrics.md lists them"
                errors.add(("paper", number, field), f"nobody computes {metric}{hint}")
        for name, value in flat(reported.settings).items():
            place = ("paper", number, "settings", name)
            if name not in known:
                errors.unknown(place, list(known))
            else:
                errors.check(place, field_annotation(tuple(name.split("."))), value)
    return found
