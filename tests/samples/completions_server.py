"""A real HTTP server on loopback that answers as an OpenAI-compatible one does, with a model behind it."""

import http.server
import json
import threading
import time

import torch
from loopback import QuietHandler


class CompletionsServer(http.server.ThreadingHTTPServer):
    """Answers `/v1/completions` with the library's own generation, one prompt at a time.

    ``trouble(n, body)`` may return what is done in place of answering the n-th question (from 0): a tuple of
    status, headers and bytes, "close", a number of seconds to be silent, or a function of a whole answer.
    """

    daemon_threads = True
    request_queue_size = 128  # a queue that is full costs a second

    def __init__(self, model=None, tokenizer=None, *, name="planted", owner="vllm", gives="ids", memory=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.model, self.tokenizer, self.name, self.owner = model, tokenizer, name, owner
        self.gives, self.version, self.keys = gives, "9.9.1", None
        self.questions, self.headers, self.answers, self.lists = [], [], [], 0
        self.memory = {} if memory is None else memory
        self.trouble = lambda n, body: None
        self.lock = threading.Lock()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request, client_address):
        pass

    def generate(self, ids, ends, body):
        """Return the new tokens of a prompt; the same question is not computed twice."""
        key = (
            *ids,
            *ends,
            body["temperature"],
            body["seed"] if body["temperature"] else 0,
            body["max_tokens"],
        )
        if key in self.memory:
            return self.memory[key]
        prompt = torch.tensor([ids])
        how = {"do_sample": False}
        if body["temperature"]:
            how = {"do_sample": True, "temperature": body["temperature"], "top_k": 0, "top_p": body["top_p"]}
        with self.lock, torch.inference_mode():
            torch.manual_seed(body["seed"])
            self.memory[key] = self.model.generate(
                prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=body["max_tokens"],
                eos_token_id=ends, pad_token_id=ends[0], **how,
            )[0, len(ids) :].tolist()  # fmt: skip
        return self.memory[key]

    def complete(self, body):
        """Return the completion of a question, as vLLM words it."""
        [ids] = body["prompt"]
        assert all(type(token) is int for token in ids)
        ends = sorted({*body["stop_token_ids"], self.tokenizer.eos_token_id})
        made = self.generate(ids, ends, body)
        shown = made if self.gives == "text with its end" or made[-1] not in ends else made[:-1]
        skips = self.gives == "text" or body.get("skip_special_tokens", True)
        choice = {
            "index": 0, "finish_reason": "stop" if made[-1] in ends else "length",
            "text": self.tokenizer.decode(shown, skip_special_tokens=skips),
        }  # fmt: skip
        if self.gives == "ids":
            choice["token_ids"] = made
        usage = {"prompt_tokens": len(ids), "completion_tokens": len(made)}
        return {"id": "cmpl-1", "model": body["model"], "choices": [choice], "usage": usage}

    def __enter__(self):
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.thread.join(timeout=10)
        self.server_close()


class Handler(QuietHandler):
    server_version, sys_version, protocol_version = "uvicorn", "", "HTTP/1.1"

    def do_GET(self):
        if self.server.keys is not None and self.headers.get("Authorization") not in self.server.keys:
            return self.say(401, {})
        if self.path == "/v1/models":
            self.server.lists += 1
            return self.say(200, {"data": [{"id": self.server.name, "owned_by": self.server.owner}]})
        if self.path == "/version":
            return self.say(200, {"version": self.server.version})
        return self.say(404, {})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            n = len(self.server.questions)
            self.server.questions.append(body)
            self.server.headers.append(dict(self.headers))
        trouble = self.server.trouble(n, body)
        if trouble == "close" or isinstance(trouble, int | float):
            time.sleep(0 if trouble == "close" else trouble)
            self.close_connection = True
            return None
        if isinstance(trouble, tuple):
            return self.say(*trouble)
        if self.path != "/v1/completions" or body["model"] != self.server.name:
            return self.say(404, {"message": "no such model"})
        answer = self.server.complete(body)
        self.say(200, trouble(answer) if callable(trouble) else answer)
        return self.server.answers.append(body)
