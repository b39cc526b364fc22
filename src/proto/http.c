/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http.h"

#include <inttypes.h>
#include <llhttp.h>
#include "base/mem.h"
#include "proto/http_lines.h"

enum phase {
	PHASE_HEAD,   /* collecting lines up to the empty one */
	PHASE_BODY,   /* straight from the caller's bytes */
	PHASE_DONE,   /* waits for the reset */
	PHASE_FAILED, /* waits for the reset */
};

/* Where a piece lies in `head`, which may move while it grows. */
struct span {
	uint16_t at;
	uint16_t n;
};

_Static_assert(HTTP_MAX_HEAD <= UINT16_MAX, "spans would not fit");

struct http_parser {
	llhttp_t llhttp;
	llhttp_settings_t settings;
	const struct http_parser_callbacks *cbs;
	void *context;
	enum http_parser_kind kind;

	/* of the present message */
	enum phase phase;
	int result;      /* why a callback stopped llhttp, or how it failed */
	const char *why; /* in words; NULL if a callback of ours stopped it */
	uint64_t limit;  /* which was passed, 0 if it is not about one */
	bool head_response;
	bool complete; /* llhttp saw the end */
	uint64_t max_body;
	uint64_t n_body;

	struct buf head; /* kept raw, so that slices can lie in it */
	struct http_lines lines;
	bool in_name; /* the present header's name may still grow */
	struct span target;
	struct span names[HTTP_MAX_HEADERS];
	struct span values[HTTP_MAX_HEADERS];

	size_t n_framing;         /* since the last piece of body */
	const char *framing_from; /* not counted yet, in the caller's bytes */

	struct http_message message;
};

static struct http_parser *parser_of(llhttp_t *llhttp)
{
	return container_of(llhttp, struct http_parser, llhttp);
}

/* Notes what is wrong; returns the outcome. */
static int fail(struct http_parser *parser, int outcome, const char *why,
                uint64_t limit)
{
	parser->why = why;
	parser->limit = limit;
	return outcome;
}

static int bad(struct http_parser *parser, const char *why)
{
	return fail(parser, HTTP_E_BAD_MESSAGE, why, 0);
}

static int too_large(struct http_parser *parser)
{
	return fail(parser, HTTP_E_BODY_TOO_LARGE, "the body is too large",
	            parser->max_body);
}

/* What a callback of llhttp returns to stop it. */
static int stop(struct http_parser *parser, int result)
{
	parser->result = result;
	return -1;
}

/* --- the head: pieces found by llhttp ----------------------------------- */

/* llhttp hands a piece over in as many parts as it was fed in. */
static int extend(struct http_parser *parser, struct span *span, const char *at,
                  size_t n)
{
	size_t offset = (size_t)(at - parser->head.p);

	if (span->n == 0)
		span->at = (uint16_t)offset;
	else if (offset != (size_t)span->at + span->n)
		return stop(parser, bad(parser, "a broken header line"));
	span->n = (uint16_t)(span->n + n);
	return 0;
}

static int on_url(llhttp_t *llhttp, const char *at, size_t n)
{
	struct http_parser *parser = parser_of(llhttp);

	return extend(parser, &parser->target, at, n);
}

static int on_header_field(llhttp_t *llhttp, const char *at, size_t n)
{
	struct http_parser *parser = parser_of(llhttp);
	struct http_message *message = &parser->message;

	if (parser->phase != PHASE_HEAD)
		return 0; /* a trailer */
	if (!parser->in_name) {
		if (message->n_headers == HTTP_MAX_HEADERS)
			return stop(parser, bad(parser, "too many headers"));
		parser->names[message->n_headers] = (struct span){ 0 };
		parser->values[message->n_headers] = (struct span){ 0 };
		message->n_headers++;
		parser->in_name = true;
	}
	return extend(parser, &parser->names[message->n_headers - 1], at, n);
}

static int on_header_field_complete(llhttp_t *llhttp)
{
	parser_of(llhttp)->in_name = false;
	return 0;
}

static int on_header_value(llhttp_t *llhttp, const char *at, size_t n)
{
	struct http_parser *parser = parser_of(llhttp);
	size_t n_headers = parser->message.n_headers;

	if (parser->phase != PHASE_HEAD || n_headers == 0)
		return 0;
	return extend(parser, &parser->values[n_headers - 1], at, n);
}

/* --- the head: whole ---------------------------------------------------- */

static struct slice span_slice(const struct http_parser *parser,
                               struct span span)
{
	return slice_make(parser->head.p + span.at, span.n);
}

static size_t count_headers(const struct http_message *message,
                            const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < message->n_headers; i++)
		n += slice_is_nocase(message->headers[i].name, name);
	return n;
}

static bool has_no_body(const struct http_parser *parser)
{
	uint16_t status = parser->message.status;

	return parser->kind == HTTP_PARSE_RESPONSE &&
	       (parser->head_response || status < 200 || status == 204 ||
	        status == 304);
}

/* llhttp also speaks RTSP and ICE, and calls a bare "GET /" HTTP/0.9. */
static int check_version(struct http_parser *parser)
{
	struct slice line = buf_slice(&parser->head);
	const char *end = memchr(line.p, '\r', line.n);
	unsigned major = llhttp_get_http_major(&parser->llhttp);
	unsigned minor = llhttp_get_http_minor(&parser->llhttp);

	line.n = end ? (size_t)(end - line.p) : line.n;
	if (parser->kind == HTTP_PARSE_REQUEST &&
	    (line.n < 9 ||
	     !slice_starts(slice_skip(line, line.n - 9), " HTTP/")))
		return bad(parser, "the request line does not end with "
		                   "a version of HTTP");
	if (major != 1 || minor > 1)
		return fail(parser, HTTP_E_VERSION,
		            "neither HTTP/1.0 nor HTTP/1.1", 0);
	parser->message.minor = (uint8_t)minor;
	return 0;
}

static int check_framing(struct http_parser *parser)
{
	struct http_message *message = &parser->message;
	struct slice coding = http_message_header(message, "transfer-encoding");

	if (!coding.p)
		return 0;
	if (message->minor == 0)
		return bad(parser, "Transfer-Encoding in HTTP/1.0");
	if (message->has_length)
		return bad(parser, "both Content-Length and "
		                   "Transfer-Encoding");
	if (count_headers(message, "transfer-encoding") > 1)
		return bad(parser, "more than one Transfer-Encoding");
	if (!slice_is_nocase(coding, "chunked"))
		return fail(parser, HTTP_E_UNSUPPORTED,
		            "a transfer coding other than chunked", 0);
	message->chunked = true;
	return 0;
}

static int check_head(struct http_parser *parser)
{
	struct http_message *message = &parser->message;
	int r = check_version(parser);

	if (r == 0)
		r = check_framing(parser);
	if (r)
		return r;
	if (!message->request && message->status < 100)
		return bad(parser, "a status below 100");
	if (message->request && message->minor == 1 &&
	    count_headers(message, "host") != 1)
		return bad(parser, "a request has exactly one Host header");
	return 0;
}

static void fill_message(struct http_parser *parser)
{
	struct http_message *message = &parser->message;
	llhttp_t *llhttp = &parser->llhttp;

	message->request = parser->kind == HTTP_PARSE_REQUEST;
	if (message->request) {
		message->method = slice_from(llhttp_method_name(
			(llhttp_method_t)llhttp_get_method(llhttp)));
		message->target = span_slice(parser, parser->target);
	} else {
		message->status = (uint16_t)llhttp_get_status_code(llhttp);
	}
	for (size_t i = 0; i < message->n_headers; i++) {
		struct http_header *header = &message->headers[i];

		header->name = span_slice(parser, parser->names[i]);
		header->value =
			slice_trim(span_slice(parser, parser->values[i]));
	}
	message->has_length = (llhttp->flags & F_CONTENT_LENGTH) != 0;
	message->content_length =
		message->has_length ? llhttp->content_length : 0;
}

/* Not llhttp_should_keep_alive(): it does not know yet that this message has
 * no body. */
static void judge_connection(struct http_parser *parser)
{
	struct http_message *message = &parser->message;
	unsigned flags = parser->llhttp.flags;

	message->until_eof = !message->request && !message->chunked &&
	                     !message->has_length && !has_no_body(parser);
	message->keep_alive = message->minor == 1
	                              ? !(flags & F_CONNECTION_CLOSE)
	                              : (flags & F_CONNECTION_KEEP_ALIVE) != 0;
	if (message->until_eof || message->status == 101)
		message->keep_alive = false;
}

static int on_headers_complete(llhttp_t *llhttp)
{
	struct http_parser *parser = parser_of(llhttp);
	struct http_message *message = &parser->message;
	int r;

	fill_message(parser);
	r = check_head(parser);
	if (r)
		return stop(parser, r);
	judge_connection(parser);
	parser->phase = PHASE_BODY;
	llhttp->upgrade = 0; /* we never follow one */

	r = parser->cbs->on_head(parser->context, message);
	if (r)
		return stop(parser, r);
	if (has_no_body(parser))
		return 1;
	if (message->content_length > parser->max_body)
		return stop(parser, too_large(parser));
	return 0;
}

/* --- the body ----------------------------------------------------------- */

/* Chunk sizes, their extensions and trailers: what is not body must not go
 * on for ever either. */
static int charge_framing(struct http_parser *parser, const char *upto)
{
	parser->n_framing += (size_t)(upto - parser->framing_from);
	parser->framing_from = upto;
	if (parser->n_framing <= HTTP_MAX_FRAMING)
		return 0;
	return fail(parser, HTTP_E_HEAD_TOO_LARGE,
	            "too much between two pieces of the body",
	            HTTP_MAX_FRAMING);
}

static int on_chunk_header(llhttp_t *llhttp)
{
	struct http_parser *parser = parser_of(llhttp);

	if (llhttp->content_length > parser->max_body - parser->n_body)
		return stop(parser, too_large(parser));
	return 0;
}

static int on_body(llhttp_t *llhttp, const char *at, size_t n)
{
	struct http_parser *parser = parser_of(llhttp);
	uint64_t room = parser->max_body - parser->n_body;
	struct slice piece = slice_make(at, (size_t)MIN((uint64_t)n, room));
	int r = charge_framing(parser, at);

	if (r)
		return stop(parser, r);
	parser->n_framing = 0;
	parser->framing_from = at + n;
	parser->n_body += piece.n;
	if (piece.n > 0)
		r = parser->cbs->on_body(parser->context, piece);
	if (r == 0 && n > room)
		r = too_large(parser);
	return r ? stop(parser, r) : 0;
}

/* Pausing makes llhttp leave what follows alone. */
static int on_message_complete(llhttp_t *llhttp)
{
	parser_of(llhttp)->complete = true;
	return HPE_PAUSED;
}

/* --- feeding ------------------------------------------------------------ */

/* Returns how llhttp took @bytes: 0, or the failure; *endp is where it
 * stopped. */
static int execute(struct http_parser *parser, struct slice bytes,
                   const char **endp)
{
	llhttp_errno_t code = llhttp_execute(&parser->llhttp, bytes.p, bytes.n);

	*endp = code == HPE_OK ? bytes.p + bytes.n
	                       : llhttp_get_error_pos(&parser->llhttp);
	if (parser->result)
		return parser->result;
	if (code == HPE_OK || (code == HPE_PAUSED && parser->complete))
		return 0;
	if (code == HPE_INVALID_VERSION)
		return fail(parser, HTTP_E_VERSION,
		            "neither HTTP/1.0 nor HTTP/1.1", 0);
	return bad(parser, llhttp_get_error_reason(&parser->llhttp));
}

static int complete(struct http_parser *parser)
{
	parser->phase = PHASE_DONE;
	return parser->cbs->on_complete(parser->context);
}

static int feed_head(struct http_parser *parser, struct slice bytes,
                     size_t *usedp)
{
	struct http_lines *lines = &parser->lines;
	size_t n_skipped = http_lines_skip(lines, bytes);
	size_t n_before = parser->head.n;
	const char *end;
	size_t n;
	int r;

	bytes = slice_skip(bytes, n_skipped);
	n = http_lines_take(lines, bytes);
	*usedp = n_skipped + n;

	/* what llhttp finds wrong lies before what the lines' rules forbid */
	r = buf_append(&parser->head, bytes.p, n);
	if (r == 0 && n > 0)
		r = execute(parser, slice_make(parser->head.p + n_before, n),
		            &end);
	if (r)
		return r;
	if (lines->outcome)
		return fail(parser, lines->outcome, lines->why, lines->limit);
	if (lines->ended && parser->phase == PHASE_HEAD)
		return bad(parser, "the head does not end where it should");
	return parser->complete ? complete(parser) : 0;
}

static int feed_body(struct http_parser *parser, struct slice bytes,
                     size_t *usedp)
{
	const char *end;
	int too_much;
	int r;

	parser->framing_from = bytes.p;
	r = execute(parser, bytes, &end);
	*usedp = (size_t)(end - bytes.p);
	/* comes first: it would have, had the bytes come one by one */
	too_much = charge_framing(parser, end);
	if (too_much || r)
		return too_much ? too_much : r;
	return parser->complete ? complete(parser) : 0;
}

/* Remembers the failure until the reset, and puts it into words. */
static int failed(struct http_parser *parser, int result, struct err *err)
{
	parser->phase = PHASE_FAILED;
	parser->result = result;
	if (!parser->why)
		return result;
	if (parser->limit)
		return err_set(err, result, "%s (limit %" PRIu64 ")",
		               parser->why, parser->limit);
	return err_set(err, result, "%s%s",
	               result == HTTP_E_BAD_MESSAGE ? "not valid HTTP: " : "",
	               parser->why);
}

int http_parser_feed(struct http_parser *parser, struct slice bytes,
                     size_t *usedp, struct err *err)
{
	size_t used;
	int r = 0;

	*usedp = 0;
	if (parser->phase == PHASE_FAILED)
		return failed(parser, parser->result, err);
	while (r == 0 && bytes.n > 0 && parser->phase < PHASE_DONE) {
		used = 0;
		r = parser->phase == PHASE_HEAD
		            ? feed_head(parser, bytes, &used)
		            : feed_body(parser, bytes, &used);
		*usedp += used;
		bytes = slice_skip(bytes, used);
	}
	return r ? failed(parser, r, err) : 0;
}

int http_parser_finish(struct http_parser *parser, struct err *err)
{
	if (parser->phase == PHASE_FAILED)
		return failed(parser, parser->result, err);
	if (parser->phase == PHASE_BODY && parser->message.until_eof)
		return complete(parser);
	if (!http_parser_busy(parser))
		return 0;
	return failed(
		parser,
		fail(parser, HTTP_E_TRUNCATED,
	             parser->phase == PHASE_HEAD
	                     ? "the peer closed in the middle of the head"
	                     : "the peer closed in the middle of the body",
	             0),
		err);
}

bool http_parser_busy(const struct http_parser *parser)
{
	return parser->phase == PHASE_BODY ||
	       (parser->phase == PHASE_HEAD && parser->head.n > 0);
}

/* --- life --------------------------------------------------------------- */

struct http_parser *http_parser_new(enum http_parser_kind kind,
                                    const struct http_parser_callbacks *cbs,
                                    void *context)
{
	struct http_parser *parser = mem_calloc(1, sizeof(*parser));

	if (!parser)
		return NULL;
	parser->kind = kind;
	parser->cbs = cbs;
	parser->context = context;
	buf_init(&parser->head, HTTP_MAX_HEAD);

	llhttp_settings_init(&parser->settings);
	parser->settings.on_url = on_url;
	parser->settings.on_header_field = on_header_field;
	parser->settings.on_header_field_complete = on_header_field_complete;
	parser->settings.on_header_value = on_header_value;
	parser->settings.on_headers_complete = on_headers_complete;
	parser->settings.on_chunk_header = on_chunk_header;
	parser->settings.on_body = on_body;
	parser->settings.on_message_complete = on_message_complete;
	http_parser_reset(parser, false, 0);
	return parser;
}

void http_parser_free(struct http_parser *parser)
{
	if (!parser)
		return;
	buf_fini(&parser->head);
	mem_free(parser);
}

void http_parser_reset(struct http_parser *parser, bool head_response,
                       uint64_t max_body)
{
	llhttp_init(&parser->llhttp,
	            parser->kind == HTTP_PARSE_REQUEST ? HTTP_REQUEST
	                                               : HTTP_RESPONSE,
	            &parser->settings);
	buf_reset(&parser->head);
	parser->phase = PHASE_HEAD;
	parser->result = 0;
	parser->why = NULL;
	parser->limit = 0;
	parser->head_response = head_response;
	parser->complete = false;
	parser->max_body = max_body;
	parser->n_body = 0;
	http_lines_init(&parser->lines, parser->kind == HTTP_PARSE_REQUEST);
	parser->in_name = false;
	parser->target = (struct span){ 0 };
	parser->n_framing = 0;
	parser->message.n_headers = 0;
	parser->message.status = 0;
	parser->message.chunked = false;
	parser->message.method = slice_from("");
	parser->message.target = slice_from("");
}

void http_parser_limit_body(struct http_parser *parser, uint64_t max_body)
{
	parser->max_body = max_body;
}
