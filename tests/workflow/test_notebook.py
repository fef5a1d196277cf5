"""The notebook of the documents runs from its first cell to its last, and says what it should."""

import jupytext
import nbclient
import nbformat
import pytest

from tiny_study import ROOT

NOTEBOOK = ROOT / "docs" / "notebook.md"


@pytest.fixture(scope="module")
def executed() -> nbformat.NotebookNode:
    notebook = jupytext.read(NOTEBOOK)
    client = nbclient.NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(NOTEBOOK.parent)}})
    return client.execute()


def output_of(notebook: nbformat.NotebookNode, text: str) -> str:
    """What the cell that contains `text` printed and showed."""
    (cell,) = [cell for cell in notebook.cells if cell.cell_type == "code" and text in cell.source]
    parts = []
    for output in cell.outputs:
        shown = output.get("data", {})
        parts += [output.get("text", ""), shown.get("text/plain", ""), shown.get("image/svg+xml", "")]
    return "\n".join(parts)


@pytest.mark.slow
@pytest.mark.xdist_group("docs")
def test_the_notebook_runs(executed: nbformat.NotebookNode) -> None:
    assert "203 samples" in output_of(executed, "ragimpute.impute(")
    assert "passing" in output_of(executed, "by_frequency")
    assert "weight" in output_of(executed, "ragimpute.explain(")
    scores = output_of(executed, "ragimpute.score(")
    assert all(stratum in scores for stratum in ("overall", "rare", "common"))
    assert "r2_passing_80" in output_of(executed, "filters =")
    assert "<svg" in output_of(executed, "vegalite_to_svg")


def test_the_notebook_holds_no_outputs() -> None:
    notebook = jupytext.read(NOTEBOOK)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(cells) >= 6
    assert all(cell.outputs == [] for cell in cells)
