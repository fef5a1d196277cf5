"""Training steps on the example: samples per second, arithmetic against the device's own limit, and time spent waiting.

The limit is a product of two large matrices on the same device, in the same type. Counted are the matrix products of
forward and backward pass, as torch counts them; copy_rag's attention on a processor, our own kernel, is not among them.
"""

import resource
import time
from pathlib import Path

import click
import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from ragimpute.models import architecture, segments
from ragimpute.models.contract import FoldData
from ragimpute.panel.folds import Fold, SampleRole, load_fold
from ragimpute.panel.from_vcf import read_panel
from ragimpute.panel.genetic_map import GeneticMap
from ragimpute.targets.genotypes import read_genotypes
from ragimpute.training.device import autocast, choose_device, describe, to_device
from ragimpute.training.loop import Trainer
from ragimpute.training.loss_settings import LossSpec
from ragimpute.training.losses import compute
from ragimpute.training.scores import SiteStrata
from ragimpute.training.settings import training_settings

EXAMPLE = Path(__file__).parents[1] / "resources/example"
LOSS = {"hap": 0.3, "genotype": 0.4, "recon": 0.05, "gamma": 5}
WARM_UP = 5  # steps that compile and fill caches


def training_samples() -> Fold:
    genetic_map = GeneticMap.read(EXAMPLE / "genetic_map.plink.map")
    panel, _ = read_panel(EXAMPLE / "reference.vcf.gz", None, genetic_map)
    typed = np.zeros(len(panel.sites), dtype=bool)
    typed[read_genotypes(EXAMPLE / "targets.vcf.gz", panel.sites).index] = True
    return load_fold(
        panel, [SampleRole(name, "reference", "train") for name in panel.samples], {"typed": typed}, "train"
    )


def type_of_products(device: torch.device, amp: bool) -> torch.dtype:
    with autocast(device, amp):
        one = torch.ones((1, 1), device=device)
        return (one @ one).dtype


def most_per_second(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations per second of a product of square matrices, the best of five."""
    size = 8192 if device.type == "cuda" else 2048
    a, b = torch.ones((2, size, size), device=device, dtype=dtype)
    seconds = []
    for _ in range(6):
        start = time.perf_counter()
        (a @ b).sum().item()
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / min(seconds[1:])


def operations(trainer: Trainer, data: FoldData) -> int:
    """Of the forward and backward pass of one step."""
    batch = to_device(data.batch(np.arange(trainer.settings.batch_samples), 0), trainer.device)
    counter = FlopCounterMode(display=False)
    with counter:
        with autocast(trainer.device, trainer.settings.amp):
            outputs = trainer.model(batch.inputs)
        compute(trainer.spec, outputs, batch).total.backward()
    return counter.get_total_flops()


def peak_megabytes(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


@click.command()
@click.option("--architecture", "name", default="copy_rag", show_default=True)
@click.option("--size", default="small", show_default=True, help="small or full")
@click.option("--steps", default=40, show_default=True)
@click.option("--batch-samples", default=16, show_default=True)
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda")
@click.option("--threads", default=2, show_default=True)
@click.option("--compile", "compiled", is_flag=True, help="By torch.compile, where the device is a GPU.")
def main(name: str, size: str, steps: int, batch_samples: int, device: str, threads: int, compiled: bool) -> None:
    """Train for some steps and print what they took."""
    where = choose_device(device, threads)
    found, fold = architecture(name), training_samples()
    data = found.fold_data(size, fold, segments(found, size, fold, threads))
    changes = {"size": size, "epochs": 1, "batch_samples": batch_samples, "evaluation_windows": 1, "monitor_every": 0}
    changes["compile_from"] = int(compiled)
    settings = training_settings(name, {**changes, "steps_per_epoch": steps + WARM_UP + 1})
    counts = fold.reference.allele_count
    seen: list[tuple[float, float]] = []  # the clock and the seconds waited, after each step
    trainer = Trainer(
        model=found.build(size, 1),
        spec=LossSpec.from_config(LOSS),
        settings=settings,
        seed=1,
        folds=[data],
        validation=data,
        strata=SiteStrata.from_counts(counts, np.full(len(counts), fold.reference.alleles.shape[1])),
        device=where,
        log=lambda line: None,
        on_step=lambda step: seen.append((time.perf_counter(), trainer.waited)),
    )
    trainer.run()
    memory = peak_megabytes(where)  # before the limit is measured
    # the last step ends after the evaluation, which is no part of a step
    (first, waited), (last, waited_in_all) = seen[WARM_UP - 1], seen[-2]
    seconds = (last - first) / steps
    dtype = type_of_products(where, settings.amp)
    done, most = operations(trainer, data) / seconds, most_per_second(where, dtype)
    print(describe(where))
    print(f"{name}, {size}, {batch_samples} samples a step, {dtype}, {steps} steps{', compiled' if compiled else ''}")
    print(
        f"samples     {batch_samples / seconds:10.1f} windows of one sample a second, {1 / seconds:.2f} steps a second"
    )
    print(f"arithmetic  {done / 1e12:10.4f} TFLOP/s in matrix products of the network")
    print(f"limit       {most / 1e12:10.4f} TFLOP/s in a product of large matrices")
    print(f"ratio       {done / most:10.3f}")
    print(f"waiting     {(waited_in_all - waited) / (last - first):10.1%} of the time for the next batch")
    print(f"memory      {memory:10,.0f} MB at most")


if __name__ == "__main__":
    main()
