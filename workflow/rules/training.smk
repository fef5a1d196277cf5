# One network is trained for a genome, on some of its sites and samples: where a panel has a file for each chromosome, all
# that belongs to training reads the files of this rule instead of the panel's and the mask's.
rule training_set:
    input:
        panels=autosome_files("panels", "panel.safetensors"),
        roles=roles_file,
        typed=autosome_files("masks", "typed.tsv"),
        targets=autosome_files("masks", "targets.vcf.gz"),
    output:
        panel="results/masks/{mask}/training/panel.safetensors",
        roles="results/masks/{mask}/training/roles.tsv",
        typed="results/masks/{mask}/training/typed.tsv",
        targets="results/masks/{mask}/training/targets.vcf.gz",
        map="results/masks/{mask}/training/genetic_map.map",
        chromosomes="results/masks/{mask}/training/chromosomes.tsv",
    log:
        "results/logs/training_set/{mask}.log",
    benchmark:
        "results/benchmarks/training_set/{mask}.tsv"
    priority: 30
    conda:
        "../../envs/ragimpute.yaml"
    threads: 1
    resources:
        runtime=grow(30),
        mem_mb=grow(2000),
        disk_mb=1000,
    params:
        code=code("training-set", "training"),
        panels=repeated("--panel", "panels"),
        typed=repeated("--typed", "typed"),
        targets=repeated("--typed-genotypes", "targets"),
        segments_mb=CONFIG["training"]["segments_mb"],
        seed=CONFIG["data_seed"],
    shell:
        "ragimpute training-set {params.panels:q} --roles {input.roles:q} {params.typed:q} {params.targets:q}"
        " --segments-mb {params.segments_mb:q} --seed {params.seed:q} --out-panel {output.panel:q}"
        " --out-roles {output.roles:q} --out-typed {output.typed:q} --out-typed-genotypes {output.targets:q}"
        " --out-map {output.map:q} --out-chromosomes {output.chromosomes:q} > {log:q} 2>&1"


# The loss and the settings are parameters, so that a change of one loss trains that loss alone again. The checkpoint is
# no output: Snakemake deletes the outputs of a job that was stopped, and the next attempt resumes from the checkpoint.
# Training comes before retrieval, so that few segments lie on the disk at a time.
rule train:
    input:
        panel=training_file("panel.safetensors"),
        roles=training_file("roles.tsv"),
        typed=training_file("typed.tsv"),
        segments=training_segments,
        validation_segments=f"results/segments/{RETRIEVAL}/validation.safetensors",
        validation="results/masks/{mask}/validation.vcf.gz",
        pretrained=pretrained_files(".pretrained", ".fine_tuned"),
        chromosomes=fine_tuned_chromosomes,
    output:
        model="results/models/{mask}/{architecture}.{loss}{weights}/seed{seed}.safetensors",
        history="results/models/{mask}/{architecture}.{loss}{weights}/seed{seed}.history.tsv",
    log:
        "results/logs/train/{mask}/{architecture}.{loss}{weights}/seed{seed}.log",
    benchmark:
        "results/benchmarks/train/{mask}/{architecture}.{loss}{weights}/seed{seed}.tsv"
    priority: 20
    conda:
        "../../envs/ragimpute.yaml"
    threads: 1
    resources:
        runtime=grow(240),
        mem_mb=grow_with_input(2000, for_each_mb=2),
        disk_mb=1000,
        gpu=gpus(),
    params:
        code=code("train", "training"),
        segments=repeated("--segments", "segments"),
        loss_name=loss_name,
        loss=loss_json,
        training=training_json,
        weights=weights_option,
        chromosomes=given("--chromosomes", "chromosomes"),
        device=CONFIG["device"],
        checkpoint=lambda wildcards, output: str(
            Path(output.model).with_suffix(".checkpoint")
        ),
    shell:
        "on_gpus {resources.gpu:q} ragimpute train --panel {input.panel:q} --roles {input.roles:q} --typed {input.typed:q}"
        " {params.segments:q} --validation-segments {input.validation_segments:q}"
        " --validation {input.validation:q}"
        " --architecture {wildcards.architecture:q} {params.weights:q} {params.chromosomes:q} --loss-name {params.loss_name:q} --loss {params.loss:q}"
        " --training {params.training:q} --seed {wildcards.seed:q} --device {params.device:q} --threads {threads}"
        " --checkpoint {params.checkpoint:q} --out {output.model:q} --history {output.history:q} > {log:q} 2>&1"
