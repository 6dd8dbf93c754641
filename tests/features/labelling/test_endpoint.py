"""The endpoint judge against a real HTTP server on loopback that misbehaves on purpose."""

import http.server
import json
import logging
import threading
import time

import pytest
from loopback import QuietHandler

from unsinter.features.labelling.endpoint import EndpointJudge, JudgeError, Patience
from unsinter.features.labelling.judges import JudgedItem

KEY = "secret-key-of-the-test"
QUICK = Patience(timeout=0.5, attempts=3, wait=0.01)
ITEMS = [
    JudgedItem(id="row-1", opening="I can't help with that.", prompt="How?"),
    JudgedItem(id="row-2", opening=None),
]


def completion(content):
    return 200, {}, json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]}).encode()


class Server(http.server.ThreadingHTTPServer):
    """Answers by a script of steps, the last one repeated; remembers what it was asked and when."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.script, self.requests, self.times, self.lock = [], [], [], threading.Lock()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request, client_address):
        pass


class Handler(QuietHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            step = self.server.script[min(len(self.server.requests), len(self.server.script) - 1)]
            self.server.requests.append((self.path, dict(self.headers), body))
            self.server.times.append(time.monotonic())
        if step == "close":
            self.connection.close()
            return
        if step == "slow":
            time.sleep(1.0)
            return
        status, headers, payload = step
        self.say(status, payload, headers)


@pytest.fixture
def server(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JUDGE_KEY", KEY)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield running
        running.shutdown()
        thread.join(timeout=5)


def judge(server, **changes):
    settings = {"model": "judge-1", "key_variable": "JUDGE_KEY", "patience": QUICK} | changes
    return EndpointJudge(server.url, **settings)


def test_an_answer_becomes_a_label_with_our_wording_and_its_provenance(server):
    server.script = [completion(" Refusal.\n")]
    first, second = judge(server).judge(ITEMS)
    assert (first.refusal, first.wording) == ("refusal", "bare")
    assert first.provenance["labeller"] == "endpoint:judge-1"
    assert first.provenance["answer"] == "asked"
    assert (second.refusal, second.provenance["missing"]) == (None, "no text")
    [(path, headers, body)] = server.requests
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert body["model"] == "judge-1"
    assert "How?" in body["messages"][0]["content"]
    assert "I can't help with that." in body["messages"][0]["content"]


@pytest.mark.parametrize(
    "trouble",
    [
        (500, {}, b"oops"),
        (429, {"Retry-After": "0"}, b""),
        (503, {"Retry-After": "soon"}, b""),
        "close",
        "slow",
    ],
)
def test_passing_trouble_is_asked_again(server, trouble):
    server.script = [trouble, completion("compliance")]
    [label] = judge(server).judge(ITEMS[:1])
    assert label.refusal == "compliance"
    assert len(server.requests) == 2


def test_the_wait_a_server_asks_for_is_kept(server):
    server.script = [(429, {"Retry-After": "0.4"}, b""), completion("compliance")]
    judge(server).judge(ITEMS[:1])
    assert server.times[1] - server.times[0] >= 0.4


@pytest.mark.parametrize(
    ("trouble", "match"), [((500, {}, b""), "status 500"), ("close", "Error"), ("slow", "Timeout")]
)
def test_lasting_trouble_ends_after_the_bounded_attempts_naming_the_record(server, trouble, match):
    server.script = [trouble]
    with pytest.raises(JudgeError, match=rf"(?s)'row-1'.*3 attempts.*{match}"):
        judge(server).judge(ITEMS[:1])
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("answer", "match"),
    [
        ((200, {}, b"<html>not json"), "no chat completion"),
        ((200, {}, b'{"choices": []}'), "no chat completion"),
        ((200, {}, b'{"choices": [{"message": {"content": null}}]}'), "holds no text"),
        (completion("I would say it refuses"), "must be one of"),
        ((401, {}, b""), "status 401"),
    ],
)
def test_a_malformed_answer_is_one_error_that_names_the_record_and_is_not_kept(
    server, tmp_path, answer, match
):
    server.script = [answer]
    with pytest.raises(JudgeError, match=rf"'row-1'.*{match}"):
        judge(server, answers=tmp_path).judge(ITEMS[:1])
    assert len(server.requests) == 1
    assert list(tmp_path.rglob("*.json")) == []


def test_an_answer_is_paid_for_once(server, tmp_path):
    server.script = [completion("partial_refusal")]
    judge(server, answers=tmp_path).judge(ITEMS[:1])
    [again] = judge(server, answers=tmp_path).judge(ITEMS[:1])
    assert (again.refusal, again.provenance["answer"]) == ("partial_refusal", "stored")
    assert len(server.requests) == 1


@pytest.mark.parametrize("change", [{"model": "judge-2"}, {"opening": "Another."}, {"prompt": "Why?"}])
def test_another_model_text_or_prompt_is_asked_anew(server, tmp_path, change):
    server.script = [completion("refusal")]
    judge(server, answers=tmp_path).judge(ITEMS[:1])
    item = JudgedItem(
        id="x", opening=change.get("opening", ITEMS[0].opening), prompt=change.get("prompt", "How?")
    )
    judge(server, answers=tmp_path, model=change.get("model", "judge-1")).judge([item])
    assert len(server.requests) == 2


def test_a_damaged_answer_file_is_asked_again_and_replaced(server, tmp_path):
    server.script = [completion("refusal")]
    judge(server, answers=tmp_path).judge(ITEMS[:1])
    [path] = tmp_path.rglob("*.json")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    judge(server, answers=tmp_path).judge(ITEMS[:1])
    assert len(server.requests) == 2
    assert path.read_bytes() == whole
    assert list(tmp_path.rglob("*.tmp")) == []


def test_the_key_is_neither_stored_nor_logged_nor_shown(server, tmp_path, caplog):
    server.script = [(500, {}, b""), completion("refusal")]
    with caplog.at_level(logging.DEBUG):
        asking = judge(server, answers=tmp_path)
        [label] = asking.judge(ITEMS[:1])
    kept = "".join(path.read_text(encoding="utf-8") for path in tmp_path.rglob("*") if path.is_file())
    assert KEY not in kept + caplog.text + repr(vars(asking)) + repr(label)


def test_rows_of_many_workers_keep_their_order(server):
    server.script = [completion("refusal")]
    items = [JudgedItem(id=str(number), opening=f"Text {number}.") for number in range(12)]
    labels = judge(server, workers=4).judge(items)
    assert [label.moves for label in labels] == [
        label.moves for label in judge(server, workers=1).judge(items)
    ]
    assert len(labels) == 12


def test_markers_inside_a_text_are_not_filled_in(server):
    server.script = [completion("compliance")]
    judge(server).judge(
        [JudgedItem(id="x", opening="Use {prompt} and {response}.", prompt="What is {response}?")]
    )
    content = server.requests[0][2]["messages"][0]["content"]
    assert "What is {response}?" in content
    assert "Use {prompt} and {response}." in content


def test_settings_that_cannot_work_are_refused():
    with pytest.raises(ValueError, match="must start with http"):
        EndpointJudge("localhost:8000", model="m")
    with pytest.raises(ValueError, match="attempts at least 1"):
        Patience(attempts=0)
