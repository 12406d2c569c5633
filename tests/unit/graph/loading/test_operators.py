"""Operators are judged by what running them means."""

from __future__ import annotations

import pytest

from quantkit.core.errors import ModelError
from quantkit.graph.loading.operators import quantized_operators, refuse_unknown_operators
from tests.onnx_models import written

ONE = "g (float[N] x) => (float[N] y) {{ y = {}(x) }}"


@pytest.mark.parametrize("operator", ["Relu", "com.microsoft.Gelu", "com.microsoft.FusedConv"])
def test_known_operators_pass(operator: str) -> None:
    refuse_unknown_operators(written(ONE.format(operator)))


def test_custom_operators_are_listed_with_their_number() -> None:
    proto = written(
        "g (float[N] x) => (float[N] y) { a = com.acme.Foo(x) b = com.acme.Foo(a) y = com.microsoft.Bar(b) }"
    )
    with pytest.raises(
        ModelError, match=r"custom operators: com\.acme::Foo \(2\), com\.microsoft::Bar \(1\)"
    ) as refusal:
        refuse_unknown_operators(proto)
    assert "--allow-custom-op-library" in refusal.value.hints[0]
    refuse_unknown_operators(proto, allow_custom_ops=True)


def test_a_long_list_is_cut() -> None:
    lines = " ".join(f"y{number} = com.acme.Foo{number}(x)" for number in range(12))
    with pytest.raises(ModelError, match=r"Foo5 \(1\) and 4 more\n"):
        refuse_unknown_operators(written(f"g (float[N] x) => (float[N] y0) {{ {lines} }}"))


@pytest.mark.parametrize("operator", ["com.acme.PyOp", "com.microsoft.ATen", "PythonOp"])
def test_operators_that_run_code_are_refused_whatever_is_allowed(operator: str) -> None:
    with pytest.raises(ModelError, match="calls back into code"):
        refuse_unknown_operators(written(ONE.format(operator)), allow_custom_ops=True)


def test_a_models_own_functions_are_no_custom_operators() -> None:
    body = '<domain: "local", opset_import: ["": 13, "com.acme": 1]> f (a) => (b) {{ b = {}(a) }}'
    refuse_unknown_operators(written(ONE.format("local.f"), 13, body.format("Neg")))
    with pytest.raises(ModelError, match=r"com\.acme::Foo"):
        refuse_unknown_operators(written(ONE.format("local.f"), 13, body.format("com.acme.Foo")))


def test_quantized_operators_are_found_in_subgraphs_as_well() -> None:
    proto = written("""g (bool c, float[N] x) => (float[N] y) {
        y = If (c) <then_branch = t () => (float[N] a) { a = com.microsoft.QLinearAdd(x) },
                    else_branch = e () => (float[N] b) { b = Neg(x) }> }""")
    assert quantized_operators(proto) == ("QLinearAdd",)
    assert quantized_operators(written(ONE.format("Relu"))) == ()
