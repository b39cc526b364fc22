/* SPDX-License-Identifier: Apache-2.0 */
#include "api/routes.h"

#include <errno.h>
#include <stdarg.h>
#include "base/mem.h"
#include "base/text.h"

#define PATH_MAX_DECODED 1024
#define REFUSED_LOG_MS   10000 /* a line about refusals, at most */
#define PATH_MAX_LOGGED  128

/* What a route may be asked for; a set of bits. */
enum method {
	METHOD_GET = 1 << 0, /* and HEAD */
	METHOD_POST = 1 << 1,
	METHOD_PUT = 1 << 2,
	METHOD_DELETE = 1 << 3,
};

static const struct {
	const char *name;
	enum method method;
} methods[] = {
	{ "GET", METHOD_GET },       { "HEAD", METHOD_GET },
	{ "POST", METHOD_POST },     { "PUT", METHOD_PUT },
	{ "DELETE", METHOD_DELETE },
};

/* Who may ask; on the control socket everybody may. */
enum access {
	ACCESS_HEALTH,  /* anyone */
	ACCESS_READ,    /* anyone, unless an extension says who */
	ACCESS_PUSH,    /* push_auth, if there is one */
	ACCESS_ALERTS,  /* as the section `alerts` says */
	ACCESS_CONTROL, /* control_auth; without one nobody */
};

/* How a row's path is compared. */
enum match {
	MATCH_WHOLE,
	MATCH_PREFIX, /* the rest of the path goes to the handler */
	MATCH_RAW,    /* a prefix of the path as it was sent: %2F is no slash */
};

static const struct route {
	const char *path;
	enum match match;
	unsigned methods; /* enum method */
	enum access access;
	void (*handle)(struct api *api, struct http_exchange *exchange,
	               struct slice rest);
} routes[] = {
	{ "/", MATCH_WHOLE, METHOD_GET, ACCESS_READ, api_page },
	{ "/metrics", MATCH_WHOLE, METHOD_GET, ACCESS_READ, api_metrics },
	{ "/-/healthy", MATCH_WHOLE, METHOD_GET, ACCESS_HEALTH, api_healthy },
	{ "/-/ready", MATCH_WHOLE, METHOD_GET, ACCESS_HEALTH, api_ready },
	{ "/api/v1/monitors", MATCH_WHOLE, METHOD_GET, ACCESS_READ,
	  api_monitors },
	{ "/api/v1/monitors/", MATCH_PREFIX, METHOD_GET, ACCESS_READ,
	  api_monitor },
	{ "/api/v1/journal", MATCH_WHOLE, METHOD_GET, ACCESS_READ,
	  api_journal },
	{ "/api/v1/monitors/", MATCH_PREFIX, METHOD_POST, ACCESS_CONTROL,
	  api_monitor_order },
	{ "/api/v1/stream", MATCH_WHOLE, METHOD_GET, ACCESS_READ, api_events },
	{ "/api/v1/daemon", MATCH_WHOLE, METHOD_GET, ACCESS_READ, api_daemon },
	{ "/api/v1/health", MATCH_WHOLE, METHOD_GET, ACCESS_READ, api_health },
	{ "/api/v1/pause", MATCH_WHOLE, METHOD_POST, ACCESS_CONTROL,
	  api_pause },
	{ "/api/v1/resume", MATCH_WHOLE, METHOD_POST, ACCESS_CONTROL,
	  api_resume },
	{ "/api/v1/reload", MATCH_WHOLE, METHOD_POST, ACCESS_CONTROL,
	  api_reload },

	{ "/metrics/", MATCH_RAW, METHOD_PUT | METHOD_POST, ACCESS_PUSH,
	  api_push },
	{ "/metrics/", MATCH_RAW, METHOD_DELETE, ACCESS_PUSH, api_push_delete },
	{ "/ping/", MATCH_RAW, METHOD_GET | METHOD_POST, ACCESS_PUSH,
	  api_ping },
	{ "/api/v1/metrics", MATCH_WHOLE, METHOD_GET, ACCESS_READ, api_groups },
	{ "/api/v1/status", MATCH_WHOLE, METHOD_GET, ACCESS_READ, api_status },
	{ "/api/v1/admin/wipe", MATCH_WHOLE, METHOD_PUT | METHOD_POST,
	  ACCESS_PUSH, api_wipe },
	{ "/api/v1/admin/groups", MATCH_WHOLE, METHOD_DELETE, ACCESS_PUSH,
	  api_delete_groups },
	{ "/-/quit", MATCH_WHOLE, METHOD_PUT | METHOD_POST, ACCESS_PUSH,
	  api_quit },

	{ "/api/v1/alerts", MATCH_WHOLE, METHOD_PUT | METHOD_POST,
	  ACCESS_ALERTS, api_alerts },
};

/* Of a path that the configuration names. */
static const struct route alerts_route = {
	.match = MATCH_WHOLE,
	.methods = METHOD_PUT | METHOD_POST,
	.access = ACCESS_ALERTS,
	.handle = api_alerts,
};

/* Where prometheus-am-executor is to be replaced; of any path else alerts. */
static const struct route amx_health_route = {
	.path = "/_health",
	.match = MATCH_WHOLE,
	.methods = METHOD_GET,
	.access = ACCESS_HEALTH,
	.handle = api_amx_health,
};

static bool route_matches(const struct route *route, struct slice path,
                          bool raw)
{
	if (raw != (route->match == MATCH_RAW))
		return false;
	return route->match == MATCH_WHOLE
	               ? slice_is(path, route->path)
	               : path.n > strlen(route->path) &&
	                         slice_starts(path, route->path);
}

static unsigned method_of(struct slice name)
{
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		if (slice_is(name, methods[i].name))
			return methods[i].method;
	}
	return 0;
}

/* The first row for @path and @method; else NULL, and to @allowedp is added
 * what the path may be asked for. */
static const struct route *find_route(struct slice path, bool raw,
                                      unsigned method, unsigned *allowedp)
{
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		if (!route_matches(&routes[i], path, raw))
			continue;
		if (routes[i].methods & method)
			return &routes[i];
		*allowedp |= routes[i].methods;
	}
	return NULL;
}

/* The same of alerts.paths, which hide nothing of ours. */
static const struct route *find_alerts(const struct api *api, struct slice path,
                                       unsigned method, unsigned *allowedp)
{
	const struct route *route = &alerts_route;

	if (api_alerts_is_amx(api) && slice_is(path, amx_health_route.path))
		route = &amx_health_route;
	else if (!api_alerts_has_path(api, path))
		return NULL;
	*allowedp |= route->methods;
	return route->methods & method ? route : NULL;
}

static void refuse_method(struct http_exchange *exchange, unsigned allowed)
{
	struct buf headers;
	struct buf body;

	buf_init(&headers, API_PIECE_SIZE);
	buf_init(&body, API_PIECE_SIZE);
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		if (allowed & methods[i].method)
			(void)buf_printf(
				&headers, "%s%s",
				headers.n ? ", " : "Allow: ", methods[i].name);
	}
	(void)buf_puts(&headers, "\r\n");
	(void)buf_puts(&body, "{\"error\":\"this path cannot be asked for "
	                      "that; see Allow\"}\n");
	http_respond(exchange, 405, "application/json", buf_text(&headers),
	             &body);
	buf_fini(&headers);
}

/* --- access -------------------------------------------------------------- */

static void note_refusal(struct api *api, struct http_exchange *exchange,
                         enum api_refusal refusal)
{
	uint64_t now_ms = api_now_ms(api);
	struct slice path = exchange->path;

	api->n_refused[refusal]++;
	if (api->refused_log_ms &&
	    now_ms < api->refused_log_ms + REFUSED_LOG_MS) {
		api->n_refused_unsaid++;
		return;
	}
	path.n = MIN(path.n, PATH_MAX_LOGGED);
	log_warn(api->log,
	         refusal == API_REFUSED_TOKEN
	                 ? "request refused: wrong or missing token"
	                 : "request refused: only for the control socket",
	         LOG_SLICE("method", exchange->message->method),
	         LOG_SLICE("path", path),
	         LOG_INT("left_out", api->n_refused_unsaid));
	api->refused_log_ms = MAX(now_ms, 1);
	api->n_refused_unsaid = 0;
}

/* Answers 401, counts it, and says so in the log every now and then. */
static void refuse_token(struct api *api, struct http_exchange *exchange,
                         const struct auth *auth)
{
	bool users = auth_has_users(auth);
	struct buf body;

	note_refusal(api, exchange, API_REFUSED_TOKEN);
	buf_init(&body, API_PIECE_SIZE);
	(void)buf_puts(&body, "{\"error\":\"wrong or missing token; send the "
	                      "header Authorization: Bearer TOKEN\"}\n");
	http_respond(exchange, 401, "application/json",
	             users ? "WWW-Authenticate: Bearer realm=\"bouncer\"\r\n"
	                     "WWW-Authenticate: Basic realm=\"bouncer\"\r\n"
	                   : "WWW-Authenticate: Bearer realm=\"bouncer\"\r\n",
	             &body);
}

/* Whoever it is asks the extension, which has answered if it says no. */
static bool ask_extension(const struct api *api, struct http_exchange *exchange,
                          enum api_need need)
{
	return api->extension->admit(api->extension->context, exchange, need);
}

/* As admit(), of alerts. With an extension, who is not let in by the section
 * `alerts` may be by that; but nobody from elsewhere. */
static bool admit_alerts(struct api *api, struct http_exchange *exchange)
{
	enum api_admission admission = api_alerts_admit(api, exchange);

	if (admission == API_ADMITTED &&
	    (!api->extension || api_alerts_has_auth(api)))
		return true;
	if (admission != API_REFUSED_BY_ADDRESS && api->extension)
		return ask_extension(api, exchange, API_NEEDS_ALERTS);
	switch (admission) {
	case API_REFUSED_BY_ADDRESS:
		note_refusal(api, exchange, API_REFUSED_ACCESS);
		api_count_alerts(api, 403);
		api_error(exchange, 403,
		          "alerts are not taken from this address; see "
		          "alerts.allow");
		return false;
	case API_REFUSED_BY_SECRET:
		api_count_alerts(api, 401);
		refuse_token(api, exchange, api_alerts_auth(api));
		return false;
	case API_REFUSED_BY_SIGNATURE:
		note_refusal(api, exchange, API_REFUSED_TOKEN);
		api_count_alerts(api, 403);
		api_error(exchange, 403,
		          "the signature of the body is wrong or missing; see "
		          "alerts.hmac_file and hmac_header");
		return false;
	case API_ADMITTED:
	default:
		return true;
	}
}

/* As admit(), of what the daemon's own tokens are for. */
static bool admit_token(struct api *api, struct http_exchange *exchange,
                        enum access access)
{
	const struct auth *auth =
		access == ACCESS_CONTROL ? api->control_auth : api->push_auth;

	if (auth && auth_admits(auth, exchange->message))
		return true;
	if (api->extension)
		return ask_extension(api, exchange,
		                     access == ACCESS_CONTROL
		                             ? API_NEEDS_CONTROL
		                             : API_NEEDS_PUSH);
	if (auth) {
		if (access == ACCESS_PUSH)
			api->n_pushes[API_PUSH_UNAUTHORIZED]++;
		refuse_token(api, exchange, auth);
		return false;
	}
	if (access == ACCESS_PUSH)
		return true;
	note_refusal(api, exchange, API_REFUSED_ACCESS);
	api_error(exchange, 403,
	          "not on this address; use the control socket or set "
	          "auth.token_file");
	return false;
}

/* True if the request may go on; else it has been answered. */
static bool admit(struct api *api, struct http_exchange *exchange,
                  enum access access)
{
	switch (access) {
	case ACCESS_HEALTH:
		return true;
	case ACCESS_ALERTS:
		return admit_alerts(api, exchange);
	case ACCESS_PUSH:
	case ACCESS_CONTROL:
		return admit_token(api, exchange, access);
	case ACCESS_READ:
	default:
		return !api->extension ||
		       ask_extension(api, exchange, API_NEEDS_READ);
	}
}

/* --- dispatch ------------------------------------------------------------ */

/* What there is not, is nobody's business, either. */
static void refuse_path(struct api *api, struct http_exchange *exchange,
                        bool control, unsigned allowed)
{
	if (!control && !admit(api, exchange, ACCESS_READ))
		return;
	if (allowed)
		refuse_method(exchange, allowed);
	else
		api_error(exchange, 404, "there is nothing here; see /");
}

static void handle(struct api *api, struct http_exchange *exchange,
                   bool control)
{
	unsigned method = method_of(exchange->message->method);
	char decoded[PATH_MAX_DECODED];
	const struct route *route;
	unsigned allowed = 0;
	struct slice path = slice_from("");

	if (api->extension &&
	    api->extension->handle(api->extension->context, exchange, control))
		return;
	route = find_route(exchange->path, true, method, &allowed);
	if (!route && !allowed) {
		if (api_decode(exchange->path, decoded, sizeof(decoded)) < 0) {
			api_error(exchange, 400,
			          "the path is malformed or too long");
			return;
		}
		path = slice_from(decoded);
		route = find_route(path, false, method, &allowed);
		if (!route)
			route = find_alerts(api, path, method, &allowed);
	}
	if (!route) {
		refuse_path(api, exchange, control, allowed);
		return;
	}
	if (!control && !admit(api, exchange, route->access))
		return;
	route->handle(api, exchange,
	              route->match == MATCH_PREFIX
	                      ? slice_skip(path, strlen(route->path))
	                      : slice_from(""));
}

void api_handle(void *context, struct http_exchange *exchange)
{
	handle(context, exchange, false);
}

void api_handle_control(void *context, struct http_exchange *exchange)
{
	handle(context, exchange, true);
}

/* --- what the routes share ----------------------------------------------- */

uint64_t api_now_ms(const struct api *api)
{
	return uv_now(api->loop);
}

int64_t api_wall_ms(const struct api *api, uint64_t at_ms)
{
	return (int64_t)at_ms + api->supervisor->wall_offset_ms;
}

void api_error(struct http_exchange *exchange, uint16_t status,
               const char *format, ...)
{
	struct json_writer json;
	struct buf message;
	struct buf body;
	va_list args;

	buf_init(&message, API_PIECE_SIZE);
	va_start(args, format);
	(void)buf_vprintf(&message, format, args);
	va_end(args);

	buf_init(&body, API_BODY_MAX);
	json_write_init(&json, &body);
	json_write_object(&json);
	json_write_key(&json, "error");
	json_write_slice(&json, buf_slice(&message));
	json_write_object_end(&json);
	(void)buf_putc(&body, '\n');
	buf_fini(&message);
	http_respond(exchange, status, "application/json", NULL, &body);
}

/* --- paths and queries -------------------------------------------------- */

/* In a query, unlike in a path, a plus is a space. */
static int decode(struct slice text, bool in_query, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (n + 1 >= size)
			return -EINVAL;
		if (c == '%') {
			bool whole = i + 2 < text.n;
			int high = whole ? text_hex_digit(text.p[i + 1]) : -1;
			int low = whole ? text_hex_digit(text.p[i + 2]) : -1;

			if (high < 0 || low < 0)
				return -EINVAL;
			c = (char)(high << 4 | low);
			i += 2;
		} else if (c == '+' && in_query) {
			c = ' ';
		}
		if (c == '\0')
			return -EINVAL;
		out[n++] = c;
	}
	out[n] = '\0';
	return 0;
}

int api_decode(struct slice text, char *out, size_t size)
{
	return decode(text, false, out, size);
}

int api_query_decode(struct slice text, char *out, size_t size)
{
	return decode(text, true, out, size);
}

bool api_query_next(struct slice *query, struct slice *name,
                    struct slice *value)
{
	const char *end = memchr(query->p, '&', query->n);
	size_t n = end ? (size_t)(end - query->p) : query->n;
	const char *equals = memchr(query->p, '=', n);

	if (query->n == 0)
		return false;
	*name = slice_make(query->p, equals ? (size_t)(equals - query->p) : n);
	*value = equals ? slice_make(equals + 1, n - name->n - 1)
	                : slice_from("");
	*query = slice_skip(*query, end ? n + 1 : n);
	return true;
}

int api_query(struct slice query, const char *name, char *out, size_t size)
{
	struct slice key;
	struct slice value;

	while (api_query_next(&query, &key, &value)) {
		if (slice_is(key, name))
			return decode(value, true, out, size) < 0 ? -EINVAL : 1;
	}
	return 0;
}
