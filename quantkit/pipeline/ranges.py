"""From statistics to ranges, without touching the data again."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields

from quantkit.calibrators._judgement import described
from quantkit.core import arguments, plugins
from quantkit.core.calibration import Calibration, Provenance
from quantkit.core.errors import UsageError
from quantkit.core.ports import Calibrator
from quantkit.core.sample_hashes import SampleHashes
from quantkit.core.statistics import Statistics, samples_digest

PACKAGE = "quantkit.calibrators"


@arguments.checked
def calibrate_ranges(
    statistics: Statistics,
    calibrator: str | Calibrator = "entropy",
    *,
    symmetric: bool = False,
    overrides: Mapping[str, str | Calibrator] | None = None,
) -> Calibration:
    """Chooses a range for every tensor.

        from quantkit.calibrators.percentile import PercentileCalibrator
        calibration = quantkit.calibrate_ranges(statistics, PercentileCalibrator(keep=99.9, symmetric=False))

    Args:
        statistics: what `collect` returned, several of them merged, or a loaded file.
        calibrator: a rule's name (``"max"``, ``"entropy"``, ``"percentile"``, ``"mse"``), or a rule with options, as
            above: ``keep`` of `PercentileCalibrator`, ``bins`` of `quantkit.calibrators.entropy.EntropyCalibrator`,
            and ``symmetric`` of every rule, which is True for them unless it is said otherwise.
        symmetric: whether rules given by name choose ranges for signed codes without a zero point, as TensorRT
            wants them.
        overrides: tensor name or glob → rule; the first that matches a tensor holds for it.

    Raises:
        UsageError: an argument of another kind, no such rule, or an override that matches no tensor.
        DataError: a tensor without a finite value.
    """
    chosen = _rule(calibrator, symmetric=symmetric)
    exceptions = {glob: _rule(rule, symmetric=symmetric) for glob, rule in (overrides or {}).items()}
    refuse_unmatched(exceptions, statistics.histograms)
    rules = {name: _rule_for(name, exceptions, chosen) for name in statistics.histograms}
    return Calibration(
        rule=title(chosen),
        symmetric=bool(getattr(chosen, "symmetric", symmetric)),
        tensors={
            name: described(histogram, rules[name].threshold(histogram), title(rules[name]))
            for name, histogram in statistics.histograms.items()
        },
        provenance=_provenance(statistics),
    )


def title(calibrator: Calibrator) -> str:
    """A rule's name with the options that are not its defaults.

    >>> from quantkit.calibrators.percentile import PercentileCalibrator
    >>> title(PercentileCalibrator()), title(PercentileCalibrator(keep=99.9))
    ('percentile', 'percentile(keep=99.9)')
    """
    name = type(calibrator).__module__.rpartition(".")[2]
    plain = type(calibrator)()
    changed = [
        f"{option.name}={getattr(calibrator, option.name)!r}"
        for option in fields(calibrator)  # type: ignore[arg-type]
        if option.name != "symmetric" and getattr(calibrator, option.name) != getattr(plain, option.name)
    ]
    return f"{name}({', '.join(changed)})" if changed else name


def _rule(rule: str | Calibrator, *, symmetric: bool) -> Calibrator:
    if not isinstance(rule, str):
        return rule
    calibrator: Calibrator = plugins.load(PACKAGE, rule)(symmetric=symmetric)
    return calibrator


def _rule_for(tensor: str, exceptions: Mapping[str, Calibrator], otherwise: Calibrator) -> Calibrator:
    return next((rule for glob, rule in exceptions.items() if _matches(tensor, glob)), otherwise)


def _matches(tensor: str, glob: str) -> bool:
    return tensor == glob or fnmatch.fnmatchcase(tensor, glob)


def refuse_unmatched(exceptions: Iterable[str], tensors: Iterable[str]) -> None:
    """Refuses an exception for a tensor, or a glob, that is none of `tensors`."""
    known = sorted(tensors)
    for glob in exceptions:
        if not any(_matches(tensor, glob) for tensor in known):
            raise UsageError(
                "QK1020",
                f"no tensor is called {glob!r}, so no rule can be set for it",
                hints=[*plugins.did_you_mean(glob, known), "quantkit inspect MODEL lists the tensors"],
            )


def _provenance(statistics: Statistics) -> Provenance:
    return Provenance(
        model=statistics.fingerprint.model,
        samples=len(statistics.samples),
        samples_digest=samples_digest(statistics.samples),
        preprocessing=statistics.fingerprint.preprocessing,
        environment=statistics.environment,
        synthetic=json.loads(statistics.fingerprint.preprocessing).get("synthetic") is True,
        sample_hashes=SampleHashes.of(sample.digest for sample in statistics.samples),
    )
