/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/model/portable.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include "base/mem.h"
#include "base/text.h"
#include "registry/model/check.h"

#define KEY_MAX 16384 /* bytes of all that makes an item unique */

/* In this order they are written, and brought into a model: what is referred
 * to stands before what refers to it. */
const struct portable_section portable_sections[] = {
	{ N_KINDS, KIND_PROBE, "probes", -1, false, false },
	{ N_KINDS, KIND_DEFAULT_EXPORTER, "default_exporters", -1, false,
	  false },
	{ N_KINDS, KIND_SHARD, "shards", -1, false, false },
	{ N_KINDS, KIND_RULE, "rules", -1, false, false },
	{ N_KINDS, KIND_NOTIFIER, "notifiers", -1, false, false },
	{ N_KINDS, KIND_SERVICE, "services", -1, false, false },
	{ N_KINDS, KIND_PROJECT, "projects", -1, false, true },
	{ N_KINDS, KIND_NODE, "nodes", -1, false, false },
	{ KIND_SHARD, KIND_SERVER, "servers", SERVER_SHARD, false, false },
	{ KIND_SERVICE, KIND_RULE, "rules", RULE_SERVICE, false, false },
	{ KIND_SERVICE, KIND_NOTIFIER, "notifiers", NOTIFIER_SERVICE, false,
	  false },
	{ KIND_SERVICE, KIND_PROJECT, "projects", PROJECT_SERVICE, false,
	  false },
	{ KIND_PROJECT, KIND_FARM, "farm", FARM_PROJECT, true, false },
	{ KIND_PROJECT, KIND_EXPORTER, "exporters", EXPORTER_PROJECT, false,
	  false },
	{ KIND_PROJECT, KIND_URL, "urls", URL_PROJECT, false, false },
	{ KIND_PROJECT, KIND_RULE, "rules", RULE_PROJECT, false, false },
	{ KIND_PROJECT, KIND_NOTIFIER, "notifiers", NOTIFIER_PROJECT, false,
	  false },
	{ KIND_FARM, KIND_HOST, "hosts", HOST_FARM, false, false },
	{ KIND_NOTIFIER, KIND_FILTER, "filters", FILTER_NOTIFIER, false,
	  false },
};
const size_t n_portable_sections = ARRAY_SIZE(portable_sections);

/* Label sets live outside of the arena. */
struct portable_sets {
	struct portable_sets *next;
	struct label_set *set;
};

const struct portable_section *portable_section(enum kind owner, size_t *at)
{
	while (*at < n_portable_sections) {
		const struct portable_section *section =
			&portable_sections[(*at)++];

		if (section->owner == owner)
			return section;
	}
	return NULL;
}

/* --- keys ----------------------------------------------------------------- */

static const struct alias {
	enum kind kind;
	const char *key;
	unsigned field;
	bool recording;
} aliases[] = {
	{ KIND_RULE, "alert", RULE_NAME, false },
	{ KIND_RULE, "record", RULE_NAME, true },
	{ KIND_RULE, "expr", RULE_CLAUSE, false },
	{ KIND_RULE, "for", RULE_DURATION, false },
};

bool portable_has_field(const struct portable_section *section, unsigned field)
{
	const struct field *info = &kinds[section->kind].fields[field];

	if (info->flags & FIELD_READ_ONLY ||
	    (section->kind == KIND_NODE && field == NODE_DELETED))
		return false;
	if (info->type != FIELD_REF)
		return true;
	for (size_t i = 0; i < n_portable_sections; i++) {
		if (portable_sections[i].kind == section->kind &&
		    portable_sections[i].field == (int)field)
			return section->flat;
	}
	return true;
}

int portable_field(const struct portable_section *section, struct slice key,
                   bool *recordingp)
{
	int field = kind_field(section->kind, key);

	*recordingp = false;
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
		if (aliases[i].kind != section->kind ||
		    !slice_is(key, aliases[i].key))
			continue;
		*recordingp = aliases[i].recording;
		return (int)aliases[i].field;
	}
	return field >= 0 && portable_has_field(section, (unsigned)field)
	               ? field
	               : -1;
}

const char *portable_key(const struct portable_item *item, unsigned field)
{
	bool recording = item->kind == KIND_RULE &&
	                 portable_item_number(item, RULE_RECORDING);

	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
		if (aliases[i].kind == item->kind &&
		    aliases[i].field == field &&
		    (field != RULE_NAME || aliases[i].recording == recording))
			return aliases[i].key;
	}
	return kinds[item->kind].fields[field].name;
}

int portable_short(enum kind kind)
{
	switch (kind) {
	case KIND_HOST:
		return HOST_NAME;
	case KIND_NODE:
		return NODE_IP;
	case KIND_PROBE:
		return PROBE_MODULE;
	case KIND_SHARD:
		return SHARD_NAME;
	case KIND_SERVER:
	case KIND_SERVICE:
	case KIND_PROJECT:
	case KIND_FARM:
	case KIND_EXPORTER:
	case KIND_DEFAULT_EXPORTER:
	case KIND_URL:
	case KIND_RULE:
	case KIND_NOTIFIER:
	case KIND_FILTER:
	case KIND_TOKEN:
	case N_KINDS:
	default:
		return -1;
	}
}

/* --- values --------------------------------------------------------------- */

static const struct field *field_of(const struct portable_item *item,
                                    unsigned field)
{
	return &kinds[item->kind].fields[field];
}

const char *portable_item_text(const struct portable_item *item, unsigned field)
{
	const char *text =
		item->given & 1u << field ? item->values[field].text : NULL;

	if (!text || !text[0]) /* of a ref there is no fallback */
		text = field_fallback(field_of(item, field)).text;
	return text_or_empty(text);
}

int64_t portable_item_number(const struct portable_item *item, unsigned field)
{
	return item->given & 1u << field
	               ? item->values[field].number
	               : field_fallback(field_of(item, field)).number;
}

void portable_address(struct buf *out, const char *host, int64_t port)
{
	bool brackets = strchr(host, ':') && host[0] != '[';

	(void)buf_printf(out, "%s%s%s:%" PRId64, brackets ? "[" : "", host,
	                 brackets ? "]" : "", port);
}

static void print_job(struct buf *out, const char *job, int64_t port,
                      const char *path)
{
	(void)buf_printf(out, "%s:%" PRId64 "%s", job, port, path);
}

#define TEXT(value) text_or_empty((value).text)

/* What it is called by: its key, or what comes near to that. */
static void print_name(struct buf *out, enum kind kind, const union value *v)
{
	switch (kind) {
	case KIND_SERVER:
		portable_address(out, TEXT(v[SERVER_HOST]),
		                 v[SERVER_PORT].number);
		return;
	case KIND_NODE:
		portable_address(out, TEXT(v[NODE_IP]), v[NODE_PORT].number);
		return;
	case KIND_EXPORTER:
		print_job(out, TEXT(v[EXPORTER_JOB]), v[EXPORTER_PORT].number,
		          TEXT(v[EXPORTER_PATH]));
		return;
	case KIND_DEFAULT_EXPORTER:
		print_job(out, TEXT(v[DEFAULT_EXPORTER_JOB]),
		          v[DEFAULT_EXPORTER_PORT].number,
		          TEXT(v[DEFAULT_EXPORTER_PATH]));
		return;
	case KIND_NOTIFIER:
		(void)buf_puts(out, TEXT(v[NOTIFIER_SENDER]));
		if (TEXT(v[NOTIFIER_ALIAS])[0])
			(void)buf_printf(out, " %s", TEXT(v[NOTIFIER_ALIAS]));
		return;
	case KIND_FILTER:
		(void)buf_printf(out, "%s%s%s", TEXT(v[FILTER_NAME]),
		                 TEXT(v[FILTER_OPERATOR]),
		                 TEXT(v[FILTER_VALUE]));
		return;
	case KIND_SHARD:
	case KIND_SERVICE:
	case KIND_PROJECT:
	case KIND_FARM:
	case KIND_HOST:
	case KIND_PROBE:
	case KIND_URL:
	case KIND_RULE:
	case KIND_TOKEN:
		(void)buf_puts(out, TEXT(v[0]));
		return;
	case N_KINDS:
	default:
		return;
	}
}

#undef TEXT

const char *portable_title(enum kind kind, const union value *values, char *out)
{
	struct buf text;
	size_t n;

	buf_init(&text, 4 * FIELD_MAX_TEXT);
	for (const char *c = kinds[kind].name; *c; c++)
		(void)buf_putc(&text, *c == '_' ? ' ' : *c);
	(void)buf_putc(&text, ' ');
	print_name(&text, kind, values);
	n = MIN(text.n, (size_t)PORTABLE_TITLE_MAX - 1);
	while (n < text.n && n > 0 && (text.p[n] & 0xc0) == 0x80)
		n--;
	memcpy(out, buf_text(&text), n);
	out[n] = '\0';
	buf_fini(&text);
	return out;
}

const char *portable_item_title(const struct portable_item *item, char *out)
{
	union value values[KIND_MAX_FIELDS] = { 0 };

	for (unsigned i = 0; i < kinds[item->kind].n_fields; i++)
		values[i] = item->given & 1u << i
		                    ? item->values[i]
		                    : field_fallback(field_of(item, i));
	return portable_title(item->kind, values, out);
}

/* --- items ---------------------------------------------------------------- */

int portable_init(struct portable *portable)
{
	*portable = (struct portable){ 0 };
	map_init(&portable->by_key, 0);
	portable->root =
		arena_alloc(&portable->memory, sizeof(*portable->root));
	if (!portable->root)
		return -ENOMEM;
	portable->root->kind = N_KINDS;
	return 0;
}

void portable_fini(struct portable *portable)
{
	for (struct portable_sets *set = portable->sets; set; set = set->next)
		mem_free(set->set);
	map_fini(&portable->by_key);
	arena_fini(&portable->memory);
	*portable = (struct portable){ 0 };
}

static const struct portable_section *find_section(enum kind owner,
                                                   enum kind kind)
{
	for (size_t i = 0; i < n_portable_sections; i++) {
		if (portable_sections[i].owner == owner &&
		    portable_sections[i].kind == kind)
			return &portable_sections[i];
	}
	return NULL;
}

struct portable_item *portable_item(struct portable *portable,
                                    struct portable_item *owner, enum kind kind)
{
	struct portable_item *item = arena_alloc(
		&portable->memory,
		sizeof(*item) + kinds[kind].n_fields * sizeof(item->values[0]));

	if (!item)
		return NULL;
	item->kind = kind;
	item->owner = owner;
	item->section = find_section(owner->kind, kind);
	return item;
}

int portable_text(struct portable *portable, struct portable_item *item,
                  unsigned field, struct slice text)
{
	char host[CHECK_HOST_MAX + 1];
	char *copy;

	if (!text.p)
		text = slice_make("", 0);
	if (field_is_host(field_of(item, field)) && host_canonical(text, host))
		text = slice_from(host);
	copy = arena_copy(&portable->memory, text);
	if (!copy)
		return -ENOMEM;
	item->values[field].text = copy;
	item->given |= 1u << field;
	return 0;
}

void portable_number(struct portable_item *item, unsigned field, int64_t number)
{
	item->values[field].number = number;
	item->given |= 1u << field;
}

int portable_labels(struct portable *portable, struct portable_item *item,
                    unsigned field, const struct label *labels, size_t n,
                    struct err *err)
{
	bool several = kinds[item->kind].fields[field].type == FIELD_PARAMS;
	struct portable_sets *node;
	int r;

	if (n == 0)
		return 0;
	node = arena_alloc(&portable->memory, sizeof(*node));
	if (!node)
		return -ENOMEM;
	r = label_set_new(labels, n, several, &node->set, err);
	if (r < 0)
		return r;
	node->next = portable->sets;
	portable->sets = node;
	item->values[field].labels = node->set;
	item->given |= 1u << field;
	return 0;
}

/* --- what makes one unique ------------------------------------------------ */

static void key_field(struct buf *key, const struct portable_item *item,
                      unsigned field)
{
	const struct field *info = &kinds[item->kind].fields[field];

	if (item->section->field == (int)field)
		(void)buf_printf(key, "%p", (const void *)item->owner);
	else if (info->type == FIELD_TEXT || info->type == FIELD_REF)
		(void)buf_puts(key, portable_item_text(item, field));
	else
		(void)buf_printf(key, "%" PRId64,
		                 portable_item_number(item, field));
	(void)buf_putc(key, '\n');
}

/* Empty: it is like no other. */
static void item_key(struct buf *key, const struct portable_item *item)
{
	const struct kind_info *info = &kinds[item->kind];

	if (item->kind == KIND_NOTIFIER &&
	    !(item->given & 1u << NOTIFIER_VALUE))
		return;
	(void)buf_printf(key, "%d\n", (int)item->kind);
	if (item->kind == KIND_FARM) {
		key_field(key, item, FARM_PROJECT);
		return;
	}
	if (item->kind == KIND_NOTIFIER || item->kind == KIND_FILTER)
		(void)buf_printf(key, "%p\n", (const void *)item->owner);
	for (size_t i = 0; i < KIND_KEY_FIELDS && info->keys[0][i] >= 0; i++)
		key_field(key, item, (unsigned)info->keys[0][i]);
}

static void item_link(struct portable *portable, struct portable_item *item)
{
	struct portable_item *owner = item->owner;

	if (owner->last)
		owner->last->next = item;
	else
		owner->first = item;
	owner->last = item;
	if (owner == portable->root)
		portable->sections |= 1u << item->kind;
	portable->n_items++;
}

int portable_add(struct portable *portable, struct portable_item *item,
                 struct portable_item **otherp)
{
	struct portable_item *other;
	struct buf key;
	char *copy;
	int r = 0;

	*otherp = NULL;
	if (portable->n_items >= PORTABLE_MAX_ITEMS)
		return -E2BIG;
	buf_init(&key, KEY_MAX);
	item_key(&key, item);
	r = key.failed;
	other = key.n ? map_get(&portable->by_key, buf_slice(&key)) : NULL;
	if (r == 0 && other) {
		*otherp = other;
		r = -EEXIST;
	} else if (r == 0 && key.n) {
		copy = arena_copy(&portable->memory, buf_slice(&key));
		r = copy ? map_set(&portable->by_key, slice_make(copy, key.n),
		                   item)
		         : -ENOMEM;
	}
	buf_fini(&key);
	if (r == 0)
		item_link(portable, item);
	return r;
}

struct portable_item *portable_join(struct portable *portable,
                                    struct portable_item *item, int *rp)
{
	struct portable_item *other;

	*rp = portable_add(portable, item, &other);
	if (*rp == -EEXIST) {
		*rp = 0;
		return other;
	}
	return *rp == 0 ? item : NULL;
}
