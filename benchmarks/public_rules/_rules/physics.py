"""Rotations, boxes, distances, orbits: jax-md, mujoco-mjx, jaxoplanet, e3nn-jax."""

from .._rule import Call, Rule, Slope
from ._calls import array, calling, normal, scalar

ROTATION, BOX = "jax_md/_nn/uma/common/rotation.py", array([2.0, 0.3, 0.1], [0.0, 1.5, 0.2], [0.0, 0.0, 1.8])
ANY = array(0.3, -0.8, 0.05)


def segments() -> Call:
    """A product with one matrix for each segment of rows."""
    import jax.numpy as jnp
    from jax_md._nn.uma import kernels

    return Call(kernels._segment_mm_2d, (normal(5, 3), normal(2, 4, 3, seed=1), jnp.array([2, 3])))


RULES = (
    Rule("jax-md", "jax_md._nn.uma.common.rotation.safe_acos", ROTATION,
         calling("jax_md._nn.uma.common.rotation:safe_acos", ANY), "fail",
         "slopes clamped within 1e-7 of ±1, on purpose", (Slope(([1 - 1e-8],), size=1e-7),)),
    Rule("jax-md", "jax_md._nn.uma.common.rotation.safe_atan2", ROTATION,
         calling("jax_md._nn.uma.common.rotation:safe_atan2", ANY, array(-0.5, 0.4, 1.2)), "fail",
         "slopes clamped within 1e-7 of the origin, on purpose", (Slope(([1e-9], [1e-9]), argument=1),)),
    Rule("jax-md", "jax_md.rigid_body._quaternion_rotate", "jax_md/rigid_body.py",
         calling("jax_md.rigid_body:_quaternion_rotate", array(0.5, -0.5, 0.1, 0.7), ANY, domain={"q": "unit"})),
    Rule("jax-md", "jax_md.space.transform", "jax_md/space.py",
         calling("jax_md.space:transform", BOX, normal(4, 3), surrogate=True)),
    Rule("jax-md", "jax_md._energy.electrostatics.transform_gradients", "jax_md/_energy/electrostatics.py",
         calling("jax_md._energy.electrostatics:transform_gradients", BOX, normal(4, 3), surrogate=True)),
    Rule("jax-md", "jax_md.mm_forcefields.reaxff.reaxff_helper.safe_sqrt",
         "jax_md/mm_forcefields/reaxff/reaxff_helper.py",
         calling("jax_md.mm_forcefields.reaxff.reaxff_helper:safe_sqrt", array(0.3, 1.8, 4.2))),
    Rule("jax-md", "jax_md._nn.uma.kernels._segment_mm_2d", "jax_md/_nn/uma/kernels.py", segments),
    Rule("mujoco-mjx", "mujoco.mjx._src.collision_sdf._cylinder", "mujoco/mjx/_src/collision_sdf.py",
         calling("mujoco.mjx._src.collision_sdf:_cylinder", array(0.7, -0.4, 0.3), array(0.5, 0.8, 0.0)), "fail",
         "no slope in the size", (Slope(([0.7, -0.4, 0.3], [0.5, 0.8, 0.0]), argument=1),)),
    Rule("jaxoplanet", "jaxoplanet.utils.zero_safe_sqrt", "jaxoplanet/utils.py",
         calling("jaxoplanet.utils:zero_safe_sqrt", array(0.3, 1.2, 4.8)), "pass",
         "missed: slope √x/2 below 10 eps, on purpose", (Slope(([1e-15],)),)),
    Rule("jaxoplanet", "jaxoplanet.core.kepler._kepler", "jaxoplanet/core/kepler.py",
         calling("jaxoplanet.core.kepler:_kepler", array(0.3, 2.2, 4.8), array(0.1, 0.5, 0.2), domain={"ecc": (0, 1)})),
    Rule("jaxoplanet", "jaxoplanet.core.limb_dark._p_integral", "jaxoplanet/core/limb_dark.py",
         calling("jaxoplanet.core.limb_dark:_p_integral", scalar(0.4), scalar(0.2),
                 after=lambda f, b, r: f(10, 3, True, b, r))),
    Rule("e3nn-jax", "e3nn_jax._src.spherical_harmonics._custom_jvp_spherical_harmonics",
         "e3nn_jax/_src/spherical_harmonics/__init__.py",
         calling("e3nn_jax._src.spherical_harmonics:_custom_jvp_spherical_harmonics", array(0.3, -1.2, 0.8),
                 after=lambda f, x: f((0, 1, 2, 3), x, "component", ("legendre", "dense")))),
)  # fmt: skip
