"""What `rules/normalization/_spectral_norm.py` declares."""

import math
from math import nan

import numpy as np

from ... import spectral_norm
from .._entry import WIDTH, at, bad, call, rule

entries = [
    rule(
        spectral_norm,
        examples=[
            call(w=(5, 3), u=(3,)),
            call(w=(5,), u=(5,)),
            call(w=(2, 3, 7), u=(7,)),
            call(w=(1, 2), u=(2,)),
            call(w=(3, 1), u=(1,)),
            call(w=(3, 0), u=(0,)),
            call(w=(5, 3), u=(3,), iterations=0),
            call(w=(5, 3), u=(3,), iterations=2),
            call(w=(5, 3), u=(3,), iterations=5),
        ],
        saves=["w", lambda w, u, **options: math.prod(w.shape[:-1]) + u.size + 1],
        surrogate=True,
        edges=[
            at(
                w=[[0.0, 0.0]],
                u=[3.0, 4.0],
                y=(np.array([[0.0, 0.0]]), np.array([0.6, 0.8])),
                w_bar=[[1000000000000.0, 1000000000000.0]],
                u_bar=[0.0, 0.0],
            ),
            at(
                w=[[2.0, 0.0]],
                u=[0.0, 0.0],
                y=(np.array([[2000000000000.0, 0.0]]), np.array([0.0, 0.0])),
                w_bar=[[1000000000000.0, 1000000000000.0]],
                u_bar=[0.0, 0.0],
            ),
            at(
                w=[[2.0, 0.0], [0.0, 1.0]],
                u=[1.0, 0.0],
                y=(np.array([[1.0, 0.0], [0.0, 0.5]]), np.array([1.0, 0.0])),
                w_bar=[[-0.25, 0.5], [0.5, 0.5]],
                u_bar=[0.0, 0.0],
            ),
            at(
                w=[[nan, 1.0]],
                u=[1.0, 0.0],
                y=(np.array([[nan, nan]]), np.array([nan, nan])),
                w_bar=[[nan, nan]],
                u_bar=[0.0, 0.0],
            ),
        ],
        bad=[
            bad(ValueError, r"u must be \[5\] to follow w \[3, 5\], got float64\[3\]", w=(3, 5), u=(3,)),
            bad(ValueError, "iterations must be an int, 0 or more, got -1", w=(3, 5), u=(5,), iterations=-1),
            bad(ValueError, "iterations must be an int, 0 or more, got 1.0", w=(3, 5), u=(5,), iterations=1.0),
        ],
        large=call(w=(512, 512), u=(WIDTH,)),
    ),
]
