/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_writer: JSON text, written as it goes, with commas in the right
 * places. Reading is jansson's; writing a tree only to print it is not needed.
 *
 * Failures stay in `buf->failed`. Nesting is limited to JSON_WRITER_DEPTH,
 * which callers never come near.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/slice.h"

#define JSON_WRITER_DEPTH 16

struct json_writer {
	struct buf *buf; /* borrowed */
	unsigned depth;
	bool comma[JSON_WRITER_DEPTH]; /* something was written at this depth */
	bool after_key;
};

void json_write_init(struct json_writer *json, struct buf *buf);

void json_write_object(struct json_writer *json);
void json_write_object_end(struct json_writer *json);
void json_write_array(struct json_writer *json);
void json_write_array_end(struct json_writer *json);

/* The next value belongs to @name. */
void json_write_key(struct json_writer *json, const char *name);
void json_key_slice(struct json_writer *json, struct slice name);

void json_write_string(struct json_writer *json,
                       const char *text); /* NULL: null */
void json_write_slice(struct json_writer *json, struct slice text);
void json_write_u64(struct json_writer *json, uint64_t value);
void json_write_i64(struct json_writer *json, int64_t value);
void json_write_double(struct json_writer *json,
                       double value); /* NaN, Inf: null */
void json_write_bool(struct json_writer *json, bool value);
void json_write_null(struct json_writer *json);
/* A value that is JSON already. */
void json_write_raw(struct json_writer *json, struct slice text);

/* Milliseconds as seconds with up to three decimals. */
void json_write_seconds(struct json_writer *json, uint64_t ms);
