rule read_panel:
    input:
        reference=panel_input("reference"),
        map=panel_input("genetic_map"),
    output:
        panel="results/panels/{panel}{part}/panel.safetensors",
        dropped="results/panels/{panel}{part}/dropped.tsv",
    log:
        "results/logs/read_panel/{panel}{part}.log",
    benchmark:
        "results/benchmarks/read_panel/{panel}{part}.tsv"
    conda:
        "../../envs/ragimpute.yaml"
    threads: 1
    resources:
        runtime=grow(30),
        mem_mb=grow(2000),
        disk_mb=2000,
    params:
        code=code("read-panel", "panel"),
        map=given("--map", "map"),
        region=region_option,
    shell:
        "ragimpute read-panel --reference {input.reference:q} {params.map:q} {params.region:q}"
        " --out {output.panel:q} --dropped {output.dropped:q} > {log:q} 2>&1"


rule assign_roles:
    input:
        unpack(roles_inputs),
        panel=first_autosome_panel,
    output:
        roles="results/panels/{panel}/roles.tsv",
    log:
        "results/logs/assign_roles/{panel}.log",
    benchmark:
        "results/benchmarks/assign_roles/{panel}.tsv"
    conda:
        "../../envs/ragimpute.yaml"
    threads: 1
    resources:
        runtime=grow(10),
        mem_mb=grow(1000),
        disk_mb=100,
    params:
        code=code("assign-roles", "panel"),
        targets=targets_option,
        samples=given("--samples", "samples"),
        validation_fraction=CONFIG["training"]["validation_fraction"],
        seed=CONFIG["data_seed"],
    shell:
        "ragimpute assign-roles --panel {input.panel:q} {params.targets:q} {params.samples:q}"
        " --validation-fraction {params.validation_fraction:q} --seed {params.seed:q}"
        " --out {output.roles:q} > {log:q} 2>&1"


rule frequencies:
    input:
        panel="results/panels/{panel}{part}/panel.safetensors",
        roles="results/panels/{panel}/roles.tsv",
    output:
        frequencies="results/panels/{panel}{part}/frequencies.tsv",
    log:
        "results/logs/frequencies/{panel}{part}.log",
    benchmark:
        "results/benchmarks/frequencies/{panel}{part}.tsv"
    conda:
        "../../envs/ragimpute.yaml"
    threads: 1
    resources:
        runtime=grow(10),
        mem_mb=grow(2000),
        disk_mb=500,
    params:
        code=code("frequencies", "panel"),
    shell:
        "ragimpute frequencies --panel {input.panel:q} --roles {input.roles:q}"
        " --out {output.frequencies:q} > {log:q} 2>&1"
