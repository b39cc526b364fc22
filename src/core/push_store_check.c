/* SPDX-License-Identifier: Apache-2.0 */
/* Families of a push: whose they are, and whether types and names agree. */
#include "core/push_store_job.h"

#include <errno.h>
#include <stdarg.h>

#define MAX_WORDS 60 /* bytes of a name in an answer */
#define WORDS(s)  (int)MIN((s).n, (size_t)MAX_WORDS), (s).p

int job_inconsistent(struct err *err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)err_vset(err, -EINVAL, format, args);
	va_end(args);
	err_wrap(err, "pushed metrics are invalid or inconsistent with "
	              "existing metrics");
	return PUSH_E_INCONSISTENT;
}

/* The metric of that family, by its place in the last push if that is right,
 * as it is when the same body comes again. */
static struct push_metric *find_metric(struct push_job *job, struct slice name,
                                       uint32_t *hint)
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
int job_enter_families(struct push_job *job)
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
			return job_inconsistent(
				job->err,
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
	return job_inconsistent(job->err,
	                        "family \"%.*s\" collides with the samples of "
	                        "%s \"%.*s\"",
	                        WORDS(plain), metric_type_name(type),
	                        WORDS(base));
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

		if (name.n > suffix.n && memcmp(name.p + name.n - suffix.n,
		                                suffix.p, suffix.n) == 0) {
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
		return job_inconsistent(
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
		return job_inconsistent(
			job->err,
			"family \"%.*s\" has type %s in another group, and "
			"type %s here",
			WORDS(family->name),
			metric_type_name((enum metric_type)family->type),
			metric_type_name(type));
	return check_suffixes(job, family, type);
}

int job_check_families(struct push_job *job)
{
	int r = 0;

	for (uint32_t i = 0; i < job->work->n_entries && r == 0; i++)
		r = check_family(job, &job->work->entries[i]);
	return r;
}
