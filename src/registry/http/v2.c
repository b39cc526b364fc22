/* SPDX-License-Identifier: Apache-2.0 */
/* v2: the objects of the registry at /rest/v2. */
#include "registry/http/routes.h"

static void write_whole(struct json_writer *json, const struct object *object)
{
	json_write_object(json);
	json_write_key(json, "id");
	json_write_u64(json, object_id(object));
	object_write(json, object_kind(object), object_values(object), true);
	json_write_object_end(json);
}

static void list_shards(struct registry_call *call)
{
	call_page(call, KIND_SHARD, NULL, write_whole, NULL);
}

static const struct registry_route rows[] = {
	{ .method = "GET",
	  .pattern = "/rest/v2/shards",
	  .scope = SCOPE_READ,
	  .handle = list_shards,
	  .tag = "Shards",
	  .summary = "All shards",
	  .query = "page_number,page_size",
	  .answer = "Shard{}",
	  .status = 200 },
};

const struct registry_routes registry_routes_v2 = {
	.rows = rows,
	.n = ARRAY_SIZE(rows),
};
