"""J(w) as a landscape: heights against plain numpy, and the path against that of ``fit``."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import lossctl
from lossctl.errors import UsageError
from lossctl.options import make_options
from lossctl.pictures.records import Surface
from lossctl.training.landscape import CELLS, KEPT, surface_of
from lossctl.training.landscape import Path as Way
from lossctl.training.ready import Asked
from lossctl.training.settings import Settings

ROWS = 200
Data = dict[str, NDArray[np.float64]]


@pytest.fixture(scope="module")
def data() -> Data:
    rng = np.random.default_rng(5)
    a, b = rng.normal(3.0, 2.0, ROWS), rng.normal(-1.0, 0.5, ROWS)
    y = 2.0 * a - 3.0 * b + 4.0 + rng.normal(size=ROWS)
    return {"a": a, "b": b, "y": y, "w": rng.uniform(0.0, 2.0, ROWS), "k": (y > y.mean()) * 1.0}


def surface(data: Data, loss: str, *, target: str = "y", **settings: Any) -> Surface:
    features = settings.pop("features", ("a", "b"))
    weight = settings.pop("weight", None)
    asked = Asked(target, features, Settings(**settings))
    return surface_of(data, loss, make_options(weight=weight), asked)


def ends(found: Surface) -> tuple[tuple[float, float], tuple[float, float]]:
    return found.path[0], found.path[-1]


def intercept_of(found: Surface) -> float:
    """Return the intercept that the words tell."""
    return float(found.text.rstrip(".").rsplit(" ", 1)[1].replace("−", "-"))


def test_heights_are_those_of_the_loss_over_all_rows(data: Data) -> None:
    found = surface(data, "rmse", weight="w", lr=0.01, epochs=3, l2=0.5)
    b = lossctl.fit(data, "rmse", "y", "a,b", weight="w", lr=0.01, epochs=3, l2=0.5)
    intercept = b.model.intercepts()["yhat"]
    for j in (0, 17, CELLS - 1):
        for i in (0, 30, CELLS - 1):
            u, v = found.x[i], found.y[j]
            e = u * data["a"] + v * data["b"] + intercept - data["y"]
            expected = np.sqrt(np.average(e * e, weights=data["w"])) + 0.25 * (u * u + v * v)
            assert found.heights[j][i] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("standardize", [False, True])
def test_the_path_is_that_of_fit(data: Data, standardize: bool) -> None:
    settings: dict[str, Any] = {"standardize": standardize, "epochs": 4, "seed": 3}
    found = surface(data, "mse", lr=0.01, **settings)
    fit = lossctl.fit(data, "mse", "y", "a,b", lr=0.01, **settings)
    scale = np.array([data["a"].std(), data["b"].std()]) if standardize else np.ones(2)
    weights = np.array(list(fit.model.coefficients()["yhat"].values())) * scale
    assert ends(found)[1] == pytest.approx(tuple(weights), rel=1e-9)
    assert len(found.path) == fit.steps + 1


def test_lbfgs_is_shown_in_the_units_of_the_file(data: Data) -> None:
    found = surface(data, "mse", optimizer="lbfgs")
    design = np.column_stack([data["a"], data["b"], np.ones(ROWS)])
    best = np.linalg.lstsq(design, data["y"], rcond=None)[0]
    assert ends(found)[1] == pytest.approx(tuple(best[:2]), rel=1e-6)
    assert intercept_of(found) == pytest.approx(best[2], rel=1e-5)
    assert found.names == ("weight of a", "weight of b")
    step = found.x[1] - found.x[0], found.y[1] - found.y[0]
    assert all(abs(low - at) <= gap for low, at, gap in zip(found.lowest, best, step, strict=False))


def test_one_feature_leaves_nothing_out_of_the_plane(data: Data) -> None:
    found = surface(data, "bce_with_logits", target="k", features=("a",), lr=0.1, epochs=5)
    assert found.names == ("weight of a", "intercept")
    (u, v), t = found.path[-1], data["k"]
    z = u * data["a"] + v
    said = float(found.text.rsplit("J = ", 1)[1].split(",")[0])
    assert said == pytest.approx(np.mean(np.logaddexp(0.0, z) - t * z), rel=1e-5)


def test_places_of_many_steps_are_thinned_and_the_last_one_stays() -> None:
    way = Way(np.zeros(1))
    for step in range(1, 10_000):
        way(step, np.array([float(step)]))
    places = way.places()[:, 0]
    assert len(places) <= KEPT + 1
    assert (places[0], places[-1]) == (0.0, 9_999.0)
    gaps = np.diff(places[:-1])
    assert (gaps == gaps[0]).all()
    way(1, np.ones(1))  # the descent has begun again
    assert way.places()[:, 0].tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("loss", "settings", "said"),
    [
        ("mse,mae", {}, "surface takes one loss, got 2"),
        ("mse", {"features": ("a", "b", "w")}, "one or two features, got 3"),
        ("mse", {"model": "mlp"}, "surface is of a linear model"),
        ("gaussian_nll", {"features": ("a", "b")}, "gaussian_nll has 2 outputs here"),
    ],
)
def test_what_no_plane_shows_is_refused(
    data: Data, loss: str, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        surface(data, loss, **settings)


def test_a_file_gives_what_arrays_give(data: Data, tmp_path: Path) -> None:
    import pandas as pd

    path = tmp_path / "t.csv"
    pd.DataFrame(data).to_csv(path, index=False)
    asked = Asked("y", ("a", "b"), Settings(lr=0.01, epochs=2))
    read = surface_of(str(path), "mae", make_options(block_size=1000, threads=2), asked)
    assert (read.heights, read.path) == (
        (made := surface(data, "mae", lr=0.01, epochs=2)).heights,
        made.path,
    )
