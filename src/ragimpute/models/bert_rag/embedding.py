"""The embedding of bert_rag: that of the token, and that of the site (position + allele frequency), to be added."""

import math

import torch
from torch import Tensor, nn

REF, ALT, MASK, PAD = 0, 1, 2, 3
VOCABULARY = 4
FREQUENCY_FEATURES = 32
POSITION_FEATURES = 32


class SiteEmbedding(nn.Module):
    """Embeds tokens, and the genetic positions and allele frequencies of sites.

    Position enters as sines and cosines of the centimorgans from the window's start, with periods from 8 cM down to
    that of a few hundred bases; allele frequency as an MLP of 32 Fourier features (Tancik et al. 2020).
    """

    position_waves: Tensor
    frequency_waves: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.token = nn.Embedding(VOCABULARY, width)
        self.position = nn.Linear(POSITION_FEATURES, width)
        self.frequency = nn.Sequential(nn.Linear(FREQUENCY_FEATURES, width), nn.GELU(), nn.Linear(width, width))
        octaves = torch.arange(POSITION_FEATURES // 2, dtype=torch.float32)
        position_waves = 2 * math.pi * 2 ** (octaves - 3)
        self.register_buffer("position_waves", position_waves, persistent=False)
        half_octaves = torch.arange(FREQUENCY_FEATURES // 2, dtype=torch.float32) / 2
        frequency_waves = math.pi * 2**half_octaves
        self.register_buffer("frequency_waves", frequency_waves, persistent=False)

    def site(self, position: Tensor, frequency: Tensor) -> Tensor:
        """The part that does not depend on alleles: position [L] and frequency [B, L] -> [B, L, width]."""
        position_features = waves(position, self.position_waves)
        frequency_features = waves(frequency, self.frequency_waves)
        of_position = self.position(position_features)
        of_frequency = self.frequency(frequency_features)
        return of_position + of_frequency

    def forward(self, tokens: Tensor) -> Tensor:
        """The token's part alone, of tokens [..., L] int64: [..., L, width]. It is constant at masked sites."""
        return self.token(tokens)


def waves(values: Tensor, rates: Tensor) -> Tensor:
    """Sines and cosines [..., 2F] of values [...] at `rates` [F] (radians per unit)."""
    phase = values[..., None] * rates
    sine = phase.sin()
    cosine = phase.cos()
    return torch.cat((sine, cosine), dim=-1)
