"""A Hugging Face Hub on loopback: the few endpoints that fetching and pushing a probe need."""

import base64
import hashlib
import json
import re
import threading
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from loopback import QuietHandler

OWNER_TOKEN = "hf_" + "ownersecret" * 3
"""The one login that may write and read what is private."""


class FakeHub:
    """Repositories as lists of commits; ``asked`` holds every request, ``fails`` path pattern -> status."""

    def __init__(self):
        self.repos = {}
        self.private = set()
        self.requests = []
        self.fails = {}
        self.url = ""

    def commit(self, repo, files, *, gone=()):
        """Add a commit and return its id."""
        commits = self.repos.setdefault(repo, [])
        before = dict(commits[-1][1]) if commits else {}
        files = {name: data for name, data in (before | files).items() if name not in gone}
        name = hashlib.sha1(f"{repo} {len(commits)}".encode()).hexdigest()
        commits.append((name, files))
        return name

    def files(self, repo):
        """The files of the newest commit."""
        return self.repos[repo][-1][1]

    def at(self, repo, revision):
        """The files of a commit, and its id; None where there is none."""
        commits = self.repos[repo]
        if revision == "main":
            return commits[-1] if commits else ("0" * 40, {})
        return next((commit for commit in commits if commit[0] == revision), None)

    def paths(self):
        """What was asked for, without the server's name."""
        return [path for _, path, _ in self.requests]


class _Handler(QuietHandler):
    protocol_version = "HTTP/1.1"
    hub: FakeHub

    def answer(self, status, data=b"", **headers):
        self.say(status, data, {name.replace("_", "-"): value for name, value in headers.items()})

    def refuse(self, status, code="", message=""):
        self.answer(status, {"error": message}, X_Error_Code=code, X_Error_Message=message)

    def do(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = self.chunks()
        path = unquote(urlsplit(self.path).path)
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        self.hub.requests.append((self.command, path, token))
        for pattern, (status, code, message) in self.hub.fails.items():
            if re.search(pattern, path):
                self.refuse(status, code, message)
                return
        self.route(path, body, token)

    do_GET = do_POST = do_HEAD = do

    def chunks(self):
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def route(self, path, body, token):
        hub = self.hub
        if path == "/api/validate-yaml":
            self.answer(200, {"errors": [], "warnings": []})
        elif path == "/api/repos/create":
            self.create(json.loads(body), token)
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/(revision|preupload|commit)/(.+))?", path):
            repo, what, revision = match[1], match[2] or "revision", match[3] or "main"
            if not self.is_open(repo, token):
                return
            if what != "revision" and token != OWNER_TOKEN:
                self.refuse(403, message="You don't have the rights")
            elif what == "preupload":
                wanted = [file["path"] for file in json.loads(body)["files"]]
                modes = [{"path": p, "uploadMode": "regular", "shouldIgnore": False} for p in wanted]
                self.answer(200, {"files": modes})
            elif what == "commit":
                self.write(repo, body)
            elif (commit := hub.at(repo, revision)) is None:
                self.refuse(404, "RevisionNotFound", "Invalid rev id")
            else:
                siblings = [{"rfilename": name} for name in sorted(commit[1])]
                about = {"id": repo, "modelId": repo, "sha": commit[0], "private": repo in hub.private}
                self.answer(200, about | {"siblings": siblings, "tags": [], "downloads": 0})
        elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            if self.is_open(match[1], token):
                self.resolve(match[1], match[2], match[3])
        else:
            self.refuse(404, message="no such page")

    def is_open(self, repo, token):
        """Whether a repository can be read with this login; as the Hub does, 401 says no more than 404."""
        if repo in self.hub.repos and (repo not in self.hub.private or token == OWNER_TOKEN):
            return True
        self.refuse(404 if token else 401, "RepoNotFound" if token else "", "Repository not found")
        return False

    def create(self, wanted, token):
        if token != OWNER_TOKEN:
            self.refuse(401, message="Invalid username or password.")
            return
        repo = "/".join(filter(None, (wanted.get("organization"), wanted["name"])))
        if repo in self.hub.repos:
            self.answer(
                409, {"error": "You already created this model repo", "url": f"{self.hub.url}/{repo}"}
            )
            return
        self.hub.repos[repo] = []
        if wanted.get("private") or wanted.get("visibility") == "private":
            self.hub.private.add(repo)
        self.answer(200, {"url": f"{self.hub.url}/{repo}", "name": repo})

    def write(self, repo, body):
        files, gone = {}, set()
        for line in body.decode().splitlines():
            entry = json.loads(line)
            parent = entry["value"].get("parentCommit") if entry["key"] == "header" else None
            if parent not in (None, self.hub.at(repo, "main")[0]):
                self.refuse(412, message="A commit has happened since. Please refresh and try again.")
                return
            if entry["key"] == "file":
                files[entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
            elif entry["key"] == "deletedFile":
                gone.add(entry["value"]["path"])
        name = self.hub.commit(repo, files, gone=gone)
        self.answer(200, {"commitUrl": f"{self.hub.url}/{repo}/commit/{name}", "commitOid": name})

    def resolve(self, repo, revision, file):
        commit = self.hub.at(repo, revision)
        if commit is None:
            self.refuse(404, "RevisionNotFound", "Invalid rev id")
        elif file not in commit[1]:
            self.refuse(404, "EntryNotFound", "Entry not found")
        else:
            data = commit[1][file]
            etag = f'"{hashlib.sha256(data).hexdigest()}"'
            self.answer(200, data, ETag=etag, X_Repo_Commit=commit[0])


@contextmanager
def fake_hub():
    """Serve an empty Hub on loopback for the block."""
    hub = FakeHub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
