/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz url: what is accepted lies in the text, is within its limits, and
 * reads the same when its origin is parsed again. Also %XX and base64.
 */
#include <stdint.h>
#include <stdlib.h>
#include "base/base64.h"
#include "base/buf.h"
#include "base/mem.h"
#include "proto/url.h"

static void require(bool condition)
{
	if (!condition)
		abort();
}

static bool lies_in(struct slice part, struct slice text)
{
	return part.n == 0 ||
	       (part.p >= text.p && part.p + part.n <= text.p + text.n);
}

static void check_url(const struct url *url, struct slice text)
{
	require(lies_in(url->host, text) && lies_in(url->path, text) &&
	        lies_in(url->user, text));
	if (url->scheme == URL_UNIX)
		require(url->host.n <= URL_MAX_SOCKET_PATH && url->port == 0);
	else
		require(url->host.n <= URL_MAX_HOST);
}

static void fuzz_parse(struct slice text)
{
	char origin[URL_ORIGIN_MAX];
	struct err err = { 0 };
	struct url again;
	struct url url;
	int r = url_parse(text, 80, &url, &err);

	require((r == 0) == (err.message[0] == '\0'));
	if (r < 0)
		return;
	check_url(&url, text);
	require(url.host.n > 0 && (url.path.n == 0 || url.path.p[0] == '/'));
	require(url_parse(slice_from(url_origin(&url, origin)), 0, &again,
	                  NULL) == 0);
	require(again.scheme == url.scheme && again.port == url.port &&
	        again.ipv6 == url.ipv6 && slice_equal(again.host, url.host));
}

static void fuzz_parse_listen(struct slice text)
{
	struct err err = { 0 };
	struct url url;
	int r = url_parse_listen(text, &url, &err);

	require((r == 0) == (err.message[0] == '\0'));
	if (r == 0)
		check_url(&url, text);
}

static void fuzz_decode(struct slice text)
{
	struct buf plain;
	struct buf coded;
	struct buf again;

	buf_init(&plain, text.n);
	buf_init(&coded, 2 * text.n + 4);
	buf_init(&again, text.n);
	if (url_decode(&plain, text) == 0)
		require(plain.n <= text.n);

	buf_reset(&plain);
	if (base64_decode(&plain, text) == 0) {
		require(base64_encode(&coded, buf_slice(&plain)) == 0);
		require(base64_decode(&again, buf_slice(&coded)) == 0);
		require(slice_equal(buf_slice(&plain), buf_slice(&again)));
	}
	buf_fini(&plain);
	buf_fini(&coded);
	buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a copy without a byte to spare */
	char *copy = mem_alloc(size ? size : 1);

	require(copy != NULL);
	if (size)
		memcpy(copy, data, size);
	fuzz_parse(slice_make(copy, size));
	fuzz_parse_listen(slice_make(copy, size));
	fuzz_decode(slice_make(copy, size));
	mem_free(copy);
	return 0;
}
