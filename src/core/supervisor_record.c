/* SPDX-License-Identifier: Apache-2.0 */
/* What journal and log say of a monitor. */
#include "core/supervisor_private.h"

#include <stdio.h>
#include "base/duration.h"
#include "base/text.h"

#define DETAIL_SIZE 512 /* more than all its numbers take */
_Static_assert(DETAIL_SIZE >= READER_FAULT_MAX, "a fault is a detail");
#define SAID_MAX 200 /* bytes of what a check said */

/* The field of a log line, the last of it: nothing without a container. */
static struct log_field container(const struct monitor *monitor)
{
	return monitor->container ? LOG_STR("container", monitor->container)
	                          : (struct log_field){ 0 };
}

static void note(struct supervisor *supervisor, const struct monitor *monitor,
                 enum journal_event event, const char *from, const char *to,
                 const char *reason, const char *detail, uint64_t now_ms)
{
	const struct journal_entry entry = {
		.wall_ms = (int64_t)now_ms + supervisor->wall_offset_ms,
		.event = event,
		.from = from,
		.to = to,
		.reason = reason,
		.subject = monitor->name,
		.container = monitor->container,
		.detail = detail,
	};

	journal_put(supervisor->journal, &entry);
}

/* What the job itself has said, " " first; its length. */
static int describe_run(const struct monitor *monitor, char *out, size_t size)
{
	const struct observation *last = &monitor->last;
	char runs[DURATION_TEXT_MAX];
	char limit[DURATION_TEXT_MAX];

	if (last->kind == OBSERVATION_FAILED && last->exit_code >= 0)
		return snprintf(out, size, " exit_code=%d", last->exit_code);
	if (last->running_ms && monitor->rules->max_runtime_ms)
		return snprintf(
			out, size, " runs=%s max_runtime=%s",
			duration_format(last->running_ms, runs),
			duration_format(monitor->rules->max_runtime_ms, limit));
	return 0;
}

/* What is known of the container; its length. */
static int describe_container(const struct monitor *monitor, char *out)
{
	static const char *const words[] = { "good", "starting", "bad",
		                             "idle" };
	const struct observation *last = &monitor->last;
	char age[DURATION_TEXT_MAX];
	char limit[DURATION_TEXT_MAX];
	int n;

	if (last->kind == OBSERVATION_EXITED)
		n = snprintf(
			out, DETAIL_SIZE, "exited_for=%s limit=%s",
			duration_format(last->age_ms, age),
			duration_format(monitor->rules->max_age_ms, limit));
	else
		n = snprintf(out, DETAIL_SIZE, "health=%s",
		             words[last->health]);
	if (last->kind == OBSERVATION_HEALTH && last->idle)
		n += snprintf(out + n, DETAIL_SIZE - (size_t)n, " seen=\"%s\"",
		              observation_idle_word(last->idle));
	if (last->n_streak)
		n += snprintf(out + n, DETAIL_SIZE - (size_t)n, " streak=%u",
		              last->n_streak);
	if (last->running_ms)
		n += snprintf(out + n, DETAIL_SIZE - (size_t)n, " runs=%s",
		              duration_format(last->running_ms, age));
	if (last->exit_code >= 0)
		n += snprintf(out + n, DETAIL_SIZE - (size_t)n, " exit_code=%d",
		              last->exit_code);
	return n;
}

/* The last words of the check that fails, on one line; their length. */
static int describe_output(const struct monitor *monitor, char *out,
                           size_t size)
{
	struct slice said = text_cut(slice_from(monitor->output), SAID_MAX);
	struct buf clean;
	int n;

	buf_init(&clean, DETAIL_SIZE * 2);
	text_append_clean(&clean, said, false);
	said = text_cut(slice_trim(buf_slice(&clean)), SAID_MAX);
	n = said.n ? snprintf(out, size, " output=\"" SLICE_FMT "\"",
	                      SLICE_ARG(said))
	           : 0;
	buf_fini(&clean);
	return n;
}

/* What is known of the pushes; its length. */
static int describe_push(const struct monitor *monitor, uint64_t now_ms,
                         char *out)
{
	const struct policy *policy = &monitor->policy;
	char age[DURATION_TEXT_MAX];
	char limit[DURATION_TEXT_MAX];
	char excused[DURATION_TEXT_MAX];
	uint64_t age_ms = monitor->last.age_ms;
	int n;

	if (monitor->last.kind != OBSERVATION_AGE &&
	    monitor->last.kind != OBSERVATION_FAILED)
		age_ms = policy_age(policy, now_ms);
	n = snprintf(out, DETAIL_SIZE, "%s=%s limit=%s",
	             policy->missing ? "missing_for" : "age",
	             duration_format(age_ms, age),
	             duration_format(monitor->rules->max_age_ms, limit));
	if (policy->excused_ms + policy->away_ms)
		n += snprintf(
			out + n, DETAIL_SIZE - (size_t)n, " excused=%s",
			duration_format(policy->excused_ms + policy->away_ms,
		                        excused));
	return n + describe_run(monitor, out + n, DETAIL_SIZE - (size_t)n);
}

/* The value, and by what it is judged; its length. */
static int describe_value(const struct monitor *monitor, char *out)
{
	const struct policy *policy = &monitor->policy;
	const struct policy_levels *levels = monitor->rules->levels;
	const char *level = policy_level_said(policy, monitor->rules);
	char value[VALUE_TEXT_MAX] = "none";
	char limit[THRESHOLD_TEXT_MAX];
	int n;

	if (policy->has_value && !policy->missing)
		(void)value_format(policy->value, value);
	n = snprintf(out, DETAIL_SIZE, "value=%s threshold=%s", value,
	             threshold_format(
			     &policy_level_now(policy, monitor->rules)->limit,
			     limit));
	if (policy->missing)
		n += snprintf(out + n, DETAIL_SIZE - (size_t)n, " missing=%s",
		              policy_missing_name(levels->missing));
	if (level)
		n += snprintf(out + n, DETAIL_SIZE - (size_t)n, " level=%s",
		              level);
	return n;
}

/* What the last word was about; its length. */
static int describe_last(const struct monitor *monitor, uint64_t now_ms,
                         char *out)
{
	const struct observation *last = &monitor->last;

	if (last->kind == OBSERVATION_HEALTH ||
	    last->kind == OBSERVATION_EXITED)
		return describe_container(monitor, out);
	if (monitor->rules->levels)
		return describe_value(monitor, out);
	if (monitor->policy.alert)
		return snprintf(out, DETAIL_SIZE, "alert=%s",
		                policy_is_bad(&monitor->policy) ? "firing"
		                                                : "resolved");
	return describe_push(monitor, now_ms, out);
}

/* The numbers behind a decision, as they stand now. */
static void describe(const struct monitor *monitor, uint64_t now_ms, char *out)
{
	const struct policy *policy = &monitor->policy;
	int n = describe_last(monitor, now_ms, out);

	/* not again of what has just been said */
	if (policy->state != POLICY_BOUNCING && monitor->output &&
	    monitor->last.health == HEALTH_BAD)
		n += describe_output(monitor, out + n, DETAIL_SIZE - (size_t)n);
	if (policy->state != POLICY_BOUNCING && !policy->n_failed)
		return;
	n += snprintf(out + n, DETAIL_SIZE - (size_t)n, " bounces=%u",
	              policy->n_bounces);
	if (monitor->rules->max_bounces)
		n += snprintf(out + n, DETAIL_SIZE - (size_t)n, "/%u",
		              monitor->rules->max_bounces);
	(void)snprintf(out + n, DETAIL_SIZE - (size_t)n, " failed=%u",
	               policy->n_failed);
}

static enum log_level move_level(const struct policy_move *move)
{
	if (move->to == POLICY_GAVE_UP)
		return LOG_LEVEL_ERROR;
	if (move->to == POLICY_BOUNCING || move->to == POLICY_UNKNOWN)
		return LOG_LEVEL_WARN;
	return LOG_LEVEL_INFO;
}

void supervisor_record_move(struct supervisor *supervisor,
                            const struct monitor *monitor,
                            const struct policy_move *move, uint64_t now_ms)
{
	const char *from = policy_state_name(move->from);
	const char *to = policy_state_name(move->to);
	char detail[DETAIL_SIZE];

	/* of a group with one reader its own entry says it */
	if (move->to != POLICY_UNKNOWN ||
	    (!monitor->reader && !monitor->group->up) ||
	    !supervisor_fault(monitor, detail))
		describe(monitor, now_ms, detail);
	note(supervisor, monitor, JOURNAL_STATE, from, to, move->reason, detail,
	     now_ms);
	/* a source that goes down says so once, not once per monitor; so does
	 * who pauses all */
	if (move->to == POLICY_UNKNOWN || move->from == POLICY_UNKNOWN ||
	    supervisor->all_at_once)
		log_debug(supervisor->log, move->reason,
		          LOG_STR("monitor", monitor->name),
		          LOG_STR("from", from), LOG_STR("to", to),
		          LOG_STR("numbers", detail), container(monitor));
	else
		LOG_AT(supervisor->log, move_level(move), move->reason,
		       LOG_STR("monitor", monitor->name), LOG_STR("from", from),
		       LOG_STR("to", to), LOG_STR("numbers", detail),
		       container(monitor));
}

void supervisor_record_held(struct supervisor *supervisor,
                            struct monitor *monitor, uint32_t newly_held,
                            uint64_t now_ms)
{
	for (unsigned i = 0; i < N_POLICY_GUARDS; i++) {
		const char *guard = policy_guard_name(1u << i);

		if (!(newly_held & (1u << i)))
			continue;
		monitor->n_held[i]++;
		if ((1u << i) == GUARD_UNKNOWN)
			continue; /* the move says it */
		note(supervisor, monitor, JOURNAL_HELD, NULL, guard,
		     "bounce is held", "", now_ms);
		log_info(supervisor->log, "bounce is held",
		         LOG_STR("monitor", monitor->name),
		         LOG_STR("guard", guard), container(monitor));
	}
}

void supervisor_record_step(struct supervisor *supervisor,
                            const struct monitor *monitor,
                            const struct step_report *report, bool failed,
                            uint64_t now_ms)
{
	const char *kind = step_kind_name(report->kind);
	const char *result = step_result_name(report->result);

	note(supervisor, monitor, JOURNAL_STEP, kind, result, "step ended",
	     report->detail, now_ms);
	LOG_AT(supervisor->log, failed ? LOG_LEVEL_WARN : LOG_LEVEL_INFO,
	       "step ended", LOG_STR("monitor", monitor->name),
	       LOG_STR("step", kind), LOG_STR("result", result),
	       LOG_MS("took", report->duration_ms),
	       LOG_STR("detail", report->detail), container(monitor));
}

void supervisor_record(struct supervisor *supervisor, enum log_level level,
                       enum journal_event event, const char *subject,
                       const char *reason, const char *detail, uint64_t now_ms)
{
	journal_add(supervisor->journal,
	            (int64_t)now_ms + supervisor->wall_offset_ms, event,
	            subject, NULL, NULL, reason, detail);
	if (subject[0])
		LOG_AT(supervisor->log, level, reason,
		       LOG_STR(event == JOURNAL_DAEMON
		                       ? "monitor"
		                       : journal_event_name(event),
		               subject),
		       LOG_STR("detail", detail));
	else
		LOG_AT(supervisor->log, level, reason,
		       LOG_STR("detail", detail));
}
