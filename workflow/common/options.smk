# Options and resources of the rules. Options are lists of words, quoted one by one by {params.x:q}.
def given(option, key):
    """Params function: `option` with the input `key`, or nothing when there is no such input."""
    return lambda wildcards, input: (
        [option, str(input.get(key))] if input.get(key) else []
    )


def code(verb, module):
    """Params function: a digest of what `ragimpute verb` runs of src/, so that an edit of it runs the rule again."""

    def digest_for(wildcards):
        architecture = getattr(wildcards, "architecture", None)
        return digest(
            verb, module, of_other_architectures(architecture) if architecture else ()
        )

    return digest_for


def option(name, value):
    """`name` and `value`, or nothing when there is no value."""
    return [] if value is None else [name, str(value)]


def unless_kept(kind, path):
    """`path`, temporary unless the configuration keeps files of this kind."""
    return path if CONFIG["keep"][kind] else temp(path)


def targets_option(wildcards):
    """Which samples are the targets: those of a file, or those held out."""
    held_out = holdout(wildcards)
    return (
        option("--targets", targets_of_roles(wildcards))
        + option("--max-targets", panel_settings(wildcards)["max_targets"])
        if held_out is None
        else option("--holdout", held_out)
    )


def region_option(wildcards):
    """The stretch of the panel's files that is read, when it is not all of them."""
    return option("--region", panel_settings(wildcards)["region"])


def allele_options(wildcards):
    """What becomes of targets' records whose alleles are not the reference's."""
    alleles = panel_settings(wildcards)["alleles"]
    return [word for key, value in alleles.items() for word in (f"--{key}", value)]


def sites_option(wildcards):
    """What the mask types: a file, `targets`, or a fraction."""
    sites = CONFIG["masks"][wildcards.mask]["sites"]
    return (
        file_of(sites, wildcards.part) if isinstance(sites, str) else sites["fraction"]
    )


def along_windows(wildcards):
    """Windows of a chromosome in the table of accuracy by position: about 60 over the genome, several on each."""
    n_parts = len(parts(panel_settings(wildcards)))
    return max(60 // n_parts, 4) if n_parts > 1 else 60


def names_options(wildcards):
    """The names under which a run's metrics are filed."""
    run = RUNS[f"{wildcards.mask}/{wildcards.method}/seed{wildcards.seed}"]
    names = {
        "--panel-name": CONFIG["masks"][run.mask]["panel"],
        "--mask-name": run.mask,
        "--method": run.method,
    }
    names |= {
        "--architecture": run.architecture,
        "--loss": run.loss,
        "--weights": run.weights,
        "--seed": run.seed,
    }
    return [str(word) for pair in names.items() for word in pair]


def repeated(option, key):
    """Params function: `option` before each file of the input `key`."""
    return lambda wildcards, input: [
        word for path in input[key] for word in (option, str(path))
    ]


def named(option, names, key):
    """Params function: `option`, the name, and the file, for each file of the input `key`."""
    return lambda wildcards, input: [
        word
        for name, path in zip(names, input[key])
        for word in (option, *name, str(path))
    ]


def histories():
    """The mask and the raw method of each training."""
    return [(run.mask, run.training) for run in TRAININGS.values()]


def compact(value):
    """JSON of `value` on one line, keys sorted, so that equal settings are equal text."""
    return json.dumps(value, sort_keys=True)


def training_run(wildcards):
    """A run of the training that the wildcards name."""
    return TRAININGS[
        "{mask}/{architecture}.{loss}{weights}/seed{seed}".format(**wildcards)
    ]


def loss_name(wildcards):
    """The loss of a training; in its path a row's `name` may stand for it."""
    return training_run(wildcards).loss


def loss_json(wildcards):
    return compact(CONFIG["losses"][loss_name(wildcards)])


def training_segments(wildcards):
    """The segments of all training folds; none where the pretrained weights are taken as they are."""
    if wildcards.weights == ".pretrained":
        return []
    folder = f"results/segments/{RETRIEVAL}".format(**wildcards)
    return [f"{folder}/{fold}.safetensors" for fold in FOLDS]


def pretrained_files(*kinds):
    """Input function: all files of pretrained weights, of which the command chooses one, for weights of these kinds."""
    return lambda wildcards: (
        sorted(PRETRAINED_FOLDER.glob("*.safetensors"))
        if wildcards.weights in kinds
        else []
    )


def weights_option(wildcards):
    """What training starts from."""
    return option("--weights", wildcards.weights.removeprefix(".") or None)


def training_json(wildcards):
    """The architecture's settings, with the row's own learning rate; those left to its size are not passed on."""
    settings = dict(CONFIG["training"][wildcards.architecture])
    rate = training_run(wildcards).learning_rate
    if rate is not None:
        settings["learning_rate"] = rate
    return compact({key: value for key, value in settings.items() if value is not None})


# Resources
def grow(amount):
    """Resource function: twice as much with each further attempt."""
    return lambda wildcards, attempt: amount * 2 ** (attempt - 1)


def grow_with_input(amount, for_each_mb):
    """`grow`, with `for_each_mb` more for each megabyte of the input files."""
    return lambda wildcards, input, attempt: int(
        amount + for_each_mb * input.size_mb
    ) * 2 ** (attempt - 1)


def gpus():
    """GPUs of a job that runs a network: 1 when the configuration asks for one or this machine has one."""
    return int(CONFIG["device"] == "cuda" or (CONFIG["device"] == "auto" and has_gpu()))
