"""Watchers end training at the right row, keep the best state, write each row once, and go on where they stood."""

import io
import json
import sys

import jax
import numpy as np
import optax
import pytest

import funcnn as fn
from funcnn.training._watching import _progress
from tests.helpers.moments import moments, shown

NAN = float("nan")
STOPS = [
    ([3, 2, 1], {}, 3),
    ([3, 2, 2, 2, 1], {}, 4),
    ([3, 2, NAN, 1, 1, 1], {}, 6),
    ([3, 2, NAN, NAN, 1], {}, 4),
    ([3, 2.9, 2.8, 2.7], {"min_delta": 0.15}, 4),
    ([3, 2.9, 2.8, 2.7], {"min_delta": 0.5}, 3),
    ([1, 2, 3, 3, 3, 4], {"mode": "max"}, 5),
    ([3, 4, 5], {"mode": "min"}, 3),
]


@pytest.mark.parametrize(("values", "options", "rows"), STOPS)
def test_it_stops_after_its_patience(values, options, rows):
    watch = fn.early_stopping("val_loss", patience=2, **options)
    for _ in range(2):  # in a second run it begins anew
        assert shown(watch, *moments(val_loss=values)) == rows


@pytest.mark.parametrize(
    ("name", "better"), [("val_loss", 1), ("error", 1), ("val_accuracy", 3), ("top_5", 3), ("auc", 3)]
)
def test_what_is_better_is_told_by_the_name(name, better):
    values = [1.0, 2.0, 3.0]
    watch = fn.best_state(name)
    shown(watch, *moments(**{name: values}))
    assert int(watch.result(None).step) == values.index(float(better)) + 1


def test_the_first_of_the_best_states_is_kept():
    watch = fn.best_state("val_loss")
    for _ in range(2):
        shown(watch, *moments(val_loss=[3, NAN, 1, 1, 2]))
        assert int(watch.result(None).step) == 3
    first, *_ = moments(val_loss=[1])
    watch(first)
    assert watch.result("last") == "last"


@pytest.mark.parametrize("cut", range(6))
def test_watchers_go_on_where_they_stood(cut):
    values = [3.0, 1.0, 2.0, 2.0, 2.0]
    every = lambda: (fn.best_state("val_loss"), fn.early_stopping("val_loss", patience=3))
    whole, cut_off, resumed = every(), every(), every()
    stopped = shown(whole[1], *moments(val_loss=values))
    shown(whole[0], *moments(val_loss=values))
    ended = [shown(w, *moments(val_loss=values[:cut] or np.zeros(0))) for w in cut_off]
    for before, after in zip(cut_off, resumed, strict=True):
        after.restore(before.state())
    rest = [shown(w, *moments(start=cut, val_loss=values[cut:] or np.zeros(0))) for w in resumed]
    assert ended[1] + rest[1] == stopped == 5
    if cut < 5:
        best, expected = (watch.result(None) for watch in (resumed[0], whole[0]))
        assert jax.tree.all(jax.tree.map(lambda a, b: (a == b).all(), best, expected))
        assert int(best.step) == 2


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_row_is_a_line_once(tmp_path):
    path = tmp_path / "folder" / "log.jsonl"
    watch = fn.log_jsonl(path)
    shown(watch, *moments(loss=[3.0, NAN, 1.0], counts=np.ones((3, 2), int)))
    assert rows(path)[1] == {"step": 2, "loss": None, "counts": [1, 1]}
    with open(path, "a") as file:
        file.write('{"step": 4, "lo')  # killed while it wrote
    resumed = fn.log_jsonl(path)
    resumed.restore(watch.state())
    shown(resumed, *moments(start=1, loss=[5.0, 6.0, 7.0], counts=np.ones((3, 2), int)))
    assert [row["step"] for row in rows(path)] == [1, 2, 3, 4]
    assert [row["loss"] for row in rows(path)] == [3, 5, 6, 7]
    shown(resumed, *moments(loss=[2.0]))  # another run
    assert [row["step"] for row in rows(path)] == [1, 2, 3, 4, 1]


@pytest.mark.slow
@pytest.mark.parametrize("steps", [2, 3, 4])  # of three an epoch
def test_a_run_that_was_stopped_logs_each_row_once(steps, tmp_path):
    """Where it stopped within an epoch, the row that this cut short gives way to the whole one."""
    path, x = tmp_path / "log.jsonl", np.ones((6, 2), np.float32)
    options = {"batch_size": 2, "key": jax.random.key(0), "checkpoint": tmp_path / "run", "progress": False}

    def fit(**end):
        with jax.numpy_dtype_promotion("standard"):
            data, log = (x, x[:, :1]), [fn.log_jsonl(path)]
            return fn.fit(fn.linear(1), fn.losses.squared_error, optax.sgd(0.1), data, watch=log, **options, **end)

    fit(steps=steps)
    assert [row["step"] for row in rows(path)] == {2: [2], 3: [3], 4: [3, 4]}[steps]
    _, history = fit(epochs=3)
    assert [row["step"] for row in rows(path)] == history["step"].tolist() == [3, 6, 9]
    np.testing.assert_array_equal([row["loss"] for row in rows(path)], history["loss"])


def test_a_log_that_cannot_be_written_ends_training_before_it_begins(tmp_path):
    with pytest.raises(IsADirectoryError):
        shown(fn.log_jsonl(tmp_path), *moments(loss=[1]))


def test_tensorboard_has_every_number(tmp_path):
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import Event

    watch = fn.log_tensorboard(tmp_path)
    shown(watch, *moments(loss=[3.0, 1.0], counts=np.ones((2, 2), int)))
    watch.close(None)
    (path,) = tmp_path.iterdir()
    events = []
    with open(path, "rb") as file:
        while header := file.read(12):
            events.append(Event.FromString(file.read(int.from_bytes(header[:8], "little"))))
            file.read(4)
    scalars = [(e.step, v.tag, v.simple_value) for e in events for v in e.summary.value]
    assert scalars == [(1, "loss", 3.0), (2, "loss", 1.0)]


def test_tensorboard_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r"tensorboardX is needed here.*pip install 'funcnn\[tensorboard\]'"):
        fn.log_tensorboard("runs")


@pytest.mark.parametrize("before", [0.0, 100.0])
def test_time_is_up_at_a_moment(before):
    later = (moment._replace(seconds=moment.seconds + before) for moment in moments(loss=[1, 1, 1, 1]))
    assert shown(fn.time_limit(minutes=2.5 / 60), *later) == 3


@pytest.mark.parametrize(("seconds", "told"), [(0.0, [1, 2, 3]), (10.0, [3])])
def test_progress_is_lines_where_there_is_no_terminal(capfd, monkeypatch, seconds, told):
    monkeypatch.setattr(_progress, "_SECONDS", seconds)
    x, y = np.ones((4, 3), "float32"), np.ones((4, 1), "float32")
    with jax.numpy_dtype_promotion("standard"):
        fn.fit(fn.linear(1), fn.losses.squared_error, optax.sgd(0.0), (x, y), epochs=3, key=jax.random.key(0),
               validation=(x, y))  # fmt: skip
    written = capfd.readouterr()
    lines = written.err.splitlines()
    assert written.out == ""
    assert [line.split(":")[0] for line in lines] == [f"epoch {i}/3" for i in told]
    loss = lines[0].split()[3].rstrip(",")
    assert lines[0] == f"epoch {told[0]}/3: loss {loss}, val_loss {loss}"


def test_progress_is_one_bar_on_a_terminal(capfd, monkeypatch):
    from funcnn.training._watching._progress import progress_of

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    bar = progress_of(epochs=3, steps=None)
    shown(bar, *moments(loss=[3.0, 1.0, 0.5], val_loss=[4.0, 2.0, 1.0], seconds=[1, 1, 1]))
    bar.close(None)
    last = capfd.readouterr().err.rpartition("\r")[2]
    assert "3/3" in last
    assert "loss=0.5, val_loss=1" in last
    assert "seconds" not in last
    assert last.count("\n") == 1


def test_progress_is_one_bar_in_a_notebook(capfd, monkeypatch):
    import tqdm.auto
    import tqdm.std

    from funcnn.training._watching._progress import progress_of

    made = []

    class Notebook(tqdm.std.tqdm):
        """What tqdm.auto is in a notebook: a bar of tqdm.notebook's, shown where it is made."""

        __module__ = "tqdm.notebook"

        def __init__(self, **options):
            made.append(self)
            super().__init__(**options, file=io.StringIO())

    monkeypatch.setattr(tqdm.auto, "tqdm", Notebook)
    bar = progress_of(epochs=3, steps=None)
    shown(bar, *moments(loss=[3.0, 1.0, 0.5], val_loss=[4.0, 2.0, 1.0]))
    bar.close(None)
    (only,) = made
    assert (only.n, only.total, only.disable) == (3, 3, True)
    assert only.postfix == "loss=0.5, val_loss=1"
    assert capfd.readouterr().err == ""


X, Y = np.eye(2, dtype="float32"), np.float32([[1], [0]])
BAD = [
    (lambda: fn.early_stopping("val_los", 3), "early_stopping: mode must be 'min' or 'max' for 'val_los'"),
    (lambda: fn.early_stopping("val_lloss", 3), r"of the history, .*loss, .*, got 'val_lloss': did you mean 'loss'\?"),
    (lambda: fn.best_state("val_accuracy"), "best_state: name must be a column of the history, .*step, .*got 'val_acc"),
    (lambda: fn.best_state("confusion", "max"), r"a column of one number a row, got 'confusion' with \[2\] a row"),
    (lambda: fn.best_state(3), "best_state: name must be a column of the history such as 'val_loss', got 3"),
    (lambda: fn.best_state("val_loss", "low"), "best_state: mode must be 'min', 'max' or None, got 'low'"),
    (lambda: fn.early_stopping("loss", 0), "early_stopping: patience must be at least 1, got 0"),
    (
        lambda: fn.early_stopping("loss", 1, -1.0),
        "early_stopping: min_delta must be a number that is not negative, got -1",
    ),
    (lambda: fn.time_limit(minutes=0), "time_limit: minutes must be a positive number, got 0"),
]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_bad_input_is_named_before_training(make, message):
    counts = fn.metrics.Metric(lambda prediction, y: np.ones(2, "float32"), lambda counts: counts)
    steps = []

    def loss(prediction, y):
        steps.append(None)
        return fn.losses.squared_error(prediction, y)

    with pytest.raises((ValueError, TypeError), match=message) as caught:
        fn.fit(fn.linear(1), loss, optax.sgd(0.1), (X, Y), epochs=1, key=jax.random.key(0), progress=False,
               metrics={"confusion": counts}, watch=[make()])  # fmt: skip
    if hasattr(caught.value, "state"):
        assert int(caught.value.state.step) == 0
