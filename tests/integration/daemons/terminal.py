# SPDX-License-Identifier: Apache-2.0
"""A terminal with a program on it."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time

WAIT_SECONDS = 20


class Terminal:
    """What the program writes is kept in `text`."""

    def __init__(self, argv, env=None, columns=100, lines=30):
        self.text = ""
        self.exit_code = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ,
                            struct.pack("HHHH", lines, columns, 0, 0))
                os.execvpe(argv[0], argv, {**os.environ, "TERM": "xterm",
                                           **(env or {})})
            finally:
                os._exit(127)   # never a second pytest

    def _read(self, seconds):
        """False: it has ended."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            read = os.read(self.fd, 65536)
        except OSError:     # how Linux says that nobody has it open
            return False
        self.text += read.decode("utf-8", "replace")
        return bool(read)

    def write(self, text):
        os.write(self.fd, text.encode())

    def resize(self, columns, lines):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ,
                    struct.pack("HHHH", lines, columns, 0, 0))

    def wait_for(self, text, after=0):
        """Until @text has come, behind that many characters."""
        end = time.monotonic() + WAIT_SECONDS
        while text not in self.text[after:]:
            assert time.monotonic() < end, \
                f"waited in vain for {text!r}; there is {self.text!r}"
            assert self._read(0.1), f"it ended with {self.text!r}"
        return self.text

    def wait(self):
        """Its exit code, when it has ended by itself."""
        end = time.monotonic() + WAIT_SECONDS
        while self._read(0.1):
            assert time.monotonic() < end, f"still there: {self.text!r}"
        self._reap()
        return self.exit_code

    def _reap(self):
        if self.exit_code is None:
            status = os.waitpid(self.pid, 0)[1]
            self.exit_code = os.waitstatus_to_exitcode(status)

    def close(self):
        if self.exit_code is None:
            os.kill(self.pid, signal.SIGKILL)
            self._reap()
        os.close(self.fd)
