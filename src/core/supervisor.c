/* SPDX-License-Identifier: Apache-2.0 */
#include "core/supervisor.h"

#include <assert.h>
#include <stdio.h>
#include "base/mem.h"
#include "core/supervisor_private.h"

#define DETAIL_SIZE 128 /* of a storm */

static const double bounce_bounds[] = { 0.1, 0.25, 0.5, 1,   2.5, 5,
	                                10,  30,   60,  120, 300 };

static const double reading_bounds[] = { 0.001, 0.0025, 0.005, 0.01,
	                                 0.025, 0.05,   0.1,   0.25,
	                                 0.5,   1,      2.5,   10 };

static const char *const check_names[N_CHECK_RESULTS] = {
	[CHECK_GOOD] = "good",
	[CHECK_BREACH] = "breach",
	[CHECK_MISSING] = "missing",
	[CHECK_UNKNOWN] = "unknown",
};

static const char *const bounce_names[N_BOUNCE_RESULTS] = {
	[BOUNCE_RECOVERED] = "recovered",
	[BOUNCE_USELESS] = "useless",
	[BOUNCE_FAILED] = "failed",
	[BOUNCE_UNAVAILABLE] = "unavailable",
	[BOUNCE_LEFT_ALONE] = "left_alone",
	[BOUNCE_DRY_RUN] = "dry_run",
	[BOUNCE_CANCELLED] = "cancelled",
	[BOUNCE_VETOED] = "vetoed",
	[BOUNCE_THROTTLED] = "throttled",
};

const char *check_result_name(enum check_result result)
{
	return check_names[result];
}

const char *bounce_result_name(enum bounce_result result)
{
	return bounce_names[result];
}

void supervisor_init(struct supervisor *supervisor,
                     const struct supervisor_ops *ops, const struct log *log,
                     struct journal *journal, uint64_t seed)
{
	*supervisor = (struct supervisor){
		.ops = ops,
		.log = log,
		.journal = journal,
		.rng = { seed },
		.local = quiet_local_libc,
		.bounce_seconds = { .bounds = bounce_bounds,
		                    .n_bounds = ARRAY_SIZE(bounce_bounds) },
		.reading_seconds = { .bounds = reading_bounds,
		                     .n_bounds = ARRAY_SIZE(reading_bounds) },
	};
	list_init(&supervisor->monitors);
	list_init(&supervisor->rules);
	supervisor->rules_resume_ms = PAUSE_FOREVER;
	deadlines_init(&supervisor->deadlines);
}

void supervisor_fini(struct supervisor *supervisor)
{
	assert(supervisor->n_monitors == 0);
	deadlines_fini(&supervisor->deadlines);
	mem_free(supervisor->pause_all);
	supervisor->pause_all = NULL;
}

void group_init(struct group *group, const char *name)
{
	*group = (struct group){ .name = name, .read_ms = GROUP_NEVER_READ };
	list_init(&group->monitors);
	list_init(&group->troubled);
}

void reader_init(struct reader *reader, struct group *group)
{
	*reader = (struct reader){ .group = group };
	group->n_untried++;
}

void reader_fini(struct reader *reader)
{
	reader->group->n_good -= reader->good;
	reader->group->n_untried -= !reader->tried;
	reader->good = false;
	reader->tried = true;
}

/* Keeps the group's counts true; after whatever may have changed a policy. */
static void recount(struct monitor *monitor)
{
	struct group *group = monitor->group;
	bool bad = policy_is_bad(&monitor->policy);
	bool waiting = monitor->policy.state == POLICY_WAITING;
	bool before = monitor->bad || monitor->waiting;

	if (bad == monitor->bad && waiting == monitor->waiting)
		return;
	group->n_bad += (uint32_t)bad - (uint32_t)monitor->bad;
	group->n_waiting += (uint32_t)waiting - (uint32_t)monitor->waiting;
	monitor->bad = bad;
	monitor->waiting = waiting;
	if (!before)
		list_append(&group->troubled, &monitor->trouble_node);
	else if (!bad && !waiting)
		list_unlink(&monitor->trouble_node);
}

int supervisor_add(struct supervisor *supervisor, struct monitor *monitor,
                   bool keep_policy, uint64_t now_ms)
{
	int r;

	r = deadlines_reserve(&supervisor->deadlines,
	                      supervisor->n_monitors + 1);
	if (r < 0)
		return r;
	supervisor->n_monitors++;
	monitor->deadline = (struct deadline){ 0 };
	list_init(&monitor->trouble_node);
	list_init(&monitor->rule_node);
	monitor->bad = false;
	monitor->waiting = false;
	if (!keep_policy)
		policy_init(&monitor->policy, now_ms);
	list_append(&supervisor->monitors, &monitor->all_node);
	list_append(&monitor->group->monitors, &monitor->node);
	monitor->group->n_monitors++;
	if (monitor->rule) {
		list_append(&monitor->rule->monitors, &monitor->rule_node);
		monitor->rule->n_monitors++;
	}
	/* told before our own restart */
	monitor->told_gave_up = monitor->policy.state == POLICY_GAVE_UP;
	monitor->told = monitor->told_gave_up;
	recount(monitor);
	supervisor_settle(supervisor, monitor, now_ms);
	return 0;
}

void supervisor_remove(struct supervisor *supervisor, struct monitor *monitor)
{
	assert(!monitor->acting);
	deadlines_arm(&supervisor->deadlines, &monitor->deadline,
	              DEADLINE_NEVER);
	mem_free(monitor->pause);
	monitor->pause = NULL;
	list_unlink(&monitor->all_node);
	list_unlink(&monitor->node);
	list_unlink(&monitor->trouble_node);
	if (monitor->rule) {
		list_unlink(&monitor->rule_node);
		monitor->rule->n_monitors--;
	}
	monitor->group->n_monitors--;
	monitor->group->n_bad -= monitor->bad;
	monitor->group->n_waiting -= monitor->waiting;
	supervisor->n_monitors--;
}

/* --- policy and its commands -------------------------------------------- */

static void bounce_ended(struct supervisor *supervisor, struct monitor *monitor,
                         enum bounce_result result)
{
	const struct policy *policy = &monitor->policy;

	monitor->n_bounces[result]++;
	if (result <= BOUNCE_FAILED && policy->ended_ms != POLICY_NEVER &&
	    policy->ended_ms >= monitor->bounce_ms)
		histogram_observe(
			&supervisor->bounce_seconds,
			(double)(policy->ended_ms - monitor->bounce_ms) / 1000);
}

static struct policy_commands decide(struct supervisor *supervisor,
                                     struct monitor *monitor,
                                     const struct policy_event *event,
                                     uint64_t now_ms)
{
	struct policy_commands commands =
		policy_step(&monitor->policy, monitor->rules, event, now_ms,
	                    &supervisor->rng);

	recount(monitor);
	return commands;
}

void supervisor_arm(struct supervisor *supervisor, struct monitor *monitor)
{
	uint64_t at_ms = monitor->policy.deadline_ms;

	if (monitor->pause)
		at_ms = MIN(at_ms, monitor->pause->until_ms);
	deadlines_arm(&supervisor->deadlines, &monitor->deadline, at_ms);
}

static void tell(struct supervisor *supervisor, struct monitor *monitor,
                 enum notice_event event)
{
	const struct supervisor_ops *ops = supervisor->ops;

	if (ops->notice)
		ops->notice(ops->context, monitor, event);
}

/* A storm, or giving up: each is told once, by who leads. */
static void tell_troubles(struct supervisor *supervisor,
                          struct monitor *monitor)
{
	const struct policy *policy = &monitor->policy;
	struct group *group = monitor->group;
	bool gave_up =
		policy->state == POLICY_GAVE_UP && !monitor->told_gave_up;
	bool storm = group->storm && (policy->held & GUARD_STORM) &&
	             !group->storm_told;

	if ((!gave_up && !storm) || supervisor_standby(supervisor))
		return;
	if (gave_up) {
		monitor->told = true;
		monitor->told_gave_up = true;
		tell(supervisor, monitor, NOTICE_GAVE_UP);
	}
	if (storm) {
		group->storm_told = true;
		tell(supervisor, monitor, NOTICE_STORM);
	}
}

/* The last word says that it is good, if it is not bad. */
static bool is_word_of_good(const struct observation *last)
{
	return last->kind == OBSERVATION_AGE ||
	       last->kind == OBSERVATION_VALUE ||
	       last->kind == OBSERVATION_ALERT ||
	       (last->kind == OBSERVATION_HEALTH &&
	        last->health == HEALTH_GOOD);
}

/* Good again, by a word that says so, after people were told of it. */
static void tell_recovered(struct supervisor *supervisor,
                           struct monitor *monitor)
{
	const struct policy *policy = &monitor->policy;
	bool good = policy->state == POLICY_GOOD || policy_is_resolving(policy);

	if (!monitor->told || !good || policy_is_bad(policy) ||
	    !is_word_of_good(&monitor->last))
		return;
	monitor->told = false;
	monitor->told_gave_up = false;
	tell(supervisor, monitor, NOTICE_RECOVERED);
}

static void begin_step(struct supervisor *supervisor, struct monitor *monitor,
                       uint64_t now_ms)
{
	const struct supervisor_ops *ops = supervisor->ops;

	if (policy_at_first_step(&monitor->policy, monitor->rules) &&
	    !policy_is_resolving(&monitor->policy)) {
		monitor->bounce_ms = now_ms;
		monitor->bounce_wall_ms =
			(int64_t)now_ms + supervisor->wall_offset_ms;
		monitor->bounce_reason =
			monitor->policy.ordered
				? "ordered by an operator"
				: policy_breach_words(&monitor->policy);
	}
	target_begin(monitor->target, monitor);
	monitor->acting = true;
	supervisor->n_acting++;
	ops->run_step(ops->context, monitor);
}

static void carry_out(struct supervisor *supervisor, struct monitor *monitor,
                      const struct policy_commands *commands, uint64_t now_ms)
{
	const struct supervisor_ops *ops = supervisor->ops;

	for (uint8_t i = 0; i < commands->n_moves; i++)
		supervisor_record_move(supervisor, monitor, &commands->moves[i],
		                       now_ms);
	if (commands->newly_held)
		supervisor_record_held(supervisor, monitor,
		                       commands->newly_held, now_ms);
	supervisor_arm(supervisor, monitor);

	if (commands->recovered)
		bounce_ended(supervisor, monitor, BOUNCE_RECOVERED);
	if (commands->useless)
		bounce_ended(supervisor, monitor, BOUNCE_USELESS);
	if (commands->n_moves)
		ops->changed(ops->context);
	if (commands->observe)
		ops->observe(ops->context, monitor);
	if (commands->cancel && monitor->acting)
		ops->cancel_step(ops->context, monitor);
	tell_troubles(supervisor, monitor);
	if (commands->run_step)
		begin_step(supervisor, monitor, now_ms);
}

uint64_t supervisor_quiet_until(const struct supervisor *supervisor,
                                const struct monitor *monitor, uint64_t now_ms)
{
	int64_t wall_s = ((int64_t)now_ms + supervisor->wall_offset_ms) / 1000;
	int64_t until_s;

	if (monitor->n_quiet == 0)
		return 0;
	until_s = quiet_until(monitor->quiet, monitor->n_quiet,
	                      supervisor->local, wall_s);
	if (until_s == wall_s)
		return 0;
	return until_s == QUIET_NEVER ? POLICY_NEVER
	                              : (uint64_t)(until_s * 1000 -
	                                           supervisor->wall_offset_ms);
}

uint64_t supervisor_target_rest_ms(const struct monitor *monitor)
{
	enum step_kind kind;

	if (monitor->rules->n_steps == 0)
		return 0;
	kind = monitor->steps[monitor->policy.step].kind;
	if (monitor->policy.breach == POLICY_BREACH_EXITED &&
	    (kind == STEP_START || kind == STEP_RESTART))
		return 0;
	return monitor->rules->verify_ms;
}

const char *supervisor_standby(const struct supervisor *supervisor)
{
	return supervisor->ops->standby
	               ? supervisor->ops->standby(supervisor->ops->context)
	               : NULL;
}

static void ask_guards(struct supervisor *supervisor, struct monitor *monitor,
                       uint64_t now_ms)
{
	struct policy_event event = { .kind = POLICY_EVENT_GUARDS };
	struct policy_commands commands;

	if (monitor->policy.state != POLICY_WAITING || supervisor->stopping)
		return;
	if (monitor->group->storm)
		event.held |= GUARD_STORM;
	if (monitor->acting ||
	    !target_free(monitor->target, monitor,
	                 supervisor_target_rest_ms(monitor), now_ms))
		event.held |= GUARD_TARGET;
	if (supervisor_standby(supervisor))
		event.held |= GUARD_LEADER;
	event.quiet_until_ms =
		supervisor_quiet_until(supervisor, monitor, now_ms);
	if (event.quiet_until_ms)
		event.held |= GUARD_QUIET;
	commands = decide(supervisor, monitor, &event, now_ms);
	carry_out(supervisor, monitor, &commands, now_ms);
}

void supervisor_feed(struct supervisor *supervisor, struct monitor *monitor,
                     const struct policy_event *event, uint64_t now_ms)
{
	struct policy_commands commands =
		decide(supervisor, monitor, event, now_ms);

	carry_out(supervisor, monitor, &commands, now_ms);
	if (commands.ask_guards && !monitor->group->reading)
		ask_guards(supervisor, monitor, now_ms);
}

void supervisor_may_act(struct supervisor *supervisor, uint64_t now_ms)
{
	LIST_FOR_EACH_SAFE (node, &supervisor->monitors) {
		struct monitor *monitor =
			container_of(node, struct monitor, all_node);

		if (!monitor->group->reading)
			ask_guards(supervisor, monitor, now_ms);
		tell_troubles(supervisor, monitor);
	}
}

/* --- events ------------------------------------------------------------- */

static void note_reading(struct supervisor *supervisor, struct group *group,
                         const struct reading *reading)
{
	group->n_readings[reading->result]++;
	group->n_bytes += reading->n_bytes;
	histogram_observe(&supervisor->reading_seconds,
	                  (double)reading->duration_ms / 1000);
}

/* The source has written the log line. */
static void judge_source(struct supervisor *supervisor, struct group *group,
                         const struct reading *reading, bool up,
                         uint64_t now_ms)
{
	enum reading_result result = up ? READING_OK : reading->result;
	bool first = group->read_ms == GROUP_NEVER_READ &&
	             group->result == READING_OK;

	if (first || group->result != result)
		journal_add(supervisor->journal,
		            (int64_t)now_ms + supervisor->wall_offset_ms,
		            JOURNAL_SOURCE, group->name, NULL,
		            reading_result_name(result),
		            up ? "source can be read" : "source is unknown",
		            up ? "" : reading->detail);
	group->up = up;
	group->result = result;
}

static bool begin_reading(struct group *group, uint64_t now_ms)
{
	group->reading = true;
	if (!group->own)
		return false;
	group->up = true;
	group->read_ms = now_ms;
	return true;
}

void supervisor_reading_begin(struct supervisor *supervisor,
                              struct group *group,
                              const struct reading *reading, uint64_t now_ms)
{
	if (begin_reading(group, now_ms) || !reading)
		return;
	note_reading(supervisor, group, reading);
	judge_source(supervisor, group, reading, reading->result == READING_OK,
	             now_ms);
	if (group->up)
		group->read_ms = now_ms;
}

static void note_fault(struct reader *reader, const struct reading *reading)
{
	reader->fault[0] = '\0';
	if (reading->result != READING_OK)
		(void)snprintf(reader->fault, sizeof(reader->fault), "%s%s%s",
		               reading_result_name(reading->result),
		               reading->detail[0] ? ": " : "", reading->detail);
}

static bool speaks_for_group(const struct group *group,
                             const struct reader *reader)
{
	return reader->good || reader->result == READING_REFUSED ||
	       reader->result == READING_DNS ||
	       group->n_good + group->n_untried == 0;
}

void supervisor_reader_begin(struct supervisor *supervisor,
                             struct reader *reader,
                             const struct reading *reading, uint64_t now_ms)
{
	struct group *group = reader->group;
	bool good = reading && reading->result == READING_OK;

	if (begin_reading(group, now_ms) || !reading)
		return;
	note_reading(supervisor, group, reading);
	group->n_good += (uint32_t)good - (uint32_t)reader->good;
	group->n_untried -= !reader->tried;
	reader->tried = true;
	reader->good = good;
	reader->result = reading->result;
	note_fault(reader, reading);
	if (speaks_for_group(group, reader))
		judge_source(supervisor, group, reading, good, now_ms);
	if (good)
		group->read_ms = now_ms;
}

bool supervisor_fault(const struct monitor *monitor,
                      char out[static READER_FAULT_MAX])
{
	const struct reader *reader = monitor->reader;
	const struct group *group = monitor->group;

	if (reader && reader->fault[0])
		(void)snprintf(out, READER_FAULT_MAX, "%s", reader->fault);
	else if (!reader && group->result != READING_OK)
		(void)snprintf(out, READER_FAULT_MAX, "%s",
		               reading_result_name(group->result));
	else
		return false;
	return true;
}

static enum check_result check_result(const struct monitor *monitor)
{
	switch (monitor->last.kind) {
	case OBSERVATION_UNKNOWN:
		return CHECK_UNKNOWN;
	case OBSERVATION_MISSING:
		return CHECK_MISSING;
	case OBSERVATION_HEALTH:
		if (monitor->last.health != HEALTH_BAD)
			return CHECK_GOOD;
		break;
	case OBSERVATION_AGE:
	case OBSERVATION_FAILED:
	case OBSERVATION_EXITED:
	case OBSERVATION_VALUE:
	case OBSERVATION_ALERT:
	case N_OBSERVATION_KINDS:
	default:
		break;
	}
	return policy_is_bad(&monitor->policy) ? CHECK_BREACH : CHECK_GOOD;
}

void supervisor_observe(struct supervisor *supervisor, struct monitor *monitor,
                        const struct observation *observation, uint64_t now_ms)
{
	struct policy_event event = { .kind = POLICY_EVENT_OBSERVED,
		                      .observation = *observation };

	monitor->last = *observation;
	monitor->last_ms = now_ms;
	supervisor_feed(supervisor, monitor, &event, now_ms);
	tell_recovered(supervisor, monitor);
	monitor->n_checks[check_result(monitor)]++;
}

/* Those that fell silent when the bad ones did, and will be bad next. */
static uint32_t count_overdue(const struct group *group, uint64_t window_ms,
                              uint64_t now_ms)
{
	uint32_t n = 0;

	LIST_FOR_EACH (node, &group->monitors) {
		const struct policy *policy =
			&container_of(node, struct monitor, node)->policy;

		if (policy_is_overdue(policy, now_ms) &&
		    policy->push_ms + window_ms >= group->silent_ms &&
		    group->silent_ms + window_ms >= policy->push_ms)
			n++;
	}
	return n;
}

static struct storm_count count_storm(struct group *group, uint64_t window_ms,
                                      uint64_t now_ms)
{
	struct storm_count count = { .n_monitors = group->n_monitors,
		                     .n_bad = group->n_bad };
	bool silent = group->storm && group->silent_ms > 0;

	LIST_FOR_EACH (node, &group->troubled) {
		const struct monitor *monitor =
			container_of(node, struct monitor, trouble_node);
		const struct policy *policy = &monitor->policy;

		if (!monitor->bad || policy->bad_since_ms + window_ms < now_ms)
			continue;
		count.n_recent++;
		if (policy->breach == POLICY_BREACH_AGE && !group->storm) {
			group->silent_ms =
				silent ? MAX(group->silent_ms, policy->push_ms)
				       : policy->push_ms;
			silent = true;
		}
	}
	/* a walk over all: only where something hangs on it */
	if (silent && (group->storm || group->n_waiting > 0))
		count.n_overdue = count_overdue(group, window_ms, now_ms);
	return count;
}

static void judge_storm(struct supervisor *supervisor, struct group *group,
                        uint64_t now_ms)
{
	bool before = group->storm;
	struct storm_count count;
	char detail[DETAIL_SIZE];

	if (!before && supervisor->storm_rules.share_percent == 0)
		return; /* nothing hangs on a walk over all that are bad */
	count = count_storm(group, supervisor->storm_rules.window_ms, now_ms);
	group->storm = storm_judge(&supervisor->storm_rules, &count, before);
	if (!group->storm) {
		group->silent_ms = 0;
		group->storm_told = false;
	}
	if (group->storm == before)
		return;

	(void)snprintf(detail, sizeof(detail),
	               "%u of %u monitors are bad, %u more are overdue",
	               count.n_bad, count.n_monitors, count.n_overdue);
	supervisor_record(
		supervisor, group->storm ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN,
		JOURNAL_STORM, group->name,
		group->storm ? "storm: bounces of this source are held"
			     : "storm is over",
		detail, now_ms);
}

void supervisor_reading_end(struct supervisor *supervisor, struct group *group,
                            uint64_t now_ms)
{
	group->reading = false;
	if (list_empty(&group->troubled) && !group->storm)
		return;
	judge_storm(supervisor, group, now_ms);
	if (group->n_waiting == 0)
		return;
	/* asking moves nobody but whom it asks */
	LIST_FOR_EACH_SAFE (node, &group->troubled)
		ask_guards(supervisor,
		           container_of(node, struct monitor, trouble_node),
		           now_ms);
}

static enum policy_outcome outcome_of(const struct step_report *report)
{
	switch (report->result) {
	case STEP_OK: /* of what is gone no word will come */
		return report->kind == STEP_REMOVE ? OUTCOME_SETTLED
		                                   : OUTCOME_DONE;
	case STEP_LEFT_ALONE:
		return OUTCOME_LEFT_ALONE;
	case STEP_UNAVAILABLE:
		return OUTCOME_UNAVAILABLE;
	case STEP_CANCELLED: /* what was interrupted has acted */
		return report->interrupted ? OUTCOME_DONE : OUTCOME_CANCELLED;
	case STEP_DRY_RUN:
		return OUTCOME_DRY_RUN;
	case STEP_VETOED:
		return OUTCOME_VETOED;
	case STEP_THROTTLED:
		return OUTCOME_THROTTLED;
	case STEP_FAILED:
	case STEP_TIMED_OUT:
	case STEP_NO_TARGET:
	case STEP_BUSY:
	case N_STEP_RESULTS:
	default:
		return OUTCOME_FAILED;
	}
}

/* A bounce that ended with this step, but for those that are verified. */
static void count_bounce(struct supervisor *supervisor, struct monitor *monitor,
                         enum policy_outcome outcome)
{
	static const enum bounce_result results[] = {
		[OUTCOME_FAILED] = BOUNCE_FAILED,
		[OUTCOME_UNAVAILABLE] = BOUNCE_UNAVAILABLE,
		[OUTCOME_LEFT_ALONE] = BOUNCE_LEFT_ALONE,
		[OUTCOME_DRY_RUN] = BOUNCE_DRY_RUN,
		[OUTCOME_CANCELLED] = BOUNCE_CANCELLED,
		[OUTCOME_VETOED] = BOUNCE_VETOED,
		[OUTCOME_THROTTLED] = BOUNCE_THROTTLED,
	};
	bool more = outcome == OUTCOME_FAILED &&
	            monitor->policy.state == POLICY_WAITING;

	if (outcome != OUTCOME_DONE && outcome != OUTCOME_SETTLED && !more)
		bounce_ended(supervisor, monitor, results[outcome]);
}

/* A bounce was done, or has failed for good. */
static bool is_worth_telling(const struct monitor *monitor,
                             enum policy_outcome outcome)
{
	switch (outcome) {
	case OUTCOME_DONE:
	case OUTCOME_SETTLED:
	case OUTCOME_UNAVAILABLE:
		return true;
	case OUTCOME_FAILED:
		return monitor->policy.state != POLICY_WAITING;
	case OUTCOME_LEFT_ALONE:
	case OUTCOME_VETOED:
	case OUTCOME_THROTTLED:
	case OUTCOME_DRY_RUN:
	case OUTCOME_CANCELLED:
	default:
		return false;
	}
}

static void tell_bounced(struct supervisor *supervisor, struct monitor *monitor,
                         const struct step_report *report,
                         enum policy_outcome outcome)
{
	if (!is_worth_telling(monitor, outcome))
		return;
	monitor->report = report;
	tell(supervisor, monitor, NOTICE_BOUNCED);
	monitor->report = NULL;
	/* what was removed does not come back as good */
	monitor->told = outcome != OUTCOME_SETTLED;
}

void supervisor_step_ended(struct supervisor *supervisor,
                           struct monitor *monitor,
                           const struct step_report *given, uint64_t now_ms)
{
	uint8_t rung = monitor->policy.step;
	bool resolving = policy_is_resolving(&monitor->policy);
	struct step_report report = *given;
	struct policy_event event = { .kind = POLICY_EVENT_STEP_ENDED };
	struct policy_commands commands;

	assert(monitor->acting);
	report.kind = monitor->steps[rung].kind;
	event.outcome = outcome_of(&report);
	monitor->acting = false;
	supervisor->n_acting--;
	target_end(monitor->target, now_ms);
	if (monitor->n_steps)
		monitor->n_steps[rung][report.result]++;
	supervisor_record_step(supervisor, monitor, &report,
	                       event.outcome == OUTCOME_FAILED ||
	                               event.outcome == OUTCOME_UNAVAILABLE,
	                       now_ms);

	commands = decide(supervisor, monitor, &event, now_ms);
	if (!resolving) {
		count_bounce(supervisor, monitor, event.outcome);
		tell_bounced(supervisor, monitor, &report, event.outcome);
	}
	/* a word that came before its end may be the last of it */
	if (monitor->policy.alert)
		tell_recovered(supervisor, monitor);
	carry_out(supervisor, monitor, &commands, now_ms);
	if (commands.ask_guards && !monitor->group->reading)
		ask_guards(supervisor, monitor, now_ms);
}

void supervisor_pause(struct supervisor *supervisor, struct monitor *monitor,
                      bool pause, uint64_t now_ms)
{
	struct policy_event event = { .kind = pause ? POLICY_EVENT_PAUSE
		                                    : POLICY_EVENT_RESUME };

	supervisor_feed(supervisor, monitor, &event, now_ms);
	if (pause && monitor->acting)
		supervisor->ops->cancel_step(supervisor->ops->context, monitor);
}

void supervisor_tick(struct supervisor *supervisor, uint64_t now_ms)
{
	static const struct policy_event event = {
		.kind = POLICY_EVENT_DEADLINE
	};
	struct deadline *due;

	supervisor_end_pause_of_all(supervisor, now_ms);
	supervisor_end_pauses_of_rules(supervisor, now_ms);
	while ((due = deadlines_pop(&supervisor->deadlines, now_ms))) {
		struct monitor *monitor =
			container_of(due, struct monitor, deadline);

		supervisor_end_pause(supervisor, monitor, now_ms);
		if (monitor->policy.deadline_ms <= now_ms)
			supervisor_feed(supervisor, monitor, &event, now_ms);
		else
			supervisor_arm(supervisor, monitor);
	}
}

uint64_t supervisor_next(const struct supervisor *supervisor)
{
	uint64_t next_ms = MIN(deadlines_next(&supervisor->deadlines),
	                       supervisor->rules_resume_ms);

	return supervisor->pause_all
	               ? MIN(next_ms, supervisor->pause_all->until_ms)
	               : next_ms;
}
