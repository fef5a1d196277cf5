# Impute genotypes with retrieval-augmented networks, trained once for each loss, beside the usual tools.
#
# Paths of results (docs/how_it_works.md explains each file; NAME = [A-Za-z][A-Za-z0-9_]*). {loss} is the loss of a row of
# the study, or the row's `name`; {weights} is nothing, .pretrained or .fine_tuned:
#   results/config.yaml                                                the effective configuration
#   results/provenance.json                                            versions, seeds, hashes, hardware: not compared
#   results/panels/{panel}/{panel.safetensors,dropped.tsv,roles.tsv,frequencies.tsv}
#   results/check/{panel}.tsv                                          the input check's findings
#   results/masks/{mask}/{typed.tsv,dropped.tsv,recoded.tsv,targets.vcf.gz,phased.vcf.gz,beagle_tuned.json,painting.tsv}
#   results/masks/{mask}/phasings.safetensors                          further phasings, where typed sites are sparse
#   results/segments/{mask}/{architecture}.{loss}{weights}/seed{seed}/{fold}.safetensors
#                                                                      temporary; fold: train, random1.., validation
#   results/segments/{mask}/{architecture}/{fold}.safetensors          instead of these, with keep: {segments: true}
#   results/models/{mask}/{architecture}.{loss}{weights}/seed{seed}.{safetensors,history.tsv}
#   results/imputed/{mask}/{method}/seed{seed}.vcf.gz                  method: {architecture}.{loss}{weights}{calibrated}, or
#                                                                      a baseline (seed 0); calibrated: nothing or .calibrated
#   results/evaluation/{mask}/{method}/seed{seed}.{tsv,along.tsv,statistics.safetensors}
#   results/{metrics,comparisons,summary,trainings,loss_study,claims,curves,along}.tsv, results/report.html
#   results/figures/{figure}.{mask}.{svg,png,json}                     json: Vega-Lite
#   results/logs/{rule}/..., results/benchmarks/{rule}/...
from snakemake.utils import min_version

min_version("9.0")


wildcard_constraints:
    panel=r"[A-Za-z][A-Za-z0-9_]*",
    mask=r"[A-Za-z][A-Za-z0-9_]*",
    architecture=r"[A-Za-z][A-Za-z0-9_]*",
    loss=r"[A-Za-z][A-Za-z0-9_]*",
    weights=r"(\.pretrained|\.fine_tuned)?",
    calibrated=r"(\.calibrated)?",
    baseline=r"[A-Za-z][A-Za-z0-9_]*",
    fold=r"[a-z]+[0-9]*",
    method=r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*){0,3}",
    seed=r"[0-9]+",
    part=r"(/chr[A-Za-z0-9_]+)?",


# Snakemake 9.27.1 starts at most 100 jobs a second by default, and watches that by a timer at each round of scheduling,
# which starts the next round: with hundreds of jobs, scheduling takes half a core. Jobs take seconds here, so the limit is
# taken away unless another one is asked for. No option does that: `--max-jobs-per-timespan 0/1s` starts no job at all, and a
# longer timespan delays the end of each run by as much, because Python waits for the timers. Hence these two attributes,
# which are no part of Snakemake's documentation; where a version lacks them, the limit stays.
onstart:
    settings = getattr(workflow, "scheduling_settings", None)
    limit = getattr(settings, "max_jobs_per_timespan", None)
    if limit and (limit.max_jobs, limit.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None


include: "workflow/rules/common.smk"
include: "workflow/common/inputs.smk"
include: "workflow/common/options.smk"
include: "workflow/rules/study.smk"
include: "workflow/rules/check.smk"
include: "workflow/rules/panel.smk"
include: "workflow/rules/targets.smk"
include: "workflow/rules/retrieval.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/imputation.smk"
include: "workflow/rules/baselines.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/reporting.smk"


report: "workflow/report/workflow.rst"


localrules:
    all,
    config,


rule all:
    default_target: True
    input:
        imputed_files() if CONFIG["keep"]["imputed"] else [],
        [f"results/panels/{panel}{part}/frequencies.tsv" for panel, part in PANEL_PARTS],
        "results/metrics.tsv",
        "results/comparisons.tsv",
        "results/summary.tsv",
        "results/trainings.tsv",
        "results/loss_study.tsv",
        "results/claims.tsv",
        expand("results/figures/{figure}.{mask}.svg", figure=FIGURES, mask=MASKS),
        "results/provenance.json",
        "results/report.html",
