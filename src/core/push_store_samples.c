/* SPDX-License-Identifier: Apache-2.0 */
/* Samples of a push as the lines that are kept. */
#include "core/push_store_job.h"

#include <errno.h>
#include "base/mem.h"

static bool group_has_label(const struct store_group *group, struct slice name)
{
	for (size_t i = 0; i < group->shown.n_labels; i++) {
		if (slice_equal(group->shown.labels[i].name, name))
			return true;
	}
	return false;
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
		for (; at > 0 &&
		       slice_compare(own[at - 1]->name, labels[i].name) > 0;
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
		int order =
			next == n_own ? 1
			: piece == group->n_pieces
				? -1
				: slice_compare(
					  own[next]->name,
					  slice_make(
						  group->whole.p +
							  group->pieces[piece]
								  .at,
						  group->pieces[piece].n_name));

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
		rng_mix(entry->family->hash + (uint64_t)sample->suffix + sum);
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
		sorted =
			compare_series(&order, &series[i - 1], &series[i]) <= 0;
	if (sorted)
		return 0;
	if (merge_sort(&order, series, entry->n) < 0)
		return -ENOMEM;
	buf_reset(&work->sorted);
	for (uint32_t i = 0; i < entry->n; i++) {
		(void)buf_append(&work->sorted, work->lines.p + series[i].at,
		                 series[i].n);
		series[i].at =
			entry->offset + (uint32_t)work->sorted.n - series[i].n;
	}
	if (work->sorted.failed)
		return -ENOMEM;
	memcpy(work->lines.p + entry->offset, work->sorted.p, work->sorted.n);
	return 0;
}

int job_make_lines(struct push_job *job)
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
