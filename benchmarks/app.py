"""What an open page of `sloy app` costs the training, how soon it is there, and how soon a click changes the picture.

    python benchmarks/app.py [--seconds 3] [--rounds 5] [--clicks 40]

The playground trains 500 points with a network of 2-8-8-2. Stretches with a page in Chromium and without one take
turns; their steps a second are compared, by the clock and by the processor time of the training thread, and with the
page its pictures are counted. Then units are added and removed while it trains: what is timed is the way from the click
to the frame that has them, and to the picture painted of it. The browser runs at low priority. Needs Playwright and
Debian's chromium.
"""

from __future__ import annotations

import argparse
import os
import threading
import time
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

from sloy.app.server import Local

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
HEARD = """() => {
  window.frames_ = 0;
  const Native = WebSocket;
  window.WebSocket = class extends Native {
    constructor(...given) {
      super(...given);
      this.addEventListener("message", ({data}) => {
        if (typeof data === "string") return;
        window.frames_ += 1;
        if (!window.heard) return;
        const length = new DataView(data).getUint32(0, true);
        window.heard(JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length))));
      });
    }
  };
}"""
CLICK = """(more) => new Promise(done => {
  const units = document.querySelectorAll(".column")[1].querySelectorAll(".unit").length + (more ? 1 : -1);
  const begun = performance.now();
  window.heard = frame => {
    if (frame.layers[0]?.units !== units) return;
    window.heard = null;
    const came = performance.now() - begun;
    requestAnimationFrame(() => setTimeout(() => done([came, performance.now() - begun]), 0));
  };
  document.querySelector(`[data-focus^="${more ? "more" : "fewer"} "]`).click();
})"""


PAINT = """() => Math.max(...performance.getEntriesByType("paint").map(one => one.startTime))"""


class Pace:
    """Steps of the playground's line, and what its thread and the clock needed for them."""

    def __init__(self, playground: Any) -> None:
        self.playground = playground

    def now(self) -> tuple[int, float, float]:
        """Steps done, processor seconds of the training thread, seconds."""
        return self.playground.ask(self._there).result()

    def _there(self) -> tuple[int, float, float]:
        return self.playground.lines[0].step, time.thread_time(), time.perf_counter()

    def over(self, seconds: float) -> tuple[float, float]:
        """Steps a second by the clock, and by the thread's processor time."""
        step, spent, begun = self.now()
        time.sleep(seconds)
        last, used, ended = self.now()
        return (last - step) / (ended - begun), (last - step) / (used - spent)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="of each stretch")
    parser.add_argument("--rounds", type=int, default=5, help="pairs of stretches")
    parser.add_argument("--clicks", type=int, default=40)
    args = parser.parse_args()
    ready = threading.Event()
    local = Local("mnist")
    server = threading.Thread(target=lambda: local.serve(lambda link: ready.set()))
    server.start()
    ready.wait()
    playground = local.desk.playground
    base = f"http://127.0.0.1:{local.keys.port}"
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        _at_low_priority(os.getpid())
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.add_cookies([{"name": local.keys.name, "value": local.keys.cookie, "url": base}])
        page = context.new_page()
        page.add_init_script(f"({HEARD})()")

        def look(*, at_it: bool) -> None:
            page.goto(f"{base}/#playground" if at_it else "about:blank")
            if at_it:
                page.wait_for_selector("#numbers[data-step]")
            page.wait_for_timeout(300)

        look(at_it=True)
        paints, pictures = [page.evaluate(PAINT)], []
        found: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
        for turn in range(2 * args.rounds):
            open_ = turn % 4 in (1, 2)
            look(at_it=open_)
            if open_:
                paints.append(page.evaluate(PAINT))
            playground.command({"do": "reset", "seed": turn // 2}).result()
            playground.command({"do": "play"}).result()
            time.sleep(0.5)
            before = page.evaluate("window.frames_") if open_ else 0
            found[open_].append(Pace(playground).over(args.seconds))
            if open_:
                pictures.append((page.evaluate("window.frames_") - before) / args.seconds)
        alone, watched = (np.array(found[way]) for way in (False, True))
        ratios = watched / alone
        print(
            f"steps a second: {np.median(alone[:, 0]):.0f} without a page, {np.median(watched[:, 0]):.0f} with one;"
            f" ratio of pairs {np.median(ratios[:, 0]):.3f} ({ratios[:, 0].min():.3f} to {ratios[:, 0].max():.3f}),"
            f" by the thread's processor time {np.median(ratios[:, 1]):.3f}"
            f" ({ratios[:, 1].min():.3f} to {ratios[:, 1].max():.3f})",
            flush=True,
        )
        print(
            f"first paint after {paints[0]:.0f} ms, again {np.median(paints[1:]):.0f};"
            f" {np.median(pictures):.1f} pictures a second (least {min(pictures):.1f})",
            flush=True,
        )
        look(at_it=True)
        playground.command({"do": "play"}).result()
        times = []
        for click in range(args.clicks):
            page.wait_for_timeout(150)
            times.append(page.evaluate(CLICK, click % 2 == 0))
        came, painted = np.percentile(np.array(times), [50, 95], axis=0).T
        print(
            f"click to frame {came[0]:.0f} ms (95th percentile {came[1]:.0f}), to picture {painted[0]:.0f} ms"
            f" (95th percentile {painted[1]:.0f})"
        )
        browser.close()
    local.stop()
    server.join()


def _at_low_priority(parent: int) -> None:
    """The children of a process, and theirs."""
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/stat", encoding="ascii") as file:
                if int(file.read().rsplit(") ", 1)[1].split()[1]) != parent:
                    continue
        except (OSError, ValueError):
            continue
        os.setpriority(os.PRIO_PROCESS, int(entry), 15)
        _at_low_priority(int(entry))


if __name__ == "__main__":
    main()
