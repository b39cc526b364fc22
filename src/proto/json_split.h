/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_split: cuts a stream of JSON into its values, in whatever pieces it
 * comes, and hands over one at a time: the elements of one array, or values
 * that follow one another (RFC 7464, https://github.com/ndjson/ndjson-spec).
 *
 *     [{"a": 1}, {"b": "]"}]     →  {"a": 1}   {"b": "]"}
 *     {"a": 1}⏎{"b": "]"}⏎       →  the same
 *
 * It only counts brackets, outside of strings: whether a value is JSON says
 * who parses it. Memory is needed for one value that did not come in one
 * piece; one that is larger than the limit is dropped and counted.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/macros.h"
#include "base/slice.h"

enum json_split_kind {
	JSON_SPLIT_ARRAY,    /* the elements of one array */
	JSON_SPLIT_SEQUENCE, /* values, with blanks or nothing between them */
};

/* @text: borrowed for the call, not terminated. Non-zero ends the reading. */
typedef int (*json_split_cb)(void *context, struct slice text);

struct json_split {
	uint64_t n_dropped; /* values that were too large */

	/* private below */
	enum json_split_kind kind;
	int state;
	size_t depth; /* brackets open within the value */
	bool escaped; /* the next byte of the string is taken as it is */
	bool dropping;
	json_split_cb value;
	void *context;
	struct buf text; /* of the value, as far as it came earlier */
};

/* Cannot fail and allocates nothing. @max: bytes of one value. */
void json_split_init(struct json_split *split, enum json_split_kind kind,
                     size_t max, json_split_cb value, void *context);
void json_split_fini(struct json_split *split); /* harmless on a zeroed one */

/* Values are delivered from inside. 0, -EINVAL (not of this kind), -ENOMEM,
 * or what the callback returned; after anything but 0 it is of no more use. */
int json_split_feed(struct json_split *split, struct slice bytes) MUST_CHECK;

/* Nothing more comes. As above; -EINVAL also if the array, or the last value,
 * is not whole. */
int json_split_finish(struct json_split *split) MUST_CHECK;
