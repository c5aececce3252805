"""MNIST, and folders of IDX files named as those of MNIST."""

from __future__ import annotations

from pathlib import Path

from sloy.cli.plan import Plan
from sloy.cli.sources.base import Loaded, cut
from sloy.cli.sources.labelled import Labelled


class Mnist(Labelled):
    """The bundled digits."""

    name = "mnist"

    @staticmethod
    def matches(data: str) -> bool:
        """The name itself."""
        return data == "mnist"

    def load(self, plan: Plan) -> Loaded:
        """The digits, cut to the plan's `samples`."""
        from sloy.data import mnist

        data = mnist()
        train = cut(data.train, plan.samples)
        return Loaded(train, data.test, augment=plan.make_augment())


class IdxFolder(Labelled):
    """Four IDX files in a folder."""

    @staticmethod
    def matches(data: str) -> bool:
        """Every other name is taken for a folder."""
        return True

    @property
    def name(self) -> str:
        """The folder's name."""
        return Path(self.data).resolve().name

    def load(self, plan: Plan) -> Loaded:
        """The folder's pictures, cut to the plan's `samples`."""
        from sloy.data import load_idx_folder
        from sloy.errors import InvalidArgument

        if not Path(self.data).exists():
            raise InvalidArgument(
                f"{self.data}: there is no such file or folder; DATA is mnist, a folder of pictures or"
                " of IDX files, or a table (CSV, TSV, Parquet)."
            )
        data = load_idx_folder(self.data)
        train = cut(data.train, plan.samples)
        return Loaded(train, data.test, augment=plan.make_augment())
