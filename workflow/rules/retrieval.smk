rule retrieve:
    input:
        panel=training_file("panel.safetensors"),
        roles=training_file("roles.tsv"),
        typed=training_file("typed.tsv"),
        validation=lambda wildcards: (
            f"results/masks/{wildcards.mask}/validation.vcf.gz"
            if wildcards.fold == "validation"
            else []
        ),
    output:
        segments=unless_kept(
            "segments", f"results/segments/{RETRIEVAL}/{{fold}}.safetensors"
        ),
    log:
        f"results/logs/retrieve/{RETRIEVAL}/{{fold}}.log",
    benchmark:
        f"results/benchmarks/retrieve/{RETRIEVAL}/{{fold}}.tsv"
    priority: 10
    conda:
        "../../envs/ragimpute.yaml"
    threads: 1
    resources:
        runtime=grow(120),
        mem_mb=grow(4000),
        disk_mb=5000,
    params:
        code=code("retrieve", "retrieval"),
        validation=given("--validation", "validation"),
        size=lambda wildcards: CONFIG["training"][wildcards.architecture]["size"],
    shell:
        "ragimpute retrieve --panel {input.panel:q} --roles {input.roles:q} --typed {input.typed:q}"
        " {params.validation:q} --architecture {wildcards.architecture:q} --size {params.size:q}"
        " --fold {wildcards.fold:q} --threads {threads} --out {output.segments:q} > {log:q} 2>&1"


# Of a genome, the first autosome.
rule paint:
    input:
        panel=lambda wildcards: first_part_file(
            wildcards, "panels", "panel.safetensors"
        ),
        roles=roles_file,
        typed=lambda wildcards: first_part_file(wildcards, "masks", "typed.tsv"),
        phased=lambda wildcards: first_part_file(wildcards, "masks", "phased.vcf.gz"),
    output:
        painting="results/masks/{mask}/painting.tsv",
    log:
        "results/logs/paint/{mask}.log",
    benchmark:
        "results/benchmarks/paint/{mask}.tsv"
    conda:
        "../../envs/ragimpute.yaml"
    threads: 1
    resources:
        runtime=grow(15),
        mem_mb=grow(3000),
        disk_mb=10,
    params:
        code=code("paint", "retrieval"),
    shell:
        "ragimpute paint --panel {input.panel:q} --roles {input.roles:q} --typed {input.typed:q}"
        " --phased {input.phased:q} --mask-name {wildcards.mask:q} --threads {threads}"
        " --out {output.painting:q} > {log:q} 2>&1"
