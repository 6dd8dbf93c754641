"""The page in a real browser: what it shows, by pointer and by keyboard, on a phone, with 5,000 prompts."""

import json
import re
import time

import numpy as np
import pandas as pd
import pytest
from chromium import CONTRAST, SMALL_TYPE, complaints, headless_chromium, lay_out, requests
from explored_run import write_explored_run

from unsinter.studies.cli.commands.view import view_verb
from unsinter.studies.report.evidence.run_data import read_evidence
from unsinter.studies.report.sections.layer_sections import axis_points

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
Select = pytest.importorskip("selenium.webdriver.support.ui").Select
PHONE, DESK = 390, 1200

CUT = """
const scrolls = e => e.closest('.scroll');
const wide = [...document.querySelectorAll('main *')].filter(e => e.checkVisibility() &&
  !e.closest('.unseen') && !scrolls(e) &&
  (e.getBoundingClientRect().right > arguments[0] + 1 || e.getBoundingClientRect().left < -1));
const texts = [...document.querySelectorAll('main svg')].flatMap(svg => {
  const box = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text')].filter(t => {
    const r = t.getBoundingClientRect();
    return r.left < box.left - 1 || r.right > box.right + 1 ||
      r.top < box.top - 1 || r.bottom > box.bottom + 1;
  });
});
const page = document.scrollingElement.scrollWidth > arguments[0] ? ['the page'] : [];
return [...wide, ...texts].map(e => `${e.tagName} ${e.id} ${e.textContent.slice(0, 30)}`).concat(page);
"""
UNNAMED = """
const named = 'button, input, select, [role=application], [role=region], svg[role=img]';
const controls = [...document.querySelectorAll(named)];
return controls.filter(e => e.checkVisibility()).filter(e => {
  const by = (e.getAttribute('aria-labelledby') || '').split(' ')
    .map(id => document.getElementById(id)?.textContent).join('');
  return !(e.getAttribute('aria-label') || by ||
    [...(e.labels || [])].map(l => l.textContent).join('') || e.textContent).trim();
}).map(e => e.outerHTML.slice(0, 80));
"""
TWINS = """
const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
return ids.filter((id, i) => ids.indexOf(id) !== i);
"""
HEADINGS = """
const levels = [...document.querySelectorAll('h1, h2, h3, h4')]
  .filter(h => h.checkVisibility()).map(h => Number(h.tagName[1]));
return levels.filter((level, i) => (i ? level > levels[i - 1] + 1 : level !== 1));
"""


@pytest.fixture(scope="module")
def browser():
    with headless_chromium() as driver:
        yield driver


def one(browser, selector):
    return browser.find_element("css selector", selector)


def all_of(browser, selector):
    return browser.find_elements("css selector", selector)


def press(browser, *keys):
    chain = webdriver.ActionChains(browser)
    for key in keys:
        chain.send_keys(key)
    chain.perform()


def pick(browser, selector, text):
    Select(one(browser, selector)).select_by_visible_text(text)
    settle(browser)


def loaded(browser, page, **look):
    lay_out(browser, page, **look)
    settle(browser)


def settle(browser):
    """Wait until what changed is drawn: pictures and tables come with the next frame."""
    browser.execute_async_script(
        "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(done))"
    )


def choose(browser, name):
    """Choose a prompt by its id."""
    one(browser, "#find").clear()
    one(browser, "#find").send_keys(name)
    one(browser, "#matches button").click()


def open_everything(browser):
    """Choose a prompt, and open a verdict and a transfer cell, so that every part of the page is there."""
    browser.execute_script("document.getElementById('plot').focus()")
    press(browser, Keys.HOME, Keys.ARROW_RIGHT)
    browser.execute_script(
        "for (const map of document.querySelectorAll('[id$=-map]'))"
        " (map.querySelector('button.chosen') || map.querySelector('button'))?.click();"
        "document.querySelector('#numbers').open = true"
    )


def opened(browser, page, **look):
    loaded(browser, page, **({"width": DESK} | look))
    open_everything(browser)


def in_scheme(browser, page, *, dark):
    opened(browser, page, dark=dark)
    return browser.execute_script(CONTRAST)


def seen(browser, page, script, width, *arguments):
    opened(browser, page, width=width)
    return browser.execute_script(script, *(arguments or [width]))


def words_on(browser, page):
    opened(browser, page)
    return complaints(browser)


def requests_of(browser, page):
    opened(browser, page)
    return requests(browser, page)


CHECKS = {
    "console": words_on,
    "requests": requests_of,
    "contrast in the light": lambda b, p: in_scheme(b, p, dark=False),
    "contrast in the dark": lambda b, p: in_scheme(b, p, dark=True),
    "cut on a phone": lambda b, p: seen(b, p, CUT, PHONE),
    "cut on the smallest phone": lambda b, p: seen(b, p, CUT, 320),
    "cut at a desk": lambda b, p: seen(b, p, CUT, DESK),
    "small type on a phone": lambda b, p: seen(b, p, SMALL_TYPE, PHONE, 10.95),
    "controls without a name": lambda b, p: seen(b, p, UNNAMED, DESK),
    "ids": lambda b, p: seen(b, p, TWINS, DESK),
    "headings": lambda b, p: seen(b, p, HEADINGS, DESK),
}
FAULTS = {
    "console": (r"start\(\);", "start(); console.error('a fault');"),
    "requests": ("</main>", "</main><img src='http://192.0.2.1/beacon.png' alt=''>"),
    "contrast in the light": ("--muted: #5b6673", "--muted: #a0a8b0"),
    "contrast in the dark": ("--ink: #e8e6e1", "--ink: #1b2129"),
    "cut on a phone": (r"@media \(max-width: 56rem\) \{ \.two \{[^}]*\} \}", ""),
    "cut on the smallest phone": (r"select, button, input\[type=\"search\"\] \{", r"\g<0> min-width: 330px;"),
    "cut at a desk": (r"left: 58, right: 428", "left: 2, right: 428"),
    "small type on a phone": (r"font: 14px", "font: 12px"),
    "controls without a name": (r"<label>Find by id (<input[^>]*>)</label>", r"\1"),
    "ids": (r'id="numbers-table"', 'id="numbers"'),
    "headings": (r'<h2 id="picture-title">Two axes</h2>', ""),
}


@pytest.mark.parametrize("check", CHECKS)
def test_the_page_is_sound(browser, explorer_page, check):
    assert CHECKS[check](browser, explorer_page) == []


@pytest.mark.parametrize("check", CHECKS)
def test_each_check_sees_its_fault(browser, explorer_page, tmp_path, check):
    pattern, replacement = FAULTS[check]
    text = explorer_page.read_text(encoding="utf-8")
    spoiled, n = re.subn(pattern, replacement, text)
    assert n, f"the fault was not planted: {pattern}"
    file = tmp_path / "explorer.html"
    # The policy names the very script and style, so it goes with the fault.
    file.write_text(re.sub(r"<meta http-equiv[^>]*>", "", spoiled), encoding="utf-8")
    assert CHECKS[check](browser, file) != []


def test_a_changed_script_does_not_run(browser, explorer_page, tmp_path):
    file = tmp_path / "explorer.html"
    text = explorer_page.read_text(encoding="utf-8").replace("start();", "start(); document.title = 'taken';")
    file.write_text(text, encoding="utf-8")
    loaded(browser, file, width=DESK)
    assert browser.title != "taken"
    assert any("Content Security Policy" in line for line in complaints(browser))


def test_names_of_the_run_run_no_script_and_show_as_they_are(browser, explorer_page, explored_run):
    opened(browser, explorer_page)
    hostile = pd.read_parquet(explored_run / "prompts.parquet")["id"].iloc[-1]
    assert len(all_of(browser, "script")) == 4
    assert browser.execute_script("return document.querySelector('h1').textContent") == hostile
    one(browser, "#find").send_keys("alert(1)")
    assert browser.execute_script(
        "return [...document.querySelectorAll('#matches button')].map(b => b.textContent)"
    ) == [
        f"{hostile}4",
        hostile,
    ]


def test_the_picture_has_the_points_of_the_report(browser, explorer_page, explored_run):
    loaded(browser, explorer_page, width=DESK)
    points = axis_points(read_evidence(explored_run), "detached")
    counts = points.groupby(["harm", "answer"]).size()
    names = browser.execute_script(
        "return [...document.querySelectorAll('#cells label')].map(b => b.textContent)"
    )
    assert names == [
        f"harmful, refused ({counts['harmful', 'refusal']})",
        f"harmful, answered ({counts['harmful', 'compliance']})",
        f"harmless, refused ({counts['harmless', 'refusal']})",
        f"harmless, answered ({counts['harmless', 'compliance']})",
    ]
    drawn = browser.execute_script(
        "return [...document.querySelectorAll('.points')].map(p => p.getAttribute('d'))"
    )
    assert sum(path.count("M") for path in drawn) == len(points)


def shown_scores(browser):
    """Target -> score, of the chosen prompt's table."""
    rows = browser.execute_script(
        "return [...document.querySelectorAll('#about tbody tr')]"
        ".map(r => [...r.cells].map(c => c.textContent))"
    )
    return {row[0][0]: row for row in rows}


def test_a_prompt_shows_its_labels_and_its_scores_of_the_site(browser, explorer_page, explored_run):
    loaded(browser, explorer_page, width=DESK)
    choose(browser, "p-0010")
    scores = pd.read_parquet(explored_run / "predictions.parquet").query(
        "model == 'detached' and id == 'p-0010'"
    )
    at = scores.set_index(["target", "layer", "position"])["score"]

    def is_shown(layer, position):
        rows = shown_scores(browser)
        for target in ("D", "R"):
            expected = f"{at[target, layer, position]:.2f}".replace("-", "\u2212")
            assert rows[target][2] == f"{expected}\u00a0nats"

    is_shown(5, "template_end")
    one(browser, "#layer").send_keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    settle(browser)
    is_shown(3, "template_end")
    pick(browser, "#position", "instruction_end")
    is_shown(3, "instruction_end")
    assert (
        "Layer 3, instruction_end; training chose layer 5, template_end for D." in one(browser, "#site").text
    )
    one(browser, "#chosen").click()
    is_shown(5, "template_end")
    about = one(browser, "#about").text
    for text in (
        "harmless",
        "answer\nrefusal",
        "wording\napology",
        "unsinter show RUN --prompt p-0010 --model detached",
    ):
        assert text in about


def test_a_wrong_call_is_said(browser, explorer_page, explored_run):
    scores = pd.read_parquet(explored_run / "predictions.parquet").query(
        "model == 'detached' and target == 'D' and layer == 3 and position == 'template_end' "
        "and truth == 'harmless'"
    )
    wrong = scores.loc[scores["score"].idxmax()]
    assert wrong["score"] > 0.25
    loaded(browser, explorer_page, width=DESK)
    one(browser, "#layer").send_keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    settle(browser)
    choose(browser, wrong["id"])
    assert shown_scores(browser)["D"][1] == "harmless"
    assert shown_scores(browser)["D"][4] == "harmful, wrongly"


def test_a_prompt_stays_chosen_from_layer_to_layer_and_model_to_model(browser, explorer_page, explored_run):
    loaded(browser, explorer_page, width=DESK)
    choose(browser, "p-0007")
    one(browser, "#layer").send_keys(Keys.HOME)
    settle(browser)
    assert "p-0007" in one(browser, "#about").text
    one(browser, "#numbers summary").click()
    rows = browser.execute_script(
        "return [...document.querySelectorAll('#numbers-table tbody tr')]"
        ".map(r => [...r.cells].map(c => c.textContent))"
    )
    table = pd.read_parquet(explored_run / "predictions.parquet")
    own = table.query("model == 'detached' and id == 'p-0007' and position == 'template_end'")
    for target, place in (("D", 1), ("R", 2)):
        expected = own[own["target"] == target].sort_values("layer")["score"]
        shown = [float(row[place].replace("\u2212", "-")) for row in rows]
        np.testing.assert_allclose(shown, expected, atol=0.00051)
    pick(browser, "#model", "sintered")
    assert "p-0007" in one(browser, "#about").text
    other = table.query(
        "model == 'sintered' and id == 'p-0007' and layer == 5 and target == 'D' "
        "and position == 'template_end'"
    )
    assert shown_scores(browser)["D"][2].replace("\u2212", "-") == f"{other['score'].iloc[0]:.2f}\u00a0nats"


def test_the_pointer_names_the_prompt_below_it_and_a_click_chooses_it(browser, explorer_page, explored_run):
    loaded(browser, explorer_page, width=DESK)
    table = pd.read_parquet(explored_run / "predictions.parquet").query("model == 'detached'")
    here = table[(table["layer"] == 5) & (table["position"] == "template_end")]
    farthest = here[here["target"] == "R"].sort_values("score")["id"].iloc[-1]
    choose(browser, farthest)
    ring = one(browser, "#ring .ring")
    webdriver.ActionChains(browser).move_to_element(ring).perform()
    assert farthest in one(browser, "#tip").text
    press(browser, Keys.ESCAPE)
    browser.execute_script("document.getElementById('plot').focus()")
    place = ring.rect
    press(browser, Keys.ESCAPE)
    assert "None is chosen" in one(browser, "#none").text
    box = one(browser, "#plot").rect
    webdriver.ActionChains(browser).move_to_element_with_offset(
        one(browser, "#plot"),
        round(place["x"] + place["width"] / 2 - box["x"] - box["width"] / 2),
        round(place["y"] + place["height"] / 2 - box["y"] - box["height"] / 2),
    ).click().perform()
    assert farthest in one(browser, "#about").text


def test_groups_of_prompts_can_be_hidden_and_axes_changed(browser, explorer_page):
    loaded(browser, explorer_page, width=DESK)
    one(browser, "#cells input").send_keys(Keys.SPACE)
    assert len(all_of(browser, ".points")) == 3
    assert browser.execute_script("return document.activeElement.checked") is False
    title = one(browser, "#across option:nth-child(2)").text
    pick(browser, "#across", title)
    assert len(all_of(browser, ".points")) == 4
    chosen = browser.execute_script(
        "return [document.getElementById('across').value, document.getElementById('up').value]"
    )
    assert chosen == ["1", "0"]
    names = browser.execute_script(
        "return [...document.querySelectorAll('#cells label')].map(b => b.textContent)"
    )
    assert names[1].startswith("refused, harmless")


def test_every_control_is_reached_with_tab_alone_and_shows_that_it_is(browser, explorer_page):
    opened(browser, explorer_page)
    browser.execute_script("document.activeElement.blur(); scrollTo(0, 0)")
    reached, unseen = set(), []
    for _ in range(120):
        press(browser, Keys.TAB)
        name, outline = browser.execute_script(
            "const e = document.activeElement, s = getComputedStyle(e);"
            "return [e.id || (e.parentElement.closest('[id]') || {}).id, "
            "s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0]"
        )
        if name is not None:  # between the last and the first one
            reached.add(name)
            unseen += [] if outline else [name]
    assert unseen == []
    assert reached >= {
        "model", "position", "layer", "across", "up", "chosen", "cells", "plot", "fixed", "find", "numbers",
        "verdicts-pick",
        "verdicts-map", "verdicts-evidence", "transfer-pick", "transfer-map", "transfer-evidence",
        "categories-map", "left-out-map", "carried-map",
    }  # fmt: skip


def test_arrow_keys_walk_through_the_picture(browser, explorer_page):
    loaded(browser, explorer_page, width=DESK)
    browser.execute_script("document.getElementById('plot').focus()")
    press(browser, Keys.HOME)
    place = "const c = document.querySelector('#ring .ring');"
    place += "return [+c.getAttribute('cx'), +c.getAttribute('cy')]"
    at = [browser.execute_script(place)]
    for key, axis, sign in (
        (Keys.ARROW_LEFT, 0, -1),
        (Keys.ARROW_UP, 1, -1),
        (Keys.ARROW_RIGHT, 0, 1),
        (Keys.ARROW_DOWN, 1, 1),
    ):
        press(browser, key)
        at.append(browser.execute_script(place))
        if at[-1] != at[-2]:
            assert sign * (at[-1][axis] - at[-2][axis]) > 0
    assert len({tuple(own) for own in at}) >= 3
    press(browser, Keys.ESCAPE)
    assert all_of(browser, "#ring circle") == []


def test_verdict_cells_open_their_evidence_by_keyboard(browser, explorer_page, verdicts):
    loaded(browser, explorer_page, width=DESK)
    pick(
        browser,
        "#verdicts-pick",
        next(o.text for o in all_of(browser, "#verdicts-pick option") if o.text.startswith("D-W")),
    )
    cells = all_of(browser, "#verdicts-map button")
    assert len(cells) == 14
    assert [cell.get_attribute("tabindex") for cell in cells].count("0") == 1
    browser.execute_script("document.querySelector('#verdicts-map button[tabindex=\"0\"]').focus()")
    press(browser, Keys.HOME, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ENTER)
    label = browser.execute_script("return document.activeElement.getAttribute('aria-label')")
    position = label.split(", ")[1].split(":")[0]
    own = verdicts[(verdicts["model"] == "detached") & (verdicts["pair"] == "D-W")]
    here = own[(own["layer"] == 3) & (own["position"] == position)]
    row = here[here["is_summary"]].iloc[0]
    text = one(browser, "#verdicts-evidence").text
    assert f"D-W, layer 3, {position}" in text
    assert row["reason"] in text
    assert f"{row['a']:.3f}".removeprefix("0") in text
    assert f"Class by class ({(~here['is_summary']).sum()})" in text
    assert "control" in text
    assert ".550, the words of the prompt" in text
    assert browser.execute_script("return document.activeElement.getAttribute('aria-pressed')") == "true"
    one(browser, "#verdicts-evidence > button").click()
    settle(browser)
    assert f"Layer 3, {position}" in one(browser, "#site").text


def test_transfer_cells_open_their_evidence_and_follow_the_site(browser, explorer_page, explored_run):
    loaded(browser, explorer_page, width=DESK)
    rows = pd.read_parquet(explored_run / "transfer.parquet").query("model == 'detached'")
    assert (
        "At layer 5, template_end, the site chosen in training for D." in one(browser, "#transfer-note").text
    )
    browser.execute_script("document.querySelector('#transfer-map button[tabindex=\"0\"]').focus()")
    press(browser, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.SPACE)
    own = rows[(rows["trained_on"] == "fraud") & (rows["tested_on"] == "weapons and explosives")]
    probe = own[(own["reader"] == "probe") & (own["layer"] == 5)].iloc[0]
    text = one(browser, "#transfer-evidence").text
    for value in (
        probe["auroc"],
        probe["low"],
        probe["gain"],
        own[own["reader"] == "words"]["auroc"].iloc[0],
        0.512,
    ):
        assert f"{abs(value):.3f}".removeprefix("0") in text
    pick(browser, "#position", "instruction_end")
    assert "At layer 5, template_end" in one(browser, "#transfer-note").text
    assert "the run has no matrix at the site above" in one(browser, "#transfer-note").text
    one(browser, "#layer").send_keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    settle(browser)
    assert "At layer 3, instruction_end." in one(browser, "#transfer-note").text


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (
            "categories",
            ("Over all categories, layer 5, template_end: detached", "Read at layer 5", ".900 [.850, .950]"),
        ),
        ("left-out", ("which took no part", ".700 [.650, .750]", "held-out rows of the others")),
        (
            "carried",
            (
                "read in activations of \u2068sintered\u2069",
                ".800 [.750, .850]",
                ".512 [.450, .570], 90 groups",
            ),
        ),
    ],
)
def test_the_other_cells_open_their_evidence_by_keyboard(browser, explorer_page, kind, words):
    loaded(browser, explorer_page, width=DESK)
    browser.execute_script(f"document.querySelector('#{kind}-map button[tabindex=\"0\"]').focus()")
    press(browser, Keys.ENTER)
    text = one(browser, f"#{kind}-evidence").text.replace("\u00a0", " ")
    assert [word for word in (*words, "best floor", "control") if word not in text] == []


def test_motion_is_reduced_where_that_is_asked_for(browser, explorer_page):
    for motion, behaviour in ((True, "smooth"), (False, "auto")):
        lay_out(browser, explorer_page, width=DESK, motion=motion)
        assert (
            browser.execute_script("return getComputedStyle(document.documentElement).scrollBehavior")
            == behaviour
        )
    moving = "return document.getAnimations().length"
    assert browser.execute_script(moving) == 0


def test_a_run_of_one_target_shows_its_prompts_on_one_axis(browser, tmp_path):
    run = write_explored_run(tmp_path / "run", models=("one",))
    scores = pd.read_parquet(run / "predictions.parquet").query("target == 'D'")
    scores.to_parquet(run / "predictions.parquet", index=False)
    page = view_verb(run, out=None)
    loaded(browser, page, width=PHONE)
    assert complaints(browser) == []
    paths = browser.execute_script(
        "return [...document.querySelectorAll('.points')].map(p => p.getAttribute('d').split('M').length - 1)"
    )
    assert sum(paths) == 80
    assert "nothing goes up" in one(browser, "#missing").text


def test_a_run_of_verdicts_alone_shows_them(browser, tmp_path, verdicts):
    run = write_explored_run(
        tmp_path / "run", tables={"verdicts": verdicts, "predictions": None, "transfer": None}
    )
    page = view_verb(run, out=None)
    loaded(browser, page, width=DESK)
    assert complaints(browser) == []
    assert not one(browser, "#picture").is_displayed()
    assert not one(browser, "#transfer").is_displayed()
    assert len(all_of(browser, "#verdicts-map button")) == 14
    assert len(all_of(browser, "#missing li")) == 2


WATCH = """
window.pauses = [];
new PerformanceObserver(list => window.pauses.push(...list.getEntries().map(e => e.duration)))
  .observe({type: 'longtask', buffered: false});
"""


@pytest.fixture(scope="module")
def large_page(tmp_path_factory, verdicts):
    """5,000 held-out prompts of a model of 33 layers."""
    run = write_explored_run(
        tmp_path_factory.mktemp("large") / "run",
        n=5001,
        models=("detached",),
        layers=33,
        tables={"verdicts": verdicts},
    )
    return view_verb(run, out=None)


def own_work(browser):
    """Milliseconds of processor time that the page's script, styles and layout took so far."""
    names = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
    metrics = browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return 1000 * sum(metric["value"] for metric in metrics if metric["name"] in names)


def longest_pause(browser, action):
    """Return the longest task (ms) of an action, or the page's own work where that is less.

    A task is timed by the clock, so on a busy computer a short one looks long: tried three times, and then
    what the page itself computed counts.
    """
    tries = []
    for _ in range(3):
        browser.execute_script("window.pauses = []")
        before = own_work(browser)
        action()
        settle(browser)
        work = own_work(browser) - before
        time.sleep(0.2)
        tries.append(min(max(browser.execute_script("return window.pauses"), default=0), work))
        if tries[-1] <= 100:
            break
    return min(tries)


def actions(browser):
    """What a reader does, by name; each can be done again."""
    mouse = webdriver.ActionChains(browser, duration=20)
    for step in range(-100, 101, 20):
        mouse.move_to_element_with_offset(one(browser, "#plot"), step, step // 2)

    def key_of(selector, *keys):
        return lambda: one(browser, selector).send_keys(*keys)

    def other(selector):
        return lambda: browser.execute_script(
            "const e = document.querySelector(arguments[0]); e.selectedIndex = 1 - e.selectedIndex;"
            "e.dispatchEvent(new Event('change'))",
            selector,
        )

    return {
        "next layers": key_of("#layer", *[Keys.ARROW_LEFT] * 4),
        "first layer": key_of("#layer", Keys.HOME),
        "last layer": key_of("#layer", Keys.END),
        "pointer": mouse.perform,
        "click": lambda: one(browser, "#plot").click(),
        "next prompts": key_of("#plot", Keys.HOME, *[Keys.ARROW_RIGHT, Keys.ARROW_UP] * 2),
        "layer of a prompt": key_of("#layer", Keys.ARROW_LEFT),
        "one scale": key_of("#fixed", Keys.SPACE),
        "layer of one scale": key_of("#layer", Keys.ARROW_LEFT),
        "group": key_of("#cells input", Keys.SPACE),
        "find": key_of("#find", "p"),
        "match": key_of("#matches button", Keys.ENTER),
        "position": other("#position"),
        "axes": other("#across"),
        "verdict": key_of('#verdicts-map button[tabindex="0"]', Keys.ENTER),
        "transfer": key_of('#transfer-map button[tabindex="0"]', Keys.ENTER),
    }


def watched(browser, page):
    browser.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
    loaded(browser, page, width=DESK)
    browser.execute_script(WATCH)


def test_with_5000_prompts_nothing_that_is_done_pauses_the_page(browser, large_page):
    watched(browser, large_page)
    drawn = browser.execute_script(
        "return [...document.querySelectorAll('.points')].map(p => p.getAttribute('d').split('M').length - 1)"
    )
    assert sum(drawn) == 5000
    pauses = {name: longest_pause(browser, action) for name, action in actions(browser).items()}
    assert {name: pause for name, pause in pauses.items() if pause > 100} == {}
    assert all_of(browser, "#about .id")
    assert complaints(browser) == []


def test_a_pause_is_seen(browser, large_page):
    watched(browser, large_page)
    browser.execute_script(
        "document.getElementById('layer').addEventListener('input', () => {"
        "let x = 0; for (let i = 0; i < 5e8; i += 1) x += i % 7; window.sum = x; })"
    )
    assert longest_pause(browser, lambda: one(browser, "#layer").send_keys(Keys.ARROW_LEFT)) > 100


def test_the_data_of_a_page_is_json(explorer_page):
    text = explorer_page.read_text(encoding="utf-8")
    result = re.findall(r'<script type="application/json" id="[^"]+">([^<]*)</script>', text)
    assert [type(json.loads(part)) for part in result] == [dict, dict, dict]
