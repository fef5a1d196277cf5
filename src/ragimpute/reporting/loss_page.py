"""The tables of docs/loss_study.md, from a finished study: `python -m ragimpute.reporting.loss_page --help`.

The page's prose is written by hand; everything between `<!-- NAME -->` and `<!-- end -->` is written by this module.
"""

import os
import platform
import re
import shutil
from datetime import date
from pathlib import Path

import click
import pandas as pd
import yaml

from ragimpute.artefacts import atomic_path
from ragimpute.errors import InputError
from ragimpute.evaluation import claims, loss_study, tables
from ragimpute.evaluation.claims import CLAIMS, CONFIRMED, REFUTED, UNDECIDED
from ragimpute.evaluation.diagnosis import verdict_of
from ragimpute.evaluation.intervals import ALPHA
from ragimpute.reporting.losses import interval, rank_range, text

PAGE = Path(__file__).parents[3] / "docs" / "loss_study.md"
DIFFERENCES = {"f1_overall": "F1", "f1_rare": "rare F1", "r2_rare": "rare r²", "ece": "calibration error"}
TRAINING = {
    **{"epochs_to_best": "epochs to best F1", "loss_sd": "sd of loss", "loss_sd_normalised": "sd / weights"},
    **{"f1_gap": "train − validation F1", "f1_common": "common F1", "r2_overall": "r²"},
}
MONITORS = {
    **{"recon_ratio": "recon / hap", "loss_recon": "recon", "grad_cosine": "cosine"},
    **{"grad_recon_share": "recon's share of gradient", "grad_recon_cancels": "cancelled by recon"},
    **{"focal_share_90": "sites with 90 % of gradient", "effective_gradient": "effective gradient"},
    **{"embedding_variance": "variance of embedding", "switched_share": "steps switched", "switches": "switches"},
    "switch_jump": "jump",
}


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _wide(study: pd.DataFrame, architecture: str, column: str) -> pd.DataFrame:
    """`column` by loss (rows, the best overall F1 first) and measure."""
    rows = study[study["architecture"] == architecture]
    wide = rows.pivot(index="loss", columns="measure", values=column)
    order = rows[rows["measure"] == "f1_overall"].sort_values("value", ascending=False)["loss"]
    return wide.reindex(order)


def _titled(study: pd.DataFrame, table) -> str:
    """`table(architecture)` of each architecture under a line that states the size."""
    parts = []
    for architecture, rows in study.groupby("architecture"):
        first = rows.iloc[0]
        people = rows["n_people"].max()
        size = f"size {first['size']}, {first['steps']} steps, {first['n_seeds']} seeds, {people} people"
        parts.append(f"**{architecture}** ({size})\n\n{table(architecture)}")
    return "\n\n".join(parts)


def scores(study: pd.DataFrame) -> str:
    """Values and paired differences to no_recon; bold where Holm's correction leaves them different from 0."""

    def table(architecture: str) -> str:
        wide = {
            column: _wide(study, architecture, column)
            for column in (
                "value",
                "difference",
                "difference_low",
                "difference_high",
                "p_holm",
                "rank_best",
                "rank_worst",
            )
        }
        rows = []
        for loss in wide["value"].index:
            at = {column: frame.loc[loss] for column, frame in wide.items()}
            cells = [f"`{loss}`"]
            for measure in DIFFERENCES:
                difference = text(at["difference"][measure])
                if difference == "NA":
                    cells += [text(at["value"][measure]), ""]
                    continue
                mark = "**" if at["p_holm"][measure] < ALPHA else ""
                limits = interval(at["difference_low"][measure], at["difference_high"][measure])
                cells += [text(at["value"][measure]), f"{mark}{difference}{mark} {limits}"]
            rows.append([*cells, rank_range(at["rank_best"]["f1_overall"], at["rank_worst"]["f1_overall"])])
        head = ["loss", *(cell for name in DIFFERENCES.values() for cell in (name, "difference to C")), "rank by F1"]
        return markdown(head, rows)

    return _titled(study, table)


def training(study: pd.DataFrame) -> str:
    """What the training itself measures, means over seeds."""
    return _titled(study, lambda architecture: _plain(_wide(study, architecture, "value"), TRAINING, {}))


def monitors(study: pd.DataFrame) -> str:
    """What the monitors saw, means over steps and seeds, and the verdict on the reconstruction term."""

    def table(architecture: str) -> str:
        wide = _wide(study, architecture, "value")
        return _plain(wide, MONITORS, {"verdict": [verdict_of(row.to_dict()).outcome for _, row in wide.iterrows()]})

    return _titled(study, table)


def _plain(wide: pd.DataFrame, measures: dict[str, str], extra: dict[str, list[str]]) -> str:
    rows = [
        [f"`{loss}`", *(text(row[name]) for name in measures), *(values[i] for values in extra.values())]
        for i, (loss, row) in enumerate(wide.iterrows())
    ]
    return markdown(["loss", *measures.values(), *extra], rows)


def predictions(judged: pd.DataFrame) -> str:
    """Every claim on every architecture."""
    architectures = sorted(set(judged["architecture"]))
    by = judged.set_index(["architecture", "claim"])
    rows = []
    for claim in CLAIMS:
        first = by.loc[(architectures[0], claim.name)]
        low, high = first["predicted_low"], first["predicted_high"]
        region = "" if pd.isna(low) else f"> {low:g}" if high == float("inf") else f"{low:g} to {high:g}"
        cells = [claim.text, region]
        for architecture in architectures:
            row = by.loc[(architecture, claim.name)]
            found = f"{text(row['measured'])} {interval(row['ci_low'], row['ci_high'])}".strip() if region else ""
            cells += [found, row["verdict"]]
        rows.append(cells)
    head = ["claim", "predicted", *(cell for name in architectures for cell in (name, "verdict"))]
    return markdown(head, rows)


def counts(judged: pd.DataFrame) -> str:
    """How many claims ended how."""
    order = [CONFIRMED, REFUTED, UNDECIDED]
    rows = [
        [name, *(str(int((group["verdict"] == verdict).sum())) for verdict in order)]
        for name, group in judged.groupby("architecture")
    ]
    return markdown(["architecture", *order], rows)


def provenance(results: Path, command: str, commit: str) -> str:
    """Command, commit, hardware, date and the seconds that the jobs took."""
    config = yaml.safe_load((results / "config.yaml").read_text(encoding="utf-8"))
    seconds = {}
    for rule in ("retrieve", "train", "predict", "evaluate"):
        found = [pd.read_csv(path, sep="\t") for path in (results / "benchmarks" / rule).rglob("*.tsv")]
        seconds[rule] = (len(found), sum(float(table["cpu_time"].sum()) for table in found))
    rows = [
        ["command", f"`{command}`"],
        ["commit", f"`{commit}`"],
        ["hardware", hardware()],
        ["date", date.fromtimestamp((results / "claims.tsv").stat().st_mtime).isoformat()],
        ["trainings", f"{len(config['study'])} for each of the seeds {', '.join(map(str, config['seeds']))}"],
        ["processor time", "; ".join(f"{rule} {s / 60:.0f} min ({n} jobs)" for rule, (n, s) in seconds.items())],
    ]
    return markdown(["", ""], rows)


def hardware() -> str:
    """The processor's name and number of cores."""
    found = (
        re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
        if os.path.exists("/proc/cpuinfo")
        else None
    )
    return f"{os.cpu_count()} cores, {found.group(1) if found else platform.processor()}"


def fill(page: str, blocks: dict[str, str]) -> str:
    """`page` with each block of its name replaced. Raises InputError when the page has no place for one."""
    for name, content in blocks.items():
        pattern = re.compile(rf"<!-- {name} -->\n.*?<!-- end -->", re.DOTALL)
        block = f"<!-- {name} -->\n{content}\n<!-- end -->"
        page, found = pattern.subn(block.replace("\\", r"\\"), page)
        if found != 1:
            raise InputError(f"{PAGE}: expected one block <!-- {name} --> .. <!-- end -->, found {found}")
    return page


@click.command()
@click.option("--results", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--command", required=True, help="The command that made the results.")
@click.option("--commit", required=True, help="The commit that they were made with.")
@click.option("--page", type=click.Path(exists=True, path_type=Path), default=PAGE, show_default=True)
def main(results: Path, command: str, commit: str, page: Path) -> None:
    """Fill the tables of the loss study's page from a results folder, and copy its figure beside it."""
    study = tables.read(results / "loss_study.tsv", loss_study.COLUMNS)
    judged = tables.read(results / "claims.tsv", claims.COLUMNS)
    blocks = {
        **{"provenance": provenance(results, command, commit), "counts": counts(judged), "scores": scores(study)},
        **{"predictions": predictions(judged), "training": training(study), "monitors": monitors(study)},
    }
    filled = fill(page.read_text(encoding="utf-8"), blocks)
    mask = judged["mask"].iloc[0]
    shutil.copyfile(results / "figures" / f"loss_study.{mask}.svg", page.parent / "images" / "loss_study.svg")
    with atomic_path(page) as temporary:
        temporary.write_text(filled, encoding="utf-8")


if __name__ == "__main__":
    main()
