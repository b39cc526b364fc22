/* SPDX-License-Identifier: Apache-2.0 */
/* sha256: what the standard, RFC 4231 and sha256sum say. */
#include "support/cmocka.h"

#include <stdio.h>
#include "base/macros.h"
#include "base/sha256.h"

static void to_hex(const uint8_t *bytes, char out[2 * SHA256_SIZE + 1])
{
	for (size_t i = 0; i < SHA256_SIZE; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static void check_digest(struct slice text, const char *expected)
{
	char hex[2 * SHA256_SIZE + 1];
	uint8_t digest[SHA256_SIZE];

	sha256(text, digest);
	to_hex(digest, hex);
	assert_string_equal(hex, expected);
}

static void test_digests(void **state)
{
	check_digest(slice_from(""), "e3b0c44298fc1c149afbf4c8996fb924"
	                             "27ae41e4649b934ca495991b7852b855");
	check_digest(slice_from("abc"), "ba7816bf8f01cfea414140de5dae2223"
	                                "b00361a396177a9cb410ff61f20015ad");
	check_digest(slice_from("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnl"
	                        "mnomnopnopq"),
	             "248d6a61d20638b8e5c026930c3e6039"
	             "a33ce45964ff2167f6ecedd419db06c1");
}

/* Every length around the end of a block; what `sha256sum` says of so many
 * letters a, hashed once more together. */
static void test_lengths(void **state)
{
	uint8_t all[130 * SHA256_SIZE];
	char letters[130];

	memset(letters, 'a', sizeof(letters));
	for (size_t n = 0; n < sizeof(letters); n++)
		sha256(slice_make(letters, n), all + n * SHA256_SIZE);
	check_digest(slice_make((const char *)all, sizeof(all)),
	             "39a48225ae6069c68f7c9f867bf47f4a"
	             "2e188c3903dd919926b8259a73ecada5");
}

static const struct {
	const char *key;
	size_t n_key;
	const char *text;
	const char *expected;
} codes[] = {
	/* RFC 4231, 4.3 */
	{ "Jefe", 4, "what do ya want for nothing?",
	  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
	/* of adnanh/webhook's tests */
	{ "secret", 6, "{\"a\": \"z\"}",
	  "f417af3a21bd70379b5796d5f013915e7029f62c580fb0f500f59a35a6f04c89" },
	{ "secret", 6, "",
	  "f9e66e179b6747ae54108f82f8ade8b3c25d76fd30afde6c395822c530196169" },
};

static void test_codes(void **state)
{
	char hex[2 * SHA256_SIZE + 1];
	uint8_t code[SHA256_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		hmac_sha256(slice_make(codes[i].key, codes[i].n_key),
		            slice_from(codes[i].text), code);
		to_hex(code, hex);
		assert_string_equal(hex, codes[i].expected);
	}
}

/* RFC 4231, 4.7: a key that is longer than a block. */
static void test_long_key(void **state)
{
	char hex[2 * SHA256_SIZE + 1];
	uint8_t code[SHA256_SIZE];
	char key[131];

	memset(key, 0xaa, sizeof(key));
	hmac_sha256(slice_make(key, sizeof(key)),
	            slice_from("Test Using Larger Than Block-Size Key - Hash "
	                       "Key First"),
	            code);
	to_hex(code, hex);
	assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f"
	                         "8e0bc6213728c5140546040f0ee37f54");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digests),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_long_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
