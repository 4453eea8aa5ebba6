#!/usr/bin/env bash
# Four one-node ONNX models for which shape inference, onnxruntime and the reference evaluator disagree.
#
# Seen with onnx 1.23.2, onnxruntime 1.32.0 (CPU) and numpy 2.4.6 on Python 3.11; exits with 0 as long as it is so.
# Each model is run on 0, 1, 2, ..., so that its output shows which elements were read.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$work/env/bin/python" - <<'PYTHON'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator

onnxruntime.set_default_logger_severity(3)  # it warns where its own extent is not the inferred one


def three_ways(node, extent, constant):
    """Return the inferred extent, and what the runtime and the reference evaluator put out."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, extent])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    constants = [] if constant is None else [numpy_helper.from_array(constant, "c")]
    graph = helper.make_graph([node], "one", [x], [y], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    inferred = shape_inference.infer_shapes(model).graph.output[0].type.tensor_type.shape.dim[2].dim_value
    fed = {"x": np.arange(extent, dtype=np.float32).reshape(1, 1, extent)}
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (run,), (reference,) = session.run(None, fed), ReferenceEvaluator(model).run(None, fed)
    return inferred, run.ravel().tolist(), reference.ravel().tolist()


same = {"auto_pad": "SAME_UPPER"}
ceil = {"kernel_shape": [4], "strides": [3], "pads": [1, 1], "ceil_mode": 1, "count_include_pad": 1}
cases = [
    # At stride 1 SAME keeps the extent. The runtime pads for a window of 3, though dilation makes it 5.
    ("MaxPool, SAME with dilation", helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[3], dilations=[2], **same),
     8, None, (8, [3, 4, 5, 6, 7, 6], [2, 3, 4, 5, 6, 7, 6, 7])),
    # The float32 next to 10/3 lies below it, so exactly floor(3 * it) is 9; rounded to float32 the product is 10.
    ("Resize by 10/3", helper.make_node("Resize", ["x", "", "c"], ["y"], mode="nearest"),
     3, np.array([1, 1, 10 / 3], np.float32), (9, [0, 0, 0, 1, 1, 1, 1, 2, 2, 2], [0, 0, 0, 1, 1, 1, 1, 2, 2])),
    # Windows start at -1, 2 and 5 in the runtime. In the reference they start one earlier: half of what ceil mode adds
    # to the padding goes to the front.
    ("AveragePool, ceil mode", helper.make_node("AveragePool", ["x"], ["y"], **ceil),
     6, None, (3, [0.75, 3.5, 2.5], [0.25, 2.5, 4.5])),
    # SAME would be 4 * 3 = 12. The kernels write to 11; the reference fills up, with an empty element in front.
    ("ConvTranspose, SAME, kernel 2, stride 3", helper.make_node("ConvTranspose", ["x", "c"], ["y"], strides=[3], **same),
     4, np.ones((1, 1, 2), np.float32), (11, [0, 0, 0, 1, 1, 0, 2, 2, 0, 3, 3], [0, 0, 0, 0, 1, 1, 0, 2, 2, 0, 3, 3])),
]
for title, node, extent, constant, seen in cases:
    found = three_ways(node, extent, constant)
    print(f"{title}\n  inferred     {found[0]}\n  onnxruntime  {found[1]}\n  reference    {found[2]}")
    assert found == seen, f"changed: {title}"
PYTHON
