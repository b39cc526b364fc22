# SPDX-License-Identifier: Apache-2.0
"""The real peers of the program, each started privately: one module for each.

A peer keeps everything it writes below one directory of its own, listens on
loopback or on a unix socket in there, and is stopped by its process id. A
program, a right or a part of the kernel that is not here raises Unavailable,
which skips; what is here and does not start is a failure.
"""
