/* SPDX-License-Identifier: Apache-2.0 */
#include "core/supervisor.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include "base/mem.h"
#include "core/supervisor_private.h"
#include "proto/timestamp.h"

#define DETAIL_SIZE (PAUSE_REASON_MAX + TIMESTAMP_TEXT_MAX + 32)

static void record(struct supervisor *supervisor, const struct monitor *monitor,
                   const char *reason, const char *detail, uint64_t now_ms)
{
	supervisor_record(supervisor, LOG_LEVEL_INFO, JOURNAL_DAEMON,
	                  monitor ? monitor->name : "", reason, detail, now_ms);
}

/* --- pause and resume ---------------------------------------------------- */

const struct pause *supervisor_pause_of(const struct supervisor *supervisor,
                                        const struct monitor *monitor)
{
	if (monitor->pause)
		return monitor->pause;
	if (monitor->rule && monitor->rule->pause)
		return monitor->rule->pause;
	return supervisor->pause_all;
}

void supervisor_settle(struct supervisor *supervisor, struct monitor *monitor,
                       uint64_t now_ms)
{
	bool paused = monitor->paused ||
	              supervisor_pause_of(supervisor, monitor) != NULL;

	if (paused != (monitor->policy.state == POLICY_PAUSED))
		supervisor_pause(supervisor, monitor, paused, now_ms);
	supervisor_arm(supervisor, monitor);
}

static void settle_all(struct supervisor *supervisor, uint64_t now_ms)
{
	supervisor->all_at_once = true;
	LIST_FOR_EACH (node, &supervisor->monitors)
		supervisor_settle(supervisor,
		                  container_of(node, struct monitor, all_node),
		                  now_ms);
	supervisor->all_at_once = false;
}

/* One of them, or all. */
static void settle(struct supervisor *supervisor, struct monitor *monitor,
                   uint64_t now_ms)
{
	if (monitor)
		supervisor_settle(supervisor, monitor, now_ms);
	else
		settle_all(supervisor, now_ms);
	supervisor->ops->changed(supervisor->ops->context);
}

static void describe(const struct supervisor *supervisor,
                     const struct pause *pause, char out[static DETAIL_SIZE])
{
	char until[TIMESTAMP_TEXT_MAX];

	if (pause->until_ms == PAUSE_FOREVER)
		(void)snprintf(out, DETAIL_SIZE, "%s", pause->reason);
	else
		(void)snprintf(
			out, DETAIL_SIZE, "until %s%s%s",
			timestamp_format((int64_t)pause->until_ms +
		                                 supervisor->wall_offset_ms,
		                         until),
			pause->reason[0] ? ": " : "", pause->reason);
}

int supervisor_order_pause(struct supervisor *supervisor,
                           struct monitor *monitor, uint64_t until_ms,
                           const char *reason, uint64_t now_ms)
{
	struct pause **pausep =
		monitor ? &monitor->pause : &supervisor->pause_all;
	struct pause *pause = pause_new(
		(int64_t)now_ms + supervisor->wall_offset_ms, until_ms, reason);
	char detail[DETAIL_SIZE];

	if (!pause)
		return -ENOMEM;
	mem_free(*pausep);
	*pausep = pause;
	describe(supervisor, pause, detail);
	record(supervisor, monitor, "paused by an operator", detail, now_ms);
	settle(supervisor, monitor, now_ms);
	return 0;
}

static void end_pause(struct supervisor *supervisor, struct monitor *monitor,
                      const char *reason, uint64_t now_ms)
{
	struct pause **pausep =
		monitor ? &monitor->pause : &supervisor->pause_all;

	record(supervisor, monitor, reason, (*pausep)->reason, now_ms);
	mem_free(*pausep);
	*pausep = NULL;
	settle(supervisor, monitor, now_ms);
}

bool supervisor_order_resume(struct supervisor *supervisor,
                             struct monitor *monitor, uint64_t now_ms)
{
	if (!(monitor ? monitor->pause : supervisor->pause_all))
		return false;
	end_pause(supervisor, monitor, "resumed by an operator", now_ms);
	return true;
}

void supervisor_end_pause(struct supervisor *supervisor,
                          struct monitor *monitor, uint64_t now_ms)
{
	if (monitor->pause && monitor->pause->until_ms <= now_ms)
		end_pause(supervisor, monitor, "pause is over", now_ms);
}

void supervisor_end_pause_of_all(struct supervisor *supervisor, uint64_t now_ms)
{
	if (supervisor->pause_all && supervisor->pause_all->until_ms <= now_ms)
		end_pause(supervisor, NULL, "pause is over", now_ms);
}

/* --- … of a rule --------------------------------------------------------- */

static void find_next_resume(struct supervisor *supervisor)
{
	supervisor->rules_resume_ms = PAUSE_FOREVER;
	LIST_FOR_EACH (node, &supervisor->rules) {
		const struct rule *rule = container_of(node, struct rule, node);

		if (rule->pause)
			supervisor->rules_resume_ms =
				MIN(supervisor->rules_resume_ms,
			            rule->pause->until_ms);
	}
}

void supervisor_add_rule(struct supervisor *supervisor, struct rule *rule)
{
	list_init(&rule->monitors);
	rule->n_monitors = 0;
	list_append(&supervisor->rules, &rule->node);
	find_next_resume(supervisor);
}

void supervisor_remove_rule(struct supervisor *supervisor, struct rule *rule)
{
	assert(rule->n_monitors == 0);
	list_unlink(&rule->node);
	mem_free(rule->pause);
	rule->pause = NULL;
	find_next_resume(supervisor);
}

static void settle_rule(struct supervisor *supervisor, struct rule *rule,
                        uint64_t now_ms)
{
	find_next_resume(supervisor);
	supervisor->all_at_once = true;
	LIST_FOR_EACH (node, &rule->monitors)
		supervisor_settle(supervisor,
		                  container_of(node, struct monitor, rule_node),
		                  now_ms);
	supervisor->all_at_once = false;
	supervisor->ops->changed(supervisor->ops->context);
}

int supervisor_order_pause_rule(struct supervisor *supervisor,
                                struct rule *rule, uint64_t until_ms,
                                const char *reason, uint64_t now_ms)
{
	struct pause *pause = pause_new(
		(int64_t)now_ms + supervisor->wall_offset_ms, until_ms, reason);
	char detail[DETAIL_SIZE];

	if (!pause)
		return -ENOMEM;
	mem_free(rule->pause);
	rule->pause = pause;
	describe(supervisor, pause, detail);
	supervisor_record(supervisor, LOG_LEVEL_INFO, JOURNAL_DAEMON,
	                  rule->name, "paused by an operator", detail, now_ms);
	settle_rule(supervisor, rule, now_ms);
	return 0;
}

static void end_pause_of_rule(struct supervisor *supervisor, struct rule *rule,
                              const char *reason, uint64_t now_ms)
{
	supervisor_record(supervisor, LOG_LEVEL_INFO, JOURNAL_DAEMON,
	                  rule->name, reason, rule->pause->reason, now_ms);
	mem_free(rule->pause);
	rule->pause = NULL;
	settle_rule(supervisor, rule, now_ms);
}

bool supervisor_order_resume_rule(struct supervisor *supervisor,
                                  struct rule *rule, uint64_t now_ms)
{
	if (!rule->pause)
		return false;
	end_pause_of_rule(supervisor, rule, "resumed by an operator", now_ms);
	return true;
}

void supervisor_end_pauses_of_rules(struct supervisor *supervisor,
                                    uint64_t now_ms)
{
	if (supervisor->rules_resume_ms > now_ms)
		return;
	LIST_FOR_EACH (node, &supervisor->rules) {
		struct rule *rule = container_of(node, struct rule, node);

		if (rule->pause && rule->pause->until_ms <= now_ms)
			end_pause_of_rule(supervisor, rule, "pause is over",
			                  now_ms);
	}
}

/* --- a bounce ------------------------------------------------------------ */

const char *supervisor_refusal(const struct supervisor *supervisor,
                               const struct monitor *monitor, uint64_t now_ms)
{
	if (supervisor->stopping)
		return "the daemon is stopping";
	if (policy_ladder_of_order(&monitor->policy, monitor->rules) ==
	    POLICY_LADDER_NONE)
		return "it has no steps";
	if (monitor->policy.state == POLICY_BOUNCING)
		return "it is being bounced already";
	if (monitor->acting)
		return "a step of it is still at work";
	if (monitor->target->owner)
		return "another bounce is at work on its target";
	if (!target_free(monitor->target, monitor,
	                 supervisor_target_rest_ms(monitor), now_ms))
		return "another monitor has just bounced its target, and what "
		       "came of it is not known yet";
	return NULL;
}

void supervisor_order_bounce(struct supervisor *supervisor,
                             struct monitor *monitor, uint64_t now_ms)
{
	static const struct policy_event event = { .kind = POLICY_EVENT_ORDER };

	record(supervisor, monitor, "bounce ordered by an operator",
	       monitor->policy.state == POLICY_PAUSED
	               ? "it stays paused; the first step is run"
	               : "",
	       now_ms);
	supervisor_feed(supervisor, monitor, &event, now_ms);
}
