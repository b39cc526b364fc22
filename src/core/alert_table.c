/* SPDX-License-Identifier: Apache-2.0 */
#include "core/alert_table.h"

#include <errno.h>
#include <string.h>
#include <stdio.h>
#include "base/json_writer.h"
#include "base/mem.h"
#include "base/text.h"
#include "proto/timestamp.h"

#define HASH_SEED 0x616c65727473ULL /* names must outlive us */
#define NAME_CUT  128               /* bytes of an alert's name in ours */

/* That an alert is in a group. */
struct membership {
	struct alert_item *alert;
	struct alert_item *group;
	struct list of_alert;
	struct list of_group;
};

/* --- items ------------------------------------------------------------------ */

/* What is said of an item, all of it borrowed. */
struct words {
	struct slice key;
	struct slice generator_url;
	struct slice external_url;
	struct slice receiver;
	struct am_labels labels;
	struct am_labels annotations;
	struct am_labels group_labels;
};

static uint64_t hash_labels(uint64_t hash, const struct am_labels *labels)
{
	for (size_t i = 0; i < labels->n; i++) {
		hash = map_hash(hash, labels->items[i].name.p,
		                labels->items[i].name.n);
		hash = map_hash(hash, labels->items[i].value.p,
		                labels->items[i].value.n);
	}
	return hash;
}

static uint64_t hash_words(const struct words *words)
{
	return hash_labels(hash_labels(HASH_SEED, &words->labels),
	                   &words->annotations);
}

/* Copies all of it into one block; the one before goes. */
static int set_words(struct alert_item *item, const struct words *words)
{
	const struct am_labels *labels = &words->labels;
	const struct am_labels *annotations = &words->annotations;
	const struct am_labels *by = &words->group_labels;
	size_t n_labels = labels->n + annotations->n + by->n;
	struct label *rows;
	struct label *rest;
	void *before = item->text;
	char *at;

	rows = mem_alloc(n_labels * sizeof(*rows) +
	                 labels_text_size(labels->items, labels->n) +
	                 labels_text_size(annotations->items, annotations->n) +
	                 labels_text_size(by->items, by->n) +
	                 words->generator_url.n + words->external_url.n +
	                 words->receiver.n + 1);
	if (!rows)
		return -ENOMEM;
	at = (char *)(rows + n_labels);
	item->text = rows;
	item->words = hash_words(words);
	item->facts = (struct facts){
		.labels = rows,
		.n_labels = labels->n,
		.annotations = rows + labels->n,
		.n_annotations = annotations->n,
	};
	rest = labels_put(rows, &at, labels->items, labels->n);
	rest = labels_put(rest, &at, annotations->items, annotations->n);
	item->group_labels = (struct am_labels){ rest, by->n };
	(void)labels_put(rest, &at, by->items, by->n);
	item->generator_url = text_put_slice(&at, words->generator_url);
	item->external_url = text_put_slice(&at, words->external_url);
	item->receiver = text_put_slice(&at, words->receiver);
	item->facts.value = am_label(
		&(struct am_labels){ item->facts.annotations, annotations->n },
		"value");
	mem_free(before);
	return 0;
}

static struct alert_item *item_new(bool is_group, const struct words *words)
{
	struct alert_item *item =
		mem_calloc(1, sizeof(*item) + words->key.n + 1);
	char *at = item ? (char *)(item + 1) : NULL;

	if (!item)
		return NULL;
	item->key = text_put_slice(&at, words->key);
	item->is_group = is_group;
	item->firing = true;
	list_init(&item->node);
	list_init(&item->changed);
	list_init(&item->members);
	if (set_words(item, words) == 0)
		return item;
	mem_free(item);
	return NULL;
}

void alert_item_free(struct alert_item *item)
{
	if (!item)
		return;
	mem_free(item->text);
	mem_free(item);
}

void alert_item_identity(const struct alert_item *item, char *out)
{
	struct am_labels labels = { item->facts.labels, item->facts.n_labels };
	struct slice name = text_cut(am_label(&labels, "alertname"), NAME_CUT);
	size_t n = 0;

	if (name.n == 0)
		name = slice_from(item->is_group ? "group" : "alert");
	for (; n < name.n; n++) {
		unsigned char c = (unsigned char)name.p[n];

		out[n] = (char)(c < 0x20 || c == 0x7f || c == '/' ? '_' : c);
	}
	if (item->is_group)
		(void)snprintf(out + n, ALERT_IDENTITY_MAX - n, "/%016llx",
		               (unsigned long long)map_hash(
				       HASH_SEED, item->key.p, item->key.n));
	else
		(void)snprintf(out + n, ALERT_IDENTITY_MAX - n, "/" SLICE_FMT,
		               SLICE_ARG(item->key));
}

/* --- the table --------------------------------------------------------------- */

void alert_table_init(struct alert_table *table, uint64_t seed,
                      uint32_t max_alerts)
{
	*table = (struct alert_table){ .max_alerts = max_alerts };
	map_init(&table->alerts, seed);
	map_init(&table->groups, seed);
	list_init(&table->alert_list);
	list_init(&table->group_list);
	list_init(&table->changed);
}

static void membership_free(struct membership *membership)
{
	list_unlink(&membership->of_alert);
	list_unlink(&membership->of_group);
	membership->alert->n_members--;
	membership->group->n_members--;
	mem_free(membership);
}

static void free_list(struct list *items)
{
	struct list *node;

	while ((node = list_pop(items))) {
		struct alert_item *item =
			container_of(node, struct alert_item, node);

		list_unlink(&item->changed);
		LIST_FOR_EACH_SAFE (member, &item->members) {
			if (!item->is_group)
				membership_free(container_of(
					member, struct membership, of_alert));
		}
		alert_item_free(item);
	}
}

void alert_table_fini(struct alert_table *table)
{
	struct list *node;

	free_list(&table->alert_list);
	free_list(&table->group_list);
	while ((node = list_pop(&table->changed))) /* resolved ones */
		alert_item_free(container_of(node, struct alert_item, changed));
	map_fini(&table->alerts);
	map_fini(&table->groups);
}

void alert_table_touch(struct alert_table *table, struct alert_item *item)
{
	if (list_unlinked(&item->changed))
		list_append(&table->changed, &item->changed);
}

void alert_table_touch_all(struct alert_table *table)
{
	LIST_FOR_EACH (node, &table->alert_list)
		alert_table_touch(table,
		                  container_of(node, struct alert_item, node));
	LIST_FOR_EACH (node, &table->group_list)
		alert_table_touch(table,
		                  container_of(node, struct alert_item, node));
}

void alert_table_touch_named(struct alert_table *table, const char *identity)
{
	const char *slash = strrchr(identity, '/');
	struct alert_item *alert = map_get(
		&table->alerts, slice_from(slash ? slash + 1 : identity));
	char own[ALERT_IDENTITY_MAX];

	if (alert)
		alert_table_touch(table, alert);
	LIST_FOR_EACH (node, &table->group_list) {
		struct alert_item *group =
			container_of(node, struct alert_item, node);

		alert_item_identity(group, own);
		if (strcmp(own, identity) == 0)
			alert_table_touch(table, group);
	}
}

struct alert_item *alert_table_take(struct alert_table *table)
{
	struct list *node = list_pop(&table->changed);

	return node ? container_of(node, struct alert_item, changed) : NULL;
}

bool alert_table_has_changes(const struct alert_table *table)
{
	return !list_empty(&table->changed);
}

static struct alert_item *add_item(struct alert_table *table, bool is_group,
                                   const struct words *words)
{
	struct map *map = is_group ? &table->groups : &table->alerts;
	struct alert_item *item = item_new(is_group, words);

	if (!item)
		return NULL;
	if (map_set(map, item->key, item) < 0) {
		alert_item_free(item);
		return NULL;
	}
	list_append(is_group ? &table->group_list : &table->alert_list,
	            &item->node);
	if (is_group)
		table->n_groups++;
	else
		table->n_alerts++;
	alert_table_touch(table, item);
	return item;
}

static void remove_item(struct alert_table *table, struct alert_item *item)
{
	if (table->cursor == item)
		table->cursor = item->node.next == &table->alert_list
		                        ? NULL
		                        : container_of(item->node.next,
		                                       struct alert_item, node);
	(void)map_remove(item->is_group ? &table->groups : &table->alerts,
	                 item->key);
	list_unlink(&item->node);
	if (item->is_group)
		table->n_groups--;
	else
		table->n_alerts--;
	item->firing = false;
	alert_table_touch(table, item);
}

/* A group goes with its last alert, unless more may come to @kept at once. */
static void resolve(struct alert_table *table, struct alert_item *alert,
                    const struct alert_item *kept)
{
	LIST_FOR_EACH_SAFE (node, &alert->members) {
		struct membership *membership =
			container_of(node, struct membership, of_alert);
		struct alert_item *group = membership->group;

		membership_free(membership);
		if (group->n_members == 0 && group != kept)
			remove_item(table, group);
	}
	remove_item(table, alert);
}

/* --- a message ---------------------------------------------------------------- */

/* What is known while it is applied. */
struct applying {
	struct alert_table *table;
	const struct am_message *message;
	struct slice key; /* of the group */
	struct alert_item *group;
	struct alert_news *news;
	uint64_t now_ms;
	char own_key[AM_FINGERPRINT_MAX];
};

static struct words group_words(const struct applying *applying)
{
	const struct am_message *message = applying->message;

	return (struct words){
		.key = applying->key,
		.generator_url = slice_from(""),
		.external_url = message->external_url,
		.receiver = message->receiver,
		.labels = message->common_labels,
		.annotations = message->common_annotations,
		.group_labels = message->group_labels,
	};
}

static struct words alert_words(const struct applying *applying,
                                const struct am_alert *alert)
{
	return (struct words){
		.key = alert->fingerprint,
		.generator_url = alert->generator_url,
		.external_url = applying->message->external_url,
		.receiver = applying->message->receiver,
		.labels = alert->labels,
		.annotations = alert->annotations,
	};
}

static bool is_member(const struct alert_item *alert,
                      const struct alert_item *group)
{
	LIST_FOR_EACH (node, &alert->members) {
		if (container_of(node, struct membership, of_alert)->group ==
		    group)
			return true;
	}
	return false;
}

static int add_member(struct applying *applying, struct alert_item *alert)
{
	struct membership *membership = mem_calloc(1, sizeof(*membership));

	if (!membership)
		return -ENOMEM;
	membership->alert = alert;
	membership->group = applying->group;
	list_append(&alert->members, &membership->of_alert);
	list_append(&applying->group->members, &membership->of_group);
	alert->n_members++;
	applying->group->n_members++;
	applying->group->starts_ms =
		MIN(applying->group->starts_ms, alert->starts_ms);
	applying->news->any = true;
	return 0;
}

static int take_group(struct applying *applying)
{
	struct words words = group_words(applying);

	if (applying->group)
		return 0;
	applying->group = add_item(applying->table, true, &words);
	if (!applying->group)
		return -ENOMEM;
	applying->group->starts_ms = INT64_MAX;
	applying->group->heard_ms = applying->now_ms;
	return 0;
}

/* New, or anew. */
static int fire(struct applying *applying, const struct am_alert *said)
{
	struct alert_table *table = applying->table;
	struct words words = alert_words(applying, said);
	struct alert_item *alert;
	int r;

	if (table->n_alerts >= table->max_alerts) {
		applying->news->n_dropped++;
		return 0;
	}
	r = take_group(applying);
	if (r < 0)
		return r;
	alert = add_item(table, false, &words);
	if (!alert)
		return -ENOMEM;
	alert->starts_ms = said->starts_ms;
	r = add_member(applying, alert);
	if (r < 0)
		resolve(table, alert, applying->group);
	return r;
}

/* It fires already. */
static int fire_again(struct applying *applying, struct alert_item *alert,
                      const struct am_alert *said)
{
	struct words words = alert_words(applying, said);
	int r = take_group(applying);

	if (r < 0)
		return r;
	if (said->starts_ms != AM_NEVER)
		alert->starts_ms = MIN(alert->starts_ms, said->starts_ms);
	if (hash_words(&words) != alert->words) {
		r = set_words(alert, &words);
		alert_table_touch(applying->table, alert);
	}
	if (r == 0 && !is_member(alert, applying->group))
		return add_member(applying, alert);
	applying->news->n_same++;
	return r;
}

static void resolve_told(struct applying *applying, struct alert_item *alert)
{
	resolve(applying->table, alert, applying->group);
	applying->news->any = true;
}

static int apply_alert(struct applying *applying, const struct am_alert *said)
{
	struct alert_item *alert =
		map_get(&applying->table->alerts, said->fingerprint);

	if (!said->firing) {
		applying->news->n_resolved++;
		if (alert && (said->starts_ms == AM_NEVER ||
		              said->starts_ms >= alert->starts_ms))
			resolve_told(applying, alert);
		else
			applying->news->n_same++;
		return 0;
	}
	applying->news->n_firing++;
	if (alert && alert->starts_ms != AM_NEVER &&
	    said->starts_ms > alert->starts_ms) {
		resolve_told(applying, alert);
		alert = NULL;
	}
	return alert ? fire_again(applying, alert, said) : fire(applying, said);
}

/* What its alerts have in common changes with them. */
static int note_group(struct applying *applying)
{
	struct alert_item *group = applying->group;
	struct words words = group_words(applying);

	if (!group)
		return 0;
	group->heard_ms = applying->now_ms;
	if (hash_words(&words) == group->words)
		return 0;
	alert_table_touch(applying->table, group);
	return set_words(group, &words);
}

int alert_table_apply(struct alert_table *table,
                      const struct am_message *message, uint64_t now_ms,
                      struct alert_news *news)
{
	struct applying applying = {
		.table = table,
		.message = message,
		.key = message->group_key,
		.news = news,
		.now_ms = now_ms,
	};
	int r = 0;

	*news = (struct alert_news){ 0 };
	if (applying.key.n == 0)
		applying.key = slice_from(am_fingerprint(&message->group_labels,
		                                         applying.own_key));
	applying.group = map_get(&table->groups, applying.key);
	/* what is resolved makes room */
	for (size_t i = 0; i < message->n_alerts && r == 0; i++) {
		if (!message->alerts[i].firing)
			r = apply_alert(&applying, &message->alerts[i]);
	}
	for (size_t i = 0; i < message->n_alerts && r == 0; i++) {
		if (message->alerts[i].firing)
			r = apply_alert(&applying, &message->alerts[i]);
	}
	if (applying.group && applying.group->n_members == 0) {
		remove_item(table, applying.group);
		applying.group = NULL;
	}
	return r < 0 ? r : note_group(&applying);
}

/* --- as documents ---------------------------------------------------------------- */

void alert_table_rewind(struct alert_table *table)
{
	struct list *first = table->alert_list.next;

	table->cursor = first == &table->alert_list
	                        ? NULL
	                        : container_of(first, struct alert_item, node);
}

static void write_text(struct json_writer *json, const char *key,
                       struct slice text)
{
	json_write_key(json, key);
	json_write_slice(json, text);
}

static void write_alert(struct json_writer *json,
                        const struct alert_item *alert, const char *status)
{
	char time[TIMESTAMP_TEXT_MAX];

	json_write_object(json);
	write_text(json, "status", slice_from(status));
	labels_write_json(json, "labels", alert->facts.labels,
	                  alert->facts.n_labels);
	labels_write_json(json, "annotations", alert->facts.annotations,
	                  alert->facts.n_annotations);
	if (alert->starts_ms != AM_NEVER)
		write_text(
			json, "startsAt",
			slice_from(timestamp_format(alert->starts_ms, time)));
	write_text(json, "generatorURL", alert->generator_url);
	write_text(json, "fingerprint", alert->key);
	json_write_object_end(json);
}

static void write_document(struct buf *out, const struct alert_item *group,
                           const struct alert_item *alert)
{
	struct json_writer json;

	json_write_init(&json, out);
	json_write_object(&json);
	write_text(&json, "receiver", group->receiver);
	json_write_key(&json, "alerts");
	json_write_array(&json);
	write_alert(&json, alert, "firing");
	json_write_array_end(&json);
	labels_write_json(&json, "commonLabels", group->facts.labels,
	                  group->facts.n_labels);
	labels_write_json(&json, "commonAnnotations", group->facts.annotations,
	                  group->facts.n_annotations);
	labels_write_json(&json, "groupLabels", group->group_labels.items,
	                  group->group_labels.n);
	write_text(&json, "externalURL", group->external_url);
	write_text(&json, "groupKey", group->key);
	json_write_object_end(&json);
	(void)buf_putc(out, '\n');
}

bool alert_table_write_next(struct alert_table *table, struct buf *out)
{
	struct alert_item *alert = table->cursor;

	if (!alert)
		return false;
	LIST_FOR_EACH (node, &alert->members)
		write_document(
			out,
			container_of(node, struct membership, of_alert)->group,
			alert);
	table->cursor = alert->node.next == &table->alert_list
	                        ? NULL
	                        : container_of(alert->node.next,
	                                       struct alert_item, node);
	return true;
}

/* --- what is not repeated ------------------------------------------------------- */

/* The youngest word on it. */
static uint64_t heard_of(const struct alert_item *alert)
{
	uint64_t heard_ms = 0;

	LIST_FOR_EACH (node, &alert->members)
		heard_ms = MAX(heard_ms,
		               container_of(node, struct membership, of_alert)
		                       ->group->heard_ms);
	return heard_ms;
}

/* Of no group: who is resolved needs none. */
static void begin_record(struct json_writer *json, struct buf *record)
{
	json_write_init(json, record);
	json_write_object(json);
	json_write_key(json, "alerts");
	json_write_array(json);
}

static void end_record(struct json_writer *json)
{
	json_write_array_end(json);
	json_write_object_end(json);
}

uint32_t alert_table_expire(struct alert_table *table, uint64_t before_ms,
                            uint32_t max, struct buf *record)
{
	struct json_writer json;
	uint32_t n = 0;

	LIST_FOR_EACH_SAFE (node, &table->alert_list) {
		struct alert_item *alert =
			container_of(node, struct alert_item, node);

		if (n == max || heard_of(alert) >= before_ms)
			continue;
		if (record && n == 0)
			begin_record(&json, record);
		if (record)
			write_alert(&json, alert, "resolved");
		resolve(table, alert, NULL);
		n++;
	}
	if (record && n > 0)
		end_record(&json);
	return n;
}

uint64_t alert_table_oldest(const struct alert_table *table)
{
	uint64_t oldest_ms = UINT64_MAX;

	LIST_FOR_EACH (node, &table->group_list)
		oldest_ms = MIN(
			oldest_ms,
			container_of(node, struct alert_item, node)->heard_ms);
	return oldest_ms;
}

/* --- as messages -------------------------------------------------------------------- */

static struct am_labels labels_of(const struct label *labels, size_t n)
{
	return (struct am_labels){ labels, n };
}

static void describe(const struct alert_item *alert, struct am_alert *out)
{
	*out = (struct am_alert){
		.firing = true,
		.labels = labels_of(alert->facts.labels, alert->facts.n_labels),
		.annotations = labels_of(alert->facts.annotations,
		                         alert->facts.n_annotations),
		.starts_ms = alert->starts_ms,
		.ends_ms = AM_NEVER,
		.generator_url = alert->generator_url,
		.fingerprint = alert->key,
	};
}

/* Of an alert the first group that tells of it. */
static const struct alert_item *group_of(const struct alert_item *item)
{
	if (item->is_group || list_empty(&item->members))
		return item;
	return container_of(item->members.next, struct membership, of_alert)
	        ->group;
}

const struct alert_item *alert_table_find(const struct alert_table *table,
                                          const char *identity)
{
	const char *slash = strrchr(identity, '/');
	char own[ALERT_IDENTITY_MAX];
	const struct alert_item *alert = map_get(
		&table->alerts, slice_from(slash ? slash + 1 : identity));

	if (alert)
		return alert;
	LIST_FOR_EACH (node, &table->group_list) {
		const struct alert_item *group =
			container_of(node, struct alert_item, node);

		alert_item_identity(group, own);
		if (strcmp(own, identity) == 0)
			return group;
	}
	return NULL;
}

int alert_item_message(const struct alert_item *item, struct arena *arena,
                       struct am_message *message)
{
	const struct alert_item *group = group_of(item);
	size_t n = 0;
	struct am_alert *alerts =
		arena_calloc(arena, group->n_members + 1, sizeof(*alerts));

	if (!alerts)
		return -ENOMEM;
	if (!group->is_group)
		describe(group, &alerts[n++]);
	LIST_FOR_EACH (node, &group->members) {
		if (group->is_group && n < group->n_members)
			describe(container_of(node, struct membership, of_group)
			                 ->alert,
			         &alerts[n++]);
	}
	*message = (struct am_message){
		.firing = item->firing,
		.receiver = group->receiver,
		.external_url = group->external_url,
		.group_key = group->key,
		.version = slice_from("4"),
		.group_labels = group->group_labels,
		.common_labels =
			labels_of(group->facts.labels, group->facts.n_labels),
		.common_annotations = labels_of(group->facts.annotations,
		                                group->facts.n_annotations),
		.alerts = alerts,
		.n_alerts = n,
	};
	return 0;
}
