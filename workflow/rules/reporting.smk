rule plot:
    input:
        metrics="results/metrics.tsv",
        summary="results/summary.tsv",
        comparisons="results/comparisons.tsv",
        loss_study="results/loss_study.tsv",
        claims="results/claims.tsv",
        curves="results/curves.tsv",
        along="results/along.tsv",
        paintings=expand("results/masks/{mask}/painting.tsv", mask=MASKS),
    output:
        svg=report(
            expand("results/figures/{figure}.{mask}.svg", figure=FIGURES, mask=MASKS),
            caption="../report/figure.rst",
            category="Figures",
        ),
        png=expand("results/figures/{figure}.{mask}.png", figure=FIGURES, mask=MASKS),
        json=expand("results/figures/{figure}.{mask}.json", figure=FIGURES, mask=MASKS),
    log:
        "results/logs/plot.log",
    benchmark:
        "results/benchmarks/plot.tsv"
    conda:
        "../../envs/ragimpute.yaml"
    threads: 1
    resources:
        runtime=grow(15),
        mem_mb=grow(2000),
        disk_mb=100,
    params:
        code=code("plot", "reporting"),
        paintings=repeated("--painting", "paintings"),
        folder=lambda wildcards, output: str(Path(output.svg[0]).parent),
    shell:
        "ragimpute plot --metrics {input.metrics:q} --summary {input.summary:q}"
        " --comparisons {input.comparisons:q} --loss-study {input.loss_study:q} --claims {input.claims:q}"
        " --curves {input.curves:q} --along {input.along:q} {params.paintings:q} --out-dir {params.folder:q} > {log:q} 2>&1"


rule report:
    input:
        templates=sorted(PACKAGE.glob("reporting/templates/*")),
        metrics="results/metrics.tsv",
        summary="results/summary.tsv",
        comparisons="results/comparisons.tsv",
        loss_study="results/loss_study.tsv",
        claims="results/claims.tsv",
        curves="results/curves.tsv",
        along="results/along.tsv",
        paintings=expand("results/masks/{mask}/painting.tsv", mask=MASKS),
        figures=expand(
            "results/figures/{figure}.{mask}.json", figure=FIGURES, mask=MASKS
        ),
        config="results/config.yaml",
        provenance="results/provenance.json",
        checks=[f"results/check/{panel}{part}.tsv" for panel, part in PANEL_PARTS],
        panels=[
            f"results/panels/{panel}{part}/dropped.tsv" for panel, part in PANEL_PARTS
        ],
        masks=[f"results/masks/{mask}{part}/dropped.tsv" for mask, part in MASK_PARTS],
    output:
        report="results/report.html",
    log:
        "results/logs/report.log",
    benchmark:
        "results/benchmarks/report.tsv"
    conda:
        "../../envs/ragimpute.yaml"
    threads: 1
    resources:
        runtime=grow(15),
        mem_mb=grow(2000),
        disk_mb=100,
    params:
        code=code("report", "reporting"),
        paintings=repeated("--painting", "paintings"),
        checks=named("--check", [(panel,) for panel, _ in PANEL_PARTS], "checks"),
        panels=named("--dropped", [(panel,) for panel, _ in PANEL_PARTS], "panels"),
        masks=named("--dropped", [(mask,) for mask, _ in MASK_PARTS], "masks"),
        figures=lambda wildcards, input: str(Path(input.figures[0]).parent),
        benchmarks=lambda wildcards, output: str(
            Path(output.report).parent / "benchmarks"
        ),
    shell:
        "ragimpute report --summary {input.summary:q} --metrics {input.metrics:q}"
        " --comparisons {input.comparisons:q} --loss-study {input.loss_study:q} --claims {input.claims:q}"
        " --curves {input.curves:q} --along {input.along:q} {params.paintings:q}"
        " --figures {params.figures:q} --config {input.config:q}"
        " {params.checks:q} {params.panels:q} {params.masks:q} --benchmarks {params.benchmarks:q}"
        " --provenance {input.provenance:q}"
        " --out {output.report:q} > {log:q} 2>&1"
