"""Many questions at a time: each asked once, in order, and the lowest failure is the one that is raised."""

import asyncio
import http.server
import operator
import threading

import pytest
from loopback import QuietHandler

from unsinter.features.endpoint.address import bare_address, check_address, check_key_is_safe
from unsinter.features.endpoint.attempts import Patience
from unsinter.features.endpoint.exchange import NoAnswerError
from unsinter.features.endpoint.many import ask_many


class Proxy(QuietHandler):
    """Answers whatever it is asked, and remembers what that was."""

    def do_GET(self):
        self.server.seen.append((self.path, self.headers.get("Authorization")))
        self.say(200)


@pytest.fixture
def proxy(monkeypatch):
    """A server that is named as the proxy of everything."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        server.seen = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{server.server_address[1]}")
            monkeypatch.delenv(name.lower(), raising=False)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield server
        server.shutdown()
        thread.join(timeout=10)


def get(url):
    """Return the status that one question gets, None without an answer."""

    async def one(asker, place):
        try:
            return (await asker.ask(url, None, about="test")).status
        except NoAnswerError:
            return None

    patience = Patience(timeout=5.0, attempts=1)
    return dict(ask_many(one, 1, key="secret", patience=patience, workers=1, error=ValueError))[0]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.1", "[::1]", "[0:0::1]"])
def test_a_question_to_this_machine_goes_through_no_proxy(proxy, host):
    assert get(f"http://{host}:9/v1/models") is None
    assert proxy.seen == []


def test_a_question_to_another_machine_goes_through_the_proxy_that_is_named(proxy):
    assert get("http://node7:9/v1/models") == 200
    assert [path for path, _ in proxy.seen] == ["http://node7:9/v1/models"]


@pytest.mark.parametrize("content", [None, "junk", ""])
def test_certificates_that_cannot_be_read_are_named_in_one_sentence(tmp_path, monkeypatch, content):
    path = tmp_path / "own.pem"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with pytest.raises(
        ValueError, match=r"^The certificates .*\(SSL_CERT_FILE, SSL_CERT_DIR\) cannot be read"
    ):
        get("http://127.0.0.1:9/v1")


@pytest.mark.parametrize(
    "url", ["http://h/v1?", "http://h/v1#", "http://h?", "http://h/v1?a", "http://h/#a", "http://@h/v1"]
)
def test_an_address_with_the_sign_of_a_query_or_a_fragment_is_refused(url):
    with pytest.raises(ValueError, match="write the address alone"):
        check_address(url, error=ValueError)
    check_address("http://h/v1", error=ValueError)


def ask(answer, n, *, workers=3):
    return ask_many(answer, n, key=None, patience=Patience(), workers=workers, error=ValueError)


def test_every_question_is_asked_once_and_never_more_at_a_time_than_allowed():
    requests, at_a_time, most = [], 0, 0

    async def answer(_, place):
        nonlocal at_a_time, most
        requests.append(place)
        at_a_time += 1
        most = max(most, at_a_time)
        await asyncio.sleep(0.001 * (place % 3))
        at_a_time -= 1
        return place * 10

    assert dict(ask(answer, 40)) == {place: place * 10 for place in range(40)}
    assert requests == list(range(40))
    assert most == 3


def test_of_several_failures_the_lowest_place_is_raised_after_all_answers_that_came():
    async def answer(_, place):
        await asyncio.sleep({2: 0.2, 3: 0.05}.get(place, 0.001))
        if place in (2, 3):
            raise KeyError(place)
        return place

    arrived = []
    with pytest.raises(KeyError, match="2"):
        arrived.extend(map(operator.itemgetter(0), ask(answer, 1000, workers=4)))
    assert {0, 1} <= set(arrived)


def test_a_failure_stops_what_is_behind_it_and_no_new_question_is_asked():
    requests = []

    async def answer(_, place):
        requests.append(place)
        if place == 1:
            await asyncio.sleep(0.01)
            raise KeyError(place)
        await asyncio.sleep(0.05 if place < 1 else 60)

    with pytest.raises(KeyError):
        list(ask(answer, 1000))
    assert requests == [0, 1, 2]


def test_who_stops_listening_stops_the_questions():
    before = threading.active_count()

    async def answer(_, place):
        await asyncio.sleep(0.001 if place < 2 else 60)
        return place

    arriving = ask(answer, 10)
    assert next(arriving)[0] in (0, 1)
    arriving.close()
    assert threading.active_count() == before


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/v1", "http://[::1]/v1", "http://localhost/", "https://a.b"]
)
def test_a_key_may_go_to_this_machine_and_over_https(url):
    check_key_is_safe(url, "key", variable="K", error=ValueError)


@pytest.mark.parametrize(
    "url", ["http://localhost.evil/v1", "http://127.0.0.1.evil/", "http://0x7f.1/", "http://a"]
)
def test_a_key_goes_nowhere_else_in_the_clear(url):
    with pytest.raises(ValueError, match="variable K would go to"):
        check_key_is_safe(url, "key", variable="K", error=ValueError)
    check_key_is_safe(url, None, variable="K", error=ValueError)


def test_an_address_of_version_six_keeps_its_brackets():
    assert bare_address("http://u:p@[::1]:8000/v1/?q", error=ValueError) == "http://[::1]:8000/v1"
