/* SPDX-License-Identifier: Apache-2.0 */
#include "action/hook.h"

#include "base/mem.h"
#include "core/command_line.h"

/* One that runs. */
struct hook {
	struct hooks *hooks;
	struct list node;
	struct runtime_call call;
	struct command_line line;
};

void hooks_init(struct hooks *hooks)
{
	list_init(&hooks->running);
}

static void hook_free(struct hook *hook)
{
	runtime_call_fini(&hook->call);
	command_line_fini(&hook->line);
	mem_free(hook);
}

/* NULL: out of memory, or too long. */
static struct hook *hook_new(const char *const *argv,
                             const struct notice *notice)
{
	struct hook *hook = mem_calloc(1, sizeof(*hook));

	if (hook &&
	    command_line_fill(&hook->line, argv, TEMPLATE_LINE, notice) < 0) {
		mem_free(hook);
		return NULL;
	}
	return hook;
}

static void on_done(struct runtime_call *call)
{
	struct hook *hook = container_of(call, struct hook, call);
	struct hooks *hooks = hook->hooks;

	if (call->result != RUNTIME_OK)
		log_warn(hooks->log, "the command after a bounce failed",
		         LOG_STR("command", hook->line.argv[0]),
		         LOG_STR("reason", call->err.message));
	list_unlink(&hook->node);
	hooks->n_running--;
	hook_free(hook);
	if (hooks->closing && hooks->n_running == 0)
		hooks->closed(hooks->closed_context);
}

void hooks_run(struct hooks *hooks, const char *const *argv,
               uint64_t timeout_ms, const struct notice *notice)
{
	const char *why = "too many run already";
	struct hook *hook = NULL;

	if (hooks->closing)
		return;
	if (hooks->n_running < HOOKS_MAX) {
		why = "out of memory";
		hook = hook_new(argv, notice);
	}
	if (hook) {
		hook->hooks = hooks;
		hook->call.argv = hook->line.argv;
		hook->call.timeout_ms = timeout_ms;
		if (runtime_exec(hooks->host, &hook->call, on_done) == 0) {
			list_append(&hooks->running, &hook->node);
			hooks->n_running++;
			return;
		}
		hook_free(hook);
	}
	log_warn(hooks->log, "the command after a bounce was not run",
	         LOG_STR("command", argv[0]), LOG_STR("reason", why));
}

void hooks_close(struct hooks *hooks, hooks_closed_cb closed, void *context)
{
	hooks->closing = true;
	hooks->closed = closed;
	hooks->closed_context = context;
	if (hooks->n_running == 0) {
		closed(context);
		return;
	}
	LIST_FOR_EACH (node, &hooks->running)
		runtime_cancel(&container_of(node, struct hook, node)->call);
}
