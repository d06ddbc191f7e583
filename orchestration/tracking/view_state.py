"""The state of MLflow's pages of an experiment: what they keep of runs, columns and charts.

MLflow documents none of it. What stands here is what its own pages write (*Save view*), read in
their state and their script.
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

from orchestration.ledger.ledger import Ledger
from orchestration.ledger.names import names_in
from orchestration.tracking.best import best_by

MOST_LINES = 20
"""More in one chart are not told apart."""
FILTER = "params.model != ''"
"""The sweep's own run has no model, and no curves."""


def state(ledger: Ledger, **more: Any) -> dict[str, Any]:
    """What a view holds: which runs in which order, which columns, which charts."""
    metric, ascending = best_by(ledger.sweep)
    columns = ["params.`model`", *(f"params.`{name}`" for name in names_in(ledger).varied)]
    usual = {
        "searchFilter": FILTER,
        "orderByKey": f"metrics.`{metric}`",
        "orderByAsc": ascending,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": [
            *columns,
            "params.`seed`",
            f"metrics.`{metric}`",
            "attributes.`Dataset`",
        ],
        "columnOrder": [],
        "columnWidths": {},
        "runsHiddenMode": "FIRST_10_RUNS",
        "viewMaximized": False,
        "runListHidden": False,
        "isAccordionReordered": True,  # else sections are sorted by their names
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "groupBy": None,
        "groupsExpanded": {},
        "globalLineChartConfig": {
            "xAxisKey": "step",
            "lineSmoothness": 0,
            "selectedXAxisMetricKey": "",
        },
    }
    return usual | more


def chart(kind: str, title: str, section: str, **more: Any) -> dict[str, Any]:
    """One chart.

    Args:
        kind: ``LINE``, ``BAR``, ``SCATTER``, ``PARALLEL`` or ``IMAGE``.
        title: over it; the last three have MLflow's own.
        section: key of the one that it is in.
        more: what it shows, by MLflow's names.
    """
    usual = {
        "uuid": f"{kind.lower()} {title}",
        "type": kind,
        "runsCountToCompare": MOST_LINES,
        "metricSectionId": section,
        "deleted": False,
        "isGenerated": False,
        "displayName": title,
    }
    line = {
        "lineSmoothness": 0,
        "xAxisScaleType": "linear",
        "scaleType": "linear",
        "range": {},
        "xAxisKey": "step",
        "selectedXAxisMetricKey": "",
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "ignoreOutliers": False,
        "useGlobalXaxisKey": True,
        "useGlobalLineSmoothing": True,
    }
    return usual | (line if kind == "LINE" else {}) | more


def section(key: str, name: str, *, display: bool = True) -> dict[str, Any]:
    """A part of the page, open or closed; MLflow adds charts to the one named as their group."""
    return {
        "uuid": key,
        "name": name,
        "display": display,
        "isReordered": False,
        "deleted": False,
        "isGenerated": False,
    }


def packed(state: dict[str, Any]) -> str:
    """A state as it stands in a tag."""
    text = json.dumps(state, sort_keys=True).encode()
    return "deflate;" + base64.b64encode(zlib.compress(text, 9)).decode()
