/* SPDX-License-Identifier: Apache-2.0 */
/* explain: the sentences, state by state. */
#include "support/cmocka.h"

#include <string.h>
#include "core/explain.h"
#include "watch_kit.h"

#define AT(ms) (KIT_ZERO + (ms))
#define SECOND 1000u
#define MINUTE 60000u

static struct explain told;

static void tell(struct watch_kit *kit, uint64_t at_ms)
{
	explain(&kit->supervisor, &kit->monitors[0], "docker api", AT(at_ms),
	        &told);
}

/* All lines, in order; NULL ends them. */
static void expect(struct watch_kit *kit, uint64_t at_ms,
                   const char *const *lines)
{
	unsigned n = 0;

	tell(kit, at_ms);
	for (; lines[n]; n++) {
		if (n >= told.n_lines || strcmp(lines[n], told.lines[n]) != 0)
			fail_msg("line %u is \"%s\" instead of \"%s\"", n,
			         n < told.n_lines ? told.lines[n] : "",
			         lines[n]);
	}
	assert_int_equal(told.n_lines, n);
}

static const struct explain_guard *guard(uint32_t bit)
{
	for (unsigned i = 0; i < N_POLICY_GUARDS; i++) {
		if (told.guards[i].guard == bit)
			return &told.guards[i];
	}
	fail_msg("no guard %u", bit);
	return NULL;
}

static void test_starting_and_good(void **state)
{
	static const char *const starting[] = {
		"Nothing is known yet, since 01:00:00.",
		"It has not been seen at the source yet.",
		"Next: the first observation decides.",
		"Would then: restart docker api.",
		NULL,
	};
	static const char *const good[] = {
		"Good since 01:00:05.",
		"Last push 12s ago, limit 1m: good.",
		"Next: breach at 01:00:53 if nothing is pushed before.",
		"Would then: restart docker api.",
		NULL,
	};
	struct watch_kit *kit = watch_kit_new();

	expect(kit, 0, starting);
	assert_true(told.next_ms == POLICY_NEVER);
	watch_kit_read(kit, 2 * SECOND + 1, 5 * SECOND);
	watch_kit_read(kit, 12 * SECOND, 5 * SECOND);
	expect(kit, 5 * SECOND, good);
	assert_true(told.next_ms == AT(53 * SECOND));
	/* as it gets older */
	tell(kit, 15 * SECOND);
	assert_string_equal(told.lines[1],
	                    "Last push 22s ago, limit 1m: good.");
	assert_true(told.next_ms == AT(53 * SECOND));
	for (unsigned i = 0; i < N_POLICY_GUARDS; i++)
		assert_false(told.guards[i].holds);
	watch_kit_free(kit);
}

static void test_breached(void **state)
{
	static const char *const lines[] = {
		"Bad since 01:00:00, but not for 10s yet.",
		"Last push 1m1s ago, limit 1m: too old.",
		"Next: bounce at 01:00:10 if it stays bad.",
		"Would then: restart docker api.",
		NULL,
	};
	struct watch_kit *kit = watch_kit_new();

	kit->rules.for_ms = 10 * SECOND;
	watch_kit_read(kit, 61 * SECOND, 0);
	expect(kit, 0, lines);
	watch_kit_free(kit);
}

static void test_waiting(void **state)
{
	static const char *const lines[] = {
		"Waits since 01:00:00 to be bounced.",
		"Last push 1m1s ago, limit 1m: too old.",
		"Held by grace until 01:05:00: watched for less than "
		"start_grace, 5m.",
		"Held by quiet until 02:00:00: quiet window Sun 00:30-02:00.",
		"Next: bounce at 02:00:00, when quiet lets go, if it is still "
		"bad.",
		"Would then: restart docker api.",
		NULL,
	};
	struct watch_kit *kit = watch_kit_new();
	struct quiet_window window;

	kit->rules.start_grace_ms = 5 * MINUTE;
	assert_int_equal(
		quiet_parse(slice_from("Sun 00:30-02:00"), &window, NULL), 0);
	kit->monitors[0].quiet = &window;
	kit->monitors[0].n_quiet = 1;
	watch_kit_read(kit, 61 * SECOND, 0);
	expect(kit, 0, lines);
	assert_true(guard(GUARD_QUIET)->until_ms == AT(60 * MINUTE));

	/* nobody knows when a storm ends */
	kit->group.storm = true;
	tell(kit, 0);
	assert_string_equal(told.next,
	                    "bounce when storm lets go, if it is still bad");
	watch_kit_free(kit);
}

static void test_bounce(void **state)
{
	static const char *const bouncing[] = {
		"Is being bounced since 01:00:00, step 1 of 2.",
		"Last push 1m2s ago, limit 1m: too old.",
		"Next: the end of the step.",
		"At work: restart docker api.",
		NULL,
	};
	static const char *const verifying[] = {
		"Step 1 of 2 was done at 01:00:02; does it help?",
		"Last push 1m3s ago, limit 1m: too old.",
		"A bounce now would be held by cooldown until 01:00:32: wait "
		"after the last bounce, 0 failed in a row.",
		"Next: the next step at 01:01:02 if it is not good before.",
		"Would then: exec in docker api: /bin/check -v.",
		NULL,
	};
	struct watch_kit *kit = watch_kit_new();

	watch_kit_read(kit, 61 * SECOND, 0);
	expect(kit, SECOND, bouncing);
	watch_kit_step_ended(kit, 0, STEP_OK, 2 * SECOND);
	expect(kit, 2 * SECOND, verifying);
	watch_kit_free(kit);
}

static void test_cooling_and_gave_up(void **state)
{
	struct watch_kit *kit = watch_kit_new();
	uint64_t cool_ms;

	kit->rules.n_steps = 1;
	watch_kit_read(kit, 61 * SECOND, 0);
	watch_kit_step_ended(kit, 0, STEP_FAILED, SECOND);
	tell(kit, SECOND);
	assert_string_equal(told.lines[0], "Bad, and cools down since "
	                                   "01:00:01.");
	assert_true(guard(GUARD_COOLDOWN)->holds);
	cool_ms = kit->monitors[0].policy.cool_until_ms - KIT_ZERO;
	assert_true(told.next_ms == AT(cool_ms));
	assert_false(guard(GUARD_BUDGET)->holds);

	watch_kit_read(kit, 61 * SECOND + cool_ms, cool_ms);
	watch_kit_step_ended(kit, 0, STEP_FAILED, cool_ms);
	tell(kit, cool_ms);
	assert_true(guard(GUARD_BUDGET)->holds);
	assert_string_equal(guard(GUARD_BUDGET)->why, "2 of 2 bounces in 1h");
	assert_true(guard(GUARD_BUDGET)->until_ms == POLICY_NEVER);
	assert_non_null(strstr(told.lines[0], "Gave up at "));
	assert_string_equal(told.next, "nothing until it is good again, or a "
	                               "bounce is ordered");
	watch_kit_free(kit);
}

static void test_unknown(void **state)
{
	static const char *const lines[] = {
		"Unknown since 01:00:05: http://gw cannot be read (refused).",
		"The source could not be read last time.",
		"Next: goes on when the source can be read again.",
		"Would only say then: restart docker api.",
		NULL,
	};
	struct watch_kit *kit = watch_kit_new();

	watch_kit_read(kit, 0, 0);
	watch_kit_unknown(kit, 5 * SECOND);
	tell(kit, 5 * SECOND);
	assert_true(guard(GUARD_UNKNOWN)->holds);
	assert_false(guard(GUARD_DRY_RUN)->holds);
	kit->monitors[0].dry_run = true;
	tell(kit, 5 * SECOND);
	assert_true(guard(GUARD_DRY_RUN)->holds);
	assert_string_equal(told.lines[0], lines[0]);
	assert_string_equal(told.lines[1], lines[1]);
	assert_string_equal(told.lines[told.n_lines - 2], lines[2]);
	assert_string_equal(told.lines[told.n_lines - 1], lines[3]);
	watch_kit_free(kit);
}

static void test_paused(void **state)
{
	struct watch_kit *kit = watch_kit_new();
	struct supervisor *supervisor = &kit->supervisor;

	assert_int_equal(supervisor_order_pause(supervisor, NULL,
	                                        AT(24 * 60 * MINUTE), "move",
	                                        AT(0)),
	                 0);
	tell(kit, 0);
	assert_string_equal(told.lines[0],
	                    "Since 01:00:00 all monitors are paused by an "
	                    "operator: move.");
	/* another day has its date */
	assert_string_equal(told.next, "resumed at 2026-11-23 01:00:00");
	assert_int_equal(supervisor_order_pause(supervisor, &kit->monitors[0],
	                                        PAUSE_FOREVER, "", AT(0)),
	                 0);
	tell(kit, 0);
	assert_string_equal(told.lines[0],
	                    "Since 01:00:00 paused by an operator.");
	assert_string_equal(told.next, "nothing until it is resumed");
	kit->monitors[0].paused = true;
	tell(kit, 0);
	assert_string_equal(told.lines[0],
	                    "Since 01:00:00 paused by the configuration.");
	watch_kit_free(kit);
}

static void observe_one(struct watch_kit *kit, struct observation observation)
{
	supervisor_observe(&kit->supervisor, &kit->monitors[0], &observation,
	                   AT(0));
	tell(kit, 5 * SECOND);
}

static void test_other_observations(void **state)
{
	struct watch_kit *kit = watch_kit_new();

	observe_one(kit, (struct observation){ .kind = OBSERVATION_MISSING,
	                                       .age_ms = OBSERVATION_NEVER });
	assert_string_equal(
		told.lines[1],
		"Missing at the source for 5s, limit 1m: not bad yet.");
	observe_one(kit, (struct observation){ .kind = OBSERVATION_FAILED,
	                                       .age_ms = 2 * SECOND,
	                                       .exit_code = 3 });
	assert_string_equal(told.lines[1],
	                    "The job reported a failure 7s ago, exit code 3.");
	observe_one(kit, (struct observation){ .kind = OBSERVATION_FAILED,
	                                       .exit_code = -1 });
	assert_string_equal(told.lines[1],
	                    "The job reported a failure 5s ago.");
	kit->rules.max_runtime_ms = 10 * SECOND;
	observe_one(kit, (struct observation){ .kind = OBSERVATION_AGE,
	                                       .away_ms = 4 * SECOND,
	                                       .age_ms = 20 * SECOND,
	                                       .running_ms = 6 * SECOND });
	assert_string_equal(told.lines[2], "It runs for 11s, limit 10s.");
	assert_string_equal(told.lines[3],
	                    "Of that time 4s do not count: the source could "
	                    "not be read or was away.");
	watch_kit_free(kit);
}

static void test_step_texts(void **state)
{
	static const char *const argv[] = { "/bin/systemctl", "restart", "x",
		                            NULL };
	static const struct {
		struct step step;
		const char *text;
	} rows[] = {
		{ { .kind = STEP_RESTART }, "restart docker api" },
		{ { .kind = STEP_KILL, .signal = "SIGTERM" },
		  "kill docker api" },
		{ { .kind = STEP_EXEC, .argv = argv },
		  "exec in docker api: /bin/systemctl restart x" },
		{ { .kind = STEP_RUN, .argv = argv },
		  "run /bin/systemctl restart x" },
		{ { .kind = STEP_LOG, .message = "hello" }, "log: hello" },
		{ { .kind = STEP_LOG }, "log" },
	};
	char out[EXPLAIN_LINE_SIZE];
	char name[256];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(
			explain_step(&rows[i].step, "docker api", out),
			rows[i].text);
	/* however long, it ends */
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	{
		const char *const many[] = { name, name, name, NULL };
		struct step step = { .kind = STEP_EXEC, .argv = many };

		assert_true(strlen(explain_step(&step, name, out)) <
		            EXPLAIN_LINE_SIZE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_starting_and_good),
		cmocka_unit_test(test_breached),
		cmocka_unit_test(test_waiting),
		cmocka_unit_test(test_bounce),
		cmocka_unit_test(test_cooling_and_gave_up),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_paused),
		cmocka_unit_test(test_other_observations),
		cmocka_unit_test(test_step_texts),
	};

	return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
