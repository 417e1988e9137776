"""Which family a loss belongs to, so that one loss can be run without loading all.

Written by ``python -m tests.docs.index`` from what the families declare; a test holds it current.
A name that is missing here is still found, by loading every family.
"""

FAMILIES: dict[str, tuple[str, ...]] = {
    "regression": (
        "mae",
        "l1",
        "mean_absolute_error",
        "mse",
        "l2",
        "mean_squared_error",
        "rmse",
        "root_mean_squared_error",
    ),
    "binary": (
        "bce",
        "log_loss",
        "logloss",
        "binary_cross_entropy",
        "binary_crossentropy",
        "bce_with_logits",
        "sigmoid_cross_entropy_with_logits",
        "binary_cross_entropy_with_logits",
    ),
    "classes": (
        "cce",
        "categorical_cross_entropy",
        "categorical_crossentropy",
        "sparse_categorical_crossentropy",
        "multi_logloss",
        "mlogloss",
        "cce_with_logits",
        "softmax_cross_entropy_with_logits",
        "sparse_softmax_cross_entropy_with_logits",
        "categorical_cross_entropy_with_logits",
    ),
    "distribution": (
        "entropy",
        "shannon_entropy",
        "cross_entropy",
    ),
    "count": (
        "poisson_nll",
        "poisson",
        "poisson_nloglik",
        "poisson_nll_with_log",
        "poisson_nll_loss",
        "poisson_deviance",
        "mean_poisson_deviance",
        "gamma_deviance",
        "mean_gamma_deviance",
        "gamma_nll",
        "gamma",
        "gamma_nloglik",
    ),
    "tweedie": (
        "tweedie_deviance",
        "mean_tweedie_deviance",
        "tweedie_deviance_score",
        "tweedie_nll",
        "tweedie",
        "tweedie_nloglik",
    ),
}
