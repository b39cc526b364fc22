/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz http: the same bytes whole and one by one must come to the same: the
 * same messages, the same outcome, the same number of bytes used. The first
 * byte of the input says what is expected (see `flags`).
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/buf.h"
#include "base/mem.h"
#include "proto/http.h"

#define MAX_TEXT (64u << 20)
#define MAX_BODY 64

enum flags {
	RESPONSE = 1,
	HEAD_REQUEST = 2, /* the response is to a HEAD */
	SMALL_BODY = 4,   /* at most MAX_BODY bytes, else as many as come */
};

static void append_field(struct buf *text, struct slice field)
{
	(void)buf_printf(text, " %zu:", field.n);
	(void)buf_append(text, field.p, field.n);
}

static int on_head(void *context, const struct http_message *message)
{
	struct buf *text = context;

	(void)buf_printf(text, "head %d.%u %u %d%d%d%d %llu", message->request,
	                 message->minor, message->status, message->keep_alive,
	                 message->until_eof, message->chunked,
	                 message->has_length,
	                 (unsigned long long)message->content_length);
	append_field(text, message->method);
	append_field(text, message->target);
	for (size_t i = 0; i < message->n_headers; i++) {
		append_field(text, message->headers[i].name);
		append_field(text, message->headers[i].value);
	}
	(void)buf_puts(text, " body:");
	return 0;
}

static int on_body(void *context, struct slice bytes)
{
	if (bytes.n == 0)
		abort();
	return buf_append(context, bytes.p, bytes.n);
}

static int on_complete(void *context)
{
	return buf_puts(context, " complete\n");
}

static const struct http_parser_callbacks callbacks = { on_head, on_body,
	                                                on_complete };

/* Feeds a copy, so that what is read beyond it is found. */
static int feed(struct http_parser *parser, struct slice bytes, size_t *usedp)
{
	char *copy = mem_alloc(bytes.n);
	struct err err = { 0 };
	int r;

	if (!copy)
		abort();
	memcpy(copy, bytes.p, bytes.n);
	r = http_parser_feed(parser, slice_make(copy, bytes.n), usedp, &err);
	mem_free(copy);
	if (*usedp > bytes.n || (r > 0) != (err.message[0] != '\0'))
		abort();
	return r;
}

/* All messages in @bytes, in pieces of @piece; what they came to in @text. */
static void run(struct buf *text, unsigned flags, struct slice bytes,
                size_t piece)
{
	struct http_parser *parser = http_parser_new(
		flags & RESPONSE ? HTTP_PARSE_RESPONSE : HTTP_PARSE_REQUEST,
		&callbacks, text);
	uint64_t max_body = flags & SMALL_BODY ? MAX_BODY : UINT64_MAX;
	size_t n_total = 0;
	int r = 0;

	if (!parser)
		abort();
	http_parser_reset(parser, (flags & HEAD_REQUEST) != 0, max_body);
	while (r == 0 && bytes.n > 0) {
		size_t used;

		r = feed(parser, slice_make(bytes.p, MIN(piece, bytes.n)),
		         &used);
		bytes = slice_skip(bytes, used);
		n_total += used;
		if (r == 0 && used == 0) /* a message was complete before */
			http_parser_reset(parser, (flags & HEAD_REQUEST) != 0,
			                  max_body);
	}
	(void)buf_printf(text, " result %d", r);
	if (r == 0)
		(void)buf_printf(text, " used %zu busy %d eof %d", n_total,
		                 http_parser_busy(parser),
		                 http_parser_finish(parser, NULL));
	http_parser_free(parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes = slice_make((const char *)data, size);
	struct buf whole;
	struct buf cut;

	if (size < 1)
		return 0;
	buf_init(&whole, MAX_TEXT);
	buf_init(&cut, MAX_TEXT);
	run(&whole, data[0], slice_skip(bytes, 1), SIZE_MAX);
	for (size_t piece = 1; piece <= 64; piece *= 8) {
		buf_reset(&cut);
		run(&cut, data[0], slice_skip(bytes, 1), piece);
		if (!slice_equal(buf_slice(&whole), buf_slice(&cut))) {
			(void)fprintf(stderr, "whole: %s\npieces of %zu: %s\n",
			              buf_text(&whole), piece, buf_text(&cut));
			abort();
		}
	}
	buf_fini(&whole);
	buf_fini(&cut);
	return 0;
}
