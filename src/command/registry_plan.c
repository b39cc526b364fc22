/* SPDX-License-Identifier: Apache-2.0 */
#include "command/registry_plan.h"

#include <inttypes.h>

int plan_post(struct client *client, const struct client_options *options,
              const char *path, struct slice body, const char *content_type,
              struct client_call *call)
{
	*call = (struct client_call){
		.method = "POST",
		.target = slice_from(path),
		.body = body,
		.content_type = content_type,
		.timeout_ms = options->timeout_ms ? 0 : PLAN_TIMEOUT_MS,
	};
	return registry_ask(client, call);
}

static int64_t number(const struct client_call *call, const char *name)
{
	return json_as_int(json_get(call->root, name), 0);
}

void plan_print(const struct command_io *io,
                const struct client_options *options,
                const struct client_call *call)
{
	const struct json_t *changes = json_get(call->root, "changes");
	bool dry = json_as_bool(json_get(call->root, "dry_run"), false);

	if (options->json) {
		(void)fputs(buf_text(&call->reply), io->out);
		return;
	}
	for (size_t i = 0; i < json_count(changes); i++) {
		client_print(io->out, json_as_text(json_get(
					      json_item(changes, i), "text")));
		(void)fputc('\n', io->out);
	}
	if (number(call, "more"))
		(void)fprintf(io->out, "and %" PRId64 " more\n",
		              number(call, "more"));
	client_print_lines(io->err, json_get(call->root, "notes"));
	if (json_count(changes) == 0)
		(void)fprintf(io->out, "nothing to change\n");
	else
		(void)fprintf(io->out,
		              "%" PRId64 " created, %" PRId64
		              " updated, %" PRId64 " deleted%s\n",
		              number(call, "created"), number(call, "updated"),
		              number(call, "deleted"),
		              dry ? "; this was a dry run, nothing is changed"
		                  : "");
}

const struct json_t *plan_change(const struct client_call *call,
                                 const char *kind)
{
	const struct json_t *changes = json_get(call->root, "changes");

	for (size_t i = 0; i < json_count(changes); i++) {
		const struct json_t *change = json_item(changes, i);

		if (slice_is(json_as_text(json_get(change, "kind")), kind))
			return change;
	}
	return NULL;
}

bool plan_is(const struct json_t *change, const char *op)
{
	return slice_is(json_as_text(json_get(change, "op")), op);
}
