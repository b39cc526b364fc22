/* SPDX-License-Identifier: Apache-2.0 */
#include "routes_kit.h"

#include <stdio.h>
#include <string.h>

#define MAX_BODY 16777216

struct asked {
	struct http_call call;
	struct buf body;
	bool stream, done;
};

static void on_request(void *context, struct http_exchange *exchange)
{
	struct routes *routes = context;

	routes->handed = true;
	if (!registry_http_handle(routes->http, exchange, true))
		http_respond_text(exchange, 418, "not the registry's");
}

bool routes_open(struct routes *routes)
{
	const struct http_server_options options = { .max_body = MAX_BODY };
	struct registry_options registry = { .loop = &loop.uv,
		                             .log = &routes->log,
		                             .config = &config,
		                             .seed = 1 };
	struct err err = { 0 };

	*routes = (struct routes){ 0 };
	routes->client = http_client_new(&loop.uv, NULL);
	routes->server = http_server_new(&loop.uv, &routes->log, &options,
	                                 on_request, routes);
	if (!routes->client || !routes->server ||
	    http_server_listen(routes->server, slice_from("127.0.0.1:0"), &err))
		return false;
	(void)snprintf(routes->url, sizeof(routes->url), "http://127.0.0.1:%u",
	               http_server_port(routes->server, 0));
	registry.client = routes->client;
	if (registry_open(&registry, &routes->registry, &err) < 0) {
		assert_true(err.message[0] != '\0');
		return false;
	}
	routes->http = registry_http_new(routes->registry);
	return routes->http != NULL;
}

static void on_closed(void *context)
{
	*(bool *)context = true;
}

void routes_close(struct routes *routes)
{
	bool closed = false;

	if (routes->client) {
		http_client_close(routes->client, on_closed, &closed);
		test_loop_until(&loop, &closed);
	}
	if (routes->http) {
		closed = false;
		registry_http_close(routes->http, on_closed, &closed);
		assert_false(closed);
		test_loop_until(&loop, &closed);
	}
	if (routes->server) {
		closed = false;
		http_server_close(routes->server, 0, on_closed, &closed);
		test_loop_until(&loop, &closed);
	}
	if (routes->registry)
		close_registry(routes->registry);
}

static int on_head(struct http_call *call, const struct http_message *message)
{
	struct asked *asked = container_of(call, struct asked, call);
	struct slice type = http_message_header(message, "content-type");

	asked->stream = slice_starts(type, "text/event-stream");
	return 0;
}

static int on_body(struct http_call *call, struct slice bytes)
{
	struct asked *asked = container_of(call, struct asked, call);

	(void)buf_append(&asked->body, bytes.p, bytes.n);
	return asked->stream ? UV_ECANCELED : 0;
}

static void on_done(struct http_call *call)
{
	container_of(call, struct asked, call)->done = true;
}

unsigned routes_ask(struct routes *routes, const struct request *request,
                    char *text, size_t size)
{
	struct asked asked = {
		.call = { .method = request->method,
		          .target = slice_from(request->target),
		          .body = slice_from(request->body),
		          .max_body = MAX_BODY,
		          .on_head = on_head,
		          .on_body = on_body },
	};
	unsigned status = 0;

	assert_int_equal(
		url_parse(slice_from(routes->url), 80, &asked.call.url, NULL),
		0);
	buf_init(&asked.body, MAX_BODY);
	if (http_client_call(routes->client, &asked.call, on_done) == 0) {
		test_loop_until(&loop, &asked.done);
		if (!asked.call.err.code || asked.stream)
			status = asked.call.status;
	}
	if (text)
		(void)snprintf(text, size, "%s", buf_text(&asked.body));
	buf_fini(&asked.body);
	return status;
}
