/* SPDX-License-Identifier: Apache-2.0 */
/* alert_table: what is news, what is not, and what is forgotten. */
#include "support/cmocka.h"
#include "support/faults.h"

#include <errno.h>
#include <stdio.h>
#include "core/alert_table.h"

#define MAX_ALERTS 3

struct world {
	struct alert_table table;
	struct am_reader *reader;
	struct alert_news news;
	uint64_t now_ms;
};

static int setup(void **state)
{
	static struct world world;

	world = (struct world){ .now_ms = 1000 };
	alert_table_init(&world.table, 1, MAX_ALERTS);
	world.reader = am_reader_new();
	*state = &world;
	return world.reader ? 0 : -1;
}

static int teardown(void **state)
{
	struct world *world = *state;

	alert_table_fini(&world->table);
	am_reader_free(world->reader);
	return 0;
}

/* "+a1" fires a with start 1, "-a1" resolves it; several after blanks. */
static void write_message(struct buf *out, const char *group, const char *words)
{
	struct slice rest = slice_from(words);
	struct slice word;
	const char *comma = "";

	(void)buf_printf(
		out,
		"{\"groupKey\":\"%s\",\"receiver\":\"r\",\"commonLabels"
		"\":{\"g\":\"%s\"},\"alerts\":[",
		group, group);
	while (slice_next(&rest, ' ', &word)) {
		(void)buf_printf(
			out,
			"%s{\"status\":\"%s\",\"labels\":{\"alertname"
			"\":\"%c\"},\"fingerprint\":\"%c\",\"annotations"
			"\":{\"value\":\"%s\"},\"startsAt\":"
			"\"2026-01-01T00:00:0%cZ\"}",
			comma, word.p[0] == '+' ? "firing" : "resolved",
			word.p[1], word.p[1], word.n > 3 ? "more" : "some",
			word.p[2]);
		comma = ",";
	}
	(void)buf_puts(out, "]}");
}

static int try_message(struct world *world, const char *group,
                       const char *words)
{
	struct am_message message;
	struct buf text;
	int r;

	buf_init(&text, 65536);
	write_message(&text, group, words);
	r = text.failed
	            ? text.failed
	            : am_read(world->reader, buf_slice(&text), &message, NULL);
	if (r == 0)
		r = alert_table_apply(&world->table, &message, world->now_ms,
		                      &world->news);
	buf_fini(&text);
	return r;
}

/* What has changed, in order: "+a -b +[g]". */
static const char *changes(struct world *world)
{
	static char out[256];
	struct alert_item *item;
	size_t n = 0;

	out[0] = '\0';
	while ((item = alert_table_take(&world->table))) {
		n += (size_t)snprintf(out + n, sizeof(out) - n,
		                      item->is_group ? "%s%c[" SLICE_FMT "]"
		                                     : "%s%c" SLICE_FMT,
		                      n ? " " : "", item->firing ? '+' : '-',
		                      SLICE_ARG(item->key));
		if (!item->firing)
			alert_item_free(item);
	}
	return out;
}

/* A row: what comes, and what that changes. "": no news. */
struct row {
	const char *group;
	const char *words;
	const char *changes;
	bool any;
};

static void play(struct world *world, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *got;

		world->now_ms += 1000;
		assert_int_equal(
			try_message(world, rows[i].group, rows[i].words), 0);
		got = changes(world);
		if (strcmp(got, rows[i].changes) != 0 ||
		    world->news.any != rows[i].any)
			fail_msg("row %zu: \"%s\"", i, got);
	}
}

#define PLAY(rows) play(*state, rows, ARRAY_SIZE(rows))

static void test_life(void **state)
{
	static const struct row rows[] = {
		{ "g", "+a1", "+[g] +a", true },
		{ "g", "+a1", "", false },
		{ "g", "+a1 +b1", "+b +[g]", true },
		{ "g", "-a1 +b1", "-a", true },
		{ "g", "-a1 +b1", "", false },
		{ "g", "-b1", "-b -[g]", true },
		{ "g", "-b1", "", false },
		/* the same start again is news, if it was resolved */
		{ "g", "+a1", "+[g] +a", true },
	};

	PLAY(rows);
}

/* Not listed is not resolved. */
static void test_cut_list(void **state)
{
	static const struct row rows[] = {
		{ "g", "+a1 +b1", "+[g] +a +b", true },
		{ "g", "+a1", "", false },
		{ "g", "-a1", "-a", true },
	};

	PLAY(rows);
}

static void test_starts(void **state)
{
	static const struct row rows[] = {
		{ "g", "+a3", "+[g] +a", true },
		{ "g", "+a2", "", false },          /* seen by another, too */
		{ "g", "-a1", "", false },          /* an old word */
		{ "g", "+a5", "-a +a +[g]", true }, /* resolved unheard */
		{ "g", "-a2", "", false },
		{ "g", "-a7", "-a -[g]", true },
	};

	PLAY(rows);
}

/* A group whose alerts take turns fires all the time. */
static void test_group_stays(void **state)
{
	static const struct row rows[] = {
		{ "g", "+a1", "+[g] +a", true },
		{ "g", "-a1 +b2", "-a +b +[g]", true },
		{ "g", "+b4", "-b +b +[g]", true },
	};

	PLAY(rows);
}

/* One alert in two groups: both fire, it is one, and it is resolved once. */
static void test_two_groups(void **state)
{
	static const struct row rows[] = {
		{ "g", "+a1", "+[g] +a", true },
		{ "h", "+a1", "+[h]", true },
		{ "h", "+a1", "", false },
		{ "h", "-a1", "-[g] -a -[h]", true },
		{ "g", "-a1", "", false },
	};

	PLAY(rows);
}

/* Words that change are told, but are nothing to be kept. */
static void test_annotations(void **state)
{
	static const struct row rows[] = {
		{ "g", "+a1", "+[g] +a", true },
		{ "g", "+a1!", "+a", false },
		{ "g", "+a1!", "", false },
	};
	struct world *world = *state;

	PLAY(rows);
	assert_int_equal(try_message(world, "g", "+a1"), 0);
	assert_true(
		slice_is(alert_table_take(&world->table)->facts.value, "some"));
}

static void test_no_room(void **state)
{
	static const struct row rows[] = {
		{ "g", "+a1 +b1 +c1 +d1", "+[g] +a +b +c", true },
		{ "h", "+d1", "", false },
		{ "h", "+d1 -c1", "-c +[h] +d", true },
	};
	struct world *world = *state;

	PLAY(rows);
	assert_int_equal(try_message(world, "h", "+x1 +y1"), 0);
	assert_int_equal(world->news.n_dropped, 2);
	assert_int_equal(world->table.n_alerts, MAX_ALERTS);
}

/* As long as any of its groups is told of. */
static void test_expiry(void **state)
{
	static const struct row rows[] = {
		{ "g", "+a1 +b1", "+[g] +a +b", true }, /* at 2000 */
		{ "h", "+a1", "+[h]", true },           /* at 3000 */
	};
	struct world *world = *state;

	assert_int_equal(alert_table_oldest(&world->table), UINT64_MAX);
	PLAY(rows);
	assert_int_equal(alert_table_oldest(&world->table), 2000);
	assert_int_equal(alert_table_expire(&world->table, 2000, 9, NULL), 0);
	assert_int_equal(alert_table_expire(&world->table, 2500, 9, NULL), 1);
	assert_string_equal(changes(world), "-b");
	assert_int_equal(alert_table_expire(&world->table, 3500, 9, NULL), 1);
	assert_string_equal(changes(world), "-[g] -[h] -a");
	assert_int_equal(alert_table_oldest(&world->table), UINT64_MAX);
}

/* Some at a time; what is written down does the same to another table. */
static void test_expiry_record(void **state)
{
	static const struct row rows[] = {
		{ "g", "+a1 +b1 +c1", "+[g] +a +b +c", true },
	};
	struct world *world = *state;
	struct am_message message;
	struct buf record;

	buf_init(&record, 65536);
	PLAY(rows);
	assert_int_equal(alert_table_expire(&world->table, 0, 9, &record), 0);
	assert_int_equal(record.n, 0);
	assert_int_equal(alert_table_expire(&world->table, 9999, 2, &record),
	                 2);
	assert_string_equal(changes(world), "-a -b");

	alert_table_fini(&world->table);
	alert_table_init(&world->table, 1, MAX_ALERTS);
	assert_int_equal(try_message(world, "g", "+a1 +b1 +c1"), 0);
	(void)changes(world);
	assert_int_equal(
		am_read(world->reader, buf_slice(&record), &message, NULL), 0);
	assert_int_equal(alert_table_apply(&world->table, &message,
	                                   world->now_ms, &world->news),
	                 0);
	assert_true(world->news.any);
	assert_string_equal(changes(world), "-a -b");
	assert_int_equal(world->table.n_alerts, 1);
	assert_int_equal(world->table.n_groups, 1);
	buf_fini(&record);
}

static void test_touch(void **state)
{
	struct world *world = *state;

	assert_int_equal(try_message(world, "g", "+a1 +b1"), 0);
	assert_true(alert_table_has_changes(&world->table));
	(void)changes(world);
	assert_false(alert_table_has_changes(&world->table));
	alert_table_touch_all(&world->table);
	assert_string_equal(changes(world), "+a +b +[g]");
}

static void test_identity(void **state)
{
	struct world *world = *state;
	char out[ALERT_IDENTITY_MAX];
	struct alert_item *group;

	assert_int_equal(try_message(world, "g", "+a1"), 0);
	group = alert_table_take(&world->table);
	alert_item_identity(group, out);
	assert_memory_equal(out, "group/", 6);
	assert_int_equal(strlen(out), 6 + 16);
	alert_item_identity(alert_table_take(&world->table), out);
	assert_string_equal(out, "a/a");
}

/* Without a key the labels of the group stand for it. */
static void test_no_key(void **state)
{
	struct world *world = *state;

	assert_int_equal(try_message(world, "", "+a1"), 0);
	assert_int_equal(alert_table_take(&world->table)->key.n, 16);
}

/* What is written, read and applied is the same table; the walk goes on while
 * alerts come and go. */
static void test_documents(void **state)
{
	struct world *world = *state;
	struct am_message message;
	struct alert_table other;
	struct slice rest;
	struct slice line;
	struct buf text;

	assert_int_equal(try_message(world, "g", "+a1 +b2 +c3"), 0);
	assert_int_equal(try_message(world, "h", "+c3"), 0);
	buf_init(&text, 65536);
	alert_table_rewind(&world->table);
	assert_true(alert_table_write_next(&world->table, &text));
	assert_int_equal(try_message(world, "g", "-b2"), 0);
	while (alert_table_write_next(&world->table, &text))
		;
	assert_int_equal(text.failed, 0);

	alert_table_init(&other, 2, MAX_ALERTS);
	rest = buf_slice(&text);
	while (slice_next(&rest, '\n', &line)) {
		assert_int_equal(am_read(world->reader, line, &message, NULL),
		                 0);
		assert_int_equal(
			alert_table_apply(&other, &message, 1, &world->news),
			0);
	}
	assert_int_equal(other.n_alerts, 2);
	assert_int_equal(other.n_groups, 2);
	alert_table_fini(&other);
	buf_fini(&text);
}

static int two_messages(void)
{
	struct world world = { .now_ms = 1 };
	int r = -ENOMEM;

	alert_table_init(&world.table, 1, MAX_ALERTS);
	world.reader = am_reader_new();
	if (world.reader)
		r = try_message(&world, "g", "+a1 +b1");
	if (r == 0)
		r = try_message(&world, "h", "-a1 +b3 +c1!");
	(void)changes(&world);
	alert_table_fini(&world.table);
	am_reader_free(world.reader);
	return r;
}

static void test_no_memory(void **state)
{
	size_t n;

	faults_count();
	assert_int_equal(two_messages(), 0);
	n = faults_end();
	for (size_t k = 1; k <= n; k++) {
		faults_fail(k);
		assert_int_equal(two_messages(), -ENOMEM);
		faults_end();
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_life),          TEST(test_cut_list),
		TEST(test_starts),        TEST(test_group_stays),
		TEST(test_two_groups),    TEST(test_annotations),
		TEST(test_no_room),       TEST(test_expiry),
		TEST(test_expiry_record), TEST(test_touch),
		TEST(test_identity),      TEST(test_no_key),
		TEST(test_documents),     cmocka_unit_test(test_no_memory),
	};

	faults_install_mem();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
