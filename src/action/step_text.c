/* SPDX-License-Identifier: Apache-2.0 */
#include "action/step_text.h"

#include <string.h>
#include "base/mem.h"
#include "core/template.h"
#include "core/webhook.h"

#define MESSAGE_MAX 8192          /* bytes of a log step's line */
#define DIGEST_MAX  (1024u << 10) /* bytes that one is made of */

struct notice step_notice(const struct bounce *bounce)
{
	if (bounce->notice)
		return *bounce->notice;
	return (struct notice){
		.event = NOTICE_STEP,
		.monitor = bounce->monitor,
		.rule = bounce->monitor,
		.container = bounce->target,
		.id = "",
		.image = "",
		.runtime = bounce->runtime_name,
		.host = "",
		.reason = bounce->reason,
		.step = "",
		.result = "",
		.detail = "",
		.output = "",
		.exit_code = -1,
		.age_ms = bounce->age_ms,
		.attempt = bounce->attempt,
	};
}

/* --- filling in ---------------------------------------------------------------- */

static int fill_message(struct bounce *bounce, const struct notice *notice)
{
	struct buf text;
	int r;

	buf_init(&text, MESSAGE_MAX);
	template_render(slice_from(bounce->step->message), TEMPLATE_LINE,
	                notice, &text);
	r = text.failed;
	/* one that is too long is as long as it may be */
	if (r == -E2BIG)
		text.failed = r = 0;
	bounce->message = buf_take(&text);
	return bounce->message || r ? r : UV_ENOMEM;
}

int step_text_fill(struct bounce *bounce, struct err *err)
{
	const struct step *step = bounce->step;
	struct notice notice;
	int r = 0;

	if (!step->templated)
		return 0;
	notice = step_notice(bounce);
	if (step->message)
		r = fill_message(bounce, &notice);
	if (r == 0 && step->argv)
		r = command_line_fill(&bounce->line, step->argv, TEMPLATE_PLAIN,
		                      &notice);
	if (r == -E2BIG)
		return err_set(err, r,
		               "the arguments of %s are longer than %u KiB "
		               "with their values",
		               step->argv[0], COMMAND_LINE_MAX >> 10);
	return r < 0 ? err_set(err, r, "out of memory") : 0;
}

void step_text_fini(struct bounce *bounce)
{
	command_line_fini(&bounce->line);
	mem_free(bounce->message);
	bounce->message = NULL;
}

const char *const *step_argv(const struct bounce *bounce)
{
	return bounce->line.argv ? bounce->line.argv : bounce->step->argv;
}

void step_text_show(const struct bounce *bounce, struct buf *out)
{
	if (bounce->line.argv)
		command_line_show(bounce->line.argv, BOUNCE_COMMAND_SHOWN, out);
}

/* --- the same again -------------------------------------------------------------- */

/* With its length before it: no two lists of texts are the same bytes. */
static void add(struct buf *out, const char *text)
{
	(void)buf_printf(out, "%zu:", strlen(text));
	(void)buf_puts(out, text);
}

static void add_filled(struct buf *out, const char *text,
                       enum template_kind kind, const struct notice *notice)
{
	(void)buf_putc(out, '=');
	template_render(slice_from(text), kind, notice, out);
	(void)buf_putc(out, '\0');
}

static void add_plugin(struct buf *out, const struct step_plugin *plugin,
                       const struct notice *notice)
{
	add(out, plugin->path ? plugin->path : plugin->name);
	for (size_t i = 0; i < plugin->n_parameters; i++) {
		add(out, plugin->parameters[i].name);
		add_filled(out, plugin->parameters[i].value, TEMPLATE_PLAIN,
		           notice);
	}
}

/* A preset's body tells of the monitor. */
static void add_webhook(struct buf *out, const struct webhook *webhook,
                        const struct notice *notice)
{
	add_filled(out, webhook->url, TEMPLATE_URL, notice);
	if (webhook->body)
		add_filled(out, webhook->body, webhook_body_kind(webhook),
		           notice);
	else
		add(out, notice->monitor);
}

int step_digest(const struct bounce *bounce, uint8_t digest[SHA256_SIZE])
{
	const struct step *step = bounce->step;
	const char *const *argv = step_argv(bounce);
	struct notice notice = step_notice(bounce);
	struct buf text;
	int r;

	buf_init(&text, DIGEST_MAX);
	add(&text, notice.rule);
	add(&text, step_kind_name(step->kind));
	/* what is called as its monitor is, is no target of its own */
	add(&text,
	    strcmp(bounce->target, bounce->monitor) == 0 ? "" : bounce->target);
	add(&text, bounce->project ? bounce->project : "");
	for (size_t i = 0; argv && argv[i]; i++)
		add(&text, argv[i]);
	if (step->message)
		add(&text, bounce->message ? bounce->message : step->message);
	if (step->plugin)
		add_plugin(&text, step->plugin, &notice);
	if (step->webhook)
		add_webhook(&text, step->webhook, &notice);
	r = text.failed == -ENOMEM ? UV_ENOMEM : 0;
	if (r == 0)
		sha256(buf_slice(&text), digest);
	buf_fini(&text);
	return r;
}
