"""``--metric``: names of metrics, each with its options."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from quantkit.cli.options.fields import Option
from quantkit.cli.options.values import BadValueError, one_of
from quantkit.core import plugins
from quantkit.core.errors import QuantkitError
from quantkit.core.plugin_options import Request, checked, relocated, requests

PACKAGE = "quantkit.comparison.metrics"


def metrics(text: str) -> tuple[str, ...]:
    """Each metric asked for, with its options; names and options exist, values have the right type.

    >>> metrics("top1,psnr:peak=255,border=4")
    ('top1', 'psnr:peak=255,border=4')
    """
    try:
        asked = requests(text)
        for request in asked:
            _check(request)
    except QuantkitError as refusal:
        raise BadValueError(f"is no list of metrics: {refusal.title}", *refusal.hints) from None
    name, times = Counter(request.name for request in asked).most_common(1)[0]
    if times > 1:
        raise BadValueError(f"names {name!r} twice")
    return tuple(str(request) for request in asked)


def _check(request: Request) -> None:
    if ":" in request.name:
        kind, function = plugins.load(PACKAGE, "python"), {"function": request.name}
        checked(kind, Request(request.name, {**function, **request.options}))
        return
    name = one_of(*plugins.names(PACKAGE))(request.name)
    checked(plugins.load(PACKAGE, name), request)


def located(text: str, folder: Path) -> str:
    """The same text with every file that it names found from `folder` on; what is no list of metrics, as it is."""
    try:
        return ",".join(str(relocated(PACKAGE, request, folder)) for request in requests(text))
    except QuantkitError:
        return text


METRIC = Option(
    "compute these, each with its options if it has any, and refuse if one cannot be: top1, psnr:peak=255, "
    "face-verification:pairs=pairs.csv, or a function of your own as package.module:function (default: every one "
    "that can be computed without options)",
    parse=metrics,
    metavar="NAME[:KEY=VALUE],...",
    relocate=located,
)

NO_LATENCY = Option("leave the measurement of latency out", kind="switch")

SELF_CHECK = Option(
    "run every model twice: what it answers differently by itself is the noise floor, which the gate puts on top of "
    "every bound",
    kind="switch",
)
