/* SPDX-License-Identifier: Apache-2.0 */
/* What each guard would say to a bounce now. */
#include "core/explain_private.h"

#include <stdarg.h>
#include <stdio.h>
#include "base/duration.h"

struct explain_guard *explain_guard_of(struct telling *telling, uint32_t bit)
{
	unsigned i = 0;

	while ((1u << i) != bit)
		i++;
	return &telling->out->guards[i];
}

static void holds(struct telling *telling, uint32_t bit, bool held,
                  uint64_t until_ms, const char *format, ...) PRINTF_LIKE(5, 6);

static void holds(struct telling *telling, uint32_t bit, bool held,
                  uint64_t until_ms, const char *format, ...)
{
	struct explain_guard *found = explain_guard_of(telling, bit);
	va_list args;

	found->guard = bit;
	found->holds = held;
	found->until_ms = held ? until_ms : POLICY_NEVER;
	va_start(args, format);
	(void)vsnprintf(found->why, sizeof(found->why), format, args);
	va_end(args);
}

/* In the middle of a bounce: its later steps ask fewer guards. */
static bool walks_on(const struct telling *telling)
{
	const struct policy *policy = telling->policy;

	return policy->state == POLICY_WAITING &&
	       !policy_at_first_step(policy, telling->rules);
}

unsigned explain_rung(const struct telling *telling)
{
	struct policy_ladder_range range =
		policy_ladder_of(telling->rules, telling->policy->ladder);

	return telling->policy->step - range.first + 1u;
}

unsigned explain_n_rungs(const struct telling *telling)
{
	return policy_ladder_of(telling->rules, telling->policy->ladder).n;
}

static void judge_time(struct telling *telling)
{
	const struct policy *policy = telling->policy;
	uint64_t grace_ms = telling->rules->start_grace_ms;
	uint64_t grace_end_ms = policy->created_ms + grace_ms;
	char text[DURATION_TEXT_MAX];

	if (telling->now_ms < grace_end_ms)
		holds(telling, GUARD_GRACE, true, grace_end_ms,
		      "watched for less than start_grace, %s",
		      explain_span(grace_ms, text));
	else
		holds(telling, GUARD_GRACE, false, 0,
		      "start_grace of %s is over",
		      explain_span(grace_ms, text));
	if (walks_on(telling))
		holds(telling, GUARD_COOLDOWN, false, 0,
		      "the next step of a bounce does not wait for it");
	else if (policy_cool_until(policy) == POLICY_NEVER)
		holds(telling, GUARD_COOLDOWN, true, POLICY_NEVER,
		      "one bounce as long as the breach lasts, and it had "
		      "that");
	else if (telling->now_ms < policy_cool_until(policy))
		holds(telling, GUARD_COOLDOWN, true, policy_cool_until(policy),
		      "wait after the last bounce, %u failed in a row",
		      policy->n_failed);
	else
		holds(telling, GUARD_COOLDOWN, false, 0,
		      "cooldown of %s is over",
		      explain_span(policy_cooldown(policy, telling->rules),
		                   text));
}

static void judge_budget(struct telling *telling)
{
	const struct policy *policy = telling->policy;
	const struct policy_rules *rules = telling->rules;
	uint64_t window_ms = rules->window_ms;
	uint64_t until_ms = POLICY_NEVER;
	char text[DURATION_TEXT_MAX];
	unsigned n = 0;

	for (uint8_t i = 0; i < policy->n_bounces; i++) {
		int64_t end_ms = (int64_t)policy->created_ms +
		                 (int64_t)policy->bounces[i] * 1000 +
		                 (int64_t)window_ms;

		if (end_ms <= (int64_t)telling->now_ms)
			continue;
		n++;
		until_ms = MIN(until_ms, (uint64_t)end_ms);
	}
	if (rules->max_bounces == 0) {
		holds(telling, GUARD_BUDGET, policy->state == POLICY_GAVE_UP,
		      POLICY_NEVER, "no limit, %u bounces in %s", n,
		      explain_span(window_ms, text));
		return;
	}
	/* then only being good again releases it */
	if (policy->state == POLICY_GAVE_UP)
		until_ms = POLICY_NEVER;
	holds(telling, GUARD_BUDGET,
	      (n >= rules->max_bounces && !walks_on(telling)) ||
	              policy->state == POLICY_GAVE_UP,
	      until_ms, "%u of %u bounces in %s", n, rules->max_bounces,
	      explain_span(window_ms, text));
}

static void judge_world(struct telling *telling)
{
	char fault[READER_FAULT_MAX];
	const struct monitor *monitor = telling->monitor;
	const struct group *group = monitor->group;
	const struct target *target = monitor->target;
	const char *standby = supervisor_standby(telling->supervisor);
	uint64_t rest_ms = supervisor_target_rest_ms(monitor);
	bool busy = monitor->acting || target->owner;

	holds(telling, GUARD_STORM, group->storm, POLICY_NEVER,
	      group->storm ? "too many monitors of %s went bad together"
	                   : "no storm at %s",
	      group->name);
	if (busy || !target_free(target, monitor, rest_ms, telling->now_ms))
		holds(telling, GUARD_TARGET, true,
		      busy ? POLICY_NEVER : target->ended_ms + rest_ms,
		      busy ? "a step is at work on it"
		           : "another monitor has just bounced it");
	else
		holds(telling, GUARD_TARGET, false, 0,
		      "nobody else acts on it");
	if (telling->policy->held & GUARD_PERSON)
		holds(telling, GUARD_PERSON, true, telling->policy->deadline_ms,
		      "the target was paused or stopped by a person");
	else
		holds(telling, GUARD_PERSON, false, 0,
		      "looked at when a step begins");
	if (telling->policy->held & GUARD_HOOK)
		holds(telling, GUARD_HOOK, true, telling->policy->deadline_ms,
		      "the command before the bounce said no");
	else
		holds(telling, GUARD_HOOK, false, 0,
		      "asked when a bounce begins, if there is one");
	if (telling->policy->held & GUARD_THROTTLE)
		holds(telling, GUARD_THROTTLE, true,
		      telling->policy->deadline_ms,
		      "the same was begun lately, of this or another monitor "
		      "of its rule");
	else
		holds(telling, GUARD_THROTTLE, false, 0,
		      "the same was not begun lately");
	if (telling->policy->state == POLICY_UNKNOWN)
		holds(telling, GUARD_UNKNOWN, true, POLICY_NEVER,
		      "%s cannot be read (%s)", group->name,
		      supervisor_fault(telling->monitor, fault)
		              ? fault
		              : reading_result_name(group->result));
	else
		holds(telling, GUARD_UNKNOWN, false, 0, "the source is known");
	if (standby)
		holds(telling, GUARD_LEADER, true, POLICY_NEVER, "%s", standby);
	else
		holds(telling, GUARD_LEADER, false, 0, "we act");
	holds(telling, GUARD_DRY_RUN, monitor->dry_run, POLICY_NEVER,
	      monitor->dry_run ? "dry run: a bounce is only said"
	                       : "it is no dry run");
}

static void judge_people(struct telling *telling)
{
	const struct monitor *monitor = telling->monitor;
	const struct supervisor *supervisor = telling->supervisor;
	const struct pause *pause = supervisor_pause_of(supervisor, monitor);
	uint64_t quiet_ms =
		supervisor_quiet_until(supervisor, monitor, telling->now_ms);
	int64_t wall_s =
		((int64_t)telling->now_ms + supervisor->wall_offset_ms) / 1000;
	struct quiet_local local = supervisor->local(wall_s);
	const struct quiet_window *window =
		quiet_at(monitor->quiet, monitor->n_quiet, &local);
	char text[QUIET_TEXT_MAX];

	if (monitor->paused)
		holds(telling, GUARD_PAUSE, true, POLICY_NEVER,
		      "paused by the configuration");
	else if (pause && monitor->rule && pause == monitor->rule->pause)
		holds(telling, GUARD_PAUSE, true, pause->until_ms,
		      "all of %.80s are paused by an operator%s%s",
		      monitor->rule->name, pause->reason[0] ? ": " : "",
		      pause->reason);
	else if (pause)
		holds(telling, GUARD_PAUSE, true, pause->until_ms,
		      "%s by an operator%s%s",
		      pause == monitor->pause ? "paused"
		                              : "all monitors are paused",
		      pause->reason[0] ? ": " : "", pause->reason);
	else
		holds(telling, GUARD_PAUSE, false, 0, "not paused");

	if (quiet_ms && window)
		holds(telling, GUARD_QUIET, true, quiet_ms, "quiet window %s",
		      quiet_format(window, text));
	else
		holds(telling, GUARD_QUIET, false, 0,
		      monitor->n_quiet ? "outside the quiet windows"
		                       : "no quiet windows");
}

/* What follows on the end of a breach is no bounce: little is in its way. */
static void judge_resolving(struct telling *telling)
{
	const uint32_t asked = GUARD_TARGET | GUARD_QUIET | GUARD_PERSON |
	                       GUARD_LEADER | GUARD_PAUSE | GUARD_UNKNOWN |
	                       GUARD_DRY_RUN;

	if (!policy_is_resolving(telling->policy))
		return;
	for (unsigned i = 0; i < N_POLICY_GUARDS; i++) {
		if (!((1u << i) & asked))
			holds(telling, 1u << i, false, 0,
			      "does not hold what follows on the end of a "
			      "breach");
	}
}

void explain_judge(struct telling *telling)
{
	judge_time(telling);
	judge_budget(telling);
	judge_world(telling);
	judge_people(telling);
	judge_resolving(telling);
}
