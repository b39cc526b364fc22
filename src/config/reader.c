/* SPDX-License-Identifier: Apache-2.0 */
#include "config/reader.h"

#include <errno.h>
#include <inttypes.h>
#include "base/duration.h"
#include "base/number.h"
#include "base/text.h"
#include "config/schema.h"

#define WORDS_TEXT_MAX 128 /* "docker, podman, lxd, …" */

/* --- problems ------------------------------------------------------------ */

struct place reader_place(const struct reader *reader, const char *key)
{
	struct place place = { .up = reader->place, .key = key };

	if (!key)
		return *reader->place;
	for (size_t i = 0; reader->replaced && schema_global[i].key; i++) {
		if (reader->replaced[i] &&
		    slice_is(slice_from(key), schema_global[i].key))
			place.origin = reader->replaced[i]->origin;
	}
	return place;
}

void reader_problem(const struct reader *reader, const char *key,
                    const char *format, ...)
{
	struct place place = reader_place(reader, key);
	va_list args;

	va_start(args, format);
	problem_vat(reader->problems, &place, NULL, format, args);
	va_end(args);
}

void reader_value(const struct reader *reader, const char *key,
                  const char *text, const char *format, ...)
{
	struct place place = reader_place(reader, key);
	struct slice value = slice_from(text);
	va_list args;

	va_start(args, format);
	problem_vat(reader->problems, &place, &value, format, args);
	va_end(args);
}

bool read_required(const struct reader *reader, const char *key,
                   const char *text)
{
	struct place place = reader_place(reader, key);

	if (text)
		return true;
	if (!place_find(&place))
		problem_at(reader->problems, &place, "is missing");
	return false;
}

/* --- values -------------------------------------------------------------- */

bool read_duration(const struct reader *reader, const char *key,
                   const char *text, uint64_t min_ms, uint64_t *msp)
{
	char least[DURATION_TEXT_MAX];
	uint64_t ms;
	int r;

	if (!text)
		return false;
	r = duration_parse_days(slice_from(text), &ms);
	if (r == -ERANGE)
		reader_value(reader, key, text,
		             "is longer than can be counted");
	else if (r < 0)
		reader_value(reader, key, text,
		             "is not a duration; write it like 1h30m, 90s or "
		             "250ms");
	else if (ms == 0 && min_ms > 0)
		reader_value(reader, key, text, "must be more than 0");
	else if (ms < min_ms)
		reader_value(reader, key, text, "is too short; %s is the least",
		             duration_format(min_ms, least));
	else
		*msp = ms;
	return r == 0 && ms >= min_ms;
}

bool read_number(const struct reader *reader, const char *key, const char *text,
                 uint32_t min, uint32_t max, uint32_t *valuep)
{
	uint64_t value;
	int r;

	if (!text)
		return false;
	r = number_parse_u64(slice_from(text), &value);
	if (r == 0 && value >= min && value <= max) {
		*valuep = (uint32_t)value;
		return true;
	}
	if (r == -EINVAL)
		reader_value(reader, key, text, "is not a whole number");
	else
		reader_value(reader, key, text,
		             "is out of range; use %" PRIu32 " to %" PRIu32,
		             min, max);
	return false;
}

bool read_bool(const struct reader *reader, const char *key, const char *text,
               bool *valuep)
{
	if (!text)
		return false;
	if (number_parse_bool(slice_from(text), valuep) == 0)
		return true;
	reader_value(reader, key, text, "is neither true nor false");
	return false;
}

bool read_size(const struct reader *reader, const char *key, const char *text,
               uint64_t min, uint64_t max, uint64_t *bytesp)
{
	uint64_t value;
	int r;

	if (!text)
		return false;
	r = number_parse_size(slice_from(text), &value);
	if (r == 0 && value >= min && value <= max) {
		*bytesp = value;
		return true;
	}
	if (r == -EINVAL)
		reader_value(reader, key, text,
		             "is not a size; write it in bytes or like 64MiB");
	else
		reader_value(reader, key, text,
		             "is out of range; use %" PRIu64 "KiB to %" PRIu64
		             "MiB",
		             min >> 10, max >> 20);
	return false;
}

bool read_percent(const struct reader *reader, const char *key,
                  const char *text, uint32_t max, uint32_t *percentp)
{
	double factor;

	if (!text)
		return false;
	if (number_parse_double(slice_from(text), &factor) == 0 &&
	    factor >= 1 && factor * 100 <= max) {
		*percentp = (uint32_t)number_round(factor * 100);
		return true;
	}
	reader_value(reader, key, text,
	             "is not a factor; use a number from 1 to %" PRIu32,
	             max / 100);
	return false;
}

bool read_word(const struct reader *reader, const char *key, const char *text,
               const char *const *words, size_t n_words, unsigned *indexp)
{
	const char *nearest;
	struct buf all;

	if (!text)
		return false;
	for (unsigned i = 0; i < n_words; i++) {
		if (!slice_is(slice_from(text), words[i]))
			continue;
		*indexp = i;
		return true;
	}

	buf_init(&all, WORDS_TEXT_MAX);
	for (size_t i = 0; i < n_words; i++)
		(void)buf_printf(&all, "%s%s", i ? ", " : "", words[i]);
	if (all.failed == -ENOMEM)
		reader->problems->failed = -ENOMEM;
	nearest = text_nearest(slice_from(text), words, n_words);
	reader_value(reader, key, text, "is not one of %s%s%s%s",
	             buf_text(&all), nearest ? "; did you mean " : "",
	             nearest ? nearest : "", nearest ? "?" : "");
	buf_fini(&all);
	return false;
}
