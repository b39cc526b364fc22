/* SPDX-License-Identifier: Apache-2.0 */
#include "config/from_labels.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/duration.h"
#include "base/number.h"
#include "base/text.h"
#include "proto/json.h"

#define PREFIX      "bouncer."
#define PUSH_LABEL  "push.label."
#define TEXT_MAX    65536
#define LINES_MAX   256
#define ORIGIN      "labels" /* as the name of a file */
#define PROJECT_DEF "default"

/* --- the labels ------------------------------------------------------------ */

enum { HEALTH = 1 << 0, EXITED = 1 << 1, PUSH = 1 << 2 };
#define ALL (HEALTH | EXITED | PUSH)

enum shape { TEXT, TIME, COUNT };

enum which {
	ASK_HEALTH,
	ASK_EXITED,
	ASK_JOB,
	LADDER_PUSH,
	METRIC_NAME,
	COMMAND,
	GRACE,
	MAX_AGE,
	FIRST_PLAIN, /* from here on they are keys of the same meaning */
};

struct word {
	const char *name; /* behind the prefix */
	unsigned watches; /* for which it has a meaning; 0: not ours */
	enum shape shape;
	uint64_t min;
	uint64_t max; /* of a shape that has limits */
};

static const struct word words[] = {
	[ASK_HEALTH] = { "health", HEALTH, TEXT, 0, 0 },
	[ASK_EXITED] = { "exited", EXITED, TEXT, 0, 0 },
	[ASK_JOB] = { "push.job", PUSH, TEXT, 0, 0 },
	[LADDER_PUSH] = { "push", PUSH, TEXT, 0, 0 },
	[METRIC_NAME] = { "push.metric_name", PUSH, TEXT, 0, 0 },
	[COMMAND] = { "command", HEALTH | PUSH, TEXT, 0, 0 },
	[GRACE] = { "grace", HEALTH | PUSH, TIME, 0, FROM_LABELS_TIME_MS },
	[MAX_AGE] = { "max_age", EXITED | PUSH, TIME, 0, FROM_LABELS_TIME_MS },
	{ "for", ALL, TIME, 0, FROM_LABELS_TIME_MS },
	{ "cooldown", ALL, TIME, FROM_LABELS_COOLDOWN_MS, FROM_LABELS_TIME_MS },
	{ "max_bounces", ALL, COUNT, 1, POLICY_MAX_BOUNCES },
	{ "verify_within", ALL, TIME, 1000, FROM_LABELS_TIME_MS },
	{ "window", ALL, TIME, FROM_LABELS_WINDOW_MS, FROM_LABELS_TIME_MS },
	{ "stop_timeout", ALL, TIME, 0, FROM_LABELS_STOP_MS },
	{ "signal", ALL, TEXT, 0, 0 },
	{ "dry_run", ALL, TEXT, 0, 0 },
	{ "exit_codes", EXITED, TEXT, 0, 0 },
	/* of rules in the file */
	{ "ignore", 0, TEXT, 0, 0 },
	{ "depends_on", 0, TEXT, 0, 0 },
};
#define N_WORDS ARRAY_SIZE(words)

struct asking {
	enum config_target_type type;
	const struct container *container;
	const char *values[N_WORDS]; /* NULL: not given */
	unsigned watches;            /* that it asks for */
	struct buf *text;
	/* which label stands on which line of the text */
	const char *lines[LINES_MAX];
	uint32_t n_lines;
	struct err *err;
};

const char *from_labels_space(enum config_target_type type)
{
	return type == CONFIG_TARGET_LXD || type == CONFIG_TARGET_INCUS
	               ? "user."
	               : "";
}

static int refuse(struct asking *asking, const char *name, const char *words_of,
                  const char *more)
{
	return err_set(asking->err, -EINVAL, "%s" PREFIX "%.80s: %s%s",
	               from_labels_space(asking->type), name, words_of, more);
}

/* The name behind the prefix; NULL: it is no label of ours. */
static const char *own_name(const struct asking *asking, const char *label)
{
	const char *space = from_labels_space(asking->type);
	size_t n = strlen(space);

	if (strncmp(label, space, n) != 0 ||
	    strncmp(label + n, PREFIX, strlen(PREFIX)) != 0)
		return NULL;
	return label + n + strlen(PREFIX);
}

static bool is_push_label(const char *name)
{
	return strncmp(name, PUSH_LABEL, strlen(PUSH_LABEL)) == 0;
}

static int note_unknown(struct asking *asking, const char *name)
{
	const char *known[N_WORDS];
	const char *nearest;

	for (size_t i = 0; i < N_WORDS; i++)
		known[i] = words[i].name;
	nearest = text_nearest(slice_from(name), known, N_WORDS);
	/* labels of that prefix may be somebody's own, for `select` */
	if (!nearest)
		return 0;
	return refuse(asking, name, "is not known; did you mean " PREFIX,
	              nearest);
}

static int note_label(struct asking *asking,
                      const struct container_label *label)
{
	const char *name = own_name(asking, label->name);

	if (!name)
		return 0;
	if (strlen(label->value) > FROM_LABELS_VALUE_MAX)
		return refuse(asking, name, "is too long", "");
	if (is_push_label(name))
		return 0;
	for (size_t i = 0; i < N_WORDS; i++) {
		if (strcmp(words[i].name, name) == 0) {
			asking->values[i] = label->value;
			return 0;
		}
	}
	return note_unknown(asking, name);
}

/* --- their limits ---------------------------------------------------------- */

static const char *who_asks(unsigned watches)
{
	switch (watches) {
	case HEALTH:
		return PREFIX "health";
	case EXITED:
		return PREFIX "exited";
	case PUSH:
		return PREFIX "push.job";
	case HEALTH | PUSH:
		return PREFIX "health and " PREFIX "push.job";
	case EXITED | PUSH:
		return PREFIX "exited and " PREFIX "push.job";
	default:
		return "";
	}
}

static int refuse_range(struct asking *asking, const struct word *word,
                        const char *value)
{
	char min[DURATION_TEXT_MAX];
	char max[DURATION_TEXT_MAX];

	if (word->shape == COUNT)
		return err_set(asking->err, -EINVAL,
		               "%s" PREFIX "%s: \"%.64s\" is not a number from "
		               "%llu to %llu",
		               from_labels_space(asking->type), word->name,
		               value, (unsigned long long)word->min,
		               (unsigned long long)word->max);
	return err_set(asking->err, -EINVAL,
	               "%s" PREFIX "%s: \"%.64s\" is not between %s and %s, "
	               "which is what a container may ask for",
	               from_labels_space(asking->type), word->name, value,
	               duration_format(word->min, min),
	               duration_format(word->max, max));
}

/* What is no time at all is said when the text is loaded. */
static bool is_within(const struct word *word, const char *value)
{
	struct slice text = slice_from(value);
	uint64_t number = 0;

	if (word->shape == TEXT)
		return true;
	if (word->shape == COUNT &&
	    number_parse_u64(slice_trim(text), &number) < 0)
		return false;
	if (word->shape == TIME && duration_parse_days(text, &number) < 0)
		return true;
	return number >= word->min && number <= word->max;
}

static int check_words(struct asking *asking)
{
	for (size_t i = 0; i < N_WORDS; i++) {
		const struct word *word = &words[i];
		const char *value = asking->values[i];

		if (!value || !word->watches)
			continue;
		if (!(word->watches & asking->watches))
			return refuse(asking, word->name, "is for ",
			              who_asks(word->watches));
		if (!is_within(word, value))
			return refuse_range(asking, word, value);
	}
	return 0;
}

static int read_all(struct asking *asking)
{
	const struct container *container = asking->container;
	int r = 0;

	for (size_t i = 0; i < container->n_labels && r == 0; i++)
		r = note_label(asking, &container->labels[i]);
	if (r < 0)
		return r;
	asking->watches = (asking->values[ASK_HEALTH] ? HEALTH : 0) |
	                  (asking->values[ASK_EXITED] ? EXITED : 0) |
	                  (asking->values[ASK_JOB] ? PUSH : 0);
	r = check_words(asking);
	if (r == 0 && asking->watches & PUSH && !asking->values[MAX_AGE])
		r = refuse(asking, words[ASK_JOB].name,
		           "needs " PREFIX "max_age: how old the last push may "
		           "be",
		           "");
	return r;
}

/* --- writing ---------------------------------------------------------------- */

static void put_quoted(struct asking *asking, struct slice value)
{
	(void)buf_putc(asking->text, '"');
	text_escape_json(asking->text, value);
	(void)buf_putc(asking->text, '"');
}

/* Ends the line, which is about that label. */
static void end_line(struct asking *asking, const char *name)
{
	(void)buf_putc(asking->text, '\n');
	if (asking->n_lines < LINES_MAX)
		asking->lines[asking->n_lines++] = name;
}

static void put(struct asking *asking, const char *key, const char *value,
                const char *name)
{
	(void)buf_printf(asking->text, "    %s: ", key);
	put_quoted(asking, slice_from(value));
	end_line(asking, name);
}

static int put_json_command(struct asking *asking, const char *value)
{
	struct json_t *root = NULL;
	struct err err = { 0 };
	int r = json_parse(slice_from(value), &root, &err);

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return refuse(asking, words[COMMAND].name,
		              "is no array of JSON: ", err.message);
	for (size_t i = 0; i < json_count(root) && r == 0; i++) {
		struct slice word = json_as_text(json_item(root, i));

		if (!word.p || memchr(word.p, '\0', word.n))
			r = refuse(asking, words[COMMAND].name,
			           "is to be an array of texts", "");
		(void)buf_puts(asking->text, i ? ", " : "");
		put_quoted(asking, word);
	}
	json_free(root);
	return r;
}

static void put_words(struct asking *asking, struct slice text)
{
	const char *separator = "";

	while ((text = slice_trim(text)).n) {
		size_t n = 0;

		while (n < text.n && !strchr(" \t\r\n", text.p[n]))
			n++;
		(void)buf_puts(asking->text, separator);
		put_quoted(asking, slice_make(text.p, n));
		text = slice_skip(text, n);
		separator = ", ";
	}
}

/* An array of JSON, or words with white space between them: there is no shell
 * that would split it. */
static int put_command(struct asking *asking)
{
	const char *value = asking->values[COMMAND];
	struct slice text = slice_trim(slice_from(value));
	int r = 0;

	if (!value)
		return refuse(asking, words[COMMAND].name,
		              "is missing: what exec is to run", "");
	(void)buf_puts(asking->text, "        command: [");
	if (text.n && text.p[0] == '[')
		r = put_json_command(asking, value);
	else
		put_words(asking, text);
	(void)buf_putc(asking->text, ']');
	end_line(asking, words[COMMAND].name);
	return r;
}

/* What a container may have done to it. */
static const char *const steps_of_running = "restart, stop, kill, start, exec "
					    "or log";
static const char *const steps_of_ended =
	"start, restart or log, or remove alone";

static bool is_allowed(struct slice step, bool ended, bool alone)
{
	static const char *const running[] = { "restart", "stop", "kill",
		                               "start",   "exec", "log" };
	static const char *const over[] = { "start", "restart", "log" };

	for (size_t i = 0; !ended && i < ARRAY_SIZE(running); i++) {
		if (slice_is(step, running[i]))
			return true;
	}
	for (size_t i = 0; ended && i < ARRAY_SIZE(over); i++) {
		if (slice_is(step, over[i]))
			return true;
	}
	return ended && alone && slice_is(step, "remove");
}

static int put_step(struct asking *asking, enum which ladder, struct slice step,
                    bool alone)
{
	bool ended = ladder == ASK_EXITED;

	if (!is_allowed(step, ended, alone))
		return err_set(asking->err, -EINVAL,
		               "%s" PREFIX "%s: \"%.*s\" is not one of the "
		               "steps that a container may ask for: %s",
		               from_labels_space(asking->type),
		               words[ladder].name, (int)MIN(step.n, 40), step.p,
		               ended ? steps_of_ended : steps_of_running);
	(void)buf_printf(asking->text, "      - type: %.*s", (int)step.n,
	                 step.p);
	end_line(asking, words[ladder].name);
	return slice_is(step, "exec") ? put_command(asking) : 0;
}

/* A list with commas. */
static int put_ladder(struct asking *asking, enum which ladder,
                      const char *value, bool *has_execp)
{
	struct slice rest = slice_from(value);
	bool alone = !strchr(value, ',');
	size_t n_steps = 0;
	bool more = true;
	int r = 0;

	(void)buf_puts(asking->text, "    steps:");
	end_line(asking, words[ladder].name);
	while (more && r == 0) {
		size_t n = 0;
		struct slice step;

		while (n < rest.n && rest.p[n] != ',')
			n++;
		step = slice_trim(slice_make(rest.p, n));
		more = n < rest.n;
		rest = slice_skip(rest, more ? n + 1 : n);
		if (++n_steps > FROM_LABELS_STEPS_MAX)
			return refuse(asking, words[ladder].name,
			              "has too many steps", "");
		*has_execp = *has_execp || slice_is(step, "exec");
		r = put_step(asking, ladder, step, alone);
	}
	return r;
}

static void put_plain(struct asking *asking, unsigned watch)
{
	for (size_t i = FIRST_PLAIN; i < N_WORDS; i++) {
		if (asking->values[i] && words[i].watches & watch)
			put(asking, words[i].name, asking->values[i],
			    words[i].name);
	}
}

static void begin(struct asking *asking, const char *name, enum which by)
{
	(void)buf_printf(asking->text, "  - name: %s", name);
	end_line(asking, words[by].name);
	put(asking, "type", config_target_type_name(asking->type),
	    words[by].name);
}

static int put_health(struct asking *asking, bool *has_execp)
{
	if (!(asking->watches & HEALTH))
		return 0;
	begin(asking, "health", ASK_HEALTH);
	put(asking, "watch", "health", words[ASK_HEALTH].name);
	if (asking->values[GRACE])
		put(asking, "grace", asking->values[GRACE], words[GRACE].name);
	put_plain(asking, HEALTH);
	return put_ladder(asking, ASK_HEALTH, asking->values[ASK_HEALTH],
	                  has_execp);
}

static int put_exited(struct asking *asking, bool *has_execp)
{
	if (!(asking->watches & EXITED))
		return 0;
	begin(asking, "exited", ASK_EXITED);
	put(asking, "watch", "exited", words[ASK_EXITED].name);
	if (asking->values[MAX_AGE])
		put(asking, "max_age", asking->values[MAX_AGE],
		    words[MAX_AGE].name);
	put_plain(asking, EXITED);
	return put_ladder(asking, ASK_EXITED, asking->values[ASK_EXITED],
	                  has_execp);
}

static void put_push_labels(struct asking *asking)
{
	const struct container *container = asking->container;

	(void)buf_puts(asking->text, "    labels:");
	end_line(asking, words[ASK_JOB].name);
	put(asking, "  job", asking->values[ASK_JOB], words[ASK_JOB].name);
	for (size_t i = 0; i < container->n_labels; i++) {
		const struct container_label *label = &container->labels[i];
		const char *name = own_name(asking, label->name);

		if (!name || !is_push_label(name))
			continue;
		(void)buf_puts(asking->text, "      ");
		put_quoted(asking, slice_from(name + strlen(PUSH_LABEL)));
		(void)buf_puts(asking->text, ": ");
		put_quoted(asking, slice_from(label->value));
		end_line(asking, name);
	}
}

/* One that was never pushed has all of max_age for its first push: we may have
 * come to know it when it had just begun. */
static int put_push(struct asking *asking, bool *has_execp)
{
	const char *project = asking->container->project;
	const char *max_age = asking->values[MAX_AGE];
	const char *grace = asking->values[GRACE];
	const char *ladder = asking->values[LADDER_PUSH];

	if (!(asking->watches & PUSH))
		return 0;
	begin(asking, "push", ASK_JOB);
	put(asking, "container_name", asking->container->name,
	    words[ASK_JOB].name);
	if (from_labels_space(asking->type)[0] && project && project[0] &&
	    strcmp(project, PROJECT_DEF) != 0)
		put(asking, "project", project, words[ASK_JOB].name);
	put(asking, "max_age", max_age, words[MAX_AGE].name);
	put(asking, "start_grace", grace ? grace : max_age,
	    words[grace ? GRACE : MAX_AGE].name);
	if (asking->values[METRIC_NAME])
		put(asking, "metric_name", asking->values[METRIC_NAME],
		    words[METRIC_NAME].name);
	put_push_labels(asking);
	put_plain(asking, PUSH);
	return put_ladder(asking, LADDER_PUSH, ladder ? ladder : "restart",
	                  has_execp);
}

static int write_all(struct asking *asking)
{
	bool has_exec = false;
	int r;

	(void)buf_puts(asking->text, "monitors:");
	end_line(asking, "");
	r = put_health(asking, &has_exec);
	if (r == 0)
		r = put_exited(asking, &has_exec);
	if (r == 0)
		r = put_push(asking, &has_exec);
	if (r == 0 && asking->values[COMMAND] && !has_exec)
		r = refuse(asking, words[COMMAND].name,
		           "is what the step exec runs, and there is none", "");
	if (asking->text->failed == -ENOMEM)
		return -ENOMEM;
	if (r == 0 && asking->text->failed)
		r = err_set(asking->err, -EINVAL,
		            "%s" PREFIX "*: the labels are too long",
		            from_labels_space(asking->type));
	return r;
}

static int translate(struct asking *asking)
{
	int r = read_all(asking);

	return r < 0 ? r : write_all(asking);
}

int from_labels_text(enum config_target_type type,
                     const struct container *container, struct buf *text,
                     struct err *err)
{
	struct asking asking = {
		.type = type,
		.container = container,
		.text = text,
		.err = err,
	};

	return translate(&asking);
}

/* --- loading ---------------------------------------------------------------- */

/* "labels:LINE: monitors[0].KEY: what is wrong": the label of that line takes
 * the place of all before the words. */
static int refuse_problem(struct asking *asking, const char *problem)
{
	char *end = NULL;
	unsigned long line = 0;
	const char *label = "*";
	const char *what;

	if (strncmp(problem, ORIGIN ":", strlen(ORIGIN) + 1) == 0)
		line = strtoul(problem + strlen(ORIGIN) + 1, &end, 10);
	if (line > 0 && line <= asking->n_lines)
		label = asking->lines[line - 1];
	what = end ? strstr(end, ": ") : NULL;
	if (what)
		what = strstr(what + 2, ": ");
	what = what ? what + 2 : problem;
	return err_set(asking->err, -EINVAL, "%s" PREFIX "%.80s: %.*s",
	               from_labels_space(asking->type), label,
	               (int)strcspn(what, "\n"), what);
}

static int load(struct asking *asking, const struct config *base,
                struct config **configp)
{
	struct buf problems;
	int r;

	buf_init(&problems, TEXT_MAX);
	r = config_load_under(base, buf_slice(asking->text), ORIGIN, configp,
	                      &problems);
	if (r == -EINVAL)
		r = refuse_problem(asking, buf_text(&problems));
	buf_fini(&problems);
	return r;
}

static const struct config_monitor *find(const struct config *config,
                                         enum config_asked asked)
{
	static const enum config_watch watches[N_CONFIG_ASKED] = {
		[CONFIG_ASKED_HEALTH] = CONFIG_WATCH_HEALTH,
		[CONFIG_ASKED_EXITED] = CONFIG_WATCH_EXITED,
		[CONFIG_ASKED_REMOVE] = CONFIG_WATCH_EXITED,
		[CONFIG_ASKED_PUSH] = CONFIG_WATCH_PUSH,
	};

	for (size_t i = 0; i < config->n_monitors; i++) {
		if (config->monitors[i].watch == watches[asked])
			return &config->monitors[i];
	}
	return NULL;
}

int from_labels(const struct config *base, enum config_target_type type,
                enum config_asked asked, const struct container *container,
                struct config **configp, const struct config_monitor **monitorp,
                struct err *err)
{
	struct buf text;
	struct asking asking = {
		.type = type,
		.container = container,
		.text = &text,
		.err = err,
	};
	int r;

	buf_init(&text, TEXT_MAX);
	r = translate(&asking);
	if (r == 0)
		r = load(&asking, base, configp);
	buf_fini(&text);
	if (r < 0)
		return r;
	*monitorp = find(*configp, asked);
	if (*monitorp)
		return 0;
	config_free(*configp);
	return refuse(&asking, "*", "asks for nothing of that kind", "");
}
