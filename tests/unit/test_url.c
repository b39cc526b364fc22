/* SPDX-License-Identifier: Apache-2.0 */
/* url and base64: endpoints, addresses to listen on, encodings. */
#include "support/cmocka.h"

#include <errno.h>
#include "base/base64.h"
#include "proto/url.h"

#define LONG_63 \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define PATH_107 "/" LONG_63 "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

struct row {
	const char *text;
	const char *expected; /* the parts, or the message of the error */
	int result;
};

/* "origin path user" */
static const char *show(const struct url *url, char *out, size_t size)
{
	char origin[URL_ORIGIN_MAX];

	(void)snprintf(out, size, "%s " SLICE_FMT " " SLICE_FMT,
	               url_origin(url, origin), SLICE_ARG(url->path),
	               SLICE_ARG(url->user));
	return out;
}

static void check(const struct row *row, int r, const struct url *url,
                  const struct err *err)
{
	char out[1024];

	if (r != row->result)
		fail_msg("'%s': %d (%s)", row->text, r, err->message);
	assert_string_equal(r ? err->message : show(url, out, sizeof(out)),
	                    row->expected);
}

static void test_parse(void **state)
{
	static const struct row rows[] = {
		{ "http://gw:9091", "http://gw:9091  ", 0 },
		{ "http://gw", "http://gw:80  ", 0 },
		{ "HTTP://GW:1/", "http://GW:1  ", 0 },
		{ "https://gw/a/b//", "https://gw:443 /a/b ", 0 },
		{ "https://gw:80", "https://gw:80  ", 0 },
		{ "tcps://10.0.0.1", "https://10.0.0.1:443  ", 0 },
		{ "tcp://10.0.0.1:2375", "http://10.0.0.1:2375  ", 0 },
		{ "http://[::1]:9091/p", "http://[::1]:9091 /p ", 0 },
		{ "http://[fe80::1%eth0]", "http://[fe80::1%eth0]:80  ", 0 },
		{ "http://my_stack-1.x:1", "http://my_stack-1.x:1  ", 0 },
		{ "http://u:p@gw", "http://gw:80  u:p", 0 },
		{ "http://u:p@w@gw", "http://gw:80  u:p@w", 0 },
		{ "unix:///run/d.sock", "unix:/run/d.sock  ", 0 },
		{ "unix:/run/d.sock", "unix:/run/d.sock  ", 0 },
		{ "//run/d.sock", "unix:/run/d.sock  ", 0 },
		{ "unix:////run/d.sock", "unix:/run/d.sock  ", 0 },
		{ "/run/my d.sock", "unix:/run/my d.sock  ", 0 },
		{ PATH_107, "unix:" PATH_107 "  ", 0 },
		{ "", "empty: write http://host:port or unix:///path",
		  -EINVAL },
		{ "gw:9091",
		  "no scheme: write http://host:port or unix:///path",
		  -EINVAL },
		{ "ftp://gw",
		  "the scheme 'ftp' is not known: write http://, https://, "
		  "tcp:// or "
		  "unix://",
		  -EINVAL },
		{ "http://", "no host: write http://host:port", -EINVAL },
		{ "http:///x", "no host: write http://host:port", -EINVAL },
		{ "http://gw:0",
		  "port '0': a number from 1 to 65535 was expected", -EINVAL },
		{ "http://gw:",
		  "port '': a number from 1 to 65535 was expected", -EINVAL },
		{ "http://gw:65536",
		  "port '65536': a number from 1 to 65535 was expected",
		  -EINVAL },
		{ "http://gw:x",
		  "port 'x': a number from 1 to 65535 was expected", -EINVAL },
		{ "http://::1:80",
		  "more than one ':': write IPv6 in brackets, as in "
		  "[::1]:9090",
		  -EINVAL },
		{ "http://[::1", "'[' without ']': write IPv6 as [::1]",
		  -EINVAL },
		{ "http://[::1]x", "after ']' comes ':' and the port",
		  -EINVAL },
		{ "http://[::g]", "'::g' is not an IPv6 address", -EINVAL },
		{ "http://[]", "'' is not an IPv6 address", -EINVAL },
		{ "http://[::1%]", "'::1%' is not an IPv6 address", -EINVAL },
		{ "http://1.2.3", "'1.2.3' is not an IPv4 address", -EINVAL },
		{ "http://1.2.3.256", "'1.2.3.256' is not an IPv4 address",
		  -EINVAL },
		{ "http://a,b", "',' cannot stand in a host name", -EINVAL },
		{ "http://gw/a?b", "a '?' or '#' part has no place here",
		  -EINVAL },
		{ "http://gw#b", "a '?' or '#' part has no place here",
		  -EINVAL },
		{ "http://gw/a b", "holds the byte 0x20: write it as %20",
		  -EINVAL },
		{ "http://gw/\r\nX:", "holds the byte 0x0d: write it as %0D",
		  -EINVAL },
		{ "http://u:secret@gw/ ",
		  "holds the byte 0x20: write it as %20", -EINVAL },
		{ "unix://d.sock",
		  "the path of a unix socket starts with '/': write "
		  "unix:///run/x.sock",
		  -EINVAL },
		{ "unix:",
		  "the path of a unix socket starts with '/': write "
		  "unix:///run/x.sock",
		  -EINVAL },
		{ PATH_107 "a",
		  "the path of a unix socket may have 107 bytes, this one "
		  "has 108",
		  -EINVAL },
		{ "http://" LONG_63 LONG_63 LONG_63 LONG_63 "aa",
		  "the host name is longer than 253 bytes", -EINVAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = { 0 };
		struct url url;
		int r = url_parse(slice_from(rows[i].text), 80, &url, &err);

		check(&rows[i], r, &url, &err);
	}
}

static void test_parse_needs_port(void **state)
{
	struct err err = { 0 };
	struct url url;

	assert_int_equal(
		url_parse(slice_from("http://u:p@gw/x"), 0, &url, &err),
		-EINVAL);
	assert_string_equal(err.message, "no port: write gw:PORT");
	assert_int_equal(url_parse(slice_from("http://gw:7"), 0, &url, NULL),
	                 0);
	assert_int_equal(url.port, 7);
	assert_int_equal(url_parse(slice_make("/a\0b", 4), 0, &url, &err),
	                 -EINVAL);
	assert_string_equal(err.message,
	                    "the path of a unix socket holds a NUL byte");
}

static void test_parse_listen(void **state)
{
	static const struct row rows[] = {
		{ ":9090", "http://:9090  ", 0 },
		{ "9090", "http://:9090  ", 0 },
		{ ":0", "http://:0  ", 0 },
		{ "127.0.0.1:9090", "http://127.0.0.1:9090  ", 0 },
		{ "localhost:9090", "http://localhost:9090  ", 0 },
		{ "[::]:9090", "http://[::]:9090  ", 0 },
		{ "unix:/run/b.sock", "unix:/run/b.sock  ", 0 },
		{ "/run/b.sock", "unix:/run/b.sock  ", 0 },
		{ "127.0.0.1", "no port: write 127.0.0.1:9090", -EINVAL },
		{ "[::1]", "no port: write [::1]:9090", -EINVAL },
		{ ":x", "port 'x': a number from 0 to 65535 was expected",
		  -EINVAL },
		{ "99999",
		  "port '99999': a number from 0 to 65535 was expected",
		  -EINVAL },
		{ "::1:9090",
		  "more than one ':': write IPv6 in brackets, as in "
		  "[::1]:9090",
		  -EINVAL },
		{ "http://:9090",
		  "an address to listen on has no scheme: write 127.0.0.1:9090",
		  -EINVAL },
		{ "", "empty: write :9090, 127.0.0.1:9090 or unix:/path",
		  -EINVAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = { 0 };
		struct url url;
		int r = url_parse_listen(slice_from(rows[i].text), &url, &err);

		check(&rows[i], r, &url, &err);
	}
}

static void test_decode(void **state)
{
	static const struct row rows[] = {
		{ "", "", 0 },
		{ "a+b", "a+b", 0 },
		{ "a%2Fb%2f", "a/b/", 0 },
		{ "%41%7a", "Az", 0 },
		{ "%", "", -EINVAL },
		{ "%4", "", -EINVAL },
		{ "%4g", "", -EINVAL },
		{ "%%41", "", -EINVAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf buf;

		buf_init(&buf, 64);
		assert_int_equal(url_decode(&buf, slice_from(rows[i].text)),
		                 rows[i].result);
		if (rows[i].result == 0)
			assert_string_equal(buf_text(&buf), rows[i].expected);
		buf_fini(&buf);
	}
}

static void test_base64(void **state)
{
	/* RFC 4648, section 10, and bytes that need the last two digits */
	static const struct {
		const char *bytes;
		const char *text;
	} rows[] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
		{ "\xfb\xef\xbe\xff\xff", "++++//8=" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct slice text = slice_from(rows[i].text);
		struct buf buf;

		buf_init(&buf, 64);
		assert_int_equal(base64_encode(&buf, slice_from(rows[i].bytes)),
		                 0);
		assert_string_equal(buf_text(&buf), rows[i].text);
		for (int padded = 1; padded >= 0; padded--) {
			while (!padded && text.n && text.p[text.n - 1] == '=')
				text.n--;
			buf_reset(&buf);
			assert_int_equal(base64_decode(&buf, text), 0);
			assert_string_equal(buf_text(&buf), rows[i].bytes);
		}
		buf_fini(&buf);
	}
}

static void test_base64_decode(void **state)
{
	static const struct row rows[] = {
		{ "-_-_", "\xfb\xff\xbf", 0 }, { "-/+_", "\xfb\xff\xbf", 0 },
		{ "Z", "", -EINVAL },          { "Zg=", "", -EINVAL },
		{ "Zg===", "", -EINVAL },      { "Zm9v=", "", -EINVAL },
		{ "Zm9v====", "", -EINVAL },   { "=", "", -EINVAL },
		{ "Zh==", "", -EINVAL },       { "Zm9=", "", -EINVAL },
		{ "Zm 9v", "", -EINVAL },      { "Zm9v\n", "", -EINVAL },
		{ "Z=g=", "", -EINVAL },       { "Zm.v", "", -EINVAL },
	};
	struct buf buf;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		buf_init(&buf, 64);
		if (base64_decode(&buf, slice_from(rows[i].text)) !=
		    rows[i].result)
			fail_msg("'%s'", rows[i].text);
		if (rows[i].result == 0)
			assert_string_equal(buf_text(&buf), rows[i].expected);
		buf_fini(&buf);
	}
	buf_init(&buf, 2);
	assert_int_equal(base64_decode(&buf, slice_from("Zm9v")), -E2BIG);
	buf_fini(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_needs_port),
		cmocka_unit_test(test_parse_listen),
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_base64_decode),
	};

	return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
