"""How large the page of a run is, how soon it answers, and how far its answers are from the model's.

    python benchmarks/page.py RUN

RUN is a run on MNIST, such as that of `sloy train mnist`. Its page (`sloy report`) is opened from disk in Chromium
without a network, with WebAssembly and without. Needs Playwright and Debian's chromium.
"""

from __future__ import annotations

import argparse
import tempfile
from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

import sloy
from sloy import experiments

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
SAMPLES = 1000
ANSWERS = """(all) => {
  const bytes = Uint8Array.from(atob(all), letter => letter.charCodeAt(0)), given = [], times = [];
  for (let i = 0; i < bytes.length; i += 784) {
    const begun = performance.now();
    network.run(bytes.subarray(i, i + 784));
    times.push(performance.now() - begun);
    given.push([...network.output(told.answer.output)]);
  }
  return [given, times];
}"""
READY = "document.querySelector('.answer')?.textContent.includes('%') && performance.now()"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("run")
    args = parser.parse_args()
    x = np.asarray(sloy.data.mnist().test.x[:SAMPLES])
    expected = sloy.load(args.run).predict_proba(x)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as started:
        path = Path(folder) / "run.html"
        experiments.report(args.run, path)
        print(f"{path.stat().st_size / 1e6:.2f} MB")
        browser = started.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        for name, before in (("with WebAssembly", ""), ("without", "delete window.WebAssembly")):
            found, times, ready = _opened(browser, path, before, x)
            same = float((found.argmax(1) == expected.argmax(1)).mean())
            print(
                f"{name}: first answer {ready:.0f} ms after opening, then {np.median(times):.2f} ms each"
                f" (95th percentile {np.percentile(times, 95):.2f}); largest difference"
                f" {np.abs(found - expected).max():.1e}, the same class of {same:.2%} of {len(x)}",
                flush=True,
            )
        browser.close()


def _opened(
    browser: Any, path: Path, before: str, x: np.ndarray
) -> tuple[np.ndarray, list[float], float]:
    """Answers (N, K), milliseconds of each, and milliseconds from opening to the first answer that is shown."""
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.add_init_script(before)
    page.goto(path.as_uri())
    while not (ready := page.evaluate(READY)):
        page.wait_for_timeout(5)
    found, times = page.evaluate(ANSWERS, b64encode(x.tobytes()).decode())
    context.close()
    return np.array(found), times, float(ready)


if __name__ == "__main__":
    main()
