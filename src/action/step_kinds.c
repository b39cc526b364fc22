/* SPDX-License-Identifier: Apache-2.0 */
#include "action/step_kinds.h"

#include <inttypes.h>
#include <stdio.h>
#include "base/mem.h"

/* The environment of a command, with the text that it points to. */
struct bounce_env {
	const char *vars[BOUNCE_ENV_MAX + 1];
	char text[BOUNCE_ENV_MAX][BOUNCE_ENV_SIZE];
};

static int begin_restart(struct bounce *bounce, runtime_done_cb done)
{
	return runtime_restart(bounce->runtime, &bounce->call, done);
}

static int begin_stop(struct bounce *bounce, runtime_done_cb done)
{
	return runtime_stop(bounce->runtime, &bounce->call, done);
}

static int begin_start(struct bounce *bounce, runtime_done_cb done)
{
	return runtime_start(bounce->runtime, &bounce->call, done);
}

static int begin_kill(struct bounce *bounce, runtime_done_cb done)
{
	return runtime_kill(bounce->runtime, &bounce->call, done);
}

static void set_command_timeout(struct bounce *bounce)
{
	if (bounce->call.timeout_ms == 0)
		bounce->call.timeout_ms = BOUNCE_COMMAND_TIMEOUT_MS;
}

static int begin_exec(struct bounce *bounce, runtime_done_cb done)
{
	set_command_timeout(bounce);
	return runtime_exec(bounce->runtime, &bounce->call, done);
}

static void add_env(struct bounce_env *env, size_t at, const char *name,
                    const char *value)
{
	(void)snprintf(env->text[at], BOUNCE_ENV_SIZE, "%s=%s", name, value);
	env->vars[at] = env->text[at];
}

/* A command of the host is told why, in its environment: nothing from outside
 * becomes part of a command line. */
static int begin_run(struct bounce *bounce, runtime_done_cb done)
{
	struct bounce_env *env = mem_calloc(1, sizeof(*env));
	char number[24];

	if (!env)
		return UV_ENOMEM;
	bounce->env = env;
	add_env(env, 0, "BOUNCER_MONITOR", bounce->monitor);
	add_env(env, 1, "BOUNCER_REASON", bounce->reason);
	(void)snprintf(number, sizeof(number), "%" PRIu64,
	               bounce->age_ms / 1000);
	add_env(env, 2, "BOUNCER_AGE_SECONDS", number);
	add_env(env, 3, "BOUNCER_TARGET", bounce->target);
	(void)snprintf(number, sizeof(number), "%u", bounce->attempt);
	add_env(env, 4, "BOUNCER_ATTEMPT", number);

	bounce->call.env = env->vars;
	set_command_timeout(bounce);
	return runtime_exec(bounce->bouncer->host, &bounce->call, done);
}

/* `log` has nothing to begin: see bounce.c. */
static const struct step_action actions[N_STEP_KINDS] = {
	[STEP_RESTART] = { .looks = true,
	                   .promises = true,
	                   .begin = begin_restart },
	[STEP_STOP] = { .looks = true, .running = true, .begin = begin_stop },
	[STEP_START] = { .looks = true, .begin = begin_start },
	[STEP_KILL] = { .looks = true, .running = true, .begin = begin_kill },
	[STEP_EXEC] = { .looks = true, .running = true, .begin = begin_exec },
	[STEP_RUN] = { .begin = begin_run },
	[STEP_LOG] = { .begin = NULL },
};

const struct step_action *step_action_of(enum step_kind kind)
{
	return &actions[kind];
}
