rule mask:
    input:
        panel=panel_file("panel.safetensors"),
        roles=roles_file,
        targets=targets_input,
        sites=sites_input,
    output:
        typed="results/masks/{mask}{part}/typed.tsv",
        targets="results/masks/{mask}{part}/targets.vcf.gz",
        dropped="results/masks/{mask}{part}/dropped.tsv",
        recoded="results/masks/{mask}{part}/recoded.tsv",
    log:
        "results/logs/mask/{mask}{part}.log",
    benchmark:
        "results/benchmarks/mask/{mask}{part}.tsv"
    conda:
        "../../envs/ragimpute.yaml"
    threads: 1
    resources:
        runtime=grow(30),
        mem_mb=grow(2000),
        disk_mb=1000,
    params:
        code=code("mask", "targets"),
        sites=sites_option,
        random_masks=CONFIG["training"]["random_masks"],
        phase=lambda wildcards: "erase" if is_holdout(wildcards) else "keep",
        scored=lambda wildcards, input: (
            ["--scored"] if truth_input(wildcards) == input.targets else []
        ),
        alleles=allele_options,
        seed=CONFIG["data_seed"],
    shell:
        "ragimpute mask --panel {input.panel:q} --roles {input.roles:q} --targets {input.targets:q}"
        " --sites {params.sites:q} --random-masks {params.random_masks:q} --phase {params.phase:q}"
        " {params.scored:q} {params.alleles:q} --seed {params.seed:q} --out {output.typed:q} --typed-genotypes {output.targets:q}"
        " --dropped {output.dropped:q} --recoded {output.recoded:q} > {log:q} 2>&1"


rule phase:
    input:
        panel=panel_file("panel.safetensors"),
        roles=roles_file,
        targets="results/masks/{mask}{part}/targets.vcf.gz",
        map=panel_input("genetic_map"),
    output:
        phased="results/masks/{mask}{part}/phased.vcf.gz",
        phasings="results/masks/{mask}{part}/phasings.safetensors",
    log:
        "results/logs/phase/{mask}{part}.log",
    benchmark:
        "results/benchmarks/phase/{mask}{part}.tsv"
    priority: 30
    conda:
        "../../envs/baselines.yaml"
    threads: 2
    resources:
        runtime=grow(120),
        mem_mb=grow(4000),
        disk_mb=2000,
    params:
        code=code("phase", "targets"),
        map=given("--map", "map"),
        n_phasings=option("--n-phasings", CONFIG["phasings"]),
        seed=CONFIG["data_seed"],
    shell:
        "ragimpute phase --panel {input.panel:q} --roles {input.roles:q} --typed-genotypes {input.targets:q}"
        " {params.map:q} --memory-mb {resources.mem_mb} --seed {params.seed:q} {params.n_phasings:q}"
        " --out {output.phased:q} --phasings {output.phasings:q} > {log:q} 2>&1"


# The validation samples' typed genotypes, in the state in which the targets are imputed: with the panel's own phase, what is
# chosen on them would be chosen for an input that the targets do not have.
rule phase_validation:
    input:
        panel=training_file("panel.safetensors"),
        roles=training_file("roles.tsv"),
        targets=training_file("targets.vcf.gz"),
        map=training_map,
    output:
        validation="results/masks/{mask}/validation.vcf.gz",
    log:
        "results/logs/phase_validation/{mask}.log",
    benchmark:
        "results/benchmarks/phase_validation/{mask}.tsv"
    priority: 30
    conda:
        "../../envs/baselines.yaml"
    threads: 2
    resources:
        runtime=grow(120),
        mem_mb=grow(4000),
        disk_mb=2000,
    params:
        code=code("phase-validation", "targets"),
        map=given("--map", "map"),
        seed=CONFIG["data_seed"],
    shell:
        "ragimpute phase-validation --panel {input.panel:q} --roles {input.roles:q} --typed-genotypes {input.targets:q}"
        " {params.map:q} --memory-mb {resources.mem_mb} --seed {params.seed:q}"
        " --out {output.validation:q} > {log:q} 2>&1"
