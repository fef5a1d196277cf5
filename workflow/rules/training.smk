# The loss and the settings are parameters, so that a change of one loss trains that loss alone again. The checkpoint is
# no output: Snakemake deletes the outputs of a job that was stopped, and the next attempt resumes from the checkpoint.
# Training comes before retrieval, so that few segments lie on the disk at a time.
rule train:
    input:
        panel=panel_file("panel.safetensors"),
        roles=panel_file("roles.tsv"),
        typed="results/masks/{mask}/typed.tsv",
        segments=training_segments,
        validation_segments=f"results/segments/{RETRIEVAL}/validation.safetensors",
        validation="results/masks/{mask}/validation.vcf.gz",
        pretrained=pretrained_files,
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
        device=CONFIG["device"],
        checkpoint=lambda wildcards, output: str(
            Path(output.model).with_suffix(".checkpoint")
        ),
    shell:
        "on_gpus {resources.gpu:q} ragimpute train --panel {input.panel:q} --roles {input.roles:q} --typed {input.typed:q}"
        " {params.segments:q} --validation-segments {input.validation_segments:q}"
        " --validation {input.validation:q}"
        " --architecture {wildcards.architecture:q} {params.weights:q} --loss-name {params.loss_name:q} --loss {params.loss:q}"
        " --training {params.training:q} --seed {wildcards.seed:q} --device {params.device:q} --threads {threads}"
        " --checkpoint {params.checkpoint:q} --out {output.model:q} --history {output.history:q} > {log:q} 2>&1"
