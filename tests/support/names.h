/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names: takes getaddrinfo()'s place in a test program, so that names and
 * their addresses are the test's own and no server is asked:
 *
 *     two.test    127.0.0.2, 127.0.0.1     none.test   no such name
 *     many.test   twelve of 127.0.0.9      empty.test  only a unix address
 *     hang.test   127.0.0.1, when names_release() has been called
 *
 * Any other name does not exist either. And an address that swallows what it
 * is sent, for connects that hang.
 */
#pragma once

/* From now on a lookup of hang.test waits for names_release(). */
void names_hang(void);
void names_release(void);

struct black_hole {
	int fds[8];
};

/* Listens on an IPv4 address with a queue that is full. */
void black_hole_open(struct black_hole *hole, const char *address,
                     unsigned port);
void black_hole_close(struct black_hole *hole);
