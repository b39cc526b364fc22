/* SPDX-License-Identifier: Apache-2.0 */
/*
 * v2_nodes: prommgr's servers, with the shard that scrapes each. One that is
 * deleted is kept, and not scraped.
 */
#include "registry/http/v2.h"

#include <errno.h>

static int apply_create(struct call_edit *edit, struct model_tx *tx,
                        struct err *err)
{
	struct assignment shard = { .field = NODE_SHARD };
	bool named = json_get(edit->body, "shard") ||
	             json_get(edit->body, "shard_id");
	int r = named ? 0 : model_default_shard(tx, &shard.value.object, err);

	if (r < 0)
		return r;
	return v2_make(edit, tx, KIND_NODE, edit->body, NULL, &shard,
	               named ? 0 : 1, &edit->edited, err);
}

void v2_node_create(struct registry_call *call)
{
	struct call_edit edit = { .apply = apply_create,
		                  .write = v2_write_edited,
		                  .exists_status = 400 };

	edit.body = call_body(call);
	if (edit.body)
		call_edit(call, &edit);
}

static int apply_delete(struct call_edit *edit, struct model_tx *tx,
                        struct err *err)
{
	struct assignment deleted = { NODE_DELETED, { .number = 1 } };
	struct object *node = v2_find(edit, tx, KIND_NODE, 0, err);

	return node ? model_update(tx, node, &deleted, 1, err) : -ENOENT;
}

void v2_node_delete(struct registry_call *call)
{
	call_edit(call, &(struct call_edit){ .apply = apply_delete });
}
