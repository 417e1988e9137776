"""What is measured: the cases, who runs in each, and the bars they are held to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .data import Dataset

Answer = Literal["number", "json", "table", "page", "picture", "finite", "none"]
Quantity = Literal["time", "peak", "peaks alike"]

MILLION = 1_000_000

PAIR = Dataset("pair", 442)
PLAIN_10 = Dataset("plain", 10 * MILLION)
PLAIN_50 = Dataset("plain", 50 * MILLION)
QUOTED = Dataset("quoted", 10 * MILLION)
TEXT = Dataset("text", 10 * MILLION)
MATCH = Dataset("match", 5 * MILLION)
WIDE = Dataset("wide", 3 * MILLION)

LOSSCTL = "lossctl"


@dataclass(frozen=True)
class Contender:
    """A command that is timed as a whole process.

    In `argv`, ``{python}``, ``{peers}``, ``{file}``, ``{truth}`` and ``{out}`` stand for the
    interpreter, the directory of the peer scripts, the data file, that of its truth where it has
    one, and the file to write. `answer` says where the value to be checked is: the bare number on
    standard output, the report there, the per-row table or the page written to ``{out}``, any
    finite number, a picture in ``{out}`` that is an SVG of less than 300 KB, or nowhere. With
    `piped`, the data file comes through ``cat`` on standard input. `module` or `program` must be
    installed, else it is not run.
    """

    name: str
    argv: tuple[str, ...]
    data: Dataset
    answer: Answer = "number"
    piped: bool = False
    module: str = ""
    program: str = ""


@dataclass(frozen=True)
class Judgement:
    """A number drawn from the measurements and what it is held to.

    ``time`` is the median over the rounds of the subject's time over the reference's; ``peak`` is
    the subject's peak memory in MB; ``peaks alike`` is the larger of two peaks over the smaller.
    A number reaches the bar, or the aim, at or below it, and with `at_least` at or above it.
    Without a bar the number is only shown.
    """

    subject: str
    reference: str = ""
    bar: float | None = None
    aim: float | None = None
    quantity: Quantity = "time"
    at_least: bool = False


@dataclass(frozen=True)
class Case:
    """Contenders that take turns, round after round, and the judgements on them.

    With `array_rows` there are no contenders: the module `array_module` of ``tests.bench`` times
    lossctl and numpy on arrays of that many rows inside one process.
    """

    name: str
    description: str
    contenders: tuple[Contender, ...]
    judgements: tuple[Judgement, ...]
    rounds: int
    array_rows: int = 0
    array_module: str = "arrays"


def lossctl_eval(data: Dataset, *options: str, name: str = LOSSCTL) -> Contender:
    """Return ``lossctl eval mse`` on a file, printing the bare value."""
    argv = ("{python}", "-m", "lossctl", "eval", "mse", "{file}", "-q", *options)
    return Contender(name, argv, data)


def script(module: str, data: Dataset) -> Contender:
    """Return the peer that computes the mean squared error with `module`."""
    argv = ("{python}", f"{{peers}}/{module}_mse.py", "{file}")
    return Contender(module, argv, data, module=module)


def versus(peer: str, bar: float | None = None, aim: float | None = None) -> Judgement:
    """Return the judgement of lossctl's time against a peer's."""
    return Judgement(LOSSCTL, peer, bar, aim)


MOST = 3.0  # no loss is slower than this many times mse over the same columns


def catalogue(name: str, data: Dataset, columns: tuple[str, ...], *losses: str) -> Case:
    """Return the case of losses that read the same columns as mse does in it."""
    reference = Contender("mse", _value("mse", columns), data, answer="finite")
    others = tuple(Contender(loss, _value(loss, columns), data, answer="finite") for loss in losses)
    judgements = tuple(Judgement(loss, "mse", MOST) for loss in losses)
    what = f"eval LOSS -q {' '.join(columns)} beside mse over the same columns"
    return Case(f"losses-{name}", what, (reference, *others), judgements, rounds=3)


def _value(loss: str, columns: tuple[str, ...]) -> tuple[str, ...]:
    return ("{python}", "-m", "lossctl", "eval", loss, "{file}", "-q", *columns)


def pairs(name: str, data: Dataset, pairs: dict[str, tuple[str, ...]], mse: str) -> Case:
    """Return the case of losses that read as many columns as mse does, but in their own roles."""
    reference = Contender("mse", _value("mse", tuple(mse.split())), data, answer="finite")
    others = tuple(Contender(n, _value(n, c), data, answer="finite") for n, c in pairs.items())
    judgements = tuple(Judgement(loss, "mse", MOST) for loss in pairs)
    what = "eval LOSS -q beside mse over as many columns"
    return Case(f"losses-{name}", what, (reference, *others), judgements, rounds=3)


FULL = Contender(
    "--json",
    ("{python}", "-m", "lossctl", "eval", "mse", "{file}", "--json"),
    PLAIN_10,
    answer="json",
)

CASES = (
    Case(
        "startup",
        "eval mse -q on a small y,yhat file, beside a Typer program with as many options"
        " that imports numpy and returns",
        (
            lossctl_eval(PAIR),
            Contender(
                "typer",
                ("{python}", "{peers}/typer_start.py", "mse", "{file}", "-q"),
                PAIR,
                answer="none",
                module="typer",
            ),
            script("numpy", PAIR),
        ),
        (versus("typer", 1.15, 1.05), versus("numpy")),
        rounds=31,
    ),
    Case(
        "csv10",
        "eval mse -q on id,y,yhat",
        (
            lossctl_eval(PLAIN_10),
            script("polars", PLAIN_10),
            script("duckdb", PLAIN_10),
            script("pandas", PLAIN_10),
            script("numpy", PLAIN_10),
            Contender(
                "mawk",
                ("mawk", "-F,", "-f", "{peers}/mse.awk", "{file}"),
                PLAIN_10,
                program="mawk",
            ),
        ),
        (
            versus("polars", 1.6, 1.0),
            versus("duckdb", 1.15, 0.7),
            versus("pandas", 0.7, 0.45),
            versus("numpy"),
            versus("mawk"),
        ),
        rounds=7,
    ),
    Case(
        "csv50",
        "eval mse -q on id,y,yhat",
        (lossctl_eval(PLAIN_50), script("polars", PLAIN_50), script("duckdb", PLAIN_50)),
        (versus("polars", 1.45, 1.0), versus("duckdb", 1.05, 0.7)),
        rounds=5,
    ),
    Case(
        "quoted",
        "eval mse -q with a text column, a comma and so quotes in one row of ten,"
        " beside the same rows without either",
        (lossctl_eval(QUOTED, name="quoted"), lossctl_eval(TEXT, name="unquoted")),
        (Judgement("quoted", "unquoted", 2.5, 1.2),),
        rounds=7,
    ),
    Case(
        "wide",
        "eval mse -q on two of thirty columns",
        (lossctl_eval(WIDE), script("polars", WIDE)),
        (versus("polars", 2.0, 1.2),),
        rounds=7,
    ),
    Case(
        "full",
        "the full report with gradients, quantiles and worst rows, beside -q",
        (
            FULL,
            lossctl_eval(PLAIN_10, name="-q"),
        ),
        (Judgement("--json", "-q", 1.6, 1.25),),
        rounds=7,
    ),
    Case(
        "plot",
        "plot samples mse -o OUT.svg, beside the full report",
        (
            Contender(
                "plot",
                (
                    *("{python}", "-m", "lossctl", "plot", "samples", "mse", "{file}"),
                    *("-o", "{out}", "-f", "svg"),
                ),
                PLAIN_10,
                answer="picture",
                module="matplotlib",
            ),
            FULL,
        ),
        (Judgement("plot", "--json", 1.5),),
        rounds=7,
    ),
    Case(
        "pipe",
        "cat FILE | lossctl eval mse -q, beside the same from the file",
        (
            Contender(
                "pipe",
                ("{python}", "-m", "lossctl", "eval", "mse", "-q"),
                PLAIN_10,
                piped=True,
            ),
            lossctl_eval(PLAIN_10, name="file"),
        ),
        (Judgement("pipe", "file", 1.15, 1.05),),
        rounds=7,
    ),
    Case(
        "match",
        "eval mse -q on id,yhat with id,y in another file and another order, matched by id",
        (
            Contender(
                LOSSCTL,
                (
                    *("{python}", "-m", "lossctl", "eval", "mse", "{file}", "-q"),
                    *("--truth", "{truth}", "--key", "id"),
                ),
                MATCH,
            ),
            Contender(
                "polars",
                ("{python}", "{peers}/polars_match.py", "{file}", "{truth}"),
                MATCH,
                module="polars",
            ),
        ),
        (versus("polars", 2.0, 1.3),),
        rounds=7,
    ),
    Case(
        "samples",
        "samples mse -o OUT.csv, the table with one row per row",
        (
            Contender(
                LOSSCTL,
                ("{python}", "-m", "lossctl", "samples", "mse", "{file}", "-o", "{out}"),
                PLAIN_10,
                answer="table",
            ),
            Contender(
                "polars",
                ("{python}", "{peers}/polars_samples.py", "{file}", "{out}"),
                PLAIN_10,
                answer="table",
                module="polars",
            ),
        ),
        (versus("polars", 1.5, 1.0),),
        rounds=5,
    ),
    Case(
        "threads",
        "eval mse -q: how many times faster two threads are than one",
        (
            lossctl_eval(PLAIN_50, "--threads", "1", name="1 thread"),
            lossctl_eval(PLAIN_50, "--threads", "2", name="2 threads"),
        ),
        (Judgement("1 thread", "2 threads", 1.6, 1.9, at_least=True),),
        rounds=5,
    ),
    Case(
        "memory",
        "eval mse -q: peak memory, and that it does not grow with the file",
        (
            lossctl_eval(PLAIN_10, name="small file"),
            lossctl_eval(PLAIN_50, name="large file"),
        ),
        (
            Judgement("small file", bar=250, aim=150, quantity="peak"),
            Judgement("large file", bar=250, aim=150, quantity="peak"),
            Judgement("large file", "small file", bar=1.1, quantity="peaks alike"),
        ),
        rounds=3,
    ),
    Case(
        "arrays",
        "lossctl.evaluate(value_only=True) on numpy arrays beside np.mean((y - p) ** 2), by turns"
        " in one process whose peak memory is shown for both",
        (),
        (versus("numpy", 2.0, 1.0),),
        rounds=9,
        array_rows=50 * MILLION,
    ),
    Case(
        "fit",
        "lossctl.fit(mse, linear, one epoch of sgd at 1,024) on 20 numpy arrays beside the two bare"
        " matrix products of each mini-batch, by turns in one process",
        (),
        (Judgement(LOSSCTL, "shuffled", 3.0), Judgement(LOSSCTL, "in order")),
        rounds=9,
        array_rows=MILLION,
        array_module="fitting",
    ),
    Case(
        "check",
        "check with twenty checks of one file and all guards, beside one full report of it",
        (
            Contender(
                "20 checks",
                ("{python}", "{peers}/check_twenty.py", "{file}", "{out}"),
                PLAIN_10,
                answer="none",
            ),
            FULL,
        ),
        (Judgement("20 checks", "--json", 2.5),),
        rounds=5,
    ),
    Case(
        "compare",
        "compare mse of two columns with interval, t test and guards, beside one full report",
        (
            Contender(
                "compare",
                (
                    *("{python}", "-m", "lossctl", "compare", "mse", "{file}"),
                    *("-p", "id", "-p", "yhat", "--json", "-o", "/dev/null"),
                ),
                PLAIN_10,
                answer="none",
            ),
            FULL,
        ),
        (Judgement("compare", "--json", 1.5),),
        rounds=5,
    ),
    Case(
        "html",
        "eval mse -f html -o OUT.html, the page with its pictures, beside --json",
        (
            Contender(
                "-f html",
                (
                    *("{python}", "-m", "lossctl", "eval", "mse", "{file}"),
                    *("-f", "html", "-o", "{out}"),
                ),
                PLAIN_10,
                answer="page",
            ),
            FULL,
        ),
        (Judgement("-f html", "--json", 3.0),),
        rounds=5,
    ),
    catalogue(
        "real",
        PLAIN_10,
        (),
        *("mae", "rmse", "mean_bias", "median_ae", "max_error", "r2", "explained_variance"),
        *("huber", "smooth_l1", "pseudo_huber", "log_cosh", "fair", "cauchy"),
        *("epsilon_insensitive", "quantile:q=0.9", "expectile:q=0.9", "mape", "smape", "wape"),
    ),
    catalogue(
        "positive",
        Dataset("positive", 10 * MILLION),
        (),
        *("msle", "rmsle", "poisson_nll", "poisson_deviance", "gamma_deviance", "gamma_nll"),
        *("tweedie_deviance", "tweedie_nll"),
    ),
    catalogue(
        "binary",
        Dataset("binary", 10 * MILLION),
        (),
        *("bce", "brier", "focal", "zero_one"),
    ),
    catalogue(
        "logits",
        Dataset("logits", 10 * MILLION),
        (),
        *("bce_with_logits", "focal_with_logits", "hinge", "squared_hinge", "exponential"),
        "poisson_nll_with_log",
    ),
    catalogue(
        "classes",
        Dataset("classes", 10 * MILLION),
        ("-y", "label", "-p", "p_*"),
        *("cce", "perplexity", "brier", "focal", "zero_one"),
    ),
    catalogue(
        "scores",
        Dataset("scores", 10 * MILLION),
        ("-y", "label", "-p", "p_*"),
        *("cce_with_logits", "focal_with_logits", "categorical_hinge", "multiclass_hinge"),
    ),
    catalogue(
        "shares",
        Dataset("shares", 10 * MILLION),
        ("-y", "y_*", "-p", "p_*"),
        *("cross_entropy", "kl_divergence", "js_divergence", "cosine_distance"),
    ),
    pairs(
        "shares-more",
        Dataset("shares", 10 * MILLION),
        {"nll": ("-y", "y_*", "-p", "l_*")},
        "-y y_* -p l_*",
    ),
    pairs(
        "entropy",
        Dataset("shares", 10 * MILLION),
        {"entropy": ("-p", "p_*")},
        "-y p_ant,p_bee -p p_bee,p_cat",
    ),
    pairs(
        "forecast",
        Dataset("forecast", 10 * MILLION),
        {"gaussian_nll": (), "interval_score": ()},
        "-y y,mean -p mean,variance",
    ),
    pairs(
        "ensemble",
        Dataset("ensemble", 10 * MILLION),
        {"crps": ("-p", "m_*")},
        "-y y,m_1,m_2,m_3 -p m_1,m_2,m_3,m_4",
    ),
)
