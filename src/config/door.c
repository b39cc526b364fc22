/* SPDX-License-Identifier: Apache-2.0 */
#include "config/door_options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/duration.h"
#include "base/number.h"
#include "base/text.h"
#include "config/environment.h"

#define NAME_MAX_SHOWN 64
#define TIME_MAX_MS    1e12

void door_fini(struct door *door)
{
	buf_fini(&door->text);
	buf_fini(&door->warnings);
}

void door_warn(struct door *door, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)buf_vprintf(&door->warnings, format, args);
	va_end(args);
	(void)buf_putc(&door->warnings, '\n');
}

/* --- the environment ------------------------------------------------------- */

/* A variable that begins as ours do and that nobody reads. */
static void warn_unknown(struct door *door, const struct door_table *table,
                         struct slice name)
{
	const char *words[DOOR_OPTIONS_MAX];
	const char *nearest;
	size_t n = 0;

	for (size_t i = 0; i < table->n; i++) {
		const char *variable = table->options[i].variable;

		if (variable && slice_is(name, variable))
			return;
		if (variable)
			words[n++] = variable;
	}
	nearest = text_nearest(name, words, n);
	door_warn(door, "%.*s: is not known and has no effect%s%s%s",
	          (int)MIN(name.n, NAME_MAX_SHOWN), name.p,
	          nearest ? "; did you mean " : "", nearest ? nearest : "",
	          nearest ? "?" : "");
}

static bool has_prefix(const struct door_table *table, struct slice name)
{
	for (size_t i = 0; i < DOOR_PREFIXES_MAX && table->prefixes[i]; i++) {
		if (slice_starts(name, table->prefixes[i]))
			return true;
	}
	return false;
}

static void read_environment(struct door *door, const struct door_table *table,
                             const char *const *envp, struct door_value *values)
{
	for (size_t i = 0; i < table->n; i++) {
		const char *variable = table->options[i].variable;
		const char *text =
			variable ? environment_find(envp, variable) : NULL;

		if (!text || (values[i].text && !table->environment_wins))
			continue;
		values[i] =
			(struct door_value){ .text = text, .origin = variable };
	}
	for (; *envp; envp++) {
		struct slice pair = slice_from(*envp);

		if (has_prefix(table, pair))
			warn_unknown(door, table,
			             slice_make(pair.p, strcspn(pair.p, "=")));
	}
}

/* --- the command line ------------------------------------------------------ */

static int unknown_flag(const struct door_table *table, struct slice name,
                        struct err *err)
{
	const char *words[DOOR_OPTIONS_MAX + 2];
	const char *nearest;
	size_t n = 0;

	for (size_t i = 0; i < table->n; i++) {
		if (table->options[i].flag)
			words[n++] = table->options[i].flag;
	}
	words[n++] = "print-config";
	words[n++] = "help";
	nearest = text_nearest(name, words, n);
	return err_set(err, -EINVAL, "unknown flag -%.*s%s%s%s",
	               (int)MIN(name.n, NAME_MAX_SHOWN), name.p,
	               nearest ? "; did you mean -" : "",
	               nearest ? nearest : "", nearest ? "?" : "");
}

static bool is_option(const struct door_option *option, struct slice name)
{
	if (option->letter && name.n == 1 && name.p[0] == option->letter)
		return true;
	return option->flag && slice_is(name, option->flag);
}

/* One flag; *usedp: its value was the argument after it. */
static int read_flag(struct door *door, const struct door_table *table,
                     struct slice name, const char *value, const char *next,
                     struct door_value *values, bool *usedp, struct err *err)
{
	if (slice_is(name, "print-config")) {
		door->print = true;
		return 0;
	}
	for (size_t i = 0; i < table->n; i++) {
		const struct door_option *option = &table->options[i];

		if (!is_option(option, name))
			continue;
		if (!value && option->boolean)
			value = "true";
		if (!value) {
			*usedp = true;
			value = next;
		}
		if (!value)
			return err_set(err, -EINVAL, "-%s needs a value",
			               option->flag);
		values[i] = (struct door_value){ .text = value,
			                         .origin = option->flag,
			                         .flag = true };
		return 0;
	}
	if (slice_is(name, "help") || slice_is(name, "h")) {
		door->help = true;
		return 0;
	}
	return unknown_flag(table, name, err);
}

static int read_flags(struct door *door, const struct door_table *table,
                      int argc, char *const *argv, struct door_value *values,
                      struct err *err)
{
	int i = 0;

	if (argc > 0 && table->command && strcmp(argv[0], table->command) == 0)
		i++;
	for (; i < argc; i++) {
		struct slice name = slice_from(argv[i]);
		const char *value = strchr(argv[i], '=');
		bool used = false;
		int r;

		if ((name.n < 2 || name.p[0] != '-') && table->arguments)
			break;
		if (name.n < 2 || name.p[0] != '-')
			return err_set(err, -EINVAL,
			               "unexpected argument %.64s", argv[i]);
		if (value)
			name.n = (size_t)(value++ - name.p);
		name = slice_skip(name, name.p[1] == '-' ? 2 : 1);
		r = read_flag(door, table, name, value,
		              i + 1 < argc ? argv[i + 1] : NULL, values, &used,
		              err);
		if (r < 0)
			return r;
		i += used;
	}
	door->n_flags = i;
	return 0;
}

static void warn_lost(struct door *door, const struct door_table *table,
                      const struct door_value *values)
{
	for (size_t i = 0; i < table->n; i++) {
		const char *lost = table->options[i].lost;

		if (lost && values[i].text)
			door_warn(door, "%s%s: has no effect: %s",
			          values[i].flag ? "-" : "", values[i].origin,
			          lost);
	}
}

int door_begin(struct door *door, const struct door_table *table, int argc,
               char *const *argv, const char *const *envp,
               struct door_value *values, struct err *err)
{
	int r;

	*door = (struct door){ 0 };
	err_clear(err);
	buf_init(&door->text, DOOR_TEXT_MAX);
	buf_init(&door->warnings, DOOR_TEXT_MAX);
	r = read_flags(door, table, argc, argv, values, err);
	if (r < 0 || door->help)
		return r;
	read_environment(door, table, envp, values);
	warn_lost(door, table, values);
	return 0;
}

int door_end(struct door *door, int r, struct err *err)
{
	if (door->text.failed == -ENOMEM || door->warnings.failed == -ENOMEM)
		return -ENOMEM;
	if (r == 0 && door->text.failed)
		return err_set(err, -EINVAL, "the settings are too long");
	return r;
}

/* --- values ---------------------------------------------------------------- */

int door_time(const struct door_value *value, uint32_t unit_ms, uint64_t *msp,
              struct err *err)
{
	double number;

	if (!value->text)
		return 0;
	if (number_parse_double(slice_from(value->text), &number) < 0 ||
	    !(number >= 0 && number * unit_ms <= TIME_MAX_MS))
		return err_set(err, -EINVAL,
		               "%s%s: \"%.64s\" is not a number "
		               "of %s",
		               value->flag ? "-" : "", value->origin,
		               value->text,
		               unit_ms == 1 ? "milliseconds" : "seconds");
	*msp = (uint64_t)number_round(number * unit_ms);
	return 0;
}

int door_bool(const struct door_value *value, bool *boolp, struct err *err)
{
	if (!value->text ||
	    number_parse_bool(slice_from(value->text), boolp) == 0)
		return 0;
	return err_set(err, -EINVAL,
	               "%s%s: \"%.64s\" is neither true nor false",
	               value->flag ? "-" : "", value->origin, value->text);
}

int door_refuse(const struct door_value *value, struct err *err,
                const char *format, ...)
{
	char words[ERR_MESSAGE_SIZE];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	return err_set(err, -EINVAL, "%s%s: %s", value->flag ? "-" : "",
	               value->origin, words);
}

int door_duration(const struct door_value *value, uint64_t min_ms,
                  uint64_t *msp, struct err *err)
{
	uint64_t ms;

	if (!value->text)
		return 0;
	if (duration_parse(slice_from(value->text), &ms) < 0)
		return door_refuse(value, err,
		                   "\"%.64s\" is not a duration; write it like "
		                   "1h30m, 90s or 250ms",
		                   value->text);
	if (ms < min_ms)
		return door_refuse(value, err, "must be more than 0");
	*msp = ms;
	return 0;
}

/* --- writing --------------------------------------------------------------- */

void door_quote(struct door *door, struct slice text)
{
	(void)buf_putc(&door->text, '"');
	text_escape_json(&door->text, text);
	(void)buf_putc(&door->text, '"');
}

void door_put_text(struct door *door, const char *indented_key,
                   const char *value)
{
	(void)buf_printf(&door->text, "%s: ", indented_key);
	door_quote(door, slice_from(value));
	(void)buf_putc(&door->text, '\n');
}

void door_put_time(struct door *door, const char *indented_key, uint64_t ms)
{
	char text[DURATION_TEXT_MAX];

	(void)buf_printf(&door->text, "%s: %s\n", indented_key,
	                 duration_format(ms, text));
}
