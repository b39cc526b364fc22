# SPDX-License-Identifier: Apache-2.0
"""A unix socket in front of a daemon's own: everything passes, and what passed
when is remembered."""

import os
import re
import selectors
import socket
import threading
import time

REQUEST = re.compile(rb"(?:GET|HEAD|POST|PUT|DELETE) [^ \r\n]+ HTTP/1\.1\r\n")
READ_BYTES = 65536


class Recorder:
    def __init__(self, path, upstream):
        self.path = path
        self._upstream = upstream
        self._lock = threading.Lock()
        self._passed = []   # (monotonic seconds, asked or answered, bytes)
        self._selector = selectors.DefaultSelector()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        os.chmod(path, 0o666)
        self._listener.listen(1024)
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self):
        self._wake.send(b"x")
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._selector.close()
        self._wake.close()
        os.unlink(self.path)

    def requests(self):
        """(monotonic seconds, "GET /path"), in the order in which they came."""
        with self._lock:
            passed = list(self._passed)
        return [(when, line.decode().rsplit(" ", 1)[0])
                for when, asked, data in passed if asked
                for line in REQUEST.findall(data)]

    def answers(self):
        """(monotonic seconds, bytes) of all that came back."""
        with self._lock:
            return [(when, data) for when, asked, data in self._passed
                    if not asked]

    def forget(self):
        with self._lock:
            self._passed.clear()

    def _run(self):
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._woken:
                    return
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    self._forward(key.fileobj, *key.data)

    def _accept(self):
        client, _ = self._listener.accept()
        engine = socket.socket(socket.AF_UNIX)
        try:
            engine.connect(self._upstream)
        except OSError:
            client.close()
            engine.close()
            return
        self._selector.register(client, selectors.EVENT_READ, (engine, True))
        self._selector.register(engine, selectors.EVENT_READ, (client, False))

    def _forward(self, source, target, asked):
        try:
            data = source.recv(READ_BYTES)
            if data:
                with self._lock:
                    self._passed.append((time.monotonic(), asked, data))
                target.sendall(data)
                return
        except OSError:
            pass
        for end in (source, target):
            try:
                self._selector.unregister(end)
            except (KeyError, ValueError):
                pass
            end.close()
