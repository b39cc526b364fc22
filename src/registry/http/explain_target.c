/* SPDX-License-Identifier: Apache-2.0 */
/* explain_target: GET /explain/target?address=HOST:PORT */
#include "registry/http/workers.h"

#include "registry/model/explain_target.h"
#include "registry/servers.h"

struct asking {
	struct registry *registry;
	struct server_status status; /* whose words are borrowed */
};

static const char *server_words(void *context, const struct object *server)
{
	struct asking *asking = context;
	struct registry *registry = asking->registry;

	servers_status(registry_servers(registry), server,
	               registry_documents(registry), registry_now_s(registry),
	               &asking->status);
	return asking->status.sync == SERVER_SILENT
	               ? NULL
	               : server_sync_words(&asking->status);
}

void registry_explain_target(struct registry_call *call)
{
	struct asking asking = { .registry = call->registry };
	const struct explain_target explain = {
		.model = registry_model(call->registry),
		.server_words = server_words,
		.context = &asking,
	};
	char address[EXPLAIN_ADDRESS_MAX];
	struct json_writer json;
	struct buf body;
	struct err err;
	bool bad;

	if (!call_query(call, "address", address, sizeof(address), &bad)) {
		if (!bad)
			call_refuse_field(call, 400, "address",
			                  "which address? address=HOST:PORT");
		return;
	}
	buf_init(&body, REGISTRY_WORKERS_MAX_LIST);
	json_write_init(&json, &body);
	if (explain_target(&explain, address, &json, &err) == 0) {
		call_answer(call, 200, &body);
		return;
	}
	buf_fini(&body);
	call_refuse_field(call, 400, "address", err.message);
}
