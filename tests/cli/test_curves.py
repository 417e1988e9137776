"""The curve of every loss, as data and as it is drawn; losses of every kind that can be declared.

Kinds that no loss may have yet are tried with losses that exist in this file alone.
"""

import functools
import itertools
import unicodedata
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import numpy as np
import pytest

from lossctl.curves import Curve, Line, curve_of
from lossctl.losses import BoundLoss, all_losses, registry
from lossctl.losses.domain import (
    INSIDE_UNIT,
    LOG_UNIT,
    LOGIT,
    NONZERO,
    NOT_NEGATIVE,
    POSITIVE,
    REAL,
    SIGNED,
    UNIT,
    Choice,
    Domain,
    Interval,
)
from lossctl.losses.registry import Floats, Loss, Role, Rule, Slope
from lossctl.renderers.catalogue import render_page
from lossctl.renderers.curve import ASCII, BRAILLE, HEIGHT, _cells, _frame, _labels, draw
from lossctl.renderers.look import Look

from .program import Run, strict_json

Terms = tuple[Floats, Slope]


def _by_power(params: Any) -> Domain:
    return NOT_NEGATIVE if params["power"] < 2.0 else POSITIVE


def _sharp(y: Floats, yhat: Floats) -> Terms:
    return np.abs(yhat - y) / np.abs(y), lambda: np.sign(yhat - y) / np.abs(y)


def _power(
    y: Floats,
    yhat: Floats,
    *,
    power: Annotated[float, Interval(1.0, 2.0, "neither")] = 1.5,
    zero: Annotated[str, Choice(("error", "skip"))] = "error",  # noqa: ARG001 - only declared
    alpha: Annotated[float | None, UNIT] = None,  # noqa: ARG001 - only declared
) -> Terms:
    value = yhat ** (2.0 - power) / (2.0 - power) - y * yhat ** (1.0 - power) / (1.0 - power)
    return value, lambda: (yhat - y) * yhat**-power


def _signed(y: Floats, yhat: Floats) -> Terms:
    sign = 2.0 * y - 1.0
    return np.exp(-sign * yhat), lambda: -sign * np.exp(-sign * yhat)


def _either(y: Any, yhat: Floats) -> Terms:
    t = y if y.ndim == yhat.ndim else np.eye(yhat.shape[-1])[y]
    terms = (yhat - t) ** 2
    return terms if yhat.ndim == 1 else terms.sum(axis=-1), lambda: 2.0 * (yhat - t)


def _logs(y: Any, yhat: Floats) -> Terms:
    t = np.eye(yhat.shape[-1])[y]
    return -np.where(t == 1.0, yhat, 0.0).sum(axis=-1), lambda: -t


def _shares(y: Floats, yhat: Floats) -> Terms:
    return np.where(y == 0.0, 0.0, y * np.log(y / yhat)), lambda: -y / yhat


def _cosine(y: Floats, yhat: Floats) -> Terms:
    long = np.sqrt((yhat * yhat).sum(axis=-1) * (y * y).sum(axis=-1))[..., np.newaxis]
    cosine = (y * yhat).sum(axis=-1)[..., np.newaxis] / long
    square = (yhat * yhat).sum(axis=-1)[..., np.newaxis]
    return 1.0 - cosine[..., 0], lambda: cosine * yhat / square - y / long


def _gauss(y: Floats, yhat: Floats) -> Terms:
    mean, variance = yhat[..., 0], yhat[..., 1]
    e = mean - y
    value = 0.5 * (np.log(variance) + e * e / variance)
    return value, lambda: np.stack([e / variance, (1.0 - e * e / variance) / variance / 2.0], -1)


def _interval(y: Floats, yhat: Floats) -> Terms:
    low, high = yhat[..., 0], yhat[..., 1]
    value = high - low + 20.0 * (np.maximum(low - y, 0.0) + np.maximum(y - high, 0.0))
    return value, lambda: np.stack([20.0 * (y < low) - 1.0, 1.0 - 20.0 * (y > high)], -1)


def _ensemble(y: Floats, yhat: Floats) -> Terms:
    k = yhat.shape[-1]
    apart = yhat[:, :, np.newaxis] - yhat[:, np.newaxis, :]
    near = np.abs(yhat - y[:, np.newaxis]).mean(axis=-1)
    value = near - 0.5 * np.abs(apart).mean(axis=(1, 2))
    return value, lambda: np.sign(yhat - y[:, np.newaxis]) / k - np.sign(apart).sum(2) / k**2


def _zero(y: Floats, yhat: Floats) -> Terms:
    return ((yhat > 0.5) != (y > 0.5)) * 1.0, lambda: np.zeros_like(yhat)


FAKES: dict[str, tuple[Callable[..., Terms], dict[str, Any]]] = {
    "fake_sharp": (_sharp, {"y": NONZERO, "aggregate": "median"}),
    "fake_power": (_power, {"y": _by_power, "pred": POSITIVE, "signed": True}),
    "fake_signed": (_signed, {"y": SIGNED, "pred": LOGIT, "labels": "signed"}),
    "fake_either": (_either, {"kind": "either", "y": UNIT, "pred": UNIT, "labels": "binary"}),
    "fake_zero": (_zero, {"kind": "either", "y": UNIT, "labels": "binary"}),
    "fake_logs": (_logs, {"kind": "classes", "y": UNIT, "pred": LOG_UNIT, "aggregate": "exp"}),
    "fake_shares": (_shares, {"kind": "distribution", "y": UNIT, "pred": INSIDE_UNIT}),
    "fake_vectors": (_cosine, {"kind": "vectors"}),
    "fake_gauss": (
        _gauss,
        {"kind": "roles", "roles": (Role("mean", REAL, ()), Role("variance", POSITIVE, ("var",)))},
    ),
    "fake_interval": (
        _interval,
        {
            "kind": "roles",
            "roles": (Role("lower", REAL, ()), Role("upper", REAL, ())),
            "rule": Rule("lower ≤ upper", lambda _, x: x[..., 0] > x[..., 1]),
        },
    ),
    "fake_members": (_ensemble, {"kind": "ensemble"}),
    "fake_late_count": (
        lambda y, yhat: (np.exp(yhat) - y * yhat, lambda: np.exp(yhat) - y),
        {"y": NOT_NEGATIVE, "aggregate": "ratio", "per": np.abs},
    ),
}


@pytest.fixture
def with_fakes(monkeypatch: pytest.MonkeyPatch) -> dict[str, Loss]:
    """Let the losses of this file be registered for one test."""
    all_losses()
    known = dict(registry._LOSSES)
    monkeypatch.setattr(registry, "_LOSSES", dict(known))
    monkeypatch.setattr(registry, "_NAMES", dict(registry._NAMES))
    return {name: loss for name, loss in _registered().items() if name not in known}


def _registered() -> dict[str, Loss]:
    for name, (kernel, declared) in FAKES.items():
        named = functools.update_wrapper(functools.partial(kernel), kernel)
        named.__name__, named.__module__ = name, "lossctl.losses.regression"
        named.__doc__ = f"A loss for {name}.\n\nFormula:    ℓ = ?"
        registry.loss(task=("regression", "count"), **declared)(named)
    return registry._LOSSES


def at_defaults(loss: Loss) -> BoundLoss:
    return BoundLoss(loss, loss.defaults)


def every_curve(fakes: dict[str, Loss]) -> Iterator[tuple[Loss, Curve]]:
    assert set(fakes) == set(FAKES)
    for loss in all_losses():
        yield loss, curve_of(at_defaults(loss))


def test_the_fakes_have_every_kind_and_leave_nothing_behind() -> None:
    kinds = {declared.get("kind", "elementwise") for _, declared in FAKES.values()}
    assert kinds == {
        *("elementwise", "classes", "either", "distribution", "vectors", "roles", "ensemble")
    }
    assert not any(loss.name.startswith("fake") for loss in all_losses())


def test_a_curve_is_the_kernels_own_numbers_along_a_rising_x(with_fakes: dict[str, Loss]) -> None:
    for loss, curve in every_curve(with_fakes):
        assert (np.diff(curve.x) > 0.0).all(), loss
        assert np.isfinite(curve.x).all()
        assert len(curve.x) > 900
        assert curve.about.startswith(curve.symbol)
        for lines in (curve.loss, curve.slope):
            assert lines
            assert len({line.name for line in lines}) == len(lines)
            assert all(line.values.shape == curve.x.shape for line in lines), loss
            assert not any(np.isnan(line.values).any() for line in lines), loss


def test_slopes_are_those_of_the_loss_where_the_curve_moves_one_prediction(
    with_fakes: dict[str, Loss],
) -> None:
    tried = 0
    for loss, curve in every_curve(with_fakes):
        moves_others_too = loss.kind in ("classes", "distribution") and "z" not in curve.symbol
        if moves_others_too or curve.symbol == "y":
            continue
        tried += 1
        unit = np.radians(1.0) if curve.symbol == "θ" else 1.0
        for along, slope in zip(curve.loss, curve.slope, strict=False):
            numbers, slopes = along.values, slope.values
            finite = np.isfinite(numbers) & np.isfinite(slopes)
            numeric = np.gradient(numbers[finite], curve.x[finite] * unit)
            near = np.abs(numeric - slopes[finite]) <= 0.02 * (1.0 + np.abs(slopes[finite]))
            assert near.mean() > 0.95, loss
    assert tried > 12


def test_what_the_curves_run_along(with_fakes: dict[str, Loss]) -> None:
    about = {loss.name: curve.about for loss, curve in every_curve(with_fakes)}
    assert about["mse"] == "e = ŷ − y at y = 0"
    assert about["bce"] == "p = ŷ"
    assert about["bce_with_logits"] == "z = ŷ"
    assert about["cce"] == "p of the true class among three, the others equal"
    assert about["cce_with_logits"] == "z of the true class among three, the others 0"
    assert about["cross_entropy"] == "p, one of two shares (p, 1 − p) against (½, ½)"
    assert about["fake_sharp"] == about["fake_power"] == "ŷ at y = 1"
    assert about["fake_late_count"] == "ŷ at y = 1"  # moved along with y, it changes
    assert about["fake_logs"] == "ln p of the true class among three, the others equal"
    assert about["fake_gauss"] == "e = mean − y at y = 0, variance 1"
    assert about["fake_interval"] == "y at lower −1, upper 1"


def test_lines_for_both_labels(with_fakes: dict[str, Loss]) -> None:
    named = {loss.name: [x.name for x in curve.loss] for loss, curve in every_curve(with_fakes)}
    assert named["bce"] == named["fake_either"] == ["y = 1", "y = 0"]
    assert named["fake_signed"] == ["y = 1", "y = −1"]
    slopes = [line.name for line in curve_of(at_defaults(with_fakes["fake_interval"])).slope]
    assert slopes == ["∂ℓ/∂lower", "∂ℓ/∂upper"]


@pytest.mark.parametrize("width", [20, 40, 60, 79, 80, 100, 200])
def test_both_panels_fit_the_terminal(with_fakes: dict[str, Loss], width: int) -> None:
    for loss, curve in every_curve(with_fakes):
        for plain in (False, True):
            lines = draw(curve, width, plain=plain)
            assert max(map(len, lines)) <= min(max(width, 40), 100), loss
            assert all(line == line.rstrip() for line in lines)
            text = "\n".join(lines)
            assert " ".join(text.split()).startswith("Curve: loss and slope of a row along ")
            assert ("loss l" if plain else "loss ℓ") in text
            assert "slope d" in text or "slope ∂" in text
            axes = [line for line in lines if ("+--" if plain else "└──") in line]
            assert len(axes) == (1 if width >= 80 else 2)
            assert not {unicodedata.east_asian_width(char) for char in text} & {"W", "F"}
            assert text.isascii() == plain, (loss, set(filter(lambda c: ord(c) > 127, text)))


def dots(cells: list[list[str]], style: Any) -> set[tuple[int, int]]:
    """Return the dots of a panel as (column, row), read from its characters."""
    found = set()
    for (row, line), (dy, dx) in itertools.product(
        enumerate(cells), itertools.product(range(style.down), range(style.across))
    ):
        for column, char in enumerate(line):
            bit = (0x01, 0x02, 0x04, 0x40)[dy] if dx == 0 else (0x08, 0x10, 0x20, 0x80)[dy]
            on = char != " " if style.ascii else char != " " and (ord(char) - 0x2800) & bit
            if on:
                found.add((column * style.across + dx, row * style.down + dy))
    return found


@pytest.mark.parametrize("style", [BRAILLE, ASCII])
def test_every_column_has_the_height_of_its_values(style: Any) -> None:
    x = np.linspace(-3.0, 3.0, 961)
    columns = 30
    across, down = columns * style.across, HEIGHT * style.down
    for values in (x, -x, x * x, np.exp(x), np.abs(x), np.where(x > 0.5, 2.0, -1.0)):
        frame = _frame("loss", (Line("", values),))
        assert (frame.low, frame.high) == (values.min(), values.max())
        found = dots(_cells(x, frame, columns, style), style)
        assert {column for column, _ in found} == set(range(across))
        place = np.rint((x + 3.0) / 6.0 * (across - 1))
        for column in range(across):
            here = values[place == column]
            rows = (frame.high - here) / (frame.high - frame.low) * (down - 1)
            drawn = [row for at, row in found if at == column]
            before = values[place == max(column - 1, 0)][-1]  # a step is drawn where it lands
            start = (frame.high - before) / (frame.high - frame.low) * (down - 1)
            assert min(rows.min(), start) - 0.51 <= min(drawn) <= rows.min() + 0.51
            assert rows.max() - 0.51 <= max(drawn) <= max(rows.max(), start) + 0.51


def test_what_is_infinite_lies_on_the_edge_and_is_said() -> None:
    x = np.linspace(0.0, 1.0, 961)
    with np.errstate(divide="ignore"):
        values = -np.log(x)
    frame = _frame("loss", (Line("", values),))
    assert frame.high == 5.0
    assert (0, 0) in dots(_cells(x, frame, 30, BRAILLE), BRAILLE)
    curve = Curve(x, "p", "p", (Line("y = 1", values),), (Line("", -values),), "∂ℓ/∂p")
    text = " ".join(" ".join(draw(curve, 100)).split())
    assert "The loss is drawn up to 5; ∞ at p = 0 (y = 1)." in text
    assert "The slope is drawn down to −5; −∞ at p = 0." in text
    text = "\n".join(draw(curve, 100, plain=True))
    assert "inf at p = 0 (y = 1)" in text


def test_every_infinite_value_and_every_cut_is_said(with_fakes: dict[str, Loss]) -> None:
    for loss, curve in every_curve(with_fakes):
        text = " ".join(" ".join(draw(curve, 100)).split())
        for name, lines in (("loss", curve.loss), ("slope", curve.slope)):
            values = np.concatenate([line.values for line in lines])
            frame = _frame(name, lines)
            beyond = values.max() > frame.high or values.min() < frame.low
            assert (f"The {name} is drawn" in text) == beyond, loss
            if np.isinf(values).any():
                assert f"∞ at {curve.symbol} = " in text or "∞ between" in text


def test_a_pole_that_is_not_reached_says_how_far_it_went() -> None:
    x = np.linspace(0.0, 3.0, 961)[1:]
    curve = Curve(x, "ŷ", "ŷ at y = 1", (Line("", 1.0 / x),), (Line("", -1.0 / x**2),), "∂ℓ/∂ŷ")
    text = "\n".join(draw(curve, 100))
    assert "The loss is drawn up to 10 of 320." in text


def test_a_constant_has_its_own_number_on_the_axis() -> None:
    assert list(_labels(_frame("slope", (Line("", np.ones(9)),))).values()) == ["1"]
    assert list(_labels(_frame("slope", (Line("", np.zeros(9)),))).values()) == ["0"]


def test_pages_of_every_kind(
    with_fakes: dict[str, Loss], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    domain = {
        "fake_sharp": "ŷ in ℝ; y in (−∞, 0) ∪ (0, ∞)",
        "fake_power": "ŷ in (0, ∞); y in [0, ∞) at power=1.5 (it depends on power)",
        "fake_signed": (
            "ŷ in ℝ ∪ {−∞, ∞}; y a label −1 or 1, or 0 or 1, or a soft label between those"
        ),
        "fake_gauss": "mean in ℝ; variance in (0, ∞); y in ℝ",
        "fake_interval": "lower in ℝ; upper in ℝ; y in ℝ; lower ≤ upper",
        "fake_members": "any number of members ŷ in ℝ; y in ℝ",
        "fake_vectors": "k columns ŷ in ℝ; k columns y in ℝ",
        "fake_logs": "k columns ŷ in [−∞, 0]; y a label, or k soft labels in [0, 1]",
    }
    monkeypatch.setenv("COLUMNS", "100")
    for name, loss in with_fakes.items():
        page = run("losses", name).out
        assert page == render_page(loss, "table", Look(100))
        assert f"Domain:     {domain.get(name, '')}" in page
        assert max(map(len, page.splitlines())) <= 100
        assert run("losses", name, "-f", "markdown").code == 0
        entry = strict_json(run("losses", name, "-f", "json").out)
        assert entry["kind"] == loss.kind
        assert entry["labels"] == loss.labels
        assert entry["aggregate"] == loss.aggregate
        assert entry["tasks"] == ["regression", "count"]
        assert [role["name"] for role in entry["roles"]] == [role.name for role in loss.roles]
    assert run("losses").code == run("losses", "-f", "json").code == 0


def test_parameters_that_are_words_or_none(with_fakes: dict[str, Loss], run: Run) -> None:
    assert "fake_power" in with_fakes
    page = run("losses", "fake_power").out
    assert "Parameter:  zero=error, in {error, skip}\n" in page
    assert "Parameter:  alpha=none, in [0, 1] or none\n" in page
    params = strict_json(run("losses", "fake_power", "-f", "json").out)["params"]
    assert [param["default"] for param in params] == [1.5, "error", None]
    assert [param["domain"] for param in params] == [*("(1, 2)", "{error, skip}", "[0, 1] or none")]
    assert "power=1.5, zero=error, alpha=none" in run("losses", "-f", "markdown").out


def test_a_loss_for_two_tasks_is_listed_once_and_found_under_both(
    with_fakes: dict[str, Loss], run: Run
) -> None:
    name = next(iter(with_fakes))
    assert [line.split()[0] for line in run("losses").lines if f"  {name} " in line] == [name]
    for task in ("regression", "count"):
        lines = run("losses", "--task", task).lines
        assert lines[0] == task
        assert any(line.startswith(f"  {name} ") for line in lines)
    headings = run("losses").lines
    assert headings.index("regression") < next(
        at for at, line in enumerate(headings) if line.startswith(f"  {name} ")
    )
