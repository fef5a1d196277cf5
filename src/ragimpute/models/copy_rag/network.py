"""copy_rag: a copying network. It invents no alleles; it decides which reference haplotypes to copy.

A key is a retrieved haplotype with its features; a query is an untyped site: its frequency, its distance to the two
flanking typed sites, its allele's age (carriers' mutual sharing) and how well typed sites tag it (carriers'
clustering). Attention over the 2K keys of the flanking typed sites is split into the carriers of the minor allele and
the others; the difference of their log-sum-exps is the logit. A hidden Markov model has one recombination scale for all
sites, and trusts all of them alike; here both depend on the allele.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ragimpute.models.contract import ImputationOutputs, NetworkInputs
from ragimpute.models.copy_rag.attention import copy_attention
from ragimpute.models.copy_rag.keys import copy_keys
from ragimpute.models.copy_rag.site_inputs import (
    FEATURE_MEAN,
    FEATURE_SPREAD,
    MOST_LOG_SCALE,
    SITE_FEATURES,
    SITE_MEAN,
    SITE_SPREAD,
)
from ragimpute.retrieval.neighbours import FEATURES

MASK = 2  # the token of an untyped allele; 0 and 1 are REF and ALT


@dataclass(frozen=True)
class CopyRagInputs(NetworkInputs):
    """B samples, N = 2B haplotypes, at the L untyped sites of a window with T typed sites around and within it.

    `site`, `log_maf` and `log_major` may have one row for all samples, [1, L, ..]: where no sample is in the reference,
    nothing is left out of it.
    """

    features: Tensor  # [N, T, K, F] float16 of the retrieved haplotypes
    neighbours: Tensor  # [N, T, K] int16 or int32 in [0, H), the retrieved haplotypes
    left: Tensor  # [L] int64 in [0, T), the typed site before each site
    right: Tensor  # [L] int64 in [0, T), the typed site after each site
    minor: Tensor  # [L, H] uint8, 1 where a reference haplotype carries the minor allele
    flipped: Tensor  # [L] bool, the minor allele is REF
    site: Tensor  # [B, L, Q] float32, SITE_FEATURES; NaN where not known
    log_maf: Tensor  # [B, L] float32, log frequency of the minor allele
    log_major: Tensor  # [B, L] float32, log frequency of the other allele


class CopyRag(nn.Module):
    """The copying network; a few thousand parameters, all shared between sites, so that it cannot tell sites apart."""

    feature_mean: Tensor
    feature_spread: Tensor
    site_mean: Tensor
    site_spread: Tensor

    def __init__(self, width: int = 16, hidden: int = 32, site_hidden: int = 64) -> None:
        super().__init__()
        for name, values in (
            ("feature_mean", FEATURE_MEAN),
            ("feature_spread", FEATURE_SPREAD),
            ("site_mean", SITE_MEAN),
            ("site_spread", SITE_SPREAD),
        ):
            self.register_buffer(name, torch.tensor(values), persistent=False)
        self.token = nn.Embedding(3, width)
        self.site = nn.Sequential(
            nn.Linear(len(SITE_FEATURES), site_hidden),
            nn.GELU(),
            nn.Linear(site_hidden, site_hidden),
            nn.GELU(),
            nn.Linear(site_hidden, width),
        )
        self.key = nn.Sequential(nn.Linear(len(FEATURES), hidden), nn.ReLU(), nn.Linear(hidden, width))
        self.query = nn.Linear(width, width + 2)  # and what a site adds to left and to right keys
        self.background = nn.Linear(width, 2)  # log weight of an unseen carrier and of an unseen non-carrier
        self.calibration = nn.Linear(width, 2)  # log scale and bias of the logit
        self.value = nn.Linear(width, width)
        pair = nn.Linear(width, 3)
        self.interaction = nn.Sequential(nn.Linear(width + 2, width), nn.ReLU(), pair)
        for layer in (self.calibration, pair):  # start as the plain sum of the haplotypes' logits
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def embed(self, inputs: CopyRagInputs) -> Tensor:
        """The site embedding [B, L, D]: frequency, distances, age and clustering, and that of the mask token."""
        normalised = (inputs.site - self.site_mean) / self.site_spread  # [B, L, Q]
        known = torch.nan_to_num(normalised)  # NaN: not known
        return self.token.weight[MASK] + self.site(known)

    def embed_truth(self, inputs: CopyRagInputs, alleles: Tensor) -> tuple[Tensor, Tensor]:
        """`before1, before2` [B, L, D] as they would be if the true alleles [B, 2, L] were the tokens."""
        return self.token(alleles[:, 0]), self.token(alleles[:, 1])

    def forward(self, inputs: CopyRagInputs) -> ImputationOutputs:
        """Impute the L untyped sites of a window for B samples, N = 2B haplotypes."""
        site = self.embed(inputs)  # [B, L, D] or [1, L, D], the same for both haplotypes
        length, width = site.shape[1:]
        shape = (len(inputs.features) // 2, 2, length)  # B, 2, L

        def both(x: Tensor) -> Tensor:  # [B, L, ..] -> [N, L, ..], once for each haplotype; [1, L, ..] broadcasts
            return x if len(x) == 1 else x.repeat_interleave(2, dim=0)

        features = (inputs.features.float() - self.feature_mean) / self.feature_spread
        keyed = copy_keys(features, self.key)  # [N, T, D, K]
        scaled_query = self.query(site) / width**0.5
        query, side = scaled_query.split([width, 2], dim=-1)  # [B, L, D], [B, L, 2]
        log_carried, log_others, context = copy_attention(
            both(query), both(side), keyed, inputs.left, inputs.right, inputs.neighbours, inputs.minor
        )  # [N, L], [N, L], [N, L, D]

        unseen_carrier, unseen_other = self.background(site).unbind(-1)  # [B, L]
        log_scale, bias = self.calibration(site).unbind(-1)  # [B, L]
        scale = log_scale.clamp(-MOST_LOG_SCALE, MOST_LOG_SCALE).exp()
        for_minor = torch.logaddexp(log_carried, both(unseen_carrier + inputs.log_maf))  # [N, L]
        for_major = torch.logaddexp(log_others, both(unseen_other + inputs.log_major))
        evidence = for_minor - for_major
        minor = (both(scale) * evidence + both(bias)).reshape(shape)  # [B, 2, L], logit of the minor allele
        values = self.value(context).reshape(*shape, width)  # [B, 2, L, D]
        after = site[:, None] + values
        after1, after2 = after.unbind(1)  # [B, L, D]; of the heads, only that of genotypes reads these

        logit = torch.where(inputs.flipped, -minor, minor)  # [B, 2, L], of ALT
        hap1, hap2 = (torch.stack([torch.zeros_like(x), x], dim=-1) for x in logit.unbind(1))  # [B, L, 2]
        independent = (hap1[..., :, None] + hap2[..., None, :]).flatten(-2)  # [B, L, 4]
        genotype = independent + self.dependence(after1 + after2, minor, inputs.flipped)
        before = self.token.weight[MASK].expand_as(after1)
        return ImputationOutputs(hap1, hap2, genotype, before, before, after1, after2)

    def dependence(self, fused: Tensor, minor: Tensor, flipped: Tensor) -> Tensor:
        """The learned interaction [B, L, 4] of a sample's two haplotypes; both phases of a het get the same.

        fused [B, L, D]: the sum of both haplotypes' `after`; minor [B, 2, L]: their logits.
        """
        sigma = torch.tanh(minor / 4)  # bounded, so that a confident logit does not drown the rest
        pair = torch.stack([sigma.sum(1), sigma.prod(1)], dim=-1)  # [B, L, 2]
        none, one, two = self.interaction(torch.cat([fused, pair], dim=-1)).unbind(-1)  # minor-allele counts
        both_ref = torch.where(flipped, two, none)
        both_alt = torch.where(flipped, none, two)
        return torch.stack([both_ref, one, one, both_alt], dim=-1)
