/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka.h"

#include <string.h>
#include "base/buf.h"
#include "base/number.h"
#include "policy_kit.h"

const struct policy_rules base_rules = {
	.max_age_ms = 60000,
	.cooldown_ms = 60000,
	.verify_ms = 60000,
	.window_ms = 3600000,
	.backoff_max_ms = 3600000,
	.backoff_percent = 200,
	.max_bounces = 5,
	.n_steps = 1,
};

static unsigned command_bits(const struct policy_commands *commands)
{
	return (commands->run_step ? RUN : 0u) |
	       (commands->cancel ? CANCEL : 0u) |
	       (commands->observe ? OBSERVE : 0u) |
	       (commands->ask_guards ? ASK : 0u) |
	       (commands->recovered ? RECOVERED : 0u) |
	       (commands->useless ? USELESS : 0u);
}

void run_rows(struct policy *policy, const struct policy_rules *rules,
              const struct row *rows, size_t n_rows)
{
	struct rng rng = { 1 };

	for (size_t i = 0; i < n_rows; i++) {
		const struct row *row = &rows[i];
		struct policy_commands commands = policy_step(
			policy, rules, &row->event, ZERO + row->at_ms, &rng);
		unsigned bits = command_bits(&commands);

		if (policy->state != row->state || bits != row->commands)
			fail_msg("row %zu at %llu: %s with commands 0x%x, "
			         "expected %s with 0x%x",
			         i, (unsigned long long)row->at_ms,
			         policy_state_name(policy->state), bits,
			         policy_state_name(row->state), row->commands);
		if (row->deadline_ms == -1)
			assert_true(policy->deadline_ms == POLICY_NEVER);
		else if (row->deadline_ms > 0)
			assert_int_equal(policy->deadline_ms - ZERO,
			                 row->deadline_ms);
	}
}

/* --- values over time ------------------------------------------------------ */

#define TRACE_MAX 512
#define SECOND    1000u

/* What one trace works with. */
struct run {
	const struct trace *trace;
	struct policy_rules rules;
	struct policy_levels levels;
	struct policy policy;
	struct rng rng;
	struct buf seen;
	uint64_t now_ms;
	size_t n_runs;
};

static struct policy_level level_of(const struct trace_level *level,
                                    enum threshold_op op, double limit,
                                    uint8_t step)
{
	return (struct policy_level){
		.given = level->given,
		.limit = { op, limit },
		.for_ms = level->for_s * SECOND,
		.cooldown_ms = level->cooldown_s * SECOND,
		.first_step = step,
		.n_steps = !level->no_steps,
	};
}

/* As the configuration makes them of a monitor that is read each second. */
static void set_rules(struct run *run, enum policy_compat compat)
{
	const struct trace *trace = run->trace;
	enum threshold_op op = trace->below ? THRESHOLD_BELOW : THRESHOLD_ABOVE;
	uint64_t cooldown_ms = (trace->soft.given ? trace->soft.cooldown_s
	                                          : trace->hard.cooldown_s) *
	                       SECOND;

	run->levels = (struct policy_levels){
		.level = { level_of(&trace->soft, op, trace->below ? 20 : 80,
		                    0),
		           level_of(&trace->hard, op, trace->below ? 10 : 100,
		                    1) },
		.missing = trace->missing,
		.compat = compat,
	};
	run->rules = (struct policy_rules){
		.verify_ms = MAX(MIN(2 * SECOND, cooldown_ms), 1),
		.window_ms = 3600 * SECOND,
		.backoff_max_ms = 3600 * SECOND,
		.backoff_percent = 100,
		.n_steps = 2,
		.levels = &run->levels,
	};
}

static bool run_fails(const struct run *run)
{
	const char *fails = run->trace->fails;

	return fails && fails[MIN(run->n_runs, strlen(fails) - 1)] == '*';
}

static void note_run(struct run *run, bool fails)
{
	bool seed = run->levels.compat == POLICY_COMPAT_METRIC_READER_SEED;

	(void)buf_puts(&run->seen, seed ? "!"
	                           : run->policy.ladder == POLICY_LADDER_HARD
	                                   ? "!h"
	                                   : "!s");
	if (fails)
		(void)buf_putc(&run->seen, '*');
}

/* One event, and all that comes of it at once. */
static void feed(struct run *run, const struct policy_event *event)
{
	struct policy_event guards = GUARDS(0);
	struct policy_event done = ENDED(DONE);
	struct policy_event failed = ENDED(FAILED);
	struct policy_commands commands = policy_step(
		&run->policy, &run->rules, event, run->now_ms, &run->rng);

	if (run->now_ms - ZERO < run->trace->held_for_s * SECOND)
		guards.held = GUARD_TARGET;
	while (commands.ask_guards) {
		bool fails = run_fails(run);

		commands = policy_step(&run->policy, &run->rules, &guards,
		                       run->now_ms, &run->rng);
		if (!commands.run_step)
			break;
		note_run(run, fails);
		run->n_runs++;
		commands = policy_step(&run->policy, &run->rules,
		                       fails ? &failed : &done, run->now_ms,
		                       &run->rng);
	}
}

static char letter_of(const struct run *run, bool waited)
{
	const struct policy *policy = &run->policy;

	if (run->levels.compat != POLICY_COMPAT_METRIC_READER_SEED)
		return "SHN"[policy->level];
	if (waited)
		return 'B';
	return policy->beyond_ms[POLICY_LEVEL_SOFT] == POLICY_NEVER ? '-' : 'A';
}

static void read_one(struct run *run, struct slice word)
{
	struct policy_event event = VALUE(0);
	bool waited = run->now_ms < run->policy.cool_until_ms;
	size_t at = run->seen.n;
	char letter;

	if (slice_is(word, "-"))
		event = (struct policy_event)MISSING;
	else if (slice_is(word, "E"))
		event = (struct policy_event)UNKNOWN;
	else
		assert_int_equal(
			number_parse_double(word, &event.observation.value), 0);
	/* the letter stands before what ran, and is known after it */
	(void)buf_puts(&run->seen, at ? " ?" : "?");
	feed(run, &event);
	letter = letter_of(run, waited);
	run->seen.p[at ? at + 1 : 0] = letter;
	run->now_ms += SECOND;
}

void run_trace(const struct trace *trace, enum policy_compat compat)
{
	struct run run = { .trace = trace, .rng = { 1 }, .now_ms = ZERO };
	struct slice rest = slice_from(trace->values);
	const char *expect =
		compat && trace->compat ? trace->compat : trace->expect;
	struct slice word;

	set_rules(&run, compat);
	policy_init(&run.policy, ZERO);
	buf_init(&run.seen, TRACE_MAX);
	while (slice_next(&rest, ' ', &word)) {
		uint64_t more;

		if (word.p[0] != '+') {
			read_one(&run, word);
			continue;
		}
		assert_int_equal(number_parse_u64(slice_skip(word, 1), &more),
		                 0);
		run.now_ms += more * SECOND;
	}
	if (!slice_is(buf_slice(&run.seen), expect))
		fail_msg("%s: \"" SLICE_FMT "\", expected \"%s\"", trace->name,
		         SLICE_ARG(buf_slice(&run.seen)), expect);
	buf_fini(&run.seen);
}
