/* SPDX-License-Identifier: Apache-2.0 */
/* push_path: which group a path names, and what is said of bad ones. */
#include "support/cmocka.h"

#include <errno.h>
#include <stdlib.h>
#include "proto/push_path.h"
#include "support/faults.h"

#define NOT_FOUND "-" /* 404 */

/* "name=value,…" in the order of the key. */
static void describe(const struct push_key *key, struct buf *out)
{
	buf_reset(out);
	for (size_t i = 0; i < key->n_labels; i++)
		(void)buf_printf(out, "%s" SLICE_FMT "=" SLICE_FMT,
		                 i > 0 ? "," : "",
		                 SLICE_ARG(key->labels[i].name),
		                 SLICE_ARG(key->labels[i].value));
}

struct row {
	const char *path;
	const char *labels;  /* NULL: refused */
	const char *refusal; /* NOT_FOUND: it is no such path */
};

/* Observed of prometheus-pushgateway 1.5.1 with PUT. */
static const struct row observed[] = {
	{ "/job/x", "job=x", NULL },
	{ "/job/x/", "job=x", NULL },
	{ "/job/x/a/b", "a=b,job=x", NULL },
	{ "/job/x/z/1/_a/b/k/2", "_a=b,job=x,k=2,z=1", NULL },
	{ "/job/x/job/y", "job=x", NULL },
	{ "/job/x/job@base64/eQ", "job=x", NULL },
	{ "/job/x/a/b/a/c", "a=c,job=x", NULL },
	{ "/job/x/%61/b", "a=b,job=x", NULL },
	{ "/%6Aob/x", "job=x", NULL },
	{ "/job/a%20b", "job=a b", NULL },
	{ "/job/a+b", "job=a+b", NULL },
	{ "/job/x;a", "job=x;a", NULL },
	{ "/job/%22", "job=\"", NULL },
	{ "/job/%C3%A9", "job=é", NULL },
	{ "/job/x/instance/y", "instance=y,job=x", NULL },
	{ "/job/x/le/1", "job=x,le=1", NULL },
	{ "/job@base64/eA", "job=x", NULL },
	{ "/job@base64/eA==", "job=x", NULL },
	{ "/job@base64/eA=", "job=x", NULL },
	{ "/job@base64/eA======", "job=x", NULL },
	{ "/job@base64/eA%3D", "job=x", NULL },
	{ "/job@base64/%65A", "job=x", NULL },
	{ "/job@base64/eB", "job=x", NULL },
	{ "/job@base64/4pyT", "job=✓", NULL },
	{ "/job@base64/Zm9vL2Jhcg", "job=foo/bar", NULL },
	{ "/job%40base64/eA", "job=x", NULL },
	{ "/job/x/a@base64/eA%0A", "a=x,job=x", NULL },
	{ "/job/x/a%40base64/eA", "a=x,job=x", NULL },

	{ "/", NULL, NOT_FOUND },
	{ "/job", NULL, NOT_FOUND },
	{ "/jobs/x", NULL, NOT_FOUND },
	{ "/job/x/a", NULL, "odd number of components in label string \"/a\"" },
	{ "/job/x/a/b/", NULL,
	  "odd number of components in label string \"/a/b/\"" },
	{ "/job/x/a/b/c", NULL,
	  "odd number of components in label string \"/a/b/c\"" },
	{ "/job/x/__a/b", NULL, "improper label name \"__a\"" },
	{ "/job/x/__name__/b", NULL, "improper label name \"__name__\"" },
	{ "/job/x/ba-d/b", NULL, "improper label name \"ba-d\"" },
	{ "/job/x/1a/b", NULL, "improper label name \"1a\"" },
	{ "/job/x/a:b/c", NULL, "improper label name \"a:b\"" },
	{ "/job/x/a%22/b", NULL, "improper label name \"a\\\"\"" },
	{ "/job/x/a%00/b", NULL, "improper label name \"a\\x00\"" },
	{ "/job/x/@base64/eA", NULL, "improper label name \"\"" },
	{ "/job/x/a@base64@base64/eA", NULL,
	  "improper label name \"a@base64\"" },
	{ "/job/x/a@BASE64/eA", NULL, "improper label name \"a@BASE64\"" },
	{ "/job@base64/=", NULL, "job name is required" },
	{ "/job@base64/==", NULL, "job name is required" },
	{ "/job@base64/a", NULL,
	  "invalid base64 encoding in job name \"\": illegal base64 data at "
	  "input byte 0" },
	{ "/job@base64/+/", NULL,
	  "invalid base64 encoding in job name \"\": illegal base64 data at "
	  "input byte 0" },
	{ "/job/x/a@base64/!", NULL,
	  "invalid base64 encoding for label a=\"!\": illegal base64 data at "
	  "input byte 0" },
	{ "/job/x/a@base64/%2B", NULL,
	  "invalid base64 encoding for label a=\"+\": illegal base64 data at "
	  "input byte 0" },
	{ "/job/x/a@base64/eA=A", NULL,
	  "invalid base64 encoding for label a=\"eA=A\": illegal base64 data "
	  "at input byte 2" },
	{ "/job/x/a@base64/e!A", NULL,
	  "invalid base64 encoding for label a=\"e!A\": illegal base64 data at "
	  "input byte 1" },
	{ "/job/x/a@base64/eAx!A", NULL,
	  "invalid base64 encoding for label a=\"eAx!A\": illegal base64 data "
	  "at input byte 3" },
	{ "/job/x/a@base64/eAxeA", NULL,
	  "invalid base64 encoding for label a=\"eAxeA\": illegal base64 data "
	  "at input byte 4" },
};

/* Where the original redirects, has two groups for one, or takes what it
 * cannot show afterwards. */
static const struct row ours[] = {
	{ "", NULL, NOT_FOUND },
	{ "job/x", NULL, NOT_FOUND },
	{ "/job@base64", NULL, NOT_FOUND },
	{ "/job/", NULL, "job name is required" },
	{ "/job//a/b", NULL, "job name is required" },
	{ "/job@base64/", NULL, "job name is required" },
	{ "/job/x/a/b/c/", "a=b,job=x", NULL },
	{ "/job/x/instance@base64/=", "job=x", NULL },
	{ "/job/x/a/b/a@base64/=/c/d", "c=d,job=x", NULL },
	{ "/job/x/a//b/c", NULL,
	  "empty value of label \"a\"; write it as a@base64/=" },
	{ "/job/x//b", NULL, "improper label name \"\"" },
	{ "/job/x//", NULL, "improper label name \"\"" },
	{ "/job/a%2Fb/c/d%2fe", "c=d/e,job=a/b", NULL },
	{ "/job/../a/.", "a=.,job=..", NULL },
	{ "/job@base64/eHl6!", NULL,
	  "invalid base64 encoding in job name \"xyz\": illegal base64 data at "
	  "input byte 4" },
	{ "/job/%FF", NULL, "value of label \"job\" is not UTF-8: \"\\xff\"" },
	{ "/job/x/a@base64/_w", NULL,
	  "value of label \"a\" is not UTF-8: \"\\xff\"" },
	{ "/job/%zz", NULL, "bad percent escape in path: \"%zz\"" },
	{ "/job/%4", NULL, "bad percent escape in path: \"%4\"" },
	{ "/job/%", NULL, "bad percent escape in path: \"%\"" },
	{ "/job/x/%4/b", NULL, "bad percent escape in path: \"%4\"" },
	{ "/%/b", NULL, "bad percent escape in path: \"%\"" },
};

static void check(struct push_key *key, const struct row *row)
{
	size_t n = strlen(row->path);
	char *copy = malloc(n > 0 ? n : 1);
	struct err err;
	struct buf out;
	int r;

	assert_non_null(copy);
	memcpy(copy, row->path, n);
	r = push_path_parse(slice_make(copy, n), key, &err);
	free(copy); /* nothing of it is lent */
	buf_init(&out, 4096);
	if (row->labels) {
		if (r != 0)
			fail_msg("%s: %s", row->path, err.message);
		describe(key, &out);
		assert_string_equal(buf_text(&out), row->labels);
	} else if (strcmp(row->refusal, NOT_FOUND) == 0) {
		assert_int_equal(r, -ENOENT);
	} else {
		if (r != -EINVAL)
			fail_msg("%s: %d", row->path, r);
		assert_string_equal(err.message, row->refusal);
	}
	buf_fini(&out);
}

static void test_paths(void **state)
{
	struct push_key key;

	push_key_init(&key);
	for (size_t i = 0; i < ARRAY_SIZE(observed); i++)
		check(&key, &observed[i]);
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		check(&key, &ours[i]);
	push_key_fini(&key);
}

static void test_pings(void **state)
{
	static const struct {
		const char *path;
		const char *labels; /* NULL: refused, with these words */
		enum ping_kind kind;
		int exit_code;
		const char *refusal;
	} rows[] = {
		{ "/x", "job=x", PING_OK, -1, NULL },
		{ "/x/", "job=x", PING_OK, -1, NULL },
		{ "/x/start", "job=x", PING_START, -1, NULL },
		{ "/x/fail", "job=x", PING_FAIL, -1, NULL },
		{ "/x/0", "job=x", PING_OK, 0, NULL },
		{ "/x/00", "job=x", PING_OK, 0, NULL },
		{ "/x/1", "job=x", PING_FAIL, 1, NULL },
		{ "/x/255", "job=x", PING_FAIL, 255, NULL },
		{ "/x/a/b", "a=b,job=x", PING_OK, -1, NULL },
		{ "/x/a/b/start", "a=b,job=x", PING_START, -1, NULL },
		{ "/x/a/b/12", "a=b,job=x", PING_FAIL, 12, NULL },
		{ "/x/a/start", "a=start,job=x", PING_OK, -1, NULL },
		{ "/x/a@base64/=/fail", "job=x", PING_FAIL, -1, NULL },
		{ "/a%2Fb%20c/fail", "job=a/b c", PING_FAIL, -1, NULL },
		{ "/start/a/b", "a=b,job=start", PING_OK, -1, NULL },
		{ "/start/start", "job=start", PING_START, -1, NULL },
		{ "/job@base64/c3RhcnQ", "job=start", PING_OK, -1, NULL },
		{ "/job@base64/Nw==/7", "job=7", PING_FAIL, 7, NULL },
		{ "", NULL, PING_OK, -1, NOT_FOUND },
		{ "x", NULL, PING_OK, -1, NOT_FOUND },
		{ "/", NULL, PING_OK, -1, "job name is required" },
		{ "//start", NULL, PING_OK, -1, "job name is required" },
		{ "/job@base64", NULL, PING_OK, -1, "job name is required" },
		{ "/start", NULL, PING_OK, -1,
		  "job name is required before \"start\"; if it is the job's "
		  "name, write it as job@base64/…" },
		{ "/7/", NULL, PING_OK, -1,
		  "job name is required before \"7\"; if it is the job's "
		  "name, write it as job@base64/…" },
		{ "/x/256", NULL, PING_OK, -1,
		  "exit code 256 is not from 0 to 255" },
		{ "/x/99999999999999999999", NULL, PING_OK, -1,
		  "exit code 99999999999999999999 is not from 0 to 255" },
		{ "/x/-1", NULL, PING_OK, -1,
		  "odd number of components in label string \"/-1\", and the "
		  "last is not start, fail or an exit code" },
		{ "/x/Start", NULL, PING_OK, -1,
		  "odd number of components in label string \"/Start\", and "
		  "the last is not start, fail or an exit code" },
		{ "/x/start/", NULL, PING_OK, -1,
		  "empty value of label \"start\"; write it as "
		  "start@base64/=" },
		{ "/x//start", NULL, PING_OK, -1, "improper label name \"\"" },
		{ "/x/__a/b", NULL, PING_OK, -1,
		  "improper label name \"__a\"" },
	};
	struct push_key key;
	struct buf out;

	push_key_init(&key);
	buf_init(&out, 4096);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ping ping;
		struct err err;
		int r = ping_path_parse(slice_from(rows[i].path), &key, &ping,
		                        &err);

		if (rows[i].labels) {
			if (r != 0)
				fail_msg("%s: %s", rows[i].path, err.message);
			describe(&key, &out);
			assert_string_equal(buf_text(&out), rows[i].labels);
			assert_int_equal(ping.kind, rows[i].kind);
			assert_int_equal(ping.exit_code, rows[i].exit_code);
		} else if (strcmp(rows[i].refusal, NOT_FOUND) == 0) {
			assert_int_equal(r, -ENOENT);
		} else {
			if (r != -EINVAL)
				fail_msg("%s: %d", rows[i].path, r);
			assert_string_equal(err.message, rows[i].refusal);
		}
	}
	push_key_fini(&key);
	buf_fini(&out);
}

static void test_set(void **state)
{
	const struct label labels[] = {
		{ slice_from("z"), slice_from("1") },
		{ slice_from("job"), slice_from("x") },
		{ slice_from("a"), slice_from("") },
		{ slice_from("ab"), slice_from("2") },
		{ slice_from("a"), slice_from("3") },
	};
	const struct label bad = { slice_from("ba-d"), slice_from("x") };
	struct push_key key;
	struct err err;
	struct buf out;

	push_key_init(&key);
	buf_init(&out, 4096);
	assert_int_equal(push_key_set(&key, labels, ARRAY_SIZE(labels), &err),
	                 0);
	describe(&key, &out);
	assert_string_equal(buf_text(&out), "a=3,ab=2,job=x,z=1");
	assert_true(slice_is(push_key_label(&key, "ab"), "2"));
	assert_null(push_key_label(&key, "instance").p);

	assert_int_equal(push_key_set(&key, labels, 1, &err), -EINVAL);
	assert_string_equal(err.message, "job name is required");
	assert_int_equal(push_key_set(&key, &bad, 1, &err), -EINVAL);
	assert_string_equal(err.message, "improper label name \"ba-d\"");
	assert_int_equal(push_key_set(&key, NULL, 0, &err), -EINVAL);
	push_key_fini(&key);
	buf_fini(&out);
}

static void test_many_labels(void **state)
{
	struct push_key key;
	struct err err;
	struct buf path;

	push_key_init(&key);
	buf_init(&path, 65536);
	(void)buf_puts(&path, "/job/x");
	for (int i = 1; i < PUSH_PATH_MAX_LABELS; i++)
		(void)buf_printf(&path, "/l%02d/v", i);
	assert_int_equal(push_path_parse(buf_slice(&path), &key, &err), 0);
	assert_int_equal(key.n_labels, PUSH_PATH_MAX_LABELS);
	for (size_t i = 1; i < key.n_labels; i++)
		assert_true(memcmp(key.labels[i - 1].name.p,
		                   key.labels[i].name.p, 3) < 0);
	(void)buf_puts(&path, "/more/v");
	assert_int_equal(push_path_parse(buf_slice(&path), &key, &err),
	                 -EINVAL);
	assert_string_equal(err.message, "more than 64 labels");
	push_key_fini(&key);
	buf_fini(&path);
}

static void test_faults(void **state)
{
	struct slice path = slice_from("/job/x/a/b");
	struct push_key key;
	struct err err;
	size_t n;

	faults_count();
	push_key_init(&key);
	assert_int_equal(push_path_parse(path, &key, &err), 0);
	assert_int_equal(push_path_parse(path, &key, &err), 0);
	push_key_fini(&key);
	n = faults_end();
	assert_int_equal(n, 1); /* the second used the memory again */

	faults_fail(1);
	push_key_init(&key);
	assert_int_equal(push_path_parse(path, &key, &err), -ENOMEM);
	assert_int_equal(push_path_parse(path, &key, &err), 0);
	push_key_fini(&key);
	(void)faults_end();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_pings),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_many_labels),
		cmocka_unit_test(test_faults),
	};

	faults_install_mem();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
