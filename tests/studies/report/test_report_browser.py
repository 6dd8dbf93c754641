"""The page in a real browser: Debian's Chromium, headless, one session for all tests."""

import base64
import itertools
import re

import pytest
from chromium import CONTRAST, SMALL_TYPE, headless_chromium, lay_out
from chromium import complaints as console
from chromium import requests as requested

PHONE, DESK, PAPER = 390, 1280, 688
"""Pixels across: a phone, a desk, A4 between its margins."""

FIGURES = """
return [...document.querySelectorAll('main svg[role=img]')].map(svg => {
  const box = svg.getBoundingClientRect();
  const shapes = svg.querySelectorAll('path, use, image, rect').length;
  return {name: svg.getAttribute('aria-label') || '', width: box.width, height: box.height, shapes};
}).filter(f => !f.name.trim() || f.width < 150 || f.height < 40 || f.shapes < 5);
"""
OVERLAPS = """
const found = [];
for (const svg of document.querySelectorAll('main svg[role=img]')) {
  const texts = [...svg.querySelectorAll('text')].map(t => [t.textContent, t.getBoundingClientRect()]);
  texts.forEach(([a, p], i) => texts.slice(i + 1).forEach(([b, q]) => {
    const wide = Math.min(p.right, q.right) - Math.max(p.left, q.left);
    const high = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
    if (wide > 1 && high > 2) found.push([a, b]);
  }));
}
return found;
"""
CUT_TEXT = """
return [...document.querySelectorAll('main svg[role=img]')].flatMap(svg => {
  const box = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text')].filter(t => {
    const r = t.getBoundingClientRect();
    const across = r.left < box.left - 1 || r.right > box.right + 1;
    return across || r.top < box.top - 1 || r.bottom > box.bottom + 1;
  }).map(t => t.textContent);
});
"""
HEADINGS = "return [...document.querySelectorAll('h1, h2, h3, h4')].map(h => Number(h.tagName[1]));"
LINKS = """
return [...document.querySelectorAll('[href]')].map(a => a.getAttribute('href')).filter(h =>
  !(h.startsWith('#') && document.getElementById(h.slice(1))) && !h.startsWith('data:'));
"""
TWINS = """
const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
return ids.filter((id, i) => ids.indexOf(id) !== i);
"""
VERDICT_FIGURES = """
return [...document.querySelectorAll('#verdicts svg[role=img]')].map(svg => {
  const box = svg.getBoundingClientRect(), scale = box.width / svg.viewBox.baseVal.width;
  const sizes = [...svg.querySelectorAll('text')].map(t => parseFloat(getComputedStyle(t).fontSize) * scale);
  return [svg.getAttribute('aria-label'), box.height, box.right, Math.min(...sizes)];
});
"""
WIDE = """
const inner = [...document.querySelectorAll('main svg[role=img]')];
return inner.filter(svg => svg.getBoundingClientRect().right > innerWidth + 1).map(svg => svg.ariaLabel);
"""


@pytest.fixture(scope="module")
def browser():
    with headless_chromium() as driver:
        yield driver


@pytest.fixture(scope="module", params=["full", "bare"])
def page(request, tmp_path_factory, full_page, bare_page):
    """The page of a full run, and of one that found nothing."""
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text({"full": full_page, "bare": bare_page}[request.param], encoding="utf-8")
    return file


FIRST_SCREEN = """
const answer = document.getElementById('answer');
const seen = [...document.querySelectorAll('main svg[role=img], main h2, main p, main table, nav')]
  .filter(e => e.getBoundingClientRect().top < answer.getBoundingClientRect().bottom)
  .map(e => e.tagName.toLowerCase());
return [answer.getBoundingClientRect().bottom, seen, answer.querySelectorAll('.lines li').length];
"""
FIRST_SCREENS = {"phone": (PHONE, 844), "desk": (DESK, 800)}


def show(browser, file, *, width=DESK, **how):
    lay_out(browser, file, width=width, **how)


def complaints(browser, file):
    """Console messages of a load of the page."""
    show(browser, file)
    return console(browser)


def requests(browser, file):
    """Addresses that a load of the page asks for, but for the file itself and what it carries."""
    show(browser, file)
    return requested(browser, file)


def poor_figures(browser, file, width):
    show(browser, file, width=width)
    return browser.execute_script(FIGURES)


def too_wide(browser, file, width):
    show(browser, file, width=width)
    wide = browser.execute_script("return document.scrollingElement.scrollWidth")
    return [wide] if wide > width else []


def on_phone(browser, file, script, *arguments):
    show(browser, file, width=PHONE)
    return browser.execute_script(script, *arguments)


def in_scheme(browser, file, *, dark):
    show(browser, file, dark=dark)
    return browser.execute_script(CONTRAST)


def disorder(browser, file):
    show(browser, file)
    levels = browser.execute_script(HEADINGS)
    jumps = [pair for pair in itertools.pairwise(levels) if pair[1] > pair[0] + 1]
    return jumps if levels[:1] == [1] and levels.count(1) == 1 else [levels]


def on_desk(browser, file, script):
    show(browser, file)
    return browser.execute_script(script)


def on_paper(browser, file):
    show(browser, file, width=PAPER, media="print")
    return browser.execute_script(WIDE)


CHECKS = {
    "console": complaints,
    "requests": requests,
    "figures at a desk": lambda b, f: poor_figures(b, f, DESK),
    "figures on a phone": lambda b, f: poor_figures(b, f, PHONE),
    "width on a phone": lambda b, f: too_wide(b, f, PHONE),
    "width on the smallest phone": lambda b, f: too_wide(b, f, 320),
    "small type on a phone": lambda b, f: on_phone(b, f, SMALL_TYPE, 10.95),
    "overlapping type on a phone": lambda b, f: on_phone(b, f, OVERLAPS),
    "cut type on a phone": lambda b, f: on_phone(b, f, CUT_TEXT),
    "contrast in the light": lambda b, f: in_scheme(b, f, dark=False),
    "contrast in the dark": lambda b, f: in_scheme(b, f, dark=True),
    "headings": disorder,
    "links": lambda b, f: on_desk(b, f, LINKS),
    "ids": lambda b, f: on_desk(b, f, TWINS),
    "cut figures on paper": on_paper,
}
NO_POLICY = (r'<meta http-equiv="Content-Security-Policy"[^>]*>', "")
FAULTS = {
    "console": [("</main>", "</main><img src='missing.png' alt=''>")],
    "requests": [NO_POLICY, ("</main>", "</main><img src='http://192.0.2.1/beacon.png' alt=''>")],
    "figures at a desk": [('aria-label="Held-out score of D', 'aria-label="" data-was="')],
    "figures on a phone": [(r"(\.drawing svg \{[^}]*)width: 100%", r"\1width: 0")],
    "width on a phone": [(r"\.scroll \{ overflow-x: auto;", ".scroll {")],
    "width on the smallest phone": [(r'<p class="question">', '<p class="question" style="width: 330px">')],
    "small type on a phone": [("min-width: [0-9]+px", "max-width: 250px")],
    "overlapping type on a phone": [("font-size: 8px", "font-size: 15px")],
    "cut type on a phone": [("text-anchor: end", "text-anchor: start")],
    "contrast in the light": [("--muted: #5b6673", "--muted: #a0a8b0")],
    "contrast in the dark": [("--ink: #e8e6e1", "--ink: #1b2129")],
    "headings": [("<h2>What came out</h2>", "<h4>What came out</h4>")],
    "links": [('href="#layers"', 'href="#nowhere"')],
    "ids": [(r'id="layers-[a-z]+-[A-Z]-', 'id="')],
    "cut figures on paper": [
        (r"\.drawing \{ min-width: 0 !important; \}", ".drawing { min-width: 900px !important; }")
    ],
}


@pytest.mark.parametrize("check", CHECKS)
def test_the_page_is_sound(browser, page, check):
    assert CHECKS[check](browser, page) == []


@pytest.mark.parametrize("check", CHECKS)
def test_each_check_sees_its_fault(browser, full_page, tmp_path, check):
    text = full_page
    for pattern, replacement in FAULTS[check]:
        text, n = re.subn(pattern, replacement, text)
        assert n, f"the fault was not planted: {pattern}"
    file = tmp_path / "report.html"
    file.write_text(text, encoding="utf-8")
    assert CHECKS[check](browser, file) != []


@pytest.mark.parametrize("screen", FIRST_SCREENS)
def test_the_first_screen_is_one_picture_and_at_most_six_lines(browser, page, screen):
    width, height = FIRST_SCREENS[screen]
    show(browser, page, width=width, height=height)
    bottom, seen, lines = browser.execute_script(FIRST_SCREEN)
    assert bottom <= height
    assert seen == ["svg"]
    assert 1 <= lines <= 6


def test_a_page_whose_numbers_come_first_is_seen(browser, full_page, tmp_path):
    numbers = re.search(r'<section id="numbers".*?</section>', full_page, flags=re.DOTALL).group(0)
    file = tmp_path / "report.html"
    file.write_text(full_page.replace("<main>", f"<main>{numbers}", 1), encoding="utf-8")
    show(browser, file, width=PHONE, height=844)
    bottom, seen, _ = browser.execute_script(FIRST_SCREEN)
    assert bottom > 844
    assert "p" in seen


def test_verdict_maps_and_evidence_are_seen_on_a_phone_and_at_a_desk(browser, full_page, tmp_path):
    file = tmp_path / "report.html"
    file.write_text(full_page, encoding="utf-8")
    for width in (PHONE, DESK):
        show(browser, file, width=width)
        seen = browser.execute_script(VERDICT_FIGURES)
        assert [name for name, _, right, _ in seen if right > width] == []
        assert [name for name, _, _, type_size in seen if type_size < 10.95] == []
        assert sum(name.startswith("Verdicts on") for name, *_ in seen) == 5
        assert sum(name.startswith("Evidence on") for name, *_ in seen) == 10
        assert min(high for _, high, *_ in seen) > 100


def test_the_rule_can_be_read_on_a_phone_without_scrolling_sideways(browser, full_page, tmp_path):
    file = tmp_path / "report.html"
    file.write_text(full_page, encoding="utf-8")
    show(browser, file, width=PHONE)
    hidden = browser.execute_script(
        "return [...document.querySelectorAll('#verdicts table.stacked td')]"
        ".filter(cell => cell.getBoundingClientRect().right > innerWidth).map(cell => cell.textContent)"
    )
    assert hidden == []


def test_names_from_the_data_run_no_script_and_show_as_they_are(browser, page, full_page):
    show(browser, page)
    assert browser.execute_script("return document.scripts.length") == 0
    if page.read_text(encoding="utf-8") == full_page:
        shown = browser.execute_script("return document.querySelector('main').textContent")
        assert '<script>alert(1)</script> & "quotes" $x_1$ ünïcode 危害' in shown


def test_it_prints_on_a_sane_number_of_pages(browser, page, full_page):
    show(browser, page)
    sheet = {"paperWidth": 8.27, "paperHeight": 11.69, "printBackground": True, "preferCSSPageSize": True}
    pdf = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", sheet)["data"])
    pages = len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf))
    is_full = page.read_text(encoding="utf-8") == full_page
    assert (8 <= pages <= 22) if is_full else (2 <= pages <= 5)


def test_a_closed_table_opens_with_the_keyboard_alone(browser, full_page, tmp_path):
    file = tmp_path / "report.html"
    file.write_text(full_page, encoding="utf-8")
    show(browser, file)
    folded = browser.find_element("css selector", "details summary")
    folded.send_keys("\n")
    assert browser.execute_script("return document.querySelector('details').open")
