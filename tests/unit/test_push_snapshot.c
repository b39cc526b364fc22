/* SPDX-License-Identifier: Apache-2.0 */
/* push_snapshot: what is written is what is read, with the right ages; what is
 * damaged is told. */
#include "support/cmocka.h"

#include <errno.h>
#include <inttypes.h>
#include "base/mem.h"
#include "core/push_snapshot.h"
#include "core/push_snapshot_format.h"
#include "push_kit.h"
#include "support/faults.h"

static struct push_store *new_store(void)
{
	struct push_store *store = push_store_new(7, NULL, NULL);

	assert_non_null(store);
	return store;
}

static char *snapshot(struct push_store *store, int64_t at_ms, size_t budget)
{
	struct push_snapshot_writer *writer =
		push_snapshot_writer_new(store, at_ms);
	struct buf slice;
	struct buf out;
	bool done;

	assert_non_null(writer);
	buf_init(&slice, 1 << 24);
	buf_init(&out, 1 << 24);
	do {
		buf_reset(&slice);
		done = push_snapshot_write(writer, &slice, budget);
		assert_false(slice.failed);
		(void)buf_append(&out, slice.p, slice.n);
	} while (!done);
	push_snapshot_writer_free(writer);
	buf_fini(&slice);
	return buf_take(&out);
}

static void fill(struct push_store *store)
{
	struct err err;

	kit_put(store, "/job/a/l/%22%5c%0a",
	        "# HELP x a\\nb\\\\c\n"
	        "# TYPE x counter\nx 1\n"
	        "x{z=\"q\\\"\\n\"} 2\ny 1\n");
	kit_post(store, "/job/a/l/%22%5c%0a", "y 2\nw 1\n");
	kit_put(store, "/job/b",
	        "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum 3\n"
	        "# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_count 4\n"
	        "# TYPE x counter\nx{instance=\"i\"} 3\n");
	kit_put(store, "/job/c", "");
	assert_int_equal(kit_push(store, "/job/d", "# TYPE y gauge\ny 1\n",
	                          true, 7000, &err),
	                 PUSH_E_INCONSISTENT);
	assert_int_equal(kit_beat(store, "/e/start", 7000), 0);
	assert_int_equal(kit_beat(store, "/e/4", 9000), 0);
}

static void test_there_and_back(void **state)
{
	const struct push_time now = { 20000, 500 };
	struct push_store *store = new_store();
	struct push_group *group;
	char *before;
	char *text;

	fill(store);
	before = kit_text(store, true);
	text = snapshot(store, 15000, SIZE_MAX);
	for (size_t budget = 1; budget < 2000; budget += 37) {
		struct push_store *copy = new_store();
		char *slices = snapshot(store, 15000, budget);
		struct err err;
		char *after;

		assert_string_equal(slices, text);
		if (push_snapshot_read(copy, slice_from(slices), now, &err) < 0)
			fail_msg("%s\n%s", err.message, slices);
		after = kit_text(copy, true);
		assert_string_equal(after, before);
		assert_int_equal(push_store_counts(copy).n_series,
		                 push_store_counts(store).n_series);
		group = kit_group(copy, "/job/a/l/%22%5c%0a");
		assert_int_equal(group->pushed.wall_ms, 6000);
		assert_int_equal(group->pushed.mono_ms, 500 - 14000);
		assert_int_equal(group->away_ms, 5000);
		assert_true(group->last_ok);
		assert_int_equal(
			push_group_family_time(copy, group, slice_from("x"))
				.wall_ms,
			5000);
		assert_int_equal(
			push_group_family_time(copy, group, slice_from("y"))
				.mono_ms,
			500 - 14000);
		group = kit_group(copy, "/job/e");
		assert_int_equal(group->beat.duration_ms, 2000);
		assert_int_equal(group->beat.end.wall_ms, 9000);
		assert_int_equal(group->beat.end.mono_ms, 500 - 11000);
		assert_int_equal(group->beat.exit_code, 4);
		assert_true(group->beat.failed);
		assert_false(kit_group(copy, "/job/d")->last_ok);
		mem_free(slices);
		mem_free(after);
		push_store_free(copy);
	}
	mem_free(text);
	mem_free(before);
	push_store_free(store);
}

/* The clock was set back: nothing lies in the future, nobody was away. */
static void test_from_the_future(void **state)
{
	const struct push_time now = { 5500, 500 };
	struct push_store *store = new_store();
	struct push_store *copy = new_store();
	struct push_group *group;
	struct err err;
	char *text;

	fill(store);
	text = snapshot(store, 15000, SIZE_MAX);
	assert_int_equal(push_snapshot_read(copy, slice_from(text), now, &err),
	                 0);
	group = kit_group(copy, "/job/a/l/%22%5c%0a");
	assert_int_equal(group->pushed.wall_ms, 5500);
	assert_int_equal(group->pushed.mono_ms, 500);
	assert_int_equal(group->away_ms, 0);
	mem_free(text);
	push_store_free(copy);
	push_store_free(store);
}

/* Those who read for ever do not keep it from being written. */
static void test_beside_all_views(void **state)
{
	struct push_view *views[PUSH_STORE_MAX_VIEWS];
	struct push_store *store = new_store();

	fill(store);
	for (size_t i = 0; i < ARRAY_SIZE(views); i++) {
		views[i] = push_view_new(store);
		assert_non_null(views[i]);
	}
	assert_null(push_view_new(store));
	mem_free(snapshot(store, 15000, SIZE_MAX));
	for (size_t i = 0; i < ARRAY_SIZE(views); i++)
		push_view_free(views[i]);
	push_store_free(store);
}

/* While it is written, the store changes. */
static void test_isolation(void **state)
{
	struct push_store *store = new_store();
	struct push_snapshot_writer *writer;
	struct buf out;
	char *before;

	fill(store);
	before = snapshot(store, 15000, SIZE_MAX);
	writer = push_snapshot_writer_new(store, 15000);
	buf_init(&out, 1 << 20);
	while (!push_snapshot_write(writer, &out, out.n + 1)) {
		if (out.n % 3 == 0)
			push_store_wipe(store);
		kit_put(store, "/job/a", "x{q=\"1\"} 1\n");
	}
	assert_string_equal(out.p, before);
	push_snapshot_writer_free(writer);
	buf_fini(&out);
	mem_free(before);
	push_store_free(store);
}

/* --- damage ----------------------------------------------------------------- */

static void expect_refused(const char *text, size_t n)
{
	struct push_store *store = new_store();
	struct err err;

	assert_int_equal(push_snapshot_read(store, slice_make(text, n),
	                                    (struct push_time){ 20000, 0 },
	                                    &err),
	                 -EINVAL);
	assert_true(err.message[0] != '\0');
	assert_int_equal(push_store_counts(store).n_groups, 0);
	push_store_free(store);
}

static void test_damaged(void **state)
{
	struct push_store *store = new_store();
	char *text;
	size_t n;

	fill(store);
	text = snapshot(store, 15000, SIZE_MAX);
	n = strlen(text);
	for (size_t cut = 0; cut < n; cut++)
		expect_refused(text, cut);
	for (size_t i = 0; i < n; i++) {
		text[i] ^= 1;
		expect_refused(text, n);
		text[i] ^= 1;
	}
	mem_free(text);
	push_store_free(store);
}

#define HEAD "# bouncer snapshot 1 15000\n"

/* Whole, but not ours. */
static const struct {
	const char *text;
	const char *words;
} bad[] = {
	{ "# bouncer snapshot 1 x\n", "line 1: the snapshot has no time" },
	{ HEAD "# group 1 pushed=1\n", "line 2: a group has no labels" },
	{ HEAD "# group 1 pushed {job=\"a\"}\n", "has no value" },
	{ HEAD "# group 1 pushed=-1 {job=\"a\"}\n", "is not known" },
	{ HEAD "# group 1 what=1 {job=\"a\"}\n", "is not known" },
	{ HEAD "# group 1 ok=1 {job=\"a}\n", "labels are bad" },
	{ HEAD "# group 1 ok=1 {job}\n", "labels are bad" },
	{ HEAD "# group 1 ok=1 {foo=\"a\"}\n", "job" },
	{ HEAD "# group 1 ok=1 {job=\"a\"}\n# group 1 ok=1 {job=\"b\"}\n",
	  "line 3: a group comes twice" },
	{ HEAD "# group 1 ok=1 {job=\"a\"}\n# of 1 5\nx 1\n",
	  "lines of no known group and family" },
	{ HEAD "# group 1 ok=1 {job=\"a\"}\n# TYPE x gauge\n# of 2 5\nx 1\n",
	  "lines of no known group and family" },
	{ HEAD "# group 1 ok=1 {job=\"a\"}\n# TYPE x gauge\n# of 1 q\nx 1\n",
	  "lines of no known group and family" },
	{ HEAD "x 1\n", "line 2: this line is of no group" },
	{ HEAD "\n", "line 2: this line is of no group" },
	{ HEAD "# group 1 ok=1 {job=\"a\"}\n# TYPE x gauge\n# of 1 5\nx z\n",
	  "text format parsing error" },
	{ HEAD "# group 1 ok=1 {job=\"a\"}\n# TYPE x gauge\n# of 1 5\nx 1\n"
	       "x 1\n",
	  "was collected before" },
};

static void test_bad(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct push_store *store = new_store();
		struct buf text;
		struct err err;

		buf_init(&text, 1 << 20);
		(void)buf_printf(&text, "%s# end %016" PRIx64 "\n", bad[i].text,
		                 snapshot_sum(SNAPSHOT_SUM_START,
		                              slice_from(bad[i].text)));
		assert_int_equal(push_snapshot_read(
					 store, buf_slice(&text),
					 (struct push_time){ 20000, 0 }, &err),
		                 -EINVAL);
		if (!strstr(err.message, bad[i].words))
			fail_msg("%s: %s", bad[i].text, err.message);
		assert_int_equal(push_store_counts(store).n_groups, 0);
		buf_fini(&text);
		push_store_free(store);
	}
}

/* --- no memory ------------------------------------------------------------------ */

static char *saved;

static void scenario(void)
{
	struct push_store *store = push_store_new(7, NULL, NULL);
	struct push_snapshot_writer *writer;
	struct buf out;
	struct err err;
	int r;

	if (!store)
		return;
	r = push_snapshot_read(store, slice_from(saved),
	                       (struct push_time){ 20000, 0 }, &err);
	assert_true(r == 0 || r == -ENOMEM);
	assert_int_equal(push_store_counts(store).n_groups, r == 0 ? 5 : 0);
	buf_init(&out, 1 << 20);
	writer = push_snapshot_writer_new(store, 20000);
	if (writer)
		assert_true(push_snapshot_write(writer, &out, SIZE_MAX));
	push_snapshot_writer_free(writer);
	buf_fini(&out);
	push_store_free(store);
}

static void test_no_memory(void **state)
{
	struct push_store *store = new_store();
	size_t n;

	fill(store);
	saved = snapshot(store, 15000, SIZE_MAX);
	push_store_free(store);
	faults_count();
	scenario();
	n = faults_end();
	assert_true(n > 40);
	for (size_t k = 1; k <= n; k++) {
		faults_fail(k);
		scenario();
		(void)faults_end();
	}
	mem_free(saved);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_from_the_future),
		cmocka_unit_test(test_beside_all_views),
		cmocka_unit_test(test_isolation),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_no_memory),
	};

	faults_install_mem();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
