/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log: an object that is handed to whoever may speak; no global one.
 *
 * A line has a level, a message that starts with a small letter and stands
 * unbroken in the source (so that it can be searched for), and fields:
 *
 *     log_info(log, "monitor recovered",
 *              LOG_STR("monitor", name), LOG_MS("age", age_ms));
 *
 * As logfmt:  level=info msg="monitor recovered" monitor=api age=1.2s
 * Values from outside are escaped by every format. Formatting is pure; where
 * the line goes is the emit function's business (stderr, a test's buffer).
 * One line per change of state, written where the change is handled.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/macros.h"
#include "base/slice.h"

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON, LOG_FORMAT_PLAIN };

/* @line ends with a newline; borrowed for the call. */
typedef void (*log_emit_cb)(void *context, enum log_level level,
                            struct slice line);

struct log {
	log_emit_cb emit;                              /* NULL: silent */
	void *context;                                 /* emit's */
	const char *(*time)(void *context, char *out); /* NULL: no time */
	enum log_level level;
	enum log_format format;
};

#define LOG_FIELDS_MAX 12 /* fields of one line */
#define LOG_TIME_MAX   40 /* what `time` may write to @out */

enum log_field_kind {
	LOG_FIELD_END,
	LOG_FIELD_STR,
	LOG_FIELD_I64,
	LOG_FIELD_MS
};

struct log_field {
	const char *name;
	enum log_field_kind kind;
	struct slice text;
	int64_t number;
};

#define LOG_STR(name, value) \
	((struct log_field){ name, LOG_FIELD_STR, slice_from(value), 0 })
#define LOG_SLICE(name, value) \
	((struct log_field){ name, LOG_FIELD_STR, value, 0 })
#define LOG_INT(name, value) \
	((struct log_field){ name, LOG_FIELD_I64, { 0 }, (int64_t)(value) })
/* A span in milliseconds, printed as a duration. */
#define LOG_MS(name, value) \
	((struct log_field){ name, LOG_FIELD_MS, { 0 }, (int64_t)(value) })
#define LOG_END ((struct log_field){ 0 })

static inline bool log_enabled(const struct log *log, enum log_level level)
{
	return log && log->emit && level <= log->level;
}

/* @fields ends with LOG_END. Cannot fail: a line that would be longer than
 * 16 KiB is cut. */
void log_write(const struct log *log, enum log_level level, const char *message,
               const struct log_field *fields);

/* What is not given is zero, which is LOG_END. */
#define LOG_AT(log, level, message, ...)                                   \
	(log_enabled(log, level)                                           \
	         ? log_write(log, level, message,                          \
	                     (const struct log_field[LOG_FIELDS_MAX + 1]){ \
				     __VA_ARGS__ })                        \
	         : (void)0)
#define log_error(log, ...) LOG_AT(log, LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(log, ...)  LOG_AT(log, LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(log, ...)  LOG_AT(log, LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(log, ...) LOG_AT(log, LOG_LEVEL_DEBUG, __VA_ARGS__)

const char *log_level_name(enum log_level level);
int log_level_parse(struct slice text, enum log_level *levelp) MUST_CHECK;
int log_format_parse(struct slice text, enum log_format *formatp) MUST_CHECK;
