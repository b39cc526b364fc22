/* SPDX-License-Identifier: Apache-2.0 */
/* push_path_write: what a path cannot hold as it is travels as base64. */
#include "support/cmocka.h"

#include <errno.h>
#include <string.h>
#include "proto/push_path.h"
#include "proto/push_path_write.h"

#define MAX_LABELS 3
#define PATH_MAX   4096

struct row {
	const char *job;
	const char *labels[MAX_LABELS]; /* "name=value" */
	const char *end;
	const char *expected; /* or the error */
};

/* Of a metrics path if @end is "-". */
static int write_row(const struct row *row, struct buf *path, struct err *err)
{
	struct label labels[MAX_LABELS];
	size_t n = 0;

	for (; n < MAX_LABELS && row->labels[n]; n++) {
		int r = push_label_parse(slice_from(row->labels[n]), &labels[n],
		                         err);

		if (r < 0)
			return r;
	}
	if (row->end && strcmp(row->end, "-") == 0)
		return push_path_write(path, slice_from(row->job), labels, n,
		                       err);
	return ping_path_write(path, slice_from(row->job), labels, n, row->end,
	                       err);
}

/* What is read is what was written; an empty label is left out. */
static void check_read(const struct row *row, const struct buf *path)
{
	bool metrics = row->end && strcmp(row->end, "-") == 0;
	struct push_key key;
	struct ping ping;
	struct err err;
	size_t n = 1;

	push_key_init(&key);
	if (metrics)
		assert_int_equal(push_path_parse(buf_slice(path), &key, &err),
		                 0);
	else
		assert_int_equal(
			ping_path_parse(buf_slice(path), &key, &ping, &err), 0);
	assert_true(slice_is(push_key_label(&key, "job"), row->job));
	for (size_t i = 0; i < MAX_LABELS && row->labels[i]; i++) {
		struct label label;
		char name[16];

		assert_int_equal(push_label_parse(slice_from(row->labels[i]),
		                                  &label, &err),
		                 0);
		(void)snprintf(name, sizeof(name), SLICE_FMT,
		               SLICE_ARG(label.name));
		assert_true(
			slice_equal(push_key_label(&key, name), label.value));
		n += label.value.n > 0;
	}
	assert_int_equal(key.n_labels, n);
	if (!metrics && row->end && row->end[0] == '7')
		assert_int_equal(ping.exit_code, 7);
	if (!metrics)
		assert_int_equal(ping.kind, !row->end            ? PING_OK
		                            : row->end[0] == 's' ? PING_START
		                                                 : PING_FAIL);
	push_key_fini(&key);
}

static void test_paths(void **state)
{
	static const struct row rows[] = {
		{ "a", { NULL }, "-", "/job/a" },
		{ "a b%+\xc3\xa4", { NULL }, "-", "/job/a%20b%25%2B%C3%A4" },
		{ "a/b", { NULL }, "-", "/job@base64/YS9i" },
		{ "a/bc", { NULL }, "-", "/job@base64/YS9iYw" },
		{ "a/\x3f\x3f~~", { NULL }, "-", "/job@base64/YS8_P35-" },
		{ ".", { NULL }, "-", "/job@base64/Lg" },
		{ "..", { NULL }, "-", "/job@base64/Li4" },
		{ "...", { NULL }, "-", "/job/..." },
		{ "start", { NULL }, "-", "/job/start" },
		{ "a",
		  { "instance=x:1", "dir=/srv", "none=" },
		  "-",
		  "/job/a/instance/x%3A1/dir@base64/L3Nydg/none@base64/=" },
		{ "a", { "x=b=c" }, "-", "/job/a/x/b%3Dc" },

		{ "a", { NULL }, NULL, "/a" },
		{ "a", { NULL }, "start", "/a/start" },
		{ "a", { "i=1" }, "7", "/a/i/1/7" },
		{ "a", { "i=start" }, NULL, "/a/i/start" },
		{ "start", { NULL }, NULL, "/job@base64/c3RhcnQ" },
		{ "fail", { NULL }, "fail", "/job@base64/ZmFpbA/fail" },
		{ "7", { NULL }, "7", "/job@base64/Nw/7" },
		{ "0b", { NULL }, NULL, "/0b" },
		{ "job", { NULL }, NULL, "/job@base64/am9i" },
		{ "job@base64", { NULL }, NULL, "/job@base64/am9iQGJhc2U2NA" },
		{ "a/b", { "c=" }, NULL, "/job@base64/YS9i/c@base64/=" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf path;
		struct err err;

		buf_init(&path, PATH_MAX);
		assert_int_equal(write_row(&rows[i], &path, &err), 0);
		assert_string_equal(buf_text(&path), rows[i].expected);
		check_read(&rows[i], &path);
		buf_fini(&path);
	}
}

static void test_refused(void **state)
{
	static const struct row rows[] = {
		{ "", { NULL }, "-", "the job has no name" },
		{ "", { NULL }, NULL, "the job has no name" },
		{ "a", { "b" }, "-", "b is no label; write it as name=value" },
		{ "a",
		  { "=b" },
		  "-",
		  " is no name of a label: letters, digits and _, no digit "
		  "first" },
		{ "a",
		  { "1b=c" },
		  NULL,
		  "1b is no name of a label: letters, digits and _, no digit "
		  "first" },
		{ "a",
		  { "b/c=d" },
		  NULL,
		  "b/c is no name of a label: letters, digits and _, no digit "
		  "first" },
		{ "a", { "job=d" }, NULL, "the job is not given as a label" },
		{ "a",
		  { "b=1", "c=1", "b=2" },
		  NULL,
		  "the label b is given twice" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf path;
		struct err err;

		buf_init(&path, PATH_MAX);
		assert_int_equal(write_row(&rows[i], &path, &err), -EINVAL);
		assert_string_equal(err.message, rows[i].expected);
		buf_fini(&path);
	}
}

/* What does not fit is no shorter path. */
static void test_too_long(void **state)
{
	static const struct row rows[] = {
		{ "abcdefghijkl", { NULL }, "-", NULL },
		{ "abc/defghijk", { NULL }, "-", NULL },
		{ "abcdefgh", { "i=1" }, "start", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf path;

		buf_init(&path, 12);
		assert_int_equal(write_row(&rows[i], &path, NULL), -E2BIG);
		buf_fini(&path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
