"""The CI jobs that the page shows: their lines run as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml

from lossctl.cli.summary import VARIABLE
from tests.docs.readme import ROOT

PAGE = ROOT / "README.md"
FENCE = re.compile(r"^```\w+\n# (?P<name>\S+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
FILES = {part["name"]: part["text"] for part in FENCE.finditer(PAGE.read_text(encoding="utf-8"))}
CONFIG, ACTIONS, GITLAB = "lossctl.toml", ".github/workflows/losses.yml", ".gitlab-ci.yml"
SHELL = "ci.sh"


def actions() -> list[str]:
    """Return what the steps of the workflow run, each in a shell of its own."""
    job: dict[str, Any] = yaml.safe_load(FILES[ACTIONS])["jobs"]["losses"]
    return [step["run"] for step in job["steps"] if "run" in step]


def gitlab() -> list[str]:
    """Return the script of the job, which is one shell."""
    return ["\n".join(yaml.safe_load(FILES[GITLAB])["losses"]["script"])]


JOBS = {"actions": (actions, "bash -e"), "gitlab": (gitlab, "bash -e")}
JOBS["shell"] = (lambda: [FILES[SHELL]], "sh")


def run(job: str, folder: Path, config: str) -> tuple[int, str]:
    """Run the lines of a job in a folder with a config; the code of the first that fails."""
    (folder / CONFIG).write_text(config)
    (folder / "sample_data").symlink_to(ROOT / "sample_data")
    tools = folder / ".tools"
    tools.mkdir()
    program = f'exec "{sys.executable}" -m lossctl "$@"'
    for name, line in (("lossctl", program), ("pip", "exit 0")):
        (tools / name).write_text(f"#!/bin/sh\n{line}\n")
        (tools / name).chmod(0o755)
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    environment[VARIABLE] = str(folder / "summary.md")
    lines, shell = JOBS[job]
    printed = ""
    for line in lines():
        done = subprocess.run(
            [*shell.split(), "-c", line],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        printed += done.stdout
        if done.returncode:
            return done.returncode, printed
    return 0, printed


def test_the_page_has_the_files_of_every_job() -> None:
    assert list(FILES) == [CONFIG, ACTIONS, GITLAB, SHELL]
    assert yaml.safe_load(FILES[GITLAB])["losses"]["artifacts"] == {
        "when": "always",
        "reports": {"junit": "report.xml"},
    }
    assert [len(lines()) for lines, _ in JOBS.values()] == [2, 1, 1]


@pytest.mark.parametrize("job", JOBS)
def test_a_job_passes_on_the_data_it_names(job: str, tmp_path: Path) -> None:
    code, printed = run(job, tmp_path, FILES[CONFIG])
    assert code == 0
    if job == "actions":
        assert [line[:6] for line in printed.splitlines()] == ["pass: "] * 2
        assert (tmp_path / "summary.md").read_text().startswith("### lossctl check ")
        return
    (suite,) = ET.parse(tmp_path / "report.xml").getroot()
    assert (suite.attrib["tests"], suite.attrib["failures"]) == ("2", "0")
    assert job == "gitlab" or printed == "every check passed\n"


@pytest.mark.parametrize("job", JOBS)
def test_a_job_fails_where_a_line_is_crossed_and_says_where(job: str, tmp_path: Path) -> None:
    config = FILES[CONFIG].replace("max = 3100", "max = 31")
    assert config != FILES[CONFIG]
    code, printed = run(job, tmp_path, config)
    assert code == 1
    if job == "actions":
        assert "\n::error file=sample_data/diabetes.csv,line=" in printed
        return
    (suite,) = ET.parse(tmp_path / "report.xml").getroot()
    assert suite.attrib["failures"] == "1"
    assert job == "gitlab" or printed == "failed; see report.xml\n"


def test_the_shell_goes_on_where_nothing_is_decided(tmp_path: Path) -> None:
    config = FILES[CONFIG].replace("5%", "2%")
    code, printed = run("shell", tmp_path, config)
    assert (code, printed) == (0, "too few rows to tell; see report.xml\n")
