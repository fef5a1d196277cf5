rule tune_beagle:
    input:
        panel=training_file("panel.safetensors"),
        roles=training_file("roles.tsv"),
        typed=training_file("typed.tsv"),
        validation="results/masks/{mask}/validation.vcf.gz",
        map=training_map,
    output:
        parameters="results/masks/{mask}/beagle_tuned.json",
    log:
        "results/logs/tune_beagle/{mask}.log",
    benchmark:
        "results/benchmarks/tune_beagle/{mask}.tsv"
    priority: 30
    conda:
        "../../envs/baselines.yaml"
    threads: 2
    resources:
        runtime=grow(240),
        mem_mb=grow(4000),
        disk_mb=2000,
    params:
        code=code("tune-beagle", "baselines"),
        map=given("--map", "map"),
        seed=CONFIG["data_seed"],
    shell:
        "ragimpute tune-beagle --panel {input.panel:q} --roles {input.roles:q} --typed {input.typed:q}"
        " --validation {input.validation:q} {params.map:q} --threads {threads} --memory-mb {resources.mem_mb}"
        " --seed {params.seed:q} --out {output.parameters:q} > {log:q} 2>&1"


rule baseline:
    input:
        panel=panel_file("panel.safetensors"),
        roles=roles_file,
        typed="results/masks/{mask}{part}/typed.tsv",
        phasings="results/masks/{mask}{part}/phasings.safetensors",
        map=panel_input("genetic_map"),
        parameters=lambda wildcards: (
            f"results/masks/{wildcards.mask}/beagle_tuned.json"
            if wildcards.baseline == "beagle_tuned"
            else []
        ),
    output:
        vcf=unless_kept(
            "imputed", "results/imputed/{mask}/{baseline}/seed0{part}.vcf.gz"
        ),
        index=unless_kept(
            "imputed", "results/imputed/{mask}/{baseline}/seed0{part}.vcf.gz.tbi"
        ),
    log:
        "results/logs/baseline/{mask}/{baseline}{part}.log",
    benchmark:
        "results/benchmarks/baseline/{mask}/{baseline}{part}.tsv"
    priority: 30
    conda:
        "../../envs/baselines.yaml"
    threads: 1  # waits for no second core beside trainings; --set-threads baseline=8 for large panels
    resources:
        runtime=grow(240),
        mem_mb=grow(4000),
        disk_mb=2000,
    params:
        code=code("baseline", "baselines"),
        map=given("--map", "map"),
        parameters=given("--parameters", "parameters"),
        seed=CONFIG["data_seed"],
    shell:
        "ragimpute baseline {wildcards.baseline:q} --panel {input.panel:q} --roles {input.roles:q}"
        " --typed {input.typed:q} --phasings {input.phasings:q} {params.map:q} {params.parameters:q}"
        " --threads {threads} --memory-mb {resources.mem_mb}"
        " --seed {params.seed:q} --out {output.vcf:q} > {log:q} 2>&1"
