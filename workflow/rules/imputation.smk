# A raw and a calibrated row share their model.
rule predict:
    input:
        panel=panel_file("panel.safetensors"),
        roles=roles_file,
        typed="results/masks/{mask}{part}/typed.tsv",
        phasings="results/masks/{mask}{part}/phasings.safetensors",
        model="results/models/{mask}/{architecture}.{loss}{weights}/seed{seed}.safetensors",
        pretrained=pretrained_files(".pretrained"),
    output:
        vcf=unless_kept(
            "imputed",
            "results/imputed/{mask}/{architecture}.{loss}{weights}{calibrated}/seed{seed}{part}.vcf.gz",
        ),
        index=unless_kept(
            "imputed",
            "results/imputed/{mask}/{architecture}.{loss}{weights}{calibrated}/seed{seed}{part}.vcf.gz.tbi",
        ),
    log:
        "results/logs/predict/{mask}/{architecture}.{loss}{weights}{calibrated}/seed{seed}{part}.log",
    benchmark:
        "results/benchmarks/predict/{mask}/{architecture}.{loss}{weights}{calibrated}/seed{seed}{part}.tsv"
    conda:
        "../../envs/ragimpute.yaml"
    threads: 1
    resources:
        runtime=grow(60),
        mem_mb=grow_with_input(2000, for_each_mb=2),
        disk_mb=1000,
        gpu=gpus(),
    params:
        code=code("predict", "imputation"),
        device=CONFIG["device"],
        calibrate=lambda wildcards: "--calibrate" if wildcards.calibrated else [],
        part=[],
    shell:
        "ragimpute predict --panel {input.panel:q} --roles {input.roles:q} --typed {input.typed:q}"
        " --phasings {input.phasings:q} --model {input.model:q} {params.calibrate:q}"
        " --device {params.device:q} {params.part:q} --threads {threads} --out {output.vcf:q} > {log:q} 2>&1"


# Each chromosome's windows in several jobs, whose records are gathered in order: the same bytes as from one job.
scattergather:
    windows=CONFIG["scatter"],


use rule predict as predict_windows with:
    output:
        vcf=temp(  # records without a header
            "results/imputed/{mask}/{architecture}.{loss}{weights}{calibrated}/seed{seed}{part}.{scatteritem}.records"
        ),
    log:
        "results/logs/predict_windows/{mask}/{architecture}.{loss}{weights}{calibrated}/seed{seed}{part}.{scatteritem}.log",
    benchmark:
        "results/benchmarks/predict_windows/{mask}/{architecture}.{loss}{weights}{calibrated}/seed{seed}{part}.{scatteritem}.tsv"
    params:
        part=lambda wildcards: ["--part", wildcards.scatteritem],


rule gather_windows:
    input:
        panel=panel_file("panel.safetensors"),
        roles=roles_file,
        records=gather.windows(
            "results/imputed/{{mask}}/{{architecture}}.{{loss}}{{weights}}{{calibrated}}/seed{{seed}}{{part}}.{scatteritem}.records"
        ),
    output:
        vcf=unless_kept(
            "imputed",
            "results/imputed/{mask}/{architecture}.{loss}{weights}{calibrated}/seed{seed}{part}.vcf.gz",
        ),
        index=unless_kept(
            "imputed",
            "results/imputed/{mask}/{architecture}.{loss}{weights}{calibrated}/seed{seed}{part}.vcf.gz.tbi",
        ),
    log:
        "results/logs/gather_windows/{mask}/{architecture}.{loss}{weights}{calibrated}/seed{seed}{part}.log",
    benchmark:
        "results/benchmarks/gather_windows/{mask}/{architecture}.{loss}{weights}{calibrated}/seed{seed}{part}.tsv"
    wildcard_constraints:
        mask="|".join(MASKS) if CONFIG["scatter"] > 1 else "(?!)",
    conda:
        "../../envs/ragimpute.yaml"
    threads: 1
    resources:
        runtime=grow(30),
        mem_mb=grow(2000),
        disk_mb=1000,
    params:
        code=code("gather-windows", "imputation"),
        records=repeated("--records", "records"),
    shell:
        "ragimpute gather-windows --panel {input.panel:q} --roles {input.roles:q} {params.records:q}"
        " --out {output.vcf:q} > {log:q} 2>&1"


ruleorder: gather_windows > predict
