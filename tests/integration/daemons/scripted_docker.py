# SPDX-License-Identifier: Apache-2.0
"""A Docker engine that does what no real one can be made to: thousands of
containers, bursts of events, streams cut at will, silence. On a unix socket,
in a thread of its own; what it is asked for is remembered with the time."""

import asyncio
import collections
import datetime
import json
import os
import re
import threading
import time
import urllib.parse

KEPT_EVENTS = 256   # as the real one does, for `since`
CALL_SECONDS = 60
PREFIXES = {"health_status", "exec_create", "exec_start"}
NEVER = "0001-01-01T00:00:00Z"

Request = collections.namedtuple("Request", "time method path query")


def _rfc3339(seconds):
    if seconds is None:
        return NEVER
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Container:
    """The engine's idea of one; to be changed through the engine."""

    def __init__(self, number, name, labels=None, parent=None,
                 health="healthy", restart=None, policy="no",
                 nameless=False):
        self.id = f"{number:064x}"
        self.name = name
        self.nameless = nameless    # as dead ones are
        self.labels = labels or {}
        self.parent = parent        # id of whose network it shares
        self.policy = policy        # when the engine itself restarts it
        self.status = "running"
        self.health = health        # None: it has no check
        self.streak = 3 if health == "unhealthy" else 0
        self.exit_code = 0
        self.started = time.time() - 3600
        self.finished = None
        self.restart = restart or {}    # of Engine.on_restart()

    @property
    def running(self):
        return self.status == "running"


class ScriptedDocker:
    def __init__(self, path, api="1.41", oldest="1.24"):
        self.socket = path
        self.api = api
        self.oldest = oldest
        self.requests = []
        self.containers = {}
        self.silent = False         # accepts, and says nothing
        self.cut_after = None       # events, after which a stream is cut
        self.bytewise = False       # every byte of an event is sent alone
        self.glued = False          # events that wait are sent as one piece
        self.extra = {}             # what each object has besides
        self.cancels = False        # who hangs up, cancels: Engine < 25
        self.n_sent = 0             # events, over all streams
        self.n_streams = 0          # opened so far
        self._events = collections.deque(maxlen=KEPT_EVENTS)
        self._streams = {}          # queue: filter of actions
        self._connections = set()
        self._time_ns = 0
        self._server = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever,
                                        daemon=True)
        self._thread.start()

    # --- from the test's thread ---------------------------------------------

    def start(self):
        self._do(self._listen())

    def go_away(self):
        """As a daemon that ends: socket and connections are no more."""
        self._do(self._close())

    def stop(self):
        self.go_away()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def add(self, name, **keys):
        """A container that runs; silently, as if it had been there before."""
        async def add():
            one = Container(len(self.containers) + 1, name, **keys)
            self.containers[one.id] = one
            return one
        return self._do(add())

    def set_health(self, names, health):
        """All at once: a burst of events, the engine's clock between them."""
        names = set([names] if isinstance(names, str) else names)

        async def change():
            for one in self.containers.values():
                if one.name in names:
                    self._set_health(one, health)
        self._do(change())

    def end(self, name, code):
        async def end():
            self._end(self._find(name), code)
        self._do(end())

    def stop_by_hand(self, name):
        async def stop():
            one = self._find(name)
            self._emit(one, "kill", signal="15")
            self._end(one, 143)
            self._emit(one, "stop")
        self._do(stop())

    def remove(self, name):
        async def remove():
            one = self._find(name)
            del self.containers[one.id]
            self._emit(one, "destroy")
        self._do(remove())

    def emit(self, events, per_turn=50, pause=0.0):
        """Events (action, id, attributes) as they are: not of our containers,
        and past every filter."""
        async def emit():
            for i, (action, name, attributes) in enumerate(events):
                event = self._event(action, name, attributes)
                for queue, _ in list(self._streams.items()):
                    queue.put_nowait(event)
                if i % per_turn == per_turn - 1:
                    await asyncio.sleep(pause)
        self._do(emit())

    def drop_streams(self):
        async def drop():
            for queue in self._streams:
                queue.put_nowait(None)
        self._do(drop())

    def asked(self, method, pattern, since=0.0):
        """The Requests so far whose path matches."""
        return [one for one in list(self.requests)
                if one.method == method and one.time >= since
                and re.fullmatch(pattern, one.path)]

    def restarts(self, since=0.0):
        """Names of containers, in the order in which a restart was asked."""
        found = self.asked("POST", "/containers/[^/]+/restart", since)
        return [self.containers[one.path.split("/")[2]].name for one in found]

    @property
    def n_open_streams(self):
        return len(self._streams)

    def _do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(
            coroutine, self._loop).result(CALL_SECONDS)

    # --- what happens -------------------------------------------------------

    def _find(self, name):
        return next((one for one in self.containers.values()
                     if name in (one.id, one.name)), None)

    def _event(self, action, identity, attributes):
        self._time_ns = max(self._time_ns + 1, time.time_ns())
        return {**self.extra, "Type": "container", "Action": action,
                "scope": "local",
                "Actor": {"ID": identity, "Attributes": attributes},
                "time": self._time_ns // 10**9, "timeNano": self._time_ns}

    def _emit(self, one, action, **attributes):
        event = self._event(action, one.id, {
            **one.labels, "image": "bb", "name": one.name, **attributes})
        self._events.append(event)
        for queue, wanted in self._streams.items():
            if _wanted(event, wanted):
                queue.put_nowait(event)

    def _set_health(self, one, health):
        one.health = health
        one.streak = 3 if health == "unhealthy" else 0
        self._emit(one, f"health_status: {health}")

    def _end(self, one, code):
        one.status = "exited"
        one.exit_code = code
        one.finished = time.time()
        self._emit(one, "die", exitCode=str(code))

    def _start(self, one):
        one.status = "running"
        one.started = time.time()
        if one.health:
            one.health, one.streak = "starting", 0
            self._loop.call_later(one.restart.get("heals", 0.0),
                                  self._heal, one, one.started)
        self._emit(one, "start")

    def _heal(self, one, started):
        if one.running and one.started == started:
            self._set_health(one, "healthy")

    # --- requests -----------------------------------------------------------

    async def _listen(self):
        self._server = await asyncio.start_unix_server(
            self._serve, self.socket, backlog=4096)

    async def _close(self):
        if not self._server:
            return
        self._server.close()
        self._server = None
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader, writer):
        task = asyncio.current_task()
        self._connections.add(task)
        try:
            while await self._serve_one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError,
                asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _serve_one(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"(?i)\r\ncontent-length: *(\d+)", head)
        if length:
            await reader.readexactly(int(length.group(1)))
        method, target, _ = head.split(" ", 2)
        parts = urllib.parse.urlsplit(target)
        query = dict(urllib.parse.parse_qsl(parts.query))
        version, path = re.fullmatch(r"(?:/v([0-9.]+))?(/.*)",
                                     parts.path).groups()
        self.requests.append(Request(time.monotonic(), method, path, query))
        while self.silent:
            await asyncio.sleep(0.02)
        refusal = version and self._refuse(version)
        if refusal:
            _answer(writer, 400, refusal, "text/plain")
        elif path == "/events":
            await self._stream(reader, writer, query)
            return False
        else:
            status, body = await self._answer_unless_gone(
                reader, self._answer_to(method, path, query))
            if status is None:
                return False
            _answer(writer, status, body, api=self.api)
        await writer.drain()
        return True

    async def _answer_unless_gone(self, reader, answer):
        """What the answer is; nothing if nobody waits for it any more, and
        that ends the work of an old engine."""
        if not self.cancels:
            return await answer
        answer = asyncio.ensure_future(answer)
        gone = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait({answer, gone},
                               return_when=asyncio.FIRST_COMPLETED)
            return answer.result() if answer.done() else (None, None)
        finally:
            answer.cancel()
            gone.cancel()
            await asyncio.gather(answer, gone, return_exceptions=True)

    def _refuse(self, version):
        number = _number(version)
        if number > _number(self.api):
            return (f"client version {version} is too new. Maximum supported "
                    f"API version is {self.api}")
        if number < _number(self.oldest):
            return (f"client version {version} is too old. Minimum supported "
                    f"API version is {self.oldest}, please upgrade")
        return None

    async def _answer_to(self, method, path, query):
        if path == "/_ping":
            return 200, "OK"
        if path == "/containers/json":
            return 200, [self._listed(one)
                         for one in self.containers.values()]
        found = re.fullmatch(r"/containers/([^/]+)(?:/(\w+))?", path)
        one = found and self._find(found.group(1))
        if not one:
            return 404, {"message": "No such container"}
        verb = (method, found.group(2))
        if verb == ("GET", "json"):
            return 200, self._inspected(one)
        if verb == ("POST", "restart"):
            return await self._restart(one)
        if verb == ("POST", "stop"):
            if one.running:
                self._emit(one, "kill", signal="15")
                self._end(one, 143)
                self._emit(one, "stop")
            return 204, None
        if verb == ("POST", "kill"):
            if not one.running:
                return 409, {"message": "container is not running"}
            self._emit(one, "kill", signal="9")
            self._end(one, 137)
            return 204, None
        if verb == ("POST", "start"):
            return self._start_asked(one)
        if verb == ("DELETE", None):
            if one.running:
                return 409, {"message": "You cannot remove a running "
                                        "container"}
            del self.containers[one.id]
            self._emit(one, "destroy")
            return 204, None
        return 404, {"message": "page not found"}

    # restart={"delay": seconds, "fails": times, "hangs_up": times,
    #          "heals": seconds until it is healthy again}

    async def _restart(self, one):
        script = one.restart
        if one.running:
            self._emit(one, "kill", signal="15")
            try:
                await asyncio.sleep(script.get("delay", 0))
            finally:    # the stop goes on, also when it was cancelled
                self._end(one, 143)
                self._emit(one, "stop")
        if script.get("fails", 0) > 0 or self._orphaned(one):
            script["fails"] = script.get("fails", 0) - 1
            return 500, {"message": "Cannot restart container: joining "
                         "network namespace of container: No such container"}
        self._start(one)
        self._emit(one, "restart")
        if script.get("hangs_up", 0) > 0:
            script["hangs_up"] -= 1
            return None, None
        return 204, None

    def _orphaned(self, one):
        return one.parent and one.parent not in self.containers

    def _start_asked(self, one):
        if one.running:
            return 304, None
        if self._orphaned(one):     # as Docker 20.10 does
            return 404, {"message": f"No such container: {one.parent}"}
        if one.restart.get("fails", 0) > 0:
            one.restart["fails"] = one.restart.get("fails", 0) - 1
            return 500, {"message": "joining network namespace of container: "
                         "No such container"}
        self._start(one)
        return 204, None

    # --- documents ----------------------------------------------------------

    def _listed(self, one):
        words = {"healthy": " (healthy)", "unhealthy": " (unhealthy)",
                 "starting": " (health: starting)"}.get(one.health, "")
        status = ("Up 2 minutes" + words if one.running
                  else f"Exited ({one.exit_code}) 2 minutes ago")
        network = f"container:{one.parent}" if one.parent else "none"
        names = [] if one.nameless else ["/" + one.name]
        element = {"Id": one.id, "Names": names, "Image": "bb", **self.extra,
                   "Created": int(one.started), "Labels": one.labels,
                   "State": one.status, "Status": status,
                   "HostConfig": {"NetworkMode": network}}
        if _number(self.api) >= (1, 52):
            element["Status"] = status.split(" (")[0]
            element["Health"] = {"Status": one.health or "none",
                                 "FailingStreak": one.streak}
        return element

    def _inspected(self, one):
        state = {**self.extra, "Status": one.status, "Running": one.running,
                 "Paused": False, "ExitCode": one.exit_code,
                 "StartedAt": _rfc3339(one.started),
                 "FinishedAt": _rfc3339(one.finished)}
        if one.health:
            # what does not run is called unhealthy, as Docker does
            health = one.health if one.running else "unhealthy"
            state["Health"] = {
                "Status": health, "FailingStreak": one.streak,
                "Log": [{"ExitCode": 1, "Output": "refused"}]
                if one.streak else []}
        network = f"container:{one.parent}" if one.parent else "none"
        name = "" if one.nameless else "/" + one.name
        return {**self.extra, "Id": one.id, "Name": name, "State": state,
                "Created": _rfc3339(one.started),
                "HostConfig": {"NetworkMode": network, "AutoRemove": False,
                               "RestartPolicy": {"Name": one.policy}},
                "Config": {"Image": "bb", "Labels": one.labels}}

    # --- the stream of events -----------------------------------------------

    async def _stream(self, reader, writer, query):
        """Until it is dropped, or the other end has enough."""
        queue = asyncio.Queue()
        wanted = json.loads(query.get("filters", "{}")).get("event")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n")
        await writer.drain()
        for event in self._since(query.get("since")):
            if _wanted(event, wanted):
                queue.put_nowait(event)
        self._streams[queue] = wanted
        self.n_streams += 1
        gone = asyncio.ensure_future(reader.read(1))
        gone.add_done_callback(lambda _: queue.put_nowait(None))
        try:
            await self._send_events(queue, writer)
        finally:
            del self._streams[queue]
            gone.cancel()

    def _since(self, since):
        if not since:
            return []
        seconds, _, rest = since.partition(".")
        oldest = int(seconds) * 10**9 + int((rest + "0" * 9)[:9])
        return [event for event in self._events
                if event["timeNano"] >= oldest]

    async def _send_events(self, queue, writer):
        n = 0
        while True:
            event = await queue.get()
            if event is None:
                return
            while self.silent:
                await asyncio.sleep(0.02)
            events = [event]
            while self.glued and not queue.empty():
                events.append(queue.get_nowait())
            for piece in self._pieces(events):
                writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                await writer.drain()
            self.n_sent += len(events)
            n += len(events)
            if n == self.cut_after or None in events:
                return

    def _pieces(self, events):
        text = b"".join(json.dumps(event).encode() + b"\n"
                        for event in events if event)
        if self.bytewise:
            return [text[i:i + 1] for i in range(len(text))]
        return [text]


def _number(version):
    major, _, minor = version.partition(".")
    return int(major), int(minor)


def _wanted(event, actions):
    """As moby does: one of PREFIXES makes prefixes of them all."""
    if not actions:
        return True
    if PREFIXES & set(actions):
        return event["Action"].startswith(tuple(actions))
    return event["Action"] in actions


def _answer(writer, status, body, kind="application/json", api=None):
    if body is None:
        data = b""
    elif isinstance(body, str):
        data = body.encode()
    else:
        data = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\n"
    if api:
        head += f"Api-Version: {api}\r\nServer: Docker/scripted\r\n"
    if status not in (204, 304):
        head += f"Content-Length: {len(data)}\r\n"
    writer.write(head.encode() + b"\r\n" + data)
