"""What a person names stays in FP32, and a name that fits nothing is refused."""

from __future__ import annotations

import re

import numpy as np
import pytest

from quantkit.core.errors import UsageError
from quantkit.graph.editing.wiring import Wiring
from quantkit.graph.exclusion import Exclusion
from tests.onnx_models import written

WIRING = Wiring(
    written(
        """g (float[N, 4] x) => (float[N, 4] y) {
            [head_conv] a = MatMul(x, w)
            [body_0] b = Relu(a)
            [body_1] c = Relu(b)
            y = Neg(c)
        }""",
        w=np.ones((4, 4), np.float32),
    ).graph
)


@pytest.mark.parametrize(
    ("exclusion", "positions"),
    [
        pytest.param(Exclusion(), [], id="nothing"),
        pytest.param(Exclusion(nodes=("head_conv",)), [0], id="a name"),
        pytest.param(Exclusion(nodes=("body_*",)), [1, 2], id="a glob"),
        pytest.param(Exclusion(nodes=("y",)), [3], id="a nameless node by its output"),
        pytest.param(Exclusion(ops=("Relu", "Neg")), [1, 2, 3], id="operators"),
        pytest.param(Exclusion(tensors=("b",)), [1, 2], id="whoever touches a tensor"),
        pytest.param(Exclusion(nodes=("head_*",), ops=("Neg",), tensors=("c",)), [0, 2, 3], id="all together"),
    ],
)
def test_excluded_nodes_are_found(exclusion: Exclusion, positions: list[int]) -> None:
    assert sorted(exclusion.excluded(WIRING)) == positions


def test_the_reason_names_what_the_user_wrote_and_the_most_specific_wins() -> None:
    exclusion = Exclusion(nodes=("body_0", "body_*"), ops=("Relu",))
    assert exclusion.excluded(WIRING)[1] == "excluded by name 'body_0'"
    assert exclusion.excluded(WIRING)[2] == "excluded by name 'body_*'"


@pytest.mark.parametrize(
    ("exclusion", "message"),
    [
        pytest.param(
            Exclusion(nodes=("head_cnov",)), r"(?s)QK1011.*no node .* 'head_cnov'.*did you mean 'head_conv'", id="node"
        ),
        pytest.param(
            Exclusion(ops=("MatMull",)), r"(?s)QK1012.*no operator .* 'MatMull'.*did you mean 'MatMul'", id="op"
        ),
        pytest.param(Exclusion(tensors=("z*",)), r"(?s)QK1013.*no tensor .* 'z\*'", id="tensor"),
    ],
)
def test_a_name_that_fits_nothing_is_refused_with_the_nearest(exclusion: Exclusion, message: str) -> None:
    with pytest.raises(UsageError) as refusal:
        exclusion.excluded(WIRING)
    assert re.search(message, str(refusal.value))


def test_brackets_in_a_name_are_meant_literally() -> None:
    wiring = Wiring(written("g (float[N] x) => (float[N] y) { y = Relu(x) }").graph)
    wiring.nodes[0].name = "block[0]"
    assert Exclusion(nodes=("block[0]",)).excluded(wiring) == {0: "excluded by name 'block[0]'"}


def test_an_empty_exclusion_is_false() -> None:
    assert not Exclusion()
    assert Exclusion(ops=("Gemm",))
