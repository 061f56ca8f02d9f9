"""What `rules/attention/_dot_product_attention.py` declares."""

from math import inf

import numpy as np

from ... import dot_product_attention
from .._arguments import Classes, Key, ints
from .._entry import OUTPUT, PER_ROW, at, bad, call, rule

_LARGE = (4, 512, 4, 64)
_FITTING = {"query": (2, 5, 4, 3), "key": (2, 6, 2, 3), "value": (2, 6, 2, 2)}

entries = [
    rule(
        dot_product_attention,
        examples=[
            call(query=(2, 5, 2, 3), key=(2, 6, 1, 3), value=(2, 6, 1, 2), is_causal=True),
            call(
                query=(3, 2, 2),
                key=(4, 2, 2),
                value=(4, 2, 1),
                bias=(2, 1, 4),
                sinks=(2,),
                alibi=(2,),
                softcap=1.5,
                return_residual=True,
            ),
            call(
                query=(2, 5, 2, 1),
                key=(2, 4, 2, 1),
                value=(2, 4, 2, 2),
                mask=np.tri(5, 4, 2, bool),
                query_seq_lengths=Classes((2,), 6),
                key_value_seq_lengths=Classes((2,), 5),
                q_offset=Classes((2,), 3),
                local_window_size=(1, 2),
            ),
            call(
                query=(2, 5, 4, 2),
                key=(2, 5, 2, 2),
                value=(2, 5, 2, 3),
                segment_ids=Classes((2, 5), 2),
                dropout_key=Key(),
                dropout_rate=0.25,
                scale=0.7,
            ),
            call(query=(2, 0, 2, 3), key=(2, 4, 2, 3), value=(2, 4, 2, 1)),
            call(query=(1, 3, 1, 2), key=(1, 0, 1, 2), value=(1, 0, 1, 2), implementation="xla"),
        ],
        saves=[
            *["query", "key", "value", "bias", "mask", "query_seq_lengths", "key_value_seq_lengths", "q_offset"],
            *["segment_ids", "sinks", "alibi", "dropout_key", OUTPUT, PER_ROW],
        ],
        batched=["query", "key", "value"],
        edges=[
            at(
                query=[[[1.0]], [[1.0]]],
                key=[[[1.0]]],
                value=[[[5.0]]],
                q_offset=np.int32(-1),
                is_causal=True,
                y=[[[0.0]], [[5.0]]],
                query_bar=[[[0.0]], [[0.0]]],
                value_bar=[[[1.0]]],
            ),
            at(
                query=[[[1.0]]],
                key=[[[1.0]], [[2.0]]],
                value=[[[3.0]], [[5.0]]],
                bias=[[[0.0, -inf]]],
                y=[[[3.0]]],
                query_bar=[[[0.0]]],
                key_bar=[[[0.0]], [[0.0]]],
                value_bar=[[[1.0]], [[0.0]]],
                bias_bar=[[[0.0, 0.0]]],
            ),
            at(
                query=[[[1.0]]],
                key=[[[1.0]]],
                value=[[[3.0]]],
                mask=[[[False]]],
                sinks=[2.0],
                return_residual=True,
                y=([[[0.0]]], [[2.0]]),
                query_bar=[[[0.0]]],
                key_bar=[[[0.0]]],
                value_bar=[[[0.0]]],
                sinks_bar=[1.0],
            ),
        ],
        bad=[
            bad(
                TypeError,
                "query must be a floating-point array, got int32",
                query=ints(2, 5, 4, 3),
                key=(2,),
                value=(2,),
            ),
            bad(ValueError, r"key must be \[2, keys, kv_heads, 3\]", query=(2, 5, 4, 3), key=(2, 6, 2, 4), value=(2,)),
            bad(ValueError, r"multiple of the 3 heads of key, got 4", query=(5, 4, 3), key=(6, 3, 3), value=(6, 3, 3)),
            bad(ValueError, r"bias must be \[2, 4, 5, 6\]", **_FITTING, bias=(3, 6)),
            bad(TypeError, r"mask must be an array of truth values, got int32\[5, 6\]", **_FITTING, mask=ints(5, 6)),
            bad(ValueError, r"query_seq_lengths must be \[2\], a num", **_FITTING, query_seq_lengths=ints(3)),
            bad(TypeError, "key_value_seq_lengths must be an array of i", **_FITTING, key_value_seq_lengths=(2,)),
            bad(ValueError, "local_window_size must be .* got -1", **_FITTING, local_window_size=-1),
            bad(
                ValueError,
                r"segment_ids must be \[2, 6\], a number for each of the k",
                **_FITTING,
                segment_ids=ints(2, 5),
            ),
            bad(ValueError, r"sinks must be \[4\], a number for each of query's heads, got", **_FITTING, sinks=(2,)),
            bad(
                TypeError,
                "dropout_key must be a jax.random.key where dropout_rate is 0.5",
                **_FITTING,
                dropout_rate=0.5,
            ),
            bad(
                ValueError, "softcap must be left out where .* 'cudnn'", **_FITTING, softcap=2.0, implementation="cudnn"
            ),
        ],
        large=call(query=_LARGE, key=_LARGE, value=_LARGE, is_causal=True),
    ),
]
