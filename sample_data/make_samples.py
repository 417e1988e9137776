"""Write the CSV files of this directory: out-of-fold predictions on public data, and features.

Every data set ships inside scikit-learn, so nothing is downloaded.  Each model is
fitted ten times, each time without one tenth of the rows, and predicts the rows it
has not seen; seeds and folds are fixed.  Figures have nine significant digits
because the last few of a double depend on the processor and its linear algebra
library.

Usage: python make_samples.py [DIRECTORY]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_linnerud,
    load_wine,
)
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import (
    BayesianRidge,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    QuantileRegressor,
)
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SEED = 20040401
N_FOLDS = 10
N_MEMBERS = 8
SIGNIFICANT_DIGITS = "%.9g"

AGE_BANDS: Mapping[str, tuple[int, int]] = {
    "19-34": (19, 34),
    "35-49": (35, 49),
    "50-64": (50, 64),
    "65-79": (65, 79),
}
SEX_NAMES: Mapping[int, str] = {1: "sex_1", 2: "sex_2"}
QUANTILES: Mapping[str, float] = {"q10": 0.1, "q50": 0.5, "q90": 0.9}
CULTIVARS = ("barolo", "grignolino", "barbera")
EXERCISES = ("chins", "situps", "jumps")
SKLEARN_MALIGNANT = 0


def shuffled_folds() -> KFold:
    """Return the splitter of the regressions: every one of them sees the same ten folds."""
    return KFold(N_FOLDS, shuffle=True, random_state=SEED)


def regression_predictions(
    model: Any, features: FloatArray, y: FloatArray | IntArray
) -> FloatArray:
    """Out-of-fold predictions of a regressor on standardised features, shuffled folds."""
    predicted: FloatArray = cross_val_predict(
        make_pipeline(StandardScaler(), model), features, y, cv=shuffled_folds()
    )
    return predicted


def gaussian_predictions(features: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Out-of-fold predictive means and variances of a Bayesian ridge regression.

    The variance is that of a new observation: the noise and the doubt about the coefficients.
    """
    mean, deviation = np.empty_like(y), np.empty_like(y)
    for seen, unseen in shuffled_folds().split(features):
        # The default tolerance stops the iteration while it still moves printed digits.
        model = make_pipeline(StandardScaler(), BayesianRidge(tol=1e-10))
        model.fit(features[seen], y[seen])
        mean[unseen], deviation[unseen] = model.predict(features[unseen], return_std=True)
    return mean, deviation**2


def ensemble_predictions(features: FloatArray, y: FloatArray) -> FloatArray:
    """Out-of-fold ensemble of bootstrapped least squares fits, one column a member.

    A member is one draw from the predictive distribution: the prediction of a fit to a
    bootstrap sample of the nine other folds, plus one of the residuals that this fit leaves on
    the rows of those folds it did not draw.  The fits carry the doubt about the coefficients, the
    residuals the noise; those of unseen rows are not shrunk by the fit.
    """
    # Unlike that of a Generator, the stream of a RandomState is the same in every numpy.
    random = np.random.RandomState(SEED)
    members = np.empty((len(y), N_MEMBERS))
    for seen, unseen in shuffled_folds().split(features):
        for member in range(N_MEMBERS):
            drawn = seen[random.randint(len(seen), size=len(seen), dtype=np.int64)]
            left_out = np.setdiff1d(seen, drawn)
            model = make_pipeline(StandardScaler(), LinearRegression())
            model.fit(features[drawn], y[drawn])
            residuals = y[left_out] - model.predict(features[left_out])
            noise = residuals[random.randint(len(residuals), size=len(unseen), dtype=np.int64)]
            members[unseen, member] = model.predict(features[unseen]) + noise
    return members


def classification_logits(features: FloatArray, labels: IntArray, c: float) -> FloatArray:
    """Out-of-fold decision function of an L2 logistic regression, stratified shuffled folds.

    ``c`` is the inverse strength of the penalty.  Two classes give one logit a row,
    more give one logit a class.
    """
    # The default solver and tolerance stop short of the optimum, at a point that rounding
    # decides; this pair gives the printed digits on any processor.
    model = LogisticRegression(C=c, solver="newton-cg", tol=1e-10, max_iter=1000)
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=SEED)
    logits: FloatArray = cross_val_predict(
        make_pipeline(StandardScaler(), model),
        features,
        labels,
        cv=folds,
        method="decision_function",
    )
    return logits


def sigmoid(logits: FloatArray) -> FloatArray:
    """Probability of the positive class, as LogisticRegression.predict_proba computes it."""
    probabilities: FloatArray = 1.0 / (1.0 + np.exp(-logits))
    return probabilities


def softmax(logits: FloatArray) -> FloatArray:
    """Class probabilities of each row, as LogisticRegression.predict_proba computes them."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: FloatArray = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities


def band_of(age: float) -> str:
    """Name of the age band that holds a whole number of years."""
    return next(name for name, (low, high) in AGE_BANDS.items() if low <= age <= high)


def balancing_weights(cells: Sequence[tuple[str, str]]) -> FloatArray:
    """Inverse cell frequencies scaled to mean 1, so every cell has the same total weight."""
    counts = {cell: cells.count(cell) for cell in set(cells)}
    return np.array([len(cells) / (len(counts) * counts[cell]) for cell in cells])


def diabetes() -> pd.DataFrame:
    """Disease progression after one year: forecasts of a point, quantiles and a distribution.

    ``yhat`` is ordinary least squares, ``yhat_boosting`` gradient boosting of 150 trees
    of depth 2, and ``q10``, ``q50``, ``q90`` three unpenalised linear quantile
    regressions, sorted within the row because separately fitted quantiles can cross.
    ``mean`` and ``variance`` are the Gaussian forecast of a Bayesian ridge regression, and
    ``m_1`` to ``m_8`` the eight members of an ensemble.  All use standardised features and
    the same ten shuffled folds.

    The source codes sex as 1 and 2 without saying which is which, so the column keeps
    the codes as ``sex_1`` and ``sex_2``.  ``weight`` makes the eight combinations of sex
    and age band count equally.
    """
    source = load_diabetes(as_frame=True, scaled=False)
    features: FloatArray = source.data.to_numpy(dtype=np.float64)
    y: FloatArray = source.target.to_numpy(dtype=np.float64)
    sex = [SEX_NAMES[int(code)] for code in source.data["sex"]]
    age_band = [band_of(age) for age in source.data["age"]]
    # Leaves of 20 rows keep exact ties between splits, which rounding would decide, out
    # of the trees.
    boosting = GradientBoostingRegressor(
        n_estimators=150, learning_rate=0.05, max_depth=2, min_samples_leaf=20, random_state=SEED
    )
    quantiles = np.sort(
        np.column_stack(
            [
                regression_predictions(
                    QuantileRegressor(quantile=level, alpha=0.0, solver="highs"), features, y
                )
                for level in QUANTILES.values()
            ]
        ),
        axis=1,
    )
    point_forecasts = {
        "id": np.arange(1, len(y) + 1),
        "sex": sex,
        "age_band": age_band,
        "weight": balancing_weights(list(zip(sex, age_band, strict=True))),
        "y": y,
        "yhat": regression_predictions(LinearRegression(), features, y),
        "yhat_boosting": regression_predictions(boosting, features, y),
    }
    mean, variance = gaussian_predictions(features, y)
    members = ensemble_predictions(features, y)
    return pd.DataFrame(
        point_forecasts
        | dict(zip(QUANTILES, quantiles.T, strict=True))
        | {"mean": mean, "variance": variance}
        | {f"m_{member + 1}": members[:, member] for member in range(N_MEMBERS)}
    )


def diabetes_features() -> pd.DataFrame:
    """Disease progression after one year with the ten measurements it is to be learned from.

    In the units of the source: years, its codes of sex, kg/m², mmHg, and six blood serum values.
    """
    source = load_diabetes(as_frame=True, scaled=False)
    return pd.DataFrame(source.data.assign(y=source.target))


def breast_cancer() -> pd.DataFrame:
    """Malignant (label 1) or benign (label 0) tumours: one probability and its logit.

    Logistic regression with C = 0.01 on standardised features, ten stratified folds.
    """
    features, sklearn_labels = load_breast_cancer(return_X_y=True)
    labels = (sklearn_labels == SKLEARN_MALIGNANT).astype(np.int64)
    # A weaker penalty drives probabilities so near 1 that nine digits lose the logit.
    logits = classification_logits(features, labels, c=0.01)
    return pd.DataFrame(
        {
            "id": np.arange(1, len(labels) + 1),
            "label": labels,
            "prob": sigmoid(logits),
            "logit": logits,
        }
    )


def digits() -> pd.DataFrame:
    """Handwritten digits: ten softmax probabilities and the logits behind them.

    Multinomial logistic regression with C = 0.1 on standardised pixels, ten stratified
    folds.
    """
    features, labels = load_digits(return_X_y=True)
    logits = classification_logits(features, labels, c=0.1)
    probabilities = softmax(logits)
    return pd.DataFrame(
        {"digit": labels}
        | {f"p_{digit}": probabilities[:, digit] for digit in range(10)}
        | {f"z_{digit}": logits[:, digit] for digit in range(10)}
    )


def wine() -> pd.DataFrame:
    """Cultivar of Piedmont wines, as text, three class probabilities and their logarithms.

    Multinomial logistic regression with C = 0.1 on standardised measurements, ten
    stratified folds.  scikit-learn numbers the cultivars; the names, in the order of the
    numbers, are those of Forina et al. (1986), whose data these are.
    """
    features, labels = load_wine(return_X_y=True)
    probabilities = softmax(classification_logits(features, labels, c=0.1))
    # As LogisticRegression.predict_log_proba computes them.
    log_probabilities = np.log(probabilities)
    return pd.DataFrame(
        {"cultivar": [CULTIVARS[label] for label in labels]}
        | {f"p_{name}": probabilities[:, index] for index, name in enumerate(CULTIVARS)}
        | {f"lp_{name}": log_probabilities[:, index] for index, name in enumerate(CULTIVARS)}
    )


def linnerud() -> pd.DataFrame:
    """Three exercises of twenty men in a fitness club: counts, predicted rates, their logarithms.

    One Poisson regression an exercise with alpha = 10 on standardised weight, waist and
    pulse, ten shuffled folds of two men.  The penalty is strong because eighteen men say
    little: at the default of 1 one man is expected to do 550 sit-ups.  scikit-learn calls the
    exercises data and the measurements of the body targets; here it is the other way round.
    """
    source = load_linnerud()
    counts: IntArray = source.data.astype(np.int64)
    # The default solver and tolerance stop at a point that rounding decides.
    model = PoissonRegressor(alpha=10.0, solver="newton-cholesky", tol=1e-10)
    rates = [regression_predictions(model, source.target, count) for count in counts.T]
    return pd.DataFrame(
        {"id": np.arange(1, len(counts) + 1)}
        | {f"y_{name}": counts[:, index] for index, name in enumerate(EXERCISES)}
        | {f"rate_{name}": rate for name, rate in zip(EXERCISES, rates, strict=True)}
        | {f"log_{name}": np.log(rate) for name, rate in zip(EXERCISES, rates, strict=True)}
    )


def dice() -> pd.DataFrame:
    """Face probabilities of a fair die and of one that shows a 1 half the time."""
    return pd.DataFrame({"face": range(1, 7), "fair": [1 / 6] * 6, "loaded": [0.5] + [0.1] * 5})


def write_csv(table: pd.DataFrame, path: Path, float_format: str | None) -> None:
    """Write a table with a header line and line feeds as line ends on every platform."""
    table.to_csv(path, index=False, float_format=float_format, lineterminator="\n")


def write_all(directory: Path) -> None:
    """Write the seven files into a directory, which is made if it is missing."""
    directory.mkdir(parents=True, exist_ok=True)
    predictions: Mapping[str, Callable[[], pd.DataFrame]] = {
        "diabetes": diabetes,
        "diabetes_features": diabetes_features,
        "breast_cancer": breast_cancer,
        "digits": digits,
        "wine": wine,
        "linnerud": linnerud,
    }
    for name, build in predictions.items():
        write_csv(build(), directory / f"{name}.csv", SIGNIFICANT_DIGITS)
    # These are exact by definition, so they keep every digit of the double.
    write_csv(dice(), directory / "dice.csv", None)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line: one optional argument, the directory to write to."""
    parser = argparse.ArgumentParser(description="Write the sample CSV files.")
    parser.add_argument(
        "directory",
        nargs="?",
        type=Path,
        default=Path(__file__).resolve().parent,
        help="where to write (default: the directory of this script)",
    )
    write_all(parser.parse_args(argv).directory)


if __name__ == "__main__":
    main()
