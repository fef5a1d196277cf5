"""The same network, samples and steps on CPU and GPU: loss curves and dosages agree."""

import numpy as np
import pytest
import torch

from ragimpute.imputation.network_dosages import network_dosages
from ragimpute.models import architecture, segments
from ragimpute.models.copy_rag.attention import copy_attention, copy_attention_torch
from ragimpute.training.device import choose_device
from ragimpute.training.loop import Trainer
from ragimpute.training.loss_settings import LossSpec
from ragimpute.training.scores import SiteStrata
from ragimpute.training.settings import TrainingSettings
from training_data import attention_inputs, fold_of

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device on this machine"),
]
LOSS_TOLERANCE, BFLOAT16_TOLERANCE = 1e-3, 2e-2  # relative, of a step's loss in float32 and with bfloat16 autocast


def trained(name: str, device: str, amp: bool, panel, typed, compile_from: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Losses [steps] of a short training on `device`, and the validation samples' haplotype dosages."""
    found, fold, held_out = architecture(name), *(fold_of(panel, typed, part) for part in ("train", "validation"))
    data = [found.fold_data("small", part, segments(found, "small", part, 1)) for part in (fold, held_out)]
    counts = panel.alleles[:].sum(axis=1, dtype=np.int64)
    trainer = Trainer(
        model=found.build("small", 1),
        spec=LossSpec.from_config({"hap": 0.3, "genotype": 0.4, "recon": 0.05, "gamma": 2.5}),
        settings=TrainingSettings(epochs=2, steps_per_epoch=10, batch_samples=8, amp=amp, compile_from=compile_from),
        seed=1,
        folds=data[:1],
        validation=data[1],
        strata=SiteStrata.from_counts(counts, np.full(len(counts), panel.alleles.shape[1])),
        device=choose_device(device, 1),
        log=lambda line: None,
    )
    # dropout draws other numbers on other devices
    for module in trainer.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    trainer.run()
    losses = np.array([value for _, _, metric, value in trainer.history.rows if metric == "loss"])
    return losses, network_dosages(trainer.model, data[1], held_out, trainer.device, amp=amp).hds


@pytest.mark.parametrize("name", ["bert_rag", "copy_rag"])
@pytest.mark.parametrize(("amp", "tolerance"), [(False, LOSS_TOLERANCE), (True, BFLOAT16_TOLERANCE)])
def test_a_gpu_trains_and_imputes_as_the_cpu_does(name, amp, tolerance, tiny_panel, tiny_typed):
    losses, hds = trained(name, "cpu", False, tiny_panel, tiny_typed)
    on_gpu, hds_on_gpu = trained(name, "cuda", amp, tiny_panel, tiny_typed)
    assert len(losses) == 20
    np.testing.assert_allclose(on_gpu, losses, rtol=tolerance)
    np.testing.assert_allclose(hds_on_gpu, hds, atol=20 * tolerance)


def test_a_compiled_network_trains_as_it_does_otherwise(tiny_panel, tiny_typed):
    losses, hds = trained("bert_rag", "cuda", False, tiny_panel, tiny_typed)
    compiled, hds_compiled = trained("bert_rag", "cuda", False, tiny_panel, tiny_typed, compile_from=1)
    np.testing.assert_allclose(compiled, losses, rtol=LOSS_TOLERANCE)
    np.testing.assert_allclose(hds_compiled, hds, atol=20 * LOSS_TOLERANCE)


def test_attention_on_a_gpu_equals_the_kernel_of_the_cpu():
    floats, rest = attention_inputs()
    on_cpu = copy_attention(*floats, *rest)
    on_gpu = copy_attention(*(x.detach().cuda() for x in floats), *(x.cuda() for x in rest))
    for one, other, direct in zip(on_cpu, on_gpu, copy_attention_torch(*floats, *rest), strict=True):
        torch.testing.assert_close(other.cpu(), one, rtol=1e-4, atol=2e-5)
        torch.testing.assert_close(direct, one, rtol=1e-4, atol=2e-5)
