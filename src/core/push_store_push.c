/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A push in two halves. The first looks at everything, allocates all that is
 * needed and changes nothing that anybody can see; the second cannot fail.
 */
#include "core/push_store_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include "base/mem.h"

#define MAX_LINES ((size_t)UINT32_MAX - 1) /* bytes of one push */
#define MAX_WORDS 60                       /* bytes of a name in an answer */
#define WORDS(s)  (int)MIN((s).n, (size_t)MAX_WORDS), (s).p

struct push_job {
	struct push_store *store;
	struct push_work *work;
	struct store_group *group;
	const struct push_body *body;
	bool replace;
	struct err *err;
	struct store_chunk *chunk;
	uint32_t *slots; /* the group's next ones; NULL: as they are */
	uint32_t n_slots;
};

/* --- scratch -------------------------------------------------------------------- */

void work_init(struct push_work *work)
{
	*work = (struct push_work){ 0 };
	buf_init(&work->lines, MAX_LINES);
	buf_init(&work->sorted, MAX_LINES);
	buf_init(&work->text[0], MAX_LINES);
	buf_init(&work->text[1], MAX_LINES);
}

void work_fini(struct push_work *work)
{
	mem_free(work->entries);
	mem_free(work->places);
	mem_free(work->series);
	mem_free(work->seen);
	mem_free(work->doomed);
	buf_fini(&work->lines);
	buf_fini(&work->sorted);
	buf_fini(&work->text[0]);
	buf_fini(&work->text[1]);
}

/* Room for @n of @size bytes; keeps nothing. */
static int room(void **arrayp, uint32_t *cap, uint32_t n, size_t size)
{
	void *array;

	if (n <= *cap)
		return 0;
	n += n / 2;
	array = mem_realloc(*arrayp, (size_t)n * size);
	if (!array)
		return -ENOMEM;
	*arrayp = array;
	*cap = n;
	return 0;
}

#define ROOM(work, array, cap, n) \
	room((void **)&(work)->array, &(work)->cap, n, sizeof(*(work)->array))

#define KEEP_SCRATCH 65536 /* bytes that a large push may leave behind */

static void work_trim(struct push_work *work)
{
	if (work->lines.cap + work->sorted.cap <= KEEP_SCRATCH &&
	    work->text[0].cap + work->text[1].cap <= KEEP_SCRATCH &&
	    (size_t)work->cap_series * sizeof(*work->series) <= KEEP_SCRATCH &&
	    (size_t)work->cap_doomed * sizeof(*work->doomed) <= KEEP_SCRATCH &&
	    (size_t)work->cap_entries * sizeof(*work->entries) <= KEEP_SCRATCH)
		return;
	work_fini(work);
	work_init(work);
}

/* --- families ------------------------------------------------------------------- */

static int inconsistent(struct err *err, const char *format, ...)
	PRINTF_LIKE(2, 3);

static int inconsistent(struct err *err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)err_vset(err, -EINVAL, format, args);
	va_end(args);
	(void)err_wrap(err, "pushed metrics are invalid or inconsistent with "
	                    "existing metrics");
	return PUSH_E_INCONSISTENT;
}

/* The metric of that family, by its place in the last push if that is right,
 * as it is when the same body comes again. */
static struct push_metric *find_metric(struct push_job *job,
                                       struct slice name, uint32_t *hint)
{
	const struct store_group *group = job->group;
	struct store_family *family;
	struct push_metric *metric;

	if (*hint < group->n_slots) {
		metric = metric_by_id(job->store, group->slots[*hint]);
		if (slice_equal(metric->family->name, name)) {
			++*hint;
			return metric;
		}
	}
	family = family_find(job->store, name);
	return family && family->n_metrics > 0 ? metric_find(family, group)
	                                       : NULL;
}

static int enter_family(struct push_job *job, uint32_t place, uint32_t *hint)
{
	const struct push_body_family *given = &job->body->families[place];
	struct work_entry *entry = &job->work->entries[job->work->n_entries];
	struct push_metric *metric = find_metric(job, given->name, hint);

	*entry = (struct work_entry){ .place = place, .n = given->n_samples };
	if (metric) {
		entry->family = metric->family;
		entry->family->refs++;
	} else {
		entry->family = family_obtain(job->store, given->name);
		if (!entry->family)
			return -ENOMEM;
		metric = metric_new(job->store);
		if (!metric) {
			family_unref(job->store, entry->family);
			return -ENOMEM;
		}
		metric->family = entry->family;
		metric->group = job->group;
		entry->is_new = true;
	}
	entry->metric = metric;
	metric->mark = 1;
	entry->family->entered = true;
	entry->family->next_type = (uint8_t)given->type;
	job->work->places[place] = ++job->work->n_entries;
	return 0;
}

/* Those of the body that have samples; the original's own two are dropped, as
 * the original does it. */
static int enter_families(struct push_job *job)
{
	const struct push_body *body = job->body;
	struct push_work *work = job->work;
	uint32_t hint = 0;

	work->n_entries = 0;
	work->n_series = 0;
	work->n_claimed = 0;
	work->n_doomed = 0;
	if (ROOM(work, entries, cap_entries, body->n_families) < 0 ||
	    ROOM(work, places, cap_places, body->n_families) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < body->n_families; i++) {
		const struct push_body_family *given = &body->families[i];
		unsigned own = own_family_find(given->name);
		int r;

		work->places[i] = 0;
		if (given->n_samples == 0 ||
		    (own >= OWN_FAMILY_PUSH && own < N_OWN_FAMILIES))
			continue;
		if (own < N_OWN_FAMILIES)
			return inconsistent(job->err,
			                    "family \"%s\" is the gateway's "
			                    "own, made from heartbeats",
			                    own_families[own].name);
		r = enter_family(job, i, &hint);
		if (r != 0)
			return r;
	}
	return 0;
}

/* How many groups but this one have the family. */
static uint32_t n_others(const struct push_job *job,
                         const struct store_family *family)
{
	bool has = family->n_metrics > 0 &&
	           metric_find(family, job->group) != NULL;

	return family->n_metrics - has;
}

/* The family's type when the push is done; false: it is not there then. */
static bool type_after(const struct push_job *job,
                       const struct store_family *family,
                       enum metric_type *typep)
{
	*typep = (enum metric_type)family->type;
	if (family->entered)
		*typep = (enum metric_type)family->next_type;
	else if (family->reserved)
		*typep = (enum metric_type)family->reserved_type;
	else if (family->n_metrics == 0)
		return false;
	else if (job->replace && n_others(job, family) == 0)
		return false;
	return true;
}

/* Does a family of that type have samples with that suffix? */
static bool type_has_suffix(enum metric_type type, enum metric_suffix suffix)
{
	if (type == METRIC_SUMMARY)
		return suffix == METRIC_SUM || suffix == METRIC_COUNT;
	if (type == METRIC_HISTOGRAM)
		return suffix == METRIC_BUCKET || suffix == METRIC_SUM ||
		       suffix == METRIC_COUNT;
	return type == METRIC_GAUGE_HISTOGRAM &&
	       (suffix == METRIC_BUCKET || suffix == METRIC_GSUM ||
	        suffix == METRIC_GCOUNT);
}

static int collides(struct push_job *job, struct slice plain, struct slice base,
                    enum metric_type type)
{
	return inconsistent(job->err,
	                    "family \"%.*s\" collides with the samples of "
	                    "%s \"%.*s\"",
	                    WORDS(plain), metric_type_name(type), WORDS(base));
}

/* foo_count beside a summary foo. */
static int check_suffixes(struct push_job *job,
                          const struct store_family *family,
                          enum metric_type type)
{
	struct slice name = family->name;

	for (enum metric_suffix s = METRIC_BUCKET; s < N_METRIC_SUFFIXES; s++) {
		struct slice suffix = slice_from(metric_suffix_text(s));
		const struct store_family *other;
		struct buf *text = &job->work->text[0];
		enum metric_type other_type;

		if (name.n > suffix.n &&
		    memcmp(name.p + name.n - suffix.n, suffix.p, suffix.n) ==
		            0) {
			other = family_find(
				job->store,
				slice_make(name.p, name.n - suffix.n));
			if (other && type_after(job, other, &other_type) &&
			    type_has_suffix(other_type, s))
				return collides(job, name, other->name,
				                other_type);
		}
		if (!type_has_suffix(type, s))
			continue;
		buf_reset(text);
		(void)buf_append(text, name.p, name.n);
		(void)buf_append(text, suffix.p, suffix.n);
		if (text->failed)
			return -ENOMEM;
		other = family_find(job->store, buf_slice(text));
		if (other && type_after(job, other, &other_type))
			return collides(job, other->name, name, type);
	}
	return 0;
}

/* What stands in the store is consistent: only what is new, or of another
 * type than before, has to be looked at. */
static int check_family(struct push_job *job, const struct work_entry *entry)
{
	const struct store_family *family = entry->family;
	enum metric_type type = (enum metric_type)family->next_type;

	if (family->reserved && family->reserved_type != type)
		return inconsistent(
			job->err,
			"family \"%.*s\" is the gateway's own with type %s, "
			"and has type %s here",
			WORDS(family->name),
			metric_type_name(
				(enum metric_type)family->reserved_type),
			metric_type_name(type));
	if (family->n_metrics > 0 && family->type == type)
		return 0;
	if (n_others(job, family) > 0)
		return inconsistent(
			job->err,
			"family \"%.*s\" has type %s in another group, and "
			"type %s here",
			WORDS(family->name),
			metric_type_name((enum metric_type)family->type),
			metric_type_name(type));
	return check_suffixes(job, family, type);
}

static int check_families(struct push_job *job)
{
	int r = 0;

	for (uint32_t i = 0; i < job->work->n_entries && r == 0; i++)
		r = check_family(job, &job->work->entries[i]);
	return r;
}

/* --- lines ----------------------------------------------------------------------- */

static bool group_has_label(const struct store_group *group, struct slice name)
{
	for (size_t i = 0; i < group->shown.n_labels; i++) {
		if (slice_equal(group->shown.labels[i].name, name))
			return true;
	}
	return false;
}

static int compare_names(struct slice a, struct slice b)
{
	int order = memcmp(a.p, b.p, MIN(a.n, b.n));

	if (order != 0)
		return order;
	return a.n < b.n ? -1 : a.n > b.n;
}

/* The labels of a sample that count, sorted by name. */
static uint32_t own_labels(const struct push_job *job,
                           const struct push_body_sample *sample,
                           const struct label **own)
{
	const struct label *labels = job->body->labels + sample->first_label;
	uint32_t n = 0;

	for (uint32_t i = 0; i < sample->n_labels; i++) {
		uint32_t at = n;

		if (labels[i].value.n == 0 ||
		    group_has_label(job->group, labels[i].name))
			continue;
		for (; at > 0 && compare_names(own[at - 1]->name,
		                               labels[i].name) > 0;
		     at--)
			own[at] = own[at - 1];
		own[at] = &labels[i];
		n++;
	}
	return n;
}

static char *put_name(char *at, struct slice name)
{
	memcpy(at, name.p, name.n);
	return at + name.n;
}

/* Braces and labels; adds the hash of each to @sum. */
static char *put_labels(const struct store_group *group,
                        const struct label *const *own, uint32_t n_own,
                        char *at, uint64_t *sum)
{
	uint32_t piece = 0;
	uint32_t next = 0;

	*at++ = '{';
	while (next < n_own || piece < group->n_pieces) {
		int order = next == n_own            ? 1
		            : piece == group->n_pieces
		                    ? -1
		                    : compare_names(
					      own[next]->name,
					      slice_make(
						      group->whole.p +
							      group->pieces[piece]
								      .at,
						      group->pieces[piece]
							      .n_name));

		if (order == 0) { /* an instance where the group has none */
			piece++;
			continue;
		}
		if (at[-1] != '{')
			*at++ = ',';
		if (order < 0) {
			char *start = at;

			at = piece_put(at, own[next++]);
			*sum += piece_hash(start, (size_t)(at - start));
		} else {
			*at++ = (char)(piece == group->blank ? LINE_BLANK
			                                     : LINE_LABEL);
			piece++;
		}
	}
	*at++ = '}';
	*at++ = ' ';
	return at;
}

static int put_line(struct push_job *job, struct work_entry *entry,
                    struct work_series *series)
{
	const struct push_body_sample *sample =
		&job->body->samples[series->sample];
	const struct label *own[PUSH_BODY_MAX_LABELS];
	uint32_t n_own = own_labels(job, sample, own);
	struct buf *lines = &job->work->lines;
	uint64_t sum = job->group->hash_sum;
	size_t most = sample->value.n + 8 + 2 * job->group->n_pieces;
	char *start;
	char *at;

	for (uint32_t i = 0; i < n_own; i++)
		most += own[i]->name.n + 2 * own[i]->value.n + 4;
	if (buf_reserve(lines, most) < 0)
		return -ENOMEM;
	start = lines->p + lines->n;
	at = start;
	*at++ = (char)(LINE_NAME + sample->suffix);
	if (n_own == 0)
		*at++ = (char)LINE_WHOLE;
	else
		at = put_labels(job->group, own, n_own, at, &sum);
	series->n_labels = (uint32_t)(at - start);
	at = put_name(at, sample->value);
	*at++ = '\n';
	series->at = (uint32_t)lines->n;
	series->n = (uint32_t)(at - start);
	series->hash =
		hash_mix(entry->family->hash + (uint64_t)sample->suffix + sum);
	lines->n += series->n;
	return 0;
}

/* Samples to their families; those of one family need not be together. */
static int sort_samples(struct push_job *job)
{
	const struct push_body *body = job->body;
	struct push_work *work = job->work;
	uint32_t n = 0;

	if (ROOM(work, series, cap_series, body->n_samples) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < work->n_entries; i++) {
		work->entries[i].first = n;
		n += work->entries[i].n;
		work->entries[i].n = 0;
	}
	for (uint32_t i = 0; i < body->n_samples; i++) {
		uint32_t place = work->places[body->samples[i].family];
		struct work_entry *entry;

		if (place == 0)
			continue;
		entry = &work->entries[place - 1];
		work->series[entry->first + entry->n++].sample = i;
	}
	work->n_series = n;
	return 0;
}

/* A heap sort would lose the order; this is a merge of runs, bottom up. */
struct inner_order {
	struct push_job *job;
	const char *but;
};

static int compare_series(const struct inner_order *order,
                          const struct work_series *a,
                          const struct work_series *b)
{
	const char *p = order->job->work->lines.p;
	struct slice text_a = slice_make(p + a->at, a->n);
	struct slice text_b = slice_make(p + b->at, b->n);
	struct store_line line_a = line_take(&text_a);
	struct store_line line_b = line_take(&text_b);

	return line_compare(order->job->group, &line_a, &line_b, order->but);
}

static void merge(const struct inner_order *order, struct work_series *out,
                  const struct work_series *a, uint32_t n_a,
                  const struct work_series *b, uint32_t n_b)
{
	while (n_a > 0 && n_b > 0) {
		if (compare_series(order, a, b) <= 0) {
			*out++ = *a++;
			n_a--;
		} else {
			*out++ = *b++;
			n_b--;
		}
	}
	memcpy(out, a, n_a * sizeof(*a));
	memcpy(out + n_a, b, n_b * sizeof(*b));
}

static int merge_sort(const struct inner_order *order,
                      struct work_series *series, uint32_t n)
{
	struct work_series *other = mem_alloc(n * sizeof(*other));
	struct work_series *from = series;
	struct work_series *to = other;

	if (!other)
		return -ENOMEM;
	for (uint32_t width = 1; width < n; width *= 2) {
		struct work_series *swap = from;

		for (uint32_t i = 0; i < n; i += 2 * width) {
			uint32_t n_a = MIN(width, n - i);
			uint32_t n_b = MIN(width, n - i - n_a);

			merge(order, to + i, from + i, n_a, from + i + n_a,
			      n_b);
		}
		from = to;
		to = swap;
	}
	if (from != series)
		memcpy(series, from, n * sizeof(*series));
	mem_free(other);
	return 0;
}

/* Buckets of one histogram stand together, with their sum and count. */
static int group_lines(struct push_job *job, struct work_entry *entry)
{
	struct push_work *work = job->work;
	struct work_series *series = work->series + entry->first;
	struct inner_order order = {
		job,
		type_inner_label((enum metric_type)entry->family->next_type)
	};
	bool sorted = true;

	if (!order.but)
		return 0;
	for (uint32_t i = 1; i < entry->n && sorted; i++)
		sorted = compare_series(&order, &series[i - 1], &series[i]) <=
		         0;
	if (sorted)
		return 0;
	if (merge_sort(&order, series, entry->n) < 0)
		return -ENOMEM;
	buf_reset(&work->sorted);
	for (uint32_t i = 0; i < entry->n; i++) {
		(void)buf_append(&work->sorted, work->lines.p + series[i].at,
		                 series[i].n);
		series[i].at = entry->offset + (uint32_t)work->sorted.n -
		               series[i].n;
	}
	if (work->sorted.failed)
		return -ENOMEM;
	memcpy(work->lines.p + entry->offset, work->sorted.p, work->sorted.n);
	return 0;
}

static int make_lines(struct push_job *job)
{
	struct push_work *work = job->work;

	buf_reset(&work->lines);
	if (sort_samples(job) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < work->n_entries; i++) {
		struct work_entry *entry = &work->entries[i];

		entry->offset = (uint32_t)work->lines.n;
		for (uint32_t s = 0; s < entry->n; s++) {
			if (put_line(job, entry,
			             &work->series[entry->first + s]) < 0)
				return -ENOMEM;
		}
		entry->length = (uint32_t)work->lines.n - entry->offset;
		if (entry->n > 1 && group_lines(job, entry) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* --- series ------------------------------------------------------------------------ */

static int duplicate(struct push_job *job, const struct work_entry *entry,
                     const struct work_series *series, const char *where)
{
	struct slice lines = slice_make(job->work->lines.p + series->at,
	                                series->n);
	struct buf *text = &job->work->text[0];

	buf_reset(text);
	line_write(text, entry->family->name, job->group, &lines);
	if (text->failed)
		return -ENOMEM;
	text->n -= series->n - series->n_labels + 1; /* value, blank */
	return inconsistent(job->err, "%.*s was collected before %s",
	                    (int)MIN(text->n, (size_t)150), text->p, where);
}

/* No series twice in the body: a set of places, by hash. */
static int check_twice(struct push_job *job, const struct work_entry *entry)
{
	struct push_work *work = job->work;
	uint32_t cap = 4;
	uint32_t mask;

	while (cap < entry->n * 2)
		cap *= 2;
	if (ROOM(work, seen, cap_seen, cap) < 0)
		return -ENOMEM;
	mask = cap - 1;
	memset(work->seen, 0, cap * sizeof(*work->seen));
	for (uint32_t i = 0; i < entry->n; i++) {
		const struct work_series *series =
			&work->series[entry->first + i];
		uint32_t at = (uint32_t)series->hash & mask;

		for (; work->seen[at]; at = (at + 1) & mask) {
			const struct work_series *other =
				&work->series[entry->first + work->seen[at] -
			                      1];

			if (other->hash == series->hash &&
			    other->n_labels == series->n_labels &&
			    memcmp(work->lines.p + other->at,
			           work->lines.p + series->at,
			           series->n_labels) == 0)
				return duplicate(job, entry, series,
				                 "with the same name and "
				                 "label values");
		}
		work->seen[at] = i + 1;
	}
	return 0;
}

/* The text of name and labels. */
static void put_identity(struct buf *out, const struct store_group *group,
                         const struct store_line *line)
{
	struct line_labels walk = line_labels(group, line);
	struct slice piece;

	buf_reset(out);
	(void)buf_putc(out, (char)line->suffix);
	while (line_next_label(&walk, &piece)) {
		(void)buf_append(out, piece.p, piece.n);
		(void)buf_putc(out, ',');
	}
}

/* The hash is that of a series of another metric: is it the same series?
 * 0: no. */
static int check_other(struct push_job *job, const struct work_entry *entry,
                       const struct work_series *series,
                       const struct push_metric *metric)
{
	struct buf *text = job->work->text;
	struct slice mine;
	struct slice lines;
	struct store_line line;

	if (metric->family != entry->family)
		return 0;
	/* what this push takes away is no conflict: it is of this group */
	if (metric->group == job->group)
		return 0;
	mine = slice_make(job->work->lines.p + series->at, series->n);
	line = line_take(&mine);
	put_identity(&text[0], job->group, &line);
	for (lines = metric_lines(metric); lines.n > 0;) {
		line = line_take(&lines);
		put_identity(&text[1], metric->group, &line);
		if (text[0].failed || text[1].failed)
			return -ENOMEM;
		if (slice_equal(buf_slice(&text[0]), buf_slice(&text[1])))
			return duplicate(job, entry, series,
			                 "from another group");
	}
	return 0;
}

/* Finds the series in the table, or puts it in. */
static int claim(struct push_job *job, struct work_entry *entry,
                 struct work_series *series)
{
	struct series_table *table = &job->store->series;
	uint32_t hash = (uint32_t)series->hash;
	uint32_t mine = entry->metric->id + 1;
	uint64_t mask = table->cap - 1;
	uint64_t at = hash & mask;

	series->slot = UINT64_MAX;
	for (; table->entries[at].id != 0; at = (at + 1) & mask) {
		const struct series_entry *slot = &table->entries[at];
		uint32_t id = slot->id & ~SERIES_MARK;
		int r;

		if (slot->hash != hash)
			continue;
		if (id == mine) {
			if (slot->id == mine && series->slot == UINT64_MAX)
				series->slot = at;
			continue;
		}
		r = check_other(job, entry, series,
		                metric_by_id(job->store, id - 1));
		if (r != 0)
			return r;
	}
	series->inserted = series->slot == UINT64_MAX;
	if (series->inserted) {
		series->slot = at;
		table->n++;
	} else {
		entry->n_matched++;
	}
	table->entries[series->slot] =
		(struct series_entry){ hash, mine | SERIES_MARK };
	job->work->n_claimed++;
	return 0;
}

static void unmark(struct push_job *job)
{
	struct push_work *work = job->work;
	struct series_entry *entries = job->store->series.entries;

	for (uint32_t i = 0; i < work->n_claimed; i++)
		entries[work->series[i].slot].id &= ~SERIES_MARK;
	for (uint32_t i = 0; i < work->n_doomed; i++)
		entries[work->doomed[i].slot].id &= ~SERIES_MARK;
}

static void unclaim(struct push_job *job)
{
	struct push_work *work = job->work;
	uint32_t i = 0;

	unmark(job);
	for (uint32_t e = 0; e < work->n_entries; e++) {
		uint32_t end = work->entries[e].first + work->entries[e].n;

		for (; i < MIN(end, work->n_claimed); i++) {
			if (work->series[i].inserted)
				series_remove(&job->store->series,
				              (uint32_t)work->series[i].hash,
				              work->entries[e].metric->id);
		}
	}
	work->n_claimed = 0;
}

static int claim_all(struct push_job *job)
{
	struct push_work *work = job->work;

	for (uint32_t e = 0; e < work->n_entries; e++) {
		struct work_entry *entry = &work->entries[e];

		for (uint32_t i = 0; i < entry->n; i++) {
			int r = claim(job, entry,
			              &work->series[entry->first + i]);

			if (r != 0)
				return r;
		}
	}
	return 0;
}

/* Marks the old series of a metric that are not in the push. */
static void doom(struct push_job *job, const struct push_metric *metric)
{
	struct series_table *table = &job->store->series;
	uint64_t mask = table->cap - 1;

	for (struct slice lines = metric_lines(metric); lines.n > 0;) {
		struct store_line line = line_take(&lines);
		uint32_t hash = (uint32_t)line_hash(metric->family,
		                                    metric->group, &line);

		for (uint64_t at = hash & mask; table->entries[at].id != 0;
		     at = (at + 1) & mask) {
			struct series_entry *slot = &table->entries[at];

			if (slot->hash != hash || slot->id != metric->id + 1u)
				continue;
			slot->id |= SERIES_MARK;
			job->work->doomed[job->work->n_doomed++] =
				(struct work_doomed){ at, hash, metric->id };
			break;
		}
	}
}

/* After this the table is that of the store with the push. */
static void settle_series(struct push_job *job)
{
	struct push_work *work = job->work;

	for (uint32_t e = 0; e < work->n_entries; e++) {
		const struct work_entry *entry = &work->entries[e];

		if (!entry->is_new &&
		    entry->n_matched < entry->metric->n_series)
			doom(job, entry->metric);
	}
	unmark(job);
	for (uint32_t i = 0; i < work->n_doomed; i++)
		series_remove(&job->store->series, work->doomed[i].hash,
		              work->doomed[i].id);
}

/* --- limits and memory ----------------------------------------------------------- */

struct job_sizes {
	uint64_t old_bytes; /* that the push replaces */
	uint64_t old_series;
	uint32_t n_old; /* metrics */
	uint32_t n_new;
};

static struct job_sizes measure(const struct push_job *job)
{
	const struct push_work *work = job->work;
	struct job_sizes sizes = { 0 };

	for (uint32_t i = 0; i < work->n_entries; i++) {
		const struct work_entry *entry = &work->entries[i];

		sizes.n_new += entry->is_new;
		sizes.n_old += !entry->is_new;
		sizes.old_bytes += entry->metric->length;
		sizes.old_series += entry->metric->n_series;
	}
	if (job->replace) {
		sizes.n_old = job->group->n_slots;
		sizes.old_bytes = job->group->n_bytes;
		sizes.old_series = job->group->n_series;
	}
	return sizes;
}

static int check_limits(const struct push_job *job,
                        const struct job_sizes *sizes)
{
	const struct push_store_limits *limits = &job->store->limits;
	uint64_t bytes = job->group->n_bytes - sizes->old_bytes +
	                 job->work->lines.n;
	uint64_t series = job->store->n_series - sizes->old_series +
	                  job->work->n_series;

	if (limits->max_group_bytes && bytes > limits->max_group_bytes) {
		(void)err_set(job->err, -EFBIG,
		              "the group would have %" PRIu64
		              " bytes, and gateway.max_group_size is "
		              "%" PRIu64,
		              bytes, limits->max_group_bytes);
		return PUSH_E_GROUP_TOO_LARGE;
	}
	if (limits->max_series && series > limits->max_series &&
	    job->work->n_series > sizes->old_series) {
		(void)err_set(job->err, -EDQUOT,
		              "too many series: there would be %" PRIu64
		              ", and gateway.max_series is %" PRIu64,
		              series, limits->max_series);
		return PUSH_E_TOO_MANY;
	}
	return 0;
}

static int copy_helps(struct push_job *job)
{
	for (uint32_t i = 0; i < job->work->n_entries; i++) {
		struct work_entry *entry = &job->work->entries[i];
		struct slice help = job->body->families[entry->place].help;

		if (!help.p || slice_equal(help, entry->family->help))
			continue;
		entry->help = mem_strndup(help.p, help.n);
		if (!entry->help)
			return -ENOMEM;
	}
	return 0;
}

/* Does a PUT find the group's metrics as the last one left them? */
static bool slots_stand(const struct push_job *job)
{
	const struct store_group *group = job->group;

	if (job->work->n_entries != group->n_slots)
		return false;
	for (uint32_t i = 0; i < group->n_slots; i++) {
		if (job->work->entries[i].metric->id != group->slots[i])
			return false;
	}
	return true;
}

/* The group's slots after the push, if they are others than before. */
static int make_slots(struct push_job *job, const struct job_sizes *sizes)
{
	struct store_group *group = job->group;
	uint32_t n_kept = job->replace ? 0 : group->n_slots;
	uint32_t n = n_kept;

	if (job->replace ? slots_stand(job) : sizes->n_new == 0)
		return 0;
	job->n_slots = n_kept + (job->replace ? job->work->n_entries
	                                      : sizes->n_new);
	job->slots = mem_alloc(job->n_slots * sizeof(*job->slots));
	if (!job->slots)
		return -ENOMEM;
	if (n_kept)
		memcpy(job->slots, group->slots, n_kept * sizeof(*job->slots));
	for (uint32_t i = 0; i < job->work->n_entries; i++) {
		const struct work_entry *entry = &job->work->entries[i];

		if (job->replace || entry->is_new)
			job->slots[n++] = entry->metric->id;
	}
	return 0;
}

static int make_chunk(struct push_job *job)
{
	const struct buf *lines = &job->work->lines;

	if (lines->n == 0)
		return 0;
	job->chunk = mem_alloc(sizeof(*job->chunk) + lines->n);
	if (!job->chunk)
		return -ENOMEM;
	*job->chunk = (struct store_chunk){ .size = (uint32_t)lines->n,
		                            .refs = job->work->n_entries };
	memcpy(job->chunk->text, lines->p, lines->n);
	return 0;
}

/* --- the two halves ----------------------------------------------------------------- */

static int prepare(struct push_job *job)
{
	struct push_work *work = job->work;
	struct job_sizes sizes;
	int r = enter_families(job);

	if (r == 0)
		r = check_families(job);
	if (r == 0)
		r = make_lines(job);
	for (uint32_t i = 0; r == 0 && i < work->n_entries; i++) {
		if (work->entries[i].n > 1)
			r = check_twice(job, &work->entries[i]);
	}
	if (r != 0)
		return r;
	sizes = measure(job);
	r = check_limits(job, &sizes);
	if (r == 0)
		r = copy_helps(job);
	if (r == 0)
		r = make_slots(job, &sizes);
	if (r == 0)
		r = make_chunk(job);
	if (r == 0)
		r = kept_reserve(job->store, sizes.n_old + 1);
	if (r == 0 && sizes.old_series > UINT32_MAX)
		r = -ENOMEM;
	if (r == 0)
		r = ROOM(work, doomed, cap_doomed,
		         (uint32_t)sizes.old_series);
	if (r == 0 && work->n_series > 0)
		r = series_reserve(&job->store->series, work->n_series);
	return r == 0 ? claim_all(job) : r;
}

/* Takes the marks off, and lets go what was only for the looking. */
static void leave(struct push_job *job, bool done)
{
	for (uint32_t i = 0; i < job->work->n_entries; i++) {
		struct work_entry *entry = &job->work->entries[i];

		entry->family->entered = false;
		entry->metric->mark = 0;
		if (!done && entry->is_new)
			metric_free(job->store, entry->metric);
		/* a new metric has taken over the reference */
		if (!done || !entry->is_new)
			family_unref(job->store, entry->family);
		if (!done)
			mem_free(entry->help);
	}
	if (!done) {
		mem_free(job->slots);
		mem_free(job->chunk);
	}
	work_trim(job->work);
}

/* Copies what is alive of a chunk when most of it is not. */
static void squeeze(struct push_job *job, struct store_chunk *chunk)
{
	const struct store_group *group = job->group;
	struct store_chunk *copy;
	uint32_t n_refs = 0;
	uint32_t size = 0;

	for (uint32_t i = 0; i < group->n_slots; i++) {
		const struct push_metric *metric =
			metric_by_id(job->store, group->slots[i]);

		if (metric->chunk == chunk) {
			n_refs++;
			size += metric->length;
		}
	}
	/* views still read the rest */
	if (n_refs != chunk->refs)
		return;
	copy = mem_alloc(sizeof(*copy) + size);
	if (!copy)
		return;
	*copy = *chunk;
	copy->size = size;
	copy->dead = 0;
	size = 0;
	for (uint32_t i = 0; i < group->n_slots; i++) {
		struct push_metric *metric =
			metric_by_id(job->store, group->slots[i]);

		if (metric->chunk != chunk)
			continue;
		memcpy(copy->text + size, chunk->text + metric->offset,
		       metric->length);
		metric->chunk = copy;
		metric->offset = size;
		size += metric->length;
	}
	mem_free(chunk);
}

/* The old content of a metric goes; a chunk that is mostly dead now is told
 * to the caller. */
static struct store_chunk *drop_old(struct push_store *store,
                                    struct push_metric *metric)
{
	struct store_chunk *chunk = metric->chunk;
	bool last;

	if (!chunk)
		return NULL;
	chunk->refs++; /* to look at it afterwards */
	metric_drop_content(store, metric);
	last = chunk->refs == 1;
	chunk_unref(chunk);
	return last || chunk->dead <= chunk->size / 2u ? NULL : chunk;
}

static void set_content(struct push_job *job, struct work_entry *entry)
{
	struct push_metric *metric = entry->metric;

	metric->chunk = job->chunk;
	metric->offset = entry->offset;
	metric->length = entry->length;
	metric->n_series = entry->n;
	job->group->n_bytes += entry->length;
	job->group->n_series += entry->n;
	job->store->n_bytes += entry->length;
	job->store->n_series += entry->n;
	if (entry->is_new)
		metric_enter(job->store, metric);
	metric->family->type = metric->family->next_type;
	if (entry->help) {
		mem_free((void *)metric->family->help.p);
		metric->family->help = slice_from(entry->help);
		entry->help = NULL;
	}
}

static void replace_slots(struct push_job *job)
{
	struct store_group *group = job->group;

	for (uint32_t i = 0; job->replace && i < group->n_slots; i++) {
		struct push_metric *metric =
			metric_by_id(job->store, group->slots[i]);

		if (!metric->mark)
			metric_remove(job->store, metric);
	}
	if (!job->slots)
		return;
	mem_free(group->slots);
	group->slots = job->slots;
	group->n_slots = job->n_slots;
}

static void commit(struct push_job *job, struct push_time now)
{
	struct push_store *store = job->store;
	struct push_work *work = job->work;
	struct push_group *shown = &job->group->shown;

	store->version++;
	settle_series(job);
	if (job->chunk) {
		job->chunk->version = store->version;
		job->chunk->time = now;
	}
	if (kept_state(store, job->group))
		job->group->version = store->version;
	replace_slots(job);
	for (uint32_t i = 0; i < work->n_entries; i++) {
		struct store_chunk *sparse =
			drop_old(store, work->entries[i].metric);

		set_content(job, &work->entries[i]);
		if (sparse && !job->replace)
			squeeze(job, sparse);
	}
	job->group->seen_mono_ms = now.mono_ms;
	shown->pushed = now;
	shown->away_ms = 0;
	shown->last_ok = true;
	if (work->n_entries > 0)
		shown->beat.failed = false;
}

/* The push was refused: what there was stays, with the time of the failure. */
static void note_refusal(struct push_job *job, struct push_time now)
{
	job->store->version++;
	if (kept_state(job->store, job->group))
		job->group->version = job->store->version;
	job->group->shown.failed_wall_ms = now.wall_ms;
	job->group->shown.last_ok = false;
}

int push_store_push(struct push_store *store, const struct push_key *key,
                    const struct push_body *body, bool replace,
                    struct push_time now, struct err *err)
{
	struct push_job job = { .store = store,
		                .work = &store->work,
		                .body = body,
		                .replace = replace,
		                .err = err };
	bool created;
	int r = store_obtain_group(store, key, now, &job.group, &created, err);

	if (r != 0)
		return r;
	r = prepare(&job);
	kept_reap(store, 2 * job.work->n_entries + 2);
	if (r == 0) {
		commit(&job, now);
		leave(&job, true);
		if (store->listener.pushed)
			store->listener.pushed(store->listener.context,
			                       &job.group->shown);
		return 0;
	}
	unclaim(&job);
	leave(&job, false);
	if (r == PUSH_E_INCONSISTENT || (r > 0 && !created))
		note_refusal(&job, now);
	else if (created)
		store_remove_group(store, job.group, false);
	return r;
}
