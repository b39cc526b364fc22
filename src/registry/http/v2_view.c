/* SPDX-License-Identifier: Apache-2.0 */
/*
 * v2_view: objects as Promgen's second API shows them, with what we have beside
 * that. What is not here is its id and its fields.
 */
#include "registry/http/v2.h"

#include "proto/timestamp.h"
#include "registry/http/workers.h"

#define MASK "******"

/* --- fields --------------------------------------------------------------- */

static void write_text(struct json_writer *json, const struct field *field,
                       const char *text)
{
	json_write_string(
		json, (field->flags & FIELD_SECRET) && text[0] ? MASK : text);
}

static void write_time(struct json_writer *json, int64_t seconds)
{
	char text[TIMESTAMP_TEXT_MAX];

	if (seconds)
		json_write_string(json, timestamp_format(seconds * 1000, text));
	else
		json_write_null(json);
}

void v2_write_field(struct json_writer *json, const struct object *object,
                    unsigned nth)
{
	const struct field *field = &kinds[object_kind(object)].fields[nth];
	const struct object *to;

	json_write_key(json, field->name);
	switch (field->type) {
	case FIELD_TEXT:
		write_text(json, field, object_text(object, nth));
		return;
	case FIELD_NUMBER:
		json_write_i64(json, object_number(object, nth));
		return;
	case FIELD_FLAG:
		json_write_bool(json, object_number(object, nth) != 0);
		return;
	case FIELD_TIME:
		write_time(json, object_number(object, nth));
		return;
	case FIELD_REF:
		to = object_ref(object, nth);
		if (to)
			json_write_u64(json, object_id(to));
		else
			json_write_null(json);
		return;
	case FIELD_LABELS:
	case FIELD_PARAMS:
		label_set_write(json, object_labels(object, nth),
		                field->type == FIELD_PARAMS);
	}
}

static void write_id(struct json_writer *json, const struct object *object)
{
	json_write_key(json, "id");
	json_write_u64(json, object_id(object));
}

static void write_number(struct json_writer *json, const char *key, uint64_t n)
{
	json_write_key(json, key);
	json_write_u64(json, n);
}

static void write_fields(struct json_writer *json,
                         const struct registry_viewer *viewer,
                         const struct object *object)
{
	write_id(json, object);
	object_write(json, object_kind(object), object_values(object),
	             viewer->reach < SCOPE_ADMIN);
}

/* --- whose a rule or notifier is ------------------------------------------- */

/* As Django names what something hangs on. */
static void write_content(struct json_writer *json,
                          const struct object *service,
                          const struct object *project)
{
	const struct object *owner = project ? project : service;

	json_write_key(json, "content_type");
	json_write_string(json, project   ? "project"
	                        : service ? "service"
	                                  : "site");
	json_write_key(json, "content_name");
	json_write_string(json, project   ? object_text(project, PROJECT_NAME)
	                        : service ? object_text(service, SERVICE_NAME)
	                                  : NULL);
	write_number(json, "object_id", owner ? object_id(owner) : 1);
}

static void write_rule(struct json_writer *json,
                       const struct registry_viewer *viewer,
                       const struct object *rule)
{
	(void)viewer;
	write_id(json, rule);
	write_content(json, object_ref(rule, RULE_SERVICE),
	              object_ref(rule, RULE_PROJECT));
	for (unsigned i = 0; i < N_RULE_FIELDS; i++) {
		if (i != RULE_SERVICE && i != RULE_PROJECT)
			v2_write_field(json, rule, i);
	}
}

static void write_filters(struct json_writer *json,
                          const struct object *notifier)
{
	json_write_key(json, "filters");
	json_write_array(json);
	OBJECT_FOR_EACH(filter, notifier, KIND_FILTER, FILTER_NOTIFIER)
	{
		json_write_object(json);
		write_id(json, filter);
		v2_write_field(json, filter, FILTER_NAME);
		v2_write_field(json, filter, FILTER_OPERATOR);
		v2_write_field(json, filter, FILTER_VALUE);
		json_write_object_end(json);
	}
	json_write_array_end(json);
}

/* One that has an alias is known by that; its address is not shown at all. */
static void write_address(struct json_writer *json,
                          const struct registry_viewer *viewer,
                          const struct object *notifier)
{
	json_write_key(json, "value");
	if (object_text(notifier, NOTIFIER_ALIAS)[0])
		json_write_null(json);
	else
		json_write_string(
			json, viewer->reach >= SCOPE_WRITE
				      ? object_text(notifier, NOTIFIER_VALUE)
				      : MASK);
}

static void write_notifier(struct json_writer *json,
                           const struct registry_viewer *viewer,
                           const struct object *notifier)
{
	write_id(json, notifier);
	write_content(json, object_ref(notifier, NOTIFIER_SERVICE),
	              object_ref(notifier, NOTIFIER_PROJECT));
	for (unsigned i = 0; i < N_NOTIFIER_FIELDS; i++) {
		if (i == NOTIFIER_SERVICE || i == NOTIFIER_PROJECT)
			continue;
		if (i == NOTIFIER_VALUE)
			write_address(json, viewer, notifier);
		else
			v2_write_field(json, notifier, i);
	}
	write_filters(json, notifier);
}

/* --- the others ------------------------------------------------------------ */

static uint64_t n_combinations(const struct object *exporter)
{
	const struct label_set *params =
		object_labels(exporter, EXPORTER_PARAMS);
	uint64_t product = 1;
	uint64_t run = 0;

	for (uint32_t i = 0; params && i < params->n; i++) {
		run++;
		if (i + 1 < params->n && slice_equal(params->items[i].name,
		                                     params->items[i + 1].name))
			continue;
		product *= run;
		run = 0;
	}
	return product;
}

/* How much there is to scrape of it. */
static uint64_t n_targets(const struct object *project)
{
	uint64_t n = object_n_children(project, KIND_URL, URL_PROJECT);
	const struct object *farm =
		object_child(project, KIND_FARM, FARM_PROJECT, NULL);
	uint64_t n_hosts =
		farm ? object_n_children(farm, KIND_HOST, HOST_FARM) : 0;

	OBJECT_FOR_EACH(exporter, project, KIND_EXPORTER, EXPORTER_PROJECT)
	{
		if (object_number(exporter, EXPORTER_ENABLED))
			n += n_hosts * n_combinations(exporter);
	}
	return n;
}

static void write_shard(struct json_writer *json,
                        const struct registry_viewer *viewer,
                        const struct object *shard)
{
	uint64_t n = 0;

	OBJECT_FOR_EACH(project, shard, KIND_PROJECT, PROJECT_SHARD)
	n += n_targets(project);
	OBJECT_FOR_EACH(node, shard, KIND_NODE, NODE_SHARD)
	n += object_number(node, NODE_DELETED) == 0;
	write_fields(json, viewer, shard);
	write_number(json, "targets_count", n);
	json_write_key(json, "samples_count");
	json_write_null(json);
}

/* How far its worker is; not known inside an edit. */
static void write_server(struct json_writer *json,
                         const struct registry_viewer *viewer,
                         const struct object *server)
{
	write_fields(json, viewer, server);
	json_write_key(json, "status");
	if (!viewer->registry) {
		json_write_null(json);
		return;
	}
	json_write_object(json);
	registry_server_write(viewer->registry, json, server);
	json_write_object_end(json);
}

static void write_farm(struct json_writer *json,
                       const struct registry_viewer *viewer,
                       const struct object *farm)
{
	write_fields(json, viewer, farm);
	json_write_key(json, "remote");
	json_write_bool(json, strcmp(object_text(farm, FARM_SOURCE),
	                             V2_LOCAL_SOURCE) != 0);
}

static void write_token(struct json_writer *json,
                        const struct registry_viewer *viewer,
                        const struct object *token)
{
	(void)viewer;
	write_id(json, token);
	for (unsigned i = 0; i < N_TOKEN_FIELDS; i++) {
		if (i != TOKEN_HASH)
			v2_write_field(json, token, i);
	}
}

static void write_nested(struct json_writer *json, const char *key,
                         const struct registry_viewer *viewer,
                         const struct object *object)
{
	json_write_key(json, key);
	if (object)
		v2_write_row(json, viewer, object);
	else
		json_write_null(json);
}

static void write_project(struct json_writer *json,
                          const struct registry_viewer *viewer,
                          const struct object *project)
{
	write_id(json, project);
	v2_write_field(json, project, PROJECT_NAME);
	v2_write_field(json, project, PROJECT_DESCRIPTION);
	v2_write_field(json, project, PROJECT_OWNER);
	json_write_key(json, "owner_id");
	json_write_null(json);
	v2_write_field(json, project, PROJECT_LABELS);
	write_nested(json, "service", viewer,
	             object_ref(project, PROJECT_SERVICE));
	write_nested(json, "shard", viewer, object_ref(project, PROJECT_SHARD));
	write_nested(json, "farm", viewer,
	             object_child(project, KIND_FARM, FARM_PROJECT, NULL));
}

static void (*const writers[N_KINDS])(struct json_writer *json,
                                      const struct registry_viewer *viewer,
                                      const struct object *object) = {
	[KIND_SHARD] = write_shard,       [KIND_SERVER] = write_server,
	[KIND_RULE] = write_rule,         [KIND_FARM] = write_farm,
	[KIND_NOTIFIER] = write_notifier, [KIND_TOKEN] = write_token,
};

void v2_write_row(struct json_writer *json,
                  const struct registry_viewer *viewer,
                  const struct object *object)
{
	enum kind kind = object_kind(object);

	json_write_object(json);
	if (writers[kind])
		writers[kind](json, viewer, object);
	else
		write_fields(json, viewer, object);
	json_write_object_end(json);
}

void v2_write(struct json_writer *json, const struct registry_viewer *viewer,
              const struct object *object)
{
	if (object_kind(object) != KIND_PROJECT) {
		v2_write_row(json, viewer, object);
		return;
	}
	json_write_object(json);
	write_project(json, viewer, object);
	json_write_object_end(json);
}

const char *const *v2_told_members(enum kind kind)
{
	static const char *const of_shards[] = { "targets_count",
		                                 "samples_count", NULL };
	static const char *const of_servers[] = { "status", NULL };

	return kind == KIND_SHARD    ? of_shards
	       : kind == KIND_SERVER ? of_servers
	                             : NULL;
}
