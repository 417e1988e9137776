"""The floor of every loss: no constant does better, and the value is that of a constant."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import optimize

import lossctl.tally
from lossctl.batch import Batch, Text
from lossctl.exact import ONE
from lossctl.figures import whole_outcome
from lossctl.floor import floor_of, probe_of, skill
from lossctl.losses import BoundLoss, Loss, all_losses, find
from lossctl.losses.domain import LOGIT, REAL, UNIT
from lossctl.losses.registry import Constant
from lossctl.losses.spec import parse_specs
from lossctl.report import Floor, floor_dict
from lossctl.scoring import score
from lossctl.state import Plan, summarise
from lossctl.task import Columns, Rules, Task
from tests.laws.inputs import Random, parameters, samples

Floats = NDArray[np.float64]
NOTHING = Constant("definition", "")

# Beyond a few ulp: 1 − ‖ū‖ cancels, and log1p(y) is rounded before its spread is taken.
LOOSE = {"cosine_distance": 1e-11, "msle": 1e-13, "rmsle": 1e-13}
NONE = {
    *("huber", "smooth_l1", "pseudo_huber", "log_cosh", "fair", "cauchy", "epsilon_insensitive"),
    *("expectile", "smape", "mean_bias", "median_ae", "entropy", "js_divergence"),
}


class Case(NamedTuple):
    """A task, and rows whose predictions are still to be filled in."""

    task: Task
    y: Sequence[Floats | Text]
    weight: Floats | None

    def batch(self, constants: Sequence[float] | None = None, rows: Any = slice(None)) -> Batch:
        columns = self.task.columns
        n = len(self.y[0])
        found: dict[str, Any] = {}
        texts: dict[str, Text] = {}
        for name, column in zip(columns.y, self.y, strict=True):
            if isinstance(column, Text):
                texts[name] = column
            else:
                found[name] = column
        given_ = np.full(len(columns.pred), 0.5) if constants is None else constants
        for name, constant in zip(columns.pred, given_, strict=True):
            found[name] = np.full(n, constant)
        if self.weight is not None:
            found["w"] = self.weight
        return Batch(n, found, texts).take(np.arange(n)[rows])

    def value(self, constants: Sequence[float]) -> float:
        state = summarise(self.task, Plan(), self.batch(constants))
        return whole_outcome(self.task, state).value

    def floor(self, *parts: Any) -> Floor | None:
        probe = probe_of(self.task, 0)
        assert probe is not None
        start = harmless(self.task)
        whole: Any = None
        for rows in parts or (slice(None),):
            part = probe.look([score(self.task, self.batch(start, rows))])
            whole = part if whole is None else whole + part
        return floor_of(self.task, whole)


def harmless(task: Task) -> list[float]:
    """Return some constant prediction that every rule allows."""
    k = len(task.columns.pred)
    domain = task.bound.domains(k)[0]
    if task.bound.loss.roles:
        return [1.0, 2.0]
    if task.bound.loss.simplex and k > 1:
        return [1.0 / k] * k
    return [
        (0.5 if 0.5 in domain else -1.0) + (0.01 * j if domain in (REAL, LOGIT) else 0.0)
        for j in range(k)
    ]


def truth(bound: BoundLoss, rng: Random, n: int) -> Floats:
    """Return a column of truths of ordinary size."""
    domain = bound.y
    assert domain is not None
    if bound.loss.labels != "real" or domain == UNIT:
        hard = rng.random(n) < rng.choice([0.02, 0.3, 0.5, 0.9])
        y = np.where(rng.random(n) < 0.3, rng.random(n), hard) if rng.random() < 0.5 else hard
        return np.asarray(y, dtype=np.float64)
    kind = rng.integers(0, 3)
    if kind == 0:
        y = rng.normal(0.0, 1.0, n) * 10.0 ** rng.uniform(-3, 3) + rng.normal()
    elif kind == 1:
        y = rng.integers(-2, 5, n).astype(np.float64)
    else:
        y = np.exp(rng.normal(0.0, 2.0, n))
    return np.where(domain.where(y), y, np.abs(y) + 0.5)


def simplex(rng: Random, n: int, k: int) -> Floats:
    rows = rng.dirichlet(np.full(k, 0.6), n)
    return np.asarray(rows / rows.sum(axis=1, keepdims=True))


def cases(loss: Loss, seed: int, draws: int = 5) -> Iterator[Case]:
    rng = np.random.default_rng([seed, *loss.name.encode()])
    for params in parameters(loss, rng, draws) if loss.params else [loss.defaults] * (draws // 2):
        bound = BoundLoss(loss, sane(params))
        n = int(rng.integers(1, 60))
        weight = [None, rng.random(n) + 1e-3, rng.integers(0, 4, n).astype(np.float64)][
            rng.integers(0, 3)
        ]
        if weight is not None and not weight.any():
            weight[0] = 1.0
        w = None if weight is None else "w"
        for k in shapes(loss):
            names = tuple(f"p{j}" for j in range(k))
            form = loss.form(k)
            if form in ("classes", "distribution"):
                shares = simplex(rng, n, k)
                soft = tuple(np.ascontiguousarray(column) for column in shares.T)
                ys = tuple(f"y{j}" for j in range(k))
                yield Case(Task(bound, Columns(ys, names, w, names)), soft, weight)
                if form == "classes":
                    labels = Text(rng.integers(0, k, n) * rng.integers(0, 2, n), names)
                    yield Case(Task(bound, Columns(("y",), names, w, names)), [labels], weight)
                continue
            several = k if form in ("elementwise", "vectors") else 1
            y = [truth(bound, rng, n) for _ in range(several)]
            if form == "vectors":
                y = [column + 0.1 for column in y]
            ys = tuple(f"y{j}" for j in range(several))
            rules = Rules(outputs_sum=bool(rng.integers(0, 2)))
            yield Case(Task(bound, Columns(ys, names, w), rules), y, weight)


def sane(params: dict[str, Any]) -> dict[str, Any]:
    """Bring settings of extreme size to where float64 holds the losses of ordinary numbers."""
    found = dict(params)
    for name, low, high in (
        ("pos_weight", 1e-6, 1e6),
        ("gamma", 0.0, 8.0),
        ("power", -3.0, 4.0),
        ("t", -5.0, 5.0),
        ("base", 1.1, 10.0),
        ("q", 1e-6, 1 - 1e-6),
        ("alpha", 1e-6, 1 - 1e-6),
    ):
        if found.get(name) is not None:
            found[name] = min(max(found[name], low), high)
    return found


def shapes(loss: Loss) -> tuple[int, ...]:
    if loss.roles:
        return (len(loss.roles),)
    if loss.kind == "elementwise":
        return (1,) if loss.aggregate in ("r2", "explained_variance", "max") else (1, 3)
    return (1, 3) if loss.kind == "either" else (3,)


WITH_FLOOR = [loss for loss in all_losses() if loss.name not in NONE]


def rivals(case: Case, best: Floats, rng: Random) -> Iterator[Floats]:
    """Give other constants: near the best one, far away, and what an optimiser finds."""
    task, k = case.task, len(best)
    domains = task.bound.domains(k)
    simplexes = task.bound.loss.simplex and k > 1

    def allowed(c: Floats) -> Floats | None:
        if task.bound.loss.name == "nll":
            c = c - math.log(np.exp(c).sum())
        if simplexes:
            c = np.maximum(c, 0.0)
            c = c / c.sum() if c.any() else np.full(k, 1.0 / k)
        inside = all(float(x) in domain for x, domain in zip(c, domains, strict=True))
        rule = task.bound.loss.rule
        if rule is not None and rule.broken(best[np.newaxis], c[np.newaxis]).any():
            return None
        return c if inside else None

    finite = np.where(np.isfinite(best), best, np.sign(np.nan_to_num(best)) * 30.0)
    scale = np.maximum(np.abs(finite), 1e-3)
    tries = [finite + scale * 10.0 ** -rng.uniform(0, 8) * rng.normal(size=k) for _ in range(12)]
    tries += [rng.normal(size=k) * 10.0 ** rng.uniform(-2, 2) for _ in range(5)]
    tries += [rng.random(k) for _ in range(5)]
    tries += [np.full(k, 0.0), np.full(k, 1.0), np.full(k, -1.0), np.full(k, 1.0 / k)]
    for c in tries:
        found = allowed(np.asarray(c))
        if found is not None:
            yield found

    def cost(c: Floats) -> float:
        found = allowed(np.asarray(c, dtype=np.float64))
        value = math.inf if found is None else case.value(found.tolist())
        return min(value, 1e300)

    result = optimize.minimize(
        cost, finite * 1.01 + 1e-3, method="Nelder-Mead", options={"maxiter": 20 * k}
    )
    found = allowed(np.asarray(result.x, dtype=np.float64))
    if found is not None:
        yield found


@pytest.mark.parametrize("loss", WITH_FLOOR, ids=str)
def test_no_constant_is_better_and_the_best_one_has_the_value(loss: Loss) -> None:
    rng = np.random.default_rng(list(loss.name.encode()))
    seen = 0
    for case in cases(loss, 1):
        if probe_of(case.task, 0) is None:
            continue
        floor = case.floor()
        if floor is None:
            continue
        best = np.atleast_1d(np.array(floor.constant))
        if loss.kind == "vectors":
            best = best / np.linalg.norm(best)
        seen += 1
        within = LOOSE.get(loss.name, 1e-14)
        sign = -1.0 if loss.higher_is_better else 1.0
        own = case.value(best.tolist()) if not loss.higher_is_better else floor.value
        size = max(abs(floor.value), 1e-3 if loss.signed else 0.0)
        # a constant is one float64, at most half a unit from the best real number
        off = 1e-32 * max(1.0, float(np.abs(best[np.isfinite(best)]).max(initial=0.0)) ** 2)
        assert own == pytest.approx(floor.value, rel=within, abs=within * size + off), case.task
        if loss.higher_is_better and np.ptp(np.asarray(case.y[0])) == 0.0:
            continue
        for other in rivals(case, best, rng):
            value = case.value(other.tolist())
            assert sign * value >= sign * floor.value - within * size - off, (
                case.task,
                best,
                other,
            )
    assert seen >= 1


def test_the_losses_without_a_floor_are_these() -> None:
    found = {
        loss.name for loss in all_losses() if not loss.constant_of(1) and not loss.constant_of(3)
    }
    assert found == NONE


def extreme(loss: Loss) -> Iterator[Case]:
    """Give truths and weights of any size."""
    rng = np.random.default_rng([9, *loss.name.encode()])
    for sample in samples(loss, 4, 2, 8):
        k = 1 if sample.yhat.ndim < 2 else sample.yhat.shape[1]
        if k > 20:
            continue
        names = tuple(f"p{j}" for j in range(k))
        rows = rng.permutation(len(sample.yhat))[: rng.integers(1, 30)]
        y, n = np.asarray(sample.y)[rows], len(rows)
        columns = [Text(y, names)] if y.dtype.kind == "i" else list(np.atleast_2d(y.T))
        weight = [None, 10.0 ** rng.uniform(-300, 300, n), rng.random(n)][rng.integers(0, 3)]
        ys = ("y",) if len(columns) == 1 else tuple(f"y{j}" for j in range(k))
        classes = names if loss.form(k) in ("classes", "distribution") else None
        w = None if weight is None else "w"
        yield Case(Task(sample.bound, Columns(ys, names, w, classes)), columns, weight)


@pytest.mark.parametrize("loss", WITH_FLOOR, ids=str)
def test_extreme_truths_and_weights_have_the_value_of_a_constant_or_none(
    loss: Loss, monkeypatch: pytest.MonkeyPatch
) -> None:
    for case in extreme(loss):
        if probe_of(case.task, 0) is None:
            continue
        monkeypatch.setattr(lossctl.tally, "LIMIT", 0)
        case.floor()
        monkeypatch.setattr(lossctl.tally, "LIMIT", 1 << 20)
        floor = case.floor()
        if floor is None or loss.higher_is_better:
            continue
        value = case.value(np.atleast_1d(np.array(floor.constant)).tolist())
        if value == math.inf:  # squares beyond float64, whose mean or root need not be
            assert floor.value == math.inf or loss.name in ("mse", "rmse")
            continue
        # a weight beside which the others are nothing leaves a spread that is all rounding
        off = 1e-15 if loss.name in LOOSE else 1e-31
        assert floor.value == pytest.approx(value, rel=1e-9, abs=off)


ROWS = ("quantiles", "relative_quantiles", "deviance")
IN_PARTS = [loss for loss in WITH_FLOOR if loss.name not in ("rmse", "rmsle", "perplexity")]


@pytest.mark.parametrize("limit", [1 << 20, 20])
@pytest.mark.parametrize("loss", IN_PARTS, ids=str)
def test_any_parts_in_any_order_give_the_same_bits(
    loss: Loss, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lossctl.tally, "LIMIT", limit)
    monkeypatch.setattr(lossctl.tally, "PENDING", 7)
    monkeypatch.setattr(lossctl.tally, "PIECES", 3)
    rng = np.random.default_rng(5)
    for case in cases(loss, 2, 3):
        if probe_of(case.task, 0) is None:
            continue
        n = len(case.y[0])
        parts = np.array_split(rng.permutation(n), rng.integers(1, 6))
        nothing = np.empty(0, dtype=np.intp)
        assert case.floor(nothing, *parts) == case.floor()
        assert case.floor(*[[row] for row in range(n)]) == case.floor()


@pytest.mark.parametrize(
    "loss", [loss for loss in WITH_FLOOR if (loss.constant_of(3) or NOTHING).kind in ROWS], ids=str
)
def test_rows_too_many_to_keep_give_a_constant_next_to_the_best(
    loss: Loss, monkeypatch: pytest.MonkeyPatch
) -> None:
    for case in cases(loss, 3, 10):
        if probe_of(case.task, 0) is None:
            continue
        monkeypatch.setattr(lossctl.tally, "LIMIT", 1 << 20)
        exact = case.floor()
        monkeypatch.setattr(lossctl.tally, "LIMIT", 0)
        found = case.floor()
        if exact is None or found is None:
            assert exact == found
            continue
        quantiles = loss.constant_of(3).kind != "deviance"  # type: ignore[union-attr]  # it has one
        assert (exact.approximate, found.approximate) == (False, quantiles)
        value = case.value(np.atleast_1d(np.array(found.constant)).tolist())
        if quantiles:
            assert found.value == pytest.approx(value, rel=1e-12, abs=1e-300)
            assert found.value >= exact.value * (1 - 1e-12)
            assert found.value <= exact.value + width_of_bins(case, found) + 1e-300
        else:
            assert found == exact._replace(value=found.value)
            assert found.value == pytest.approx(exact.value, rel=1e-9, abs=1e-12)


def width_of_bins(case: Case, found: Floor) -> float:
    """Return what a step over a whole bin may cost: a slope times 2⁻⁷ of the constant."""
    loss, k = case.task.bound.loss, len(case.task.columns.pred)
    constant = loss.constant_of(k)
    assert constant is not None
    assert constant.of is not None
    levels, factor = constant.of(case.task.bound.params, k)
    y = np.array([np.asarray(column) for column in case.y])
    per = {
        "mape": lambda: np.average(1.0 / np.abs(y), axis=1, weights=case.weight).max(),
        "wape": lambda: 1.0 / np.average(np.abs(y), axis=1, weights=case.weight).mean(),
    }.get(loss.name, lambda: 1.0)()
    step = 2.0**-7 * float(np.abs(np.array(found.constant)).max())
    return float(factor) * len(levels) * len(case.y) * step * float(per)


def mapped(spec: str, y: Any, w: Any = None, rules: Rules | None = None) -> tuple[Task, Floor]:
    bound = parse_specs(spec)[0].bound
    task = Task(bound, Columns(("y",), ("p",), None if w is None else "w"), rules or Rules())
    weight = None if w is None else np.array(w, dtype=np.float64)
    floor = Case(task, [np.array(y, dtype=np.float64)], weight).floor()
    assert floor is not None
    return task, floor


def test_known_floors() -> None:
    assert mapped("mse", [1, 2, 3])[1] == Floor(2.0, "the mean of y", 2 / 3)
    assert mapped("rmse", [1, 2, 3], [1, 0, 1])[1] == Floor(2.0, "the weighted mean of y", 1.0)
    assert mapped("mae", [1, 2, 9])[1] == Floor(2.0, "the median of y", 8 / 3)
    assert mapped("mae", [1, 2, 9], [1, 1, 3])[1].what == "the weighted median of y"
    assert mapped("max_error", [1, 2, 9])[1] == Floor(5.0, "the middle of the range of y", 4.0)
    assert mapped("wape", [1, 2, 9])[1].value == 8 / 12
    assert mapped("quantile:q=0.9", range(1, 11))[1].constant == 9.0
    assert mapped("zero_one", [1, 1, 0])[1] == Floor(1.0, "the majority of y", 1 / 3)
    assert mapped("r2", [1, 2, 3])[1] == Floor(2.0, "the mean of y", 0.0)
    assert mapped("brier", [1, 0, 0, 0])[1] == Floor(0.25, "the base rate of y", 0.1875)
    bce = mapped("bce", [1, 0, 0, 0])[1]
    assert (bce.constant, bce.what) == (0.25, "the base rate of y")
    assert bce.value == pytest.approx(0.5623351446188083, rel=1e-15)
    logit = mapped("bce_with_logits", [1, 0, 0, 0])[1]
    assert logit.constant == pytest.approx(-math.log(3.0), rel=1e-15)
    assert logit.value == pytest.approx(bce.value, rel=1e-15)
    assert mapped("bce_with_logits", [1, 1])[1].constant == math.inf


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=40))
def test_whole_numbers_have_an_exact_median_however_many_they_are(y: list[int]) -> None:
    """Small whole numbers are edges of bins, so that the digest finds the best constant itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lossctl.tally, "LIMIT", 0)
        found = mapped("mae", y)[1]
    assert found.value == pytest.approx(mapped("mae", y)[1].value, rel=1e-15)


def test_weights_that_are_whole_are_repeated_rows() -> None:
    y = [0.0, 1.0, 1.0, 0.25]
    for spec in ("mse", "bce", "hinge", "poisson_deviance", "mae", "msle"):
        weighed = mapped(spec, y, [1, 2, 0, 3])[1]
        repeated = mapped(spec, [0.0, 1.0, 1.0, 0.25, 0.25, 0.25])[1]
        assert weighed.constant == pytest.approx(repeated.constant, rel=1e-15)
        assert weighed.value == pytest.approx(repeated.value, rel=1e-15)


def test_rules_change_the_constant() -> None:
    weighted = mapped("bce", [1, 0, 0], None, Rules(class_weight={"1": 2.0}))[1]
    assert (weighted.constant, weighted.what) == (0.5, "the weighted base rate of y")
    assert mapped("bce", [1, 0, 0, 5e-1], None, Rules(ignore="0.5"))[1].constant == 1 / 3
    lifted = mapped("bce_with_logits:pos_weight=3", [1, 0, 0, 0])[1]
    assert lifted.constant == pytest.approx(0.0, abs=1e-15)
    smoothed = mapped("bce:label_smoothing=0.5", [1, 0, 0, 0])[1]
    assert smoothed.constant == 0.375


def test_several_outputs_have_a_constant_each() -> None:
    y = [np.array([1.0, 3.0]), np.array([0.0, 10.0])]
    for rules, value in ((Rules(), 13.0), (Rules(outputs_sum=True), 26.0)):
        task = Task(BoundLoss(find("mse")), Columns(("a", "b"), ("p", "q")), rules)
        assert Case(task, y, None).floor() == Floor((2.0, 5.0), "the mean of each y", value)


def test_skill() -> None:
    for spec, y, value, due in (
        ("mse", [1, 2, 3], 1 / 3, 0.5),
        ("mse", [1, 2, 3], 0.0, 1.0),
        ("mse", [1, 2, 3], math.inf, -math.inf),
        ("r2", [1, 2, 3], 0.75, 0.75),
        ("mse", [2, 2], 1.0, None),  # nothing to gain
        ("poisson_nll", [1, 2, 3], 0.1, None),  # a perfect value is not known
    ):
        task, floor = mapped(spec, y)
        found = skill(task, value, floor)
        assert found is None if due is None else found == pytest.approx(due, rel=1e-15)
    assert skill(mapped("mse", [1])[0], 1.0, None) is None


def test_a_constant_outside_the_domain_is_none() -> None:
    for spec in ("poisson_nll", "poisson_nll_with_log", "poisson_deviance"):
        bound = parse_specs(spec)[0].bound
        case = Case(Task(bound, Columns(("y",), ("p",))), [np.zeros(3)], None)
        assert case.floor() is None


def test_no_rows_and_no_weight_have_no_floor() -> None:
    task = Task(BoundLoss(find("mse")), Columns(("y",), ("p",), "w"))
    assert Case(task, [np.array([1.0, 2.0])], np.zeros(2)).floor() is None
    assert floor_of(task, lossctl.tally.Moments()) is None


def test_tasks_that_rest_on_the_same_share_a_key() -> None:
    def key(spec: str, y: str = "y", w: str | None = None) -> object:
        probe = probe_of(Task(parse_specs(spec)[0].bound, Columns((y,), ("p",), w)), 0)
        assert probe is not None
        return probe.key

    assert key("mse") == key("rmse")
    assert key("mae") == key("quantile:q=0.9") == key("wape")
    assert key("bce") == key("hinge") == key("bce:label_smoothing=0.1")
    assert len({key("mse"), key("mse", "z"), key("mse", "y", "w"), key("mae"), key("msle")}) == 5
    assert key("tweedie_deviance:power=1.2") != key("tweedie_deviance:power=1.3")


def test_json() -> None:
    task, floor = mapped("bce_with_logits", [1, 1])
    assert floor_dict(floor, skill(task, 1.0, floor)) == {
        "constant": "Infinity",
        "what": "the logit of the base rate of y",
        "value": 0.0,
        "skill": None,
        "exact": True,
    }
    assert floor_dict(None, None)["what"] == "none"


def test_units() -> None:
    part = lossctl.tally.Moments.of((np.array([1.0, 2.0]),), None, squares=True)
    assert part.weight.units == 2 * ONE
    assert (float(part.mean(0)), float(part.variance(0))) == (1.5, 0.25)
