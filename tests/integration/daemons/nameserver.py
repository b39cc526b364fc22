# SPDX-License-Identifier: Apache-2.0
"""A name server on an address of loopback: it knows the names it is given."""

import socket
import struct
import threading

from .process import Unavailable

TYPE_A = 1
HEADER = 12
FOUND = 0x8180      # an answer, recursion available
NO_SUCH_NAME = 0x8183


class Nameserver:
    def __init__(self, names, address="127.0.53.1"):
        self.address = address
        self.asked = []     # names, in the order of the questions
        self._names = names
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.bind((address, 53))
        except OSError as error:    # another's port is a failure
            self._socket.close()
            if not isinstance(error, PermissionError):
                raise
            raise Unavailable("a name server needs CAP_NET_BIND_SERVICE (run "
                              "the tests by sudo)") from error
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            question, peer = self._socket.recvfrom(512)
            if not question:
                return
            self._socket.sendto(self._answer(question), peer)

    def _answer(self, question):
        at = HEADER
        labels = []
        while question[at]:
            labels.append(question[at + 1:at + 1 + question[at]].decode())
            at += question[at] + 1
        end = at + 5
        kind = struct.unpack(">H", question[at + 1:at + 3])[0]
        name = ".".join(labels)
        self.asked.append(name)
        known = self._names.get(name)
        records = b""
        if known and kind == TYPE_A:
            records = b"\xc0\x0c" + struct.pack(">HHIH", TYPE_A, 1, 1, 4)
            records += socket.inet_aton(known)
        return (question[:2] + struct.pack(
            ">HHHHH", FOUND if known else NO_SUCH_NAME, 1,
            1 if records else 0, 0, 0) + question[HEADER:end] + records)

    def stop(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", (self.address, 53))
        self._thread.join()
        self._socket.close()
