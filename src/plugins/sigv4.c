/* SPDX-License-Identifier: Apache-2.0 */
#include "plugins/sigv4.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/sha256.h"

#define ALGORITHM   "AWS4-HMAC-SHA256"
#define CANONICAL   8192 /* bytes of a request in the form that is signed */
#define SCOPE       128
#define SECRET_MAX  256
#define DATE_DIGITS 8 /* of the day, in a date */
#define HEX_SIZE    (2 * SHA256_SIZE + 1)

static void to_hex(const uint8_t digest[SHA256_SIZE], char hex[HEX_SIZE])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < SHA256_SIZE; i++) {
		hex[2 * i] = digits[digest[i] >> 4];
		hex[2 * i + 1] = digits[digest[i] & 15];
	}
	hex[HEX_SIZE - 1] = '\0';
}

static void hash(const char *bytes, size_t n, char hex[HEX_SIZE])
{
	uint8_t digest[SHA256_SIZE];

	sha256(slice_make(bytes, n), digest);
	to_hex(digest, hex);
}

void sigv4_date(int64_t unix_seconds, char date[SIGV4_DATE_SIZE])
{
	time_t seconds = (time_t)unix_seconds;
	struct tm utc = { 0 };

	(void)gmtime_r(&seconds, &utc);
	if (strftime(date, SIGV4_DATE_SIZE, "%Y%m%dT%H%M%SZ", &utc) == 0)
		date[0] = '\0';
}

static bool fits(int n, size_t size)
{
	return n >= 0 && (size_t)n < size;
}

/* In the order of their names. */
static void signed_headers(const struct sigv4_request *request, char *out,
                           size_t size)
{
	(void)snprintf(out, size, "%shost;x-amz-date%s",
	               request->content_type ? "content-type;" : "",
	               request->token ? ";x-amz-security-token" : "");
}

static bool canonical(const struct sigv4_request *request, const char *headers,
                      char hex[HEX_SIZE])
{
	const char *type = request->content_type;
	const char *token = request->token;
	char body[HEX_SIZE];
	char text[CANONICAL];
	int n;

	hash(request->body, request->n_body, body);
	n = snprintf(text, sizeof(text),
	             "%s\n%s\n%s\n"
	             "%s%s%s"
	             "host:%s\n"
	             "x-amz-date:%s\n"
	             "%s%s%s"
	             "\n%s\n%s",
	             request->method, request->path, request->query,
	             type ? "content-type:" : "", type ? type : "",
	             type ? "\n" : "", request->host, request->date,
	             token ? "x-amz-security-token:" : "", token ? token : "",
	             token ? "\n" : "", headers, body);
	if (!fits(n, sizeof(text)))
		return false;
	hash(text, (size_t)n, hex);
	return true;
}

static void chain(uint8_t key[SHA256_SIZE], const char *text, size_t n)
{
	uint8_t next[SHA256_SIZE];

	hmac_sha256(slice_make((const char *)key, SHA256_SIZE),
	            slice_make(text, n), next);
	memcpy(key, next, sizeof(next));
}

static bool signing_key(const struct sigv4_request *request,
                        uint8_t key[SHA256_SIZE])
{
	char secret[SECRET_MAX];
	int n = snprintf(secret, sizeof(secret), "AWS4%s", request->secret);

	if (!fits(n, sizeof(secret)))
		return false;
	hmac_sha256(slice_make(secret, (size_t)n),
	            slice_make(request->date, DATE_DIGITS), key);
	explicit_bzero(secret, sizeof(secret));
	chain(key, request->region, strlen(request->region));
	chain(key, request->service, strlen(request->service));
	chain(key, "aws4_request", strlen("aws4_request"));
	return true;
}

int sigv4_authorization(const struct sigv4_request *request,
                        char out[SIGV4_MAX_AUTHORIZATION])
{
	uint8_t key[SHA256_SIZE];
	char to_sign[SCOPE + 128];
	char hex[HEX_SIZE];
	char headers[96];
	char scope[SCOPE];
	int n;

	signed_headers(request, headers, sizeof(headers));
	n = snprintf(scope, sizeof(scope), "%.*s/%s/%s/aws4_request",
	             DATE_DIGITS, request->date, request->region,
	             request->service);
	if (strlen(request->date) != SIGV4_DATE_SIZE - 1 ||
	    !fits(n, sizeof(scope)) || !canonical(request, headers, hex) ||
	    !signing_key(request, key))
		return -1;
	n = snprintf(to_sign, sizeof(to_sign), ALGORITHM "\n%s\n%s\n%s",
	             request->date, scope, hex);
	if (!fits(n, sizeof(to_sign)))
		return -1;
	chain(key, to_sign, (size_t)n);
	to_hex(key, hex);
	explicit_bzero(key, sizeof(key));
	n = snprintf(out, SIGV4_MAX_AUTHORIZATION,
	             ALGORITHM " Credential=%s/%s, SignedHeaders=%s, "
	                       "Signature=%s",
	             request->key_id, scope, headers, hex);
	return fits(n, SIGV4_MAX_AUTHORIZATION) ? 0 : -1;
}
