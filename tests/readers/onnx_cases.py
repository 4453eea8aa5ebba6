"""The operations of ONNX, one case a line: what rfcalc has to say of each is what the oracle measures.

Parameters are floating-point or quantised constants of rank 1 or more that an operation takes as weights,
counted once by identity; multiply-accumulates are those of convolutions, linear layers and matrix products at
batch 1. ``exact=False`` stands where no per-axis description exists, so that a bound will do.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from tests.readers.onnx_models import Case, f, i, ms, n, q, s, w

NEWEST: Final = 24
"""The newest opset that onnxruntime and the onnx package both run."""

X1: Final = (1, 2, 11)
X2: Final = (1, 2, 9, 8)
X3: Final = (1, 2, 7, 6, 5)
TOKENS: Final = (1, 7, 6)

C = Case


# ---- windows -----------------------------------------------------------------------------------------------


def conv_cases() -> list[Case]:
    found = [
        C("conv 1x1", X2, (n("Conv", "x", w(3, 2, 1, 1)),), params=6, macs=6 * 72),
        C("conv 3x3 valid", X2, (n("Conv", "x", w(3, 2, 3, 3), w(3)),), params=57, macs=54 * 42),
        C(
            "conv pads all different",
            X2,
            (n("Conv", "x", w(3, 2, 3, 3), pads=[1, 0, 2, 3]),),
            params=54,
            macs=54 * 90,
        ),
        C(
            "conv stride 2",
            X2,
            (n("Conv", "x", w(3, 2, 3, 3), pads=[1, 1, 1, 1], strides=[2, 2]),),
            params=54,
            macs=54 * 20,
        ),
        C(
            "conv strides differ",
            X2,
            (n("Conv", "x", w(3, 2, 3, 2), strides=[3, 2]),),
            params=36,
            macs=36 * 12,
        ),
        C(
            "conv dilated",
            X2,
            (n("Conv", "x", w(3, 2, 3, 3), dilations=[2, 3], pads=[2, 3, 2, 3]),),
            params=54,
            macs=54 * 72,
        ),
        C(
            "conv stride over kernel",
            X2,
            (n("Conv", "x", w(2, 2, 2, 1), strides=[3, 3]),),
            params=8,
            macs=8 * 9,
        ),
        C(
            "conv depthwise",
            X2,
            (n("Conv", "x", w(4, 1, 3, 3), group=2, pads=[1, 1, 1, 1]),),
            params=36,
            macs=36 * 72,
        ),
        C("conv groups", (1, 4, 9, 8), (n("Conv", "x", w(6, 2, 3, 3), group=2),), params=108, macs=108 * 42),
        C(
            "conv kernel_shape given",
            X2,
            (n("Conv", "x", w(3, 2, 3, 3), kernel_shape=[3, 3]),),
            params=54,
            macs=54 * 42,
        ),
        C("conv 1d", X1, (n("Conv", "x", w(3, 2, 3), pads=[1, 1], strides=[2]),), params=18, macs=18 * 6),
        C(
            "conv 1d causal by pads",
            X1,
            (n("Conv", "x", w(3, 2, 3), pads=[4, 0], dilations=[2]),),
            params=18,
            macs=18 * 11,
        ),
        C(
            "conv 3d",
            X3,
            (n("Conv", "x", w(3, 2, 3, 3, 3), pads=[1, 0, 1, 1, 0, 1]),),
            params=162,
            macs=162 * 140,
        ),
        C("conv same weights twice", X2, two_convs(), params=36, macs=36 * 72 * 2),
        C(
            "conv weight from Constant",
            X2,
            (n("Constant", None, to="k", value=w(3, 2, 3, 3)), n("Conv", "x", "k")),
            params=54,
            macs=54 * 42,
        ),
        C(
            "conv weight from ConstantOfShape",
            X2,
            (n("ConstantOfShape", i(3, 2, 3, 3), to="k", value=f(0.5)), n("Conv", "x", "k")),
            params=54,
            macs=54 * 42,
        ),
        C(
            "conv weight through Identity",
            X2,
            (n("Identity", w(3, 2, 3, 3), to="k"), n("Conv", "x", "k")),
            params=54,
            macs=54 * 42,
        ),
        C(
            "conv weight through Transpose",
            X2,
            (n("Transpose", w(3, 3, 2, 3), to="k", perm=[3, 2, 0, 1]), n("Conv", "x", "k")),
            params=54,
            macs=54 * 42,
        ),
        C(
            "conv weight through Reshape",
            X2,
            (n("Reshape", w(6, 9), i(3, 2, 3, 3), to="k"), n("Conv", "x", "k")),
            params=54,
            macs=54 * 42,
        ),
        C(
            "conv weight times scale",
            X2,
            (n("Mul", w(3, 2, 3, 3), s(2.0), to="k"), n("Conv", "x", "k")),
            params=54,
            macs=54 * 42,
        ),
        C(
            "conv weight made of another input",
            X2,
            (n("Conv", "x", "k"),),
            more={"k": ("f", (3, 2, 3, 3))},
            macs=54 * 42,
        ),
        C(
            "conv weight computed from the image",
            X2,
            (n("GlobalAveragePool", "x", to="g"), n("Tile", "g", i(1, 1, 3, 3), to="k"), n("Conv", "x", "k")),
            macs=18 * 42,
            exact=False,
        ),
    ]
    for auto in ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"):
        for stride in (1, 2, 3):
            rows, columns = (9, 8) if auto.startswith("SAME") else (6, 5)
            count = ((rows - 1) // stride + 1) * ((columns - 1) // stride + 1)
            node = n("Conv", "x", w(3, 2, 4, 4), auto_pad=auto, strides=[stride, stride])
            found.append(C(f"conv auto_pad {auto} stride {stride}", X2, (node,), params=96, macs=96 * count))
    found += [
        C(
            "conv auto_pad SAME_UPPER dilated",
            X1,
            (n("Conv", "x", w(3, 2, 3), auto_pad="SAME_UPPER", dilations=[2]),),
            params=18,
            macs=18 * 11,
            numeric="equal",
        ),
        C("conv opset 7", X2, (n("Conv", "x", w(3, 2, 3, 3)),), opset=7, params=54, macs=54 * 42),
        C("conv newest", X2, (n("Conv", "x", w(3, 2, 3, 3)),), opset=NEWEST, params=54, macs=54 * 42),
        C(
            "conv chain",
            X2,
            (
                n("Conv", "x", w(3, 2, 3, 3), to="a", strides=[2, 2], pads=[1, 1, 1, 1]),
                n("Relu", "a", to="b"),
                n("Conv", "b", w(4, 3, 3, 3), pads=[1, 1, 1, 1]),
            ),
            params=162,
            macs=54 * 20 + 108 * 20,
        ),
    ]
    return found


def two_convs() -> tuple[Any, ...]:
    k = w(2, 2, 3, 3)
    pads = [1, 1, 1, 1]
    return n("Conv", "x", k, to="a", pads=pads), n("Conv", "a", k, pads=pads)


def transposed_cases() -> list[Case]:
    def t(
        name: str, *kernel: int, macs: int | None = None, x: Any = X2, opset: int = 18, **given: Any
    ) -> Case:
        weights = w(2, 3, *kernel)
        count = 6 * int(np.prod(kernel)) * int(np.prod(x[2:]))
        return C(
            f"convT {name}",
            x,
            (n("ConvTranspose", "x", weights, **given),),
            opset,
            params=weights.size,
            macs=count if macs is None else macs,
        )

    found = [
        t("k2 s2", 2, 2, strides=[2, 2]),
        t("k3 s2", 3, 3, strides=[2, 2]),
        t("k3 s2 pads", 3, 3, strides=[2, 2], pads=[1, 0, 0, 1]),
        t("k3 s2 output_padding", 3, 3, strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]),
        t("k2 s3 holes", 2, 2, strides=[3, 3]),
        t("k1 s2 holes output_padding", 1, 1, strides=[2, 2], output_padding=[1, 1]),
        t("dilated", 3, 3, strides=[2, 2], dilations=[2, 2]),
        t("dilated s3", 3, 2, strides=[3, 2], dilations=[2, 3], pads=[1, 1, 2, 0]),
        t("output_shape", 3, 3, strides=[2, 2], output_shape=[19, 16]),
        t("output_shape small", 3, 3, strides=[2, 2], output_shape=[17, 15]),
        t("output_shape SAME_UPPER", 3, 3, strides=[2, 2], output_shape=[18, 16], auto_pad="SAME_UPPER"),
        t("output_shape SAME_LOWER", 3, 3, strides=[2, 2], output_shape=[18, 16], auto_pad="SAME_LOWER"),
        # onnxruntime and the reference clamp the padding at 0 and add what is missing at the end
        t("output_shape beyond the map", 1, 1, strides=[4, 2], output_shape=[35, 16]),
        t(
            "output_shape beyond, SAME_LOWER",
            1,
            2,
            strides=[4, 2],
            output_shape=[35, 17],
            auto_pad="SAME_LOWER",
        ),
        t("auto_pad SAME_UPPER", 3, 3, strides=[2, 2], auto_pad="SAME_UPPER"),
        t("auto_pad SAME_LOWER", 3, 3, strides=[2, 2], auto_pad="SAME_LOWER"),
        t("auto_pad SAME_UPPER k4", 4, 4, strides=[2, 2], auto_pad="SAME_UPPER"),
        t("auto_pad VALID", 3, 3, strides=[2, 2], auto_pad="VALID"),
        t("1d k4 s2", 4, x=X1, strides=[2], pads=[1, 1]),
        t("3d", 2, 2, 2, x=(1, 2, 4, 3, 5), strides=[2, 2, 2]),
        t("opset 7", 3, 3, strides=[2, 2], opset=7),
    ]
    grouped = n("ConvTranspose", "x", w(4, 3, 3, 3), group=2, strides=[2, 2])
    found.append(C("convT groups", (1, 4, 5, 4), (grouped,), params=108, macs=4 * 3 * 9 * 20))
    return found


def pool_cases() -> list[Case]:
    found = []
    for opset in (7, 11, 18):
        found += [
            C(f"max_pool 2x2 opset {opset}", X2, (n("MaxPool", kernel_shape=[2, 2], strides=[2, 2]),), opset),
            C(
                f"avg_pool 3x3 pads opset {opset}",
                X2,
                (n("AveragePool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 0, 1]),),
                opset,
            ),
        ]
    for op in ("MaxPool", "AveragePool", "LpPool"):
        for rows, kernel, stride, pads in (
            (3, 4, 2, (0, 0)),
            (3, 6, 4, (0, 0)),
            (3, 6, 3, (1, 0)),
            (2, 6, 3, (1, 1)),
            (5, 7, 3, (0, 0)),
            (1, 4, 4, (0, 0)),
        ):
            sides = [pads[0], 0, pads[1], 0]
            node = n(op, kernel_shape=[kernel, 2], strides=[stride, 2], pads=sides)
            found.append(C(f"{op} window {kernel} of {rows} rows by {stride}", (1, 2, rows, 6), (node,)))
    node = n("MaxPool", kernel_shape=[3, 3], strides=[2, 2], dilations=[2, 1])
    found.append(C("MaxPool dilated window of 5 on 4 rows", (1, 2, 4, 7), (node,)))
    node = n("MaxPool", kernel_shape=[5, 2], strides=[3, 1], auto_pad="VALID")
    found.append(C("MaxPool VALID window of 5 on 3 rows", (1, 2, 3, 7), (node,)))
    for auto in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        for op in ("MaxPool", "AveragePool"):
            node = n(op, kernel_shape=[3, 2], strides=[2, 3], auto_pad=auto)
            found.append(C(f"{op} {auto}", X2, (node,)))
    for size in (7, 8, 9, 10):
        node = n("MaxPool", kernel_shape=[2], strides=[2], pads=[1, 1], ceil_mode=1)
        found.append(C(f"max_pool ceil in end padding, {size}", (1, 2, size), (node,)))
        node = n("MaxPool", kernel_shape=[3], strides=[3], ceil_mode=1)
        found.append(C(f"max_pool ceil {size}", (1, 2, size), (node,)))
        node = n("AveragePool", kernel_shape=[3], strides=[2], pads=[1, 0], ceil_mode=1, count_include_pad=1)
        found.append(C(f"avg_pool ceil {size}", (1, 2, size), (node,), 19))
    found += [
        C("max_pool default strides are 1", X2, (n("MaxPool", kernel_shape=[2, 2]),)),
        C("max_pool dilated", X2, (n("MaxPool", kernel_shape=[3, 2], dilations=[2, 3]),)),
        C(
            "max_pool dilated ceil",
            X1,
            (n("MaxPool", kernel_shape=[3], dilations=[2], strides=[2], ceil_mode=1),),
        ),
        C(
            "max_pool indices",
            X2,
            (n("MaxPool", to=["y", "z"], kernel_shape=[2, 2], strides=[2, 2]),),
            outputs=("y", "z"),
            numeric="within",
        ),
        C(
            "max_pool SAME_UPPER ceil",
            X2,
            (n("MaxPool", kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_UPPER", ceil_mode=1),),
        ),
        C("max_pool 3d", X3, (n("MaxPool", kernel_shape=[2, 2, 2], strides=[1, 2, 2]),)),
        C("avg_pool dilated", X1, (n("AveragePool", kernel_shape=[3], dilations=[2]),), 19),
        C(
            "avg_pool include pad",
            X2,
            (n("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1),),
        ),
        C("lp_pool", X2, (n("LpPool", kernel_shape=[3, 2], strides=[2, 1], p=2),), 11),
        C("lp_pool ceil 18", X2, (n("LpPool", kernel_shape=[2, 3], strides=[2, 2], ceil_mode=1),), 18),
        C("lp_pool dilated 18", X1, (n("LpPool", kernel_shape=[3], dilations=[2]),), 18),
        C("global avg", X2, (n("GlobalAveragePool"),)),
        C("global max", X2, (n("GlobalMaxPool"),)),
        C("global lp", X2, (n("GlobalLpPool"),)),
        C("global avg 1d", X1, (n("GlobalAveragePool"),)),
        C("global avg 3d", X3, (n("GlobalAveragePool"),)),
        C(
            "max_roi_pool",
            X2,
            (n("MaxRoiPool", "x", f(0, 1, 1, 5, 5).reshape(1, 5), pooled_shape=[2, 2]),),
            exact=False,
            numeric="within",
            params=None,
        ),
        C(
            "roi_align constant boxes",
            X2,
            (n("RoiAlign", "x", f(1, 1, 5, 5).reshape(1, 4), i(0), output_height=2, output_width=2),),
            exact=False,
            numeric="within",
            params=None,
        ),
        C(
            "max_unpool",
            (1, 2, 8, 6),
            (
                n("MaxPool", to=["a", "b"], kernel_shape=[2, 2], strides=[2, 2]),
                n("MaxUnpool", "a", "b", kernel_shape=[2, 2], strides=[2, 2]),
            ),
            exact=False,
            numeric="within",
        ),
        C(
            "pool conv pool",
            X2,
            (
                n("MaxPool", to="a", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
                n("Conv", "a", w(2, 2, 3, 3), to="b", pads=[1, 1, 1, 1]),
                n("AveragePool", "b", kernel_shape=[2, 2], strides=[2, 2]),
            ),
            params=36,
            macs=36 * 20,
        ),
        C(
            "deform_conv constant zero offsets",
            X2,
            (n("DeformConv", "x", w(3, 2, 3, 3), np.zeros((1, 18, 7, 6), np.float32)),),
            19,
            exact=False,
            params=None,
            macs=None,
            numeric="within",
        ),
        C(
            "deform_conv",
            X2,
            (n("Conv", "x", w(18, 2, 3, 3), to="o"), n("DeformConv", "x", w(3, 2, 3, 3), "o")),
            19,
            exact=False,
            params=18 * 18 + 54,
            macs=18 * 18 * 42 + 54 * 42,
            numeric="within",
        ),
        C("col2im", (1, 4, 12), (n("Col2Im", "x", i(4, 5), i(2, 2)),), exact=False, numeric="equal"),
    ]
    return found


# ---- resampling --------------------------------------------------------------------------------------------

TRANSFORMS: Final = (
    "half_pixel",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
    "half_pixel_symmetric",
)
ROUNDS: Final = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


def resize_cases() -> list[Case]:
    def r(
        name: str, *rest: Any, x: Any = (1, 2, 6, 7), opset: int = 19, numeric: str = "equal", **given: Any
    ) -> Case:
        # a crop's places rarely repeat: analyze may give up, the field may not
        exact = given.get("coordinate_transformation_mode") != "tf_crop_and_resize"
        return C(
            f"resize {name}", x, (n("Resize", "x", *rest, **given),), opset, numeric=numeric, exact=exact
        )

    found = []
    for transform in TRANSFORMS:
        for label, scales in (
            ("2x", (2, 2)),
            ("3x 1.5x", (3, 1.5)),
            ("half", (0.5, 0.5)),
            ("2.5x 0.4x", (2.5, 0.4)),
        ):
            for mode in ("linear", "cubic"):
                if transform == "half_pixel_symmetric" and mode == "cubic" and label == "2.5x 0.4x":
                    continue  # half of a tap's weight is rounding there
                found.append(
                    r(
                        f"{mode} {transform} {label}",
                        None,
                        f(1, 1, *scales),
                        mode=mode,
                        coordinate_transformation_mode=transform,
                    )
                )
            for rounding in ROUNDS:
                found.append(
                    r(
                        f"nearest {rounding} {transform} {label}",
                        None,
                        f(1, 1, *scales),
                        mode="nearest",
                        nearest_mode=rounding,
                        coordinate_transformation_mode=transform,
                    )
                )
        for mode in ("nearest", "linear", "cubic"):
            found.append(
                r(
                    f"{mode} {transform} to sizes",
                    None,
                    None,
                    i(1, 2, 11, 4),
                    mode=mode,
                    coordinate_transformation_mode=transform,
                )
            )
            found.append(
                r(
                    f"{mode} {transform} to one",
                    None,
                    None,
                    i(1, 2, 1, 14),
                    mode=mode,
                    coordinate_transformation_mode=transform,
                )
            )
    found += [
        r("linear antialias half", None, f(1, 1, 0.5, 0.5), mode="linear", antialias=1),
        r("cubic antialias half", None, f(1, 1, 0.5, 0.5), mode="cubic", antialias=1),
        r("linear antialias to sizes", None, None, i(1, 2, 4, 3), mode="linear", antialias=1),
        r("linear antialias up", None, f(1, 1, 2, 2), mode="linear", antialias=1),
        r("cubic exclude_outside", None, f(1, 1, 2, 2), mode="cubic", exclude_outside=1),
        r("cubic exclude_outside half", None, f(1, 1, 0.5, 0.5), mode="cubic", exclude_outside=1),
        r("cubic coefficient -0.5", None, f(1, 1, 2, 2), mode="cubic", cubic_coeff_a=-0.5),
        r("cubic coefficient 0", None, f(1, 1, 2, 2), mode="cubic", cubic_coeff_a=0.0),
        r("axes", None, f(2, 0.5), mode="linear", axes=[2, 3]),
        r("axes turned", None, f(2, 0.5), mode="nearest", axes=[3, 2]),
        r("axes negative sizes", None, None, i(12), mode="linear", axes=[-1]),
        r(
            "not_larger",
            None,
            None,
            i(12, 9),
            mode="linear",
            axes=[2, 3],
            keep_aspect_ratio_policy="not_larger",
        ),
        r(
            "not_smaller",
            None,
            None,
            i(12, 9),
            mode="linear",
            axes=[2, 3],
            keep_aspect_ratio_policy="not_smaller",
        ),
        r("not_larger nearest", None, None, i(3, 5), axes=[2, 3], keep_aspect_ratio_policy="not_larger"),
        r(
            "crop",
            f(0, 0, 0.2, 0.1, 1, 1, 0.8, 0.6),
            None,
            i(1, 2, 5, 8),
            mode="linear",
            coordinate_transformation_mode="tf_crop_and_resize",
        ),
        r(
            "crop beyond",
            f(0, 0, -0.2, 0.5, 1, 1, 1.2, 1.5),
            None,
            i(1, 2, 5, 8),
            mode="linear",
            coordinate_transformation_mode="tf_crop_and_resize",
        ),
        r(
            "crop nearest",
            f(0, 0, 0.25, 0.1, 1, 1, 0.75, 0.6),
            None,
            i(1, 2, 5, 8),
            coordinate_transformation_mode="tf_crop_and_resize",
        ),
        r("opset 10", f(1, 1, 2, 2), opset=10),
        r("opset 10 linear", f(1, 1, 2, 3), opset=10, mode="linear"),
        r("opset 10 down", f(1, 1, 0.5, 0.5), opset=10),
        r("opset 11 empty roi", np.zeros(0, np.float32), f(1, 1, 2, 2), opset=11),
        r(
            "opset 11 sizes",
            np.zeros(0, np.float32),
            np.zeros(0, np.float32),
            i(1, 2, 9, 9),
            opset=11,
            mode="linear",
        ),
        r(
            "opset 11 tf_half_pixel",
            np.zeros(0, np.float32),
            f(1, 1, 2, 2),
            opset=11,
            coordinate_transformation_mode="tf_half_pixel_for_nn",
        ),
        r("opset 13 linear", None, f(1, 1, 2, 2), opset=13, mode="linear"),
        r("1d linear", None, f(1, 1, 2.5), x=X1, mode="linear"),
        r("3d linear", None, f(1, 1, 2, 2, 1), x=(1, 2, 3, 4, 2), mode="linear"),
        r("identity", None, f(1, 1, 1, 1), mode="linear"),
        *(
            r(
                f"{mode} {extent} by {scale:.4g}",
                None,
                f(1, 1, scale),
                x=(1, 2, extent),
                mode=mode,
                numeric="none"
                if mode == "linear"
                else "equal",  # rounding: a tap weighs a millionth or nothing
            )
            for mode in ("nearest", "linear")
            for extent, scale in ((3, 10 / 3), (12, 5 / 12), (45, 2.6), (10, 0.7), (41, 0.29), (11, 13 / 11))
        ),
        C("upsample 9 by 10/3", (1, 2, 3, 7), (n("Upsample", "x", f(1, 1, 10 / 3, 1.5)),), 9),
        *(
            C(f"resize 10 by {a:.3g} and {b}", (1, 2, 12, 7), (n("Resize", "x", f(1, 1, a, b)),), 10)
            for a, b in ((5 / 12, 1.5), (0.5, 0.5), (0.75, 2), (2, 0.7), (1.5, 1), (1 / 3, 3))
        ),
        C("upsample 9", X2, (n("Upsample", "x", f(1, 1, 2, 3)),), 9),
        C("upsample 9 linear", X2, (n("Upsample", "x", f(1, 1, 2, 2), mode="linear"),), 9),
        C("upsample 9 by 1.5", (1, 2, 6, 7), (n("Upsample", "x", f(1, 1, 1.5, 1.5)),), 9),
        C("upsample 7", X2, (n("Upsample", "x", scales=[1.0, 1.0, 2.0, 2.0], mode="nearest"),), 7),
        C(
            "resize to the size of a skip",
            X2,
            (
                n("MaxPool", to="p", kernel_shape=[2, 2], strides=[2, 2]),
                n("Shape", "x", to="s"),
                n("Slice", "s", i(2), i(4), to="hw"),
                n("Shape", "p", to="t"),
                n("Slice", "t", i(0), i(2), to="bc"),
                n("Concat", "bc", "hw", to="size", axis=0),
                n("Resize", "p", None, None, "size", to="u", mode="linear"),
                n("Concat", "u", "x", axis=1),
            ),
        ),
        C(
            "conv resize conv",
            (1, 2, 6, 5),
            (
                n("Conv", "x", w(2, 2, 3, 3), to="a", pads=[1, 1, 1, 1]),
                n("Resize", "a", None, f(1, 1, 2, 2), to="b", mode="linear"),
                n("Conv", "b", w(2, 2, 3, 3), pads=[1, 1, 1, 1]),
            ),
            params=36 * 2,
            macs=36 * 30 + 36 * 120,
        ),
    ]
    return found


# ---- moving elements ---------------------------------------------------------------------------------------


def move_cases() -> list[Case]:
    found = [
        C("pad 2 attr", X2, (n("Pad", pads=[0, 0, 1, 2, 0, 0, 3, 0]),), 9),
        C("pad attr value", X2, (n("Pad", pads=[0, 0, 1, 2, 0, 0, 3, 0], value=1.5),), 9),
        C("pad input", X2, (n("Pad", "x", i(0, 0, 1, 2, 0, 0, 3, 0)),)),
        C("pad with a value", X2, (n("Pad", "x", i(0, 0, 1, 2, 0, 0, 3, 0), s(2.0)),)),
        C("pad negative", X2, (n("Pad", "x", i(0, 0, -1, 2, 0, 0, -2, -1)),)),
        C("pad reflect", X2, (n("Pad", "x", i(0, 0, 2, 1, 0, 0, 1, 3), mode="reflect"),)),
        C("pad edge", X2, (n("Pad", "x", i(0, 0, 2, 1, 0, 0, 1, 3), mode="edge"),)),
        C("pad wrap", X2, (n("Pad", "x", i(0, 0, 2, 1, 0, 0, 1, 3), mode="wrap"),), 19),
        *(
            C(
                f"pad {mode} {before} {after}",
                X2,
                (n("Pad", "x", i(0, 0, before, 0, 0, 0, after, 1), mode=mode),),
                19,
            )
            for mode in ("wrap", "reflect", "edge")
            for before, after in ((-2, 2), (3, -3), (-4, 1), (1, -5), (-2, -1), (-1, 4))
        ),
        C("pad axes", X2, (n("Pad", "x", i(2, 1, 0, 3), None, i(3, 2)),)),
        C("pad axes negative", X2, (n("Pad", "x", i(2, 1), None, i(-1)),)),
        C("pad channels", X2, (n("Pad", "x", i(0, 1, 0, 0, 0, 2, 0, 0)),)),
        C(
            "pad conv",
            X2,
            (n("Pad", "x", i(0, 0, 1, 1, 0, 0, 1, 1), to="p", mode="reflect"), n("Conv", "p", w(2, 2, 3, 3))),
            params=36,
            macs=36 * 72,
        ),
        C("slice attrs", X2, (n("Slice", axes=[2, 3], starts=[1, 2], ends=[7, 8]),), 9),
        C("slice attrs no axes", X2, (n("Slice", starts=[0, 0, 1], ends=[1, 2, -1]),), 9),
        C("slice inputs", X2, (n("Slice", "x", i(1, 0), i(100, -2), i(2, 3)),)),
        C("slice step", X2, (n("Slice", "x", i(1, 0), i(2**62, 100), i(2, 3), i(2, 3)),)),
        C("slice backwards", X2, (n("Slice", "x", i(-1), i(-(2**63)), i(2), i(-1)),)),
        C("slice backwards step 2", X2, (n("Slice", "x", i(7), i(0), i(2), i(-2)),)),
        C("slice backwards from before the start", X2, (n("Slice", "x", i(-100), i(-(2**63)), i(2), i(-1)),)),
        C("slice backwards from just before the start", X2, (n("Slice", "x", i(-10), i(-99), i(2), i(-2)),)),
        C("slice backwards from the very start", X2, (n("Slice", "x", i(-9), i(-99), i(2), i(-1)),)),
        C("slice backwards both before", X2, (n("Slice", "x", i(-20, 3), i(-99, -99), i(2, 3), i(-3, -2)),)),
        C("slice backwards behind the end", X2, (n("Slice", "x", i(100), i(-99), i(3), i(-3)),)),
        C("slice from before the start", X2, (n("Slice", "x", i(-100), i(5), i(2), i(2)),)),
        C(
            "slice of a shape from before the start",
            X2,
            (
                n("Shape", "x", to="s"),
                n("Slice", "s", i(-9), i(-99), i(0), i(-1), to="one"),
                n("Concat", "one", i(18, 8), to="t", axis=0),
                n("Reshape", "x", "t"),
            ),
        ),
        *(
            C(
                f"gate, reshape, gather {axis} {index}",
                (1, 3, 12),
                (
                    n("GlobalAveragePool", to="g"),
                    n("Mul", "x", "g", to="m"),
                    n("Reshape", "m", i(1, 3, *shape), to="q"),
                    n("Gather", "q", index, axis=axis),
                ),
                axes=(2,),
            )
            for shape, axis, index in (
                ((3, 4), 2, s(0, "i8")),
                ((3, 4), 3, s(2, "i8")),
                ((2, 6), 2, i(1)),
                ((6, 2), 2, i(5, 0)),
                ((2, 3, 2), 3, s(1, "i8")),
                ((2, 3, 2), 2, s(1, "i8")),
                ((2, 3, 2), 4, s(0, "i8")),
            )
        ),
        C("slice negative axes", X2, (n("Slice", "x", i(-5), i(-1), i(-1)),)),
        C("slice focus", X2, focus(), params=8 * 6 * 9, macs=432 * 20),
        C("split attr", X2, (n("Split", to=["y", "z"], axis=2, split=[4, 5]),), 11, outputs=("y", "z")),
        C("split input", X2, (n("Split", "x", i(4, 5), to=["y", "z"], axis=2),), 13, outputs=("y", "z")),
        C("split equal", X2, (n("Split", to=["y", "z"], axis=3),), 13, outputs=("y", "z")),
        C("split uneven", X2, (n("Split", to=["y", "z"], axis=2, num_outputs=2),), 18, outputs=("y", "z")),
        C(
            "split uneven columns",
            X2,
            (n("Split", to=["a", "b", "c"], axis=3, num_outputs=3),),
            18,
            outputs=("a", "b", "c"),
        ),
        C("split channels", X2, (n("Split", to=["y", "z"], axis=1),), 13, outputs=("y", "z")),
        C(
            "split negative axis",
            X2,
            (n("Split", "x", i(3, 5), to=["y", "z"], axis=-1),),
            13,
            outputs=("y", "z"),
        ),
        C(
            "concat channels",
            X2,
            (n("MaxPool", to="a", kernel_shape=[3, 3], pads=[1, 1, 1, 1]), n("Concat", "x", "a", axis=1)),
        ),
        C("concat rows", X2, (n("Concat", "x", "x", axis=2),)),
        C(
            "concat rows after conv",
            X2,
            (n("Conv", "x", w(2, 2, 3, 3), to="a"), n("Concat", "a", "a", axis=-2)),
            params=36,
            macs=36 * 42,
        ),
        C("gather vector on rows", X2, (n("Gather", "x", i(3, 0, 8, 3), axis=2),)),
        C("gather negative", X2, (n("Gather", "x", i(-1, -9), axis=2),)),
        C("gather scalar on rows", X2, (n("Gather", "x", s(4, "i8"), axis=2),)),
        C("gather matrix on columns", X2, (n("Gather", "x", np.array([[1, 2], [5, 0]]), axis=3),)),
        C("gather channel", X2, (n("Gather", "x", s(1, "i8"), axis=1),)),
        C(
            "gather computed index",
            X2,
            (
                n("ArgMax", to="a", axis=3, keepdims=0),
                n("ReduceMax", "a", to="j", keepdims=0),
                n("Gather", "x", "j", axis=2),
            ),
            13,
            exact=False,
            numeric="within",
        ),
        C("gather_nd", X2, (n("GatherND", "x", np.array([[0, 1, 3], [0, 0, 8]])),), exact=False),
        C("gather_nd all", (1, 2, 9), (n("GatherND", "x", np.array([[0, 1, 3], [0, 0, 8]])),), exact=False),
        C(
            "gather_elements",
            X1,
            (n("GatherElements", "x", np.array([[[3, 1, 1], [0, 2, 10]]]), axis=2),),
            exact=False,
        ),
        C("reshape 0 -1", X2, (n("Reshape", "x", i(0, -1, 8)),)),
        C("reshape flat", X2, (n("Reshape", "x", i(1, -1)),)),
        C("reshape merge rows and columns", X2, (n("Reshape", "x", i(0, 0, -1)),)),
        C("reshape split rows", X2, (n("Reshape", "x", i(1, 2, 3, 3, 8)),)),
        C("reshape allowzero", X2, (n("Reshape", "x", i(1, 2, 72), allowzero=1),)),
        C("reshape crooked", (1, 2, 6, 4), (n("Reshape", "x", i(1, 2, 8, 3)),), exact=False),
        C("reshape opset 5 style", X2, (n("Reshape", "x", i(0, 0, 8, 9)),), 7, exact=False),
        C("flatten", X2, (n("Flatten"),)),
        C("flatten axis 2", X2, (n("Flatten", axis=2),)),
        C("flatten axis 3", X2, (n("Flatten", axis=3),)),
        C("flatten axis 0", X2, (n("Flatten", axis=0),)),
        C("flatten axis -1", X2, (n("Flatten", axis=-1),), 11),
        C("squeeze attr", (1, 1, 9, 8), (n("Squeeze", axes=[1]),), 11),
        C("squeeze input", (1, 1, 9, 8), (n("Squeeze", "x", i(1)),)),
        C("squeeze all", (1, 1, 9, 8), (n("Squeeze"),)),
        C("unsqueeze attr", X2, (n("Unsqueeze", axes=[2]),), 11),
        C("unsqueeze input", X2, (n("Unsqueeze", "x", i(-1, 0)),)),
        C("transpose", X2, (n("Transpose", perm=[0, 2, 3, 1]),)),
        C("transpose default reverses", X2, (n("Transpose"),)),
        C("transpose swaps rows and columns", X2, (n("Transpose", perm=[0, 1, 3, 2]),)),
        C(
            "transpose and back around a conv",
            (1, 9, 8, 2),
            (
                n("Transpose", to="a", perm=[0, 3, 1, 2]),
                n("Conv", "a", w(2, 2, 3, 3), to="b"),
                n("Transpose", "b", perm=[0, 2, 3, 1]),
            ),
            axes=(1, 2),
            params=36,
            macs=36 * 42,
        ),
        C("expand", (1, 2, 9, 1), (n("Expand", "x", i(1, 2, 9, 4)),)),
        C("expand less rank", X2, (n("Expand", "x", i(8)),)),
        C("expand more rank", X2, (n("Expand", "x", i(3, 1, 1, 9, 8)),)),
        C("tile", X2, (n("Tile", "x", i(1, 2, 2, 1)),)),
        C("tile columns 3", X2, (n("Tile", "x", i(1, 1, 1, 3)),)),
        C("depth_to_space DCR", (1, 8, 4, 3), (n("DepthToSpace", blocksize=2),), 13),
        C("depth_to_space CRD", (1, 8, 4, 3), (n("DepthToSpace", blocksize=2, mode="CRD"),), 13),
        C("space_to_depth", (1, 2, 8, 6), (n("SpaceToDepth", blocksize=2),), 13),
        C(
            "space_to_depth conv depth_to_space",
            (1, 1, 8, 6),
            (
                n("SpaceToDepth", to="a", blocksize=2),
                n("Conv", "a", w(4, 4, 3, 3), to="b", pads=[1, 1, 1, 1]),
                n("DepthToSpace", "b", blocksize=2),
            ),
            13,
            params=144,
            macs=144 * 12,
        ),
        C("identity", X2, (n("Identity"),)),
        C("center_crop_pad", X2, (n("CenterCropPad", "x", i(5, 12), axes=[2, 3]),), exact=False),
        C("center_crop_pad whole", X2, (n("CenterCropPad", "x", i(1, 2, 6, 8)),), exact=False),
        C(
            "scatter_nd",
            X2,
            (n("ScatterND", "x", np.array([[0, 1]]), w(1, 9, 8)),),
            exact=False,
            params=None,
            numeric="within",
        ),
        C(
            "scatter_elements",
            X1,
            (n("ScatterElements", "x", np.array([[[3, 1]]]), f(7, 8).reshape(1, 1, 2), axis=2),),
            exact=False,
            params=None,
        ),
        C(
            "reverse_sequence",
            (5, 2, 3),
            (n("ReverseSequence", "x", i(5, 3)),),
            13,
            axes=(0,),
            layout="TNC",
            exact=False,
        ),
        C("trilu", X2, (n("Trilu", upper=0),), 14, exact=False, numeric="within"),
        C("compress", X1, (n("Compress", "x", np.array([True, False, True]), axis=2),), exact=False),
        C(
            "one_hot",
            (1, 9),
            (n("OneHot", "x", s(5, "i8"), f(0, 1)),),
            dtype="i8",
            axes=(1,),
            layout="NT",
            exact=False,
            params=None,
            numeric="within",
        ),
        C(
            "embedding",
            (1, 9),
            (n("Gather", w(30, 4), "x"),),
            dtype="i8",
            axes=(1,),
            params=120,
            numeric="within",
        ),
        C(
            "range added",
            (1, 9, 6),
            (
                n("Shape", "x", to="sh"),
                n("Gather", "sh", s(1, "i8"), to="len"),
                n("Range", s(0, "i8"), "len", s(1, "i8"), to="r"),
                n("Gather", w(20, 6), "r", to="pos"),
                n("Add", "x", "pos", to="a"),
                n("MatMul", "a", w(6, 4)),
            ),
            axes=(1,),
            params=None,
            macs=24 * 9,
        ),
        C(
            "eye like times",
            (1, 1, 5, 5),
            (n("Reshape", "x", i(5, 5), to="m"), n("EyeLike", "m", to="e"), n("Mul", "m", "e")),
            exact=False,
            numeric="within",
        ),
    ]
    return found


def focus() -> tuple[Any, ...]:
    """YOLOv5's focus: four phases of the image put one behind the other."""
    big = 2**31
    x = "x"
    return (
        n("Slice", x, i(0, 0), i(big, big), i(2, 3), i(2, 2), to="a"),
        n("Slice", x, i(1, 0), i(9, big), i(2, 3), i(2, 2), to="b"),
        n("Pad", "b", i(0, 0, 0, 0, 0, 0, 1, 0), to="bp"),
        n("Slice", x, i(0, 1), i(big, big), i(2, 3), i(2, 2), to="c"),
        n("Concat", "a", "bp", "c", to="d", axis=1),
        n("Conv", "d", w(8, 6, 3, 3), pads=[1, 1, 1, 1]),
    )


# ---- products ----------------------------------------------------------------------------------------------


def product_cases() -> list[Case]:
    flat = n("Flatten", to="f")
    return [
        C("flatten gemm", X2, (flat, n("Gemm", "f", w(144, 10), w(10))), params=1450, macs=1440),
        C("gemm transB", X2, (flat, n("Gemm", "f", w(10, 144), w(10), transB=1)), params=1450, macs=1440),
        C("gemm no bias", X2, (flat, n("Gemm", "f", w(144, 10))), 11, params=1440, macs=1440),
        C(
            "gemm transA",
            (12, 1),
            (n("Gemm", "x", w(12, 10), transA=1),),
            axes=(0,),  # samples do not meet in a product, so these are 12 positions of one
            params=120,
            macs=120,
        ),
        C(
            "gemm alpha beta",
            X2,
            (flat, n("Gemm", "f", w(144, 10), w(1, 10), alpha=0.5, beta=2.0)),
            params=1450,
            macs=1440,
        ),
        C("matmul features", TOKENS, (n("MatMul", "x", w(6, 4)),), axes=(1,), params=24, macs=24 * 7),
        C(
            "matmul add",
            TOKENS,
            (n("MatMul", "x", w(6, 4), to="a"), n("Add", "a", w(4))),
            axes=(1,),
            params=28,
            macs=24 * 7,
        ),
        C("matmul nhwc", (1, 5, 4, 6), (n("MatMul", "x", w(6, 3)),), axes=(1, 2), params=18, macs=18 * 20),
        C(
            "matmul along columns",
            X2,
            (n("MatMul", "x", w(8, 3)),),
            layout="NCHW",
            params=24,
            macs=24 * 18,
            exact=False,
        ),
        C("matmul const on the left", X2, (n("MatMul", w(5, 9), "x"),), exact=False, params=45, macs=45 * 16),
        C(
            "matmul weight after Transpose",
            TOKENS,
            (n("Transpose", w(4, 6), to="k"), n("MatMul", "x", "k")),
            axes=(1,),
            params=24,
            macs=24 * 7,
        ),
        C(
            "matmul of two",
            TOKENS,
            (n("Transpose", to="t", perm=[0, 2, 1]), n("MatMul", "x", "t", to="s"), n("MatMul", "s", "x")),
            axes=(1,),
            macs=7 * 7 * 6 * 2,
            exact=False,
        ),
        C(
            "einsum linear",
            TOKENS,
            layout="NTC",
            nodes=(n("Einsum", "x", w(6, 4), equation="btc,cd->btd"),),
            axes=(1,),
            params=24,
            macs=24 * 7,
            exact=False,
        ),
        C(
            "einsum attention",
            TOKENS,
            layout="NTC",
            nodes=(
                n("Einsum", "x", "x", to="s", equation="bic,bjc->bij"),
                n("Softmax", "s", to="p", axis=-1),
                n("Einsum", "p", "x", equation="bij,bjc->bic"),
            ),
            axes=(1,),
            macs=7 * 7 * 6 * 2,
            exact=False,
        ),
        C(
            "einsum diagonal",
            (1, 2, 6, 6),
            (n("Einsum", "x", equation="bcii->bci"),),
            exact=False,
            macs=0,
        ),
        C("einsum trace", (1, 2, 6, 6), (n("Einsum", "x", equation="bcii->bc"),), exact=True),
        C("einsum transpose", X2, (n("Einsum", "x", equation="nchw->nhwc"),), exact=False),
        C(
            "einsum implicit",
            TOKENS,
            layout="NTC",
            nodes=(n("Einsum", "x", w(6, 4), equation="btc,cd"),),
            axes=(1,),
            params=24,
            macs=24 * 7,
            exact=False,
        ),
        C(
            "einsum ellipsis",
            (1, 5, 4, 6),
            layout="NHWC",
            nodes=(n("Einsum", "x", w(6, 3), equation="...c,cd->...d"),),
            axes=(1, 2),
            params=18,
            macs=18 * 20,
            exact=False,
        ),
        C(
            "conv flatten gemm relu gemm",
            X2,
            (
                n("Conv", "x", w(2, 2, 3, 3), w(2), to="a"),
                n("Flatten", "a", to="b"),
                n("Gemm", "b", w(84, 5), w(5), to="c"),
                n("Relu", "c", to="d"),
                n("Gemm", "d", w(5, 3), w(3)),
            ),
            params=38 + 425 + 18,
            macs=36 * 42 + 420 + 15,
        ),
        C(
            "global pool gemm",
            X2,
            (n("GlobalAveragePool", to="a"), n("Flatten", "a", to="b"), n("Gemm", "b", w(2, 5))),
            params=10,
            macs=10,
        ),
    ]


# ---- reductions, norms, softmax ----------------------------------------------------------------------------


def reduce_cases() -> list[Case]:
    found = [
        C("reduce_mean rows attr", X2, (n("ReduceMean", axes=[2]),), 13),
        C("reduce_mean rows input", X2, (n("ReduceMean", "x", i(2)),)),
        C("reduce_mean no keepdims", X2, (n("ReduceMean", "x", i(2), keepdims=0),)),
        C("reduce_mean both", X2, (n("ReduceMean", "x", i(-1, -2)),)),
        C("reduce_mean all", X2, (n("ReduceMean"),)),
        C("reduce_mean all no keepdims", X2, (n("ReduceMean", keepdims=0),)),
        C("reduce_sum attr 11", X2, (n("ReduceSum", axes=[3]),), 11),
        C("reduce_sum input 13", X2, (n("ReduceSum", "x", i(3)),), 13),
        C("reduce_sum noop", X2, (n("ReduceSum", "x", noop_with_empty_axes=1),), 13),
        C("reduce_sum empty axes", X2, (n("ReduceSum", "x", np.zeros(0, np.int64)),), 13),
        C("reduce channels", X2, (n("ReduceMax", "x", i(1)),)),
        C("argmax channels", X2, (n("ArgMax", axis=1),), 13, numeric="within"),
        C("argmax rows", X2, (n("ArgMax", axis=2, keepdims=0),), 13, numeric="within"),
        C("argmin default axis", X2, (n("ArgMin"),), 13, numeric="none"),
        C(
            "top_k",
            X2,
            (n("TopK", "x", i(3), to=["y", "z"], axis=2),),
            outputs=("y", "z"),
            exact=False,
            numeric="within",
        ),
        C(
            "top_k channels",
            X2,
            (n("TopK", "x", i(1), to=["y", "z"], axis=1),),
            outputs=("y", "z"),
            exact=False,
            numeric="within",
        ),
        C("cumsum", X1, (n("CumSum", "x", s(2, "i8")),), 14),
        C("cumsum reverse", X1, (n("CumSum", "x", s(2, "i8"), reverse=1),), 14),
        C("cumsum exclusive", X1, (n("CumSum", "x", s(2, "i8"), exclusive=1),), 14, exact=False),
        # a running sum goes along positions, so where nothing else speaks of channels these are the last axis
        C("cumsum along axis 1", X1, (n("CumSum", "x", s(1, "i8")),), 14, axes=(1,)),
        C(
            "squeeze and excite",
            X2,
            (
                n("GlobalAveragePool", to="g"),
                n("Conv", "g", w(1, 2, 1, 1), to="a"),
                n("Relu", "a", to="b"),
                n("Conv", "b", w(2, 1, 1, 1), to="c"),
                n("Sigmoid", "c", to="d"),
                n("Mul", "x", "d"),
            ),
            params=4,
            macs=4,
        ),
    ]
    for op in ("L1", "L2", "LogSum", "LogSumExp", "Max", "Min", "Prod", "SumSquare"):
        numeric = "within" if op in ("LogSum", "LogSumExp", "Prod", "Min", "Max") else "equal"
        found.append(C(f"Reduce{op} columns", X2, (n(f"Reduce{op}", "x", i(3)),), numeric=numeric))
        found.append(
            C(f"Reduce{op} columns 11", X2, (n(f"Reduce{op}", axes=[3], keepdims=0),), 11, numeric=numeric)
        )
    for op in ("Softmax", "LogSoftmax", "Hardmax"):
        for axis in (1, 2, 3, -1):
            found.append(C(f"{op} axis {axis} old", X2, (n(op, axis=axis),), 11, numeric="within"))
            found.append(C(f"{op} axis {axis}", X2, (n(op, axis=axis),), 13, numeric="within"))
        found.append(C(f"{op} default old", X2, (n(op),), 9, numeric="within"))
        found.append(C(f"{op} default", X2, (n(op),), 13, numeric="within"))
    return found


def norm_cases() -> list[Case]:
    two = [w(2) for _ in range(4)]
    return [
        C("batch_norm", X2, (n("BatchNormalization", "x", *two),), 15, params=4, fixed=4),
        C("batch_norm 9", X2, (n("BatchNormalization", "x", *two),), 9, params=4, fixed=4),
        C("batch_norm 7", X2, (n("BatchNormalization", "x", *two),), 7, params=4, fixed=4),
        C(
            "batch_norm training",
            X2,
            (n("BatchNormalization", "x", *two, to=["y", "m", "v"], training_mode=1),),
            15,
            params=4,
            fixed=4,
            numeric="within",
        ),
        C(
            "conv batch_norm relu",
            X2,
            (
                n("Conv", "x", w(2, 2, 3, 3), to="a"),
                n("BatchNormalization", "a", *two, to="b"),
                n("Relu", "b"),
            ),
            15,
            params=40,
            fixed=4,
            macs=36 * 42,
            numeric="within",
        ),
        C("instance_norm", X2, (n("InstanceNormalization", "x", w(2), w(2)),), params=4),
        C("layer_norm", TOKENS, (n("LayerNormalization", "x", w(6), w(6)),), axes=(1,), params=12),
        C("layer_norm no bias", TOKENS, (n("LayerNormalization", "x", w(6)),), axes=(1,), params=6),
        C(
            "layer_norm axis 1",
            TOKENS,
            (n("LayerNormalization", "x", w(7, 6), w(7, 6), axis=1),),
            axes=(1,),
            params=84,
        ),
        C(
            "layer_norm mean output",
            TOKENS,
            (n("LayerNormalization", "x", w(6), w(6), to=["y", "m", "v"]),),
            axes=(1,),
            params=12,
            outputs=("y", "m", "v"),
        ),
        C(
            "layer_norm by parts",
            TOKENS,
            layout="NTC",
            nodes=(
                n("ReduceMean", "x", i(-1), to="m"),
                n("Sub", "x", "m", to="d"),
                n("Pow", "d", s(2.0), to="p"),
                n("ReduceMean", "p", i(-1), to="v"),
                n("Add", "v", s(1e-5), to="e"),
                n("Sqrt", "e", to="r"),
                n("Div", "d", "r", to="h"),
                n("Mul", "h", w(6), to="g"),
                n("Add", "g", w(6)),
            ),
            axes=(1,),
            params=12,
        ),
        C(
            "group_norm 18",
            (1, 4, 5, 6),
            (n("GroupNormalization", "x", w(2), w(2), num_groups=2),),
            18,
            params=4,
        ),
        C(
            "group_norm 21",
            (1, 4, 5, 6),
            (n("GroupNormalization", "x", w(4), w(4), num_groups=2),),
            21,
            params=8,
        ),
        C("rms_norm", TOKENS, (n("RMSNormalization", "x", w(6)),), 23, axes=(1,), params=6),
        C("lp_norm", X2, (n("LpNormalization", axis=1),)),
        C("lp_norm default axis", X2, (n("LpNormalization"),), numeric="within"),
        C("mvn", X2, (n("MeanVarianceNormalization"),), 13),
        C("mvn axes", X2, (n("MeanVarianceNormalization", axes=[1, 3]),), 13),
        C("lrn", (1, 6, 5, 4), (n("LRN", size=3),)),
        *(
            C(
                f"lrn {size} over rows",
                (1, 6, 8, 7),
                (n("Transpose", perm=[0, 2, 3, 1], to="t"), n("LRN", "t", size=size, alpha=2.0)),
                layout="NCHW",
                numeric="none",  # its sum runs along the axis, and leaves rounding behind
            )
            for size in (1, 2, 3, 4, 5, 6)
        ),
        C(
            "lrn over columns and back",
            (1, 3, 5, 9),
            (
                n("Transpose", perm=[0, 3, 1, 2], to="t"),
                n("LRN", "t", size=3, alpha=2.0, to="l"),
                n("Transpose", "l", perm=[0, 2, 3, 1], to="b"),
                n("Conv", "b", w(2, 3, 3, 3), pads=[1, 1, 1, 1]),
            ),
            params=54,
            numeric="none",
            macs=54 * 45,
        ),
    ]


# ---- element by element ------------------------------------------------------------------------------------


def elementwise_cases() -> list[Case]:
    plain = [
        "Abs",
        "Ceil",
        "Celu",
        "Cos",
        "Elu",
        "Erf",
        "Exp",
        "Floor",
        "HardSigmoid",
        "HardSwish",
        "LeakyRelu",
        "Neg",
        "Relu",
        "Round",
        "Selu",
        "Sigmoid",
        "Sign",
        "Sin",
        "Softplus",
        "Softsign",
        "Tan",
        "Tanh",
        "ThresholdedRelu",
        "Shrink",
        "Atan",
        "Asinh",
        "Sinh",
        "Cosh",
        "Reciprocal",
    ]
    found = [C(op, X2, (n(op),), numeric="within") for op in plain]
    found += [
        C(op, X2, (n(op),), opset, numeric="within")
        for op, opset in (("Gelu", 20), ("Mish", 18), ("Swish", 24))
    ]
    found += [C(op, X2, (n("Abs", to="a"), n(op, "a")), numeric="within") for op in ("Sqrt", "Log")]
    for op in ("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum", "Mean", "PRelu", "Mod"):
        extra: dict[str, Any] = {"fmod": 1} if op == "Mod" else {}
        found.append(
            C(
                f"{op} with its own pool",
                X2,
                (n("MaxPool", to="p", kernel_shape=[3, 3], pads=[1, 1, 1, 1]), n(op, "x", "p", **extra)),
                numeric="none" if op == "Pow" else "within",
            )
        )
    for op in ("Greater", "Less", "Equal", "GreaterOrEqual", "LessOrEqual"):
        found.append(
            C(
                f"{op} with its own pool",
                X2,
                (n("MaxPool", to="p", kernel_shape=[3, 1], pads=[1, 0, 1, 0]), n(op, "x", "p")),
                numeric="within",
            )
        )
    found += [
        C("prelu", X2, (n("PRelu", "x", w(2, 1, 1)),), params=2),
        C("prelu scalar slope", X2, (n("PRelu", "x", w(1)),), params=1),
        C("prelu per place", X2, (n("PRelu", "x", w(2, 9, 8)),), params=144),
        C("clip attrs", X2, (n("Clip", min=-0.0, max=6.0),), 9, numeric="within"),
        C("clip inputs", X2, (n("Clip", "x", s(0.0), s(6.0)),), 13, numeric="within"),
        C("add scalar", X2, (n("Add", "x", s(1.5)),)),
        C("add bias", X2, (n("Add", "x", w(2, 1, 1)),), params=2),
        C("mul layer scale", X2, (n("Mul", "x", w(2, 1, 1)),), params=2),
        C(
            "add position table",
            TOKENS,
            (n("Add", "x", w(1, 7, 6), to="a"), n("MatMul", "a", w(6, 2))),
            axes=(1,),
            params=54,
            macs=84,
        ),
        C(
            "add row to column",
            X2,
            (n("ReduceMean", "x", i(2), to="a"), n("ReduceMean", "x", i(3), to="b"), n("Add", "a", "b")),
        ),
        C(
            "where",
            X2,
            (
                n("Greater", "x", s(0.0), to="c"),
                n("MaxPool", to="p", kernel_shape=[3, 3], pads=[1] * 4),
                n("Where", "c", "x", "p"),
            ),
            16,
            numeric="within",
        ),
        C("dropout", X2, (n("Dropout"),)),
        C("dropout mask", X2, (n("Dropout", "x", s(0.3), to=["y", "m"]),), 13, outputs=("y",)),
        C("dropout 7", X2, (n("Dropout", ratio=0.3),), 7),
        C(
            "add broadcast rank",
            X2,
            (n("ReduceMean", "x", i(0, 1, 2), to="a", keepdims=0), n("Add", "x", "a")),
        ),
        C(
            "residual strided",
            X2,
            (
                n("Conv", "x", w(2, 2, 3, 3), to="a", pads=[1] * 4),
                n("Conv", "a", w(2, 2, 3, 3), to="b", pads=[1] * 4, strides=[2, 2]),
                n("Conv", "a", w(2, 2, 1, 1), to="c", strides=[2, 2]),
                n("Add", "b", "c"),
            ),
            params=36 * 2 + 4,
            macs=36 * 72 + 36 * 20 + 4 * 20,
        ),
        C(
            "two inputs",
            X2,
            (n("Add", "x", "z", to="a"), n("MaxPool", "a", kernel_shape=[2, 2])),
            more={"z": ("f", X2)},
        ),
        C(
            "branch without the image",
            X2,
            (n("MaxPool", "z", to="a", kernel_shape=[3, 3], pads=[1] * 4), n("Add", "x", "a")),
            more={"z": ("f", X2)},
        ),
        C("not is_nan", X2, (n("IsNaN", to="a"), n("Not", "a")), numeric="within"),
        C(
            "and or",
            X2,
            (
                n("Greater", "x", s(0.0), to="a"),
                n("Less", "x", s(3.0), to="b"),
                n("And", "a", "b", to="c"),
                n("Xor", "c", "a"),
            ),
            numeric="within",
        ),
        C("bit_shift", X2, (n("BitShift", "x", s(1, "u1"), direction="LEFT"),), dtype="u1", numeric="within"),
        C("cast to int", X2, (cast(6),), numeric="within"),
        C("cast_like", X2, (n("CastLike", "x", s(1, "i8")),), 15, numeric="within"),
    ]
    return found


def cast(to: int) -> Any:
    """The attribute is called as the outputs are here."""
    from dataclasses import replace

    return replace(n("Cast"), attributes={"to": to})


# ---- recurrent layers and attention ------------------------------------------------------------------------


def sequence_cases() -> list[Case]:
    found = []
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}
    for op, g in gates.items():
        for direction, d in (("forward", 1), ("reverse", 1), ("bidirectional", 2)):
            weights = (w(d, g * 3, 6), w(d, g * 3, 3), w(d, 2 * g * 3))
            outputs = ["y", "h", "c"][: 3 if op == "LSTM" else 2]
            node = n(op, "x", *weights, to=outputs, hidden_size=3, direction=direction)
            count = sum(each.size for each in weights)
            macs = d * g * 3 * (6 + 3) * 7
            found.append(
                C(
                    f"{op} {direction}",
                    (7, 1, 6),
                    (node,),
                    14,
                    params=count,
                    macs=macs,
                    axes=(0,),
                    outputs=("y", "h"),
                    numeric="within",
                )
            )
    one_way = (w(1, 12, 6), w(1, 12, 3))
    found += [
        C(
            "LSTM layout 1",
            (1, 7, 6),
            (n("LSTM", "x", *one_way, to=["y", "h"], hidden_size=3, layout=1),),
            14,
            params=108,
            macs=108 * 7,
            axes=(1,),
            outputs=("y", "h"),
            numeric="none",
            exact=True,
        ),
        C(
            "LSTM after a transpose",
            (1, 7, 6),
            (
                n("Transpose", to="t", perm=[1, 0, 2]),
                n("LSTM", "t", *one_way, to="o", hidden_size=3),
                n("Squeeze", "o", i(1), to="q"),
                n("Transpose", "q", perm=[1, 0, 2]),
            ),
            14,
            params=108,
            macs=108 * 7,
            axes=(1,),
            numeric="within",
        ),
        C(
            "LSTM peepholes and clip",
            (7, 1, 6),
            (
                n(
                    "LSTM",
                    "x",
                    *one_way,
                    w(1, 24),
                    None,
                    None,
                    None,
                    w(1, 9),
                    to=["y"],
                    hidden_size=3,
                    clip=3.0,
                ),
            ),
            14,
            params=108 + 24 + 9,
            macs=None,
            axes=(0,),
            numeric="within",
        ),
        C(
            "GRU linear_before_reset",
            (7, 1, 6),
            (
                n(
                    "GRU",
                    "x",
                    w(1, 9, 6),
                    w(1, 9, 3),
                    w(1, 18),
                    to=["y"],
                    hidden_size=3,
                    linear_before_reset=1,
                ),
            ),
            14,
            params=54 + 27 + 18,
            macs=81 * 7,
            axes=(0,),
            numeric="within",
        ),
    ]
    settings: dict[str, dict[str, Any]] = {"": {}, " causal": {"is_causal": 1}}
    for name, given in settings.items():
        for opset in (23, 24):
            found.append(
                C(
                    f"Attention {opset}{name} 3d",
                    TOKENS,
                    (
                        n("MatMul", "x", w(6, 4), to="q"),
                        n("MatMul", "x", w(6, 4), to="k"),
                        n("MatMul", "x", w(6, 4), to="v"),
                        n("Attention", "q", "k", "v", q_num_heads=2, kv_num_heads=2, **given),
                    ),
                    opset,
                    params=72,
                    macs=72 * 7 + 2 * 49 * 4,
                    axes=(1,),
                    numeric="within",
                )
            )
    found += [
        C(
            "Attention 4d of one",
            (1, 2, 7, 4),
            (n("Attention", "x", "x", "x"),),
            23,
            layout="NCHW",
            axes=(2, 3),
            exact=False,
            macs=2 * 49 * 8,
            numeric="within",
        ),
        C(
            "Attention grouped",
            TOKENS,
            (
                n("MatMul", "x", w(6, 8), to="q"),
                n("MatMul", "x", w(6, 4), to="k"),
                n("MatMul", "x", w(6, 4), to="v"),
                n("Attention", "q", "k", "v", q_num_heads=4, kv_num_heads=2),
            ),
            23,
            params=96,
            macs=96 * 7 + 2 * 49 * 8,
            axes=(1,),
            numeric="within",
        ),
        C(
            "Attention by parts",
            TOKENS,
            attention_by_parts(),
            params=4 * 36,
            macs=4 * 36 * 7 + 2 * 49 * 6,
            axes=(1,),
            exact=False,
        ),
        C(
            "ms Attention",
            TOKENS,
            (ms("Attention", "x", w(6, 18), w(18), num_heads=2),),
            params=126,
            macs=18 * 6 * 7 + 2 * 49 * 6,
            axes=(1,),
            exact=False,
            numeric="within",
        ),
        C(
            "ms Attention causal",
            TOKENS,
            (ms("Attention", "x", w(6, 18), w(18), num_heads=2, unidirectional=1),),
            params=126,
            macs=18 * 6 * 7 + 2 * 49 * 6,
            axes=(1,),
            exact=False,
            numeric="within",
        ),
        C(
            "ms MultiHeadAttention",
            TOKENS,
            (
                n("MatMul", "x", w(6, 4), to="q"),
                n("MatMul", "x", w(6, 4), to="k"),
                n("MatMul", "x", w(6, 4), to="v"),
                ms("MultiHeadAttention", "q", "k", "v", num_heads=2),
            ),
            params=72,
            macs=72 * 7 + 2 * 49 * 4,
            axes=(1,),
            exact=False,
            numeric="within",
        ),
        C(
            "vit patches",
            (1, 3, 8, 12),
            (
                n("Conv", "x", w(5, 3, 4, 4), w(5), to="a", strides=[4, 4]),
                n("Reshape", "a", i(1, 5, -1), to="b"),
                n("Transpose", "b", perm=[0, 2, 1], to="c"),
                n("Concat", w(1, 1, 5), "c", to="d", axis=1),
                n("Add", "d", w(1, 7, 5)),
            ),
            params=245 + 5 + 35,
            macs=240 * 6,
        ),
        C(
            "vit class token",
            (1, 3, 8, 12),
            (
                n("Conv", "x", w(5, 3, 4, 4), to="a", strides=[4, 4]),
                n("Reshape", "a", i(1, 5, -1), to="b"),
                n("Transpose", "b", perm=[0, 2, 1], to="c"),
                n("Concat", w(1, 1, 5), "c", to="d", axis=1),
                *attention_nodes("d", 5, "e"),
                n("Gather", "e", s(0, "i8"), axis=1),
            ),
            params=240 + 5 + 100,
            macs=240 * 6 + 100 * 7 + 2 * 49 * 5,
            exact=False,
        ),
    ]
    return found


def attention_nodes(x: str, features: int, out: str, mask: Any = None) -> tuple[Any, ...]:
    size = features
    score = "score" if mask is None else "masked"
    return (
        n("MatMul", x, w(size, size), to="q"),
        n("MatMul", x, w(size, size) + 1, to="k"),
        n("MatMul", x, w(size, size) + 2, to="v"),
        n("Transpose", "k", to="kt", perm=[0, 2, 1]),
        n("MatMul", "q", "kt", to="raw"),
        n("Mul", "raw", s(0.001), to="score"),
        *(() if mask is None else (n("Add", "score", mask, to="masked"),)),
        n("Softmax", score, to="p", axis=-1),
        n("MatMul", "p", "v", to="o"),
        n("MatMul", "o", w(size, size) + 3, to=out),
    )


def attention_by_parts(mask: Any = None) -> tuple[Any, ...]:
    return attention_nodes("x", 6, "y", mask)


def arithmetic_cases() -> list[Case]:
    """Numbers that are computed of others, and then say where the map ends."""

    def cut(name: str, *nodes: Any, end: str = "t", exact: bool = True) -> Case:
        last = n("Slice", "x", i(0), end, i(2))
        return C(f"computed end: {name}", X2, (*nodes, last), exact=exact, macs=0 if exact else None)

    return [
        cut("absolute", n("Abs", i(-4), to="t")),
        cut("remainder as in C", n("Mod", i(-9), i(5), to="t", fmod=1)),
        cut("remainder", n("Mod", i(-9), i(5), to="t")),
        cut(
            "padded with a value",
            n("Pad", i(1), i(1, 0), s(7, "i8"), to="p"),
            n("Gather", "p", i(0), to="t"),
        ),
        cut(
            "padded along an axis",
            n("Pad", i(1, 2).reshape(1, 2), i(0, 1), None, i(1), to="p"),
            n("Reshape", "p", i(-1), to="f"),
            n("Gather", "f", i(1), to="t"),
            exact=False,
        ),
        cut("uneven parts", n("Split", i(1, 1, 1, 1, 1, 2, 7), to=["a", "b", "t"], num_outputs=3)),
        cut(
            "reduced over nothing",
            n("ReduceSum", i(3, 4), to="p", noop_with_empty_axes=1),
            n("Gather", "p", i(1), to="t"),
        ),
        cut(
            "scattered and added",
            n("ScatterND", i(2), i(0).reshape(1, 1), i(3), to="t", reduction="add"),
            exact=False,
        ),
        cut(
            "scattered and multiplied",
            n("ScatterElements", i(2), i(0), i(3), to="t", reduction="mul"),
            exact=False,
        ),
    ]


def reshape_cases() -> list[Case]:
    window = (
        n("Reshape", "x", i(1, 2, 2, 4, 3, 4), to="a"),
        n("Transpose", "a", to="b", perm=[0, 2, 4, 3, 5, 1]),
        n("Reshape", "b", i(6, 16, 2), to="c"),
    )
    back = (
        n("Reshape", "d", i(1, 2, 3, 4, 4, 2), to="e"),
        n("Transpose", "e", to="g", perm=[0, 5, 1, 3, 2, 4]),
        n("Reshape", "g", i(1, 2, 8, 12), to="y"),
    )
    size = (1, 2, 8, 12)
    return [
        C(
            "window attention",
            size,
            (*window, *attention_nodes("c", 2, "d"), *back),
            params=16,
            macs=16 * 96 + 6 * 2 * 16 * 16 * 2,
        ),
        C(
            "shifted window attention",
            size,
            (
                n("Slice", "x", i(2), i(100), i(2), to="r1"),
                n("Slice", "x", i(0), i(2), i(2), to="r2"),
                n("Concat", "r1", "r2", to="r", axis=2),
                n("Reshape", "r", i(1, 2, 2, 4, 3, 4), to="a"),
                *window[1:],
                *attention_nodes("c", 2, "d"),
                *back[:2],
                n("Reshape", "g", i(1, 2, 8, 12), to="u"),
                n("Slice", "u", i(-2), i(100), i(2), to="u1"),
                n("Slice", "u", i(0), i(-2), i(2), to="u2"),
                n("Concat", "u1", "u2", axis=2),
            ),
            params=16,
            macs=16 * 96 + 6 * 2 * 16 * 16 * 2,
        ),
        C("window partition and back", size, (*window, n("Relu", "c", to="d"), *back), numeric="within"),
        C(
            "window mean",
            size,
            (n("Reshape", "x", i(1, 2, 2, 4, 3, 4), to="a"), n("ReduceMean", "a", i(3, 5), keepdims=0)),
        ),
        C(
            "pixel shuffle by reshape",
            (1, 8, 4, 3),
            (
                n("Reshape", "x", i(1, 2, 2, 2, 4, 3), to="a"),
                n("Transpose", "a", perm=[0, 1, 4, 2, 5, 3], to="b"),
                n("Reshape", "b", i(1, 2, 8, 6)),
            ),
        ),
        C(
            "pixel unshuffle by reshape",
            size,
            (
                n("Reshape", "x", i(1, 2, 4, 2, 6, 2), to="a"),
                n("Transpose", "a", perm=[0, 1, 3, 5, 2, 4], to="b"),
                n("Reshape", "b", i(1, 8, 4, 6), to="c"),
                n("Conv", "c", w(3, 8, 3, 3), pads=[1] * 4),
            ),
            params=216,
            macs=216 * 24,
        ),
        C(
            "channel shuffle",
            (1, 6, 5, 4),
            (
                n("Reshape", "x", i(1, 2, 3, 5, 4), to="a"),
                n("Transpose", "a", perm=[0, 2, 1, 3, 4], to="b"),
                n("Reshape", "b", i(1, 6, 5, 4), to="c"),
                n("Conv", "c", w(2, 6, 3, 3), pads=[1] * 4),
            ),
            params=108,
            macs=108 * 20,
        ),
        C(
            "shufflenet unit",
            (1, 4, 5, 6),
            (
                n("Split", to=["l", "r"], axis=1),
                n("Conv", "r", w(2, 2, 3, 3), to="c", pads=[1] * 4),
                n("Concat", "l", "c", to="k", axis=1),
                n("Reshape", "k", i(1, 2, 2, 5, 6), to="a"),
                n("Transpose", "a", perm=[0, 2, 1, 3, 4], to="b"),
                n("Reshape", "b", i(1, 4, 5, 6)),
            ),
            13,
            params=36,
            macs=36 * 30,
        ),
        C(
            "halves apart again",
            (1, 4, 5, 6),
            (
                n("Split", to=["l", "r"], axis=1),
                n("Conv", "r", w(2, 2, 3, 3), to="c", pads=[1] * 4),
                n("Concat", "l", "c", to="k", axis=1),
                n("Split", "k", to=["y", "z"], axis=1),
            ),
            13,
            params=36,
            macs=36 * 30,
            outputs=("y", "z"),
            exact=False,
        ),
        C(
            "nhwc detour with layer norm",
            X2,
            (
                n("Transpose", to="a", perm=[0, 2, 3, 1]),
                n("LayerNormalization", "a", w(2), w(2), to="b"),
                n("MatMul", "b", w(2, 3), to="c"),
                n("Transpose", "c", perm=[0, 3, 1, 2]),
            ),
            params=10,
            macs=6 * 72,
            numeric="within",
        ),
        C(
            "shape arithmetic",
            X2,
            (
                n("Shape", to="s"),
                n("Gather", "s", s(0, "i8"), to="b"),
                n("Unsqueeze", "b", i(0), to="bu"),
                n("Concat", "bu", i(-1), to="t", axis=0),
                n("Reshape", "x", "t", to="f"),
                n("Gemm", "f", w(144, 3)),
            ),
            params=432,
            macs=432,
        ),
        C(
            "shape arithmetic halves",
            X2,
            (
                n("Shape", to="s", start=2, end=3),
                n("Div", "s", i(2), to="h"),
                n("Slice", "x", i(0), "h", i(2)),
            ),
        ),
        *arithmetic_cases(),
        C(
            "shape slice reshape",
            X2,
            (
                n("Shape", to="s"),
                n("Slice", "s", i(2), i(4), to="hw"),
                n("ReduceProd", "hw", to="p", keepdims=1),
                n("Concat", i(1, 2), "p", to="t", axis=0),
                n("Reshape", "x", "t"),
            ),
        ),
        C(
            "constant_of_shape added",
            X2,
            (n("Shape", to="s"), n("ConstantOfShape", "s", to="z"), n("Add", "x", "z")),
            params=None,
        ),
        C(
            "size and range",
            X1,
            (
                n("Size", to="sz"),
                n("Div", "sz", s(2, "i8"), to="half"),
                n("Range", s(0, "i8"), "half", s(2, "i8"), to="r"),
                n("Gather", "x", "r", axis=2),
            ),
        ),
        C(
            "expand to a shape",
            X2,
            (n("GlobalAveragePool", to="g"), n("Shape", "x", to="s"), n("Expand", "g", "s")),
        ),
        C(
            "strip mean by reshape",
            (1, 2, 12),
            (n("Reshape", "x", i(1, 2, 4, 3), to="a"), n("ReduceMax", "a", i(3), keepdims=0)),
        ),
        C(
            "interleaved mean by reshape",
            (1, 2, 12),
            (n("Reshape", "x", i(1, 2, 4, 3), to="a"), n("ReduceMax", "a", i(2), keepdims=0)),
        ),
        C(
            "nearest by expand",
            X2,
            (
                n("Unsqueeze", "x", i(3, 5), to="a"),
                n("Expand", "a", i(1, 2, 9, 2, 8, 3), to="b"),
                n("Reshape", "b", i(1, 2, 18, 24)),
            ),
        ),
    ]


# ---- quantised ---------------------------------------------------------------------------------------------


def quantised_cases() -> list[Case]:
    one, zero, uzero = s(0.1), s(0, "i1"), s(0, "u1")
    kernel = q(3, 2, 3, 3)
    return [
        C(
            "quantize dequantize",
            X2,
            (n("QuantizeLinear", "x", one, uzero, to="a"), n("DequantizeLinear", "a", one, uzero)),
            13,
            numeric="within",
        ),
        C(
            "dequantised weights",
            X2,
            (n("DequantizeLinear", kernel, one, zero, to="k"), n("Conv", "x", "k")),
            13,
            params=54,
            macs=54 * 42,
        ),
        C(
            "dequantised weights per channel",
            X2,
            (n("DequantizeLinear", kernel, f(0.1, 0.2, 0.3), q(3), to="k", axis=0), n("Conv", "x", "k")),
            13,
            params=54,
            macs=54 * 42,
        ),
        C(
            "qlinear_conv",
            X2,
            (
                n(
                    "QLinearConv",
                    "x",
                    one,
                    uzero,
                    kernel,
                    one,
                    zero,
                    s(4.0),
                    uzero,
                    q(3, dtype="i4"),
                    pads=[1] * 4,
                ),
            ),
            13,
            dtype="u1",
            params=57,
            macs=54 * 72,
            numeric="within",
        ),
        C(
            "qlinear_conv stride",
            X2,
            (n("QLinearConv", "x", one, uzero, kernel, one, zero, s(4.0), uzero, strides=[2, 2]),),
            13,
            dtype="u1",
            params=54,
            macs=54 * 12,
            numeric="within",
        ),
        C(
            "conv_integer",
            X2,
            (n("ConvInteger", "x", kernel.astype("u1"), strides=[2, 1]),),
            13,
            dtype="u1",
            params=54,
            macs=54 * 24,
            numeric="within",
        ),
        C(
            "matmul_integer",
            TOKENS,
            (n("MatMulInteger", "x", q(6, 4)),),
            13,
            dtype="u1",
            axes=(1,),
            params=24,
            macs=24 * 7,
            numeric="within",
        ),
        C(
            "qlinear_matmul",
            TOKENS,
            (n("QLinearMatMul", "x", one, uzero, q(6, 4), one, zero, s(4.0), uzero),),
            13,
            dtype="u1",
            axes=(1,),
            params=24,
            macs=24 * 7,
            numeric="within",
        ),
        C(
            "dynamic_quantize_linear",
            X2,
            (n("DynamicQuantizeLinear", to=["y", "s", "z"]),),
            13,
            outputs=("y",),
            exact=False,
            numeric="within",
        ),
        C(
            "qdq conv",
            X2,
            (
                n("QuantizeLinear", "x", one, uzero, to="a"),
                n("DequantizeLinear", "a", one, uzero, to="b"),
                n("DequantizeLinear", kernel, one, zero, to="k"),
                n("Conv", "b", "k", to="c", pads=[1] * 4),
                n("QuantizeLinear", "c", one, uzero, to="d"),
                n("DequantizeLinear", "d", one, uzero),
            ),
            13,
            params=54,
            macs=54 * 72,
            numeric="within",
        ),
        C(
            "ms QLinearAdd",
            X2,
            (ms("QLinearAdd", "x", one, uzero, "x", one, uzero, s(0.2), uzero),),
            13,
            dtype="u1",
            numeric="within",
        ),
        C(
            "ms QLinearGlobalAveragePool",
            X2,
            (ms("QLinearGlobalAveragePool", "x", one, uzero, one, uzero),),
            13,
            dtype="u1",
            numeric="within",
        ),
        C(
            "ms QLinearConcat",
            X2,
            (ms("QLinearConcat", one, uzero, "x", one, uzero, "x", one, uzero, axis=1),),
            13,
            dtype="u1",
            numeric="within",
        ),
        C(
            "ms NhwcMaxPool",
            (1, 9, 8, 2),
            (ms("NhwcMaxPool", "x", kernel_shape=[2, 2], strides=[2, 2]),),
            13,
            dtype="u1",
            axes=(1, 2),
            numeric="within",
        ),
    ]


# ---- onnxruntime's own -------------------------------------------------------------------------------------


def contrib_cases() -> list[Case]:
    kernel = w(2, 2, 3, 3)
    return [
        C(
            "ms FusedConv",
            X2,
            (ms("FusedConv", "x", kernel, w(2), activation="Relu", pads=[1] * 4),),
            params=38,
            macs=36 * 72,
            numeric="within",
        ),
        C(
            "ms FusedConv with sum",
            X2,
            (ms("FusedConv", "x", kernel, w(2), "x", pads=[1] * 4, activation="Relu"),),
            params=38,
            macs=36 * 72,
            numeric="within",
        ),
        C(
            "ms FusedGemm",
            X2,
            (n("Flatten", to="a"), ms("FusedGemm", "a", w(5, 144), w(5), transB=1, activation="Relu")),
            params=725,
            macs=720,
            numeric="within",
        ),
        C(
            "ms FusedMatMul",
            TOKENS,
            (ms("FusedMatMul", "x", w(4, 6), transB=1, alpha=0.5),),
            axes=(1,),
            params=24,
            macs=24 * 7,
        ),
        C(
            "ms FusedMatMul transA",
            TOKENS,
            (ms("FusedMatMul", "x", w(7, 4), transA=1),),
            axes=(1,),
            params=28,
            macs=28 * 6,
            exact=False,
        ),
        C("ms Gelu", X2, (ms("Gelu"),), numeric="within"),
        C("ms FastGelu", X2, (ms("FastGelu"),), numeric="within"),
        C(
            "ms FastGelu bias",
            TOKENS,
            layout="NTC",
            nodes=(ms("FastGelu", "x", w(6)),),
            axes=(1,),
            params=6,
            numeric="within",
        ),
        C(
            "ms BiasGelu",
            TOKENS,
            layout="NTC",
            nodes=(ms("BiasGelu", "x", w(6)),),
            axes=(1,),
            params=6,
            numeric="within",
        ),
        C("ms QuickGelu", X2, (ms("QuickGelu"),), numeric="within"),
        C(
            "ms SkipLayerNormalization",
            TOKENS,
            (n("MatMul", "x", w(6, 6), to="a"), ms("SkipLayerNormalization", "a", "x", w(6), w(6), w(6))),
            axes=(1,),
            params=54,
            macs=36 * 7,
        ),
        C(
            "SimplifiedLayerNormalization",
            TOKENS,
            (n("SimplifiedLayerNormalization", "x", w(6)),),
            axes=(1,),
            params=6,
        ),
        C(
            "ms SkipSimplifiedLayerNormalization",
            TOKENS,
            layout="NTC",
            nodes=(n("Relu", to="a"), ms("SkipSimplifiedLayerNormalization", "x", "a", w(6))),
            axes=(1,),
            params=6,
        ),
    ]


# ---- signals, and the odd ones -----------------------------------------------------------------------------


def odd_cases() -> list[Case]:
    grid = np.stack(np.meshgrid(np.linspace(-0.9, 0.9, 5), np.linspace(-0.5, 0.8, 4), indexing="xy"), -1)[
        None
    ]
    return [
        C(
            "grid_sample constant",
            (1, 2, 6, 7),
            (n("GridSample", "x", grid.astype("f")),),
            16,
            exact=False,
            params=None,
        ),
        C(
            "grid_sample of another input",
            (1, 2, 6, 7),
            (n("GridSample", "x", "g"),),
            16,
            more={"g": ("f", (1, 5, 4, 2))},
            exact=False,
            numeric="within",
        ),
        C(
            "affine_grid",
            (1, 2, 3),
            (n("AffineGrid", "x", i(1, 1, 4, 5)),),
            20,
            axes=(2,),
            exact=False,
            numeric="within",
        ),
        C("dft", (1, 9, 1), (n("DFT", axis=1),), 17, axes=(1,), layout="NTC", exact=False, numeric="within"),
        C(
            "stft",
            (1, 24),
            (n("STFT", "x", s(4, "i8"), w(8), s(8, "i8")),),
            17,
            axes=(1,),
            exact=False,
            params=None,
            numeric="within",
        ),
        C("non_zero", X1, (n("NonZero"),), 13, exact=False, numeric="none", open=(0, 1)),
        C(
            "nms",
            (1, 6, 4),
            (n("NonMaxSuppression", "x", "scores", i(3), f(0.5), f(0.1)),),
            11,
            more={"scores": ("f", (1, 1, 6))},
            axes=(1,),
            layout="NTC",
            exact=False,
            numeric="none",
            open=(0, 1),
            params=None,
        ),
        C(
            "hann window",
            X1,
            (n("HannWindow", s(11, "i8"), to="h"), n("Mul", "x", "h")),
            17,
            params=None,
            numeric="within",
        ),
        C("if constant", X2, (control_if(s(True, "?")),), params=36, macs=36 * 42),
        C("if constant else", X2, (control_if(s(False, "?")),), params=None, macs=0),
        C(
            "if computed",
            X2,
            (
                n("ReduceMean", to="m", keepdims=0),
                n("Greater", "m", s(0.0), to="c"),
                control_if("c", same=True),
            ),
            exact=False,
            params=None,
            macs=None,
            numeric="within",
        ),
        C("loop", X2, (control_loop(3),), exact=False, params=None, macs=None),
        C(
            "scan",
            (7, 3),
            (control_scan(),),
            axes=(0,),
            layout="TC",
            exact=False,
            params=None,
            macs=None,
            numeric="within",
        ),
        *function_cases(),
    ]


def body(nodes: tuple[Any, ...], inputs: list[Any], outputs: list[str], weights: dict[str, Any]) -> Any:
    """A graph inside of a node."""
    import onnx
    from onnx import helper, numpy_helper

    made = [
        helper.make_node(each.op, list(each.inputs), list(each.outputs), **each.attributes) for each in nodes
    ]
    kept = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    return helper.make_graph(made, "body", inputs, [onnx.ValueInfoProto(name=name) for name in outputs], kept)


def control_if(condition: Any, *, same: bool = False) -> Any:
    pads = [1] * 4 if same else [0] * 4
    then = body((n("Conv", "x", "k", to="t", pads=pads),), [], ["t"], {"k": w(2, 2, 3, 3)})
    other = body((n("Relu", "x", to="e"),), [], ["e"], {})
    return n("If", condition, then_branch=then, else_branch=other)


def control_loop(turns: int) -> Any:
    from onnx import TensorProto, helper

    inputs = [
        helper.make_tensor_value_info("turn", TensorProto.INT64, []),
        helper.make_tensor_value_info("go", TensorProto.BOOL, []),
        helper.make_tensor_value_info("state", TensorProto.FLOAT, None),
    ]
    nodes = (
        n("Identity", "go", to="on"),
        n("AveragePool", "state", to="next", kernel_shape=[3, 3], pads=[1] * 4),
    )
    graph = body(nodes, inputs, ["on", "next"], {})
    return n("Loop", s(turns, "i8"), s(True, "?"), "x", body=graph)


def control_scan() -> Any:
    from onnx import TensorProto, helper

    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3]) for name in ("sum", "step")]
    nodes = (n("Add", "sum", "step", to="more"), n("Identity", "more", to="out"))
    graph = body(nodes, inputs, ["more", "out"], {})
    return n("Scan", np.zeros(3, np.float32), "x", to=["last", "y"], body=graph, num_scan_inputs=1)


def function_cases() -> list[Case]:
    from onnx import helper

    block = helper.make_function(
        "local",
        "Block",
        ["a", "k"],
        ["b"],
        [
            helper.make_node("Conv", ["a", "k"], ["c"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["c"], ["r"]),
            helper.make_node("Add", ["a", "r"], ["b"]),
        ],
        [helper.make_opsetid("", 18)],
    )
    pool = helper.make_function(
        "local", "Pool", ["a"], ["b"], [], [helper.make_opsetid("", 18)], attributes=["size"]
    )
    node = helper.make_node("MaxPool", ["a"], ["b"])
    kernel = node.attribute.add()
    kernel.name, kernel.ref_attr_name, kernel.type = "kernel_shape", "size", 7
    pool.node.append(node)
    one, other = w(2, 2, 3, 3), w(2, 2, 3, 3) + 1
    return [
        C(
            "function",
            X2,
            (n("Block", "x", one, domain="local"),),
            params=36,
            macs=36 * 72,
            functions=(block,),
            numeric="within",
        ),
        C(
            "function twice",
            X2,
            (n("Block", "x", one, to="a", domain="local"), n("Block", "a", other, domain="local")),
            params=72,
            macs=72 * 72,
            functions=(block,),
            numeric="within",
        ),
        C(
            "function twice shared weight",
            X2,
            (n("Block", "x", one, to="a", domain="local"), n("Block", "a", one, domain="local")),
            params=36,
            macs=72 * 72,
            functions=(block,),
            numeric="within",
        ),
        C(
            "function with an attribute",
            X2,
            (n("Pool", "x", domain="local", size=[3, 2]),),
            functions=(pool,),
            numeric="within",
        ),
    ]


def all_cases() -> list[Case]:
    groups = (
        conv_cases,
        transposed_cases,
        pool_cases,
        resize_cases,
        move_cases,
        product_cases,
        reduce_cases,
        norm_cases,
        elementwise_cases,
        sequence_cases,
        reshape_cases,
        quantised_cases,
        contrib_cases,
        odd_cases,
    )
    return [case for group in groups for case in group()]
