/* SPDX-License-Identifier: Apache-2.0 */
/* The digest behind a websocket's handshake, and the handshake. */
#include "support/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/buf.h"
#include "base/sha1.h"
#include "proto/websocket.h"

static void digest_of(struct slice text, char hex[2 * SHA1_SIZE + 1])
{
	uint8_t digest[SHA1_SIZE];

	sha1(text, digest);
	for (size_t i = 0; i < SHA1_SIZE; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

/* FIPS 180's examples, and every length around the end of a block (what
 * `sha1sum` says of so many letters a). */
static void test_sha1(void **state)
{
	static const struct {
		const char *text;
		const char *hex;
	} rows[] = {
		{ "", "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
		{ "abc", "a9993e364706816aba3e25717850c26c9cd0d89d" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "84983e441c3bd26ebaae4aa1f95129e5e54670f1" },
	};
	static const struct {
		size_t n;
		const char *hex;
	} lengths[] = {
		{ 55, "c1c8bbdc22796e28c0e15163d20899b65621d65a" },
		{ 56, "c2db330f6083854c99d4b5bfb6e8f29f201be699" },
		{ 63, "03f09f5b158a7a8cdad920bddc29b81c18a551f5" },
		{ 64, "0098ba824b5c16427bd7a1122a5a442a25ec644d" },
		{ 65, "11655326c708d70319be2610e8a57d9a5b959d3b" },
		{ 128, "ad5b3fdbcb526778c2839d2f151ea753995e26a0" },
	};
	char hex[2 * SHA1_SIZE + 1];
	char as[128];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		digest_of(slice_from(rows[i].text), hex);
		assert_string_equal(hex, rows[i].hex);
	}
	memset(as, 'a', sizeof(as));
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		digest_of(slice_make(as, lengths[i].n), hex);
		assert_string_equal(hex, lengths[i].hex);
	}
}

/* RFC 6455, section 1.3 and 4.2.2. */
static void test_key_and_answer(void **state)
{
	struct buf key, accept;
	char long_key[WEBSOCKET_MAX_TEXT + 1];

	buf_init(&key, WEBSOCKET_MAX_TEXT);
	buf_init(&accept, WEBSOCKET_MAX_TEXT);
	assert_int_equal(
		websocket_key(&key, (const uint8_t *)"the sample nonce"), 0);
	assert_string_equal(buf_text(&key), "dGhlIHNhbXBsZSBub25jZQ==");
	assert_int_equal(websocket_accept(&accept, buf_slice(&key)), 0);
	assert_string_equal(buf_text(&accept), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");

	memset(long_key, 'k', sizeof(long_key));
	assert_int_equal(
		websocket_accept(&accept,
	                         slice_make(long_key, sizeof(long_key))),
		-E2BIG);
	buf_fini(&key);
	buf_fini(&accept);
}

#define HEADER(name, value)                      \
	{                                        \
		{ name, sizeof(name) - 1 },      \
		{                                \
			value, sizeof(value) - 1 \
		}                                \
	}
#define UPGRADE HEADER("upgrade", "WebSocket")
#define SWITCH  HEADER("Connection", "keep-alive ,Upgrade")
#define ACCEPT  HEADER("Sec-WebSocket-Accept", "YES=")

static void test_answers(void **state)
{
	static const struct {
		uint16_t status;
		struct http_header headers[4];
		const char *words; /* NULL: good */
	} rows[] = {
		{ 101, { UPGRADE, SWITCH, ACCEPT }, NULL },
		{ 101, { SWITCH, ACCEPT }, "no websocket" },
		{ 101,
		  { HEADER("upgrade", "h2c"), SWITCH, ACCEPT },
		  "no websocket" },
		{ 101, { UPGRADE, ACCEPT }, "Connection" },
		{ 101,
		  { UPGRADE, HEADER("connection", "close"), ACCEPT },
		  "Connection" },
		{ 101, { UPGRADE, SWITCH }, "Accept" },
		{ 101,
		  { UPGRADE, SWITCH, HEADER("Sec-WebSocket-Accept", "no") },
		  "Accept" },
		{ 101,
		  { UPGRADE, SWITCH, ACCEPT,
		    HEADER("Sec-WebSocket-Extensions", "permessage-deflate") },
		  "not offered" },
		{ 101,
		  { UPGRADE, SWITCH, ACCEPT,
		    HEADER("Sec-WebSocket-Protocol", "x") },
		  "not offered" },
		{ 200, { UPGRADE, SWITCH, ACCEPT }, "HTTP 200 OK" },
		{ 403, { { { 0 }, { 0 } } }, "HTTP 403 Forbidden" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct http_message message = { .status = rows[i].status };
		struct err err;
		int r;

		for (size_t k = 0; k < 4 && rows[i].headers[k].name.n; k++)
			message.headers[message.n_headers++] =
				rows[i].headers[k];
		err_clear(&err);
		r = websocket_check(&message, slice_from("YES="), &err);
		assert_int_equal(r, rows[i].words ? -EPROTO : 0);
		if (rows[i].words && !strstr(err.message, rows[i].words))
			fail_msg("%zu: %s", i, err.message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha1),
		cmocka_unit_test(test_key_and_answer),
		cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
