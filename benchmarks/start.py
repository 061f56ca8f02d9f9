"""P7. Start: what `import funcnn` adds to `import jax, optax`, and what a compilation cache saves.

Each import, and each first `fit`, is in a process of its own. Imports with and without funcnn take turns, from bytecode, as
pip installs a package. Python collects garbage while it imports: a pass over all of JAX's objects may fall due just then,
and is shown. The cache is JAX's: one setting names the folder. By default it keeps what took a second to compile, and a
second setting lets it keep all.
"""

import json
import statistics
import tempfile

from ._measure import at_most, in_turn, run_python, run_script, spread, table, title

ROUNDS = 11
ALONE, BOTH = "import jax, optax", "import jax, optax, funcnn"
ADDED, GARBAGE = "of that, import funcnn", "of that, collecting garbage"

IMPORTS = """
import gc, time
start = time.perf_counter()
import jax, optax
middle = time.perf_counter()
garbage = []
gc.callbacks.append(lambda phase, _: garbage.append(time.perf_counter() * (1 if phase == "stop" else -1)))
{added}
end = time.perf_counter()
print([end - start, end - middle, sum(garbage)])
"""

FIRST_FIT = """
import time, jax, optax, funcnn as fn, numpy as np
{cache}
x, y = np.eye(10, dtype=np.float32), np.eye(10, dtype=np.float32)
model = fn.serial(fn.linear(50), fn.tanh, fn.linear(10))
start = time.perf_counter()
fn.fit(
    model, fn.losses.squared_error, optax.adam(1e-3), (x, y),
    batch_size=4, epochs=1, key=jax.random.key(0), progress=False,
)
print(time.perf_counter() - start)
"""

CACHE = "jax.config.update('jax_compilation_cache_dir', {folder!r})"
KEEP_ALL = "jax.config.update('jax_persistent_cache_min_compile_time_secs', 0)"


def imports(added):
    """Milliseconds: of all imports, of what is added, of collecting garbage meanwhile."""
    return [1e3 * s for s in json.loads(run_python("-c", IMPORTS.format(added=added)))]


def first_fit(*settings):
    """Milliseconds of the first fit in a new process."""
    return 1e3 * json.loads(run_python("-c", FIRST_FIT.format(cache="\n".join(settings))))


def main():
    title(__doc__)
    imports("import funcnn")  # writes the bytecode
    samples = in_turn({ALONE: lambda: imports(""), BOTH: lambda: imports("import funcnn")}, ROUNDS)
    both, added, garbage = zip(*samples[BOTH], strict=True)
    rows = [
        (ALONE, spread([first for first, *_ in samples[ALONE]], 0), "", "", ""),
        (BOTH, spread(both, 0), "", "", ""),
        (ADDED, spread(added, 0), *at_most(60, statistics.median(added), " ms")),
        (GARBAGE, spread(garbage, 0), "", "", ""),
    ]
    table(("start", "ms", "bar", "measured", ""), rows)

    with tempfile.TemporaryDirectory() as folder:
        cache = CACHE.format(folder=folder), KEEP_ALL
        first_fit(*cache)
        fits = in_turn({"no cache": first_fit, "from the cache": lambda: first_fit(*cache)})
    table(("first fit of a process", "ms"), [(name, spread(values, 0)) for name, values in fits.items()])
    print(f"The cache: `{CACHE.format(folder='FOLDER')}` and `{KEEP_ALL}`.\n")


if __name__ == "__main__":
    run_script(main)
