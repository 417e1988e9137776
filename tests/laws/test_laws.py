"""Laws of every loss in the registry, at parameters drawn from their domains."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import lossctl
from lossctl.batch import Batch
from lossctl.errors import InputError, UsageError
from lossctl.figures import make_result
from lossctl.losses import BoundLoss, Loss, all_losses
from lossctl.losses.domain import LOG_UNIT, LOGIT, REAL, UNIT, Choice, Domain
from lossctl.report import Report
from lossctl.state import Plan, State, summarise
from lossctl.task import Task
from tests.laws.accuracy import unit
from tests.laws.inputs import (
    ONE_NUMBER,
    SEVERAL_NUMBERS,
    Sample,
    all_pairs,
    edges,
    inside,
    parameters,
    parts,
    some,
)
from tests.laws.oracles import Real, exact, mp
from tests.laws.problems import CLASSES, Problem, figures, problem, problems

LOSSES = all_losses()
PROBLEMS = [case for loss in LOSSES for case in problems(loss)]
LABELLED = [case for case in PROBLEMS if case.form == "labelled"]
BINARY = [c for c in PROBLEMS if c.bound.loss.labels == "binary" and c.form == "one"]
AT_DEFAULTS = [case for case in PROBLEMS if case.bound.params == case.bound.loss.defaults]
COUNTED = ("n", "weight", "value", "sum", "per_sample", "gradient", "worst")
MEAN = ("weight", "value", "sum")

every_loss = pytest.mark.parametrize("loss", LOSSES, ids=str)
every_problem = pytest.mark.parametrize("case", PROBLEMS, ids=str)


def smooths(case: Problem) -> bool:
    """Whether a case takes soft labels over its classes, and smooths them."""
    return case.bound.loss.form(4) == "classes" and "label_smoothing" in case.bound.params


def rng_of(*seed: object) -> np.random.Generator:
    return np.random.default_rng(list(repr(seed).encode()))


def defaults(loss: Loss) -> BoundLoss:
    return BoundLoss(loss, loss.defaults)


# The slope


@every_loss
def test_the_slope_lies_between_the_one_sided_difference_quotients(loss: Loss) -> None:
    rng = rng_of("slope", loss.name)
    for params in parameters(loss, rng, 3):
        bound = BoundLoss(loss, params)
        for sample in some(bound, rng, (int(rng.integers(2, 5)),), 12):
            slopes = sample.bound.slope(sample.y, sample.yhat)
            for (y, yhat), found in zip(sample.rows(), slopes.tolist(), strict=True):
                with mp.workprec(2600):  # a step may be 10⁶⁶⁰ times smaller than the loss
                    _check_slopes(bound, y, yhat, found)


def _check_slopes(bound: BoundLoss, y: Any, yhat: Any, found: Any) -> None:
    """Hold each slope of a row against the difference quotients to its left and right."""
    name, params = bound.loss.name, dict(bound.params)
    row, slopes = (yhat, found) if isinstance(yhat, list) else ([yhat], [found])
    truth = exact(name, y, yhat, params)
    for at, (x, slope) in enumerate(zip(row, slopes, strict=True)):
        if math.isinf(x) or not math.isfinite(slope) or not mp.isfinite(truth.value):
            continue  # where a loss is infinite its slope is the oracle's business

        def quotient(step: Real, at: int = at) -> Real:
            there = [mp.mpf(entry) for entry in row]
            there[at] += step
            moved = exact(name, y, there if isinstance(yhat, list) else there[0], params)
            return (moved.value - truth.value) / step

        steps = _steps(bound, y, row, at)
        quotients = [quotient(step) for step in steps]
        closer = quotient(steps[0] / 2**30)
        if len(steps) == 1 and abs(closer - quotients[0]) > 1e-9 * abs(closer):
            continue  # at the end of a domain where a power like p^0.001 has no slope to step along
        allowed = 4 * unit(max(abs(term) for term in truth.slopes[at]))
        assert min(quotients) - allowed <= slope <= max(quotients) + allowed, (bound, y, yhat, at)


def _steps(bound: BoundLoss, y: Any, row: list[float], at: int) -> list[Real]:
    """Return a step to the left and one to the right that cross no edge and no kink."""
    domain, x = bound.domains(len(row))[at], row[at]
    truth = y if isinstance(y, list) else [y] if isinstance(y, float) else []
    settings = [value for value in bound.params.values() if isinstance(value, float) and value]
    distances = [
        *(abs(mp.mpf(entry)) for entry in (*row, *truth) if entry and math.isfinite(entry)),
        *(abs(x - end) for end in (domain.low, domain.high) if math.isfinite(end)),
        *(scale for value in settings for scale in (abs(value), 1 / abs(mp.mpf(value)))),
    ]
    step = min([d for d in distances if d], default=mp.one) * mp.mpf(10) ** -30
    return [side for side in (-step, step) if domain.low <= x + side <= domain.high]


# The two conditions that a loss must meet


@pytest.mark.parametrize("loss", [loss for loss in LOSSES if loss.zero_at_truth], ids=str)
def test_zero_at_the_truth_and_growing_away_from_it(loss: Loss) -> None:
    rng = rng_of("truth", loss.name)
    moving = ("label_smoothing", loss.clip)  # they move the truth, or the prediction off it
    for params in parameters(loss, rng, 4):
        bound = BoundLoss(loss, {key: 0.0 if key in moving else x for key, x in params.items()})
        for y, path in _paths(bound, rng):
            truth = np.asarray(y)
            values = bound(np.broadcast_to(truth, (len(path), *truth.shape)), path)
            assert values[0] == 0.0
            assert not np.signbit(values[0])
            assert (values[1:] >= values[:-1]).all(), (bound.spec, y)
            if params == loss.defaults:
                assert values[-1] > 0.0


# What may be negative (terms of a divergence too), or is an entropy at the truth.
NEVER_ZERO = """
    entropy cross_entropy kl_divergence poisson_nll poisson_nll_with_log gamma_nll tweedie_nll
    gaussian_nll mean_bias
"""


def test_nearly_every_loss_has_a_truth_that_costs_nothing() -> None:
    assert {loss.name for loss in LOSSES if not loss.zero_at_truth} <= set(NEVER_ZERO.split())


def _paths(bound: BoundLoss, rng: np.random.Generator) -> list[tuple[Any, Any]]:
    """Return truths, and predictions that start there and move ever further away."""
    paths: list[tuple[Any, Any]] = []
    loss = bound.loss
    if loss.form(1) in ONE_NUMBER:
        paths += _paths_of_labels(loss) if loss.labels != "real" else _paths_of_numbers(bound)
    reach = np.geomspace(1e-12, 1e6, 40)[:, np.newaxis] * [[1.0]]
    reach = np.concatenate([[[0.0]], reach])
    for k in (2, 5):
        if loss.form(k) == "classes":
            paths.append(_path_of_classes(loss, rng, k))
        elif loss.kind == "ensemble":
            ways = (np.ones(k), -np.ones(k), np.eye(k)[0], -np.eye(k)[-1], np.linspace(-1, 2, k))
            paths += [(1.5, 1.5 + reach * way) for way in ways]
        elif loss.kind == "vectors":
            y, aside = np.linalg.qr(rng.normal(0.0, 1.0, (k, 2)))[0].T
            angle = np.linspace(0.0, 3.0, 40)[:, np.newaxis]
            paths.append((y, y * np.cos(angle) + aside * np.sin(angle)))
    if loss.kind == "roles":
        both = ([-1.0, 1.0], [0.0, 1.0], [-1.0, 0.0], [1.0, 1.0], [-1.0, -1.0], [1.0, 2.0])
        paths += [(1.5, 1.5 + reach * [way]) for way in both]
    return paths


def _path_of_classes(loss: Loss, rng: np.random.Generator, k: int) -> tuple[Any, Any]:
    steps = np.concatenate([[0.0, 1e-300, 1e-10, 1e-3], np.linspace(0.01, 1.0, 40)])
    label = int(rng.integers(0, k))
    hot = np.eye(k)[label]
    away = rng.dirichlet(np.ones(k))
    path = hot * (1.0 - steps[:, np.newaxis]) + away * steps[:, np.newaxis]
    with np.errstate(divide="ignore"):
        if loss.pred == LOG_UNIT:
            path = np.log(path)
        elif loss.pred in (LOGIT, REAL):
            path[:] = rng.normal(0.0, 1.0, k)  # the best score is the highest: others may be any
            path[0, label] = math.inf if loss.pred.infinite else 1e308
            path[1:, label] = np.linspace(700.0, -1e4, len(steps) - 1)
    return label, path


def _paths_of_labels(loss: Loss) -> list[tuple[Any, Any]]:
    steps = np.concatenate([[0.0, 1e-300, 1e-10, 1e-3], np.linspace(0.01, 1.0, 40)])
    best = math.inf if loss.pred == LOGIT else 1e308
    ends = np.concatenate([[best], np.linspace(700.0, -1e4, len(steps) - 1)])
    if loss.pred == UNIT:
        return [(y, np.abs(y - steps)) for y in (0.0, 1.0)]
    labels = (0.0, 1.0, -1.0) if loss.labels == "signed" else (0.0, 1.0)
    return [(y, ends if y == 1.0 else -ends) for y in labels]


def _paths_of_numbers(bound: BoundLoss) -> list[tuple[Any, Any]]:
    paths = []
    assert bound.y is not None
    for y in (0.0, 1.0, -3.5, 1e10, 1e-10):
        for direction in (-1.0, 1.0):
            reach = np.concatenate([[0.0], np.geomspace(max(abs(y), 1.0) * 1e-12, 1e6, 40)])
            path = y + direction * reach
            path = path[inside(bound.pred, path)]
            if y in bound.y and y in bound.pred and len(path) > 1:
                paths.append((y, path))
    return paths


# Weights


@every_problem
def test_no_weights_are_weights_of_one(case: Problem) -> None:
    plain = case.evaluate()
    ones = case.having(w=np.ones(case.size)).evaluate(weight="w")
    assert figures(ones, *COUNTED) == figures(plain, *COUNTED)


@every_problem
def test_integer_weights_are_repeated_rows(case: Problem) -> None:
    times = rng_of("times", str(case)).integers(0, 5, case.size)
    weighted = case.having(w=times.astype(np.float64)).evaluate(weight="w")
    repeated = case.take(np.repeat(np.arange(case.size), times)).evaluate()
    assert figures(weighted, *MEAN) == figures(repeated, *MEAN)


@every_problem
def test_a_weight_of_zero_is_a_row_removed_even_where_the_loss_is_infinite(case: Problem) -> None:
    rng = rng_of("zero", str(case))
    case = _with_infinite_losses(case, np.arange(0, case.size, 3))
    w = np.where(np.arange(case.size) % 3 == 0, 0.0, rng.gamma(1.0, 1.0, case.size))
    case = case.having(w=w)
    zero = case.evaluate(weight="w")
    removed = case.take(np.flatnonzero(w)).evaluate(weight="w")
    names = (*MEAN, "per_sample")
    assert figures(zero, *names) == figures(removed, *names)
    parts = ("l1", "l2", "max_abs", "positive", "negative", "nonfinite")
    assert figures(zero["gradient"], *parts) == figures(removed["gradient"], *parts)
    # among rows that contribute 0 the first come first, whatever their weights
    worst = [[row["loss"] for row in x["worst"] if row["contribution"]] for x in (zero, removed)]
    assert worst[0] == worst[1]
    assert math.isfinite(zero["value"])


def _with_infinite_losses(case: Problem, rows: Any) -> Problem:
    """Return the problem with losses of ∞ in some rows, where the loss has any."""
    table = {name: column.copy() for name, column in case.table.items()}
    loss, first = case.bound.loss, case.predictions[0]
    if loss.name == "entropy":
        return case
    form = loss.form(len(case.predictions))
    if loss.pred == LOG_UNIT:
        table[first][rows] = -math.inf
    elif form in ("roles", "ensemble", "vectors"):
        table[case.predictions[-1]][rows] = 1.7e308
    elif loss.labels == "binary" or (loss.simplex and form != "elementwise"):
        for name in case.predictions:
            table[name][rows] = -math.inf if case.bound.pred.infinite else 0.0
        if form != "elementwise":
            table[first][rows] = 1.0
        elif loss.labels == "binary":
            table[first][rows] = math.inf if case.bound.pred.infinite else 1.0
    elif loss.pred == LOGIT:
        for name in case.predictions:
            table[name][rows] = -1e308
        table[first][rows] = math.inf
    else:
        table[first][rows] = 1.7e308
    return replace(case, table=table)


@every_problem
def test_the_scale_of_weights_makes_no_difference(case: Problem) -> None:
    rng = rng_of("scale", str(case))
    w = rng.integers(1, 1000, case.size) / 64.0
    before = case.having(w=w).evaluate(weight="w")
    doubled = case.having(w=w * 2.0**-40).evaluate(weight="w")
    names = ("value", "per_sample")
    assert figures(doubled, *names) == figures(before, *names)
    for factor in (3.0, 0.1, 1e-200, 7e150):
        scaled = case.having(w=w * factor).evaluate(weight="w")
        assert abs(scaled["value"] - before["value"]) <= math.ulp(_largest_part(case, before))


def _largest_part(case: Problem, result: dict[str, Any]) -> float:
    """Return the value or, where it may cross zero, the largest of what it is made of."""
    loss = case.bound.loss
    if loss.higher_is_better:  # 1 less a quotient
        return max(1.0, 2.0 * abs(1.0 - float(result["value"])))
    sample = result["per_sample"]
    sizes = abs(sample["min"]), abs(sample["max"])
    return float(max(sizes) if loss.signed else result["value"])


@pytest.mark.parametrize("case", LABELLED + BINARY, ids=str)
def test_class_weights_are_row_weights(case: Problem) -> None:
    assert case.y is not None
    w = case.table["w"]
    if case.form == "labelled":
        weights = {"bee": 2.5, "dog": 0.0}
        factor = np.array([weights.get(label, 1.0) for label in case.table["y"]])
    else:
        weights = {"1": 3.0, "0": 0.5}
        y = case.table["y_ant"]
        factor = y * 3.0 + (1.0 - y) * 0.5
    for weight, wanted in ((None, factor), ("w", factor * w)):
        by_class = case.evaluate(weight=weight, class_weight=weights)
        by_row = case.having(w=wanted).evaluate(weight="w")
        assert figures(by_class, *COUNTED) == figures(by_row, *COUNTED)


# States


def _result(task: Task, state: State) -> str:
    """Return every figure of a state as text that is equal where every bit is."""
    report = Report("", (), 0, 0, 0, (make_result(task, state, None, True, 4),))
    return json.dumps(report.to_dict()["results"])


def _merged(states: list[State], rng: np.random.Generator) -> State:
    """Merge states in a random tree."""
    while len(states) > 1:
        left, right = rng.permutation(len(states))[:2]
        merged = states[left] + states[right]
        states = [state for at, state in enumerate(states) if at not in (left, right)]
        states.append(merged)
    return states[0]


def _parts(batch: Batch, rng: np.random.Generator) -> list[Batch]:
    """Cut a batch into parts, each with its rows in order, some of them empty."""
    codes = rng.integers(0, rng.integers(1, 9), batch.size)
    return [batch.take(np.flatnonzero(codes == part)) for part in rng.permutation(9)]


@every_problem
def test_any_partition_order_and_tree_of_merging_gives_the_same_bits(case: Problem) -> None:
    rng = rng_of("merge", str(case))
    case = _with_infinite_losses(case, [5]) if rng.integers(0, 2) else case
    plan = Plan(summaries=True, worst=4, batch_size=7)
    for weight in (None, "w"):
        task, batch = case.bind(weight=weight)
        whole = _result(task, summarise(task, plan, batch))
        for _ in range(3):
            states = [summarise(task, plan, part) for part in _parts(batch, rng)]
            assert _result(task, _merged(states, rng)) == whole
        if weight:
            rows = [summarise(task, plan, batch.part(at, at + 1)) for at in range(batch.size)]
            assert _result(task, _merged(rows, rng)) == whole
        # within a batch rows are in order for mini-batches and ties, for all else they need not be
        shuffled = batch.take(rng.permutation(batch.size))
        parts = [summarise(task, Plan(summaries=True), part) for part in (batch, shuffled)]
        assert _result(task, parts[0]) == _result(task, parts[1])


@every_problem
def test_the_empty_state_is_the_identity_on_both_sides(case: Problem) -> None:
    task, batch = case.bind(weight="w")
    plan = Plan(summaries=True, worst=4, batch_size=7)
    state = summarise(task, plan, batch)
    nothing = summarise(task, plan, batch.part(0, 0))
    for empty in (State(), nothing, State() + nothing):
        assert _result(task, state + empty) == _result(task, state)
        assert _result(task, empty + state) == _result(task, state)
        assert (empty + state + empty).batches == state.batches
        assert (empty + state).worst == state.worst


@every_problem
def test_states_can_be_pickled(case: Problem) -> None:
    task, batch = case.bind(weight="w")
    plan = Plan(summaries=True, worst=4, batch_size=7)
    state = summarise(task, plan, batch)
    again = pickle.loads(pickle.dumps(state))
    assert _result(task, again) == _result(task, state)
    assert _result(pickle.loads(pickle.dumps(task)), again + State()) == _result(task, state)


@every_loss
def test_the_layout_of_memory_makes_no_difference(loss: Loss) -> None:
    for case in problems(loss, 4000, 0):  # numpy rounds few logarithms of a reversed view otherwise
        plain = case.samples(weight="w")
        backwards = {name: column[::-1].copy()[::-1] for name, column in case.table.items()}
        strided = {name: np.repeat(column, 3)[::3] for name, column in case.table.items()}
        for table in (backwards, strided):
            frame = replace(case, table=table).samples(weight="w")
            assert (frame == plain).all(axis=None)


@every_loss
def test_a_row_does_not_depend_on_the_rows_around_it(loss: Loss) -> None:
    rng = rng_of("alone", loss.name)
    for params in parameters(loss, rng, 2):
        bound = BoundLoss(loss, params)
        for sample in some(bound, rng, (5,), 40):
            together = bound(sample.y, sample.yhat)
            slopes = bound.slope(sample.y, sample.yhat)
            backwards = None if sample.y is None else sample.y[::-1]
            assert together.tolist() == bound(backwards, sample.yhat[::-1])[::-1].tolist()
            for at in range(len(together)):
                part = slice(at, at + 1)
                y = None if sample.y is None else sample.y[part]
                assert bound(y, sample.yhat[part]).tolist() == together[part].tolist()
                assert bound.slope(y, sample.yhat[part]).tolist() == slopes[part].tolist()
            if sample.yhat.ndim > 1:
                columns = np.asfortranarray(sample.yhat)
                value, slope = loss.kernel(sample.y, columns, **params)
                assert value.tolist() == together.tolist()
                assert slope().tolist() == slopes.tolist()


# Options that change nothing, or the same as something else


@pytest.mark.parametrize("case", AT_DEFAULTS, ids=str)  # whose data the defaults allow
def test_parameters_at_their_neutral_settings_change_nothing(case: Problem) -> None:
    loss = case.bound.loss
    neutral = {"label_smoothing": 0.0, "pos_weight": 1.0, "eps": 0.0, "base": math.e}
    spelled = "".join(
        f":{param.name}={param.spell(neutral.get(param.name, param.default))}"
        for param in loss.params
    )
    plain = lossctl.evaluate(case.table, loss.name, y=case.y, pred=case.pred)
    said = lossctl.evaluate(case.table, f"{loss.name}{spelled}", y=case.y, pred=case.pred)
    assert said.to_json() == plain.to_json()


@pytest.mark.parametrize("case", BINARY, ids=str)
def test_smoothed_labels_are_soft_labels(case: Problem) -> None:
    assert "label_smoothing" in case.bound.params
    hard = case.having(y_ant=np.round(case.table["y_ant"]))
    smooth = {**case.bound.params, "label_smoothing": 0.25}
    sharp = {**case.bound.params, "label_smoothing": 0.0}
    smoothed = replace(hard, bound=BoundLoss(case.bound.loss, smooth)).evaluate()
    soft = hard.having(y_ant=hard.table["y_ant"] * 0.75 + 0.125)
    given = replace(soft, bound=BoundLoss(case.bound.loss, sharp)).evaluate()
    names = (*MEAN, "per_sample", "gradient")
    assert figures(smoothed, *names) == figures(given, *names)


@pytest.mark.parametrize("case", [c for c in LABELLED if smooths(c)], ids=str)
def test_smoothed_classes_are_soft_labels(case: Problem) -> None:
    """With 4 classes and ε = ¼ the shares are 13/16 and 1/16, and sum to 1 exactly."""
    smooth = {**case.bound.params, "label_smoothing": 0.25}
    sharp = {**case.bound.params, "label_smoothing": 0.0}
    soft = {f"y_{name}": (case.table["y"] == name) * 0.75 + 0.0625 for name in CLASSES}
    table = {name: column for name, column in case.table.items() if name != "y"}
    for weight in (None, "w"):
        smoothed = replace(case, bound=BoundLoss(case.bound.loss, smooth)).evaluate(weight=weight)
        given = replace(
            case, bound=BoundLoss(case.bound.loss, sharp), table={**table, **soft}, y="y_*"
        )
        shares = given.evaluate(weight=weight)
        assert smoothed["value"] == pytest.approx(shares["value"], rel=1e-14, abs=0.0)
        for name in ("l1", "l2", "max_abs"):
            found, wanted = smoothed["gradient"][name], shares["gradient"][name]
            assert found == pytest.approx(wanted, rel=1e-13, abs=0.0)


@pytest.mark.parametrize("case", LABELLED + BINARY, ids=str)
def test_an_ignored_label_is_a_row_removed_and_counted(case: Problem) -> None:
    label, column = ("cat", "y") if case.form == "labelled" else ("1", "y_ant")
    ignored = case.table[column] == (label if case.form == "labelled" else 1.0)
    assert 0 < ignored.sum() < case.size
    kept = case.take(np.flatnonzero(~ignored)).evaluate(weight="w")
    result = case.evaluate(weight="w", ignore=label)
    names = ("n", *MEAN, "per_sample", "gradient")
    assert figures(result, *names) == figures(kept, *names)
    assert result["touched"]["ignored"] == ignored.sum()
    rows = np.flatnonzero(~ignored) + 1
    assert [row["row"] for row in result["worst"]] == [
        rows[row["row"] - 1] for row in kept["worst"]
    ]


@pytest.mark.parametrize("case", LABELLED, ids=str)
def test_labels_are_one_hot_columns(case: Problem) -> None:
    hot = {f"y_{name}": (case.table["y"] == name).astype(np.float64) for name in CLASSES}
    table = {name: column for name, column in case.table.items() if name != "y"}
    columns = replace(case, table={**table, **hot}, y="y_*")
    names = ("n", *MEAN, "per_sample", "gradient")
    for weight in (None, "w"):
        label, share = (c.evaluate(weight=weight) for c in (case, columns))
        assert figures(label, *names) == figures(share, *names)
        assert [row["gradient"] for row in label["worst"]] == [
            row["gradient"] for row in share["worst"]
        ]


@pytest.mark.parametrize("case", LABELLED, ids=str)
def test_labels_as_numbers_are_labels_as_text(case: Problem) -> None:
    codes = np.array([CLASSES.index(label) for label in case.table["y"]])
    names = ("n", *MEAN, "per_sample", "gradient")
    wanted = figures(case.evaluate(weight="w"), *names)
    assert figures(case.having(y=codes).evaluate(weight="w"), *names) == wanted
    for y in (codes, codes.astype(np.float64), codes.astype(str), codes.astype(object)):
        table = {f"p_{at}": case.table[f"p_{name}"] for at, name in enumerate(CLASSES)}
        numbered = replace(case, table={**table, "y": y, "w": case.table["w"]})
        assert figures(numbered.evaluate(weight="w"), *names) == wanted


@pytest.mark.parametrize("case", BINARY, ids=str)
def test_binary_labels_as_text_are_zero_and_one(case: Problem) -> None:
    hard = case.having(y_ant=np.round(case.table["y_ant"]))
    wanted = figures(hard.evaluate(), "n", *MEAN, "per_sample", "gradient")
    words = np.where(hard.table["y_ant"] == 1.0, "spam", "ham")
    result = case.having(y_ant=words).evaluate(positive="spam")
    assert figures(result, "n", *MEAN, "per_sample", "gradient") == wanted
    booleans = case.having(y_ant=hard.table["y_ant"] == 1.0).evaluate()
    assert figures(booleans, "n", *MEAN, "per_sample", "gradient") == wanted


@pytest.mark.parametrize("case", [c for c in PROBLEMS if c.form in ("many", "labelled")], ids=str)
def test_the_sum_over_outputs_is_k_times_their_mean(case: Problem) -> None:
    mean, total = case.evaluate(), case.evaluate(outputs="sum")
    k = len(case.predictions)
    if case.bound.loss.form(k) != "elementwise":  # one loss a row already
        assert total == mean
        return
    tolerance = 0.0 if k in (2, 4) else 2.0**-51
    noise = tolerance * k * math.fsum(np.abs(case.samples()["loss"]))  # where signs differ
    assert total["sum"] == pytest.approx(k * mean["sum"], rel=tolerance, abs=noise)
    if case.bound.loss.aggregate not in ("mean", "root"):
        return
    factor = math.sqrt(k) if case.bound.loss.aggregate == "root" else k
    noise /= case.size
    assert total["value"] == pytest.approx(factor * mean["value"], rel=2.0**-51, abs=noise)
    l1 = total["gradient"]["l1"]
    assert l1 == pytest.approx(factor * mean["gradient"]["l1"], rel=2.0**-49, abs=0.0)


# Domains


@every_loss
def test_domain_edges_are_finite_or_an_honest_infinity(loss: Loss) -> None:
    rng = rng_of("edges", loss.name)
    for params in parameters(loss, rng, 4):
        bound = BoundLoss(loss, params)
        for sample in _extreme(bound, rng):
            value, slope = bound.both(sample.y, sample.yhat)
            assert not np.isnan(value).any()
            assert not np.isnan(slope()).any()
            assert loss.signed or (value >= 0.0).all()


def _extreme(bound: BoundLoss, rng: np.random.Generator) -> Iterator[Sample]:
    if bound.loss.form(1) in ONE_NUMBER:
        yield from all_pairs(bound)
    if bound.loss.form(2) in SEVERAL_NUMBERS or bound.loss.kind == "roles":
        yield from some(bound, rng, (3,), 360)


@every_problem
def test_what_lies_outside_is_refused_with_its_row(case: Problem) -> None:
    loss = case.bound.loss
    name = case.predictions[-1]
    for bad in _outside(case.bound.domains(len(case.predictions))[-1]):
        column = case.table[name].copy()
        column[[2, 5]] = bad
        with pytest.raises(InputError, match=r"row 3\b") as caught:
            case.having(**{name: column}).evaluate()
        assert caught.value.column == name
    column = case.table["w"].copy()
    column[[2, 5]] = -1e-300
    with pytest.raises(InputError, match=r"row 3: a weight must be 0 or more"):
        case.having(w=column).evaluate(weight="w")
    if case.form == "labelled":
        labels = case.table["y"].astype(object)
        labels[[2, 5]] = "zebra"
        with pytest.raises(InputError, match=r"row 3: 'zebra' is no class"):
            case.having(y=labels).evaluate()
    elif case.bound.y is not None:
        drops = loss.drop is not None and case.bound.params[loss.drop] == "skip"
        for bad in [] if drops else _outside(case.bound.y):
            column = case.table["y_ant"].copy()
            column[[2, 5]] = bad
            with pytest.raises(InputError, match=r"row 3\b") as caught:
                case.having(y_ant=column).evaluate()
            assert caught.value.column == "y_ant"


def _outside(domain: Domain) -> list[float]:
    """Return numbers that a domain does not hold, the nearest ones among them."""
    ends = [(part.low, part.high) for part in parts(domain)]
    near = [
        *(math.nextafter(low, -math.inf) for low, _ in ends),
        *(math.nextafter(high, math.inf) for _, high in ends),
        *(1.7, -1e300, math.inf, -math.inf, math.nan),
        *(end for pair in ends for end in pair),
    ]
    return [x for x in near if x not in domain]


def _within(domain: Domain | None) -> float:
    """Return some number of a domain."""
    return next(x for x in (1 / 3, -1 / 3, 3.0) if domain is None or x in domain)


@every_loss
def test_a_bound_loss_refuses_what_lies_outside(loss: Loss) -> None:
    bound = defaults(loss)
    k = len(loss.roles) or 3
    shape = (2,) if loss.form(1) in ONE_NUMBER else (2, k)
    form = loss.form(1 if len(shape) == 1 else k)
    yhat = np.full(shape, [_within(domain) for domain in bound.domains(k)][: shape[-1]][0])
    if loss.roles:
        yhat = np.tile([_within(domain) for domain in bound.domains(k)], (2, 1))
    whole = np.full(shape if form in (*ONE_NUMBER, "vectors", "classes") else 2, _within(bound.y))
    y = None if loss.y is None else np.array([0, 1]) if form == "classes" else whole
    for bad in _outside(bound.domains(k)[-1]):
        there = yhat.copy()
        there.flat[-1] = bad
        name = loss.roles[-1].name if loss.roles else "ŷ"
        with pytest.raises(UsageError, match=f"{name} must be in"):
            bound(y, there)
    if bound.y is None:
        return
    assert y is not None
    for bad in _outside(bound.y):
        truth = whole.copy()
        truth.flat[0] = bad
        with pytest.raises(UsageError, match="y must be in"):
            bound(truth, yhat)
    with pytest.raises(UsageError, match="they must agree"):
        bound(np.concatenate([y, y]), yhat)
    if form == "classes":
        for labels in ([0, 3], [-1, 0], [0.5, 1.0], [math.nan, 1.0]):
            with pytest.raises(UsageError, match="y must be"):
                bound(np.array(labels), yhat)


@every_loss
def test_parameters_outside_their_domain_are_refused(loss: Loss) -> None:
    for param in loss.params:
        named = f"{loss.name}:{param.name}"
        outside: list[Any]
        good: list[Any]
        if isinstance(param.domain, Choice):
            outside, good = ["nonsense"], list(param.domain.words)
        else:
            outside, good = _outside(param.domain), edges(param.domain).tolist()
        for bad in outside:
            with pytest.raises(UsageError, match=f"{param.name} must be in"):
                lossctl.get_loss(f"{named}={bad}")
        for setting in (*good, *([None] if param.optional else [])):
            if setting in (math.inf, -math.inf):
                continue
            bound = lossctl.get_loss(f"{named}={param.spell(setting)}")
            assert bound.params[param.name] == setting
            assert lossctl.get_loss(bound.spec) == bound


@pytest.mark.parametrize("form", ["labelled", "soft"])
def test_two_infinite_logits_in_a_row_are_refused(form: str) -> None:
    bound = lossctl.get_loss("cce_with_logits")
    case = problem(bound, form, rng_of(form), 20)
    for entry in (math.inf, -math.inf):
        table = {name: column.copy() for name, column in case.table.items()}
        for name in case.predictions:
            table[name][[2, 5]] = entry
        with pytest.raises(InputError, match=r"row 3: at most one logit of a row may be ∞"):
            replace(case, table=table).evaluate()
        with pytest.raises(UsageError, match="at most one logit of a row may be ∞"):
            bound(np.array([0]), np.full((1, 3), entry))


# Samples


@every_problem
def test_contributions_add_up_to_the_mean_and_shares_to_one(case: Problem) -> None:
    for weight in (None, "w"):
        result = case.evaluate(weight=weight)
        frame = case.samples(weight=weight)
        assert len(frame) == case.size
        added = total_of(frame["contribution"])
        roundings = 1 if weight is None else 3  # ℓ/n, or w·ℓ, Σw and the quotient
        error = roundings * total_of(math.ulp(part) for part in frame["contribution"])
        if case.bound.loss.aggregate in ("mean", "root"):
            value = Fraction(result["value"]) ** (2 if case.bound.loss.aggregate == "root" else 1)
            assert abs(float(added - value)) <= float(error + abs(value) / 2**51)
        if result["sum"] == 0.0:
            assert frame["share"].isna().all()
            continue
        many = case.size * max(1.0, float(total_of(map(abs, frame["share"]))))
        assert abs(float(total_of(frame["share"]) - 1)) <= 3 * many / 2**53
        worst = result["worst"][0]
        row = frame.iloc[worst["row"] - 1]
        for name in ("loss", "contribution", "share"):
            assert row[name] == worst[name]


def total_of(numbers: Iterable[float]) -> Fraction:
    return sum((Fraction(x) for x in numbers), Fraction())


@every_problem
def test_gradients_of_samples_add_up_to_the_summary(case: Problem) -> None:
    for weight in (None, "w"):
        gradient = case.evaluate(weight=weight)["gradient"]
        frame = case.samples(weight=weight)
        entries = frame[[name for name in frame if name.startswith("gradient")]].to_numpy().ravel()
        assert len(entries) == case.size * len(case.predictions)
        sums = math.fsum(entries)
        assert gradient["mean"] * len(entries) == pytest.approx(
            sums, rel=0.0, abs=2.0**-50 * gradient["l1"]
        )
        assert gradient["l1"] == pytest.approx(math.fsum(np.abs(entries)), rel=2.0**-50)
        assert gradient["max_abs"] == np.abs(entries).max()
        assert gradient["min"] == entries.min()
        assert gradient["max"] == entries.max()
        assert gradient["positive"] == (entries > 0.0).sum()
        assert gradient["negative"] == (entries < 0.0).sum()
        assert gradient["zero"] == (entries == 0.0).sum()


def test_the_gradient_of_rmse_is_that_of_the_printed_root() -> None:
    rng = rng_of("rmse")
    y, yhat = rng.normal(0.0, 1.0, (2, 50))
    w = rng.gamma(1.0, 1.0, 50)
    frame = lossctl.samples({"y": y, "yhat": yhat, "w": w}, "rmse", weight="w")
    value = lossctl.evaluate({"y": y, "yhat": yhat, "w": w}, "rmse", weight="w").value
    wanted = w * (yhat - y) / (w.sum() * value)
    assert frame["gradient"].to_numpy() == pytest.approx(wanted, rel=1e-14, abs=0.0)
    step = 1e-6
    for row in range(5):
        ahead, behind = yhat.copy(), yhat.copy()
        ahead[row] += step
        behind[row] -= step
        values = [
            lossctl.evaluate({"y": y, "yhat": at, "w": w}, "rmse", weight="w").value
            for at in (ahead, behind)
        ]
        quotient = (values[0] - values[1]) / (2 * step)
        assert frame["gradient"][row] == pytest.approx(quotient, rel=1e-6)


def test_the_gradient_of_rmse_is_zero_where_it_is_zero() -> None:
    data = {"y": [1.0, 2.0], "yhat": [1.0, 2.0]}
    assert lossctl.samples(data, "rmse")["gradient"].tolist() == [0.0, 0.0]
    gradient = lossctl.evaluate(data, "rmse").results[0].gradient
    assert gradient is not None
    assert (gradient.l1, gradient.l2, gradient.max_abs, gradient.zero) == (0.0, 0.0, 0.0, 2)


def moves_predictions(case: Problem) -> bool:
    return case.bound.loss.clip is not None and case.bound.params[case.bound.loss.clip] > 0.0


@pytest.mark.parametrize("case", [c for c in PROBLEMS if not moves_predictions(c)], ids=str)
def test_the_gradient_is_that_of_the_value(case: Problem) -> None:
    """Moving every prediction a little along an axis moves the value by the gradient."""
    domain = case.bound.domains(len(case.predictions))[0]
    powers = [abs(case.bound.params.get(key) or 1.0) for key in ("power", "gamma")]
    frame = case.samples(weight="w")
    name = case.predictions[0]
    column = next(c for c in (f"gradient_{name[2:]}", f"gradient_{name}", "gradient") if c in frame)
    there = case.table[name]
    ends = [np.abs(there - end) for end in (domain.low, domain.high)]
    steps = 1e-6 * np.minimum.reduce([np.ones(case.size), *ends]) / max(1.0, *powers)
    visible = steps > 1e5 * np.spacing(np.abs(there))
    if not visible.any():
        return
    row = int(np.argmax(np.where(visible, np.abs(frame[column].to_numpy()), -1.0)))
    x, step = float(there[row]), float(steps[row])
    sums = []
    for moved_to in (x - step, x + step):
        moved = there.copy()
        moved[row] = moved_to
        sums.append(case.having(**{name: moved}).evaluate(weight="w")["value"])
    ahead, behind = sums[1], sums[0]
    noise = 2.0**-48 * max(abs(ahead), frame["contribution"].abs().max()) / step
    assert (ahead - behind) / (2 * step) == pytest.approx(frame[column][row], rel=1e-4, abs=noise)


# Distributions


@pytest.mark.parametrize("case", [c for c in PROBLEMS if c.form == "rows"], ids=str)
def test_a_distribution_down_a_column_is_a_distribution_in_a_row(case: Problem) -> None:
    rows = case.samples()
    for at in range(5):
        columns = {
            prefix: np.array([case.table[f"{prefix}_{name}"][at] for name in CLASSES])
            for prefix in ("y", "p")
            if f"{prefix}_ant" in case.table
        }
        y = "y" if case.y else None
        down = lossctl.evaluate(columns, case.bound.spec, y=y, pred="p")
        frame = lossctl.samples(columns, case.bound.spec, y=y, pred="p")
        largest = frame["loss"].abs().max() if case.bound.loss.signed else down.value
        assert abs(down.value - rows["loss"][at]) <= math.ulp(largest)
        in_row = [rows[f"gradient_p_{name}"][at] for name in CLASSES]
        assert [g * case.size for g in in_row] == pytest.approx(frame["gradient"].tolist())
        assert frame["contribution"].tolist() == frame["loss"].tolist()


def test_the_entropy_of_a_fair_die_is_the_logarithm_of_six() -> None:
    die = {"p": [1 / 6] * 6}
    assert lossctl.evaluate(die, "entropy").value == pytest.approx(math.log(6), rel=1e-15)
    bits = lossctl.evaluate(die, "entropy:base=2").value
    assert bits == pytest.approx(math.log2(6), rel=1e-15)
    loaded = {"y": [1 / 6] * 6, "yhat": [0.5] + [0.1] * 5}
    value = lossctl.evaluate(loaded, "cross_entropy").value
    assert value == pytest.approx(math.log(2 * 10**5) / 6, rel=1e-15)
    assert f"{value:.4f}" == "2.0343"


# What was altered because it was asked for


CLIPPED = [case for case in PROBLEMS if case.bound.loss.clip]
SIMPLEX = [case for case in PROBLEMS if case.bound.loss.simplex and case.form != "one"]


@pytest.mark.parametrize("case", CLIPPED, ids=str)
@pytest.mark.parametrize("eps", [1e-300, 1e-20, 2.0**-54, 1e-3, 0.3])
def test_moved_predictions_are_counted_and_cost_what_the_edge_costs(
    case: Problem, eps: float
) -> None:
    clip = str(case.bound.loss.clip)
    bound = BoundLoss(case.bound.loss, {**case.bound.params, clip: eps})
    case = replace(_with_infinite_losses(case, [1, 8]), bound=bound)
    yhat = np.column_stack([case.table[name] for name in case.predictions])
    low, high = Fraction(eps), 1 - Fraction(eps)
    moved = np.array([any(not low <= Fraction(p) <= high for p in row) for row in yhat.tolist()])
    result = case.evaluate(top=case.size)
    assert result["touched"]["clipped"] == moved.sum() >= 2
    assert math.isfinite(result["value"])
    frame = case.samples()
    for name in case.predictions:
        column = next(
            c for c in (f"gradient_{name[2:]}", f"gradient_{name}", "gradient") if c in frame
        )
        outside = [not low <= Fraction(p) <= high for p in case.table[name].tolist()]
        assert (frame[column][outside] == 0.0).all()
    if eps == 1e-3:  # here 1 − ε is off by a rounding only
        there = {name: np.clip(case.table[name], eps, 1.0 - eps) for name in case.predictions}
        plain = BoundLoss(case.bound.loss, {**case.bound.params, clip: 0.0})
        if case.form in ("one", "many"):
            by_hand = replace(case.having(**there), bound=plain).evaluate()
            assert result["value"] == pytest.approx(by_hand["value"], rel=1e-12)


@pytest.mark.parametrize("case", SIMPLEX, ids=str)
def test_rows_that_do_not_sum_to_one(case: Problem) -> None:
    before = case.evaluate()
    doubled = case.having(**{name: case.table[name] / 2.0 for name in case.predictions})
    with pytest.raises(InputError, match=r"row 1\b.*must sum to 1.*--normalize"):
        doubled.evaluate()
    scaled = doubled.evaluate(normalize=True)
    assert scaled["value"] == pytest.approx(before["value"], rel=1e-12)
    assert scaled["touched"]["normalized"] == case.size
    off = case.table["p_ant"].copy()
    off[7] = abs(off[7] - 1e-4) if off[7] > 0.5 else off[7] + 1e-4
    report = case.having(p_ant=off).report()
    note = f"p_ant…p_dog: 1 of {case.size} rows sum to 1 only within 1e-2 (--normalize rescales)"
    assert note in report.notes
    assert not any("sum to 1" in said for said in case.report().notes)
    assert before["touched"] == {"clipped": before["touched"]["clipped"]} | {
        "normalized": 0,
        "ignored": 0,
    }
