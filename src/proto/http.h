/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http: one HTTP/1.1 message at a time, parsed by llhttp (8.1 or 9.x) and
 * with our limits on it; pure, no sockets. Client and server share it.
 *
 * Feed bytes in whatever pieces they come; the callbacks run from inside
 * http_parser_feed(). The parser stops after each whole message, so that a
 * pipelined one waits until the caller feeds the rest.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

/* Limits, each with its name; see the README's table. */
#define HTTP_MAX_HEAD 16384  /* start line and headers together, bytes */
#define HTTP_MAX_HEADERS 64  /* their number */
#define HTTP_MAX_TARGET 8192 /* a request's target, bytes */

/* Named outcomes of http_parser_feed(); also http_call's err.code. */
enum http_outcome {
	HTTP_E_BAD_MESSAGE = 1, /* not HTTP, or against its rules */
	HTTP_E_HEAD_TOO_LARGE,
	HTTP_E_TARGET_TOO_LONG,
	HTTP_E_BODY_TOO_LARGE,
	HTTP_E_TRUNCATED, /* the peer closed in the middle */
};

struct http_header {
	struct slice name;
	struct slice value;
};

struct http_message {
	bool request;
	uint16_t status;          /* response */
	struct slice method;      /* request; "GET" */
	struct slice target;      /* request; "/a?b" as sent */
	struct http_header headers[HTTP_MAX_HEADERS];
	size_t n_headers;
	bool keep_alive;          /* the connection may be used again */
	bool until_eof;           /* the body ends with the connection */
	bool has_length;          /* Content-Length was given */
	uint64_t content_length;
};

/* The value of a header, or an empty slice with p == NULL. */
struct slice http_message_header(const struct http_message *message,
                                 const char *name);

struct http_parser;

struct http_parser_callbacks {
	/* Each returns 0, or non-zero to stop: feed then returns it. */
	int (*on_head)(void *context, const struct http_message *message);
	int (*on_body)(void *context, struct slice bytes); /* borrowed */
	int (*on_complete)(void *context);
};

enum http_parser_kind { HTTP_PARSE_REQUEST, HTTP_PARSE_RESPONSE };

/* NULL if out of memory. @callbacks and @context are borrowed for good. */
struct http_parser *http_parser_new(enum http_parser_kind kind,
                                    const struct http_parser_callbacks *cbs,
                                    void *context) MUST_CHECK;
void http_parser_free(struct http_parser *parser);

/* Ready for the next message on the same connection. @head_response: the
 * answer to a HEAD request has no body whatever its headers say. @max_body: 0
 * for none allowed. */
void http_parser_reset(struct http_parser *parser, bool head_response,
                       uint64_t max_body);

/*
 * http_parser_feed() - parse @bytes
 *
 * *usedp says how many were consumed: fewer than given only when a message
 * was completed (the rest belongs to the next) or on failure. 0, a
 * http_outcome with @err filled, -ENOMEM, or what a callback returned.
 */
int http_parser_feed(struct http_parser *parser, struct slice bytes,
                     size_t *usedp, struct err *err) MUST_CHECK;

/* The peer closed: completes a body that lasts until then; otherwise
 * HTTP_E_TRUNCATED, or 0 if nothing of a message had come yet. */
int http_parser_finish(struct http_parser *parser, struct err *err) MUST_CHECK;

/* A byte of the present message has been seen, and it is not complete. */
bool http_parser_busy(const struct http_parser *parser);

/* "Not Found"; "" for an unknown number. */
const char *http_status_text(uint16_t status);
