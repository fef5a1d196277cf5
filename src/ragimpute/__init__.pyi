from ragimpute.check import check as check
from ragimpute.evaluation.score_files import score as score
from ragimpute.imputation.explanation import explain as explain
from ragimpute.imputation.impute import impute as impute
from ragimpute.imputation.inputs import read_panel as read_panel

__version__: str
__all__ = ["__version__", "check", "explain", "impute", "read_panel", "score"]
