/* SPDX-License-Identifier: Apache-2.0 */
/* The limits of a value: one, or a soft and a hard one. */
#include "config/resolve.h"

#include <errno.h>

#define BACKOFF_MS 300000

/* A section that has a limit: the monitor itself, or one of its levels. */
struct limits {
	const struct reader *reader;
	const struct raw_level *raw;
};

/* --- one level --------------------------------------------------------------- */

static bool read_threshold(const struct reader *reader, const char *key,
                           const char *text, struct threshold *threshold)
{
	struct err err = { 0 };

	if (!text)
		return false;
	if (threshold_parse(slice_from(text), threshold, &err) == 0)
		return true;
	reader_value(reader, key, text, "is none: %s", err.message);
	return false;
}

/* Of values that are worse: 1 larger ones, -1 smaller ones, 0 neither. */
static int direction(const struct threshold *threshold)
{
	switch (threshold->op) {
	case THRESHOLD_ABOVE:
	case THRESHOLD_AT_LEAST:
		return 1;
	case THRESHOLD_BELOW:
	case THRESHOLD_AT_MOST:
		return -1;
	case THRESHOLD_EQUAL:
	case THRESHOLD_NOT_EQUAL:
	case N_THRESHOLD_OPS:
	default:
		return 0;
	}
}

/* The value that both name would cross both. */
static bool share_value(const struct threshold *a, const struct threshold *b)
{
	return a->value == b->value && threshold_crossed(a, a->value) &&
	       threshold_crossed(b, b->value);
}

/* A breach must end on the good side of its limit, or it would end at once. */
static void check_clear(const struct reader *reader, const char *text,
                        const struct policy_level *level)
{
	char limit[THRESHOLD_TEXT_MAX];
	int worse = direction(&level->limit);

	(void)threshold_format(&level->limit, limit);
	if (worse == 0)
		reader_value(reader, "clear", text,
		             "has no meaning with the threshold %s, which no "
		             "value comes close to; remove the key",
		             limit);
	else if (direction(&level->clear) != -worse)
		reader_value(reader, "clear", text,
		             "looks the same way as the threshold, or no way; "
		             "with %s it begins with %s",
		             limit, worse > 0 ? "<" : ">");
	else if (worse * (level->clear.value - level->limit.value) > 0 ||
	         share_value(&level->clear, &level->limit))
		reader_value(reader, "clear", text,
		             "is on the wrong side of the threshold %s: a "
		             "value would be both bad and good",
		             limit);
}

/* Two names of one thing; the one that is given. */
static const char *synonym(const struct reader *reader, const char *key,
                           const char *text, const char *other_key,
                           const char *other)
{
	if (text && other)
		reader_problem(reader, other_key,
		               "is %s under another name; keep one", key);
	return text ? text : other;
}

/* False: it has no limit that others could be compared with. */
static bool read_level(const struct limits *from, struct policy_level *level)
{
	const struct reader *reader = from->reader;
	const struct raw_level *raw = from->raw;
	const char *text;
	bool good = read_required(reader, "threshold", raw->threshold) &&
	            read_threshold(reader, "threshold", raw->threshold,
	                           &level->limit);

	level->given = true;
	if (good &&
	    read_threshold(reader, "clear", raw->clear, &level->clear)) {
		level->has_clear = true;
		check_clear(reader, raw->clear, level);
	}
	text = synonym(reader, "for", raw->for_, "duration", raw->duration);
	(void)read_duration(reader, raw->for_ ? "for" : "duration", text, 0,
	                    &level->for_ms);
	text = synonym(reader, "backoff", raw->backoff, "backoff_delay",
	               raw->backoff_delay);
	(void)read_duration(reader, raw->backoff ? "backoff" : "backoff_delay",
	                    text, 0, &level->cooldown_ms);
	return good;
}

/* --- two levels -------------------------------------------------------------- */

/* Who is hard is soft, too: it is reached later, on the same way. */
static void check_order(const struct limits *hard,
                        const struct policy_levels *levels)
{
	const struct threshold *soft = &levels->level[POLICY_LEVEL_SOFT].limit;
	const struct threshold *beyond =
		&levels->level[POLICY_LEVEL_HARD].limit;
	const char *text = hard->raw->threshold;
	char limit[THRESHOLD_TEXT_MAX];
	int worse = direction(soft);
	double distance = worse * (beyond->value - soft->value);

	(void)threshold_format(soft, limit);
	if (worse == 0 || direction(beyond) == 0)
		reader_value(hard->reader, "threshold", text,
		             "and soft, %s: of == and != no one is beyond the "
		             "other; use > >= < <=, or one threshold",
		             limit);
	else if (direction(beyond) != worse)
		reader_value(hard->reader, "threshold", text,
		             "looks the other way than soft, %s; use %s or "
		             "%s= for both",
		             limit, worse > 0 ? ">" : "<",
		             worse > 0 ? ">" : "<");
	else if (distance < 0 || beyond->value == soft->value)
		reader_value(hard->reader, "threshold", text,
		             "is not beyond soft, %s; a value would be hard "
		             "before it is soft",
		             limit);
}

/* What a section lacks is what the monitor says. */
static void init_levels(const struct reader *reader,
                        const struct raw_monitor *raw,
                        const struct rules_given *given,
                        struct policy_levels *levels)
{
	uint64_t cooldown_ms = given->cooldown_ms == RULE_UNSET
	                               ? BACKOFF_MS
	                               : given->cooldown_ms;

	if (raw->metric.backoff && raw->rules.cooldown)
		reader_problem(reader, "backoff",
		               "is cooldown under another name; keep one");
	(void)read_duration(reader, "backoff", raw->metric.backoff, 0,
	                    &cooldown_ms);
	for (size_t i = 0; i < N_POLICY_LEVELS; i++) {
		struct policy_level *level = &levels->level[i];

		level->for_ms = given->for_ms == RULE_UNSET ? 0 : given->for_ms;
		level->cooldown_ms = cooldown_ms;
	}
}

static void read_sections(const struct raw_monitor *raw,
                          const struct reader *reader,
                          struct policy_levels *levels)
{
	struct place places[N_POLICY_LEVELS] = {
		[POLICY_LEVEL_SOFT] = reader_place(reader, "soft"),
		[POLICY_LEVEL_HARD] = reader_place(reader, "hard"),
	};
	const struct raw_level *raws[N_POLICY_LEVELS] = {
		[POLICY_LEVEL_SOFT] = &raw->metric.soft,
		[POLICY_LEVEL_HARD] = &raw->metric.hard,
	};
	struct reader readers[N_POLICY_LEVELS];
	size_t n = 0;

	for (size_t i = 0; i < N_POLICY_LEVELS; i++) {
		struct limits limits = { &readers[i], raws[i] };

		readers[i] = (struct reader){ .problems = reader->problems,
			                      .place = &places[i] };
		if (place_find(&places[i]) && !place_reported(&places[i]))
			n += read_level(&limits, &levels->level[i]);
	}
	if (n == N_POLICY_LEVELS) {
		struct limits hard = { &readers[POLICY_LEVEL_HARD],
			               raws[POLICY_LEVEL_HARD] };

		check_order(&hard, levels);
	}
}

/* --- the whole --------------------------------------------------------------- */

bool resolve_has_levels(const struct reader *reader)
{
	struct place soft = reader_place(reader, "soft");
	struct place hard = reader_place(reader, "hard");

	return place_find(&soft) || place_find(&hard);
}

static void read_plain(const struct raw_monitor *raw,
                       const struct reader *reader,
                       struct policy_levels *levels)
{
	const struct raw_level plain = { .threshold = raw->metric.threshold,
		                         .clear = raw->metric.clear };
	const struct limits limits = { reader, &plain };
	struct place threshold = reader_place(reader, "threshold");

	levels->plain = true;
	if (!raw->metric.threshold && !place_find(&threshold))
		problem_at(reader->problems, reader->place,
		           "needs threshold, or soft and hard: which value is "
		           "bad");
	else
		(void)read_level(&limits, &levels->level[POLICY_LEVEL_SOFT]);
}

static void read_missing(const struct reader *reader, const char *text,
                         struct policy_levels *levels)
{
	/* the last is what metric-reader calls it */
	static const char *const words[] = { "hold", "zero", "last_value",
		                             "breach", "assume_breached" };
	unsigned missing = POLICY_MISSING_HOLD;

	_Static_assert(ARRAY_SIZE(words) == N_POLICY_MISSING + 1, "and one");
	(void)read_word(reader, "missing", text, words, ARRAY_SIZE(words),
	                &missing);
	levels->missing =
		(enum policy_missing)MIN(missing, POLICY_MISSING_BREACH);
}

static void read_compat(const struct reader *reader, const char *text,
                        struct policy_levels *levels)
{
	static const char *const words[] = { "metric-reader" };
	unsigned word;

	if (read_word(reader, "compat", text, words, ARRAY_SIZE(words), &word))
		levels->compat = resolve_has_levels(reader)
		                         ? POLICY_COMPAT_METRIC_READER
		                         : POLICY_COMPAT_METRIC_READER_SEED;
}

struct policy_levels *resolve_levels(struct resolve *resolve,
                                     const struct raw_monitor *raw,
                                     const struct reader *reader,
                                     const struct rules_given *given)
{
	struct policy_levels *levels =
		arena_calloc(resolve->memory, 1, sizeof(*levels));

	if (!levels) {
		resolve->failed = -ENOMEM;
		return NULL;
	}
	init_levels(reader, raw, given, levels);
	if (!resolve_has_levels(reader)) {
		read_plain(raw, reader, levels);
	} else {
		read_sections(raw, reader, levels);
		if (raw->metric.threshold)
			reader_problem(reader, "threshold",
			               "is of a monitor with one level; write "
			               "it into soft or hard");
		if (raw->metric.clear)
			reader_problem(reader, "clear",
			               "is of threshold; write it into soft "
			               "or hard");
	}
	read_missing(reader, raw->metric.missing, levels);
	read_compat(reader, raw->metric.compat, levels);
	return levels;
}
