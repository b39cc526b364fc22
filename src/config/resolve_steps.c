/* SPDX-License-Identifier: Apache-2.0 */
#include "config/resolve.h"

#include <errno.h>

/* What a kind of step can have. */
enum {
	HAS_COMMAND = 1 << 0,
	HAS_STOP_TIMEOUT = 1 << 1,
	HAS_SIGNAL = 1 << 2,
	HAS_MESSAGE = 1 << 3,
	HAS_VOLUMES = 1 << 4,
	HAS_WEBHOOK = 1 << 5,
	ON_HOST = 1 << 6, /* needs no container */
};

static const unsigned kinds[N_STEP_KINDS] = {
	[STEP_RESTART] = HAS_STOP_TIMEOUT | HAS_SIGNAL,
	[STEP_STOP] = HAS_STOP_TIMEOUT | HAS_SIGNAL,
	[STEP_START] = 0,
	[STEP_KILL] = HAS_SIGNAL,
	[STEP_EXEC] = HAS_COMMAND,
	[STEP_RUN] = HAS_COMMAND | ON_HOST,
	[STEP_LOG] = HAS_MESSAGE | ON_HOST,
	[STEP_REMOVE] = HAS_VOLUMES,
	[STEP_WEBHOOK] = HAS_WEBHOOK | ON_HOST,
};

/* What the monitor says for all its steps. */
struct step_defaults {
	uint64_t timeout_ms;
	int64_t stop_timeout_ms;
	const char *signal;
};

/* --- one step ------------------------------------------------------------ */

static void refuse(const struct reader *reader, const char *key, bool given,
                   unsigned bit, enum step_kind kind)
{
	if (given && !(kinds[kind] & bit))
		reader_problem(reader, key,
		               "a %s step has none; remove the key",
		               step_kind_name(kind));
}

static bool read_kind(const struct reader *reader, const char *key,
                      const char *text, enum config_target_type type,
                      enum step_kind *kindp)
{
	const char *names[N_STEP_KINDS];
	unsigned kind;

	for (unsigned i = 0; i < N_STEP_KINDS; i++)
		names[i] = step_kind_name((enum step_kind)i);
	if (!read_word(reader, key, text, names, N_STEP_KINDS, &kind))
		return false;
	*kindp = (enum step_kind)kind;
	if (type == CONFIG_TARGET_HOST && !(kinds[kind] & ON_HOST))
		reader_value(reader, key, text,
		             "needs a container, and the type is host; use "
		             "run, webhook or log");
	return true;
}

static void read_stop(const struct reader *reader, const char *text,
                      int64_t *msp)
{
	uint64_t ms;

	if (read_duration(reader, "stop_timeout", text, 0, &ms))
		*msp = (int64_t)ms;
}

static void refuse_webhook(const struct reader *reader, enum step_kind kind)
{
	static const char *const keys[] = { "url",     "preset",   "body",
		                            "method",  "headers",  "token_file",
		                            "ca_file", "max_tries" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct place place = reader_place(reader, keys[i]);

		refuse(reader, keys[i], place_find(&place) != NULL, HAS_WEBHOOK,
		       kind);
	}
}

/* The time is that of the request; the step has none besides. */
static void read_webhook(struct resolve *resolve, const struct reader *reader,
                         const struct raw_step *raw, struct step *step)
{
	struct webhook *webhook =
		arena_calloc(resolve->memory, 1, sizeof(*webhook));

	if (!webhook) {
		resolve->failed = -ENOMEM;
		return;
	}
	webhook->max_tries = 1;
	webhook->timeout_ms =
		step->timeout_ms ? step->timeout_ms : WEBHOOK_TIMEOUT_MS;
	resolve_webhook(resolve, reader, &raw->webhook, webhook);
	step->timeout_ms = STEP_TIMEOUT_DERIVED;
	step->webhook = webhook;
}

static void read_step(struct resolve *resolve, const struct raw_step *raw,
                      const struct place *place, enum config_target_type type,
                      const struct step_defaults *defaults, struct step *step)
{
	struct reader reader = { .problems = resolve->problems,
		                 .place = place };
	struct place command = reader_place(&reader, "command");
	bool has_command = place_find(&command) != NULL;
	int64_t stop_timeout_ms = defaults->stop_timeout_ms;

	step->timeout_ms = defaults->timeout_ms;
	(void)read_duration(&reader, "timeout", raw->timeout, 0,
	                    &step->timeout_ms);
	read_stop(&reader, raw->stop_timeout, &stop_timeout_ms);
	step->signal = read_signal(&reader, "signal", raw->signal)
	                       ? resolve_text(resolve, raw->signal)
	                       : defaults->signal;

	if (!read_required(&reader, "type", raw->type) ||
	    !read_kind(&reader, "type", raw->type, type, &step->kind))
		return;
	refuse(&reader, "command", has_command, HAS_COMMAND, step->kind);
	refuse(&reader, "stop_timeout", raw->stop_timeout, HAS_STOP_TIMEOUT,
	       step->kind);
	refuse(&reader, "signal", raw->signal, HAS_SIGNAL, step->kind);
	refuse(&reader, "message", raw->message, HAS_MESSAGE, step->kind);
	refuse(&reader, "volumes", raw->volumes, HAS_VOLUMES, step->kind);
	refuse_webhook(&reader, step->kind);

	step->stop_timeout_ms = kinds[step->kind] & HAS_STOP_TIMEOUT
	                                ? stop_timeout_ms
	                                : STEP_STOP_TIMEOUT_OWN;
	if (!(kinds[step->kind] & HAS_SIGNAL))
		step->signal = NULL;
	step->message = resolve_text(resolve, raw->message);
	(void)read_bool(&reader, "volumes", raw->volumes, &step->volumes);
	if (kinds[step->kind] & HAS_COMMAND)
		step->argv = resolve_command(resolve, &reader, "command",
		                             raw->command, raw->n_command);
	if (kinds[step->kind] & HAS_WEBHOOK)
		read_webhook(resolve, &reader, raw, step);
}

/* --- the two ways to say what to do -------------------------------------- */

/* `restart_type`, and what belongs to it, is one step. */
static void read_shorthand(struct resolve *resolve,
                           const struct raw_monitor *raw,
                           const struct reader *reader,
                           const struct step_defaults *defaults,
                           const struct config_monitor *monitor,
                           struct step *step)
{
	enum config_target_type type = monitor->type;
	static const char *const words[] = { "container", "command" };
	struct place place = reader_place(reader, "restart_command");
	bool has_command = place_find(&place) != NULL;
	unsigned command;

	if (!read_word(reader, "restart_type", raw->restart_type, words,
	               ARRAY_SIZE(words), &command))
		return;
	if (monitor->watch == CONFIG_WATCH_EXITED) {
		reader_problem(reader, "restart_type",
		               "is not for watch: exited, which starts "
		               "without it; give steps for something else");
		return;
	}
	step->timeout_ms = defaults->timeout_ms;
	step->stop_timeout_ms = STEP_STOP_TIMEOUT_OWN;
	if (command) {
		step->kind = type == CONFIG_TARGET_HOST ? STEP_RUN : STEP_EXEC;
		if (has_command)
			step->argv = resolve_command(
				resolve, reader, "restart_command",
				raw->restart_command, raw->n_restart_command);
		else
			reader_problem(reader, "restart_command",
			               "is missing; restart_type: command "
			               "needs it");
		return;
	}

	step->kind = STEP_RESTART;
	step->stop_timeout_ms = defaults->stop_timeout_ms;
	step->signal = defaults->signal;
	if (has_command)
		reader_problem(reader, "restart_command",
		               "is for restart_type: command; remove one");
	if (type == CONFIG_TARGET_HOST)
		reader_value(reader, "restart_type", raw->restart_type,
		             "needs a container, and the type is host; use "
		             "command");
}

static void read_ladder(struct resolve *resolve, const struct raw_monitor *raw,
                        const struct reader *reader,
                        const struct step_defaults *defaults,
                        enum config_target_type type, struct step *steps)
{
	struct place list = reader_place(reader, "steps");
	struct place command = reader_place(reader, "restart_command");

	if (place_find(&command) && !raw->restart_type)
		problem_at(resolve->problems, &command,
		           "belongs to restart_type; with steps write it as "
		           "command of a step");
	for (unsigned i = 0; i < raw->n_steps && resolve->failed == 0; i++) {
		struct place place = { .up = &list, .index = i };

		if (!place_left_out(&place))
			read_step(resolve, &raw->steps[i], &place, type,
			          defaults, &steps[i]);
	}
}

/* What a container that is watched so, or was stopped by an earlier step, can
 * have done to it. */
static void check_order(struct resolve *resolve, const struct reader *reader,
                        const struct config_monitor *monitor)
{
	struct place list = reader_place(reader, "steps");
	bool ended = monitor->watch == CONFIG_WATCH_EXITED;
	bool stopped = ended;

	for (unsigned i = 0; i < monitor->n_steps; i++) {
		enum step_kind kind = monitor->steps[i].kind;
		struct place place = { .up = &list, .index = i };
		struct place at = { .up = &place, .key = "type" };

		if (kind == STEP_REMOVE && !stopped)
			problem_at(resolve->problems, &at,
			           "remove is for containers that have ended: "
			           "with watch: exited, or behind a stop step");
		if (ended && (kind == STEP_STOP || kind == STEP_KILL ||
		              kind == STEP_EXEC))
			problem_at(resolve->problems, &at,
			           "%s needs a container that runs, and "
			           "watch: exited finds those that do not; use "
			           "start, remove or run",
			           step_kind_name(kind));
		stopped = stopped || kind == STEP_STOP || kind == STEP_KILL;
	}
}

/* What is usual: bring it back. */
static void default_steps(struct resolve *resolve,
                          const struct step_defaults *defaults,
                          struct config_monitor *monitor)
{
	struct step *step = arena_calloc(resolve->memory, 1, sizeof(*step));

	if (!step) {
		resolve->failed = -ENOMEM;
		return;
	}
	step->timeout_ms = defaults->timeout_ms;
	step->stop_timeout_ms = STEP_STOP_TIMEOUT_OWN;
	step->kind = STEP_START;
	if (monitor->watch == CONFIG_WATCH_HEALTH) {
		step->kind = STEP_RESTART;
		step->stop_timeout_ms = defaults->stop_timeout_ms;
		step->signal = defaults->signal;
	}
	monitor->steps = step;
	monitor->n_steps = 1;
}

/* One of them must be there, and only one; how many steps that makes. */
static unsigned count_steps(const struct reader *reader,
                            const struct raw_monitor *raw,
                            enum config_watch watch)
{
	struct place steps = reader_place(reader, "steps");
	struct place type = reader_place(reader, "restart_type");

	if (raw->n_steps && place_find(&type))
		problem_at(reader->problems, &steps,
		           "give either restart_type or steps");
	if (raw->n_steps || place_reported(&steps))
		return raw->n_steps;
	if (raw->restart_type)
		return 1;
	if (!place_find(&type) && watch == CONFIG_WATCH_PUSH)
		problem_at(reader->problems, reader->place,
		           "needs restart_type or steps: what to do about it");
	return 0;
}

void resolve_steps(struct resolve *resolve, const struct raw_monitor *raw,
                   const struct reader *reader, uint64_t timeout_ms,
                   struct config_monitor *monitor)
{
	struct step_defaults defaults = {
		.timeout_ms = timeout_ms,
		.stop_timeout_ms = STEP_STOP_TIMEOUT_OWN,
	};
	unsigned n = count_steps(reader, raw, monitor->watch);
	struct step *steps;

	read_stop(reader, raw->stop_timeout, &defaults.stop_timeout_ms);
	if (read_signal(reader, "signal", raw->signal))
		defaults.signal = resolve_text(resolve, raw->signal);
	if (n == 0 && monitor->watch != CONFIG_WATCH_PUSH)
		default_steps(resolve, &defaults, monitor);
	if (n == 0)
		return;

	steps = arena_calloc(resolve->memory, n, sizeof(*steps));
	if (!steps) {
		resolve->failed = -ENOMEM;
		return;
	}
	monitor->steps = steps;
	monitor->n_steps = (uint8_t)n;
	if (raw->n_steps) {
		read_ladder(resolve, raw, reader, &defaults, monitor->type,
		            steps);
		check_order(resolve, reader, monitor);
	} else {
		read_shorthand(resolve, raw, reader, &defaults, monitor, steps);
	}
}
