"""`ProgressBar`: a live bar on a terminal, a plain line for each epoch elsewhere."""

from __future__ import annotations

import os
from time import monotonic
from typing import IO, TYPE_CHECKING, Any, cast

from sloy.files.streams import Stream, to_draw_on
from sloy.text import count, visible
from sloy.training.callbacks import Callback, Progress
from sloy.training.counting import Count
from sloy.training.history import Row

if TYPE_CHECKING:
    from sloy.training.run import Run

_ONLY_IN_THE_TABLE = ("epoch", "seconds", "samples_per_second", "learning_rate")
_OF_PARTS = ("gradient_norm", "val_member_")  # as are columns that begin so
ALL = 20  # epochs of which each has its line
EVERY = 1.0  # seconds between lines, where there are more and no terminal


class Bar:
    """A run on a stream: on a terminal a bar for the epoch that runs, and a line for each that is done.

    The bar has the running loss and metrics, samples per second and the time left, and is redrawn in place. Elsewhere,
    and with ``TERM=dumb``, there are the lines alone; of runs of more than `ALL` epochs the first, the last, and one a
    second between.

    Parameters
    ----------
    stream : text file, optional
        The error stream by default.
    """

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream
        self._count = Count(stream)
        self._bar: Any = None
        self._task: Any = None
        self._epochs = self._samples = 0
        self._written: float | None = None  # when the last line was
        self._held = ""  # a line that is written where none follows

    def count(self, what: str, done: int, total: int) -> None:
        """Show how much is done of what comes before the epochs."""
        self._count.show(what, done, total)

    def open(self, epochs: int, samples: int) -> None:
        """Begin to show epochs of so many samples."""
        self._epochs, self._samples = epochs, samples
        self._written, self._held = None, ""
        stream = to_draw_on(self._stream)
        if stream.isatty() and os.environ.get("TERM") != "dumb":
            self._bar = _bar(stream)
            self._bar.start()

    def begin(self, epoch: int) -> None:
        """Begin a new bar."""
        if self._bar is None:
            return
        if self._task is not None:
            self._bar.remove_task(self._task)
        title = f"epoch {epoch}/{self._epochs}"
        self._task = self._bar.add_task(title, total=self._samples, figures="", speed="")

    def move(self, progress: Progress) -> None:
        """Move the bar."""
        if self._bar is None or self._task is None:
            return
        figures = " ".join(
            f"{visible(name)} {_figure(name, v)}" for name, v in progress.values.items()
        )
        speed = f"{count(round(progress.samples / max(progress.seconds, 1e-9)))}/s"
        self._bar.update(self._task, completed=progress.samples, figures=figures, speed=speed)

    def end(self, row: Row) -> None:
        """Write an epoch's line, or keep it where many come within a second."""
        line = visible(epoch_line(row, self._epochs))
        if self._bar is not None:
            self._bar.console.print(line, highlight=False, markup=False, soft_wrap=True)
            return
        now, last = monotonic(), self._written
        if self._epochs <= ALL or last is None or now - last >= EVERY:
            self._print(line)
            self._written, self._held = now, ""
        else:
            self._held = line

    def _print(self, line: str) -> None:
        print(line, file=to_draw_on(self._stream), flush=True)

    def close(self) -> None:
        """Take the bar away."""
        self._count.clear()
        if self._held:
            self._print(self._held)
            self._held = ""
        if self._bar is not None:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._bar.stop()
            self._bar = self._task = None


class ProgressBar(Callback):
    """Show a run on the error stream; see `Bar`.

    Parameters
    ----------
    stream : text file, optional
        Where to write; the error stream by default.
    """

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._bar = Bar(stream)
        self._shown = True

    def on_count(self, what: str, done: int, total: int) -> None:
        """Show the count."""
        self._bar.count(what, done, total)

    def on_fit_begin(self, run: Run) -> None:
        """Open the bar where the stream is a terminal; nothing is shown by other processes than the first."""
        self._shown = run.leads
        if self._shown:
            self._bar.open(run.epochs, run.samples)

    def on_epoch_begin(self, run: Run, epoch: int) -> None:
        """Begin a new bar."""
        self._bar.begin(epoch)

    def on_progress(self, run: Run, progress: Progress) -> None:
        """Move the bar."""
        self._bar.move(progress)

    def on_epoch_end(self, run: Run, row: Row) -> None:
        """Write the epoch's line."""
        if self._shown:
            self._bar.end(row)

    def on_fit_end(self, run: Run) -> None:
        """Close the bar."""
        self._bar.close()


def epoch_line(row: Row, epochs: int) -> str:
    """An epoch in one line.

    Examples
    --------
    >>> row = {"epoch": 2, "loss": 0.12345, "accuracy": 0.9712, "gradient_norm": 1.5,
    ...        "seconds": 4.21, "samples_per_second": 14252.0}
    >>> epoch_line(row, 3)
    'epoch 2/3: loss 0.1235, accuracy 97.12 % · 4.2 s, 14 252 samples/s'
    """
    shown = [
        f"{name} {_figure(name, value)}"
        for name, value in row.items()
        if name not in _ONLY_IN_THE_TABLE and not name.startswith(_OF_PARTS)
    ]
    width = len(str(epochs))
    return (
        f"epoch {row['epoch']:>{width}}/{epochs}: {', '.join(shown)} ·"
        f" {row['seconds']:.1f} s, {count(round(row['samples_per_second']))} samples/s"
    )


def _figure(name: str, value: float) -> str:
    return f"{100 * value:.2f} %" if name.endswith("accuracy") else f"{value:.4g}"


def _bar(stream: Stream) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[figures]}", markup=False),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
        console=Console(file=cast("IO[str]", stream)),
        transient=True,
        refresh_per_second=10,
    )
