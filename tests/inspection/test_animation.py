"""Animations: what their frames show, and the page in a real browser."""

from __future__ import annotations

import io
import re
from functools import cache
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

import sloy
from browser import open_page
from sloy.errors import InvalidArgument
from sloy.inspection import Animation, curves_figure, descent_animation
from sloy.inspection.style import BLUE, ORANGE
from sloy.language import speak
from sloy.layers import Dense, Tanh
from sloy.theory import compare_descents, path_animation

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
XOR = np.array([0, 1, 1, 0])
NETWORK = sloy.Network((2,), [Dense(4), Tanh(), Dense(1)])
OPTIONS = {"loss": "binary_crossentropy", "optimizer": sloy.Adam(0.1), "seed": 1}


@cache
def learning(language: str = "en") -> sloy.inspection.DescentAnimation:
    with speak(language):
        return descent_animation(
            NETWORK, (CORNERS, XOR), epochs=60, frames=4, seconds=0.4, **OPTIONS
        )


def picture(frame: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(frame)) as opened:
        return np.asarray(opened.convert("RGB"))


def colours_near(frame: bytes, colour: str) -> int:
    """How many pixels have about this colour."""
    apart = abs(picture(frame).astype(float) - 255 * np.array(to_rgb(colour))).max(2)
    return int((apart < 30).sum())


# --- what is shown --------------------------------------------------------------------------------


def test_frames_are_of_the_run_that_fit_does() -> None:
    animation = learning()
    model, history = sloy.fit(NETWORK, (CORNERS, XOR), epochs=60, verbose=False, **OPTIONS)
    assert animation.epochs == (0, 20, 40, 60)
    for name, value in model.parameters.items():
        np.testing.assert_array_equal(animation.model.parameters[name], value)
    assert animation.history["loss"].tolist() == history["loss"].tolist()
    assert animation.captions[0] == "before training"
    for epoch, caption in zip(animation.epochs[1:], animation.captions[1:], strict=True):
        assert caption == f"epoch {epoch}, loss {history['loss'][epoch - 1]:.3g}"


@pytest.mark.parametrize("frame", range(4))
def test_a_frame_is_the_decision_at_its_epoch(frame: int) -> None:
    """How much of it is blue, and how much orange, by the probabilities of a run that ended there."""
    epochs = learning().epochs[frame]
    options = OPTIONS if epochs else {**OPTIONS, "optimizer": sloy.SGD(0.0)}
    model, _ = sloy.fit(NETWORK, (CORNERS, XOR), epochs=max(epochs, 1), verbose=False, **options)
    x, y = np.meshgrid(*2 * [np.linspace(-0.3, 1.3, 200)])
    chances = model.predict_proba(np.stack([x.ravel(), y.ravel()], 1))
    blue, orange = (chances > 0.556).sum(), (chances < 0.453).sum()  # 8 levels from white
    pixels = picture(learning().frames[frame])[50:345, 76:370].astype(int)
    warmth = pixels[..., 0] - pixels[..., 2]
    warmth = warmth[(abs(warmth) > 8) & (abs(warmth) < 100)]  # neither white nor the marks
    share = (warmth < 0).mean()
    assert share == pytest.approx(blue / (blue + orange), abs=0.05)


def test_frames_keep_the_colours_of_the_marks() -> None:
    for frame in learning().frames:
        assert colours_near(frame, BLUE) > 60
        assert colours_near(frame, ORANGE) > 60
        assert picture(frame)[0, 0].tolist() == [255, 255, 255]
    assert len({picture(frame).shape for frame in learning().frames}) == 1
    assert len(set(learning().frames)) == 4


def test_a_run_that_stops_early_ends_with_its_last_epoch() -> None:
    class Until(sloy.Callback):
        def on_epoch_end(self, run: object, row: dict[str, float]) -> bool:
            return row["epoch"] == 7

    animation = descent_animation(
        NETWORK, (CORNERS, XOR), epochs=20, frames=5, callbacks=[Until()], **OPTIONS
    )
    assert animation.epochs == (0, 5, 7)
    assert len(animation.history) == 7


def test_paths_grow_with_the_objects_seen() -> None:
    x = np.linspace(-1, 1, 10)[:, None]
    line = sloy.Network((1,), [Dense(1)])
    start = {"dense_1/weight": np.array([[-1.0]]), "dense_1/bias": np.array([2.0])}
    descent = compare_descents(line, (x, 2 * x + 1), epochs=4, parameters=start)
    animation = path_animation(descent, frames=3)
    assert animation.captions == ("0 objects seen", "20 objects seen", "40 objects seen")
    drawn = [colours_near(frame, BLUE) for frame in animation.frames]
    assert drawn == sorted(set(drawn))
    with speak("ru"):
        assert path_animation(descent, frames=2).captions[1] == "показано объектов: 40"


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_page_asks_nobody_for_anything(language: str, tmp_path: Path) -> None:
    path = tmp_path / "xor.html"
    learning(language).save(path)
    whole = path.read_text(encoding="utf-8")
    page = re.sub(r'"[A-Za-z0-9+/=]{1000,}"', "", whole)
    assert not re.findall(
        r"https?:|//[a-z]|<(?:img|script|link|iframe)[^>]*src|\bhref|@import|url\(|fetch\(", page
    )
    assert f'<html lang="{language}">' in page
    assert "default-src 'none'" in page
    assert ("до обучения" if language == "ru" else "before training") in page
    inner = re.findall(r'<iframe srcdoc="([^"]*)"', learning(language)._repr_html_())
    assert [unescape(text) for text in inner] == [whole]


def test_forty_frames_are_small() -> None:
    animation = descent_animation(NETWORK, (CORNERS, XOR), epochs=120, frames=40, **OPTIONS)
    assert len(animation.html()) < 2_000_000


def test_the_gif_has_the_frames(tmp_path: Path) -> None:
    learning().save(tmp_path / "xor.gif")
    with Image.open(tmp_path / "xor.gif") as opened:
        assert opened.n_frames == 4
        assert opened.info["loop"] == 0
        for number, frame in enumerate(learning().frames):
            opened.seek(number)
            apart = abs(np.asarray(opened.convert("RGB")).astype(int) - picture(frame))
            assert apart.mean() < 2


def test_titles_and_captions_cannot_end_the_script() -> None:
    figures = [curves_figure({"epoch": [1], "loss": [1.0]})]
    page = Animation.of(figures, ["</script><b>"], title="<&>").html()
    assert page.count("</script>") == page.count("<script") == 2  # what is told, and what shows it
    assert "<b>" not in page
    assert "<title>&lt;&amp;&gt;</title>" in page


def test_mistakes_are_named(tmp_path: Path) -> None:
    figures = [curves_figure({"epoch": [1], "loss": [1.0]})]
    with pytest.raises(InvalidArgument, match="1 `frames` and 2 `captions`"):
        Animation.of(figures, ["a", "b"])
    with pytest.raises(InvalidArgument, match="0 `frames`"):
        Animation((), ())
    with pytest.raises(InvalidArgument, match=r"must end in .html or .gif"):
        learning().save(tmp_path / "xor.mp4")
    with pytest.raises(InvalidArgument, match=r"`frames` \(=1\)"):
        descent_animation(NETWORK, (CORNERS, XOR), frames=1)
    small = curves_figure({"epoch": [1], "loss": [1.0]})
    small.set_size_inches(2, 2)
    with pytest.raises(InvalidArgument, match="differ in size"):
        Animation.of([*figures, small], ["a", "b"])


# --- in a browser ---------------------------------------------------------------------------------


def test_slider_keys_and_button_move_the_picture(tmp_path: Path) -> None:
    expect = pytest.importorskip("playwright.sync_api").expect
    animation = learning()
    animation.save(tmp_path / "xor.html")
    with open_page(tmp_path / "xor.html") as page:
        source = "document.getElementById('picture').src"
        first = page.evaluate(source)
        height = page.evaluate("document.getElementById('picture').naturalHeight")
        assert height == picture(animation.frames[0]).shape[0]
        assert page.inner_text("#caption") == "before training"
        assert page.get_attribute("#picture", "alt") == "before training"
        page.fill("#slider", "2")
        assert page.evaluate(source) != first
        assert page.inner_text("#caption") == animation.captions[2]
        page.focus("#slider")
        page.keyboard.press("ArrowRight")
        assert page.inner_text("#caption") == animation.captions[3]
        page.keyboard.press("Home")
        assert page.evaluate(source) == first
        page.focus("#play")
        page.keyboard.press("Enter")
        assert "Pause" in page.inner_text("#play")
        expect(page.locator("#caption")).to_have_text(animation.captions[3])
        expect(page.locator("#play")).to_contain_text("Play")
        page.click("#play")  # again from the start, and stopped by hand
        page.click("#play")
        assert page.input_value("#slider") != "3"
        assert "Play" in page.inner_text("#play")


def test_a_notebooks_frame_runs_too(tmp_path: Path) -> None:
    """What `_repr_html_` gives, within another page."""
    (tmp_path / "cell.html").write_text(
        f"<!doctype html><meta charset='utf-8'><title>-</title>{learning('ru')._repr_html_()}",
        encoding="utf-8",
    )
    with open_page(tmp_path / "cell.html") as page:
        frame = page.frame_locator("iframe")
        assert "Пуск" in frame.locator("#play").inner_text()
        frame.locator("#slider").fill("3")
        assert "эпоха 60" in frame.locator("#caption").inner_text()
        box = frame.locator("#caption").bounding_box()
        assert box is not None
        outer = page.locator("iframe").bounding_box()
        assert outer is not None
        assert box["y"] + box["height"] <= outer["y"] + outer["height"], "nothing is cut off"
