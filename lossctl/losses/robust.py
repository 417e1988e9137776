"""Losses between mse and mae: quadratic near the truth, tamer far from it; e = ŷ − y.

Each has a scale, the distance at which it changes its nature. Where ŷ − y overflows, a quarter of
it and of the scale takes its place: in those units the loss has the same shape.
"""

import math
from collections.abc import Callable
from typing import Annotated

import numpy as np

from lossctl.losses.accurate import (
    LN2_HIGH,
    LN2_LOW,
    difference,
    plus,
    quotient,
    replaced,
    two_product,
    two_sum,
    x_minus_log1p,
)
from lossctl.losses.domain import NOT_NEGATIVE, POSITIVE
from lossctl.losses.registry import Flags, Floats, Slope, loss

Scale = Annotated[float, POSITIVE]
Width = Annotated[float, NOT_NEGATIVE]
Core = Callable[[Floats, Floats, float], tuple[Floats, Slope]]

LARGE = 2.0**500  # a scale below cannot be told from 0 beside a distance that overflows
LOG_COSH = (  # ln cosh √z / z on [0, 9/16], to 2⁻⁵⁹; from mpmath's chebyfit
    *(0.5, -0.08333333333333269, 0.02222222222215754, -0.0067460317434871325),
    *(0.0021869488014526445, -0.0007386023221838909, 0.00025657553171000224),
    *(-9.096279781304856e-05, 3.268047270322507e-05, -1.1702763976921858e-05),
    *(3.953222593287847e-06, -1.0877301036102407e-06, 1.712980917330056e-07),
)


@loss("huber_loss", task="regression")
def huber(y: Floats, yhat: Floats, *, delta: Scale = 1.0) -> tuple[Floats, Slope]:
    """Huber loss: half the squared error up to δ, a straight line beyond.

    Formula:    ℓ = ½e² where |e| ≤ δ, else δ(|e| − ½δ), e = ŷ − y
    Gradient:   ∂ℓ/∂ŷ = e where |e| ≤ δ, else δ sign(e)
    Value:      L = Σ wℓ / Σ w, in the square of the unit of y

    Behaviour:  Near the truth it is half of mse, and the pull fades as it should; beyond δ the
                pull stays at δ, so that one outlier counts in proportion and never pulls harder
                than a row that is off by δ. It has no kink. A large delta gives ½ mse, a small
                one delta times mae. δ has the unit of y: set it to what is still an
                ordinary error.
    Choose it:  to train where most errors are ordinary and a few rows are wrong. Where outliers
                should be forgotten rather than bounded, cauchy.
    Elsewhere:  torch HuberLoss, Keras Huber and optax huber_loss (delta, default 1), LightGBM
                huber (alpha, default 0.9), scikit-learn HuberRegressor (epsilon, in units of a
                fitted scale). smooth_l1 is huber divided by its δ; XGBoost has only
                pseudo_huber.
    Example:    $ lossctl huber:delta=50 sample_data/diabetes.csv -q --precision 6
                1247.06
    Source:     Huber, "Robust estimation of a location parameter" (1964).

    >>> import numpy as np
    >>> loss, slope = huber(np.array([0.0, 0.0]), np.array([1.0, 5.0]), delta=2)
    >>> loss.tolist(), slope().tolist()
    ([0.5, 8.0], [1.0, 2.0])
    """
    return _at_any_distance(_huber, y, yhat, delta)


def _huber(e: Floats, lost: Floats, delta: float) -> tuple[Floats, Slope]:
    size = np.abs(e)
    reach, rest = two_sum(size, -0.5 * delta)
    line = plus(delta * reach, delta * (rest + np.sign(e) * lost))
    return np.where(size <= delta, 0.5 * e * e, line), lambda: np.clip(e, -delta, delta) + 0.0


@loss("smooth_l1_loss", task="regression")
def smooth_l1(y: Floats, yhat: Floats, *, beta: Scale = 1.0) -> tuple[Floats, Slope]:
    """Smooth L1 loss: the absolute error with its kink rounded off within β.

    Formula:    ℓ = ½e²/β where |e| < β, else |e| − ½β, e = ŷ − y
    Gradient:   ∂ℓ/∂ŷ = e/β where |e| < β, else sign(e)
    Value:      L = Σ wℓ / Σ w, in the unit of y

    Behaviour:  It is huber with δ = β divided by β: far away it is mae less ½β with a pull of
                1, near the truth the pull fades. One outlier counts in proportion and pulls no
                harder than any other row beyond β. A small beta gives mae, a large one a
                flatter and flatter parabola.
    Choose it:  for box coordinates and other regressions where mae is right but its constant
                step keeps crossing the answer.
    Elsewhere:  torch SmoothL1Loss (beta, default 1). It takes beta = 0 as well, which is mae here.
                The same number as huber only where β = 1.
    Example:    $ lossctl smooth_l1:beta=50 sample_data/diabetes.csv -q --precision 6
                24.9412
    Source:     Girshick, "Fast R-CNN" (2015).

    >>> import numpy as np
    >>> smooth_l1(np.array([0.0, 0.0]), np.array([1.0, 5.0]), beta=2)[0].tolist()
    [0.25, 4.0]
    """
    return _at_any_distance(_smooth_l1, y, yhat, beta, power=1)


def _smooth_l1(e: Floats, lost: Floats, beta: float) -> tuple[Floats, Slope]:
    size = np.abs(e)
    ratio = np.clip(e / beta, -1.0, 1.0)
    reach, rest = two_sum(size, -0.5 * beta)
    line = reach + (rest + np.sign(e) * lost)
    return np.where(size < beta, ratio * (0.5 * e) + ratio * lost, line), lambda: ratio + 0.0


@loss("pseudo_huber_loss", "pseudohubererror", "mphe", task="regression")
def pseudo_huber(y: Floats, yhat: Floats, *, delta: Scale = 1.0) -> tuple[Floats, Slope]:
    """Pseudo-Huber loss: a hyperbola that is half the squared error near 0 and straight far away.

    Formula:    ℓ = δ²(√(1 + (e/δ)²) − 1), e = ŷ − y
    Gradient:   ∂ℓ/∂ŷ = e / √(1 + (e/δ)²)
    Value:      L = Σ wℓ / Σ w, in the square of the unit of y

    Behaviour:  As huber, but with all derivatives: the pull grows as e near the truth and
                levels off towards δ, of which it has 71 % at |e| = δ. One outlier counts in
                proportion. A large delta gives ½ mse, a small one delta times mae.
    Choose it:  where huber is right and the method wants second derivatives (Newton steps,
                gradient boosting).
    Elsewhere:  XGBoost reg:pseudohubererror and its metric mphe (huber_slope = δ, default 1);
                scipy.special.pseudo_huber; scipy least_squares loss="soft_l1" (f_scale = δ).
                torch and Keras have none.
    Example:    $ lossctl pseudo_huber:delta=50 sample_data/diabetes.csv -q --precision 6
                1037.98
    Source:     Hartley and Zisserman, "Multiple View Geometry", A6.8; Charbonnier et al. (1997).

    >>> import numpy as np
    >>> pseudo_huber(np.array([0.0, 0.0]), np.array([0.75, 2.4]))[0].round(12).tolist()
    [0.25, 1.6]
    """
    return _at_any_distance(_pseudo_huber, y, yhat, delta)


def _pseudo_huber(e: Floats, lost: Floats, delta: float) -> tuple[Floats, Slope]:
    size = np.abs(e)
    near = size <= delta
    smaller = np.minimum(size, delta)
    ratio = smaller / np.maximum(size, delta)
    square = ratio * ratio
    excess = square / (1.0 + np.sqrt(1.0 + square))  # √(1 + t²) − 1
    # e²/(1 + √(1 + t²)), which has no difference; beyond δ in terms of 1/t
    whole, rest = np.where(near, 2.0, 1.0), np.where(near, excess, ratio + excess)
    base = whole + rest
    share, left = quotient(size, -size * (((whole - base) + rest) / base), base)
    left = np.where((size > 1e-280) & (size < 1e290), left, 0.0)  # where its parts are sound
    pull = smaller / (1.0 + excess)
    value = plus(smaller * share, smaller * left + np.sign(e) * lost * pull)

    def slope() -> Floats:
        root = 1.0 + excess
        return np.copysign(pull - pull * (((1.0 - root) + excess) / root), e) + 0.0

    return value, slope


@loss("logcosh", "log_cosh_error", task="regression")
def log_cosh(y: Floats, yhat: Floats) -> tuple[Floats, Slope]:
    """Log-cosh loss: the logarithm of cosh e, half the squared error near 0 and straight far away.

    Formula:    ℓ = ln cosh e = |e| + ln(1 + e^(−2|e|)) − ln 2, e = ŷ − y
    Gradient:   ∂ℓ/∂ŷ = tanh e
    Value:      L = Σ wℓ / Σ w

    Behaviour:  The pull is e near the truth and levels off at 1, which it has to 0.1 % from
                |e| = 4 on: one outlier counts as in mae, less ln 2. There is no parameter, so
                the unit of y decides where it bends: errors in the hundreds give mae − 0.693.
    Choose it:  on a standardised y, as a smooth mae. Else huber or pseudo_huber, whose scale can
                be set.
    Elsewhere:  Keras LogCosh, torchmetrics LogCoshError, optax log_cosh, CatBoost LogCosh.
                cosh e itself overflows beyond |e| = 710.4; here nothing does.
    Example:    $ lossctl log_cosh sample_data/diabetes.csv -q --precision 6
                43.6689
    Source:     Green, "Bayesian reconstructions from emission tomography data" (1990).

    >>> import numpy as np
    >>> log_cosh(np.array([0.0, 0.0]), np.array([0.0, 1000.0]))[0].round(4).tolist()
    [0.0, 999.3069]
    """
    e, lost = difference(yhat, y)
    size, lost = np.abs(e), np.sign(e) * lost
    square = np.minimum(size, 0.75) ** 2
    series = np.full_like(square, LOG_COSH[-1])
    for coefficient in reversed(LOG_COSH[:-1]):
        series *= square
        series += coefficient
    near = square * series + size * (1.0 - square / 3.0) * lost
    far = (size - LN2_HIGH) + (np.log1p(np.exp(-2.0 * size)) - LN2_LOW + lost)
    return np.where(size <= 0.75, near, far), lambda: np.tanh(e) + 0.0


@loss("fair_loss", task="regression")
def fair(y: Floats, yhat: Floats, *, c: Scale = 1.0) -> tuple[Floats, Slope]:
    """Fair loss: half the squared error near 0, almost straight far away, convex throughout.

    Formula:    ℓ = c²(|e|/c − ln(1 + |e|/c)), e = ŷ − y
    Gradient:   ∂ℓ/∂ŷ = e / (1 + |e|/c)
    Value:      L = Σ wℓ / Σ w, in the square of the unit of y

    Behaviour:  The pull is halved against that of the parabola at |e| = c already, and rises
                slowly towards c: it bends earlier and longer than huber. One outlier counts a
                little less than in proportion. A large c gives ½ mse, a small one c times mae.
    Choose it:  as a smooth stand-in for mae in gradient boosting. For a sharper line between
                ordinary errors and outliers, huber.
    Elsewhere:  LightGBM fair (fair_c, default 1). torch, Keras and XGBoost have none.
    Example:    $ lossctl fair:c=50 sample_data/diabetes.csv -q --precision 6
                767.849
    Source:     Fair, "On the robust estimation of econometric models" (1974).

    >>> import numpy as np
    >>> fair(np.array([0.0]), np.array([1.0]))[0].round(4).tolist()
    [0.3069]
    """
    return _at_any_distance(_fair, y, yhat, c)


def _fair(e: Floats, lost: Floats, c: float) -> tuple[Floats, Slope]:
    size = np.abs(e)
    t, rest, middle, unit, power = _in_scales(size, np.sign(e) * lost, c, 2.0**57, 2.0**70)
    value = _shift(unit * (unit * x_minus_log1p(t, rest)), 2 * power)
    if not middle.all():
        value = np.where(middle, value, np.where(size < c, 0.5 * e * e, c * size))

    def slope() -> Floats:
        smaller, larger = np.minimum(size, c), np.maximum(size, c)
        return np.copysign(smaller / (1.0 + smaller / larger), e) + 0.0

    return value, slope


@loss("cauchy_loss", task="regression")
def cauchy(y: Floats, yhat: Floats, *, c: Scale = 1.0) -> tuple[Floats, Slope]:
    """Cauchy loss: half the squared error near 0, a logarithm far away.

    Formula:    ℓ = ½c² ln(1 + (e/c)²), e = ŷ − y
    Gradient:   ∂ℓ/∂ŷ = e / (1 + (e/c)²)
    Value:      L = Σ wℓ / Σ w, in the square of the unit of y

    Behaviour:  The pull is strongest at |e| = c, where it is ½c, and then fades: an outlier is
                let go, and a distance ten times as large adds only c² ln 10. It is not convex:
                training from far away hardly moves, and several minima are possible. A large c
                gives ½ mse; a small one hears only the rows next to the prediction.
    Choose it:  where outliers are junk and the start is near. Begin with huber otherwise.
    Elsewhere:  scipy least_squares loss="cauchy" (f_scale = c). The Lorentzian of robust vision,
                ln(1 + ½(e/s)²), is this at c = s√2, divided by s². torch, Keras, XGBoost and
                LightGBM have none.
    Example:    $ lossctl cauchy:c=50 sample_data/diabetes.csv -q --precision 6
                764.47
    Source:     Black and Anandan, "The robust estimation of multiple motions" (1996).

    >>> import numpy as np
    >>> cauchy(np.array([0.0]), np.array([1.0]))[0].round(4).tolist()
    [0.3466]
    """
    return _at_any_distance(_cauchy, y, yhat, c)


def _cauchy(e: Floats, lost: Floats, c: float) -> tuple[Floats, Slope]:
    size = np.abs(e)
    t, rest, middle, unit, power = _in_scales(size, np.sign(e) * lost, c, 2.0**28, 2.0**28)
    square, square_lost = two_product(t, t)
    log = np.log1p(square) + (square_lost + 2.0 * t * rest) / (1.0 + square)
    if not middle.all():
        part, exponent = np.frexp(size)
        c_part, c_exponent = math.frexp(c)
        wide = 2.0 * (np.log(part / c_part) + (exponent - c_exponent) * math.log(2.0))
        log = np.where(size > c, np.where(middle, log, wide), log)
    value = _shift(0.5 * unit * (unit * log), 2 * power)
    if not middle.all():
        value = np.where(middle | (size > c), value, 0.5 * e * e)

    def slope() -> Floats:
        smaller = np.minimum(size, c)
        ratio = smaller / np.maximum(size, c)
        steep = np.where(size <= c, size, c * ratio) / (1.0 + ratio * ratio)
        return np.copysign(steep, e) + 0.0

    return value, slope


@loss(
    "epsilon_insensitive_loss",
    task="regression",
    flat="it is flat within epsilon = {epsilon:g} of the truth",
)
def epsilon_insensitive(y: Floats, yhat: Floats, *, epsilon: Width = 0.1) -> tuple[Floats, Slope]:
    """Epsilon-insensitive loss: the absolute error beyond a tube in which nothing counts.

    Formula:    ℓ = max(0, |ŷ − y| − ε)
    Gradient:   ∂ℓ/∂ŷ = sign(ŷ − y) where |ŷ − y| > ε, else 0
    Value:      L = Σ wℓ / Σ w, in the unit of y

    Behaviour:  Errors up to ε are free and pull nothing; beyond, every row pulls with the same
                force as in mae, so that an outlier counts in proportion. Many predictions can have
                the loss 0. At the edge of the tube the slope is 0. epsilon has the unit of y; 0
                gives mae.
    Choose it:  where there is a tolerance, or for support vector regression. Not to rank models
                that all lie within it.
    Elsewhere:  scikit-learn SVR and SGDRegressor(loss="epsilon_insensitive") with epsilon 0.1,
                LinearSVR with epsilon 0, where none is given. Their
                "squared_epsilon_insensitive" is its square.
    Example:    $ lossctl epsilon_insensitive:epsilon=20 sample_data/diabetes.csv -q --precision 6
                27.1087
    Source:     Vapnik, "The Nature of Statistical Learning Theory" (1995), 6.1.

    >>> import numpy as np
    >>> epsilon_insensitive(np.array([0.0, 0.0]), np.array([0.25, 2.0]), epsilon=0.5)[0].tolist()
    [0.0, 1.5]
    """
    e, lost = difference(yhat, y)
    beyond = _beyond(e, lost, epsilon)
    far = np.isinf(e)
    if far.any():
        part, part_lost = difference(yhat[far] / 4.0, y[far] / 4.0)
        beyond = replaced(beyond, far, 4.0 * _beyond(part, part_lost, epsilon / 4.0))
    return np.maximum(beyond, 0.0), lambda: np.where(beyond > 0.0, np.sign(e), 0.0)


def _in_scales(
    size: Floats, lost: Floats, c: float, below: float, above: float
) -> tuple[Floats, Floats, Flags, float, int]:
    """Return t = (|e| + lost)/c as a pair, 0 where t is not within 1/below and above, and where.

    c comes back as unit · 2ᵖᵒʷᵉʳ, such that nothing overflows or vanishes on the way.
    """
    unit, power = (c, 0) if 1e-100 < c < 1e100 else math.frexp(c)
    scaled, lost = _shift(size, -power), _shift(lost, -power)
    middle = (scaled > unit / below) & (scaled < unit * above)
    if not middle.all():
        scaled, lost = np.where(middle, scaled, 0.0), np.where(middle, lost, 0.0)
    return *quotient(scaled, lost, unit), middle, unit, power


def _shift(x: Floats, power: int) -> Floats:
    """Return x · 2ᵖᵒʷᵉʳ."""
    return np.ldexp(x, power) if power else x


def _beyond(e: Floats, lost: Floats, epsilon: float) -> Floats:
    """Return |e| − ε, with the right sign even where it is less than the rounding of e."""
    reach, rest = two_sum(np.abs(e), -epsilon)
    return reach + (rest + np.sign(e) * lost)


def _at_any_distance(
    core: Core, y: Floats, yhat: Floats, scale: float, power: int = 2
) -> tuple[Floats, Slope]:
    """Return the loss and slope; where e overflows, those of a quarter of e at a like scale.

    A quarter of everything has 4⁻ᵖ times the loss, p = 2 unless the loss has the unit of y. A
    smaller scale stays as it is, since a quarter of it may vanish: e is beyond it by so much that
    nothing but the far end counts, where the loss is a straight line (or ln |e| for cauchy).
    """
    e, lost = difference(yhat, y)
    value, slope = core(e, lost, scale)
    far = np.isinf(e)
    if not far.any():
        return value, slope
    part, part_lost = difference(yhat[far] / 4.0, y[far] / 4.0)
    if scale >= LARGE:
        far_value, far_slope = core(part, part_lost, scale / 4.0)
        return (
            replaced(value, far, 4.0**power * far_value),
            lambda: replaced(slope(), far, 4.0 ** (power - 1) * far_slope()),
        )
    far_value, far_slope = core(part, part_lost, scale)
    if core is _cauchy:
        return (
            replaced(value, far, far_value + scale * scale * math.log(4.0)),
            lambda: replaced(slope(), far, far_slope() / 4.0),
        )
    return replaced(value, far, 4.0 * far_value), lambda: replaced(slope(), far, far_slope())
