/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/model/import_prommgr.h"

#include <errno.h>
#include "proto/json.h"
#include "registry/model/import_private.h"

static int add_node(struct portable *portable, const struct json_t *server,
                    const char *shard, struct err *err)
{
	struct slice ip = json_as_text(json_get(server, "server_ip"));
	struct slice comment = json_as_text(json_get(server, "comment"));
	const struct json_t *port = json_get(server, "server_port");
	struct portable_item *node, *other;
	int r;

	if (json_as_bool(json_get(server, "deleted"), false))
		return 0;
	if (!ip.n)
		return err_set(err, -EINVAL, "has no server_ip");
	node = portable_item(portable, portable->root, KIND_NODE);
	if (!node)
		return -ENOMEM;
	r = portable_text(portable, node, NODE_IP, ip);
	if (!json_is_missing(port)) /* what is none is refused as 0 is */
		portable_number(node, NODE_PORT, json_as_int(port, 0));
	if (r == 0 && comment.p)
		r = portable_text(portable, node, NODE_COMMENT, comment);
	if (r == 0 && shard)
		r = portable_text(portable, node, NODE_SHARD,
		                  slice_from(shard));
	if (r == 0)
		r = portable_add(portable, node, &other);
	if (r == -EEXIST)
		r = err_set(err, -EINVAL,
		            "its address " SLICE_FMT " stands there twice",
		            SLICE_ARG(ip));
	return r;
}

int import_prommgr(struct portable *portable, struct slice text,
                   const char *shard, struct err *err)
{
	struct portable_item *item;
	struct json_t *root;
	int r = json_parse(text, &root, err);

	if (r < 0)
		return r;
	if (import_first(text) != '[')
		r = err_set(err, -EINVAL,
		            "this is no list of servers; prommgr answers with "
		            "it at /api/servers");
	if (r == 0 && shard)
		r = import_named(portable, portable->root, KIND_SHARD,
		                 slice_from(shard), &item);
	for (size_t i = 0; r == 0 && i < json_count(root); i++) {
		r = add_node(portable, json_item(root, i), shard, err);
		if (r == -EINVAL)
			err_wrap(err, "server %zu", i + 1);
	}
	if (r == -E2BIG)
		(void)err_set(err, r, "it describes too much");
	json_free(root);
	return r;
}
