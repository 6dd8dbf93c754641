"""Debian's Chromium, headless, for tests of pages: one session per module."""

import json
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip


@contextmanager
def headless_chromium():
    """Yield a driver that keeps what the console and the network say; skip where there is no browser."""
    if not (CHROMIUM.is_file() and DRIVER.is_file()):
        pytest.skip("no Chromium with its driver (Debian: chromium, chromium-driver)")
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    profile = tempfile.mkdtemp()
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    yield driver
    driver.quit()
    shutil.rmtree(profile, ignore_errors=True)


CONTRAST = """
const light = c => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
const rgb = s => (s.match(/[\\d.]+/g) || []).map(Number);
const luminance = s => { const [r, g, b] = rgb(s); return .2126*light(r) + .7152*light(g) + .0722*light(b); };
const ground = e => {
  for (; e; e = e.parentElement) {
    const s = getComputedStyle(e).backgroundColor, c = rgb(s);
    if (c.length === 3 || c[3] > 0.9) return s;
  }
  return 'rgb(255, 255, 255)';
};
return [...document.querySelectorAll('body *')].filter(e => e.checkVisibility() &&
  [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())).map(e => {
  const style = getComputedStyle(e), inside = e.closest('svg');
  // Numbers inside a heat map's cells or a bar stand on the figure's own colour.
  if (inside && (/#0b0b0b|#ffffff|--paper/.test(e.getAttribute('style')))) return null;
  const a = luminance(inside ? style.fill : style.color), b = luminance(ground(inside || e));
  return [(Math.max(a, b) + .05) / (Math.min(a, b) + .05), e.textContent.slice(0, 40)];
}).filter(pair => pair && pair[0] < 4.5);
"""
SMALL_TYPE = """
const shown = [...document.querySelectorAll('body *')].filter(e => e.checkVisibility() &&
  [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()));
return shown.map(e => {
  let size = parseFloat(getComputedStyle(e).fontSize);
  const svg = e.closest('svg[viewBox]');
  if (svg) size *= svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
  return [Math.round(100 * size) / 100, e.textContent.slice(0, 40)];
}).filter(([size]) => size < arguments[0]);
"""
LAID_OUT = """
return matchMedia(`(width: ${arguments[0]}px)`).matches && document.fonts.status === 'loaded';
"""


def lay_out(browser, file, *, width, height=900, dark=False, media="", motion=False):
    """Load a page as wide as asked and wait until it is laid out."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [
        {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
        {"name": "prefers-reduced-motion", "value": "no-preference" if motion else "reduce"},
    ]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    browser.get(file.as_uri())
    deadline = time.monotonic() + 20
    while not browser.execute_script(LAID_OUT, width):
        assert time.monotonic() < deadline, f"the page was not laid out at {width} px"


def complaints(browser):
    """What the console has said since the page was loaded."""
    return [e["message"] for e in browser.get_log("browser") if e["level"] in ("WARNING", "SEVERE")]


def requests(browser, file):
    """Addresses that were asked for since the page was loaded, but for the file and what it carries."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert file.as_uri() in urls
    # A browser that has just started draws its own first page from itself.
    return [url for url in urls if url != file.as_uri() and not url.startswith(("data:", "chrome:"))]
