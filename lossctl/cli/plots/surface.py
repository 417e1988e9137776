"""``lossctl plot surface``: J(w) over two weights, and the path of a descent."""

from __future__ import annotations

from lossctl.cli import options as opt
from lossctl.cli import training
from lossctl.cli.plots.canvas import Form, Output, ThemeName, canvas_of


def command(
    loss: opt.OneLoss,
    files: opt.Files = None,
    target: training.Target = None,
    features: training.Features = None,
    weight: opt.Weight = None,
    optimizer: training.Optimizer = "sgd",
    lr: training.Rate = None,
    batch_size: training.BatchSize = None,
    epochs: training.Epochs = None,
    tol: training.Tolerance = None,
    l2: training.Penalty = 0.0,
    standardize: training.Standardize = False,
    seed: training.Seed = 0,
    missing: opt.Missing = "error",
    positive: opt.Positive = None,
    class_weight: opt.ClassWeight = None,
    ignore: opt.Ignore = None,
    delimiter: opt.Delimiter = None,
    no_header: opt.NoHeader = False,
    input_format: opt.InputFormat = None,
    threads: opt.Threads = None,
    output: Output = None,
    form: Form = None,
    theme: ThemeName = "light",
) -> None:
    """Draw the loss of a linear model over two weights.

    J(w) as contours, and the path that fit takes down it. Of two features the plane is that of
    their weights, and the intercept stays where the descent ended; of one feature, that of its
    weight and the intercept. Every row is scored under some 2,400 weights: a million rows take a
    while.

    lossctl plot surface mse train.csv --features x1,x2 --target y -o surface.svg
    """
    canvas = canvas_of(output, form, theme)
    settings = opt.read_options(
        y=None,
        pred=None,
        weight=weight,
        missing=missing,
        positive=positive,
        class_weight=class_weight,
        ignore=ignore,
        delimiter=delimiter,
        no_header=no_header,
        input_format=input_format,
        threads=threads,
    )
    from lossctl.cli.streams import followed, inputs, loaded
    from lossctl.options import make_options
    from lossctl.training.landscape import surface_of
    from lossctl.training.ready import Asked
    from lossctl.training.settings import Settings

    chosen = make_options(**settings)
    trained = Settings(
        optimizer=optimizer,
        lr=lr,
        batch_size=batch_size,
        epochs=epochs,
        tol=tol,
        l2=l2,
        standardize=standardize,
        seed=seed,
    )
    asked = Asked(opt.once(target, "--target"), tuple(features or ()), trained)
    loaded()
    with followed() as watch:
        surface = surface_of(inputs(files), loss, chosen, asked, watch)
    canvas.paint(surface)
