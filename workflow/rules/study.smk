rule config:
    output:
        config="results/config.yaml",
    log:
        "results/logs/config.log",
    benchmark:
        "results/benchmarks/config.tsv"
    conda:
        "../../envs/ragimpute.yaml"
    threads: 1
    resources:
        runtime=grow(5),
        mem_mb=grow(500),
        disk_mb=10,
    params:
        code=code("config", "study"),
        effective=lambda wildcards: compact(CONFIG),  # a function: {chrom} in it is no wildcard
    shell:
        "ragimpute config --effective {params.effective:q} --out {output.config:q} > {log:q} 2>&1"


# Written again whenever the metrics are: it says what they were made with.
rule provenance:
    input:
        config="results/config.yaml",
        metrics="results/metrics.tsv",
    output:
        provenance="results/provenance.json",
    log:
        "results/logs/provenance.log",
    benchmark:
        "results/benchmarks/provenance.tsv"
    conda:
        "../../envs/ragimpute.yaml"
    threads: 1
    resources:
        runtime=grow(30),
        mem_mb=grow(500),
        disk_mb=10,
    params:
        code=code("provenance", "study"),
    shell:
        "ragimpute provenance --config {input.config:q} --out {output.provenance:q} > {log:q} 2>&1"
