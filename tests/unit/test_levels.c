/* SPDX-License-Identifier: Apache-2.0 */
/* levels: what journal, explanation and counters say of values and alerts. */
#include "support/cmocka.h"

#include <math.h>
#include <string.h>
#include "core/explain.h"
#include "watch_kit.h"

#define SECOND 1000u
#define MINUTE 60000u

/* Soft >80 for 30 s, hard >100 at once; a step each. */
static struct policy_levels levels;

static struct watch_kit *kit_with_levels(void)
{
	struct watch_kit *kit = watch_kit_new();

	levels = (struct policy_levels){
		.level = { { .given = true,
		             .limit = { THRESHOLD_ABOVE, 80 },
		             .for_ms = 30000,
		             .cooldown_ms = 300000,
		             .n_steps = 1 },
		           { .given = true,
		             .limit = { THRESHOLD_ABOVE, 100 },
		             .has_clear = true,
		             .clear = { THRESHOLD_BELOW, 95 },
		             .first_step = 1,
		             .n_steps = 1 } },
	};
	kit->rules.levels = &levels;
	kit->rules.max_age_ms = 0;
	kit->rules.backoff_percent = 100;
	kit->rules.verify_ms = 10000;
	return kit;
}

static void read_value(struct watch_kit *kit, double value, uint64_t at_ms)
{
	const struct observation observation = { .kind = OBSERVATION_VALUE,
		                                 .value = value };

	watch_kit_observe(kit, &observation, at_ms);
}

static void read_alert(struct watch_kit *kit, bool firing, uint64_t at_ms)
{
	const struct observation observation = { .kind = OBSERVATION_ALERT,
		                                 .firing = firing };

	watch_kit_observe(kit, &observation, at_ms);
}

static void expect_detail(struct watch_kit *kit, const char *reason,
                          const char *expected)
{
	const char *detail = watch_kit_detail(kit, "a", reason);

	if (!detail || strcmp(detail, expected) != 0)
		fail_msg("\"%s\": \"%s\" instead of \"%s\"", reason,
		         detail ? detail : "no entry", expected);
}

static void test_journal(void **state)
{
	struct watch_kit *kit = kit_with_levels();

	read_value(kit, 70, 0);
	expect_detail(kit, "good", "value=70 threshold=>80");
	read_value(kit, 90.5, 10 * SECOND);
	expect_detail(kit, "above the soft threshold",
	              "value=90.5 threshold=>80");
	read_value(kit, 90, 40 * SECOND);
	watch_kit_said(kit, "run a ");
	expect_detail(kit, "above the soft threshold",
	              "value=90 threshold=>80 level=soft");
	assert_string_equal(kit->monitors[0].bounce_reason,
	                    "above the soft threshold");
	watch_kit_step_ended(kit, 0, STEP_OK, 41 * SECOND);
	read_value(kit, 104.5, 42 * SECOND);
	read_value(kit, 104.5, 43 * SECOND);
	watch_kit_said(kit, "run a ");
	assert_int_equal(kit->monitors[0].policy.step, 1);
	expect_detail(kit, "above the hard threshold",
	              "value=104.5 threshold=>100 level=hard");
	assert_string_equal(kit->monitors[0].bounce_reason,
	                    "above the hard threshold");
	assert_int_equal(kit->monitors[0].n_bounces[BOUNCE_USELESS], 1);
	watch_kit_step_ended(kit, 0, STEP_OK, 44 * SECOND);
	read_value(kit, 70, 45 * SECOND);
	assert_int_equal(kit->monitors[0].n_bounces[BOUNCE_RECOVERED], 1);
	assert_int_equal(kit->monitors[0].n_checks[CHECK_GOOD], 2);
	assert_int_equal(kit->monitors[0].n_checks[CHECK_BREACH], 4);
	watch_kit_free(kit);
}

static void test_journal_without_series(void **state)
{
	static const struct observation missing = { .kind = OBSERVATION_MISSING,
		                                    .age_ms =
		                                            OBSERVATION_NEVER };
	struct watch_kit *kit = kit_with_levels();

	levels.missing = POLICY_MISSING_BREACH;
	watch_kit_observe(kit, &missing, 0);
	expect_detail(kit, "no series, which counts as a breach (soft)",
	              "value=none threshold=>80 missing=breach");
	assert_int_equal(kit->monitors[0].n_checks[CHECK_MISSING], 1);
	watch_kit_free(kit);
}

/* --- the explanation -------------------------------------------------------- */

static void expect(struct watch_kit *kit, uint64_t at_ms,
                   const char *const *lines)
{
	struct explain told;
	unsigned n = 0;

	explain(&kit->supervisor, &kit->monitors[0], "host a", KIT_ZERO + at_ms,
	        &told);
	for (; lines[n]; n++) {
		if (n >= told.n_lines || strcmp(lines[n], told.lines[n]) != 0)
			fail_msg("line %u is \"%s\" instead of \"%s\"", n,
			         n < told.n_lines ? told.lines[n] : "",
			         lines[n]);
	}
	assert_int_equal(told.n_lines, n);
}

static void test_explain_pending(void **state)
{
	static const char *const good[] = {
		"Good since 01:00:00.",
		"Value 70, threshold >80: good.",
		"Next: nothing as long as it stays so.",
		"Would then: restart host a.",
		NULL,
	};
	static const char *const pending[] = {
		"Bad since 01:00:10, but not for 30s yet.",
		"Value 90, threshold >80: above the soft threshold since "
		"01:00:10.",
		"Next: bounce at 01:00:40 if it stays bad.",
		"Would then: restart host a.",
		NULL,
	};
	static const char *const at_work[] = {
		"Is being bounced since 01:00:40, step 1 of 1.",
		"Value 90, threshold >80 (soft): above the soft threshold "
		"since "
		"01:00:10.",
		"Next: the end of the step.",
		"At work: restart host a.",
		NULL,
	};
	struct watch_kit *kit = kit_with_levels();

	read_value(kit, 70, 0);
	expect(kit, 5 * SECOND, good);
	read_value(kit, 90, 10 * SECOND);
	expect(kit, 11 * SECOND, pending);
	read_value(kit, 90, 40 * SECOND);
	expect(kit, 40 * SECOND, at_work);
	watch_kit_free(kit);
}

static void test_explain_levels(void **state)
{
	static const char *const counting[] = {
		"Step 1 of 1 was done at 01:00:31; does it help?",
		"Value 110, threshold >80 (soft): above the soft threshold "
		"since "
		"01:00:00.",
		"Hard at 01:00:52 if it stays >100.",
		"A bounce now would be held by cooldown until 01:05:31: wait "
		"after the last bounce, 0 failed in a row.",
		"Next: the bounce did not help at 01:00:41 if it is not good "
		"before.",
		"Would then: restart host a.",
		NULL,
	};
	static const char *const once[] = {
		"Bad, and let be since 01:01:15.",
		"Value 96, threshold >100 (hard): above the hard threshold "
		"since "
		"01:00:32, until it is <95.",
		"A bounce now would be held by cooldown: one bounce as long as "
		"the breach lasts, and it had that.",
		"A bounce now would be held by budget until 02:00:30: 2 of 2 "
		"bounces in 1h.",
		"Next: nothing until it is good again: one bounce for one "
		"breach.",
		NULL,
	};
	struct watch_kit *kit = kit_with_levels();

	levels.level[POLICY_LEVEL_HARD].for_ms = 20000;
	kit->rules.max_bounces = 3;
	read_value(kit, 90, 0);
	read_value(kit, 90, 30 * SECOND);
	watch_kit_step_ended(kit, 0, STEP_OK, 31 * SECOND);
	read_value(kit, 110, 32 * SECOND);
	expect(kit, 33 * SECOND, counting);
	read_value(kit, 110, 52 * SECOND);
	watch_kit_step_ended(kit, 0, STEP_OK, 53 * SECOND);
	read_value(kit, 96, 75 * SECOND);
	kit->rules.max_bounces = 2;
	expect(kit, 80 * SECOND, once);
	watch_kit_free(kit);
}

static void test_explain_no_steps(void **state)
{
	static const char *const lines[] = {
		"Bad, and let be since 01:00:30.",
		"No series at the source, which changes nothing.",
		"Last value 90, threshold >80 (soft): above the soft threshold "
		"since 01:00:00.",
		"Next: nothing: this level has no steps.",
		NULL,
	};
	static const struct observation missing = { .kind = OBSERVATION_MISSING,
		                                    .age_ms =
		                                            OBSERVATION_NEVER };
	struct watch_kit *kit = kit_with_levels();

	levels.level[POLICY_LEVEL_SOFT].n_steps = 0;
	read_value(kit, 90, 0);
	read_value(kit, 90, 30 * SECOND);
	watch_kit_observe(kit, &missing, 40 * SECOND);
	expect(kit, 41 * SECOND, lines);
	watch_kit_free(kit);
}

/* --- alerts ----------------------------------------------------------------- */

/* The ladder's second step is the one for the end. */
static struct watch_kit *kit_with_alert(void)
{
	struct watch_kit *kit = watch_kit_new();

	kit->rules.max_age_ms = 0;
	kit->rules.n_steps = 1;
	kit->rules.first_resolved = 1;
	kit->rules.n_resolved = 1;
	return kit;
}

static void test_alert(void **state)
{
	static const char *const firing[] = {
		"Is being bounced since 01:00:00, step 1 of 1.",
		"The alert fires, here since 01:00:00.",
		"Next: the end of the step.",
		"At work: restart host a.",
		NULL,
	};
	static const char *const resolving[] = {
		"Good again; a step for that is at work since 01:00:05, 1 of "
		"1.",
		"The alert is resolved.",
		"Next: the end of the step.",
		"At work: exec in host a: /bin/check -v.",
		NULL,
	};
	struct watch_kit *kit = kit_with_alert();
	struct monitor *a = &kit->monitors[0];

	read_alert(kit, true, 0);
	watch_kit_said(kit, "run a ");
	expect_detail(kit, "alert fires", "alert=firing");
	assert_string_equal(a->bounce_reason, "alert fires");
	expect(kit, 0, firing);
	watch_kit_step_ended(kit, 0, STEP_OK, 2 * SECOND);
	read_alert(kit, false, 5 * SECOND);
	watch_kit_said(kit, "run a ");
	expect(kit, 6 * SECOND, resolving);
	watch_kit_step_ended(kit, 0, STEP_FAILED, 7 * SECOND);
	/* neither a bounce nor its end */
	assert_int_equal(a->policy.state, POLICY_GOOD);
	assert_int_equal(a->n_bounces[BOUNCE_RECOVERED], 1);
	assert_int_equal(a->n_bounces[BOUNCE_FAILED], 0);
	assert_int_equal(a->policy.n_bounces, 1);
	assert_int_equal(kit->n_steps[0][0][STEP_OK], 1);
	assert_int_equal(kit->n_steps[0][1][STEP_FAILED], 1);
	watch_kit_free(kit);
}

static unsigned n_recovered;

static void on_notice(void *context, struct monitor *monitor,
                      enum notice_event event)
{
	n_recovered += event == NOTICE_RECOVERED;
}

/* People are told once, also if the end came while the step ran. */
static void test_alert_is_told(void **state)
{
	struct watch_kit *kit = kit_with_alert();

	kit->ops.notice = on_notice;
	n_recovered = 0;
	read_alert(kit, true, 0);
	read_alert(kit, false, 1 * SECOND);
	watch_kit_step_ended(kit, 0, STEP_OK, 2 * SECOND);
	assert_int_equal(n_recovered, 1);
	watch_kit_step_ended(kit, 0, STEP_OK, 3 * SECOND);
	assert_int_equal(n_recovered, 1);
	assert_int_equal(kit->monitors[0].policy.state, POLICY_GOOD);
	watch_kit_free(kit);
}

static void test_order_without_steps(void **state)
{
	struct watch_kit *kit = kit_with_levels();

	levels.level[POLICY_LEVEL_SOFT].n_steps = 0;
	levels.level[POLICY_LEVEL_HARD].n_steps = 0;
	assert_string_equal(supervisor_refusal(&kit->supervisor,
	                                       &kit->monitors[0],
	                                       KIT_ZERO + MINUTE),
	                    "it has no steps");
	watch_kit_free(kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_journal),
		cmocka_unit_test(test_journal_without_series),
		cmocka_unit_test(test_explain_pending),
		cmocka_unit_test(test_explain_levels),
		cmocka_unit_test(test_explain_no_steps),
		cmocka_unit_test(test_alert),
		cmocka_unit_test(test_alert_is_told),
		cmocka_unit_test(test_order_without_steps),
	};

	return cmocka_run_group_tests_name("levels", tests, NULL, NULL);
}
