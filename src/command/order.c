/* SPDX-License-Identifier: Apache-2.0 */
#include "command/order.h"

int order_send(const struct command_io *io,
               const struct client_options *options, struct slice path,
               struct slice body, const char *monitor,
               void (*print)(FILE *out, const struct json_t *answer))
{
	struct client_call call = { .method = "POST",
		                    .target = path,
		                    .body = body };
	struct client *client;
	int code = client_open(&client, io, options, CLIENT_CONTROL);

	if (code != EXIT_OK)
		return code;
	code = client_ask(client, &call, monitor);
	if (code == EXIT_OK && options->json)
		(void)fputs(buf_text(&call.reply), io->out);
	else if (code == EXIT_OK)
		print(io->out, call.root);
	client_call_fini(&call);
	if (code == EXIT_OK)
		code = command_finish(io);
	return client_close(client, code);
}
