/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A push in two halves. The first looks at everything, allocates all that is
 * needed and changes nothing that anybody can see; the second cannot fail.
 */
#include "core/push_store_job.h"

#include <errno.h>
#include <inttypes.h>
#include "base/mem.h"

#define MAX_LINES ((size_t)UINT32_MAX - 1) /* bytes of one push */

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

int work_room(void **arrayp, uint32_t *cap, uint32_t n, size_t size)
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
	uint64_t bytes =
		job->group->n_bytes - sizes->old_bytes + job->work->lines.n;
	uint64_t series =
		job->store->n_series - sizes->old_series + job->work->n_series;

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
	job->n_slots =
		n_kept + (job->replace ? job->work->n_entries : sizes->n_new);
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
	int r = job_enter_families(job);

	if (r == 0)
		r = job_check_families(job);
	if (r == 0)
		r = job_make_lines(job);
	for (uint32_t i = 0; r == 0 && i < work->n_entries; i++) {
		if (work->entries[i].n > 1)
			r = job_check_twice(job, &work->entries[i]);
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
		r = ROOM(work, doomed, cap_doomed, (uint32_t)sizes.old_series);
	if (r == 0 && work->n_series > 0)
		r = series_reserve(&job->store->series, work->n_series);
	return r == 0 ? job_claim_all(job) : r;
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
	job_settle_series(job);
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
		/* a view that still needs all of it would be walked for nothing */
		if (sparse && !job->replace &&
		    !kept_is_wanted(store, sparse->version))
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
	job_unclaim(&job);
	leave(&job, false);
	if (r == PUSH_E_INCONSISTENT || (r > 0 && !created))
		note_refusal(&job, now);
	else if (created)
		store_remove_group(store, job.group, false);
	return r;
}
