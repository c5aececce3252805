"""`experiments.run` and `resume`: events, files, runs that are stopped and go on, the same bytes as `sloy train`."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sloy
from command_line import exit_code
from sloy import experiments
from sloy.errors import FileFormatError, InUse, InvalidArgument, InvalidOption
from sloy.experiments import Event, Experiment, events
from sloy.experiments.events import (
    Counted,
    Drawn,
    EpochBegan,
    EpochEnded,
    FitBegan,
    FitEnded,
    Opened,
    Progressed,
    Saved,
)

MLP: dict[str, Any] = {"network": "mlp", "batch_size": 16}


class Heard(list[Event]):
    """A listener that keeps what it is told."""

    def __call__(self, event: Event) -> None:
        self.append(event)

    def of(self, *kinds: type[Event]) -> list[Any]:
        return [event for event in self if isinstance(event, kinds)]

    @property
    def told(self) -> list[str]:
        """The events in words; how often progress is told is a matter of time, and left out."""
        return [_word(event) for event in self if not isinstance(event, Progressed | Counted)]


def _word(event: Event) -> str:
    match event:
        case Saved() | Drawn():
            return f"{type(event).__name__} {event.path.name}"
        case FitBegan():
            return f"FitBegan {event.epochs} × {event.samples}"
        case EpochBegan():
            return f"EpochBegan {event.epoch}"
        case EpochEnded():
            return f"EpochEnded {event.row['epoch']}/{event.epochs}"
    return type(event).__name__


def epochs(count: int) -> list[str]:
    return [
        f"{word}"
        for e in range(1, count + 1)
        for word in (f"EpochBegan {e}", f"EpochEnded {e}/{count}")
    ]


RESULTS = ["Saved model.sloy", "Saved history.csv", "Saved summary.json", "Tested"]


def model_bytes(folder: Path) -> bytes:
    return (folder / "model.sloy").read_bytes()


# --- events ---------------------------------------------------------------------------------------


def test_events_of_a_plain_run(
    digits: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    heard, folder = Heard(), tmp_path / "run"
    experiment = Experiment.of(digits, epochs=2, stream="off", **MLP)
    result = experiments.run(experiment, folder, threads=1, listener=heard)
    assert heard.told == [
        *(
            "Opened",
            "Saved configuration.json",
            "FitBegan 2 × 108",
            *epochs(2),
            "FitEnded",
            *RESULTS,
        ),
        *(f"Drawn {name}.png" for name in ("learning-curves", "confusion", "mistakes", "filters")),
    ]
    assert capfd.readouterr() == ("", "")
    opened, tested = heard.of(Opened)[0], heard.of(events.Tested)[0]
    assert (opened.folder, opened.stages, opened.experiment) == (folder, [], experiment)
    assert opened.recipe == experiment.recipe
    assert opened.network == result.model.network
    assert len(opened.loaded.test) == 30
    assert opened.memory > 1e6
    assert [event.row for event in heard.of(EpochEnded)] == result.history.rows
    last = {event.progress.epoch: event.progress for event in heard.of(Progressed)}
    assert [(last[e].step, last[e].samples) for e in (1, 2)] == [(7, 108), (7, 108)]
    assert tested.measured is result.measured
    assert tested.summary is result.summary
    written = json.loads((folder / "summary.json").read_text())
    assert written.pop("history") == result.history.rows
    assert {"schema": 1, **json.loads(json.dumps(result.summary))} == written
    assert written["plan"] == experiment.words()
    paths = [event.path for event in heard.of(Saved, Drawn)]
    assert {path.parent for path in paths} == {folder}
    assert {path.name for path in paths} == {path.name for path in folder.iterdir()} - {
        *("checkpoint.sloy", "checkpoint.sloy.previous")
    }
    test = opened.loaded.test
    assert np.array_equal(
        sloy.load(folder / "model.sloy").predict(test.x), result.model.predict(test.x)
    )


@pytest.mark.usefixtures("undrawn")
def test_events_of_a_fine_tuning(
    pictures: Path, start: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    heard = Heard()
    words = {"from_": start, "unfreeze": True, "head_epochs": 3, "epochs": 2}
    experiment = Experiment.of(pictures, **words)
    experiments.run(experiment, tmp_path, threads=1, listener=heard)
    assert heard.told == [
        *("Opened", "Saved configuration.json"),
        *("FitBegan 3 × 32", *epochs(3), "FitEnded", "FitBegan 2 × 32", *epochs(2), "FitEnded"),
        *RESULTS,
    ]
    assert capfd.readouterr() == ("", "")
    counted = [(event.what, event.done, event.total) for event in heard.of(Counted)]
    assert counted[39] == ("pictures decoded", 40, 40)
    assert counted[-1] == ("samples through the frozen layers", 36, 36)
    stages = heard.of(Opened)[0].stages
    assert [(bool(stage.frozen), stage.recipe.epochs) for stage in stages] == [
        (True, 3),
        (False, 2),
    ]


@pytest.mark.usefixtures("undrawn")
def test_events_of_a_table(table: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    heard = Heard()
    experiment = Experiment.of(table, target="kind", epochs=2)
    result = experiments.run(experiment, tmp_path, threads=1, listener=heard)
    fit = ["FitBegan 2 × 96", *epochs(2), "FitEnded"]
    results = [RESULTS[0], "Saved linear.sloy", *RESULTS[1:]]
    assert heard.told == ["Opened", "Saved configuration.json", *fit, *results]
    assert capfd.readouterr() == ("", "")
    opened = heard.of(Opened)[0]
    assert (opened.recipe.batch_size, opened.recipe.learning_rate) == (32, 0.04), (
        "what suits the data"
    )
    assert [title for title, _ in opened.loaded.rows] == ["target", "columns", "time"]
    assert opened.loaded.members == 4
    assert set(result.measured.figures) >= {"test_accuracy", "test_log_loss", "baselines"}


# --- stopping and going on ------------------------------------------------------------------------


def at_epoch(number: int) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, EpochEnded) and event.row["epoch"] == number


STOPS: dict[str, Callable[[Event], bool]] = {
    "opened": lambda event: isinstance(event, Saved),
    "begun": lambda event: isinstance(event, FitBegan),
    "second epoch begun": lambda event: isinstance(event, EpochBegan) and event.epoch == 2,
    "within": lambda event: isinstance(event, Progressed) and event.progress.epoch == 2,
    "epoch": at_epoch(2),
    "last epoch": at_epoch(3),
    "fitted": lambda event: isinstance(event, FitEnded),
    "model": lambda event: isinstance(event, Saved) and event.path.name == "model.sloy",
    "tested": lambda event: isinstance(event, events.Tested),
}


@pytest.mark.usefixtures("undrawn")
def test_the_best_epoch_is_kept_and_resumed(pictures: Path, tmp_path: Path) -> None:
    """The weights are those of the epoch of least validation loss; a run that is stopped keeps the same."""
    experiment = Experiment.of(pictures, epochs=12, patience=3, learning_rate=0.03, **MLP)
    whole = experiments.run(experiment, tmp_path / "whole", threads=1)
    losses = whole.history["val_loss"]
    best = int(np.argmin(losses))
    assert best < len(losses) - 1, "the test needs an epoch that is better than the last"
    assert (whole.summary["best_epoch"], whole.summary["epochs"]) == (best + 1, len(losses))
    assert whole.summary["best_val_loss"] == losses[best]
    loaded = experiment.source.load(experiments.Wanted())
    assert loaded.validation is not None
    assert whole.model.evaluate(loaded.validation)["loss"] == pytest.approx(losses[best], rel=1e-5)
    for number in (best + 1, len(losses) - 1):
        folder = tmp_path / str(number)
        stopped(experiment, folder, at_epoch(number), KeyboardInterrupt())
        again = experiments.resume(folder, threads=1)
        assert model_bytes(folder) == model_bytes(tmp_path / "whole")
        assert again.summary["best_epoch"] == best + 1


@pytest.mark.usefixtures("undrawn")
def test_the_best_epoch_of_a_fine_tuning_counts_all(
    pictures: Path, start: Path, tmp_path: Path
) -> None:
    words = {"from_": start, "unfreeze": True, "head_epochs": 3, "epochs": 4, "patience": 4}
    result = experiments.run(Experiment.of(pictures, **words), tmp_path, threads=1)
    last = result.history["val_loss"][3:]
    assert result.summary["best_epoch"] == 4 + int(np.argmin(last))
    assert result.summary["best_val_loss"] == last.min()


def stopped(
    experiment: Experiment, folder: Path, stop: Callable[[Event], bool], error: BaseException
) -> None:
    """A run whose listener raises the error once."""

    def listener(event: Event) -> None:
        assert error.__traceback__ is None, "it is told no more"
        if stop(event):
            raise error

    with pytest.raises(type(error)) as caught:
        experiments.run(experiment, folder, threads=1, listener=listener)
    assert caught.value is error


@pytest.fixture(scope="module")
def whole(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in one go."""
    folder = tmp_path_factory.mktemp("whole")
    experiments.run(Experiment.of(digits, epochs=3, **MLP), folder, threads=1)
    return folder


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("error", [KeyboardInterrupt, ArithmeticError])
@pytest.mark.parametrize("stop", STOPS)
def test_a_listener_stops_a_run_that_goes_on(
    digits: Path, whole: Path, tmp_path: Path, stop: str, error: type[BaseException]
) -> None:
    stopped(Experiment.of(digits, epochs=3, **MLP), tmp_path, STOPS[stop], error("enough"))
    assert (tmp_path / "checkpoint.sloy").exists() == (stop not in ("opened", "begun"))
    heard = Heard()
    experiments.resume(tmp_path, threads=1, listener=heard)
    assert model_bytes(tmp_path) == model_bytes(whole)
    done = {"epoch": 2, "last epoch": 3, "fitted": 3, "model": 3, "tested": 3}
    if stop in done:
        assert len(heard.of(EpochEnded)) == 3 - done[stop], "what was done is not done again"


@pytest.mark.usefixtures("undrawn")
def test_a_listener_stops_a_fine_tuning_in_either_time(
    pictures: Path, start: Path, tmp_path: Path
) -> None:
    words = {"from_": start, "unfreeze": True, "head_epochs": 3, "epochs": 4}
    experiment = Experiment.of(pictures, **words)
    experiments.run(experiment, tmp_path / "whole", threads=1)
    for number, stages in ((2, 1), (4, 2)):
        folder = tmp_path / str(number)
        stopped(experiment, folder, at_epoch(number), KeyboardInterrupt())
        assert (folder / "checkpoint.sloy").exists() == (stages == 2)
        experiments.resume(folder, threads=1)
        assert model_bytes(folder) == model_bytes(tmp_path / "whole")


@pytest.mark.usefixtures("undrawn")
def test_more_epochs_equal_one_run_in_one_go(digits: Path, tmp_path: Path) -> None:
    words = {**MLP, "schedule": "constant"}
    one, two = tmp_path / "one", tmp_path / "two"
    experiments.run(Experiment.of(digits, epochs=2, **words), one, threads=1)
    heard = Heard()
    result = experiments.resume(one, threads=1, epochs=5, listener=heard)
    experiments.run(Experiment.of(digits, epochs=5, **words), two, threads=1)
    assert model_bytes(one) == model_bytes(two)
    assert len(result.history) == 5
    assert len(heard.of(EpochEnded)) == 3
    assert json.loads((one / "configuration.json").read_text())["plan"]["epochs"] == 5


@pytest.mark.usefixtures("undrawn")
def test_more_epochs_leave_those_before_unfreezing_alone(
    pictures: Path, start: Path, tmp_path: Path
) -> None:
    words = {"from_": start, "unfreeze": True, "schedule": "constant"}
    experiments.run(Experiment.of(pictures, epochs=2, **words), tmp_path / "one", threads=1)
    experiments.resume(tmp_path / "one", threads=1, epochs=6)
    whole = Experiment.of(pictures, epochs=6, head_epochs=1, **words)
    experiments.run(whole, tmp_path / "two", threads=1)
    assert model_bytes(tmp_path / "one") == model_bytes(tmp_path / "two")


@pytest.mark.usefixtures("undrawn")
def test_resume_takes_the_words_of_the_run_only(digits: Path, whole: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(whole, tmp_path / "run")
    experiments.resume(folder, threads=1, data=digits, network="mlp", seed=0)
    for words in ({"seed": 1}, {"network": "cnn"}, {"magic": 1}, {"epochs": 0}):
        with pytest.raises(InvalidOption, match=f"`{min(words)}`"):
            experiments.resume(folder, threads=1, **words)  # type: ignore[arg-type]
    assert model_bytes(folder) == model_bytes(whole)


# --- the folder -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("undrawn")
def test_a_run_is_replaced_when_asked_alone(digits: Path, whole: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(whole, tmp_path / "run")
    (folder / "notes.txt").write_text("mine")
    other = Experiment.of(digits, epochs=1, seed=5, **MLP)
    with pytest.raises(InvalidArgument, match="holds a run already; `resume` continues it"):
        experiments.run(other, folder, threads=1)
    assert model_bytes(folder) == model_bytes(whole)
    experiments.run(other, folder, threads=1, overwrite=True)
    assert model_bytes(folder) != model_bytes(whole)
    assert (folder / "notes.txt").read_text() == "mine"
    assert not (folder / "confusion.png").exists(), "of the run before"


@pytest.mark.usefixtures("undrawn")
def test_what_is_refused_leaves_no_folder(digits: Path, tmp_path: Path) -> None:
    wrong: list[dict[str, Any]] = [
        {"samples": 999},
        {"network_options": {"magic": 1}},
        {"patience": 3, "validation": 0},
    ]
    for words in wrong:
        with pytest.raises(InvalidOption, match=f"`{min(words)}`"):
            experiments.run(Experiment.of(digits, **words), tmp_path / "run", threads=1)
        assert not (tmp_path / "run").exists()


def test_classes_are_weighted_where_there_are_some(table: Path, tmp_path: Path) -> None:
    experiment = Experiment.of(table, target="area", class_weight="balanced")
    with pytest.raises(InvalidOption, match="`class_weight`"):
        experiments.run(experiment, tmp_path / "run", threads=1)
    assert not (tmp_path / "run").exists()


def test_a_folder_of_the_data_s_name_by_default(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = experiments.run(Experiment.of(digits, epochs=1, **MLP), threads=1)
    assert result.folder.parent == Path("runs")
    assert result.folder.name.startswith("stripes-")


PLAN = {"data": "mnist", "network": "mlp"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not the configuration of a run"),
        ("\x00", "is not the configuration of a run"),
        ("[" * 100_000, "is not the configuration of a run"),
        ([1, 2], "it is [1, 2], not an object"),
        ("null", "it is None, not an object"),
        ({"version": 2}, "`plan` is missing"),
        ({"version": 2, "plan": [PLAN]}, "not an object"),
        ({"version": 2, "plan": {}}, "`plan.data` is missing"),
        ({"version": 2, "plan": {"data": 3}}, "`plan.data` is 3, not a text"),
        ({"version": 2, "plan": {**PLAN, "magic": 1}}, "`magic` is no option"),
        ({"version": 2, "plan": {**PLAN, "target": "x"}}, "`target` does not belong to mnist"),
        ({"version": 2, "plan": {**PLAN, "epochs": "2"}}, "`epochs` (='2')"),
        ({"version": 2, "plan": {**PLAN, "network": ["mlp"]}}, "`network` (=['mlp'])"),
        ({"version": 2, "plan": {**PLAN, "network_options": 1}}, "`network_options` (=1)"),
        ({"version": 2, "plan": {**PLAN, "rate_factors": 1}}, "`rate_factors` (=1)"),
        ({"version": 2, "plan": {**PLAN, "recipe": {}}}, "`recipe` (={})"),
        ({"schema": 1, "plan": PLAN}, "begun by another version of sloy"),
        ({"version": 99, "plan": PLAN}, "begun by another version of sloy"),
    ],
)
def test_a_folder_that_is_no_run_of_ours_is_refused_in_a_line(
    tmp_path: Path, content: Any, said: str
) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / "configuration.json").write_text(text)
    with pytest.raises(FileFormatError) as caught:
        experiments.resume(tmp_path)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'configuration.json'}: ")
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="holds no run"):
        experiments.resume(tmp_path / "nothing")


@pytest.mark.usefixtures("undrawn")
def test_a_run_whose_data_are_gone_says_so(pictures: Path, tmp_path: Path) -> None:
    data = shutil.copytree(pictures, tmp_path / "moved")
    experiment = Experiment.of(data, network="mlp", epochs=1)
    experiments.run(experiment, tmp_path / "run", threads=1)
    shutil.rmtree(data)
    with pytest.raises(InvalidArgument, match="moved: there is no such file or folder"):
        experiments.resume(tmp_path / "run")


# --- the command line ------------------------------------------------------------------------------


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("digits", {**MLP, "epochs": 2, "optimizer": "nesterov", "momentum": 0.7}),
        ("digits", {"network": "mlp", "samples": 60, "batch_size": 8, "augment": "shift=0.1"}),
        (
            "digits",
            {**MLP, "epochs": 2, "class_weight": "balanced", "patience": 1, "precision": "float64"},
        ),
        ("pictures", {"network": "mlp", "epochs": 2, "size": (8, 12), "resize": "stretch"}),
        ("table", {"target": "kind", "epochs": 4, "ignore": ["age"], "validation": 0.2}),
    ],
)
def test_the_command_line_gives_the_same_bytes(
    data: str, words: dict[str, Any], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path = request.getfixturevalue(data)
    arguments = [str(path), "--quiet", "--threads", "1", "--out", str(tmp_path / "shell")]
    for name, value in words.items():
        said = "x".join(map(str, value)) if name == "size" else value
        for item in said if isinstance(said, list) else [said]:
            arguments += [f"--{name.replace('_', '-')}", str(item)]
    assert exit_code("train", *arguments) == 0
    experiments.run(Experiment.of(path, **words), tmp_path / "python", threads=1)
    assert model_bytes(tmp_path / "shell") == model_bytes(tmp_path / "python")


@pytest.mark.usefixtures("undrawn")
def test_fine_tuning_from_the_command_line_gives_the_same_bytes(
    pictures: Path, start: Path, tmp_path: Path
) -> None:
    options = ["--from", str(start), "--unfreeze", "--head-epochs", "2", "--epochs", "3"]
    out = ["--threads", "1", "--quiet", "--out", str(tmp_path / "shell")]
    assert exit_code("train", str(pictures), *options, *out) == 0
    words = {"from_": str(start), "unfreeze": True, "head_epochs": 2, "epochs": 3}
    experiments.run(Experiment.of(pictures, **words), tmp_path / "python", threads=1)
    assert model_bytes(tmp_path / "shell") == model_bytes(tmp_path / "python")


# --- one at a time --------------------------------------------------------------------------------


@pytest.mark.usefixtures("undrawn")
def test_another_run_in_the_folder_is_refused(digits: Path, tmp_path: Path) -> None:
    experiment, folder = Experiment.of(digits, epochs=2, **MLP), tmp_path / "new" / "run"
    refused: list[str] = []

    def meanwhile(event: Event) -> None:
        if not isinstance(event, EpochBegan) or event.epoch != 2:
            return
        before = {path: path.read_bytes() for path in folder.iterdir()}
        for other in (
            lambda: experiments.run(experiment, folder, overwrite=True),
            lambda: experiments.resume(folder),
            lambda: sloy.fit(  # of the checkpoint alone
                sloy.Network((2,), [sloy.layers.Dense(2)]),
                (np.zeros((4, 2), np.float32), np.zeros((4, 2), np.float32)),
                checkpoint=folder / "checkpoint.sloy",
                engine="reference",
                verbose=False,
            ),
        ):
            with pytest.raises(InUse) as caught:
                other()
            refused.append(str(caught.value))
        assert {path: path.read_bytes() for path in folder.iterdir()} == before

    experiments.run(experiment, folder, engine="reference", listener=meanwhile)
    assert len(refused) == 3
    assert all(f"is in use by process {os.getpid()} (this one) on " in said for said in refused)
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    bad = Experiment.of(digits, epochs=1, samples=100_000, **MLP)
    with pytest.raises(InvalidOption, match="there are only"):
        experiments.run(bad, tmp_path / "other" / "run")
    assert not (tmp_path / "other").exists()


@pytest.mark.usefixtures("undrawn")
def test_two_without_a_folder_have_two(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sloy.experiments.run_folder.time.strftime", lambda _: "now")
    experiment = Experiment.of(digits, epochs=1, **MLP)

    def meanwhile(event: Event) -> None:
        if isinstance(event, Opened) and event.folder.name == "stripes-now":
            second = experiments.run(experiment, engine="reference")
            assert second.folder.name == "stripes-now-2"

    assert experiments.run(experiment, engine="reference", listener=meanwhile).folder.exists()
