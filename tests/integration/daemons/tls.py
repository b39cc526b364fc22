# SPDX-License-Identifier: Apache-2.0
"""Certificates by openssl, and what ends TLS in front of a plain server."""

import os
import socket
import ssl
import subprocess
import threading

from .process import find_program

DAYS = "2"


class Authority:
    """Makes certificates below one directory; each is NAME.pem, NAME.key."""

    def __init__(self, directory):
        os.makedirs(directory, exist_ok=True)
        self._directory = directory
        self._program = find_program("openssl", "openssl")
        self.certificate = self.path("ca.pem")
        self._run("req", "-x509", *self._new_key("ca"), "-subj",
                  "/CN=authority", "-days", DAYS, "-out", self.certificate)

    def path(self, name):
        return os.path.join(self._directory, name)

    def _new_key(self, name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                "-nodes", "-keyout", self.path(name + ".key")]

    def _run(self, *argv):
        subprocess.run([self._program, *argv], check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def issue(self, name, alt="IP:127.0.0.1,DNS:localhost", client=False):
        """(certificate, key)"""
        request, extensions = self.path(name + ".csr"), self.path(name + ".x")
        usage = "clientAuth" if client else "serverAuth"
        with open(extensions, "w", encoding="ascii") as out:
            out.write(f"extendedKeyUsage={usage}\n")
            if not client:
                out.write(f"subjectAltName={alt}\n")
        self._run("req", "-new", *self._new_key(name), "-subj", f"/CN={name}",
                  "-out", request)
        self._run("x509", "-req", "-in", request, "-CA", self.certificate,
                  "-CAkey", self.path("ca.key"), "-CAcreateserial", "-days",
                  DAYS, "-extfile", extensions, "-out",
                  self.path(name + ".pem"))
        return self.path(name + ".pem"), self.path(name + ".key")


class Terminator:
    """TLS on a port of loopback; what it carries goes on to @target's."""

    def __init__(self, target, certificate, key, port=0):
        self._target = target
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}"
        self.n_accepted = 0
        self.versions = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return      # closed
            self.n_accepted += 1
            threading.Thread(target=self._carry, args=(connection,),
                             daemon=True).start()

    def _carry(self, connection):
        try:
            with self._context.wrap_socket(connection,
                                           server_side=True) as outside, \
                    socket.create_connection(
                        ("127.0.0.1", self._target)) as inside:
                self.versions.add(outside.version())
                back = threading.Thread(target=self._copy,
                                        args=(inside, outside), daemon=True)
                back.start()
                self._copy(outside, inside)
                back.join()
        except OSError:
            pass

    @staticmethod
    def _copy(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
