/* SPDX-License-Identifier: Apache-2.0 */
/* The way of an edit: done when it is on disk, rendered and told after; asked
 * about where it concerns rules; undone where the disk fails. */
#include "hub_kit.h"
#include "support/faults.h"

#include <errno.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANY 1000

struct watcher {
	struct registry_watch watch;
	struct registry *registry;
	uint64_t revision; /* when it was told last */
	int n_told;
	bool told;
};

static void on_changed(struct registry_watch *watch)
{
	struct watcher *watcher = container_of(watch, struct watcher, watch);

	/* it never runs backwards, and is news each time */
	assert_true(registry_revision(watcher->registry) > watcher->revision);
	watcher->revision = registry_revision(watcher->registry);
	watcher->n_told++;
	watcher->told = true;
}

static struct watcher *watch(struct registry *registry, struct watcher *watcher)
{
	*watcher = (struct watcher){ .watch = { .changed = on_changed },
		                     .registry = registry };
	registry_watch(registry, &watcher->watch);
	return watcher;
}

/* --- what becomes of it -------------------------------------------------------- */

static void done_is_on_disk(void **state)
{
	struct registry *registry = open_registry();
	struct tried tried = making(KIND_SHARD, "one");
	struct watcher watcher;

	(void)state;
	(void)watch(registry, &watcher);
	assert_null(documents_get(registry_documents(registry), "one",
	                          DOCUMENT_TARGETS));
	submit(registry, &tried);
	await_edit(&tried, REGISTRY_DONE);
	assert_int_equal(tried.n_applied, 1);
	assert_int_equal(tried.edit.n_records, 1);
	assert_int_equal(tried.edit.revision, 1);
	assert_int_equal(number_of("SELECT count(*) FROM shard"), 1);
	assert_int_equal(
		number_of("SELECT count(*) FROM audit WHERE actor = 'tester'"),
		1);
	/* who asks then, sees it */
	assert_non_null(documents_get(registry_documents(registry), "one",
	                              DOCUMENT_TARGETS));
	test_loop_until(&loop, &watcher.told);
	assert_int_equal(watcher.n_told, 1);
	assert_int_equal(registry_revision(registry), 1);
	registry_unwatch(registry, &watcher.watch);
	close_registry(registry);

	registry = open_registry();
	assert_true(has(registry, KIND_SHARD, "one"));
	assert_int_equal(registry_revision(registry), 1);
	close_registry(registry);
}

static void many_are_a_few_commits(void **state)
{
	struct registry *registry = open_registry();
	struct tried *tried = test_calloc(MANY, sizeof(*tried));
	char names[MANY][24];
	struct store_stats stats;
	struct watcher watcher;

	(void)state;
	(void)watch(registry, &watcher);
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "shard-%d", i);
		tried[i] = making(KIND_SHARD, names[i]);
		submit(registry, &tried[i]);
	}
	for (int i = 0; i < MANY; i++)
		await_edit(&tried[i], REGISTRY_DONE);
	store_stats(registry_store(registry), &stats);
	assert_true(stats.n_commits < MANY / 20);
	test_loop_until(&loop, &watcher.told);
	assert_true((unsigned)watcher.n_told <= stats.n_commits);
	assert_int_equal(number_of("SELECT count(*) FROM shard"), MANY);
	registry_unwatch(registry, &watcher.watch);
	close_registry(registry);
	test_free(tried);
}

static void refusals(void **state)
{
	static const struct {
		int code;
		enum registry_outcome outcome;
	} rows[] = {
		{ -ENOENT, REGISTRY_NOT_FOUND }, { -EEXIST, REGISTRY_EXISTS },
		{ -EPERM, REGISTRY_REFUSED },    { -ENOMEM, REGISTRY_FAILED },
		{ -EINVAL, REGISTRY_INVALID },   { -E2BIG, REGISTRY_INVALID },
	};
	struct registry *registry = open_registry();
	struct registry_stats stats;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct tried tried = making(KIND_SERVICE, "x");

		tried.refuse = rows[i].code;
		submit(registry, &tried);
		await_edit(&tried, rows[i].outcome);
		assert_int_equal(tried.edit.err.code, rows[i].code);
		assert_string_equal(tried.edit.err.message, "no");
		assert_string_equal(tried.edit.field, "name");
		assert_int_equal(tried.edit.n_records, 0);
	}
	assert_false(has(registry, KIND_SERVICE, "x"));
	registry_stats(registry, &stats);
	assert_int_equal(stats.n_edits[REGISTRY_INVALID], 2);
	assert_int_equal(stats.n_edits[REGISTRY_DONE], 0);
	assert_int_equal(stats.n_waiting, 0);
	close_registry(registry);
}

/* The model's own words. */
static void twice_is_once(void **state)
{
	struct registry *registry = open_registry();
	struct tried again = making(KIND_SERVICE, "web");

	(void)state;
	make(registry, KIND_SERVICE, "web");
	submit(registry, &again);
	await_edit(&again, REGISTRY_EXISTS);
	assert_true(again.edit.err.message[0] != '\0');
	close_registry(registry);
}

static void nothing_is_kept_of_a_dry_run(void **state)
{
	struct registry *registry = open_registry();
	struct tried dry = making(KIND_SERVICE, "web");
	struct tried idle = making(KIND_SERVICE, "");

	(void)state;
	dry.edit.dry_run = true;
	submit(registry, &dry);
	await_edit(&dry, REGISTRY_DONE);
	assert_int_equal(dry.edit.n_records, 1);
	assert_int_equal(dry.n_applied, 1);
	idle.idle = true;
	submit(registry, &idle);
	await_edit(&idle, REGISTRY_DONE);
	assert_int_equal(idle.edit.n_records, 0);
	assert_false(has(registry, KIND_SERVICE, "web"));
	assert_int_equal(number_of("SELECT count(*) FROM service"), 0);
	assert_int_equal(number_of("SELECT count(*) FROM audit"), 0);
	assert_int_equal(registry_revision(registry), 0);
	close_registry(registry);
}

/* --- promtool --------------------------------------------------------------------- */

/* Says no to what has "bad" in it, as promtool would. */
static const char picky[] =
	"echo \"$1 $2\" >> asked\n"
	"grep -q bad \"$3\" || exit 0\n"
	"echo \"Checking $3\"\necho '  FAILED:'\n"
	"echo \"$3: 3:11: group \\\"global\\\", rule 1: could not parse\" >&2\n"
	"exit 1\n";

static int n_lines(const char *name)
{
	char file_path[108];
	FILE *file = fopen(test_loop_path(&loop, name, file_path), "r");
	int n = 0;

	if (!file)
		return 0;
	for (int c = fgetc(file); c != EOF; c = fgetc(file))
		n += c == '\n';
	(void)fclose(file);
	return n;
}

static void rules_are_asked_about(void **state)
{
	struct tried bad = making(KIND_RULE, "broken");
	struct tried good = making(KIND_RULE, "fine");
	struct registry *registry;
	struct registry_stats stats;

	(void)state;
	write_promtool(picky);
	registry = open_registry();
	bad.text = "bad(";
	submit(registry, &bad);
	submit(registry, &good);
	await_edit(&bad, REGISTRY_BAD_RULES);
	assert_string_equal(bad.words,
	                    "3:11: group \"global\", rule 1: could not parse");
	assert_int_equal(bad.n_applied, 1);
	await_edit(&good, REGISTRY_DONE);
	assert_int_equal(good.n_applied, 2);
	assert_false(has(registry, KIND_RULE, "broken"));
	assert_true(has(registry, KIND_RULE, "fine"));
	/* nobody else is */
	make(registry, KIND_SERVICE, "web");
	assert_int_equal(n_lines("asked"), 2);
	registry_stats(registry, &stats);
	assert_int_equal(stats.n_checks[0], 1);
	assert_int_equal(stats.n_checks[1], 1);
	assert_int_equal(stats.n_edits[REGISTRY_BAD_RULES], 1);
	close_registry(registry);
}

static void a_dry_run_asks_too(void **state)
{
	struct tried bad = making(KIND_RULE, "broken");
	struct tried good = making(KIND_RULE, "fine");
	struct registry *registry;

	(void)state;
	write_promtool(picky);
	registry = open_registry();
	bad.text = "bad(";
	bad.edit.dry_run = true;
	good.edit.dry_run = true;
	submit(registry, &bad);
	submit(registry, &good);
	await_edit(&bad, REGISTRY_BAD_RULES);
	await_edit(&good, REGISTRY_DONE);
	assert_false(has(registry, KIND_RULE, "fine"));
	close_registry(registry);
}

/* Two at a time, the others wait; and only so many. */
static void promtool_is_not_flooded(void **state)
{
	enum { N = REGISTRY_MAX_RUNNING + REGISTRY_MAX_CHECKS };
	struct tried *tried = test_calloc(N + 1, sizeof(*tried));
	char names[N + 1][24];
	struct registry *registry;

	(void)state;
	write_promtool("mkdir one 2>/dev/null && { rmdir one; exit 0; }\n"
	               "mkdir two 2>/dev/null && { rmdir two; exit 0; }\n"
	               "exit 1\n");
	registry = open_registry();
	for (int i = 0; i <= N; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "rule_%d", i);
		tried[i] = making(KIND_RULE, names[i]);
		submit(registry, &tried[i]);
	}
	await_edit(&tried[N], REGISTRY_FAILED);
	assert_int_equal(tried[N].edit.err.code, -ENOBUFS);
	for (int i = 0; i < N; i++)
		await_edit(&tried[i], REGISTRY_DONE);
	close_registry(registry);
	test_free(tried);
}

#define MANY_RULES 2000

/* Each with as long a clause as there may be. */
static int apply_many_rules(struct registry_edit *edit, struct model_tx *tx,
                            struct err *err)
{
	char name[24] = "";
	char clause[FIELD_MAX_TEXT] = "up";
	const struct assignment set[] = { { RULE_NAME, { .text = name } },
		                          { RULE_CLAUSE, { .text = clause } } };
	struct object *made;
	int r = 0;

	(void)edit;
	memset(clause, 'x', sizeof(clause) - 1);
	for (int i = 0; i < MANY_RULES && r == 0; i++) {
		(void)snprintf(name, sizeof(name), "rule_%d", i);
		r = model_create(tx, KIND_RULE, set, 2, &made, err);
	}
	return r;
}

static struct tried trying_many_rules(void)
{
	struct tried tried = making(KIND_RULE, "");

	tried.edit.apply = apply_many_rules;
	tried.edit.dry_run = true;
	return tried;
}

/* What waits for it is kept in memory: only so much. */
static void promtool_is_not_flooded_with_bytes(void **state)
{
	enum { N = REGISTRY_CHECK_BYTES / (MANY_RULES * FIELD_MAX_TEXT) + 1 };
	struct tried tried[N];
	struct tried later = trying_many_rules();
	struct registry *registry;

	(void)state;
	write_promtool("exit 0");
	registry = open_registry();
	for (int i = 0; i < N; i++) {
		tried[i] = trying_many_rules();
		submit(registry, &tried[i]);
	}
	await_edit(&tried[N - 1], REGISTRY_FAILED);
	assert_int_equal(tried[N - 1].edit.err.code, -ENOBUFS);
	await_edit(&tried[0], REGISTRY_DONE);
	for (int i = 0; i < N; i++)
		test_loop_until(&loop, &tried[i].done);
	submit(registry, &later);
	await_edit(&later, REGISTRY_DONE);
	close_registry(registry);
}

static void promtool_that_fails_is_no_consent(void **state)
{
	struct tried killed = making(KIND_RULE, "a");
	struct tried absent = making(KIND_RULE, "b");
	struct registry *registry;

	(void)state;
	write_promtool("kill -KILL $$");
	registry = open_registry();
	submit(registry, &killed);
	await_edit(&killed, REGISTRY_FAILED);
	assert_non_null(strstr(killed.edit.err.message, "signal 9"));
	assert_int_equal(unlink(config.promtool), 0);
	submit(registry, &absent);
	await_edit(&absent, REGISTRY_FAILED);
	assert_non_null(strstr(absent.edit.err.message, "promtool"));
	assert_int_equal(model_count(registry_model(registry), KIND_RULE), 0);
	close_registry(registry);
}

static void a_close_does_not_wait_for_promtool(void **state)
{
	struct tried rules[4];
	struct tried last = making(KIND_SERVICE, "web");
	struct registry *registry;

	(void)state;
	write_promtool("echo >>begun; exec sleep 600");
	registry = open_registry();
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		rules[i] = making(KIND_RULE, "a");
		submit(registry, &rules[i]);
	}
	submit(registry, &last);
	for (int i = 0;
	     i < LOOP_WAIT_MS / LOOP_TICK_MS && n_lines("begun") == 0; i++)
		test_loop_for(&loop, LOOP_TICK_MS);
	assert_true(n_lines("begun") > 0);
	close_registry(registry);
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		assert_true(rules[i].done);
		assert_int_equal(rules[i].edit.outcome, REGISTRY_FAILED);
	}
	/* what was accepted, was kept */
	assert_true(last.done);
	assert_int_equal(last.edit.outcome, REGISTRY_DONE);
	assert_int_equal(number_of("SELECT count(*) FROM service"), 1);
}

/* The answers are waited for before the close. */
static void a_stop_does_not_wait_for_promtool(void **state)
{
	struct tried waits = making(KIND_RULE, "a");
	struct tried late = making(KIND_SERVICE, "web");
	struct registry *registry;

	(void)state;
	write_promtool("exec sleep 600");
	registry = open_registry();
	submit(registry, &waits);
	test_loop_for(&loop, LOOP_TICK_MS);
	registry_stop(registry);
	submit(registry, &late);
	await_edit(&waits, REGISTRY_FAILED);
	await_edit(&late, REGISTRY_FAILED);
	assert_non_null(strstr(waits.edit.err.message, "stopping"));
	close_registry(registry);
}

static void remove_directories(void)
{
	char pattern[256];
	glob_t found;

	(void)snprintf(pattern, sizeof(pattern), "%s/bouncer-*", loop.dir);
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++)
		assert_int_equal(rmdir(found.gl_pathv[i]), 0);
	globfree(&found);
}

/* Those who tidy up directories of temporary files do not ask us. */
static void promtools_directory_may_vanish(void **state)
{
	struct tried rules[] = { making(KIND_RULE, "a"),
		                 making(KIND_RULE, "b") };
	struct registry *registry;

	(void)state;
	write_promtool("test -s $3");
	assert_int_equal(setenv("TMPDIR", loop.dir, 1), 0);
	registry = open_registry();
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		submit(registry, &rules[i]);
		await_edit(&rules[i], REGISTRY_DONE);
		if (i == 0)
			remove_directories();
	}
	close_registry(registry);
	assert_int_equal(unsetenv("TMPDIR"), 0);
}

/* --- the disk ---------------------------------------------------------------------- */

/* No file grows any more: as a full disk. 0: they do. */
static void limit_files(off_t size)
{
	struct rlimit limit;

	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = size ? (rlim_t)size : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_undoes_what_it_did_not_take(void **state)
{
	struct registry *registry = open_registry();
	struct tried lost = making(KIND_SHARD, "lost");
	struct tried lost_too = making(KIND_SERVICE, "lost");
	struct tried later = making(KIND_SHARD, "later");
	struct registry_stats stats;
	struct watcher watcher;

	(void)state;
	make(registry, KIND_SHARD, "kept");
	(void)watch(registry, &watcher);
	watcher.revision = registry_revision(registry);
	limit_files(4096);
	submit(registry, &lost);
	submit(registry, &lost_too);
	assert_true(has(registry, KIND_SHARD, "lost"));
	await_edit(&lost, REGISTRY_FAILED);
	limit_files(0);
	submit(registry, &later);
	await_edit(&lost_too, REGISTRY_FAILED);
	assert_non_null(strstr(lost.edit.err.message, "database"));
	await_edit(&later, REGISTRY_DONE);

	assert_true(has(registry, KIND_SHARD, "kept"));
	assert_true(has(registry, KIND_SHARD, "later"));
	assert_false(has(registry, KIND_SHARD, "lost"));
	assert_false(has(registry, KIND_SERVICE, "lost"));
	assert_null(documents_get(registry_documents(registry), "lost",
	                          DOCUMENT_TARGETS));
	registry_stats(registry, &stats);
	assert_int_equal(stats.n_reloads, 1);
	assert_true(registry_is_well(registry, NULL));
	assert_non_null(strstr(buf_text(&log_text), "edits were not kept"));
	test_loop_until(&loop, &watcher.told);
	registry_unwatch(registry, &watcher.watch);
	close_registry(registry);

	registry = open_registry();
	assert_true(has(registry, KIND_SHARD, "later"));
	assert_false(has(registry, KIND_SHARD, "lost"));
	close_registry(registry);
}

/* Who tries again and again does not have all of it read each time. */
static void a_full_disk_is_not_a_full_loop(void **state)
{
	struct registry *registry = open_registry();
	uint64_t begun_ms = uv_now(&loop.uv);
	struct registry_stats stats;

	(void)state;
	limit_files(4096);
	for (int i = 0; i < 5; i++) {
		struct tried lost = making(KIND_SHARD, "lost");

		submit(registry, &lost);
		await_edit(&lost, REGISTRY_FAILED);
	}
	limit_files(0);
	registry_stats(registry, &stats);
	assert_true(stats.n_reloads >= 2);
	uv_update_time(&loop.uv);
	assert_true(uv_now(&loop.uv) - begun_ms >=
	            (stats.n_reloads - 1) * REGISTRY_READ_REST);
	make(registry, KIND_SHARD, "later");
	close_registry(registry);
}

/* Somebody else has meddled with the database: only that one fails. */
static void what_the_database_refuses_is_undone(void **state)
{
	struct registry *registry = open_registry();
	struct tried poison = making(KIND_SHARD, "poison");

	(void)state;
	run_sql("CREATE TRIGGER poison BEFORE INSERT ON shard"
	        " WHEN NEW.name = 'poison'"
	        " BEGIN SELECT RAISE(ABORT, 'no'); END");
	make(registry, KIND_SHARD, "good");
	submit(registry, &poison);
	await_edit(&poison, REGISTRY_FAILED);
	make(registry, KIND_SHARD, "next");
	assert_false(has(registry, KIND_SHARD, "poison"));
	assert_true(has(registry, KIND_SHARD, "good"));
	close_registry(registry);
}

/* --- the end, and reloads ------------------------------------------------------------ */

static void on_closed(void *context)
{
	*(bool *)context = true;
}

static void what_comes_too_late_fails(void **state)
{
	struct registry *registry = open_registry();
	struct tried early = making(KIND_SERVICE, "early");
	struct tried late = making(KIND_SERVICE, "late");
	bool closed = false;

	(void)state;
	submit(registry, &early);
	registry_close(registry, on_closed, &closed);
	submit(registry, &late);
	test_loop_until(&loop, &closed);
	assert_true(early.done && late.done);
	assert_int_equal(early.edit.outcome, REGISTRY_DONE);
	assert_int_equal(late.edit.outcome, REGISTRY_FAILED);
	assert_int_equal(number_of("SELECT count(*) FROM service"), 1);
}

static const char *rules_of(struct registry *registry)
{
	const struct document *document = documents_get(
		registry_documents(registry), NULL, DOCUMENT_RULES);
	static char text[4096];

	assert_non_null(document);
	(void)snprintf(text, sizeof(text), SLICE_FMT,
	               SLICE_ARG(document->text));
	return text;
}

static void a_reload_is_followed(void **state)
{
	struct registry *registry = open_registry();
	struct config_registry next = config;
	struct watcher watcher;
	struct err err;

	(void)state;
	make(registry, KIND_SHARD, "one");
	make(registry, KIND_RULE, "down");
	assert_non_null(strstr(rules_of(registry), "name: \"global\""));
	(void)watch(registry, &watcher);
	next.site = "planet";
	next.promtool = "/nowhere/promtool";
	assert_int_equal(registry_plan(registry, &next, &err), -ENOENT);
	assert_non_null(strstr(err.message, "/nowhere/promtool"));
	next.promtool = "";
	next.path = "/elsewhere";
	assert_int_equal(registry_plan(registry, &next, &err), 0);
	registry_revert(registry);
	assert_int_equal(registry_plan(registry, &next, &err), 0);
	registry_follow(registry, &next);
	test_loop_until(&loop, &watcher.told);
	assert_non_null(strstr(rules_of(registry), "name: \"planet\""));
	assert_non_null(strstr(buf_text(&log_text),
	                       "registry.path changes with the next restart"));
	make(registry, KIND_SHARD, "two");
	registry_unwatch(registry, &watcher.watch);
	close_registry(registry);
}

/* --- memory --------------------------------------------------------------------------- */

static struct registry *try_to_open(void)
{
	const struct registry_options options = { .loop = &loop.uv,
		                                  .config = &config,
		                                  .seed = 1 };
	struct registry *registry = NULL;
	struct err err = { 0 };

	if (registry_open(&options, &registry, &err) < 0) {
		assert_true(err.message[0] != '\0');
		if (registry)
			close_registry(registry);
		assert_int_equal(uv_run(&loop.uv, UV_RUN_DEFAULT), 0);
		return NULL;
	}
	return registry;
}

/* Whatever is missing, each edit ends, and says how. */
static void edit_a_little(struct registry *registry)
{
	static unsigned n_lives;
	char name[24] = "";
	struct tried tried[] = { making(KIND_RULE, name),
		                 making(KIND_SHARD, name) };

	(void)snprintf(name, sizeof(name), "life_%u", n_lives++);
	for (size_t i = 0; i < ARRAY_SIZE(tried); i++)
		submit(registry, &tried[i]);
	for (size_t i = 0; i < ARRAY_SIZE(tried); i++) {
		test_loop_until(&loop, &tried[i].done);
		if (tried[i].edit.outcome != REGISTRY_DONE)
			assert_int_equal(tried[i].edit.outcome,
			                 REGISTRY_FAILED);
		assert_int_equal(has(registry, tried[i].kind, name),
		                 tried[i].edit.outcome == REGISTRY_DONE);
	}
}

static void live(bool edits)
{
	struct registry *registry = try_to_open();

	if (!registry)
		return;
	if (edits)
		edit_a_little(registry);
	close_registry(registry);
}

/* An opening allocates much that is alike: a sample of it will do. */
static void an_edit_without_memory_fails_and_no_more(void **state)
{
	size_t n_open;
	size_t n;

	(void)state;
	write_promtool("exit 0");
	live(true); /* makes the database, and what libraries keep for ever */
	faults_count();
	live(false);
	n_open = faults_end();
	faults_count();
	live(true);
	n = faults_end();
	assert_true(n > n_open);
	for (size_t k = 1; k <= n; k += k < n_open ? 37 : 1) {
		faults_fail(k);
		live(true);
		(void)faults_end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ROW(name) \
	cmocka_unit_test_setup_teardown(name, hub_set_up, hub_tear_down)
		ROW(done_is_on_disk),
		ROW(many_are_a_few_commits),
		ROW(refusals),
		ROW(twice_is_once),
		ROW(nothing_is_kept_of_a_dry_run),
		ROW(rules_are_asked_about),
		ROW(a_dry_run_asks_too),
		ROW(promtool_is_not_flooded),
		ROW(promtool_is_not_flooded_with_bytes),
		ROW(promtool_that_fails_is_no_consent),
		ROW(a_close_does_not_wait_for_promtool),
		ROW(a_stop_does_not_wait_for_promtool),
		ROW(promtools_directory_may_vanish),
		ROW(a_full_disk_is_not_a_full_loop),
		ROW(a_full_disk_undoes_what_it_did_not_take),
		ROW(what_the_database_refuses_is_undone),
		ROW(what_comes_too_late_fails),
		ROW(a_reload_is_followed),
		ROW(an_edit_without_memory_fails_and_no_more),
	};

	faults_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
