"""The small GPT in JAX alone and in other libraries, with the parameters of `funcnn.gpt`, rotary positions included.

``peer(params, ids)`` of `IN_JAX` returns ``(loss, parameters)``: a pure function of these and of ids, and what it is
differentiated in. `torch` returns what runs one step, and its loss.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax


def in_layers(params) -> list:
    """The parameters of each block."""
    blocks = params["rest"]["decoder"]["blocks"]
    return [jax.tree.map(lambda a, i=i: a[i], blocks) for i in range(len(jax.tree.leaves(blocks)[0]))]


def autodiff(heads, params, ids):
    """`jax.nn`'s functions and a loop over the layers."""
    del ids

    def norm(p, x):
        return jax.nn.standardize(x, epsilon=1e-5) * p["scale"] + p["shift"]

    def block(p, x):
        layer, h = p["attention"]["layer"], norm(p["attention"]["norm"], x)
        q, k, v = ((h @ layer[f"w_{name}"]).reshape(*h.shape[:2], heads, -1) for name in ("query", "key", "value"))
        y = jax.nn.dot_product_attention(rope(q), rope(k), v, is_causal=True)
        x, layer = x + y.reshape(x.shape) @ layer["w_out"], p["mlp"]["layer"]
        h = jax.nn.gelu(norm(p["mlp"]["norm"], x) @ layer["w_in"] + layer["b_in"])
        return x + h @ layer["w_out"] + layer["b_out"]

    def loss(params, ids):
        table = params["shared"]["table"]
        x = table[ids]
        for p in in_layers(params):
            x = block(p, x)
        return cross_entropy(norm(params["rest"]["decoder"]["norm"], x)[:, :-1] @ table.T, ids)

    return loss, params


def flax(heads, params, ids):
    """Modules of nnx, split into a graph and a state outside of jit, as its page on performance advises."""
    del ids
    from flax import nnx

    rngs = nnx.Rngs(0)

    def linear(w, b=None):
        layer = nnx.Linear(*w.shape, use_bias=b is not None, rngs=rngs)
        layer.kernel[...] = w
        if b is not None:
            layer.bias[...] = b
        return layer

    def norm(p):
        layer = nnx.LayerNorm(p["scale"].size, epsilon=1e-5, rngs=rngs)
        layer.scale[...], layer.bias[...] = p["scale"], p["shift"]
        return layer

    class Block(nnx.Module):
        def __init__(self, p):
            self.norms = nnx.List([norm(p[name]["norm"]) for name in ("attention", "mlp")])
            self.query, self.key, self.value, self.out = (
                linear(p["attention"]["layer"][f"w_{name}"]) for name in ("query", "key", "value", "out")
            )
            layer = p["mlp"]["layer"]
            self.mlp = nnx.List([linear(layer["w_in"], layer["b_in"]), linear(layer["w_out"], layer["b_out"])])

        def __call__(self, x):
            h = self.norms[0](x)
            q, k, v = (f(h).reshape(*h.shape[:2], heads, -1) for f in (self.query, self.key, self.value))
            y = nnx.dot_product_attention(rope(q), rope(k), v, is_causal=True)
            x = x + self.out(y.reshape(x.shape))
            return x + self.mlp[1](nnx.gelu(self.mlp[0](self.norms[1](x))))

    class Model(nnx.Module):
        def __init__(self, params):
            table = params["shared"]["table"]
            self.embed = nnx.Embed(*table.shape, rngs=rngs)
            self.embed.embedding[...] = table
            self.blocks = nnx.List([Block(p) for p in in_layers(params)])
            self.norm = norm(params["rest"]["decoder"]["norm"])

        def __call__(self, ids):
            x = self.embed(ids)
            for block in self.blocks:
                x = block(x)
            return self.embed.attend(self.norm(x)[:, :-1])

    graph, state = nnx.split(Model(params))
    return lambda state, ids: cross_entropy(nnx.merge(graph, state)(ids), ids), state


def equinox(heads, params, ids):
    """Modules of one example, mapped over positions and over the batch, as its examples have them."""
    import equinox as eqx

    key, length = jax.random.key(0), ids.shape[1]

    def linear(w, b=None):
        layer = eqx.nn.Linear(*w.shape, use_bias=b is not None, key=key)
        return eqx.tree_at(
            lambda own: (own.weight, own.bias)[: 1 if b is None else 2], layer, (w.T, b)[: 1 if b is None else 2]
        )

    def norm(p):
        layer = eqx.nn.LayerNorm(p["scale"].size)
        return eqx.tree_at(lambda own: (own.weight, own.bias), layer, (p["scale"], p["shift"]))

    def attention(layer):
        own = eqx.nn.MultiheadAttention(heads, layer["w_query"].shape[0], key=key)
        weights = [layer[f"w_{name}"].T for name in ("query", "key", "value", "out")]
        of = lambda own: [f.weight for f in (own.query_proj, own.key_proj, own.value_proj, own.output_proj)]
        return eqx.tree_at(of, own, weights)

    def parts(p):
        layer = p["mlp"]["layer"]
        mlp = linear(layer["w_in"], layer["b_in"]), linear(layer["w_out"], layer["b_out"])
        return norm(p["attention"]["norm"]), attention(p["attention"]["layer"]), norm(p["mlp"]["norm"]), *mlp

    turn = eqx.nn.RotaryPositionalEmbedding(params["shared"]["table"].shape[1] // heads)
    turned = jax.vmap(turn, in_axes=1, out_axes=1)
    causal = np.tril(np.ones((length, length), bool))

    def of_one(model, ids):
        embed, blocks, last = model
        x = jax.vmap(embed)(ids)
        for norm_1, attend, norm_2, into, out in blocks:
            h = jax.vmap(norm_1)(x)
            x = x + attend(h, h, h, causal, process_heads=lambda q, k, v: (turned(q), turned(k), v))
            x = x + jax.vmap(lambda h, into=into, out=out: out(jax.nn.gelu(into(h))))(jax.vmap(norm_2)(x))
        return jax.vmap(last)(x)[:-1] @ embed.weight.T

    embed = eqx.nn.Embedding(weight=params["shared"]["table"])
    model = embed, [parts(p) for p in in_layers(params)], norm(params["rest"]["decoder"]["norm"])
    own, rest = eqx.partition(model, eqx.is_inexact_array)
    return lambda own, ids: cross_entropy(jax.vmap(of_one, (None, 0))(eqx.combine(own, rest), ids), ids), own


IN_JAX = {"autodiff": autodiff, "flax": flax, "equinox": equinox}


def torch(heads, params, ids, rate, *, compiled):
    """One step with scaled_dot_product_attention, on parameters that it changes in place; compiled if asked for."""
    import torch
    from torch.nn import functional as f

    params = jax.tree.map(
        lambda a: torch.tensor(np.asarray(a), requires_grad=True), {**params, "layers": in_layers(params)}
    )
    table, last, layers = params["shared"]["table"], params["rest"]["decoder"]["norm"], params["layers"]
    leaves = jax.tree.leaves((table, last, layers))
    ids = torch.tensor(np.asarray(ids, np.int64))
    half = table.shape[1] // heads // 2
    theta = torch.arange(ids.shape[1])[:, None] * 10_000.0 ** (-torch.arange(half) / half)
    cos, sin = torch.cos(theta), torch.sin(theta)

    def turned(x):
        a, b = x[..., :half], x[..., half:]
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)

    def norm(p, x):
        return f.layer_norm(x, x.shape[-1:], p["scale"], p["shift"])

    def loss():
        x = table[ids]
        for p in layers:
            layer, h = p["attention"]["layer"], norm(p["attention"]["norm"], x)
            q, k, v = (
                (h @ layer[f"w_{name}"]).unflatten(-1, (heads, -1)).transpose(1, 2)
                for name in ("query", "key", "value")
            )
            y = f.scaled_dot_product_attention(turned(q), turned(k), v, is_causal=True)
            x, layer = x + y.transpose(1, 2).flatten(2) @ layer["w_out"], p["mlp"]["layer"]
            h = f.gelu(norm(p["mlp"]["norm"], x) @ layer["w_in"] + layer["b_in"], approximate="tanh")
            x = x + h @ layer["w_out"] + layer["b_out"]
        return f.cross_entropy((norm(last, x)[:, :-1] @ table.T).flatten(0, 1), ids[:, 1:].flatten())

    value_of = torch.compile(loss) if compiled else loss

    def step():
        value = value_of()
        gradient = torch.autograd.grad(value, leaves)
        with torch.no_grad():
            torch._foreach_add_(leaves, gradient, alpha=-rate)
        return value.item()

    return step


def cross_entropy(logits, ids):
    """The mean over all positions but the last, which has no next token."""
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, ids[:, 1:]))


def rope(x):
    """Queries or keys [batch, T, heads, dim], halves turned."""
    half = x.shape[-1] // 2
    theta = jnp.arange(x.shape[1])[:, None, None] * 10_000.0 ** (-jnp.arange(half) / half)
    a, b = x[..., :half], x[..., half:]
    return jnp.concatenate([a * jnp.cos(theta) - b * jnp.sin(theta), b * jnp.cos(theta) + a * jnp.sin(theta)], -1)
