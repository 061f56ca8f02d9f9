"""The stages of a check as data."""

from . import (
    s0_contract,
    s1_linearity,
    s2_jacobian,
    s3_inputs,
    s4_differences,
    s6_dtypes,
    s7_transforms,
    s8_second_order,
    s9_shapes,
    s10_scale,
    s11_cost,
)

# Stage, lowest level that runs it, whether it is meant for surrogates too.
STAGES = {
    "S0 contract": (s0_contract.contract, 0, True),
    "S1 linearity": (s1_linearity.linearity, 0, False),
    "S2 Jacobian": (s2_jacobian.jacobian, 0, False),
    "S3 inputs, S5 kinks": (s3_inputs.inputs, 0, False),
    "S4 differences": (s4_differences.reference_holds, 0, False),
    "S6 dtypes": (s6_dtypes.dtypes, 0, False),
    "S7 transforms": (s7_transforms.transforms, 0, True),
    "S8 second order": (s8_second_order.second_order, 0, False),
    "S9 shapes": (s9_shapes.shapes, 1, False),
    "S10 scale": (s10_scale.scale, 1, False),
    "S11 determinism": (s11_cost.determinism, 0, True),
}
