# The figures of each mask; the workflow reads their names here.
FIGURES = (
    *("r2_by_mac", "accuracy", "differences", "chromosomes", "populations", "along", "calibration", "estimated_r2"),
    *("estimates", "painting", "training", "monitors", "loss_study"),
)
