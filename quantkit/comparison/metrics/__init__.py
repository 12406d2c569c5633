"""Metrics, a plug-in each: what a candidate lost against the reference."""

from __future__ import annotations

from collections.abc import Iterable

from quantkit.core import plugins
from quantkit.core.plugin_options import Request, built, needs_options, requests
from quantkit.core.ports import Metric


def by_name(names: Iterable[str]) -> dict[str, Metric]:
    """The metrics called `names`, each with its options, as in ``psnr:peak=255``.

    ``package.module:function`` is a function of your own.

    Raises:
        UsageError: there is no such metric or option; the message lists those there are and the nearest one.
    """
    asked = [request for name in names for request in requests(name)]
    return {request.name: built(__name__, plugged(request)) for request in asked}


def every_metric() -> dict[str, Metric]:
    """All metrics that need to be told nothing."""
    kinds = {name: plugins.load(__name__, name) for name in plugins.names(__name__)}
    return {name: kind() for name, kind in kinds.items() if not needs_options(kind)}


def plugged(request: Request) -> Request:
    """A function of one's own, as an option of the metric that calls it; other requests as they are."""
    if ":" not in request.name:
        return request
    return Request("python", {"function": request.name, **request.options})
