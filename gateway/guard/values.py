"""Values of variables: what comes beside a document is bounded as the document is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.guard.limits import LIMITS, Excessive, QueryLimits


def look_over(variables: Mapping[str, Any] | None, limits: QueryLimits = LIMITS) -> None:
    """Raises:
    Excessive: more values, or deeper ones, than any argument takes.
    """
    if not variables:
        return
    count = 0
    level: list[Any] = [variables]
    for _ in range(limits.value_depth):
        beneath = []
        for each in level:
            count += len(each)
            if count > limits.values:
                raise Excessive(f"The variables hold more than {limits.values} values.")
            values = each.values() if isinstance(each, dict) else each
            beneath += [value for value in values if type(value) is dict or type(value) is list]
        if not beneath:
            return
        level = beneath
    raise Excessive(f"The variables are deeper than {limits.value_depth} lists and objects.")
