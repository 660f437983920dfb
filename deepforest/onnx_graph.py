"""An ONNX graph that is built node by node: names of tensors in, the name of the result out."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

OPSET = 18
TREES_OPSET = 3
IR_VERSION = 8
"""What onnxruntime 1.14 and later run."""


def import_onnx() -> ModuleType:
    """Return the module `onnx`, or raise an ImportError that says how to get it."""
    try:
        import onnx
    except ImportError as error:
        raise ImportError("to_onnx needs onnx: pip install 'gcforest[onnx]'.") from error
    module: ModuleType = onnx
    return module


class Graph:
    """Nodes, and the constants that they read.

    An input of a node is the name of a tensor, or an array, which becomes a constant.
    """

    def __init__(self) -> None:
        self.onnx = import_onnx()
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._casts: dict[tuple[str, Any], str] = {}

    def add(self, operator: str, *inputs: str | NDArray[Any], **attributes: Any) -> str:
        """Add a node; return the name of its output."""
        name = f"{operator}_{len(self.nodes)}"
        names = [i if isinstance(i, str) else self._constant(i) for i in inputs]
        node = self.onnx.helper.make_node(operator, names, [name], name=name, **attributes)
        self.nodes.append(node)
        return name

    def cast(self, tensor: str, dtype: type) -> str:
        """Return a tensor as another dtype; the same tensor is cast once."""
        kind = self._kind(dtype)
        if (tensor, kind) not in self._casts:
            self._casts[tensor, kind] = self.add("Cast", tensor, to=kind)
        return self._casts[tensor, kind]

    def side_by_side(self, tensors: list[str]) -> str:
        """Return tables (N, d_i) as one (N, sum of d_i)."""
        return tensors[0] if len(tensors) == 1 else self.add("Concat", *tensors, axis=1)

    def normalised(self, vectors: str) -> str:
        """Return class vectors (N, K) that sum to 1."""
        return self.add("Div", vectors, self.add("ReduceSum", vectors, np.array([1])))

    def rows_of(self, values: NDArray[Any], tensor: str) -> str:
        """Return the same values (K,) for each row of a tensor, (N, K)."""
        n_rows = self.add("Shape", tensor, end=1)
        shape = self.add("Concat", n_rows, np.array([len(values)]), axis=0)
        return self.add("Expand", values[None], shape)

    def sum_in_turn(self, start: str, places: str, table: NDArray[Any]) -> str:
        """Return `start` plus ``table[p]`` for each p of the places, added one after the other."""
        name = f"Scan_{len(self.nodes)}"
        names = [f"{name}_{part}" for part in ("sum", "places", "values", "next")]
        total, one, values, following = names
        helper = self.onnx.helper
        given = [
            helper.make_tensor_value_info(total, self._kind(table.dtype), None),
            helper.make_tensor_value_info(one, self._kind(np.int64), None),
        ]
        result = helper.make_tensor_value_info(following, self._kind(table.dtype), None)
        steps = [
            helper.make_node("Gather", [self._constant(table), one], [values]),
            helper.make_node("Add", [total, values], [following]),
        ]
        body = helper.make_graph(steps, name, given, [result])
        return self.add("Scan", start, places, num_scan_inputs=1, body=body)

    def model(self, shape: tuple[int, ...], outputs: dict[str, tuple[str, Any, int]]) -> Any:
        """Return the ModelProto.

        Parameters
        ----------
        shape : tuple of int
            Of one instance of the input ``X``, which is float32.
        outputs : dict of str to (tensor, dtype, number of axes)
        """
        helper = self.onnx.helper
        results = []
        for name, (tensor, dtype, n_axes) in outputs.items():
            self.nodes.append(helper.make_node("Identity", [tensor], [name], name=name))
            axes = ["N", None][:n_axes]
            results.append(helper.make_tensor_value_info(name, self._kind(dtype), axes))
        given = helper.make_tensor_value_info("X", self._kind(np.float32), ["N", *shape])
        graph = helper.make_graph(self.nodes, "deepforest", [given], results, self.constants)
        versions = {"": OPSET, "ai.onnx.ml": TREES_OPSET}
        return helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid(*opset) for opset in versions.items()],
            ir_version=IR_VERSION,
            producer_name="deepforest",
        )

    def _kind(self, dtype: Any) -> int:
        kind: int = self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return kind

    def _constant(self, values: NDArray[Any]) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(self.onnx.numpy_helper.from_array(values, name))
        return name
