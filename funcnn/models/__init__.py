"""Models that are layers and combinators put together: the transformer's block and stacks, encoder and decoder, GPT."""

from ._encoder_decoder import decoder as decoder
from ._encoder_decoder import encoder as encoder
from ._encoder_decoder import encoder_decoder as encoder_decoder
from ._gpt import gpt as gpt
from ._transformer import transformer as transformer
from ._transformer import transformer_block as transformer_block
