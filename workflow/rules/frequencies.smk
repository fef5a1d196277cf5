rule frequencies:
    input:
        panel="results/panels/{panel}/panel.safetensors",
        roles="results/panels/{panel}/roles.tsv",
    output:
        frequencies="results/panels/{panel}/frequencies.tsv",
    log:
        "results/logs/frequencies/{panel}.log",
    benchmark:
        "results/benchmarks/frequencies/{panel}.tsv"
    conda:
        "../../envs/ragimpute.yaml"
    threads: 1
    resources:
        runtime=grow(10),
        mem_mb=grow(2000),
        disk_mb=500,
    params:
        code=code("frequencies", "panels"),
    shell:
        "ragimpute frequencies --panel {input.panel:q} --roles {input.roles:q}"
        " --out {output.frequencies:q} > {log:q} 2>&1"
