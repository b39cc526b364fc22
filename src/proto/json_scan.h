/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_scan: JSON (RFC 8259) as a stream of tokens, pushed in pieces of any
 * size, in constant memory. For documents that are too large to be held;
 * where one fits into memory, jansson reads it.
 *
 *     {"a": [1, true]}  →  OBJECT  KEY a  ARRAY  NUMBER 1  TRUE
 *                          ARRAY_END  OBJECT_END
 *
 * Strict: exactly one value, well-formed UTF-8 and surrogate pairs, no
 * trailing commas, no comments. Whoever takes the tokens keeps track of where
 * in the document they stand; the depth is given.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/macros.h"
#include "base/slice.h"

#define JSON_SCAN_MAX_DEPTH 64 /* arrays and objects in one another */

enum json_scan_kind {
	JSON_SCAN_OBJECT,
	JSON_SCAN_OBJECT_END,
	JSON_SCAN_ARRAY,
	JSON_SCAN_ARRAY_END,
	JSON_SCAN_KEY,
	JSON_SCAN_STRING,
	JSON_SCAN_NUMBER,
	JSON_SCAN_TRUE,
	JSON_SCAN_FALSE,
	JSON_SCAN_NULL,
};

/* Borrowed for the call. */
struct json_scan_token {
	enum json_scan_kind kind;
	unsigned depth;    /* arrays and objects around it */
	struct slice text; /* KEY and STRING: unescaped; NUMBER: as written */
	bool cut;          /* the text was longer than the limit */
};

/* Returns 0, or anything else to stop: feed then returns it. */
typedef int (*json_scan_cb)(void *context, const struct json_scan_token *token);

enum json_scan_outcome {
	JSON_SCAN_E_SYNTAX = 1, /* not JSON */
	JSON_SCAN_E_TOO_DEEP,   /* beyond JSON_SCAN_MAX_DEPTH */
	JSON_SCAN_E_TRUNCATED,  /* the document ended too early */
};

struct json_scan {
	json_scan_cb token;
	void *context;

	/* private below */
	int state;
	int number;  /* where in a number we are */
	bool is_key; /* the present string is one */
	bool cut;    /* the present text is beyond the limit */
	unsigned depth;
	uint64_t objects;    /* bit n: the container at depth n is an object */
	const char *literal; /* what must still come of true, false, null */
	enum json_scan_kind literal_kind;
	uint8_t utf8_left; /* continuation bytes that must follow */
	uint8_t utf8_min;  /* bounds of the next one */
	uint8_t utf8_max;
	uint8_t n_hex;   /* digits seen of \uXXXX */
	uint32_t code;   /* their value */
	uint32_t high;   /* the first half of a surrogate pair, or 0 */
	struct buf text; /* of a token that is not in one piece */
};

/* Cannot fail and allocates nothing. @max_text: longer strings and numbers
 * are cut there (possibly within a character) and marked so. */
void json_scan_init(struct json_scan *scan, size_t max_text, json_scan_cb token,
                    void *context);
void json_scan_fini(struct json_scan *scan); /* harmless on a zeroed one */

/* Ready for another document; keeps the memory. */
void json_scan_reset(struct json_scan *scan);

/* Scans @bytes; tokens are delivered from inside. 0, a json_scan_outcome,
 * -ENOMEM, or what the callback returned; after anything but 0 only
 * json_scan_reset() and json_scan_fini() make sense. */
int json_scan_feed(struct json_scan *scan, struct slice bytes) MUST_CHECK;

/* The document has ended. As above; JSON_SCAN_E_TRUNCATED also if it was
 * empty. */
int json_scan_finish(struct json_scan *scan) MUST_CHECK;
