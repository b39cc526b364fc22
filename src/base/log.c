/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include "base/duration.h"
#include "base/json_writer.h"
#include "base/text.h"

#define LOG_LINE_MAX 16384

static const char *const level_names[] = { "error", "warn", "info", "debug" };
static const char *const format_names[] = { "logfmt", "json", "plain" };

const char *log_level_name(enum log_level level)
{
	return level_names[level];
}

int log_level_parse(struct slice text, enum log_level *levelp)
{
	if (slice_is_nocase(text, "warning"))
		text = slice_from("warn");
	for (size_t i = 0; i < ARRAY_SIZE(level_names); i++) {
		if (slice_is_nocase(text, level_names[i])) {
			*levelp = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

int log_format_parse(struct slice text, enum log_format *formatp)
{
	for (size_t i = 0; i < ARRAY_SIZE(format_names); i++) {
		if (slice_is_nocase(text, format_names[i])) {
			*formatp = (enum log_format)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* The field as text; @out is room for what is not text already. */
static struct slice field_text(const struct log_field *field, char *out)
{
	switch (field->kind) {
	case LOG_FIELD_I64:
		(void)snprintf(out, DURATION_TEXT_MAX, "%" PRId64,
		               field->number);
		return slice_from(out);
	case LOG_FIELD_MS:
		return slice_from(duration_format(
			field->number < 0 ? 0 : (uint64_t)field->number, out));
	case LOG_FIELD_STR:
	case LOG_FIELD_END:
	default:
		return field->text;
	}
}

static void write_pair(struct buf *line, const char *name, struct slice text)
{
	if (line->n)
		(void)buf_putc(line, ' ');
	(void)buf_puts(line, name);
	(void)buf_putc(line, '=');
	text_escape_logfmt(line, text);
}

static void write_logfmt(struct buf *line, enum log_level level,
                         const char *time, const char *message,
                         const struct log_field *fields)
{
	char out[DURATION_TEXT_MAX];

	if (time)
		write_pair(line, "time", slice_from(time));
	write_pair(line, "level", slice_from(log_level_name(level)));
	write_pair(line, "msg", slice_from(message));
	for (; fields->kind != LOG_FIELD_END; fields++)
		write_pair(line, fields->name, field_text(fields, out));
}

static void write_json(struct buf *line, enum log_level level, const char *time,
                       const char *message, const struct log_field *fields)
{
	char out[DURATION_TEXT_MAX];
	struct json_writer json;

	json_write_init(&json, line);
	json_write_object(&json);
	if (time) {
		json_write_key(&json, "time");
		json_write_string(&json, time);
	}
	json_write_key(&json, "level");
	json_write_string(&json, log_level_name(level));
	json_write_key(&json, "msg");
	json_write_string(&json, message);
	for (; fields->kind != LOG_FIELD_END; fields++) {
		json_write_key(&json, fields->name);
		if (fields->kind == LOG_FIELD_I64)
			json_write_i64(&json, fields->number);
		else if (fields->kind == LOG_FIELD_MS)
			json_write_seconds(&json, (uint64_t)fields->number);
		else
			json_write_slice(&json, field_text(fields, out));
	}
	json_write_object_end(&json);
}

static void write_plain(struct buf *line, enum log_level level,
                        const char *time, const char *message,
                        const struct log_field *fields)
{
	char out[DURATION_TEXT_MAX];

	if (time)
		(void)buf_printf(line, "%s ", time);
	(void)buf_printf(line, "%-5s ", log_level_name(level));
	text_escape_plain(line, slice_from(message)); /* a step's own, say */
	for (; fields->kind != LOG_FIELD_END; fields++) {
		(void)buf_printf(line, " %s=", fields->name);
		text_escape_plain(line, field_text(fields, out));
	}
}

void log_write(const struct log *log, enum log_level level, const char *message,
               const struct log_field *fields)
{
	static void (*const writers[])(struct buf *, enum log_level,
	                               const char *, const char *,
	                               const struct log_field *) = {
		[LOG_FORMAT_LOGFMT] = write_logfmt,
		[LOG_FORMAT_JSON] = write_json,
		[LOG_FORMAT_PLAIN] = write_plain,
	};
	char stamp[LOG_TIME_MAX];
	struct buf line;

	if (!log_enabled(log, level))
		return;

	buf_init(&line, LOG_LINE_MAX);
	writers[log->format](&line, level,
	                     log->time ? log->time(log->context, stamp) : NULL,
	                     message, fields);
	line.failed = 0; /* a line that was cut is better than none */
	(void)buf_putc(&line, '\n');
	log->emit(log->context, level, buf_slice(&line));
	buf_fini(&line);
}
