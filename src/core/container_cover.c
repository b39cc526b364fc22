/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "core/container_table_private.h"

#define ALL_WATCHES (~0u)
/* So long whoever replaces a container takes the old one away himself. */
#define REPLACED_MS 60000

/* --- speaking ----------------------------------------------------------------- */

void cover_begin(struct container_table *table, const struct reading *reading)
{
	if (table->speaking)
		return;
	table->speaking = true;
	table->listener.begin(table->listener.context, reading);
}

void cover_end(struct container_table *table)
{
	if (!table->speaking)
		return;
	table->speaking = false;
	table->listener.end(table->listener.context);
}

static struct slice member_key(const struct coverage *cover)
{
	return slice_make((const char *)&cover->member, sizeof(cover->member));
}

static void leave(struct container_table *table, struct coverage *cover)
{
	void *member = cover->member;

	if (!member)
		return;
	(void)map_remove(&table->by_member, member_key(cover));
	cover->member = NULL;
	cover->subscription->n_left++;
	cover_begin(table, NULL);
	table->listener.leave(table->listener.context, member);
}

static void cover_free(struct container_table *table, struct coverage *cover)
{
	leave(table, cover);
	list_unlink(&cover->node);
	list_unlink(&cover->of_subscription);
	mem_free(cover);
}

/* --- identities ---------------------------------------------------------------- */

static void identity_free(struct container_table *table,
                          struct identity *identity)
{
	LIST_FOR_EACH_SAFE (node, &identity->covers) {
		struct coverage *cover =
			container_of(node, struct coverage, node);

		if (cover->subscription->query->keep_last)
			cover->subscription->rank = true;
		cover_free(table, cover);
	}
	(void)map_remove(&table->by_identity, slice_from(identity->text));
	mem_free(identity);
}

static struct identity *identity_get(struct container_table *table,
                                     const char *text)
{
	struct identity *identity =
		map_get(&table->by_identity, slice_from(text));
	size_t n = strlen(text) + 1;

	if (identity)
		return identity;
	identity = mem_calloc(1, sizeof(*identity) + n);
	if (!identity)
		return NULL;
	list_init(&identity->entries);
	list_init(&identity->covers);
	memcpy(identity->text, text, n);
	if (map_set(&table->by_identity, slice_from(identity->text), identity) <
	    0) {
		mem_free(identity);
		return NULL;
	}
	return identity;
}

static bool is_younger(const struct entry *a, const struct entry *b)
{
	int64_t a_ms = a->known.container.created_wall_ms;
	int64_t b_ms = b->known.container.created_wall_ms;

	return a_ms != b_ms ? a_ms > b_ms : a->sequence > b->sequence;
}

/* Another one stands for it now: what was refused or forgotten of the former
 * is no judgement of this one. */
static void forget_judgements(struct container_table *table,
                              struct identity *identity)
{
	LIST_FOR_EACH_SAFE (node, &identity->covers) {
		struct coverage *cover =
			container_of(node, struct coverage, node);

		if (!cover->member || cover->subscription->query->anew)
			cover_free(table, cover);
	}
}

static void find_front(struct container_table *table, struct identity *identity)
{
	struct entry *front = NULL;

	LIST_FOR_EACH (node, &identity->entries) {
		struct entry *entry = container_of(node, struct entry, twin);

		if (!front || is_younger(entry, front))
			front = entry;
	}
	if (front == identity->front)
		return;
	identity->front = front;
	forget_judgements(table, identity);
}

void cover_detach(struct container_table *table, struct entry *entry)
{
	struct identity *identity = entry->identity;
	bool was_front = identity && identity->front == entry;
	bool was_subject = false;

	if (!identity)
		return;
	entry->identity = NULL;
	list_unlink(&entry->twin);
	LIST_FOR_EACH (node, &identity->covers) {
		struct coverage *cover =
			container_of(node, struct coverage, node);

		if (cover->subject == entry) {
			cover->subject = NULL;
			was_subject = true;
		}
	}
	if (list_empty(&identity->entries)) {
		identity_free(table, identity);
		return;
	}
	find_front(table, identity);
	/* its labels are not known any more, nor what has happened to it */
	if (was_front || was_subject)
		table_want(table, identity->front, false);
}

int cover_attach(struct container_table *table, struct entry *entry,
                 const struct container *container)
{
	char text[CONTAINER_IDENTITY_MAX];
	struct identity *identity;

	(void)container_identity(container, text, sizeof(text));
	if (entry->identity && strcmp(entry->identity->text, text) == 0) {
		find_front(table, entry->identity);
		return 0;
	}
	identity = identity_get(table, text);
	if (!identity)
		return -ENOMEM;
	cover_detach(table, entry);
	entry->identity = identity;
	list_append(&identity->entries, &entry->twin);
	find_front(table, identity);
	return 0;
}

/* --- who covers it --------------------------------------------------------------- */

static bool selects(const struct container_table *table,
                    const struct subscription *subscription,
                    const struct container *container)
{
	return !selector_match(subscription->query->selector, container,
	                       table->self_id);
}

unsigned cover_wanted_by(const struct container_table *table,
                         const struct container *container)
{
	unsigned watches = 0;

	LIST_FOR_EACH (node, &table->subscriptions) {
		const struct subscription *subscription =
			container_of(node, struct subscription, node);

		if (selects(table, subscription, container))
			watches |= WATCH_BIT(subscription->query->watch);
	}
	return watches;
}

/* Of one that was replaced only those are told that clean up. */
static bool is_about(const struct coverage *cover, const struct entry *entry)
{
	return cover->identity->front == entry ||
	       cover->subscription->bit & entry->cleaned_by;
}

unsigned cover_of(const struct entry *entry)
{
	unsigned watches = 0;

	if (!entry->identity)
		return 0;
	LIST_FOR_EACH (node, &entry->identity->covers) {
		const struct coverage *cover =
			container_of(node, struct coverage, node);

		if (cover->member && is_about(cover, entry))
			watches |= WATCH_BIT(cover->subscription->query->watch);
	}
	return watches;
}

static struct coverage *find_cover(const struct identity *identity,
                                   const struct subscription *subscription)
{
	LIST_FOR_EACH (node, &identity->covers) {
		struct coverage *cover =
			container_of(node, struct coverage, node);

		if (cover->subscription == subscription)
			return cover;
	}
	return NULL;
}

static struct coverage *cover_new(struct identity *identity,
                                  struct subscription *subscription)
{
	struct coverage *cover = mem_calloc(1, sizeof(*cover));

	if (!cover)
		return NULL;
	cover->identity = identity;
	cover->subscription = subscription;
	list_append(&identity->covers, &cover->node);
	list_append(&subscription->covers, &cover->of_subscription);
	return cover;
}

static int appear(struct container_table *table, struct coverage *cover,
                  const struct container *container)
{
	struct subscription *subscription = cover->subscription;

	cover_begin(table, NULL);
	cover->told = false;
	cover->refused_at = subscription->n_left;
	cover->member = table->listener.appear(table->listener.context,
	                                       subscription->number, container);
	if (!cover->member)
		return 0;
	if (map_set(&table->by_member, member_key(cover), cover) < 0) {
		cover_free(table, cover);
		return -ENOMEM;
	}
	return 0;
}

static int select_one(struct container_table *table, struct identity *identity,
                      struct subscription *subscription,
                      const struct container *container)
{
	struct coverage *cover = find_cover(identity, subscription);

	if (!selects(table, subscription, container)) {
		if (cover)
			cover_free(table, cover);
		return 0;
	}
	if (cover && (cover->member || cover->forgotten ||
	              cover->refused_at == subscription->n_left))
		return 0;
	if (!cover)
		cover = cover_new(identity, subscription);
	return cover ? appear(table, cover, container) : -ENOMEM;
}

static void note_cleaners(struct container_table *table, struct entry *entry,
                          const struct container *container)
{
	entry->cleaned_by = 0;
	LIST_FOR_EACH (node, &table->subscriptions) {
		const struct subscription *subscription =
			container_of(node, struct subscription, node);

		if (subscription->bit &&
		    selects(table, subscription, container))
			entry->cleaned_by |= subscription->bit;
	}
}

int cover_select(struct container_table *table, struct entry *entry,
                 const struct container *container)
{
	int first = 0;

	note_cleaners(table, entry, container);
	if (!entry->identity || entry->identity->front != entry)
		return 0;
	LIST_FOR_EACH (node, &table->subscriptions) {
		int r = select_one(
			table, entry->identity,
			container_of(node, struct subscription, node),
			container);

		if (r < 0)
			first = r;
	}
	cover_ends_changed(entry);
	return first;
}

/* --- the last to end -------------------------------------------------------------- */

static struct observation exited_of(const struct coverage *cover,
                                    const struct entry *entry, int64_t now_ms)
{
	const struct containers_query *query = cover->subscription->query;
	struct container_ends ends = {
		.codes = query->codes,
		.codes_label = query->codes_label,
		.of_any_cause = query->any_end || query->codes_given,
	};

	return container_known_exited(&entry->known, &ends, now_ms);
}

static int by_end(const void *a, const void *b)
{
	const struct entry *first =
		(*(struct coverage *const *)a)->identity->front;
	const struct entry *second =
		(*(struct coverage *const *)b)->identity->front;
	int64_t first_ms = first->known.container.finished_wall_ms;
	int64_t second_ms = second->known.container.finished_wall_ms;

	if (first_ms != second_ms)
		return first_ms > second_ms ? -1 : 1;
	return is_younger(first, second) ? -1 : 1;
}

/* All that have ended, into @ended if that is not NULL. Meanwhile all of them
 * are kept, so that none is lost if memory is out. */
static size_t collect_ended(struct subscription *subscription,
                            struct coverage **ended)
{
	size_t n = 0;

	LIST_FOR_EACH (node, &subscription->covers) {
		struct coverage *cover =
			container_of(node, struct coverage, of_subscription);

		cover->kept =
			cover->member &&
			exited_of(cover, cover->identity->front, 0).kind ==
				OBSERVATION_EXITED;
		if (cover->kept && ended)
			ended[n] = cover;
		n += cover->kept;
	}
	return n;
}

static void rank(struct subscription *subscription)
{
	size_t n = collect_ended(subscription, NULL);
	struct coverage **ended;

	subscription->rank = false;
	subscription->retell = true;
	if (n <= subscription->query->keep_last)
		return;
	ended = mem_alloc(n * sizeof(struct coverage *));
	if (!ended) {
		subscription->rank = true; /* next time */
		return;
	}
	(void)collect_ended(subscription, ended);
	qsort(ended, n, sizeof(struct coverage *), by_end);
	for (size_t i = subscription->query->keep_last; i < n; i++)
		ended[i]->kept = false;
	mem_free(ended);
}

void cover_ends_changed(struct entry *entry)
{
	if (!entry->identity)
		return;
	LIST_FOR_EACH (node, &entry->identity->covers) {
		struct coverage *cover =
			container_of(node, struct coverage, node);

		if (cover->subscription->query->keep_last)
			cover->subscription->rank = true;
	}
}

/* --- telling ---------------------------------------------------------------------- */

/* One that was replaced long ago, and is still there. */
static bool is_left_over(const struct coverage *cover,
                         const struct entry *entry, int64_t now_ms)
{
	struct observation observation;

	if (entry == cover->identity->front || entry->unsure ||
	    !(cover->subscription->bit & entry->cleaned_by))
		return false;
	observation = exited_of(cover, entry, now_ms);
	return observation.kind == OBSERVATION_EXITED &&
	       observation.age_ms >= REPLACED_MS;
}

/* Whom it is to be told of. */
static struct entry *subject_of(const struct coverage *cover, int64_t now_ms)
{
	if (!cover->subscription->bit)
		return cover->identity->front;
	LIST_FOR_EACH (node, &cover->identity->entries) {
		struct entry *entry = container_of(node, struct entry, twin);

		if (is_left_over(cover, entry, now_ms))
			return entry;
	}
	return cover->identity->front;
}

static struct observation observe(struct coverage *cover,
                                  const struct entry *subject, int64_t now_ms)
{
	struct subscription *subscription = cover->subscription;
	struct observation observation;

	if (subject != cover->identity->front)
		return exited_of(cover, subject, now_ms);
	if (subscription->query->watch != CONTAINERS_EXITED)
		return container_known_health(&cover->identity->front->known,
		                              now_ms);
	if (subscription->rank)
		rank(subscription);
	observation = exited_of(cover, subject, now_ms);
	if (observation.kind == OBSERVATION_EXITED && cover->kept) {
		observation.kind = OBSERVATION_HEALTH;
		observation.health = HEALTH_IDLE;
		observation.idle = IDLE_KEPT;
	}
	return observation;
}

static void say(struct container_table *table, struct coverage *cover,
                const struct observation *observation,
                const struct container *container)
{
	cover->told = true;
	cover->told_kind = observation->kind;
	cover->told_health = observation->health;
	cover_begin(table, NULL);
	table->listener.observe(table->listener.context, cover->member,
	                        observation, container);
}

/* @always: of this one, also what was told already; NULL: of nobody. */
static void tell(struct container_table *table, struct coverage *cover,
                 const struct entry *always, int64_t now_ms)
{
	struct observation observation;
	struct entry *subject;

	if (!cover->member)
		return;
	subject = subject_of(cover, now_ms);
	observation = observe(cover, subject, now_ms);
	if (subject != always && subject == cover->subject && cover->told &&
	    cover->told_kind == observation.kind &&
	    cover->told_health == observation.health)
		return;
	cover->subject = subject;
	say(table, cover, &observation, &subject->known.container);
}

static void tell_unknown(struct container_table *table, struct coverage *cover)
{
	static const struct observation unknown = {
		.kind = OBSERVATION_UNKNOWN,
		.exit_code = -1,
	};

	if (cover->member &&
	    !(cover->told && cover->told_kind == OBSERVATION_UNKNOWN))
		say(table, cover, &unknown, NULL);
}

void cover_tell(struct container_table *table, struct entry *entry,
                unsigned watches, bool always, int64_t now_ms)
{
	if (!entry->identity)
		return;
	LIST_FOR_EACH (node, &entry->identity->covers) {
		struct coverage *cover =
			container_of(node, struct coverage, node);

		if (watches & WATCH_BIT(cover->subscription->query->watch) &&
		    is_about(cover, entry))
			tell(table, cover, always ? entry : NULL, now_ms);
	}
}

void cover_unknown(struct container_table *table, struct entry *entry)
{
	if (!entry->identity || entry->identity->front != entry)
		return;
	LIST_FOR_EACH (node, &entry->identity->covers)
		tell_unknown(table, container_of(node, struct coverage, node));
}

void cover_tell_all(struct container_table *table, int64_t now_ms)
{
	LIST_FOR_EACH (node, &table->entries) {
		struct entry *entry = container_of(node, struct entry, node);

		/* what a look is to find is told then */
		if (entry->wanted || entry->looking)
			continue;
		if (entry->unsure)
			cover_unknown(table, entry);
		else
			cover_tell(table, entry, ALL_WATCHES, true, now_ms);
	}
	LIST_FOR_EACH (node, &table->subscriptions)
		container_of(node, struct subscription, node)->retell = false;
}

void cover_unknown_all(struct container_table *table)
{
	LIST_FOR_EACH (node, &table->entries)
		cover_unknown(table, container_of(node, struct entry, node));
}

/* Those of whom nothing is known, or not yet, are told in their own time. */
static void retell(struct container_table *table,
                   struct subscription *subscription, int64_t now_ms)
{
	subscription->retell = false;
	LIST_FOR_EACH (node, &subscription->covers) {
		struct coverage *cover =
			container_of(node, struct coverage, of_subscription);
		const struct entry *front = cover->identity->front;

		if (cover->told && cover->told_kind != OBSERVATION_UNKNOWN &&
		    !front->wanted && !front->looking)
			tell(table, cover, NULL, now_ms);
	}
}

void cover_settle(struct container_table *table, int64_t now_ms)
{
	if (table->holding)
		return;
	LIST_FOR_EACH (node, &table->subscriptions) {
		struct subscription *subscription =
			container_of(node, struct subscription, node);

		if (subscription->rank)
			rank(subscription);
		if (subscription->retell)
			retell(table, subscription, now_ms);
	}
}
