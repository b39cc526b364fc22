/* SPDX-License-Identifier: Apache-2.0 */
/* v1_view: objects as Promgen's first API shows them. */
#include "registry/http/v1.h"

#include "base/number.h"

enum kind v1_kind(const struct registry_route *route)
{
	struct slice rest = slice_from(route->pattern);
	enum kind kind = N_KINDS;
	struct slice part;

	while (slice_next(&rest, '/', &part)) {
		if (kind_find(part, &kind))
			break;
	}
	return kind;
}

struct object *v1_find(const struct model *model, enum kind kind,
                       const char *name)
{
	uint64_t id;

	if (kind != KIND_FARM)
		return model_find_name(model, kind, name);
	return number_parse_u64(slice_from(name), &id) == 0
	               ? model_find(model, kind, id)
	               : NULL;
}

/* Where more of it is; the reference has a page for people there. */
static void write_link(struct json_writer *json, const char *key,
                       const struct object *object, const char *origin)
{
	char url[1024];

	(void)snprintf(url, sizeof(url), "%s/rest/v2/%s/%llu", origin,
	               kinds[object_kind(object)].plural,
	               (unsigned long long)object_id(object));
	json_write_key(json, key);
	json_write_string(json, url);
}

static void write_text(struct json_writer *json, const char *key,
                       const struct object *object, unsigned field)
{
	json_write_key(json, key);
	json_write_string(json, object_text(object, field));
}

static void write_flag(struct json_writer *json, const char *key,
                       const struct object *object, unsigned field)
{
	json_write_key(json, key);
	json_write_bool(json, object_number(object, field) != 0);
}

static void write_number(struct json_writer *json, const char *key,
                         int64_t number)
{
	json_write_key(json, key);
	json_write_i64(json, number);
}

static void write_shard(struct json_writer *json, const struct object *shard,
                        const char *origin)
{
	write_link(json, "html", shard, origin);
	write_text(json, "name", shard, SHARD_NAME);
	write_text(json, "url", shard, SHARD_URL);
	write_flag(json, "proxy", shard, SHARD_PROXY);
	write_flag(json, "enabled", shard, SHARD_ENABLED);
	write_number(json, "samples", object_number(shard, SHARD_SAMPLES));
	write_number(json, "targets", object_number(shard, SHARD_TARGETS));
}

static void write_service(struct json_writer *json,
                          const struct object *service, const char *origin)
{
	write_text(json, "owner", service, SERVICE_OWNER);
	write_link(json, "html", service, origin);
	write_text(json, "name", service, SERVICE_NAME);
	write_text(json, "description", service, SERVICE_DESCRIPTION);
}

static void write_project(struct json_writer *json,
                          const struct object *project, const char *origin)
{
	write_text(json, "owner", project, PROJECT_OWNER);
	write_text(json, "service", object_ref(project, PROJECT_SERVICE),
	           SERVICE_NAME);
	write_link(json, "html", project, origin);
	write_text(json, "name", project, PROJECT_NAME);
	write_text(json, "description", project, PROJECT_DESCRIPTION);
}

static void write_hosts(struct json_writer *json, const struct object *farm,
                        const char *origin)
{
	json_write_key(json, "hosts");
	json_write_array(json);
	OBJECT_FOR_EACH(host, farm, KIND_HOST, HOST_FARM)
	{
		json_write_object(json);
		write_link(json, "url", host, origin);
		write_text(json, "name", host, HOST_NAME);
		json_write_object_end(json);
	}
	json_write_array_end(json);
}

static void write_farm(struct json_writer *json, const struct object *farm,
                       const char *origin, bool hosts)
{
	write_number(json, "id", (int64_t)object_id(farm));
	write_link(json, "url", farm, origin);
	write_text(json, "name", farm, FARM_NAME);
	write_text(json, "source", farm, FARM_SOURCE);
	write_number(json, "project",
	             (int64_t)object_id(object_ref(farm, FARM_PROJECT)));
	if (hosts)
		write_hosts(json, farm, origin);
}

/* One that has an alias is known by that; its address is not shown at all. */
static void write_address(struct json_writer *json,
                          const struct registry_viewer *viewer,
                          const struct object *notifier)
{
	const char *alias = object_text(notifier, NOTIFIER_ALIAS);
	const char *value = viewer->reach >= SCOPE_WRITE
	                            ? object_text(notifier, NOTIFIER_VALUE)
	                            : "******";

	json_write_key(json, "label");
	json_write_string(json, alias[0] ? alias : value);
	json_write_key(json, "value");
	json_write_string(json, alias[0] ? NULL : value);
	json_write_key(json, "alias");
	json_write_string(json, alias);
}

static void write_notifier(struct json_writer *json,
                           const struct registry_viewer *viewer,
                           const struct object *notifier)
{
	const struct object *service = object_ref(notifier, NOTIFIER_SERVICE);
	const struct object *project = object_ref(notifier, NOTIFIER_PROJECT);

	write_number(json, "id", (int64_t)object_id(notifier));
	write_text(json, "owner", notifier, NOTIFIER_OWNER);
	write_text(json, "sender", notifier, NOTIFIER_SENDER);
	write_address(json, viewer, notifier);
	write_number(json, "object_id",
	             (int64_t)object_id(project ? project : service));
	write_flag(json, "enabled", notifier, NOTIFIER_ENABLED);
	json_write_key(json, "content_type");
	json_write_string(json, project ? "project" : "service");
}

void v1_write(struct json_writer *json, const struct registry_viewer *viewer,
              const struct object *object, const char *origin, bool hosts)
{
	json_write_object(json);
	switch ((int)object_kind(object)) {
	case KIND_SHARD:
		write_shard(json, object, origin);
		break;
	case KIND_SERVICE:
		write_service(json, object, origin);
		break;
	case KIND_PROJECT:
		write_project(json, object, origin);
		break;
	case KIND_NOTIFIER:
		write_notifier(json, viewer, object);
		break;
	default:
		write_farm(json, object, origin, hosts);
	}
	json_write_object_end(json);
}
