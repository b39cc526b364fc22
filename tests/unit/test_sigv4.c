/* SPDX-License-Identifier: Apache-2.0 */
/* sigv4: the vectors of AWS's own test suite for Signature Version 4. */
#include "support/cmocka.h"

#include <string.h>
#include "plugins/sigv4.h"

#define PREFIX                                                             \
	"AWS4-HMAC-SHA256 "                                                \
	"Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, " \
	"SignedHeaders="
#define TOKEN                                                               \
	"AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwd" \
	"QWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/k" \
	"McGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXD" \
	"vp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64" \
	"lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2I" \
	"CCR/oLxBA=="

static struct sigv4_request request(const char *method)
{
	return (struct sigv4_request){
		.method = method,
		.path = "/",
		.query = "",
		.host = "example.amazonaws.com",
		.date = "20150830T123600Z",
		.body = "",
		.region = "us-east-1",
		.service = "service",
		.key_id = "AKIDEXAMPLE",
		.secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
	};
}

static void expect(const struct sigv4_request *request, const char *rest)
{
	char out[SIGV4_MAX_AUTHORIZATION];

	assert_int_equal(sigv4_authorization(request, out), 0);
	assert_int_equal(strncmp(out, PREFIX, strlen(PREFIX)), 0);
	assert_string_equal(out + strlen(PREFIX), rest);
}

static void published_vectors(void **state)
{
	struct sigv4_request get = request("GET");
	struct sigv4_request post = request("POST");

	(void)state;
	/* get-vanilla */
	expect(&get, "host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e8629"
	             "1e8372ff2a2260956d9b8aae1d763fbf31");
	/* get-vanilla-query-order-key-case */
	get.query = "Param1=value1&Param2=value2";
	expect(&get, "host;x-amz-date, Signature=b97d918cfa904a5beff61c982a1b6f"
	             "458b799221646efd99d3219ec94cdf2500");
	/* post-vanilla */
	expect(&post, "host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e"
	              "544621c30862966e37dddb68e92efbe5d6b");
	/* post-x-www-form-urlencoded */
	post.content_type = "application/x-www-form-urlencoded";
	post.body = "Param1=value1";
	post.n_body = strlen(post.body);
	expect(&post, "content-type;host;x-amz-date, Signature=ff11897932ad3f4e"
	              "8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a");
}

/* post-sts-header-before */
static void a_token_is_signed(void **state)
{
	struct sigv4_request post = request("POST");

	(void)state;
	post.token = TOKEN;
	expect(&post,
	       "host;x-amz-date;x-amz-security-token, Signature=85d96828115b5dc"
	       "0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead");
}

static void what_is_too_long_is_not_signed(void **state)
{
	char out[SIGV4_MAX_AUTHORIZATION];
	struct sigv4_request get = request("GET");
	static char much[9000];

	(void)state;
	memset(much, 'a', sizeof(much) - 1);
	get.path = much;
	assert_int_equal(sigv4_authorization(&get, out), -1);
	get = request("GET");
	get.secret = much;
	assert_int_equal(sigv4_authorization(&get, out), -1);
	get = request("GET");
	get.region = much;
	assert_int_equal(sigv4_authorization(&get, out), -1);
	get = request("GET");
	get.date = "";
	assert_int_equal(sigv4_authorization(&get, out), -1);
}

static void dates(void **state)
{
	char date[SIGV4_DATE_SIZE];

	(void)state;
	sigv4_date(1440938160, date);
	assert_string_equal(date, "20150830T123600Z");
	sigv4_date(1709164800, date);
	assert_string_equal(date, "20240229T000000Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_vectors),
		cmocka_unit_test(a_token_is_signed),
		cmocka_unit_test(what_is_too_long_is_not_signed),
		cmocka_unit_test(dates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
