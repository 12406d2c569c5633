"""BatchNormalization behind a Conv, ConvTranspose or Gemm becomes part of its weights.

With ``factor = scale / sqrt(variance + epsilon)`` for each channel,
``BN(W·x + b) = (factor·W)·x + factor·(b − mean) + offset`` (S. Ioffe and C. Szegedy, "Batch Normalization", 2015).
Quantizing W before multiplying would waste codes on channels that the factor makes small.
"""

from __future__ import annotations

from onnx import NodeProto, TensorProto, numpy_helper

from quantkit.core.arrays import Array
from quantkit.graph.editing.attributes import number, replace
from quantkit.graph.editing.draft import Draft
from quantkit.graph.editing.scopes import consumers, producers, tensor_names, unused_name
from quantkit.graph.editing.tensors import array
from quantkit.graph.passes.channels import Affine, normalization, scaled_bias, scaled_weight
from quantkit.graph.products import PRODUCTS_WITH_BIAS


def batchnorm_folded(draft: Draft) -> None:
    """Folds where the product has no other reader, and weights and statistics are fixed float32 tensors.

    Weights that something else reads too are copied first. Products are taken in float64 and rounded once.
    """
    folding = _Folding(draft)
    draft.drop([position for position, node in enumerate(draft.graph.node) if folding.done(node)])


class _Folding:
    """One run of the pass: who makes, who reads, and which names are taken."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.makers = producers(draft.graph)
        self.readers = {name: len(nodes) for name, nodes in consumers(draft.graph).items()}
        for name in draft.outputs:
            self.readers[name] = self.readers.get(name, 0) + 1
        self.taken = tensor_names(draft.graph) | draft.weights.keys()

    def done(self, node: NodeProto) -> bool:
        """Folds `node` into the product before it, if it is a BatchNormalization and that can be done."""
        affine = self._affine(node)
        product = self.makers.get(node.input[0]) if affine else None
        if affine is None or product is None or not self._folded(product, affine):
            return False
        product.output[0] = node.output[0]
        self.makers[node.output[0]] = product
        return True

    def _affine(self, node: NodeProto) -> Affine | None:
        """What `node` does, if it is a BatchNormalization in inference with fixed parameters."""
        if (
            node.op_type != "BatchNormalization"
            or node.domain
            or number(node, "training_mode", 0)
            or any(node.output[1:])
        ):
            return None
        parameters = [self._fixed(name) for name in node.input[1:5]]
        vectors = [values for values in parameters if values is not None and values.ndim == 1]
        if len(vectors) != 4 or len({values.size for values in vectors}) != 1:
            return None
        return normalization(node, *vectors)

    def _folded(self, product: NodeProto, affine: Affine) -> bool:
        """Gives `product` new weights, unless it is none, has other readers, or its weights are not fixed."""
        if product.op_type not in PRODUCTS_WITH_BIAS or product.domain or self.readers[product.output[0]] != 1:
            return False
        bias_name = product.input[2] if len(product.input) > 2 else ""
        weight, bias = self._fixed(product.input[1]), self._fixed(bias_name)
        if weight is None or (bias_name and bias is None):
            return False
        new_weight, new_bias = scaled_weight(product, weight, affine), scaled_bias(product, bias, affine)
        if new_weight is None or new_bias is None:
            return False
        new_bias_name = "" if bias_name else f"{product.output[0]}_bias"
        names = [self._stored(product.input[1], new_weight), self._stored(bias_name, new_bias, new_bias_name)]
        product.input[:] = [product.input[0], *names]
        if product.op_type == "Gemm":
            replace(product, "beta", 1.0)
        return True

    def _fixed(self, name: str) -> Array | None:
        """The float32 initializer `name`, if there is one."""
        tensor = self.draft.weights.get(name)
        if tensor is None or tensor.data_type != TensorProto.FLOAT:
            return None
        return array(tensor, self.draft.folder)

    def _stored(self, old: str, values: Array, wish: str = "") -> str:
        """Stores `values` in place of `old`, or under a new name where others read that too; returns the name."""
        if self.readers.get(old) == 1:
            name = old
        else:
            name = unused_name(wish or f"{old}_folded", self.taken)
            self.readers[old] = self.readers.get(old, 1) - 1
        self.readers[name] = 1
        self.draft.weights[name] = numpy_helper.from_array(values, name)
        return name
