/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_writer.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include "base/number.h"
#include "base/text.h"

void json_write_init(struct json_writer *json, struct buf *buf)
{
	*json = (struct json_writer){ .buf = buf };
}

/* Called before each value or key. */
static void json_separate(struct json_writer *json)
{
	if (json->after_key) {
		json->after_key = false;
		return;
	}
	if (json->comma[json->depth])
		(void)buf_putc(json->buf, ',');
	json->comma[json->depth] = true;
}

static void json_open(struct json_writer *json, char bracket)
{
	json_separate(json);
	assert(json->depth + 1 < JSON_WRITER_DEPTH);
	json->comma[++json->depth] = false;
	(void)buf_putc(json->buf, bracket);
}

static void json_close(struct json_writer *json, char bracket)
{
	assert(json->depth > 0 && !json->after_key);
	json->depth--;
	(void)buf_putc(json->buf, bracket);
}

void json_write_object(struct json_writer *json)
{
	json_open(json, '{');
}

void json_write_object_end(struct json_writer *json)
{
	json_close(json, '}');
}

void json_write_array(struct json_writer *json)
{
	json_open(json, '[');
}

void json_write_array_end(struct json_writer *json)
{
	json_close(json, ']');
}

void json_write_key(struct json_writer *json, const char *name)
{
	json_key_slice(json, slice_from(name));
}

void json_key_slice(struct json_writer *json, struct slice name)
{
	json_write_slice(json, name);
	(void)buf_putc(json->buf, ':');
	json->after_key = true;
}

void json_write_string(struct json_writer *json, const char *text)
{
	if (text)
		json_write_slice(json, slice_from(text));
	else
		json_write_null(json);
}

void json_write_slice(struct json_writer *json, struct slice text)
{
	json_separate(json);
	(void)buf_putc(json->buf, '"');
	text_escape_json(json->buf, text);
	(void)buf_putc(json->buf, '"');
}

void json_write_u64(struct json_writer *json, uint64_t value)
{
	json_separate(json);
	(void)buf_printf(json->buf, "%" PRIu64, value);
}

void json_write_i64(struct json_writer *json, int64_t value)
{
	json_separate(json);
	(void)buf_printf(json->buf, "%" PRId64, value);
}

void json_write_double(struct json_writer *json, double value)
{
	char text[NUMBER_TEXT_MAX];

	if (!isfinite(value)) {
		json_write_null(json);
		return;
	}
	json_separate(json);
	(void)buf_append(json->buf, text, number_format_double(value, text));
}

void json_write_bool(struct json_writer *json, bool value)
{
	json_separate(json);
	(void)buf_puts(json->buf, value ? "true" : "false");
}

void json_write_null(struct json_writer *json)
{
	json_separate(json);
	(void)buf_puts(json->buf, "null");
}

void json_write_raw(struct json_writer *json, struct slice text)
{
	json_separate(json);
	(void)buf_append(json->buf, text.p, text.n);
}

void json_write_seconds(struct json_writer *json, uint64_t ms)
{
	json_write_double(json, (double)ms / 1000.0);
}
