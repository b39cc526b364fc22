/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table that is handed to plugins. What a plugin gives is checked and
 * copied: it may lie on its stack.
 */
#include "action/plugin_private.h"

#include <errno.h>
#include <string.h>
#include "base/mem.h"
#include "base/text.h"
#include "proto/url.h"
#include "io/http_client.h"
#include "io/process.h"

#define LOG_MAX        1000        /* bytes of a line */
#define OUTPUT_DEFAULT (16u << 10) /* of a command, each */
#define ANSWER_DEFAULT (64u << 10) /* of a request */
#define KEPT_MAX       (1u << 20)  /* of either */
#define INPUT_MAX      (16u << 20) /* of a command's stdin, a body */
#define HEADERS_MAX    32          /* of a request */
#define SIGNAL_BASE    128         /* as a shell says it */

enum plugin_helper_kind {
	PLUGIN_TIMER,
	PLUGIN_COMMAND,
	PLUGIN_REQUEST,
};

struct plugin_timer {
	uv_timer_t handle;
	void (*done)(struct bouncer_action *action, void *data);
};

struct plugin_command {
	struct process_call call;
	void (*done)(struct bouncer_action *action,
	             const struct bouncer_command_end *end, void *data);
};

struct plugin_request {
	struct http_call call;
	struct buf body; /* of the answer */
	struct bouncer_label headers[HTTP_MAX_HEADERS];
	size_t n_headers;
	void (*done)(struct bouncer_action *action,
	             const struct bouncer_http_answer *answer, void *data);
};

struct plugin_helper {
	struct list node;
	struct plugin_run *run;
	enum plugin_helper_kind kind;
	bool silent;        /* the plugin is not told */
	bool ending;        /* its end is under way */
	struct arena arena; /* copies of what the plugin gave */
	void *data;         /* the plugin's */
	union {
		struct plugin_timer timer;
		struct plugin_command command;
		struct plugin_request request;
	} as;
};

static struct plugin_run *run_of(struct bouncer_action *action)
{
	return container_of(action, struct plugin_run, action);
}

/* --- life of a helper ------------------------------------------------------- */

static int helper_new(struct bouncer_action *action,
                      enum plugin_helper_kind kind, void *data,
                      struct plugin_helper **helperp)
{
	struct plugin_run *run = run_of(action);
	struct plugin_helper *helper;

	if (run->stage != PLUGIN_RUNNING || run->cancelled)
		return -ECANCELED;
	if (run->n_helpers >= PLUGIN_MAX_HELPERS)
		return -EAGAIN;
	helper = mem_calloc(1, sizeof(*helper));
	if (!helper)
		return -ENOMEM;
	helper->run = run;
	helper->kind = kind;
	helper->data = data;
	*helperp = helper;
	return 0;
}

static void helper_begin(struct plugin_helper *helper)
{
	list_append(&helper->run->helpers, &helper->node);
	helper->run->n_helpers++;
}

/* One that did not begin. */
static int helper_drop(struct plugin_helper *helper, int code)
{
	arena_fini(&helper->arena);
	mem_free(helper);
	return code;
}

/* It is not counted any more when the plugin hears of its end, which may begin
 * the next one. */
static void helper_gone(struct plugin_helper *helper)
{
	list_unlink(&helper->node);
	helper->run->n_helpers--;
}

static void helper_free(struct plugin_helper *helper)
{
	struct plugin_run *run = helper->run;

	arena_fini(&helper->arena);
	mem_free(helper);
	plugin_run_helper_gone(run);
}

/* --- timers ----------------------------------------------------------------- */

static void on_timer_closed(uv_handle_t *handle)
{
	struct plugin_helper *helper = container_of(
		(uv_timer_t *)handle, struct plugin_helper, as.timer.handle);

	helper_gone(helper);
	if (!helper->silent)
		helper->as.timer.done(&helper->run->action, helper->data);
	helper_free(helper);
}

static void end_timer(struct plugin_helper *helper)
{
	if (!helper->ending)
		uv_close((uv_handle_t *)&helper->as.timer.handle,
		         on_timer_closed);
	helper->ending = true;
}

static void on_timer(uv_timer_t *timer)
{
	end_timer(container_of(timer, struct plugin_helper, as.timer.handle));
}

static int help_timer(struct bouncer_action *action, uint64_t ms,
                      void (*done)(struct bouncer_action *action, void *data),
                      void *data)
{
	struct plugin_helper *helper;
	int r;

	if (!done)
		return -EINVAL;
	r = helper_new(action, PLUGIN_TIMER, data, &helper);
	if (r < 0)
		return r;
	helper->as.timer.done = done;
	r = uv_timer_init(helper->run->plugins->options.loop,
	                  &helper->as.timer.handle);
	if (r < 0)
		return helper_drop(helper, r);
	(void)uv_timer_start(&helper->as.timer.handle, on_timer, ms, 0);
	helper_begin(helper);
	return 0;
}

/* --- commands ------------------------------------------------------------------ */

static void tell_command(struct plugin_helper *helper)
{
	struct process_call *call = &helper->as.command.call;
	const struct bouncer_command_end end = {
		.size = sizeof(end),
		.error = call->err.code,
		.exit_code = call->term_signal ? SIGNAL_BASE + call->term_signal
		                               : (int)call->exit_status,
		.words = call->err.message,
		.output = buf_text(&call->output),
		.n_output = call->output.n,
		.errors = buf_text(&call->errors),
		.n_errors = call->errors.n,
		.truncated = call->truncated,
	};

	helper->as.command.done(&helper->run->action, &end, helper->data);
}

static void on_command_ended(struct process_call *call)
{
	struct plugin_helper *helper =
		container_of(call, struct plugin_helper, as.command.call);

	helper_gone(helper);
	if (!helper->silent)
		tell_command(helper);
	process_call_fini(call);
	helper_free(helper);
}

static size_t kept(size_t wanted, size_t fallback)
{
	return wanted ? wanted : fallback;
}

static int help_spawn(struct bouncer_action *action,
                      const struct bouncer_command *given)
{
	struct bouncer_command command = { 0 };
	struct plugin_helper *helper;
	char *input = NULL;
	int r;

	memcpy(&command, given, MIN(given->size, sizeof(command)));
	if (!BOUNCER_HAS(given, struct bouncer_command, data) ||
	    !command.argv || !command.argv[0] || !command.done ||
	    command.max_output > KEPT_MAX || command.n_input > INPUT_MAX)
		return -EINVAL;
	r = helper_new(action, PLUGIN_COMMAND, command.data, &helper);
	if (r < 0)
		return r;
	if (command.input && command.n_input) {
		input = arena_copy(&helper->arena,
		                   slice_make(command.input, command.n_input));
		if (!input)
			return helper_drop(helper, -ENOMEM);
	}
	helper->as.command.done = command.done;
	helper->as.command.call = (struct process_call){
		.argv = command.argv,
		.env = command.env,
		.timeout_ms = command.timeout_ms,
		.max_output = kept(command.max_output, OUTPUT_DEFAULT),
		.max_errors = kept(command.max_output, OUTPUT_DEFAULT),
		.input = slice_make(input, input ? command.n_input : 0),
	};
	r = process_spawn(helper->run->plugins->options.loop,
	                  &helper->as.command.call, on_command_ended);
	if (r < 0)
		return helper_drop(helper, r);
	helper_begin(helper);
	return 0;
}

/* --- requests --------------------------------------------------------------------- */

static int keep_headers(struct http_call *call,
                        const struct http_message *message)
{
	struct plugin_helper *helper =
		container_of(call, struct plugin_helper, as.request.call);
	struct plugin_request *request = &helper->as.request;

	for (size_t i = 0; i < message->n_headers; i++) {
		struct bouncer_label *kept = &request->headers[i];

		kept->name =
			arena_copy(&helper->arena, message->headers[i].name);
		kept->value =
			arena_copy(&helper->arena, message->headers[i].value);
		if (!kept->name || !kept->value)
			return -ENOMEM;
	}
	request->n_headers = message->n_headers;
	return 0;
}

static int keep_body(struct http_call *call, struct slice bytes)
{
	struct plugin_helper *helper =
		container_of(call, struct plugin_helper, as.request.call);

	return buf_append(&helper->as.request.body, bytes.p, bytes.n);
}

/* An HTTP outcome is no errno. */
static int error_of(const struct http_call *call)
{
	if (call->err.code == HTTP_E_BODY_TOO_LARGE)
		return -EMSGSIZE;
	return call->err.code > 0 ? -EPROTO : call->err.code;
}

static void tell_request(struct plugin_helper *helper)
{
	struct plugin_request *request = &helper->as.request;
	const struct bouncer_http_answer answer = {
		.size = sizeof(answer),
		.error = error_of(&request->call),
		.status = request->call.status,
		.words = request->call.err.message,
		.body = buf_text(&request->body),
		.n_body = request->body.n,
		.headers = request->headers,
		.n_headers = request->n_headers,
	};

	request->done(&helper->run->action, &answer, helper->data);
}

static void on_answered(struct http_call *call)
{
	struct plugin_helper *helper =
		container_of(call, struct plugin_helper, as.request.call);

	helper_gone(helper);
	if (!helper->silent)
		tell_request(helper);
	buf_fini(&helper->as.request.body);
	helper_free(helper);
}

/* The caller's texts, in the helper's memory. */
static int copy_request(struct plugin_helper *helper,
                        const struct bouncer_http_request *given)
{
	struct http_call *call = &helper->as.request.call;
	struct arena *arena = &helper->arena;
	struct http_header *headers =
		arena_calloc(arena, given->n_headers + 1, sizeof(*headers));
	const char *url = arena_copy(arena, slice_from(given->url));
	const char *method = arena_copy(
		arena, slice_from(given->method ? given->method : "GET"));
	const char *body =
		arena_copy(arena, slice_make(given->body ? given->body : "",
	                                     given->body ? given->n_body : 0));

	if (!headers || !url || !method || !body)
		return -ENOMEM;
	for (size_t i = 0; i < given->n_headers; i++) {
		const struct bouncer_label *header = &given->headers[i];
		char *name = arena_copy(arena, slice_from(header->name));
		char *value = arena_copy(arena, slice_from(header->value));

		if (!name || !value)
			return -ENOMEM;
		headers[i].name = slice_from(name);
		headers[i].value = slice_from(value);
	}
	call->method = method;
	call->headers = headers;
	call->n_headers = given->n_headers;
	call->body = slice_make(body, given->body ? given->n_body : 0);
	return url_parse_target(slice_from(url), &call->url, &call->target,
	                        &call->err);
}

static int begin_request(struct plugin_helper *helper,
                         const struct bouncer_http_request *given)
{
	struct plugin_request *request = &helper->as.request;
	uint64_t max = kept(given->max_body, ANSWER_DEFAULT);
	int r;

	request->done = given->done;
	request->call.timeout_ms = given->timeout_ms;
	request->call.max_body = max;
	request->call.on_head = keep_headers;
	request->call.on_body = keep_body;
	buf_init(&request->body, max);
	r = copy_request(helper, given);
	if (r == 0)
		r = http_client_call(helper->run->plugins->options.client,
		                     &request->call, on_answered);
	if (r < 0 && r != -ENOMEM)
		log_warn(helper->run->plugins->options.log,
		         "plugin asks for a request that cannot be made",
		         LOG_STR("monitor", helper->run->monitor),
		         LOG_STR("error", request->call.err.message));
	return r;
}

static int help_http(struct bouncer_action *action,
                     const struct bouncer_http_request *given)
{
	struct bouncer_http_request request = { 0 };
	struct plugin_helper *helper;
	int r;

	memcpy(&request, given, MIN(given->size, sizeof(request)));
	if (!BOUNCER_HAS(given, struct bouncer_http_request, data) ||
	    !request.url || !request.done || request.max_body > KEPT_MAX ||
	    request.n_body > INPUT_MAX || request.n_headers > HEADERS_MAX)
		return -EINVAL;
	r = helper_new(action, PLUGIN_REQUEST, request.data, &helper);
	if (r < 0)
		return r;
	r = begin_request(helper, &request);
	if (r < 0)
		return helper_drop(helper, r);
	helper_begin(helper);
	return 0;
}

/* --- all of them --------------------------------------------------------------- */

static void helper_end(struct plugin_helper *helper)
{
	switch (helper->kind) {
	case PLUGIN_TIMER:
		helper->silent = true;
		end_timer(helper);
		break;
	case PLUGIN_COMMAND:
		process_cancel(&helper->as.command.call);
		break;
	case PLUGIN_REQUEST:
	default:
		http_call_cancel(&helper->as.request.call);
		break;
	}
}

void plugin_helpers_end(struct plugin_run *run, bool silent)
{
	LIST_FOR_EACH_SAFE (node, &run->helpers) {
		struct plugin_helper *helper =
			container_of(node, struct plugin_helper, node);

		helper->silent |= silent;
		helper_end(helper);
	}
}

/* --- the rest of the table ------------------------------------------------------ */

uint64_t plugin_now_ms(void)
{
	return uv_hrtime() / 1000000;
}

static int64_t wall_ms(void)
{
	uv_timeval64_t now;

	(void)uv_gettimeofday(&now);
	return now.tv_sec * 1000 + now.tv_usec / 1000;
}

static void help_complete(struct bouncer_action *action, int result,
                          const char *detail)
{
	plugin_run_complete(run_of(action), result, detail);
}

static void help_log(struct bouncer_action *action, int level, const char *text)
{
	const struct plugin_run *run = run_of(action);
	struct slice cut = text_cut(slice_from(text), LOG_MAX);
	enum log_level known = level >= 0 && level <= (int)LOG_LEVEL_DEBUG
	                               ? (enum log_level)level
	                               : LOG_LEVEL_INFO;

	LOG_AT(run->plugins->options.log, known, "plugin says",
	       LOG_STR("plugin", run->loaded->plugin.name),
	       LOG_STR("monitor", run->monitor), LOG_SLICE("what", cut));
}

const struct bouncer_host plugin_host = {
	.abi = BOUNCER_PLUGIN_ABI,
	.size = sizeof(plugin_host),
	.version = BOUNCER_VERSION,
	.complete = help_complete,
	.log = help_log,
	.timer = help_timer,
	.spawn = help_spawn,
	.http = help_http,
	.now_ms = plugin_now_ms,
	.wall_ms = wall_ms,
};
