/* SPDX-License-Identifier: Apache-2.0 */
/* container_table: which ends are told of, and what happens without memory. */
#include "container_kit.h"

#include "base/macros.h"
#include "base/slice.h"
#include "core/container_known.h"
#include "support/faults.h"

#define HEALTH(kit, identity, health) \
	kit_expect(kit, 0, identity, OBSERVATION_HEALTH, HEALTH_##health)

/* --- ends ------------------------------------------------------------------------------ */

static void test_which_ends_count(void **state)
{
	static const struct {
		const char *codes;
		int64_t code;
		bool any_end, codes_given;
		bool seen, asked, by_hand;
		enum idle_reason why; /* it is left */
	} rows[] = {
		/* crashed before our eyes, and otherwise */
		{ "nonzero", 1, false, false, true, false, false, IDLE_UNSAID },
		{ "nonzero", 0, false, false, true, false, false,
		  IDLE_EXIT_CODE },
		{ "nonzero", 1, false, false, false, false, false,
		  IDLE_UNSEEN },
		/* stopped by a person */
		{ "nonzero", 137, false, false, true, true, false,
		  IDLE_STOPPED },
		{ "nonzero", 137, false, false, true, false, true,
		  IDLE_STOPPED },
		/* clean-up, and codes that somebody wrote */
		{ "0", 0, true, false, false, false, false, IDLE_UNSAID },
		{ "0", 0, true, false, true, true, true, IDLE_UNSAID },
		{ "0", 143, true, false, true, true, false, IDLE_EXIT_CODE },
		{ "0,143", 143, false, true, true, true, false, IDLE_UNSAID },
		{ "any", 143, false, true, false, false, true, IDLE_UNSAID },
		/* an engine that tells no codes */
		{ "any", -1, false, true, false, false, false, IDLE_UNSAID },
		{ "nonzero", -1, false, false, true, false, false,
		  IDLE_EXIT_CODE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit kit;
		struct containers_query query;
		struct exit_codes codes;
		struct container job = kit_container("1", "job");
		const struct observation *last;

		assert_int_equal(exit_codes_parse(slice_from(rows[i].codes),
		                                  &codes, NULL),
		                 0);
		kit_init(&kit);
		query = kit_exited_query(&kit);
		query.codes = &codes;
		query.any_end = rows[i].any_end;
		query.codes_given = rows[i].codes_given;
		kit_subscribe(&kit, 0, &query);
		kit_list(&kit, &job, 1);
		HEALTH(&kit, "job", GOOD);
		job = kit_exited(&kit, "1", "job", rows[i].code);
		job.finished_wall_ms = kit.now_ms + 2000;
		job.stopped_by_hand = rows[i].by_hand;
		if (rows[i].asked)
			kit_event(&kit, RUNTIME_EVENT_ASKED, "1");
		else
			kit.now_ms += 1000;
		if (rows[i].seen) {
			kit_ended(&kit, "1", rows[i].code, false);
			kit_expect_look(&kit, "1");
			kit_found(&kit, &job);
		} else {
			kit_list(&kit, &job, 1);
		}
		last = &kit_member(&kit, 0, "job")->last;
		if ((last->kind == OBSERVATION_EXITED) !=
		    (rows[i].why == IDLE_UNSAID))
			fail_msg("row %zu", i);
		assert_int_equal(last->idle, rows[i].why);
		kit_fini(&kit);
	}
}

/* --- a clock that is set ------------------------------------------------------------ */

/* What was noted before lies in the future now: what happens next counts none
 * the less. */
static void test_clock_set_back(void **state)
{
	struct kit kit;
	struct containers_query health, ends;
	struct container web = kit_container("1", "web");

	kit_init(&kit);
	health = kit_health_query(&kit);
	ends = kit_exited_query(&kit);
	web.started_wall_ms = kit.now_ms - 1000;
	kit_subscribe(&kit, 0, &health);
	kit_subscribe(&kit, 1, &ends);
	kit_list(&kit, &web, 1);
	kit_health_event(&kit, "1", CONTAINER_HEALTH_HEALTHY);
	HEALTH(&kit, "web", GOOD);

	kit.now_ms -= 3600000;
	kit_health_event(&kit, "1", CONTAINER_HEALTH_UNHEALTHY);
	kit_expect_look(&kit, "1");
	web.health = CONTAINER_HEALTH_UNHEALTHY;
	web.n_streak = 1;
	kit_found(&kit, &web);
	HEALTH(&kit, "web", BAD);
	/* how long it runs cannot be said */
	assert_int_equal(kit_member(&kit, 0, "web")->last.running_ms, 0);

	kit_ended(&kit, "1", 3, false);
	kit_expect_look(&kit, "1");
	web = kit_exited(&kit, "1", "web", 3);
	web.finished_wall_ms = kit.now_ms;
	web.started_wall_ms = kit.now_ms + 3599000;
	kit.now_ms += 10;
	kit_found(&kit, &web);
	kit_expect(&kit, 1, "web", OBSERVATION_EXITED, HEALTH_IDLE);
	assert_int_equal(kit_member(&kit, 1, "web")->last.age_ms, 10);
	/* since then the stream is taken up again, not since the future */
	assert_true(container_table_last_event(kit.table) / 1000000 <=
	            kit.now_ms);
	kit_fini(&kit);
}

/* … and so is what somebody stopped left alone. */
static void test_stopped_after_the_clock_was_set_back(void **state)
{
	struct kit kit;
	struct containers_query ends;
	struct container web = kit_container("1", "web");

	kit_init(&kit);
	ends = kit_exited_query(&kit);
	web.started_wall_ms = kit.now_ms - 1000;
	kit_subscribe(&kit, 1, &ends);
	kit_list(&kit, &web, 1);
	kit.now_ms -= 3600000;
	kit_event(&kit, RUNTIME_EVENT_ASKED, "1");
	kit_ended(&kit, "1", 143, false);
	kit_expect_look(&kit, "1");
	web = kit_exited(&kit, "1", "web", 143);
	web.finished_wall_ms = kit.now_ms;
	kit_found(&kit, &web);
	kit_expect(&kit, 1, "web", OBSERVATION_HEALTH, HEALTH_IDLE);
	kit_fini(&kit);
}

/* An end in the future is no age below nothing. */
static void test_ended_in_the_future(void **state)
{
	struct kit kit;
	struct containers_query ends;
	struct container job;

	kit_init(&kit);
	ends = kit_exited_query(&kit);
	ends.any_end = true;
	ends.codes = &kit.any;
	kit_subscribe(&kit, 1, &ends);
	job = kit_exited(&kit, "1", "job", 0);
	job.finished_wall_ms = kit.now_ms + 3600000;
	kit_list(&kit, &job, 1);
	kit_expect(&kit, 1, "job", OBSERVATION_EXITED, HEALTH_IDLE);
	assert_int_equal(kit_member(&kit, 1, "job")->last.age_ms, 0);
	kit_fini(&kit);
}

/* It is told what ended, when, and that it runs again. */
static void test_ended_and_started(void **state)
{
	struct kit kit;
	struct containers_query query;
	struct container job = kit_container("1", "job");

	kit_init(&kit);
	query = kit_exited_query(&kit);
	kit_subscribe(&kit, 0, &query);
	kit_list(&kit, &job, 1);
	kit_ended(&kit, "1", 3, false);
	HEALTH(&kit, "job", GOOD); /* until it was looked at */
	kit_expect_look(&kit, "1");
	job = kit_exited(&kit, "1", "job", 3);
	job.finished_wall_ms = kit.now_ms - 1;
	kit.now_ms += 9;
	kit_found(&kit, &job);
	kit_expect(&kit, 0, "job", OBSERVATION_EXITED, HEALTH_IDLE);
	assert_int_equal(kit_member(&kit, 0, "job")->last.age_ms, 10);
	assert_int_equal(kit_member(&kit, 0, "job")->last.exit_code, 3);
	/* the engine brings it back by itself */
	job.status = CONTAINER_RESTARTING;
	container_table_check(kit.table, kit_member(&kit, 0, "job"));
	kit_expect_look(&kit, "1");
	kit_found(&kit, &job);
	HEALTH(&kit, "job", IDLE);
	kit_event(&kit, RUNTIME_EVENT_STARTED, "1");
	kit_expect_look(&kit, "1");
	job = kit_container("1", "job");
	job.started_wall_ms = kit.now_ms - 5;
	kit_found(&kit, &job);
	HEALTH(&kit, "job", GOOD);
	kit_event(&kit, RUNTIME_EVENT_PAUSED, "1");
	HEALTH(&kit, "job", IDLE);
	kit_fini(&kit);
}

/* Docker may tell of a kill only after the end that it caused. */
static void test_asked_after_the_end(void **state)
{
	struct kit kit;
	struct containers_query query;
	struct container job = kit_container("1", "job");

	kit_init(&kit);
	query = kit_exited_query(&kit);
	kit_subscribe(&kit, 0, &query);
	kit_list(&kit, &job, 1);
	kit_ended(&kit, "1", 137, false);
	kit_expect_look(&kit, "1");
	job = kit_exited(&kit, "1", "job", 137);
	job.finished_wall_ms = kit.now_ms;
	kit_found(&kit, &job);
	kit_expect(&kit, 0, "job", OBSERVATION_EXITED, HEALTH_IDLE);
	kit_event(&kit, RUNTIME_EVENT_ASKED, "1");
	HEALTH(&kit, "job", IDLE);
	/* and that stays so */
	kit_list(&kit, &job, 1);
	HEALTH(&kit, "job", IDLE);
	/* a later end, of which nobody heard, is another one */
	job.started_wall_ms = kit.now_ms + 1000;
	job.finished_wall_ms = kit.now_ms + 9000;
	kit.now_ms += 10000;
	kit_list(&kit, &job, 1);
	HEALTH(&kit, "job", IDLE);
	kit_event(&kit, RUNTIME_EVENT_STARTED, "1");
	kit_expect_look(&kit, "1");
	job.status = CONTAINER_RUNNING;
	job.started_wall_ms = kit.now_ms;
	kit_found(&kit, &job);
	kit_ended(&kit, "1", 137, false);
	kit_expect_look(&kit, "1");
	job.status = CONTAINER_EXITED;
	job.finished_wall_ms = kit.now_ms;
	kit_found(&kit, &job);
	kit_expect(&kit, 0, "job", OBSERVATION_EXITED, HEALTH_IDLE);
	kit_fini(&kit);
}

/* Whom a step of ours kills, nobody has stopped, whatever its engine infers
 * from that; a person who comes in between has. */
static void test_killed_by_us(void **state)
{
	struct kit kit;
	struct containers_query query;
	struct container job = kit_container("1", "job");

	kit_init(&kit);
	query = kit_exited_query(&kit);
	kit_subscribe(&kit, 0, &query);
	for (int how = 0; how < 4; how++) {
		bool late = how == 1, failed = how == 2, person = how == 3;

		job = kit_container("1", "job");
		job.started_wall_ms = kit.now_ms;
		kit_list(&kit, &job, 1);
		HEALTH(&kit, "job", GOOD);
		container_table_own_kill(kit.table, "1", true, false,
		                         kit.now_ms);
		if (!late)
			kit_event(&kit, RUNTIME_EVENT_ASKED, "1");
		kit_ended(&kit, "1", 137, late);
		if (late)
			kit_event(&kit, RUNTIME_EVENT_ASKED, "1");
		container_table_own_kill(kit.table, "1", false, !failed,
		                         kit.now_ms);
		if (person) {
			kit.now_ms += CONTAINER_SLACK_MS;
			kit_event(&kit, RUNTIME_EVENT_ASKED, "1");
		}
		kit_expect_look(&kit, "1");
		job = kit_exited(&kit, "1", "job", 137);
		job.started_wall_ms = kit.now_ms - 9000;
		job.finished_wall_ms = kit.now_ms;
		job.stopped_by_hand = true;
		kit_found(&kit, &job);
		if (failed || person)
			HEALTH(&kit, "job", IDLE);
		else
			kit_expect(&kit, 0, "job", OBSERVATION_EXITED,
			           HEALTH_IDLE);
		assert_int_equal(
			container_table_find(kit.table, "1")->ended_by_us,
			!failed && !person);
		/* and that is over with the run */
		kit_event(&kit, RUNTIME_EVENT_STARTED, "1");
		assert_false(container_table_find(kit.table, "1")->ended_by_us);
		kit_event(&kit, RUNTIME_EVENT_ASKED, "1");
		kit_ended(&kit, "1", 137, false);
		job.finished_wall_ms = kit.now_ms;
		kit_expect_look(&kit, "1");
		kit_found(&kit, &job);
		HEALTH(&kit, "job", IDLE);
		kit_event(&kit, RUNTIME_EVENT_STARTED, "1");
	}
	container_table_own_kill(kit.table, "nobody", true, false, 0);
	kit_fini(&kit);
}

/* A table that takes the place of another goes on where that one was: who
 * crashed before is still to be started, who was stopped is not. */
static void test_taking_the_place_of_another(void **state)
{
	struct kit before, kit;
	struct containers_query query;
	struct container two[] = { kit_container("1", "crashed"),
		                   kit_container("2", "stopped") };

	kit_init(&before);
	query = kit_exited_query(&before);
	kit_subscribe(&before, 0, &query);
	kit_list(&before, two, 2);
	kit_ended(&before, "1", 1, false);
	kit_event(&before, RUNTIME_EVENT_ASKED, "2");
	kit_ended(&before, "2", 137, false);

	kit_init(&kit);
	kit_subscribe(&kit, 0, &query);
	container_table_inherit(kit.table, before.table);
	assert_int_equal(container_table_last_event(kit.table),
	                 container_table_last_event(before.table));
	two[0] = kit_exited(&before, "1", "crashed", 1);
	two[0].finished_wall_ms = before.now_ms - 2000;
	two[1] = kit_exited(&before, "2", "stopped", 137);
	two[1].finished_wall_ms = before.now_ms;
	kit.now_ms = before.now_ms + 10;
	kit_fini(&before);
	kit_list(&kit, two, 2);
	kit_expect(&kit, 0, "crashed", OBSERVATION_EXITED, HEALTH_IDLE);
	HEALTH(&kit, "stopped", IDLE);
	/* who is gone meanwhile, is gone */
	kit_list(&kit, two, 1);
	assert_int_equal(container_table_count(kit.table), 1);
	kit_fini(&kit);
}

/* Of everybody, also of those that no rule covers then, as a list and a look
 * have it. */
static void test_who_opts_out(void **state)
{
	static const struct container_label label = { "bouncer.ignore", "1" };
	struct kit kit;
	struct containers_query query;
	struct selector selector = { .opt_out = "bouncer.ignore" };
	struct container two[] = { kit_container("1", "in"),
		                   kit_container("2", "out") };

	two[1].labels = &label;
	two[1].n_labels = 1;
	kit_init(&kit);
	query = kit_health_query(&kit);
	query.selector = &selector;
	kit_subscribe(&kit, 0, &query);
	for (int i = 0; i < 2; i++) {
		kit_list(&kit, two, 2);
		assert_false(container_table_find(kit.table, "1")->opted_out);
		assert_true(container_table_find(kit.table, "2")->opted_out);
		kit_event(&kit, RUNTIME_EVENT_RENAMED, "2");
		kit_expect_look(&kit, "2");
		kit_found(&kit, &two[1]);
		assert_true(container_table_find(kit.table, "2")->opted_out);
	}
	kit_fini(&kit);
}

static void expect_kept(struct kit *kit, const char *name, bool kept)
{
	const struct kit_member *member = kit_member(kit, 0, name);

	assert_non_null(member);
	if ((member->last.kind != OBSERVATION_EXITED) != kept)
		fail_msg("%s is %skept", name, kept ? "not " : "");
}

static void test_keep_last(void **state)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	static const char *const ids[] = { "1", "2", "3", "4" };
	struct kit kit;
	struct containers_query query;
	struct container jobs[4];

	kit_init(&kit);
	query = kit_exited_query(&kit);
	query.codes = &kit.any;
	query.any_end = true;
	query.keep_last = 2;
	kit_subscribe(&kit, 0, &query);
	for (size_t i = 0; i < 4; i++) {
		jobs[i] = kit_exited(&kit, ids[i], names[i], 0);
		jobs[i].finished_wall_ms -= (int64_t)i * 1000;
	}
	jobs[3] = kit_container("4", "d"); /* it still runs */
	kit_list(&kit, jobs, 4);
	expect_kept(&kit, "a", true);
	expect_kept(&kit, "b", true);
	expect_kept(&kit, "c", false);
	HEALTH(&kit, "d", GOOD);
	/* another one ends */
	kit_ended(&kit, "4", 0, false);
	kit_expect_look(&kit, "4");
	jobs[3] = kit_exited(&kit, "4", "d", 0);
	kit_found(&kit, &jobs[3]);
	expect_kept(&kit, "d", true);
	expect_kept(&kit, "a", true);
	expect_kept(&kit, "b", false);
	expect_kept(&kit, "c", false);
	/* one is removed */
	kit_event(&kit, RUNTIME_EVENT_REMOVED, "1");
	expect_kept(&kit, "d", true);
	expect_kept(&kit, "b", true);
	expect_kept(&kit, "c", false);
	/* one runs again */
	kit_event(&kit, RUNTIME_EVENT_STARTED, "4");
	kit_expect_look(&kit, "4");
	jobs[3] = kit_container("4", "d");
	jobs[3].started_wall_ms = kit.now_ms;
	kit_found(&kit, &jobs[3]);
	HEALTH(&kit, "d", GOOD);
	expect_kept(&kit, "b", true);
	expect_kept(&kit, "c", true);
	kit_fini(&kit);
}

/* --- memory ------------------------------------------------------------------------------ */

static void some_life(struct kit *kit, const struct container *all, size_t n)
{
	struct runtime_event events[] = {
		{ .kind = RUNTIME_EVENT_CREATED, .id = "9" },
		{ .kind = RUNTIME_EVENT_HEALTH,
		  .id = "1",
		  .health = CONTAINER_HEALTH_HEALTHY },
		{ .kind = RUNTIME_EVENT_RENAMED, .id = "2" },
	};
	const struct container *next;

	container_table_list_begin(kit->table, true);
	for (size_t i = 0; i < n; i++)
		(void)!container_table_list_element(kit->table, &all[i],
		                                    kit->now_ms);
	container_table_list_end(kit->table, true);
	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		events[i].name = events[i].project = "";
		events[i].exit_code = -1;
		events[i].time_ns = ++kit->now_ms * 1000000;
		(void)!container_table_event(kit->table, &events[i],
		                             kit->now_ms);
	}
	while ((next = container_table_next_look(kit->table))) {
		struct container found = { .id = next->id };
		bool there = strcmp(next->id, "9") != 0;

		for (size_t i = 0; i < n; i++)
			if (strcmp(all[i].id, next->id) == 0)
				found = all[i];
		found.detailed = true;
		(void)!container_table_looked(
			kit->table, there ? found.id : "9",
			there ? CONTAINER_LOOK_FOUND : CONTAINER_LOOK_GONE,
			there ? &found : NULL, kit->now_ms);
	}
	container_table_publish(kit->table, &(struct reading){ 0 },
	                        kit->now_ms);
}

enum { BORN, LIVED, REPAIRED }; /* how far it goes */

/* Whatever could not be taken over is made up for by the next list. */
static void live(int how_far)
{
	struct kit kit;
	struct containers_query health, ends;
	struct container all[4];

	kit_init(&kit);
	health = kit_health_query(&kit);
	ends = kit_exited_query(&kit);
	ends.codes = &kit.any;
	ends.any_end = true;
	ends.keep_last = 1;
	ends.dependents_label = "else";
	kit_subscribe(&kit, 0, &health);
	kit_subscribe(&kit, 1, &ends);
	all[0] = kit_unhealthy("1", "a");
	all[1] = kit_of_compose("2", "b", 1000);
	all[2] = kit_exited(&kit, "3", "c", 1);
	all[3] = kit_exited(&kit, "4", "d", 1);
	all[3].finished_wall_ms -= 1000;
	if (how_far >= LIVED)
		some_life(&kit, all, 4);
	if (how_far >= REPAIRED) {
		kit_list(&kit, all, 4);
		HEALTH(&kit, "a", BAD);
		HEALTH(&kit, "shop/web/1", GOOD);
		kit_expect(&kit, 1, "c", OBSERVATION_HEALTH, HEALTH_IDLE);
		kit_expect(&kit, 1, "d", OBSERVATION_EXITED, HEALTH_IDLE);
		assert_string_equal(
			container_label(container_table_find(kit.table, "2"),
		                        "else"),
			"x");
	}
	kit_fini(&kit);
}

static size_t count(int how_far)
{
	faults_count();
	live(how_far);
	return faults_end();
}

static void test_memory(void **state)
{
	size_t n_born = count(BORN);
	size_t n_lived = count(LIVED);

	assert_true(n_lived > n_born + 20);
	for (size_t k = n_born + 1; k <= n_lived; k++) {
		faults_fail(k);
		live(REPAIRED);
		(void)faults_end();
	}
}

/* --- what was replaced and is still there ------------------------------------- */

static struct container old_one(const struct kit *kit, int64_t ended_ms_ago)
{
	struct container old = kit_of_compose("old", "x_shop-web-1", 1000);

	old.status = CONTAINER_EXITED;
	old.health = CONTAINER_HEALTH_UNSAID;
	old.started_wall_ms = kit->now_ms - 900000;
	old.finished_wall_ms = kit->now_ms - ended_ms_ago;
	old.exit_code = 0;
	return old;
}

static void expect_subject(struct kit *kit, const char *id,
                           enum observation_kind kind)
{
	const struct kit_member *member = kit_member(kit, 0, "shop/web/1");

	assert_non_null(member);
	assert_string_equal(member->id, id);
	assert_int_equal(member->last.kind, kind);
	assert_int_equal(kit->n_appeared, 1);
}

static void test_left_over_is_cleaned_up(void **state)
{
	struct kit kit;
	struct containers_query query;
	struct container both[2];

	kit_init(&kit);
	query = kit_exited_query(&kit);
	query.codes = &kit.any;
	query.any_end = true;
	kit_subscribe(&kit, 0, &query);
	both[0] = old_one(&kit, 30000);
	both[1] = kit_of_compose("new", "shop-web-1", 2000);
	both[1].started_wall_ms = kit.now_ms - 20000;
	/* whoever replaced it may be about to remove it */
	kit_list(&kit, both, 2);
	expect_subject(&kit, "new", OBSERVATION_HEALTH);
	kit.now_ms += 30000;
	kit_list(&kit, both, 2);
	expect_subject(&kit, "old", OBSERVATION_EXITED);
	assert_int_equal(kit_member(&kit, 0, "shop/web/1")->last.age_ms, 60000);
	/* who asks about the member asks about that one */
	container_table_check(kit.table, kit_member(&kit, 0, "shop/web/1"));
	kit_expect_look(&kit, "old");
	kit_found(&kit, &both[0]);
	expect_subject(&kit, "old", OBSERVATION_EXITED);
	/* removed: the other one is back */
	kit_event(&kit, RUNTIME_EVENT_REMOVED, "old");
	kit_expect_look(&kit, "new");
	kit_found(&kit, &both[1]);
	expect_subject(&kit, "new", OBSERVATION_HEALTH);
	kit_fini(&kit);
}

/* It runs again after all. */
static void test_left_over_that_is_started(void **state)
{
	struct kit kit;
	struct containers_query query;
	struct container both[2];

	kit_init(&kit);
	query = kit_exited_query(&kit);
	query.codes = &kit.any;
	query.any_end = true;
	kit_subscribe(&kit, 0, &query);
	both[0] = old_one(&kit, 90000);
	both[1] = kit_of_compose("new", "shop-web-1", 2000);
	kit_list(&kit, both, 2);
	expect_subject(&kit, "old", OBSERVATION_EXITED);
	kit_event(&kit, RUNTIME_EVENT_STARTED, "old");
	kit_expect_look(&kit, "old");
	both[0].status = CONTAINER_RUNNING;
	both[0].started_wall_ms = kit.now_ms;
	kit_found(&kit, &both[0]);
	expect_subject(&kit, "new", OBSERVATION_HEALTH);
	kit_fini(&kit);
}

/* Who starts what ended has nothing to do with it, nor a rule that does not
 * select it. */
static void test_left_over_of_others(void **state)
{
	for (int by_name = 0; by_name < 2; by_name++) {
		static const char *const names[] = { "shop-*" };
		const struct selector chosen = {
			.select.names = { names, 1 },
		};
		struct kit kit;
		struct containers_query query;
		struct container both[2];

		kit_init(&kit);
		query = kit_exited_query(&kit);
		query.codes = &kit.any;
		query.any_end = by_name;
		query.codes_given = true;
		if (by_name)
			query.selector = &chosen;
		kit_subscribe(&kit, 0, &query);
		both[0] = old_one(&kit, 90000);
		both[1] = kit_of_compose("new", "shop-web-1", 2000);
		kit_list(&kit, both, 2);
		expect_subject(&kit, "new", OBSERVATION_HEALTH);
		kit_fini(&kit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_which_ends_count),
		cmocka_unit_test(test_clock_set_back),
		cmocka_unit_test(test_stopped_after_the_clock_was_set_back),
		cmocka_unit_test(test_ended_in_the_future),
		cmocka_unit_test(test_ended_and_started),
		cmocka_unit_test(test_asked_after_the_end),
		cmocka_unit_test(test_killed_by_us),
		cmocka_unit_test(test_taking_the_place_of_another),
		cmocka_unit_test(test_who_opts_out),
		cmocka_unit_test(test_keep_last),
		cmocka_unit_test(test_left_over_is_cleaned_up),
		cmocka_unit_test(test_left_over_that_is_started),
		cmocka_unit_test(test_left_over_of_others),
		cmocka_unit_test(test_memory),
	};

	faults_install_mem();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
