"""What a training step communicates: collectives and bytes for each placement, read from the compiled program.

The model is a residual MLP, compiled for eight devices with shapes alone: nothing is computed, and every figure of the
first table is exact. The second is on paper: docs/scaling.md derives it, and names the sources of the bandwidths.
"""

import math
import re
from collections import Counter

import jax
import jax.numpy as jnp
import optax
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

import funcnn as fn
from funcnn.training._in_place import places_of
from funcnn.training._mesh import batch_axes
from funcnn.training._placement import shardings
from funcnn.training._step import placed_step

from ._measure import run_script, table, title

WIDTH, HIDDEN, BLOCKS, BATCH = 1024, 4096, 4, 512
MEGATRON = {"**.up.w": P(None, "model"), "**.up.b": P("model"), "**.down.w": P("model", None)}
PLACEMENTS = {
    "replicated": ({"data": 8}, fn.replicated()),
    "fsdp": ({"data": 8}, fn.fsdp()),
    "tensor_parallel": ({"data": 1, "model": 8}, fn.tensor_parallel(MEGATRON)),
    "both": ({"data": 2, "model": 4}, [fn.tensor_parallel(MEGATRON), fn.fsdp()]),
}
PEAK, UTILISATION = 989e12, 0.4  # an H100's, dense bfloat16; the part of it that is reached
NETWORKS = {  # devices, and bytes a second that each sends
    "8 GPUs, NVLink": (8, 450e9),
    "64 hosts of 8 GPUs, a 400 Gb/s port a GPU": (512, 8 * 50e9),
    "64 hosts of 8 GPUs, one 100 Gb/s port a host": (512, 12.5e9),
}
ROWS, TOTAL = 8192, 2**20
KINDS = "all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute"
COLLECTIVE = re.compile(rf"= (\(.*?\)|\S+) ({'|'.join(KINDS)})(?:-start)?\(")
SHAPE = re.compile(r"([a-z]+)(\d+)\[([\d,]*)\]")
GROUPS = re.compile(r"replica_groups=(?:\[\d+,(\d+)\]|\{\{([\d,]+)\}|mesh\[(.*?)\] \{(.*?)\})")


def model():
    block = lambda: fn.residual(
        fn.serial(norm=fn.layer_norm(), up=fn.linear(HIDDEN), act=fn.relu, down=fn.linear(WIDTH))
    )
    return fn.serial(*(block() for _ in range(BLOCKS)))


def compiled(axes, sharding):
    """The step of such a placement, compiled, and the state with where its arrays lie."""
    mesh = jax.make_mesh(tuple(axes.values()), tuple(axes), axis_types=(AxisType.Auto,) * len(axes))
    net, optimizer = model(), optax.adam(1e-3)
    on = lambda a, place: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=place)
    x = jax.ShapeDtypeStruct((BATCH, WIDTH), jnp.float32, sharding=NamedSharding(mesh, P(batch_axes(mesh))))
    state = jax.eval_shape(lambda: fn.TrainState.create(net, optimizer, jax.random.key(0), x))
    state = jax.tree.map(on, state, shardings(state, mesh, sharding))
    step = placed_step(places_of(state), net, fn.losses.squared_error, optimizer)
    return jax.jit(step.take, donate_argnums=0).lower(state, (x, x)).compile(), state


def collectives(text):
    """Each collective of a compiled program: its kind, the devices in a group, and the bytes of its result."""
    for line in text.splitlines():
        if found := COLLECTIVE.search(line):
            shapes, kind = found.groups()
            yield kind, among(line), sum(map(size_of, SHAPE.findall(shapes)))


def size_of(shape):
    _, bits, axes = shape
    return int(bits) // 8 * math.prod(map(int, filter(None, axes.split(","))))


def among(line):
    """The number of devices in each group of a collective, in any of the ways in which XLA writes them."""
    many, listed, axes, named = GROUPS.search(line).groups()
    if many:
        return int(many)
    if listed:
        return len(listed.split(","))
    return math.prod(int(size) for axis, size in re.findall(r"('\w+')=(\d+)", axes) if axis in named)


def sent(kind, devices, size):
    """The bytes that a device sends, in a ring, of a collective with that many bytes as its result."""
    share = (devices - 1) / devices
    return {"all-reduce": 2 * share * size, "reduce-scatter": (devices - 1) * size}.get(kind, share * size)


def rows_of(name, axes, sharding):
    program, state = compiled(axes, sharding)
    counts, sizes = Counter(), Counter()
    for kind, devices, size in collectives(program.as_text()):
        counts[kind, devices] += 1
        sizes[kind, devices] += size
    local = sum(math.prod(a.sharding.shard_shape(a.shape)) * 4 for a in jax.tree.leaves(state.params))
    held = mib(local), mib(program.memory_analysis().argument_size_in_bytes)
    for (kind, devices), size in sorted(sizes.items()):
        yield name, *held, kind, devices, counts[kind, devices], mib(size), mib(sent(kind, devices, size))
        name, held = "", ("", "")


def mib(size):
    return f"{size / 2**20:,.1f}"


def share_of_arithmetic(passes, devices, rows, bandwidth):
    """Which part of a step's time is arithmetic, if none of the communication overlaps with it.

    Args:
      passes: how often each parameter, or its gradient, goes around the ring: twice in an all-reduce.
      devices: how many there are.
      rows: of the batch, a device.
      bandwidth: bytes a second that a device sends.
    """
    arithmetic = 6 * rows / (UTILISATION * PEAK)
    communication = passes * 4 * (devices - 1) / devices / bandwidth
    return arithmetic / (arithmetic + communication)


def rows_needed(passes, devices, bandwidth, share=0.9):
    """The rows a device at which that part of a step's time is arithmetic."""
    communication = passes * 4 * (devices - 1) / devices / bandwidth
    return share / (1 - share) * communication * UTILISATION * PEAK / 6


def on_paper():
    for place, (devices, bandwidth) in NETWORKS.items():
        for name, passes in {"replicated": 2, "fsdp": 3}.items():
            weak, strong = (share_of_arithmetic(passes, devices, r, bandwidth) for r in (ROWS, TOTAL // devices))
            yield (
                place,
                devices,
                name,
                f"{rows_needed(passes, devices, bandwidth):,.0f}",
                f"{weak:.0%}",
                f"{strong:.0%}",
            )


def main():
    title(__doc__)
    params = sum(a.size for a in jax.tree.leaves(jax.eval_shape(model().init, jax.random.key(0), jnp.ones((1, WIDTH)))))
    print(
        f"{BLOCKS} residual blocks {WIDTH}-{HIDDEN}-{WIDTH}, {params:,} parameters of float32 ({mib(4 * params)} MiB),"
    )
    print(
        f"Adam, batch {BATCH}, compiled for {jax.device_count()} devices of a CPU. All sizes are MiB, of one device.\n"
    )
    columns = "placement", "parameters", "step's arguments", "collective", "among", "count", "results", "sent"
    table(columns, [row for name, placement in PLACEMENTS.items() for row in rows_of(name, *placement)])
    print(
        f"On paper, at {UTILISATION:.0%} of {PEAK / 1e12:,.0f} TFLOP/s, with float32 gradients and nothing overlapped:\n"
    )
    weak, strong = f"weak: {ROWS:,} rows a device", f"strong: {TOTAL:,} rows in all"
    table(("network", "devices", "placement", "rows a device for 90 %", weak, strong), list(on_paper()))


if __name__ == "__main__":
    jax.config.update("jax_num_cpu_devices", 8)
    run_script(main)
