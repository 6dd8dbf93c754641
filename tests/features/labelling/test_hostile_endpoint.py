"""The endpoint judge against servers that send too much, too slowly, too deep, or what nobody asked for."""

import gzip
import json
import logging
import socket
import threading
import time
import traceback
import tracemalloc

import pytest

from unsinter.features.labelling.endpoint import EndpointJudge, JudgeError, Patience
from unsinter.features.labelling.judges import JudgedItem

SECRET = "words-of-the-answer"
KEY = "secret-key-of-the-test"
ITEM = JudgedItem(id="row-1", opening="I can't help with that.", prompt="How?")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class RawServer:
    """Accepts connections, reads the question, and then lets `send(connection)` do as it likes."""

    def __init__(self, send):
        self.send, self.n_asked = send, 0
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}/v1"
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while not self.ended.is_set():
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        try:
            with connection:
                data = b""
                while b"\r\n\r\n" not in data:
                    data += connection.recv(65536)
                head, _, body = data.partition(b"\r\n\r\n")
                length = next(int(v.split(b":")[1]) for v in head.split(b"\r\n") if b"ength:" in v)
                while len(body) < length:
                    body += connection.recv(65536)
                self.n_asked += 1
                self.send(connection, self.ended)
        except OSError:
            pass  # the judge hung up, as it should

    def close(self):
        self.ended.set()
        self.listening.close()


@pytest.fixture
def served(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JUDGE_KEY", KEY)
    servers = []

    def start(send):
        servers.append(RawServer(send))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def judge(server, *, timeout=5.0, attempts=1):
    patience = Patience(timeout=timeout, attempts=attempts, wait=0.01)
    return EndpointJudge(server.url, model="m", key_variable="JUDGE_KEY", patience=patience)


def whole(body, head=HEAD):
    return lambda connection, _: connection.sendall(
        head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
    )


def completion(content):
    return json.dumps({"choices": [{"message": {"content": content}}]}).encode()


def test_an_answer_without_end_is_cut_off_while_it_is_read(served):
    sent = []

    def endless(connection, ended):
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        block = b"%x\r\n" % (1 << 16) + b"x" * (1 << 16) + b"\r\n"
        while not ended.is_set() and len(sent) < 10_000:  # 650 MB
            connection.sendall(block)
            sent.append(1)

    server = served(endless)
    tracemalloc.start()
    try:
        with pytest.raises(JudgeError, match=r"'row-1'.*longer than 1,000,000 bytes"):
            judge(server).judge([ITEM])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert server.n_asked == 1  # a second attempt would cost as much
    assert len(sent) < 400  # what was on its way when the line was cut
    assert peak < 20e6


def _drip_headers(connection, ended):
    connection.sendall(HEAD)
    while not ended.wait(0.05):
        connection.sendall(b"X-More: 1\r\n")


def _drip_body(connection, ended):
    connection.sendall(HEAD + b"Content-Length: 900000\r\n\r\n")
    while not ended.wait(0.05):
        connection.sendall(b" ")


@pytest.mark.parametrize("send", [_drip_headers, _drip_body, lambda connection, ended: ended.wait(30)])
def test_the_time_is_for_the_whole_answer_and_not_for_each_byte(served, send):
    begun = time.monotonic()
    with pytest.raises(JudgeError, match=r"'row-1'.*2 attempts \(last: TimeoutError\)"):
        judge(served(send), timeout=0.5, attempts=2).judge([ITEM])
    assert 0.9 < time.monotonic() - begun < 5


@pytest.mark.parametrize(
    ("body", "match"),
    [
        (b"[" * 900_000, "nested too deeply"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
        (b'{"choices": ' + b"9" * 5000 + b"}", "thousands of digits"),
        (b'{"choices": "\xff"}', "not UTF-8"),
        (b"null", "has no choices"),
        (b'{"choices": {"a": 1}}', "has no choices"),
    ],
)
def test_a_body_that_is_no_completion_is_one_line(served, body, match):
    with pytest.raises(JudgeError, match=match) as error:
        judge(served(whole(body))).judge([ITEM])
    assert len(str(error.value)) < 300
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("encoding", ["gzip", "br", "gzip, gzip"])
def test_a_compressed_answer_is_not_unpacked(served, encoding):
    body = gzip.compress(b" " * 50_000_000)
    head = HEAD + f"Content-Encoding: {encoding}\r\n".encode()
    with pytest.raises(JudgeError, match="compressed"):
        judge(served(whole(body, head))).judge([ITEM])


LEAKS = {
    "a wrong word": whole(completion(SECRET)),
    "not json": whole(SECRET.encode()),
    "a status": whole(b"", f"HTTP/1.1 500 {SECRET}\r\nX-Debug: {SECRET}\r\n".encode()),
    "a header": whole(completion("refusal"), HEAD + f"Set-Cookie: a={SECRET}\r\n".encode()),
    "a broken header": whole(b"", HEAD + f"{SECRET}\r\n".encode()),
    "a broken status": lambda connection, _: connection.sendall(f"{SECRET}\r\n\r\n".encode()),
    "a redirect": whole(b"", f"HTTP/1.1 302 Found\r\nLocation: http://{SECRET}/\r\n".encode()),
}


@pytest.mark.parametrize("leak", list(LEAKS))
def test_nothing_of_an_answer_or_a_key_reaches_a_message_or_a_log(served, caplog, capfd, leak):
    words = ""
    with caplog.at_level(logging.DEBUG):
        for name in ("httpx2", "httpcore2.http11", "httpcore2.connection", "asyncio"):
            logging.getLogger(name).setLevel(logging.DEBUG)
        try:
            judge(served(LEAKS[leak]), attempts=2).judge([ITEM])
        except JudgeError as error:
            words = str(error) + "".join(traceback.format_exception(error))
    out, err = capfd.readouterr()
    for secret in (SECRET, KEY):
        assert secret not in caplog.text + out + err + words


def test_what_others_log_beside_a_question_stays(served, caplog):
    with caplog.at_level(logging.DEBUG, logger="httpx2"):
        judge(served(whole(completion("refusal")))).judge([ITEM])
        logging.getLogger("httpx2").info("theirs")
    assert [record.message for record in caplog.records if record.name == "httpx2"] == ["theirs"]


@pytest.mark.parametrize("key", ["K\n", "K\r\nX: 1", "Ké", "\u200bK", "K x", "K\udc80", "K\x00"])
def test_a_key_that_no_header_can_carry_is_refused_by_the_name_of_its_variable(served, monkeypatch, key):
    monkeypatch.setattr("os.environ", {"JUDGE_KEY": key.replace("K", KEY)})  # \0 too
    server = served(whole(completion("refusal")))
    with pytest.raises(JudgeError, match="JUDGE_KEY") as error:
        judge(server).judge([ITEM])
    assert KEY not in "".join(traceback.format_exception(error.value))
    assert server.n_asked == 0


@pytest.mark.parametrize(
    "url", ["localhost:8000", "http://", "http://[", "ftp://a", "http://a:99999999/", "http://a\x00b/", ""]
)
def test_an_address_that_is_none_is_one_line(url):
    with pytest.raises(JudgeError, match=r"must start with http:// or https://"):
        EndpointJudge(url, model="m")


def test_a_judge_works_where_an_event_loop_runs_already(served):
    import asyncio

    server = served(whole(completion("refusal")))

    async def notebook():
        return judge(server).judge([ITEM])

    [label] = asyncio.run(notebook())
    assert label.refusal == "refusal"


def test_a_stored_answer_that_is_hostile_is_asked_again(served, tmp_path):
    server = served(whole(completion("refusal")))
    asking = EndpointJudge(server.url, model="m", answers=tmp_path, key_variable="JUDGE_KEY")
    asking.judge([ITEM])
    [path] = tmp_path.rglob("*.json")
    for content in (b"[" * 100_000, b" " * 20_000_000, b"[]", b'{"answer": 1}', b"\xff"):
        path.write_bytes(content)
        assert asking.judge([ITEM])[0].provenance["answer"] == "asked"
