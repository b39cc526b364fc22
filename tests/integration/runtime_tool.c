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
		"  OPERATION  inspect, restart, stop, start, kill, exec\n"
		"  TARGET     several are worked on at once\n"
		"  --timeout MS, --stop-timeout MS, --signal NAME, "
		"--project NAME\n"
		"  --repeat N   all of it again, after it has ended\n"
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

	buf_init(&line, LINE_MAX_BYTES);
	json_write_init(&json, &line);
	json_write_object(&json);
	json_write_key(&json, "target");
	json_write_string(&json, call->target);
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
	json_write_object_end(&json);
	(void)printf("%s\n", buf_text(&line));
	(void)fflush(stdout);
	buf_fini(&line);
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

static void begin_round(struct tool *tool)
{
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
		{ "inspect", runtime_inspect }, { "restart", runtime_restart },
		{ "stop", runtime_stop },       { "start", runtime_start },
		{ "kill", runtime_kill },       { "exec", runtime_exec },
	};

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
