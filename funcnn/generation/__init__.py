"""Text, token by token: what a model of sequences says after a prompt, or along frames."""

from ._ctc import ctc_beam as ctc_beam
from ._ctc import ctc_greedy as ctc_greedy
from ._generate import generate as generate
