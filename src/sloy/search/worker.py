"""A process that runs trials, each a run folder of its own: `python -m sloy.search.worker PARENT`.

It is asked by lines of JSON on standard input; a child of it, which has all modules from it, runs the trial, tells each
epoch as a line, waits for what to do, and ends with a line of what came of it. Memory that a trial took goes with it.
Where who asked dies, it saves its checkpoint and ends.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from sloy import experiments
from sloy.errors import InUse, InvalidArgument, NonFiniteError, SloyError
from sloy.experiments.adjusting import left_out
from sloy.experiments.events import EpochEnded, Event, FitBegan, Opened, Progressed
from sloy.experiments.experiment import Experiment
from sloy.experiments.result import Result
from sloy.experiments.sources import Loaded
from sloy.files.failures import in_words
from sloy.model.loading import CONFIGURATION
from sloy.search.checks import check_metric, comparable
from sloy.search.options import LOSS
from sloy.stopping import Stopping, Terminated
from sloy.training.checkpoint import fingerprint
from sloy.training.history import Row

LOOK = 0.5  # seconds between two looks whether who asks is there


class Pruned(Exception):
    """The pruner ended the trial; its run is saved."""


class Channel:
    """Lines of JSON to who asked, and answers."""

    def __init__(self, answers: TextIO, lines: TextIO) -> None:
        self._answers, self._lines = answers, lines

    def tell(self, message: Mapping[str, Any]) -> None:
        """Write a line; `Terminated` where nobody reads."""
        try:
            print(json.dumps(message), file=self._lines, flush=True)
        except OSError:
            raise Terminated from None

    def heard(self) -> Any:
        """The next answer; `Terminated` where none comes any more."""
        line = self._answers.readline()
        if not line:
            raise Terminated
        return json.loads(line)


class Telling:
    """Tells the epochs of a run, those too that were done before it was resumed, and ends it as it is answered."""

    def __init__(self, channel: Channel, metric: str, parent: int) -> None:
        self._channel, self._metric, self._parent = channel, metric, parent
        self._epochs = 0
        self.opened: Opened | None = None

    def __call__(self, event: Event) -> None:
        """Take an event of the run."""
        match event:
            case Opened():
                comparable(event.experiment, event.loaded)
                self.opened = event
                self._channel.tell({"data": _data_of(event.loaded), "epochs": event.recipe.epochs})
            case FitBegan():
                self._tell(event.before)
            case EpochEnded():
                self._tell([event.row])
            case Progressed() if os.getppid() != self._parent:
                raise Terminated

    def _tell(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        check_metric(self._metric, list(rows[0]))
        told = [[self._epochs + i, float(row[self._metric])] for i, row in enumerate(rows, 1)]
        self._epochs += len(rows)
        self._channel.tell({"rows": told})
        if self._channel.heard()["prune"]:
            raise Pruned


def main(parent: int) -> int:
    """Run the trials that are asked for, each in a child: what it takes of memory goes with it.

    Parameters
    ----------
    parent : int
        Who asks; this process ends with that one.
    """
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever is printed does not come between
    channel = Channel(sys.stdin, lines)
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: stopped.append(number))
    while not stopped:
        try:
            question = channel.heard()
        except Terminated:
            break
        if "words" not in question:  # an answer that a child did not live to hear
            continue
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        child = os.fork()
        if not child:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os._exit(_trial(question, channel))
        code = _waited(child, parent)
        if code < 0 and not stopped:
            name = signal.Signals(-code).name
            channel.tell({"ended": "killed", "why": f"its process was killed ({name})"})
    return 0


def _waited(child: int, parent: int) -> int:
    """How a child ended, which is told to where who asks is gone."""
    while True:
        number, status = os.waitpid(child, os.WNOHANG)
        if number:
            return os.waitstatus_to_exitcode(status)
        if os.getppid() != parent:
            os.kill(child, signal.SIGTERM)
        signal.sigtimedwait({signal.SIGCHLD}, LOOK)


def _trial(question: Mapping[str, Any], channel: Channel) -> int:
    """A child: run the trial, and say what came of it."""
    parent = os.getppid()
    with Stopping() as stopping:
        try:
            channel.tell(_answer(question, channel, parent))
            code = 0
        except (KeyboardInterrupt, Terminated):
            code = stopping.code or 1
        except BaseException:
            channel.tell(
                {"ended": "failed", "why": traceback.format_exc().strip().rpartition("\n")[2]}
            )
            traceback.print_exc()
            code = 1
    sys.stderr.flush()
    return code


def _answer(question: Mapping[str, Any], channel: Channel, parent: int) -> dict[str, Any]:
    metric, telling = question["metric"], Telling(channel, question["metric"], parent)
    try:
        result = _run(question, telling)
    except Pruned:
        return {"ended": "pruned"}
    except NonFiniteError as error:
        return {"ended": "diverged", "why": str(error)}
    except InUse as error:
        return {"ended": "in use", "why": str(error)}
    except SloyError as error:
        asked = isinstance(error, InvalidArgument)
        return {"ended": "failed", "why": str(error), "of_options": asked}
    except OSError as error:
        return {"ended": "failed", "why": in_words(error)}
    except MemoryError as error:
        return {"ended": "failed", "why": f"not enough memory ({error})".replace(" ()", "")}
    return {"ended": "complete", **summarized(result, metric, telling.opened)}


def _run(question: Mapping[str, Any], listener: Telling) -> Result:
    folder = Path(question["folder"])
    shared: dict[str, Any] = {
        "engine": question["engine"],
        "threads": question["threads"],
        "listener": listener,
        "diagnose": False,
        "tested": False,
    }
    if (folder / CONFIGURATION).is_file():
        return experiments.resume(folder, **shared)
    experiment = Experiment.of(**question["words"])
    return experiments.run(experiment, folder, overwrite=True, **shared)


def summarized(result: Result, metric: str, opened: Opened | None) -> dict[str, Any]:
    """How good the model of a run is by a column of its history, and when it was so.

    A model has the weights of its best epoch where it was stopped early, else of the last; each member of several has
    those of its own best: their mean loss at those, or the share of their right answers with those.
    """
    history, best = result.history, result.summary["best_epoch"]
    members = [name for name in history.rows[0] if name.startswith("val_member_")]
    if members:
        best = int(history[LOSS].argmin()) + 1
    if members and metric == LOSS:
        value = sum(float(history[name].min()) for name in members) / len(members)
    elif members and opened is not None:
        value = _accuracy_of_members(result, opened)
    else:
        value = float(history[metric][best - 1 if best else -1])
    return {
        "value": value,
        "epoch": best or len(history),
        "epochs": len(history),
        "seconds": float(history["seconds"].sum()),
        "parameters": result.summary["parameters"],
        "engine": result.summary["engine"],
    }


def _accuracy_of_members(result: Result, opened: Opened) -> float:
    """The share of right answers to samples held out, each by the member that did not learn from it."""
    experiment = opened.experiment
    held = left_out(opened.loaded, result.model, experiment.validation, experiment.recipe.seed)
    assert held is not None  # which `comparable` has seen to
    return float((held.output.argmax(1) == held.data.y).mean())


def _data_of(loaded: Loaded) -> str:
    """What tells the data from others."""
    parts = (loaded.train, loaded.validation)
    arrays = [array for part in parts if part is not None for array in (part.x, part.y)]
    return fingerprint(
        [getattr(array, "values", array) for array in arrays]  # of sparse rows what they hold
    )


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
