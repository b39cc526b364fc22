/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http: one HTTP/1.1 message at a time, parsed by llhttp (8.1 or 9.x) and
 * with our limits on it; pure, no sockets. Client and server share it.
 *
 * Feed bytes in whatever pieces they come; the callbacks run from inside
 * http_parser_feed(). The parser stops after each whole message, so that a
 * pipelined one waits until the caller feeds the rest. What comes of a message
 * never depends on how its bytes were cut.
 *
 * Strict, whatever the version of llhttp: lines end with CRLF, header lines
 * are not folded, a message has one framing, and no transfer coding but
 * `chunked` is known. Trailers are read and dropped. An upgrade that nobody
 * asked for is not followed: 101 is a whole message, after which the
 * connection cannot be used again. RFC 9112.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

/* Limits, each with its name; see the README's table. */
#define HTTP_MAX_HEAD    16384 /* start line and headers together, bytes */
#define HTTP_MAX_HEADERS 64    /* their number */
#define HTTP_MAX_TARGET  8192  /* a request's target, bytes */
#define HTTP_MAX_FRAMING 16384 /* a chunk's size line, or the trailers */

/* Named outcomes of http_parser_feed(); also http_call's err.code. */
enum http_outcome {
	HTTP_E_BAD_MESSAGE = 1, /* not HTTP, or against its rules */
	HTTP_E_HEAD_TOO_LARGE,  /* or the framing between two pieces of body */
	HTTP_E_TARGET_TOO_LONG,
	HTTP_E_BODY_TOO_LARGE,
	HTTP_E_TRUNCATED,   /* the peer closed in the middle */
	HTTP_E_VERSION,     /* neither HTTP/1.0 nor HTTP/1.1 */
	HTTP_E_UNSUPPORTED, /* a transfer coding other than chunked */
};

struct http_header {
	struct slice name;
	struct slice value;
};

/* Borrowed from the parser until its next reset. */
struct http_message {
	bool request;
	uint8_t minor;       /* 1 for HTTP/1.1, 0 for HTTP/1.0 */
	uint16_t status;     /* response */
	struct slice method; /* request; "GET" */
	struct slice target; /* request; "/a?b" as sent */
	struct http_header headers[HTTP_MAX_HEADERS]; /* values trimmed */
	size_t n_headers;
	bool keep_alive; /* the connection may be used again */
	bool until_eof;  /* the body ends with the connection */
	bool chunked;
	bool has_length; /* Content-Length was given */
	uint64_t content_length;
};

/* The value of the first header of that name in any case of letters, or an
 * empty slice with p == NULL. */
struct slice http_message_header(const struct http_message *message,
                                 const char *name);

struct http_parser;

struct http_parser_callbacks {
	/* Each returns 0, or non-zero to stop: feed then returns it. None may
	 * reset or free the parser. on_head also runs for a 1xx, and before a
	 * Content-Length over @max_body is refused. */
	int (*on_head)(void *context, const struct http_message *message);
	int (*on_body)(void *context, struct slice bytes); /* borrowed */
	int (*on_complete)(void *context);
};

enum http_parser_kind { HTTP_PARSE_REQUEST, HTTP_PARSE_RESPONSE };

/* NULL if out of memory. @cbs and @context are borrowed for good. Ready for
 * its first message when it has been reset. */
struct http_parser *http_parser_new(enum http_parser_kind kind,
                                    const struct http_parser_callbacks *cbs,
                                    void *context) MUST_CHECK;
void http_parser_free(struct http_parser *parser);

/* Ready for the next message on the same connection, after a whole one or
 * after anything else. @head_response: the answer to a HEAD request has no
 * body whatever its headers say. @max_body: 0 for none allowed. */
void http_parser_reset(struct http_parser *parser, bool head_response,
                       uint64_t max_body);
/* Of the message whose head is just being told of, from within on_head(). */
void http_parser_limit_body(struct http_parser *parser, uint64_t max_body);

/*
 * http_parser_feed() - parse @bytes
 *
 * *usedp says how many were consumed: fewer than given only when a message
 * was completed (the rest belongs to the next) or on failure; none at all
 * before the reset that has to follow either. Returns 0, a http_outcome with
 * @err filled, -ENOMEM, or what a callback returned (@err is then left
 * alone). A failure stays until the reset.
 */
int http_parser_feed(struct http_parser *parser, struct slice bytes,
                     size_t *usedp, struct err *err) MUST_CHECK;

/* The peer closed: completes a body that lasts until then; otherwise
 * HTTP_E_TRUNCATED, or 0 if nothing of a message had come yet. Also what
 * on_complete returned. */
int http_parser_finish(struct http_parser *parser, struct err *err) MUST_CHECK;

/* A byte of the present message has been seen, and it is not complete. Empty
 * lines before a request do not count. */
bool http_parser_busy(const struct http_parser *parser);

/* "Not Found"; "" for a number that is not registered. */
const char *http_status_text(uint16_t status);
