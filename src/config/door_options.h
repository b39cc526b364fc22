/* SPDX-License-Identifier: Apache-2.0 */
/*
 * door_options: what the front doors share: reading flags and variables by a
 * table, and writing values into a text of YAML. Private to config.
 *
 * Flags as Go and clap write them: one dash or two, `=` or a space, `-q` for
 * some; of one given twice the last counts. An empty variable is unset.
 */
#pragma once

#include <stdint.h>
#include "base/slice.h"
#include "config/door.h"

#define DOOR_OPTIONS_MAX  40
#define DOOR_PREFIXES_MAX 8
#define DOOR_TEXT_MAX     65536 /* bytes of the configuration */

struct door_option {
	const char *variable; /* NULL: only a flag */
	const char *flag;     /* "stop-timeout"; NULL: only a variable */
	char letter;          /* 's'; 0: none */
	bool boolean;         /* a flag without a value is true */
	const char *lost;     /* why it has no meaning any more; NULL: it has */
};

struct door_value {
	const char *text;   /* borrowed from argv or envp; NULL: not given */
	const char *origin; /* "MON_INTERVAL", "-interval" as in the table */
	bool flag;          /* from the command line */
};

struct door_table {
	const char *prefixes[DOOR_PREFIXES_MAX]; /* of variables, up to a NULL:
	                                            who has others is warned */
	const struct door_option *options;
	size_t n;
	bool environment_wins;
	const char *command; /* what may stand first, once; NULL: nothing */
	bool arguments;      /* what is no flag ends them: door->n_flags */
};

/* Fills @values, which has @table->n; warns of what has no meaning. 0, or
 * -EINVAL with words. */
int door_begin(struct door *door, const struct door_table *table, int argc,
               char *const *argv, const char *const *envp,
               struct door_value *values, struct err *err) MUST_CHECK;

/* What the front door returns: @r, unless writing failed. */
int door_end(struct door *door, int r, struct err *err) MUST_CHECK;

void door_warn(struct door *door, const char *format, ...) PRINTF_LIKE(2, 3);

/* Values. Each leaves what it shall set alone where nothing is given: 0, or
 * -EINVAL with words. @unit_ms: of the number, which may have decimals. */
int door_time(const struct door_value *value, uint32_t unit_ms, uint64_t *msp,
              struct err *err) MUST_CHECK;
int door_bool(const struct door_value *value, bool *boolp,
              struct err *err) MUST_CHECK;
/* As Go writes them; @min_ms as in config/reader.h. */
int door_duration(const struct door_value *value, uint64_t min_ms,
                  uint64_t *msp, struct err *err) MUST_CHECK;

/* Words about a value: "-f: …", "THRESHOLD: …". -EINVAL. */
int door_refuse(const struct door_value *value, struct err *err,
                const char *format, ...) PRINTF_LIKE(3, 4);

/* "  key: value\n"; text in double quotes. */
void door_put_text(struct door *door, const char *indented_key,
                   const char *value);
void door_put_time(struct door *door, const char *indented_key, uint64_t ms);
/* A text in double quotes. */
void door_quote(struct door *door, struct slice text);
