"""The files that a judged run can be written to, for people and for CI systems."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

from quantkit.cli.options.fields import Option, a_file, an_output

RUN = a_file("the run.json of a comparison", "RUN", positional=True, required=True)


@dataclass(frozen=True, slots=True)
class Reports:
    """One file for each form.

    What is there already is replaced without asking, as it is made from the run each time; only the job summary that
    GITHUB_STEP_SUMMARY names is added to, as other steps write there as well.
    """

    html: Annotated[
        Path | None, an_output("write one page with plots, which opens offline", "HTML", ".html", ".htm")
    ] = None
    md: Annotated[
        Path | None,
        an_output(
            "write Markdown; added to the end of $GITHUB_STEP_SUMMARY, where that is the file",
            "Markdown",
            ".md",
            ".markdown",
        ),
    ] = None
    junit: Annotated[Path | None, an_output("write JUnit XML, a testcase for each check", "XML", ".xml")] = None
    sarif: Annotated[
        Path | None,
        an_output(
            "write SARIF 2.1.0, a finding for each node that is not in INT8 and the like", "SARIF", ".sarif", ".json"
        ),
    ] = None
    openmetrics: Annotated[Path | None, an_output("write OpenMetrics text", "OpenMetrics", ".txt")] = None
    annotations: Annotated[
        Path | None, an_output("write GitHub annotations, to be printed in the job", "a text", ".txt")
    ] = None

    @property
    def asked(self) -> dict[str, Path]:
        """Form → file, for those that are to be written."""
        named = {"markdown" if form.name == "md" else form.name: getattr(self, form.name) for form in fields(self)}
        return {form: path for form, path in named.items() if path is not None}


@dataclass(frozen=True, slots=True)
class EvidenceOptions:
    """What a page shows besides the run; files that are not named are looked for in the run's folder."""

    statistics: Annotated[
        Path | None,
        a_file("histograms of the activations (default: statistics.safetensors in the run's folder)", "FILE"),
    ] = None
    calib: Annotated[
        tuple[Path, ...],
        a_file("ranges of the candidates (default: *.qcal.json in the run's folder)", "FILE", kind="many"),
    ] = ()
    reference: Annotated[
        Path | None, a_file("the FP32 model, to show how unequal the channels of its weights are", "FILE")
    ] = None
    data: Annotated[
        Path | None, a_file("the images that were evaluated, to show those with the worst answers", "PATH")
    ] = None
    no_thumbnails: Annotated[bool, Option("show no pictures of samples, whatever else is given", kind="switch")] = False

    @property
    def named(self) -> list[Path]:
        """Every file and folder that is given."""
        return [path for path in (self.statistics, *self.calib, self.reference, self.data) if path is not None]
