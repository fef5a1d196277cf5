rule evaluate:
    input:
        imputed="results/imputed/{mask}/{method}/seed{seed}{part}.vcf.gz",
        truth=truth_input,
        panel=panel_file("panel.safetensors"),
        roles=roles_file,
        typed="results/masks/{mask}{part}/typed.tsv",
    output:
        metrics="results/evaluation/{mask}/{method}/seed{seed}{part}.tsv",
        statistics="results/evaluation/{mask}/{method}/seed{seed}{part}.statistics.safetensors",
        along="results/evaluation/{mask}/{method}/seed{seed}{part}.along.tsv",
    log:
        "results/logs/evaluate/{mask}/{method}/seed{seed}{part}.log",
    benchmark:
        "results/benchmarks/evaluate/{mask}/{method}/seed{seed}{part}.tsv"
    conda:
        "../../envs/ragimpute.yaml"
    threads: 1
    resources:
        runtime=grow(60),
        mem_mb=grow(3000),
        disk_mb=500,
    params:
        code=code("evaluate", "evaluation"),
        truth=given("--truth", "truth"),
        names=names_options,
        chrom=lambda wildcards: chromosome_of(wildcards.part),
        windows=along_windows,
        alleles=allele_options,
        bootstraps=CONFIG["evaluation"]["bootstraps"],
        bootstrap_seed=CONFIG["evaluation"]["seed"],
    shell:
        "ragimpute evaluate --imputed {input.imputed:q} {params.truth:q} --panel {input.panel:q}"
        " --roles {input.roles:q} --typed {input.typed:q} {params.names:q} {params.alleles:q}"
        " --chrom {params.chrom:q} --windows {params.windows:q}"
        " --bootstraps {params.bootstraps:q} --bootstrap-seed {params.bootstrap_seed:q}"
        " --out {output.metrics:q} --statistics {output.statistics:q}"
        " --along {output.along:q} > {log:q} 2>&1"


# The sums of all chromosomes of a genome added up: metrics, intervals and comparisons are of the whole genome.
rule pool_chromosomes:
    input:
        statistics=pooled_files("statistics.safetensors"),
        along=pooled_files("along.tsv"),
    output:
        metrics="results/evaluation/{mask}/{method}/seed{seed}.tsv",
        statistics="results/evaluation/{mask}/{method}/seed{seed}.statistics.safetensors",
        along="results/evaluation/{mask}/{method}/seed{seed}.along.tsv",
    log:
        "results/logs/pool_chromosomes/{mask}/{method}/seed{seed}.log",
    benchmark:
        "results/benchmarks/pool_chromosomes/{mask}/{method}/seed{seed}.tsv"
    wildcard_constraints:
        mask="|".join(SPLIT_MASKS) or "(?!)",
    conda:
        "../../envs/ragimpute.yaml"
    threads: 1
    resources:
        runtime=grow(30),
        mem_mb=grow(2000),
        disk_mb=500,
    params:
        code=code("pool-chromosomes", "evaluation"),
        statistics=repeated("--statistics", "statistics"),
        along=repeated("--along", "along"),
    shell:
        "ragimpute pool-chromosomes {params.statistics:q} {params.along:q} --out {output.metrics:q}"
        " --pooled {output.statistics:q} --along-out {output.along:q} > {log:q} 2>&1"


ruleorder: pool_chromosomes > evaluate


rule collect:
    input:
        evaluation=results("results/evaluation/{run}.tsv"),
        statistics=results("results/evaluation/{run}.statistics.safetensors")
        + results_of_chromosomes(
            "results/evaluation/{run}{part}.statistics.safetensors"
        ),
        along=results("results/evaluation/{run}.along.tsv"),
    output:
        metrics="results/metrics.tsv",
        comparisons="results/comparisons.tsv",
        along="results/along.tsv",
    log:
        "results/logs/collect.log",
    benchmark:
        "results/benchmarks/collect.tsv"
    conda:
        "../../envs/ragimpute.yaml"
    threads: 1
    resources:
        runtime=grow(30),
        mem_mb=grow(2000),
        disk_mb=500,
    params:
        code=code("collect", "evaluation"),
        evaluation=repeated("--evaluation", "evaluation"),
        statistics=repeated("--statistics", "statistics"),
        along=repeated("--along", "along"),
    shell:
        "ragimpute collect {params.evaluation:q} {params.statistics:q} {params.along:q}"
        " --out {output.metrics:q} --comparisons {output.comparisons:q}"
        " --along-out {output.along:q} > {log:q} 2>&1"


rule summarise:
    input:
        metrics="results/metrics.tsv",
        histories=results("results/models/{run}.history.tsv", TRAININGS),
    output:
        summary=report(
            "results/summary.tsv",
            caption="../report/summary.rst",
            category="Accuracy",
            labels={"table": "summary"},
        ),
    log:
        "results/logs/summarise.log",
    benchmark:
        "results/benchmarks/summarise.tsv"
    conda:
        "../../envs/ragimpute.yaml"
    threads: 1
    resources:
        runtime=grow(10),
        mem_mb=grow(1000),
        disk_mb=100,
    params:
        code=code("summarise", "evaluation"),
        histories=named("--history", histories(), "histories"),
    shell:
        "ragimpute summarise --metrics {input.metrics:q} {params.histories:q}"
        " --out {output.summary:q} > {log:q} 2>&1"


rule loss_study:
    input:
        statistics=results("results/evaluation/{run}.statistics.safetensors", TRAINED),
        histories=results("results/models/{run}.history.tsv", TRAININGS),
        config="results/config.yaml",
    output:
        trainings="results/trainings.tsv",
        study="results/loss_study.tsv",
        claims="results/claims.tsv",
        curves="results/curves.tsv",
    log:
        "results/logs/loss_study.log",
    benchmark:
        "results/benchmarks/loss_study.tsv"
    conda:
        "../../envs/ragimpute.yaml"
    threads: 1
    resources:
        runtime=grow(15),
        mem_mb=grow(2000),
        disk_mb=100,
    params:
        code=code("loss-study", "evaluation"),
        statistics=repeated("--statistics", "statistics"),
        histories=named("--history", histories(), "histories"),
    shell:
        "ragimpute loss-study {params.statistics:q} {params.histories:q} --config {input.config:q}"
        " --trainings {output.trainings:q} --out {output.study:q} --claims {output.claims:q}"
        " --curves {output.curves:q} > {log:q} 2>&1"
