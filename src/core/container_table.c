/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container_table.h"

#include <errno.h>
#include <string.h>
#include "base/mem.h"
#include "base/rng.h"
#include "core/container_table_private.h"

#define CLOCK_NS (CONTAINER_CLOCK_MS * INT64_C(1000000))

/* Kept of every container, for identities and dependents. */
static const char *const always_kept[] = {
	CONTAINER_COMPOSE_PROJECT, CONTAINER_COMPOSE_SERVICE,
	CONTAINER_COMPOSE_NUMBER,  CONTAINER_COMPOSE_ONEOFF,
	CONTAINER_COMPOSE_DEPENDS,
};

/* --- looking ------------------------------------------------------------------ */

static void list_look_done(struct container_table *table, struct entry *entry)
{
	if (!entry->of_list)
		return;
	entry->of_list = false;
	table->n_list_looks--;
}

static void enqueue(struct container_table *table, struct entry *entry)
{
	list_unlink(&entry->waiting);
	list_append(entry->urgent ? &table->urgent : &table->later,
	            &entry->waiting);
}

/* It is told at once what the look finds. */
void table_want(struct container_table *table, struct entry *entry, bool urgent)
{
	bool is_better = urgent && !entry->urgent;

	list_look_done(table, entry);
	if (entry->wanted && !is_better)
		return;
	entry->wanted = true;
	entry->urgent = entry->urgent || urgent;
	if (!entry->looking)
		enqueue(table, entry);
}

/* It is told with the list what the look finds. */
static void want_for_list(struct container_table *table, struct entry *entry)
{
	if (entry->wanted || entry->looking)
		return;
	table_want(table, entry, false);
	entry->of_list = true;
	table->n_list_looks++;
}

const struct container *container_table_next_look(struct container_table *table)
{
	struct list *node = list_pop(&table->urgent);
	struct entry *entry;

	if (!node)
		node = list_pop(&table->later);
	if (!node)
		return NULL;
	entry = container_of(node, struct entry, waiting);
	entry->wanted = false;
	entry->urgent = false;
	entry->looking = true;
	/* from now on whatever is said of its health is news */
	entry->known.claimed = CONTAINER_HEALTH_UNSAID;
	return &entry->known.container;
}

/* --- entries ------------------------------------------------------------------- */

static struct entry *find(const struct container_table *table, const char *id)
{
	return map_get(&table->by_id, slice_from(id));
}

static void entry_free(struct container_table *table, struct entry *entry)
{
	list_unlink(&entry->node);
	list_unlink(&entry->waiting);
	list_look_done(table, entry);
	doubt_end(table, entry);
	(void)map_remove(&table->by_id, slice_from(entry->id));
	container_known_fini(&entry->known);
	mem_free(entry);
}

/* While a list is read it may still have those that were removed meanwhile. */
static void entry_remove(struct container_table *table, struct entry *entry)
{
	cover_detach(table, entry);
	if (!table->listing) {
		entry_free(table, entry);
		return;
	}
	list_unlink(&entry->waiting);
	list_look_done(table, entry);
	doubt_end(table, entry);
	entry->wanted = entry->urgent = entry->looking = false;
	entry->gone = true;
}

static int entry_new(struct container_table *table, const char *id,
                     const char *name, const char *project,
                     struct entry **entryp)
{
	size_t n = id ? strlen(id) + 1 : 0;
	struct entry *entry;
	int r;

	if (table->by_id.n >= CONTAINERS_MAX)
		return -E2BIG;
	r = deadlines_reserve(&table->doubts, (uint32_t)table->by_id.n + 1);
	if (r < 0)
		return r;
	entry = mem_calloc(1, sizeof(*entry) + n);
	if (!entry)
		return -ENOMEM;
	r = container_known_init(&entry->known, id, name, project);
	if (r < 0)
		goto fail;
	memcpy(entry->id, id, n);
	r = map_set(&table->by_id, slice_from(entry->id), entry);
	if (r < 0)
		goto fail;
	list_append(&table->entries, &entry->node);
	list_init(&entry->twin);
	list_init(&entry->waiting);
	entry->sequence = ++table->sequence;
	*entryp = entry;
	return 0;
fail:
	container_known_fini(&entry->known);
	mem_free(entry);
	return r;
}

/* Under the id of one that is gone another one has been made. */
static int entry_revive(struct container_table *table, struct entry *entry)
{
	struct container_known known;
	int r = container_known_init(&known, entry->id,
	                             entry->known.container.name,
	                             entry->known.container.project);

	if (r < 0)
		return r;
	container_known_fini(&entry->known);
	entry->known = known;
	entry->gone = false;
	entry->sequence = ++table->sequence;
	return 0;
}

/* Takes over what a list or a look says. */
static int entry_update(struct container_table *table, struct entry *entry,
                        const struct container *container, int64_t now_ms)
{
	struct container full = *container;
	int r;

	/* the key, however the engine writes it here */
	full.id = entry->id;
	r = container_known_update(&entry->known, &full, &table->kept, now_ms);
	if (r == 0)
		r = cover_attach(table, entry, &entry->known.container);
	if (r < 0)
		entry->unsure = true;
	else
		cover_ends_changed(entry);
	return r;
}

/* Out of one rule of its own wish: then it is not restarted for the sake of
 * others, either. */
static bool opts_out(const struct container_table *table,
                     const struct container *container)
{
	LIST_FOR_EACH (node, &table->subscriptions) {
		const struct subscription *subscription =
			container_of(node, struct subscription, node);

		if (selector_opts_out(subscription->query->selector, container))
			return true;
	}
	return false;
}

/* What is known now, with the labels that only @container has. */
static int select_by(struct container_table *table, struct entry *entry,
                     const struct container *container)
{
	struct container full = entry->known.container;

	full.labels = container->labels;
	full.n_labels = container->n_labels;
	full.opted_out = opts_out(table, &full);
	entry->known.container.opted_out = full.opted_out;
	return cover_select(table, entry, &full);
}

/* --- lists ---------------------------------------------------------------------- */

void container_table_list_begin(struct container_table *table, bool gap)
{
	table->list_number++;
	table->gap = gap;
	table->listing = true;
	table->holding = true;
}

/* A list may lack the streak, and always lacks how an end came about. Of an
 * end that is known already nothing new is to be learnt. */
static bool list_is_not_enough(const struct container_table *table,
                               const struct entry *entry,
                               const struct container *container)
{
	unsigned watches = cover_wanted_by(table, container);

	if (!watches)
		return false;
	if (entry->unsure)
		return true;
	if (watches & WATCH_BIT(CONTAINERS_HEALTH) &&
	    container->status == CONTAINER_RUNNING &&
	    (container->health == CONTAINER_HEALTH_UNHEALTHY ||
	     container->health == CONTAINER_HEALTH_UNSAID))
		return true;
	return watches & WATCH_BIT(CONTAINERS_EXITED) &&
	       container->status == CONTAINER_EXITED &&
	       (table->gap || !container->detailed ||
	        !container->finished_wall_ms);
}

static int take_element(struct container_table *table, struct entry *entry,
                        const struct container *container, int64_t now_ms)
{
	struct container merged;
	bool look;
	int r;

	container_known_merge(&entry->known, container, &merged);
	look = list_is_not_enough(table, entry, &merged);
	r = entry_update(table, entry, &merged, now_ms);
	if (r == 0 && !look)
		r = select_by(table, entry, container);
	if (look)
		want_for_list(table, entry);
	return r;
}

/* An event that came while the list was read may be younger than what the list
 * says, or the first after others that were lost; and what is being looked at
 * was perhaps seen before. */
static bool contradicts(const struct container_table *table,
                        const struct entry *entry,
                        const struct container *container)
{
	const struct container *known = &entry->known.container;

	return table->gap || container->status != known->status ||
	       container->health != known->health;
}

int container_table_list_element(struct container_table *table,
                                 const struct container *container,
                                 int64_t now_ms)
{
	struct entry *entry = find(table, container->id);
	int r = 0;

	if (!entry)
		r = entry_new(table, container->id, container->name,
		              container->project, &entry);
	if (r < 0)
		return r;
	entry->listed = table->list_number;
	if (entry->gone)
		return 0;
	if (!entry->looking && entry->touched != table->list_number)
		r = take_element(table, entry, container, now_ms);
	else if (contradicts(table, entry, container))
		table_want(table, entry, false);
	cover_end(table);
	return r;
}

static bool is_over(const struct container_table *table,
                    const struct entry *entry, bool whole)
{
	if (entry->gone)
		return true;
	return whole && entry->listed != table->list_number &&
	       entry->touched != table->list_number;
}

void container_table_list_end(struct container_table *table, bool whole)
{
	table->listing = false;
	LIST_FOR_EACH_SAFE (node, &table->entries) {
		struct entry *entry = container_of(node, struct entry, node);

		if (is_over(table, entry, whole))
			entry_remove(table, entry);
	}
	if (!whole)
		table->holding = false;
	cover_end(table);
}

bool container_table_ready(const struct container_table *table)
{
	return table->holding && !table->listing && table->n_list_looks == 0;
}

void container_table_publish(struct container_table *table,
                             const struct reading *reading, int64_t now_ms)
{
	table->holding = false;
	cover_begin(table, reading);
	cover_tell_all(table, now_ms);
	cover_end(table);
}

void container_table_lost(struct container_table *table,
                          const struct reading *reading, int64_t now_ms)
{
	table->holding = false;
	cover_begin(table, reading);
	cover_unknown_all(table);
	cover_end(table);
}

/* --- events ---------------------------------------------------------------------- */

/* Whether a look is worth it for those who cover it. */
static bool is_worth_a_look(unsigned watches, enum runtime_event_kind kind)
{
	if (kind == RUNTIME_EVENT_HEALTH)
		return watches & WATCH_BIT(CONTAINERS_HEALTH);
	if (kind == RUNTIME_EVENT_ENDED)
		return watches & WATCH_BIT(CONTAINERS_EXITED);
	return watches != 0;
}

static void act_on(struct container_table *table, struct entry *entry,
                   enum runtime_event_kind kind, enum container_news news,
                   int64_t now_ms)
{
	unsigned watches = cover_of(entry);

	/* what is being looked at may have been seen before this event */
	if (kind == RUNTIME_EVENT_CREATED || kind == RUNTIME_EVENT_RENAMED ||
	    !entry->identity || entry->looking ||
	    (news == CONTAINER_LOOK && is_worth_a_look(watches, kind)))
		table_want(table, entry, kind == RUNTIME_EVENT_HEALTH);
	doubt_event(table, entry, kind, now_ms);
	cover_ends_changed(entry);
	/* that it runs no more, or not for long, needs no look */
	if (kind != RUNTIME_EVENT_ENDED && kind != RUNTIME_EVENT_PAUSED &&
	    kind != RUNTIME_EVENT_ASKED)
		return;
	if (entry->wanted || entry->looking)
		watches &= ~WATCH_BIT(CONTAINERS_EXITED);
	cover_tell(table, entry, watches, false, now_ms);
}

/* *@entryp: whom the event is about; NULL: nobody who is there. */
static int entry_of_event(struct container_table *table,
                          const struct runtime_event *event,
                          struct entry **entryp)
{
	struct entry *entry = find(table, event->id);
	bool is_new = event->kind == RUNTIME_EVENT_CREATED ||
	              event->kind == RUNTIME_EVENT_STARTED;

	*entryp = entry;
	if (!entry)
		return entry_new(table, event->id, event->name, event->project,
		                 entryp);
	if (!entry->gone)
		return 0;
	if (is_new)
		return entry_revive(table, entry);
	*entryp = NULL;
	return 0;
}

static void on_removed(struct container_table *table, const char *id,
                       int64_t now_ms)
{
	struct entry *entry = find(table, id);

	/* the list may still have it; if memory is out, the next has not */
	if (!entry && table->listing &&
	    entry_new(table, id, "", "", &entry) < 0)
		return;
	if (entry && !entry->gone)
		entry_remove(table, entry);
	cover_settle(table, now_ms);
	cover_end(table);
}

/* The last one; those that overtook it a little do not count, but a clock that
 * was set back is followed. */
static void follow_events(struct container_table *table, int64_t time_ns)
{
	if (time_ns > table->last_event_ns ||
	    (time_ns && time_ns + CLOCK_NS < table->last_event_ns))
		table->last_event_ns = time_ns;
}

int container_table_event(struct container_table *table,
                          const struct runtime_event *event, int64_t now_ms)
{
	struct entry *entry;
	enum container_news news;
	int r;

	follow_events(table, event->time_ns);
	if (event->kind == RUNTIME_EVENT_REMOVED) {
		on_removed(table, event->id, now_ms);
		return 0;
	}
	r = entry_of_event(table, event, &entry);
	if (r < 0 || !entry)
		return r;
	entry->touched = table->list_number;
	news = container_known_event(&entry->known, event, now_ms);
	if (news != CONTAINER_NO_NEWS || !entry->identity) {
		act_on(table, entry, event->kind, news, now_ms);
		cover_settle(table, now_ms);
	}
	cover_end(table);
	return 0;
}

int64_t container_table_last_event(const struct container_table *table)
{
	return table->last_event_ns;
}

void container_table_own_kill(struct container_table *table, const char *id,
                              bool begins, bool ok, int64_t now_ms)
{
	struct entry *entry = find(table, id);

	if (!entry || entry->gone)
		return;
	container_known_own_kill(&entry->known, begins, ok, now_ms);
	/* the end was perhaps told of as somebody else's */
	if (!begins && entry->identity)
		table_want(table, entry, true);
}

void container_table_inherit(struct container_table *table,
                             const struct container_table *from)
{
	table->last_event_ns = from->last_event_ns;
	LIST_FOR_EACH (node, &from->entries) {
		const struct entry *old =
			container_of(node, struct entry, node);
		struct entry *entry;

		if (old->gone)
			continue;
		if (entry_new(table, old->id, old->known.container.name,
		              old->known.container.project, &entry) < 0)
			return;
		container_known_inherit(&entry->known, &old->known);
	}
}

/* --- how a look went --------------------------------------------------------------- */

static bool is_same(const struct container *known,
                    const struct container *found)
{
	return found->status == known->status &&
	       found->health == known->health &&
	       found->n_streak == known->n_streak;
}

static int take_look(struct container_table *table, struct entry *entry,
                     const struct container *container, bool held,
                     int64_t now_ms)
{
	struct container merged;
	bool same;
	int r;

	container_known_merge(&entry->known, container, &merged);
	same = is_same(&entry->known.container, &merged);
	r = entry_update(table, entry, &merged, now_ms);
	if (r == 0)
		r = select_by(table, entry, container);
	if (r < 0) {
		entry->unsure = true;
		cover_unknown(table, entry);
		return r;
	}
	entry->unsure = false;
	doubt_looked(table, entry, same, now_ms);
	if (!held)
		cover_tell(table, entry, ~0u, true, now_ms);
	return 0;
}

/* What has happened since the look began may make it worthless; but it is not
 * put off for ever. */
static bool is_postponed(struct entry *entry, enum container_look result)
{
	entry->postponed = result == CONTAINER_LOOK_FOUND && entry->wanted &&
	                   !entry->postponed;
	return entry->postponed;
}

static int take_result(struct container_table *table, struct entry *entry,
                       enum container_look result,
                       const struct container *container, bool held,
                       int64_t now_ms)
{
	switch (result) {
	case CONTAINER_LOOK_FOUND:
		return take_look(table, entry, container, held, now_ms);
	case CONTAINER_LOOK_GONE:
		entry_remove(table, entry);
		return 0;
	case CONTAINER_LOOK_FAILED:
		break;
	}
	entry->unsure = true;
	if (!held)
		cover_unknown(table, entry);
	return 0;
}

int container_table_looked(struct container_table *table, const char *id,
                           enum container_look result,
                           const struct container *container, int64_t now_ms)
{
	struct entry *entry = find(table, id);
	bool held;
	int r;

	if (!entry || entry->gone || !entry->looking)
		return 0;
	held = entry->of_list && table->holding;
	list_look_done(table, entry);
	entry->looking = false;
	if (entry->wanted)
		enqueue(table, entry);
	if (is_postponed(entry, result))
		return 0;
	r = take_result(table, entry, result, container, held, now_ms);
	cover_settle(table, now_ms);
	cover_end(table);
	return r;
}

/* --- members -------------------------------------------------------------------------- */

static struct coverage *cover_of_member(const struct container_table *table,
                                        void *const *memberp)
{
	return map_get(&table->by_member,
	               slice_make((const char *)memberp, sizeof(*memberp)));
}

void container_table_check(struct container_table *table, void *member)
{
	struct coverage *cover = cover_of_member(table, &member);

	if (cover)
		table_want(table,
		           cover->subject ? cover->subject
		                          : cover->identity->front,
		           true);
}

void container_table_forget(struct container_table *table, void *member)
{
	struct coverage *cover = cover_of_member(table, &member);

	if (!cover)
		return;
	(void)map_remove(&table->by_member,
	                 slice_make((const char *)&member, sizeof(member)));
	cover->member = NULL;
	cover->forgotten = true;
}

/* --- the object ------------------------------------------------------------------------ */

const struct container *container_table_find(
	const struct container_table *table, const char *id)
{
	const struct entry *entry = find(table, id);

	return entry && entry->identity ? &entry->known.container : NULL;
}

size_t container_table_count(const struct container_table *table)
{
	return table->by_id.n;
}

size_t container_table_all(const struct container_table *table,
                           const struct container **out, size_t max)
{
	size_t n = 0;

	LIST_FOR_EACH (node, &table->entries) {
		const struct entry *entry =
			container_of(node, struct entry, node);

		if (entry->identity && n < max)
			out[n++] = &entry->known.container;
	}
	return n;
}

struct container_table *container_table_new(
	const struct container_table_listener *listener, const char *self_id,
	uint64_t seed)
{
	struct container_table *table = mem_calloc(1, sizeof(*table));
	struct rng rng = { seed };

	if (!table)
		return NULL;
	table->listener = *listener;
	table->next_bit = 1;
	map_init(&table->by_id, rng_next(&rng));
	map_init(&table->by_identity, rng_next(&rng));
	map_init(&table->by_member, rng_next(&rng));
	deadlines_init(&table->doubts);
	list_init(&table->entries);
	list_init(&table->subscriptions);
	list_init(&table->urgent);
	list_init(&table->later);
	table->kept =
		(struct container_kept){ always_kept, ARRAY_SIZE(always_kept) };
	table->self_id = mem_strdup(self_id ? self_id : "");
	if (!table->self_id) {
		mem_free(table);
		return NULL;
	}
	return table;
}

/* Nobody is told. */
static void free_entries(struct container_table *table)
{
	struct list *node;

	while ((node = list_pop(&table->entries))) {
		struct entry *entry = container_of(node, struct entry, node);

		container_known_fini(&entry->known);
		mem_free(entry);
	}
	MAP_FOR_EACH (slot, &table->by_identity)
		mem_free(slot->value);
}

static void free_subscriptions(struct container_table *table)
{
	struct list *node;
	struct list *cover;

	while ((node = list_pop(&table->subscriptions))) {
		struct subscription *subscription =
			container_of(node, struct subscription, node);

		while ((cover = list_pop(&subscription->covers)))
			mem_free(container_of(cover, struct coverage,
			                      of_subscription));
		mem_free(subscription);
	}
}

void container_table_free(struct container_table *table)
{
	if (!table)
		return;
	free_subscriptions(table);
	free_entries(table);
	map_fini(&table->by_id);
	map_fini(&table->by_identity);
	map_fini(&table->by_member);
	deadlines_fini(&table->doubts);
	mem_free(table->kept_names);
	mem_free(table->self_id);
	mem_free(table);
}

static bool is_kept(const struct container_table *table, const char *name)
{
	for (size_t i = 0; i < table->kept.n; i++)
		if (strcmp(table->kept.names[i], name) == 0)
			return true;
	return false;
}

/* Also those of a rule, by which dependents name their parents and the like. */
static int keep_label(struct container_table *table, const char *name)
{
	size_t n = table->kept.n;
	const char **names;

	if (!name || is_kept(table, name))
		return 0;
	names = mem_realloc(table->kept_names, (n + 1) * sizeof(*names));
	if (!names)
		return -ENOMEM;
	if (!table->kept_names)
		memcpy(names, always_kept, sizeof(always_kept));
	names[n] = name;
	table->kept_names = names;
	table->kept = (struct container_kept){ names, n + 1 };
	return 0;
}

int container_table_subscribe(struct container_table *table,
                              uint32_t subscription,
                              const struct containers_query *query)
{
	struct subscription *added = mem_calloc(1, sizeof(*added));

	if (!added)
		return -ENOMEM;
	if (keep_label(table, query->dependents_label) < 0 ||
	    keep_label(table, query->codes_label) < 0 ||
	    keep_label(table, query->wanted_label) < 0) {
		mem_free(added);
		return -ENOMEM;
	}
	added->number = subscription;
	added->query = query;
	if (query->any_end) {
		/* the 65th has none, and does without */
		added->bit = table->next_bit;
		table->next_bit <<= 1;
	}
	list_init(&added->covers);
	list_append(&table->subscriptions, &added->node);
	return 0;
}
