/* SPDX-License-Identifier: Apache-2.0 */
#include "command/options.h"

#include <errno.h>
#include "base/duration.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/text.h"

#define OPTION_NAMES_MAX 32 /* of one command; more than any has */
#define OPTION_SHOWN     64 /* bytes of a name in a message */

/* Where the reader is. */
struct reading {
	struct options *options;
	char *const *next; /* the arguments that are left, */
	char *const *end;  /* until here */
	struct err *err;
};

static int unknown_option(const struct reading *reading, struct slice name)
{
	const struct options *options = reading->options;
	const char *names[OPTION_NAMES_MAX];
	const char *nearest;
	size_t n = 0;

	for (; n < options->n_rows && n < OPTION_NAMES_MAX - 1; n++)
		names[n] = options->rows[n].name;
	names[n++] = "help";
	name.n = MIN(name.n, (size_t)OPTION_SHOWN);
	nearest = text_nearest(name, names, n);
	if (nearest)
		return err_set(reading->err, -EINVAL,
		               "unknown option --" SLICE_FMT
		               "; did you mean --%s?",
		               SLICE_ARG(name), nearest);
	return err_set(reading->err, -EINVAL, "unknown option --" SLICE_FMT,
	               SLICE_ARG(name));
}

/* 90s, or 90 for the same. */
static int parse_time(const char *text, uint64_t *msp)
{
	uint64_t seconds;

	if (number_parse_u64(slice_from(text), &seconds) < 0)
		return duration_parse_days(slice_from(text), msp);
	if (seconds > UINT32_MAX)
		return -ERANGE;
	*msp = seconds * 1000;
	return 0;
}

static int set_value(const struct reading *reading,
                     const struct option_row *row, const char *value)
{
	struct option_texts *texts;
	uint64_t ms;

	switch (row->kind) {
	case OPTION_FLAG:
		*(bool *)row->value = true;
		return 0;
	case OPTION_TEXT:
	case OPTION_SERVER:
		*(const char **)row->value = value;
		return 0;
	case OPTION_TEXTS:
		texts = row->value;
		if (texts->n == OPTION_TEXTS_MAX)
			return err_set(reading->err, -EINVAL,
			               "--%s is given more than %d times",
			               row->name, OPTION_TEXTS_MAX);
		texts->texts[texts->n++] = value;
		return 0;
	case OPTION_NUMBER:
		if (number_parse_u64(slice_from(value), row->value) < 0)
			return err_set(reading->err, -EINVAL,
			               "--%s: %.64s is not a number", row->name,
			               value);
		return 0;
	case OPTION_TIME:
	case OPTION_EVERY:
	default:
		if (parse_time(value, &ms) < 0 || ms == 0)
			return err_set(reading->err, -EINVAL,
			               "--%s: %.64s is not a span of time; "
			               "write it as 90s or 1h30m",
			               row->name, value);
		*(uint64_t *)row->value = ms;
		return 0;
	}
}

/* @value: what was written together with the option, or NULL. */
static int read_value(struct reading *reading, const struct option_row *row,
                      const char *value)
{
	uint64_t ms;

	if (row->kind == OPTION_FLAG && value)
		return err_set(reading->err, -EINVAL, "--%s takes no value",
		               row->name);
	if (row->kind == OPTION_EVERY && !value &&
	    (reading->next == reading->end ||
	     parse_time(*reading->next, &ms) < 0)) {
		*(uint64_t *)row->value = OPTION_EVERY_MS;
		return 0;
	}
	if (row->kind == OPTION_SERVER && !value &&
	    (reading->next == reading->end || !strstr(*reading->next, "://"))) {
		*(const char **)row->value = "";
		return 0;
	}
	if (row->kind != OPTION_FLAG && !value) {
		if (reading->next == reading->end)
			return err_set(reading->err, -EINVAL,
			               "--%s needs a value", row->name);
		value = *reading->next++;
	}
	return set_value(reading, row, value);
}

static int read_long(struct reading *reading, const char *text)
{
	const struct options *options = reading->options;
	const char *value = strchr(text, '=');
	struct slice name = slice_from(text);

	if (value)
		name.n = (size_t)(value++ - text);
	if (slice_is(name, "help")) {
		reading->options->help = true;
		return 0;
	}
	for (size_t i = 0; i < options->n_rows; i++) {
		if (slice_is(name, options->rows[i].name))
			return read_value(reading, &options->rows[i], value);
	}
	return unknown_option(reading, name);
}

/* -f, -n5, -fn5 */
static int read_letters(struct reading *reading, const char *letters)
{
	const struct options *options = reading->options;

	while (*letters) {
		const struct option_row *row = options->rows;
		const struct option_row *end = row + options->n_rows;
		char letter = *letters++;
		int r;

		if (letter == 'h') {
			reading->options->help = true;
			return 0;
		}
		while (row < end && row->letter != letter)
			row++;
		if (row == end)
			return err_set(reading->err, -EINVAL,
			               "unknown option -%c", letter);
		if (row->kind != OPTION_FLAG)
			return read_value(reading, row,
			                  *letters ? letters : NULL);
		r = set_value(reading, row, NULL);
		if (r < 0)
			return r;
	}
	return 0;
}

static void read_after(struct reading *reading)
{
	struct options *options = reading->options;

	if (options->apart) {
		options->after = reading->next;
		return;
	}
	while (reading->next < reading->end)
		options->words[options->n_words++] = *reading->next++;
}

static int read_all(struct reading *reading)
{
	struct options *options = reading->options;

	while (reading->next < reading->end && !options->help) {
		const char *text = *reading->next++;
		int r = 0;

		if (strcmp(text, "--") == 0) {
			read_after(reading);
			return 0;
		}
		if (text[0] == '-' && text[1] == '-')
			r = read_long(reading, text + 2);
		else if (text[0] == '-' && text[1])
			r = read_letters(reading, text + 1);
		else
			options->words[options->n_words++] = text;
		if (r < 0)
			return r;
	}
	return 0;
}

int options_parse(struct options *options, int argc, char *const *argv,
                  struct err *err)
{
	struct reading reading = { options, argv, argv + argc, err };
	int r;

	err_clear(err);
	options->words = mem_calloc((size_t)argc + 1, sizeof(*options->words));
	if (!options->words)
		return -ENOMEM;
	r = read_all(&reading);
	if (r < 0 || options->help)
		return r;
	if (options->n_words > options->max_words)
		return err_set(err, -EINVAL, "unexpected argument %.64s",
		               options->words[options->max_words]);
	if (options->n_words < options->min_words)
		return err_set(err, -EINVAL, "something is missing");
	return 0;
}

void options_fini(struct options *options)
{
	mem_free(options->words);
	options->words = NULL;
}

bool options_read(struct options *options, const struct command_io *io,
                  const struct command *command, int argc, char *const *argv,
                  int *codep)
{
	struct err err;
	int r = options_parse(options, argc, argv, &err);

	if (r == 0 && !options->help)
		return true;
	if (r == 0) {
		command_print_help(io, command);
		*codep = command_finish(io);
	} else if (r == -ENOMEM) {
		*codep = command_no_memory(io);
	} else {
		(void)fprintf(io->err,
		              "bouncer: %s\nusage: bouncer %s %s; see bouncer "
		              "help %s\n",
		              err.message, command->name, command->arguments,
		              command->name);
		*codep = EXIT_USAGE;
	}
	options_fini(options);
	return false;
}
