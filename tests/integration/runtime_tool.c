/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime-tool: one operation of a runtime, from the command line, so that the
 * integration tests can try each against real engines. See usage(). Every
 * result is one line of JSON, in the order in which they come.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>
#include "base/json_writer.h"
#include "base/mem.h"
#include "base/number.h"
#include "io/http_client.h"
#include "runtime/docker.h"
#include "runtime/host.h"
#include "runtime/lxd.h"
#include "runtime/runtime.h"

#define TARGETS_MAX    1000
#define LINE_MAX_BYTES (8u << 20)

struct tool {
	uv_loop_t loop;
	struct log log;
	struct http_client *client;
	struct runtime *runtime;
	uv_timer_t linger;

	/* from the command line */
	const char *kind;
	const char *endpoint;
	const char *project;
	const char *signal;
	const char *const *argv;
	uint64_t timeout_ms;
	int64_t stop_timeout_ms;
	uint64_t linger_ms;
	uint64_t n_rounds;
	int (*op)(struct runtime *runtime, struct runtime_call *call,
	          runtime_done_cb done);
	struct runtime_watch watch;
	bool watching;
	bool describing;
	bool volumes;
	uint64_t since_ns;
	uint64_t watch_ms;

	struct tool_call *calls;
	size_t n_calls;
	size_t n_running;
	bool failed;
};

struct tool_call {
	struct runtime_call call;
	struct tool *tool;
	uint64_t begun_ms;
};

static void usage(FILE *out)
{
	(void)fprintf(
		out,
		"usage: runtime-tool [OPTION]... RUNTIME ENDPOINT OPERATION "
		"TARGET[,TARGET]... [COMMAND...]\n"
		"  RUNTIME    docker, podman, lxd, incus, host\n"
		"  ENDPOINT   as in the configuration; - for the usual places\n"
		"  OPERATION  inspect, restart, stop, start, kill, exec, "
		"remove,\n"
		"             describe, list, watch\n"
		"  TARGET     several are worked on at once\n"
		"  --timeout MS, --stop-timeout MS, --signal NAME, "
		"--project NAME\n"
		"  --repeat N   all of it again, after it has ended\n"
		"  --volumes    remove: with its anonymous volumes\n"
		"  --since NS   watch: from then on\n"
		"  --watch MS   watch: for so long\n"
		"  --linger MS  wait before closing the runtime\n"
		"  --verbose    debug messages\n");
}

/* --- runtimes ----------------------------------------------------------- */

static int open_docker(struct tool *tool, struct err *err)
{
	return docker_runtime_new(&tool->runtime, &tool->loop, tool->client,
	                          tool->kind, tool->endpoint, &tool->log, err);
}

static int open_lxd(struct tool *tool, struct err *err)
{
	return lxd_runtime_new(&tool->runtime, &tool->loop, tool->client,
	                       tool->kind, tool->endpoint, &tool->log, err);
}

static int open_host(struct tool *tool, struct err *err)
{
	return host_runtime_new(&tool->runtime, &tool->loop);
}

static const struct {
	const char *kind;
	int (*open)(struct tool *tool, struct err *err);
} runtimes[] = {
	{ "docker", open_docker }, { "podman", open_docker },
	{ "lxd", open_lxd },       { "incus", open_lxd },
	{ "host", open_host },
};

static int open_runtime(struct tool *tool, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(runtimes); i++) {
		if (strcmp(tool->kind, runtimes[i].kind) == 0)
			return runtimes[i].open(tool, err);
	}
	return err_set(err, -EINVAL, "%s: no such runtime", tool->kind);
}

/* --- results ------------------------------------------------------------ */

static const char *status_name(enum runtime_status status)
{
	static const char *const names[] = {
		[RUNTIME_STATUS_OTHER] = "other",
		[RUNTIME_STATUS_RUNNING] = "running",
		[RUNTIME_STATUS_PAUSED] = "paused",
		[RUNTIME_STATUS_RESTARTING] = "restarting",
		[RUNTIME_STATUS_EXITED] = "exited",
	};

	return names[status];
}

static void write_text(struct json_writer *json, const char *key,
                       const char *text)
{
	json_write_key(json, key);
	if (text)
		json_write_string(json, text);
	else
		json_write_null(json);
}

static void write_number(struct json_writer *json, const char *key,
                         int64_t number)
{
	json_write_key(json, key);
	json_write_i64(json, number);
}

static void write_flag(struct json_writer *json, const char *key, bool flag)
{
	json_write_key(json, key);
	json_write_bool(json, flag);
}

static const char *health_name(enum container_health health)
{
	static const char *const names[] = {
		[CONTAINER_HEALTH_NONE] = "none",
		[CONTAINER_HEALTH_UNSAID] = "unsaid",
		[CONTAINER_HEALTH_STARTING] = "starting",
		[CONTAINER_HEALTH_HEALTHY] = "healthy",
		[CONTAINER_HEALTH_UNHEALTHY] = "unhealthy",
	};

	return names[health];
}

static const char *container_status_name(enum container_status status)
{
	static const char *const names[] = {
		[CONTAINER_OTHER] = "other",
		[CONTAINER_RUNNING] = "running",
		[CONTAINER_PAUSED] = "paused",
		[CONTAINER_RESTARTING] = "restarting",
		[CONTAINER_STOPPING] = "stopping",
		[CONTAINER_EXITED] = "exited",
	};

	return names[status];
}

static const char *policy_name(enum container_policy policy)
{
	static const char *const names[] = {
		[CONTAINER_POLICY_UNSAID] = "unsaid",
		[CONTAINER_POLICY_NO] = "no",
		[CONTAINER_POLICY_ON_FAILURE] = "on-failure",
		[CONTAINER_POLICY_UNLESS_STOPPED] = "unless-stopped",
		[CONTAINER_POLICY_ALWAYS] = "always",
	};

	return names[policy];
}

static void write_labels(struct json_writer *json,
                         const struct container *container)
{
	json_write_key(json, "labels");
	json_write_object(json);
	for (size_t i = 0; i < container->n_labels; i++)
		write_text(json, container->labels[i].name,
		           container->labels[i].value);
	json_write_object_end(json);
}

static void write_container(struct json_writer *json,
                            const struct container *container)
{
	write_text(json, "container", container->name);
	write_text(json, "id", container->id);
	write_text(json, "project", container->project);
	write_text(json, "image", container->image);
	write_labels(json, container);
	write_text(json, "status", container_status_name(container->status));
	write_text(json, "health", health_name(container->health));
	write_text(json, "policy", policy_name(container->policy));
	write_number(json, "streak", container->n_streak);
	write_number(json, "created", container->created_wall_ms);
	write_number(json, "started", container->started_wall_ms);
	write_number(json, "finished", container->finished_wall_ms);
	write_number(json, "exit_code", container->exit_code);
	write_number(json, "check_exit_code", container->check_exit_code);
	write_text(json, "check_output", container->output);
	write_text(json, "network_of", container->network_of);
	write_text(json, "pid_of", container->pid_of);
	write_text(json, "ipc_of", container->ipc_of);
	write_flag(json, "detailed", container->detailed);
	write_flag(json, "auto_remove", container->auto_remove);
	write_flag(json, "own_action", container->own_action);
	write_flag(json, "stopped_by_hand", container->stopped_by_hand);
}

static void begin_line(struct json_writer *json, struct buf *line)
{
	buf_init(line, LINE_MAX_BYTES);
	json_write_init(json, line);
	json_write_object(json);
}

static void end_line(struct json_writer *json, struct buf *line)
{
	json_write_object_end(json);
	(void)printf("%s\n", buf_text(line));
	(void)fflush(stdout);
	buf_fini(line);
}

static void print_container(struct runtime_call *call,
                            const struct container *container)
{
	struct json_writer json;
	struct buf line;

	begin_line(&json, &line);
	write_container(&json, container);
	end_line(&json, &line);
}

static void write_found(struct json_writer *json,
                        const struct runtime_target *found)
{
	json_write_key(json, "status");
	json_write_string(json, status_name(found->status));
	json_write_key(json, "id");
	json_write_string(json, found->id);
	json_write_key(json, "last_exit_code");
	json_write_i64(json, found->exit_code);
	json_write_key(json, "stop_timeout_ms");
	json_write_i64(json, found->stop_timeout_ms);
	json_write_key(json, "stopped_by_hand");
	json_write_bool(json, found->stopped_by_hand);
	json_write_key(json, "ephemeral");
	json_write_bool(json, found->ephemeral);
}

static void print_result(struct tool_call *one)
{
	const struct runtime_call *call = &one->call;
	struct json_writer json;
	struct buf line;

	begin_line(&json, &line);
	write_text(&json, "target", call->target);
	json_write_key(&json, "result");
	json_write_string(&json, runtime_result_name(call->result));
	json_write_key(&json, "message");
	json_write_string(&json, call->err.message);
	json_write_key(&json, "exit_code");
	json_write_i64(&json, call->exit_code);
	json_write_key(&json, "output");
	json_write_slice(&json, buf_slice(&call->output));
	json_write_key(&json, "truncated");
	json_write_bool(&json, call->truncated);
	write_found(&json, &call->found);
	json_write_key(&json, "ms");
	json_write_u64(&json, uv_now(&one->tool->loop) - one->begun_ms);
	end_line(&json, &line);
}

/* --- the run ------------------------------------------------------------ */

static void begin_round(struct tool *tool);

static void on_client_closed(void *context)
{
	(void)context;
}

static void on_runtime_closed(void *context)
{
	struct tool *tool = context;

	http_client_close(tool->client, on_client_closed, tool);
}

static void on_lingered(uv_timer_t *timer)
{
	struct tool *tool = container_of(timer, struct tool, linger);

	uv_close((uv_handle_t *)timer, NULL);
	runtime_close(tool->runtime, on_runtime_closed, tool);
}

static void end_one(struct tool *tool)
{
	if (--tool->n_running)
		return;
	if (--tool->n_rounds)
		begin_round(tool);
	else
		(void)uv_timer_start(&tool->linger, on_lingered,
		                     tool->linger_ms, 0);
}

static void on_done(struct runtime_call *call)
{
	struct tool_call *one = container_of(call, struct tool_call, call);

	print_result(one);
	if (call->result != RUNTIME_OK)
		one->tool->failed = true;
	end_one(one->tool);
}

/* --- a watch: opened, what happens, closed; each a line ----------------- */

static void on_opened(struct runtime_watch *watch)
{
	(void)printf("{\"opened\":true}\n");
	(void)fflush(stdout);
}

static void on_event(struct runtime_watch *watch,
                     const struct runtime_event *event)
{
	static const char *const names[] = {
		[RUNTIME_EVENT_CREATED] = "created",
		[RUNTIME_EVENT_STARTED] = "started",
		[RUNTIME_EVENT_HEALTH] = "health",
		[RUNTIME_EVENT_ASKED] = "asked",
		[RUNTIME_EVENT_ENDED] = "ended",
		[RUNTIME_EVENT_PAUSED] = "paused",
		[RUNTIME_EVENT_RESUMED] = "resumed",
		[RUNTIME_EVENT_RENAMED] = "renamed",
		[RUNTIME_EVENT_REMOVED] = "removed",
	};
	struct json_writer json;
	struct buf line;

	begin_line(&json, &line);
	write_text(&json, "event", names[event->kind]);
	write_text(&json, "id", event->id);
	write_text(&json, "name", event->name);
	write_text(&json, "project", event->project);
	write_text(&json, "health", health_name(event->health));
	write_number(&json, "exit_code", event->exit_code);
	write_flag(&json, "asked", event->asked);
	write_number(&json, "time_ns", event->time_ns);
	end_line(&json, &line);
}

static void on_watch_closed(struct runtime_watch *watch)
{
	struct tool *tool = container_of(watch, struct tool, watch);
	struct json_writer json;
	struct buf line;

	begin_line(&json, &line);
	write_text(&json, "closed", watch->err.message);
	write_number(&json, "code", watch->err.code);
	end_line(&json, &line);
	(void)uv_timer_start(&tool->linger, on_lingered, tool->linger_ms, 0);
}

static void on_watched(uv_timer_t *timer)
{
	struct tool *tool = container_of(timer, struct tool, linger);

	runtime_unwatch(&tool->watch);
}

static void begin_watch(struct tool *tool)
{
	tool->watch = (struct runtime_watch){
		.since_ns = (int64_t)tool->since_ns,
		.opened = on_opened,
		.event = on_event,
		.closed = on_watch_closed,
	};
	if (runtime_watch(tool->runtime, &tool->watch) < 0)
		tool->watch_ms = 0;
	(void)uv_timer_start(&tool->linger, on_watched, tool->watch_ms, 0);
}

static void begin_round(struct tool *tool)
{
	if (tool->watching) {
		begin_watch(tool);
		return;
	}
	tool->n_running = tool->n_calls + 1;
	for (size_t i = 0; i < tool->n_calls; i++) {
		struct tool_call *one = &tool->calls[i];

		one->begun_ms = uv_now(&tool->loop);
		if (tool->op(tool->runtime, &one->call, on_done) == 0)
			continue;
		one->call.result = RUNTIME_FAILED;
		on_done(&one->call);
	}
	end_one(tool);
}

/* --- the command line --------------------------------------------------- */

static int parse_op(struct tool *tool, const char *name)
{
	static const struct {
		const char *name;
		int (*op)(struct runtime *runtime, struct runtime_call *call,
		          runtime_done_cb done);
	} ops[] = {
		{ "inspect", runtime_inspect },  { "restart", runtime_restart },
		{ "stop", runtime_stop },        { "start", runtime_start },
		{ "kill", runtime_kill },        { "exec", runtime_exec },
		{ "list", runtime_list },        { "remove", runtime_remove },
		{ "describe", runtime_inspect }, { "watch", runtime_inspect },
	};

	tool->watching = strcmp(name, "watch") == 0;
	tool->describing =
		strcmp(name, "describe") == 0 || strcmp(name, "list") == 0;

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		if (strcmp(name, ops[i].name) == 0) {
			tool->op = ops[i].op;
			return 0;
		}
	}
	return -1;
}

static int parse_targets(struct tool *tool, char *targets)
{
	tool->calls = mem_calloc(TARGETS_MAX, sizeof(*tool->calls));
	if (!tool->calls)
		return -1;
	while (targets && tool->n_calls < TARGETS_MAX) {
		struct tool_call *one = &tool->calls[tool->n_calls++];

		one->tool = tool;
		one->call = (struct runtime_call){
			.target = strsep(&targets, ","),
			.project = tool->project,
			.argv = tool->argv,
			.stop_timeout_ms = tool->stop_timeout_ms,
			.signal = tool->signal,
			.timeout_ms = tool->timeout_ms,
			.volumes = tool->volumes,
			.container = tool->describing ? print_container : NULL,
		};
	}
	return 0;
}

static int parse_number(const char *text, uint64_t *valuep)
{
	return number_parse_u64(slice_from(text), valuep);
}

static int parse_option(struct tool *tool, int option, const char *text)
{
	uint64_t number = 0;

	switch (option) {
	case 't':
		return parse_number(text, &tool->timeout_ms);
	case 's':
		if (parse_number(text, &number) < 0)
			return -1;
		tool->stop_timeout_ms = (int64_t)number;
		return 0;
	case 'l':
		return parse_number(text, &tool->linger_ms);
	case 'r':
		return parse_number(text, &tool->n_rounds);
	case 'g':
		tool->signal = text;
		return 0;
	case 'p':
		tool->project = text;
		return 0;
	case 'V':
		tool->volumes = true;
		return 0;
	case 'S':
		return parse_number(text, &tool->since_ns);
	case 'w':
		return parse_number(text, &tool->watch_ms);
	case 'v':
		tool->log.level = LOG_LEVEL_DEBUG;
		return 0;
	default:
		return -1;
	}
}

static int parse_line(struct tool *tool, int argc, char **argv)
{
	static const struct option options[] = {
		{ "timeout", required_argument, NULL, 't' },
		{ "stop-timeout", required_argument, NULL, 's' },
		{ "signal", required_argument, NULL, 'g' },
		{ "project", required_argument, NULL, 'p' },
		{ "repeat", required_argument, NULL, 'r' },
		{ "linger", required_argument, NULL, 'l' },
		{ "volumes", no_argument, NULL, 'V' },
		{ "since", required_argument, NULL, 'S' },
		{ "watch", required_argument, NULL, 'w' },
		{ "verbose", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (parse_option(tool, option, optarg) != 0)
			return -1;
	}
	if (argc - optind < 4 || tool->n_rounds == 0)
		return -1;
	tool->kind = argv[optind];
	tool->endpoint =
		strcmp(argv[optind + 1], "-") == 0 ? NULL : argv[optind + 1];
	if (argc - optind > 4)
		tool->argv = (const char *const *)argv + optind + 4;
	if (parse_op(tool, argv[optind + 2]) != 0)
		return -1;
	return parse_targets(tool, argv[optind + 3]);
}

static void emit(void *context, enum log_level level, struct slice line)
{
	(void)fwrite(line.p, 1, line.n, stderr);
}

int main(int argc, char **argv)
{
	struct tool tool = {
		.log = { .emit = emit, .level = LOG_LEVEL_INFO },
		.stop_timeout_ms = -1,
		.n_rounds = 1,
	};
	struct err err = { 0 };

	if (parse_line(&tool, argc, argv) != 0) {
		usage(stderr);
		return 2;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	(void)uv_loop_init(&tool.loop);
	(void)uv_timer_init(&tool.loop, &tool.linger);
	tool.client = http_client_new(&tool.loop, &tool.log);
	if (!tool.client || open_runtime(&tool, &err) < 0) {
		(void)fprintf(stderr, "runtime-tool: %s\n", err.message);
		return 2;
	}
	begin_round(&tool);
	(void)uv_run(&tool.loop, UV_RUN_DEFAULT);
	for (size_t i = 0; i < tool.n_calls; i++)
		runtime_call_fini(&tool.calls[i].call);
	mem_free(tool.calls);
	return uv_loop_close(&tool.loop) == 0 && !tool.failed ? 0 : 1;
}
