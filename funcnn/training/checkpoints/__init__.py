"""Checkpoints: trees of arrays in files that are whole or not there, in a format of our own, without pickle."""

from ._checkpointer import Checkpointer as Checkpointer
from ._save import load as load
from ._save import save as save
