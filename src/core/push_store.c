/* SPDX-License-Identifier: Apache-2.0 */
#include "core/push_store_parts.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include "base/mem.h"

#define MAX_KEY   ((size_t)1 << 24) /* bytes of a group's key */
#define KEY_BREAK '\xff'            /* never in UTF-8 */

struct push_store *push_store_new(uint64_t seed,
                                  const struct push_store_limits *limits,
                                  const struct push_store_listener *listener)
{
	struct push_store *store = mem_calloc(1, sizeof(*store));

	if (!store)
		return NULL;
	store->seed = seed;
	if (limits)
		store->limits = *limits;
	if (listener)
		store->listener = *listener;
	map_init(&store->group_by_key, seed);
	map_init(&store->family_by_name, seed);
	list_init(&store->views);
	list_init(&store->orphans);
	list_init(&store->spare);
	deadlines_init(&store->deadlines);
	buf_init(&store->key, MAX_KEY);
	work_init(&store->work);
	return store;
}

void store_remove_all(struct push_store *store, bool tell)
{
	struct tree_node *node;

	store->version++;
	while ((node = tree_first(&store->groups)))
		store_remove_group(store,
		                   container_of(node, struct store_group, node),
		                   tell);
}

void push_store_free(struct push_store *store)
{
	struct tree_node *node;

	if (!store)
		return;
	assert(list_empty(&store->views));
	store_remove_all(store, false);
	kept_free_all(store);
	while ((node = tree_first(&store->families))) {
		struct store_family *family =
			container_of(node, struct store_family, node);

		family->refs = 1; /* only reserved ones are left */
		family_unref(store, family);
	}
	metric_free_pages(store);
	work_fini(&store->work);
	buf_fini(&store->key);
	expire_free_rules(store);
	deadlines_fini(&store->deadlines);
	map_fini(&store->family_by_name);
	map_fini(&store->group_by_key);
	mem_free(store);
}

void push_store_set_limits(struct push_store *store,
                           const struct push_store_limits *limits)
{
	store->limits = *limits;
}

struct push_store_counts push_store_counts(const struct push_store *store)
{
	return (struct push_store_counts){
		.n_groups = (uint32_t)store->group_by_key.n,
		.n_series = store->n_series,
		.n_families = store->n_live_families,
		.n_bytes = store->n_bytes,
		.n_changes = store->version,
	};
}

int push_store_reserve(struct push_store *store, const char *name,
                       enum metric_type type)
{
	struct store_family *family = family_obtain(store, slice_from(name));

	if (!family)
		return -ENOMEM;
	if (family->reserved)
		family_unref(store, family);
	family->reserved = true;
	family->reserved_type = (uint8_t)type;
	return 0;
}

/* --- groups -------------------------------------------------------------------- */

int compare_keys(const struct store_group *a, const struct store_group *b)
{
	const struct push_group *x = &a->shown;
	const struct push_group *y = &b->shown;

	if (a == b)
		return 0;
	for (size_t i = 0; i < x->n_labels && i < y->n_labels; i++) {
		int order = slice_compare(x->labels[i].name, y->labels[i].name);

		if (order == 0)
			order = slice_compare(x->labels[i].value,
			                      y->labels[i].value);
		if (order != 0)
			return order;
	}
	return x->n_labels < y->n_labels ? -1 : x->n_labels > y->n_labels;
}

int compare_group_key(const void *key, const struct tree_node *node)
{
	return compare_keys(key, container_of(node, struct store_group, node));
}

/* The key as one run of bytes; -ENOMEM. */
static int flatten(struct buf *out, const struct push_key *key)
{
	buf_reset(out);
	for (size_t i = 0; i < key->n_labels; i++) {
		(void)buf_append(out, key->labels[i].name.p,
		                 key->labels[i].name.n);
		(void)buf_putc(out, KEY_BREAK);
		(void)buf_append(out, key->labels[i].value.p,
		                 key->labels[i].value.n);
		(void)buf_putc(out, KEY_BREAK);
	}
	return out->failed ? -ENOMEM : 0;
}

/* Looking has no memory to fail with: the groups are walked instead. */
struct store_group *store_find_group(const struct push_store *store,
                                     const struct push_key *key)
{
	struct store_group probe = { .shown.labels = key->labels,
		                     .shown.n_labels = key->n_labels };
	struct tree_node *node =
		tree_find(&store->groups, &probe, compare_group_key);

	return node ? container_of(node, struct store_group, node) : NULL;
}

struct push_group *push_store_group(const struct push_store *store,
                                    const struct push_key *key)
{
	struct store_group *group = store_find_group(store, key);

	return group ? &group->shown : NULL;
}

struct push_group *push_store_next_group(const struct push_store *store,
                                         const struct push_group *at)
{
	const struct store_group *last =
		container_of(at, const struct store_group, shown);
	struct tree_node *node =
		at ? tree_next(&last->node) : tree_first(&store->groups);

	return node ? &container_of(node, struct store_group, node)->shown
	            : NULL;
}

static const struct label no_instance = { { "instance", 8 }, { "", 0 } };

/* Where instance="" belongs among the labels; UINT32_MAX: it has one. */
static uint32_t place_of_blank(const struct push_key *key)
{
	uint32_t i;

	for (i = 0; i < key->n_labels; i++) {
		int order =
			slice_compare(key->labels[i].name, no_instance.name);

		if (order == 0)
			return UINT32_MAX;
		if (order > 0)
			break;
	}
	return i;
}

/* Labels of the key into the group's own memory at @text. */
static char *copy_key(struct store_group *group, const struct push_key *key,
                      struct slice flat, char *text)
{
	struct label *labels = (struct label *)(group + 1);
	const char *at = text;

	memcpy(text, flat.p, flat.n);
	group->key = slice_make(text, flat.n);
	for (size_t i = 0; i < key->n_labels; i++) {
		labels[i].name = slice_make(at, key->labels[i].name.n);
		at += labels[i].name.n + 1;
		labels[i].value = slice_make(at, key->labels[i].value.n);
		at += labels[i].value.n + 1;
	}
	group->shown.labels = labels;
	group->shown.n_labels = key->n_labels;
	return text + flat.n;
}

static void make_pieces(struct store_group *group, char *text)
{
	char *at = text;
	uint32_t next = 0;

	for (uint32_t i = 0; i < group->n_pieces; i++) {
		const struct label *label =
			i == group->blank ? &no_instance
					  : &group->shown.labels[next++];
		struct store_piece *piece = &group->pieces[i];
		char *start;

		*at++ = i ? ',' : '{';
		start = at;
		at = piece_put(at, label);
		*piece = (struct store_piece){ (uint32_t)(start - text),
			                       (uint32_t)(at - start),
			                       (uint32_t)label->name.n };
		if (i != group->blank)
			group->hash_sum += piece_hash(start, piece->n);
	}
	*at++ = '}';
	*at++ = ' ';
	group->whole = slice_make(text, (size_t)(at - text));
}

/* All in one piece of memory: struct, labels, pieces, texts. */
static struct store_group *group_new(const struct push_key *key,
                                     struct slice flat)
{
	uint32_t blank = place_of_blank(key);
	uint32_t n_pieces = (uint32_t)key->n_labels + (blank != UINT32_MAX);
	size_t head = sizeof(struct store_group) +
	              key->n_labels * sizeof(struct label) +
	              n_pieces * sizeof(struct store_piece);
	struct store_group *group;
	size_t whole = 3;
	char *text;

	for (uint32_t i = 0; i < key->n_labels; i++) {
		const struct slice *value = &key->labels[i].value;

		whole += key->labels[i].name.n + value->n + 4;
		for (size_t j = 0; j < value->n; j++)
			whole += value->p[j] == '"' || value->p[j] == '\\' ||
			         value->p[j] == '\n';
	}
	if (blank != UINT32_MAX)
		whole += no_instance.name.n + 4;
	group = mem_alloc(head + flat.n + whole);
	if (!group)
		return NULL;
	*group = (struct store_group){ .refs = 1, .blank = blank };
	list_init(&group->shown.links);
	list_init(&group->kept);
	group->shown.beat.exit_code = -1;
	group->n_pieces = n_pieces;
	group->pieces =
		(struct store_piece *)(void *)((char *)(group + 1) +
	                                       key->n_labels *
	                                               sizeof(struct label));
	text = copy_key(group, key, flat, (char *)group + head);
	make_pieces(group, text);
	return group;
}

void group_unref(struct store_group *group)
{
	if (group && --group->refs == 0) {
		mem_free(group->slots);
		mem_free(group);
	}
}

int store_obtain_group(struct push_store *store, const struct push_key *key,
                       struct push_time now, struct store_group **groupp,
                       bool *createdp, struct err *err)
{
	const uint64_t max = store->limits.max_groups;
	struct store_group *group;

	*createdp = false;
	if (flatten(&store->key, key) < 0)
		return -ENOMEM;
	*groupp = map_get(&store->group_by_key, buf_slice(&store->key));
	if (*groupp)
		return 0;
	if (max && store->group_by_key.n >= max) {
		(void)err_set(err, -EDQUOT,
		              "too many groups: there are %zu, and "
		              "gateway.max_groups is %" PRIu64,
		              store->group_by_key.n, max);
		return PUSH_E_TOO_MANY;
	}
	if (expire_reserve(store) < 0)
		return -ENOMEM;
	group = group_new(key, buf_slice(&store->key));
	if (!group)
		return -ENOMEM;
	if (map_set(&store->group_by_key, group->key, group) < 0) {
		group_unref(group);
		return -ENOMEM;
	}
	tree_insert(&store->groups, &group->node, group, compare_group_key);
	group->version = store->version + 1;
	group->number = ++store->last_number;
	group->seen_mono_ms = now.mono_ms;
	expire_choose(store, group);
	*groupp = group;
	*createdp = true;
	return 0;
}

void store_remove_group(struct push_store *store, struct store_group *group,
                        bool tell)
{
	if (tell && store->listener.removed)
		store->listener.removed(store->listener.context, &group->shown);
	(void)kept_state(store, group);
	own_families_count(store, group, -1);
	for (uint32_t i = 0; i < group->n_slots; i++)
		metric_remove(store, metric_by_id(store, group->slots[i]));
	mem_free(group->slots);
	group->slots = NULL;
	group->n_slots = 0;
	deadlines_arm(&store->deadlines, &group->deadline, DEADLINE_NEVER);
	(void)map_remove(&store->group_by_key, group->key);
	tree_remove(&store->groups, &group->node);
	group->gone = true;
	group_unref(group);
}

/* --- deleting -------------------------------------------------------------------- */

bool push_store_delete(struct push_store *store, const struct push_key *key)
{
	struct store_group *group = store_find_group(store, key);

	if (!group)
		return false;
	store->version++;
	kept_reap(store, group->n_slots + 1);
	store_remove_group(store, group, true);
	return true;
}

static bool has_labels(const struct store_group *group,
                       const struct label *labels, size_t n_labels)
{
	for (size_t i = 0; i < n_labels; i++) {
		struct slice value = slice_make("", 0);

		for (size_t j = 0; j < group->shown.n_labels; j++) {
			if (slice_equal(group->shown.labels[j].name,
			                labels[i].name))
				value = group->shown.labels[j].value;
		}
		if (!slice_equal(value, labels[i].value))
			return false;
	}
	return true;
}

uint32_t push_store_delete_matching(struct push_store *store,
                                    const struct label *labels, size_t n_labels)
{
	struct tree_node *node = tree_first(&store->groups);
	uint32_t n = 0;

	while (node) {
		struct store_group *group =
			container_of(node, struct store_group, node);

		node = tree_next(node);
		if (!has_labels(group, labels, n_labels))
			continue;
		if (n++ == 0)
			store->version++;
		store_remove_group(store, group, true);
	}
	return n;
}

void push_store_wipe(struct push_store *store)
{
	store_remove_all(store, true);
}

/* --- heartbeats and failures -------------------------------------------------- */

int push_store_note_failure(struct push_store *store,
                            const struct push_key *key, struct push_time now,
                            struct err *err)
{
	struct store_group *group;
	bool created;
	int r = store_obtain_group(store, key, now, &group, &created, err);

	if (r != 0)
		return r;
	store->version++;
	if (kept_state(store, group))
		group->version = store->version;
	group->shown.failed_wall_ms = now.wall_ms;
	group->shown.last_ok = false;
	return 0;
}

static void beat_end(struct push_beat *beat, const struct ping *ping,
                     struct push_time now)
{
	if (beat->running)
		beat->duration_ms =
			(uint64_t)MAX(now.mono_ms - beat->start.mono_ms, 0);
	beat->end = now;
	beat->running = false;
	beat->failed = ping->kind == PING_FAIL;
	beat->exit_code = (int16_t)ping->exit_code;
}

int push_store_beat(struct push_store *store, const struct push_key *key,
                    const struct ping *ping, struct push_time now,
                    struct err *err)
{
	struct store_group *group;
	struct push_beat *beat;
	bool created;
	int r = store_obtain_group(store, key, now, &group, &created, err);

	if (r != 0)
		return r;
	store->version++;
	kept_reap(store, 2);
	if (kept_state(store, group))
		group->version = store->version;
	own_families_count(store, group, -1);
	beat = &group->shown.beat;
	if (beat->n_beats < UINT32_MAX)
		beat->n_beats++;
	group->seen_mono_ms = now.mono_ms;
	if (ping->kind == PING_START) {
		beat->start = now;
		beat->running = true;
	} else {
		beat_end(beat, ping, now);
	}
	own_families_count(store, group, 1);
	if (ping->kind == PING_OK) {
		group->shown.pushed = now;
		group->shown.away_ms = 0;
		group->shown.last_ok = true;
	}
	if (store->listener.pushed)
		store->listener.pushed(store->listener.context, &group->shown);
	return 0;
}

/* --- looking -------------------------------------------------------------------- */

struct push_time push_group_family_time(const struct push_store *store,
                                        const struct push_group *group,
                                        struct slice family)
{
	const struct store_group *of =
		container_of(group, const struct store_group, shown);
	const struct store_family *found = family_find(store, family);
	const struct push_metric *metric =
		found ? metric_find(found, of) : NULL;

	return metric ? metric->chunk->time : (struct push_time){ 0, 0 };
}
