/* SPDX-License-Identifier: Apache-2.0 */
/* The part of import_promgen.h that reads the lists of Promgen's /rest/v2. What
 * an object refers to stands there as a name, as an id, or as an object; each
 * is understood. */
#include "registry/model/import_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include "registry/model/sender.h"

#define MAX_LABELS 64

/* The lists that others refer to. */
struct v2 {
	struct import *import;
	const struct json_t *root;
	struct map services; /* id → struct json_t */
	struct map rules;    /* id → struct json_t */
	struct map items;    /* id of a project → its item */
	struct map names;    /* name of a project → its item */
};

/* --- references ----------------------------------------------------------- */

static int remember(struct v2 *v2, struct map *map, int64_t id,
                    const void *what)
{
	char text[24];
	char *copy;

	(void)snprintf(text, sizeof(text), "%" PRId64, id);
	copy = arena_copy(&v2->import->memory, slice_from(text));
	return copy ? map_set(map, slice_from(copy), (void *)(uintptr_t)what)
	            : -ENOMEM;
}

static void *recall(const struct map *map, int64_t id)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRId64, id);
	return map_get(map, slice_from(text));
}

static int index_list(struct v2 *v2, struct map *map, const char *name)
{
	const struct json_t *list = json_get(v2->root, name);
	int r = 0;

	for (size_t i = 0; r == 0 && i < json_count(list); i++) {
		const struct json_t *one = json_item(list, i);

		r = remember(v2, map, json_as_int(json_get(one, "id"), 0), one);
	}
	return r;
}

/* The name that a reference means; p NULL: none. @map may be NULL. */
static struct slice name_of(const struct json_t *ref, const struct map *map,
                            const char *key)
{
	struct slice text = json_as_text(ref);
	int64_t id = json_as_int(ref, -1);

	if (text.p)
		return text;
	if (json_is_map(ref))
		return json_as_text(json_get(ref, key));
	return map && id >= 0 ? json_as_text(json_get(recall(map, id), key))
	                      : (struct slice){ 0 };
}

/* The project that something is of, by "project_id" or "project". */
static struct portable_item *project_of(struct v2 *v2,
                                        const struct json_t *json)
{
	const struct json_t *project = json_get(json, "project");
	int64_t id = json_as_int(json_get(json, "project_id"), -1);

	if (id < 0)
		id = json_as_int(project, -1);
	if (id < 0)
		id = json_as_int(json_get(project, "id"), -1);
	if (id >= 0)
		return recall(&v2->items, id);
	return map_get(&v2->names, name_of(project, NULL, "name"));
}

static int no_project(struct v2 *v2)
{
	return err_set(v2->import->err, -EINVAL,
	               "its project is not among the projects");
}

/* --- fields --------------------------------------------------------------- */

static int set_text(struct v2 *v2, struct portable_item *item, unsigned field,
                    const struct json_t *value)
{
	struct slice text = json_as_text(value);

	return text.p ? portable_text(v2->import->portable, item, field, text)
	              : 0;
}

static void set_number(struct portable_item *item, unsigned field,
                       const struct json_t *value)
{
	if (!json_is_missing(value))
		portable_number(item, field, json_as_int(value, 0));
}

static void set_flag(struct portable_item *item, unsigned field,
                     const struct json_t *value)
{
	if (!json_is_missing(value))
		portable_number(item, field, json_as_bool(value, false));
}

static int set_owner(struct v2 *v2, struct portable_item *item, unsigned field,
                     const struct json_t *value)
{
	struct slice name = name_of(value, NULL, "username");

	return name.n ? portable_text(v2->import->portable, item, field, name)
	              : 0;
}

/* --- objects -------------------------------------------------------------- */

static int read_shard(struct v2 *v2, const struct json_t *json)
{
	struct portable *portable = v2->import->portable;
	struct portable_item *item;
	int r = import_named(portable, portable->root, KIND_SHARD,
	                     json_as_text(json_get(json, "name")), &item);

	if (r < 0)
		return r;
	set_flag(item, SHARD_PROXY, json_get(json, "proxy"));
	set_flag(item, SHARD_ENABLED, json_get(json, "enabled"));
	set_number(item, SHARD_SAMPLES, json_get(json, "samples"));
	set_number(item, SHARD_TARGETS, json_get(json, "targets"));
	return set_text(v2, item, SHARD_URL, json_get(json, "url"));
}

static int read_probe(struct v2 *v2, const struct json_t *json)
{
	struct portable *portable = v2->import->portable;
	struct portable_item *item;
	int r = import_named(portable, portable->root, KIND_PROBE,
	                     json_as_text(json_get(json, "module")), &item);

	return r < 0 ? r
	             : set_text(v2, item, PROBE_DESCRIPTION,
	                        json_get(json, "description"));
}

static int read_service(struct v2 *v2, const struct json_t *json)
{
	struct portable *portable = v2->import->portable;
	struct portable_item *item;
	int r = import_named(portable, portable->root, KIND_SERVICE,
	                     json_as_text(json_get(json, "name")), &item);

	if (r == 0)
		r = set_text(v2, item, SERVICE_DESCRIPTION,
		             json_get(json, "description"));
	return r < 0 ? r
	             : set_owner(v2, item, SERVICE_OWNER,
	                         json_get(json, "owner"));
}

static int read_project(struct v2 *v2, const struct json_t *json)
{
	const struct json_t *service = json_get(json, "service");
	struct portable_item *item;
	int r;

	if (json_is_missing(service))
		service = json_get(json, "service_id");
	r = import_project(v2->import, name_of(service, &v2->services, "name"),
	                   json_as_text(json_get(json, "name")),
	                   name_of(json_get(json, "shard"), NULL, "name"),
	                   &item);
	if (r == 0)
		r = remember(v2, &v2->items,
		             json_as_int(json_get(json, "id"), 0), item);
	if (r == 0)
		r = map_set(&v2->names,
		            slice_from(item->values[PROJECT_NAME].text), item);
	if (r == 0)
		r = set_text(v2, item, PROJECT_DESCRIPTION,
		             json_get(json, "description"));
	return r < 0 ? r
	             : set_owner(v2, item, PROJECT_OWNER,
	                         json_get(json, "owner"));
}

static int read_farm(struct v2 *v2, const struct json_t *json)
{
	const struct json_t *hosts = json_get(json, "hosts");
	struct portable_item *project = project_of(v2, json);
	struct portable_item *farm, *host;
	int r;

	if (!project)
		return no_project(v2);
	r = import_farm(v2->import, project,
	                json_as_text(json_get(json, "name")),
	                json_as_text(json_get(json, "source")), &farm);
	for (size_t i = 0; r == 0 && i < json_count(hosts); i++) {
		struct slice name = name_of(json_item(hosts, i), NULL, "name");

		if (name.n >= 2 && name.p[0] == '[' &&
		    name.p[name.n - 1] == ']')
			name = slice_make(name.p + 1, name.n - 2);
		r = import_named(v2->import->portable, farm, KIND_HOST, name,
		                 &host);
	}
	return r;
}

static int read_exporter(struct v2 *v2, const struct json_t *json)
{
	struct portable_item *project = project_of(v2, json);
	struct portable_item *item;
	int r;

	if (!project)
		return no_project(v2);
	item = portable_item(v2->import->portable, project, KIND_EXPORTER);
	if (!item)
		return -ENOMEM;
	set_number(item, EXPORTER_PORT, json_get(json, "port"));
	set_flag(item, EXPORTER_ENABLED, json_get(json, "enabled"));
	r = set_text(v2, item, EXPORTER_JOB, json_get(json, "job"));
	if (r == 0)
		r = set_text(v2, item, EXPORTER_PATH, json_get(json, "path"));
	if (r == 0)
		r = set_text(v2, item, EXPORTER_SCHEME,
		             json_get(json, "scheme"));
	if (r == 0)
		(void)portable_join(v2->import->portable, item, &r);
	return r;
}

static int read_url(struct v2 *v2, const struct json_t *json)
{
	struct portable_item *project = project_of(v2, json);

	if (!project)
		return no_project(v2);
	return import_url(v2->import, project,
	                  json_as_text(json_get(json, "url")),
	                  name_of(json_get(json, "probe"), NULL, "module"));
}

/* Whose a rule or notifier is; the document itself: nobody's. NULL: of
 * something that is not among the lists. */
static int find_owner(struct v2 *v2, const struct json_t *json,
                      struct portable_item **ownerp)
{
	struct portable *portable = v2->import->portable;
	const char *type = json_as_string(json_get(json, "content_type"));
	int64_t id = json_as_int(json_get(json, "object_id"), -1);
	struct slice name;

	*ownerp = NULL;
	if (strstr(type, "project")) {
		*ownerp = recall(&v2->items, id);
		return 0;
	}
	if (strstr(type, "site")) {
		*ownerp = portable->root;
		return 0;
	}
	name = json_as_text(json_get(recall(&v2->services, id), "name"));
	if (!strstr(type, "service") || !name.n)
		return 0;
	return import_named(portable, portable->root, KIND_SERVICE, name,
	                    ownerp);
}

static int set_labels(struct v2 *v2, struct portable_item *item, unsigned field,
                      const struct json_t *labels)
{
	struct label items[MAX_LABELS];
	struct json_member member = { 0 };
	size_t n = 0;

	while (json_next_member(labels, &member)) {
		struct slice name = slice_from(member.name);
		struct slice value = json_as_text(member.value);

		if (field == RULE_LABELS &&
		    (slice_is(name, "service") || slice_is(name, "project")))
			continue;
		if (field == RULE_ANNOTATIONS && slice_is(name, "rule"))
			continue;
		if (n == MAX_LABELS)
			return err_set(v2->import->err, -EINVAL,
			               "has more than %d labels", MAX_LABELS);
		if (!value.p)
			return err_set(v2->import->err, -EINVAL,
			               "its label %.64s is no text",
			               member.name);
		items[n++] = (struct label){ name, value };
	}
	return import_labels(v2->import, item, field, items, n);
}

static int read_rule(struct v2 *v2, const struct json_t *json)
{
	struct slice parent =
		name_of(json_get(json, "parent"), &v2->rules, "name");
	struct portable_item *owner, *item;
	int r = find_owner(v2, json, &owner);

	if (r < 0)
		return r;
	if (!owner)
		return err_set(v2->import->err, -EINVAL,
		               "whose it is, is not among the lists");
	item = portable_item(v2->import->portable, owner, KIND_RULE);
	if (!item)
		return -ENOMEM;
	set_flag(item, RULE_ENABLED, json_get(json, "enabled"));
	r = set_text(v2, item, RULE_NAME, json_get(json, "name"));
	if (r == 0)
		r = set_text(v2, item, RULE_CLAUSE, json_get(json, "clause"));
	if (r == 0)
		r = set_text(v2, item, RULE_DURATION,
		             json_get(json, "duration"));
	if (r == 0)
		r = set_text(v2, item, RULE_DESCRIPTION,
		             json_get(json, "description"));
	if (r == 0 && parent.n)
		r = portable_text(v2->import->portable, item, RULE_PARENT,
		                  parent);
	if (r == 0)
		r = set_labels(v2, item, RULE_LABELS, json_get(json, "labels"));
	if (r == 0)
		r = set_labels(v2, item, RULE_ANNOTATIONS,
		               json_get(json, "annotations"));
	if (r == 0)
		(void)portable_join(v2->import->portable, item, &r);
	return r;
}

static int read_filters(struct v2 *v2, struct portable_item *notifier,
                        const struct json_t *filters)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < json_count(filters); i++) {
		const struct json_t *json = json_item(filters, i);
		struct portable_item *item = portable_item(
			v2->import->portable, notifier, KIND_FILTER);

		if (!item)
			return -ENOMEM;
		r = set_text(v2, item, FILTER_NAME, json_get(json, "name"));
		if (r == 0)
			r = set_text(v2, item, FILTER_VALUE,
			             json_get(json, "value"));
		if (r == 0)
			(void)portable_join(v2->import->portable, item, &r);
	}
	return r;
}

static void leave_out(struct v2 *v2, const struct json_t *json,
                      const struct portable_item *owner, const char *why)
{
	const char *alias = json_as_string(json_get(json, "alias"));
	char title[OBJECT_TITLE_MAX];

	(void)buf_printf(
		v2->import->notes, "left out: notifier %s%s%s%s%s: %s\n",
		json_as_string(json_get(json, "sender")), alias[0] ? " " : "",
		alias, owner && owner->kind < N_KINDS ? " of " : "",
		owner && owner->kind < N_KINDS
			? portable_item_title(owner, title)
			: "",
		why);
}

/* Is it one that we can have? Promgen does not tell the value of one with an
 * alias; it has senders that we do not have, and values that nobody looked
 * at. */
static bool is_usable(struct v2 *v2, const struct json_t *json,
                      const struct portable_item *owner)
{
	const char *value = json_as_string(json_get(json, "value"));
	struct err err = { 0 };

	if (!owner)
		leave_out(v2, json, owner, "it is a person's own");
	else if (!value[0])
		leave_out(v2, json, owner,
		          "Promgen does not tell where it goes; make it anew");
	else if (sender_check(json_as_string(json_get(json, "sender")), value,
	                      &err) < 0)
		leave_out(v2, json, owner, err.message);
	else
		return true;
	return false;
}

static int read_notifier(struct v2 *v2, const struct json_t *json)
{
	struct portable_item *owner, *item;
	int r = find_owner(v2, json, &owner);

	if (r < 0 || !is_usable(v2, json, owner))
		return r;
	item = portable_item(v2->import->portable, owner, KIND_NOTIFIER);
	if (!item)
		return -ENOMEM;
	set_flag(item, NOTIFIER_ENABLED, json_get(json, "enabled"));
	r = set_text(v2, item, NOTIFIER_SENDER, json_get(json, "sender"));
	if (r == 0)
		r = set_text(v2, item, NOTIFIER_VALUE, json_get(json, "value"));
	if (r == 0)
		r = set_text(v2, item, NOTIFIER_ALIAS, json_get(json, "alias"));
	if (r == 0)
		r = set_owner(v2, item, NOTIFIER_OWNER,
		              json_get(json, "owner"));
	if (r == 0)
		item = portable_join(v2->import->portable, item, &r);
	return r < 0 ? r : read_filters(v2, item, json_get(json, "filters"));
}

/* --- lists ---------------------------------------------------------------- */

static const struct {
	const char *list;
	const char *one;
	int (*read)(struct v2 *v2, const struct json_t *json);
} lists[] = {
	{ "shards", "shard", read_shard },
	{ "probes", "probe", read_probe },
	{ "services", "service", read_service },
	{ "projects", "project", read_project },
	{ "farms", "farm", read_farm },
	{ "exporters", "exporter", read_exporter },
	{ "urls", "url", read_url },
	{ "rules", "rule", read_rule },
	{ "notifiers", "notifier", read_notifier },
};

static int read_list(struct v2 *v2, size_t at)
{
	const struct json_t *list = json_get(v2->root, lists[at].list);
	int r = 0;

	if (!json_is_missing(list) && !json_is_list(list))
		return err_set(
			v2->import->err, -EINVAL,
			"\"%s\" must be a list, of what all pages have as "
			"their results",
			lists[at].list);
	for (size_t i = 0; r == 0 && i < json_count(list); i++) {
		r = lists[at].read(v2, json_item(list, i));
		if (r == -EINVAL)
			err_wrap(v2->import->err, "%s %zu", lists[at].one,
			         i + 1);
	}
	return r;
}

int import_v2(struct import *import, const struct json_t *root)
{
	struct v2 v2 = { .import = import, .root = root };
	int r;

	map_init(&v2.services, 0);
	map_init(&v2.rules, 0);
	map_init(&v2.items, 0);
	map_init(&v2.names, 0);
	r = index_list(&v2, &v2.services, "services");
	if (r == 0)
		r = index_list(&v2, &v2.rules, "rules");
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(lists); i++)
		r = read_list(&v2, i);
	map_fini(&v2.services);
	map_fini(&v2.rules);
	map_fini(&v2.items);
	map_fini(&v2.names);
	return r;
}
