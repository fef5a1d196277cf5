"""The parts of the package that plain `pip install ragimpute` leaves out, and who needs them."""

# Python module -> the extra that brings it
OF_MODULE = {
    **dict.fromkeys(("jinja2", "scipy", "snakemake", "statsmodels", "vl_convert"), "study"),
    "torch": "train",
}


def missing(module: str) -> str | None:
    """What to do about a module that is not installed, if it belongs to an extra."""
    extra = OF_MODULE.get(module.partition(".")[0])
    if extra is None:
        return None
    return (
        f"Python module {module} is not installed: in a checkout pip install '.[{extra}]', else pip install"
        f" 'WHEEL[{extra}]' with the path of the package's wheel"
    )
