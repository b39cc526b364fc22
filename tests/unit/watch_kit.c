/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka.h"
#include "watch_kit.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const run_argv[] = { "/bin/check", "-v", NULL };

static const struct step steps[] = {
	{ .kind = STEP_RESTART },
	{ .kind = STEP_EXEC, .argv = run_argv },
};

static void say(struct watch_kit *kit, const char *word,
                const struct monitor *monitor)
{
	(void)buf_printf(&kit->said, "%s %s ", word, monitor->name);
}

static void on_run(void *context, struct monitor *monitor)
{
	say(context, "run", monitor);
}

static void on_cancel(void *context, struct monitor *monitor)
{
	say(context, "cancel", monitor);
}

static void on_observe(void *context, struct monitor *monitor)
{
	say(context, "observe", monitor);
}

static void on_changed(void *context)
{
	((struct watch_kit *)context)->n_changed++;
}

void watch_kit_add(struct watch_kit *kit, unsigned i)
{
	static const char *const names[] = { "a", "b", "c" };
	struct monitor *monitor = &kit->monitors[i];
	bool paused = monitor->paused;

	*monitor = (struct monitor){
		.name = names[i],
		.rules = &kit->rules,
		.steps = steps,
		.group = &kit->group,
		.target = targets_take(&kit->targets, slice_from(names[i])),
		.n_steps = kit->n_steps[i],
		.paused = paused,
	};
	assert_int_equal(
		supervisor_add(&kit->supervisor, monitor, false, KIT_ZERO), 0);
}

void watch_kit_remove(struct watch_kit *kit, unsigned i)
{
	struct monitor *monitor = &kit->monitors[i];

	monitor->acting = false;
	monitor->target->owner = NULL;
	supervisor_remove(&kit->supervisor, monitor);
	targets_release(&kit->targets, monitor->target);
}

struct watch_kit *watch_kit_new(void)
{
	struct watch_kit *kit = test_calloc(1, sizeof(*kit));

	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	tzset();
	kit->rules = (struct policy_rules){
		.max_age_ms = 60000,
		.cooldown_ms = 30000,
		.verify_ms = 60000,
		.window_ms = 3600000,
		.backoff_max_ms = 3600000,
		.backoff_percent = 200,
		.max_bounces = 2,
		.n_steps = ARRAY_SIZE(steps),
	};
	kit->ops = (struct supervisor_ops){ .run_step = on_run,
		                            .cancel_step = on_cancel,
		                            .observe = on_observe,
		                            .changed = on_changed,
		                            .context = kit };
	buf_init(&kit->said, 10000);
	assert_int_equal(journal_init(&kit->journal, 1000), 0);
	targets_init(&kit->targets, 1);
	group_init(&kit->group, "http://gw");
	supervisor_init(&kit->supervisor, &kit->ops, NULL, &kit->journal, 1);
	kit->supervisor.wall_offset_ms = KIT_WALL - (int64_t)KIT_ZERO;
	for (unsigned i = 0; i < KIT_N; i++)
		watch_kit_add(kit, i);
	return kit;
}

void watch_kit_free(struct watch_kit *kit)
{
	for (unsigned i = 0; i < KIT_N; i++)
		watch_kit_remove(kit, i);
	supervisor_fini(&kit->supervisor);
	targets_fini(&kit->targets);
	journal_fini(&kit->journal);
	buf_fini(&kit->said);
	test_free(kit);
}

static void observe(struct watch_kit *kit, enum reading_result result,
                    enum observation_kind kind, uint64_t age_ms, uint64_t at_ms)
{
	struct reading reading = { .result = result, .detail = "" };
	uint64_t now_ms = KIT_ZERO + at_ms;

	supervisor_reading_begin(&kit->supervisor, &kit->group, &reading,
	                         now_ms);
	for (unsigned i = 0; i < KIT_N; i++) {
		struct observation observation = { .kind = kind,
			                           .age_ms = i ? 0 : age_ms };

		supervisor_observe(&kit->supervisor, &kit->monitors[i],
		                   &observation, now_ms);
	}
	supervisor_reading_end(&kit->supervisor, &kit->group, now_ms);
}

void watch_kit_read(struct watch_kit *kit, uint64_t age_ms, uint64_t at_ms)
{
	observe(kit, READING_OK, OBSERVATION_AGE, age_ms, at_ms);
}

void watch_kit_observe(struct watch_kit *kit,
                       const struct observation *observation, uint64_t at_ms)
{
	static const struct reading reading = { .result = READING_OK,
		                                .detail = "" };
	uint64_t now_ms = KIT_ZERO + at_ms;

	supervisor_reading_begin(&kit->supervisor, &kit->group, &reading,
	                         now_ms);
	supervisor_observe(&kit->supervisor, &kit->monitors[0], observation,
	                   now_ms);
	supervisor_reading_end(&kit->supervisor, &kit->group, now_ms);
}

void watch_kit_unknown(struct watch_kit *kit, uint64_t at_ms)
{
	observe(kit, READING_REFUSED, OBSERVATION_UNKNOWN, 0, at_ms);
}

void watch_kit_step_ended(struct watch_kit *kit, unsigned i,
                          enum step_result result, uint64_t at_ms)
{
	struct step_report report = { .result = result,
		                      .duration_ms = 100,
		                      .detail = "" };

	supervisor_step_ended(&kit->supervisor, &kit->monitors[i], &report,
	                      KIT_ZERO + at_ms);
}

void watch_kit_said(struct watch_kit *kit, const char *words)
{
	assert_string_equal(buf_text(&kit->said), words);
	buf_reset(&kit->said);
}

static const struct journal_entry *find_entry(const struct watch_kit *kit,
                                              const char *subject,
                                              const char *reason)
{
	for (uint64_t seq = kit->journal.next_seq - 1; seq > 0; seq--) {
		const struct journal_entry *entry =
			journal_get(&kit->journal, seq);

		if (strcmp(entry->subject, subject) == 0 &&
		    strcmp(entry->reason, reason) == 0)
			return entry;
	}
	return NULL;
}

const char *watch_kit_detail(const struct watch_kit *kit, const char *subject,
                             const char *reason)
{
	const struct journal_entry *entry = find_entry(kit, subject, reason);

	return entry ? entry->detail : NULL;
}

bool watch_kit_recorded(const struct watch_kit *kit, const char *subject,
                        const char *reason)
{
	return find_entry(kit, subject, reason) != NULL;
}
