"""Models that are layers and combinators put together: the transformer's block and stacks, and GPT."""

from ._gpt import gpt as gpt
from ._transformer import transformer as transformer
from ._transformer import transformer_block as transformer_block
