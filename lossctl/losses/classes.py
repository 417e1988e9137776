"""Losses of one label among k classes, or of k soft labels."""

import numpy as np

from lossctl.losses.clipping import still_where_moved, surprise, unsigned
from lossctl.losses.constants import frequencies, log_frequencies
from lossctl.losses.domain import LOG_UNIT, LOGIT, UNIT
from lossctl.losses.labels import Clip, Labels, Smoothing, shares, smooth, soft_shares
from lossctl.losses.registry import ONE_INFINITY, Constant, Floats, Slope, loss
from lossctl.losses.rows import one_hot, pick, row_sum, times


@loss(
    "categorical_cross_entropy",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
    "sparse_categorical_cross_entropy",
    "multi_logloss",
    "mlogloss",
    task="multi-class",
    kind="classes",
    y=UNIT,
    pred=UNIT,
    simplex=True,
    clip="eps",
    hint="Logits? Use cce_with_logits.",
    constant=Constant("classes", "the class frequencies of y", of=frequencies),
    flat="only the prediction for the true class counts",
)
def cce(
    y: Floats | Labels, yhat: Floats, *, label_smoothing: Smoothing = 0.0, eps: Clip = 0.0
) -> tuple[Floats, Slope]:
    """Categorical cross-entropy of class probabilities: the surprise at the class that came.

    Formula:    ℓ = −Σₖ tₖ ln pₖ; t is one-hot for a label, or k soft labels; p = ŷ
    Gradient:   ∂ℓ/∂pₖ = −tₖ/pₖ, 0 where tₖ = 0
    Value:      L = Σ wℓ / Σ w, in nats

    Behaviour:  Only the probability of the class that came counts, so how the rest is spread
                over wrong classes makes no difference. p = 0.01 for it costs 4.6 and p = 0 costs
                ∞: one sure miss can outweigh, and outpull, all other rows. label_smoothing ε
                replaces t by t(1 − ε) + ε/k. eps moves p into [eps, 1 − eps] first (slope 0
                where it did) and the report counts the rows. The gradient is that of the
                formula, each pₖ a variable of its own; it does not know that they sum to 1.
    Choose it:  to judge class probabilities. A class probability that does not sum to 1 with
                the others is an error here (see --normalize). Not where a sure miss must not cost
                without bound (brier).
    Elsewhere:  Some texts print Σⱼ yⱼ ln ŷⱼ + (1 − yⱼ) ln(1 − ŷⱼ) under this name: that is bce
                over the class columns with --outputs sum, a different number. Keras
                CategoricalCrossentropy and SparseCategoricalCrossentropy rescale rows that do
                not sum to 1 and clip at 1e-7; scikit-learn log_loss only warns of such rows, and
                sorts labels as text ("10" < "9") to match columns. LightGBM multi_logloss,
                XGBoost mlogloss. torch CrossEntropyLoss takes logits: here cce_with_logits.
    Example:    $ lossctl cce sample_data/wine.csv -y cultivar -p 'p_*' -q --precision 6
                0.137964
    Source:     Bishop, 4.3.4.

    >>> import numpy as np
    >>> cce(np.array([0]), np.array([[0.5, 0.5]]))[1]().tolist()
    [[-2.0, 0.0]]
    """
    classes = yhat.shape[-1]
    dense: Floats | None = None
    if label_smoothing or y.ndim == yhat.ndim:
        dense = smooth(shares(y, classes), label_smoothing, classes)
        value = row_sum(times(dense, surprise(yhat, eps)))
    else:
        value = surprise(pick(yhat, y.astype(np.intp)), eps)

    def slope() -> Floats:
        t = shares(y, classes) if dense is None else dense
        return still_where_moved(np.where(t == 0.0, 0.0, -t / unsigned(yhat)), yhat, eps)

    return value + 0.0, slope  # −ln 1 is −0


@loss(
    "cross_entropy_loss",
    "softmax_cross_entropy",
    "softmax_cross_entropy_with_logits",
    "softmax_cross_entropy_with_integer_labels",
    "safe_softmax_cross_entropy",
    "sparse_softmax_cross_entropy_with_logits",
    "categorical_cross_entropy_with_logits",
    task="multi-class",
    kind="classes",
    y=UNIT,
    pred=LOGIT,
    rule=ONE_INFINITY,
    constant=Constant(
        "classes", "the logarithms of the class frequencies of y", of=log_frequencies
    ),
)
def cce_with_logits(
    y: Floats | Labels, yhat: Floats, *, label_smoothing: Smoothing = 0.0
) -> tuple[Floats, Slope]:
    """Categorical cross-entropy of logits z, from which p = softmax(z).

    Formula:    ℓ = Σₖ tₖ · ln Σⱼ e^(zⱼ − zₖ), z = ŷ; t is one-hot for a label
    Gradient:   ∂ℓ/∂z = Σt · softmax(z) − t; the label's own entry as −Σ of the others
    Value:      L = Σ wℓ / Σ w, in nats

    Behaviour:  The same number as cce of softmax(z), to the last digits where the softmax
                saturates. Each slope lies in [−1, 1] and a row's slopes sum to 0: an outlier costs
                in proportion to its logits and pulls no harder than any miss. An infinite logit
                of the right class costs 0; two infinite logits in a row are an error.
    Choose it:  whenever the model's outputs are logits; never pass them through a softmax first.
                Not where several classes may be true at once (bce_with_logits on each).
    Elsewhere:  torch CrossEntropyLoss and its cross_entropy (with class weights Σwℓ/Σw for hard
                labels, Σwℓ/N for soft ones), Keras CategoricalCrossentropy(from_logits=True),
                optax softmax_cross_entropy, TensorFlow softmax_cross_entropy_with_logits. torch
                returns NaN for an infinite logit.
    Example:    $ lossctl cce_with_logits sample_data/digits.csv -y digit -p 'z_*' -q --precision 6
                0.153918
    Source:     Bishop, 4.3.4; tf.nn.softmax_cross_entropy_with_logits.

    >>> import numpy as np
    >>> cce_with_logits(np.array([0]), np.array([[1000.0, 0.0]]))[0].tolist()
    [0.0]
    """
    classes = yhat.shape[-1]
    top = np.argmax(yhat, axis=-1)
    height = pick(yhat, top)
    powers = _powers(yhat, height, top)
    rest = row_sum(_without(powers, top))
    dense: Floats | None = None

    if y.ndim < yhat.ndim and not label_smoothing:
        labels = y.astype(np.intp)
        below = height - pick(yhat, labels)
        value = np.where(labels == top, 0.0, below) + np.log1p(rest)
    else:
        dense = smooth(shares(y, classes), label_smoothing, classes)
        below = _without(height[..., np.newaxis] - yhat, top)
        costs = times(dense, below + np.log1p(rest)[..., np.newaxis])
        high = height[..., np.newaxis]
        too_far = np.isinf(below) & np.isfinite(high) & np.isfinite(yhat)
        if too_far.any():  # the difference is beyond float64, its share need not be
            costs = np.where(too_far, dense * high - dense * yhat, costs)
        value = row_sum(costs)

    def slope() -> Floats:
        # (Σt)·p − t as (Σt − t)·p − t·(1 − p), with both differences free of cancellation
        total = 1.0 + rest
        softmax = powers / total[..., np.newaxis]
        not_softmax = 1.0 - softmax
        _put(not_softmax, top, rest / total)
        if dense is None:
            _put(softmax, labels, 0.0 - pick(not_softmax, labels))
            return softmax
        most = np.argmax(dense, axis=-1)
        not_t = row_sum(dense)[..., np.newaxis] - dense
        _put(not_t, most, row_sum(_without(dense, most)))
        return not_t * softmax - dense * not_softmax

    return value, slope


@loss(
    task="multi-class",
    kind="classes",
    y=UNIT,
    pred=UNIT,
    aggregate="exp",
    simplex=True,
    clip="eps",
    hint="Log-probabilities or logits? Use nll or cce_with_logits.",
    constant=Constant("classes", "the class frequencies of y", of=frequencies),
    flat="only the prediction for the true class counts",
)
def perplexity(
    y: Floats | Labels, yhat: Floats, *, label_smoothing: Smoothing = 0.0, eps: Clip = 0.0
) -> tuple[Floats, Slope]:
    """Perplexity, the number of equally likely classes that would leave as much doubt.

    Formula:    ℓ = −Σₖ tₖ ln pₖ; t is one-hot for a label, or k soft labels; p = ŷ
    Gradient:   ∂ℓ/∂pₖ = −tₖ/pₖ, 0 where tₖ = 0; of the value: gᵢ = L · wᵢsᵢ / Σw
    Value:      L = exp(Σ wℓ / Σ w), from 1 (sure and right); k for a uniform guess

    Behaviour:  It ranks models as cce does; its gradient is L times that of cce, so a bad model
                takes larger steps. One p = 0 for what came makes it ∞. It is no mean of per-row
                numbers: the average of the perplexities of mini-batches is not the perplexity.
                label_smoothing and eps are those of cce.
    Choose it:  to report language models, or any cce, as a number of choices. To train, cce has
                the same minimum and the simpler gradient.
    Elsewhere:  torchmetrics Perplexity takes logits and applies a softmax to whatever it gets:
                log-probabilities give this number, probabilities another. keras_hub Perplexity
                takes probabilities unless from_logits is set. Tools for language models also
                print 2^(bits): the same number.
    Example:    $ lossctl perplexity sample_data/wine.csv -y cultivar -p 'p_*' -q --precision 6
                1.14793
    Source:     Jelinek et al., "Perplexity: a measure of the difficulty of speech recognition
                tasks" (1977).

    >>> import numpy as np
    >>> float(perplexity(np.array([0]), np.array([[0.5, 0.5]]))[0][0]).__round__(12)
    0.69314718056
    """
    return cce(y, yhat, label_smoothing=label_smoothing, eps=eps)


@loss(
    "nll_loss",
    "negative_log_likelihood",
    task="multi-class",
    kind="classes",
    y=UNIT,
    pred=LOG_UNIT,
    hint="Log-probabilities are wanted: for logits cce_with_logits, for probabilities cce.",
    constant=Constant(
        "classes", "the logarithms of the class frequencies of y", of=log_frequencies
    ),
    flat="only the prediction for the true class counts",
)
def nll(
    y: Floats | Labels, yhat: Floats, *, label_smoothing: Smoothing = 0.0
) -> tuple[Floats, Slope]:
    """Negative log-likelihood of log-probabilities: the surprise at the class that came.

    Formula:    ℓ = −Σₖ tₖ ŷₖ, ŷₖ = ln pₖ ≤ 0; t is one-hot for a label; 0·(−∞) = 0
    Gradient:   ∂ℓ/∂ŷₖ = −tₖ
    Value:      L = Σ wℓ / Σ w, in nats

    Behaviour:  Linear in ŷ: every row pulls with force 1 on its class, and a sure miss, far down
                in ln p, costs in proportion; ln p = −∞ for what came costs ∞. That the
                probabilities sum to 1 is for the model to see to: rows that sum to more look
                better than they are. label_smoothing ε replaces t by t(1 − ε) + ε/k.
    Choose it:  where a model prints log-probabilities (log_softmax). For logits it is the wrong
                number (cce_with_logits).
    Elsewhere:  torch NLLLoss and nll_loss, which take any numbers and do not see that logits
                were passed. What libraries call the log-likelihood of other models: gaussian_nll,
                poisson_nll.
    Example:    $ lossctl nll sample_data/wine.csv -y cultivar -p 'lp_*' -q --precision 6
                0.137964
    Source:     Bishop, "Pattern Recognition and Machine Learning", 4.3.4.

    >>> import numpy as np
    >>> loss, slope = nll(np.array([1]), np.array([[-np.inf, 0.0]]))
    >>> loss.tolist(), slope().tolist()
    ([0.0], [[0.0, -1.0]])
    """
    classes = yhat.shape[-1]
    dense = soft_shares(y, yhat, label_smoothing)
    if dense is None:
        value = 0.0 - pick(yhat, y.astype(np.intp))
    else:
        value = 0.0 - row_sum(times(dense, yhat))
    return value, lambda: 0.0 - (shares(y, classes) if dense is None else dense)


def _powers(z: Floats, height: Floats, top: Labels) -> Floats:
    """Return e^(z − height) for every entry of a row, where height is its largest, at ``top``.

    The rounding error of the difference, some 10⁻¹³ at −700, would come out multiplied by 2⁵²: it
    is carried along (Knuth's two-sum).
    """
    high = height[..., np.newaxis]
    difference = z - high
    shadow = difference - z
    error = (z - (difference - shadow)) - (high + shadow)
    powers = np.exp(difference)
    powers += powers * np.where(difference > -1000.0, error, 0.0)
    at_infinity = np.isposinf(height)
    if at_infinity.any():  # ∞ − ∞: all of the probability is there
        powers = np.where(at_infinity[..., np.newaxis], one_hot(top, z.shape[-1]), powers)
    return powers


def _without(x: Floats, labels: Labels) -> Floats:
    """Return x with a 0 in the column of each row's label."""
    others = x.copy()
    _put(others, labels, np.zeros(labels.shape))
    return others


def _put(x: Floats, labels: Labels, entries: Floats) -> None:
    """Set the entry in the column of each row's label."""
    np.put_along_axis(x, labels[..., np.newaxis], entries[..., np.newaxis], axis=-1)
