/* SPDX-License-Identifier: Apache-2.0 */
/* push_watch: what a push means for whom, over a real store. */
#include "support/cmocka.h"

#include <errno.h>
#include <inttypes.h>
#include "core/push_watch.h"
#include "support/faults.h"

#define WALL     1795000000000 /* ms, at mono 0 */
#define UNKNOWN  (-1)
#define MISSING  (-2) /* never seen */
#define SILENT   (-3) /* not told */
#define FAILED   100000000
#define LOST     200000000 /* missing, since so long */
#define N_MAX    16
#define N_GROUPS 3000

struct rig {
	struct push_store *store;
	struct push_watch *watch;
	struct push_body body;
	struct push_key key;
	int64_t now_ms; /* monotonic */
	int64_t told[N_MAX];
	struct observation last[N_MAX];
	uint32_t n_told;
	bool touches; /* touches 0 from inside the callback */
};

static struct push_time now(const struct rig *rig)
{
	return (struct push_time){ WALL + rig->now_ms, rig->now_ms };
}

static void on_pushed(void *context, struct push_group *group)
{
	struct rig *rig = context;

	if (rig->watch)
		push_watch_pushed(rig->watch, group);
}

static void on_removed(void *context, struct push_group *group)
{
	struct rig *rig = context;

	if (rig->watch)
		push_watch_removed(rig->watch, group);
}

static void rig_init(struct rig *rig)
{
	const struct push_store_listener listener = { on_pushed, on_removed,
		                                      rig };
	const struct push_store_limits limits = { 0 };

	*rig = (struct rig){ .now_ms = 1000 };
	push_body_init(&rig->body, 42);
	push_key_init(&rig->key);
	rig->store = push_store_new(42, &limits, &listener);
	assert_non_null(rig->store);
	rig->watch = push_watch_new(rig->store, 42);
	assert_non_null(rig->watch);
}

static void rig_fini(struct rig *rig)
{
	push_watch_free(rig->watch);
	push_store_free(rig->store);
	push_body_fini(&rig->body);
	push_key_fini(&rig->key);
}

static void set_key(struct rig *rig, const char *path)
{
	struct err err;

	if (push_path_parse(slice_from(path), &rig->key, &err) != 0)
		fail_msg("%s: %s", path, err.message);
}

static int try_push(struct rig *rig, const char *path, const char *text,
                    bool replace)
{
	struct err err;

	set_key(rig, path);
	assert_int_equal(push_body_parse(&rig->body, slice_from(text), &err),
	                 0);
	return push_store_push(rig->store, &rig->key, &rig->body, replace,
	                       now(rig), &err);
}

static void push(struct rig *rig, const char *path, const char *text)
{
	assert_int_equal(try_push(rig, path, text, true), 0);
}

static void ping(struct rig *rig, const char *path)
{
	struct ping ping;
	struct err err;

	assert_int_equal(
		ping_path_parse(slice_from(path), &rig->key, &ping, &err), 0);
	assert_int_equal(
		push_store_beat(rig->store, &rig->key, &ping, now(rig), &err),
		0);
}

static void drop(struct rig *rig, const char *path)
{
	set_key(rig, path);
	assert_true(push_store_delete(rig->store, &rig->key));
}

static int64_t in_short(const struct observation *observation)
{
	switch (observation->kind) {
	case OBSERVATION_MISSING:
		return observation->age_ms == OBSERVATION_NEVER
		               ? MISSING
		               : LOST + (int64_t)observation->age_ms;
	case OBSERVATION_AGE:
		return (int64_t)observation->age_ms;
	case OBSERVATION_FAILED:
		return FAILED + (int64_t)observation->age_ms;
	case OBSERVATION_HEALTH:
	case OBSERVATION_EXITED:
	case OBSERVATION_VALUE:
	case OBSERVATION_ALERT:
	case OBSERVATION_UNKNOWN:
	case N_OBSERVATION_KINDS:
	default:
		return UNKNOWN;
	}
}

static void on_observation(void *context, uint32_t number,
                           const struct observation *observation)
{
	struct rig *rig = context;

	rig->n_told++;
	if (number < N_MAX) {
		assert_int_equal(rig->told[number], SILENT);
		rig->told[number] = in_short(observation);
		rig->last[number] = *observation;
	}
	if (rig->touches)
		push_watch_touch(rig->watch, 0);
}

static void conclude(struct rig *rig)
{
	for (size_t i = 0; i < N_MAX; i++)
		rig->told[i] = SILENT;
	rig->n_told = 0;
	push_watch_conclude(rig->watch, now(rig), on_observation, rig);
}

static int64_t ask(struct rig *rig, uint32_t number)
{
	push_watch_touch(rig->watch, number);
	assert_true(push_watch_is_dirty(rig->watch));
	conclude(rig);
	return rig->told[number];
}

/* Up to two pairs. */
static int try_add(struct rig *rig, uint32_t number, const char *name,
                   const char *value, const char *name2, const char *value2,
                   const char *metric, enum push_value of,
                   enum push_match match)
{
	const struct label labels[] = {
		{ slice_from(name), slice_from(value) },
		{ slice_from(name2), slice_from(value2) },
	};
	const struct push_query query = { .labels = labels,
		                          .n_labels = name2 ? 2 : 1,
		                          .metric_name = metric,
		                          .value = of,
		                          .match = match };

	return push_watch_add(rig->watch, number, &query);
}

static void add(struct rig *rig, uint32_t number, const char *job,
                const char *metric, enum push_value of, enum push_match match)
{
	assert_int_equal(
		try_add(rig, number, "job", job, NULL, NULL, metric, of, match),
		0);
}

/* --- groups ------------------------------------------------------------------ */

static void test_match(void **state)
{
	enum action { PUSH, DROP, LOOK };
	static const struct {
		enum action action;
		const char *path;
		int64_t at_ms;
		int64_t any; /* told at that time; SILENT: not told */
		int64_t all;
		int64_t oldest;
	} rows[] = {
		{ LOOK, NULL, 1000, MISSING, MISSING, MISSING },
		{ PUSH, "/job/b", 1000, SILENT, SILENT, SILENT },
		{ PUSH, "/job/a", 1000, 0, 0, 0 },
		{ LOOK, NULL, 6000, 5000, 5000, 5000 },
		{ PUSH, "/job/a/instance/x", 8000, 0, 7000, 7000 },
		{ PUSH, "/job/a/instance/y", 9000, 0, 8000, 8000 },
		{ PUSH, "/job/a", 10000, 0, 2000, 2000 },
		/* one is gone */
		{ DROP, "/job/a/instance/y", 11000, 1000, LOST, 3000 },
		{ LOOK, NULL, 12000, 2000, LOST + 1000, 4000 },
		{ PUSH, "/job/a/instance/x", 13000, 0, LOST + 2000, 3000 },
		/* and there again */
		{ PUSH, "/job/a/instance/z", 14000, 0, 4000, 4000 },
		{ DROP, "/job/a/instance/z", 15000, 2000, LOST, 5000 },
		{ DROP, "/job/a/instance/x", 16000, 6000, LOST + 1000, 6000 },
		{ DROP, "/job/a", 17000, LOST, LOST + 2000, LOST },
		{ LOOK, NULL, 18000, LOST + 1000, LOST + 3000, LOST + 1000 },
		{ PUSH, "/job/a/k/v", 19000, 0, LOST + 4000, 0 },
	};
	struct rig rig;

	rig_init(&rig);
	add(&rig, 0, "a", NULL, PUSH_VALUE_PUSH_TIME, PUSH_MATCH_ANY);
	add(&rig, 1, "a", NULL, PUSH_VALUE_PUSH_TIME, PUSH_MATCH_ALL);
	add(&rig, 2, "a", NULL, PUSH_VALUE_PUSH_TIME, PUSH_MATCH_OLDEST);
	assert_int_equal(push_watch_link(rig.watch), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		rig.now_ms = rows[i].at_ms;
		if (rows[i].action == PUSH)
			push(&rig, rows[i].path, "");
		else if (rows[i].action == DROP)
			drop(&rig, rows[i].path);
		else
			for (uint32_t k = 0; k < 3; k++)
				push_watch_touch(rig.watch, k);
		conclude(&rig);
		if (rig.told[0] != rows[i].any || rig.told[1] != rows[i].all ||
		    rig.told[2] != rows[i].oldest)
			fail_msg("row %zu: %" PRId64 " %" PRId64 " %" PRId64, i,
			         rig.told[0], rig.told[1], rig.told[2]);
		assert_false(push_watch_is_dirty(rig.watch));
	}
	rig_fini(&rig);
}

/* An empty value is the absence of the label, wherever it is said. */
static void test_empty_values(void **state)
{
	struct rig rig;

	rig_init(&rig);
	assert_int_equal(try_add(&rig, 0, "job", "a", "instance", "", NULL,
	                         PUSH_VALUE_PUSH_TIME, PUSH_MATCH_ANY),
	                 0);
	assert_int_equal(try_add(&rig, 1, "job", "a", "instance", "", "m",
	                         PUSH_VALUE_TIMESTAMP, PUSH_MATCH_ANY),
	                 0);
	assert_int_equal(push_watch_link(rig.watch), 0);
	conclude(&rig);
	push(&rig, "/job/a/instance/x", "m 1795000000\n");
	conclude(&rig);
	assert_int_equal(rig.n_told, 0);
	push(&rig, "/job/a", "m 1795000000\n");
	conclude(&rig);
	assert_int_equal(rig.told[0], 0);
	assert_int_equal(rig.told[1], 1000);
	rig_fini(&rig);
}

/* A refused push makes a group, but is no sign of life. */
static void test_refused_push(void **state)
{
	struct rig rig;

	rig_init(&rig);
	add(&rig, 0, "a", NULL, PUSH_VALUE_PUSH_TIME, PUSH_MATCH_ANY);
	assert_int_equal(push_watch_link(rig.watch), 0);
	assert_int_equal(try_push(&rig, "/job/a", "m 1\nm 2\n", true),
	                 PUSH_E_INCONSISTENT);
	assert_int_equal(ask(&rig, 0), MISSING);
	push(&rig, "/job/a", "m 1\n");
	rig.now_ms += 500;
	assert_int_equal(try_push(&rig, "/job/a", "m 1\nm 2\n", true),
	                 PUSH_E_INCONSISTENT);
	assert_int_equal(ask(&rig, 0), 500);
	rig_fini(&rig);
}

/* --- families ------------------------------------------------------------------ */

static void test_family_time(void **state)
{
	struct rig rig;

	rig_init(&rig);
	add(&rig, 0, "a", "m", PUSH_VALUE_PUSH_TIME, PUSH_MATCH_ANY);
	assert_int_equal(push_watch_link(rig.watch), 0);
	push(&rig, "/job/a", "other 1\n");
	conclude(&rig);
	assert_int_equal(rig.told[0], MISSING);

	rig.now_ms = 2000;
	assert_int_equal(try_push(&rig, "/job/a", "m 1\n", false), 0);
	rig.now_ms = 5000; /* POST of another leaves it alone */
	assert_int_equal(try_push(&rig, "/job/a", "other 1\n", false), 0);
	conclude(&rig);
	assert_int_equal(rig.told[0], 3000);
	rig.now_ms = 6000; /* PUT without it */
	push(&rig, "/job/a", "other 1\n");
	conclude(&rig);
	assert_int_equal(rig.told[0], LOST);
	rig_fini(&rig);
}

static void test_values(void **state)
{
	static const struct {
		const char *path;
		const char *text;
		int64_t any; /* at mono 100 s, wall 1795000100 s */
		int64_t oldest;
		int64_t table; /* {table="x"} of any job */
	} rows[] = {
		{ "/job/a", "m 1795000090\n", 10000, 10000, SILENT },
		/* seconds with a fraction, and in another form */
		{ "/job/a", "m 1.7950000995e9\n", 500, 500, SILENT },
		{ "/job/a",
		  "m{table=\"x\"} 1795000040\nm{table=\"y\"} 1795000080\n",
		  20000, 60000, 60000 },
		/* in the future */
		{ "/job/a", "m 1795000200\n", 0, 0, LOST },
		/* no times at all */
		{ "/job/a", "m NaN\n", LOST, LOST, SILENT },
		{ "/job/a", "m -5\n", LOST, LOST, SILENT },
		{ "/job/a", "m 1795000090000\n", LOST, LOST, SILENT },
		{ "/job/a", "m +Inf\n", LOST, LOST, SILENT },
		{ "/job/b", "m{table=\"x\"} 1795000099\n", SILENT, SILENT,
		  1000 },
		{ "/job/a/table/x", "m 1795000098\n", 2000, 2000, 1000 },
		{ "/job/c", "other{table=\"x\"} 1\n", SILENT, SILENT, SILENT },
	};
	struct rig rig;

	rig_init(&rig);
	rig.now_ms = 100000;
	add(&rig, 0, "a", "m", PUSH_VALUE_TIMESTAMP, PUSH_MATCH_ANY);
	add(&rig, 1, "a", "m", PUSH_VALUE_TIMESTAMP, PUSH_MATCH_OLDEST);
	assert_int_equal(try_add(&rig, 2, "table", "x", NULL, NULL, "m",
	                         PUSH_VALUE_TIMESTAMP, PUSH_MATCH_ANY),
	                 0);
	assert_int_equal(push_watch_link(rig.watch), 0);
	conclude(&rig);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		push(&rig, rows[i].path, rows[i].text);
		conclude(&rig);
		if (rig.told[0] != rows[i].any || rig.told[1] != rows[i].oldest)
			fail_msg("%s %s: %" PRId64 " %" PRId64, rows[i].path,
			         rows[i].text, rig.told[0], rig.told[1]);
		/* a link that says nothing any more may tell it again */
		if (rig.told[2] != rows[i].table &&
		    !(rows[i].table == SILENT && rig.told[2] == LOST))
			fail_msg("%s %s: %" PRId64, rows[i].path, rows[i].text,
			         rig.told[2]);
	}
	rig_fini(&rig);
}

/* --- heartbeats -------------------------------------------------------------- */

static void test_beats(void **state)
{
	static const struct {
		const char *path;
		int64_t at_ms;
		int64_t any;
		int64_t all;
		uint64_t running_any;
		uint64_t running_all;
		int exit_code; /* told to `all` */
	} rows[] = {
		{ "/a", 1000, 0, 0, 0, 0, -1 },
		{ "/a/start", 5000, 4000, 4000, 1, 1, -1 },
		{ NULL, 6000, 5000, 5000, 1000, 1000, -1 },
		{ "/a/0", 7000, 0, 0, 0, 0, -1 },
		{ "/a/3", 8000, FAILED, FAILED, 0, 0, 3 },
		{ NULL, 9500, FAILED + 1500, FAILED + 1500, 0, 0, 3 },
		/* a new run does not undo it, its good end does */
		{ "/a/start", 10000, FAILED + 2000, FAILED + 2000, 1, 1, 3 },
		{ NULL, 10500, FAILED + 2500, FAILED + 2500, 500, 500, 3 },
		{ "/a", 11000, 0, 0, 0, 0, -1 },
		/* another group, which was never heard of before */
		{ "/a/k/v/start", 12000, 0, 1000, 1, 1, -1 },
		{ NULL, 13000, 1000, 2000, 1000, 1000, -1 },
		/* the youngest is another one */
		{ "/a/k/v/fail", 14000, 3000, FAILED, 0, 0, -1 },
		{ "/a", 15000, 0, FAILED + 1000, 0, 0, -1 },
		{ "/a/k/v/start", 16000, 1000, FAILED + 2000, 0, 1, -1 },
		{ NULL, 17000, 2000, FAILED + 3000, 0, 1000, -1 },
	};
	struct rig rig;

	rig_init(&rig);
	add(&rig, 0, "a", NULL, PUSH_VALUE_PUSH_TIME, PUSH_MATCH_ANY);
	add(&rig, 1, "a", NULL, PUSH_VALUE_PUSH_TIME, PUSH_MATCH_ALL);
	assert_int_equal(push_watch_link(rig.watch), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		rig.now_ms = rows[i].at_ms;
		if (rows[i].path)
			ping(&rig, rows[i].path);
		else
			for (uint32_t k = 0; k < 2; k++)
				push_watch_touch(rig.watch, k);
		conclude(&rig);
		if (rig.told[0] != rows[i].any || rig.told[1] != rows[i].all)
			fail_msg("row %zu: %" PRId64 " %" PRId64, i,
			         rig.told[0], rig.told[1]);
		assert_int_equal(rig.last[0].running_ms, rows[i].running_any);
		assert_int_equal(rig.last[1].running_ms, rows[i].running_all);
		assert_int_equal(rig.last[1].exit_code, rows[i].exit_code);
	}
	rig_fini(&rig);
}

/* A job of which nothing but its failure was ever heard. */
static void test_failed_at_once(void **state)
{
	struct rig rig;

	rig_init(&rig);
	add(&rig, 0, "a", NULL, PUSH_VALUE_PUSH_TIME, PUSH_MATCH_ANY);
	add(&rig, 1, "a", "m", PUSH_VALUE_PUSH_TIME, PUSH_MATCH_ANY);
	assert_int_equal(push_watch_link(rig.watch), 0);
	ping(&rig, "/a/1");
	conclude(&rig);
	assert_int_equal(rig.told[0], FAILED);
	assert_int_equal(rig.told[1], MISSING); /* it is about a family */
	rig.now_ms += 100;
	push(&rig, "/job/a", "m 1\n");
	conclude(&rig);
	assert_int_equal(rig.told[0], 0);
	assert_int_equal(rig.told[1], 0);
	rig_fini(&rig);
}

/* A failure is no younger for one who comes to know of it later. */
static void test_failed_long_ago(void **state)
{
	struct rig rig;

	rig_init(&rig);
	rig.now_ms = 1000;
	ping(&rig, "/a/fail");
	rig.now_ms = 3000;
	ping(&rig, "/a/start");
	rig.now_ms = 5000;
	add(&rig, 0, "a", NULL, PUSH_VALUE_PUSH_TIME, PUSH_MATCH_ANY);
	assert_int_equal(push_watch_link(rig.watch), 0);
	conclude(&rig);
	assert_int_equal(rig.told[0], FAILED + 4000);
	/* between two conclusions, unseen: it ended well, and failed again */
	ping(&rig, "/a/0");
	rig.now_ms = 6000;
	ping(&rig, "/a/fail");
	rig.now_ms = 6100;
	conclude(&rig);
	assert_int_equal(rig.told[0], FAILED + 100);
	rig_fini(&rig);
}

/* --- being away ---------------------------------------------------------------- */

/* Time in which nobody was there to hear is passed on, and decides neither
 * who is oldest nor who is youngest. */
static void test_away(void **state)
{
	struct push_group *group = NULL;
	struct rig rig;

	rig_init(&rig);
	push(&rig, "/job/a", "m 1\n");
	rig.now_ms = 2000;
	push(&rig, "/job/a/k/v", "m 1\n");
	rig.now_ms = 60000;
	while ((group = push_store_next_group(rig.store, group)))
		group->away_ms = group->n_labels == 1 ? 50000 : 10000;
	add(&rig, 0, "a", NULL, PUSH_VALUE_PUSH_TIME, PUSH_MATCH_ANY);
	add(&rig, 1, "a", NULL, PUSH_VALUE_PUSH_TIME, PUSH_MATCH_OLDEST);
	add(&rig, 2, "a", "m", PUSH_VALUE_PUSH_TIME, PUSH_MATCH_OLDEST);
	add(&rig, 3, "a", "m", PUSH_VALUE_PUSH_TIME, PUSH_MATCH_ANY);
	assert_int_equal(push_watch_link(rig.watch), 0);
	conclude(&rig);
	assert_int_equal(rig.told[0], 59000);
	assert_int_equal(rig.last[0].away_ms, 50000);
	assert_int_equal(rig.told[1], 58000);
	assert_int_equal(rig.last[1].away_ms, 10000);
	assert_int_equal(rig.told[3], 59000);
	assert_int_equal(rig.last[3].away_ms, 50000);

	/* a push of something else ends it for the group, not for the family */
	rig.now_ms = 61000;
	assert_int_equal(try_push(&rig, "/job/a", "other 1\n", false), 0);
	drop(&rig, "/job/a/k/v");
	conclude(&rig);
	assert_int_equal(rig.told[0], 0);
	assert_int_equal(rig.last[0].away_ms, 0);
	assert_int_equal(rig.told[2], 60000);
	assert_int_equal(rig.last[2].away_ms, 50000);
	assert_int_equal(try_push(&rig, "/job/a", "m 1\n", false), 0);
	conclude(&rig);
	assert_int_equal(rig.told[2], 0);
	assert_int_equal(rig.last[2].away_ms, 0);
	rig_fini(&rig);
}

/* --- the shell's side -------------------------------------------------------- */

static void test_add(void **state)
{
	struct rig rig;

	rig_init(&rig);
	assert_int_equal(try_add(&rig, 1, "job", "a", NULL, NULL, NULL,
	                         PUSH_VALUE_PUSH_TIME, PUSH_MATCH_ANY),
	                 -EINVAL);
	assert_int_equal(try_add(&rig, 0, "job", "a", NULL, NULL, NULL,
	                         PUSH_VALUE_TIMESTAMP, PUSH_MATCH_ANY),
	                 -EINVAL);
	add(&rig, 0, "a", NULL, PUSH_VALUE_PUSH_TIME, PUSH_MATCH_ANY);
	push_watch_touch(rig.watch, 7);
	assert_false(push_watch_is_dirty(rig.watch));
	rig_fini(&rig);
	push_watch_free(NULL);
}

/* All are told once after linking; what is touched meanwhile comes next. */
static void test_touch_while_telling(void **state)
{
	struct rig rig;

	rig_init(&rig);
	add(&rig, 0, "a", NULL, PUSH_VALUE_PUSH_TIME, PUSH_MATCH_ANY);
	add(&rig, 1, "b", NULL, PUSH_VALUE_PUSH_TIME, PUSH_MATCH_ANY);
	assert_int_equal(push_watch_link(rig.watch), 0);
	rig.touches = true;
	conclude(&rig);
	assert_int_equal(rig.n_told, 2);
	rig.touches = false;
	assert_true(push_watch_is_dirty(rig.watch));
	conclude(&rig);
	assert_int_equal(rig.n_told, 1);
	assert_false(push_watch_is_dirty(rig.watch));
	rig_fini(&rig);
}

/* A watch that is freed leaves the groups as it found them. */
static void test_another_watch(void **state)
{
	struct rig rig;

	rig_init(&rig);
	add(&rig, 0, "a", NULL, PUSH_VALUE_PUSH_TIME, PUSH_MATCH_ANY);
	assert_int_equal(push_watch_link(rig.watch), 0);
	push(&rig, "/job/a", "");
	push_watch_free(rig.watch);
	rig.watch = push_watch_new(rig.store, 7);
	assert_non_null(rig.watch);
	add(&rig, 0, "a", NULL, PUSH_VALUE_PUSH_TIME, PUSH_MATCH_ANY);
	assert_int_equal(push_watch_link(rig.watch), 0);
	rig.now_ms += 10;
	conclude(&rig);
	assert_int_equal(rig.told[0], 10);
	rig_fini(&rig);
}

/* Each push tells those whom it concerns, and nobody else. */
static void test_many(void **state)
{
	struct rig rig;
	char text[32];

	rig_init(&rig);
	for (uint32_t i = 0; i < N_GROUPS; i++) {
		(void)snprintf(text, sizeof(text), "job_%u", i);
		add(&rig, i, text, i % 3 == 1 ? "m" : NULL,
		    PUSH_VALUE_PUSH_TIME, PUSH_MATCH_ANY);
	}
	assert_int_equal(try_add(&rig, N_GROUPS, "host", "h", NULL, NULL, NULL,
	                         PUSH_VALUE_PUSH_TIME, PUSH_MATCH_ALL),
	                 0);
	assert_int_equal(push_watch_link(rig.watch), 0);
	conclude(&rig);
	assert_int_equal(rig.n_told, N_GROUPS + 1);
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < N_GROUPS; i++) {
			(void)snprintf(text, sizeof(text), "/job/job_%u/host/h",
			               i);
			push(&rig, text, "m 1\n");
			if (i % 100 == 0) {
				conclude(&rig);
				assert_true(rig.n_told <= 101);
			}
		}
		conclude(&rig);
		assert_int_equal(rig.n_told, N_GROUPS % 100 == 0 ? 100 : 1);
	}
	push_store_wipe(rig.store);
	conclude(&rig);
	assert_int_equal(rig.n_told, N_GROUPS + 1);
	rig_fini(&rig);
}

/* --- out of memory ------------------------------------------------------------ */

/* Linking anew with the @kth allocation failing (0: none). What could not be
 * noted is unknown, and as soon as there is memory all is well. Returns how
 * many allocations there were. */
static size_t link_anew(struct rig *rig, size_t kth)
{
	bool out = false;
	size_t n;

	if (kth > 0)
		faults_fail(kth);
	else
		faults_count();
	rig->watch = push_watch_new(rig->store, 42);
	for (uint32_t i = 0; i < 4 && rig->watch && !out; i++) {
		static const char *const metrics[] = { NULL, "m", "m", "m" };
		const char *label = i == 3 ? "b" : "job";
		const char *value = i == 3 ? "\n" : "a";

		out = try_add(rig, i, label, value, NULL, NULL, metrics[i],
		              i >= 2 ? PUSH_VALUE_TIMESTAMP
		                     : PUSH_VALUE_PUSH_TIME,
		              PUSH_MATCH_ALL) < 0;
		if (out) /* everything is as before */
			out = try_add(rig, i, label, value, NULL, NULL,
			              metrics[i],
			              i >= 2 ? PUSH_VALUE_TIMESTAMP
			                     : PUSH_VALUE_PUSH_TIME,
			              PUSH_MATCH_ALL) < 0;
		assert_false(out);
	}
	if (rig->watch) {
		bool whole = push_watch_link(rig->watch) == 0;

		conclude(rig); /* there is memory again */
		assert_int_equal(rig->n_told, 4);
		for (uint32_t i = 0; i < 4; i++)
			assert_int_equal(rig->told[i], 0);
		assert_true(whole || kth > 0);
	}
	push_watch_free(rig->watch);
	rig->watch = NULL;
	n = faults_end();
	return n;
}

static void test_faults(void **state)
{
	struct rig rig;
	size_t n;

	rig_init(&rig);
	push_watch_free(rig.watch);
	rig.watch = NULL;
	push(&rig, "/job/a", "m{b=\"\\n\"} 1795000001\n");
	n = link_anew(&rig, 0);
	assert_true(n > 10);
	for (size_t k = 1; k <= n; k++)
		(void)link_anew(&rig, k);
	rig_fini(&rig);
}

/* The link of a new group cannot be made, nor when it is tried again. */
static void test_no_memory_for_a_link(void **state)
{
	struct push_group *group;
	struct rig rig;

	rig_init(&rig);
	add(&rig, 0, "a", NULL, PUSH_VALUE_PUSH_TIME, PUSH_MATCH_ANY);
	add(&rig, 1, "b", NULL, PUSH_VALUE_PUSH_TIME, PUSH_MATCH_ANY);
	assert_int_equal(push_watch_link(rig.watch), 0);
	push(&rig, "/job/a", "");
	push(&rig, "/job/b", "");
	conclude(&rig);

	set_key(&rig, "/job/a");
	group = push_store_group(rig.store, &rig.key);
	push_watch_removed(rig.watch, group);
	conclude(&rig);
	assert_int_equal(rig.told[0], LOST);
	faults_fail(1);
	push_watch_pushed(rig.watch, group);
	assert_int_equal(faults_end(), 1);
	assert_true(push_watch_is_dirty(rig.watch));
	faults_fail(1);
	conclude(&rig);
	assert_int_equal(faults_end(), 1);
	assert_int_equal(rig.n_told, 1);
	assert_int_equal(rig.told[0], UNKNOWN);

	push_watch_touch(rig.watch, 1); /* something else */
	conclude(&rig);
	assert_int_equal(rig.n_told, 2);
	assert_int_equal(rig.told[0], 0);
	assert_int_equal(rig.told[1], 0);
	rig_fini(&rig);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_empty_values),
		cmocka_unit_test(test_refused_push),
		cmocka_unit_test(test_family_time),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_beats),
		cmocka_unit_test(test_failed_at_once),
		cmocka_unit_test(test_failed_long_ago),
		cmocka_unit_test(test_away),
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_touch_while_telling),
		cmocka_unit_test(test_another_watch),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_no_memory_for_a_link),
	};

	faults_install_mem();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
