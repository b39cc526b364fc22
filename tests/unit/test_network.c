/* SPDX-License-Identifier: Apache-2.0 */
/* network: who is in which network, and what is none. */
#include "support/cmocka.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "proto/network.h"

static const struct {
	const char *network;
	const char *address;
	bool inside;
} rows[] = {
	{ "10.0.0.0/8", "10.255.0.1", true },
	{ "10.0.0.0/8", "11.0.0.1", false },
	{ "10.0.0.0/8", "::ffff:10.1.2.3", true },
	{ "::ffff:10.0.0.0/104", "10.1.2.3", true },
	{ "192.0.2.7", "192.0.2.7", true },
	{ "192.0.2.7", "192.0.2.6", false },
	{ "192.0.2.7/32", "192.0.2.8", false },
	{ "192.0.2.128/25", "192.0.2.129", true },
	{ "192.0.2.128/25", "192.0.2.127", false },
	{ "0.0.0.0/0", "203.0.113.9", true },
	{ "0.0.0.0/0", "::1", false },
	{ "::/0", "2001:db8::1", true },
	{ "::/0", "127.0.0.1", false },
	{ "::1", "::1", true },
	{ "::1", "::2", false },
	{ "::1/128", "::1", true },
	{ "::1", "1::", false },
	{ "2001:db8::/33", "2001:db8:7fff::", true },
	{ "2001:db8::/33", "2001:db8:8000::", false },
	{ "127.0.0.1", "::1", false },
	{ "10.1.2.3/8", "10.9.0.0", true },
	{ "2001:db8::1/32", "2001:db8:1::", true },
};

static bool is_inside(const char *network_text, const char *address)
{
	struct sockaddr_storage storage = { 0 };
	struct sockaddr_in6 *six = (void *)&storage;
	struct sockaddr_in *four = (void *)&storage;
	struct network network;
	struct err err = { 0 };

	if (network_parse(slice_from(network_text), &network, &err) < 0)
		fail_msg("%s: %s", network_text, err.message);
	storage.ss_family = strchr(address, ':') ? AF_INET6 : AF_INET;
	if (storage.ss_family == AF_INET6)
		assert_int_equal(inet_pton(AF_INET6, address, &six->sin6_addr),
		                 1);
	else
		assert_int_equal(inet_pton(AF_INET, address, &four->sin_addr),
		                 1);
	return network_has(&network, (const void *)&storage);
}

static void test_inside(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (is_inside(rows[i].network, rows[i].address) !=
		    rows[i].inside)
			fail_msg("%s in %s", rows[i].address, rows[i].network);
	}
}

static void test_other_family(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct network network;

	assert_int_equal(network_parse(slice_from("0.0.0.0/0"), &network, NULL),
	                 0);
	assert_false(network_has(&network, (const void *)&address));
}

#define HOW "; write 192.0.2.7, 10.0.0.0/8, ::1 or 2001:db8::/32"

static const struct {
	const char *text;
	const char *words;
} bad[] = {
	{ "", "\"\" is no address" HOW },
	{ "localhost", "\"localhost\" is no address" HOW },
	{ "10.0.0", "\"10.0.0\" is no address" HOW },
	{ "010.0.0.1", "\"010.0.0.1\" is no address" HOW },
	{ ":::1", "\":::1\" is no address" HOW },
	{ "[::1]", "\"[::1]\" is no address" HOW },
	{ "10.0.0.0/", "\"\" is no length of a prefix; 0 to 32" },
	{ "10.0.0.0/33", "\"33\" is no length of a prefix; 0 to 32" },
	{ "::/129", "\"129\" is no length of a prefix; 0 to 128" },
	{ "::/-1", "\"-1\" is no length of a prefix; 0 to 128" },
};

static void test_bad(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct network network;
		struct err err = { 0 };

		assert_int_equal(
			network_parse(slice_from(bad[i].text), &network, &err),
			-EINVAL);
		assert_string_equal(err.message, bad[i].words);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inside),
		cmocka_unit_test(test_other_family),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
