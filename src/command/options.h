/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options: what stands after the name of a sub-command, read by a table.
 *
 *     --name VALUE   --name=VALUE   -n VALUE   -nVALUE   --flag   -f
 *
 * Options and words may be mixed; after `--` everything is a word. An option
 * that is given twice has its last value, but OPTION_TEXTS keep them all.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "command/command.h"

#define OPTION_TEXTS_MAX 64
#define OPTION_EVERY_MS  2000

/* What `value` points at, and stays untouched if the option is not given. */
enum option_kind {
	OPTION_FLAG,   /* bool */
	OPTION_TEXT,   /* const char *, borrowed from argv */
	OPTION_TEXTS,  /* struct option_texts */
	OPTION_NUMBER, /* uint64_t */
	OPTION_TIME,   /* uint64_t, milliseconds: 1h30m, 90s, or 90 for 90s */
	OPTION_EVERY,  /* the same, and OPTION_EVERY_MS without a value */
	OPTION_SERVER, /* const char *: a URL; without one "" */
};

struct option_texts {
	const char *texts[OPTION_TEXTS_MAX];
	size_t n;
};

struct option_row {
	const char *name;
	char letter; /* 0: none */
	enum option_kind kind;
	void *value;
};

struct options {
	/* set by the caller; zero the rest */
	const struct option_row *rows;
	size_t n_rows;
	size_t min_words; /* how many words there must be … */
	size_t max_words; /* … and may be */
	bool apart;       /* what follows `--` is no word, but `after` */

	/* results; borrowed from argv */
	const char **words; /* NULL-terminated */
	size_t n_words;
	char *const *after; /* NULL: there was no `--` */
	bool help;          /* --help or -h; nothing else counts then */
};

/*
 * options_parse() - read them
 *
 * Returns 0, -ENOMEM, or -EINVAL with words that name what is wrong, and the
 * nearest option if one is unknown. options_fini() in any case.
 */
int options_parse(struct options *options, int argc, char *const *argv,
                  struct err *err) MUST_CHECK;
void options_fini(struct options *options);

/* The same for a command: says what is wrong, or prints the help. True: go
 * on. False: leave with *codep, nothing is to be freed. */
bool options_read(struct options *options, const struct command_io *io,
                  const struct command *command, int argc, char *const *argv,
                  int *codep) MUST_CHECK;
