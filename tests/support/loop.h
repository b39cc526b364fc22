/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop: a private libuv loop for a test. Waiting is bounded; closing fails the
 * test and names every handle that is still alive.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define LOOP_WAIT_MS 60000
#define LOOP_TICK_MS 5

struct test_loop {
	uv_loop_t uv;
	char dir[64]; /* a private directory for sockets and files */
};

void test_loop_init(struct test_loop *loop);

/* Runs until *flag is set; fails the test after LOOP_WAIT_MS. */
void test_loop_until(struct test_loop *loop, const bool *flag);

/* Runs for @ms, whatever happens: to show that something does not. */
void test_loop_for(struct test_loop *loop, uint64_t ms);

/* Runs what is pending, removes the directory, fails on live handles. */
void test_loop_fini(struct test_loop *loop);

/* Path of @name in the private directory; static storage per call site is
 * not used: @out must hold 108 bytes. */
const char *test_loop_path(const struct test_loop *loop, const char *name,
                           char *out);
