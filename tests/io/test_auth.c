/* SPDX-License-Identifier: Apache-2.0 */
/* auth: files of secrets, and who is admitted by them. */
#include "support/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "api/auth.h"
#include "support/faults.h"

static char dir[] = "/tmp/bouncer-test-XXXXXX";
static char tokens[64];
static char users[64];

static void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static int make_directory(void **state)
{
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(tokens, sizeof(tokens), "%s/tokens", dir);
	(void)snprintf(users, sizeof(users), "%s/users", dir);
	return 0;
}

static int remove_directory(void **state)
{
	(void)unlink(tokens);
	(void)unlink(users);
	return rmdir(dir);
}

/* A request with this Authorization header; NULL: with none. */
static bool admits(const struct auth *auth, const char *header)
{
	struct http_message message = {
		.request = true,
		.headers = { { slice_from("authorization"),
		               slice_from(header) } },
		.n_headers = header ? 1 : 0,
	};

	return auth_admits(auth, &message);
}

static void test_who_is_admitted(void **state)
{
	static const struct {
		const char *header;
		bool admitted;
	} rows[] = {
		{ "Bearer first", true },
		{ "Bearer second-token", true },
		{ "bearer first", true },
		{ "BEARER  first", true },
		{ "Bearer third", false },
		{ "Bearer firs", false },
		{ "Bearer firstt", false },
		{ "Bearer First", false },
		{ "Bearer ", false },
		{ "Bearer", false },
		{ "first", false },
		{ "", false },
		{ NULL, false },
		{ "Bearer #comment", false },
		{ "Token first", false },
		/* ann:secret, ann:wrong, bob:with:colons, ann, not base64 */
		{ "Basic YW5uOnNlY3JldA==", true },
		{ "basic YW5uOnNlY3JldA==", true },
		{ "Basic YW5uOndyb25n", false },
		{ "Basic Ym9iOndpdGg6Y29sb25z", true },
		{ "Basic YW5u", false },
		{ "Basic YW5uOnNlY3JldA=", false },
		{ "Basic !", false },
		{ "Basic ", false },
		/* a token is no user, and a user no token; "first" */
		{ "Basic Zmlyc3Q=", false },
		{ "Bearer ann:secret", false },
	};
	char longest[AUTH_MAX_SECRET + 16];
	struct auth *auth;
	struct err err;

	write_file(tokens, "# comment\n\nfirst\n  second-token \r\n", 0640);
	write_file(users, "ann:secret\nbob:with:colons", 0600);
	assert_int_equal(auth_new(tokens, users, &auth, &err), 0);
	assert_true(auth_has_users(auth));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (admits(auth, rows[i].header) != rows[i].admitted)
			fail_msg("%s", rows[i].header);
	}
	(void)snprintf(longest, sizeof(longest), "Bearer %0*d",
	               AUTH_MAX_SECRET + 1, 0);
	assert_false(admits(auth, longest));
	auth_free(auth);

	assert_int_equal(auth_new(tokens, NULL, &auth, &err), 0);
	assert_false(auth_has_users(auth));
	assert_false(admits(auth, "Basic YW5uOnNlY3JldA=="));
	auth_free(auth);
}

/* The longest that is allowed, and one that begins with it. */
static void test_long_tokens(void **state)
{
	char text[AUTH_MAX_SECRET + 2];
	char header[AUTH_MAX_SECRET + 16];
	struct auth *auth;
	struct err err;

	(void)snprintf(text, sizeof(text), "%0*d", AUTH_MAX_SECRET, 7);
	write_file(tokens, text, 0600);
	assert_int_equal(auth_new(tokens, NULL, &auth, &err), 0);
	(void)snprintf(header, sizeof(header), "Bearer %s", text);
	assert_true(admits(auth, header));
	header[sizeof("Bearer ") - 1 + AUTH_MAX_SECRET - 1] = '8';
	assert_false(admits(auth, header));
	auth_free(auth);
}

static void test_bad_files(void **state)
{
	static const struct {
		const char *text;
		mode_t mode;
		bool of_users;
		int code;
		const char *words;
	} rows[] = {
		{ "a\n", 0644, false, -EPERM, "chmod o-rw" },
		{ "a\n", 0602, false, -EPERM, "chmod o-rw" },
		{ "", 0600, false, -EINVAL, "holds no secret" },
		{ "\n# a\n  \n", 0600, false, -EINVAL, "holds no secret" },
		{ "a\nb c\n", 0600, false, -EINVAL, "line 2 has a blank" },
		{ "a\nb\x01\n", 0600, false, -EINVAL, "line 2 has control" },
		{ "ann\n", 0600, true, -EINVAL, "line 1 is not user:password" },
	};
	struct auth *auth;
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *path = rows[i].of_users ? users : tokens;

		write_file(path, rows[i].text, rows[i].mode);
		assert_int_equal(auth_new(rows[i].of_users ? NULL : path,
		                          rows[i].of_users ? path : NULL, &auth,
		                          &err),
		                 rows[i].code);
		assert_non_null(strstr(err.message, rows[i].words));
		assert_non_null(strstr(err.message, path));
	}
	assert_int_equal(auth_new("/nonexistent/tokens", NULL, &auth, &err),
	                 -ENOENT);
	assert_non_null(strstr(err.message, "/nonexistent/tokens"));
	assert_int_equal(auth_new(dir, NULL, &auth, &err), -EINVAL);
}

static void test_too_many(void **state)
{
	FILE *file = fopen(tokens, "w");
	struct auth *auth;
	struct err err;

	assert_non_null(file);
	for (int i = 0; i <= AUTH_MAX_SECRETS; i++)
		(void)fprintf(file, "token%d\n", i);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(tokens, 0600), 0);
	assert_int_equal(auth_new(tokens, NULL, &auth, &err), -E2BIG);

	file = fopen(tokens, "w");
	assert_non_null(file);
	(void)fprintf(file, "%0*d\n", AUTH_MAX_SECRET + 1, 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(auth_new(tokens, NULL, &auth, &err), -EINVAL);
	assert_non_null(strstr(err.message, "too long"));
}

static void scenario(void)
{
	struct auth *auth;
	struct err err;

	if (auth_new(tokens, users, &auth, &err) < 0)
		return;
	(void)admits(auth, "Basic YW5uOnNlY3JldA==");
	auth_free(auth);
}

static void test_without_memory(void **state)
{
	size_t n;

	write_file(tokens, "first\n", 0600);
	write_file(users, "ann:secret\n", 0600);
	faults_count();
	scenario();
	n = faults_end();
	assert_true(n >= 3);
	for (size_t k = 1; k <= n; k++) {
		faults_fail(k);
		scenario();
		(void)faults_end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_is_admitted),
		cmocka_unit_test(test_long_tokens),
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_without_memory),
	};

	faults_install();
	return cmocka_run_group_tests_name("auth", tests, make_directory,
	                                   remove_directory);
}
