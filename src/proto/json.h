/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json: reading JSON documents that come from outside, through jansson.
 *
 * A document is parsed whole into a tree and freed whole; what is read from
 * it is borrowed until then. Every reader accepts NULL and the wrong type and
 * answers with its fallback, so that a caller may follow a path through a
 * document that it does not trust without asking at each step:
 *
 *     code = json_as_int(json_get(json_get(root, "State"), "ExitCode"), -1);
 *
 * This is the only file that knows jansson, and the place that gives it our
 * allocator (base/mem.h). Writing is base/json_writer.h's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"

struct json_t; /* jansson's; a value anywhere in a document */

/*
 * json_parse() - a whole document
 *
 * Any value may stand at the top. Integers beyond 64 bits become doubles
 * instead of spoiling the document, and of equal keys the last one counts.
 * Returns 0 with *rootp set (json_free()), -EINVAL naming the line, or
 * -ENOMEM.
 */
int json_parse(struct slice text, struct json_t **rootp,
               struct err *err) MUST_CHECK;
void json_free(struct json_t *root); /* NULL is fine */

/* The member of an object; NULL if there is none, or no object. */
const struct json_t *json_get(const struct json_t *object, const char *name);

/*
 * The members of an object, in no particular order:
 *
 *     struct json_member member = { 0 };
 *     while (json_next_member(object, &member))
 *             … member.name, member.value …
 */
struct json_member {
	const char *name; /* terminated; both borrowed until json_free() */
	const struct json_t *value;
	void *at; /* private */
};
bool json_next_member(const struct json_t *object, struct json_member *member);
size_t json_n_members(const struct json_t *object); /* 0 if it is none */

/* The elements of an array: their number (0 if it is none), and each. */
size_t json_count(const struct json_t *array);
const struct json_t *json_item(const struct json_t *array, size_t at);

bool json_is_missing(const struct json_t *value); /* absent, or null */
bool json_is_map(const struct json_t *value);     /* an object */
bool json_is_list(const struct json_t *value);    /* an array */

/* Borrowed until json_free(), terminated with NUL; p is NULL if it is not a
 * string. May hold NUL bytes. */
struct slice json_as_text(const struct json_t *value);
/* The same terminated; "" if it is not a string, or holds a NUL byte. */
const char *json_as_string(const struct json_t *value);
int64_t json_as_int(const struct json_t *value, int64_t fallback);
double json_as_double(const struct json_t *value, double fallback);
/* Seconds, with decimals or without, as milliseconds; the fallback also for
 * what is negative or beyond 2^53 ms. */
uint64_t json_as_ms(const struct json_t *value, uint64_t fallback);
bool json_as_bool(const struct json_t *value, bool fallback);

/* Appends the value as text, on one line. 0, -ENOMEM, or the buffer's
 * failure. */
int json_print(const struct json_t *value, struct buf *out) MUST_CHECK;

/* Copies a string and terminates it; what does not fit, or is not a string,
 * gives "" and false: half a name is worse than none. */
bool json_copy_text(const struct json_t *value, char *out, size_t size);
