import re
import subprocess
import sys
from pathlib import Path

from lossctl.version import VERSION
from tests.docs.readme import README, ROOT, refreshed


def test_every_command_prints_what_the_readme_says() -> None:
    """Refresh with ``python -m tests.docs.readme`` and look at the difference."""
    text = README.read_text()
    assert "$ lossctl" in text
    assert refreshed(text) == text


def test_the_python_block_runs() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    subprocess.run([sys.executable, "-W", "error", "-c", block], cwd=ROOT, check=True)


def test_the_two_commands_are_there_and_ci_runs_the_second() -> None:
    first, second = re.findall(r"```sh\n(.*?)\n```", README.read_text(), re.DOTALL)[:2]
    assert first == (
        "python3 -m venv .venv && .venv/bin/pip install . && "
        ".venv/bin/lossctl eval mse,mae,rmse sample_data/diabetes.csv"
    )
    assert second == ".venv/bin/pip install '.[dev]' && .venv/bin/python -m pytest"
    script = (ROOT / ".ci" / "run").read_text()
    for part in ("pip\" install --quiet '.[dev]'", 'python" -m pytest'):
        assert part in script


def test_the_top_level_holds_what_was_agreed() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    top = {Path(name).parts[0] for name in tracked}
    agreed = {"pyproject.toml", "README.md", "LICENSE", "lossctl", "tests", "sample_data"}
    assert {name for name in top if not name.startswith(".")} <= agreed


def test_the_version_is_the_same_everywhere() -> None:
    assert f'version = "{VERSION}"' in (ROOT / "pyproject.toml").read_text()
