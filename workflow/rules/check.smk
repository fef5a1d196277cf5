rule check:
    input:
        reference=panel_input("reference"),
        targets=targets_input,
        map=panel_input("genetic_map"),
    output:
        findings="results/check/{panel}{part}.tsv",
    log:
        "results/logs/check/{panel}{part}.log",
    benchmark:
        "results/benchmarks/check/{panel}{part}.tsv"
    priority: 100
    conda:
        "../../envs/ragimpute.yaml"
    threads: 1
    resources:
        runtime=grow(30),
        mem_mb=grow(2000),
        disk_mb=10,
    params:
        code=code("check", "check"),
        map=given("--map", "map"),
        region=region_option,
        held_out=lambda wildcards: ["--held-out"] if is_holdout(wildcards) else [],
    shell:
        "ragimpute check --reference {input.reference:q} --targets {input.targets:q} {params.map:q}"
        " {params.region:q} {params.held_out:q} --leak error --out {output.findings:q} > {log:q} 2>&1"
