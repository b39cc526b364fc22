/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway: GET /api/v1/metrics and /api/v1/status as the original Pushgateway
 * has them, and behind gateway.admin_api PUT /api/v1/admin/wipe and
 * DELETE /api/v1/admin/groups?LABEL=VALUE&…, which deletes all groups that
 * have these labels.
 */
#include "api/gateway.h"

#include <errno.h>
#include "api/metrics.h"
#include "api/routes.h"
#include "base/mem.h"
#include "config/config.h"
#include "source/builtin.h"

#define JSON_TYPE     "application/json"
#define MAX_SELECTORS 16
#define SELECTOR_SIZE 2048 /* bytes of a query, decoded */

/* So that a page of another origin may read, RFC 6454; nothing more. */
static const char any_origin[] = "Access-Control-Allow-Origin: *\r\n";

/* --- its life --------------------------------------------------------------- */

int api_open_gateway(struct api *api, struct builtin *builtin)
{
	static const double bounds[] = { 0.00001, 0.000025, 0.00005, 0.0001,
		                         0.00025, 0.0005,   0.001,   0.005,
		                         0.025,   0.1 };
	struct api_pushes *pushes;
	uint64_t seed = 0;

	if (api_reserve_families(builtin_store(builtin)) < 0)
		return -ENOMEM;
	pushes = mem_calloc(1, sizeof(*pushes));
	if (!pushes)
		return -ENOMEM;
	(void)uv_random(NULL, NULL, &seed, sizeof(seed), 0, NULL);
	push_key_init(&pushes->key);
	push_body_init(&pushes->body, seed);
	list_init(&pushes->views);
	api->pushes = pushes;
	api->builtin = builtin;
	api->push_seconds.bounds = bounds;
	api->push_seconds.n_bounds = ARRAY_SIZE(bounds);
	return 0;
}

void api_close_gateway(struct api *api)
{
	struct api_pushes *pushes = api->pushes;

	if (!pushes)
		return;
	LIST_FOR_EACH_SAFE (node, &pushes->views)
		api_view_close(container_of(node, struct api_view, node));
	push_key_fini(&pushes->key);
	push_body_fini(&pushes->body);
	buf_fini(&pushes->plain);
	gunzip_free(pushes->gunzip);
	mem_free(pushes);
	api->pushes = NULL;
	api->builtin = NULL;
}

bool api_has_gateway(struct api *api, struct http_exchange *exchange)
{
	/* whoever pushes shall try again */
	if (!api->builtin && api->stopping)
		http_respond_text(exchange, 503, "the bouncer is stopping");
	else if (!api->builtin)
		http_respond_text(exchange, 404,
		                  "the built-in gateway is off; "
		                  "set push_gw: builtin");
	return api->builtin;
}

/* --- views -------------------------------------------------------------------- */

bool api_view_open(struct api *api, struct http_exchange *exchange,
                   struct api_view *view)
{
	static const char words[] = "too many answers of this kind are on "
				    "their way, or memory is out\n";
	struct buf body;

	view->view = push_view_new(builtin_store(api->builtin));
	if (view->view) {
		list_append(&api->pushes->views, &view->node);
		return true;
	}
	buf_init(&body, sizeof(words));
	(void)buf_puts(&body, words);
	http_respond(exchange, 503, "text/plain; charset=utf-8",
	             "Retry-After: 1\r\n", &body);
	return false;
}

void api_view_close(struct api_view *view)
{
	if (!view->view)
		return;
	list_unlink(&view->node);
	push_view_free(view->view);
	view->view = NULL;
}

/* --- counting ----------------------------------------------------------------- */

const char *api_push_result_name(enum api_push_result result)
{
	static const char *const names[N_API_PUSH_RESULTS] = {
		[API_PUSH_OK] = "ok",
		[API_PUSH_REJECTED] = "rejected",
		[API_PUSH_TOO_LARGE] = "too_large",
		[API_PUSH_LIMITED] = "limited",
		[API_PUSH_UNAUTHORIZED] = "unauthorized",
	};

	return names[result];
}

void api_count_push(struct api *api, uint16_t status)
{
	enum api_push_result result = API_PUSH_REJECTED;

	if (status == 200)
		result = API_PUSH_OK;
	else if (status == 413)
		result = API_PUSH_TOO_LARGE;
	else if (status == 429)
		result = API_PUSH_LIMITED;
	api->n_pushes[result]++;
}

/* --- GET /api/v1/metrics -------------------------------------------------------- */

struct groups_stream {
	struct api_view view;
	bool ended;
};

static void produce_groups(void *state, struct buf *out)
{
	struct groups_stream *stream = state;

	if (!out) {
		api_view_close(&stream->view);
		mem_free(stream);
	} else if (!stream->view.view) {
		out->failed = -ECANCELED; /* the gateway was closed */
	} else if (!stream->ended) {
		stream->ended = push_view_write_json(stream->view.view, out,
		                                     API_PIECE_SIZE);
	}
}

void api_groups(struct api *api, struct http_exchange *exchange,
                struct slice rest)
{
	struct groups_stream *stream;

	if (!api_has_gateway(api, exchange))
		return;
	stream = mem_calloc(1, sizeof(*stream));
	if (!stream) {
		http_respond_text(exchange, 500, "out of memory");
		return;
	}
	if (!api_view_open(api, exchange, &stream->view)) {
		mem_free(stream);
		return;
	}
	http_respond_stream(exchange, 200, JSON_TYPE, any_origin,
	                    produce_groups, stream);
}

/* --- GET /api/v1/status ------------------------------------------------------------ */

static void write_build(struct json_writer *json)
{
	static const char *const unknown[] = { "branch", "buildDate",
		                               "buildUser", "goVersion",
		                               "revision" };

	json_write_key(json, "build_information");
	json_write_object(json);
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		json_write_key(json, unknown[i]);
		json_write_string(json, "");
	}
	json_write_key(json, "version");
	json_write_string(json, BOUNCER_VERSION);
	json_write_object_end(json);
}

/* In the original these are its command line. */
static void write_flags(struct json_writer *json,
                        const struct config_gateway *gateway)
{
	json_write_key(json, "flags");
	json_write_object(json);
	json_write_key(json, "push.disable-consistency-check");
	json_write_string(json, "false");
	json_write_key(json, "web.enable-admin-api");
	json_write_string(json, gateway->admin_api ? "true" : "false");
	json_write_key(json, "web.enable-lifecycle");
	json_write_string(json, "false");
	json_write_object_end(json);
}

void api_status(struct api *api, struct http_exchange *exchange,
                struct slice rest)
{
	struct json_writer json;
	struct buf body;

	if (!api_has_gateway(api, exchange))
		return;
	buf_init(&body, API_PIECE_SIZE);
	json_write_init(&json, &body);
	json_write_object(&json);
	json_write_key(&json, "status");
	json_write_string(&json, "success");
	json_write_key(&json, "data");
	json_write_object(&json);
	write_build(&json);
	write_flags(&json, api->gateway);
	json_write_key(&json, "start_time");
	api_write_time(&json, api->start_wall_ms);
	json_write_object_end(&json);
	json_write_object_end(&json);
	http_respond(exchange, 200, JSON_TYPE, any_origin, &body);
}

/* --- administration ------------------------------------------------------------------ */

/* False: it is switched off, and answered so. */
static bool may_administrate(struct api *api, struct http_exchange *exchange)
{
	if (!api_has_gateway(api, exchange))
		return false;
	if (!api->gateway->admin_api)
		http_respond_text(exchange, 404,
		                  "this is switched off; set "
		                  "gateway.admin_api: true");
	return api->gateway->admin_api;
}

void api_wipe(struct api *api, struct http_exchange *exchange,
              struct slice rest)
{
	if (!may_administrate(api, exchange))
		return;
	push_store_wipe(builtin_store(api->builtin));
	http_respond(exchange, 202, NULL, NULL, NULL);
}

/* Decodes the query into @labels, whose bytes lie in @text; how many, or
 * -EINVAL if it is malformed or has too much. */
static int read_selectors(struct slice query, struct label *labels,
                          char text[static SELECTOR_SIZE])
{
	struct slice parts[2]; /* name, value */
	size_t used = 0;
	int n = 0;

	while (api_query_next(&query, &parts[0], &parts[1])) {
		struct slice decoded[2];

		if (n == MAX_SELECTORS || parts[0].n == 0)
			return -EINVAL;
		for (int i = 0; i < 2; i++) {
			char *p = text + used;

			if (api_query_decode(parts[i], p,
			                     SELECTOR_SIZE - used) < 0)
				return -EINVAL;
			decoded[i] = slice_from(p);
			used += decoded[i].n + 1;
		}
		labels[n++] = (struct label){ decoded[0], decoded[1] };
	}
	return n;
}

void api_delete_groups(struct api *api, struct http_exchange *exchange,
                       struct slice rest)
{
	struct label labels[MAX_SELECTORS];
	char text[SELECTOR_SIZE];
	struct buf body;
	uint32_t n_deleted;
	int n;

	if (!may_administrate(api, exchange))
		return;
	n = read_selectors(exchange->query, labels, text);
	/* nothing selected would mean everything, for which there is wipe */
	if (n <= 0) {
		api_error(exchange, 400,
		          "select groups by 1 to %d labels: "
		          "?label=value&label=value",
		          MAX_SELECTORS);
		return;
	}
	n_deleted = push_store_delete_matching(builtin_store(api->builtin),
	                                       labels, (size_t)n);
	buf_init(&body, API_PIECE_SIZE);
	(void)buf_printf(&body, "{\"deleted\":%u}\n", n_deleted);
	http_respond(exchange, 200, JSON_TYPE, NULL, &body);
}

/* The original's door for being stopped from afar, which we do not have. */
void api_quit(struct api *api, struct http_exchange *exchange,
              struct slice rest)
{
	if (api_has_gateway(api, exchange))
		http_respond_text(exchange, 403,
		                  "Lifecycle API is not enabled.");
}
