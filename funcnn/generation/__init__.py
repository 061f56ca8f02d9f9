"""Text, token by token: what a model of sequences says after a prompt."""

from ._generate import generate as generate
