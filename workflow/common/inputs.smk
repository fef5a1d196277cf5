# Input functions of the rules, and the files of results that several rules ask for.
def panel_settings(wildcards):
    """The entry of the panel that the wildcards name, directly or through their mask."""
    name = getattr(wildcards, "panel", None) or CONFIG["masks"][wildcards.mask]["panel"]
    return CONFIG["panels"][name]


def panel_of_mask(wildcards):
    """The name of the panel of the mask that the wildcards name."""
    return CONFIG["masks"][wildcards.mask]["panel"]


def panel_file(name):
    """Input function: a file of a chromosome's panel, or of the whole one, for a rule that knows its mask."""
    return (
        lambda wildcards: f"results/panels/{panel_of_mask(wildcards)}{wildcards.part}/{name}"
    )


def roles_file(wildcards):
    """The samples' roles, one table for all chromosomes."""
    return f"results/panels/{panel_of_mask(wildcards)}/roles.tsv"


def part_files(wildcards, folder, name, chosen):
    """The file `name` of each of the parts `chosen` under results/panels or results/masks, of a rule that knows its mask."""
    entry = panel_of_mask(wildcards) if folder == "panels" else wildcards.mask
    return [f"results/{folder}/{entry}{part}/{name}" for part in chosen]


def autosome_files(folder, name):
    """Input function: the file `name` of each chromosome that networks are trained on."""
    return lambda wildcards: part_files(
        wildcards, folder, name, autosomes(panel_settings(wildcards))
    )


def first_part_file(wildcards, folder, name):
    """The file `name` of the first autosome, or of the whole panel."""
    first = autosomes(panel_settings(wildcards))[:1]
    return part_files(wildcards, folder, name, first)


def first_autosome_panel(wildcards):
    """The panel whose samples get roles."""
    part = autosomes(panel_settings(wildcards))[0]
    return f"results/panels/{wildcards.panel}{part}/panel.safetensors"


def training_file(name):
    """Input function: a file of the mask's training set; without chromosomes, of the panel or of the mask itself."""

    def path(wildcards):
        if is_split(panel_settings(wildcards)):
            return f"results/masks/{wildcards.mask}/training/{name}"
        if name in ("panel.safetensors", "roles.tsv"):
            return f"results/panels/{panel_of_mask(wildcards)}/{name}"
        return f"results/masks/{wildcards.mask}/{name}"

    return path


def training_map(wildcards):
    """The genetic map of the mask's training set, or of the panel."""
    settings = panel_settings(wildcards)
    if is_split(settings):
        return f"results/masks/{wildcards.mask}/training/genetic_map.map"
    return settings["genetic_map"] or []


def fine_tuned_chromosomes(wildcards):
    """What a network will impute that starts from pretrained weights and is trained on some of the panel; or nothing."""
    starts_from_others = wildcards.weights == ".fine_tuned"
    if starts_from_others and is_split(panel_settings(wildcards)):
        return f"results/masks/{wildcards.mask}/training/chromosomes.tsv"
    return []


def panel_input(key):
    """Input function: the file that the panel's entry gives under `key`, or nothing."""

    def path(wildcards):
        name = panel_settings(wildcards)[key]
        return file_of(name, wildcards.part) if name else []

    return path


def targets_input(wildcards):
    """The VCF with the targets' genotypes; that of the reference when they are held out of it."""
    settings = panel_settings(wildcards)
    path = settings["reference"] if is_holdout(wildcards) else settings["targets"]
    return file_of(path, wildcards.part)


def is_holdout(wildcards):
    return isinstance(panel_settings(wildcards)["targets"], dict)


def holdout(wildcards):
    """The hold-out of the panel, a fraction or a file; None when the targets have a file of their own."""
    return (
        panel_settings(wildcards)["targets"]["holdout"]
        if is_holdout(wildcards)
        else None
    )


def roles_inputs(wildcards):
    """What decides the samples' roles: the targets' file or the list of held-out samples, if any; the samples' table."""
    held_out = holdout(wildcards)
    files = (
        {}
        if isinstance(held_out, float)
        else {"targets": held_out or targets_of_roles(wildcards)}
    )
    samples = panel_settings(wildcards)["samples"]
    return files | ({"samples": samples} if samples else {})


def targets_of_roles(wildcards):
    """The file whose samples get the role target: that of the first autosome where there are several."""
    settings = panel_settings(wildcards)
    return file_of(settings["targets"], autosomes(settings)[0])


def sites_input(wildcards):
    """The list of typed sites, when it is a file."""
    sites = CONFIG["masks"][wildcards.mask]["sites"]
    is_file = isinstance(sites, str) and sites != "targets"
    return file_of(sites, wildcards.part) if is_file else []


def truth_input(wildcards):
    """The VCF of the true genotypes, when there is one."""
    sites = CONFIG["masks"][wildcards.mask]["sites"]
    path = truth_file(panel_settings(wildcards), sites)
    return file_of(path, wildcards.part) if path else []


def results(pattern, chosen=RUNS):
    """The file of each run that `pattern` gives for its {run}."""
    return [pattern.format(run=path) for path in chosen]


def results_of_chromosomes(pattern):
    """The file of each chromosome of each run that `pattern` gives for {run} and {part}; none of panels of one file."""
    return [
        pattern.format(run=path, part=part)
        for path, run in RUNS.items()
        for mask, part in MASK_PARTS
        if part and mask == run.mask
    ]


def imputed_files():
    """All imputed VCFs."""
    return [
        f"results/imputed/{path}{part}.vcf.gz"
        for path, run in RUNS.items()
        for mask, part in MASK_PARTS
        if mask == run.mask
    ]


def pooled_files(suffix):
    """Input function: the file with this suffix of the evaluation of each chromosome of a run."""
    return lambda wildcards: [
        f"results/evaluation/{wildcards.mask}/{wildcards.method}/seed{wildcards.seed}{part}.{suffix}"
        for part in parts(panel_settings(wildcards))
    ]
