"""A config is read into records, and every fault in it is one line that says where."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lossctl import get_loss
from lossctl.config import Config, Reading, load
from lossctl.config_keys import KEYS, reference
from lossctl.errors import ConfigError, ExitCode, UsageError
from lossctl.guards import GUARDS
from lossctl.margins import Margin
from lossctl.options import make_options
from lossctl.sources.csv_file import Dialect

Loaded = Callable[..., Config]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a working directory with some files that a config can name."""
    for name in ("preds.csv", "more.csv", "base.csv", "truth.csv"):
        (tmp_path / name).write_text("y,yhat\n1,2\n")
    (tmp_path / "base.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def loaded(folder: Path) -> Loaded:
    """Load a text as a config."""

    def load_text(text: str | bytes, name: str = "lossctl.toml") -> Config:
        (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
        return load(name)

    return load_text


EVERY_KEY = """
[defaults]
data = "preds.csv"
alpha = 0.01
missing = "skip"

[[check]]
name = "all of it"
loss = "huber:delta=2"
data = ["preds.csv", "more.csv"]
truth = "truth.csv"
key = ["id", "day"]
y = "y_*"
pred = 2
weight = "w"
max = 60
min = 0.5
baseline = "base.csv"
baseline_pred = "yhat_old"
no_worse_than = "1%"
by = ["sex", "age"]
cluster = "user"
positive = 1
ignore = "none"
class_weight = {cat = 2, dog = 0.5}
normalize = true
outputs = "sum"
delimiter = "tab"
header = false
input_format = "csv"
allow = ["floor", "same_file"]
top = 0
"""


def test_every_key_arrives(loaded: Loaded) -> None:
    (check,) = loaded(EVERY_KEY).checks
    assert check.name == "all of it"
    assert check.line == 7
    assert check.loss == "huber:delta=2"
    assert check.reading == Reading(
        data=("preds.csv", "more.csv"),
        truth=("truth.csv",),
        key=("id", "day"),
        baseline=("base.csv",),
        missing="skip",
        delimiter="tab",
        header=False,
        input_format="csv",
    )
    assert (check.maximum, check.minimum, check.alpha) == (60.0, 0.5, 0.01)
    assert (check.margin, check.better) == (Margin(0.01, relative=True), False)
    assert (check.recorded, check.baseline_pred, check.cluster) == (None, "yhat_old", "user")
    assert check.allow == {"floor", "same-file"}
    options = make_options(**check.options)
    assert (options.y, options.pred, options.weight) == ("y_*", "2", "w")
    assert (options.by, options.top, options.outputs) == (("sex", "age"), 0, "sum")
    assert (options.positive, options.ignore, options.normalize) == ("1", "none", True)
    assert options.class_weight == {"cat": 2.0, "dog": 0.5}
    assert options.dialect.delimiter == "\t"
    assert (options.missing, options.header, options.input_format) == ("skip", False, "csv")
    # by_position excludes key, better_by excludes no_worse_than: all others are in the text.
    assert {key for key in KEYS if key not in EVERY_KEY} == {"by_position", "better_by"}


def test_checks_that_read_alike_have_equal_readings(loaded: Loaded) -> None:
    one, two, three = loaded(
        '[defaults]\ndata = "preds.csv"\n[[check]]\nloss = "mse"\nmax = 1\n'
        '[[check]]\nloss = "mae"\nmax = 1\ny = "y"\n'
        '[[check]]\nloss = "bce"\nmax = 1\nmissing = "skip"\n'
    ).checks
    assert one.reading == two.reading != three.reading
    assert len({one.reading, two.reading, three.reading}) == 2


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("max = 60", "rmse at most 60"),
        ("max = 0.25\nmin = 0", "rmse at most 0.25 and at least 0"),
        ('max = 60\nby = ["sex", "age"]', "rmse at most 60 by sex, age"),
        ('no_worse_than = "1%"\nbaseline = "base.csv"', "rmse no worse than 1%"),
        ('better_by = 0.5\nbaseline_pred = "p"', "rmse better by 0.5"),
    ],
)
def test_a_check_without_a_name_is_named_after_its_gate(
    loaded: Loaded, said: str, name: str
) -> None:
    (check,) = loaded(f'[[check]]\ndata = "preds.csv"\nloss = "rmse"\n{said}\n').checks
    assert check.name == name


@pytest.mark.parametrize("name", ["base.json", "BASE.JSON"])
def test_a_report_is_a_baseline_that_is_not_read_with_the_data(
    loaded: Loaded, folder: Path, name: str
) -> None:
    (folder / name).write_text("{}")
    (check,) = loaded(
        f'[[check]]\ndata="preds.csv"\nloss="mse"\nbaseline="{name}"\nno_worse_than=1\n'
    ).checks
    assert check.recorded == name
    assert check.reading.baseline == ()
    assert not check.compares


@pytest.mark.parametrize(
    ("said", "compares"),
    [
        ('baseline = "base.csv"\nbetter_by = 0', True),
        ('baseline_pred = "old"\nbetter_by = 0', True),
        ('baseline = "base.csv"\nmax = 1', True),
        ("max = 1", False),
    ],
)
def test_a_check_compares_where_a_baseline_has_rows(
    loaded: Loaded, said: str, compares: bool
) -> None:
    (check,) = loaded(f'[[check]]\ndata="preds.csv"\nloss="mse"\n{said}\n').checks
    assert check.compares is compares


def test_what_a_check_says_itself_is_meant(loaded: Loaded) -> None:
    """Also of keys that exclude one another; defaults that mean nothing to a check are left."""
    one, two = loaded(
        '[defaults]\ndata="preds.csv"\nbaseline="base.csv"\nkey="id"\nno_worse_than="1%"\n'
        'alpha=0.1\ncluster="user"\n[[check]]\nloss="mse"\nbetter_by=2\nby_position=true\n'
        '[[check]]\nloss="mae"\n'
    ).checks
    assert (one.margin, one.better, one.reading.key) == (Margin(2.0), True, ())
    assert one.reading.by_position
    assert (two.margin, two.better, two.reading.key) == (Margin(0.01, True), False, ("id",))
    (three,) = loaded(
        '[defaults]\ndata="preds.csv"\nbaseline="base.csv"\nkey="id"\nalpha=0.1\n'
        'cluster="user"\n[[check]]\nloss="mse"\nmax=1\n'
    ).checks
    assert (three.reading.baseline, three.reading.key) == ((), ())
    assert (three.cluster, three.alpha) == (None, 0.05)
    (four,) = loaded(
        '[defaults]\ndata="preds.csv"\nbaseline_pred="old"\n[[check]]\nloss="mse"\nmax=1\n'
    ).checks
    assert four.baseline_pred is None
    assert not four.compares


def test_paths_are_relative_to_the_folder_of_the_config(folder: Path) -> None:
    (folder / "conf").mkdir()
    (folder / "conf" / "own.csv").write_text("y,yhat\n1,2\n")
    (folder / "conf" / "gates.toml").write_text(
        f'[[check]]\nloss="mse"\nmax=1\ndata=["own.csv", "../preds.csv", "{folder}/more.csv"]\n'
    )
    config = load("conf/gates.toml")
    assert config.path == "conf/gates.toml"
    assert config.checks[0].reading.data == (
        "conf/own.csv",
        "conf/../preds.csv",
        f"{folder}/more.csv",
    )


def test_nothing_in_a_path_is_expanded(loaded: Loaded, folder: Path) -> None:
    for name in ("$HOME.csv", "~", "*.csv", "{preds}.csv", "./-"):
        (folder / name).write_text("y,yhat\n1,2\n")
        (check,) = loaded(f"[[check]]\nloss='mse'\nmax=1\ndata='{name}'\n").checks
        assert check.reading.data == (name,)


CHECK = 'loss = "mse"\nmax = 1\ndata = "preds.csv"\n'


def test_the_config_is_found(folder: Path) -> None:
    (folder / "pyproject.toml").write_text(
        f"[tool.other]\nx = 1\n[tool.lossctl.defaults]\ntop = 2\n\n[[tool.lossctl.check]]\n{CHECK}"
    )
    config = load()
    assert config.path == "pyproject.toml"
    assert config.checks[0].line == 6
    assert config.checks[0].options == {"top": 2}
    (folder / "lossctl.toml").write_text(f"[[check]]\n{CHECK}")
    assert load().path == "lossctl.toml"


def test_a_line_in_a_pyproject_is_its_own(folder: Path) -> None:
    (folder / "pyproject.toml").write_text(
        "[tool.x]\nmax = 1\n[[tool.lossctl.check]]\nmax = true\n"
    )
    with pytest.raises(ConfigError) as caught:
        load()
    assert str(caught.value) == "pyproject.toml:4: max: must be a finite number, got true"


def test_no_config_says_what_to_run(folder: Path) -> None:
    init = "'lossctl check --init preds.csv' writes a lossctl.toml"
    with pytest.raises(UsageError) as caught:
        load()
    assert str(caught.value) == f"there is no lossctl.toml here, and no pyproject.toml: {init}"
    for text in ("", "[tool.other]\n", "[tool]\n"):
        (folder / "pyproject.toml").write_text(text)
        with pytest.raises(UsageError) as caught:
            load()
        assert str(caught.value) == f"pyproject.toml: has no [tool.lossctl]: {init}"
    (folder / "pyproject.toml").write_text("tool = 3\n")
    with pytest.raises(ConfigError, match=r"^pyproject.toml:1: tool: must be a table, got 3$"):
        load()


def faults() -> list[tuple[str, str]]:
    """Return texts and what is said of them, after the name of the file."""
    d = 'data = "preds.csv"\n'
    c = f"[[check]]\n{d}"
    return [
        # types and domains
        (f'{c}loss="mse"\nmax = "60"', ':4: max: must be a finite number, got "60"'),
        (f'{c}loss="mse"\nmax = nan', ":4: max: must be a finite number, got nan"),
        (f'{c}loss="mse"\nmin = -inf', ":4: min: must be a finite number, got -inf"),
        (f'{c}loss="mse"\nmax = 0x{"f" * 5000}',
         ":4: max: must be a finite number, got a number too large"),
        (f'{c}loss="mse"\nmax = [1]', ":4: max: must be a finite number, got a list"),
        (f'{c}loss="mse"\nmax = 1979-05-27',
         ":4: max: must be a finite number, got 1979-05-27"),
        (f"{c}loss=1\nmax=1", ":3: loss: must be a text, got 1"),
        (f'{c}loss=""\nmax=1', ':3: loss: must be a text, got ""'),
        (f'{c}loss="mse"\nmax=1\nby={{a="b"}}',
         ":5: by: must be a text or a list of texts, got a table"),
        (f'{c}loss="mse"\nmax=1\n[check.by]\na="b"',
         ":5: by: must be a text or a list of texts, got a table"),
        (f'{c}loss="mse"\nmax=1\nby=[1]', ":5: by: must be a text or a list of texts, got a list"),
        (f'{c}loss="mse"\nmax=1\npred=1.5',
         ":5: pred: must be a column: a name, a position, a list 'a,b' or a pattern, got 1.5"),
        (f'{c}loss="mse"\nmax=1\npred=0x{"f" * 5000}',
         ":5: pred: must be a column: a name, a position, a list 'a,b' or a pattern,"
         " got a number too large"),
        (f'{c}loss="mse"\nmax=1\npositive=true',
         ":5: positive: must be a label: a text or a number, got true"),
        (f'{c}loss="mse"\nmax=1\nby_position="yes"',
         ':5: by_position: must be true or false, got "yes"'),
        (f'{c}loss="mse"\nmax=1\ntop=-1',
         ":5: top: must be a whole number of at least 0, got -1"),
        (f'{c}loss="mse"\nmax=1\ntop=true',
         ":5: top: must be a whole number of at least 0, got true"),
        (f'{c}loss="mse"\nmax=1\nmissing="drop"',
         ':5: missing: must be "error" or "skip", got "drop"'),
        (f'{c}loss="mse"\nmax=1\ninput_format="xls"',
         ':5: input_format: must be "csv" or "tsv", got "xls"'),
        (f'{c}loss="mse"\nmax=1\ndelimiter=";;"',
         ':5: delimiter: must be one ASCII character or \'tab\', got ";;"'),
        (f'{c}loss="mse"\nmax=1\nclass_weight={{a=-1}}',
         ":5: class_weight.a: must be a number of at least 0, got -1"),
        (f'{c}loss="mse"\nmax=1\nclass_weight=["a"]',
         ":5: class_weight: must be a table of labels and their weights of at least 0,"
         " got a list"),
        (f'{c}loss="mse"\nbaseline="base.csv"\nno_worse_than="1 %%"',
         ":5: no_worse_than: must be a number of at least 0, or a share of the baseline such as"
         ' 1%, got "1 %%"'),
        (f'{c}loss="mse"\nbaseline="base.csv"\nbetter_by=1\nalpha=0.5',
         ":6: alpha: must be a number in (0, 0.5), got 0.5"),
        # unknown keys and tables
        (f'{c}loss="mse"\nmaxx = 1', ":4: maxx: unknown key: did you mean max?"),
        (f'{c}loss="mse"\nno-worse-than = 1',
         ":4: no-worse-than: unknown key: did you mean no_worse_than?"),
        (f'{c}loss="mse"\nqqqqqq = 1', f":4: qqqqqq: unknown key: a check has {', '.join(KEYS)}"),
        (f"[default]\n{c}", ":1: default: unknown key: did you mean defaults?"),
        ("loss='mse'", ":1: loss: unknown key: the tables are defaults, check"),
        (f"[check]\n{d}", ":1: check: must be a list of tables, [[check]], got a table"),
        ("check = [1]", ":1: check: must be a table, [[check]], got 1"),
        ("defaults = 2", ":1: defaults: must be a table, got 2"),
        ("[defaults]\nname='a'",
         ":2: name: must differ from check to check: name each one"),
        # the defaults are checked as well
        (f'[defaults]\ntop="1"\n{c}loss="mse"\nmax=1',
         ':2: top: must be a whole number of at least 0, got "1"'),
        # files
        ('[[check]]\nloss="mse"\nmax=1\ndata="gone.csv"',
         ':4: data: there is no file "gone.csv"'),
        ('[[check]]\nloss="mse"\nmax=1\ndata=["preds.csv",\n"gone.csv"]',
         ':5: data: there is no file "gone.csv"'),
        (f'{c}loss="mse"\nmax=1\ntruth="gone.csv"', ':5: truth: there is no file "gone.csv"'),
        (f'{c}loss="mse"\nbetter_by=1\nbaseline="gone.csv"',
         ':5: baseline: there is no file "gone.csv"'),
        ('[[check]]\nloss="mse"\nmax=1\ndata="."',
         ':4: data: "." is a directory; name the files in it'),
        ('[[check]]\nloss="mse"\nmax=1\ndata="-"',
         ":4: data: must be a file: standard input cannot be named here"),
        ('[[check]]\nloss="mse"\nmax=1\ndata="a\\u0000b"',
         r':4: data: there is no file "a\u0000b"'),
        # losses
        (f'{c}loss="rsme"\nmax=1', ":3: loss: unknown loss 'rsme': did you mean rmse?"),
        (f'{c}loss="huber:delta=-1"\nmax=1',
         ":3: loss: huber: delta must be in (0, ∞), got -1"),
        (f'{c}loss="mse:x=1"\nmax=1', ":3: loss: mse has no parameter 'x'; it has y, pred, weight"),
        (f'{c}loss="mse,mae"\nmax=1', ":3: loss: must be one loss, got 2: a check for each"),
        # what belongs together
        ("", ": has no checks: add a [[check]]; 'lossctl check --init preds.csv' writes a"
             " lossctl.toml"),
        (f"[defaults]\n{d}", ": has no checks: add a [[check]]; 'lossctl check --init preds.csv'"
                             " writes a lossctl.toml"),
        (f"\n{c}max=1", ':2: check: has no loss: say loss = "rmse"'),
        ('[[check]]\nloss="mse"\nmax=1', ':1: check: has no data: say data = "preds.csv"'),
        (f'{c}loss="mse"',
         ":1: check: has no gate: say one of max, min, no_worse_than, better_by"),
        (f'{c}loss="mse"\nno_worse_than=1',
         ":4: no_worse_than: needs a baseline, or baseline_pred: worse than what?"),
        (f'{c}loss="mse"\nbaseline="base.csv"\nno_worse_than=1\nbetter_by=1',
         ":6: better_by: goes without no_worse_than: leave one of them out"),
        (f'{c}loss="mse"\nmax=1\ntruth="truth.csv"\nkey="id"\nby_position=true',
         ":7: by_position: goes without key: leave one of them out"),
        (f'{c}loss="mse"\nmax=1\nmin=2', ":4: max: lies below min: nothing could pass"),
        (f'{c}loss="mse"\nmax=1\nkey="id"',
         ":5: key: has no effect here: it needs a truth or a baseline file"),
        (f'{c}loss="mse"\nmax=1\nalpha=0.1',
         ":5: alpha: has no effect here: it needs no_worse_than or better_by"),
        (f'{c}loss="mse"\nmax=1\ncluster="u"',
         ":5: cluster: has no effect here: it needs no_worse_than or better_by"),
        (f'{c}loss="mse"\nno_worse_than=1\nbaseline="base.json"\nbaseline_pred="p"',
         ":6: baseline_pred: has no effect here: it needs a baseline with rows, and a report has"
         " none"),
        (f'{c}loss="mse"\nno_worse_than=1\nbaseline=["base.json", "base.csv"]',
         ":5: baseline: must be one report, or predictions alone"),
        (f'{c}loss="mse"\nmax=1\nname="a"\n{c}loss="mae"\nmax=1\nname="a"',
         ':10: name: "a" is the check on line 1 too: give each a name of its own'),
        (f'{c}loss="mse"\nmax=1\n{c}loss="mse"\nmax=1',
         ':5: check: "mse at most 1" is the check on line 1 too: give each a name of its own'),
        (f'{c}loss="mse"\nmax=1\nallow="flor"',
         f":5: allow: there is no guard 'flor' (did you mean 'floor'?); the guards are"
         f" {', '.join(GUARDS)}"),
    ]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), faults())
def test_a_fault_is_one_line_with_its_place(loaded: Loaded, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(text)
    assert str(caught.value) == f"lossctl.toml{said}"
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = 1\n[[check\n", r":2: is not TOML, column \d+: .+"),
        ("a = \n", r":1: is not TOML, column 5: Invalid value"),
        ("a = 1\na = 2\n", r":2: is not TOML, column 6: Cannot overwrite a value"),
        ("a = '''", r":1: is not TOML at the end: .+"),
        ("a = '''\n\n", r":3: is not TOML at the end: .+"),
        (f"a = {'9' * 5000}\n", r": is not TOML: Exceeds the limit .+"),
        (f"a = {'[' * 100_000}\n", r": is nested too deep"),
        (b'a = "\xff"\n', r":1: is not UTF-8 text"),
        (b"a = 1\n\n# \xe9\n", r":3: is not UTF-8 text"),
        ("\x1b[31m = 1\n", r":1: is not TOML, column 1: Invalid statement"),
        ("[[check]]\n'\x1b[31m' = 1\n", r":2: is not TOML, .+"),
        ('[[check]]\n"\\u001b\\n" = 1\n', r":2: ��: unknown key: .+"),
    ],
)
def test_what_is_no_toml_is_one_line(loaded: Loaded, text: str | bytes, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(text)
    assert re.fullmatch(f"lossctl.toml{said}", str(caught.value)), str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("gone.toml", "gone.toml: cannot be read: No such file or directory"),
        (".", ".: cannot be read: Is a directory"),
        ("a\0b", "a�b: cannot be read: that is no path"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_cannot_be_read_is_one_line(path: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value) == said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_one_line(loaded: Loaded, folder: Path) -> None:
    (folder / "preds.csv").chmod(0)
    with pytest.raises(ConfigError, match=r':4: data: "preds.csv" cannot be read: permission'):
        loaded(f"[[check]]\n{CHECK}")


def test_a_text_of_another_system_is_read(loaded: Loaded) -> None:
    text = f"\ufeff[[check]]\n{CHECK}[[check]]\n{CHECK}name = 1\n"
    with pytest.raises(ConfigError, match=r"^lossctl.toml:9: name: must be a text, got 1$"):
        loaded(text.replace("\n", "\r\n"))


LITERALS = st.sampled_from(
    ['"preds.csv"', '"base.csv"', '"base.json"', '"gone.csv"', '"rmse"', '"mae:y=a"', '"1%"', '""',
     '"error"', '"sum"', '"a"', "0", "1", "-1", "60.5", "0.05", "nan", "true", "false", "[]", "{}",
     '["preds.csv", "more.csv"]', '["floor"]', "[1]", "{a = 1}", '{a = "b"}', "1979-05-27",
     '"\\u001b[1m"', "9223372036854775807", '"-"', '"."']
)  # fmt: skip
TABLES = st.dictionaries(st.sampled_from(list(KEYS)), LITERALS, max_size=5)


def written(table: dict[str, str]) -> str:
    return "".join(f"{key} = {value}\n" for key, value in table.items())


def tried(loaded: Loaded, text: str) -> Config | ConfigError:
    try:
        return loaded(text)
    except ConfigError as error:
        return error


@given(TABLES, st.lists(TABLES, max_size=3), st.booleans())
@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_it_says_it_is_a_config_or_one_line(
    loaded: Loaded, defaults: dict[str, str], tables: list[dict[str, str]], sound: bool
) -> None:
    base = {"loss": '"rmse"', "data": '"preds.csv"', "max": "60"} if sound else {}
    text = "".join(f"[[check]]\n{written({**base, **table})}" for table in tables)
    text += f"[defaults]\n{written(defaults)}"
    config = tried(loaded, text)
    if isinstance(config, ConfigError):
        assert str(config).startswith("lossctl.toml:")
        assert str(config).isprintable()
        if config.key in KEYS:
            assert config.line is not None
            line = text.splitlines()[config.line - 1]
            assert line.startswith((f"{config.key} = ", "[[check]]"))
        return
    assert len(config.checks) == len(tables)
    for check in config.checks:
        hash(check.reading)
        options = make_options(**check.options)
        assert isinstance(options.dialect, Dialect)
        assert get_loss(check.loss)
        gates = (check.maximum, check.minimum, check.margin)
        assert any(gate is not None for gate in gates)
        assert check.margin is None or check.recorded or check.compares


def test_the_reference_holds_every_key() -> None:
    rows = reference().splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == list(KEYS)
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 4 for row in rows)
