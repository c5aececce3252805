"""`Outward`: a model for other tools: ONNX, C, JavaScript, a page in which it runs."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sloy.arguments import file_to_write, one_of
from sloy.errors import InvalidArgument, SloyError
from sloy.files.atomic import write_atomically
from sloy.language import speak
from sloy.model.by_class import by_class
from sloy.model.parts import Parts
from sloy.problem import Network
from sloy.text import framed, shown

if TYPE_CHECKING:
    import numpy as np

    from sloy.data.readers import Reader
    from sloy.problem.inputs import Data

SUFFIXES = (".html", ".htm")  # of pages
FRAME = 780  # pixels of a page's height in a notebook
IN_NOTEBOOK = 2_500_000  # characters of a page that a notebook keeps
PRECISIONS = ("auto", "float32", "float16", "int8")


class Outward:
    """The ways of a model to files that others read."""

    @property
    def parts(self) -> Parts:
        """See `Model`."""
        raise NotImplementedError

    @property
    def network(self) -> Network:
        """See `Model`."""
        raise NotImplementedError

    @property
    def picture_reader(self) -> Reader | None:
        """See `Model`."""
        raise NotImplementedError

    def export(
        self,
        path: str | Path,
        *,
        opset: int = 18,
        channels_first: bool = False,
        name: str | None = None,
    ) -> None:
        """Write the model for other tools; see docs/exchange.md.

        Parameters
        ----------
        path : str or Path
            ``NAME.onnx``; ``NAME.c`` or ``NAME.h``, one file of C99 with
            ``void NAME_predict(const float *x, float *y)``; or ``NAME.js``, see `to_javascript`.
        opset : int
            ONNX's, at least 18.
        channels_first : bool
            ONNX: pictures as (N, C, H, W) rather than (N, H, W, C).
        name : str, optional
            C: what the file's names begin with; its own by default.

        Raises
        ------
        NotAvailable
            Where the network has no such form, is too large for C, or the onnx package is missing.
        """
        from sloy.model.exchange import export

        export(by_class(self.parts), path, opset=opset, channels_first=channels_first, name=name)

    def to_javascript(self, path: str | Path) -> None:
        """Write the model as an ES module without dependencies, for browsers and Node; its types beside it.

        The module's ``predict(x)`` takes one raw sample, row-major (of a table ``{column: value}``), and gives a
        ``Float32Array`` of probabilities, or values. It computes in float32, with WebAssembly where there is some.

        Parameters
        ----------
        path : str or Path
            ``NAME.js``; ``NAME.d.ts`` is written too.

        Raises
        ------
        NotAvailable
            Where an op has no JavaScript, or the network is too large.
        """
        path = file_to_write("to_javascript", "path", path)
        if path.suffix.lower() != ".js":
            raise InvalidArgument(f"to_javascript: `path` (={shown(str(path))}) must end in .js.")
        self.export(path)

    def to_html(
        self,
        path: str | Path,
        *,
        data: Data | None = None,
        title: str = "",
        precision: Literal["auto", "float32", "float16", "int8"] = "auto",
        language: str | None = None,
    ) -> Path:
        """Write the model as one HTML file in which it runs; see docs/report.md.

        Parameters
        ----------
        path : str or Path
        data : Dataset or (x, y), optional
            Samples to load in the page, such as test data; those that the model gets wrong are shown.
        title : str
            Of the page; the network's by default.
        precision : "auto", "float32", "float16" or "int8"
            Of the weights; "auto" keeps the file small.
        language : "en" or "ru", optional
            By default the one that is spoken.

        Raises
        ------
        NotAvailable
            Where an op has no JavaScript, or the network is too large.

        Examples
        --------
        >>> import numpy as np, sloy, tempfile
        >>> data = np.eye(2), np.array([0, 1])
        >>> network = sloy.Network((2,), [sloy.layers.Dense(2)])
        >>> model, _ = sloy.fit(network, data, epochs=1, engine="reference", verbose=False)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.to_html(folder + "/plane.html", data=data).name
        'plane.html'
        """
        path = file_to_write("to_html", "path", path, SUFFIXES)
        one_of("to_html", "precision", precision, PRECISIONS)
        with nullcontext() if language is None else speak(language):
            write_atomically(path, self._page(title, precision, data))
        return path

    def _page(
        self,
        title: str,
        precision: Literal["auto", "float32", "float16", "int8"],
        data: Data | None = None,
    ) -> str:
        from sloy.language import say
        from sloy.model.page import Section, describe, page, precision_for
        from sloy.model.page_data import known_of
        from sloy.model.page_told import plane_of
        from sloy.problem.inputs import as_dataset

        parts: Parts = by_class(self.parts)._replace(reader=self.picture_reader)
        known = None
        if data is not None:
            found = as_dataset(data)
            known = known_of(found, *self._answers(found.x), plane=plane_of(parts))
        kept = precision_for(parts) if precision == "auto" else precision
        last = [Section("network-of", say("The network"), describe(parts, kept))]
        if known is not None and known.wrong:
            last.insert(0, mistakes())
        return page(
            parts,
            title=title or say("A trained network"),
            precision=kept,
            known=known,
            last=last,
        )

    def _answers(self, x: Any) -> tuple[np.ndarray, np.ndarray]:
        raise NotImplementedError

    def _repr_html_(self) -> str:
        try:
            found = self._page("", "auto")
        except SloyError:
            return self.network._repr_html_()
        if len(found) > IN_NOTEBOOK:
            return self.network._repr_html_()
        return framed(found, "sloy", "100%", FRAME)


def mistakes() -> Any:
    """The section of samples that were given a wrong class."""
    from sloy.language import say
    from sloy.model.page import Section

    about = say("The most confident ones first; a click loads one above.")
    return Section("mistakes", say("Mistakes"), f'<p>{about}</p><div data-samples="wrong"></div>')
