/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka.h"
#include "gateway_kit.h"

#include <string.h>

#define WALL_MS 1795177980172

static void start_server(struct gateway_kit *gateway)
{
	struct kit *kit = &gateway->kit;
	struct err err = { 0 };

	kit->options.max_body = GATEWAY_MAX_BODY;
	kit->server = http_server_new(&kit->loop.uv, &kit->log, &kit->options,
	                              api_handle, &gateway->api);
	assert_non_null(kit->server);
	if (http_server_listen(kit->server, slice_from("127.0.0.1:0"), &err) <
	    0)
		fail_msg("%s", err.message);
}

void gateway_kit_init(struct gateway_kit *gateway)
{
	*gateway = (struct gateway_kit){
		.config = { .enabled = true, .max_body = GATEWAY_MAX_BODY },
		.journal = { .next_seq = 1 },
	};
	kit_init(&gateway->kit);
	list_init(&gateway->supervisor.rules);
	gateway->api = (struct api){
		.loop = &gateway->kit.loop.uv,
		.log = &gateway->kit.log,
		.supervisor = &gateway->supervisor,
		.journal = &gateway->journal,
		.start_wall_ms = WALL_MS,
		.reload_ok = true,
		.gateway = &gateway->config,
	};
	list_init(&gateway->api.answers);
	gateway->builtin = builtin_new(&gateway->kit.loop.uv, &gateway->kit.log,
	                               7, NULL, NULL);
	assert_non_null(gateway->builtin);
	gateway->store = builtin_store(gateway->builtin);
	assert_int_equal(api_open_gateway(&gateway->api, gateway->builtin), 0);
	start_server(gateway);
	client_connect(&gateway->client, &gateway->kit);
}

static void set_flag(void *context)
{
	*(bool *)context = true;
}

void gateway_kit_fini(struct gateway_kit *gateway)
{
	bool closed = false;

	response_fini(&gateway->response);
	client_close(&gateway->client);
	kit_close(&gateway->kit, 0);
	api_close_gateway(&gateway->api);
	builtin_close(gateway->builtin, set_flag, &closed);
	test_loop_until(&gateway->kit.loop, &closed);
	kit_fini(&gateway->kit);
}

void gateway_ask(struct gateway_kit *gateway, const char *method,
                 const char *path, const char *headers, struct slice body)
{
	struct buf request;

	buf_init(&request, body.n + 100000);
	(void)buf_printf(&request,
	                 "%s %s HTTP/1.1\r\nHost: x\r\n%s"
	                 "Content-Length: %zu\r\n\r\n",
	                 method, path, headers, body.n);
	(void)buf_append(&request, body.p, body.n);
	assert_int_equal(request.failed, 0);
	assert_true(client_send_bytes(&gateway->client, request.p, request.n));
	buf_fini(&request);
	response_fini(&gateway->response);
	client_response(&gateway->client, &gateway->response,
	                strcmp(method, "HEAD") == 0);
	/* a refusal on the way in closes the connection */
	if (!gateway->response.keep_alive) {
		client_close(&gateway->client);
		client_connect(&gateway->client, &gateway->kit);
	}
}

void gateway_expect(struct gateway_kit *gateway, uint16_t status,
                    const char *answer)
{
	static const char more[] = "…";
	const char *found = buf_text(&gateway->response.body);
	size_t n = answer ? strlen(answer) : 0;

	if (gateway->response.status != status)
		fail_msg("%u instead of %u: %s", gateway->response.status,
		         status, found);
	if (!answer)
		return;
	if (n >= strlen(more) && strcmp(answer + n - strlen(more), more) == 0) {
		if (strncmp(found, answer, n - strlen(more)) != 0)
			fail_msg("'%s' does not begin with '%s'", found,
			         answer);
		return;
	}
	assert_string_equal(found, answer);
}

void gateway_put(struct gateway_kit *gateway, const char *path,
                 const char *text)
{
	gateway_ask(gateway, "PUT", path, "", slice_from(text));
	gateway_expect(gateway, 200, "");
}

const char *gateway_get(struct gateway_kit *gateway, const char *path)
{
	gateway_ask(gateway, "GET", path, "", slice_from(""));
	gateway_expect(gateway, 200, NULL);
	return buf_text(&gateway->response.body);
}
