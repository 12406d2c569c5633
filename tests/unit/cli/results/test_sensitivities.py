"""A sensitivity as text."""

from __future__ import annotations

from dataclasses import replace

from quantkit.cli.results.sensitivities import told
from quantkit.core.sensitivity import Effect, Effects, Measure
from quantkit.core.sensitivity_advice import WON, Advice
from quantkit.core.sensitivity_extent import Extent
from tests.unit.report.test_sensitivity_text import GAINS, layer, sensitivity

WHOLE = replace(sensitivity(Advice(WON, "top1", ("a", "b"), gains=GAINS)), layers=(layer("a", 64), layer("b", 64)))
CUT = replace(
    WHOLE,
    layers=(layer("a", 64), layer("b", 16), layer("c", 0)),
    extent=Extent(64, 300, 800, 2.0, limit_s=2.0, partly=("b",), go_on="quantkit sensitivity \x1b[31m"),
)


def test_what_to_do_comes_last_with_its_flags() -> None:
    *_, head, first, _, _, _, meant, flags = told(WHOLE).splitlines()
    assert (head, first) == ("what to do", "  leave the first 2 layers in FP32")
    assert meant == "    with quantkit calibrate or quantize --target ort-cpu:"
    assert flags == "      --exclude-nodes a b"


def test_all_samples_are_said_once_where_all_layers_had_them() -> None:
    text = told(WHOLE)
    assert text.splitlines()[0].endswith("ranges by mse; 64 samples")
    assert "SQNR in dB, higher is better: 29.00 dB with all layers in INT8, on 64 samples" in text
    assert "  gives back\n" in text
    assert "–: no such codes\n" in text


def test_each_table_says_how_many_samples_it_is_of() -> None:
    text = told(CUT)
    assert text.splitlines()[0].endswith("ranges by mse; 16 to 64 of 64 samples")
    rows = [line.split() for line in text.splitlines() if line.endswith((" 64", " 16")) and "dB" in line]
    assert [(row[0], row[-1]) for row in rows] == [("a", "64"), ("b", "16")]
    assert "left in FP32 together, really quantized, on 200 samples" in text
    assert "–: no such codes, or not measured" in text


def test_what_was_cut_short_says_how_to_go_on_before_any_figure() -> None:
    block = told(CUT).split("\n\n")[1].splitlines()
    assert block[0] == "the time limit of 2 s ended the measuring, with 37 % of the runs done"
    assert block[-2:] == ["  to measure everything, in about 5.3 s:", "    quantkit sensitivity \\x1b[31m"]


def test_networks_come_with_intervals_and_fp32_with_its_latency() -> None:
    rows = [line.split("  ") for line in told(WHOLE).splitlines() if line.startswith(("  none", "  all: FP32"))]
    none, fp32 = ([cell.strip() for cell in row if cell] for row in rows)
    assert none == ["none", "30.00 dB", "[29.00, 31.00]", "70.00 %", "−5.00 pp [−8.00, −2.00]", "9 of 9", "1.000 ms"]
    assert fp32 == ["all: FP32", "–", "–", "75.00 %", "–", "–", "2.000 ms"]


def test_figures_without_a_unit_are_told_apart_and_less_of_what_is_to_be_low_is_given_back() -> None:
    effects = Effects(Effect(0.99912, 0.99871, 0.99844), Effect(both=0.99951), 0.99844)
    measures = (
        Measure("near", "near", "", higher_is_better=True, reference=None, everything=0.99844),
        Measure("far", "far", "", higher_is_better=False, reference=None, everything=0.99844),
    )
    own = replace(layer("a", 64), effects={"near": effects, "far": effects})
    rows = [line.split() for line in told(replace(WHOLE, measures=measures, layers=(own,))).splitlines()]
    near, far = (row for row in rows if row[:1] == ["a"])
    assert near[2:] == ["0.99912", "0.99871", "0.99844", "–", "–", "0.99951", "+0.00107"]
    assert far[-1] == "−0.00107"
