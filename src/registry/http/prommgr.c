/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prommgr: its three paths, with its keys, each also with ".json" behind it.
 * Who is deleted is kept, and its address can be added again.
 * https://github.com/vpetersson/prommgr (prommgr/api)
 */
#include "registry/http/routes.h"

#include <errno.h>
#include <stdlib.h>
#include "base/number.h"
#include "proto/timestamp.h"
#include "registry/model/assign.h"
#include "registry/model/check.h"

#define EXISTS                                                       \
	"[\"A server with this IP already exists.Please delete the " \
	"old one first.\"]"
#define PART_MAX 256 /* bytes of an address in a path */

static void write_time(struct json_writer *json, const char *key,
                       const struct object *node, unsigned field)
{
	char text[TIMESTAMP_TEXT_MAX];

	json_write_key(json, key);
	json_write_string(
		json,
		timestamp_format(object_number(node, field) * 1000, text));
}

static void write_server(struct json_writer *json, const struct object *node)
{
	json_write_object(json);
	json_write_key(json, "comment");
	json_write_string(json, object_text(node, NODE_COMMENT));
	write_time(json, "created_at", node, NODE_CREATED_AT);
	json_write_key(json, "deleted");
	json_write_bool(json, object_number(node, NODE_DELETED) != 0);
	json_write_key(json, "id");
	json_write_u64(json, object_id(node));
	json_write_key(json, "server_ip");
	json_write_string(json, object_text(node, NODE_IP));
	json_write_key(json, "server_port");
	json_write_i64(json, object_number(node, NODE_PORT));
	write_time(json, "updated_at", node, NODE_UPDATED_AT);
	json_write_object_end(json);
}

/* --- looking -------------------------------------------------------------- */

/* The parameter of the path, without a format at its end. False: it cannot be
 * one. */
static bool read_part(const char *text, char *out)
{
	struct slice part = slice_from(text);

	if (part.n > 5 && slice_is(slice_skip(part, part.n - 5), ".json"))
		part.n -= 5;
	if (part.n >= PART_MAX)
		return false;
	memcpy(out, part.p, part.n);
	out[part.n] = '\0';
	return true;
}

static struct object *find_by_id(const struct model *model, const char *text)
{
	char part[PART_MAX];
	uint64_t id;

	return read_part(text, part) &&
	                       number_parse_u64(slice_from(part), &id) == 0
	               ? model_find(model, KIND_NODE, id)
	               : NULL;
}

/* Who has the address now, else who had it last. */
static struct object *find_by_ip(const struct model *model, const char *text)
{
	char part[PART_MAX], ip[CHECK_HOST_MAX + 1];
	struct object *found;

	if (!read_part(text, part) || !host_canonical(slice_from(part), ip))
		return NULL;
	found = model_find_key(model, KIND_NODE, 0,
	                       &(union value){ .text = ip });
	if (found)
		return found;
	MODEL_FOR_EACH(node, model, KIND_NODE)
	{
		if (strcmp(object_text(node, NODE_IP), ip) == 0)
			found = node;
	}
	return found;
}

static void answer_one(struct registry_call *call, const struct object *node)
{
	struct json_writer json;
	struct buf body;

	if (!node) {
		call_refuse(call, 404, "Not found.");
		return;
	}
	buf_init(&body, REGISTRY_ANSWER_MAX);
	json_write_init(&json, &body);
	write_server(&json, node);
	call_answer(call, 200, &body);
}

static void get(struct registry_call *call)
{
	answer_one(call,
	           find_by_id(registry_model(call->registry), call->params[0]));
}

static void get_by_ip(struct registry_call *call)
{
	answer_one(call,
	           find_by_ip(registry_model(call->registry), call->params[0]));
}

/* --- lists ---------------------------------------------------------------- */

/* The latest first, as they were made. */
static int by_age(const void *a, const void *b)
{
	const struct object *one = *(const struct object *const *)a;
	const struct object *two = *(const struct object *const *)b;
	int64_t made = object_number(one, NODE_CREATED_AT);
	int64_t other = object_number(two, NODE_CREATED_AT);

	if (made != other)
		return made < other ? 1 : -1;
	return object_id(one) < object_id(two) ? 1 : -1;
}

static void list(struct registry_call *call)
{
	const struct model *model = registry_model(call->registry);
	struct json_writer json;
	struct buf found, body;
	size_t n;

	buf_init(&found, kinds[KIND_NODE].max * sizeof(struct object *));
	buf_init(&body, REGISTRY_ANSWER_MAX);
	MODEL_FOR_EACH(node, model, KIND_NODE)
	{
		if (!object_number(node, NODE_DELETED))
			(void)buf_append(&found, &node, sizeof(node));
	}
	n = found.n / sizeof(struct object *);
	if (n)
		qsort(found.p, n, sizeof(struct object *), by_age);
	json_write_init(&json, &body);
	json_write_array(&json);
	for (size_t i = 0; i < n; i++) {
		struct object *node;

		memcpy(&node, found.p + i * sizeof(node), sizeof(node));
		write_server(&json, node);
	}
	json_write_array_end(&json);
	if (found.failed)
		body.failed = found.failed;
	buf_fini(&found);
	call_answer(call, 200, &body);
}

/* --- editing -------------------------------------------------------------- */

static const struct {
	const char *name; /* prommgr's */
	unsigned field;
} members[] = {
	{ "server_ip", NODE_IP },
	{ "server_port", NODE_PORT },
	{ "comment", NODE_COMMENT },
	{ "shard", NODE_SHARD }, /* ours */
};

static const char *member_of(int field)
{
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		if ((int)members[i].field == field)
			return members[i].name;
	}
	return NULL;
}

static int create_of(struct call_edit *edit, struct model_tx *tx,
                     struct assignments *given, struct err *err)
{
	struct object *shard;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(members); i++) {
		const struct json_t *value =
			json_get(edit->body, members[i].name);

		if (!json_is_missing(value))
			rc = assign_member(given, model_of(tx), KIND_NODE,
			                   members[i].field, value);
	}
	if (rc < 0) {
		*err = given->err;
		edit->field = member_of(given->bad_field);
		return rc == -ENOENT ? -EINVAL : rc;
	}
	if (json_is_missing(json_get(edit->body, "shard"))) {
		rc = model_default_shard(tx, &shard, err);
		if (rc == 0)
			assign_ref(given, NODE_SHARD, shard);
	}
	if (rc == 0) {
		rc = model_create(tx, KIND_NODE, given->items, given->n,
		                  &edit->edited, err);
		edit->field = rc < 0 ? member_of(model_bad_field(tx)) : NULL;
	}
	return rc;
}

static int apply_create(struct call_edit *edit, struct model_tx *tx,
                        struct err *err)
{
	struct assignments given;
	int rc;

	assignments_init(&given);
	rc = create_of(edit, tx, &given, err);
	assignments_fini(&given);
	return rc;
}

static int apply_delete(struct call_edit *edit, struct model_tx *tx,
                        struct err *err)
{
	const struct assignment deleted = { NODE_DELETED, { .number = 1 } };
	struct object *node = find_by_id(model_of(tx), edit->params[0]);

	return node ? model_update(tx, node, &deleted, 1, err)
	            : err_set(err, -ENOENT, "Not found.");
}

static void write_edited(struct call_edit *edit, struct model_tx *tx,
                         struct json_writer *json)
{
	write_server(json, edit->edited);
}

static void create(struct registry_call *call)
{
	struct call_edit edit = { .apply = apply_create,
		                  .write = write_edited,
		                  .exists_status = 400,
		                  .exists_body = EXISTS };

	edit.body = call_body(call);
	if (edit.body)
		call_edit(call, &edit);
}

static void delete (struct registry_call *call)
{
	call_edit(call, &(struct call_edit){ .apply = apply_delete });
}

/* --- the table ------------------------------------------------------------ */

#define LIST_AND_CREATE(path)                                              \
	{ .method = "GET",                                                 \
	  .pattern = (path),                                               \
	  .scope = SCOPE_READ,                                             \
	  .handle = list,                                                  \
	  .tag = "Nodes",                                                  \
	  .summary = "Servers to be scraped, as prommgr lists them",       \
	  .answer = "PrommgrServer[]",                                     \
	  .status = 200 },                                                 \
	{                                                                  \
		.method = "POST", .pattern = (path), .scope = SCOPE_WRITE, \
		.handle = create, .tag = "Nodes",                          \
		.summary = "Add a server, as prommgr does",                \
		.query = "dry_run", .body = "PrommgrServerNew",            \
		.answer = "PrommgrServer", .status = 201                   \
	}

static const struct registry_route rows[] = {
	LIST_AND_CREATE("/api/servers"),
	LIST_AND_CREATE("/api/servers.json"),
	{ .method = "GET",
	  .pattern = "/api/servers/{id}",
	  .scope = SCOPE_READ,
	  .handle = get,
	  .tag = "Nodes",
	  .summary = "A server, also one that is deleted",
	  .answer = "PrommgrServer",
	  .status = 200 },
	{ .method = "DELETE",
	  .pattern = "/api/servers/{id}",
	  .scope = SCOPE_WRITE,
	  .handle = delete,
	  .tag = "Nodes",
	  .summary = "Delete a server: it is kept, and not scraped",
	  .query = "dry_run",
	  .status = 204 },
	{ .method = "GET",
	  .pattern = "/api/server-by-ip/{ip}",
	  .scope = SCOPE_READ,
	  .handle = get_by_ip,
	  .tag = "Nodes",
	  .summary = "The server that has, or last had, an address",
	  .answer = "PrommgrServer",
	  .status = 200 },
};

const struct registry_routes registry_routes_prommgr = {
	.rows = rows,
	.n = ARRAY_SIZE(rows),
};
