/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control: what an operator orders.
 *
 *     POST /api/v1/monitors/NAME/bounce   {"dry_run": bool}
 *     POST /api/v1/pause                  {"monitor", "for_seconds", "reason"}
 *     POST /api/v1/resume                 {"monitor"}
 *     POST /api/v1/reload
 *
 * Every key of a body may be left out, and so may the body.
 */
#include "api/routes.h"
#include "api/rules.h"

#include <errno.h>
#include "base/mem.h"
#include "core/explain.h"
#include "proto/json.h"

#define LONGEST_PAUSE_S (10 * 366 * 86400LL)

/* --- bodies -------------------------------------------------------------- */

/* A body that is not there is an empty object. True with *rootp (json_free());
 * else it has been answered. */
static bool read_body(struct http_exchange *exchange, struct json_t **rootp)
{
	struct slice text = exchange->body;
	struct err err = { 0 };
	int r;

	r = json_parse(text.n ? text : slice_from("{}"), rootp, &err);
	if (r == -ENOMEM) {
		api_error(exchange, 500, "out of memory");
		return false;
	}
	if (r == 0 && !json_is_map(*rootp)) {
		json_free(*rootp);
		r = -EINVAL;
		(void)err_set(&err, r, "it is not an object");
	}
	if (r < 0)
		api_error(exchange, 400, "the body is not as expected: %s",
		          err.message);
	return r == 0;
}

/* Whom the body names; nobody: all are meant. False if it has been answered. */
static bool read_named(struct api *api, struct http_exchange *exchange,
                       const struct json_t *root, struct api_named *named)
{
	const struct json_t *value = json_get(root, "monitor");
	struct slice name = json_as_text(value);

	*named = (struct api_named){ 0 };
	if (json_is_missing(value))
		return true;
	if (!name.p) {
		api_error(exchange, 400, "monitor must be a name");
		return false;
	}
	return api_find(api, exchange, name, named);
}

static void write_named(struct json_writer *json, const struct api_named *named)
{
	json_write_key(json, "monitor");
	json_write_string(json, named->monitor ? named->monitor->name : NULL);
	if (!named->rule)
		return;
	json_write_key(json, "rule");
	json_write_string(json, named->rule->name);
	json_write_key(json, "covers");
	json_write_string(json, named->rule->noun);
	json_write_key(json, named->rule->noun);
	json_write_u64(json, named->rule->n_monitors);
}

static void begin(struct json_writer *json, struct buf *body)
{
	buf_init(body, API_BODY_MAX);
	json_write_init(json, body);
	json_write_object(json);
}

static void respond(struct http_exchange *exchange, uint16_t status,
                    struct json_writer *json, struct buf *body)
{
	json_write_object_end(json);
	(void)buf_putc(body, '\n');
	http_respond(exchange, status, "application/json", NULL, body);
}

/* --- an answer that waits for the disk ----------------------------------- */

/* What a restart must not forget is answered when it is written. */
struct kept_answer {
	struct promise_wait wait;
	struct http_exchange *exchange;
	struct json_writer json;
	struct buf body;
};

static void on_durable(struct promise_wait *wait)
{
	struct kept_answer *answer =
		container_of(wait, struct kept_answer, wait);

	json_write_key(&answer->json, "saved");
	json_write_bool(&answer->json, wait->saved);
	respond(answer->exchange, 200, &answer->json, &answer->body);
	mem_free(answer);
}

/* NULL: it has been answered. To be made before anything is changed. */
static struct kept_answer *answer_new(const struct api *api,
                                      struct http_exchange *exchange)
{
	struct kept_answer *answer;

	if (api->stopping) {
		api_error(exchange, 409, "the daemon is stopping");
		return NULL;
	}
	answer = mem_calloc(1, sizeof(*answer));
	if (!answer) {
		api_error(exchange, 500, "out of memory");
		return NULL;
	}
	answer->exchange = exchange;
	answer->wait.durable = on_durable;
	begin(&answer->json, &answer->body);
	return answer;
}

/* --- pause and resume ---------------------------------------------------- */

static bool read_for(struct http_exchange *exchange, const struct json_t *root,
                     uint64_t *for_msp)
{
	const struct json_t *value = json_get(root, "for_seconds");
	int64_t seconds = json_as_int(value, -1);

	*for_msp = 0;
	if (json_is_missing(value))
		return true;
	if (seconds < 1 || seconds > LONGEST_PAUSE_S) {
		api_error(exchange, 400,
		          "for_seconds must be a whole number from 1 to %lld",
		          LONGEST_PAUSE_S);
		return false;
	}
	*for_msp = (uint64_t)seconds * 1000;
	return true;
}

static bool read_reason(struct http_exchange *exchange,
                        const struct json_t *root, const char **reasonp)
{
	const struct json_t *value = json_get(root, "reason");
	struct slice text = json_as_text(value);

	*reasonp = text.p ? text.p : "";
	if (text.p || json_is_missing(value))
		return true;
	api_error(exchange, 400, "reason must be a text");
	return false;
}

static void pause_as_asked(struct api *api, struct http_exchange *exchange,
                           const struct json_t *root)
{
	struct kept_answer *answer;
	struct api_named named;
	const char *reason;
	uint64_t for_ms;
	int r;

	if (!read_named(api, exchange, root, &named) ||
	    !read_for(exchange, root, &for_ms) ||
	    !read_reason(exchange, root, &reason))
		return;
	answer = answer_new(api, exchange);
	if (!answer)
		return;
	r = named.rule ? api->ops->pause_rule(api->ops->context, named.rule,
	                                      for_ms, reason)
	               : api->ops->pause(api->ops->context, named.monitor,
	                                 for_ms, reason);
	if (r < 0) {
		buf_fini(&answer->body);
		mem_free(answer);
		api_error(exchange, 500, "out of memory");
		return;
	}
	write_named(&answer->json, &named);
	json_write_key(&answer->json, "until");
	if (for_ms)
		api_write_when(api, &answer->json, api_now_ms(api) + for_ms);
	else
		json_write_null(&answer->json);
	api->ops->save(api->ops->context, &answer->wait);
}

void api_pause(struct api *api, struct http_exchange *exchange,
               struct slice rest)
{
	struct json_t *root;

	(void)rest;
	if (!read_body(exchange, &root))
		return;
	pause_as_asked(api, exchange, root);
	json_free(root);
}

/* Why that cannot be resumed. */
static void refuse_resume(struct api *api, struct http_exchange *exchange,
                          const struct api_named *named)
{
	const struct monitor *monitor = named->monitor;
	uint32_t n_paused = 0;

	for (uint32_t i = 0; i < api->n_monitors; i++)
		n_paused += api->monitors[i]->policy.state == POLICY_PAUSED;
	if (named->rule)
		api_error(exchange, 409,
		          "%s is not paused as a whole; name the %s that are, "
		          "or resume all",
		          named->rule->name, named->rule->noun);
	else if (!monitor)
		api_error(exchange, 409,
		          "no operator has paused all; %u monitors are paused "
		          "by themselves",
		          n_paused);
	else if (monitor->paused)
		api_error(exchange, 409,
		          "%s is paused by the configuration; change paused "
		          "there and reload",
		          monitor->name);
	else if (monitor->rule && monitor->rule->pause)
		api_error(exchange, 409,
		          "all of %s are paused, %s not by itself; resume %s",
		          monitor->rule->name, monitor->name,
		          monitor->rule->name);
	else if (api->supervisor->pause_all)
		api_error(exchange, 409,
		          "all monitors are paused, %s not by itself; resume "
		          "all",
		          monitor->name);
	else
		api_error(exchange, 409, "%s is not paused", monitor->name);
}

static bool resume(struct api *api, const struct api_named *named)
{
	const struct api_ops *ops = api->ops;

	if (named->rule)
		return ops->resume_rule(ops->context, named->rule);
	return !(named->monitor && named->monitor->paused) &&
	       ops->resume(ops->context, named->monitor);
}

static void resume_as_asked(struct api *api, struct http_exchange *exchange,
                            const struct json_t *root)
{
	struct kept_answer *answer;
	struct api_named named;

	if (!read_named(api, exchange, root, &named))
		return;
	answer = answer_new(api, exchange);
	if (!answer)
		return;
	if (!resume(api, &named)) {
		buf_fini(&answer->body);
		mem_free(answer);
		refuse_resume(api, exchange, &named);
		return;
	}
	write_named(&answer->json, &named);
	api->ops->save(api->ops->context, &answer->wait);
}

void api_resume(struct api *api, struct http_exchange *exchange,
                struct slice rest)
{
	struct json_t *root;

	(void)rest;
	if (!read_body(exchange, &root))
		return;
	resume_as_asked(api, exchange, root);
	json_free(root);
}

/* --- bounce -------------------------------------------------------------- */

static void write_line(struct json_writer *json, const char *format, ...)
	PRINTF_LIKE(2, 3);

static void write_line(struct json_writer *json, const char *format, ...)
{
	struct buf line;
	va_list args;

	buf_init(&line, API_PIECE_SIZE);
	va_start(args, format);
	(void)buf_vprintf(&line, format, args);
	va_end(args);
	json_write_slice(json, buf_slice(&line));
	buf_fini(&line);
}

/* What will be done, or would be. */
static void write_plan(struct json_writer *json, const struct monitor *monitor,
                       bool dry_run)
{
	struct policy_ladder_range range = policy_ladder_of(
		monitor->rules,
		policy_ladder_of_order(&monitor->policy, monitor->rules));
	char target[API_TARGET_SIZE];
	char step[EXPLAIN_LINE_SIZE];
	bool paused = monitor->policy.state == POLICY_PAUSED;

	(void)api_target(monitor, target);
	for (uint8_t i = range.first; i < range.first + range.n; i++) {
		(void)explain_step(&monitor->steps[i], target, step);
		if (i == range.first)
			write_line(json, "%s: %s.",
			           dry_run ? "Would do now" : "Begins", step);
		else if (!paused)
			write_line(json, "If that does not help: %s.", step);
	}
	if (paused)
		write_line(json, "It stays paused: only the first step is "
		                 "run.");
	if (monitor->dry_run)
		write_line(json, "The configuration says dry_run: it is only "
		                 "said, not done.");
}

/* What an order goes over. */
static void write_overridden(struct api *api, struct json_writer *json,
                             const struct monitor *monitor)
{
	const uint32_t passed = GUARD_GRACE | GUARD_COOLDOWN | GUARD_BUDGET |
	                        GUARD_STORM | GUARD_PAUSE | GUARD_QUIET |
	                        GUARD_LEADER;
	char target[API_TARGET_SIZE];
	struct explain told;

	explain(api->supervisor, monitor, api_target(monitor, target),
	        api_now_ms(api), &told);
	for (unsigned i = 0; i < N_POLICY_GUARDS; i++) {
		const struct explain_guard *guard = &told.guards[i];

		if (guard->holds && (guard->guard & passed))
			write_line(json, "Goes over %s: %s.",
			           policy_guard_name(guard->guard), guard->why);
	}
}

static void order(struct api *api, struct http_exchange *exchange,
                  struct monitor *monitor, bool dry_run)
{
	const char *refusal =
		supervisor_refusal(api->supervisor, monitor, api_now_ms(api));
	struct json_writer json;
	struct buf body;

	if (refusal && !dry_run) {
		api_error(exchange, 409, "%s cannot be bounced now: %s",
		          monitor->name, refusal);
		return;
	}
	begin(&json, &body);
	json_write_key(&json, "monitor");
	json_write_string(&json, monitor->name);
	json_write_key(&json, "lines");
	json_write_array(&json);
	if (refusal)
		write_line(&json, "Would be refused now: %s.", refusal);
	write_plan(&json, monitor, dry_run);
	write_overridden(api, &json, monitor);
	json_write_array_end(&json);
	if (!dry_run)
		api->ops->bounce(api->ops->context, monitor);
	respond(exchange, dry_run ? 200 : 202, &json, &body);
}

void api_monitor_order(struct api *api, struct http_exchange *exchange,
                       struct slice rest)
{
	struct monitor *monitor;
	struct json_t *root;
	const struct json_t *value;
	bool dry_run;

	if (!api_cut(&rest, "/bounce")) {
		api_error(exchange, 404,
		          "it cannot be asked for that; POST is for "
		          "/api/v1/monitors/NAME/bounce");
		return;
	}
	monitor = api_find_one(api, exchange, rest);
	if (!monitor || !read_body(exchange, &root))
		return;
	value = json_get(root, "dry_run");
	dry_run = json_as_bool(value, false);
	if (!json_is_missing(value) && dry_run != json_as_bool(value, true))
		api_error(exchange, 400, "dry_run must be true or false");
	else
		order(api, exchange, monitor, dry_run);
	json_free(root);
}

/* --- reload -------------------------------------------------------------- */

static void write_problems(struct json_writer *json, struct slice text)
{
	json_write_key(json, "problems");
	json_write_array(json);
	while (text.n) {
		const char *end = memchr(text.p, '\n', text.n);
		size_t n = end ? (size_t)(end - text.p) : text.n;

		json_write_slice(json, slice_make(text.p, n));
		text = slice_skip(text, end ? n + 1 : n);
	}
	json_write_array_end(json);
}

void api_reload(struct api *api, struct http_exchange *exchange,
                struct slice rest)
{
	struct json_writer json;
	struct err err = { 0 };
	struct buf problems;
	struct buf body;
	int r;

	(void)rest;
	if (api->stopping) {
		api_error(exchange, 409, "the daemon is stopping");
		return;
	}
	buf_init(&problems, API_BODY_MAX / 4);
	r = api->ops->reload(api->ops->context, &problems, &err);
	begin(&json, &body);
	if (r == 0) {
		json_write_key(&json, "monitors");
		json_write_u64(&json, api->n_monitors);
	} else {
		json_write_key(&json, "error");
		json_write_string(&json, err.message);
		write_problems(&json, buf_slice(&problems));
	}
	buf_fini(&problems);
	respond(exchange, r == 0 ? 200 : 422, &json, &body);
}
