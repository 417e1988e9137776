"""What is loaded, and when: nobody pays for a library that is not used."""

from __future__ import annotations

import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import lossctl

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("numpy", "typer", "rich", "polars", "pandas", "matplotlib", "jinja2")


def loaded_by(script: str, *arguments: object, stdin: bytes = b"") -> set[str]:
    """Return the heavy packages that a fresh interpreter has loaded at the end of a script."""
    tail = (
        "\nimport sys\n"
        f"print(*(name for name in {HEAVY} if name in sys.modules), file=sys.stderr)\n"
    )
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-c", script + tail, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)},
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return set(done.stderr.decode().split())


PROGRAM = """
import sys
from lossctl.cli.app import run
assert run(sys.argv[1:]) == 0
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.csv"
    path.write_text("y,yhat\n1,2\n3,5\n")
    return path


def test_importing_the_package_costs_nothing() -> None:
    assert loaded_by("import lossctl") == set()
    assert loaded_by("import lossctl; lossctl.__version__, lossctl.errors.InputError") == set()


def test_the_library_does_without_the_command_line() -> None:
    assert loaded_by("import lossctl; lossctl.get_loss('mse')([1.0], [2.0])") == {"numpy"}
    script = "import lossctl; lossctl.evaluate({'y': [1.0], 'yhat': [2.0]}, 'mse').to_json()"
    assert loaded_by(script) == {"numpy"}


def test_help_needs_no_numbers() -> None:
    for words in (["--help"], ["--version"], ["eval", "--help"], ["samples", "--help"]):
        assert loaded_by(PROGRAM, *words) == {"typer"}
    for words in (["plot", "--help"], ["plot", "samples", "--help"]):
        assert loaded_by(PROGRAM, *words) == {"typer"}
    assert loaded_by(PROGRAM, "schema") == {"typer"}


def test_a_small_file_needs_no_dataframe_engine(small: Path) -> None:
    for options in (["-q"], ["--json"], ["-f", "csv"], ["-f", "markdown"]):
        assert loaded_by(PROGRAM, "eval", "mse", small, *options) == {"typer", "numpy"}
    assert loaded_by(PROGRAM, "mse", "-q", stdin=small.read_bytes()) == {"typer", "numpy"}


def test_small_files_are_matched_without_a_dataframe_engine(small: Path) -> None:
    for how in (["--key", "y"], ["--by-position"]):
        options = ["--truth", small, *how, "-y", "yhat", "-p", "yhat", "-q"]
        assert loaded_by(PROGRAM, "eval", "mse", small, *options) == {"typer", "numpy"}


FAMILIES = """
families = sorted(name for name in sys.modules if name.startswith("lossctl.losses."))
import lossctl.losses.index
known = {f"lossctl.losses.{name}" for name in lossctl.losses.index.FAMILIES}
print(*(name for name in families if name in known))
"""


def test_one_loss_does_not_load_the_catalogue(small: Path) -> None:
    for spec, families in (
        ("mse", ["lossctl.losses.regression"]),
        ("pinball:q=0.1", ["lossctl.losses.quantile"]),
        ("mae,hinge", ["lossctl.losses.margin", "lossctl.losses.regression"]),
    ):
        path = small if "hinge" not in spec else small.with_name("labels.csv")
        path.write_text("y,yhat\n1,2\n0,5\n")
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM + FAMILIES, "eval", spec, str(path), "-q"],
            capture_output=True,
            cwd=ROOT,
            check=True,
            text=True,
        )
        assert done.stdout.splitlines()[-1].split() == families


def test_a_table_needs_rich_and_no_more(small: Path) -> None:
    assert loaded_by(PROGRAM, "eval", "mse", small) == {"typer", "numpy", "rich"}


def test_a_page_needs_what_draws_and_fills_it(small: Path) -> None:
    loaded = loaded_by(PROGRAM, "eval", "mse", small, "-f", "html")
    assert loaded == {"typer", "numpy", "matplotlib", "jinja2"}


def test_a_picture_needs_matplotlib_and_no_pandas(small: Path) -> None:
    picture = small.with_name("picture.svg")
    words = ["plot", "samples", "mse", small, "-o", picture]
    assert loaded_by(PROGRAM, *words) == {"typer", "numpy", "matplotlib"}


def test_a_large_file_needs_polars_and_no_pandas(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_text("y,yhat\n" + "1,2\n" * 300_000)
    assert loaded_by(PROGRAM, "eval", "mse", path, "-q") == {"typer", "numpy", "polars"}


def test_samples_are_written_without_pandas(small: Path) -> None:
    assert loaded_by(PROGRAM, "samples", "mse", small) == {"typer", "numpy", "polars"}
    assert "polars" not in loaded_by(PROGRAM, "samples", "mse", small, "-f", "jsonl")


def test_every_module_can_be_the_first_to_be_imported() -> None:
    names = [
        module.name
        for module in pkgutil.walk_packages(lossctl.__path__, "lossctl.")
        if not module.name.endswith(".dask")
    ]
    assert "lossctl.__main__" in names
    assert len(names) > 30
    script = """
import importlib, sys
for name in sys.argv[1:]:
    for known in [known for known in sys.modules if known.partition(".")[0] == "lossctl"]:
        del sys.modules[known]
    importlib.import_module(name)  # lossctl.__main__ among them: it must not run the program
"""
    assert "numpy" in loaded_by(script, *names)


def test_the_program_starts_as_a_module(small: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lossctl", "mse", "-q", str(small)],
        capture_output=True,
        cwd=ROOT,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"2.5\n", b"")
