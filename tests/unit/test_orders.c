/* SPDX-License-Identifier: Apache-2.0 */
/* What operators order of a supervisor, and what quiet windows hold. */
#include "support/cmocka.h"

#include <errno.h>
#include "support/faults.h"
#include "watch_kit.h"

#define AT(ms) (KIT_ZERO + (ms))

static enum policy_state state_of(const struct watch_kit *kit, unsigned i)
{
	return kit->monitors[i].policy.state;
}

/* --- pause and resume ---------------------------------------------------- */

static void test_pause_and_resume(void **state)
{
	struct watch_kit *kit = watch_kit_new();
	struct supervisor *supervisor = &kit->supervisor;
	struct monitor *a = &kit->monitors[0];

	watch_kit_read(kit, 0, 0);
	assert_false(supervisor_order_resume(supervisor, a, AT(1)));
	assert_int_equal(supervisor_order_pause(supervisor, a, PAUSE_FOREVER,
	                                        "broken", AT(1)),
	                 0);
	assert_int_equal(state_of(kit, 0), POLICY_PAUSED);
	assert_int_equal(state_of(kit, 1), POLICY_GOOD);
	assert_string_equal(supervisor_pause_of(supervisor, a)->reason,
	                    "broken");
	assert_true(watch_kit_recorded(kit, "a", "paused by an operator"));
	watch_kit_read(kit, 61000, 1000);
	watch_kit_said(kit, "");
	assert_int_equal(kit->monitors[0].policy.held, GUARD_PAUSE);

	assert_true(supervisor_order_resume(supervisor, a, AT(2000)));
	assert_null(a->pause);
	assert_true(watch_kit_recorded(kit, "a", "resumed by an operator"));
	watch_kit_read(kit, 63000, 3000);
	watch_kit_said(kit, "run a ");
	watch_kit_free(kit);
}

/* `until` is a deadline like any other, and is not missed for a later one. */
static void test_pause_ends_by_itself(void **state)
{
	struct watch_kit *kit = watch_kit_new();
	struct supervisor *supervisor = &kit->supervisor;
	struct monitor *a = &kit->monitors[0];

	assert_int_equal(
		supervisor_order_pause(supervisor, a, AT(5000), "", AT(0)), 0);
	assert_true(supervisor_next(supervisor) == AT(5000));
	supervisor_tick(supervisor, AT(4999));
	assert_int_equal(state_of(kit, 0), POLICY_PAUSED);
	supervisor_tick(supervisor, AT(5000));
	assert_int_equal(state_of(kit, 0), POLICY_STARTING);
	assert_true(watch_kit_recorded(kit, "a", "pause is over"));
	assert_true(supervisor_next(supervisor) == POLICY_NEVER);

	/* a new order takes the place of an old one */
	assert_int_equal(
		supervisor_order_pause(supervisor, a, AT(9000), "", AT(6000)),
		0);
	assert_int_equal(supervisor_order_pause(supervisor, a, PAUSE_FOREVER,
	                                        "", AT(7000)),
	                 0);
	supervisor_tick(supervisor, AT(9000));
	assert_int_equal(state_of(kit, 0), POLICY_PAUSED);
	watch_kit_free(kit);
}

static void test_pause_of_all(void **state)
{
	struct watch_kit *kit = watch_kit_new();
	struct supervisor *supervisor = &kit->supervisor;

	assert_int_equal(supervisor_order_pause(supervisor, &kit->monitors[1],
	                                        PAUSE_FOREVER, "own", AT(0)),
	                 0);
	assert_int_equal(supervisor_order_pause(supervisor, NULL, AT(5000),
	                                        "move", AT(0)),
	                 0);
	assert_int_equal(state_of(kit, 0), POLICY_PAUSED);
	/* one that comes while all are paused */
	watch_kit_add(kit, 2);
	assert_int_equal(state_of(kit, 2), POLICY_PAUSED);
	assert_string_equal(
		supervisor_pause_of(supervisor, &kit->monitors[1])->reason,
		"own");

	assert_true(supervisor_next(supervisor) == AT(5000));
	supervisor_tick(supervisor, AT(5000));
	assert_int_equal(state_of(kit, 0), POLICY_STARTING);
	assert_int_equal(state_of(kit, 1), POLICY_PAUSED);
	assert_int_equal(state_of(kit, 2), POLICY_STARTING);
	assert_false(supervisor_order_resume(supervisor, NULL, AT(6000)));
	watch_kit_remove(kit, 2);
	watch_kit_free(kit);
}

/* What the configuration pauses stays so, whatever an operator resumes. */
static void test_paused_by_configuration(void **state)
{
	struct watch_kit *kit = watch_kit_new();
	struct supervisor *supervisor = &kit->supervisor;
	struct monitor *c = &kit->monitors[2];

	c->paused = true;
	watch_kit_add(kit, 2);
	assert_int_equal(state_of(kit, 2), POLICY_PAUSED);
	assert_false(supervisor_order_resume(supervisor, c, AT(0)));
	assert_int_equal(
		supervisor_order_pause(supervisor, c, AT(1000), "", AT(0)), 0);
	supervisor_tick(supervisor, AT(1000));
	assert_int_equal(state_of(kit, 2), POLICY_PAUSED);
	watch_kit_remove(kit, 2);
	watch_kit_free(kit);
}

static void test_no_memory_for_a_pause(void **state)
{
	struct watch_kit *kit = watch_kit_new();

	faults_install_mem();
	faults_fail(1);
	assert_int_equal(supervisor_order_pause(&kit->supervisor, NULL,
	                                        PAUSE_FOREVER, "", AT(0)),
	                 -ENOMEM);
	(void)faults_end();
	assert_null(kit->supervisor.pause_all);
	assert_int_equal(state_of(kit, 0), POLICY_STARTING);
	watch_kit_free(kit);
}

/* --- a bounce ------------------------------------------------------------ */

static void order(struct watch_kit *kit, unsigned i, uint64_t at_ms)
{
	struct monitor *monitor = &kit->monitors[i];

	assert_null(supervisor_refusal(&kit->supervisor, monitor, AT(at_ms)));
	supervisor_order_bounce(&kit->supervisor, monitor, AT(at_ms));
}

/* From each state, however it was reached. */
static void test_order_from_each_state(void **state)
{
	static const enum policy_state states[] = {
		POLICY_STARTING,  POLICY_GOOD,    POLICY_BREACHED,
		POLICY_WAITING,   POLICY_COOLING, POLICY_GAVE_UP,
		POLICY_VERIFYING, POLICY_UNKNOWN,
	};

	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		struct watch_kit *kit = watch_kit_new();

		watch_kit_read(kit, 0, 0);
		kit->monitors[0].policy.state = states[i];
		kit->monitors[0].policy.step = 1;
		order(kit, 0, 1000);
		watch_kit_said(kit, "run a ");
		assert_int_equal(state_of(kit, 0), POLICY_BOUNCING);
		assert_int_equal(kit->monitors[0].policy.step, 0);
		assert_int_equal(kit->monitors[0].policy.n_bounces, 0);
		assert_true(watch_kit_recorded(
			kit, "a", "bounce ordered by an operator"));

		/* that it is good does not cancel what was ordered */
		watch_kit_read(kit, 0, 1500);
		watch_kit_said(kit, "");
		watch_kit_step_ended(kit, 0, STEP_OK, 2000);
		assert_int_equal(state_of(kit, 0), POLICY_VERIFYING);
		watch_kit_read(kit, 0, 3000);
		assert_int_equal(state_of(kit, 0), POLICY_GOOD);
		watch_kit_free(kit);
	}
}

/* Grace, cooldown, budget, storm, quiet: none of them holds an order. */
static void test_order_goes_over_guards(void **state)
{
	struct watch_kit *kit = watch_kit_new();
	static const struct quiet_window always = { 0x7f, 0, 1440 };
	struct monitor *a = &kit->monitors[0];

	kit->rules.start_grace_ms = 60000;
	a->policy.cool_until_ms = AT(50000);
	a->policy.n_bounces = 2;
	a->quiet = &always;
	a->n_quiet = 1;
	kit->group.storm = true;
	watch_kit_read(kit, 61000, 0);
	watch_kit_said(kit, "");
	order(kit, 0, 1000);
	watch_kit_said(kit, "run a ");
	/* a failure of it costs nothing of the budget, either */
	watch_kit_step_ended(kit, 0, STEP_UNAVAILABLE, 2000);
	assert_int_equal(a->policy.n_bounces, 2);
	watch_kit_free(kit);
}

static void test_what_refuses_an_order(void **state)
{
	struct watch_kit *kit = watch_kit_new();
	struct supervisor *supervisor = &kit->supervisor;
	struct monitor *a = &kit->monitors[0];

	order(kit, 0, 0);
	assert_string_equal(supervisor_refusal(supervisor, a, AT(1)),
	                    "it is being bounced already");
	assert_int_equal(
		supervisor_order_pause(supervisor, a, PAUSE_FOREVER, "", AT(1)),
		0);
	assert_string_equal(supervisor_refusal(supervisor, a, AT(2)),
	                    "a step of it is still at work");
	watch_kit_step_ended(kit, 0, STEP_OK, 3);
	assert_null(supervisor_refusal(supervisor, a, AT(4)));

	/* its target is another's */
	a->target->owner = kit;
	assert_string_equal(supervisor_refusal(supervisor, a, AT(5)),
	                    "another bounce is at work on its target");
	target_end(a->target, AT(6));
	assert_non_null(supervisor_refusal(supervisor, a, AT(60005)));
	assert_null(supervisor_refusal(supervisor, a, AT(60006)));
	supervisor->stopping = true;
	assert_string_equal(supervisor_refusal(supervisor, a, AT(70000)),
	                    "the daemon is stopping");
	watch_kit_free(kit);
}

static void test_order_while_paused(void **state)
{
	struct watch_kit *kit = watch_kit_new();

	assert_int_equal(supervisor_order_pause(&kit->supervisor, NULL,
	                                        PAUSE_FOREVER, "", AT(0)),
	                 0);
	order(kit, 0, 1000);
	watch_kit_said(kit, "run a ");
	assert_int_equal(state_of(kit, 0), POLICY_PAUSED);
	watch_kit_step_ended(kit, 0, STEP_FAILED, 2000);
	watch_kit_read(kit, 61000, 3000);
	watch_kit_said(kit, "");
	assert_int_equal(state_of(kit, 0), POLICY_PAUSED);
	assert_int_equal(kit->monitors[0].n_steps[0][STEP_FAILED], 1);
	watch_kit_free(kit);
}

/* --- quiet ---------------------------------------------------------------- */

#define MINUTE 60000u

/* The clock begins at one o'clock on a Sunday. */
static void test_quiet_holds(void **state)
{
	struct watch_kit *kit = watch_kit_new();
	struct monitor *a = &kit->monitors[0];
	struct quiet_window window;

	assert_int_equal(
		quiet_parse(slice_from("Sun 01:30-02:00"), &window, NULL), 0);
	a->quiet = &window;
	a->n_quiet = 1;
	assert_true(supervisor_quiet_until(&kit->supervisor, a,
	                                   AT(30 * MINUTE - 1)) == 0);
	watch_kit_read(kit, 2 * MINUTE, 30 * MINUTE);
	watch_kit_said(kit, "");
	assert_int_equal(state_of(kit, 0), POLICY_WAITING);
	assert_int_equal(a->policy.held, GUARD_QUIET);
	assert_int_equal(a->n_held[9], 1);
	assert_true(watch_kit_recorded(kit, "a", "bounce is held"));

	/* asked again exactly at its end, and not before */
	assert_true(supervisor_next(&kit->supervisor) == AT(60 * MINUTE));
	watch_kit_read(kit, 20 * MINUTE, 59 * MINUTE);
	supervisor_tick(&kit->supervisor, AT(60 * MINUTE - 1));
	watch_kit_said(kit, "");
	supervisor_tick(&kit->supervisor, AT(60 * MINUTE));
	watch_kit_said(kit, "observe a ");
	watch_kit_read(kit, 22 * MINUTE, 60 * MINUTE);
	watch_kit_said(kit, "run a ");
	watch_kit_free(kit);
}

/* The later of two ends counts. */
static void test_quiet_and_grace(void **state)
{
	struct watch_kit *kit = watch_kit_new();
	struct monitor *a = &kit->monitors[0];
	struct quiet_window window;

	kit->rules.start_grace_ms = 40 * MINUTE;
	assert_int_equal(quiet_parse(slice_from("01:00-01:30"), &window, NULL),
	                 0);
	a->quiet = &window;
	a->n_quiet = 1;
	watch_kit_read(kit, 2 * MINUTE, MINUTE);
	assert_int_equal(a->policy.held, GUARD_QUIET | GUARD_GRACE);
	assert_true(supervisor_next(&kit->supervisor) == AT(40 * MINUTE));
	watch_kit_free(kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pause_and_resume),
		cmocka_unit_test(test_pause_ends_by_itself),
		cmocka_unit_test(test_pause_of_all),
		cmocka_unit_test(test_paused_by_configuration),
		cmocka_unit_test(test_no_memory_for_a_pause),
		cmocka_unit_test(test_order_from_each_state),
		cmocka_unit_test(test_order_goes_over_guards),
		cmocka_unit_test(test_what_refuses_an_order),
		cmocka_unit_test(test_order_while_paused),
		cmocka_unit_test(test_quiet_holds),
		cmocka_unit_test(test_quiet_and_grace),
	};

	return cmocka_run_group_tests_name("orders", tests, NULL, NULL);
}
