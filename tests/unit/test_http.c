/* SPDX-License-Identifier: Apache-2.0 */
/* http: transcripts of messages, each fed whole, byte by byte, and cut in
 * two at every place; what comes of it must be the same. */
#include "support/cmocka.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include "base/buf.h"
#include "base/mem.h"
#include "proto/http.h"

/* What a feed comes to, as text:
 * "200 1.1 A=b keep [body] end" or "GET /x 1.1 Host=a close end". */
struct record {
	struct buf text;
	struct buf body;
	int head_result;
	int body_result;
};

static int on_head(void *context, const struct http_message *message)
{
	struct record *record = context;
	struct buf *text = &record->text;

	if (message->request)
		(void)buf_printf(text, SLICE_FMT " " SLICE_FMT,
		                 SLICE_ARG(message->method),
		                 SLICE_ARG(message->target));
	else
		(void)buf_printf(text, "%u", message->status);
	(void)buf_printf(text, " 1.%u", message->minor);
	for (size_t i = 0; i < message->n_headers; i++)
		(void)buf_printf(text, " " SLICE_FMT "=" SLICE_FMT,
		                 SLICE_ARG(message->headers[i].name),
		                 SLICE_ARG(message->headers[i].value));
	(void)buf_printf(text, " %s%s%s",
	                 message->keep_alive ? "keep" : "close",
	                 message->until_eof ? " eof" : "",
	                 message->chunked ? " chunked" : "");
	if (message->has_length)
		(void)buf_printf(text, " %" PRIu64, message->content_length);
	return record->head_result;
}

static int on_body(void *context, struct slice bytes)
{
	struct record *record = context;

	assert_true(bytes.n > 0);
	(void)buf_append(&record->body, bytes.p, bytes.n);
	return record->body_result;
}

static int on_complete(void *context)
{
	struct record *record = context;

	(void)buf_printf(&record->text, " [%s] end", buf_text(&record->body));
	return 0;
}

static const struct http_parser_callbacks callbacks = { on_head, on_body,
	                                                on_complete };

static struct http_parser *parser_make(enum http_parser_kind kind,
                                       struct record *record)
{
	struct http_parser *parser = http_parser_new(kind, &callbacks, record);

	assert_non_null(parser);
	*record = (struct record){ 0 };
	buf_init(&record->text, 1 << 20);
	buf_init(&record->body, 1 << 20);
	return parser;
}

static void parser_unmake(struct http_parser *parser, struct record *record)
{
	http_parser_free(parser);
	buf_fini(&record->text);
	buf_fini(&record->body);
}

/* Feeds in pieces of at most @first, then of at most @rest bytes; each piece
 * from memory of its own, so that reading beyond it is found. */
static int feed(struct http_parser *parser, struct slice bytes, size_t first,
                size_t rest, size_t *usedp, struct err *err)
{
	size_t limit = first;

	*usedp = 0;
	while (bytes.n > 0) {
		size_t n = MIN(limit, bytes.n);
		char *copy = mem_alloc(n);
		size_t used;
		int r;

		assert_non_null(copy);
		memcpy(copy, bytes.p, n);
		r = http_parser_feed(parser, slice_make(copy, n), &used, err);
		mem_free(copy);
		*usedp += used;
		if (r || used < n)
			return r;
		bytes = slice_skip(bytes, n);
		limit = rest;
	}
	return 0;
}

#define MAX_BODY 20

enum { PLAIN, EOF_AFTER, HEAD_REQUEST };

struct row {
	const char *bytes;
	int how; /* EOF_AFTER: the peer then closes */
	int result;
	const char *text;
	const char *left; /* not consumed */
};

static void check_row(enum http_parser_kind kind, const struct row *row,
                      size_t first, size_t rest)
{
	struct slice bytes = slice_from(row->bytes);
	struct err err = { 0 };
	struct record record;
	struct http_parser *parser = parser_make(kind, &record);
	size_t used;
	int r;

	http_parser_reset(parser, row->how == HEAD_REQUEST, MAX_BODY);
	r = feed(parser, bytes, first, rest, &used, &err);
	if (r == 0 && row->how == EOF_AFTER)
		r = http_parser_finish(parser, &err);

	if (r != row->result)
		fail_msg("cut at %zu: %s\ngave %d (%s), not %d", first,
		         row->bytes, r, err.message, row->result);
	if ((r == 0) != (err.message[0] == '\0'))
		fail_msg("%s: '%s'", row->bytes, err.message);
	if (strcmp(buf_text(&record.text), row->text) != 0)
		fail_msg("cut at %zu: %s\ngave %s\nnot  %s", first, row->bytes,
		         buf_text(&record.text), row->text);
	if (r == 0 && row->how != EOF_AFTER)
		assert_string_equal(row->bytes + used,
		                    row->left ? row->left : "");
	parser_unmake(parser, &record);
}

static void check_rows(enum http_parser_kind kind, const struct row *rows,
                       size_t n_rows)
{
	for (size_t i = 0; i < n_rows; i++) {
		size_t n = strlen(rows[i].bytes);

		check_row(kind, &rows[i], n, n);
		check_row(kind, &rows[i], 1, 1);
		for (size_t cut = 1; cut < n; cut++)
			check_row(kind, &rows[i], cut, n);
	}
}

#define OK_HEAD      "HTTP/1.1 200 OK\r\n"
#define CHUNKED      OK_HEAD "Transfer-Encoding: chunked\r\n\r\n"
#define CHUNKED_TEXT "200 1.1 Transfer-Encoding=chunked keep chunked"

static const struct row responses[] = {
	{ OK_HEAD "A: b\r\nContent-Length: 4\r\n\r\nbody", PLAIN, 0,
	  "200 1.1 A=b Content-Length=4 keep 4 [body] end", NULL },
	{ OK_HEAD "Content-Length: 0\r\n\r\nHTTP/1.1 500", PLAIN, 0,
	  "200 1.1 Content-Length=0 keep 0 [] end", "HTTP/1.1 500" },
	{ OK_HEAD "Content-Length: 2\r\n\r\nabHTTP", PLAIN, 0,
	  "200 1.1 Content-Length=2 keep 2 [ab] end", "HTTP" },
	/* values: blanks around are dropped, inside kept; empty ones */
	{ OK_HEAD "A:\t b  c \t\r\nE:\r\nF: \r\ncontent-length:0\r\n\r\n",
	  PLAIN, 0, "200 1.1 A=b  c E= F= content-length=0 keep 0 [] end",
	  NULL },
	{ "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", PLAIN, 0,
	  "200 1.1 Content-Length=0 keep 0 [] end", NULL },
	{ "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n", PLAIN, 0,
	  "299 1.1 Content-Length=0 keep 0 [] end", NULL },
	/* the connection */
	{ OK_HEAD "Connection: close\r\nContent-Length: 0\r\n\r\n", PLAIN, 0,
	  "200 1.1 Connection=close Content-Length=0 close 0 [] end", NULL },
	{ OK_HEAD "Connection: x, Close\r\nContent-Length: 0\r\n\r\n", PLAIN, 0,
	  "200 1.1 Connection=x, Close Content-Length=0 close 0 [] end", NULL },
	{ "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", PLAIN, 0,
	  "200 1.0 Content-Length=0 close 0 [] end", NULL },
	{ "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n"
	  "Content-Length: 0\r\n\r\n",
	  PLAIN, 0,
	  "200 1.0 Connection=keep-alive Content-Length=0 keep 0 [] "
	  "end",
	  NULL },
	/* until the end of the connection */
	{ OK_HEAD "\r\nall of it", EOF_AFTER, 0,
	  "200 1.1 close eof [all of it] end", NULL },
	{ OK_HEAD "\r\n", EOF_AFTER, 0, "200 1.1 close eof [] end", NULL },
	/* chunks */
	{ CHUNKED "3\r\nabc\r\n0\r\n\r\nrest", PLAIN, 0,
	  CHUNKED_TEXT " [abc] end", "rest" },
	{ CHUNKED "2\r\nab\r\n0A\r\n0123456789\r\n000\r\n\r\n", PLAIN, 0,
	  CHUNKED_TEXT " [ab0123456789] end", NULL },
	{ CHUNKED "1;c=\"d\"\r\nx\r\n0;e\r\n\r\n", PLAIN, 0,
	  CHUNKED_TEXT " [x] end", NULL },
	{ CHUNKED "1\r\nx\r\n0\r\nT: u\r\nHost: v\r\n\r\nrest", PLAIN, 0,
	  CHUNKED_TEXT " [x] end", "rest" },
	/* no body, whatever the headers say */
	{ "HTTP/1.1 204 No Content\r\n\r\nHTTP", PLAIN, 0,
	  "204 1.1 keep [] end", "HTTP" },
	{ "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\nH", PLAIN, 0,
	  "304 1.1 Content-Length=9 keep 9 [] end", "H" },
	{ OK_HEAD "Content-Length: 900\r\n\r\n", HEAD_REQUEST, 0,
	  "200 1.1 Content-Length=900 keep 900 [] end", NULL },
	{ CHUNKED, HEAD_REQUEST, 0, CHUNKED_TEXT " [] end", NULL },
	{ OK_HEAD "\r\n", HEAD_REQUEST, 0, "200 1.1 keep [] end", NULL },
	{ "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1", PLAIN, 0,
	  "100 1.1 keep [] end", "HTTP/1.1" },
	{ "HTTP/1.1 103 E\r\nContent-Length: 3\r\n\r\nabc", PLAIN, 0,
	  "103 1.1 Content-Length=3 keep 3 [] end", "abc" },
	{ "HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: "
	  "Upgrade\r\n\r\n!",
	  PLAIN, 0, "101 1.1 Upgrade=x Connection=Upgrade close [] end", "!" },
	{ OK_HEAD "Upgrade: h2c\r\nConnection: Upgrade\r\n"
	          "Content-Length: 1\r\n\r\n!",
	  PLAIN, 0,
	  "200 1.1 Upgrade=h2c Connection=Upgrade Content-Length=1 "
	  "keep 1 [!] end",
	  NULL },
	/* cut off */
	{ "HTTP/1.1 20", EOF_AFTER, HTTP_E_TRUNCATED, "", NULL },
	{ OK_HEAD "Content-Length: 4\r\n\r\nbod", EOF_AFTER, HTTP_E_TRUNCATED,
	  "200 1.1 Content-Length=4 keep 4", NULL },
	{ CHUNKED "3\r\nabc\r\n", EOF_AFTER, HTTP_E_TRUNCATED, CHUNKED_TEXT,
	  NULL },
	{ CHUNKED "3\r\nabc\r\n0\r\n", EOF_AFTER, HTTP_E_TRUNCATED,
	  CHUNKED_TEXT, NULL },
	{ "", EOF_AFTER, 0, "", NULL },
	/* too large: told before and while it comes */
	{ OK_HEAD "Content-Length: 21\r\n\r\n", PLAIN, HTTP_E_BODY_TOO_LARGE,
	  "200 1.1 Content-Length=21 keep 21", NULL },
	{ OK_HEAD "Content-Length: 18446744073709551615\r\n\r\n", PLAIN,
	  HTTP_E_BODY_TOO_LARGE,
	  "200 1.1 Content-Length=18446744073709551615 keep "
	  "18446744073709551615",
	  NULL },
	{ CHUNKED "10\r\n0123456789abcdef\r\n5\r\n", PLAIN,
	  HTTP_E_BODY_TOO_LARGE, CHUNKED_TEXT, NULL },
	{ OK_HEAD "\r\n0123456789abcdef01234", EOF_AFTER, HTTP_E_BODY_TOO_LARGE,
	  "200 1.1 close eof", NULL },
	{ OK_HEAD "\r\n0123456789abcdef0123", EOF_AFTER, 0,
	  "200 1.1 close eof [0123456789abcdef0123] end", NULL },
	/* wrong */
	{ "SSH-2.0-OpenSSH_9.2\r\n", PLAIN, HTTP_E_BAD_MESSAGE, "", NULL },
	{ "<html>", PLAIN, HTTP_E_BAD_MESSAGE, "", NULL },
	{ "HTTP/2.0 200 OK\r\n\r\n", PLAIN, HTTP_E_VERSION, "", NULL },
	{ "HTTP/1.2 200 OK\r\n\r\n", PLAIN, HTTP_E_VERSION, "", NULL },
	{ "HTTP/1.1 2x0 OK\r\n\r\n", PLAIN, HTTP_E_BAD_MESSAGE, "", NULL },
	{ "HTTP/1.1 099 OK\r\n\r\n", PLAIN, HTTP_E_BAD_MESSAGE, "", NULL },
	{ OK_HEAD "A: b\r\n c\r\n\r\n", PLAIN, HTTP_E_BAD_MESSAGE, "", NULL },
	{ OK_HEAD "A:\r\n\tc\r\n\r\n", PLAIN, HTTP_E_BAD_MESSAGE, "", NULL },
	{ OK_HEAD " A: b\r\n\r\n", PLAIN, HTTP_E_BAD_MESSAGE, "", NULL },
	{ OK_HEAD "A : b\r\n\r\n", PLAIN, HTTP_E_BAD_MESSAGE, "", NULL },
	{ OK_HEAD "A\r\n\r\n", PLAIN, HTTP_E_BAD_MESSAGE, "", NULL },
	{ OK_HEAD "A: b\n\r\n", PLAIN, HTTP_E_BAD_MESSAGE, "", NULL },
	{ OK_HEAD "A: b\rc\r\n\r\n", PLAIN, HTTP_E_BAD_MESSAGE, "", NULL },
	{ OK_HEAD "A: b\x01\r\n\r\n", PLAIN, HTTP_E_BAD_MESSAGE, "", NULL },
	{ OK_HEAD "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", PLAIN,
	  HTTP_E_BAD_MESSAGE, "", NULL },
	{ OK_HEAD "Content-Length: -1\r\n\r\n", PLAIN, HTTP_E_BAD_MESSAGE, "",
	  NULL },
	{ OK_HEAD "Content-Length: 1, 1\r\n\r\n", PLAIN, HTTP_E_BAD_MESSAGE, "",
	  NULL },
	{ OK_HEAD "Content-Length: 99999999999999999999\r\n\r\n", PLAIN,
	  HTTP_E_BAD_MESSAGE, "", NULL },
	{ OK_HEAD "Content-Length: 1\r\nTransfer-Encoding: chunked"
	          "\r\n\r\n",
	  PLAIN, HTTP_E_BAD_MESSAGE, "", NULL },
	{ OK_HEAD "Transfer-Encoding: chunked\r\nContent-Length: 1"
	          "\r\n\r\n",
	  PLAIN, HTTP_E_BAD_MESSAGE, "", NULL },
	{ OK_HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n", PLAIN,
	  HTTP_E_UNSUPPORTED, "", NULL },
	{ OK_HEAD "Transfer-Encoding: gzip\r\n\r\n", PLAIN, HTTP_E_UNSUPPORTED,
	  "", NULL },
	{ "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", PLAIN,
	  HTTP_E_BAD_MESSAGE, "", NULL },
	{ CHUNKED "x\r\n", PLAIN, HTTP_E_BAD_MESSAGE, CHUNKED_TEXT, NULL },
	{ CHUNKED "-1\r\n", PLAIN, HTTP_E_BAD_MESSAGE, CHUNKED_TEXT, NULL },
	{ CHUNKED "0x1\r\n", PLAIN, HTTP_E_BAD_MESSAGE, CHUNKED_TEXT, NULL },
	{ CHUNKED "fffffffffffffffff\r\n", PLAIN, HTTP_E_BAD_MESSAGE,
	  CHUNKED_TEXT, NULL },
	{ CHUNKED "1\r\nabc", PLAIN, HTTP_E_BAD_MESSAGE, CHUNKED_TEXT, NULL },
	{ CHUNKED "1 \r\na\r\n", PLAIN, HTTP_E_BAD_MESSAGE, CHUNKED_TEXT,
	  NULL },
	{ CHUNKED "0\r\nT u\r\n\r\n", PLAIN, HTTP_E_BAD_MESSAGE, CHUNKED_TEXT,
	  NULL },
};

static void test_responses(void **state)
{
	check_rows(HTTP_PARSE_RESPONSE, responses, ARRAY_SIZE(responses));
}

#define HOST " HTTP/1.1\r\nHost: a\r\n"

static const struct row requests[] = {
	{ "GET /metrics?a=b" HOST "\r\nGET /", PLAIN, 0,
	  "GET /metrics?a=b 1.1 Host=a keep [] end", "GET /" },
	{ "\r\n\r\nGET /" HOST "\r\n", PLAIN, 0, "GET / 1.1 Host=a keep [] end",
	  NULL },
	{ "\r\n", EOF_AFTER, 0, "", NULL },
	{ "POST /p" HOST "Content-Length: 3\r\n\r\nabc", PLAIN, 0,
	  "POST /p 1.1 Host=a Content-Length=3 keep 3 [abc] end", NULL },
	{ "PUT /p" HOST "Transfer-Encoding: Chunked\r\n\r\n"
	  "1\r\na\r\n0\r\n\r\n",
	  PLAIN, 0,
	  "PUT /p 1.1 Host=a Transfer-Encoding=Chunked keep chunked "
	  "[a] end",
	  NULL },
	{ "GET / HTTP/1.0\r\n\r\n", PLAIN, 0, "GET / 1.0 close [] end", NULL },
	{ "OPTIONS *" HOST "\r\n", PLAIN, 0, "OPTIONS * 1.1 Host=a keep [] end",
	  NULL },
	/* an upgrade or a tunnel is not followed: the next message is
		 * HTTP again */
	{ "GET /" HOST "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\nGET", PLAIN,
	  0, "GET / 1.1 Host=a Connection=Upgrade Upgrade=h2c keep [] end",
	  "GET" },
	{ "POST /" HOST "Connection: Upgrade\r\nUpgrade: x\r\n"
	  "Content-Length: 1\r\n\r\naGET",
	  PLAIN, 0,
	  "POST / 1.1 Host=a Connection=Upgrade Upgrade=x "
	  "Content-Length=1 keep 1 [a] end",
	  "GET" },
	{ "CONNECT a:1" HOST "\r\n", PLAIN, 0,
	  "CONNECT a:1 1.1 Host=a keep [] end", NULL },
	{ "CONNECT a:1" HOST "Content-Length: 1\r\n\r\nxGET", PLAIN, 0,
	  "CONNECT a:1 1.1 Host=a Content-Length=1 keep 1 [x] end", "GET" },
	/* wrong */
	{ "GET / HTTP/1.1\r\n\r\n", PLAIN, HTTP_E_BAD_MESSAGE, "", NULL },
	{ "GET /" HOST "host: b\r\n\r\n", PLAIN, HTTP_E_BAD_MESSAGE, "", NULL },
	{ "GET /\r\nHost: a\r\n\r\n", PLAIN, HTTP_E_BAD_MESSAGE, "", NULL },
	{ "GET / HTTP/2.0\r\nHost: a\r\n\r\n", PLAIN, HTTP_E_VERSION, "",
	  NULL },
	{ "GET / HTTP/0.9\r\nHost: a\r\n\r\n", PLAIN, HTTP_E_VERSION, "",
	  NULL },
	{ "DESCRIBE / RTSP/1.0\r\nHost: a\r\n\r\n", PLAIN, HTTP_E_BAD_MESSAGE,
	  "", NULL },
	{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", PLAIN, HTTP_E_BAD_MESSAGE, "",
	  NULL },
	{ "BREW /" HOST "\r\n", PLAIN, HTTP_E_BAD_MESSAGE, "", NULL },
	{ "get /" HOST "\r\n", PLAIN, HTTP_E_BAD_MESSAGE, "", NULL },
	{ " GET /" HOST "\r\n", PLAIN, HTTP_E_BAD_MESSAGE, "", NULL },
	{ "GET /a b" HOST "\r\n", PLAIN, HTTP_E_BAD_MESSAGE, "", NULL },
	{ "GET /\x01" HOST "\r\n", PLAIN, HTTP_E_BAD_MESSAGE, "", NULL },
	{ "\x16\x03\x01", PLAIN, HTTP_E_BAD_MESSAGE, "", NULL },
	{ "GET /" HOST "A: b\r\n c\r\n\r\n", PLAIN, HTTP_E_BAD_MESSAGE, "",
	  NULL },
	{ "POST /" HOST "Content-Length: 1\r\n"
	  "Transfer-Encoding: chunked\r\n\r\n",
	  PLAIN, HTTP_E_BAD_MESSAGE, "", NULL },
	{ "POST /" HOST "Transfer-Encoding: chunked\r\n"
	  "Content-Length: 1\r\n\r\n",
	  PLAIN, HTTP_E_BAD_MESSAGE, "", NULL },
	{ "POST /" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", PLAIN,
	  HTTP_E_UNSUPPORTED, "", NULL },
	{ "POST /" HOST "Transfer-Encoding: chunked\r\n"
	  "Transfer-Encoding: chunked\r\n\r\n",
	  PLAIN, HTTP_E_BAD_MESSAGE, "", NULL },
	{ "POST /" HOST "Content-Length: 21\r\n\r\n", PLAIN,
	  HTTP_E_BODY_TOO_LARGE, "POST / 1.1 Host=a Content-Length=21 keep 21",
	  NULL },
};

static void test_requests(void **state)
{
	check_rows(HTTP_PARSE_REQUEST, requests, ARRAY_SIZE(requests));
}

static void append_repeated(struct buf *buf, char c, size_t n)
{
	while (n-- > 0)
		(void)buf_putc(buf, c);
}

/* A head of exactly @n_head bytes, with a target of @n_target bytes. */
static void make_request(struct buf *buf, size_t n_target, size_t n_head)
{
	size_t n_rest;

	(void)buf_puts(buf, "GET /");
	append_repeated(buf, 't', n_target - 1);
	(void)buf_puts(buf, " HTTP/1.1\r\nHost: a\r\nX: ");
	n_rest = n_head - buf->n - strlen("\r\n\r\n");
	append_repeated(buf, 'x', n_rest);
	(void)buf_puts(buf, "\r\n\r\n");
}

static void make_headers(struct buf *buf, size_t n)
{
	(void)buf_puts(buf, "GET / HTTP/1.1\r\nHost: a\r\n");
	while (--n > 0)
		(void)buf_puts(buf, "A: b\r\n");
	(void)buf_puts(buf, "\r\n");
}

static void make_chunks(struct buf *buf, size_t n_extension)
{
	(void)buf_puts(buf, "POST / HTTP/1.1\r\nHost: a\r\n"
	                    "Transfer-Encoding: chunked\r\n\r\n1;");
	append_repeated(buf, 'e', n_extension);
	(void)buf_puts(buf, "\r\na\r\n0\r\nT: ");
	append_repeated(buf, 't', n_extension);
	(void)buf_puts(buf, "\r\n\r\n");
}

static void check_limit(const struct buf *buf, int result)
{
	static const size_t cuts[] = { 1, 2, 3, 100, 1000, 1 << 20 };

	for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
		struct record record;
		struct http_parser *parser =
			parser_make(HTTP_PARSE_REQUEST, &record);
		struct err err = { 0 };
		size_t used;
		int r;

		http_parser_reset(parser, false, 1 << 20);
		r = feed(parser, buf_slice(buf), cuts[i], cuts[i], &used, &err);
		if (r != result)
			fail_msg("pieces of %zu: %d (%s), not %d", cuts[i], r,
			         err.message, result);
		if (r == 0)
			assert_int_equal(used, buf->n);
		parser_unmake(parser, &record);
	}
}

static void test_limits(void **state)
{
	struct buf buf;

	buf_init(&buf, 1 << 20);
	make_request(&buf, 1, HTTP_MAX_HEAD);
	check_limit(&buf, 0);
	buf_reset(&buf);
	make_request(&buf, 1, HTTP_MAX_HEAD + 1);
	check_limit(&buf, HTTP_E_HEAD_TOO_LARGE);
	buf_reset(&buf);
	make_request(&buf, HTTP_MAX_TARGET, HTTP_MAX_HEAD);
	check_limit(&buf, 0);
	buf_reset(&buf);
	make_request(&buf, HTTP_MAX_TARGET + 1, HTTP_MAX_HEAD);
	check_limit(&buf, HTTP_E_TARGET_TOO_LONG);
	buf_reset(&buf);
	make_request(&buf, 2ul * HTTP_MAX_HEAD, 3ul * HTTP_MAX_HEAD);
	check_limit(&buf, HTTP_E_TARGET_TOO_LONG);
	buf_reset(&buf);
	make_headers(&buf, HTTP_MAX_HEADERS);
	check_limit(&buf, 0);
	buf_reset(&buf);
	make_headers(&buf, HTTP_MAX_HEADERS + 1);
	check_limit(&buf, HTTP_E_HEAD_TOO_LARGE);
	buf_reset(&buf);
	make_chunks(&buf, HTTP_MAX_FRAMING - 30);
	check_limit(&buf, 0);
	buf_reset(&buf);
	make_chunks(&buf, HTTP_MAX_FRAMING);
	check_limit(&buf, HTTP_E_HEAD_TOO_LARGE);
	buf_reset(&buf);
	append_repeated(&buf, '\n', 2ul * HTTP_MAX_HEAD);
	check_limit(&buf, HTTP_E_HEAD_TOO_LARGE);
	buf_fini(&buf);
}

static void test_pipelined(void **state)
{
	struct slice bytes =
		slice_from("GET /1" HOST "\r\n"
	                   "POST /2" HOST "Content-Length: 1\r\n\r\nx"
	                   "GET /3" HOST "\r\n");
	struct record record;
	struct http_parser *parser = parser_make(HTTP_PARSE_REQUEST, &record);
	size_t used;

	assert_false(http_parser_busy(parser));
	for (int i = 0; i < 3; i++) {
		http_parser_reset(parser, false, MAX_BODY);
		buf_reset(&record.body);
		(void)buf_putc(&record.text, '\n');
		assert_int_equal(http_parser_feed(parser, bytes, &used, NULL),
		                 0);
		bytes = slice_skip(bytes, used);
		assert_false(http_parser_busy(parser));
	}
	assert_int_equal(bytes.n, 0);
	assert_string_equal(buf_text(&record.text),
	                    "\nGET /1 1.1 Host=a keep [] end"
	                    "\nPOST /2 1.1 Host=a Content-Length=1 keep 1 "
	                    "[x] end"
	                    "\nGET /3 1.1 Host=a keep [] end");
	/* nothing is taken before the reset */
	assert_int_equal(
		http_parser_feed(parser, slice_from("GET"), &used, NULL), 0);
	assert_int_equal(used, 0);
	http_parser_reset(parser, false, MAX_BODY);
	assert_int_equal(
		http_parser_feed(parser, slice_from("\r\n"), &used, NULL), 0);
	assert_int_equal(used, 2);
	assert_false(http_parser_busy(parser));
	assert_int_equal(http_parser_feed(parser, slice_from("G"), &used, NULL),
	                 0);
	assert_true(http_parser_busy(parser));
	parser_unmake(parser, &record);
}

static void test_callbacks_stop(void **state)
{
	struct slice bytes =
		slice_from(OK_HEAD "Content-Length: 4\r\n\r\nbody");
	struct record record;
	struct http_parser *parser = parser_make(HTTP_PARSE_RESPONSE, &record);
	struct err err = { 0 };
	size_t used;

	http_parser_reset(parser, false, MAX_BODY);
	record.head_result = -EPERM;
	assert_int_equal(http_parser_feed(parser, bytes, &used, &err), -EPERM);
	assert_int_equal(record.body.n, 0);
	assert_string_equal(err.message, "");
	assert_int_equal(http_parser_feed(parser, bytes, &used, &err), -EPERM);
	assert_int_equal(used, 0);

	http_parser_reset(parser, false, MAX_BODY);
	record.head_result = 0;
	record.body_result = 77;
	assert_int_equal(http_parser_feed(parser, bytes, &used, &err), 77);
	assert_int_equal(record.body.n, 4);

	http_parser_reset(parser, false, MAX_BODY);
	record.body_result = 0;
	buf_reset(&record.body);
	buf_reset(&record.text);
	assert_int_equal(http_parser_feed(parser, bytes, &used, &err), 0);
	assert_string_equal(buf_text(&record.text),
	                    "200 1.1 Content-Length=4 keep 4 [body] end");
	parser_unmake(parser, &record);
}

static void test_words(void **state)
{
	static const struct {
		const char *bytes;
		const char *message;
	} rows[] = {
		{ OK_HEAD "Content-Length: 21\r\n\r\n",
		  "the body is too large (limit 20)" },
		{ OK_HEAD "A: b\r\n c",
		  "not valid HTTP: a folded header line" },
		{ OK_HEAD "Transfer-Encoding: gzip\r\n\r\n",
		  "a transfer coding other than chunked" },
		{ "HTTP/3.0 200 OK\r\n\r\n", "neither HTTP/1.0 nor HTTP/1.1" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct record record;
		struct http_parser *parser =
			parser_make(HTTP_PARSE_RESPONSE, &record);
		struct err err = { 0 };
		size_t used;

		http_parser_reset(parser, false, MAX_BODY);
		assert_int_not_equal(http_parser_feed(parser,
		                                      slice_from(rows[i].bytes),
		                                      &used, &err),
		                     0);
		assert_string_equal(err.message, rows[i].message);
		/* and again, for whoever asks later */
		err_clear(&err);
		assert_int_not_equal(http_parser_finish(parser, &err), 0);
		assert_string_equal(err.message, rows[i].message);
		parser_unmake(parser, &record);
	}
}

/* The k-th allocation fails. */
static void *failing_realloc(void *context, void *pointer, size_t size)
{
	int *countdown = context;

	if (size == 0) {
		free(pointer);
		return NULL;
	}
	return --*countdown == 0 ? NULL : realloc(pointer, size);
}

static void test_out_of_memory(void **state)
{
	struct slice bytes =
		slice_from(OK_HEAD "Content-Length: 4\r\n\r\nbody");
	struct record record;
	struct http_parser *parser;
	int countdown = 1;
	size_t used;
	int r;

	mem_set_allocator(failing_realloc, &countdown);
	parser = http_parser_new(HTTP_PARSE_RESPONSE, &callbacks, &record);
	assert_null(parser);
	mem_set_allocator(NULL, NULL);

	parser = parser_make(HTTP_PARSE_RESPONSE, &record);
	http_parser_reset(parser, false, MAX_BODY);
	countdown = 1;
	mem_set_allocator(failing_realloc, &countdown);
	r = http_parser_feed(parser, bytes, &used, NULL);
	mem_set_allocator(NULL, NULL);
	assert_int_equal(r, -ENOMEM);
	http_parser_reset(parser, false, MAX_BODY);
	assert_int_equal(http_parser_feed(parser, bytes, &used, NULL), 0);
	parser_unmake(parser, &record);
	http_parser_free(NULL);
}

static void test_status_text(void **state)
{
	assert_string_equal(http_status_text(404), "Not Found");
	assert_string_equal(http_status_text(100), "Continue");
	assert_string_equal(http_status_text(511),
	                    "Network Authentication Required");
	assert_string_equal(http_status_text(799), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_responses),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_pipelined),
		cmocka_unit_test(test_callbacks_stop),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_status_text),
	};

	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
