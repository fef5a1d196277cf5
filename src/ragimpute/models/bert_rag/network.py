"""bert_rag, the original system: a BERT over the sites of a window that also reads retrieved reference haplotypes.

Each haplotype is a sequence of tokens {ref, alt, mask, pad}; untyped sites are masked. The retrieved haplotypes,
mosaics of the query's Li-Stephens neighbours, pass the same encoder unmasked. What all neighbours say of a site, the
weighted shares that carry ALT, is embedded beside them, and an AF-gated residual fuses both into the query:
after = x + s * MLP([x, rag, shares]) * sigmoid(gate(AF)), with s learnt from .1. Every head reads `after` alone.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ragimpute.models.bert_rag.embedding import PAD, SiteEmbedding
from ragimpute.models.contract import ImputationOutputs, NetworkInputs
from ragimpute.retrieval.evidence import WEIGHTS

LEAST_SHARE = 1e-3  # shares are this far from 0 and from 1 before their log odds are taken
ODDS_SCALE = 3.0  # log odds are divided by it, which brings them to the scale of the other inputs


@dataclass(frozen=True)
class BertRagInputs(NetworkInputs):
    """B samples at the L sites of a window, padding included; R mosaics and W weights of neighbours."""

    tokens: Tensor  # [B, 2, L] int64 in {REF, ALT, MASK, PAD}
    mosaics: Tensor  # [B, 2, R, L] int64 in {REF, ALT, PAD}, the retrieved haplotypes
    shares: Tensor  # [B, 2, L, W] float32 in [0, 1], the weighted share of the neighbours that carry ALT
    position: Tensor  # [L] float32, centimorgans from the window's start
    frequency: Tensor  # [B, L] float32 of ALT, or [1, L] where it is the same for all samples
    padding: Tensor  # [L] bool


class Fusion(nn.Module):
    """Adds to each site what the retrieved haplotypes say there, gated by the site's allele frequency."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = nn.Linear(width, width, bias=False)
        self.shares = nn.Linear(2 * len(WEIGHTS), width)
        hidden = 2 * width
        self.mix = nn.Sequential(nn.Linear(3 * width, hidden), nn.GELU(), nn.Linear(hidden, width))
        self.gate = nn.Sequential(nn.Linear(1, 16), nn.GELU(), nn.Linear(16, width))
        self.scale = nn.Parameter(torch.tensor(0.1))

    def forward(self, x: Tensor, rag: Tensor, shares: Tensor, frequency: Tensor) -> Tensor:
        """x [B, 2, L, D], rag [B, 2, R, L, D], shares [B, 2, L, W], frequency [B, L] or [1, L] -> [B, 2, L, D]."""
        if rag.shape[2] > 1:
            product = self.attention(x)[:, :, None] * rag  # [B, 2, R, L, D]
            width = x.shape[-1]
            summed = product.sum(dim=-1)
            score = summed / width**0.5  # [B, 2, R, L]
            weight = score.softmax(dim=2)
            weight = weight[..., None]
            pooled = (weight * rag).sum(dim=2)
        else:
            pooled = rag[:, :, 0]
        odds = torch.logit(shares, eps=LEAST_SHARE) / ODDS_SCALE
        of_shares = self.shares(torch.cat((shares, odds), dim=-1))  # [B, 2, L, D]
        of_site = frequency[..., None]
        gate = self.gate(of_site)
        gate = gate.sigmoid()
        gate = gate[:, None]  # [B, 1, L, D]
        mixed = self.mix(torch.cat((x, pooled, of_shares), dim=-1))
        return x + self.scale * mixed * gate


class BertRag(nn.Module):
    """The network.

    One haplotype head serves both haplotypes, because which of a sample's haplotypes is called the first is
    arbitrary; the genotype head reads both haplotypes side by side.
    """

    def __init__(self, width: int, blocks: int, heads: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.embedding = SiteEmbedding(width)
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout, activation="gelu", batch_first=True, norm_first=True
        )
        norm = nn.LayerNorm(width)
        self.encoder = nn.TransformerEncoder(layer, blocks, norm=norm, enable_nested_tensor=False)
        for block in self.encoder.layers:  # TransformerEncoder clones one layer: give each block its own start
            for parameter in block.parameters():
                if parameter.dim() > 1:
                    nn.init.xavier_uniform_(parameter)
            # dropout acts on the residual branches; on the attention weights it would force torch to write out all
            # L x L of them, which more than doubles the cost of a step on CPUs
            block.self_attn.dropout = 0.0
        self.encode_fast = self.encoder.forward
        self.fusion = Fusion(width)
        self.haplotype_head = nn.Linear(width, 2)
        self.genotype_head = nn.Linear(2 * width, 4)

    def compile(self, *args: Any, **options: Any) -> None:
        """torch.compile for the encoder in training, which is nearly all of a step's arithmetic.

        Not for the whole: monitors take gradients at `after`, which lies inside it. Not for evaluation and windows with
        padding, whose shapes differ: each would be compiled anew.
        """
        self.encode_fast = torch.compile(self.encoder.forward, *args, **options)

    def encode(self, embedded: Tensor, padding: Tensor) -> Tensor:
        """Embedded sequences [..., L, D] through the encoder; padding [L] bool is never attended to."""
        sequences = embedded.flatten(0, -3)
        if bool(padding.any()):
            mask = padding.expand(len(sequences), -1)
            encoded = self.encoder(sequences, src_key_padding_mask=mask)
        else:
            encode = self.encode_fast if self.training else self.encoder
            encoded = encode(sequences)
        return encoded.view(embedded.shape)

    def forward(self, inputs: BertRagInputs) -> ImputationOutputs:
        """Impute all sites of a window."""
        tokens = inputs.tokens
        site = self.embedding.site(inputs.position, inputs.frequency)  # [B, L, D] or [1, L, D]
        # one pass over queries and mosaics: the same encoder, and fewer and larger operations
        sequences = torch.cat((tokens[:, :, None], inputs.mosaics), dim=2)  # [B, 2, 1 + R, L]
        if self.training or len(site) > 1:
            encoded = self.encode(self.embedding(sequences) + site[:, None, None], inputs.padding)
        else:
            encoded = self._encode_distinct(sequences, site, inputs.padding)
        of_query = encoded[:, :, 0]
        of_mosaics = encoded[:, :, 1:]
        after = self.fusion(of_query, of_mosaics, inputs.shares, inputs.frequency)  # [B, 2, L, D]
        before1, before2 = self.embedding(tokens).unbind(1)
        # the heads read the very tensors that are returned, so that gradients can be watched at `after`
        after1, after2 = after.unbind(1)
        return ImputationOutputs(*self.decode(after1, after2), before1, before2, after1, after2)

    def _encode_distinct(self, sequences: Tensor, site: Tensor, padding: Tensor) -> Tensor:
        """Encode sequences [B, 2, R, L] at sites that are the same for all samples, `site` [1, L, D]: [B, 2, R, L, D].

        Without dropout and left-out frequencies equal sequences encode equally, and haplotypes share most of theirs:
        each is encoded once, which makes imputation several times faster.
        """
        tokens = sequences.to(torch.int8)
        rows = tokens.flatten(0, -2)
        distinct, place = rows.unique(dim=0, return_inverse=True)
        embedded = self.embedding(distinct.long()) + site
        encoded = self.encode(embedded, padding)
        return encoded[place].view(*sequences.shape, -1)

    def decode(self, after1: Tensor, after2: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """hap1_logits, hap2_logits [B, L, 2] and genotype_logits [B, L, 4] of `after1, after2` [B, L, D] alone."""
        genotype = self.genotype_head(torch.cat((after1, after2), dim=-1))
        haplotype1 = self.haplotype_head(after1)
        haplotype2 = self.haplotype_head(after2)
        return haplotype1, haplotype2, genotype

    def embed_truth(self, inputs: BertRagInputs, alleles: Tensor) -> tuple[Tensor, Tensor]:
        """`before1, before2` [B, L, D] as if the true alleles [B, 2, L] were the tokens."""
        tokens = alleles.masked_fill(inputs.padding, PAD)
        before1, before2 = self.embedding(tokens).unbind(1)
        return before1, before2
