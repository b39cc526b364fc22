/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Series of a push: none twice, and the table of all of them. What the push
 * has is claimed, and marked, before anything else changes; it is all taken
 * back, or settled.
 */
#include "core/push_store_job.h"

#include <errno.h>

static int duplicate(struct push_job *job, const struct work_entry *entry,
                     const struct work_series *series, const char *where)
{
	struct slice lines =
		slice_make(job->work->lines.p + series->at, series->n);
	struct buf *text = &job->work->text[0];

	buf_reset(text);
	line_write(text, entry->family->name, job->group, &lines);
	if (text->failed)
		return -ENOMEM;
	text->n -= series->n - series->n_labels + 1; /* value, blank */
	return job_inconsistent(job->err, "%.*s was collected before %s",
	                        (int)MIN(text->n, (size_t)150), text->p, where);
}

/* No series twice in the body: a set of places, by hash. */
int job_check_twice(struct push_job *job, const struct work_entry *entry)
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

void job_unclaim(struct push_job *job)
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

int job_claim_all(struct push_job *job)
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
void job_settle_series(struct push_job *job)
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
