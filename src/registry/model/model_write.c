/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "proto/timestamp.h"
#include "registry/model/model_private.h"

#define PIECE_MAX 80 /* bytes of a name within a title */

static const char *name_of(const struct object *object)
{
	return object->values[kinds[object->kind].keys[0][0]].text;
}

/* " of service NAME", or nothing. */
static void put_owner(char *out, size_t size, const struct object *service,
                      const struct object *project)
{
	const struct object *owner = project ? project : service;

	out[0] = '\0';
	if (owner)
		(void)snprintf(out, size, " of %s %.*s",
		               kinds[owner->kind].name, PIECE_MAX,
		               name_of(owner));
}

static void put_address(char *out, size_t size, const char *host, int64_t port)
{
	(void)snprintf(out, size,
	               strchr(host, ':') ? "[%.*s]:%" PRId64 : "%.*s:%" PRId64,
	               PIECE_MAX, host, port);
}

/* What stands behind the kind's name. */
static void put_title(const struct object *object, char *out, size_t size)
{
	const union value *values = object->values;
	char owner[2 * PIECE_MAX] = "";
	char address[2 * PIECE_MAX];

	switch (object->kind) {
	case KIND_SERVER:
		put_address(out, size, values[SERVER_HOST].text,
		            values[SERVER_PORT].number);
		return;
	case KIND_FARM:
		put_owner(owner, sizeof(owner), NULL,
		          values[FARM_PROJECT].object);
		break;
	case KIND_HOST:
		put_owner(
			owner, sizeof(owner), NULL,
			values[HOST_FARM].object->values[FARM_PROJECT].object);
		break;
	case KIND_EXPORTER:
		put_owner(owner, sizeof(owner), NULL,
		          values[EXPORTER_PROJECT].object);
		(void)snprintf(out, size, "%.*s:%" PRId64 "%.40s%s", PIECE_MAX,
		               values[EXPORTER_JOB].text,
		               values[EXPORTER_PORT].number,
		               values[EXPORTER_PATH].text, owner);
		return;
	case KIND_DEFAULT_EXPORTER:
		(void)snprintf(out, size, "%.*s:%" PRId64 "%.80s", PIECE_MAX,
		               values[DEFAULT_EXPORTER_JOB].text,
		               values[DEFAULT_EXPORTER_PORT].number,
		               values[DEFAULT_EXPORTER_PATH].text);
		return;
	case KIND_URL:
		put_owner(owner, sizeof(owner), NULL,
		          values[URL_PROJECT].object);
		break;
	case KIND_RULE:
		put_owner(owner, sizeof(owner), values[RULE_SERVICE].object,
		          values[RULE_PROJECT].object);
		break;
	case KIND_NOTIFIER:
		put_owner(owner, sizeof(owner), values[NOTIFIER_SERVICE].object,
		          values[NOTIFIER_PROJECT].object);
		(void)snprintf(out, size, "%.*s%s", PIECE_MAX,
		               values[NOTIFIER_ALIAS].text[0]
		                       ? values[NOTIFIER_ALIAS].text
		                       : values[NOTIFIER_SENDER].text,
		               owner);
		return;
	case KIND_FILTER:
		(void)snprintf(out, size, "%.*s%s%.*s", PIECE_MAX,
		               values[FILTER_NAME].text,
		               values[FILTER_OPERATOR].text, PIECE_MAX,
		               values[FILTER_VALUE].text);
		return;
	case KIND_NODE:
		put_address(address, sizeof(address), values[NODE_IP].text,
		            values[NODE_PORT].number);
		(void)snprintf(out, size, "%s%s", address,
		               values[NODE_DELETED].number ? " (deleted)" : "");
		return;
	case KIND_SHARD:
	case KIND_SERVICE:
	case KIND_PROJECT:
	case KIND_PROBE:
	case KIND_TOKEN:
	case N_KINDS:
		break;
	}
	(void)snprintf(out, size, "%.*s%s", PIECE_MAX,
	               object->kind == KIND_FARM ? values[FARM_NAME].text
	                                         : name_of(object),
	               owner);
}

const char *object_title(const struct object *object, char *out)
{
	const char *kind = kinds[object->kind].name;
	int n = snprintf(out, OBJECT_TITLE_MAX, "%s ",
	                 object->kind == KIND_DEFAULT_EXPORTER
	                         ? "default exporter"
	                         : kind);

	put_title(object, out + n, OBJECT_TITLE_MAX - (size_t)n);
	return out;
}

/* --- JSON ----------------------------------------------------------------- */

static void write_ref(struct json_writer *json, const char *name,
                      const struct object *object)
{
	char id_name[64];

	json_write_key(json, name);
	if (object)
		json_write_string(json,
		                  object->kind == KIND_FARM
		                          ? object->values[FARM_NAME].text
		                  : object->kind == KIND_NOTIFIER
		                          ? object->values[NOTIFIER_SENDER].text
		                          : name_of(object));
	else
		json_write_null(json);
	(void)snprintf(id_name, sizeof(id_name), "%s_id", name);
	json_write_key(json, id_name);
	if (object)
		json_write_u64(json, object->id);
	else
		json_write_null(json);
}

static void write_value(struct json_writer *json, const struct field *field,
                        union value value, bool masked)
{
	char text[TIMESTAMP_TEXT_MAX];

	switch (field->type) {
	case FIELD_TEXT:
		masked = masked && (field->flags & FIELD_SECRET) &&
		         value.text[0];
		json_write_string(json, masked ? "******" : value.text);
		break;
	case FIELD_FLAG:
		json_write_bool(json, value.number != 0);
		break;
	case FIELD_TIME:
		json_write_string(
			json, value.number ? timestamp_format(
						     value.number * 1000, text)
					   : NULL);
		break;
	case FIELD_LABELS:
	case FIELD_PARAMS:
		label_set_write(json, value.labels,
		                field->type == FIELD_PARAMS);
		break;
	case FIELD_NUMBER:
	case FIELD_REF: /* seen to by write_ref() */
		json_write_i64(json, value.number);
		break;
	}
}

void object_write(struct json_writer *json, enum kind kind,
                  const union value *values, bool masked)
{
	for (unsigned i = 0; i < kinds[kind].n_fields; i++) {
		const struct field *field = &kinds[kind].fields[i];

		if (field_is_ref(field)) {
			write_ref(json, field->name, values[i].object);
			continue;
		}
		json_write_key(json, field->name);
		write_value(json, field, values[i], masked);
	}
}
