/* SPDX-License-Identifier: Apache-2.0 */
#include "core/explain_private.h"

#include <stdarg.h>
#include <stdio.h>
#include "base/duration.h"
#include "base/text.h"
#include "proto/timestamp.h"

#define DAY_SECONDS    86400
#define TIME_TEXT_SIZE 24
#define WHOM_SIZE      192
#define CODE_SIZE      32
#define SAID_MAX       200 /* bytes of what a check said */

/* --- words --------------------------------------------------------------- */

static void say(struct telling *telling, const char *format, ...)
	PRINTF_LIKE(2, 3);

static void say(struct telling *telling, const char *format, ...)
{
	struct explain *out = telling->out;
	va_list args;

	if (out->n_lines == EXPLAIN_MAX_LINES)
		return;
	va_start(args, format);
	(void)vsnprintf(out->lines[out->n_lines++], EXPLAIN_LINE_SIZE, format,
	                args);
	va_end(args);
}

/* "14:02:11", with the date if that is not today's. */
static const char *at(const struct telling *telling, uint64_t at_ms,
                      char out[static TIME_TEXT_SIZE])
{
	const struct supervisor *supervisor = telling->supervisor;
	int64_t offset_ms = supervisor->wall_offset_ms;
	int64_t wall_s = ((int64_t)at_ms + offset_ms) / 1000;
	int64_t now_s = ((int64_t)telling->now_ms + offset_ms) / 1000;
	int64_t local_s = wall_s + supervisor->local(wall_s).offset_s;
	int64_t today_s = now_s + supervisor->local(now_s).offset_s;
	char text[TIMESTAMP_TEXT_MAX];

	(void)timestamp_format(local_s * 1000, text);
	if (local_s / DAY_SECONDS == today_s / DAY_SECONDS)
		(void)snprintf(out, TIME_TEXT_SIZE, "%.8s", text + 11);
	else
		(void)snprintf(out, TIME_TEXT_SIZE, "%.10s %.8s", text,
		               text + 11);
	return out;
}

const char *explain_span(uint64_t ms, char out[static DURATION_TEXT_MAX])
{
	return duration_format(ms < 1000 ? ms : ms / 1000 * 1000, out);
}

const char *explain_step(const struct step *step, const char *target, char *out)
{
	int n = snprintf(out, EXPLAIN_LINE_SIZE, "%s",
	                 step_kind_name(step->kind));

	if (step->kind == STEP_LOG && step->message)
		(void)snprintf(out + n, EXPLAIN_LINE_SIZE - (size_t)n, ": %s",
		               step->message);
	if (step->kind != STEP_RUN && step->kind != STEP_LOG)
		n += snprintf(out + n, EXPLAIN_LINE_SIZE - (size_t)n, "%s %s",
		              step->kind == STEP_EXEC ? " in" : "", target);
	if (step->kind == STEP_EXEC && n < EXPLAIN_LINE_SIZE - 1)
		n += snprintf(out + n, EXPLAIN_LINE_SIZE - (size_t)n, ":");
	for (size_t i = 0;
	     step->argv && step->argv[i] && n < EXPLAIN_LINE_SIZE - 1 && n > 0;
	     i++)
		n += snprintf(out + n, EXPLAIN_LINE_SIZE - (size_t)n, " %s",
		              step->argv[i]);
	return out;
}

/* --- sentences ----------------------------------------------------------- */

static const char *level_word(const struct telling *telling)
{
	return policy_level_said(telling->policy, telling->rules);
}

/* How long it must be bad before it counts. */
static uint64_t for_of(const struct telling *telling)
{
	return telling->rules->levels
	               ? policy_level_now(telling->policy, telling->rules)
	                         ->for_ms
	               : telling->rules->for_ms;
}

/* Bad, and nothing is due as long as it stays so. */
static bool is_at_rest(const struct telling *telling)
{
	return telling->policy->state == POLICY_COOLING &&
	       (explain_n_rungs(telling) == 0 ||
	        policy_cool_until(telling->policy) == POLICY_NEVER);
}

static void tell_state(struct telling *telling)
{
	const struct policy *policy = telling->policy;
	const struct explain_guard *pause =
		explain_guard_of(telling, GUARD_PAUSE);
	bool resolving = policy_is_resolving(policy);
	char since[TIME_TEXT_SIZE];
	char text[DURATION_TEXT_MAX];

	(void)at(telling, policy->since_ms, since);
	switch (policy->state) {
	case POLICY_STARTING:
		say(telling, "Nothing is known yet, since %s.", since);
		break;
	case POLICY_GOOD:
		say(telling, "Good since %s.", since);
		break;
	case POLICY_BREACHED:
		say(telling, "Bad since %s, but not for %s yet.", since,
		    explain_span(for_of(telling), text));
		break;
	case POLICY_WAITING:
		say(telling,
		    resolving ? "Good again since %s; the steps for that wait."
		              : "Waits since %s to be bounced.",
		    since);
		break;
	case POLICY_BOUNCING:
		say(telling,
		    resolving ? "Good again; a step for that is at work since "
		                "%s, %u of %u."
		              : "Is being bounced since %s, step %u of %u.",
		    since, explain_rung(telling), explain_n_rungs(telling));
		break;
	case POLICY_VERIFYING:
		say(telling, "Step %u of %u was done at %s; does it help?",
		    explain_rung(telling), explain_n_rungs(telling), since);
		break;
	case POLICY_COOLING:
		say(telling,
		    is_at_rest(telling) ? "Bad, and let be since %s."
		                        : "Bad, and cools down since %s.",
		    since);
		break;
	case POLICY_GAVE_UP:
		say(telling, "Gave up at %s: the budget of bounces is spent.",
		    since);
		break;
	case POLICY_UNKNOWN:
		say(telling, "Unknown since %s: %s.", since,
		    explain_guard_of(telling, GUARD_UNKNOWN)->why);
		break;
	case POLICY_PAUSED:
	case N_POLICY_STATES:
	default:
		say(telling, "Since %s %s.", since,
		    pause->holds ? pause->why : "paused");
		break;
	}
}

static void tell_excuse(struct telling *telling)
{
	uint64_t excuse_ms =
		telling->policy->excused_ms + telling->policy->away_ms;
	char text[DURATION_TEXT_MAX];

	if (excuse_ms)
		say(telling,
		    "Of that time %s do not count: the source could not be "
		    "read or was away.",
		    explain_span(excuse_ms, text));
}

/* "container web-1 (rule health)": of whom the sentence is. */
static const char *whom(const struct telling *telling,
                        char out[static WHOM_SIZE])
{
	const struct monitor *monitor = telling->monitor;

	if (!monitor->rule)
		return "The container";
	(void)snprintf(out, WHOM_SIZE, "Container %.96s of rule %.64s",
	               monitor->container ? monitor->container : "(gone)",
	               monitor->rule->name);
	return out;
}

static void tell_output(struct telling *telling)
{
	struct buf clean;
	struct slice said;

	buf_init(&clean, EXPLAIN_LINE_SIZE * 4);
	text_append_clean(
		&clean,
		text_cut(slice_from(telling->monitor->output), SAID_MAX),
		false);
	said = text_cut(slice_trim(buf_slice(&clean)), SAID_MAX);
	if (said.n)
		say(telling, "It says: " SLICE_FMT, SLICE_ARG(said));
	buf_fini(&clean);
}

/* What its check, or a probe, says. */
static void tell_health(struct telling *telling)
{
	const struct observation *last = &telling->monitor->last;
	uint64_t since_ms = telling->now_ms - telling->monitor->last_ms;
	uint64_t run_ms = last->running_ms ? last->running_ms + since_ms : 0;
	uint64_t grace_ms = telling->rules->grace_ms;
	char run[DURATION_TEXT_MAX];
	char text[DURATION_TEXT_MAX];
	char name[WHOM_SIZE];
	char code[CODE_SIZE] = "";

	switch (last->health) {
	case HEALTH_GOOD:
		say(telling, "%s %s%s%s.", whom(telling, name),
		    last->unchecked ? "runs" : "is well",
		    !run_ms           ? ""
		    : last->unchecked ? ", for "
		                      : ", it runs for ",
		    run_ms ? explain_span(run_ms, run) : "");
		break;
	case HEALTH_STARTING:
		say(telling,
		    "%s is starting%s%s; its check has not decided yet.",
		    whom(telling, name), run_ms ? ", it runs for " : "",
		    run_ms ? explain_span(run_ms, run) : "");
		break;
	case HEALTH_BAD:
		if (last->exit_code >= 0)
			(void)snprintf(code, sizeof(code), ", exit code %d",
			               last->exit_code);
		say(telling, "%s is unhealthy: %u check%s in a row failed%s.",
		    whom(telling, name), last->n_streak,
		    last->n_streak == 1 ? "" : "s", code);
		tell_output(telling);
		if (run_ms && run_ms < grace_ms)
			say(telling,
			    "It runs for %s only, grace is %s: that does not "
			    "count yet.",
			    explain_span(run_ms, run),
			    explain_span(grace_ms, text));
		break;
	case HEALTH_IDLE:
	default:
		if (last->idle == IDLE_EXIT_CODE && last->exit_code >= 0)
			(void)snprintf(code, sizeof(code), " (exit code %d)",
			               last->exit_code);
		say(telling, "%s %s%s.", whom(telling, name),
		    observation_idle_words(last->idle), code);
		break;
	}
}

static void tell_exit(struct telling *telling)
{
	const struct observation *last = &telling->monitor->last;
	uint64_t since_ms = telling->now_ms - telling->monitor->last_ms;
	char age[DURATION_TEXT_MAX];
	char limit[DURATION_TEXT_MAX] = "";
	char name[WHOM_SIZE];
	char code[CODE_SIZE] = "";

	if (last->exit_code >= 0)
		(void)snprintf(code, sizeof(code), " with exit code %d",
		               last->exit_code);
	if (telling->rules->max_age_ms)
		(void)explain_span(telling->rules->max_age_ms, limit);
	say(telling, "%s has exited%s %s ago%s%s: %s.", whom(telling, name),
	    code, explain_span(last->age_ms + since_ms, age),
	    limit[0] ? ", limit " : "", limit,
	    policy_is_bad(telling->policy) ? "bad" : "not bad yet");
}

/* "the value 0", of a reading without series. */
static const char *missing_words(const struct telling *telling)
{
	static const char *const words[N_POLICY_MISSING] = {
		[POLICY_MISSING_HOLD] = "changes nothing",
		[POLICY_MISSING_ZERO] = "counts as the value 0",
		[POLICY_MISSING_LAST] = "counts as the last value",
		[POLICY_MISSING_BREACH] = "counts as a breach",
	};

	return words[telling->rules->levels->missing];
}

/* The hard limit is crossed, and not for long enough yet. */
static void tell_next_level(struct telling *telling)
{
	const struct policy *policy = telling->policy;
	const struct policy_level *hard =
		&telling->rules->levels->level[POLICY_LEVEL_HARD];
	uint64_t due_ms = policy_level_due(policy, telling->rules);
	char limit[THRESHOLD_TEXT_MAX];
	char when[TIME_TEXT_SIZE];

	if (policy->level != POLICY_LEVEL_SOFT || due_ms == POLICY_NEVER)
		return;
	say(telling, "Hard at %s if it stays %s.",
	    at(telling, MAX(due_ms, telling->now_ms), when),
	    threshold_format(&hard->limit, limit));
}

static void tell_value(struct telling *telling)
{
	const struct policy *policy = telling->policy;
	const struct policy_level *level =
		policy_level_now(policy, telling->rules);
	const char *word = level_word(telling);
	uint64_t since_ms = policy->level == POLICY_LEVEL_HARD
	                            ? policy->beyond_ms[POLICY_LEVEL_HARD]
	                            : policy->bad_since_ms;
	char value[VALUE_TEXT_MAX];
	char limit[THRESHOLD_TEXT_MAX];
	char clear[THRESHOLD_TEXT_MAX] = "";
	char since[TIME_TEXT_SIZE];

	if (policy->missing)
		say(telling, "No series at the source, which %s.",
		    missing_words(telling));
	if (!policy->has_value)
		return;
	(void)threshold_format(&level->limit, limit);
	if (level->has_clear)
		(void)threshold_format(&level->clear, clear);
	if (!policy_is_bad(policy) || since_ms == POLICY_NEVER)
		say(telling, "%s %s, threshold %s: good.",
		    policy->missing ? "Last value" : "Value",
		    value_format(policy->value, value), limit);
	else
		say(telling, "%s %s, threshold %s%s%s%s: %s since %s%s%s.",
		    policy->missing ? "Last value" : "Value",
		    value_format(policy->value, value), limit, word ? " (" : "",
		    word ? word : "", word ? ")" : "",
		    policy_breach_words(policy), at(telling, since_ms, since),
		    clear[0] ? ", until it is " : "", clear);
	tell_next_level(telling);
}

static void tell_alert(struct telling *telling)
{
	const struct policy *policy = telling->policy;
	char since[TIME_TEXT_SIZE];

	if (policy_is_bad(policy))
		say(telling, "The alert fires, here since %s.",
		    at(telling, policy->bad_since_ms, since));
	else
		say(telling, "The alert is resolved.");
}

static void tell_observation(struct telling *telling)
{
	const struct observation *last = &telling->monitor->last;
	uint64_t since_ms = telling->now_ms - telling->monitor->last_ms;
	const char *verdict =
		policy_is_bad(telling->policy) ? "too old" : "good";
	char age[DURATION_TEXT_MAX];
	char limit[DURATION_TEXT_MAX];

	(void)explain_span(telling->rules->max_age_ms, limit);
	if (telling->rules->levels && (last->kind == OBSERVATION_VALUE ||
	                               last->kind == OBSERVATION_MISSING)) {
		tell_value(telling);
		return;
	}
	switch (last->kind) {
	case OBSERVATION_AGE:
		say(telling, "Last push %s ago, limit %s: %s.",
		    explain_span(last->age_ms + since_ms, age), limit,
		    telling->policy->breach == POLICY_BREACH_RUNTIME
		            ? policy_breach_words(telling->policy)
		            : verdict);
		break;
	case OBSERVATION_HEALTH:
		tell_health(telling);
		return;
	case OBSERVATION_EXITED:
		tell_exit(telling);
		return;
	case OBSERVATION_FAILED:
		(void)explain_span(last->age_ms + since_ms, age);
		if (last->exit_code >= 0)
			say(telling,
			    "The job reported a failure %s ago, exit code %d.",
			    age, last->exit_code);
		else
			say(telling, "The job reported a failure %s ago.", age);
		break;
	case OBSERVATION_MISSING:
		say(telling, "Missing at the source for %s, limit %s: %s.",
		    explain_span(policy_age(telling->policy, telling->now_ms),
		                 age),
		    limit,
		    policy_is_bad(telling->policy) ? "too long"
		                                   : "not bad yet");
		break;
	case OBSERVATION_ALERT:
		tell_alert(telling);
		return;
	case OBSERVATION_VALUE:
	case N_OBSERVATION_KINDS:
	case OBSERVATION_UNKNOWN:
	default:
		say(telling, telling->policy->known_ms == POLICY_NEVER
		                     ? "It has not been seen at the source yet."
		                     : "The source could not be read last "
		                       "time.");
		return;
	}
	if (last->running_ms) {
		say(telling, "It runs for %s%s%s.",
		    explain_span(last->running_ms + since_ms, age),
		    telling->rules->max_runtime_ms ? ", limit " : "",
		    telling->rules->max_runtime_ms
		            ? explain_span(telling->rules->max_runtime_ms,
		                           limit)
		            : "");
	}
	tell_excuse(telling);
}

/* --- what comes next ------------------------------------------------------ */

static void next(struct telling *telling, uint64_t when_ms, const char *format,
                 ...) PRINTF_LIKE(3, 4);

static void next(struct telling *telling, uint64_t when_ms, const char *format,
                 ...)
{
	struct explain *out = telling->out;
	va_list args;

	out->next_ms = when_ms;
	va_start(args, format);
	(void)vsnprintf(out->next, sizeof(out->next), format, args);
	va_end(args);
}

/* When what lasted so long at the last word passes its limit. */
static uint64_t passes(const struct telling *telling, uint64_t lasted_ms,
                       uint64_t excuse_ms, uint64_t limit_ms)
{
	lasted_ms -= MIN(excuse_ms, lasted_ms);
	lasted_ms += telling->now_ms - telling->monitor->last_ms;
	return telling->now_ms + limit_ms - MIN(limit_ms, lasted_ms);
}

/* When a limit passes, if nothing comes. */
static uint64_t limit_passes(const struct telling *telling)
{
	const struct policy *policy = telling->policy;
	const struct policy_rules *rules = telling->rules;
	const struct observation *last = &telling->monitor->last;
	uint64_t excuse_ms = policy->excused_ms + policy->away_ms;
	uint64_t grace_ms = policy->away_ms ? rules->start_grace_ms : 0;
	uint64_t max_age_ms = rules->max_age_ms + grace_ms;
	uint64_t at_ms;

	if (last->kind == OBSERVATION_EXITED)
		return passes(telling, last->age_ms, 0, rules->max_age_ms);
	if (last->kind == OBSERVATION_AGE)
		at_ms = passes(telling, last->age_ms, excuse_ms, max_age_ms);
	else
		at_ms = telling->now_ms + max_age_ms -
		        MIN(max_age_ms, policy_age(policy, telling->now_ms));
	if (last->running_ms && rules->max_runtime_ms)
		at_ms = MIN(at_ms, passes(telling, last->running_ms, excuse_ms,
		                          rules->max_runtime_ms + grace_ms));
	return at_ms;
}

static bool is_container(const struct telling *telling)
{
	enum observation_kind kind = telling->monitor->last.kind;

	return kind == OBSERVATION_HEALTH || kind == OBSERVATION_EXITED;
}

/* Of a container that is not bad. */
static void next_of_container(struct telling *telling)
{
	const struct observation *last = &telling->monitor->last;
	uint64_t grace_ms = telling->rules->grace_ms;
	char when[TIME_TEXT_SIZE];
	uint64_t at_ms;

	if (last->kind == OBSERVATION_EXITED) {
		at_ms = limit_passes(telling);
		next(telling, at_ms, "breach at %s if it is not started before",
		     at(telling, at_ms, when));
	} else if (last->health == HEALTH_BAD && last->running_ms < grace_ms) {
		at_ms = passes(telling, last->running_ms, 0, grace_ms);
		next(telling, at_ms, "breach at %s if it stays unhealthy",
		     at(telling, at_ms, when));
	} else if (last->health == HEALTH_STARTING) {
		next(telling, POLICY_NEVER, "what its check decides");
	} else if (last->health == HEALTH_IDLE) {
		next(telling, POLICY_NEVER,
		     last->idle == IDLE_NO_CHECK
		             ? "nothing as long as it stays so"
		             : "nothing until it runs again");
	} else {
		next(telling, POLICY_NEVER, "nothing as long as it stays so");
	}
}

/* The last of the guards to let go, as far as one can know. */
static void next_of_waiting(struct telling *telling)
{
	const struct explain *out = telling->out;
	const struct explain_guard *last = NULL;
	char when[TIME_TEXT_SIZE];

	for (unsigned i = 0; i < N_POLICY_GUARDS; i++) {
		const struct explain_guard *one = &out->guards[i];

		if (one->holds && one->guard != GUARD_DRY_RUN &&
		    (!last || one->until_ms > last->until_ms))
			last = one;
	}
	if (!last)
		next(telling, POLICY_NEVER,
		     "bounce, when the source has spoken again");
	else if (last->until_ms == POLICY_NEVER)
		next(telling, POLICY_NEVER,
		     "bounce when %s lets go, if it is still bad",
		     policy_guard_name(last->guard));
	else
		next(telling, last->until_ms,
		     "bounce at %s, when %s lets go, if it is still bad",
		     at(telling, last->until_ms, when),
		     policy_guard_name(last->guard));
}

static void next_of_pause(struct telling *telling)
{
	const struct explain_guard *pause =
		explain_guard_of(telling, GUARD_PAUSE);
	char when[TIME_TEXT_SIZE];

	if (pause->until_ms == POLICY_NEVER)
		next(telling, POLICY_NEVER, "nothing until it is resumed");
	else
		next(telling, pause->until_ms, "resumed at %s",
		     at(telling, pause->until_ms, when));
}

/* Of what is neither pushed nor a container. */
static bool is_of_no_age(const struct telling *telling)
{
	return telling->rules->levels || telling->policy->alert;
}

static void next_of_good(struct telling *telling)
{
	const struct policy *policy = telling->policy;
	uint64_t limit_ms = limit_passes(telling);
	char when[TIME_TEXT_SIZE];

	if (is_container(telling))
		next_of_container(telling);
	else if (policy->state == POLICY_STARTING)
		next(telling, POLICY_NEVER, "the first observation decides");
	else if (is_of_no_age(telling))
		next(telling, POLICY_NEVER, "nothing as long as it stays so");
	else
		next(telling, limit_ms,
		     policy->missing
		             ? "breach at %s if it is not listed before"
		             : "breach at %s if nothing is pushed before",
		     at(telling, limit_ms, when));
}

static void next_of_breached(struct telling *telling)
{
	const struct policy *policy = telling->policy;
	uint64_t for_ms = policy->bad_since_ms + telling->rules->for_ms;
	char when[TIME_TEXT_SIZE];

	if (telling->rules->levels)
		for_ms = policy_level_due(policy, telling->rules);
	if (for_ms == POLICY_NEVER || for_ms <= telling->now_ms)
		next(telling, POLICY_NEVER,
		     "bounce if the next reading is bad, too");
	else
		next(telling, for_ms, "bounce at %s if it stays bad",
		     at(telling, for_ms, when));
}

static void next_of_cooling(struct telling *telling)
{
	const struct policy *policy = telling->policy;
	uint64_t until_ms = policy_cool_until(policy);
	char when[TIME_TEXT_SIZE];

	if (explain_n_rungs(telling) == 0)
		next(telling, POLICY_NEVER, "nothing: this level has no steps");
	else if (until_ms == POLICY_NEVER)
		next(telling, POLICY_NEVER,
		     "nothing until it is good again: one bounce for one "
		     "breach");
	else if (until_ms <= telling->now_ms)
		next(telling, POLICY_NEVER, "the next reading decides");
	else
		next(telling, until_ms, "bounce at %s if it is still bad",
		     at(telling, until_ms, when));
}

static void tell_next(struct telling *telling)
{
	const struct policy *policy = telling->policy;
	const struct policy_rules *rules = telling->rules;
	uint64_t verify_ms = policy->ended_ms + rules->verify_ms;
	char when[TIME_TEXT_SIZE];

	switch (policy->state) {
	case POLICY_STARTING:
	case POLICY_GOOD:
		next_of_good(telling);
		break;
	case POLICY_BREACHED:
		next_of_breached(telling);
		break;
	case POLICY_WAITING:
		next_of_waiting(telling);
		break;
	case POLICY_BOUNCING:
		next(telling, POLICY_NEVER, "the end of the step");
		break;
	case POLICY_VERIFYING:
		if (verify_ms <= telling->now_ms) {
			next(telling, POLICY_NEVER, "what its check decides");
			break;
		}
		next(telling, verify_ms, "%s at %s if it is not good before",
		     explain_rung(telling) < explain_n_rungs(telling)
		             ? "the next step"
		             : "the bounce did not help",
		     at(telling, verify_ms, when));
		break;
	case POLICY_COOLING:
		next_of_cooling(telling);
		break;
	case POLICY_GAVE_UP:
		next(telling, POLICY_NEVER,
		     "nothing until it is good again, or a bounce is ordered");
		break;
	case POLICY_UNKNOWN:
		next(telling, POLICY_NEVER,
		     "goes on when the source can be read again");
		break;
	case POLICY_PAUSED:
	case N_POLICY_STATES:
	default:
		next_of_pause(telling);
		break;
	}
}

/* The guards that hold, for people: those of the present state's own are said
 * by its sentence. */
static void tell_guards(struct telling *telling)
{
	const uint32_t said = GUARD_PAUSE | GUARD_UNKNOWN;
	bool waits = telling->policy->state == POLICY_WAITING;
	char when[TIME_TEXT_SIZE];

	for (unsigned i = 0; i < N_POLICY_GUARDS; i++) {
		const struct explain_guard *one = &telling->out->guards[i];

		if (!one->holds || (one->guard & said) ||
		    telling->policy->state == POLICY_BOUNCING ||
		    telling->out->n_lines >= EXPLAIN_MAX_LINES - 2)
			continue;
		if (one->until_ms == POLICY_NEVER)
			say(telling, "%s by %s: %s.",
			    waits ? "Held" : "A bounce now would be held",
			    policy_guard_name(one->guard), one->why);
		else
			say(telling, "%s by %s until %s: %s.",
			    waits ? "Held" : "A bounce now would be held",
			    policy_guard_name(one->guard),
			    at(telling, one->until_ms, when), one->why);
	}
}

void explain(const struct supervisor *supervisor, const struct monitor *monitor,
             const char *target, uint64_t now_ms, struct explain *out)
{
	struct telling telling = {
		.supervisor = supervisor,
		.monitor = monitor,
		.policy = &monitor->policy,
		.rules = monitor->rules,
		.now_ms = now_ms,
		.out = out,
	};
	uint8_t step = monitor->policy.step;
	char text[EXPLAIN_LINE_SIZE];

	out->n_lines = 0;
	explain_judge(&telling);
	tell_state(&telling);
	tell_observation(&telling);
	tell_guards(&telling);
	tell_next(&telling);
	say(&telling, "Next: %.300s.", out->next);
	if (monitor->rules->n_steps == 0 || is_at_rest(&telling))
		return;
	if (monitor->policy.state == POLICY_VERIFYING &&
	    explain_rung(&telling) < explain_n_rungs(&telling))
		step++;
	say(&telling, "%s: %.300s.",
	    monitor->policy.state == POLICY_BOUNCING ? "At work"
	    : monitor->dry_run                       ? "Would only say then"
	                                             : "Would then",
	    explain_step(&monitor->steps[step], target, text));
}
