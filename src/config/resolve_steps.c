/* SPDX-License-Identifier: Apache-2.0 */
#include "config/resolve.h"

#include <errno.h>
#include "core/template.h"

/* What a kind of step can have. */
enum {
	HAS_COMMAND = 1 << 0,
	HAS_STOP_TIMEOUT = 1 << 1,
	HAS_SIGNAL = 1 << 2,
	HAS_MESSAGE = 1 << 3,
	HAS_VOLUMES = 1 << 4,
	HAS_WEBHOOK = 1 << 5,
	HAS_PLUGIN = 1 << 6,
	HAS_ENVIRONMENT = 1 << 7,
	ON_HOST = 1 << 8, /* needs no container */
};

static const unsigned kinds[N_STEP_KINDS] = {
	[STEP_RESTART] = HAS_STOP_TIMEOUT | HAS_SIGNAL,
	[STEP_STOP] = HAS_STOP_TIMEOUT | HAS_SIGNAL,
	[STEP_START] = 0,
	[STEP_KILL] = HAS_SIGNAL,
	[STEP_EXEC] = HAS_COMMAND,
	[STEP_RUN] = HAS_COMMAND | HAS_ENVIRONMENT | ON_HOST,
	[STEP_LOG] = HAS_MESSAGE | ON_HOST,
	[STEP_REMOVE] = HAS_VOLUMES,
	[STEP_WEBHOOK] = HAS_WEBHOOK | ON_HOST,
	[STEP_PLUGIN] = HAS_PLUGIN | ON_HOST,
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
		             "run, webhook, plugin or log");
	return true;
}

static void read_stop(const struct reader *reader, const char *text,
                      int64_t *msp)
{
	uint64_t ms;

	if (read_duration(reader, "stop_timeout", text, 0, &ms))
		*msp = (int64_t)ms;
}

/* What is not read with the other keys is found by its place. */
static void refuse_places(const struct reader *reader, enum step_kind kind)
{
	static const struct {
		const char *key;
		unsigned bit;
	} keys[] = {
		{ "url", HAS_WEBHOOK },
		{ "preset", HAS_WEBHOOK },
		{ "body", HAS_WEBHOOK },
		{ "method", HAS_WEBHOOK },
		{ "headers", HAS_WEBHOOK },
		{ "token_file", HAS_WEBHOOK },
		{ "ca_file", HAS_WEBHOOK },
		{ "max_tries", HAS_WEBHOOK },
		{ "plugin", HAS_PLUGIN },
		{ "parameters", HAS_PLUGIN },
		{ "environment", HAS_ENVIRONMENT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct place place = reader_place(reader, keys[i].key);

		refuse(reader, keys[i].key, place_find(&place) != NULL,
		       keys[i].bit, kind);
	}
}

/* --- what is filled in ------------------------------------------------------ */

unsigned resolve_facts(const struct config_monitor *monitor)
{
	if (monitor->watch == CONFIG_WATCH_METRIC)
		return TEMPLATE_VALUE;
	return monitor->watch == CONFIG_WATCH_ALERT ? TEMPLATE_ALERT : 0;
}

bool resolve_template(struct resolve *resolve,
                      const struct config_monitor *monitor,
                      const struct place *at, const char *text)
{
	struct err err = { 0 };
	int r = template_check_for(slice_from(text), TEMPLATE_PLAIN,
	                           resolve_facts(monitor), &err);

	if (r == -ENOMEM)
		resolve->failed = -ENOMEM;
	else if (r < 0)
		problem_value(resolve->problems, at, slice_from(text), "%s",
		              err.message);
	return r == 0;
}

static void read_templates(struct resolve *resolve, const struct reader *reader,
                           const struct config_monitor *monitor,
                           struct step *step)
{
	struct place list = reader_place(reader, "command");
	struct place message = reader_place(reader, "message");

	if (step->message && strstr(step->message, "{{")) {
		step->templated = true;
		(void)resolve_template(resolve, monitor, &message,
		                       step->message);
	}
	for (size_t i = 0; step->argv && step->argv[i]; i++) {
		struct place at = { .up = &list, .index = i };

		/* braces that are not closed are a mistake, too */
		if (!strstr(step->argv[i], "{{") || place_left_out(&at))
			continue;
		step->templated = true;
		/* whoever sends the alert would choose what is run */
		if (i == 0)
			problem_value(resolve->problems, &at,
			              slice_from(step->argv[i]),
			              "the program itself may not have "
			              "{{ names }}, only its arguments");
		else
			(void)resolve_template(resolve, monitor, &at,
			                       step->argv[i]);
	}
}

static void read_environment(const struct reader *reader, const char *text,
                             const struct config_monitor *monitor,
                             struct step *step)
{
	static const char *const words[] = {
		[STEP_ENV_BOUNCER] = "bouncer", [STEP_ENV_AMX] = "amx"
	};
	unsigned word = STEP_ENV_BOUNCER;

	(void)read_word(reader, "environment", text, words, ARRAY_SIZE(words),
	                &word);
	step->environment = (enum step_environment)word;
	if (word == STEP_ENV_AMX && monitor->watch != CONFIG_WATCH_ALERT)
		reader_value(reader, "environment", text,
		             "is made of the alerts of Alertmanager; it is for "
		             "watch: alert");
}

/* --- one step, whole -------------------------------------------------------- */

/* The time is that of the request; the step has none besides. */
static void read_webhook(struct resolve *resolve, const struct reader *reader,
                         const struct raw_step *raw,
                         const struct config_monitor *monitor,
                         struct step *step)
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
	resolve_webhook(resolve, reader, &raw->webhook, resolve_facts(monitor),
	                webhook);
	step->timeout_ms = STEP_TIMEOUT_DERIVED;
	step->webhook = webhook;
}

static void read_step(struct resolve *resolve, const struct raw_step *raw,
                      const struct place *place,
                      const struct config_monitor *monitor,
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
	    !read_kind(&reader, "type", raw->type, monitor->type, &step->kind))
		return;
	refuse(&reader, "command", has_command, HAS_COMMAND, step->kind);
	refuse(&reader, "stop_timeout", raw->stop_timeout, HAS_STOP_TIMEOUT,
	       step->kind);
	refuse(&reader, "signal", raw->signal, HAS_SIGNAL, step->kind);
	refuse(&reader, "message", raw->message, HAS_MESSAGE, step->kind);
	refuse(&reader, "volumes", raw->volumes, HAS_VOLUMES, step->kind);
	refuse_places(&reader, step->kind);

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
		read_webhook(resolve, &reader, raw, monitor, step);
	if (kinds[step->kind] & HAS_PLUGIN)
		resolve_plugin(resolve, &reader, monitor, raw->plugin, step);
	if (kinds[step->kind] & HAS_ENVIRONMENT)
		read_environment(&reader, raw->environment, monitor, step);
	read_templates(resolve, &reader, monitor, step);
}

/* --- the ways to say what to do ----------------------------------------------- */

/* What is walked down in one case. */
struct ladder {
	const struct reader *reader; /* of the section that has it */
	const char *key;
	const struct raw_step *steps;
	unsigned n_steps;
	const char *plugin; /* instead; NULL */
	bool shorthand;     /* `restart_type` instead */
	uint8_t n;          /* steps that it makes */
};

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

/* `plugin: NAME` beside the threshold is one step. */
static void read_only_plugin(struct resolve *resolve,
                             const struct ladder *ladder,
                             const struct step_defaults *defaults,
                             const struct config_monitor *monitor,
                             struct step *step)
{
	step->kind = STEP_PLUGIN;
	step->timeout_ms = defaults->timeout_ms;
	step->stop_timeout_ms = STEP_STOP_TIMEOUT_OWN;
	resolve_plugin(resolve, ladder->reader, monitor, ladder->plugin, step);
}

/* What a container that is watched so, or was stopped by an earlier step, can
 * have done to it. */
static void check_order(struct resolve *resolve, const struct ladder *ladder,
                        enum config_watch watch, const struct step *steps)
{
	struct place list = reader_place(ladder->reader, ladder->key);
	bool ended = watch == CONFIG_WATCH_EXITED;
	bool stopped = ended;

	for (unsigned i = 0; i < ladder->n; i++) {
		enum step_kind kind = steps[i].kind;
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

/* What is usual for containers: bring it back. */
static void default_step(const struct step_defaults *defaults,
                         enum config_watch watch, struct step *step)
{
	step->timeout_ms = defaults->timeout_ms;
	step->stop_timeout_ms = STEP_STOP_TIMEOUT_OWN;
	step->kind = STEP_START;
	if (watch == CONFIG_WATCH_HEALTH) {
		step->kind = STEP_RESTART;
		step->stop_timeout_ms = defaults->stop_timeout_ms;
		step->signal = defaults->signal;
	}
}

static void read_ladder(struct resolve *resolve, const struct raw_monitor *raw,
                        const struct ladder *ladder,
                        const struct step_defaults *defaults,
                        const struct config_monitor *monitor,
                        struct step *steps)
{
	struct place list;

	if (ladder->n == 0)
		return;
	if (ladder->plugin && ladder->n_steps == 0) {
		read_only_plugin(resolve, ladder, defaults, monitor, steps);
		return;
	}
	if (ladder->shorthand) {
		read_shorthand(resolve, raw, ladder->reader, defaults, monitor,
		               steps);
		return;
	}
	if (ladder->n_steps == 0)
		default_step(defaults, monitor->watch, steps);
	list = reader_place(ladder->reader, ladder->key);
	for (unsigned i = 0; i < ladder->n_steps && !resolve->failed; i++) {
		struct place place = { .up = &list, .index = i };

		if (!place_left_out(&place))
			read_step(resolve, &ladder->steps[i], &place, monitor,
			          defaults, &steps[i]);
	}
	if (ladder->n_steps)
		check_order(resolve, ladder, monitor->watch, steps);
}

/* --- which of them there are --------------------------------------------------- */

/* One way must be there, and only one. */
static void count_main(const struct raw_monitor *raw,
                       const struct config_monitor *monitor,
                       struct ladder *ladder)
{
	const struct reader *reader = ladder->reader;
	struct place steps = reader_place(reader, "steps");
	struct place type = reader_place(reader, "restart_type");
	struct place command = reader_place(reader, "restart_command");
	enum config_watch watch = monitor->watch;

	if (raw->n_steps && place_find(&type))
		problem_at(reader->problems, &steps,
		           "give either restart_type or steps");
	else if (raw->n_steps && raw->plugin)
		problem_at(reader->problems, &steps,
		           "give either plugin or steps");
	if (raw->n_steps && place_find(&command) && !raw->restart_type)
		problem_at(reader->problems, &command,
		           "belongs to restart_type; with steps write it as "
		           "command of a step");
	ladder->n = (uint8_t)raw->n_steps;
	if (raw->n_steps || place_reported(&steps))
		return;
	ladder->n = 1;
	ladder->plugin = raw->plugin;
	ladder->shorthand = raw->restart_type != NULL && !raw->plugin;
	if (raw->plugin || raw->restart_type || watch == CONFIG_WATCH_HEALTH ||
	    watch == CONFIG_WATCH_EXITED)
		return;
	ladder->n = 0;
	if (!place_find(&type))
		problem_at(reader->problems, reader->place,
		           "needs %s or steps: what to do about it",
		           watch == CONFIG_WATCH_PUSH ? "restart_type"
		                                      : "plugin");
}

static void count_level(const struct reader *reader,
                        const struct raw_level *raw, struct ladder *ladder)
{
	struct place steps = reader_place(reader, "steps");

	*ladder = (struct ladder){ .reader = reader,
		                   .key = "steps",
		                   .steps = raw->steps,
		                   .n_steps = raw->n_steps,
		                   .plugin = raw->plugin,
		                   .n = (uint8_t)raw->n_steps };
	if (raw->n_steps && raw->plugin)
		problem_at(reader->problems, &steps,
		           "give either plugin or steps");
	else if (raw->plugin && !place_reported(&steps))
		ladder->n = 1;
}

/* Each level has its own; what stands beside them would be of none. */
static void count_levels(const struct raw_monitor *raw,
                         const struct reader *reader,
                         const struct reader levels[N_POLICY_LEVELS],
                         struct ladder *ladders)
{
	static const char *const beside[] = { "steps", "plugin", "restart_type",
		                              "restart_command" };
	unsigned n = 0;

	count_level(&levels[POLICY_LEVEL_SOFT], &raw->metric.soft,
	            &ladders[POLICY_LEVEL_SOFT]);
	count_level(&levels[POLICY_LEVEL_HARD], &raw->metric.hard,
	            &ladders[POLICY_LEVEL_HARD]);
	for (size_t i = 0; i < ARRAY_SIZE(beside); i++) {
		struct place place = reader_place(reader, beside[i]);

		if (place_find(&place))
			problem_at(reader->problems, &place,
			           "is of a monitor with one level; write it "
			           "into soft or hard");
		n += place_find(&place) != NULL;
	}
	for (size_t i = 0; i < N_POLICY_LEVELS; i++) {
		struct place steps = reader_place(&levels[i], "steps");

		n += ladders[i].n + place_reported(levels[i].place) +
		     place_reported(&steps);
	}
	if (n == 0)
		problem_at(reader->problems, reader->place,
		           "needs plugin or steps, in soft or hard: what to do "
		           "about it");
}

static void count_resolved(const struct raw_monitor *raw,
                           const struct reader *reader, struct ladder *ladder)
{
	*ladder = (struct ladder){ .reader = reader,
		                   .key = "on_resolved",
		                   .steps = raw->on_resolved,
		                   .n_steps = raw->n_on_resolved,
		                   .n = (uint8_t)raw->n_on_resolved };
}

/* --- the whole --------------------------------------------------------------- */

enum { FIRST, SECOND, RESOLVED, N_LADDERS }; /* soft, hard of a value */

static void note_parts(const struct ladder ladders[N_LADDERS],
                       struct policy_levels *levels, struct policy_rules *rules)
{
	uint8_t at = 0;

	_Static_assert(FIRST == (int)POLICY_LEVEL_SOFT &&
	                       SECOND == (int)POLICY_LEVEL_HARD,
	               "ladders of levels");
	for (size_t i = 0; i < RESOLVED; i++) {
		if (levels) {
			levels->level[i].first_step = at;
			levels->level[i].n_steps = ladders[i].n;
		}
		at = (uint8_t)(at + ladders[i].n);
	}
	rules->n_steps = at;
	rules->first_resolved = at;
	rules->n_resolved = ladders[RESOLVED].n;
}

static void read_ladders(struct resolve *resolve, const struct raw_monitor *raw,
                         const struct reader *reader,
                         const struct step_defaults *defaults,
                         const struct ladder ladders[N_LADDERS],
                         struct config_monitor *monitor)
{
	struct step *steps;
	unsigned n = 0;

	for (size_t i = 0; i < N_LADDERS; i++)
		n += ladders[i].n;
	if (n > CONFIG_MAX_STEPS) {
		problem_at(resolve->problems, reader->place,
		           "has %u steps in all its lists; %d is the most", n,
		           CONFIG_MAX_STEPS);
		return;
	}
	steps = arena_calloc(resolve->memory, n + 1u, sizeof(*steps));
	if (!steps) {
		resolve->failed = -ENOMEM;
		return;
	}
	monitor->steps = n > 0 ? steps : NULL;
	monitor->n_steps = (uint8_t)n;
	for (size_t i = 0; i < N_LADDERS; i++) {
		read_ladder(resolve, raw, &ladders[i], defaults, monitor,
		            steps);
		steps += ladders[i].n;
	}
}

void resolve_steps(struct resolve *resolve, const struct raw_monitor *raw,
                   const struct reader *reader, uint64_t timeout_ms,
                   struct policy_levels *levels, struct config_monitor *monitor)
{
	struct step_defaults defaults = {
		.timeout_ms = timeout_ms,
		.stop_timeout_ms = STEP_STOP_TIMEOUT_OWN,
	};
	struct place places[N_POLICY_LEVELS] = {
		[POLICY_LEVEL_SOFT] = reader_place(reader, "soft"),
		[POLICY_LEVEL_HARD] = reader_place(reader, "hard"),
	};
	struct reader sections[N_POLICY_LEVELS] = {
		[POLICY_LEVEL_SOFT] = { .problems = resolve->problems,
		                        .place = &places[POLICY_LEVEL_SOFT] },
		[POLICY_LEVEL_HARD] = { .problems = resolve->problems,
		                        .place = &places[POLICY_LEVEL_HARD] },
	};
	struct ladder ladders[N_LADDERS] = {
		[FIRST] = { .reader = reader,
		            .key = "steps",
		            .steps = raw->steps,
		            .n_steps = raw->n_steps },
	};

	read_stop(reader, raw->stop_timeout, &defaults.stop_timeout_ms);
	if (read_signal(reader, "signal", raw->signal))
		defaults.signal = resolve_text(resolve, raw->signal);
	if (levels && resolve_has_levels(reader))
		count_levels(raw, reader, sections, ladders);
	else
		count_main(raw, monitor, &ladders[FIRST]);
	count_resolved(raw, reader, &ladders[RESOLVED]);
	read_ladders(resolve, raw, reader, &defaults, ladders, monitor);
	note_parts(ladders, levels, &monitor->rules);
}
