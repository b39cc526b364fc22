/* SPDX-License-Identifier: Apache-2.0 */
/* push_store: what a push changes, what it is refused for, what goes when. */
#include "support/cmocka.h"

#include <errno.h>
#include "base/mem.h"
#include "push_kit.h"
#include "support/faults.h"

static struct push_store *new_store(void)
{
	struct push_store *store = push_store_new(7, NULL, NULL);

	assert_non_null(store);
	return store;
}

/* --- what stands after a push ------------------------------------------------ */

struct action {
	char verb; /* P: PUT, O: POST, D: DELETE */
	const char *path;
	const char *body;
};

struct story {
	const char *name;
	struct action actions[4];
	const char *expected;
};

#define A "{instance=\"\",job=\"a\"} "
#define B "{instance=\"\",job=\"b\"} "

static const struct story stories[] = {
	{ "PUT replaces the group",
	  { { 'P', "/job/a", "x 1\ny 2\n" }, { 'P', "/job/a", "y 3\nz 4\n" } },
	  "# TYPE y untyped\ny" A "3\n# TYPE z untyped\nz" A "4\n" },
	{ "POST replaces the families that it has",
	  { { 'P', "/job/a", "x 1\ny{l=\"1\"} 2\ny{l=\"2\"} 2\n" },
	    { 'O', "/job/a", "y 3\nz 4\n" } },
	  "# TYPE x untyped\nx" A "1\n# TYPE y untyped\ny" A
	  "3\n# TYPE z untyped\nz" A "4\n" },
	{ "an empty PUT leaves nothing",
	  { { 'P', "/job/a", "x 1\n" }, { 'P', "/job/a", "" } },
	  "" },
	{ "an empty POST leaves all",
	  { { 'P', "/job/a", "x 1\n" }, { 'O', "/job/a", "" } },
	  "# TYPE x untyped\nx" A "1\n" },
	{ "a family without samples is none",
	  { { 'P', "/job/a", "x 1\n" }, { 'O', "/job/a", "# TYPE x gauge\n" } },
	  "# TYPE x untyped\nx" A "1\n" },
	{ "DELETE takes only that group",
	  { { 'P', "/job/a", "x 1\n" },
	    { 'P', "/job/a/i/2", "x 2\n" },
	    { 'D', "/job/a", "" } },
	  "# TYPE x untyped\nx{i=\"2\",instance=\"\",job=\"a\"} 2\n" },
	{ "labels come sorted, those of the key win",
	  { { 'P', "/job/a/foo/bar",
	      "x{z=\"1\",job=\"q\",a=\"2\",goo=\"3\",foo=\"q\"} 1\n" } },
	  "# TYPE x untyped\n"
	  "x{a=\"2\",foo=\"bar\",goo=\"3\",instance=\"\",job=\"a\",z=\"1\"} "
	  "1\n" },
	{ "an instance of the body stays if the key has none",
	  { { 'P', "/job/a", "x{instance=\"i\"} 1\nx 2\n" },
	    { 'P', "/job/b/instance/j", "x{instance=\"i\"} 1\n" } },
	  "# TYPE x untyped\nx{instance=\"j\",job=\"b\"} 1\n"
	  "x{instance=\"i\",job=\"a\"} 1\nx" A "2\n" },
	{ "an empty label is none",
	  { { 'P', "/job/a", "x{l=\"\",m=\"1\"} 1\n" },
	    { 'P', "/job/a/l@base64/=", "y{instance=\"\"} 1\n" } },
	  "# TYPE y untyped\ny" A "1\n" },
	{ "escapes",
	  { { 'P', "/job/a%22", "x{l=\"a\\\\b\\\"c\\nd\",job=\"x\"} 1\n" } },
	  "# TYPE x untyped\n"
	  "x{instance=\"\",job=\"a\\\"\",l=\"a\\\\b\\\"c\\nd\"} 1\n" },
	{ "groups come in the order of their keys",
	  { { 'P', "/job/b", "x 1\n" },
	    { 'P', "/job/a/z/1", "x 2\n" },
	    { 'P', "/job/a", "x 3\n" } },
	  "# TYPE x untyped\nx" A "3\nx{instance=\"\",job=\"a\",z=\"1\"} "
	  "2\nx" B "1\n" },
	{ "the only group may change the type",
	  { { 'P', "/job/a", "# TYPE x counter\nx 1\n" },
	    { 'O', "/job/a", "# TYPE x gauge\nx 1\n" } },
	  "# TYPE x gauge\nx" A "1\n" },
	{ "a summary may give way to what had its samples' name",
	  { { 'P', "/job/a", "# TYPE x summary\nx_count 1\nx_sum 1\n" },
	    { 'P', "/job/a", "# TYPE x_count gauge\nx_count 1\n" } },
	  "# TYPE x_count gauge\nx_count" A "1\n" },
	{ "the last HELP counts",
	  { { 'P', "/job/a", "# HELP x one\nx 1\n" },
	    { 'P', "/job/b", "# HELP x two\nx 1\n" } },
	  "# HELP x two\n# TYPE x untyped\nx" A "1\nx" B "1\n" },
	{ "what belongs to one histogram stands together",
	  { { 'P', "/job/a",
	      "# TYPE h histogram\nh_bucket{l=\"2\",le=\"1\"} 1\n"
	      "h_bucket{l=\"1\",le=\"1\"} 2\nh_sum{l=\"2\"} 3\n"
	      "h_bucket{l=\"1\",le=\"+Inf\"} 4\nh_count{l=\"2\"} 5\n" } },
	  "# TYPE h histogram\n"
	  "h_bucket{instance=\"\",job=\"a\",l=\"1\",le=\"1\"} 2\n"
	  "h_bucket{instance=\"\",job=\"a\",l=\"1\",le=\"+Inf\"} 4\n"
	  "h_bucket{instance=\"\",job=\"a\",l=\"2\",le=\"1\"} 1\n"
	  "h_sum{instance=\"\",job=\"a\",l=\"2\"} 3\n"
	  "h_count{instance=\"\",job=\"a\",l=\"2\"} 5\n" },
	{ "the gateway's own times are not taken from a body",
	  { { 'P', "/job/a",
	      "# TYPE push_time_seconds counter\npush_time_seconds 1\n"
	      "push_failure_time_seconds 1\nx 1\n" } },
	  "# TYPE x untyped\nx" A "1\n" },
};

static void test_stories(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(stories); i++) {
		const struct story *story = &stories[i];
		struct push_store *store = new_store();

		print_message("%s\n", story->name);
		for (size_t a = 0; a < ARRAY_SIZE(story->actions); a++) {
			const struct action *action = &story->actions[a];

			if (action->verb == 'P')
				kit_put(store, action->path, action->body);
			else if (action->verb == 'O')
				kit_post(store, action->path, action->body);
			else if (action->verb == 'D')
				assert_true(kit_delete(store, action->path));
		}
		kit_expect(store, story->expected);
		push_store_free(store);
	}
}

/* --- what is refused --------------------------------------------------------- */

static const struct {
	struct action before[2];
	struct action refused;
	const char *words;
} refusals[] = {
	{ { { 'P', "/job/a", "# TYPE x counter\nx 1\n" } },
	  { 'P', "/job/b", "# TYPE x gauge\nx 1\n" },
	  "family \"x\" has type counter in another group, and type gauge "
	  "here" },
	{ { { 'P', "/job/a", "# TYPE x counter\nx 1\n" },
	    { 'P', "/job/b", "# TYPE x counter\nx 1\n" } },
	  { 'P', "/job/b", "x 1\n" },
	  "family \"x\" has type counter in another group, and type "
	  "untyped here" },
	{ { { 'P', "/job/a", "x 1\n" } },
	  { 'P', "/job/b", "y{l=\"1\",m=\"2\"} 1\ny{m=\"2\",l=\"1\"} 2\n" },
	  "y{instance=\"\",job=\"b\",l=\"1\",m=\"2\"} was collected before "
	  "with the same name and label values" },
	{ { { 'P', "/job/a", "x 1\n" } },
	  { 'P', "/job/b", "y{job=\"1\"} 1\ny{l=\"\"} 2\n" },
	  "y{instance=\"\",job=\"b\"} was collected before" },
	{ { { 'P', "/job/a", "x 2\nx{instance=\"i\",l=\"1\"} 1\n" } },
	  { 'P', "/job/a/instance/i", "x 2\nx{l=\"1\"} 1\n" },
	  "x{instance=\"i\",job=\"a\",l=\"1\"} was collected before from "
	  "another group" },
	{ { { 'P', "/job/a/instance/i", "x{l=\"1\"} 1\n" } },
	  { 'O', "/job/a", "x{instance=\"i\",l=\"1\"} 1\n" },
	  "x{instance=\"i\",job=\"a\",l=\"1\"} was collected before from "
	  "another group" },
	{ { { 'P', "/job/a", "# TYPE x summary\nx_sum 1\n" } },
	  { 'P', "/job/b", "x_count 1\n" },
	  "family \"x_count\" collides with the samples of summary \"x\"" },
	{ { { 'P', "/job/a", "x_bucket 1\n" } },
	  { 'P', "/job/b", "# TYPE x histogram\nx_bucket{le=\"1\"} 1\n" },
	  "family \"x_bucket\" collides with the samples of histogram \"x\"" },
	{ { { 'P', "/job/a", "x 1\n" } },
	  { 'P', "/job/b", "# TYPE own_total gauge\nown_total 1\n" },
	  "family \"own_total\" is the gateway's own with type counter, and "
	  "has type gauge here" },
	{ { { 'P', "/job/a", "x 1\n" } },
	  { 'P', "/job/b", "own_seconds_count 1\n" },
	  "family \"own_seconds_count\" collides with the samples of "
	  "histogram \"own_seconds\"" },
	{ { { 'P', "/job/a", "x 1\n" } },
	  { 'P', "/job/b", "# TYPE ping_running gauge\nping_running 1\n" },
	  "family \"ping_running\" is the gateway's own" },
};

static void test_refusals(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		const struct action *action = &refusals[i].refused;
		struct push_store *store = new_store();
		struct push_group *group;
		struct err err = { 0 };
		char *before;

		assert_int_equal(
			push_store_reserve(store, "own_total", METRIC_COUNTER),
			0);
		assert_int_equal(push_store_reserve(store, "own_seconds",
		                                    METRIC_HISTOGRAM),
		                 0);
		for (size_t a = 0; a < 2 && refusals[i].before[a].path; a++)
			kit_put(store, refusals[i].before[a].path,
			        refusals[i].before[a].body);
		before = kit_text(store, false);
		assert_int_equal(kit_push(store, action->path, action->body,
		                          action->verb == 'P', 9000, &err),
		                 PUSH_E_INCONSISTENT);
		print_message("%s\n", err.message);
		assert_ptr_equal(strstr(err.message,
		                        "pushed metrics are invalid or "
		                        "inconsistent with existing "
		                        "metrics: "),
		                 err.message);
		assert_non_null(strstr(err.message, refusals[i].words));
		group = kit_group(store, action->path);
		assert_non_null(group);
		assert_int_equal(group->failed_wall_ms, 9000);
		assert_false(group->last_ok);
		kit_expect(store, before);
		mem_free(before);
		push_store_free(store);
	}
}

static void test_reserved(void **state)
{
	struct push_store *store = new_store();

	assert_int_equal(push_store_reserve(store, "own_total", METRIC_COUNTER),
	                 0);
	kit_put(store, "/job/a", "# TYPE own_total counter\nown_total 1\n");
	kit_expect(store, "# TYPE own_total counter\nown_total" A "1\n");
	assert_int_equal(push_store_counts(store).n_families, 1);
	push_store_free(store);
}

/* --- counts, limits ------------------------------------------------------------ */

static void test_limits(void **state)
{
	const struct push_store_limits limits = { 60, 5, 2 };
	struct push_store *store = push_store_new(7, &limits, NULL);
	struct err err = { 0 };

	kit_put(store, "/job/a", "x 1\ny 2\nz 3\n");
	assert_int_equal(kit_push(store, "/job/a",
	                          "x{l=\"0123456789012345678901234567890123456"
	                          "78901234567890123456789\"} 1\n",
	                          true, 7, &err),
	                 PUSH_E_GROUP_TOO_LARGE);
	assert_non_null(strstr(err.message, "gateway.max_group_size is 60"));
	assert_int_equal(kit_group(store, "/job/a")->failed_wall_ms, 7);

	assert_int_equal(
		kit_push(store, "/job/b", "x 1\ny 2\nz 3\n", true, 8, &err),
		PUSH_E_TOO_MANY);
	assert_string_equal(err.message,
	                    "too many series: there would be 6, and "
	                    "gateway.max_series is 5");
	assert_null(kit_group(store, "/job/b"));
	kit_put(store, "/job/b", "x 1\ny 2\n");
	assert_int_equal(kit_push(store, "/job/c", "", true, 8, &err),
	                 PUSH_E_TOO_MANY);
	assert_string_equal(err.message, "too many groups: there are 2, and "
	                                 "gateway.max_groups is 2");
	kit_put(store, "/job/a", "x 1\n");
	kit_put(store, "/job/b", "x 1\ny 2\nz 3\n");
	assert_int_equal(push_store_counts(store).n_series, 4);
	assert_int_equal(push_store_counts(store).n_families, 3);
	assert_int_equal(push_store_counts(store).n_groups, 2);
	push_store_wipe(store);
	assert_int_equal(push_store_counts(store).n_series, 0);
	assert_int_equal(push_store_counts(store).n_bytes, 0);
	assert_int_equal(push_store_counts(store).n_families, 0);
	assert_int_equal(push_store_counts(store).n_groups, 0);
	kit_expect(store, "");
	push_store_free(store);
}

/* --- who is told ------------------------------------------------------------------ */

struct told {
	char text[256];
};

static void note(void *context, const char *what, struct push_group *group)
{
	struct told *told = context;
	size_t n = strlen(told->text);

	(void)snprintf(told->text + n, sizeof(told->text) - n, "%s %.*s;", what,
	               (int)group->labels[0].value.n, group->labels[0].value.p);
}

static void on_pushed(void *context, struct push_group *group)
{
	note(context, "pushed", group);
}

static void on_removed(void *context, struct push_group *group)
{
	note(context, "removed", group);
}

static void test_delete_matching(void **state)
{
	struct told told = { "" };
	const struct push_store_listener listener = { on_pushed, on_removed,
		                                      &told };
	struct push_store *store = push_store_new(7, NULL, &listener);
	const struct label zone = { { "zone", 4 }, { "1", 1 } };
	const struct label no_zone = { { "zone", 4 }, { "", 0 } };

	kit_put(store, "/job/a", "x 1\n");
	kit_put(store, "/job/b/zone/1", "x 1\n");
	kit_post(store, "/job/c/zone/1", "");
	kit_put(store, "/job/d/zone/2", "x 1\n");
	assert_int_equal(push_store_delete_matching(store, &zone, 1), 2);
	assert_int_equal(push_store_delete_matching(store, &zone, 1), 0);
	assert_int_equal(push_store_delete_matching(store, &no_zone, 1), 1);
	assert_false(kit_delete(store, "/job/a"));
	push_store_wipe(store);
	assert_string_equal(told.text,
	                    "pushed a;pushed b;pushed c;pushed d;removed b;"
	                    "removed c;removed a;removed d;");
	push_store_free(store);
}

/* --- heartbeats --------------------------------------------------------------------- */

static void test_beats(void **state)
{
	struct push_store *store = new_store();
	struct push_group *group;
	char *text;

	assert_int_equal(kit_beat(store, "/a/start", 100000), 0);
	group = kit_group(store, "/job/a");
	assert_true(group->beat.running);
	assert_int_equal(group->pushed.wall_ms, 0);
	assert_int_equal(kit_beat(store, "/a/3", 102500), 0);
	assert_false(group->beat.running);
	assert_true(group->beat.failed);
	assert_int_equal(group->beat.exit_code, 3);
	assert_int_equal(group->beat.duration_ms, 2500);
	text = kit_text(store, true);
	assert_non_null(strstr(text, "# TYPE ping_duration_seconds gauge\n"
	                             "ping_duration_seconds" A "2.500\n"));
	assert_non_null(strstr(text, "ping_exit_code" A "3\n"));
	assert_non_null(strstr(text, "ping_running" A "0\n"));
	assert_non_null(strstr(text, "ping_start_time_seconds" A "100\n"));
	assert_non_null(strstr(text, "push_time_seconds" A "0\n"));
	mem_free(text);
	kit_put(store, "/job/a", "x 1\n");
	assert_false(group->beat.failed);
	assert_int_equal(kit_beat(store, "/a", 105000), 0);
	assert_int_equal(group->pushed.wall_ms, 105000);
	assert_int_equal(group->beat.n_beats, 3);
	kit_expect(store, "# HELP ping_duration_seconds How long the last run "
	                  "took that was pinged at its start and end.\n"
	                  "# TYPE ping_duration_seconds gauge\n"
	                  "ping_duration_seconds" A "2.500\n"
	                  "# HELP ping_running 1: a start was pinged, and no "
	                  "end yet.\n"
	                  "# TYPE ping_running gauge\nping_running" A "0\n"
	                  "# HELP ping_start_time_seconds Last Unix time when "
	                  "a start was pinged.\n"
	                  "# TYPE ping_start_time_seconds gauge\n"
	                  "ping_start_time_seconds" A "100\n"
	                  "# TYPE x untyped\nx" A "1\n");
	push_store_free(store);
}

static void test_note_failure(void **state)
{
	struct push_store *store = new_store();
	struct push_key key;
	struct err err;
	char *text;

	push_key_init(&key);
	assert_int_equal(push_path_parse(slice_from("/job/a"), &key, &err), 0);
	assert_int_equal(push_store_note_failure(store, &key,
	                                         (struct push_time){ 1234, 0 },
	                                         &err),
	                 0);
	text = kit_text(store, true);
	assert_non_null(strstr(text, "push_failure_time_seconds" A "1.234\n"));
	assert_non_null(strstr(text, "push_time_seconds" A "0\n"));
	mem_free(text);
	push_key_fini(&key);
	push_store_free(store);
}

/* --- looking ------------------------------------------------------------------------- */

static void on_sample(void *context, const struct label *labels,
                      size_t n_labels, struct slice value)
{
	struct buf *out = context;

	for (size_t i = 0; i < n_labels; i++)
		(void)buf_printf(out, SLICE_FMT "=" SLICE_FMT ",",
		                 SLICE_ARG(labels[i].name),
		                 SLICE_ARG(labels[i].value));
	(void)buf_printf(out, " " SLICE_FMT ";", SLICE_ARG(value));
}

static void test_looking(void **state)
{
	struct push_store *store = new_store();
	struct push_group *group;
	struct buf out;

	kit_put(store, "/job/a%22", "x 1\nx{l=\"a\\nb\"} 2\nz 1\n");
	kit_post(store, "/job/a%22", "y 1\n");
	group = kit_group(store, "/job/a%22");
	assert_int_equal(
		push_group_family_time(store, group, slice_from("x")).wall_ms,
		5000);
	assert_int_equal(
		push_group_family_time(store, group, slice_from("y")).wall_ms,
		6000);
	assert_int_equal(
		push_group_family_time(store, group, slice_from("q")).wall_ms,
		0);
	buf_init(&out, 1024);
	assert_int_equal(push_group_each_sample(store, group, slice_from("x"),
	                                        on_sample, &out),
	                 0);
	assert_string_equal(buf_text(&out), "instance=,job=a\", 1;"
	                                    "instance=,job=a\",l=a\nb, 2;");
	assert_int_equal(push_group_each_sample(store, group, slice_from("q"),
	                                        on_sample, &out),
	                 0);
	assert_ptr_equal(push_store_next_group(store, NULL), group);
	assert_null(push_store_next_group(store, group));
	assert_null(kit_group(store, "/job/q"));
	buf_fini(&out);
	push_store_free(store);
}

/* --- times to live --------------------------------------------------------------------- */

static void test_ttl(void **state)
{
	const struct label ci = { { "job", 3 }, { "ci-*", 4 } };
	const struct label kept = { { "keep", 4 }, { "1", 1 } };
	const struct push_ttl rules[] = {
		{ &kept, 1, 0 },
		{ &ci, 1, 1000 },
	};
	struct push_store *store = new_store();
	struct err err = { 0 };

	assert_int_equal(push_store_next_expiry(store), INT64_MAX);
	assert_int_equal(push_store_set_ttl(store, rules, 2, 0), 0);
	/* monotonic times are a million less */
	assert_int_equal(kit_push(store, "/job/ci-1", "x 1\n", true, 10, &err),
	                 0);
	assert_int_equal(kit_push(store, "/job/ci-2", "x 1\n", true, 20, &err),
	                 0);
	assert_int_equal(
		kit_push(store, "/job/ci-3/keep/1", "x 1\n", true, 20, &err),
		0);
	assert_int_equal(kit_push(store, "/job/a", "x 1\n", true, 20, &err), 0);
	assert_int_equal(push_store_next_expiry(store), 1010 - 1000000);
	assert_int_equal(push_store_expire(store, 1009 - 1000000, 10), 0);
	assert_int_equal(kit_push(store, "/job/ci-1", "", false, 500, &err), 0);
	assert_int_equal(push_store_expire(store, 1020 - 1000000, 10), 1);
	assert_null(kit_group(store, "/job/ci-2"));
	assert_int_equal(push_store_next_expiry(store), 1500 - 1000000);
	assert_int_equal(push_store_expire(store, 1500 - 1000000, 10), 1);
	assert_int_equal(push_store_counts(store).n_groups, 2);
	assert_int_equal(push_store_expire(store, INT32_MAX, 10), 0);
	/* another rule for those that are there */
	assert_int_equal(push_store_set_ttl(store, rules + 1, 1, 0), 0);
	assert_int_equal(push_store_expire(store, INT32_MAX, 10), 1);
	assert_null(kit_group(store, "/job/ci-3/keep/1"));
	assert_int_equal(push_store_set_ttl(store, NULL, 0, 0), 0);
	assert_int_equal(push_store_next_expiry(store), INT64_MAX);
	push_store_free(store);
}

/* --- no memory --------------------------------------------------------------------------- */

/* Each push either happens, or leaves what was there. */
static void scenario(void)
{
	static const struct action actions[] = {
		{ 'P', "/job/a", "# HELP x h\nx 1\ny{l=\"1\"} 2\n" },
		{ 'P', "/job/b", "x 1\nz 2\n" },
		{ 'O', "/job/a", "y{l=\"2\"} 3\nq 1\n" },
		{ 'P', "/job/a",
		  "# TYPE h histogram\nh_sum{l=\"2\"} 1\n"
		  "h_sum{l=\"1\"} 2\n" },
		{ 'P', "/job/b", "" },
	};
	struct push_store *store = push_store_new(7, NULL, NULL);
	struct push_view *view = NULL;

	for (size_t i = 0; store && i < ARRAY_SIZE(actions); i++) {
		uint64_t version = push_store_counts(store).n_changes;
		uint64_t n_series = push_store_counts(store).n_series;
		struct err err;
		int r = kit_push(store, actions[i].path, actions[i].body,
		                 actions[i].verb == 'P', 1000, &err);

		assert_true(r == 0 || r == -ENOMEM);
		if (r < 0) {
			assert_int_equal(push_store_counts(store).n_changes,
			                 version);
			assert_int_equal(push_store_counts(store).n_series,
			                 n_series);
		}
		if (i == 1)
			view = push_view_new(store);
	}
	push_view_free(view);
	push_store_free(store);
}

static void test_no_memory(void **state)
{
	size_t n;

	faults_count();
	scenario();
	n = faults_end();
	assert_true(n > 40);
	for (size_t k = 1; k <= n; k++) {
		faults_fail(k);
		scenario();
		(void)faults_end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stories),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_reserved),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_delete_matching),
		cmocka_unit_test(test_beats),
		cmocka_unit_test(test_note_failure),
		cmocka_unit_test(test_looking),
		cmocka_unit_test(test_ttl),
		cmocka_unit_test(test_no_memory),
	};

	faults_install_mem();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
